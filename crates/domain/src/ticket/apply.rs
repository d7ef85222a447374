//! What each fact changes. Cannot fail: events are facts.

use super::event::{Claimed, Opened};
use super::{
    Attempt, Block, ChangeKind, EndClass, Ended, Event, Finding, FindingState, Gate, Kind, Message,
    MessageState, Process, Question, SignOff, Stage, Stamp, Ticket, VerdictWord, Workspace,
};
use crate::ids::{AttemptId, Commit, GateId, MessageId, Timestamp};
use crate::principal::Principal;
use crate::rules::{Decider, GateRule, Worker};

/// Builds the ticket that `events` tell of, or nothing when the first is not its opening.
pub fn replay<'a>(events: impl IntoIterator<Item = (&'a Event, &'a Stamp)>) -> Option<Ticket> {
    let mut events = events.into_iter();
    let (Event::Opened(opened), stamp) = events.next()? else { return None };
    let mut ticket = opening(opened, stamp);
    events.for_each(|(event, stamp)| apply(&mut ticket, event, stamp));
    Some(ticket)
}

/// Moves the ticket to where `event` says it is.
pub fn apply(ticket: &mut Ticket, event: &Event, stamp: &Stamp) {
    let before = ticket.standing();
    change(ticket, event, stamp);
    ticket.updated_at = stamp.at;
    if ticket.standing() != before {
        ticket.since = stamp.at;
    }
}

/// Returns the ticket as it was filed.
pub(super) fn opening(opened: &Opened, stamp: &Stamp) -> Ticket {
    let Opened { key, title, body, kind, priority, labels, workflow, child_workflow, .. } =
        opened.clone();
    Ticket {
        key,
        title,
        body,
        kind,
        priority,
        labels,
        workflow,
        child_workflow,
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
        messages: Vec::new(),
        findings: Vec::new(),
        head: None,
        contributors: Vec::new(),
        workspace: None,
        landed_as: None,
        corrected: Vec::new(),
        created_at: stamp.at,
        updated_at: stamp.at,
        since: stamp.at,
    }
}

fn fresh_gate(rule: &GateRule, required: bool) -> Gate {
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
    }
}

