//! The life of a ticket: what it is made of. What may happen to it is `decide`, what each fact changes is `apply`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{
    AttemptId, Commit, Digest, Epoch, FindingId, GateId, MessageId, RoleId, RuntimeId, TicketKey,
    Timestamp, Tree,
};
use crate::principal::{Contributor, Identity, Principal};
use crate::rules::{EvidenceKind, GateRule, Independence, LandMode, Priority, words};

mod apply;
mod close;
mod command;
mod decide;
mod deliver;
mod event;
mod hold;
mod judge;
mod lane;
mod message;
mod open;
mod state;
#[cfg(test)]
mod tests;
mod view;

pub use apply::{apply, replay};
pub use command::{Command, Context, LaneRecord, Observation, RETRY_BASE_MS, Rejection};
pub use decide::decide;
pub use event::{Claimed, Event, Opened, Stamp};
pub use lane::missing_claims;
pub use open::{NewTicket, open};
pub use state::{Owed, Owner, Situation, State};
pub use view::{attempt_doc, message_doc, ticket_doc};

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
    /// A decision on a gate.
    VerdictWord {
        /// The gate is passed as far as this decider goes.
        Pass = "pass",
        /// The work goes back, with findings.
        Changes = "changes",
        /// The ticket is blocked.
        Fail = "fail",
        /// A named person takes the requirement away, with a reason.
        Waive = "waive",
    }
);

words!(
    /// How an attempt ended. The first three cost the ticket nothing.
    EndClass {
        /// It delivered a report.
        Reported = "reported",
        /// It asked a question.
        Asked = "asked",
        /// It was stopped on purpose: parked, cancelled, or by a person.
        Stopped = "stopped",
        /// The process could not be started.
        SpawnFailed = "spawn_failed",
        /// The process died with an exit code or a signal.
        Crashed = "crashed",
        /// The kernel killed it for memory.
        OomKilled = "oom_killed",
        /// No diff, test or tool progress within the limit.
        Stalled = "stalled",
        /// The time limit ran out.
        TimedOut = "timed_out",
        /// It ended with exit code 0 and said nothing.
        NoReport = "no_report",
        /// Its shim or its lease was lost.
        Lost = "lost",
        /// What it delivered lacks required evidence.
        Incomplete = "incomplete",
        /// The runtime is not signed in.
        Auth = "auth",
        /// The runtime's quota is used up.
        Quota = "quota",
        /// The runtime's provider does not answer.
        ProviderDown = "provider_down",
    }
);

impl EndClass {
    /// Returns whether it uses one of the gate's attempts.
    pub fn costs_an_attempt(self) -> bool {
        match self {
            Self::SpawnFailed
            | Self::Crashed
            | Self::OomKilled
            | Self::Stalled
            | Self::TimedOut
            | Self::NoReport
            | Self::Lost
            | Self::Incomplete => true,
            Self::Reported
            | Self::Asked
            | Self::Stopped
            | Self::Auth
            | Self::Quota
            | Self::ProviderDown => false,
        }
    }

    /// Returns whether the runtime is at fault, which opens its breaker.
    pub fn is_runtime_fault(self) -> bool {
        match self {
            Self::Auth | Self::Quota | Self::ProviderDown => true,
            Self::Reported
            | Self::Asked
            | Self::Stopped
            | Self::SpawnFailed
            | Self::Crashed
            | Self::OomKilled
            | Self::Stalled
            | Self::TimedOut
            | Self::NoReport
            | Self::Lost
            | Self::Incomplete => false,
        }
    }

    /// Returns whether a worker died.
    pub fn is_death(self) -> bool {
        self.costs_an_attempt() && self != Self::Incomplete && self != Self::NoReport
    }
}

