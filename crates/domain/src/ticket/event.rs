//! What can happen to a ticket. Events are stored; never edited, never refused.

use serde::{Deserialize, Serialize};

use super::{
    AgentSession, Approval, AttemptEnd, BlockCode, ChangeKind, EndHow, Evidence, Figures,
    FindingState, Head, Kind, MessageKind, NewFinding, PacketRef, Purpose, Ran, Report, SignOff,
    VoidCode,
};
use crate::ids::{
    ApprovalId, AttemptId, Commit, Digest, Epoch, FindingId, GateId, MessageId, RoleId, RuntimeId,
    TicketKey, Timestamp, WorkflowId,
};
use crate::principal::{Contributor, Identity, Principal};
use crate::rules::{GateRule, LandMode, Priority};
use crate::sessions::Warm;

/// When an event happened, and who caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Principal,
}

/// How a ticket began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// Its key.
    pub key: TicketKey,
    /// What the work is, in one line.
    pub title: String,
    /// The whole request.
    pub body: String,
    /// Task or campaign.
    pub kind: Kind,
    /// How urgent it is.
    pub priority: Priority,
    /// Free labels.
    pub labels: Vec<String>,
    /// The workflow's name.
    pub workflow: WorkflowId,
    /// For a campaign, the workflow of its children.
    pub child_workflow: Option<WorkflowId>,
    /// The policy it carries.
    #[serde(default)]
    pub policy: Option<String>,
    /// Its gates in order, with whether each is required from the start.
    pub gates: Vec<(GateRule, bool)>,
    /// How the work lands.
    pub land: LandMode,
    /// Digest of the rules.
    pub rules: Digest,
    /// The campaign it belongs to.
    pub parent: Option<TicketKey>,
    /// The tickets it waits for.
    pub blocked_by: Vec<TicketKey>,
    /// Not dispatched before this moment.
    pub not_before: Option<Timestamp>,
    /// Whether it starts set aside.
    pub parked: bool,
    /// `cli`, `page`, `api` or `schedule`.
    pub channel: String,
}

/// How an attempt began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// Its id.
    pub attempt: AttemptId,
    /// The gate it works.
    pub gate: GateId,
    /// The role at work.
    pub role: RoleId,
    /// The runtime that runs it.
    pub runtime: RuntimeId,
    /// What really runs behind that name.
    pub identity: Option<Identity>,
    /// The model, where named.
    pub model: Option<String>,
    /// Who it is, as a principal.
    pub principal: Principal,
    /// What it is for.
    pub purpose: Purpose,
    /// The fencing number of its lease.
    pub epoch: Epoch,
    /// Whether a person works it.
    #[serde(default)]
    pub by_person: bool,
    /// How it comes to its session, where its runtime keeps some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<Box<Warm>>,
}