#[expect(clippy::too_many_lines, reason = "one arm per event keeps the whole table on one page")]
fn change(ticket: &mut Ticket, event: &Event, stamp: &Stamp) {
    let at = stamp.at;
    match event.clone() {
        // A second opening of the same ticket says nothing new.
        Event::Opened(_) | Event::Commented { .. } => {}
        Event::Edited { title, body, priority, labels } => {
            ticket.title = title.unwrap_or_else(|| std::mem::take(&mut ticket.title));
            ticket.body = body.unwrap_or_else(|| std::mem::take(&mut ticket.body));
            ticket.priority = priority.unwrap_or(ticket.priority);
            ticket.labels = labels.unwrap_or_else(|| std::mem::take(&mut ticket.labels));
        }
        Event::Linked { add, remove } => {
            ticket.blockers.retain(|it, _| !remove.contains(it));
            ticket.blockers.extend(add.into_iter().map(|it| (it, None)));
        }
        Event::Postponed { until } => ticket.not_before = until,
        Event::Parked {} => ticket.parked = Some(at),
        Event::Unparked {} => ticket.parked = None,
        Event::BlockerEnded { blocker, how } => {
            ticket.blockers.insert(blocker, Some(how));
        }
        Event::TimeCame {} => ticket.not_before = None,
        Event::ChildAdded { child } | Event::ChildReopened { child } => {
            ticket.children.insert(child, None);
        }
        Event::ChildEnded { child, how } => {
            ticket.children.insert(child, Some(how));
        }
        Event::Cancelled { reason } => end(ticket, super::EndHow::Cancelled, vec![], reason, at),
        Event::Superseded { by } => end(ticket, super::EndHow::Superseded, by, String::new(), at),
        Event::Finished {} => end(ticket, super::EndHow::Done, vec![], String::new(), at),
        Event::Reopened {} => reopen(ticket),
        Event::Claimed(claimed) => claim(ticket, *claimed, at),
        Event::Began { attempt, record, pid, tmux } => {
            let process = Some(Process { pid, tmux });
            on_attempt(ticket, attempt, record, |it| it.process = process);
        }
        Event::EvidenceAdded { attempt, record, evidence } => {
            on_attempt(ticket, attempt, record, |it| it.evidence.push(*evidence));
        }
        Event::Reported { attempt, record, report } => {
            on_attempt(ticket, attempt, record, |it| it.report = Some(report));
        }
        Event::AttemptEnded { attempt, record, end, retry_at } => {
            let class = end.class;
            on_attempt(ticket, attempt, record, |it| it.end = Some(*end));
            leave_attempt(ticket, attempt, class, retry_at);
        }
        Event::QuestionAsked { attempt, gate, text } => {
            ticket.question = Some(Question { attempt, gate, text, at });
        }
        Event::QuestionAnswered { .. } => ticket.question = None,
        Event::WorkspaceMade { branch, base } => {
            ticket.workspace = Some(Workspace { branch, base, present: true, dirty: false });
        }
        Event::WorkspaceRemoved { .. } => {
            if let Some(workspace) = &mut ticket.workspace {
                workspace.present = false;
            }
        }
        Event::HeadMoved { head, contributors, .. } => {
            ticket.head = Some(head);
            ticket.contributors = contributors;
        }
        Event::RequirementGrew { gate, .. } => on_gate(ticket, &gate, |it| it.required = true),
        Event::FindingAnswered { finding, state, text } => {
            for it in ticket.findings.iter_mut().filter(|it| it.id == finding) {
                it.state = state;
                it.answer = Some(text.clone());
            }
        }
        Event::PacketSealed { gate, packet } => on_gate(ticket, &gate, |it| {
            it.packet = Some(packet);
            it.missing.clear();
            let is_new_round = it.stage == Stage::ChangesRequested;
            it.retire(it.rule.worker == Worker::Controller && !is_new_round);
            it.stage = Stage::Deciding { next: it.next_decider().unwrap_or(0), attempt: None };
        }),
        Event::DeliveryRefused { gate, missing, retry_at, .. } => on_gate(ticket, &gate, |it| {
            it.missing = missing;
            it.used += 1;
            it.retry_at = retry_at;
            // Who decides on a delivery loses the attempt, not the delivery.
            if !matches!(it.stage, Stage::Deciding { .. }) {
                it.stage = Stage::Pending;
            }
        }),
        Event::Judged { gate, signoff } => on_gate(ticket, &gate, |it| it.judge(*signoff)),
        Event::SentBack { from, to, by, findings } => send_back(ticket, &from, &to, &by, findings),
        Event::Staled { gate, change, .. } => on_gate(ticket, &gate, |it| it.go_stale(change)),
        Event::BaseMoved { gate, .. } => on_gate(ticket, &gate, |it| {
            it.retire(true);
            it.stage = Stage::Pending;
        }),
        Event::VerdictWithdrawn { gate } => withdraw(ticket, &gate),
        Event::HandedOver { gate, why } => {
            on_gate(ticket, &gate, |it| {
                it.handed_over = Some(why);
                if !matches!(it.stage, Stage::Deciding { .. }) {
                    // Nobody delivered for what is there now: the person decides on the head.
                    it.packet = None;
                }
                it.stage = Stage::Deciding { next: it.next_decider().unwrap_or(0), attempt: None };
            });
        }
        Event::CouldNotRun { gate, cause } => {
            on_gate(ticket, &gate, |it| it.stage = Stage::CouldNotRun { cause });
        }
        Event::Blocked { code, text, gate } => {
            ticket.blocked = Some(Block { code, text, gate, at });
        }
        Event::Unblocked { .. } => unblock(ticket),
        Event::Retried { gate, .. } => {
            unblock(ticket);
            if let Some(gate) = gate {
                on_gate(ticket, &gate, Gate::refresh);
            }
        }
        Event::RulesPinned { rules, gates, land } => pin(ticket, rules, &gates, land),
        Event::Landed { commit } => ticket.landed_as = Some(commit),
        Event::MessageQueued { id, to, kind, text } => ticket.messages.push(Message {
            id,
            from: stamp.by.clone(),
            to,
            kind,
            body: text,
            state: MessageState::Queued,
            queued_at: at,
            delivered_at: None,
            processed_at: None,
            attempt: None,
            count: 1,
            why: None,
        }),
        Event::MessageRepeated { id } => on_messages(ticket, &[id], |it| it.count += 1),
        Event::MessagesDelivered { ids, attempt, record } => {
            on_attempt(ticket, attempt, record, |_| ());
            on_messages(ticket, &ids, |it| {
                it.state = MessageState::Delivered;
                it.delivered_at = Some(at);
                it.attempt = Some(attempt);
            });
        }
        Event::MessagesProcessed { ids } => on_messages(ticket, &ids, |it| {
            it.state = MessageState::Processed;
            it.processed_at = Some(at);
        }),
        Event::MessagesRequeued { ids } => on_messages(ticket, &ids, |it| {
            it.state = MessageState::Queued;
            it.delivered_at = None;
            it.attempt = None;
        }),
        Event::MessagesWithdrawn { ids } => {
            on_messages(ticket, &ids, |it| it.state = MessageState::Withdrawn);
        }
        Event::MessagesUndeliverable { ids, why } => on_messages(ticket, &ids, |it| {
            it.state = MessageState::Undeliverable;
            it.why = Some(why.clone());
        }),
        Event::Corrected { rule, cause } => ticket.corrected.push(format!("{rule}: {cause}")),
    }
}

fn end(
    ticket: &mut Ticket,
    how: super::EndHow,
    by: Vec<crate::ids::TicketKey>,
    reason: String,
    at: Timestamp,
) {
    ticket.ended = Some(Ended { how, by, reason, at });
    ticket.question = None;
    ticket.blocked = None;
}

