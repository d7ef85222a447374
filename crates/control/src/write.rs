//! From decided events to what the store keeps: event rows, the snapshot, projections and leases.

use std::collections::BTreeSet;

use mission_domain::home::{Home, HomeEvent};
use mission_domain::ids::{ApprovalId, AttemptId, MessageId, Timestamp, Version};
use mission_domain::ticket::{self, Attempt, Event, Owner, Stamp, Ticket};
use mission_store::{
    LeaseChange, NewEvent, Projection, ProjectionKind, Snapshot, Stream, TicketRow, Write,
};

/// How long a lease holds without a sign of life, in seconds.
pub(crate) const LEASE_S: i64 = 60;

/// Returns what the store keeps of `events`, which left `after` behind.
pub(crate) fn ticket_write(
    seen: Version,
    after: &Ticket,
    events: &[Event],
    stamp: &Stamp,
) -> Write {
    let version = Version(seen.0 + events.len() as u64);
    let attempts: BTreeSet<AttemptId> = events.iter().filter_map(Event::attempt).collect();
    let messages: BTreeSet<MessageId> = events.iter().flat_map(messages_of).collect();
    let attempts = after.attempts.iter().filter(|it| attempts.contains(&it.id));
    let messages = after.messages.iter().filter(|it| messages.contains(&it.id));
    let approvals: BTreeSet<ApprovalId> = events.iter().filter_map(approval_of).collect();
    let approvals = after.approvals.iter().filter(|it| approvals.contains(&it.id));
    let projections = attempts
        .map(|it| attempt_row(after, it))
        .chain(messages.map(|it| message_row(after, it)))
        .chain(approvals.map(|it| approval_row(after, it)))
        .collect();
    Write {
        stream: Stream::Ticket(after.key.clone()),
        seen,
        events: events.iter().map(|event| event_row(after, event, stamp)).collect(),
        snapshot: ticket_snapshot(after, version),
        projections,
        leases: events.iter().filter_map(|event| lease_of(after, event, stamp.at)).collect(),
    }
}

/// Returns all rows that the store keeps of `ticket`: what fsck compares, and what a rebuild writes.
pub(crate) fn all_projections(ticket: &Ticket) -> Vec<Projection> {
    let attempts = ticket.attempts.iter().map(|it| attempt_row(ticket, it));
    let messages = ticket.messages.iter().map(|it| message_row(ticket, it));
    attempts
        .chain(messages)
        .chain(ticket.approvals.iter().map(|it| approval_row(ticket, it)))
        .collect()
}

/// Returns the snapshot row of `ticket` at `version`.
pub(crate) fn ticket_snapshot(ticket: &Ticket, version: Version) -> Snapshot {
    Snapshot { aggregate: json(ticket), row: Some(ticket_row(ticket, version)) }
}

fn ticket_row(ticket: &Ticket, version: Version) -> TicketRow {
    let doc = ticket::ticket_doc(ticket, version);
    let gate = ticket.active_gate().filter(|_| !ticket.is_ended());
    let role = match ticket.situation().owner {
        Owner::Role(role) => Some(role.to_string()),
        Owner::Person(_) | Owner::Controller | Owner::Tickets | Owner::Time(_) | Owner::Nobody => {
            gate.map(|it| it.rule.worker.to_string())
        }
    };
    let next = doc.next_action.as_ref();
    TicketRow {
        key: ticket.key.clone(),
        project: ticket.key.project().clone(),
        number: ticket.key.number(),
        title: doc.title.clone(),
        kind: doc.kind.clone(),
        state: doc.state.clone(),
        reason_code: doc.reason.code.clone(),
        priority: ticket.priority as u8,
        parent: ticket.parent.clone(),
        role,
        gate: gate.map(|it| it.rule.id.to_string()),
        next: next.map_or_else(String::new, |it| it.what.clone()),
        who: next.map_or_else(String::new, |it| format!("{}:{}", it.who.kind, it.who.name)),
        labels: ticket.labels.clone(),
        created_at: ticket.created_at,
        updated_at: ticket.updated_at,
        closed_at: doc.closed_at,
        open: !ticket.is_ended(),
        view: json(&doc),
    }
}

fn attempt_row(ticket: &Ticket, attempt: &ticket::Attempt) -> Projection {
    let doc = ticket::attempt_doc(ticket, attempt);
    Projection {
        kind: ProjectionKind::Attempt,
        id: doc.id.clone(),
        ticket: Some(ticket.key.clone()),
        state: doc.state.clone(),
        ord: attempt.id.0,
        doc: json(&doc),
    }
}

fn message_row(ticket: &Ticket, message: &ticket::Message) -> Projection {
    let doc = ticket::message_doc(ticket, message);
    Projection {
        kind: ProjectionKind::Message,
        id: doc.id.clone(),
        ticket: Some(ticket.key.clone()),
        state: doc.state.clone(),
        ord: message.id.0,
        doc: json(&doc),
    }
}

fn approval_row(ticket: &Ticket, approval: &ticket::Approval) -> Projection {
    let doc = ticket::approval_doc(ticket, approval);
    Projection {
        kind: ProjectionKind::Approval,
        id: doc.id.clone(),
        ticket: Some(ticket.key.clone()),
        state: doc.state.clone(),
        // Attempts count over the whole home, and a lane writes far fewer records than this.
        ord: approval.id.attempt.0.saturating_mul(1_000_000).saturating_add(approval.id.record),
        doc: json(&doc),
    }
}