/// Something that happened to a ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "body", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are those of the ticket, and named alike")]
pub enum Event {
    /// It was filed.
    Opened(Box<Opened>),
    /// Its words or labels were changed; nothing means unchanged.
    Edited {
        title: Option<String>,
        body: Option<String>,
        priority: Option<Priority>,
        labels: Option<Vec<String>>,
    },
    /// What it asks for was changed after somebody had begun to work on it.
    RequestChanged { title: bool, body: bool },
    /// What it waits for was changed.
    Linked { add: Vec<TicketKey>, remove: Vec<TicketKey> },
    /// It is not to be dispatched before a moment, or no longer waits for one.
    Postponed { until: Option<Timestamp> },
    /// It was set aside.
    Parked {},
    /// It was taken up again.
    Unparked {},
    /// A ticket it waits for ended.
    BlockerEnded { blocker: TicketKey, how: EndHow },
    /// The moment it waited for came.
    TimeCame {},
    /// A campaign got a child.
    ChildAdded { child: TicketKey },
    /// A campaign's child ended.
    ChildEnded { child: TicketKey, how: EndHow },
    /// A campaign's child was reopened.
    ChildReopened { child: TicketKey },
    /// A person ended it.
    Cancelled { reason: String },
    /// Other tickets replaced it.
    Superseded { by: Vec<TicketKey> },
    /// It was taken up after its end.
    Reopened {},
    /// Its gates passed.
    Finished {},
    /// Somebody wrote something for the record.
    Commented { text: String },
    /// So much of the ticket's budget is used that a person should know.
    BudgetNearlySpent { text: String },
    /// A lane took it, under a new lease.
    Claimed(Box<Claimed>),
    /// The agent's process runs.
    Began { attempt: AttemptId, record: u64, pid: u32, tmux: Option<String> },
    /// The agent's program has a session.
    SessionOpened { attempt: AttemptId, record: u64, session: Box<AgentSession> },
    /// A turn of the agent's is over.
    TurnOver { attempt: AttemptId, record: u64, figures: Figures },
    /// The agent handed something in.
    EvidenceAdded { attempt: AttemptId, record: u64, evidence: Box<Evidence> },
    /// Its machine did not enforce these bounds.
    BoundsUnheld { attempt: AttemptId, record: u64, unheld: Vec<String> },
    /// A person took its session over; without a name somebody in the program's own screen. Before typing was noted by
    /// itself that alone made its work theirs too.
    TookOver {
        attempt: AttemptId,
        record: u64,
        by: Option<Principal>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        typing_is_noted: bool,
    },
    /// Whoever took its session over typed into it: its work is theirs too.
    Typed { attempt: AttemptId, record: u64, by: Principal },
    /// Its session is the agent's alone again.
    GaveBack { attempt: AttemptId, record: u64 },
    /// What it printed was kept, as a recording.
    Recorded { attempt: AttemptId, recording: Digest },
    /// The agent said how far it is.
    Reported { attempt: AttemptId, record: u64, report: Report },
    /// The attempt is over, its lease with it.
    AttemptEnded {
        attempt: AttemptId,
        record: u64,
        end: Box<AttemptEnd>,
        retry_at: Option<Timestamp>,
    },
    /// A lane asked for a person's permission to run a command.
    ApprovalRequested(Box<Approval>),
    /// A lane asked for the same again.
    ApprovalRepeated { id: ApprovalId, also: ApprovalId },
    /// A person said yes.
    ApprovalGiven { id: ApprovalId },
    /// A person said no.
    ApprovalDenied { id: ApprovalId, reason: String },
    /// Nobody answered in time.
    ApprovalExpired { id: ApprovalId },
    /// What it was asked for is no longer there.
    ApprovalVoided { id: ApprovalId, code: VoidCode, why: String },
    /// Mission Control is about to run the command.
    ApprovalBegan { id: ApprovalId },
    /// It ran.
    ApprovalRan { id: ApprovalId, ran: Box<Ran> },
    /// Nobody knows whether it ran: a person is asked anew.
    ApprovalUnclear { id: ApprovalId, why: String, expires_at: Timestamp },
    /// An agent asked a person.
    QuestionAsked { attempt: AttemptId, gate: GateId, text: String },
    /// The person answered.
    QuestionAnswered { text: String },
    /// It got its private working copy.
    WorkspaceMade { branch: String, base: Commit },
    /// Its private working copy is gone; what was unfinished is kept under a ref.
    WorkspaceRemoved { kept: Option<String> },
    /// Mission Control fetched another commit than before.
    HeadMoved { head: Head, change: ChangeKind, contributors: Vec<Contributor> },
    /// Somebody left work behind that another delivers.
    Credited { contributors: Vec<Contributor> },
    /// A conditional gate turned out to be required.
    RequirementGrew { gate: GateId, why: String },
    /// A finding was answered.
    FindingAnswered { finding: FindingId, state: FindingState, text: String },
    /// The evidence of a gate is complete and has a digest.
    PacketSealed { gate: GateId, packet: PacketRef },
    /// A delivery lacked required evidence.
    DeliveryRefused {
        gate: GateId,
        attempt: AttemptId,
        missing: Vec<String>,
        retry_at: Option<Timestamp>,
    },
    /// Somebody decided on a gate.
    Judged { gate: GateId, signoff: Box<SignOff> },
    /// The work goes back to an earlier gate, or the same, with findings.
    SentBack { from: GateId, to: GateId, by: Principal, findings: Vec<(FindingId, NewFinding)> },
    /// A sign-off no longer holds.
    Staled { gate: GateId, change: ChangeKind, from: Option<Commit>, to: Option<Commit> },
    /// The tested base is no longer the tip: the machine's part is done again.
    BaseMoved { gate: GateId, base: Commit },
    /// A person took a verdict back.
    VerdictWithdrawn { gate: GateId },
    /// No runtime is independent enough: a person is asked to decide.
    HandedOver { gate: GateId, why: String },
    /// A person must decide as well, since the work touches what decides about it.
    PersonAsked { gate: GateId, why: String },
    /// Mission Control could not run a check.
    CouldNotRun { gate: GateId, cause: String },
    /// The machine must not go on alone.
    Blocked { code: BlockCode, text: String, gate: Option<GateId> },
    /// A person, or an operator rule, lets it go on.
    Unblocked { reason: String },
    /// A person gave a gate fresh attempts and one more round.
    Retried { gate: Option<GateId>, reason: String },
    /// The round is worked under other rules than the last.
    RulesPinned { rules: Digest, gates: Vec<(GateRule, bool)>, land: LandMode },
    /// The default branch holds the work.
    Landed { commit: Commit },
    /// Somebody wrote to whoever works the ticket.
    MessageQueued {
        id: MessageId,
        to: Option<RoleId>,
        kind: MessageKind,
        text: String,
        /// Whether nobody said it: it tells of a change that somebody made.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_notice: bool,
    },
    /// The same text came again while it was queued.
    MessageRepeated { id: MessageId },
    /// A turn took them.
    MessagesDelivered { ids: Vec<MessageId>, attempt: AttemptId, record: u64 },
    /// The turn that took them ended.
    MessagesProcessed { ids: Vec<MessageId> },
    /// The turn that took them died: they wait again.
    MessagesRequeued { ids: Vec<MessageId> },
    /// They will not be delivered.
    MessagesWithdrawn { ids: Vec<MessageId> },
    /// Nobody is there who could take them.
    MessagesUndeliverable { ids: Vec<MessageId>, why: String },
    /// An operator rule acted on a cause; it does not act on that cause again.
    Corrected { rule: String, cause: String },
}

