//! What the events of a stream tell, how the kept rows differ from it, and the rows of an earlier version written anew.

use futures::future::try_join_all;
use mission_domain::doc::EventDoc;
use mission_domain::home::{Act, Home, HomeEvent, apply_home};
use mission_domain::ids::{OperatorActId, TicketKey, Timestamp, Version};
use mission_domain::principal::Principal;
use mission_domain::ticket::{Event, Stamp, Ticket, replay};
use mission_store::{
    Projection, ProjectionFilter, ProjectionKind, Replayed, Snapshot, Stream, TicketFilter,
    TicketRow,
};
use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::execute::Control;
use crate::write::{act_row, all_projections, home_snapshot, ticket_snapshot, untagged};

/// What makes rows of events in this program: another one may have made them otherwise.
pub(crate) const SHAPE: &str = env!("MISSION_ROWS_SHAPE");

/// How many streams are replayed and written in one transaction: enough that the commit costs little, and a server that
/// starts holds no more of them in memory.
const BATCH: usize = 128;

/// How many are read at once: as many as the store reads.
const AT_ONCE: usize = 4;

/// How often the streams that somebody else changed meanwhile are looked at again before the next start has to.
const ROUNDS: usize = 5;

/// Events in the order in which they happened, or what is wrong with one of them.
pub(crate) type Told<T> = std::result::Result<T, String>;

/// The home as its events tell it.
pub(crate) struct HomeTold {
    pub(crate) home: Home,
    acts: Vec<(OperatorActId, Act, Timestamp, bool)>,
}

impl Control {
    /// Returns whether the rows of this home may be of another version of this program.
    ///
    /// # Errors
    /// What the store said.
    pub async fn rows_are_older(&self) -> Result<bool> {
        Ok(self.store().shape().await?.as_deref() != Some(SHAPE))
    }

    /// Writes every row anew that is not what this program makes of the events, where another version wrote them last.
    /// An end in the middle costs the way again and nothing else. Returns how many tickets had such rows.
    ///
    /// # Errors
    /// What the store said.
    pub async fn renew_rows(&self) -> Result<u64> {
        if !self.rows_are_older().await? {
            return Ok(0);
        }
        let mut renewed = 0;
        let mut left = self.store().streams().await?;
        for _ in 0..ROUNDS {
            let mut moved = Vec::new();
            for batch in left.chunks(BATCH) {
                let mut differ = Vec::new();
                for some in batch.chunks(AT_ONCE) {
                    let looks = some.iter().map(|it| self.replayed(it));
                    differ.extend(try_join_all(looks).await?.into_iter().flatten());
                }
                let tickets = differ.iter().filter(|it| it.snapshot.row.is_some()).count() as u64;
                let again = match differ.is_empty() {
                    true => Vec::new(),
                    false => self.store().rebuild(differ).await?,
                };
                renewed += tickets.saturating_sub(again.len() as u64);
                moved.extend(again);
            }
            left = moved;
            if left.is_empty() {
                self.store().keep_shape(SHAPE).await?;
                break;
            }
        }
        self.load_home().await?;
        Ok(renewed)
    }

    /// Returns what is to be written of a stream whose rows differ from what its events tell.
    async fn replayed(&self, stream: &Stream) -> Result<Option<Replayed>> {
        // First the version: an event that comes meanwhile makes the write a conflict.
        let (kept, seen) = self.store().load(stream).await?;
        let events = self.store().replayable(stream).await?;
        let made = match stream {
            Stream::Home => match home_told(&events) {
                Ok(told) if self.home_differs(&told, &kept).await?.is_empty() => return Ok(None),
                Ok(told) => Ok((home_snapshot(&told.home), told.rows())),
                Err(problem) => Err(problem),
            },
            Stream::Ticket(key) => match ticket_told(key, &events) {
                Ok((ticket, _)) if self.ticket_differs(&ticket, &kept, seen).await?.is_empty() => {
                    return Ok(None);
                }
                Ok((ticket, _)) => Ok((ticket_snapshot(&ticket, seen), all_projections(&ticket))),
                Err(problem) => Err(problem),
            },
        };
        let (snapshot, projections): (Snapshot, Vec<Projection>) = match made {
            Ok(made) => made,
            Err(problem) => {
                tracing::warn!(
                    "rows of `{stream}` stay as they are: {problem}; see `mission fsck`"
                );
                return Ok(None);
            }
        };
        Ok(Some(Replayed { stream: stream.clone(), seen, snapshot, projections }))
    }

