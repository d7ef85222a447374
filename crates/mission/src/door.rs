//! The one way from a command to Mission Control: the HTTP API, over TCP where a server is up, else in this process.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use percent_encoding::percent_decode;
use serde::Deserialize;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::failure::Failure;
use crate::home::Home;

mod http;
mod sse;

pub(crate) use sse::{Events, Heard, SseEvent};

/// How long an answer may take to begin: a sweep or a clean-up of many workspaces takes its time.
const PATIENCE: Duration = Duration::from_secs(300);

/// A body that is read piece by piece.
pub(crate) type Pieces = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// The way to Mission Control.
pub(crate) enum Door {
    /// A server that is up.
    Http {
        /// The connection.
        connection: http::Connection,
        /// Who asks.
        token: String,
    },
    /// The app in this process, straight on the store.
    InProcess {
        /// The app.
        app: axum::Router,
        /// Who asks: this home's own credential.
        token: String,
    },
}

/// What answers said beside what was asked: that the rules of a project are broken.
static NOTICES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Returns what the answers so far said beside what was asked, each once.
pub(crate) fn notices() -> BTreeSet<String> {
    std::mem::take(&mut NOTICES.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Forgets what answers said beside what was asked where it repeats one of `lines`, which a command tells itself.
pub(crate) fn forget_notices(lines: &[String]) {
    let is_told = |notice: &String| lines.iter().any(|line| notice.contains(line));
    NOTICES.lock().unwrap_or_else(PoisonError::into_inner).retain(|it| !is_told(it));
}

/// A successful answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The body as it came.
    pub(crate) bytes: Bytes,
    /// Where the next part begins, for what is read in parts.
    pub(crate) next_offset: Option<u64>,
}

impl Answer {
    /// Reads the body as a document.
    pub(crate) fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Failure> {
        serde_json::from_slice(&self.bytes).map_err(|e| {
            let text = format!("the server's answer cannot be read: {e}");
            Failure::unreachable(text)
                .hint("its version is not this one's: use the same `mission` on both sides")
        })
    }

    /// Keeps the items of the list `list` whose ticket, found at `ticket`, is of `project`; all of them where none is named.
    pub(crate) fn of_project(
        self,
        list: &str,
        ticket: &str,
        project: Option<&str>,
    ) -> Result<Self, Failure> {
        let Some(project) = project else { return Ok(self) };
        let mut document = self.value()?;
        let is_of = |it: &Value| {
            let key = it.pointer(ticket).and_then(Value::as_str);
            key.and_then(|it| it.rsplit_once('-')).is_some_and(|it| it.0 == project)
        };
        if let Some(items) = document.get_mut(list).and_then(Value::as_array_mut) {
            items.retain(is_of);
        }
        Ok(Self { bytes: document.to_string().into(), ..self })
    }

    /// Returns the body as a value; `null` where there is none.
    pub(crate) fn value(&self) -> Result<Value, Failure> {
        if self.bytes.is_empty() { Ok(Value::Null) } else { self.read() }
    }
}

impl Door {
    /// Opens the way: `MISSION_URL` with `MISSION_TOKEN`, else the server of `home` where one answers, else its store.
    ///
    /// From inside a lane the store is never opened.
    pub(crate) async fn open(home: &Home, in_lane: bool) -> Result<Self, Failure> {
        match Self::server(home, in_lane).await? {
            Some(door) => Ok(door),
            None => Self::open_store(home).await,
        }
    }

    /// Opens the way to a server, as [`Door::open`] finds it; none where no server of `home` is up. The store is never opened.
    pub(crate) async fn server(home: &Home, in_lane: bool) -> Result<Option<Self>, Failure> {
        if let (Some(url), Some(token)) = (env_text("MISSION_URL"), env_text("MISSION_TOKEN")) {
            let connection = http::Connection::open(&url).await.map_err(|e| e.failure(&url))?;
            return Ok(Some(Self::Http { connection, token }));
        }
        if in_lane {
            let text = "MISSION_URL and MISSION_TOKEN are not set, and the store is never opened from inside a lane";
            return Err(Failure::unreachable(text)
                .hint("use the environment that the lane was started with, or `mission report …`, which needs only its socket"));
        }
        if let Some(card) = home.server() {
            match http::Connection::open(&card.url).await {
                Ok(connection) => {
                    let none = || {
                        let text = format!(
                            "a server is up at {}, but `{}` holds no credentials",
                            card.url,
                            home.dir().display()
                        );
                        Failure::refused("not_signed_in", text)
                            .hint("set MISSION_URL and MISSION_TOKEN")
                    };
                    let token = home.credentials().ok_or_else(none)?;
                    return Ok(Some(Self::Http { connection, token }));
                }
                Err(http::Closed::Nobody) => {}
                Err(
                    e @ (http::Closed::Address(_)
                    | http::Closed::Broken(_)
                    | http::Closed::Stranger),
                ) => {
                    return Err(e.failure(&card.url));
                }
            }
        }
        Ok(None)
    }

    /// Opens the way to the server at `url` for whoever holds `token`.
    pub(crate) async fn at(url: &str, token: String) -> Result<Self, Failure> {
        let connection = http::Connection::open(url).await.map_err(|e| e.failure(url))?;
        Ok(Self::Http { connection, token })
    }

    async fn open_store(home: &Home) -> Result<Self, Failure> {
        let opened = crate::wire::in_process(home).await;
        let (app, token) = opened.map_err(|e| {
            let text = format!("no server is up, and the store cannot be opened: {e:#}");
            Failure::unreachable(text)
                .hint("start the server with `mission up`, or name another home with `--home DIR`")
        })?;
        Ok(Self::InProcess { app, token })
    }

    /// Returns the server's address; nothing for the store in this process.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Http { connection, .. } => format!("http://{}", connection.authority()),
            Self::InProcess { .. } => String::new(),
        }
    }

    /// Returns whether a server answers, rather than the store in this process.
    pub(crate) fn is_server(&self) -> bool {
        match self {
            Self::Http { .. } => true,
            Self::InProcess { .. } => false,
        }
    }

    /// Returns the document at `path`, which is below `/api/v1`.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.ask(Method::GET, path, None).await
    }

    /// Posts `body` to `path`.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// Changes what is at `path`.
    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.ask(Method::PATCH, path, Some(body)).await
    }

    /// Removes what is at `path`.
    pub(crate) async fn delete(&self, path: &str) -> Result<Answer, Failure> {
        self.ask(Method::DELETE, path, None).await
    }

    /// Opens the event stream at `path`, after event `last` where one is named.
    pub(crate) async fn stream(&self, path: &str, last: Option<u64>) -> Result<Events, Failure> {
        let mut request = self.request(Method::GET, path, None)?;
        request
            .headers_mut()
            .insert(ACCEPT, hyper::header::HeaderValue::from_static("text/event-stream"));
        if let Some(last) = last {
            request.headers_mut().insert("last-event-id", last.into());
        }
        let answer = accepted(self.send(request).await?).await?;
        Ok(Events::new(answer.into_body()))
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let request = self.request(method, path, body)?;
        let answer = accepted(self.send(request).await?).await?;
        let told = answer.headers().get_all("x-mission-notice").iter();
        let told = told.map(|it| percent_decode(it.as_bytes()).decode_utf8_lossy().into_owned());
        NOTICES.lock().unwrap_or_else(PoisonError::into_inner).extend(told);
        let next = answer.headers().get("x-next-offset").and_then(|it| it.to_str().ok());
        let next_offset = next.and_then(|it| it.parse().ok());
        let bytes = collected(answer.into_body()).await?;
        Ok(Answer { bytes, next_offset })
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let (host, token) = match self {
            Self::Http { connection, token } => (connection.authority(), token),
            Self::InProcess { token, .. } => (crate::wire::IN_PROCESS_HOST, token),
        };
        let request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        let request = request.header(HOST, host).header(AUTHORIZATION, format!("Bearer {token}"));
        let request = request.header(ACCEPT, "application/json");
        let (request, bytes) = match body {
            Some(body) => {
                (request.header(CONTENT_TYPE, "application/json"), body.to_string().into())
            }
            None => (request, Bytes::new()),
        };
        request
            .body(Full::new(bytes))
            .map_err(|e| Failure::usage(format!("this cannot be asked for: {e}")))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Pieces>, Failure> {
        let asked = async {
            match self {
                Self::Http { connection, .. } => connection.send(request).await,
                Self::InProcess { app, .. } => {
                    let answer = app.clone().oneshot(request.map(Body::new)).await;
                    let answer = answer.unwrap_or_else(|never| match never {});
                    Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync()))
                }
            }
        };
        let late =
            || Failure::unreachable(format!("there was no answer within {} s", PATIENCE.as_secs()));
        tokio::time::timeout(PATIENCE, asked).await.map_err(|_| late())?
    }
}

async fn accepted(answer: Response<Pieces>) -> Result<Response<Pieces>, Failure> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let bytes = collected(answer.into_body()).await.unwrap_or_default();
    Err(Failure::from_problem(status.as_u16(), &bytes))
}

async fn collected(body: Pieces) -> Result<Bytes, Failure> {
    let broken = |e| Failure::unreachable(format!("the answer broke off: {e}"));
    Ok(body.collect().await.map_err(broken)?.to_bytes())
}

fn env_text(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty())
}

/// Returns `text` as part of a path or query.
pub(crate) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Returns `path` with the parameters that have a value.
pub(crate) fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let given = parameters.iter().filter_map(|(key, value)| Some((key, (*value)?)));
    let given: Vec<_> = given.map(|(key, value)| format!("{key}={}", encoded(value))).collect();
    if given.is_empty() { path.to_owned() } else { format!("{path}?{}", given.join("&")) }
}

#[cfg(test)]
mod tests;
