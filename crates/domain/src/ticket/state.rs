//! Where a ticket is, why, what happens next and who owes it: derived, never set.

use super::{BlockCode, EndHow, Gate, Kind, Purpose, Stage, Ticket};
use crate::ids::{AttemptId, GateId, RoleId, Timestamp};
use crate::rules::{Decider, Worker, words};

words!(
    /// The state word that every door shows.
    State {
        /// Set aside on purpose.
        Parked = "parked",
        /// On named tickets, or on a time.
        Waiting = "waiting",
        /// Ready, in its lane's queue.
        Todo = "todo",
        /// An attempt holds the lease, or the controller's own checks run.
        Active = "active",
        /// Only a verdict of a person is missing.
        InReview = "in_review",
        /// A question is open.
        NeedsInput = "needs_input",
        /// The machine must not go on alone.
        Blocked = "blocked",
        /// Its gates passed.
        Done = "done",
        /// Somebody ended it.
        Cancelled = "cancelled",
        /// Something else replaced it.
        Superseded = "superseded",
    }
);

/// What Mission Control itself owes a ticket next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owed {
    /// Nothing: somebody else owes it, or it has ended.
    Nothing,
    /// A lane is to work or judge the gate.
    Dispatch {
        /// The gate.
        gate: GateId,
        /// The role.
        role: RoleId,
        /// What the attempt is for.
        purpose: Purpose,
    },
    /// The same, not before a moment.
    RetryAt(Timestamp),
    /// A delivery is to be looked at.
    Observe {
        /// The attempt that delivered.
        attempt: AttemptId,
    },
    /// A gate of the controller's own is to be run.
    Check {
        /// The gate.
        gate: GateId,
    },
    /// The work is to be landed.
    Land,
    /// All is passed: the ticket is to be finished.
    Finish,
}

/// Who owes the next action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Any person, or the one who is named.
    Person(Option<String>),
    /// A role's lane.
    Role(RoleId),
    /// Mission Control.
    Controller,
    /// Another ticket's end.
    Tickets,
    /// The clock.
    Time(Timestamp),
    /// Nobody: it has ended.
    Nobody,
}

/// State, reason, next action and owner of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Situation {
    /// The state.
    pub state: State,
    /// A stable code.
    pub code: &'static str,
    /// The reason in one sentence.
    pub reason: String,
    /// The next action, starting with a verb; empty once it has ended.
    pub next: String,
    /// Who owes it.
    pub owner: Owner,
}

impl Ticket {
    /// Returns what decides whether somebody else owes the next action than before.
    pub(super) fn standing(&self) -> (State, Option<GateId>, Option<usize>) {
        let gate = self.active_gate();
        let next = gate.and_then(|it| match it.stage {
            Stage::Deciding { next, .. } => Some(next),
            Stage::Working { .. } | Stage::Observing { .. } => Some(usize::MAX),
            Stage::Pending
            | Stage::Passed
            | Stage::Waived
            | Stage::ChangesRequested
            | Stage::Failed
            | Stage::Stale { .. }
            | Stage::CouldNotRun { .. } => None,
        });
        (self.state(), gate.map(|it| it.rule.id.clone()), next)
    }

    /// Returns whether it waits for a ticket, a moment, or its children.
    pub fn is_waiting(&self) -> bool {
        self.blockers.values().any(Option::is_none)
            || self.not_before.is_some()
            || (self.kind == Kind::Campaign && self.has_open_children())
    }

    /// Returns the state: the first that holds, in the order of the glossary.
    pub fn state(&self) -> State {
        if let Some(ended) = &self.ended {
            return match ended.how {
                EndHow::Done => State::Done,
                EndHow::Cancelled => State::Cancelled,
                EndHow::Superseded => State::Superseded,
            };
        }
        if self.parked.is_some() {
            State::Parked
        } else if self.is_waiting() {
            State::Waiting
        } else if self.question.is_some() {
            State::NeedsInput
        } else if self.blocked.is_some() {
            State::Blocked
        } else {
            self.moving_state()
        }
    }

