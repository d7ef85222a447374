//! Changes as the stories need them: small, and different where it matters.

use mission_domain::ids::{AttemptId, Epoch, ProjectKey, TicketKey, Timestamp, Version};
use serde_json::json;

use crate::{
    Appended, Change, Idempotency, LeaseChange, NewEvent, Projection, ProjectionKind, Result,
    Snapshot, Store, Stream, TicketRow, Write,
};

/// Returns the moment `seconds` after the stories begin.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).expect("a moment in this century")
}

/// Returns ticket `number` of project `MC`.
pub fn ticket(number: u32) -> TicketKey {
    TicketKey::new(project("MC"), number)
}

/// Returns the project `key`.
pub fn project(key: &str) -> ProjectKey {
    key.parse().expect("a project key")
}

/// Returns an event of this kind.
pub fn event(kind: &str) -> NewEvent {
    NewEvent {
        kind: kind.into(),
        at: at(1),
        principal: "person:ada".into(),
        attempt: None,
        epoch: None,
        body: json!({"note": kind, "cost": 0.1 + 0.2, "list": [1, "two", null]}),
    }
}

/// Returns the row of `key` in state `todo`.
pub fn row(key: &TicketKey) -> TicketRow {
    TicketRow {
        key: key.clone(),
        project: key.project().clone(),
        number: key.number(),
        title: format!("Work on {key}"),
        kind: "task".into(),
        state: "todo".into(),
        reason_code: "ready".into(),
        priority: 2,
        parent: None,
        role: Some("coder".into()),
        gate: Some("implementation".into()),
        next: "write the code".into(),
        who: "role:coder".into(),
        labels: vec!["visual".into()],
        created_at: at(0),
        updated_at: at(1),
        closed_at: None,
        open: true,
        view: json!({"key": key.to_string()}).to_string(),
    }
}

/// Returns a write of one event to `key`, whose version the writer saw as `seen`.
pub fn write(key: &TicketKey, seen: u64, kind: &str) -> Write {
    Write {
        stream: Stream::Ticket(key.clone()),
        seen: Version(seen),
        events: vec![event(kind)],
        snapshot: Snapshot {
            aggregate: json!({"key": key.to_string(), "after": kind}).to_string(),
            row: Some(row(key)),
        },
        projections: Vec::new(),
        leases: Vec::new(),
    }
}

/// Returns a write of one event to the home.
pub fn home(seen: u64, kind: &str) -> Write {
    Write {
        stream: Stream::Home,
        seen: Version(seen),
        events: vec![event(kind)],
        snapshot: Snapshot { aggregate: json!({"after": kind}).to_string(), row: None },
        projections: Vec::new(),
        leases: Vec::new(),
    }
}

/// Returns a projection of `key`.
pub fn projection(kind: ProjectionKind, id: &str, ord: u64, key: &TicketKey) -> Projection {
    Projection {
        kind,
        id: id.into(),
        ticket: Some(key.clone()),
        state: "queued".into(),
        ord,
        doc: json!({"id": id}).to_string(),
    }
}

/// Returns the taking of `key` by the attempt that has the number of its epoch.
pub fn take(key: &TicketKey, epoch: u64) -> LeaseChange {
    LeaseChange::Take {
        ticket: key.clone(),
        attempt: AttemptId(epoch),
        epoch: Epoch(epoch),
        until: at(60),
    }
}

/// Returns the end of the lease of `epoch`.
pub fn end(key: &TicketKey, epoch: u64) -> LeaseChange {
    LeaseChange::End { ticket: key.clone(), epoch: Epoch(epoch) }
}

/// Returns a change of one write.
pub fn change(write: Write) -> Change {
    Change { writes: vec![write], idempotency: None }
}

/// Returns the same change as the answer to a request of Ada's.
pub fn asked(write: Write, key: &str) -> Change {
    let answer = json!({"done": key});
    let request = Idempotency { key: key.into(), principal: "person:ada".into(), answer };
    Change { writes: vec![write], idempotency: Some(request) }
}

/// Begins ticket `number` of `MC`.
pub async fn begin(store: &dyn Store, number: u32) -> Result<Appended> {
    store.append(change(write(&ticket(number), 0, "filed"))).await
}