/// Takes an ended ticket up again: what was done stays done, and finished work starts a new round.
fn reopen(ticket: &mut Ticket) {
    let was_done = ticket.ended.take().is_some_and(|it| it.how == super::EndHow::Done);
    ticket.parked = None;
    ticket.landed_as = None;
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

fn claim(ticket: &mut Ticket, claimed: Claimed, at: Timestamp) {
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
        report: None,
        evidence: Vec::new(),
        end: None,
    });
}

/// Takes the gate out of the attempt's hands.
fn leave_attempt(ticket: &mut Ticket, id: AttemptId, class: EndClass, retry: Option<Timestamp>) {
    let Some(gate) = ticket.attempt(id).map(|it| it.gate.clone()) else { return };
    on_gate(ticket, &gate, |gate| {
        gate.used += u32::from(class.costs_an_attempt());
        gate.retry_at = retry;
        gate.stage = match std::mem::replace(&mut gate.stage, Stage::Pending) {
            Stage::Working { attempt } if attempt == id => match class {
                EndClass::Reported => Stage::Observing { attempt },
                EndClass::Asked
                | EndClass::Stopped
                | EndClass::SpawnFailed
                | EndClass::Crashed
                | EndClass::OomKilled
                | EndClass::Stalled
                | EndClass::TimedOut
                | EndClass::NoReport
                | EndClass::Lost
                | EndClass::Incomplete
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

fn send_back(
    ticket: &mut Ticket,
    from: &GateId,
    to: &GateId,
    by: &Principal,
    findings: Vec<(crate::ids::FindingId, super::NewFinding)>,
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
fn withdraw(ticket: &mut Ticket, id: &GateId) {
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

/// Lets the ticket go on; a gate that could not be looked at is looked at again.
fn unblock(ticket: &mut Ticket) {
    ticket.blocked = None;
    for gate in &mut ticket.gates {
        if matches!(gate.stage, Stage::CouldNotRun { .. } | Stage::Failed) {
            gate.retire(false);
            gate.stage = Stage::Pending;
        }
    }
}

/// Puts other rules in force: gates keep what happened in them, new ones are open, gone ones go.
fn pin(
    ticket: &mut Ticket,
    rules: crate::ids::Digest,
    gates: &[(GateRule, bool)],
    land: crate::rules::LandMode,
) {
    ticket.rules = rules;
    ticket.land = land;
    let mut old = std::mem::take(&mut ticket.gates);
    ticket.gates = gates
        .iter()
        .map(|(rule, required)| match old.iter().position(|it| it.rule.id == rule.id) {
            None => fresh_gate(rule, *required),
            Some(at) => {
                let gate = old.swap_remove(at);
                Gate { rule: rule.clone(), required: gate.required || *required, ..gate }
            }
        })
        .collect();
}

fn on_gate(ticket: &mut Ticket, id: &GateId, change: impl FnOnce(&mut Gate)) {
    if let Some(gate) = ticket.gates.iter_mut().find(|gate| gate.rule.id == *id) {
        change(gate);
    }
}

fn on_attempt(ticket: &mut Ticket, id: AttemptId, record: u64, change: impl FnOnce(&mut Attempt)) {
    if let Some(attempt) = ticket.attempts.iter_mut().rev().find(|it| it.id == id) {
        attempt.last_record = attempt.last_record.max(record);
        change(attempt);
    }
}

fn on_messages(ticket: &mut Ticket, ids: &[MessageId], change: impl FnMut(&mut Message)) {
    ticket.messages.iter_mut().filter(|it| ids.contains(&it.id)).for_each(change);
}

impl Gate {
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

    /// Lets earlier verdicts hold no longer; `machine_only` leaves those of people and lanes.
    fn retire(&mut self, machine_only: bool) {
        for signoff in &mut self.signoffs {
            let is_machine = signoff.principal == Principal::Controller;
            signoff.fresh &= machine_only && !is_machine;
        }
    }

    fn judge(&mut self, signoff: SignOff) {
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

    fn go_stale(&mut self, change: ChangeKind) {
        let machine_only = self.rule.worker == Worker::Controller
            && match change {
                ChangeKind::TrivialRebase | ChangeKind::NoCodeChange | ChangeKind::Packet => true,
                ChangeKind::Code | ChangeKind::Policy => false,
            };
        self.retire(machine_only);
        self.used = 0;
        self.retry_at = None;
        self.handed_over = None;
        self.stage = Stage::Stale { change };
    }

    fn refresh(&mut self) {
        self.used = 0;
        self.extra_rounds += 1;
        self.retry_at = None;
    }

    /// Returns the commit that its last fresh verdict was given on.
    pub fn signed_commit(&self) -> Option<&Commit> {
        self.signoffs.iter().rev().find(|it| it.fresh).and_then(|it| it.commit.as_ref())
    }
}
