//! The writer: it takes the changes that wait, up to `GROUP` at once, and commits them together.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use serde::Serialize;
use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Pool, Transaction};
use tokio::sync::{mpsc, oneshot};

use super::super::{Db, dialect};
use crate::batch::{Batch, Known};
use crate::prepare::{Prepared, prepare_projection, prepare_snapshot};
use crate::record::{LeaseRecord, ProjectionRecord, StreamRecord, TicketRecord, count, moment};
use crate::{Appended, Error, Replayed, Result, Secret, Stream, crashpoint};

/// How many changes share a commit at most: from here on more only adds to the wait of the first.
const GROUP: usize = 64;

/// How many changes wait before `append` itself waits.
pub(super) const QUEUE: usize = 1024;

pub(super) const RENEW: &str =
    "UPDATE lease SET until = $3 WHERE ticket = $1 AND epoch = $2 AND live = 1";
pub(super) const TAKE_SECRET: &str = "DELETE FROM secret WHERE kind = $1 AND hash = $2 \
     RETURNING hash, principal, role, project, label, created_at, expires_at";
pub(super) const DROP_EXPIRED_SECRETS: &str = "DELETE FROM secret WHERE expires_at < $1";
pub(super) const PUT_SHAPE: &str = "INSERT INTO shape (only_row, shape) VALUES (1, $1) \
     ON CONFLICT (only_row) DO UPDATE SET shape = excluded.shape";
pub(super) const PUT_SECRET: &str = "INSERT INTO secret \
     (kind, hash, principal, role, project, label, created_at, expires_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (kind, hash) DO UPDATE SET \
     principal = excluded.principal, role = excluded.role, project = excluded.project, \
     label = excluded.label, created_at = excluded.created_at, expires_at = excluded.expires_at";

/// A change that waits, and who waits for it.
pub(super) struct Job {
    pub(super) change: Arc<Prepared>,
    pub(super) answer: oneshot::Sender<Result<Appended>>,
}

/// Why a group was not committed.
enum Failure {
    /// The engine cannot: every change fails.
    Engine(Error),
    /// One of the changes is to blame: each has to be tried alone.
    Change(Error),
}

