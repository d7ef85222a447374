//! What can go wrong here, as far as a caller acts on it.

use std::path::PathBuf;

/// A failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder of a lane or runner could not be read or written.
    #[error("`{path}` could not be used")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file or frame does not hold what it should.
    #[error("{what} could not be read")]
    Unreadable {
        /// What was read.
        what: String,
        /// Where it went wrong.
        source: serde_json::Error,
    },
    /// A process could not be started.
    #[error("`{program}` could not be started")]
    Spawn {
        /// The program.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A socket could not be reached, or broke off.
    #[error("`{socket}` cannot be reached")]
    Unreachable {
        /// The socket's path.
        socket: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The other side said no.
    #[error("refused ({code}): {text}")]
    Refused {
        /// Why, for machines: `busy`, `ended`, `unknown_request`, `bad_request`, `storage`.
        code: String,
        /// Why, for people.
        text: String,
    },
    /// The other side speaks another version.
    #[error("`{peer}` speaks protocol {theirs}, this side {ours}: end it, then start again")]
    Protocol {
        /// Who.
        peer: String,
        /// Its version.
        theirs: u32,
        /// This side's version.
        ours: u32,
    },
    /// A lane's specification cannot be run.
    #[error("{0}")]
    BadSpec(String),
    /// A second shim or runner on the same folder.
    #[error("`{0}` is already in use by another process")]
    InUse(PathBuf),
    /// Something did not answer in time.
    #[error("{0} did not answer in time")]
    TimedOut(String),
    /// A call of the system failed.
    #[error("{what} failed")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Wraps a failure on the file at `path`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// Wraps a failed call of the system.
    pub(crate) fn system<E: Into<std::io::Error>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::System { what, source: source.into() }
    }

    /// Wraps a text that is not what it should be.
    pub(crate) fn unreadable(what: impl Into<String>) -> impl FnOnce(serde_json::Error) -> Self {
        let what = what.into();
        move |source| Self::Unreadable { what, source }
    }

    /// Returns the whole chain of causes in one line.
    pub fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(next) = cause {
            text = format!("{text}: {next}");
            cause = next.source();
        }
        text
    }
}
