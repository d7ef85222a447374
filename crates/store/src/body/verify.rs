//! A look at the whole log in one read transaction.

use sqlx::Pool;

use super::super::{Db, dialect};
use crate::audit::Audit;
use crate::record::{self, EventColumns, count};
use crate::{Result, Verification};

/// How many events are held at once.
const PAGE: i64 = 1000;

pub(super) const HEADS: &str = "SELECT name, seq, hash FROM head";
pub(super) const VERSIONS: &str = "SELECT stream, version FROM stream";
pub(super) const PAGE_OF_EVENTS: &str = "SELECT seq, stream, project, version, at, kind, \
     principal, attempt, epoch, body, prev, hash FROM event \
     WHERE seq > $1 ORDER BY seq LIMIT $2";
pub(super) const ROWS: &str = "SELECT s.stream FROM stream s \
     LEFT JOIN ticket t ON t.key = s.stream WHERE t.key IS NULL AND s.stream <> 'home'";

pub(super) async fn verify(pool: &Pool<Db>) -> Result<Verification> {
    let mut tx = pool.begin_with(dialect::BEGIN_READ).await.map_err(dialect::error)?;
    let mut audit = Audit::default();
    let mut after = 0;
    loop {
        let page: Vec<EventColumns> = sqlx::query_as(PAGE_OF_EVENTS)
            .bind(after)
            .bind(PAGE)
            .fetch_all(&mut *tx)
            .await
            .map_err(dialect::error)?;
        let Some(last) = page.last() else { break };
        after = last.0;
        for columns in page {
            let (seq, stream) = (columns.0, columns.1.clone());
            match record::event(columns) {
                Ok((event, body)) => audit.event(&stream, &event, &body),
                Err(problem) => audit.unreadable(seq, &problem),
            }
        }
    }
    let heads: Vec<(String, i64, String)> =
        sqlx::query_as(HEADS).fetch_all(&mut *tx).await.map_err(dialect::error)?;
    for (name, seq, hash) in heads {
        audit.head(&name, count(seq)?, &hash);
    }
    let versions: Vec<(String, i64)> =
        sqlx::query_as(VERSIONS).fetch_all(&mut *tx).await.map_err(dialect::error)?;
    for (stream, version) in versions {
        audit.version(&stream, count(version)?);
    }
    let without_row: Vec<String> =
        sqlx::query_scalar(ROWS).fetch_all(&mut *tx).await.map_err(dialect::error)?;
    without_row.iter().for_each(|stream| audit.without_row(stream));
    tx.rollback().await.map_err(dialect::error)?;
    Ok(audit.finish())
}