words!(
    /// Why the machine must not go on alone.
    BlockCode {
        /// All attempts of this round died or delivered too little.
        AttemptsUsedUp = "attempts_used_up",
        /// The work was sent back too often.
        RoundsUsedUp = "rounds_used_up",
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
    /// Where a message is.
    MessageState {
        /// It waits for a turn.
        Queued = "queued",
        /// A turn took it.
        Delivered = "delivered",
        /// That turn ended.
        Processed = "processed",
        /// The sender took it back, or its ticket ended.
        Withdrawn = "withdrawn",
        /// Nobody is there who could take it.
        Undeliverable = "undeliverable",
    }
);

words!(
    /// What a message is.
    MessageKind {
        /// Something a person says.
        Instruction = "instruction",
        /// The answer to a question.
        Answer = "answer",
        /// Findings of a review or of the controller.
        Findings = "findings",
    }
);

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

words!(
    /// What an attempt is for.
    Purpose {
        /// It delivers the gate's evidence.
        Deliver = "deliver",
        /// It reviews earlier work; its report is the verdict.
        Review = "review",
        /// It decides on what another role delivered.
        Judge = "judge",
    }
);

words!(
    /// What a change of the head changed, after Gerrit's change kinds.
    ChangeKind {
        /// The tree.
        Code = "code",
        /// Only the base: the same patch on another parent.
        TrivialRebase = "trivial_rebase",
        /// Only messages or metadata: the same tree.
        NoCodeChange = "no_code_change",
        /// The delivered packet, on the same tree.
        Packet = "packet",
        /// The rules in force.
        Policy = "policy",
    }
);

words!(
    /// What a packet's claims came to.
    PacketStatus {
        /// Every required claim was re-run and holds.
        Verified = "verified",
        /// At least one claim does not hold.
        Refuted = "refuted",
        /// Some claims hold, and others could not be looked at.
        Partial = "partial",
        /// Nothing was looked at yet.
        Claimed = "claimed",
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
    /// Causes that the operator has already acted on: each fires once.
    pub corrected: Vec<String>,
    /// When it was filed.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Since when the present next action has been owed.
    pub since: Timestamp,
}

/// A gate of one ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// What the workflow says of it.
    pub rule: GateRule,
    /// Whether this ticket must pass it. Only grows.
    pub required: bool,
    /// Where it is.
    pub stage: Stage,
    /// The round, from 1.
    pub round: u32,
    /// Rounds that people granted besides the rule's.
    pub extra_rounds: u32,
    /// Attempts of this round that are used up.
    pub used: u32,
    /// Not dispatched again before this moment.
    pub retry_at: Option<Timestamp>,
    /// The newest packet.
    pub packet: Option<PacketRef>,
    /// All verdicts, oldest first.
    pub signoffs: Vec<SignOff>,
    /// What the last delivery lacked: part of the next brief.
    pub missing: Vec<String>,
    /// Why a person is asked to decide in a role's place.
    pub handed_over: Option<String>,
}

/// Where a gate is. Each stage holds what is true only there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Stage {
    /// Its work is still to be done.
    Pending,
    /// `attempt` works on it, or has reported and not ended.
    Working {
        /// The live attempt.
        attempt: AttemptId,
    },
    /// `attempt` delivered; Mission Control looks at what is there.
    Observing {
        /// The attempt that delivered.
        attempt: AttemptId,
    },
    /// The packet is sealed, and `decided_by[next]` owes a verdict.
    Deciding {
        /// Index into `decided_by`.
        next: usize,
        /// The live attempt of a deciding role.
        attempt: Option<AttemptId>,
    },
    /// Every decider passed it.
    Passed,
    /// A person took the requirement away.
    Waived,
    /// A decider asked for changes, and looks again after the next packet.
    ChangesRequested,
    /// A decider said `fail`.
    Failed,
    /// It was passed on something that has changed since.
    Stale {
        /// What changed.
        change: ChangeKind,
    },
    /// Mission Control could not run a check.
    CouldNotRun {
        /// Why.
        cause: String,
    },
}

/// A packet by name, with what it is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketRef {
    /// The packet's own digest.
    pub digest: Digest,
    /// The commit it is about.
    pub commit: Option<Commit>,
    /// That commit's tree.
    pub tree: Option<Tree>,
    /// What its claims came to.
    pub status: PacketStatus,
}

/// A verdict bound to what it was given on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOff {
    /// The decision.
    pub verdict: VerdictWord,
    /// Who gave it.
    pub principal: Principal,
    /// Which entry of `decided_by` it answers.
    pub decider: usize,
    /// The commit it was given on.
    pub commit: Option<Commit>,
    /// The tree it was given on.
    pub tree: Option<Tree>,
    /// The packet it was given on.
    pub packet: Option<Digest>,
    /// The rules it was given under.
    pub policy: Digest,
    /// The reason given with it.
    pub reason: String,
    /// The distance that was found to everybody who did the work.
    pub independence: Option<Independence>,
    /// The round it belongs to.
    pub round: u32,
    /// When.
    pub at: Timestamp,
    /// Whether it still holds.
    pub fresh: bool,
}

