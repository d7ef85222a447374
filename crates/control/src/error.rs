//! What can go wrong between a request and its effect.

use mission_domain::home::HomeRejection;
use mission_domain::ids::TicketKey;
use mission_domain::ticket::Rejection;

/// Why a request did not take effect.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The rules of tickets say no.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The rules of the home say no.
    #[error(transparent)]
    RejectedByHome(#[from] HomeRejection),
    /// There is no such ticket.
    #[error("there is no ticket `{0}`. `mission ticket list` shows those that are")]
    NoTicket(TicketKey),
    /// There is no such thing of another kind.
    #[error("there is no {0}")]
    Missing(String),
    /// A name is not what it should be.
    #[error("{0}")]
    Invalid(String),
    /// The project's rules cannot be read, and there is no last good version.
    #[error("{0}")]
    Rules(String),
    /// The store failed, or somebody else wrote first again and again.
    #[error(transparent)]
    Store(#[from] mission_store::Error),
    /// Git or the file system did not do what was asked.
    #[error(transparent)]
    Evidence(#[from] mission_evidence::Error),
    /// The runner or a lane did not answer.
    #[error(transparent)]
    Runtime(#[from] mission_runtime::Error),
    /// The work panicked.
    #[error("it is a fault of Mission Control's own; the server's log says where")]
    Fault,
    /// A file of the home could not be read or written.
    #[error("cannot {what}")]
    File {
        /// What was tried, with the path.
        what: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// Wraps what the system said while `what` was tried.
    pub(crate) fn file(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::File { what, source }
    }

    /// Returns whether the same may succeed later without anybody deciding anew: the disk is full, the database is away.
    pub(crate) fn is_for_now(&self) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        match self {
            Self::Store(error) => {
                matches!(
                    error,
                    mission_store::Error::Full(_) | mission_store::Error::Unavailable(_)
                )
            }
            Self::File { source, .. } => matches!(source.kind(), StorageFull | QuotaExceeded),
            _ => false,
        }
    }

    /// Returns whether a project's repository is not as it was left: it was moved, or its default branch is gone.
    pub fn is_for_the_repositorys_owner(&self) -> bool {
        use mission_evidence::Error as E;
        matches!(self, Self::Evidence(E::NotARepository { .. } | E::NoSuchBranch { .. }))
    }

    /// Returns the error with all its causes, for logs and for a ticket's record.
    pub fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text = format!("{text}: {cause_text}");
            }
            source = cause.source();
        }
        text
    }
}

/// A result whose error is this crate's.
pub type Result<T> = std::result::Result<T, Error>;
