//! Scripted agents, a scripted model, the demo's project and its page server: small real programs that need no account and reach
//! nothing but loopback.

pub mod acp;
pub mod agents;
pub mod demo;
pub mod model;
pub mod programs;
pub mod serve;

mod error;

pub use error::{Error, Result};
