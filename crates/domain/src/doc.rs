//! The documents that every door shows: API, pages and command line render these and nothing else.
//! Their field names are fixed by the contract; fields may be added, and never change meaning.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{TicketKey, Timestamp, Version};

/// One ticket as the outside sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketDoc {
    /// Its key, like `MC-7`.
    pub key: String,
    /// The key of its project.
    pub project: String,
    /// What the work is, in one line.
    pub title: String,
    /// The whole request, as Markdown.
    #[serde(default)]
    pub body: String,
    /// `task` or `campaign`.
    pub kind: String,
    /// One of the ten state words.
    pub state: String,
    /// Why it is in this state.
    pub reason: ReasonDoc,
    /// What happens next, and who owes it; nothing once the ticket has ended.
    pub next_action: Option<NextActionDoc>,
    /// `urgent`, `high`, `medium` or `low`.
    pub priority: String,
    /// Free labels; `visual` and `user_facing` make conditional gates required.
    pub labels: Vec<String>,
    /// The workflow's name.
    pub workflow: String,
    /// The campaign it belongs to.
    pub parent: Option<String>,
    /// The tickets a campaign is made of.
    pub children: Vec<String>,
    /// The tickets it still waits for.
    pub blocked_by: Vec<String>,
    /// The moment before which it is not dispatched.
    #[serde(default)]
    pub not_before: Option<Timestamp>,
    /// What replaced it.
    #[serde(default)]
    pub superseded_by: Vec<String>,
    /// Where it came from.
    pub source: SourceDoc,
    /// Its private working copy; nothing before the first attempt needed one.
    pub workspace: Option<WorkspaceDoc>,
    /// The commit on the default branch that holds the work.
    pub landed_as: Option<String>,
    /// Its gates in order.
    pub gates: Vec<GateDoc>,
    /// The open question, if any.
    #[serde(default)]
    pub question: Option<QuestionDoc>,
    /// Findings of reviews and of the controller, with their answers.
    #[serde(default)]
    pub findings: Vec<FindingDoc>,
    /// Requests for a person's approval, oldest first.
    #[serde(default)]
    pub approvals: Vec<ApprovalDoc>,
    /// When it was filed.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
    /// How many events it has had.
    pub version: Version,
}

/// A typed reason and the same in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonDoc {
    /// A stable code, like `gate_active`.
    pub code: String,
    /// One sentence for a person.
    pub text: String,
}

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextActionDoc {
    /// One sentence that starts with a verb, like `review the diff`.
    pub what: String,
    /// Who owes it.
    pub who: WhoDoc,
    /// Since when it has been owed.
    pub since: Timestamp,
}

/// Somebody who can owe an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoDoc {
    /// `person`, `role`, `controller`, `operator` or `ticket`.
    pub kind: String,
    /// The name; `anyone` for any person.
    pub name: String,
}

/// Where a ticket came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceDoc {
    /// `cli`, `page`, `api` or `schedule`.
    pub channel: String,
    /// Who filed it.
    pub principal: String,
}

/// A ticket's private working copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceDoc {
    /// Its branch, like `mc/7`.
    pub branch: String,
    /// The last commit that Mission Control fetched from it.
    pub head: Option<String>,
    /// The commit it started from.
    pub base: String,
    /// Whether uncommitted changes were seen at the last look.
    pub dirty: bool,
    /// Whether the folder is still there.
    #[serde(default)]
    pub present: bool,
}

