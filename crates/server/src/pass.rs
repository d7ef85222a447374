//! Streams end with the right to them: who is signed out, or whose token is revoked or runs out, hears nothing more.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::Response;
use futures::{StreamExt as _, stream};
use mission_control::Caller;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::app::Site;
use crate::auth;

/// How long a look at the right to a stream is good for: it may run out, or its attempt end, without a word.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// How often the right to a silent stream is looked at.
const LOOK: Duration = Duration::from_secs(15);

/// What a page's stream says last. A stream of the API just ends: whoever asks again is told why.
const OUT: Bytes = Bytes::from_static(b"event: out\ndata: signed out\n\n");

/// What a request showed to be let in, to be looked at again as long as its answer goes on.
pub(crate) struct Pass {
    site: Site,
    shown: HeaderMap,
    ended: watch::Receiver<()>,
    looked_at: Instant,
}

impl Pass {
    /// Takes over what `headers` show. It is made before they are looked at, so that no end of a session falls between.
    pub(crate) fn of(site: &Site, headers: &HeaderMap) -> Self {
        let shows = |name: &HeaderName| *name == header::AUTHORIZATION || *name == header::COOKIE;
        let shown = headers.iter().filter(|(name, _)| shows(name));
        let shown = shown.map(|(name, value)| (name.clone(), value.clone())).collect();
        let ended = site.ended.subscribe();
        Self { site: site.clone(), shown, ended, looked_at: Instant::now() }
    }

    /// Returns `response`; where it is a stream, it ends once `caller` may not have it any more.
    pub(crate) fn guard(self, caller: Caller, is_page: bool, response: Response) -> Response {
        let kind = response.headers().get(header::CONTENT_TYPE);
        if kind.is_none_or(|it| it != "text/event-stream") {
            return response;
        }
        let (head, body) = response.into_parts();
        let last = is_page.then_some(OUT);
        let open = Some((self, caller, body.into_data_stream(), last));
        let frames = stream::unfold(open, async |open| {
            let (mut pass, caller, mut body, last) = open?;
            if let Some(frame) = pass.next(&caller, &mut body).await {
                return Some((frame, Some((pass, caller, body, last))));
            }
            let is_out = pass.is_out().await;
            last.filter(|_| is_out).map(|it| (it, None))
        });
        Response::from_parts(head, Body::from_stream(frames.map(Ok::<_, Infallible>)))
    }

    /// Returns the next part of `body`; nothing once it is over, or not for `caller` any more.
    async fn next(&mut self, caller: &Caller, body: &mut BodyDataStream) -> Option<Bytes> {
        loop {
            let frame = tokio::select! {
                frame = body.next() => frame?.ok()?,
                changed = self.ended.changed() => {
                    changed.ok()?;
                    self.holds(caller).await.then_some(())?;
                    continue;
                }
                () = tokio::time::sleep(LOOK) => {
                    self.holds(caller).await.then_some(())?;
                    continue;
                }
            };
            let is_news = self.ended.has_changed().unwrap_or(true);
            if is_news || self.looked_at.elapsed() >= GOOD_FOR {
                self.holds(caller).await.then_some(())?;
            }
            return Some(frame);
        }
    }

    /// Returns whether nobody is let in any more by what was shown. Whose role was changed still is, and asks again with the new one.
    async fn is_out(&self) -> bool {
        auth::identify(&self.site, &self.shown).await.is_ok_and(|it| it.is_none())
    }

    /// Returns whether what was shown still is the right of `caller`.
    async fn holds(&mut self, caller: &Caller) -> bool {
        self.ended.mark_unchanged();
        self.looked_at = Instant::now();
        match auth::identify(&self.site, &self.shown).await {
            Ok(who) => who.is_some_and(|it| it.caller == *caller),
            // A store that does not answer says nothing about who is signed in.
            Err(_) => true,
        }
    }
}
