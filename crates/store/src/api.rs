//! The interface of a store, the same for every engine.

use std::path::Path;

use async_trait::async_trait;
use mission_domain::doc::EventDoc;
use mission_domain::ids::{AttemptId, Epoch, ProjectKey, TicketKey, Timestamp, Version};

use crate::{
    Appended, Change, EventFilter, Projection, ProjectionFilter, ProjectionKind, Result, Snapshot,
    Stream, TicketFilter, TicketRow,
};

/// A ticket that an attempt holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The ticket.
    pub ticket: TicketKey,
    /// The attempt.
    pub attempt: AttemptId,
    /// Its fencing number.
    pub epoch: Epoch,
    /// When it expires unless it is renewed.
    pub until: Timestamp,
}

/// What a secret opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretKind {
    /// A browser's session.
    Session,
    /// A token of a person, a script or an attempt.
    Token,
    /// A link that signs in once.
    SignIn,
}

impl SecretKind {
    /// Returns the word it is stored under.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Token => "token",
            Self::SignIn => "sign_in",
        }
    }
}

/// What is known of a secret: its digest and whom it lets in, never the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// What it opens.
    pub kind: SecretKind,
    /// SHA-256 of the secret, in hex.
    pub hash: String,
    /// Who comes in with it.
    pub principal: String,
    /// What they may do, like `owner`.
    pub role: String,
    /// The only project it is good for.
    pub project: Option<ProjectKey>,
    /// What a person calls it.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; the caller compares.
    pub expires_at: Option<Timestamp>,
}

/// What a replay made of a stream's events.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// The stream.
    pub stream: Stream,
    /// The version that was replayed.
    pub seen: Version,
    /// The state after the events.
    pub snapshot: Snapshot,
    /// All projections of the stream.
    pub projections: Vec<Projection>,
}

/// What a look at the whole log found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verification {
    /// How many events were looked at.
    pub events: u64,
    /// What is wrong; empty when all is well.
    pub findings: Vec<Finding>,
}

/// One thing that is wrong with the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The event, where it is about one.
    pub seq: Option<u64>,
    /// What is wrong.
    pub what: String,
}

/// One home's memory. Every operation is one transaction; a read sees only what is committed.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Writes `change` whole, durably, or fails and writes nothing.
    async fn append(&self, change: Change) -> Result<Appended>;

    /// Returns a stream's aggregate as JSON text, and its version.
    async fn load(&self, stream: &Stream) -> Result<(String, Version)>;

    /// Returns key, aggregate and version of every ticket that has not ended, by project and number.
    async fn open_tickets(&self) -> Result<Vec<(TicketKey, String, Version)>>;

    /// Returns the rows of the selected tickets, with an empty `view`.
    async fn list(&self, filter: &TicketFilter) -> Result<Vec<TicketRow>>;

    /// Returns the rows of the selected tickets as the text of a JSON array, the way they are kept: for thousands of
    /// them reading each and writing it again takes longer than all the rest.
    async fn rows(&self, filter: &TicketFilter) -> Result<String>;

    /// Returns the documents of the selected tickets as JSON texts.
    async fn views(&self, filter: &TicketFilter) -> Result<Vec<String>>;

    /// Returns one ticket's document as JSON text.
    async fn view(&self, key: &TicketKey) -> Result<String>;

    /// Returns one projection, if it is there.
    async fn projection(&self, kind: ProjectionKind, id: &str) -> Result<Option<Projection>>;

    /// Returns the selected projections.
    async fn projections(&self, filter: &ProjectionFilter) -> Result<Vec<Projection>>;

    /// Returns the highest ticket number of a project, 0 where it has none.
    async fn last_number(&self, project: &ProjectKey) -> Result<u32>;

    /// Returns the highest number of a kind of projection, 0 where there is none.
    async fn last_ord(&self, kind: ProjectionKind) -> Result<u64>;

    /// Returns the selected events. `seq` has no gaps and follows the order of commits, so a reader
    /// that goes on behind the last `seq` it got misses nothing.
    async fn events(&self, filter: &EventFilter) -> Result<Vec<EventDoc>>;

    /// Returns the `seq` of the last committed event, 0 before the first.
    async fn watermark(&self) -> Result<u64>;

    /// Moves the end of a lease; returns `false` where `epoch` does not hold the ticket.
    async fn renew(&self, ticket: &TicketKey, epoch: Epoch, until: Timestamp) -> Result<bool>;

    /// Returns the leases that have not been ended, expired ones too.
    async fn leases(&self) -> Result<Vec<Lease>>;

    /// Keeps a secret's record; the same kind and hash again replaces it.
    async fn put_secret(&self, secret: &Secret) -> Result<()>;

    /// Returns a secret's record. Whether it has expired is the caller's to say.
    async fn secret(&self, kind: SecretKind, hash: &str) -> Result<Option<Secret>>;

    /// Returns a secret's record and forgets it, in one step: of two that ask, one gets it.
    async fn take_secret(&self, kind: SecretKind, hash: &str) -> Result<Option<Secret>>;

    /// Returns all records of a kind, oldest first.
    async fn secrets(&self, kind: SecretKind) -> Result<Vec<Secret>>;

    /// Forgets a secret; returns whether it was there.
    async fn drop_secret(&self, kind: SecretKind, hash: &str) -> Result<bool>;

    /// Forgets the secrets that ended before `now`; returns how many.
    async fn drop_expired_secrets(&self, now: Timestamp) -> Result<u64>;

    /// Looks at every event: `seq` without gaps, versions dense, chains and hashes right.
    async fn verify(&self) -> Result<Verification>;

    /// Returns every event of a stream, oldest first.
    async fn replayable(&self, stream: &Stream) -> Result<Vec<EventDoc>>;

    /// Returns every stream.
    async fn streams(&self) -> Result<Vec<Stream>>;

    /// Replaces snapshots and projections by what a replay made of the same events, all at once; returns the streams
    /// that were changed since they were replayed, of which nothing is replaced.
    async fn rebuild(&self, replayed: Vec<Replayed>) -> Result<Vec<Stream>>;

    /// Returns what all rows that are made from events were last made by; nothing where nobody said.
    async fn shape(&self) -> Result<Option<String>>;

    /// Keeps that all rows are what `shape` makes of the events.
    async fn keep_shape(&self, shape: &str) -> Result<()>;

    /// Writes a copy of the whole store, as of now, to the new file `to`.
    async fn backup(&self, to: &Path) -> Result<()>;

    /// Lets queued changes finish and closes the engine; later calls fail.
    async fn close(&self);
}