impl Event {
    /// Returns the attempt that the event belongs to.
    pub fn attempt(&self) -> Option<AttemptId> {
        match self {
            Self::Claimed(claimed) => Some(claimed.attempt),
            Self::Began { attempt, .. }
            | Self::SessionOpened { attempt, .. }
            | Self::TurnOver { attempt, .. }
            | Self::EvidenceAdded { attempt, .. }
            | Self::Reported { attempt, .. }
            | Self::BoundsUnheld { attempt, .. }
            | Self::TookOver { attempt, .. }
            | Self::Typed { attempt, .. }
            | Self::GaveBack { attempt, .. }
            | Self::Recorded { attempt, .. }
            | Self::AttemptEnded { attempt, .. }
            | Self::QuestionAsked { attempt, .. }
            | Self::DeliveryRefused { attempt, .. }
            | Self::MessagesDelivered { attempt, .. } => Some(*attempt),
            Self::ApprovalRequested(approval) => Some(approval.attempt),
            Self::ApprovalRepeated { also, .. } => Some(also.attempt),
            Self::Opened(_)
            | Self::Edited { .. }
            | Self::RequestChanged { .. }
            | Self::Linked { .. }
            | Self::Postponed { .. }
            | Self::Parked {}
            | Self::Unparked {}
            | Self::BlockerEnded { .. }
            | Self::TimeCame {}
            | Self::ChildAdded { .. }
            | Self::ChildEnded { .. }
            | Self::ChildReopened { .. }
            | Self::Cancelled { .. }
            | Self::Superseded { .. }
            | Self::Reopened {}
            | Self::Finished {}
            | Self::Commented { .. }
            | Self::BudgetNearlySpent { .. }
            | Self::QuestionAnswered { .. }
            | Self::WorkspaceMade { .. }
            | Self::WorkspaceRemoved { .. }
            | Self::HeadMoved { .. }
            | Self::Credited { .. }
            | Self::RequirementGrew { .. }
            | Self::FindingAnswered { .. }
            | Self::PacketSealed { .. }
            | Self::Judged { .. }
            | Self::SentBack { .. }
            | Self::Staled { .. }
            | Self::BaseMoved { .. }
            | Self::VerdictWithdrawn { .. }
            | Self::HandedOver { .. }
            | Self::PersonAsked { .. }
            | Self::CouldNotRun { .. }
            | Self::Blocked { .. }
            | Self::Unblocked { .. }
            | Self::Retried { .. }
            | Self::RulesPinned { .. }
            | Self::Landed { .. }
            | Self::MessageQueued { .. }
            | Self::MessageRepeated { .. }
            | Self::MessagesProcessed { .. }
            | Self::MessagesRequeued { .. }
            | Self::MessagesWithdrawn { .. }
            | Self::MessagesUndeliverable { .. }
            | Self::ApprovalGiven { .. }
            | Self::ApprovalDenied { .. }
            | Self::ApprovalExpired { .. }
            | Self::ApprovalVoided { .. }
            | Self::ApprovalBegan { .. }
            | Self::ApprovalRan { .. }
            | Self::ApprovalUnclear { .. }
            | Self::Corrected { .. } => None,
        }
    }
}
