//! The life of a ticket: what it is made of. What may happen to it is `decide`, what each fact changes is `apply`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{AttemptId, Commit, Digest, Epoch, GateId, RoleId, TicketKey, Timestamp, Tree};
use crate::principal::{Contributor, Principal};
use crate::rules::{LandMode, Priority, words};

mod apply;
mod approval;
mod approve;
mod attempt;
mod budget;
mod close;
mod command;
mod decide;
mod deliver;
mod event;
mod finding;
mod gate;
mod hold;
mod independence;
mod judge;
mod lane;
mod message;
mod open;
mod policy;
mod request;
mod room;
mod situation;
mod state;
mod take_over;
#[cfg(test)]
mod tests;
mod view;

pub use apply::{apply, replay};
pub use approval::{Answered, Approval, ApprovalState, Asked, Ran, Seen, Shipped, quoted};
pub use attempt::{
    AgentSession, Attempt, AttemptEnd, CommandClaim, EndClass, Evidence, Figures, Process, Purpose,
    Report,
};
pub use command::{
    Command, Context, IN_NO_JOURNAL, LaneRecord, Observation, RETRY_BASE_MS, Rejection,
};
pub use decide::decide;
pub use event::{Claimed, Event, Opened, Stamp};
pub use finding::{Finding, FindingAnswer, FindingState, NewFinding};
pub use gate::{ChangeKind, Gate, PacketRef, PacketStatus, SignOff, Stage, VerdictWord};
pub use lane::missing_claims;
pub use message::{Message, MessageKind, MessageState};
pub use open::{NewTicket, open};
pub use room::{MOST_SAID, fits};
pub use situation::{Owner, Situation};
pub use state::{Owed, State};
pub use view::{approval_doc, attempt_doc, message_doc, ticket_doc};

words!(
    /// What a ticket is.
    Kind {
        /// One piece of work.
        Task = "task",
        /// A ticket made of children, never dispatched itself.
        Campaign = "campaign",
    }
);

words!(
    /// Why the machine must not go on alone.
    BlockCode {
        /// All attempts of this round died or delivered too little.
        AttemptsUsedUp = "attempts_used_up",
        /// The work was sent back too often.
        RoundsUsedUp = "rounds_used_up",
        /// An attempt used up its limit or the ticket's budget.
        BudgetSpent = "budget_spent",
        /// A decider said `fail`.
        Failed = "failed",
        /// A required check fails on the base as well.
        PreExisting = "pre_existing_failure",
        /// Mission Control could not run a check.
        CouldNotRun = "could_not_run",
        /// The work does not merge.
        MergeConflict = "merge_conflict",
        /// Uncommitted changes of a person stand in the way of landing.
        LandBlocked = "land_blocked",
        /// All children ended and none is done, or a gate of the campaign is not passed.
        CampaignFailed = "campaign_failed",
        /// A blocker was superseded or will not be done.
        BlockerLost = "blocker_lost",
    }
);

words!(
    /// Why an approval came to nothing, as a stable code.
    VoidCode {
        /// The commit there is another one.
        CommitChanged = "commit_changed",
        /// The files there are others.
        FilesChanged = "files_changed",
        /// It did not come to be run in the time that the request had: the ticket was parked, say.
        TooLate = "too_late",
        /// The place is gone, or is another one.
        CwdChanged = "cwd_changed",
        /// The lane changed what git would obey there.
        ConfigChanged = "config_changed",
        /// It was to run outside the lane's own working copy.
        Outside = "outside",
        /// Too many requests of this ticket are open.
        TooMany = "too_many",
        /// The place could not be looked at, or the command not be started.
        CouldNotRun = "could_not_run",
        /// The ticket ended.
        TicketEnded = "ticket_ended",
        /// It is not known whether it ran.
        Unknown = "unknown",
    }
);

words!(
    /// How a ticket that this one is linked to ended.
    EndHow {
        /// Its gates passed.
        Done = "done",
        /// Somebody cancelled it.
        Cancelled = "cancelled",
        /// Something else replaced it.
        Superseded = "superseded",
    }
);

