//! The tickets that matter now, held in memory so that a plan reads nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mission_domain::home::Home;
use mission_domain::ids::{AttemptId, ProjectKey, RuntimeId, TicketKey, Timestamp, Version};
use mission_domain::plan::{self, Action, ProjectFacts};
use mission_domain::spending::Spending;
use mission_domain::ticket::Ticket;

use crate::launches::Launch;
use crate::stumble::Stumble;
use crate::versions::AllTold;

/// What the dispatcher looks at.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    /// Open tickets, and ended ones that have been looked at or are linked to.
    pub(crate) tickets: BTreeMap<TicketKey, Arc<Ticket>>,
    /// The version of each ticket held.
    pub(crate) versions: BTreeMap<TicketKey, Version>,
    /// What is true of the whole home.
    pub(crate) home: Home,
    /// The version of that.
    pub(crate) home_version: Version,
    /// Projects that can be worked.
    pub(crate) projects: BTreeMap<ProjectKey, ProjectFacts>,
    /// Until when each live attempt holds its lease.
    pub(crate) leases: BTreeMap<TicketKey, Timestamp>,
    /// How far the launches of live attempts are, as far as this process began them.
    pub(crate) launches: BTreeMap<AttemptId, Launch>,
    /// Tickets that something is being done for at this moment.
    pub(crate) busy: BTreeSet<TicketKey>,
    /// What the attempts of the last day used; nothing while nobody asked for it.
    pub(crate) spending: Option<Spending>,
    /// Whether that is complete.
    pub(crate) is_spending_read: bool,
    /// Attempts whose lanes were told that their turn is the last one.
    pub(crate) last_turns: BTreeSet<AttemptId>,
    /// Attempts that are over, whose work is kept once their processes are.
    pub(crate) to_keep: BTreeSet<AttemptId>,
    /// Those of them that do nothing but wait for their turn to land.
    pub(crate) waiting_to_land: BTreeSet<TicketKey>,
    /// What the programs of runtimes told of their versions; nothing while nobody asked for it.
    pub(crate) told: Option<AllTold>,
    /// Since when a runtime's program is missing.
    pub(crate) missing: BTreeMap<(ProjectKey, RuntimeId), Timestamp>,
    /// Work for tickets that failed and is tried again.
    pub(crate) stumbles: BTreeMap<TicketKey, Stumble>,
    /// Whether a ticket that has ended was taken in since those were last forgotten.
    has_ended: bool,
}

impl Fleet {
    /// Returns the view that the plan takes.
    pub(crate) fn view(&self, now: Timestamp) -> plan::Fleet<'_> {
        plan::Fleet {
            tickets: &self.tickets,
            projects: &self.projects,
            home: &self.home,
            leases: &self.leases,
            spending: self.spending.as_ref().filter(|_| self.is_spending_read),
            busy: &self.busy,
            now,
        }
    }

    /// Returns what is to be done now, and when to look again.
    pub(crate) fn plan(&self, now: Timestamp) -> (Vec<Action>, Option<Timestamp>) {
        let view = self.view(now);
        (plan::plan(&view), plan::next_moment(&view))
    }

    /// Takes in a ticket as it is now.
    pub(crate) fn put(&mut self, ticket: Arc<Ticket>, version: Version) {
        let key = ticket.key.clone();
        // Two writers may finish in either order: an older version never replaces a newer one.
        if self.versions.get(&key).is_some_and(|held| *held > version) {
            return;
        }
        self.has_ended |= ticket.is_ended();
        self.versions.insert(key.clone(), version);
        self.tickets.insert(key, ticket);
    }

    /// Forgets ended tickets that nobody open is linked to.
    pub(crate) fn forget_ended(&mut self) {
        if !std::mem::take(&mut self.has_ended) {
            return;
        }
        let open = self.tickets.values().filter(|it| !it.is_ended());
        let linked: BTreeSet<TicketKey> =
            open.flat_map(|it| it.blockers.keys().chain(it.children.keys()).cloned()).collect();
        let keep =
            |key: &TicketKey, ticket: &Arc<Ticket>| !ticket.is_ended() || linked.contains(key);
        self.tickets.retain(|key, ticket| keep(key, ticket));
        self.versions.retain(|key, _| self.tickets.contains_key(key));
        self.stumbles.retain(|key, _| self.tickets.contains_key(key));
    }
}
