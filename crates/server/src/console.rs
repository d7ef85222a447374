//! The console of a lane: its journal over a WebSocket, and the hand of whoever took the session over.
//!
//! Bytes of the journal go out as binary frames; everything else is JSON. A browser says how much of what was sent it has shown, and
//! gets no more than a window ahead of that: what it cannot keep up with stays on the disk and is passed over in one piece.

mod feed;
mod hand;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket};
use axum::http::HeaderMap;
use mission_control::Screen;
use mission_domain::doc::{AttemptDoc, EventDoc};
use mission_domain::ids::AttemptId;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, MissedTickBehavior};

use self::feed::{Feed, Part};
use crate::app::Site;
use crate::auth::Who;
use crate::web::read;

/// The largest message of a browser, in bytes: a paste, at most.
pub(crate) const MOST_SAID: usize = 64 * 1024;

/// How much may be on its way to a browser that has not shown it yet, in bytes.
const WINDOW: u64 = 256 * 1024;

/// How long a browser may take to let a frame through before it counts as gone.
const STUCK: Duration = Duration::from_secs(30);

/// How often a quiet connection is pinged, and its session looked at again.
const PING: Duration = Duration::from_secs(15);

/// How long a browser may say nothing at all, pongs included.
const SILENCE: Duration = Duration::from_secs(50);

/// How often the terminal's size is looked at while it prints.
const SIZE: Duration = Duration::from_millis(500);

/// What a browser says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    /// So many bytes more have been shown.
    Shown { bytes: u64 },
    /// Let me have the session.
    TakeOver,
    /// Let the agent have it again.
    GiveBack,
    /// These keys were pressed.
    Keys { data: String },
    /// Tell the agent, as a message.
    Say { text: String },
    /// End the agent's turn.
    Interrupt,
}

/// One viewer of one attempt.
pub(crate) struct Console {
    site: Site,
    who: Who,
    /// What the browser came with: whoever signs out meanwhile is out.
    headers: HeaderMap,
    id: AttemptId,
    attempt: AttemptDoc,
    screen: Screen,
    /// Whether this viewer took it over through this connection: then it goes with the connection.
    has_it: bool,
    may: bool,
    feed: Feed,
    sent: u64,
    shown: u64,
    told: Value,
    sized_at: Instant,
}

/// Why a connection ends.
enum Over {
    /// The browser is gone or says nothing any more.
    Gone,
    /// The server stops.
    Closing,
    /// The session of whoever looks is over.
    SignedOut,
}

impl Console {
    /// Shows `attempt` to `who`; `after` is the place in the journal that the browser has already.
    pub(crate) async fn open(
        site: Site,
        who: Who,
        headers: HeaderMap,
        (id, attempt, screen): (AttemptId, AttemptDoc, Screen),
        after: Option<u64>,
    ) -> Self {
        let may = hand::may_take_over(&site, &who, id).await;
        let mut feed = Feed::open(screen.journal.clone(), after, screen.has_terminal);
        if attempt.state == "ended" {
            feed.ends();
        }
        let (told, sized_at) = (Value::Null, Instant::now());
        let (has_it, sent, shown) = (false, 0, 0);
        Self {
            site,
            who,
            headers,
            id,
            attempt,
            screen,
            has_it,
            may,
            feed,
            sent,
            shown,
            told,
            sized_at,
        }
    }

    /// Serves the connection to its end; a session that was taken over through it is given back with it.
    pub(crate) async fn serve(mut self, mut socket: WebSocket) {
        let news = self.site.control.subscribe();
        let closing = self.site.closing.subscribe();
        let ended = self.site.ended.subscribe();
        let over = self.converse(&mut socket, news, closing, ended).await;
        if self.has_it {
            self.let_go().await;
        }
        let code = match over {
            Over::Gone => return,
            Over::Closing => 1012,
            Over::SignedOut => 4401,
        };
        let close = axum::extract::ws::CloseFrame { code, reason: "".into() };
        let _ = tokio::time::timeout(STUCK, socket.send(Message::Close(Some(close)))).await;
    }

