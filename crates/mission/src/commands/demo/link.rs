//! The way to the demo's server: it may go away and come back, so each question opens its own connection.

use std::time::Duration;

use mission_domain::doc::EventDoc;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::door::Door;
use crate::failure::Failure;
use crate::home::Home;

/// How long to wait before a server that is away is looked for again.
const AGAIN: Duration = Duration::from_millis(100);

/// How many events may wait to be told.
const WAITING: usize = 1_024;

/// Where the server is.
#[derive(Debug, Clone)]
enum Place {
    /// At this address for as long as it is up.
    Url(String),
    /// Wherever the home's `server.json` says; a server that is away comes back.
    Home(Home),
    /// The same, and the home's own store where no server is up.
    Store(Home),
}

/// A way in for one principal.
#[derive(Debug, Clone)]
pub(super) struct Link {
    place: Place,
    token: String,
}

impl Link {
    /// The way to the server at `url`.
    pub(super) fn to(url: String, token: String) -> Self {
        Self { place: Place::Url(url), token }
    }

    /// The way to whatever server is up in `home`.
    pub(super) fn of_home(home: Home, token: String) -> Self {
        Self { place: Place::Home(home), token }
    }

    /// The way to the server of `home`, else straight to its store, for the person whose home it is.
    pub(super) fn of_store(home: Home) -> Self {
        let token = home.credentials().unwrap_or_default();
        Self { place: Place::Store(home), token }
    }

    /// Returns the token that says who asks.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    async fn door(&self) -> Result<Door, Failure> {
        match &self.place {
            Place::Url(url) => Door::at(url, self.token.clone()).await,
            Place::Store(home) => Door::open(home, false).await,
            Place::Home(home) => match home.server() {
                Some(card) => Door::at(&card.url, self.token.clone()).await,
                None => Err(Failure::unreachable("no server is up in the demo's home")
                    .hint(format!("start it with `mission up --home {}`", home.dir().display()))),
            },
        }
    }

    /// Returns the document at `path`.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.door().await?.get(path).await?.read()
    }

    /// Posts `body` to `path`.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.door().await?.post(path, body).await?.value()
    }

    /// Follows the log from its beginning, over restarts of the server. Ends when nobody receives any more.
    pub(super) fn follow(&self) -> mpsc::Receiver<EventDoc> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let link = self.clone();
        tokio::spawn(async move {
            let mut last = 0;
            while !sender.is_closed() {
                // A stream that breaks off is opened again behind what was seen.
                let _ = link.hear(&sender, &mut last).await;
                tokio::time::sleep(AGAIN).await;
            }
        });
        receiver
    }

    async fn hear(&self, sender: &mpsc::Sender<EventDoc>, last: &mut u64) -> Result<(), Failure> {
        let mut events =
            self.door().await?.stream(&format!("/events?after={last}"), Some(*last)).await?;
        while let Some(event) = events.next().await? {
            let Ok(event) = serde_json::from_str::<EventDoc>(&event.data) else { continue };
            if event.seq <= *last {
                continue;
            }
            *last = event.seq;
            if sender.send(event).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}
