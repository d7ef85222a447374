//! What is held in memory is looked at again when the store gave no clear answer: the change may be there all the same.

use std::sync::Arc;

use mission_domain::ids::TicketKey;
use mission_domain::ticket::Event;
use mission_store::{Change, Stream};

use crate::error::{Error, Result};
use crate::execute::Control;
use crate::write::untagged;

/// Returns the streams that `change` writes to.
pub(crate) fn streams_of(change: &Change) -> Vec<Stream> {
    change.writes.iter().map(|it| it.stream.clone()).collect()
}

impl Control {
    /// Takes in what `streams` are now, with everything that follows from events that nobody heard of.
    pub(crate) async fn look_again(&self, streams: &[Stream]) {
        for stream in streams {
            let looked = match stream {
                Stream::Home => self.load_home().await,
                Stream::Ticket(key) => self.look_at(key).await,
            };
            if let Err(error) = looked
                && !matches!(error, Error::NoTicket(_))
            {
                tracing::warn!("{stream} may have changed unseen: {}", error.in_full());
            }
        }
    }

    async fn look_at(&self, key: &TicketKey) -> Result<()> {
        let held = self.fleet().versions.get(key).copied().unwrap_or_default();
        let (ticket, version) = self.read_ticket(key).await?;
        if version <= held {
            return Ok(());
        }
        let docs = self.store().replayable(&Stream::Ticket(key.clone())).await?;
        let unheard =
            docs.into_iter().filter(|it| it.version.is_some_and(|it| it > held && it <= version));
        let mut events: Vec<Event> = Vec::new();
        for doc in unheard {
            let read = untagged(&doc.kind, &doc.body);
            events.push(read.map_err(|e| Error::Invalid(format!("event {}: {e}", doc.seq)))?);
            // Nobody listening is no failure.
            let _ = self.inner.events.send(Arc::new(doc));
        }
        self.take_in(ticket, version, &events).await;
        Ok(())
    }
}