    async fn converse(
        &mut self,
        socket: &mut WebSocket,
        mut news: broadcast::Receiver<Arc<EventDoc>>,
        mut closing: watch::Receiver<bool>,
        mut ended: watch::Receiver<()>,
    ) -> Over {
        let mut heard = Instant::now();
        let mut ticks = tokio::time::interval(PING);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if self.tell_state(socket).await.is_err() {
            return Over::Gone;
        }
        loop {
            let has_room = self.sent - self.shown < WINDOW;
            let done = tokio::select! {
                said = socket.recv() => {
                    heard = Instant::now();
                    match said {
                        Some(Ok(Message::Text(text))) => self.hear(socket, &text).await,
                        Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => Ok(()),
                        Some(Ok(Message::Close(_)) | Err(_)) | None => Err(Over::Gone),
                    }
                }
                part = self.feed.next(), if has_room => self.pass(socket, part).await,
                event = news.recv() => match event {
                    Ok(event) if !self.concerns(&event) => Ok(()),
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => self.look_again(socket).await,
                    Err(broadcast::error::RecvError::Closed) => Err(Over::Closing),
                },
                () = async { drop(closing.wait_for(|it| *it).await) } => Err(Over::Closing),
                _ = ended.changed() => self.still_may(socket).await,
                _ = ticks.tick() => match heard.elapsed() > SILENCE {
                    true => Err(Over::Gone),
                    false => self.check_in(socket).await,
                },
            };
            if let Err(over) = done {
                return over;
            }
        }
    }

    fn concerns(&self, event: &EventDoc) -> bool {
        event.ticket.as_deref() == Some(self.attempt.ticket.as_str())
    }

    /// Sends a part of the journal.
    async fn pass(&mut self, socket: &mut WebSocket, part: Part) -> Result<(), Over> {
        if self.sized_at.elapsed() >= SIZE {
            self.sized_at = Instant::now();
            self.tell_state(socket).await?;
        }
        match part {
            Part::Bytes(bytes) => {
                self.sent += bytes.len() as u64;
                send(socket, Message::Binary(Bytes::from(bytes))).await
            }
            Part::Skipped { from, to } => {
                tell(socket, &json!({ "type": "skipped", "from": from, "to": to })).await
            }
        }
    }

    /// Reads the attempt again after something happened to its ticket.
    async fn look_again(&mut self, socket: &mut WebSocket) -> Result<(), Over> {
        // An attempt that cannot be read now is told as it was.
        if let Ok(Some(attempt)) = read::attempt(&self.site, self.id).await {
            self.attempt = attempt;
        }
        if self.attempt.state == "ended" {
            self.feed.ends();
        }
        self.has_it &= self.is_mine();
        self.tell_state(socket).await
    }

    /// Says how the session stands, where that is news.
    async fn tell_state(&mut self, socket: &mut WebSocket) -> Result<(), Over> {
        let size = self.screen.sizes.now();
        let state = json!({
            "type": "state",
            "state": self.attempt.state,
            "ended_at": self.attempt.ended_at,
            "held_by": self.attempt.held_by.as_deref().map(mission_domain::told::principal),
            "mine": self.is_mine(),
            "may": self.may && self.attempt.state != "ended",
            "terminal": self.screen.has_terminal,
            "cols": size.map(|it| it.0),
            "rows": size.map(|it| it.1),
        });
        if state == self.told {
            return Ok(());
        }
        self.told = state;
        tell(socket, &self.told).await
    }

    fn is_mine(&self) -> bool {
        self.attempt.held_by.as_deref() == Some(&self.who.principal().to_string())
    }

    /// Pings, and looks whether whoever looks may still look.
    async fn check_in(&mut self, socket: &mut WebSocket) -> Result<(), Over> {
        self.still_may(socket).await?;
        send(socket, Message::Ping(Bytes::new())).await
    }
}

async fn tell(socket: &mut WebSocket, said: &Value) -> Result<(), Over> {
    send(socket, Message::Text(said.to_string().into())).await
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), Over> {
    match tokio::time::timeout(STUCK, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Over::Gone),
    }
}