/// One unit of work, and everything that is true of it. Built by `apply` alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its key.
    pub key: TicketKey,
    /// What the work is, in one line.
    pub title: String,
    /// The whole request, as Markdown.
    pub body: String,
    /// Task or campaign.
    pub kind: Kind,
    /// How urgent it is.
    pub priority: Priority,
    /// Free labels.
    pub labels: Vec<String>,
    /// The workflow's name.
    pub workflow: crate::ids::WorkflowId,
    /// The policy it carries; `default` where none was named.
    #[serde(default)]
    pub policy: Option<String>,
    /// For a campaign, the workflow of children that name none.
    pub child_workflow: Option<crate::ids::WorkflowId>,
    /// How the work lands.
    pub land: LandMode,
    /// Digest of the rules that this round is worked under.
    pub rules: Digest,
    /// Where it came from: channel and principal.
    pub source: (String, Principal),
    /// The campaign it belongs to.
    pub parent: Option<TicketKey>,
    /// The tickets it waits for, with how each ended.
    pub blockers: BTreeMap<TicketKey, Option<EndHow>>,
    /// The tickets a campaign is made of, with how each ended.
    pub children: BTreeMap<TicketKey, Option<EndHow>>,
    /// Not dispatched before this moment; removed when it comes.
    pub not_before: Option<Timestamp>,
    /// Set aside on purpose.
    pub parked: Option<Timestamp>,
    /// The open question.
    pub question: Option<Question>,
    /// Why the machine must not go on alone.
    pub blocked: Option<Block>,
    /// How it ended.
    pub ended: Option<Ended>,
    /// Its gates in order.
    pub gates: Vec<Gate>,
    /// Every attempt, oldest first; at most the last is live.
    pub attempts: Vec<Attempt>,
    /// The fencing number of the newest claim.
    pub epoch: Epoch,
    /// Every request for a person's approval, oldest first.
    #[serde(default)]
    pub approvals: Vec<Approval>,
    /// Every message, oldest first.
    pub messages: Vec<Message>,
    /// Every finding, oldest first.
    pub findings: Vec<Finding>,
    /// The newest commit that Mission Control fetched.
    pub head: Option<Head>,
    /// Everybody who had a hand in the commits between base and head.
    pub contributors: Vec<Contributor>,
    /// Its private working copy.
    pub workspace: Option<Workspace>,
    /// The commit on the default branch that holds the work.
    pub landed_as: Option<Commit>,
    /// The same of an earlier round, since somebody reopened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landed_before: Option<Commit>,
    /// The last change of what it asks for, where somebody had worked on it or decided by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_changed: Option<RequestChanged>,
    /// Causes that the operator has already acted on: each fires once.
    pub corrected: Vec<String>,
    /// How often a person let it go on after its budget was used up; each time allows as much again.
    #[serde(default)]
    pub grants: u32,
    /// Whether it was said that the budget is nearly used up, since the last of these.
    #[serde(default)]
    pub is_warned: bool,
    /// When it was filed.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Since when the present next action has been owed.
    pub since: Timestamp,
}

/// A change of what a ticket asks for, after somebody had begun to work on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestChanged {
    /// Who changed it.
    pub by: Principal,
    /// When.
    pub at: Timestamp,
    /// Whether the title changed.
    pub title: bool,
    /// Whether the text changed.
    pub body: bool,
}

/// A question that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The attempt that asked.
    pub attempt: AttemptId,
    /// The gate it was working.
    pub gate: GateId,
    /// The question.
    pub text: String,
    /// When it was asked.
    pub at: Timestamp,
}

/// Why the machine must not go on alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The typed reason.
    pub code: BlockCode,
    /// The story in one sentence.
    pub text: String,
    /// The gate where it happened.
    pub gate: Option<GateId>,
    /// Since when.
    pub at: Timestamp,
}

/// How a ticket ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How.
    pub how: EndHow,
    /// What replaced it.
    pub by: Vec<TicketKey>,
    /// The reason given.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// The newest commit of the ticket's branch, as fetched by Mission Control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The commit.
    pub commit: Commit,
    /// Its tree.
    pub tree: Tree,
    /// The commit it is compared with.
    pub base: Commit,
    /// Paths that differ between base and head, as [`Rules::telling`](crate::rules::Rules::telling) selects them.
    pub paths: Vec<String>,
    /// How many more differ.
    #[serde(default)]
    pub left_out: u32,
}

/// The ticket's private working copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// Its branch.
    pub branch: String,
    /// The commit it started from.
    pub base: Commit,
    /// Whether the folder is still there.
    pub present: bool,
    /// Whether uncommitted changes were seen at the last look.
    pub dirty: bool,
}

impl Ticket {
    /// Returns the gate that is worked or decided now: the first required one that is not settled.
    pub fn active_gate(&self) -> Option<&Gate> {
        self.gates.iter().find(|gate| gate.required && !gate.is_settled())
    }

    /// Returns gate `id`.
    pub fn gate(&self, id: &GateId) -> Option<&Gate> {
        self.gates.iter().find(|gate| gate.rule.id == *id)
    }

    /// Returns the live attempt.
    pub fn live_attempt(&self) -> Option<&Attempt> {
        self.attempts.last().filter(|attempt| attempt.is_live())
    }

    /// Returns attempt `id`.
    pub fn attempt(&self, id: AttemptId) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| attempt.id == id)
    }

    /// Returns findings that the next packet of `gate` must answer.
    pub fn open_findings<'a>(&'a self, gate: &'a GateId) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().filter(|it| it.owed_by == *gate && it.state == FindingState::Open)
    }

    /// Returns the messages that wait for `role`.
    pub fn queued_for<'a>(&'a self, role: &'a RoleId) -> impl Iterator<Item = &'a Message> {
        let is_for = move |message: &Message| message.to.as_ref().is_none_or(|to| to == role);
        self.messages.iter().filter(move |it| it.state == MessageState::Queued && is_for(it))
    }

    /// Returns whether the ticket has ended.
    pub fn is_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Returns whether a campaign's child is still open, or it has none.
    pub fn has_open_children(&self) -> bool {
        self.children.is_empty() || self.children.values().any(Option::is_none)
    }
}