    fn moving_state(&self) -> State {
        if self.live_attempt().is_some() {
            return State::Active;
        }
        match self.owed_when_free() {
            Owed::Observe { .. } | Owed::Check { .. } | Owed::Land | Owed::Finish => State::Active,
            Owed::Dispatch { .. } | Owed::RetryAt(_) => State::Todo,
            Owed::Nothing => State::InReview,
        }
    }

    /// Returns what Mission Control owes it at `now`.
    pub fn owed(&self, now: Timestamp) -> Owed {
        if self.live_attempt().is_some() {
            return Owed::Nothing;
        }
        match self.state() {
            State::Active | State::Todo => match self.owed_when_free() {
                Owed::RetryAt(at) if at <= now => self.dispatch_of_active_gate(),
                owed @ (Owed::Nothing
                | Owed::Dispatch { .. }
                | Owed::RetryAt(_)
                | Owed::Observe { .. }
                | Owed::Check { .. }
                | Owed::Land
                | Owed::Finish) => owed,
            },
            State::Parked
            | State::Waiting
            | State::InReview
            | State::NeedsInput
            | State::Blocked
            | State::Done
            | State::Cancelled
            | State::Superseded => Owed::Nothing,
        }
    }

    fn owed_when_free(&self) -> Owed {
        let Some(gate) = self.active_gate() else {
            return match self.kind {
                Kind::Task if self.lands() && self.landed_as.is_none() => Owed::Land,
                Kind::Task | Kind::Campaign => Owed::Finish,
            };
        };
        if let Stage::Observing { attempt } = gate.stage {
            return Owed::Observe { attempt };
        }
        match self.dispatch_of_active_gate() {
            Owed::Dispatch { .. } if gate.retry_at.is_some() => {
                gate.retry_at.map_or(Owed::Nothing, Owed::RetryAt)
            }
            owed @ (Owed::Nothing
            | Owed::Dispatch { .. }
            | Owed::RetryAt(_)
            | Owed::Observe { .. }
            | Owed::Check { .. }
            | Owed::Land
            | Owed::Finish) => owed,
        }
    }

    fn dispatch_of_active_gate(&self) -> Owed {
        let Some(gate) = self.active_gate() else { return Owed::Nothing };
        let id = gate.rule.id.clone();
        match (&gate.stage, &gate.rule.worker) {
            (Stage::Deciding { next, attempt: None }, _) => match gate.decider(*next) {
                Some(Decider::Role(_)) if gate.handed_over.is_some() => Owed::Nothing,
                Some(Decider::Role(role)) => {
                    Owed::Dispatch { gate: id, role: role.clone(), purpose: Purpose::Judge }
                }
                Some(Decider::Controller) => Owed::Check { gate: id },
                Some(Decider::Person(_)) | None => Owed::Nothing,
            },
            _ if gate.needs_work() && self.kind == Kind::Campaign => self.campaign_owed(gate),
            (_, Worker::Controller) if gate.needs_work() => Owed::Check { gate: id },
            (_, Worker::Role(role)) if gate.needs_work() => {
                let is_review = !gate.rule.judges.is_empty();
                let purpose = if is_review { Purpose::Review } else { Purpose::Deliver };
                Owed::Dispatch { gate: id, role: role.clone(), purpose }
            }
            (
                Stage::Pending
                | Stage::Working { .. }
                | Stage::Observing { .. }
                | Stage::Deciding { .. }
                | Stage::Passed
                | Stage::Waived
                | Stage::ChangesRequested
                | Stage::Failed
                | Stage::Stale { .. }
                | Stage::CouldNotRun { .. },
                Worker::Controller | Worker::Role(_),
            ) => Owed::Nothing,
        }
    }

    /// A campaign's gates are decided, never worked: nobody is sent.
    fn campaign_owed(&self, gate: &Gate) -> Owed {
        match gate.next_decider().and_then(|next| gate.decider(next)) {
            Some(Decider::Controller) => Owed::Check { gate: gate.rule.id.clone() },
            Some(Decider::Person(_) | Decider::Role(_)) | None => Owed::Nothing,
        }
    }

