//! The store in a PostgreSQL database, for many machines.

mod dialect;
mod migrate;

#[path = "body.rs"]
#[expect(clippy::duplicate_mod, reason = "one body, compiled for two engines")]
mod body;

use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use crate::{Error, Result, Store};
use migrate::{MIGRATIONS, migrate};

type Db = sqlx::Postgres;

/// How many connections one controller uses at most.
const CONNECTIONS: u32 = 8;

/// Nothing: the server keeps everything.
struct Keep;

/// Opens the store in the database at `url` and brings it up to date. Any number of controllers may.
///
/// # Errors
/// `Unavailable` where the server cannot be reached, or the database is newer than this program.
pub async fn open_postgres(url: &str) -> Result<Arc<dyn Store>> {
    Ok(Arc::new(open(url).await?))
}

async fn open(url: &str) -> Result<body::Engine> {
    let pool = connect(url)?;
    let mut connection = pool.acquire().await.map_err(dialect::error)?;
    migrate(&mut connection, MIGRATIONS).await?;
    drop(connection);
    Ok(body::Engine::start(Some(pool.clone()), pool, Keep))
}

fn connect(url: &str) -> Result<PgPool> {
    let options = PgConnectOptions::from_str(url).map_err(dialect::error)?;
    let options = options.application_name("mission").disable_statement_logging();
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS);
    Ok(pool.acquire_timeout(Duration::from_secs(10)).connect_lazy_with(options))
}

impl Keep {
    #[expect(clippy::unused_async, reason = "the other engine needs it")]
    async fn backup(&self, to: &Path) -> Result<()> {
        Err(Error::Invalid(format!(
            "this home is in PostgreSQL: run `pg_dump --format=custom --file={} \"$DATABASE_URL\"` instead",
            to.display()
        )))
    }

    fn close(&self) {}
}

#[cfg(test)]
mod tests;
