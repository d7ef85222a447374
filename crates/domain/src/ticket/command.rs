//! What can be asked of a ticket, in what context, and every lawful no.

use super::{
    AgentSession, ApprovalState, Asked, BlockCode, ChangeKind, EndClass, EndHow, Evidence, Figures,
    FindingAnswer, Head, MessageKind, MessageState, NewFinding, PacketRef, Purpose, Ran, Report,
    Seen, VerdictWord, VoidCode,
};
use crate::doc::DeathDoc;
use crate::ids::{
    ApprovalId, AttemptId, Commit, Digest, Epoch, FindingId, GateId, MessageId, RoleId, RuntimeId,
    TicketKey, Timestamp,
};
use crate::principal::{Contributor, Identity, Principal};
use crate::rules::{Independence, Priority, Rules};
use crate::sessions::Warm;

/// What a command is decided in: who asks, when, and under which rules.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// When.
    pub now: Timestamp,
    /// Who, as authenticated.
    pub by: &'a Principal,
    /// The project's rules in force.
    pub rules: &'a Rules,
    /// Whether this home was made by the demo, and so accepts its scripted person.
    pub demo: bool,
    /// A number from 0 to 1 that spreads retries.
    pub jitter: f64,
    /// The first wait before a retry, in milliseconds; each further one is twice as long.
    pub retry_base_ms: u64,
}

/// The first wait before a retry: 10 s, doubled each time, up to 5 minutes.
pub const RETRY_BASE_MS: u64 = 10_000;

/// What Mission Control saw when it looked at a delivery, or ran a gate of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The newest commit, and how it differs from the one known before.
    pub head: Option<(Head, ChangeKind)>,
    /// Who had a hand in the commits between base and head.
    pub contributors: Vec<Contributor>,
    /// The packet as sealed.
    pub packet: PacketRef,
    /// Required evidence that is not there, each in words.
    pub missing: Vec<String>,
    /// What the controller found: refuted claims and failed checks.
    pub findings: Vec<NewFinding>,
    /// Answers to earlier findings.
    pub answers: Vec<FindingAnswer>,
    /// Why the machine must not go on alone, if it must not.
    pub block: Option<(BlockCode, String)>,
    /// Why a person must decide before this lands, whatever the workflow says.
    pub ask_person: Option<String>,
}

/// A request to change a ticket. It may be refused.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of the events, and named alike")]
pub enum Command {
    /// Change its words, labels or links.
    Edit {
        title: Option<String>,
        body: Option<String>,
        priority: Option<Priority>,
        labels: Option<Vec<String>>,
        add_blockers: Vec<TicketKey>,
        remove_blockers: Vec<TicketKey>,
        not_before: Option<Option<Timestamp>>,
        /// Tells whoever works it, where what it asks for changes.
        message: Option<MessageId>,
    },
    /// Set it aside.
    Park,
    /// Take it up again.
    Unpark,
    /// End it.
    Cancel { reason: String },
    /// Replace it by others.
    Supersede { by: Vec<TicketKey> },
    /// Take it up after its end.
    Reopen,
    /// Give the active gate of a blocked ticket fresh attempts and one more round, or land again.
    Retry { reason: String },
    /// Write something for the record.
    Comment { text: String },
    /// Decide on a gate: the named one, else the active one.
    Judge {
        gate: Option<GateId>,
        verdict: VerdictWord,
        reason: String,
        findings: Vec<NewFinding>,
        /// The packet that the person had before their eyes.
        seen: Option<Digest>,
        /// How many verdicts the gate had then.
        judged: Option<usize>,
    },
    /// Take the last verdict on a gate back.
    Withdraw { gate: Option<GateId> },
    /// Answer the open question.
    Answer { text: String, id: MessageId },
    /// Write to whoever works the ticket.
    Say { text: String, to: Option<RoleId>, kind: MessageKind, id: MessageId },
    /// Take a queued message of a person back; `left` names the lane at work that was asked for it and has it no more.
    WithdrawMessage { id: MessageId, left: Option<AttemptId> },

