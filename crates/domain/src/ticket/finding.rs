//! What a review or the controller found, and the answer to it.

use serde::{Deserialize, Serialize};

use crate::ids::{FindingId, GateId};
use crate::principal::Principal;
use crate::rules::words;

words!(
    /// Whether a finding is answered.
    FindingState {
        /// The next packet must answer it.
        Open = "open",
        /// Answered: fixed in a commit.
        Fixed = "fixed",
        /// Answered: disputed with a reason.
        Disputed = "disputed",
    }
);

/// A finding as it is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct NewFinding {
    /// The file, if it is about one.
    #[serde(default)]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(default)]
    pub line: Option<u32>,
    /// What was found.
    pub text: String,
    /// The command that must pass, for a finding of the controller.
    #[serde(default)]
    pub command: Option<String>,
}

/// The answer to a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FindingAnswer {
    /// Which.
    pub finding: FindingId,
    /// `fixed` or `disputed`.
    pub state: FindingState,
    /// In words.
    pub text: String,
}

/// Something a review or the controller found; the next packet must answer it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its id within the ticket.
    pub id: FindingId,
    /// The gate whose decider found it.
    pub gate: GateId,
    /// The gate whose next packet must answer it.
    pub owed_by: GateId,
    /// Who found it.
    pub principal: Principal,
    /// What.
    pub what: NewFinding,
    /// Whether it is answered.
    pub state: FindingState,
    /// The answer's text.
    pub answer: Option<String>,
}
