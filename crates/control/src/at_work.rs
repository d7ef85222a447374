//! Lanes whose processes still run: their ticket's work is kept and cleared away only after them, and they are held still
//! while an approved command runs.

use mission_domain::ids::{AttemptId, TicketKey};
use mission_domain::ticket::Ticket;
use mission_runtime::still::Still;
use mission_runtime::{LaneFiles, ProcessCard, proc_tree};

use crate::error::{Error, Result};
use crate::execute::Control;

impl Control {
    fn lane_files(&self, attempt: AttemptId) -> LaneFiles {
        LaneFiles::new(&self.paths().lane(attempt))
    }

    /// Returns whether something of the attempt may still write. Its shim says how it ended once nothing of it is left.
    pub(crate) fn is_at_work(&self, attempt: AttemptId) -> bool {
        let files = self.lane_files(attempt);
        let card = if files.exit().exists() { None } else { ProcessCard::read(&files.shim()) };
        card.is_some_and(|it| proc_tree::is_alive(it.pid, it.pid_start_time))
    }

    /// Returns the attempt of the ticket of which something may still write, if there is one.
    pub(crate) fn lane_at_work(&self, ticket: &Ticket) -> Option<AttemptId> {
        ticket.attempts.iter().rev().map(|it| it.id).find(|it| self.is_at_work(*it))
    }

    /// Keeps the work that an attempt left unfinished, once nothing of it runs any more.
    pub(crate) async fn keep_work_after(&self, key: &TicketKey, attempt: AttemptId) {
        self.fleet().to_keep.insert(attempt);
        // Whoever takes it out sees to it: here, or when its end is heard of.
        if !self.is_at_work(attempt) && self.fleet().to_keep.remove(&attempt) {
            self.keep_work(key).await;
        }
    }

    /// Does what waited for the end of an attempt's processes.
    pub(crate) async fn lane_is_gone(&self, attempt: AttemptId) -> Result<()> {
        let Some(key) = self.key_of(attempt).await? else { return Ok(()) };
        let (ticket, _) = self.ticket(&key).await?;
        let is_to_be_kept = self.fleet().to_keep.remove(&attempt);
        if ticket.is_ended() {
            self.clean_up_later(&key);
        } else if is_to_be_kept {
            let control = self.clone();
            self.spawn(async move { control.keep_work(&key).await });
        }
        Ok(())
    }

    /// Holds all that runs of the ticket's lanes still, until what is returned is dropped. The inner error says which could not
    /// be held.
    ///
    /// # Errors
    /// The shim of a live attempt is gone, and what it left is being ended: try again.
    pub(crate) async fn hold_lanes(
        &self,
        ticket: &Ticket,
    ) -> Result<std::result::Result<Vec<Still>, Error>> {
        let mut held = Vec::new();
        for attempt in &ticket.attempts {
            let files = self.lane_files(attempt.id);
            if !files.shim().exists() {
                continue;
            }
            let lane = files.clone();
            let hold = tokio::task::spawn_blocking(move || Still::hold(&lane)).await;
            match hold.map_err(|e| Error::Invalid(e.to_string()))? {
                Ok(Some(still)) => held.push(still),
                Ok(None) if attempt.is_live() && !files.exit().exists() => {
                    return Err(Error::Missing(format!("shim of {}", attempt.id)));
                }
                Ok(None) => {}
                Err(error) => return Ok(Err(error.into())),
            }
        }
        Ok(Ok(held))
    }

    /// Lets lanes go on that were held still when the last server died.
    pub(crate) fn release_lanes(&self) {
        for attempt in crate::sweep::folder_ids(&self.paths().lanes()) {
            Still::release_left(&self.lane_files(attempt));
        }
    }
}