    /// Take the ticket for a lane.
    Claim {
        attempt: AttemptId,
        gate: GateId,
        role: RoleId,
        runtime: RuntimeId,
        identity: Option<Identity>,
        model: Option<String>,
        purpose: Purpose,
        principal: Principal,
        /// How it comes to its session, where its runtime keeps some.
        warm: Option<Box<Warm>>,
    },
    /// Record `number` of the attempt's journal, from 1; repeats have no effect. [`IN_NO_JOURNAL`] for what came another way.
    Record { attempt: AttemptId, epoch: Epoch, number: u64, record: LaneRecord },
    /// Permit a guarded command, once.
    Approve { approval: ApprovalId },
    /// Refuse a guarded command; `message` tells the lane.
    Deny { approval: ApprovalId, reason: String, message: MessageId },
    /// The approved command is about to run, in this place: what is there, or why it cannot run.
    BeginApproved {
        approval: ApprovalId,
        place: Result<Seen, (VoidCode, String)>,
        message: MessageId,
    },
    /// The approved command ran.
    EndApproved { approval: ApprovalId, ran: Box<Ran>, message: MessageId },
    /// Whoever ran the approved command is gone.
    LoseApproved { approval: ApprovalId },
    /// Nobody answered in time.
    ExpireApproval { approval: ApprovalId, message: MessageId },

    /// A person takes the session of a live attempt over; whoever held it before does so no longer.
    TakeOver { attempt: AttemptId },
    /// The session of an attempt is the agent's alone again.
    GiveBack { attempt: AttemptId },
    /// The recording of an attempt's output was kept.
    KeepRecording { attempt: AttemptId, recording: Digest },
    /// End an attempt that cannot speak for itself.
    EndAttempt { attempt: AttemptId, epoch: Epoch, class: EndClass, summary: String },
    /// The private working copy was made.
    MakeWorkspace { branch: String, base: Commit },
    /// The private working copy was removed.
    RemoveWorkspace { kept: Option<String> },
    /// Another commit was fetched outside a delivery.
    ObserveHead { head: Head, change: ChangeKind, contributors: Vec<Contributor> },
    /// Somebody left work in the private working copy without delivering it.
    Credit { contributors: Vec<Contributor> },
    /// What was seen of a delivery.
    Seal { attempt: AttemptId, seen: Box<Observation> },
    /// What a gate of the controller's own came to, on the commit it was run for.
    Check { gate: GateId, on: Option<Commit>, seen: Box<Observation> },
    /// Mission Control could not look, or could not run a check.
    FailToRun { gate: GateId, cause: String },
    /// No runtime is independent enough for a deciding role.
    HandOver { gate: GateId, why: String },
    /// The default branch holds the work.
    RecordLanding { commit: Commit },
    /// The tip of the default branch is no longer what was tested.
    MoveBase { base: Commit },
    /// Landing met something that a person must resolve.
    BlockLanding { code: BlockCode, text: String },

    /// A ticket it waits for ended. One that was superseded hands the wait over to those of `by` that do not wait for
    /// this ticket themselves.
    Release { blocker: TicketKey, how: EndHow, by: Vec<TicketKey> },
    /// The moment it waits for came.
    Wake,
    /// A campaign got a child.
    AddChild { child: TicketKey },
    /// A campaign's child ended.
    EndChild { child: TicketKey, how: EndHow },
    /// A campaign's child was reopened.
    ReopenChild { child: TicketKey },
    /// An operator rule lets a blocked ticket go on, once per cause.
    Correct { rule: String, cause: String },
    /// All its gates passed: let it be done.
    Finish,
    /// Messages that nobody can take any more.
    GiveUpMessages { ids: Vec<MessageId>, why: String },
}