/// One gate of a ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateDoc {
    /// The gate's id, like `qa_review`.
    pub id: String,
    /// The role that works it, or `controller`.
    pub role: String,
    /// One of the nine outcome words.
    pub state: String,
    /// The runtime that works or last worked it.
    pub runtime: Option<String>,
    /// Whether this ticket must pass it.
    pub required: bool,
    /// `always`, `visual` or `user_facing`.
    #[serde(default)]
    pub when: String,
    /// Who decides, in order.
    #[serde(default)]
    pub decided_by: Vec<String>,
    /// The evidence kinds it requires.
    #[serde(default)]
    pub requires: Vec<String>,
    /// The round, from 1.
    pub round: u32,
    /// How many attempts of this round are used up, and how many there are.
    #[serde(default)]
    pub attempts_used: u32,
    /// The live attempt, else the last one.
    pub attempt: Option<String>,
    /// The newest packet.
    pub packet: Option<PacketRefDoc>,
    /// The deciding verdict, if there is one.
    pub signoff: Option<SignoffDoc>,
    /// All verdicts of this gate, oldest first.
    #[serde(default)]
    pub signoffs: Vec<SignoffDoc>,
    /// Why it could not run, was blocked, or went stale.
    #[serde(default)]
    pub note: Option<String>,
}

/// A packet by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketRefDoc {
    /// `sha256:…` of the packet.
    pub digest: String,
    /// The commit it is about; research packets have none.
    pub commit: Option<String>,
    /// `verified`, `refuted`, `partial` or `claimed`.
    pub status: String,
}

/// A verdict as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignoffDoc {
    /// `pass`, `changes`, `fail` or `waive`.
    pub verdict: String,
    /// Who gave it.
    pub principal: String,
    /// The commit it was given on.
    pub commit: Option<String>,
    /// The packet it was given on.
    pub packet: Option<String>,
    /// Whether it still holds for what is there now.
    pub fresh: bool,
    /// What the lanes at work could have broken: `discouraged, not prevented: …`; nothing where all was enforced.
    #[serde(default)]
    pub held: Option<String>,
    /// The reason given with it.
    #[serde(default)]
    pub reason: String,
    /// The level of independence that was checked: `principal`, `runtime`, `model_family`, or nothing.
    #[serde(default)]
    pub independence: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// A question an agent asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionDoc {
    /// The attempt that asked.
    pub attempt: String,
    /// The gate it was working.
    pub gate: String,
    /// The question.
    pub text: String,
    /// When it was asked.
    pub at: Timestamp,
}

/// One request for a person's permission to run a guarded command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalDoc {
    /// Like `P-31.4`.
    pub id: String,
    /// The ticket's key.
    pub ticket: String,
    /// The attempt that asked.
    pub attempt: String,
    /// The gate it worked.
    pub gate: String,
    /// Who asked.
    pub by: String,
    /// The exact words of the command.
    pub argv: Vec<String>,
    /// The same as one line, quoted as a shell would read it.
    pub command: String,
    /// Where it runs.
    pub cwd: String,
    /// The commit that was checked out there.
    pub commit: Option<String>,
    /// The tree of all that was there, uncommitted changes included.
    pub tree: Option<String>,
    /// The artifact with the difference, as a text.
    pub diff: Option<String>,
    /// `push`, `deploy`, `restart` or `other`, as far as its words tell.
    pub effect: String,
    /// `requested`, `approved`, `running`, `run`, `denied`, `expired` or `void`.
    pub state: String,
    /// How often the same was asked for.
    pub count: u32,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// After this moment nobody can approve it.
    pub expires_at: Timestamp,
    /// Who answered.
    pub answered_by: Option<String>,
    /// When.
    pub answered_at: Option<Timestamp>,
    /// Why, where a reason was given.
    pub reason: Option<String>,
    /// Why it is void, as a stable code like `commit_changed`.
    pub code: Option<String>,
    /// Why it is void, or what is not known of it.
    pub note: Option<String>,
    /// The exit code of the command, once it ran.
    pub exit_code: Option<i32>,
    /// How it ended, in words.
    pub ended: Option<String>,
    /// The artifact with what it printed.
    pub output: Option<String>,
    /// When it had run.
    pub ran_at: Option<Timestamp>,
}

