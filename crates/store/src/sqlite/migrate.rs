//! Brings an older file up to date, one step after the other, each with a copy of the file before it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use super::{copy, dialect};
use crate::{Error, Result, crashpoint};

/// The steps in order: step `n` brings a file from version `n` to `n + 1`. Only ever append.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/sqlite/0001_first.sql"),
    include_str!("../migrations/sqlite/0002_shape.sql"),
];

/// Returns the version of the file, which counts the steps it has seen, and refuses a newer one.
pub(super) async fn open_version(
    connection: &mut SqliteConnection,
    steps: &[&'static str],
) -> Result<usize> {
    let version: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(connection)
        .await
        .map_err(dialect::error)?;
    match usize::try_from(version) {
        Ok(version) if version <= steps.len() => Ok(version),
        Ok(_) | Err(_) => Err(Error::unavailable(format!(
            "the home was written by a newer `mission` (format {version}, this one knows {}): \
             update it",
            steps.len()
        ))),
    }
}

/// Takes the steps that the file has not seen.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    file: &Path,
    steps: &[&'static str],
) -> Result<()> {
    let from = open_version(connection, steps).await?;
    for (version, step) in steps.iter().enumerate().skip(from) {
        if version == 0 {
            let owner_only = Permissions::from_mode(0o600);
            std::fs::set_permissions(file, owner_only).map_err(Error::unavailable)?;
        } else {
            keep_before(connection, file, version + 1).await?;
        }
        take(connection, version + 1, step).await.map_err(dialect::error)?;
    }
    Ok(())
}

/// Copies the file to `mission.db.before-NNNN`, unless an interrupted run did.
async fn keep_before(connection: &mut SqliteConnection, file: &Path, next: usize) -> Result<()> {
    let copied = file.with_file_name(format!("mission.db.before-{next:04}"));
    if copied.exists() { Ok(()) } else { copy(connection, &copied).await }
}

async fn take(
    connection: &mut SqliteConnection,
    next: usize,
    step: &'static str,
) -> sqlx::Result<()> {
    let mut tx = connection.begin_with(dialect::BEGIN_WRITE).await?;
    sqlx::raw_sql(step).execute(&mut *tx).await?;
    let done = format!("PRAGMA user_version = {next}");
    sqlx::raw_sql(AssertSqlSafe(done)).execute(&mut *tx).await?;
    crashpoint!("migration.before_commit");
    tx.commit().await?;
    crashpoint!("migration.after_commit");
    Ok(())
}
