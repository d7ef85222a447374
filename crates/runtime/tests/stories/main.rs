//! Stories with real processes: shims, runners, tmux. All lives in a temporary folder; only own processes are ended.

mod limits;
mod protocol;
mod recovery;
mod runner;
mod shim;
mod stage;
mod terminal;
