//! Rows as the engines take and give them, and their way to and from the types of this crate.

use mission_domain::doc::EventDoc;
use mission_domain::ids::{Timestamp, Version};
use serde::Serialize;

use crate::{Error, Lease, Projection, ProjectionKind, Result, Secret, SecretKind};

/// An event's columns in the order of `EVENT_COLUMNS`.
pub(crate) type EventColumns = (
    i64,
    String,
    Option<String>,
    i64,
    String,
    String,
    String,
    Option<String>,
    Option<i64>,
    String,
    String,
    String,
);

/// A projection's columns: id, ticket, state, ord, doc.
pub(crate) type ProjectionColumns = (String, Option<String>, String, i64, String);

/// A secret's columns: hash, principal, role, project, label, created_at, expires_at.
pub(crate) type SecretColumns =
    (String, String, String, Option<String>, String, String, Option<String>);

/// An event on its way in.
#[derive(Debug, Serialize)]
pub(crate) struct EventRecord {
    pub(crate) seq: u64,
    pub(crate) stream: String,
    pub(crate) project: Option<String>,
    pub(crate) version: u64,
    pub(crate) at: String,
    pub(crate) kind: String,
    pub(crate) principal: String,
    pub(crate) attempt: Option<String>,
    pub(crate) epoch: Option<u64>,
    pub(crate) body: String,
    pub(crate) prev: String,
    pub(crate) hash: String,
}

/// A stream's state on its way in.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StreamRecord {
    pub(crate) stream: String,
    pub(crate) version: u64,
    pub(crate) aggregate: String,
    pub(crate) view: Option<String>,
}

/// A ticket's row on its way in.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TicketRecord {
    pub(crate) key: String,
    pub(crate) project: String,
    pub(crate) number: u32,
    pub(crate) state: String,
    pub(crate) role: Option<String>,
    pub(crate) parent: Option<String>,
    pub(crate) priority: u8,
    pub(crate) open: u8,
    pub(crate) doc: String,
}

/// A projection on its way in.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ProjectionRecord {
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) stream: String,
    pub(crate) ticket: Option<String>,
    pub(crate) state: String,
    pub(crate) ord: u64,
    pub(crate) doc: String,
}

/// A lease on its way in; `attempt` and `until` are nothing where it only ends.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LeaseRecord {
    pub(crate) ticket: String,
    pub(crate) attempt: String,
    pub(crate) epoch: u64,
    pub(crate) until: String,
    pub(crate) live: u8,
}

/// The head of a chain, or of the log, on its way in.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct HeadRecord {
    pub(crate) name: String,
    pub(crate) seq: u64,
    pub(crate) hash: String,
}

/// The answer to a request on its way in.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AnswerRecord {
    pub(crate) principal: String,
    pub(crate) key: String,
    pub(crate) answer: String,
}

/// Returns `at` in a width that sorts as text.
pub(crate) fn moment(at: Timestamp) -> String {
    format!("{at:.9}")
}

/// Returns an engine's number as a count.
pub(crate) fn count(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(|_| Error::Corrupt(format!("a count of {number}")))
}

/// Returns a count as an engine's number.
pub(crate) fn number(count: u64) -> Result<i64> {
    i64::try_from(count).map_err(|_| Error::Invalid(format!("the number {count} is too large")))
}

/// Reads a stored text back into its type.
pub(crate) fn parse<T>(text: &str) -> Result<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|problem| Error::Corrupt(format!("`{text}`: {problem}")))
}

/// Returns an event with its body, and the body's text as stored.
pub(crate) fn event(columns: EventColumns) -> Result<(EventDoc, String)> {
    let (seq, stream, project, version, at, kind, principal, attempt, epoch, body, prev, hash) =
        columns;
    let value = serde_json::from_str(&body)
        .map_err(|problem| Error::Corrupt(format!("the body of event {seq}: {problem}")))?;
    let event = EventDoc {
        seq: count(seq)?,
        at: parse(&at)?,
        ticket: project.is_some().then_some(stream),
        project,
        version: Some(Version(count(version)?)),
        kind,
        principal,
        attempt,
        epoch: epoch.map(count).transpose()?,
        body: value,
        prev,
        hash,
    };
    Ok((event, body))
}

/// Returns a projection of `kind`.
pub(crate) fn projection(kind: ProjectionKind, columns: ProjectionColumns) -> Result<Projection> {
    let (id, ticket, state, ord, doc) = columns;
    let ticket = ticket.as_deref().map(parse).transpose()?;
    Ok(Projection { kind, id, ticket, state, ord: count(ord)?, doc })
}

/// Returns a lease from ticket, attempt, epoch and end.
pub(crate) fn lease(columns: (String, String, i64, String)) -> Result<Lease> {
    let (ticket, attempt, epoch, until) = columns;
    Ok(Lease {
        ticket: parse(&ticket)?,
        attempt: parse(&attempt)?,
        epoch: mission_domain::ids::Epoch(count(epoch)?),
        until: parse(&until)?,
    })
}

/// Returns a secret's record of `kind`.
pub(crate) fn secret(kind: SecretKind, columns: SecretColumns) -> Result<Secret> {
    let (hash, principal, role, project, label, created_at, expires_at) = columns;
    Ok(Secret {
        kind,
        hash,
        principal,
        role,
        project: project.as_deref().map(parse).transpose()?,
        label,
        created_at: parse(&created_at)?,
        expires_at: expires_at.as_deref().map(parse).transpose()?,
    })
}