/// Something a review or the controller found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingDoc {
    /// Like `F-1`.
    pub id: String,
    /// The gate whose decider found it.
    pub gate: String,
    /// The file, if it is about one.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// What was found.
    pub text: String,
    /// Who found it.
    pub principal: String,
    /// `open`, `fixed` or `disputed`.
    pub state: String,
    /// The answer's text.
    pub answer: Option<String>,
}

/// One attempt as the outside sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptDoc {
    /// Like `A-31`.
    pub id: String,
    /// The ticket's key.
    pub ticket: String,
    /// The gate's id.
    pub gate: String,
    /// The gate's round.
    pub round: u32,
    /// The role at work.
    pub role: String,
    /// The runtime that ran it.
    pub runtime: String,
    /// The model, where the configuration names one.
    pub model: Option<String>,
    /// The fencing number of its lease.
    pub epoch: u64,
    /// `starting`, `idle`, `busy`, `awaiting_approval`, `ended` or `unknown`.
    pub state: String,
    /// Where the state was read: `protocol`, `hook`, `process` or `screen`.
    pub state_source: String,
    /// The agent's process id.
    pub pid: Option<u32>,
    /// The tmux target, like `mc-MC-7:A-31`.
    pub tmux: Option<String>,
    /// When it was claimed.
    pub started_at: Timestamp,
    /// When it last showed progress.
    pub last_progress_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub terminal: Option<TerminalDoc>,
    /// How its process died, where it did.
    pub death: Option<DeathDoc>,
    /// The person who took its session over and has not given it back, as a principal.
    #[serde(default)]
    pub held_by: Option<String>,
    /// The digest of what it printed, as asciicast v2, once it is over.
    #[serde(default)]
    pub recording: Option<String>,
    /// How it came to its session, where it has one or is to have one.
    #[serde(default)]
    pub session: Option<SessionDoc>,
    /// What it used.
    pub usage: UsageDoc,
}

/// The session of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionDoc {
    /// The program's own id of it, once it told.
    pub id: Option<String>,
    /// Whether the program went on with an earlier one; nothing while it has not told.
    pub resumed: Option<bool>,
    /// The attempt that was in it before, where the lane carried it over, like `A-31`.
    pub from: Option<String>,
    /// What that one worked on.
    pub from_ticket: Option<String>,
    /// Whether the lane keeps sessions from ticket to ticket.
    pub kept: bool,
    /// How it came to it, in words.
    pub text: String,
}

/// The terminal record of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalDoc {
    /// `reported`, `asked`, `died`, `refused`, `stopped`, `expired`.
    pub status: String,
    /// One sentence.
    pub summary: String,
    /// A typed cause, like `crashed` or `none`.
    pub root_cause: String,
    /// Whether the same attempt may simply be tried again.
    pub safe_retry: bool,
    /// What ended it.
    pub stop_condition: String,
    /// Whether a person must act before it can go on.
    pub human_input_required: bool,
    /// What can be done now.
    pub next_actions: Vec<String>,
    /// Digests of what it left.
    pub artifacts: Vec<String>,
}

/// The death report of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeathDoc {
    /// The exit code, if it exited.
    pub exit_code: Option<i32>,
    /// The signal's name, if one ended it.
    pub signal: Option<String>,
    /// `yes`, `likely`, `no`, or `unknown` with the reason.
    pub oom: String,
    /// Peak memory in bytes.
    pub max_rss_bytes: Option<u64>,
    /// The last tool call seen, or why none could be seen.
    pub last_tool: Option<String>,
    /// The last output, at most 2 KiB.
    pub last_output: String,
    /// Processes that were left over and ended.
    pub orphans: Vec<String>,
}

/// What an attempt used. Unknown is nothing, never zero.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct UsageDoc {
    /// Tokens in and out.
    pub tokens: Option<u64>,
    /// Cost in US dollars.
    pub cost_usd: Option<f64>,
    /// Wall time in seconds.
    pub wall_s: Option<f64>,
}

