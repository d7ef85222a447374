//! The demo's own project: a small harbour-booking page with real tests, the agents' programs, and the campaign of tickets.

mod campaign;
mod project;

pub use campaign::{Ends, Scripted, Trace, campaign, left_to_you};
pub use project::{Layout, project};

/// The project's key.
pub const KEY: &str = "HB";