/// Returns the approval that `event` changes.
fn approval_of(event: &Event) -> Option<ApprovalId> {
    match event {
        Event::ApprovalRequested(approval) => Some(approval.id),
        Event::ApprovalRepeated { id, .. }
        | Event::ApprovalGiven { id }
        | Event::ApprovalDenied { id, .. }
        | Event::ApprovalExpired { id }
        | Event::ApprovalVoided { id, .. }
        | Event::ApprovalBegan { id }
        | Event::ApprovalRan { id, .. }
        | Event::ApprovalUnclear { id, .. } => Some(*id),
        _ => None,
    }
}

/// Returns the messages that `event` changes.
fn messages_of(event: &Event) -> Vec<MessageId> {
    if let Event::MessageQueued { id, .. } | Event::MessageRepeated { id } = event {
        return vec![*id];
    }
    if let Event::MessagesDelivered { ids, .. }
    | Event::MessagesProcessed { ids }
    | Event::MessagesRequeued { ids }
    | Event::MessagesWithdrawn { ids }
    | Event::MessagesUndeliverable { ids, .. } = event
    {
        return ids.clone();
    }
    Vec::new()
}

fn event_row(ticket: &Ticket, event: &Event, stamp: &Stamp) -> NewEvent {
    let attempt = event.attempt();
    let epoch = attempt.and_then(|id| ticket.attempt(id)).map(|it| it.epoch);
    let (kind, body) = tagged(event);
    let principal = stamp.by.to_string();
    NewEvent { kind, at: stamp.at, principal, attempt, epoch, body }
}

/// Splits a tagged event into its type and its body.
fn tagged(event: &impl serde::Serialize) -> (String, serde_json::Value) {
    let mut value = serde_json::to_value(event).expect("events are plain data that JSON can hold");
    let kind = value["type"].as_str().unwrap_or_default().to_owned();
    (kind, value["body"].take())
}

/// Reads an event back from its type and its body.
pub(crate) fn untagged<T: serde::de::DeserializeOwned>(
    kind: &str,
    body: &serde_json::Value,
) -> serde_json::Result<T> {
    serde_json::from_value(serde_json::json!({ "type": kind, "body": body }))
}

fn lease_of(ticket: &Ticket, event: &Event, at: Timestamp) -> Option<LeaseChange> {
    match event {
        Event::Claimed(claimed) => {
            // Where no process of ours can show that it lives, the lease holds until the attempt is ended.
            let runs_here = ticket.attempt(claimed.attempt).is_none_or(Attempt::runs_here);
            let seconds = if runs_here { LEASE_S } else { 10 * 365 * 86_400 };
            Some(LeaseChange::Take {
                ticket: ticket.key.clone(),
                attempt: claimed.attempt,
                epoch: claimed.epoch,
                until: at + jiff::SignedDuration::from_secs(seconds),
            })
        }
        Event::AttemptEnded { attempt, .. } => {
            let epoch = ticket.attempt(*attempt)?.epoch;
            Some(LeaseChange::End { ticket: ticket.key.clone(), epoch })
        }
        other => {
            let _: &Event = other;
            None
        }
    }
}

/// Returns what the store keeps of the home's `events`, which left `after` behind.
pub(crate) fn home_write(
    seen: Version,
    after: &Home,
    events: &[HomeEvent],
    stamp: &Stamp,
) -> Write {
    let row = |event: &HomeEvent| {
        let (kind, body) = tagged(event);
        let principal = stamp.by.to_string();
        NewEvent { kind, at: stamp.at, principal, attempt: None, epoch: None, body }
    };
    let act = |event: &HomeEvent| match event {
        HomeEvent::OperatorActed { id, act } => Some(act_row(*id, act, stamp.at, false)),
        HomeEvent::ProjectAdded { .. }
        | HomeEvent::ProjectRemoved { .. }
        | HomeEvent::BreakerOpened { .. }
        | HomeEvent::BreakerClosed { .. }
        | HomeEvent::LanePaused { .. }
        | HomeEvent::LaneResumed { .. }
        | HomeEvent::DispatchPaused { .. }
        | HomeEvent::DispatchResumed {}
        | HomeEvent::DayBudgetNearlySpent { .. }
        | HomeEvent::DayBudgetSpent { .. }
        | HomeEvent::DayBudgetFree { .. }
        | HomeEvent::ScheduleSet { .. }
        | HomeEvent::ScheduleRan { .. }
        | HomeEvent::ScheduleSkipped { .. }
        | HomeEvent::ScheduleDropped { .. }
        | HomeEvent::SessionLent { .. }
        | HomeEvent::SessionKept { .. }
        | HomeEvent::DemoMarked {}
        | HomeEvent::DigestSeen { .. }
        | HomeEvent::AccessChanged { .. }
        | HomeEvent::OperatorUndone { .. } => None,
    };
    Write {
        stream: Stream::Home,
        seen,
        events: events.iter().map(row).collect(),
        snapshot: home_snapshot(after),
        projections: events.iter().filter_map(act).collect(),
        leases: Vec::new(),
    }
}

/// Returns the snapshot row of the home.
pub(crate) fn home_snapshot(home: &Home) -> Snapshot {
    Snapshot { aggregate: json(home), row: None }
}

/// Returns the row of an operator's act.
pub(crate) fn act_row(
    id: mission_domain::ids::OperatorActId,
    act: &mission_domain::home::Act,
    at: Timestamp,
    undone: bool,
) -> Projection {
    let doc = mission_domain::doc::OperatorActDoc {
        id: id.to_string(),
        rule: act.rule.clone(),
        ticket: act.ticket.as_ref().map(ToString::to_string),
        cause: act.cause.clone(),
        did: act.did.clone(),
        at,
        undone,
        undoable: act.undoable && !undone,
    };
    Projection {
        kind: ProjectionKind::OperatorAct,
        id: id.to_string(),
        ticket: act.ticket.clone(),
        state: if undone { "undone" } else { "done" }.into(),
        ord: id.0,
        doc: json(&doc),
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("documents are plain data that JSON can hold")
}
