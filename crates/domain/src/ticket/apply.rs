//! What each fact changes. Cannot fail: events are facts.

mod course;
mod lanes;
mod rounds;

use super::{
    Answered, Approval, ApprovalState, Attempt, Block, EndHow, Event, Gate, Message, MessageState,
    Process, Question, RequestChanged, Stage, Stamp, Ticket, Workspace,
};
use crate::ids::{ApprovalId, AttemptId, GateId, MessageId};
pub(super) use course::opening;
use course::{end, pin, reopen, unblock};
use lanes::{claim, leave_attempt};
use rounds::{send_back, withdraw};

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
        Event::RequestChanged { title, body } => {
            let by = stamp.by.clone();
            ticket.request_changed = Some(RequestChanged { by, at, title, body });
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
        Event::Cancelled { reason } => end(ticket, EndHow::Cancelled, vec![], reason, at),
        Event::Superseded { by } => end(ticket, EndHow::Superseded, by, String::new(), at),
        Event::Finished {} => end(ticket, EndHow::Done, vec![], String::new(), at),
        Event::Reopened {} => reopen(ticket),
        Event::Claimed(claimed) => claim(ticket, *claimed, at),
        Event::Began { attempt, record, pid, tmux } => {
            let process = Some(Process { pid, tmux });
            on_attempt(ticket, attempt, record, |it| it.process = process);
        }
        Event::SessionOpened { attempt, record, session } => {
            on_attempt(ticket, attempt, record, |it| it.session = Some(*session));
        }
        Event::TurnOver { attempt, record, figures } => {
            on_attempt(ticket, attempt, record, |it| it.turn_over(figures));
        }
        Event::EvidenceAdded { attempt, record, evidence } => {
            on_attempt(ticket, attempt, record, |it| {
                it.hear(&stamp.by);
                it.evidence.push(*evidence);
            });
        }
        Event::TookOver { attempt, record, by, typing_is_noted } => {
            on_attempt(ticket, attempt, record, |it| it.hand_to(by, typing_is_noted));
        }
        Event::Typed { attempt, record, by } => {
            on_attempt(ticket, attempt, record, |it| it.share_with(by));
        }
        Event::GaveBack { attempt, record } => {
            let is_at_its_screen = record > 0;
            on_attempt(ticket, attempt, record, |it| {
                it.held_by = it.held_by.take().filter(|_| is_at_its_screen);
            });
        }
        Event::Recorded { attempt, recording } => {
            on_attempt(ticket, attempt, 0, |it| it.recording = Some(recording));
        }
        Event::BoundsUnheld { attempt, record, unheld } => {
            on_attempt(ticket, attempt, record, |it| it.unheld = unheld);
        }
        Event::Reported { attempt, record, report } => {
            on_attempt(ticket, attempt, record, |it| {
                it.hear(&stamp.by);
                // What is in no journal came after the turn that is the last one.
                it.reported = record.max(it.turn);
                it.reported_at = Some(at);
                it.report = Some(report);
            });
        }
        Event::AttemptEnded { attempt, record, end, retry_at } => {
            let class = end.class;
            on_attempt(ticket, attempt, record, |it| {
                it.held_by = None;
                it.end = Some(*end);
            });
            leave_attempt(ticket, attempt, class, retry_at);
        }
        Event::ApprovalRequested(approval) => {
            on_attempt(ticket, approval.attempt, approval.id.record, |_| ());
            ticket.approvals.push(*approval);
        }
        Event::ApprovalRepeated { id, also } => {
            on_attempt(ticket, also.attempt, also.record, |_| ());
            on_approval(ticket, id, |it| it.also.push(also));
        }
        Event::ApprovalGiven { id } => answer(ticket, id, ApprovalState::Approved, "", stamp),
        Event::ApprovalDenied { id, reason } => {
            answer(ticket, id, ApprovalState::Denied, &reason, stamp);
        }
        Event::ApprovalExpired { id } => {
            on_approval(ticket, id, |it| it.state = ApprovalState::Expired);
        }
        Event::ApprovalVoided { id, code, why } => on_approval(ticket, id, |it| {
            (it.state, it.code, it.note) = (ApprovalState::Void, Some(code), Some(why));
        }),
        Event::ApprovalBegan { id } => {
            on_approval(ticket, id, |it| it.state = ApprovalState::Running);
        }
        Event::ApprovalRan { id, ran } => on_approval(ticket, id, |it| {
            (it.state, it.ran) = (ApprovalState::Ran, Some(*ran));
        }),
        Event::ApprovalUnclear { id, why, expires_at } => on_approval(ticket, id, |it| {
            (it.state, it.note, it.answer) = (ApprovalState::Requested, Some(why), None);
            it.expires_at = expires_at;
        }),
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
            credit(ticket, contributors);
        }
        Event::Credited { contributors } => credit(ticket, contributors),
        Event::RequirementGrew { gate, .. } => on_gate(ticket, &gate, |it| it.required = true),
        Event::FindingAnswered { finding, state, text } => {
            for it in ticket.findings.iter_mut().filter(|it| it.id == finding) {
                it.state = state;
                it.answer = Some(text.clone());
            }
        }
        Event::PacketSealed { gate, packet } => on_gate(ticket, &gate, |it| it.seal(packet)),
        Event::DeliveryRefused { gate, missing, retry_at, .. } => {
            on_gate(ticket, &gate, |it| it.refuse(missing, retry_at));
        }
        Event::Judged { gate, signoff } => on_gate(ticket, &gate, |it| it.judge(*signoff)),
        Event::SentBack { from, to, by, findings } => send_back(ticket, &from, &to, &by, findings),
        Event::Staled { gate, change, .. } => on_gate(ticket, &gate, |it| it.go_stale(change)),
        Event::BaseMoved { gate, .. } => on_gate(ticket, &gate, |it| {
            it.retire(true);
            it.stage = Stage::Pending;
        }),
        Event::VerdictWithdrawn { gate } => withdraw(ticket, &gate),
        Event::HandedOver { gate, why } => on_gate(ticket, &gate, |it| it.hand_over(why)),
        Event::PersonAsked { gate, why } => on_gate(ticket, &gate, |it| it.ask_person(why)),
        Event::CouldNotRun { gate, cause } => {
            on_gate(ticket, &gate, |it| it.stage = Stage::CouldNotRun { cause });
        }
        Event::Blocked { code, text, gate } => {
            ticket.blocked = Some(Block { code, text, gate, at });
        }
        Event::Unblocked { .. } => unblock(ticket),
        Event::BudgetNearlySpent { .. } => ticket.is_warned = true,
        Event::Retried { gate, .. } => {
            ticket.grant();
            unblock(ticket);
            if let Some(gate) = gate {
                on_gate(ticket, &gate, Gate::refresh);
            }
        }
        Event::RulesPinned { rules, gates, land } => pin(ticket, rules, &gates, land),
        Event::Landed { commit } => ticket.landed_as = Some(commit),
        Event::MessageQueued { id, to, kind, text, is_notice } => {
            let message = Message::queued(id, stamp, to, kind, text);
            ticket.messages.push(Message { is_notice, ..message });
        }
        Event::MessageRepeated { id } => on_messages(ticket, &[id], |it| it.count += 1),
        Event::MessagesDelivered { ids, attempt, record } => {
            on_attempt(ticket, attempt, record, |it| it.begin_turn(record));
            on_messages(ticket, &ids, |it| it.deliver(attempt, at));
        }
        Event::MessagesProcessed { ids } => on_messages(ticket, &ids, |it| {
            it.state = MessageState::Processed;
            it.processed_at = Some(at);
        }),
        Event::MessagesRequeued { ids } => on_messages(ticket, &ids, Message::requeue),
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

/// Adds authors; nobody stops being one.
fn credit(ticket: &mut Ticket, contributors: Vec<crate::principal::Contributor>) {
    for contributor in contributors {
        if !ticket.contributors.contains(&contributor) {
            ticket.contributors.push(contributor);
        }
    }
}

/// Takes a person's answer in.
fn answer(ticket: &mut Ticket, id: ApprovalId, state: ApprovalState, reason: &str, stamp: &Stamp) {
    on_approval(ticket, id, |it| {
        it.state = state;
        it.answer = Some(Answered { by: stamp.by.clone(), at: stamp.at, reason: reason.into() });
    });
}

fn on_approval(ticket: &mut Ticket, id: ApprovalId, change: impl FnOnce(&mut Approval)) {
    if let Some(approval) = ticket.approvals.iter_mut().find(|it| it.is_named(id)) {
        change(approval);
    }
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
