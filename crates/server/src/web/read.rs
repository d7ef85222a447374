//! Reads what pages and lists show: documents from projections, and ticket rows that are kept up to date in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mission_domain::doc::{AttemptDoc, TicketDoc};
use mission_domain::ids::{AttemptId, ProjectKey, TicketKey, Timestamp};
use mission_store::{EventFilter, ProjectionFilter, ProjectionKind, TicketFilter, TicketRow};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::app::Site;
use crate::pages::view::Counts;
use crate::problem::{Answer, Problem};

/// From this many new events on all rows are read again instead of the changed ones.
const MANY: u32 = 500;

/// How many of the newest ended attempts are looked at for deaths.
const ENDED: u32 = 200;

/// Deaths count for a day, in seconds.
const DAY_S: i64 = 86_400;

fn damaged(error: &serde_json::Error) -> Problem {
    mission_store::Error::Corrupt(error.to_string()).into()
}

/// Returns the documents of the selected projections.
pub(crate) async fn projections<T: DeserializeOwned>(
    site: &Site,
    filter: &ProjectionFilter,
) -> Answer<Vec<T>> {
    let rows = site.control.store().projections(filter).await?;
    let read: Result<Vec<T>, _> = rows.iter().map(|it| serde_json::from_str(&it.doc)).collect();
    read.map_err(|e| damaged(&e))
}

/// Returns one attempt, if it is there.
pub(crate) async fn attempt(site: &Site, id: AttemptId) -> Answer<Option<AttemptDoc>> {
    let row = site.control.store().projection(ProjectionKind::Attempt, &id.to_string()).await?;
    row.map(|it| serde_json::from_str(&it.doc)).transpose().map_err(|e| damaged(&e))
}

/// Returns the documents of `keys`, by key. What is not there is left out.
pub(crate) async fn tickets(
    site: &Site,
    keys: Vec<TicketKey>,
) -> Answer<BTreeMap<String, TicketDoc>> {
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let filter = TicketFilter { keys, ..TicketFilter::default() };
    let views = site.control.store().views(&filter).await?;
    let read = |it: &String| serde_json::from_str::<TicketDoc>(it).map(|it| (it.key.clone(), it));
    views.iter().map(read).collect::<Result<_, _>>().map_err(|e| damaged(&e))
}

/// Every ticket's row as of one event, with the moments of the latest deaths.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    /// The event.
    pub(crate) seq: u64,
    /// The rows.
    pub(crate) rows: BTreeMap<TicketKey, TicketRow>,
    deaths: Vec<(String, Timestamp)>,
    /// What each open ticket waits for.
    waits: BTreeMap<TicketKey, Vec<TicketKey>>,
}

impl Rows {
    /// Returns the rows of `project`, or all.
    pub(crate) fn of<'a>(
        &'a self,
        project: Option<&'a ProjectKey>,
    ) -> impl Iterator<Item = &'a TicketRow> {
        self.rows.values().filter(move |it| project.is_none_or(|project| it.project == *project))
    }

    /// Returns the numbers in the navigation; `budgets` of the project wait for a person too.
    pub(crate) fn counts(
        &self,
        project: Option<&ProjectKey>,
        budgets: usize,
        now: Timestamp,
    ) -> Counts {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let asks = ["needs_input", "blocked", "in_review", "active"];
        let waits =
            |it: &&TicketRow| it.who.starts_with("person:") && asks.contains(&it.state.as_str());
        let lately = |(ticket, at): &&(String, Timestamp)| {
            let here = ticket.parse::<TicketKey>().ok();
            let here = here.is_some_and(|it| project.is_none_or(|own| it.project() == own));
            here && now.as_second() - at.as_second() < DAY_S
        };
        Counts {
            needs_you: number(self.of(project).filter(waits).count() + budgets),
            open: number(self.of(project).filter(|it| it.open).count()),
            died: number(self.deaths.iter().filter(lately).count()),
        }
    }

    /// Returns the open tickets that wait for `key`.
    pub(crate) fn held_up_by(&self, key: &TicketKey) -> Vec<TicketKey> {
        let waits = self.waits.iter().filter(|(_, waits)| waits.contains(key));
        waits.map(|(waiting, _)| waiting.clone()).collect()
    }

    /// Returns what `key` waits for.
    pub(crate) fn waits_for(&self, key: &TicketKey) -> &[TicketKey] {
        self.waits.get(key).map_or(&[], Vec::as_slice)
    }

    /// Returns how many of the wanted tickets each state holds.
    pub(crate) fn states<'a>(
        &'a self,
        project: Option<&'a ProjectKey>,
        is_wanted: impl Fn(&TicketRow) -> bool,
    ) -> BTreeMap<&'a str, u32> {
        let mut states = BTreeMap::new();
        for row in self.of(project).filter(|it| is_wanted(it)) {
            *states.entry(row.state.as_str()).or_default() += 1;
        }
        states
    }
}

