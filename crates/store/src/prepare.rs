//! Checks and spells out a change before it waits for its turn, in the task of whoever made it.

use std::sync::Arc;

use crate::record::{AnswerRecord, ProjectionRecord, StreamRecord, TicketRecord, number};
use crate::{
    Change, Error, LeaseChange, MAX_BODY, NewEvent, Projection, Result, Snapshot, Stream, Write,
    chain,
};

/// A change with every text that the engines take.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) writes: Vec<PreparedWrite>,
    pub(crate) answer: Option<AnswerRecord>,
}

/// One stream's part of it.
#[derive(Debug)]
pub(crate) struct PreparedWrite {
    pub(crate) stream: Stream,
    pub(crate) name: String,
    pub(crate) seen: u64,
    /// Each event with its body's canonical text.
    pub(crate) events: Vec<(NewEvent, String)>,
    /// The state after the events; its version is set on admission.
    pub(crate) state: StreamRecord,
    pub(crate) ticket: Option<TicketRecord>,
    pub(crate) projections: Vec<ProjectionRecord>,
    pub(crate) leases: Vec<LeaseChange>,
}

/// Spells out `change`, or says why it can never be stored.
pub(crate) fn prepare(change: Change) -> Result<Arc<Prepared>> {
    let answer = change.idempotency.map(|request| AnswerRecord {
        principal: request.principal,
        key: request.key,
        answer: request.answer.to_string(),
    });
    if let Some(answer) = &answer {
        plain("principal", &answer.principal)?;
        plain("idempotency key", &answer.key)?;
    }
    let writes = change.writes.into_iter().map(prepare_write).collect::<Result<_>>()?;
    Ok(Arc::new(Prepared { writes, answer }))
}

fn prepare_write(write: Write) -> Result<PreparedWrite> {
    let Write { stream, seen, events, snapshot, projections, leases } = write;
    if seen.0 == 0 && events.is_empty() {
        return Err(Error::Invalid(format!("`{stream}` cannot begin without an event")));
    }
    number(seen.0)?;
    for lease in &leases {
        number(lease.epoch().0)?;
    }
    let (state, ticket) = prepare_snapshot(&stream, seen.0, snapshot)?;
    Ok(PreparedWrite {
        name: stream.to_string(),
        seen: seen.0,
        events: events.into_iter().map(prepare_event).collect::<Result<_>>()?,
        state,
        ticket,
        projections: projections
            .into_iter()
            .map(|projection| prepare_projection(&stream, projection))
            .collect::<Result<_>>()?,
        leases,
        stream,
    })
}

fn prepare_event(event: NewEvent) -> Result<(NewEvent, String)> {
    let body = chain::canonical(&event.body);
    if body.len() > MAX_BODY {
        return Err(Error::TooLarge { kind: event.kind, bytes: body.len() });
    }
    plain("kind", &event.kind)?;
    plain("principal", &event.principal)?;
    number(event.epoch.unwrap_or_default().0)?;
    Ok((event, body))
}

/// Returns the rows that `snapshot` becomes.
pub(crate) fn prepare_snapshot(
    stream: &Stream,
    version: u64,
    snapshot: Snapshot,
) -> Result<(StreamRecord, Option<TicketRecord>)> {
    let Snapshot { aggregate, row } = snapshot;
    let is_whole = match (stream, &row) {
        (Stream::Ticket(key), Some(row)) => {
            row.key == *key && row.project == *key.project() && row.number == key.number()
        }
        (Stream::Home, None) => true,
        (Stream::Ticket(_), None) | (Stream::Home, Some(_)) => false,
    };
    if !is_whole {
        return Err(Error::Invalid(format!("the row is not the one of `{stream}`")));
    }
    plain("aggregate", &aggregate)?;
    let mut state = StreamRecord { stream: stream.to_string(), version, aggregate, view: None };
    let Some(row) = row else { return Ok((state, None)) };
    let doc = serde_json::to_string(&row).map_err(|e| Error::Invalid(e.to_string()))?;
    plain("view", &row.view)?;
    plain("state", &row.state)?;
    plain("role", row.role.as_deref().unwrap_or_default())?;
    state.view = Some(row.view);
    let ticket = TicketRecord {
        key: stream.to_string(),
        project: row.project.to_string(),
        number: row.number,
        state: row.state,
        role: row.role,
        parent: row.parent.map(|parent| parent.to_string()),
        priority: row.priority,
        open: row.open.into(),
        doc,
    };
    Ok((state, Some(ticket)))
}

/// Returns the row that `projection` of `stream` becomes.
pub(crate) fn prepare_projection(
    stream: &Stream,
    projection: Projection,
) -> Result<ProjectionRecord> {
    let Projection { kind, id, ticket, state, ord, doc } = projection;
    number(ord)?;
    plain("id", &id)?;
    plain("state", &state)?;
    plain("document", &doc)?;
    Ok(ProjectionRecord {
        kind: kind.as_str(),
        id,
        stream: stream.to_string(),
        ticket: ticket.map(|ticket| ticket.to_string()),
        state,
        ord,
        doc,
    })
}

/// Refuses the one character that PostgreSQL cannot keep in a text, on every engine.
fn plain(what: &str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::Invalid(format!("a {what} contains a NUL character")));
    }
    Ok(())
}