/// The number of what a lane says past its journal: it takes none of the journal's numbers, and whoever sends it twice says
/// it twice.
pub const IN_NO_JOURNAL: u64 = 0;

/// One record of an attempt's journal.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of the events, and named alike")]
pub enum LaneRecord {
    /// The process runs.
    Began { pid: u32, tmux: Option<String> },
    /// A turn began with these messages in it.
    Delivered { ids: Vec<MessageId> },
    /// Messages were put into the turn that runs.
    Joined { ids: Vec<MessageId> },
    /// The turn that runs is over; `well` when the agent came to its end or was interrupted. The figures are of the attempt up to now.
    TurnOver { well: bool, figures: Figures },
    /// The agent's program has a session.
    Session(Box<AgentSession>),
    /// Something was handed in.
    Evidence(Box<Evidence>),
    /// A guarded command is to be run, if a person permits it.
    Approval(Box<Asked>),
    /// Somebody began to work in the program's own screen.
    TookOver,
    /// Whoever took the session over typed into it.
    Typed { by: Principal },
    /// What they began there is over.
    GaveBack,
    /// Bounds that its machine did not enforce, in words.
    Unheld(Vec<String>),
    /// The agent said how far it is.
    Report(Report),
    /// The process is over.
    Exited { class: EndClass, summary: String, death: Option<Box<DeathDoc>> },
}