    /// Returns in what the rows of a ticket differ from what its events tell.
    pub(crate) async fn ticket_differs(
        &self,
        ticket: &Ticket,
        kept: &str,
        version: Version,
    ) -> Result<Vec<String>> {
        let key = &ticket.key;
        let mut differs = Vec::new();
        if !serde_json::from_str::<Ticket>(kept).is_ok_and(|it| it == *ticket) {
            differs.push(format!("the record of {key} is not what its events tell"));
        }
        let row = ticket_snapshot(ticket, version).row;
        let view = self.store().view(key).await?;
        if row.as_ref().is_some_and(|it| it.view != view) {
            differs.push(format!("the document of {key} is not what its events tell"));
        }
        let filter = TicketFilter { keys: vec![key.clone()], ..TicketFilter::default() };
        let listed = self.store().list(&filter).await?.pop();
        if listed != row.map(|it| TicketRow { view: String::new(), ..it }) {
            differs.push(format!("what lists show of {key} is not what its events tell"));
        }
        let mut expected = all_projections(ticket);
        let mut kept = Vec::new();
        for kind in [ProjectionKind::Attempt, ProjectionKind::Message, ProjectionKind::Approval] {
            kept.extend(self.store().projections(&ProjectionFilter::of(kind).about(key)).await?);
        }
        expected.sort_by_key(|a| (a.kind, a.ord));
        kept.sort_by_key(|a| (a.kind, a.ord));
        if expected != kept {
            differs.push(format!("the rows of {key} are not what its events tell"));
        }
        Ok(differs)
    }

    /// Returns in what the rows of the home differ from what its events tell.
    pub(crate) async fn home_differs(&self, told: &HomeTold, kept: &str) -> Result<Vec<String>> {
        let mut differs = Vec::new();
        if !serde_json::from_str::<Home>(kept).is_ok_and(|it| it == told.home) {
            differs.push("the record of the home is not what its events tell".to_owned());
        }
        let acts = ProjectionFilter::of(ProjectionKind::OperatorAct);
        if self.store().projections(&acts).await? != told.rows() {
            differs.push("the operator's acts are not what the home's events tell".to_owned());
        }
        Ok(differs)
    }
}

impl HomeTold {
    /// Returns the rows of the operator's acts, by their number.
    fn rows(&self) -> Vec<Projection> {
        self.acts.iter().map(|(id, act, at, undone)| act_row(*id, act, *at, *undone)).collect()
    }
}

/// Returns a ticket as its events tell it, and these.
pub(crate) fn ticket_told(
    key: &TicketKey,
    docs: &[EventDoc],
) -> Told<(Ticket, Vec<(Event, Stamp)>)> {
    let events = read::<Event>(docs, key)?;
    let ticket = replay(events.iter().map(|(event, stamp)| (event, stamp)));
    let ticket = ticket.ok_or_else(|| format!("{key} has events, and none that opens it"))?;
    Ok((ticket, events))
}

/// Returns the home as its events tell it.
pub(crate) fn home_told(docs: &[EventDoc]) -> Told<HomeTold> {
    let mut told = HomeTold { home: Home::default(), acts: Vec::new() };
    for (event, stamp) in read::<HomeEvent>(docs, &"the home")? {
        if let HomeEvent::OperatorActed { id, act } = &event {
            told.acts.push((*id, act.clone(), stamp.at, false));
        }
        if let HomeEvent::OperatorUndone { id } = &event {
            let undone = told.acts.iter_mut().filter(|it| it.0 == *id);
            undone.for_each(|it| it.3 = true);
        }
        apply_home(&mut told.home, &event, &stamp);
    }
    Ok(told)
}

fn read<E: DeserializeOwned>(
    docs: &[EventDoc],
    of: &dyn std::fmt::Display,
) -> Told<Vec<(E, Stamp)>> {
    let read = |doc: &EventDoc| {
        let problem = |it: String| format!("event {} of {of} cannot be read: {it}", doc.seq);
        let by: Principal = doc.principal.parse().map_err(|it| problem(format!("{it}")))?;
        let event = untagged(&doc.kind, &doc.body).map_err(|it| problem(it.to_string()))?;
        Ok((event, Stamp { at: doc.at, by }))
    };
    docs.iter().map(read).collect()
}
