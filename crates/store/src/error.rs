//! What can go wrong with a store, as far as a caller acts on it.

use std::sync::Arc;

use mission_domain::ids::{Epoch, TicketKey, Version};
use serde_json::Value;

/// The result of every operation of a store.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a store did not do what it was asked. Nothing was written, whatever the variant, but for a
/// connection that broke at the commit: an idempotency key tells then.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The named thing is not there.
    #[error("`{0}` does not exist")]
    Missing(String),
    /// Somebody changed the stream first: load it again and decide anew.
    #[error("`{stream}` was changed meanwhile and is at version {}: look again and retry", current.0)]
    Conflict {
        /// The stream, like `MC-7` or `home`.
        stream: String,
        /// The version it is at.
        current: Version,
    },
    /// The id belongs to another stream already: take the next one.
    #[error("`{0}` is taken")]
    Taken(String),
    /// The same request was answered before; this is that answer.
    #[error("this request was answered before")]
    Replayed {
        /// The answer given then.
        answer: Value,
    },
    /// The writer's lease is over: a later epoch holds the ticket, or it was ended.
    #[error("epoch {} of `{ticket}` is over, the last one is {}", given.0, current.0)]
    StaleEpoch {
        /// The ticket.
        ticket: TicketKey,
        /// The epoch of the writer.
        given: Epoch,
        /// The highest epoch the ticket has had.
        current: Epoch,
    },
    /// An event's body is above [`MAX_BODY`](crate::MAX_BODY).
    #[error("the body of `{kind}` has {bytes} bytes, 65536 are allowed: keep it as an artifact")]
    TooLarge {
        /// The event's kind.
        kind: String,
        /// The size of its body as JSON.
        bytes: usize,
    },
    /// The change itself cannot be stored, now or later.
    #[error("the change cannot be stored: {0}")]
    Invalid(String),
    /// Another process controls this home.
    #[error("the home is in use by {by}: stop it with `mission down`, or let it do the work")]
    Locked {
        /// Who, like `process 4711`.
        by: String,
    },
    /// What is stored cannot be what was written.
    #[error("the store is damaged: {0}: run `mission fsck`")]
    Corrupt(String),
    /// There is no room on the disk of the home or of the database.
    #[error("the disk is full, and nothing of this was kept: make room, then repeat it ({0})")]
    Full(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The engine cannot do it now: connection lost, read-only.
    #[error("the store is unavailable: {0}")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Wraps what an engine or the file system said, or a text.
    pub fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(Arc::from(source.into()))
    }

    /// Wraps what the file system said.
    pub(crate) fn of_file(source: std::io::Error) -> Self {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        match source.kind() {
            StorageFull | QuotaExceeded => Self::Full(Arc::new(source)),
            _ => Self::unavailable(source),
        }
    }
}