/// A lawful "no": the command was understood, and nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its variant means")]
pub enum Rejection {
    #[error("only a person may do this; `{0}` is none. Sign in, or ask somebody who is signed in")]
    NotAPerson(Principal),
    #[error("only Mission Control itself may do this, not `{0}`")]
    NotTheController(Principal),
    #[error("the ticket has ended. `mission ticket reopen` takes it up again")]
    Ended,
    #[error("the ticket has not ended, so it cannot be reopened")]
    NotEnded,
    #[error("the ticket is parked already")]
    AlreadyParked,
    #[error("the ticket is not parked")]
    NotParked,
    #[error("a campaign is never dispatched; its children are")]
    IsACampaign,
    #[error(
        "every ticket of the campaign has ended: reopen one of them or file another with it as parent, and it goes on; or cancel it"
    )]
    NoOpenChildren,
    #[error("only a campaign has children")]
    NotACampaign,
    #[error("the ticket is {0}, so no lane may take it")]
    NotDispatchable(&'static str),
    #[error("`{0}` is at work already; a ticket has at most one live attempt")]
    AttemptLive(AttemptId),
    #[error("gate `{0}` is not the one that is open now")]
    GateNotOpen(GateId),
    #[error("the workflow has no gate `{0}`")]
    UnknownGate(GateId),
    #[error("no gate is open")]
    NoOpenGate,
    #[error("gate `{gate}` is worked by `{worker}`, not by `{role}`")]
    WrongRole { gate: GateId, worker: String, role: RoleId },
    #[error("gate `{gate}` waits until {until} before its next attempt")]
    TooEarly { gate: GateId, until: Timestamp },
    #[error("attempt `{0}` does not hold the lease; another claim has been made since")]
    StaleEpoch(AttemptId),
    #[error("attempt `{0}` is over")]
    AttemptOver(AttemptId),
    #[error(
        "`{0}` has no session here that could be taken over: nothing runs yet, or it runs elsewhere"
    )]
    NothingToTakeOver(AttemptId),
    #[error("the ticket has no attempt `{0}`")]
    UnknownAttempt(AttemptId),
    #[error("`{attempt}` is the work of `{of}`, so only they may speak in it, not `{by}`")]
    NotYourAttempt { attempt: AttemptId, of: Principal, by: Principal },
    #[error("`{by}` cannot judge its own work on gate `{gate}`; somebody else must{}", ways_on(.by, .gate))]
    OwnWork { by: Principal, gate: GateId },
    #[error(
        "`{by}` is not independent enough of `{of}` for gate `{gate}`: `{needed}` is required. Configure another runtime, or let a person decide"
    )]
    NotIndependent { by: Principal, of: Principal, gate: GateId, needed: Independence },
    #[error("gate `{gate}` is decided by {decider} now, not by `{by}`")]
    NotTheDecider { gate: GateId, decider: String, by: Principal },
    #[error("gate `{0}` has no packet to decide on yet")]
    NoPacket(GateId),
    #[error("the packet changed since you looked: it is `{0}` now. Look again before you decide")]
    PacketChanged(Digest),
    #[error("gate `{0}` was decided while you looked at it. Look again before you decide")]
    DecidedMeanwhile(GateId),
    #[error("a `{0}` needs a reason")]
    ReasonMissing(&'static str),
    #[error("this role may say `pass` or `changes`, not `{0}`")]
    VerdictNotAllowed(VerdictWord),
    #[error("gate `{0}` has no verdict of yours that can still be taken back")]
    NothingToWithdraw(GateId),
    #[error("there is no approval `{0}` on this ticket")]
    UnknownApproval(ApprovalId),
    #[error("`{approval}` is {state} already; a command that is still needed is asked for anew")]
    ApprovalClosed { approval: ApprovalId, state: ApprovalState },
    #[error("`{approval}` expired at {at}; the lane must ask anew")]
    ApprovalTooLate { approval: ApprovalId, at: Timestamp },
    #[error("no question is open")]
    NoQuestion,
    #[error("the ticket has no message `{0}`. `mission inbox KEY` lists those that it has")]
    UnknownMessage(MessageId),
    #[error(
        "`{0}` was not said by a person: answers, findings, and what tells of a change, stay in the queue, since the work goes on by \
         them. Say with `mission say` what holds besides"
    )]
    NothingSaid(MessageId),
    #[error(
        "`{0}` was delivered before it could be taken back: the lane has it. Say with `mission say` what holds instead"
    )]
    MessageDelivered(MessageId),
    #[error(
        "`{message}` is {state} already, so no lane gets it; there is nothing left to take back"
    )]
    MessageOver { message: MessageId, state: MessageState },
    #[error(
        "`{message}` stands in the brief of `{attempt}`, which has begun, so it cannot be taken back. Say with `mission say` what \
         holds instead"
    )]
    MessageInBrief { message: MessageId, attempt: AttemptId },
    #[error(
        "`{attempt}` is at work and may hold `{message}` already, and it did not say that it lets go of it: nothing was taken back, and \
         the message stays queued. Look at `mission inbox KEY` in a moment, and try again where it is still queued"
    )]
    MessageHeld { message: MessageId, attempt: AttemptId },
    #[error("the ticket is not blocked; `mission ticket why` says what holds it")]
    NotBlocked,
    #[error("the text is empty")]
    EmptyText,
    #[error(
        "the text has {0} bytes; at most {1} are kept. Put the rest in a file of the repository"
    )]
    TextTooLong(usize, usize),
    #[error(
        "this has {0} bytes, and at most {most} of one thing that is said are kept with a ticket; nothing was kept. Say it shorter, \
         and hand the rest in as a file: `mission report evidence file FILE`",
        most = super::MOST_SAID
    )]
    SaidTooMuch(usize),
    #[error("`{0}` waits for this ticket already, so the two would wait for each other for ever")]
    Cycle(TicketKey),
    #[error(
        "a ticket cannot wait for, belong to, or be replaced by itself, nor by one that it replaces"
    )]
    Itself,
    #[error("there is no ticket `{0}`")]
    UnknownTicket(TicketKey),
    #[error("`{0}` is no workflow of this project; `mission workflow show` lists them")]
    UnknownWorkflow(String),
    #[error("gate `{0}` of a campaign must be decided by the controller or a person")]
    CampaignGate(GateId),
    #[error("finding `{0}` is not open on this gate")]
    UnknownFinding(FindingId),
    #[error("the check was run for a commit that is no longer the head; it is run again")]
    OtherCommit,
    #[error("not every required gate holds a fresh sign-off, so nothing lands")]
    NotReadyToLand,
    #[error("rule `{rule}` has acted on this cause already: {cause}")]
    AlreadyCorrected { rule: String, cause: String },
    #[error("`scripted` speaks for nobody here: this home was not made by the demo")]
    NoScriptHere,
}

