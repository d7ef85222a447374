//! What one change of the store consists of: events, the state after them, projections and leases.

use std::fmt;
use std::str::FromStr;

use mission_domain::doc::EventDoc;
use mission_domain::ids::{AttemptId, BadName, Epoch, ProjectKey, TicketKey, Timestamp, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The largest body of an event, in bytes of its JSON; what is larger becomes an artifact.
pub const MAX_BODY: usize = 64 * 1024;

/// What versions are counted for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// One ticket.
    Ticket(TicketKey),
    /// The home itself, with a chain of its own.
    Home,
}

impl Stream {
    /// Returns the project its events belong to; the home has none.
    pub fn project(&self) -> Option<&ProjectKey> {
        match self {
            Self::Ticket(key) => Some(key.project()),
            Self::Home => None,
        }
    }

    /// Returns the ticket, if it is one.
    pub fn ticket(&self) -> Option<&TicketKey> {
        match self {
            Self::Ticket(key) => Some(key),
            Self::Home => None,
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ticket(key) => key.fmt(f),
            Self::Home => f.pad("home"),
        }
    }
}

impl FromStr for Stream {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        if text == "home" { Ok(Self::Home) } else { text.parse().map(Self::Ticket) }
    }
}

/// An event before it has its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// What kind, like `attempt_started`.
    pub kind: String,
    /// When it happened.
    pub at: Timestamp,
    /// Who caused it.
    pub principal: String,
    /// The attempt it belongs to.
    pub attempt: Option<AttemptId>,
    /// That attempt's fencing number.
    pub epoch: Option<Epoch>,
    /// What happened; at most [`MAX_BODY`] bytes as JSON.
    pub body: Value,
}

/// The state of a stream after its last event.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The aggregate as JSON text.
    pub aggregate: String,
    /// The ticket's row; the home has none.
    pub row: Option<TicketRow>,
}

/// What lists show of a ticket, and the fields they select by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketRow {
    /// Its key.
    pub key: TicketKey,
    /// The key's project.
    pub project: ProjectKey,
    /// The key's number.
    pub number: u32,
    /// What the work is, in one line.
    pub title: String,
    /// `task` or `campaign`.
    pub kind: String,
    /// One of the ten state words.
    pub state: String,
    /// The code of the reason.
    pub reason_code: String,
    /// 0 urgent, 1 high, 2 medium, 3 low.
    pub priority: u8,
    /// The campaign it belongs to.
    pub parent: Option<TicketKey>,
    /// The role of the active gate.
    pub role: Option<String>,
    /// The active gate.
    pub gate: Option<String>,
    /// What happens next.
    pub next: String,
    /// Who owes it.
    pub who: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// When it was filed.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
    /// Whether it has not ended.
    pub open: bool,
    /// The ticket's document as JSON text. Empty in what `Store::list` returns.
    #[serde(skip)]
    pub view: String,
}

/// A document derived from events, kept beside them and written with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// What it is.
    pub kind: ProjectionKind,
    /// Its id, unique within the kind; it belongs to the stream that wrote it first.
    pub id: String,
    /// The ticket it is about.
    pub ticket: Option<TicketKey>,
    /// Its state word.
    pub state: String,
    /// Its number within the kind, for the order and for the next id.
    pub ord: u64,
    /// The document as JSON text.
    pub doc: String,
}

/// The kinds of projections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProjectionKind {
    /// One run of a lane.
    Attempt,
    /// Something for a lane or a person.
    Message,
    /// A request for a person's permission.
    Approval,
    /// Evidence for a gate.
    Packet,
    /// Something the operator did.
    OperatorAct,
    /// A repository.
    Project,
    /// A token, without its secret.
    Token,
    /// A person.
    Person,
}

impl ProjectionKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Attempt,
        Self::Message,
        Self::Approval,
        Self::Packet,
        Self::OperatorAct,
        Self::Project,
        Self::Token,
        Self::Person,
    ];

    /// Returns the word it is stored under.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attempt => "attempt",
            Self::Message => "message",
            Self::Approval => "approval",
            Self::Packet => "packet",
            Self::OperatorAct => "operator_act",
            Self::Project => "project",
            Self::Token => "token",
            Self::Person => "person",
        }
    }
}

impl fmt::Display for ProjectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A change of who holds a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseChange {
    /// An attempt takes the ticket; refused unless `epoch` is above every earlier one.
    Take {
        /// The ticket.
        ticket: TicketKey,
        /// The attempt.
        attempt: AttemptId,
        /// Its fencing number.
        epoch: Epoch,
        /// When the lease expires unless it is renewed.
        until: Timestamp,
    },
    /// The lease of `epoch` is over; refused unless it is the one that holds the ticket.
    End {
        /// The ticket.
        ticket: TicketKey,
        /// The fencing number of the lease.
        epoch: Epoch,
    },
}

impl LeaseChange {
    /// Returns the ticket it is about.
    pub fn ticket(&self) -> &TicketKey {
        match self {
            Self::Take { ticket, .. } | Self::End { ticket, .. } => ticket,
        }
    }

    /// Returns the fencing number it is about.
    pub fn epoch(&self) -> Epoch {
        match self {
            Self::Take { epoch, .. } | Self::End { epoch, .. } => *epoch,
        }
    }
}

/// What is written to one stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// The stream.
    pub stream: Stream,
    /// The version that the writer saw; 0 where the stream must not exist yet.
    pub seen: Version,
    /// Its new events, oldest first.
    pub events: Vec<NewEvent>,
    /// Its state after them.
    pub snapshot: Snapshot,
    /// The documents that changed with them.
    pub projections: Vec<Projection>,
    /// The leases that changed with them.
    pub leases: Vec<LeaseChange>,
}

/// What is written in one piece: all of it, or nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Change {
    /// The streams it writes to, in the order of their events.
    pub writes: Vec<Write>,
    /// The request it answers.
    pub idempotency: Option<Idempotency>,
}

/// A request that is done once, however often it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Idempotency {
    /// The key that the client chose; it counts per principal.
    pub key: String,
    /// Who asked.
    pub principal: String,
    /// The answer for whoever repeats the request.
    pub answer: Value,
}

/// The events of a change, with their places in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Appended {
    /// The first event's `seq`.
    pub first: u64,
    /// The last event's `seq`; `first - 1` where the change had no events.
    pub last: u64,
    /// The events as stored.
    pub events: Vec<EventDoc>,
}
