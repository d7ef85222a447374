//! A lane takes a gate, and lets go of it.

use super::super::{Attempt, Claimed, EndClass, Figures, Stage, Ticket};
use super::on_gate;
use crate::ids::{AttemptId, Timestamp};

pub(super) fn claim(ticket: &mut Ticket, claimed: Claimed, at: Timestamp) {
    ticket.epoch = claimed.epoch;
    let id = claimed.attempt;
    let round = ticket.gate(&claimed.gate).map_or(1, |it| it.round);
    let head = ticket.head.as_ref().map(|it| it.commit.clone());
    on_gate(ticket, &claimed.gate, |gate| {
        gate.retry_at = None;
        gate.stage = match gate.stage {
            Stage::Deciding { next, .. } => Stage::Deciding { next, attempt: Some(id) },
            Stage::Pending
            | Stage::Working { .. }
            | Stage::Observing { .. }
            | Stage::Passed
            | Stage::Waived
            | Stage::ChangesRequested
            | Stage::Failed
            | Stage::Stale { .. }
            | Stage::CouldNotRun { .. } => Stage::Working { attempt: id },
        };
    });
    ticket.attempts.push(Attempt {
        id,
        gate: claimed.gate,
        round,
        role: claimed.role,
        runtime: claimed.runtime,
        identity: claimed.identity,
        model: claimed.model,
        principal: claimed.principal,
        purpose: claimed.purpose,
        epoch: claimed.epoch,
        started_at: at,
        head,
        process: None,
        last_record: 0,
        turn: 0,
        reported: 0,
        reported_at: None,
        by_person: claimed.by_person,
        unheld: Vec::new(),
        people: Vec::new(),
        held_by: None,
        recording: None,
        session: None,
        warm: claimed.warm,
        was_taken_over: false,
        figures: Figures::default(),
        is_waiting: false,
        report: None,
        evidence: Vec::new(),
        end: None,
    });
}

/// Takes the gate out of the attempt's hands.
pub(super) fn leave_attempt(
    ticket: &mut Ticket,
    id: AttemptId,
    class: EndClass,
    retry: Option<Timestamp>,
) {
    let Some(gate) = ticket.attempt(id).map(|it| it.gate.clone()) else { return };
    on_gate(ticket, &gate, |gate| {
        gate.used += u32::from(class.costs_an_attempt());
        gate.retry_at = retry;
        gate.stage = match std::mem::replace(&mut gate.stage, Stage::Pending) {
            Stage::Working { attempt } if attempt == id => match class {
                EndClass::Reported => Stage::Observing { attempt },
                EndClass::Asked
                | EndClass::Stopped
                | EndClass::BudgetSpent
                | EndClass::SpawnFailed
                | EndClass::Crashed
                | EndClass::OomKilled
                | EndClass::Stalled
                | EndClass::TimedOut
                | EndClass::NoReport
                | EndClass::Lost
                | EndClass::Incomplete
                | EndClass::Forked
                | EndClass::Auth
                | EndClass::Quota
                | EndClass::ProviderDown => Stage::Pending,
            },
            Stage::Deciding { next, attempt } if attempt == Some(id) => {
                Stage::Deciding { next, attempt: None }
            }
            elsewhere @ (Stage::Pending
            | Stage::Working { .. }
            | Stage::Observing { .. }
            | Stage::Deciding { .. }
            | Stage::Passed
            | Stage::Waived
            | Stage::ChangesRequested
            | Stage::Failed
            | Stage::Stale { .. }
            | Stage::CouldNotRun { .. }) => elsewhere,
        };
    });
}
