//! Where a ticket is, why, what happens next and who owes it: derived, never set.

use super::{EndHow, Gate, Kind, Purpose, Stage, Ticket};
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
        self.held_state().unwrap_or_else(|| self.moving_state())
    }

    /// Returns the state of a ticket that Mission Control cannot move on, whatever its gates say.
    fn held_state(&self) -> Option<State> {
        if let Some(ended) = &self.ended {
            return Some(match ended.how {
                EndHow::Done => State::Done,
                EndHow::Cancelled => State::Cancelled,
                EndHow::Superseded => State::Superseded,
            });
        }
        if self.parked.is_some() {
            Some(State::Parked)
        } else if self.is_waiting() {
            Some(State::Waiting)
        } else if self.question.is_some() || self.open_approval().is_some() {
            Some(State::NeedsInput)
        } else if self.blocked.is_some() {
            Some(State::Blocked)
        } else {
            None
        }
    }

    fn moving_state(&self) -> State {
        if self.live_attempt().is_some() || self.command_under_way().is_some() {
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
        // What is neither held nor at work is owed what its gate is: the plan asks this of every ticket there is. What a
        // person saw and approved must not change before it has run.
        let is_at_work = self.live_attempt().is_some() || self.command_under_way().is_some();
        if self.held_state().is_some() || is_at_work {
            return Owed::Nothing;
        }
        match self.owed_when_free() {
            Owed::RetryAt(at) if at <= now => self.dispatch_of_active_gate(),
            owed @ (Owed::Nothing
            | Owed::Dispatch { .. }
            | Owed::RetryAt(_)
            | Owed::Observe { .. }
            | Owed::Check { .. }
            | Owed::Land
            | Owed::Finish) => owed,
        }
    }

    pub(super) fn owed_when_free(&self) -> Owed {
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
}
