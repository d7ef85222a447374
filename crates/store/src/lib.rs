//! Keeps events, projections and leases, each change whole or not at all. It knows no rule of tickets:
//! everything that has a meaning arrives ready-made.

mod api;
mod change;
mod error;
mod filter;

pub use api::{Finding, Lease, Secret, SecretKind, Store, Verification};
pub use change::{
    Appended, Change, Idempotency, LeaseChange, MAX_BODY, NewEvent, Projection, ProjectionKind,
    Snapshot, Stream, TicketRow, Write,
};
pub use error::{Error, Result};
pub use filter::{EventFilter, ProjectionFilter, TicketFilter};

/// What a process wants of a home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads and writes; one process at a time, by a lock on `mission.lock`.
    Controller,
    /// Only reads, beside any number of others.
    Reader,
}
