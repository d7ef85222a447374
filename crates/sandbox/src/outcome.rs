//! How a command ended and what it used.

use std::time::Duration;

use crate::Confinement;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// It returned this code. A shell says 126 for "cannot execute" and 127 for "not found".
    Exited(i32),
    /// It died by this signal.
    Signalled(i32),
    /// Its wall time was over; the whole tree was killed.
    TimedOut,
    /// It was never started: the program is missing, not executable, or the confinement could not be entered.
    NotStarted(String),
}

/// What happened to one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub exit: Exit,
    /// From start to end.
    pub wall: Duration,
    /// The largest resident memory of any one process of the tree, in bytes; 0 where nothing started.
    pub max_rss: u64,
    /// Whether it was killed for using more memory than it may; `exit` is then a signal.
    pub over_memory: bool,
    /// Bytes that the command wrote, kept or not.
    pub output_bytes: u64,
    /// Bytes in the log.
    pub log_bytes: u64,
    /// Why the log is not complete, where the disk and not the limit was the reason.
    pub log_error: Option<String>,
    /// Processes that outlived the command and were killed.
    pub killed_leftovers: usize,
    /// What was enforced.
    pub confinement: Confinement,
}

impl Outcome {
    /// Returns whether it exited with code 0.
    pub fn is_success(&self) -> bool {
        self.exit == Exit::Exited(0)
    }
}
