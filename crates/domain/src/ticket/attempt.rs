//! One run of a lane on a gate: what it is for, what it handed in and said, how it ended.

use serde::{Deserialize, Serialize};

use super::{FindingAnswer, NewFinding, VerdictWord};
use crate::ids::{AttemptId, Commit, Digest, Epoch, GateId, RoleId, RuntimeId, Timestamp};
use crate::principal::{Contributor, Identity, Principal};
use crate::rules::{Driver, EvidenceKind, words};
use crate::sessions::Warm;

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
        /// It used up its own limit of tokens or cost, or its ticket's budget.
        BudgetSpent = "budget_spent",
        /// The time limit ran out.
        TimedOut = "timed_out",
        /// It ended with exit code 0 and said nothing.
        NoReport = "no_report",
        /// Its shim or its lease was lost.
        Lost = "lost",
        /// What it delivered lacks required evidence.
        Incomplete = "incomplete",
        /// Its command started the agent and ended without waiting for it.
        Forked = "forked",
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
            | Self::BudgetSpent
            | Self::Forked
            | Self::Auth
            | Self::Quota
            | Self::ProviderDown => false,
        }
    }

    /// Returns whether the runtime is at fault, which opens its breaker.
    pub fn is_runtime_fault(self) -> bool {
        match self {
            Self::Forked | Self::Auth | Self::Quota | Self::ProviderDown => true,
            Self::Reported
            | Self::Asked
            | Self::Stopped
            | Self::BudgetSpent
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

    /// Returns whether the turn before it came to its own end, and so has taken in what it was given.
    pub fn ends_a_turn_well(self) -> bool {
        match self {
            Self::Reported | Self::Asked | Self::NoReport | Self::Incomplete => true,
            Self::Stopped
            | Self::BudgetSpent
            | Self::SpawnFailed
            | Self::Crashed
            | Self::OomKilled
            | Self::Stalled
            | Self::TimedOut
            | Self::Lost
            | Self::Forked
            | Self::Auth
            | Self::Quota
            | Self::ProviderDown => false,
        }
    }

    /// Returns whether a worker died.
    pub fn is_death(self) -> bool {
        self.costs_an_attempt() && self != Self::Incomplete && self != Self::NoReport
    }
}

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

/// The session that an agent's program keeps, as it tells: a later attempt of the same runtime can go on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSession {
    /// The program's own id of it.
    pub id: String,
    /// The program and its version.
    pub program: String,
    /// The model that it asks.
    pub model: Option<String>,
    /// Whether it was begun by an earlier attempt.
    pub resumed: bool,
}

/// What an attempt used up to now, as its program tells. What it does not tell is nothing, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Tokens in and out.
    pub tokens: Option<u64>,
    /// Cost in millionths of a dollar.
    pub cost_micros: Option<u64>,
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
    /// The number of the record that its last turn began with.
    #[serde(default)]
    pub turn: u64,
    /// The number of the record of its last report.
    #[serde(default)]
    pub reported: u64,
    /// When that was.
    #[serde(default)]
    pub reported_at: Option<Timestamp>,
    /// Whether a person works it, through a page or a command line.
    #[serde(default)]
    pub by_person: bool,
    /// What it was asked to keep to and could have broken: each bound that its machine did not enforce, in words.
    #[serde(default)]
    pub unheld: Vec<String>,
    /// The people who spoke or typed in it, the last one last.
    #[serde(default)]
    pub people: Vec<Principal>,
    /// The person who took its session over and has not given it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<Principal>,
    /// What it printed, with its times, once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<Digest>,
    /// The session of its program, where that tells one.
    #[serde(default)]
    pub session: Option<AgentSession>,
    /// How it comes to its session, where its runtime keeps some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<Box<Warm>>,
    /// Whether anybody took its session over, be it in the program's own screen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_taken_over: bool,
    /// What it used up to its last turn's end.
    #[serde(default)]
    pub figures: Figures,
    /// Whether its last turn is over, and it waits for another one.
    #[serde(default)]
    pub is_waiting: bool,
    /// What it reported.
    pub report: Option<Report>,
    /// What it handed in.
    pub evidence: Vec<Evidence>,
    /// How it ended.
    pub end: Option<AttemptEnd>,
}

impl Attempt {
    /// Notes that a turn began with record `record`.
    pub(super) fn begin_turn(&mut self, record: u64) {
        self.turn = record;
        self.is_waiting = false;
    }

    /// Notes that the turn is over, and what the attempt used up to now.
    pub(super) fn turn_over(&mut self, figures: Figures) {
        self.is_waiting = true;
        self.figures = figures;
    }

    /// Returns whether it still holds the lease.
    pub fn is_live(&self) -> bool {
        self.end.is_none()
    }

    /// Returns whether a person works it: it has no expiry, limit or slot.
    pub fn is_persons(&self) -> bool {
        self.by_person || self.runtime.as_str() == Driver::Person.as_str()
    }

    /// Returns whether a process of ours works it, which shows that it lives: neither people nor a lane elsewhere have one.
    pub fn runs_here(&self) -> bool {
        matches!(self.principal, Principal::Lane { .. }) && !self.is_persons()
    }

    /// Returns whether `by` may speak in it: the lane itself, or any person where people work it.
    pub fn is_spoken_by(&self, by: &Principal) -> bool {
        *by == self.principal || (self.is_persons() && by.is_person())
    }

    /// Returns who did its work: the people who spoke in it where people work it, else the lane with those who took it over.
    pub fn workers(&self) -> Vec<Contributor> {
        let of = |it: &Principal| Contributor { principal: it.clone(), identity: None };
        let people = self.people.iter().map(of);
        if self.is_persons() && !self.people.is_empty() {
            return people.collect();
        }
        let (principal, identity) = (self.principal.clone(), self.identity.clone());
        [Contributor { principal, identity }].into_iter().chain(people).collect()
    }

    /// Returns what it could have broken, in words: work elsewhere is held by nobody here.
    pub fn unheld(&self) -> Vec<String> {
        match self.principal {
            Principal::External(_) => {
                vec!["its work happens where nothing of ours holds it".into()]
            }
            Principal::Person(_)
            | Principal::Scripted
            | Principal::Lane { .. }
            | Principal::Controller => self.unheld.clone(),
        }
    }

    /// Remembers that `by` spoke in it.
    pub(super) fn hear(&mut self, by: &Principal) {
        if self.is_persons() && by.is_person() {
            self.people.retain(|it| it != by);
            self.people.push(by.clone());
        }
    }

    /// Lets a person have its session. What it makes is theirs too once they type, or at once where that is not noted.
    pub(super) fn hand_to(&mut self, by: Option<Principal>, typing_is_noted: bool) {
        self.was_taken_over = true;
        // Who sits at the program's own screen is not known by name, and the session is not held for them.
        let Some(by) = by else { return };
        if !typing_is_noted {
            self.share_with(by.clone());
        }
        self.held_by = Some(by);
    }

    /// Counts a person among those who did its work.
    pub(super) fn share_with(&mut self, by: Principal) {
        self.people.retain(|it| *it != by);
        self.people.push(by);
    }

    /// Returns whether a turn began after its report: what that turn took is not answered by the report.
    pub(super) fn has_turn_after_report(&self) -> bool {
        self.report.is_some() && self.turn > self.reported
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
    /// Whether its own shim told of it, after a turn that came to its end: its program is gone then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_itself: bool,
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