/// One message as the outside sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageDoc {
    /// Like `M-12`.
    pub id: String,
    /// The ticket's key.
    pub ticket: String,
    /// Who sent it.
    #[serde(default)]
    pub from: String,
    /// The role or person it is for.
    pub to: String,
    /// `brief`, `instruction`, `answer` or `findings`.
    pub kind: String,
    /// The text.
    pub body: String,
    /// `queued`, `delivered`, `processed`, `withdrawn` or `undeliverable`.
    pub state: String,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// When a turn took it.
    pub delivered_at: Option<Timestamp>,
    /// When that turn ended.
    pub processed_at: Option<Timestamp>,
    /// The attempt that took it.
    pub attempt: Option<String>,
    /// How often the same text was sent while it was queued.
    pub count: u32,
    /// Why it cannot be delivered.
    #[serde(default)]
    pub why: Option<String>,
}

/// One event of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventDoc {
    /// Its place in the home's log, from 1, without gaps.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The project, or nothing for the home's own chain.
    pub project: Option<String>,
    /// The ticket, if it is about one.
    pub ticket: Option<String>,
    /// The ticket's version after it.
    pub version: Option<Version>,
    /// What kind of event, like `attempt_started`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who caused it.
    pub principal: String,
    /// The attempt it belongs to.
    pub attempt: Option<String>,
    /// That attempt's fencing number.
    pub epoch: Option<u64>,
    /// What happened.
    pub body: Value,
    /// The hash of the event before it in its chain; the first has 64 zeros.
    pub prev: String,
    /// The hash of this event over `prev` and its content.
    pub hash: String,
}

/// One project of the home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectDoc {
    /// Its key.
    pub key: String,
    /// Where its repository is.
    pub path: String,
    /// The branch that work lands on.
    pub default_branch: String,
    /// The default workflow.
    pub workflow: String,
    /// The commands that are always re-run.
    pub checks: Vec<String>,
    /// Whether a person agreed to run its commands.
    pub trusted: bool,
    /// The digest of the rules in force.
    pub policy_digest: String,
    /// What is wrong with the newest `mission.toml`, while the last good one stays in force.
    pub config_problem: Option<String>,
    /// Something a person should know, for instance that a working copy's file is not in force.
    pub notice: Option<String>,
}

/// One lane: a role at work in the home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneDoc {
    /// The role.
    pub role: String,
    /// The project.
    pub project: String,
    /// `idle`, `busy`, `paused`, or `no_runtime`.
    pub state: String,
    /// How many attempts may run at once.
    pub slots: u32,
    /// The attempts that run.
    pub attempts: Vec<String>,
    /// How many tickets wait for it.
    pub queued: u32,
    /// Its runtimes in order of preference, with their health.
    pub runtimes: Vec<RuntimeDoc>,
    /// What holds it, in words.
    pub note: Option<String>,
}

/// One budget, and how much of it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetDoc {
    /// Whose: `MC`, `MC/coder`, or the ticket's key.
    pub scope: String,
    /// `day`, `lane` or `ticket`.
    pub kind: String,
    /// `free`, `nearly_spent` or `spent`.
    pub state: String,
    /// How much is used, of the measure of which most is.
    pub percent: u64,
    /// What was used of what, in words.
    pub text: String,
    /// What it cannot count, since programs do not tell it.
    pub unknown: Option<String>,
    /// When its day ends; nothing for a ticket's.
    pub until: Option<Timestamp>,
}

/// One schedule, with its last run and its next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleDoc {
    /// Its project.
    pub project: String,
    /// Its name there.
    pub name: String,
    /// When it is due, as a cron line.
    pub cron: String,
    /// The zone on whose clocks that is read.
    pub time_zone: String,
    /// The title of the ticket that it files.
    pub title: String,
    /// When it is due next.
    pub next: Option<Timestamp>,
    /// When it was due last; nothing where it never was.
    pub last: Option<Timestamp>,
    /// Whether that run stood for runs that were missed.
    pub caught_up: bool,
    /// Why that run filed no ticket; nothing where it did.
    pub skipped: Option<String>,
    /// The ticket that it filed last.
    pub ticket: Option<String>,
}