/// One run of a lane on one gate, under one lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// The gate it works.
    pub gate: GateId,
    /// The gate's round.
    pub round: u32,
    /// The role at work.
    pub role: RoleId,
    /// The runtime that runs it.
    pub runtime: RuntimeId,
    /// What really runs behind that name; a person has none.
    pub identity: Option<Identity>,
    /// The model, where the configuration names one.
    pub model: Option<String>,
    /// Who it is, as a principal.
    pub principal: Principal,
    /// What it is for.
    pub purpose: Purpose,
    /// The fencing number of its lease.
    pub epoch: Epoch,
    /// When it was claimed.
    pub started_at: Timestamp,
    /// The head it was given.
    pub head: Option<Commit>,
    /// The agent's process, once it runs.
    pub process: Option<Process>,
    /// The number of the last record of its journal that took effect.
    pub last_record: u64,
    /// What it reported.
    pub report: Option<Report>,
    /// What it handed in.
    pub evidence: Vec<Evidence>,
    /// How it ended.
    pub end: Option<AttemptEnd>,
}

impl Attempt {
    /// Returns whether it still holds the lease.
    pub fn is_live(&self) -> bool {
        self.end.is_none()
    }
}

/// The agent's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its process id.
    pub pid: u32,
    /// The tmux target, like `mc-MC-7:A-31`.
    pub tmux: Option<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptEnd {
    /// How.
    pub class: EndClass,
    /// One sentence.
    pub summary: String,
    /// How its process died, where it did.
    pub death: Option<crate::doc::DeathDoc>,
    /// When.
    pub at: Timestamp,
}

/// What an agent says of its own work: a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "snake_case")]
pub enum Report {
    /// The work is delivered.
    Done {
        /// One or more sentences.
        summary: String,
    },
    /// A person must answer before it goes on.
    Question {
        /// The question.
        text: String,
    },
    /// The verdict of a review.
    Verdict {
        /// `pass` or `changes`.
        verdict: VerdictWord,
        /// Why.
        reason: String,
        /// What was found.
        findings: Vec<NewFinding>,
    },
}

/// One piece of evidence that a lane hands in: a claim until Mission Control looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What kind.
    pub kind: EvidenceKind,
    /// The text of a risk, or a file's name.
    #[serde(default)]
    pub text: String,
    /// The command that was run, for `commands`.
    #[serde(default)]
    pub command: Option<CommandClaim>,
    /// The page to capture, for `screenshots`.
    #[serde(default)]
    pub url: Option<String>,
    /// The file's place below the lane's folder; gone once it is an artifact.
    #[serde(default)]
    pub file: Option<String>,
    /// The file as an artifact.
    #[serde(default)]
    pub artifact: Option<Digest>,
    /// The paths that a plan names under `## Files`.
    #[serde(default)]
    pub paths: Vec<String>,
    /// The answer to a finding, instead of evidence.
    #[serde(default)]
    pub answer: Option<FindingAnswer>,
}

/// A command and the exit code that is claimed for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandClaim {
    /// The shell line.
    pub run: String,
    /// The exit code.
    pub exit_code: i32,
    /// How long it took, in milliseconds.
    #[serde(default)]
    pub duration_ms: Option<u64>,
}

/// A finding as it is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// Something for whoever works the ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Who sent it.
    pub from: Principal,
    /// The role it is for; nothing means whoever works the ticket next.
    pub to: Option<RoleId>,
    /// What it is.
    pub kind: MessageKind,
    /// The text.
    pub body: String,
    /// Where it is.
    pub state: MessageState,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// When a turn took it.
    pub delivered_at: Option<Timestamp>,
    /// When that turn ended.
    pub processed_at: Option<Timestamp>,
    /// The attempt that took it.
    pub attempt: Option<AttemptId>,
    /// How often the same text was sent while it was queued.
    pub count: u32,
    /// Why it cannot be delivered.
    pub why: Option<String>,
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
    /// Paths that differ between base and head.
    pub paths: Vec<String>,
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

impl Gate {
    /// Returns whether it needs nothing more.
    pub fn is_settled(&self) -> bool {
        match self.stage {
            Stage::Passed | Stage::Waived => true,
            Stage::Pending
            | Stage::Working { .. }
            | Stage::Observing { .. }
            | Stage::Deciding { .. }
            | Stage::ChangesRequested
            | Stage::Failed
            | Stage::Stale { .. }
            | Stage::CouldNotRun { .. } => false,
        }
    }

    /// Returns whether its work is still to be done or done again.
    pub fn needs_work(&self) -> bool {
        match self.stage {
            Stage::Pending | Stage::ChangesRequested | Stage::Stale { .. } => true,
            Stage::Working { .. }
            | Stage::Observing { .. }
            | Stage::Deciding { .. }
            | Stage::Passed
            | Stage::Waived
            | Stage::Failed
            | Stage::CouldNotRun { .. } => false,
        }
    }

    /// Returns how many rounds it may have.
    pub fn rounds_allowed(&self) -> u32 {
        self.rule.max_rounds + self.extra_rounds
    }
}
