//! Runs one command confined: cleared environment, a list of readable and writable paths, limits, no leftovers.
//! Nothing here knows of tickets, gates or git.
//!
//! Two doors: [`run()`] starts a command, waits and cleans up after it; [`Confined::into_std_command`] hands a
//! prepared [`std::process::Command`] to a caller that owns the process itself.

mod access;
mod confined;
mod confinement;
mod leftovers;
mod log;
mod outcome;
mod run;
mod steps;
mod support;
mod sys;
mod tree;
mod view;

pub use access::Access;
pub use confined::{Confined, Limits, Network};
pub use confinement::{Confinement, Hold};
pub use leftovers::{Leftover, RUN_MARK, leftovers};
pub use outcome::{Exit, Outcome};
pub use run::run;
pub use support::{Support, probe};

/// What keeps a command from being run at all. A command that cannot be started is an [`Exit::NotStarted`] instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log file could not be made.
    #[error("cannot write the log `{}`: {source}", path.display())]
    Log {
        /// The log's path.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The list of allowed paths could not be handed to the kernel.
    #[error("cannot build the filesystem rules: {why}")]
    Rules {
        /// What the kernel's interface said.
        why: String,
    },
    /// A thread or a pipe could not be made.
    #[error("cannot watch the command: {0}")]
    Watch(#[source] std::io::Error),
}

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;
