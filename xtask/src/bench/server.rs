//! A server that is up in a place, asked over HTTP as a browser or a script asks it.

use std::io::{BufRead, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

use super::place::Place;

/// How long anything may take before the benchmark counts as one that cannot run.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server, stopped with its lanes when this value goes.
pub(super) struct Server<'a> {
    place: &'a Place,
    child: Child,
    url: String,
    token: String,
    agent: Agent,
}

impl<'a> Server<'a> {
    /// Starts a server on a free port and waits until it answers.
    pub(super) fn start(place: &'a Place) -> Result<Self> {
        let mut command = place.command(&["up", "--json", "--listen", "127.0.0.1:0"]);
        command.stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start `mission up`")?;
        let printed = child.stdout.take().context("`mission up` has no output")?;
        let mut line = String::new();
        BufReader::new(printed).read_line(&mut line)?;
        let said: Value = serde_json::from_str(&line).context("`mission up` did not come up")?;
        let url = said["url"].as_str().context("`mission up` names no address")?.to_owned();
        let token = std::fs::read_to_string(place.home().join("credentials"))?.trim().to_owned();
        let agent = Agent::config_builder().http_status_as_error(false).build().into();
        let server = Self { place, child, url, token, agent };
        server.get("/readyz")?;
        Ok(server)
    }

    /// Returns the server's process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns where it listens.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the token of the home's person.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Asks for `path`, accepting gzip, and returns the body as it came over the wire.
    pub(super) fn get(&self, path: &str) -> Result<Vec<u8>> {
        let answer = self.request(path).header("accept-encoding", "gzip").call();
        read(path, answer)
    }

    /// Asks for a page as text.
    pub(super) fn text(&self, path: &str) -> Result<String> {
        Ok(String::from_utf8(read(path, self.request(path).call())?)?)
    }

    /// Asks for a document.
    pub(super) fn document(&self, path: &str) -> Result<Value> {
        Ok(serde_json::from_slice(&read(path, self.request(path).call())?)?)
    }

    /// Posts a document and returns the one that comes back.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.agent.post(format!("{}{path}", self.url));
        let request = request.header("authorization", format!("Bearer {}", self.token));
        let answer = request.content_type("application/json").send(body.to_string());
        Ok(serde_json::from_slice(&read(path, answer)?)?)
    }

    fn request(&self, path: &str) -> ureq::RequestBuilder<ureq::typestate::WithoutBody> {
        let request = self.agent.get(format!("{}{path}", self.url));
        request.header("authorization", format!("Bearer {}", self.token))
    }

    /// Files one ticket and returns its key.
    pub(super) fn file(&self, fields: &Value) -> Result<String> {
        let ticket = self.post("/api/v1/tickets", fields)?;
        Ok(ticket["key"].as_str().context("a ticket without a key")?.to_owned())
    }

    /// Files `count` tickets: of four, one is parked, one waits for another, two are ready and nobody can take them.
    pub(super) fn fill(&self, count: usize) -> Result<()> {
        let mut last = String::new();
        for number in 0..count {
            let title = format!("Ticket number {number} with a title of some length");
            let body = "What is wanted, in a sentence or two, as people write it.";
            let mut fields = json!({ "title": title, "body": body, "labels": ["bench"] });
            match number % 4 {
                0 => fields["park"] = true.into(),
                1 => fields["blocked_by"] = json!([last]),
                _ => {}
            }
            last = self.file(&fields)?;
        }
        Ok(())
    }

    /// Opens an event stream and reads it beside the caller.
    pub(super) fn stream(&self, path: &str) -> Result<Stream> {
        let answer = self.request(path).header("accept", "text/event-stream").call()?;
        ensure!(answer.status().is_success(), "`{path}` answers {}", answer.status());
        let mut lines = BufReader::new(answer.into_body().into_reader());
        let (send, events) = channel();
        // It ends with the server, or when nobody listens any more.
        std::thread::spawn(move || {
            while let Some(event) = next(&mut lines) {
                if send.send(event).is_err() {
                    break;
                }
            }
        });
        Ok(Stream { events })
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        // One that does not stop when it is told to is ended: the benchmark is over either way.
        let _ = self.place.mission(&["down", "--stop-lanes"]);
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: &str, answer: Result<Response<Body>, ureq::Error>) -> Result<Vec<u8>> {
    let answer = answer.with_context(|| format!("`{path}` cannot be asked for"))?;
    let status = answer.status();
    let mut bytes = Vec::new();
    answer.into_body().into_reader().read_to_end(&mut bytes)?;
    ensure!(status.is_success(), "`{path}` answers {status}: {}", String::from_utf8_lossy(&bytes));
    Ok(bytes)
}

/// One event of a stream.
#[derive(Debug)]
pub(super) struct Event {
    /// When it was there whole.
    pub(super) at: Instant,
    /// Its type; `message` where none is named.
    pub(super) kind: String,
    /// What it carries.
    pub(super) data: String,
    /// How many bytes it took.
    pub(super) bytes: usize,
}

/// Reads one event with the empty line that ends it; nothing at the end of the stream.
fn next(lines: &mut impl BufRead) -> Option<Event> {
    let (mut kind, mut data, mut bytes) = ("message".to_owned(), String::new(), 0);
    loop {
        let mut line = String::new();
        match lines.read_line(&mut line) {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes += read,
        }
        let line = line.trim_end_matches('\n');
        if line.is_empty() {
            return Some(Event { at: Instant::now(), kind, data, bytes });
        }
        if let Some(word) = line.strip_prefix("event: ") {
            word.clone_into(&mut kind);
        } else if let Some(text) = line.strip_prefix("data: ") {
            data += text;
        }
    }
}

/// The events of a stream as they come.
pub(super) struct Stream {
    events: Receiver<Event>,
}

impl Stream {
    /// Waits for the first event that `is_wanted`, and returns it with the bytes of all up to it.
    pub(super) fn until(&self, is_wanted: impl Fn(&Event) -> bool) -> Result<(Event, usize)> {
        let began = Instant::now();
        let mut bytes = 0;
        loop {
            let left = PATIENCE.saturating_sub(began.elapsed());
            match self.events.recv_timeout(left) {
                Ok(event) => {
                    bytes += event.bytes;
                    if is_wanted(&event) {
                        return Ok((event, bytes));
                    }
                }
                Err(RecvTimeoutError::Timeout) => bail!("an event did not come in time"),
                Err(RecvTimeoutError::Disconnected) => bail!("the stream ended"),
            }
        }
    }
}