/// What a program told of its version, and how that stands to the one that is tested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionDoc {
    /// Its own words.
    pub told: String,
    /// The version in them; nothing where they hold none.
    pub number: Option<String>,
    /// Whether that is the tested one; nothing for a program that is none of those that are tested.
    pub is_tested: Option<bool>,
    /// The version that is tested.
    pub tested: Option<String>,
    /// What it means that it is another one.
    pub note: Option<String>,
    /// How to get the tested one.
    pub fix: Option<String>,
    /// The attempt that it told so, where one did.
    pub attempt: Option<String>,
    /// When that attempt began.
    pub at: Option<Timestamp>,
}

/// Why a runtime cannot work now, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TroubleDoc {
    /// `not_found`, or how the attempt ended that opened its breaker, like `auth` or `forked`.
    pub kind: String,
    /// What is the matter.
    pub what: String,
    /// Since when, as far as that is known: nobody looks while no server runs.
    pub since: Option<Timestamp>,
    /// What to do.
    pub fix: String,
}

/// One configured runtime and its breaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeDoc {
    /// Its name.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// The command it starts.
    pub command: Vec<String>,
    /// The model, if named.
    pub model: Option<String>,
    /// `closed`, `open` or `half_open`.
    pub breaker: String,
    /// Why the breaker is open, and until when.
    pub note: Option<String>,
    /// Whether the program was found; `null` is unknown.
    pub found: Option<bool>,
    /// Where the setting comes from: a file and line, or `built-in`.
    pub from: String,
    /// What no budget can count of it, since its program does not tell it; nothing where it tells all.
    #[serde(default)]
    pub untold: Option<String>,
    /// What its driver is made to do with it. `mission doctor` says what was seen of that.
    #[serde(default)]
    pub declared: Vec<String>,
    /// What its program last told a lane of its version; nothing while it told none.
    #[serde(default)]
    pub version: Option<VersionDoc>,
    /// Why it cannot work now.
    #[serde(default)]
    pub trouble: Option<TroubleDoc>,
    /// When its breaker lets one attempt try again.
    #[serde(default)]
    pub trial: Option<Timestamp>,
}

/// One decision that waits for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NeedsYouDoc {
    /// `signoff`, `question`, `approval`, `blocked`, `work`, `notice`.
    pub kind: String,
    /// What has to be decided, as one sentence.
    pub what: String,
    /// Why it stands where it stands in the list.
    pub rank_reason: String,
    /// How many tickets it holds up.
    pub holds_up: u32,
    /// Which those are, so that several decisions can be told how many they hold up together; not told to others.
    #[serde(skip)]
    pub held: Vec<TicketKey>,
    /// The ticket, whole.
    pub ticket: TicketDoc,
    /// The question's text, the plan, or the story of the block.
    pub detail: String,
    /// For a sign-off, the people who had a hand in the work, so that it is not theirs to give.
    #[serde(default)]
    pub not_by: Vec<String>,
    /// Whether this home knows nobody else who could give it.
    #[serde(default)]
    pub nobody_else: bool,
    /// For a lane that stands still, the runtimes of which one has to be mended.
    #[serde(default)]
    pub runtimes: Vec<String>,
}

/// One thing the operator did by a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorActDoc {
    /// Like `O-4`.
    pub id: String,
    /// The rule, like `lost-attempt`.
    pub rule: String,
    /// The ticket, if it is about one.
    pub ticket: Option<String>,
    /// What it saw; the same cause fires once.
    pub cause: String,
    /// What it did, in words.
    pub did: String,
    /// When.
    pub at: Timestamp,
    /// Whether it was undone.
    pub undone: bool,
    /// Whether it can be undone.
    pub undoable: bool,
}
