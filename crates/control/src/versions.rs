//! Which version the program of each runtime last told a lane, and since when a program is missing. Neither is on record by itself: the
//! one is read back from the newest attempts, the other is what this process saw.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use mission_domain::agents::{not_found, rests, version_doc};
use mission_domain::doc::{AttemptDoc, TroubleDoc, VersionDoc};
use mission_domain::ids::{AttemptId, ProjectKey, RuntimeId, TicketKey, Timestamp};
use mission_domain::plan::ProjectFacts;
use mission_domain::rules::Runtime;
use mission_domain::ticket::{Attempt, Event, Ticket};
use mission_store::{ProjectionFilter, ProjectionKind};

use crate::error::{Error, Result};
use crate::execute::Control;
use crate::fleet::Fleet;
use crate::projects::Project;

/// How many of the newest attempts are looked at.
const LOOK_BACK: u32 = 200;

/// How many tickets are read for them: a runtime that told nothing in so many tells nothing.
const TICKETS: usize = 20;

/// What the program of one runtime told one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    program: String,
    attempt: AttemptId,
    at: Timestamp,
}

/// Whose programs told what.
pub(crate) type AllTold = BTreeMap<(ProjectKey, RuntimeId), Told>;

/// Takes in what an attempt was told, unless a newer one was told something already.
fn take(all: &mut AllTold, ticket: &TicketKey, attempt: &Attempt) {
    let Some(session) = attempt.session.as_ref().filter(|it| !it.program.trim().is_empty()) else {
        return;
    };
    let told = Told {
        program: session.program.trim().to_owned(),
        attempt: attempt.id,
        at: attempt.started_at,
    };
    let key = (ticket.project().clone(), attempt.runtime.clone());
    if all.get(&key).is_none_or(|known| known.attempt <= told.attempt) {
        all.insert(key, told);
    }
}

impl Fleet {
    /// Keeps up with what programs tell, once that was read.
    pub(crate) fn hear_version(&mut self, ticket: &Ticket, event: &Event) {
        let Event::SessionOpened { attempt, .. } = event else { return };
        if let (Some(all), Some(attempt)) = (&mut self.told, ticket.attempt(*attempt)) {
            take(all, &ticket.key, attempt);
        }
    }

    /// Puts in what is behind the project's runtimes, and remembers since when a program is missing.
    pub(crate) fn put_facts(&mut self, project: &ProjectKey, facts: ProjectFacts, now: Timestamp) {
        for id in facts.rules.runtimes.keys() {
            let key = (project.clone(), id.clone());
            if facts.identities.contains_key(id) {
                self.missing.remove(&key);
            } else {
                self.missing.entry(key).or_insert(now);
            }
        }
        self.projects.insert(project.clone(), facts);
    }

    /// Returns what the runtime's program last told of its version.
    pub(crate) fn version(&self, project: &Project, runtime: &Runtime) -> Option<VersionDoc> {
        let told = self.told.as_ref()?.get(&(project.key.clone(), runtime.id.clone()))?;
        let by = Some((told.attempt.to_string(), told.at));
        Some(version_doc(&runtime.command, &told.program, by))
    }

    /// Returns why the runtime cannot work now.
    pub(crate) fn trouble(&self, project: &Project, runtime: &Runtime) -> Option<TroubleDoc> {
        let (id, command) = (runtime.id.as_str(), &runtime.command);
        let facts = self.projects.get(&project.key);
        if facts.is_some_and(|it| !it.identities.contains_key(&runtime.id)) {
            let key = (project.key.clone(), runtime.id.clone());
            return Some(not_found(id, command, self.missing.get(&key).copied()));
        }
        let breaker = self.home.breakers.get(&runtime.id)?;
        Some(rests(id, command, (breaker.class, &breaker.why), breaker.since))
    }
}

impl Control {
    /// Reads what programs told the newest attempts. A server does so once and keeps up from then on.
    pub(crate) async fn know_versions(&self) -> Result<()> {
        if self.fleet().told.is_some() && self.inner.is_resident.load(Ordering::Acquire) {
            return Ok(());
        }
        self.fleet().told.get_or_insert_default();
        let newest = ProjectionFilter {
            newest_first: true,
            limit: Some(LOOK_BACK),
            ..ProjectionFilter::of(ProjectionKind::Attempt)
        };
        let (mut seen, mut tickets) = (BTreeSet::new(), BTreeSet::new());
        for row in self.store().projections(&newest).await? {
            let doc: AttemptDoc =
                serde_json::from_str(&row.doc).map_err(|e| Error::Invalid(e.to_string()))?;
            let Some(key) = row.ticket else { continue };
            // The newest attempt of a runtime may not have come so far as to be told: the one before it was.
            let is_told = seen.contains(&(key.project().clone(), doc.runtime.clone()));
            if is_told || tickets.len() >= TICKETS || !tickets.insert(key.clone()) {
                continue;
            }
            let (ticket, _) = self.ticket(&key).await?;
            let mut fleet = self.fleet();
            let all = fleet.told.get_or_insert_default();
            ticket.attempts.iter().for_each(|it| take(all, &key, it));
            seen.extend(
                all.keys().map(|(project, runtime)| (project.clone(), runtime.to_string())),
            );
        }
        Ok(())
    }
}