    /// Returns whether its work lands: only a workflow with `final_validation` does.
    pub fn lands(&self) -> bool {
        let final_gate = |it: &Gate| it.rule.id.as_str() == crate::rules::FINAL_VALIDATION;
        self.land != crate::rules::LandMode::Never && self.gates.iter().any(final_gate)
    }

    /// Returns state, reason, next action and owner.
    pub fn situation(&self) -> Situation {
        let state = self.state();
        match state {
            State::Done | State::Cancelled | State::Superseded => self.ended_situation(state),
            State::Parked => Situation {
                state,
                code: "parked",
                reason: "set aside on purpose; nothing dispatches or releases it".into(),
                next: "unpark it when it should go on".into(),
                owner: Owner::Person(None),
            },
            State::Waiting => self.waiting_situation(),
            State::NeedsInput => {
                let question = self.question.as_ref().map_or("", |it| it.text.as_str());
                Situation {
                    state,
                    code: "question_open",
                    reason: format!("an agent asks: {question}"),
                    next: "answer the question".into(),
                    owner: Owner::Person(None),
                }
            }
            State::Blocked => self.blocked_situation(),
            State::Active | State::Todo | State::InReview => self.moving_situation(state),
        }
    }

    fn ended_situation(&self, state: State) -> Situation {
        let ended = self.ended.as_ref();
        let by = ended.map(|it| it.by.iter().map(ToString::to_string).collect::<Vec<_>>());
        let reason = match (&self.landed_as, ended.map(|it| it.reason.as_str())) {
            _ if by.as_ref().is_some_and(|by| !by.is_empty()) => {
                format!("replaced by {}", by.unwrap_or_default().join(", "))
            }
            (Some(commit), _) => format!("landed as {}", commit.short()),
            (None, Some(reason)) if !reason.is_empty() => reason.to_owned(),
            (None, _) => "every required gate passed".into(),
        };
        Situation { state, code: state.as_str(), reason, next: String::new(), owner: Owner::Nobody }
    }

    fn waiting_situation(&self) -> Situation {
        let state = State::Waiting;
        let open: Vec<String> =
            self.blockers.iter().filter(|it| it.1.is_none()).map(|it| it.0.to_string()).collect();
        if !open.is_empty() {
            let reason = format!("waits for {}", open.join(", "));
            let next = format!("finish {}", open.join(", "));
            return Situation { state, code: "blocked_by", reason, next, owner: Owner::Tickets };
        }
        if let Some(at) = self.not_before {
            let reason = format!("waits until {at}");
            let (next, owner) = ("start when the time comes".into(), Owner::Time(at));
            return Situation { state, code: "not_before", reason, next, owner };
        }
        if self.children.is_empty() {
            let reason = "a campaign without tickets".into();
            let next = "add tickets to the campaign".into();
            let owner = Owner::Person(None);
            return Situation { state, code: "no_children", reason, next, owner };
        }
        let open = self.children.values().filter(|it| it.is_none()).count();
        let reason = format!("{open} of {} tickets are open", self.children.len());
        let next = "finish its tickets".into();
        Situation { state, code: "children_open", reason, next, owner: Owner::Tickets }
    }

    fn blocked_situation(&self) -> Situation {
        let state = State::Blocked;
        let code = self.blocked.as_ref().map_or(BlockCode::Failed, |it| it.code);
        let reason = self.blocked.as_ref().map_or_else(String::new, |it| it.text.clone());
        let next = match code {
            BlockCode::LandBlocked => "clear the way, then land it now",
            BlockCode::MergeConflict => "resolve the conflict, then retry",
            BlockCode::PreExisting => "mend the base and retry, or waive the gate",
            BlockCode::CouldNotRun => "mend the cause, then retry",
            BlockCode::CampaignFailed => "reopen or add tickets, or cancel the campaign",
            BlockCode::BlockerLost => "drop the blocker, or cancel the ticket",
            BlockCode::AttemptsUsedUp | BlockCode::RoundsUsedUp | BlockCode::Failed => {
                "retry, park, or cancel"
            }
        };
        Situation {
            state,
            code: code.as_str(),
            reason,
            next: next.into(),
            owner: Owner::Person(None),
        }
    }

