//! Who may come into a home and what they may do there: the record of who changed that.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::home::Home;
use crate::ids::Timestamp;
use crate::principal::Principal;
use crate::ticket::Stamp;

/// How many changes a home has at hand; all of them stay in the event log.
const AT_HAND: usize = 20;

/// One change of who may come in, or of what they may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`name` is whom it is about, `role` what they may do from then on")]
pub enum Access {
    /// A link was made that lets somebody in once.
    Invited { name: String, role: String },
    /// Somebody came in by that link; `browser` is what it was and where.
    Joined { name: String, role: String, browser: String },
    /// The link lets nobody in any more.
    InvitationWithdrawn { name: String },
    /// A person may do something else than before.
    RoleChanged { name: String, role: String },
    /// Nothing lets this person in any more.
    PersonRemoved { name: String },
    /// A token was made; without a project it is good for all of them.
    TokenMade { name: String, role: String, project: Option<String> },
    /// A token is refused from then on.
    TokenRevoked { name: String },
}

/// What was done, to be read after a name: `invited jonas as operator`.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invited { name, role } => write!(f, "invited {name} as {role}"),
            Self::Joined { role, browser, .. } => {
                write!(f, "opened the invitation and came in as {role}, in {browser}")
            }
            Self::InvitationWithdrawn { name } => write!(f, "withdrew the invitation of {name}"),
            Self::RoleChanged { name, role } => write!(f, "made {name} {role}"),
            Self::PersonRemoved { name } => write!(f, "removed {name}"),
            Self::TokenMade { name, role, project } => {
                let limit = project.as_ref().map(|it| format!(" of {it} alone"));
                write!(f, "made the token {name} as {role}{}", limit.unwrap_or_default())
            }
            Self::TokenRevoked { name } => write!(f, "revoked the token {name}"),
        }
    }
}

/// A change with its moment and whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessNote {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Principal,
    /// What.
    pub access: Access,
}

impl Home {
    /// Notes a change; the oldest goes where there are many.
    pub(crate) fn access_changed(&mut self, access: Access, stamp: &Stamp) {
        // Whoever comes under that name later has not looked yet.
        match &access {
            Access::PersonRemoved { name } => drop(self.seen.remove(&format!("person:{name}"))),
            Access::TokenRevoked { name } => drop(self.seen.remove(&format!("external:{name}"))),
            Access::Invited { .. }
            | Access::Joined { .. }
            | Access::InvitationWithdrawn { .. }
            | Access::RoleChanged { .. }
            | Access::TokenMade { .. } => {}
        }
        let note = AccessNote { at: stamp.at, by: stamp.by.clone(), access };
        self.access.insert(0, note);
        self.access.truncate(AT_HAND);
    }
}
