//! Stories with real processes: shims, runners, tmux. All lives in a temporary folder; only own processes are ended.
#![expect(clippy::unwrap_used, reason = "a story fails where it stands")]

mod fleet;
mod limits;
mod protocol;
mod recovery;
mod runner;
mod shim;
mod stage;
mod still;
mod terminal;