/// Keeps the rows, so that a page costs what changed and not what there is.
#[derive(Debug, Default)]
pub(crate) struct RowsCache {
    held: Mutex<Option<Arc<Rows>>>,
}

impl RowsCache {
    /// Returns the rows as they are now.
    pub(crate) async fn read(&self, site: &Site) -> Answer<Arc<Rows>> {
        let mut held = self.held.lock().await;
        let seq = site.control.store().watermark().await?;
        let fresh = match held.take() {
            Some(rows) if rows.seq >= seq => rows,
            Some(rows) => Arc::new(renewed(site, rows, seq).await?),
            None => Arc::new(all(site, seq).await?),
        };
        *held = Some(fresh.clone());
        Ok(fresh)
    }
}

async fn all(site: &Site, seq: u64) -> Answer<Rows> {
    let rows = site.control.store().list(&TicketFilter::default()).await?;
    let rows = rows.into_iter().map(|it| (it.key.clone(), it)).collect();
    let open = TicketFilter { open: Some(true), ..TicketFilter::default() };
    let waits = waits(site, &open).await?.collect();
    Ok(Rows { seq, rows, deaths: deaths(site).await?, waits })
}

async fn renewed(site: &Site, held: Arc<Rows>, seq: u64) -> Answer<Rows> {
    let store = site.control.store();
    let filter = EventFilter { after: held.seq, limit: Some(MANY), ..EventFilter::default() };
    let events = store.events(&filter).await?;
    if events.len() >= MANY as usize {
        return all(site, seq).await;
    }
    let keys: BTreeSet<&String> = events.iter().filter_map(|it| it.ticket.as_ref()).collect();
    let keys: Vec<TicketKey> = keys.into_iter().filter_map(|it| it.parse().ok()).collect();
    let mut rows = Arc::unwrap_or_clone(held);
    if !keys.is_empty() {
        let filter = TicketFilter { keys, ..TicketFilter::default() };
        let changed = store.list(&filter).await?;
        rows.waits.extend(waits(site, &filter).await?);
        rows.rows.extend(changed.into_iter().map(|it| (it.key.clone(), it)));
    }
    if events.iter().any(|it| it.kind == "attempt_ended") {
        rows.deaths = deaths(site).await?;
    }
    rows.seq = seq.max(events.last().map_or(0, |it| it.seq));
    Ok(rows)
}

/// What of a ticket's document says what it waits for.
#[derive(Deserialize)]
struct Waiting {
    key: TicketKey,
    state: String,
    #[serde(default)]
    blocked_by: Vec<TicketKey>,
}

/// Returns what each of the selected tickets waits for: nothing once it has ended.
async fn waits(
    site: &Site,
    filter: &TicketFilter,
) -> Answer<impl Iterator<Item = (TicketKey, Vec<TicketKey>)> + use<>> {
    let views = site.control.store().views(filter).await?;
    let read: Result<Vec<Waiting>, _> = views.iter().map(|it| serde_json::from_str(it)).collect();
    let has_ended = |it: &Waiting| matches!(it.state.as_str(), "done" | "cancelled" | "superseded");
    Ok(read.map_err(|e| damaged(&e))?.into_iter().map(move |it| {
        let waits = if has_ended(&it) { Vec::new() } else { it.blocked_by };
        (it.key, waits)
    }))
}

/// Returns the latest attempts whose process died.
async fn deaths(site: &Site) -> Answer<Vec<(String, Timestamp)>> {
    let ended = ProjectionFilter::of(ProjectionKind::Attempt).in_states(&["ended"]);
    let ended = ProjectionFilter { newest_first: true, limit: Some(ENDED), ..ended };
    let ended: Vec<AttemptDoc> = projections(site, &ended).await?;
    let died = |it: AttemptDoc| {
        it.death.is_some().then_some(it.ended_at).flatten().map(|at| (it.ticket, at))
    };
    Ok(ended.into_iter().filter_map(died).collect())
}
