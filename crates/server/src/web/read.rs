//! Reads what pages and lists show: documents from projections, and ticket rows that are kept up to date in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};

use mission_domain::doc::{AttemptDoc, GateDoc, NextActionDoc, TicketDoc};
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

/// From this many documents on none is kept past the next event.
const DOCS: usize = 2_000;

/// So many documents are read at once where all are looked at.
const AT_ONCE: usize = 500;

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

/// Every ticket's row as of one event, with the moments of the latest deaths.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    /// The event.
    pub(crate) seq: u64,
    /// The rows.
    pub(crate) rows: BTreeMap<TicketKey, TicketRow>,
    deaths: Vec<(TicketKey, Timestamp)>,
    /// What each open ticket waits for.
    waits: BTreeMap<TicketKey, Vec<TicketKey>>,
    shared: Shared,
}

/// What one page has read or counted and every other page of the same moment would again.
#[derive(Debug, Default)]
struct Shared {
    docs: Lock<Docs>,
    tallies: Lock<BTreeMap<Option<ProjectKey>, Arc<Tally>>>,
    /// The project of each notice that waits for a person.
    notices: Lock<Option<Arc<Vec<ProjectKey>>>>,
    packets: Lock<Packets>,
}

/// Which packets there are, once somebody asked for them.
#[derive(Debug, Clone, Default)]
struct Packets {
    by_ticket: Option<BTreeMap<TicketKey, Vec<PacketRow>>>,
    /// The tickets that changed since they were read.
    changed: BTreeSet<TicketKey>,
}

/// The newest packet of a gate.
#[derive(Debug, Clone)]
pub(crate) struct PacketRow {
    /// Its ticket.
    pub(crate) ticket: TicketKey,
    /// The gate.
    pub(crate) gate: String,
    /// `verified`, `refuted`, `partial` or `claimed`.
    pub(crate) status: String,
    /// When it was last decided on, or since when it waits for that.
    pub(crate) at: Timestamp,
}

/// Documents of tickets, by key.
pub(crate) type Docs = BTreeMap<TicketKey, Arc<TicketDoc>>;

/// How many tickets of a project are in which state.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// How many wait for a person.
    waits: usize,
    open: usize,
    states: BTreeMap<String, u32>,
}

impl Tally {
    fn of<'a>(rows: impl Iterator<Item = &'a TicketRow>) -> Self {
        let asks = ["needs_input", "blocked", "in_review", "active"];
        let mut tally = Self::default();
        for row in rows {
            let waits = row.who.starts_with("person:") && asks.contains(&row.state.as_str());
            tally.waits += usize::from(waits);
            tally.open += usize::from(row.open);
            match tally.states.get_mut(&row.state) {
                Some(count) => *count += 1,
                None => drop(tally.states.insert(row.state.clone(), 1)),
            }
        }
        tally
    }

    /// Returns how many tickets are in `state`.
    pub(crate) fn count(&self, state: &str) -> u32 {
        self.states.get(state).copied().unwrap_or(0)
    }

    /// Returns the states that tickets are in, each with how many.
    pub(crate) fn states(&self) -> impl Iterator<Item = (&str, u32)> {
        self.states.iter().map(|(state, count)| (state.as_str(), *count))
    }
}

impl Shared {
    /// Forgets what was counted, and the documents of the `changed` tickets.
    fn renew(&mut self, changed: &[TicketKey]) {
        held(&self.tallies).clear();
        held(&self.notices).take();
        let mut docs = held(&self.docs);
        changed.iter().for_each(|it| drop(docs.remove(it)));
        held(&self.packets).changed.extend(changed.iter().cloned());
        if docs.len() > DOCS {
            docs.clear();
        }
    }
}

impl Clone for Shared {
    fn clone(&self) -> Self {
        let (docs, tallies) = (held(&self.docs).clone(), held(&self.tallies).clone());
        let notices = held(&self.notices).clone();
        let packets = held(&self.packets).clone();
        Self {
            docs: Lock::new(docs),
            tallies: Lock::new(tallies),
            notices: Lock::new(notices),
            packets: Lock::new(packets),
        }
    }
}

