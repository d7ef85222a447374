//! What pages are in Chromium: how soon a board is on the screen, what a first visit weighs, how soon a change is seen; and what
//! many open pages cost the server.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::place::Place;
use super::resident::{SETTLE, used};
use super::server::Server;
use super::{Samples, Setting};
use crate::process;
use crate::test::browser;

/// How many pages are open at once.
const PAGES: usize = 200;

/// For how long they are, how often it is looked, and how often a ticket changes meanwhile.
const WINDOW: Duration = Duration::from_secs(5);
const WINDOWS: usize = 4;
const BETWEEN: Duration = Duration::from_millis(500);

/// How long a lane may take to start.
const STARTED: Duration = Duration::from_secs(30);

/// How often a page is opened in a browser that has seen nothing.
const OPENINGS: u32 = 10;

/// Runs `tests/browser/measure.js` against a server, and returns what it printed.
fn measured(server: &Server<'_>, runs: u32, measure: &str, key: &str) -> Result<Vec<Value>> {
    browser::install()?;
    let mut node = process::command("node");
    let (url, token) = (server.url(), server.token());
    node.args(["measure.js", url, token, &runs.to_string(), measure, key]);
    let printed = process::output(node.current_dir(browser::folder()))?;
    let lines = printed.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().context("the browser printed something else than measures")
}

fn values(lines: &[Value], name: &str) -> Result<Samples> {
    let line = lines.iter().find(|it| it["name"] == name);
    let values = line.and_then(|it| it["values"].as_array());
    let values = values.with_context(|| format!("the browser printed no measure `{name}`"))?;
    Samples::new(values.iter().filter_map(Value::as_f64).collect())
}

/// Returns what the browser measured under `name`, measured once.
fn once(
    setting: &Setting,
    name: &str,
    measure: impl FnOnce() -> Result<Vec<Value>>,
) -> Result<Vec<Value>> {
    if let Some(known) = setting.inside.borrow().get(name) {
        return Ok(known.clone());
    }
    let lines = measure()?;
    setting.inside.borrow_mut().insert(name.into(), lines.clone());
    Ok(lines)
}

/// Opens a board, once for all that is measured of it.
fn shown(setting: &Setting, place: &Place, name: &str, what: &str) -> Result<Samples> {
    let opened = || measured(&Server::start(place)?, OPENINGS, "shown", "");
    values(&once(setting, name, opened)?, what)
}

/// The board of 1,000 tickets, on the screen.
pub(super) fn thousand(setting: &Setting) -> Result<Samples> {
    shown(setting, setting.thousand()?, "board of 1,000", "shown")
}

/// The same, with all that its scripts do at first.
pub(super) fn thousand_whole(setting: &Setting) -> Result<Samples> {
    shown(setting, setting.thousand()?, "board of 1,000", "whole")
}

/// The board of 10,000 tickets, on the screen.
pub(super) fn ten_thousand(setting: &Setting) -> Result<Samples> {
    shown(setting, setting.ten_thousand()?, "board of 10,000", "shown")
}

/// The same, with all that its scripts do at first.
pub(super) fn ten_thousand_whole(setting: &Setting) -> Result<Samples> {
    shown(setting, setting.ten_thousand()?, "board of 10,000", "whole")
}

/// A change on a board of 1,000 tickets that is open.
pub(super) fn change(setting: &Setting) -> Result<Samples> {
    let server = Server::start(setting.thousand()?)?;
    values(&measured(&server, setting.runs, "change", "")?, "change")
}

fn weight(setting: &Setting, page: &str) -> Result<Samples> {
    let weighed = || measured(&Server::start(setting.thousand()?)?, 1, "weight", "BN-7");
    values(&once(setting, "browser", weighed)?, &format!("weight: {page}"))
}

/// A first visit to *Needs you*.
pub(super) fn needs_you_weight(setting: &Setting) -> Result<Samples> {
    weight(setting, "needs you")
}

/// A first visit to the board.
pub(super) fn board_weight(setting: &Setting) -> Result<Samples> {
    weight(setting, "board")
}

/// A first visit to a ticket.
pub(super) fn ticket_weight(setting: &Setting) -> Result<Samples> {
    weight(setting, "ticket")
}

/// A first visit to a ticket whose terminal is opened.
pub(super) fn console_weight(setting: &Setting) -> Result<Samples> {
    let server = Server::start(setting.thousand()?)?;
    let key = server.file(&json!({ "title": "A lane at work", "workflow": "work" }))?;
    let began = Instant::now();
    while server.document(&format!("/api/v1/tickets/{key}"))?["state"] != "active" {
        ensure!(began.elapsed() < STARTED, "the lane did not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    values(&measured(&server, 1, "console", &key)?, "weight: console")
}

/// What a server uses with 200 boards open while tickets change.
pub(super) fn many(setting: &Setting) -> Result<Samples> {
    let server = Server::start(setting.thousand()?)?;
    let key = server.file(&json!({ "title": "A ticket that comes and goes", "park": true }))?;
    let open: Vec<_> =
        (0..PAGES).map(|_| server.stream("/live?page=board")).collect::<Result<_>>()?;
    for page in &open {
        page.until(|it| it.kind == "clock")?;
    }
    std::thread::sleep(SETTLE);
    let mut shares = Vec::new();
    let mut verbs = ["unpark", "park"].iter().cycle();
    for _ in 0..WINDOWS {
        let (before, at) = (used(server.pid())?, Instant::now());
        while at.elapsed() < WINDOW {
            let verb = verbs.next().context("two verbs go on for ever")?;
            server.post(&format!("/api/v1/tickets/{key}/{verb}"), &json!({}))?;
            std::thread::sleep(BETWEEN);
        }
        let (after, seconds) = (used(server.pid())?, at.elapsed().as_secs_f64());
        shares.push((after.seconds - before.seconds) / seconds * 100.0);
    }
    // Every page was told: none was dropped on the way.
    for page in &open {
        page.until(|it| it.data.contains(&key))?;
    }
    ensure!(open.len() == PAGES);
    Samples::new(shares)
}