/// Says how it goes on where a person may not judge their own work.
fn ways_on(by: &Principal, gate: &GateId) -> String {
    if !by.is_person() {
        return String::new();
    }
    format!(
        ". Where nobody else is there, `mission token new NAME --role operator --person` lets another person in, or \
         `mission gate waive KEY {gate} --reason TEXT` takes the requirement away, which is shown as a waiver and not as a sign-off"
    )
}

impl Rejection {
    /// Returns the stable code that documents and logs carry.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAPerson(_) => "not_a_person",
            Self::NotTheController(_) => "not_the_controller",
            Self::Ended => "ended",
            Self::NotEnded => "not_ended",
            Self::AlreadyParked => "already_parked",
            Self::NotParked => "not_parked",
            Self::IsACampaign => "is_a_campaign",
            Self::NoOpenChildren => "no_open_children",
            Self::NotACampaign => "not_a_campaign",
            Self::NotDispatchable(_) => "not_dispatchable",
            Self::AttemptLive(_) => "attempt_live",
            Self::GateNotOpen(_) => "gate_not_open",
            Self::UnknownGate(_) => "unknown_gate",
            Self::NoOpenGate => "no_open_gate",
            Self::WrongRole { .. } => "wrong_role",
            Self::TooEarly { .. } => "too_early",
            Self::StaleEpoch(_) => "stale_epoch",
            Self::AttemptOver(_) => "attempt_over",
            Self::NothingToTakeOver(_) => "nothing_to_take_over",
            Self::UnknownAttempt(_) => "unknown_attempt",
            Self::NotYourAttempt { .. } => "not_your_attempt",
            Self::OwnWork { .. } => "own_work",
            Self::NotIndependent { .. } => "not_independent",
            Self::NotTheDecider { .. } => "not_the_decider",
            Self::NoPacket(_) => "no_packet",
            Self::PacketChanged(_) => "packet_changed",
            Self::DecidedMeanwhile(_) => "conflict",
            Self::ReasonMissing(_) => "reason_missing",
            Self::VerdictNotAllowed(_) => "verdict_not_allowed",
            Self::NothingToWithdraw(_) => "nothing_to_withdraw",
            Self::UnknownApproval(_) => "unknown_approval",
            Self::ApprovalClosed { .. } => "approval_closed",
            Self::ApprovalTooLate { .. } => "approval_expired",
            Self::NoQuestion => "no_question",
            Self::UnknownMessage(_) => "unknown_message",
            Self::NothingSaid(_) => "nothing_said",
            Self::MessageDelivered(_) => "message_delivered",
            Self::MessageOver { .. } => "message_over",
            Self::MessageInBrief { .. } => "message_in_brief",
            Self::MessageHeld { .. } => "message_held",
            Self::NotBlocked => "not_blocked",
            Self::EmptyText => "empty_text",
            Self::TextTooLong(..) => "text_too_long",
            Self::SaidTooMuch(_) => "said_too_much",
            Self::Cycle(_) => "cycle",
            Self::Itself => "itself",
            Self::UnknownTicket(_) => "unknown_ticket",
            Self::UnknownWorkflow(_) => "unknown_workflow",
            Self::CampaignGate(_) => "campaign_gate",
            Self::UnknownFinding(_) => "unknown_finding",
            Self::OtherCommit => "other_commit",
            Self::NotReadyToLand => "not_ready_to_land",
            Self::AlreadyCorrected { .. } => "already_corrected",
            Self::NoScriptHere => "no_script_here",
        }
    }
}
