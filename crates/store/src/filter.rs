//! What a reader selects. The default of each filter selects everything.

use mission_domain::ids::{ProjectKey, TicketKey, Timestamp};

use crate::ProjectionKind;

/// Selects tickets; they come by project and number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TicketFilter {
    /// Of this project.
    pub project: Option<ProjectKey>,
    /// In one of these states; empty means any.
    pub states: Vec<String>,
    /// Whose active gate has this role.
    pub role: Option<String>,
    /// Of this campaign.
    pub parent: Option<TicketKey>,
    /// Exactly these; empty means any.
    pub keys: Vec<TicketKey>,
    /// Open or ended ones.
    pub open: Option<bool>,
    /// Newest number first.
    pub newest_first: bool,
    /// At most so many.
    pub limit: Option<u32>,
}

/// Selects projections of one kind; they come by their number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectionFilter {
    /// The kind.
    pub kind: ProjectionKind,
    /// About this ticket.
    pub ticket: Option<TicketKey>,
    /// In one of these states; empty means any.
    pub states: Vec<String>,
    /// Newest first.
    pub newest_first: bool,
    /// At most so many.
    pub limit: Option<u32>,
}

impl ProjectionFilter {
    /// Selects every projection of `kind`, oldest first.
    pub fn of(kind: ProjectionKind) -> Self {
        Self { kind, ticket: None, states: Vec::new(), newest_first: false, limit: None }
    }

    /// Selects those about `ticket`.
    pub fn about(self, ticket: &TicketKey) -> Self {
        Self { ticket: Some(ticket.clone()), ..self }
    }

    /// Selects those in one of `states`.
    pub fn in_states(self, states: &[&str]) -> Self {
        Self { states: states.iter().map(ToString::to_string).collect(), ..self }
    }
}

/// Selects events; they come by `seq`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Behind this `seq`.
    pub after: u64,
    /// Of this project.
    pub project: Option<ProjectKey>,
    /// Of this ticket.
    pub ticket: Option<TicketKey>,
    /// Of one of these kinds; without any, of every kind.
    pub kinds: Vec<String>,
    /// That happened at this moment or later.
    pub since: Option<Timestamp>,
    /// The newest first, so that `limit` keeps the newest.
    pub newest_first: bool,
    /// At most so many.
    pub limit: Option<u32>,
}
