//! Work of Mission Control itself that fails and is tried again: ever more rarely, and not without a word.

use std::sync::Arc;
use std::time::Duration;

use mission_domain::doc::NeedsYouDoc;
use mission_domain::ids::{ProjectKey, TicketKey, Timestamp};
use mission_domain::ticket::{Ticket, ticket_doc};

use crate::error::{Error, Result};
use crate::execute::Control;

/// The wait after the first failure, so that a broken disk is not asked a thousand times a second.
pub(crate) const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// The longest wait: what was mended outside goes on within a minute.
const LONGEST: Duration = Duration::from_secs(60);

/// So many failures in a row are told: before, it may pass by itself.
const TOLD_AFTER: u32 = 4;

/// What failed for one ticket, and how often in a row.
#[derive(Debug, Clone)]
pub(crate) struct Stumble {
    times: u32,
    since: Timestamp,
    why: String,
}

impl Stumble {
    fn is_told(&self) -> bool {
        self.times >= TOLD_AFTER
    }

    fn told(&self) -> String {
        format!(
            "Mission Control cannot go on with it: {}. It was tried {} times since {} and is tried again every minute",
            self.why, self.times, self.since
        )
    }
}

impl Control {
    /// Notes how work for a ticket went and returns how long to wait before it is tried again.
    pub(crate) fn note_stumble(&self, key: &TicketKey, error: &Error) -> Duration {
        let now = self.now();
        let mut fleet = self.fleet();
        let fresh = Stumble { times: 0, since: now, why: String::new() };
        let stumble = fleet.stumbles.entry(key.clone()).or_insert(fresh);
        stumble.times += 1;
        stumble.why = error.in_full();
        let wait = AFTER_FAILURE * (1 << (stumble.times - 1).min(7));
        // A full disk or a lost database comes back for all at once, and then nobody is to wait for long.
        if error.is_for_now() { wait.min(4 * AFTER_FAILURE) } else { wait.min(LONGEST) }
    }

    /// Forgets that work for a ticket failed: it went on.
    pub(crate) fn forget_stumble(&self, key: &TicketKey) {
        self.fleet().stumbles.remove(key);
    }

    /// Returns what keeps Mission Control itself from going on with the ticket.
    pub(crate) fn stumbles_at(&self, key: &TicketKey) -> Option<String> {
        self.fleet().stumbles.get(key).filter(|it| it.is_told()).map(Stumble::told)
    }

    /// Returns the project of each ticket that Mission Control itself cannot go on with: as many notices are among the decisions.
    pub fn stumbling(&self) -> Vec<ProjectKey> {
        let fleet = self.fleet();
        let told = fleet.stumbles.iter().filter(|it| it.1.is_told());
        told.map(|it| it.0.project().clone()).collect()
    }

    /// Returns one notice for each ticket that Mission Control itself cannot go on with.
    pub(crate) async fn asks_about_stumbles(
        &self,
        tickets: &[Arc<Ticket>],
    ) -> Result<Vec<NeedsYouDoc>> {
        let mut items = Vec::new();
        for ticket in tickets {
            let Some(told) = self.stumbles_at(&ticket.key) else { continue };
            let (_, version) = self.ticket(&ticket.key).await?;
            items.push(NeedsYouDoc {
                kind: "notice".into(),
                what: "mend what keeps Mission Control from going on with it".into(),
                rank_reason: "it cannot go on by itself".into(),
                holds_up: 1,
                held: vec![ticket.key.clone()],
                ticket: ticket_doc(ticket, version),
                detail: told,
                not_by: Vec::new(),
                nobody_else: false,
                runtimes: Vec::new(),
            });
        }
        Ok(items)
    }
}
