//! Decides which of the changes that wait go in together, and what rows they become. No IO: what is
//! stored arrives as `Known`.

use std::collections::{BTreeMap, HashMap};

use mission_domain::doc::EventDoc;
use mission_domain::ids::{Epoch, TicketKey, Version};
use mission_domain::mutants::is_removed;

use crate::chain::{self, GENESIS};
use crate::prepare::{Prepared, PreparedWrite};
use crate::record::{
    AnswerRecord, EventRecord, HeadRecord, LeaseRecord, ProjectionRecord, StreamRecord,
    TicketRecord, moment,
};
use crate::{Appended, Error, LeaseChange, Result, Stream};

/// What the store holds of everything that a batch touches.
#[derive(Debug, Default, Clone)]
pub(crate) struct Known {
    /// The last `seq`.
    pub(crate) seq: u64,
    /// The last hash of each chain.
    pub(crate) chains: HashMap<String, String>,
    /// The version of each stream.
    pub(crate) versions: HashMap<String, u64>,
    /// The last lease of each ticket.
    pub(crate) leases: HashMap<String, LeaseRecord>,
    /// The stream that owns each projection, by kind and id.
    pub(crate) owners: HashMap<(String, String), String>,
    /// The answers given, by principal and key.
    pub(crate) answers: HashMap<(String, String), String>,
}

/// The rows of all changes that go in together, the last of each key.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) events: Vec<EventRecord>,
    pub(crate) streams: BTreeMap<String, StreamRecord>,
    pub(crate) tickets: BTreeMap<String, TicketRecord>,
    pub(crate) projections: BTreeMap<(&'static str, String), ProjectionRecord>,
    pub(crate) leases: BTreeMap<String, LeaseRecord>,
    pub(crate) heads: BTreeMap<String, HeadRecord>,
    pub(crate) answers: Vec<AnswerRecord>,
}

/// What one change alters of what is known, until it is sure that all of it goes in.
#[derive(Default)]
struct Draft {
    versions: HashMap<String, u64>,
    leases: HashMap<String, LeaseRecord>,
    owners: HashMap<(String, String), String>,
}

impl Batch {
    /// Returns whether no change went in.
    pub(crate) fn is_empty(&self) -> bool {
        self.streams.is_empty() && self.answers.is_empty()
    }

    /// Takes `change` in behind those before it, or leaves everything as it was.
    pub(crate) fn admit(&mut self, change: &Prepared, known: &mut Known) -> Result<Appended> {
        let answer = change.answer.as_ref().filter(|_| !is_removed("idempotency"));
        if let Some(answer) = answer {
            let given = known.answers.get(&(answer.principal.clone(), answer.key.clone()));
            if let Some(given) = given {
                return Err(replayed(given));
            }
        }
        let mut draft = Draft::default();
        for write in &change.writes {
            draft.check(write, known)?;
        }
        known.versions.extend(draft.versions);
        known.owners.extend(draft.owners);
        let first = known.seq + 1;
        let mut events = Vec::new();
        for write in &change.writes {
            self.take_in(write, known, &mut events);
        }
        for (ticket, lease) in draft.leases {
            known.leases.insert(ticket.clone(), lease.clone());
            self.leases.insert(ticket, lease);
        }
        if let Some(answer) = answer {
            let key = (answer.principal.clone(), answer.key.clone());
            known.answers.insert(key, answer.answer.clone());
            self.answers.push(answer.clone());
        }
        Ok(Appended { first, last: known.seq, events })
    }

    fn take_in(&mut self, write: &PreparedWrite, known: &mut Known, out: &mut Vec<EventDoc>) {
        let mut version = write.seen;
        for (event, body) in &write.events {
            version += 1;
            known.seq += 1;
            let project = write.stream.project().map(ToString::to_string);
            let name = project.clone().unwrap_or_else(|| "home".into());
            let prev = known.chains.get(&name).cloned().unwrap_or_else(|| GENESIS.into());
            let mut doc = EventDoc {
                seq: known.seq,
                at: event.at,
                project,
                ticket: write.stream.ticket().map(ToString::to_string),
                version: Some(Version(version)),
                kind: event.kind.clone(),
                principal: event.principal.clone(),
                attempt: event.attempt.map(|attempt| attempt.to_string()),
                epoch: event.epoch.map(|epoch| epoch.0),
                body: event.body.clone(),
                prev,
                hash: String::new(),
            };
            doc.hash = chain::hash_with(&doc, body);
            self.events.push(record(&doc, &write.name, version, body));
            for name in [name.as_str(), "log"] {
                let hash = if name == "log" { String::new() } else { doc.hash.clone() };
                let head = HeadRecord { name: name.into(), seq: doc.seq, hash };
                self.heads.insert(name.into(), head);
            }
            known.chains.insert(name, doc.hash.clone());
            out.push(doc);
        }
        let state = StreamRecord { version, ..write.state.clone() };
        self.streams.insert(write.name.clone(), state);
        if let Some(ticket) = &write.ticket {
            self.tickets.insert(write.name.clone(), ticket.clone());
        }
        for projection in &write.projections {
            self.projections.insert((projection.kind, projection.id.clone()), projection.clone());
        }
    }
}

