//! What can go wrong in the testkit.

use std::path::Path;

/// Why a scripted agent, the demo's project or the page server could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused something.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program ended with another exit code than 0.
    #[error("`{line}` failed: {output}")]
    Failed {
        /// The command line.
        line: String,
        /// The end of what it wrote.
        output: String,
    },
    /// Something that the script relies on is not there.
    #[error("{0}")]
    Unexpected(String),
}

/// What the testkit's functions return.
pub type Result<T> = std::result::Result<T, Error>;

/// Returns what turns a system's refusal to do `what` into an [`Error`].
pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::System { what: what.into(), source }
}

/// As [`system`], for something done to a file.
pub(crate) fn file(what: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    system(format!("{what} `{}`", path.display()))
}
