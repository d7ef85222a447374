//! Starts, watches and stops agents: one shim process per attempt, one runner process per host. Decides nothing about tickets.

pub mod agent;
pub mod attach;
pub mod client;
mod clock;
pub mod death;
mod drivers;
mod error;
mod files;
pub mod lane_client;
pub mod launch;
pub mod leave;
pub mod markers;
pub mod peer;
pub mod proc_tree;
pub mod protocol;
pub mod record;
pub mod record_log;
pub mod runner;
pub mod shim;
pub mod shim_protocol;
pub mod spec;
pub mod still;
pub mod times;

pub use client::RunnerClient;
pub use death::{DeathClass, classify};
pub use drivers::plan::program_behind;
pub use error::{Error, Result};
pub use files::{LaneFiles, ProcessCard};
pub use record::{ExitRecord, Numbered, Record};
pub use spec::LaunchSpec;
