//! Work goes back to an earlier gate, and a verdict is taken back.

use super::super::{Finding, FindingState, NewFinding, Stage, Ticket, VerdictWord};
use super::on_gate;
use crate::ids::{FindingId, GateId};
use crate::principal::Principal;

pub(super) fn send_back(
    ticket: &mut Ticket,
    from: &GateId,
    to: &GateId,
    by: &Principal,
    findings: Vec<(FindingId, NewFinding)>,
) {
    ticket.findings.extend(findings.into_iter().map(|(id, what)| Finding {
        id,
        gate: from.clone(),
        owed_by: to.clone(),
        principal: by.clone(),
        what,
        state: FindingState::Open,
        answer: None,
    }));
    on_gate(ticket, from, |gate| {
        gate.stage = Stage::ChangesRequested;
        gate.used = 0;
        gate.round += 1;
        gate.handed_over = None;
    });
    if from != to {
        on_gate(ticket, to, |gate| {
            gate.stage = Stage::Pending;
            gate.used = 0;
            gate.round += 1;
            gate.retry_at = None;
            gate.retire(false);
        });
    }
}

/// Takes the last verdict on `id` back, and the sending back with it where that was one.
pub(super) fn withdraw(ticket: &mut Ticket, id: &GateId) {
    let Some(gate) = ticket.gates.iter_mut().find(|it| it.rule.id == *id) else { return };
    let Some(signoff) = gate.signoffs.last_mut() else { return };
    signoff.fresh = false;
    let (was_changes, by) = (signoff.verdict == VerdictWord::Changes, signoff.principal.clone());
    let was_waived = signoff.verdict == VerdictWord::Waive;
    let to = gate.rule.sends_back_to.clone();
    gate.round -= u32::from(was_changes && gate.round > 1);
    gate.stage = match gate.next_decider() {
        // What a waiver covered may never have been delivered, so there is nothing to decide on.
        _ if was_waived => Stage::Pending,
        Some(next) => Stage::Deciding { next, attempt: None },
        None => Stage::Passed,
    };
    if !was_changes {
        return;
    }
    let is_taken_back =
        |it: &Finding| it.gate == *id && it.principal == by && it.state == FindingState::Open;
    ticket.findings.retain(|it| !is_taken_back(it));
    if to != *id {
        on_gate(ticket, &to, |gate| {
            gate.round -= 1;
            let packet = gate.packet.as_ref().map(|it| it.digest.clone());
            for signoff in &mut gate.signoffs {
                signoff.fresh |= signoff.packet == packet && signoff.verdict == VerdictWord::Pass;
            }
            gate.stage = Stage::Passed;
        });
    }
}
