//! The state in words: why, what happens next, and who owes it.

use super::{BlockCode, ChangeKind, Gate, Owed, Purpose, Stage, State, Ticket};
use crate::ids::{RoleId, Timestamp};
use crate::rules::Decider;
use crate::told;

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
    /// Returns state, reason, next action and owner.
    pub fn situation(&self) -> Situation {
        let state = self.state();
        let mut situation = self.situation_in(state);
        let matters = matches!(state, State::InReview | State::Todo | State::Active);
        if let Some(told) = self.told_request_change().filter(|_| matters) {
            situation.reason = format!("{}; {told}", situation.reason);
        }
        situation
    }

    fn situation_in(&self, state: State) -> Situation {
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
            State::NeedsInput if self.question.is_none() => self.approval_situation(),
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

    fn approval_situation(&self) -> Situation {
        let open = self.open_approval();
        let what = open.map_or_else(String::new, |it| {
            let by = told::principal(&it.by.to_string());
            format!("{by} asks to run `{}`", it.line())
        });
        let id = open.map_or_else(String::new, |it| it.id.to_string());
        Situation {
            state: State::NeedsInput,
            code: "approval_open",
            reason: what,
            next: format!("approve or deny {id}"),
            owner: Owner::Person(None),
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
            BlockCode::BudgetSpent => "retry to allow as much again, park, or cancel",
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
        if let Some(command) = self.command_under_way().filter(|_| self.live_attempt().is_none()) {
            let reason = format!("Mission Control runs `{}`, as a person approved", command.line());
            let next = format!("run what {} permits", command.id);
            let (code, owner) = ("approved_command", Owner::Controller);
            return Situation { state, code, reason, next, owner };
        }
        let Some(gate) = self.active_gate() else {
            let (code, reason) = ("landing", "every gate passed; the work lands".into());
            let next = "land the tested commit".into();
            return Situation { state, code, reason, next, owner: Owner::Controller };
        };
        let id = told::gate(gate.rule.id.as_str());
        if let Some(attempt) = self.live_attempt() {
            let reason = format!("{} works {id} through {}", attempt.role, attempt.runtime);
            let next = deed(attempt.purpose, &id);
            let person = attempt.is_persons();
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
                next: deed(purpose, &id),
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
            Owed::Nothing => self.review_situation(gate),
        }
    }
}

fn queued_reason(gate: &Gate, role: &RoleId) -> String {
    let id = told::gate(gate.rule.id.as_str());
    match &gate.stage {
        Stage::Stale { change: ChangeKind::Base } => format!(
            "{id} went stale: the default branch no longer holds what the work is based on, and landing would bring it back"
        ),
        Stage::Stale { change: ChangeKind::Request } => {
            format!("{id} went stale: the request changed after the sign-off")
        }
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

fn deed(purpose: Purpose, gate: &str) -> String {
    match purpose {
        Purpose::Deliver => format!("deliver {gate}"),
        Purpose::Review => format!("review for {gate}"),
        Purpose::Judge => format!("decide on {gate}"),
    }
}

impl Ticket {
    fn review_situation(&self, gate: &Gate) -> Situation {
        let id = told::gate(gate.rule.id.as_str());
        let name = match gate.next_decider().and_then(|next| gate.decider(next)) {
            Some(Decider::Person(name)) => name.clone(),
            Some(Decider::Controller | Decider::Role(_)) | None => None,
        };
        let (code, mut reason) = match (&gate.handed_over, &gate.asked) {
            (Some(why), _) => ("no_independent_runtime", format!("{id} waits for a person: {why}")),
            (None, Some(why)) => {
                ("awaiting_person", format!("{id} waits for a person's verdict: {why}"))
            }
            (None, None) => ("awaiting_person", format!("{id} waits for a person's verdict")),
        };
        let authors = self.people_who_worked(&gate.rule.id);
        let authors: Vec<_> = authors.iter().map(|it| told::principal(&it.to_string())).collect();
        let next = if authors.is_empty() {
            format!("sign off {id}, or request changes")
        } else {
            let authors = authors.join(" and ");
            reason = format!(
                "{reason}; {authors} had a hand in the work, so somebody else must sign it off, or it is waived with a reason"
            );
            format!("sign off {id} as somebody other than {authors}, or request changes")
        };
        Situation { state: State::InReview, code, reason, next, owner: Owner::Person(name) }
    }
}
