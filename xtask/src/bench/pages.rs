//! What pages weigh and how soon they come: the board of 1,000 tickets, and a change on pages that are open.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::place::Place;
use super::server::{Server, Stream};
use super::{Samples, Setting};

/// How many notes and messages the ticket with a long history has, each.
const HISTORY: usize = 150;

/// What everything on the board page takes on the wire, in kB: the page, style, scripts and icons, without the fonts.
pub(super) fn board_size(setting: &Setting) -> Result<Samples> {
    let server = Server::start(setting.thousand()?)?;
    let mut bytes = server.get("/board")?.len();
    let page = server.text("/board")?;
    let parts: BTreeSet<String> = links(&page).collect();
    ensure!(parts.iter().any(|it| it.contains(".css")), "the page names no style sheet");
    for part in parts {
        bytes += server.get(&part)?.len();
    }
    Samples::new(vec![kilobytes(bytes)])
}

/// Returns the addresses of the files that a page names, without fonts and without the place within a file.
fn links(page: &str) -> impl Iterator<Item = String> {
    let named = page.split("=\"/assets/").skip(1).filter_map(|rest| rest.split(['"', '#']).next());
    named.filter(|it| !it.contains(".woff2")).map(|it| format!("/assets/{it}"))
}

/// From asking for the board of 1,000 tickets to having it whole.
pub(super) fn board_time(setting: &Setting) -> Result<Samples> {
    let server = Server::start(setting.thousand()?)?;
    server.get("/board")?;
    let mut times = Vec::new();
    for _ in 0..setting.runs {
        let asked = Instant::now();
        let page = server.get("/board")?;
        times.push(asked.elapsed().as_secs_f64() * 1000.0);
        ensure!(page.len() > 1000, "the board is {} bytes", page.len());
    }
    Samples::new(times)
}

/// How long a change took until an open page had it, and what it took on the wire.
struct Change {
    ms: f64,
    bytes: usize,
}

/// Opens the page `name` beside a ticket with a long history, and makes changes to that ticket.
fn changes(setting: &Setting, name: &str) -> Result<Vec<Change>> {
    let place = Place::new(setting)?;
    let server = Server::start(&place)?;
    let key = long_story(&server)?;
    let page = if name == "ticket" { format!("{name}&key={key}") } else { name.to_owned() };
    let seq = server.document("/api/v1/events?after=0&limit=10000")?["next"].clone();
    let stream = server.stream(&format!("/live?page={page}&after={seq}"))?;
    batch(&stream)?;
    let text = json!({ "text": "something that takes a line to tell" });
    let verbs: [(&str, Value); 4] =
        [("say", text.clone()), ("comment", text), ("unpark", json!({})), ("park", json!({}))];
    let mut changes = Vec::new();
    for (verb, body) in verbs.iter().cycle().take(setting.runs.max(20) as usize) {
        let mut body = body.clone();
        if let Some(text) = body["text"].as_str() {
            body["text"] = format!("{text}, the {}th time", changes.len()).into();
        }
        let asked = Instant::now();
        server.post(&format!("/api/v1/tickets/{key}/{verb}"), &body)?;
        let (at, bytes) = batch(&stream)?;
        changes.push(Change { ms: (at - asked).as_secs_f64() * 1000.0, bytes });
    }
    Ok(changes)
}

/// Waits for the clock that ends each batch.
fn batch(stream: &Stream) -> Result<(Instant, usize)> {
    let (event, bytes) = stream.until(|it| it.kind == "clock")?;
    Ok((event.at, bytes))
}

/// Files a parked ticket that much has happened to, and returns its key.
fn long_story(server: &Server<'_>) -> Result<String> {
    let key = server.file(&json!({ "title": "A long story", "park": true }))?;
    for number in 0..HISTORY {
        let text = format!("note {number}: something happened that takes a line to tell");
        server.post(&format!("/api/v1/tickets/{key}/comment"), &json!({ "text": text }))?;
        let text = format!("message {number}: please look at this before you go on");
        server.post(&format!("/api/v1/tickets/{key}/say"), &json!({ "text": text }))?;
    }
    Ok(key)
}

fn times(changes: Vec<Change>) -> Result<Samples> {
    Samples::new(changes.into_iter().map(|it| it.ms).collect())
}

fn sizes(changes: Vec<Change>) -> Result<Samples> {
    Samples::new(changes.into_iter().map(|it| kilobytes(it.bytes)).collect())
}

fn kilobytes(bytes: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no page has 2^52 bytes")]
    let bytes = bytes as f64;
    bytes / 1000.0
}

/// How soon a change is on an open board.
pub(super) fn board_change(setting: &Setting) -> Result<Samples> {
    times(changes(setting, "board")?)
}

/// What a change takes on its way to an open board.
pub(super) fn board_change_size(setting: &Setting) -> Result<Samples> {
    sizes(changes(setting, "board")?)
}

/// How soon a change is on the open page of a ticket with a long history.
pub(super) fn ticket_change(setting: &Setting) -> Result<Samples> {
    times(changes(setting, "ticket")?)
}

/// What a change takes on its way to that page.
pub(super) fn ticket_change_size(setting: &Setting) -> Result<Samples> {
    sizes(changes(setting, "ticket")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_page_are_named_without_fonts() {
        let page = r##"<link href="/assets/a.css?v=1"><use href="/assets/i.svg#x"/><link href="/assets/f.woff2?v=2">"##;
        assert_eq!(links(page).collect::<Vec<_>>(), ["/assets/a.css?v=1", "/assets/i.svg"]);
    }
}