fn held<T>(lock: &Lock<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Rows {
    /// Returns the rows of `project`, or all.
    pub(crate) fn of<'a>(
        &'a self,
        project: Option<&'a ProjectKey>,
    ) -> impl Iterator<Item = &'a TicketRow> {
        self.rows.values().filter(move |it| project.is_none_or(|project| it.project == *project))
    }

    /// Returns the numbers in the navigation; `notices` of the project wait for a person too.
    pub(crate) fn counts(
        &self,
        project: Option<&ProjectKey>,
        notices: usize,
        now: Timestamp,
    ) -> Counts {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let lately = |(ticket, at): &&(TicketKey, Timestamp)| {
            let is_here = project.is_none_or(|own| ticket.project() == own);
            is_here && now.as_second() - at.as_second() < DAY_S
        };
        let tally = self.tally(project);
        let all = if project.is_some() { self.tally(None).waits } else { tally.waits };
        Counts {
            needs_you: number(tally.waits + notices),
            elsewhere: number(all.saturating_sub(tally.waits)),
            open: number(tally.open),
            died: number(self.deaths.iter().filter(lately).count()),
        }
    }

    /// Returns the project of each notice that waits for a person.
    pub(crate) async fn notices(&self, site: &Site) -> Answer<Arc<Vec<ProjectKey>>> {
        let known = held(&self.shared.notices).clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let read = Arc::new(site.control.notices().await?);
        *held(&self.shared.notices) = Some(read.clone());
        Ok(read)
    }

    /// Returns how many tickets of `project`, or of all, are in which state.
    pub(crate) fn tally(&self, project: Option<&ProjectKey>) -> Arc<Tally> {
        let mut tallies = held(&self.shared.tallies);
        let counted = || Arc::new(Tally::of(self.of(project)));
        tallies.entry(project.cloned()).or_insert_with(counted).clone()
    }

    /// Returns how many of the wanted tickets are in which state.
    pub(crate) fn tally_where(
        &self,
        project: Option<&ProjectKey>,
        is_wanted: impl Fn(&TicketRow) -> bool,
    ) -> Tally {
        Tally::of(self.of(project).filter(|it| is_wanted(it)))
    }

    /// Returns the documents of `keys`, by key. What is not there is left out.
    pub(crate) async fn docs(&self, site: &Site, keys: Vec<TicketKey>) -> Answer<Docs> {
        let mut docs = Docs::new();
        let unread = {
            let read = held(&self.shared.docs);
            let is_unread = |it: &TicketKey| match read.get(it) {
                Some(doc) => docs.insert(it.clone(), doc.clone()).is_some(),
                None => true,
            };
            keys.into_iter().filter(is_unread).collect::<Vec<_>>()
        };
        if unread.is_empty() {
            return Ok(docs);
        }
        let filter = TicketFilter { keys: unread, ..TicketFilter::default() };
        let views = site.control.store().views(&filter).await?;
        let mut fresh = Docs::new();
        for view in &views {
            let doc: TicketDoc = serde_json::from_str(view).map_err(|e| damaged(&e))?;
            let Ok(key) = doc.key.parse() else { continue };
            fresh.insert(key, Arc::new(doc));
        }
        held(&self.shared.docs).extend(fresh.clone());
        docs.extend(fresh);
        Ok(docs)
    }

    /// Returns the newest packet of each gate of `project`, or of all, the latest first. All tickets are looked at once; from then on
    /// those that changed.
    pub(crate) async fn packets(
        &self,
        site: &Site,
        project: Option<&ProjectKey>,
    ) -> Answer<Vec<PacketRow>> {
        let Packets { by_ticket, changed } = held(&self.shared.packets).clone();
        let unread: Vec<TicketKey> = match &by_ticket {
            Some(_) => changed.into_iter().collect(),
            None => self.rows.keys().cloned().collect(),
        };
        let mut by_ticket = by_ticket.unwrap_or_default();
        for keys in unread.chunks(AT_ONCE) {
            let filter = TicketFilter { keys: keys.to_vec(), ..TicketFilter::default() };
            for view in &site.control.store().views(&filter).await? {
                let read: WithPackets = serde_json::from_str(view).map_err(|e| damaged(&e))?;
                by_ticket.insert(read.key.clone(), read.rows());
            }
        }
        let of_project = |it: &&PacketRow| project.is_none_or(|own| it.ticket.project() == own);
        let mut rows: Vec<PacketRow> =
            by_ticket.values().flatten().filter(of_project).cloned().collect();
        rows.sort_by_key(|it| std::cmp::Reverse(it.at));
        *held(&self.shared.packets) =
            Packets { by_ticket: Some(by_ticket), changed: BTreeSet::new() };
        Ok(rows)
    }

    /// Returns the open tickets that wait for `key`.
    pub(crate) fn held_up_by(&self, key: &TicketKey) -> Vec<TicketKey> {
        let waits = self.waits.iter().filter(|(_, waits)| waits.contains(key));
        waits.map(|(waiting, _)| waiting.clone()).collect()
    }

    /// Returns how many open tickets wait for `key`, directly or over others.
    pub(crate) fn held_up_in_all(&self, key: &TicketKey) -> usize {
        let mut held = BTreeSet::new();
        let mut next = vec![key.clone()];
        while let Some(by) = next.pop() {
            next.extend(self.held_up_by(&by).into_iter().filter(|it| held.insert(it.clone())));
        }
        held.remove(key);
        held.len()
    }

    /// Returns what `key` waits for.
    pub(crate) fn waits_for(&self, key: &TicketKey) -> &[TicketKey] {
        self.waits.get(key).map_or(&[], Vec::as_slice)
    }
}

