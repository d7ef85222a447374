//! The event log: as a list, and as a stream that resumes and neither skips nor repeats.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt as _, stream};
use mission_domain::doc::EventDoc;
use mission_domain::ids::{ProjectKey, TicketKey};
use mission_store::EventFilter;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{broadcast, watch};

use crate::app::Site;
use crate::auth::Who;
use crate::problem::{Answer, Problem};

/// How many events a list has unless it is asked for more, and at most.
const PAGE: u32 = 1_000;
const MOST: u32 = 10_000;

/// How many events are read or sent at once.
const BATCH: u32 = 256;

/// How long a stream may be silent before a comment keeps it alive.
const SILENCE: Duration = Duration::from_secs(15);

/// How many encoded events are kept for other streams.
const KEPT: usize = 512;

#[derive(Debug, Deserialize)]
pub(crate) struct Selected {
    after: Option<u64>,
    ticket: Option<TicketKey>,
    project: Option<ProjectKey>,
    limit: Option<u32>,
    /// How many events before now to begin with, instead of after a number.
    tail: Option<u64>,
}

/// Answers the log after an event, as a list or as a stream.
pub(crate) async fn events(
    State(site): State<Site>,
    who: Who,
    headers: HeaderMap,
    query: Result<Query<Selected>, axum::extract::rejection::QueryRejection>,
) -> Answer<Response> {
    let Query(selected) = query.map_err(|e| Problem::bad(e.body_text()))?;
    let project = who.narrow(selected.project)?;
    let after = match (last_event_id(&headers)?.or(selected.after), selected.tail) {
        (Some(after), _) => after,
        (None, Some(tail)) => site.control.store().watermark().await?.saturating_sub(tail),
        (None, None) => 0,
    };
    let filter = EventFilter { after, project, ticket: selected.ticket, ..EventFilter::default() };
    let accept = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    if accept.is_some_and(|it| it.contains("text/event-stream")) {
        let follow = Follow::new(&site, filter);
        return Ok(sent(frames(site, follow)));
    }
    let limit = Some(selected.limit.unwrap_or(PAGE).min(MOST));
    let events = site.control.store().events(&EventFilter { limit, ..filter }).await?;
    let next = events.last().map_or(after, |it| it.seq);
    Ok(Json(json!({ "events": events, "next": next })).into_response())
}

/// Returns the id of the last event that a reader got before its link broke.
///
/// # Errors
/// What it sends is no id: to begin at the first event again would give it everything twice.
pub(crate) fn last_event_id(headers: &HeaderMap) -> Answer<Option<u64>> {
    let Some(sent) = headers.get("last-event-id").filter(|it| !it.is_empty()) else {
        return Ok(None);
    };
    let id = sent.to_str().ok().and_then(|it| it.parse().ok());
    let why =
        "`Last-Event-ID` is no number of an event; send the last `id:` of the stream, or `after=`";
    id.map(Some).ok_or_else(|| Problem::bad(why))
}

/// Answers with a stream.
pub(crate) fn sent(frames: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let frames = frames.map(Ok::<_, std::convert::Infallible>);
    (headers, Body::from_stream(frames)).into_response()
}

fn frames(site: Site, follow: Follow) -> impl Stream<Item = Bytes> + Send {
    let first = stream::iter([Bytes::from_static(b"retry: 1000\n\n")]);
    let rest = stream::unfold((site, follow), async |(site, mut follow)| {
        let bytes = match follow.next(SILENCE).await {
            Step::Events(events) => site.encoded.all(&events),
            Step::Quiet => Bytes::from_static(b": \n\n"),
            Step::Closed => return None,
        };
        Some((bytes, (site, follow)))
    });
    first.chain(rest)
}

/// What a follower gets.
pub(crate) enum Step {
    /// Events in order, each once.
    Events(Vec<Arc<EventDoc>>),
    /// Nothing happened.
    Quiet,
    /// The server stops, or the store failed.
    Closed,
}

/// Follows the log: what is behind comes from the store, what is new from the broadcast.
pub(crate) struct Follow {
    site: Site,
    filter: EventFilter,
    new: broadcast::Receiver<Arc<EventDoc>>,
    closing: watch::Receiver<bool>,
    is_behind: bool,
}

