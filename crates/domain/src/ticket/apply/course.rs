//! How a ticket begins, ends, comes back, and comes under other rules.

use super::super::{EndHow, Ended, Gate, Kind, Opened, Stage, Stamp, Ticket};
use crate::ids::{Digest, TicketKey, Timestamp};
use crate::rules::{GateRule, LandMode};

/// Returns the ticket as it was filed.
pub(in crate::ticket) fn opening(opened: &Opened, stamp: &Stamp) -> Ticket {
    let Opened {
        key, title, body, kind, priority, labels, workflow, child_workflow, policy, ..
    } = opened.clone();
    Ticket {
        key,
        title,
        body,
        kind,
        priority,
        labels,
        workflow,
        child_workflow,
        policy,
        land: opened.land,
        rules: opened.rules.clone(),
        source: (opened.channel.clone(), stamp.by.clone()),
        parent: opened.parent.clone(),
        blockers: opened.blocked_by.iter().map(|it| (it.clone(), None)).collect(),
        children: std::collections::BTreeMap::new(),
        not_before: opened.not_before,
        parked: opened.parked.then_some(stamp.at),
        question: None,
        blocked: None,
        ended: None,
        gates: opened.gates.iter().map(|(rule, required)| fresh_gate(rule, *required)).collect(),
        attempts: Vec::new(),
        epoch: crate::ids::Epoch(0),
        approvals: Vec::new(),
        messages: Vec::new(),
        findings: Vec::new(),
        head: None,
        contributors: Vec::new(),
        workspace: None,
        landed_as: None,
        landed_before: None,
        request_changed: None,
        corrected: Vec::new(),
        grants: 0,
        is_warned: false,
        created_at: stamp.at,
        updated_at: stamp.at,
        since: stamp.at,
    }
}

pub(super) fn fresh_gate(rule: &GateRule, required: bool) -> Gate {
    Gate {
        rule: rule.clone(),
        required,
        stage: Stage::Pending,
        round: 1,
        extra_rounds: 0,
        used: 0,
        retry_at: None,
        packet: None,
        signoffs: Vec::new(),
        missing: Vec::new(),
        handed_over: None,
        asked: None,
    }
}

pub(super) fn end(
    ticket: &mut Ticket,
    how: EndHow,
    by: Vec<TicketKey>,
    reason: String,
    at: Timestamp,
) {
    ticket.ended = Some(Ended { how, by, reason, at });
    ticket.question = None;
    ticket.blocked = None;
}

/// Takes an ended ticket up again: what was done stays done, and finished work starts a new round.
pub(super) fn reopen(ticket: &mut Ticket) {
    let was_done = ticket.ended.take().is_some_and(|it| it.how == EndHow::Done);
    ticket.parked = None;
    if let Some(landed) = ticket.landed_as.take() {
        // What a new round adds is counted from what the default branch holds.
        ticket.landed_before = Some(landed);
        ticket.head = None;
    }
    // What had blocked it ended with it, and its gates may be tried again.
    unblock(ticket);
    for gate in ticket.gates.iter_mut().filter(|it| !it.is_settled()) {
        gate.used = 0;
        gate.retry_at = None;
    }
    if !was_done || ticket.kind == Kind::Campaign {
        return;
    }
    let start = ticket.gates.iter().find(|it| it.rule.sends_back_to != it.rule.id);
    let start = start.map(|it| it.rule.sends_back_to.clone());
    let start = ticket.gates.iter().position(|it| Some(&it.rule.id) == start.as_ref()).unwrap_or(0);
    for gate in ticket.gates.iter_mut().skip(start) {
        gate.round += 1;
        gate.used = 0;
        gate.retire(false);
        gate.stage = Stage::Pending;
    }
}

/// Lets the ticket go on; a gate that could not be looked at is looked at again.
pub(super) fn unblock(ticket: &mut Ticket) {
    ticket.blocked = None;
    for gate in &mut ticket.gates {
        if matches!(gate.stage, Stage::CouldNotRun { .. } | Stage::Failed) {
            gate.retire(false);
            gate.stage = Stage::Pending;
        }
    }
}

/// Puts other rules in force: gates keep what happened in them, new ones are open, and one that nobody named goes.
pub(super) fn pin(ticket: &mut Ticket, rules: Digest, gates: &[(GateRule, bool)], land: LandMode) {
    ticket.rules = rules;
    ticket.land = land;
    let mut old = std::mem::take(&mut ticket.gates);
    ticket.gates = gates
        .iter()
        .map(|(rule, required)| match old.iter().position(|it| it.rule.id == rule.id) {
            None => fresh_gate(rule, *required),
            Some(at) => {
                let gate = old.swap_remove(at);
                let required = gate.required || *required;
                let mut gate = Gate { rule: rule.clone(), required, ..gate };
                gate.ask_who_is_missing();
                gate
            }
        })
        .collect();
}
