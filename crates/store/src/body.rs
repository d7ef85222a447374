//! A store over one engine. This file is compiled once for each: `super` says which.

#[path = "body/read.rs"]
mod read;
#[cfg(test)]
#[path = "body/registry.rs"]
mod registry;
#[path = "body/verify.rs"]
mod verify;
#[path = "body/write.rs"]
mod write;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use mission_domain::doc::EventDoc;
use mission_domain::ids::{Epoch, ProjectKey, TicketKey, Timestamp, Version};
use sqlx::Pool;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{Db, Keep, dialect};
use crate::prepare::prepare;
use crate::record::{moment, number};
use crate::{
    Appended, Change, Error, EventFilter, Lease, Projection, ProjectionFilter, ProjectionKind,
    Replayed, Result, Secret, SecretKind, Store, Stream, TicketFilter, TicketRow, Verification,
};

#[cfg(test)]
pub(crate) use registry::statements;

/// One home's memory in one engine.
pub(crate) struct Engine {
    /// Where writes go; a reader has none.
    writer: Option<Writer>,
    readers: Pool<Db>,
    keep: Keep,
}

struct Writer {
    pool: Pool<Db>,
    queue: Mutex<Option<mpsc::Sender<write::Job>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Begins to serve: `writer` is where changes go, `keep` is what stays open for as long.
    pub(crate) fn start(writer: Option<Pool<Db>>, readers: Pool<Db>, keep: Keep) -> Self {
        let writer = writer.map(|pool| {
            let (queue, jobs) = mpsc::channel(write::QUEUE);
            let task = tokio::spawn(write::run(pool.clone(), jobs));
            Writer { pool, queue: Mutex::new(Some(queue)), task: Mutex::new(Some(task)) }
        });
        Self { writer, readers, keep }
    }

    fn writer(&self) -> Result<&Writer> {
        self.writer.as_ref().ok_or_else(|| Error::unavailable("it was opened for reading only"))
    }
}

impl Writer {
    fn queue(&self) -> Result<mpsc::Sender<write::Job>> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.clone().ok_or_else(closed)
    }

    async fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // Its panic, if any, was answered to whoever waited.
            let _ = task.await;
        }
        self.pool.close().await;
    }
}

fn closed() -> Error {
    Error::unavailable("it is closed")
}

#[async_trait]
impl Store for Engine {
    async fn append(&self, change: Change) -> Result<Appended> {
        let queue = self.writer()?.queue()?;
        let (answer, outcome) = oneshot::channel();
        let job = write::Job { change: prepare(change)?, answer };
        queue.send(job).await.map_err(|_| closed())?;
        outcome.await.map_err(|_| closed())?
    }

    async fn load(&self, stream: &Stream) -> Result<(String, Version)> {
        read::load(&self.readers, stream).await
    }

    async fn open_tickets(&self) -> Result<Vec<(TicketKey, String, Version)>> {
        read::open_tickets(&self.readers).await
    }

    async fn list(&self, filter: &TicketFilter) -> Result<Vec<TicketRow>> {
        read::list(&self.readers, filter).await
    }

    async fn rows(&self, filter: &TicketFilter) -> Result<String> {
        read::rows(&self.readers, filter).await
    }

    async fn views(&self, filter: &TicketFilter) -> Result<Vec<String>> {
        read::views(&self.readers, filter).await
    }

    async fn view(&self, key: &TicketKey) -> Result<String> {
        read::view(&self.readers, key).await
    }

    async fn projection(&self, kind: ProjectionKind, id: &str) -> Result<Option<Projection>> {
        read::projection(&self.readers, kind, id).await
    }

    async fn projections(&self, filter: &ProjectionFilter) -> Result<Vec<Projection>> {
        read::projections(&self.readers, filter).await
    }

    async fn last_number(&self, project: &ProjectKey) -> Result<u32> {
        let last = read::one_number(&self.readers, read::LAST_NUMBER, project.as_str()).await?;
        u32::try_from(last).map_err(|_| Error::Corrupt(format!("the ticket number {last}")))
    }

    async fn last_ord(&self, kind: ProjectionKind) -> Result<u64> {
        read::one_number(&self.readers, read::LAST_ORD, kind.as_str()).await
    }

    async fn events(&self, filter: &EventFilter) -> Result<Vec<EventDoc>> {
        read::events(&self.readers, filter).await
    }

    async fn watermark(&self) -> Result<u64> {
        read::one_number(&self.readers, read::WATERMARK, "log").await
    }

    async fn renew(&self, ticket: &TicketKey, epoch: Epoch, until: Timestamp) -> Result<bool> {
        let query = sqlx::query(write::RENEW)
            .bind(ticket.to_string())
            .bind(number(epoch.0)?)
            .bind(moment(until));
        let done = query.execute(&self.writer()?.pool).await.map_err(dialect::error)?;
        Ok(done.rows_affected() > 0)
    }

    async fn leases(&self) -> Result<Vec<Lease>> {
        read::leases(&self.readers).await
    }

    async fn put_secret(&self, secret: &Secret) -> Result<()> {
        write::put_secret(&self.writer()?.pool, secret).await
    }

    async fn secret(&self, kind: SecretKind, hash: &str) -> Result<Option<Secret>> {
        read::secret(&self.readers, read::SECRET, kind, hash).await
    }

    async fn take_secret(&self, kind: SecretKind, hash: &str) -> Result<Option<Secret>> {
        read::secret(&self.writer()?.pool, write::TAKE_SECRET, kind, hash).await
    }

    async fn secrets(&self, kind: SecretKind) -> Result<Vec<Secret>> {
        read::secrets(&self.readers, kind).await
    }

    async fn drop_secret(&self, kind: SecretKind, hash: &str) -> Result<bool> {
        Ok(self.take_secret(kind, hash).await?.is_some())
    }

    async fn drop_expired_secrets(&self, now: Timestamp) -> Result<u64> {
        let query = sqlx::query(write::DROP_EXPIRED_SECRETS).bind(moment(now));
        let done = query.execute(&self.writer()?.pool).await.map_err(dialect::error)?;
        Ok(done.rows_affected())
    }

    async fn verify(&self) -> Result<Verification> {
        verify::verify(&self.readers).await
    }

    async fn replayable(&self, stream: &Stream) -> Result<Vec<EventDoc>> {
        read::replayable(&self.readers, stream).await
    }

    async fn streams(&self) -> Result<Vec<Stream>> {
        read::streams(&self.readers).await
    }

    async fn rebuild(&self, replayed: Vec<Replayed>) -> Result<Vec<Stream>> {
        write::rebuild(&self.writer()?.pool, replayed).await
    }

    async fn shape(&self) -> Result<Option<String>> {
        let query = sqlx::query_scalar(read::SHAPE);
        query.fetch_optional(&self.readers).await.map_err(dialect::error)
    }

    async fn keep_shape(&self, shape: &str) -> Result<()> {
        let query = sqlx::query(write::PUT_SHAPE).bind(shape);
        query.execute(&self.writer()?.pool).await.map_err(dialect::error)?;
        Ok(())
    }

    async fn backup(&self, to: &Path) -> Result<()> {
        self.keep.backup(to).await
    }

    async fn close(&self) {
        self.readers.close().await;
        // Last: only a connection that writes puts what is in SQLite's log into its file when nobody else has it open.
        if let Some(writer) = &self.writer {
            writer.close().await;
        }
        self.keep.close();
    }
}
