//! Brings an older database up to date, one step after the other. Copies before it are the server's
//! business: the log names the command.

use sqlx::{Connection as _, PgConnection};

use super::dialect;
use crate::{Error, Result, crashpoint};

/// The steps in order: step `n` brings a database from version `n` to `n + 1`. Only ever append.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/postgres/0001_first.sql"),
    include_str!("../migrations/postgres/0002_shape.sql"),
];

/// Keeps controllers that start together from migrating together; the number is arbitrary.
const LOCK: &str = "SELECT pg_advisory_xact_lock(6478234410)";
const VERSION: &str = "SELECT version FROM format";
/// By a scan, which sees what was committed while this waited for the lock; a look-up by name may not.
const HAS_VERSION: &str = "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables \
     WHERE schemaname = current_schema() AND tablename = 'format')";
const BEGIN_FORMAT: &str = "CREATE TABLE IF NOT EXISTS format (version BIGINT NOT NULL); \
     INSERT INTO format SELECT 0 WHERE NOT EXISTS (SELECT FROM format)";
const SET_VERSION: &str = "UPDATE format SET version = $1";

/// Takes the steps that the database has not seen, and refuses one that is newer.
pub(super) async fn migrate(connection: &mut PgConnection, steps: &[&'static str]) -> Result<()> {
    if version(connection, steps).await? == steps.len() {
        return Ok(());
    }
    let mut tx = connection.begin().await.map_err(dialect::error)?;
    sqlx::query(LOCK).execute(&mut *tx).await.map_err(dialect::error)?;
    let from = version(&mut tx, steps).await?;
    if from > 0 && from < steps.len() {
        tracing::warn!(
            from,
            to = steps.len(),
            "the database changes its format; `pg_dump` keeps the old one"
        );
    }
    sqlx::raw_sql(BEGIN_FORMAT).execute(&mut *tx).await.map_err(dialect::error)?;
    for step in steps.iter().skip(from) {
        sqlx::raw_sql(*step).execute(&mut *tx).await.map_err(dialect::error)?;
    }
    let version = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    sqlx::query(SET_VERSION).bind(version).execute(&mut *tx).await.map_err(dialect::error)?;
    crashpoint!("migration.before_commit");
    tx.commit().await.map_err(dialect::error)?;
    crashpoint!("migration.after_commit");
    Ok(())
}

async fn version(connection: &mut PgConnection, steps: &[&'static str]) -> Result<usize> {
    let has_version: bool = sqlx::query_scalar(HAS_VERSION)
        .fetch_one(&mut *connection)
        .await
        .map_err(dialect::error)?;
    if !has_version {
        return Ok(0);
    }
    let version: i64 =
        sqlx::query_scalar(VERSION).fetch_one(connection).await.map_err(dialect::error)?;
    match usize::try_from(version) {
        Ok(version) if version <= steps.len() => Ok(version),
        Ok(_) | Err(_) => Err(Error::unavailable(format!(
            "the database was written by a newer `mission` (format {version}, this one knows {}): \
             update it",
            steps.len()
        ))),
    }
}
