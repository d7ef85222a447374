//! Keeps events, projections and leases, each change whole or not at all. It knows no rule of tickets:
//! everything that has a meaning arrives ready-made.

mod api;
pub mod artifacts;
mod audit;
mod batch;
pub mod chain;
mod change;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod crashpoint;
mod durable;
mod error;
mod filter;
mod lock;
mod postgres;
mod prepare;
mod record;
mod sqlite;

pub use api::{Finding, Lease, Replayed, Secret, SecretKind, Store, Verification};
pub use change::{
    Appended, Change, Idempotency, LeaseChange, MAX_BODY, NewEvent, Projection, ProjectionKind,
    Snapshot, Stream, TicketRow, Write,
};
#[cfg(feature = "simulation")]
pub use crashpoint::simulation;
pub use crashpoint::{CRASHPOINTS, crashpoints, is_listed, pass};
pub use error::{Error, Result};
pub use filter::{EventFilter, ProjectionFilter, TicketFilter};
pub use postgres::open_postgres;
pub use sqlite::open_sqlite;

/// What a process wants of a home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads and writes; one process at a time, by a lock on `mission.lock`.
    Controller,
    /// A controller for one command: a single connection does everything, since each costs a start.
    Command,
    /// Only reads, beside any number of others.
    Reader,
}
