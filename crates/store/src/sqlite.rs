//! The store in one SQLite file of the home, for one machine.

mod dialect;
mod migrate;

#[path = "body.rs"]
#[expect(clippy::duplicate_mod, reason = "one body, compiled for two engines")]
mod body;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::lock::HomeLock;
use crate::{Error, Result, Role, Store, durable};
use migrate::{MIGRATIONS, migrate, open_version};

type Db = sqlx::Sqlite;

/// How many reads run at once at most; more would only share the same cores.
const READERS: u32 = 4;

/// How much of the file each of them keeps, in KiB with a minus, as SQLite counts it. The system has the file in memory
/// anyway: a second copy four times over would be most of what an idle server holds.
const READER_CACHE: &str = "-256";

/// How long a statement waits for another process that writes.
const BUSY: Duration = Duration::from_secs(10);

/// How far the log file may stay grown after a large transaction, in bytes.
const WAL_LIMIT: &str = "16777216";

/// From how many pages on a command copies the log into the file. It leaves the log behind for the next one, which has
/// to read it whole: 1 MB takes less than opening does.
const COMMAND_LOG: &str = "256";

/// What an open home holds on to.
struct Keep {
    file: PathBuf,
    lock: Mutex<Option<HomeLock>>,
    /// A command's only connection.
    brief: Option<SqlitePool>,
}

impl Drop for Keep {
    /// Leaves a command's connection open for the rest of the process: closing the last one copies the log into the
    /// file, which takes longer than the command. What was written is durable in the log.
    fn drop(&mut self) {
        if let Some(connection) = self.brief.as_ref().and_then(SqlitePool::try_acquire) {
            std::mem::forget(connection.leak());
        }
    }
}

/// Opens the store of `home`. A controller makes it where there is none and brings it up to date; a
/// reader does so too while nobody controls the home.
///
/// # Errors
/// `Locked` where another process controls the home; `Unavailable` where the file is newer than this
/// program, or cannot be opened.
pub async fn open_sqlite(home: &Path, role: Role) -> Result<Arc<dyn Store>> {
    Ok(Arc::new(open(home, role).await?))
}

async fn open(home: &Path, role: Role) -> Result<body::Engine> {
    let file = home.join("mission.db");
    let many = || {
        let pool = SqlitePoolOptions::new().max_connections(reads_at_once());
        let options = options(&file).pragma("query_only", "ON").pragma("cache_size", READER_CACHE);
        unhurried(pool).connect_lazy_with(options)
    };
    is_not_lost(home, &file)?;
    let (lock, writer, readers) = match role {
        Role::Controller => {
            let lock = HomeLock::take(home)?;
            (Some(lock), Some(controller(&file, options(&file)).await?), many())
        }
        Role::Command => {
            let lock = HomeLock::take(home)?;
            let brief = options(&file).pragma("wal_autocheckpoint", COMMAND_LOG);
            let only = controller(&file, brief).await?;
            (Some(lock), Some(only.clone()), only)
        }
        Role::Reader => {
            let readers = many();
            reader(home, &file, &readers).await?;
            (None, None, readers)
        }
    };
    let brief = (role == Role::Command).then(|| readers.clone());
    let keep = Keep { file, lock: Mutex::new(lock), brief };
    Ok(body::Engine::start(writer, readers, keep))
}

/// Refuses to begin anew in a home whose events are gone: an empty store would say that there never was any work.
fn is_not_lost(home: &Path, file: &Path) -> Result<()> {
    let is_there = std::fs::metadata(file).is_ok_and(|it| it.len() > 0);
    let has_evidence =
        || std::fs::read_dir(home.join("artifacts")).is_ok_and(|mut it| it.next().is_some());
    // What a first command writes once it has its store.
    let was_used = home.join("credentials").exists();
    if is_there || !was_used || !has_evidence() {
        return Ok(());
    }
    let text = format!(
        "`{}` is missing or empty, and this home holds evidence of tickets. Put the file back (with the `-wal` file beside it), or \
         restore a backup with `mission restore FILE`. To begin anew, move the home away",
        file.display()
    );
    Err(Error::Corrupt(text))
}

/// Returns the only connection that writes, after it brought the file up to date.
async fn controller(file: &Path, options: SqliteConnectOptions) -> Result<SqlitePool> {
    let pool = SqlitePoolOptions::new().max_connections(1);
    let options = options.create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    let pool = unhurried(pool).connect_lazy_with(options);
    let mut connection = pool.acquire().await.map_err(dialect::error)?;
    migrate(&mut connection, file, MIGRATIONS).await?;
    drop(connection);
    Ok(pool)
}

/// Makes sure that the file is one that this program reads.
async fn reader(home: &Path, file: &Path, readers: &SqlitePool) -> Result<()> {
    let is_current = file.exists() && {
        let mut connection = readers.acquire().await.map_err(dialect::error)?;
        open_version(&mut connection, MIGRATIONS).await? == MIGRATIONS.len()
    };
    if !is_current {
        let _lock = HomeLock::take(home)?;
        controller(file, options(file)).await?.close().await;
    }
    Ok(())
}

/// Returns how many reads run at once here: one on each core, and two where there is only one, so that a long one holds up
/// no other. Each has to open a connection of its own first.
fn reads_at_once() -> u32 {
    let cores = std::thread::available_parallelism().ok();
    let cores = cores.and_then(|it| u32::try_from(it.get()).ok());
    cores.unwrap_or(READERS).clamp(2, READERS)
}

/// Leaves connections open and unquestioned: they are to a file.
fn unhurried(pool: SqlitePoolOptions) -> SqlitePoolOptions {
    pool.min_connections(0)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(30))
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .pragma("journal_size_limit", WAL_LIMIT)
        .disable_statement_logging()
}

impl Keep {
    /// Copies the file as of now, without holding up anybody.
    async fn backup(&self, to: &Path) -> Result<()> {
        let mut connection =
            SqliteConnection::connect_with(&options(&self.file)).await.map_err(dialect::error)?;
        let done = copy(&mut connection, to).await;
        // The copy is whole whether or not the connection says goodbye.
        let _ = connection.close().await;
        done
    }

    fn close(&self) {
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Writes what `connection` sees to the new file `to`, durably.
async fn copy(connection: &mut SqliteConnection, to: &Path) -> Result<()> {
    if to.exists() {
        return Err(Error::Taken(to.display().to_string()));
    }
    let partial = durable::beside(to);
    let name = partial.to_str().ok_or_else(|| Error::Invalid(format!("the path {to:?}")))?;
    let _ = std::fs::remove_file(&partial);
    let copied = sqlx::query("VACUUM INTO $1").bind(name).execute(connection).await;
    let moved = copied.map_err(dialect::error).and_then(|_| {
        crate::crashpoint!("backup.before_rename");
        durable::put_in_place(&partial, to).map_err(Error::unavailable)
    });
    if moved.is_err() {
        let _ = std::fs::remove_file(&partial);
    }
    moved
}

#[cfg(test)]
mod tests;