/// Keeps the rows, so that a page costs what changed and not what there is.
#[derive(Debug, Default)]
pub(crate) struct RowsCache {
    held: Mutex<Option<Arc<Rows>>>,
}

impl RowsCache {
    /// Returns the rows as they were after event `seq` or later.
    pub(crate) async fn since(&self, site: &Site, seq: u64) -> Answer<Arc<Rows>> {
        let held = self.held.lock().await.clone().filter(|it| it.seq >= seq);
        match held {
            Some(rows) => Ok(rows),
            None => self.read(site).await,
        }
    }

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

/// Reads the rows ahead of the first page, which would wait for all of them.
///
/// What fails here fails again for the page, which says so.
pub(crate) async fn warm(site: Site) {
    let _ = site.rows.read(&site).await;
}

async fn all(site: &Site, seq: u64) -> Answer<Rows> {
    let rows = site.control.store().list(&TicketFilter::default()).await?;
    let rows = rows.into_iter().map(|it| (it.key.clone(), it)).collect();
    let open = TicketFilter { open: Some(true), ..TicketFilter::default() };
    let waits = waits(site, &open).await?.collect();
    Ok(Rows { seq, rows, deaths: deaths(site).await?, waits, shared: Shared::default() })
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
    rows.shared.renew(&keys);
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

/// What of a ticket's document says which packets it has.
#[derive(Deserialize)]
struct WithPackets {
    key: TicketKey,
    #[serde(default)]
    gates: Vec<GateDoc>,
    next_action: Option<NextActionDoc>,
    updated_at: Timestamp,
}

impl WithPackets {
    fn rows(self) -> Vec<PacketRow> {
        let Self { key, gates, next_action, updated_at } = self;
        let owed_since = next_action.map(|it| it.since);
        let row = |gate: GateDoc| {
            let decided = gate.signoff.filter(|_| gate.state != "active").map(|it| it.at);
            let at = decided.or(owed_since).unwrap_or(updated_at);
            let (ticket, status) = (key.clone(), gate.packet?.status);
            Some(PacketRow { ticket, gate: gate.id, status, at })
        };
        // A later gate's packet is the newer one of two with one moment.
        gates.into_iter().rev().filter_map(row).collect()
    }
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
async fn deaths(site: &Site) -> Answer<Vec<(TicketKey, Timestamp)>> {
    let ended = ProjectionFilter::of(ProjectionKind::Attempt).in_states(&["ended"]);
    let ended = ProjectionFilter { newest_first: true, limit: Some(ENDED), ..ended };
    let ended: Vec<AttemptDoc> = projections(site, &ended).await?;
    let died = |it: AttemptDoc| {
        let at = it.death.and(it.ended_at)?;
        Some((it.ticket.parse().ok()?, at))
    };
    Ok(ended.into_iter().filter_map(died).collect())
}