impl Failure {
    fn into_error(self) -> Error {
        match self {
            Self::Engine(error) | Self::Change(error) => error,
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        if dialect::is_refusal(&error) {
            Self::Change(Error::Invalid(error.to_string()))
        } else {
            Self::Engine(dialect::error(error))
        }
    }
}

/// Commits what comes through `jobs` until nobody can send any more.
pub(super) async fn run(pool: Pool<Db>, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.recv().await {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(next) = jobs.try_recv()
        {
            group.push(next);
        }
        let changes: Vec<&Prepared> = group.iter().map(|job| &*job.change).collect();
        let outcomes = commit_group(&pool, &changes).await;
        for (job, outcome) in group.into_iter().zip(outcomes) {
            // Whoever asked may have gone; the change is committed all the same.
            let _ = job.answer.send(outcome);
        }
    }
}

async fn commit_group(pool: &Pool<Db>, changes: &[&Prepared]) -> Vec<Result<Appended>> {
    let failure = match commit_guarded(pool, changes).await {
        Ok(outcomes) => return outcomes,
        Err(failure) => failure,
    };
    match failure {
        Failure::Engine(error) => vec![Err(error); changes.len()],
        Failure::Change(error) if changes.len() == 1 => vec![Err(error)],
        Failure::Change(_) => commit_each(pool, changes).await,
    }
}

async fn commit_each(pool: &Pool<Db>, changes: &[&Prepared]) -> Vec<Result<Appended>> {
    let mut outcomes = Vec::with_capacity(changes.len());
    for change in changes {
        outcomes.push(match commit_guarded(pool, &[change]).await {
            Ok(mut alone) => alone.pop().unwrap_or_else(|| Err(Error::unavailable("no outcome"))),
            Err(failure) => Err(failure.into_error()),
        });
    }
    outcomes
}

type Outcomes = Vec<Result<Appended>>;

async fn commit_guarded(
    pool: &Pool<Db>,
    changes: &[&Prepared],
) -> std::result::Result<Outcomes, Failure> {
    let panicked = |_| Failure::Change(Error::Invalid("the store panicked over it".into()));
    AssertUnwindSafe(commit(pool, changes)).catch_unwind().await.map_err(panicked)?
}

async fn commit(pool: &Pool<Db>, changes: &[&Prepared]) -> std::result::Result<Outcomes, Failure> {
    let mut connection = pool.acquire().await?;
    let done = commit_on(&mut connection, changes).await;
    give_back(connection, done)
}

/// Gives `connection` back to its pool, but not one on which the engine failed: it may have taken the transaction back by itself, as on a
/// full disk, and the driver would go on to count one that is not there.
fn give_back<T>(
    mut connection: PoolConnection<Db>,
    done: std::result::Result<T, Failure>,
) -> std::result::Result<T, Failure> {
    if matches!(done, Err(Failure::Engine(_))) {
        connection.close_on_drop();
    }
    done
}

async fn commit_on(
    connection: &mut PoolConnection<Db>,
    changes: &[&Prepared],
) -> std::result::Result<Outcomes, Failure> {
    let mut tx = connection.begin_with(dialect::BEGIN_WRITE).await?;
    let mut known = look(&mut tx, changes).await?;
    let mut batch = Batch::default();
    let outcomes = changes.iter().map(|change| batch.admit(change, &mut known)).collect();
    if batch.is_empty() {
        tx.rollback().await?;
        return Ok(outcomes);
    }
    crashpoint!("append.before_insert", await);
    insert(&mut tx, &batch).await?;
    crashpoint!("append.before_commit", await);
    // Whether a commit that fails has happened is not known: it must not be tried again.
    tx.commit().await.map_err(|error| Failure::Engine(dialect::error(error)))?;
    crashpoint!("append.after_commit", await);
    Ok(outcomes)
}

/// Reads all that the changes depend on, under the lock that orders commits.
async fn look(
    tx: &mut Transaction<'_, Db>,
    changes: &[&Prepared],
) -> std::result::Result<Known, Failure> {
    if let Some(lock) = dialect::LOCK {
        sqlx::query(lock).execute(&mut **tx).await?;
    }
    let writes = || changes.iter().flat_map(|change| &change.writes);
    let mut chains: Vec<&str> = writes()
        .map(|write| write.stream.project().map_or("home", |project| project.as_str()))
        .collect();
    let mut streams: Vec<String> = writes().map(|write| write.name.clone()).collect();
    streams.extend(writes().flat_map(|write| &write.leases).map(|l| l.ticket().to_string()));
    streams.sort_unstable();
    streams.dedup();
    chains.push("log");
    chains.sort_unstable();
    chains.dedup();
    let projections: Vec<(&str, &str)> = writes()
        .flat_map(|write| &write.projections)
        .map(|projection| (projection.kind, projection.id.as_str()))
        .collect();
    let answers: Vec<(&str, &str)> = changes
        .iter()
        .filter_map(|change| change.answer.as_ref())
        .map(|answer| (answer.principal.as_str(), answer.key.as_str()))
        .collect();
    let rows: Vec<(String, String, String, i64, Option<String>)> = sqlx::query_as(dialect::LOOK)
        .bind(json(&chains)?)
        .bind(json(&streams)?)
        .bind(json(&projections)?)
        .bind(json(&answers)?)
        .fetch_all(&mut **tx)
        .await?;
    let mut known = Known::default();
    for row in rows {
        learn(&mut known, row).map_err(Failure::Engine)?;
    }
    Ok(known)
}

fn learn(known: &mut Known, row: (String, String, String, i64, Option<String>)) -> Result<()> {
    let (what, first, second, number, text) = row;
    let number = count(number)?;
    let text = text.unwrap_or_default();
    match what.as_str() {
        "head" if first == "log" => known.seq = number,
        "head" => drop(known.chains.insert(first, text)),
        "stream" => drop(known.versions.insert(first, number)),
        "live" | "ended" => {
            let live = u8::from(what == "live");
            let lease = LeaseRecord {
                ticket: first.clone(),
                attempt: second,
                epoch: number,
                until: text,
                live,
            };
            known.leases.insert(first, lease);
        }
        "projection" => drop(known.owners.insert((first, second), text)),
        "answer" => drop(known.answers.insert((first, second), text)),
        other => return Err(Error::Corrupt(format!("a row of kind `{other}`"))),
    }
    Ok(())
}

async fn insert(tx: &mut Transaction<'_, Db>, batch: &Batch) -> std::result::Result<(), Failure> {
    put(tx, dialect::PUT_STREAMS, batch.streams.values()).await?;
    put(tx, dialect::PUT_EVENTS, batch.events.iter()).await?;
    put(tx, dialect::PUT_TICKETS, batch.tickets.values()).await?;
    put(tx, dialect::PUT_PROJECTIONS, batch.projections.values()).await?;
    put(tx, dialect::PUT_LEASES, batch.leases.values()).await?;
    put(tx, dialect::PUT_HEADS, batch.heads.values()).await?;
    put(tx, dialect::PUT_ANSWERS, batch.answers.iter()).await
}

/// Writes `rows` by one statement, whose own conditions must have let every row pass.
async fn put<T: Serialize>(
    tx: &mut Transaction<'_, Db>,
    sql: &'static str,
    rows: impl Iterator<Item = T>,
) -> std::result::Result<(), Failure> {
    let rows: Vec<T> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let done = sqlx::query(sql).bind(json(&rows)?).execute(&mut **tx).await?;
    if done.rows_affected() == rows.len() as u64 {
        return Ok(());
    }
    let table = sql.split_whitespace().nth(2).unwrap_or_default();
    Err(Failure::Change(Error::Invalid(format!("a row of `{table}` is behind what is stored"))))
}

fn json<T: Serialize + ?Sized>(rows: &T) -> std::result::Result<String, Failure> {
    serde_json::to_string(rows).map_err(|e| Failure::Change(Error::Invalid(e.to_string())))
}

/// Replaces what replays made anew, in one transaction; returns the streams that went on meanwhile.
pub(super) async fn rebuild(pool: &Pool<Db>, replayed: Vec<Replayed>) -> Result<Vec<Stream>> {
    let mut connection = pool.acquire().await.map_err(dialect::error)?;
    let work = async {
        let mut tx = connection.begin_with(dialect::BEGIN_WRITE).await?;
        if let Some(lock) = dialect::LOCK {
            sqlx::query(lock).execute(&mut *tx).await?;
        }
        let (mut rows, mut moved) = (Rebuilt::default(), Vec::new());
        for it in replayed {
            let current: Option<i64> = sqlx::query_scalar(super::read::VERSION)
                .bind(it.stream.to_string())
                .fetch_optional(&mut *tx)
                .await?;
            let current = current.map(count).transpose().map_err(Failure::Engine)?;
            if current == Some(it.seen.0) {
                rows.take(it).map_err(Failure::Change)?;
            } else {
                moved.push(it.stream);
            }
        }
        put(&mut tx, dialect::PUT_STREAMS, rows.streams.iter()).await?;
        put(&mut tx, dialect::PUT_TICKETS, rows.tickets.iter()).await?;
        put(&mut tx, dialect::PUT_PROJECTIONS, rows.projections.iter()).await?;
        crashpoint!("rebuild.before_commit", await);
        tx.commit().await.map_err(Failure::from)?;
        crashpoint!("rebuild.after_commit", await);
        Ok(moved)
    };
    let done = work.await;
    give_back(connection, done).map_err(Failure::into_error)
}

/// The rows of one rebuild, table by table.
#[derive(Default)]
struct Rebuilt {
    streams: Vec<StreamRecord>,
    tickets: Vec<TicketRecord>,
    projections: Vec<ProjectionRecord>,
}

impl Rebuilt {
    fn take(&mut self, replayed: Replayed) -> Result<()> {
        let Replayed { stream, seen, snapshot, projections } = replayed;
        let (state, ticket) = prepare_snapshot(&stream, seen.0, snapshot)?;
        self.streams.push(state);
        self.tickets.extend(ticket);
        for projection in projections {
            self.projections.push(prepare_projection(&stream, projection)?);
        }
        Ok(())
    }
}

/// Keeps a secret's record.
pub(super) async fn put_secret(pool: &Pool<Db>, secret: &Secret) -> Result<()> {
    let query = sqlx::query(PUT_SECRET)
        .bind(secret.kind.as_str())
        .bind(&secret.hash)
        .bind(&secret.principal)
        .bind(&secret.role)
        .bind(secret.project.as_ref().map(ToString::to_string))
        .bind(&secret.label)
        .bind(moment(secret.created_at))
        .bind(secret.expires_at.map(moment));
    query.execute(pool).await.map_err(|error| Failure::from(error).into_error())?;
    Ok(())
}
