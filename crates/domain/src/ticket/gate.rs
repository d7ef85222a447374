//! One gate of one ticket: where it is, what was delivered, who said what of it.

use serde::{Deserialize, Serialize};

use crate::ids::{AttemptId, Commit, Digest, Timestamp, Tree};
use crate::principal::Principal;
use crate::rules::{Decider, GateRule, Independence, StaleOn, Worker, words};

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
        /// The default branch: it no longer holds what the work is based on.
        Base = "base",
        /// The request: what the ticket asks for in its title and text.
        Request = "request",
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
    /// Why a person must decide whatever the workflow says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
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
    /// The digest of its signed envelope; packets from before signing have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<Digest>,
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
    /// The request that it was given on, title and text; a sign-off from before that was noted has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Digest>,
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
    /// What those whose work it is about could have broken: only discouraged, not prevented.
    #[serde(default)]
    pub unheld: Vec<String>,
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

    /// Returns the first decider who has not passed what is there now.
    pub fn next_decider(&self) -> Option<usize> {
        let has_passed = |index: usize| {
            let is_fresh = |it: &SignOff| it.fresh || crate::mutants::is_removed("freshness");
            let passes = |it: &SignOff| it.decider == index && it.verdict == VerdictWord::Pass;
            self.signoffs.iter().any(|it| passes(it) && is_fresh(it))
        };
        (0..self.rule.decided_by.len()).find(|index| !has_passed(*index))
    }

    /// Returns the decider at `next`.
    pub fn decider(&self, next: usize) -> Option<&Decider> {
        self.rule.decided_by.get(next)
    }

    /// Returns the last verdict that was given, and still holds.
    pub fn last_signoff(&self) -> Option<&SignOff> {
        self.signoffs.iter().rev().find(|it| it.fresh).or(self.signoffs.last())
    }

    /// Opens a passed gate again where a decider was added who has not spoken.
    pub(super) fn ask_who_is_missing(&mut self) {
        if self.stage == Stage::Passed && self.next_decider().is_some() {
            self.stage = if self.packet.is_some() { self.deciding() } else { Stage::Pending };
        }
    }

    /// Takes in a sealed packet: the deciders have something to decide on.
    pub(super) fn seal(&mut self, packet: PacketRef) {
        self.packet = Some(packet);
        self.missing.clear();
        let is_new_round = self.stage == Stage::ChangesRequested;
        self.retire(self.rule.worker == Worker::Controller && !is_new_round);
        let is_waived = self.signoffs.iter().any(|it| it.fresh && it.verdict == VerdictWord::Waive);
        // A person's waiver holds over another base; only what was looked at is new.
        self.stage = if is_waived { Stage::Waived } else { self.deciding() };
    }

    /// Takes in that a delivery lacked something.
    pub(super) fn refuse(&mut self, missing: Vec<String>, retry_at: Option<Timestamp>) {
        self.missing = missing;
        self.used += 1;
        self.retry_at = retry_at;
        // Who decides on a delivery loses the attempt, not the delivery.
        if !matches!(self.stage, Stage::Deciding { .. }) {
            self.stage = Stage::Pending;
        }
    }

    /// Puts the decision into a person's hands.
    pub(super) fn hand_over(&mut self, why: String) {
        self.handed_over = Some(why);
        if !matches!(self.stage, Stage::Deciding { .. }) {
            // Nobody delivered for what is there now: the person decides on the head.
            self.packet = None;
        }
        self.stage = self.deciding();
    }

    /// Adds a person to those who decide, where none is among them. That only grows.
    pub(super) fn ask_person(&mut self, why: String) {
        self.asked = Some(why);
        if !self.rule.decided_by.iter().any(|it| matches!(it, Decider::Person(_))) {
            self.rule.decided_by.push(Decider::Person(None));
            self.ask_who_is_missing();
        }
    }

    fn deciding(&self) -> Stage {
        Stage::Deciding { next: self.next_decider().unwrap_or(0), attempt: None }
    }

    /// Lets earlier verdicts hold no longer; `machine_only` leaves those of people and lanes.
    pub(super) fn retire(&mut self, machine_only: bool) {
        for signoff in &mut self.signoffs {
            let is_machine = signoff.principal == Principal::Controller;
            signoff.fresh &= machine_only && !is_machine;
        }
    }

    pub(super) fn judge(&mut self, signoff: SignOff) {
        let verdict = signoff.verdict;
        self.signoffs.push(signoff);
        self.stage = match verdict {
            VerdictWord::Waive => Stage::Waived,
            VerdictWord::Changes => Stage::ChangesRequested,
            VerdictWord::Fail => Stage::Failed,
            VerdictWord::Pass => match self.next_decider() {
                None => Stage::Passed,
                Some(next) => Stage::Deciding { next, attempt: None },
            },
        };
    }

    pub(super) fn go_stale(&mut self, change: ChangeKind) {
        let machine_only = self.rule.worker == Worker::Controller
            && self.rule.stale_on != StaleOn::Any
            && match change {
                ChangeKind::TrivialRebase | ChangeKind::NoCodeChange | ChangeKind::Packet => true,
                ChangeKind::Code | ChangeKind::Policy | ChangeKind::Base | ChangeKind::Request => {
                    false
                }
            };
        self.retire(machine_only);
        self.used = 0;
        self.retry_at = None;
        self.handed_over = None;
        self.stage = Stage::Stale { change };
    }

    pub(super) fn refresh(&mut self) {
        self.used = 0;
        self.extra_rounds += 1;
        self.retry_at = None;
    }

    /// Returns the commit that its last fresh verdict was given on.
    pub fn signed_commit(&self) -> Option<&Commit> {
        self.signoffs.iter().rev().find(|it| it.fresh).and_then(|it| it.commit.as_ref())
    }
}
