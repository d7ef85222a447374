//! Observes what was really delivered: git, workspaces, clean checkouts, check runs, screenshots, packets.
//! The only place that runs git. No rule about tickets is decided here.

mod aside;
pub mod attest;
pub mod checkout;
pub mod checks;
pub mod claims;
pub mod difference;
mod error;
pub mod git;
pub mod land;
mod lane_view;
pub mod mask;
pub mod merge;
pub mod names;
pub mod packet;
pub mod past;
pub mod place;
pub mod plain;
pub mod preview;
mod private_clone;
pub mod screenshot;
pub mod setup;
pub mod snapshot;
pub mod test_output;
pub mod workspace;

pub use error::{Error, Result};