impl Follow {
    /// Starts after `filter.after`. Subscribes before it reads, so that nothing falls between.
    pub(crate) fn new(site: &Site, filter: EventFilter) -> Self {
        let (new, closing) = (site.control.subscribe(), site.closing.subscribe());
        let filter = EventFilter { limit: Some(BATCH), ..filter };
        Self { site: site.clone(), filter, new, closing, is_behind: true }
    }

    /// Returns the last event that was passed on or passed over.
    pub(crate) fn seq(&self) -> u64 {
        self.filter.after
    }

    /// Waits for events, at most for `patience`.
    pub(crate) async fn next(&mut self, patience: Duration) -> Step {
        let late = tokio::time::sleep(patience);
        tokio::pin!(late);
        loop {
            if *self.closing.borrow() {
                return Step::Closed;
            }
            if self.is_behind {
                match self.catch_up().await {
                    Ok(events) if events.is_empty() => continue,
                    Ok(events) => return Step::Events(events),
                    Err(error) => {
                        tracing::warn!(%error, "a stream ends: the log cannot be read");
                        return Step::Closed;
                    }
                }
            }
            let received = tokio::select! {
                received = self.new.recv() => received,
                () = &mut late => return Step::Quiet,
                _ = self.closing.changed() => return Step::Closed,
            };
            match received {
                Ok(event) => {
                    let events = self.gather(event);
                    if !events.is_empty() {
                        return Step::Events(events);
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => self.is_behind = true,
                Err(broadcast::error::RecvError::Closed) => return Step::Closed,
            }
        }
    }

    /// Reads what is behind from the store.
    async fn catch_up(&mut self) -> mission_store::Result<Vec<Arc<EventDoc>>> {
        let store = self.site.control.store();
        let watermark = store.watermark().await?;
        let events = store.events(&self.filter).await?;
        let last = events.last().map_or(0, |it| it.seq);
        if events.len() < BATCH as usize {
            self.is_behind = false;
            self.filter.after = self.filter.after.max(watermark).max(last);
        } else {
            self.filter.after = last;
        }
        Ok(events.into_iter().map(Arc::new).collect())
    }

    /// Takes `event` and what else has arrived. A gap means that the store has to be asked.
    fn gather(&mut self, event: Arc<EventDoc>) -> Vec<Arc<EventDoc>> {
        let mut taken = Vec::new();
        let mut next = Some(event);
        while let Some(event) = next.take() {
            if event.seq > self.filter.after + 1 {
                self.is_behind = true;
                break;
            }
            if event.seq == self.filter.after + 1 {
                self.filter.after = event.seq;
                if self.is_selected(&event) {
                    taken.push(event);
                }
            }
            if taken.len() < BATCH as usize {
                next = self.new.try_recv().map_or_else(|error| self.missed(error), Some);
            }
        }
        taken
    }

    fn missed(&mut self, error: broadcast::error::TryRecvError) -> Option<Arc<EventDoc>> {
        self.is_behind |= matches!(error, broadcast::error::TryRecvError::Lagged(_));
        None
    }

    fn is_selected(&self, event: &EventDoc) -> bool {
        let is = |wanted: Option<String>, there: &Option<String>| {
            wanted.is_none_or(|wanted| there.as_ref() == Some(&wanted))
        };
        is(self.filter.project.as_ref().map(ToString::to_string), &event.project)
            && is(self.filter.ticket.as_ref().map(ToString::to_string), &event.ticket)
    }
}

/// The newest events as they are sent, so that each is encoded once for all streams.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    frames: Mutex<VecDeque<(u64, Bytes)>>,
}

impl Encoded {
    /// Returns the frames of `events`, one after the other.
    fn all(&self, events: &[Arc<EventDoc>]) -> Bytes {
        if let [only] = events {
            return self.one(only);
        }
        events.iter().flat_map(|it| self.one(it)).collect::<Vec<u8>>().into()
    }

    fn one(&self, event: &EventDoc) -> Bytes {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(at) = frames.binary_search_by_key(&event.seq, |(seq, _)| *seq)
            && let Some((_, frame)) = frames.get(at)
        {
            return frame.clone();
        }
        let json = serde_json::to_string(event).unwrap_or_default();
        let frame = Bytes::from(format!("id: {}\ndata: {json}\n\n", event.seq));
        if frames.back().is_none_or(|(seq, _)| *seq < event.seq) {
            frames.push_back((event.seq, frame.clone()));
        }
        if frames.len() > KEPT {
            frames.pop_front();
        }
        frame
    }
}