    fn moving_situation(&self, state: State) -> Situation {
        let Some(gate) = self.active_gate() else {
            let (code, reason) = ("landing", "every gate passed; the work lands".into());
            let next = "land the tested commit".into();
            return Situation { state, code, reason, next, owner: Owner::Controller };
        };
        let id = &gate.rule.id;
        if let Some(attempt) = self.live_attempt() {
            let reason = format!("{} works {id} through {}", attempt.role, attempt.runtime);
            let next = deed(attempt.purpose, id);
            let person = attempt.runtime.as_str() == crate::rules::Driver::Person.as_str();
            let role = Owner::Role(attempt.role.clone());
            let owner = if person { Owner::Person(None) } else { role };
            return Situation { state, code: "gate_active", reason, next, owner };
        }
        match self.owed_when_free() {
            Owed::Observe { .. } => Situation {
                state,
                code: "observing",
                reason: format!("{id} was delivered; Mission Control looks at what is there"),
                next: format!("check the evidence of {id}"),
                owner: Owner::Controller,
            },
            Owed::Check { .. } | Owed::Land | Owed::Finish => Situation {
                state,
                code: "checking",
                reason: format!("Mission Control runs {id}"),
                next: format!("run the checks of {id}"),
                owner: Owner::Controller,
            },
            Owed::Dispatch { role, purpose, .. } => Situation {
                state,
                code: if matches!(gate.stage, Stage::Stale { .. }) { "stale" } else { "queued" },
                reason: queued_reason(gate, &role),
                next: deed(purpose, id),
                owner: Owner::Role(role),
            },
            Owed::RetryAt(at) => Situation {
                state,
                code: "retry_wait",
                reason: format!(
                    "attempt {} of {} of {id} comes at {}",
                    gate.used + 1,
                    crate::rules::ATTEMPTS_PER_ROUND,
                    at.strftime("%H:%M:%S")
                ),
                next: format!("try {id} again"),
                owner: Owner::Time(at),
            },
            Owed::Nothing => review_situation(gate),
        }
    }
}

fn queued_reason(gate: &Gate, role: &RoleId) -> String {
    let id = &gate.rule.id;
    match &gate.stage {
        Stage::Stale { change } => {
            format!("{id} went stale: {} changed after the sign-off", change.as_str())
        }
        Stage::ChangesRequested => format!("{id} asked for changes; {role} looks again"),
        Stage::Pending
        | Stage::Working { .. }
        | Stage::Observing { .. }
        | Stage::Deciding { .. }
        | Stage::Passed
        | Stage::Waived
        | Stage::Failed
        | Stage::CouldNotRun { .. } => format!("{role} is next, for {id}"),
    }
}

fn deed(purpose: Purpose, gate: &GateId) -> String {
    match purpose {
        Purpose::Deliver => format!("deliver {gate}"),
        Purpose::Review => format!("review for {gate}"),
        Purpose::Judge => format!("decide on {gate}"),
    }
}

fn review_situation(gate: &Gate) -> Situation {
    let id = &gate.rule.id;
    let name = match gate.next_decider().and_then(|next| gate.decider(next)) {
        Some(Decider::Person(name)) => name.clone(),
        Some(Decider::Controller | Decider::Role(_)) | None => None,
    };
    let (code, reason) = match &gate.handed_over {
        Some(why) => ("no_independent_runtime", format!("{id} waits for a person: {why}")),
        None => ("awaiting_person", format!("{id} waits for a person's verdict")),
    };
    let next = format!("sign off {id}, or request changes");
    Situation { state: State::InReview, code, reason, next, owner: Owner::Person(name) }
}
