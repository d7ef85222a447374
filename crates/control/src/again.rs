//! What is held in memory is looked at again when the store gave no clear answer: the change may be there all the same.
//! Where the store does not even let us look, that is done as soon as it does.

use std::sync::{Arc, MutexGuard};

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

/// What could not be looked at.
#[derive(Debug, Default)]
pub(crate) struct Unsure {
    /// May have changed unseen.
    streams: Vec<Stream>,
    /// Is waited for by one that is held.
    waited_for: Vec<TicketKey>,
}

impl Control {
    fn unsure(&self) -> MutexGuard<'_, Unsure> {
        self.inner.unsure.lock().expect("nobody panics while holding what is unsure")
    }

    /// Remembers that somebody waits for `key`, which could not be read.
    pub(crate) fn hold_later(&self, key: TicketKey) {
        self.unsure().waited_for.push(key);
    }

    /// Looks at what could not be looked at before, and returns whether everything is known now.
    pub async fn catch_up(&self) -> bool {
        let Unsure { streams, waited_for } = std::mem::take(&mut *self.unsure());
        self.look_again(&streams).await;
        self.hold_tickets(waited_for).await;
        !self.is_unsure()
    }

    /// Looks at the home first where it may have changed unseen. Hold `home_turn`.
    pub(crate) async fn sure_of_home(&self) -> Result<()> {
        if self.unsure().streams.contains(&Stream::Home) {
            self.load_home().await?;
            self.unsure().streams.retain(|it| *it != Stream::Home);
        }
        Ok(())
    }

    /// Returns whether there is something that could not be looked at.
    pub(crate) fn is_unsure(&self) -> bool {
        let unsure = self.unsure();
        !unsure.streams.is_empty() || !unsure.waited_for.is_empty()
    }

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
                let mut unsure = self.unsure();
                if !unsure.streams.contains(stream) {
                    unsure.streams.push(stream.clone());
                }
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