impl Draft {
    fn check(&mut self, write: &PreparedWrite, known: &Known) -> Result<()> {
        let current = self.version(&write.name, known);
        check_version(write, current)?;
        self.versions.insert(write.name.clone(), write.seen + write.events.len() as u64);
        for projection in &write.projections {
            let key = (projection.kind.to_owned(), projection.id.clone());
            let owner = self.owners.get(&key).or_else(|| known.owners.get(&key));
            if owner.is_some_and(|owner| *owner != projection.stream) {
                return Err(Error::Taken(projection.id.clone()));
            }
            self.owners.insert(key, projection.stream.clone());
        }
        for lease in &write.leases {
            self.check_lease(lease, known)?;
        }
        Ok(())
    }

    fn version(&self, stream: &str, known: &Known) -> u64 {
        let version = self.versions.get(stream).or_else(|| known.versions.get(stream));
        version.copied().unwrap_or_default()
    }

    fn check_lease(&mut self, change: &LeaseChange, known: &Known) -> Result<()> {
        let name = change.ticket().to_string();
        if self.version(&name, known) == 0 {
            return Err(Error::Missing(name));
        }
        let last = self.leases.get(&name).or_else(|| known.leases.get(&name));
        let current = last.map_or(0, |lease| lease.epoch);
        let next = match change {
            LeaseChange::Take { ticket, attempt, epoch, until } if epoch.0 > current => {
                LeaseRecord {
                    ticket: ticket.to_string(),
                    attempt: attempt.to_string(),
                    epoch: epoch.0,
                    until: moment(*until),
                    live: 1,
                }
            }
            LeaseChange::End { ticket, epoch } => match last {
                Some(last) if holds(last, *epoch) || is_removed("lease-epoch") => {
                    LeaseRecord { live: 0, ..last.clone() }
                }
                Some(_) | None => return Err(stale(ticket, *epoch, current)),
            },
            LeaseChange::Take { ticket, epoch, .. } => return Err(stale(ticket, *epoch, current)),
        };
        self.leases.insert(name, next);
        Ok(())
    }
}

/// Returns whether `lease` is live, and the one of `epoch`.
fn holds(lease: &LeaseRecord, epoch: Epoch) -> bool {
    lease.epoch == epoch.0 && lease.live == 1
}

fn check_version(write: &PreparedWrite, current: u64) -> Result<()> {
    if write.seen == current {
        return Ok(());
    }
    Err(match (&write.stream, write.seen, current) {
        (Stream::Ticket(key), 0, _) => Error::Taken(key.to_string()),
        (Stream::Ticket(key), _, 0) => Error::Missing(key.to_string()),
        (Stream::Ticket(_) | Stream::Home, _, _) => {
            Error::Conflict { stream: write.name.clone(), current: Version(current) }
        }
    })
}

fn stale(ticket: &TicketKey, given: Epoch, current: u64) -> Error {
    Error::StaleEpoch { ticket: ticket.clone(), given, current: Epoch(current) }
}

fn replayed(answer: &str) -> Error {
    match serde_json::from_str(answer) {
        Ok(answer) => Error::Replayed { answer },
        Err(problem) => Error::Corrupt(format!("an answer: {problem}")),
    }
}

fn record(doc: &EventDoc, stream: &str, version: u64, body: &str) -> EventRecord {
    EventRecord {
        seq: doc.seq,
        stream: stream.into(),
        project: doc.project.clone(),
        version,
        at: moment(doc.at),
        kind: doc.kind.clone(),
        principal: doc.principal.clone(),
        attempt: doc.attempt.clone(),
        epoch: doc.epoch,
        body: body.into(),
        prev: doc.prev.clone(),
        hash: doc.hash.clone(),
    }
}
