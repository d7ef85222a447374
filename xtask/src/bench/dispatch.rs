//! How soon a ticket that became ready has an agent's process.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::place::Place;
use super::server::{Server, Stream};
use super::{Samples, Setting};

/// Over how many tickets the starts are spread: a ticket that was started a hundred times is none that exists.
const TICKETS: usize = 20;

/// What the runtime of the bench runs.
const PROGRAM: &str = "sleep";

/// A server with lanes, and the events that it tells.
struct Lanes<'a> {
    server: Server<'a>,
    events: Stream,
}

impl<'a> Lanes<'a> {
    fn start(place: &'a Place) -> Result<Self> {
        let server = Server::start(place)?;
        let events = server.stream("/api/v1/events?after=0")?;
        Ok(Self { server, events })
    }

    /// Waits until the ticket has an agent, makes sure that its program runs, and returns when it was told and the process.
    fn begins(&self, key: &str) -> Result<(Instant, u64)> {
        let (at, event) = self.next(key, "began")?;
        let pid = event["body"]["pid"].as_u64().context("an attempt began without a process")?;
        let program = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        ensure!(program.trim() == PROGRAM, "process {pid} is `{program}`, not the agent");
        Ok((at, pid))
    }

    fn next(&self, key: &str, kind: &str) -> Result<(Instant, Value)> {
        let read = |data: &str| serde_json::from_str::<Value>(data).unwrap_or_default();
        let is_it = |it: &Value| it["type"] == kind && it["ticket"] == key;
        let (event, _) = self.events.until(|event| is_it(&read(&event.data)))?;
        Ok((event.at, read(&event.data)))
    }

    fn asks(&self, key: &str, verb: &str, body: &Value) -> Result<()> {
        self.server.post(&format!("/api/v1/tickets/{key}/{verb}"), body).map(drop)
    }

    /// Parks the ticket and waits until its agent is gone.
    fn stops(&self, key: &str, pid: u64) -> Result<()> {
        self.asks(key, "park", &json!({}))?;
        gone(pid)
    }
}

fn gone(pid: u64) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(20);
    while Path::new(&format!("/proc/{pid}")).exists() {
        ensure!(Instant::now() < until, "process {pid} does not stop");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn ticket() -> Value {
    json!({ "title": "Work to start", "workflow": "work" })
}

/// From the request that unparks a ticket to the event that its agent's process runs; the workspace is there.
pub(super) fn workspace_at_hand(setting: &Setting) -> Result<Samples> {
    let place = Place::new(setting)?;
    let lanes = Lanes::start(&place)?;
    let mut keys = Vec::new();
    for _ in 0..TICKETS {
        let key = lanes.server.file(&ticket())?;
        let (_, pid) = lanes.begins(&key)?;
        lanes.stops(&key, pid)?;
        keys.push(key);
    }
    let mut times = Vec::new();
    for key in keys.iter().cycle().take(setting.runs.max(100) as usize) {
        let asked = Instant::now();
        lanes.asks(key, "unpark", &json!({}))?;
        let (at, pid) = lanes.begins(key)?;
        times.push((at - asked).as_secs_f64() * 1000.0);
        lanes.stops(key, pid)?;
    }
    Samples::new(times)
}

/// From the request that files a ticket to the event that its agent's process runs, the workspace being made meanwhile.
pub(super) fn new_workspace(setting: &Setting) -> Result<Samples> {
    let place = Place::new(setting)?;
    let lanes = Lanes::start(&place)?;
    let mut times = Vec::new();
    for _ in 0..=setting.runs {
        let asked = Instant::now();
        let key = lanes.server.file(&ticket())?;
        let (at, pid) = lanes.begins(&key)?;
        times.push((at - asked).as_secs_f64() * 1000.0);
        lanes.stops(&key, pid)?;
    }
    // The first one pays for what is read once.
    times.remove(0);
    Samples::new(times)
}
