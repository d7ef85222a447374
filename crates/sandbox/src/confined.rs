//! What to run and within which bounds, as plain data.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::Access;

/// One command and everything it may use.
#[derive(Debug, Clone)]
pub struct Confined {
    /// The program: a path, or a name looked up on the `PATH` of `env`.
    pub program: PathBuf,
    /// The arguments, without the program's name.
    pub args: Vec<String>,
    /// The working directory.
    pub cwd: PathBuf,
    /// The complete environment: it starts cleared. [`crate::run()`] adds [`crate::RUN_MARK`] only.
    pub env: BTreeMap<String, String>,
    /// Which paths may be read and written.
    pub access: Access,
    /// Time, memory and output.
    pub limits: Limits,
    /// Whether anything beyond the loopback interface is reachable.
    pub network: Network,
}

/// The most that a command may use; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Wall time. Only [`crate::run()`] enforces it.
    pub wall: Option<Duration>,
    /// Bytes of memory. [`crate::run()`] sums the resident memory of the whole tree (sampled four times a second);
    /// with the other door it is each process's data limit.
    pub memory_bytes: Option<u64>,
    /// Bytes of output kept in the log; the rest is read and dropped. Only [`crate::run()`] enforces it.
    pub output_bytes: Option<u64>,
}

/// Whether the network may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// The machine's network as it is.
    Allowed,
    /// Only a private loopback interface: servers and clients inside one command find each other, nothing else.
    Refused,
}
