//! Packets on the terminal: what was claimed, and what Mission Control saw.

use std::fmt::Write as _;

use mission_domain::entry::{self, Entry};
use mission_domain::unseen::on_one_line;
use mission_evidence::attest::{SIGN_OFF_TYPE, Verified};
use mission_evidence::packet::Packet;
use serde_json::Value;

use super::fleet::field;
use super::table::{Fit, Table, cell, text};
use super::wrap::hung;
use super::{Screen, Tone, words};

/// Returns the packets of a ticket.
pub(crate) fn show(packets: &[Value], screen: &Screen) -> String {
    if packets.is_empty() {
        return "no packet yet: no gate has been worked\n".into();
    }
    let shown: Vec<_> = packets.iter().map(|it| packet(it, screen)).collect();
    shown.join("\n")
}

/// Returns what a checked file proves, a line or two for each packet in it.
pub(crate) fn verified(all: &[Verified]) -> String {
    let packets = all.iter().filter_map(|it| it.packet.as_ref().map(|packet| (it, packet)));
    let lines: Vec<_> = packets.map(|(it, packet)| proven(it, packet, all)).collect();
    lines.join("\n")
}

fn proven(it: &Verified, packet: &Packet, all: &[Verified]) -> String {
    let commit = packet.commit.as_ref().map_or("no commit".into(), |it| format!("commit {it}"));
    let commit = on_one_line(&commit);
    let mut out = format!(
        "verified: {} of {}, {commit}\n  packet   {}\n  key      {}\n  claims   {}",
        on_one_line(packet.gate.as_str()),
        packet.ticket,
        it.digest,
        it.key,
        packet.status().as_str(),
    );
    let signed = |other: &&Verified| {
        other.digest == it.digest && other.statement.predicate_type == SIGN_OFF_TYPE
    };
    for sign_off in all.iter().filter(signed).map(|it| &it.statement.predicate) {
        let stale = if sign_off["fresh"] == false { ", stale" } else { "" };
        let (verdict, who) = (name(sign_off, "verdict"), name(sign_off, "reviewer"));
        // Writing to a string cannot fail.
        let _ = write!(out, "\n  sign-off {verdict} by {who}{stale}");
    }
    out
}

fn packet(it: &Value, screen: &Screen) -> String {
    let status = field(it, "status");
    let mut out = format!(
        "{} · round {} · {}\n",
        screen.paint(Tone::Strong, &words::gate(&field(it, "gate"))),
        field(it, "round"),
        screen.paint(words::result(&status), &words::plain(&status)),
    );
    for (label, key) in
        [("Digest", "digest"), ("Commit", "commit"), ("Tree", "tree"), ("Base", "base")]
    {
        let value = field(it, key);
        if !value.is_empty() {
            out.push_str(&screen.labelled(label, Tone::Plain, &value, 2));
        }
    }
    let signature = it.get("signature").unwrap_or(&Value::Null);
    let signed = match field(signature, "state").as_str() {
        "verified" => format!("by key {}", field(signature, "key")),
        "" => "unknown".into(),
        other => other.to_owned(),
    };
    out.push_str(&screen.labelled("Signed", Tone::Plain, &signed, 2));
    let risk = field(it, "risk");
    out.push_str(&screen.labelled(
        "Risk",
        Tone::Plain,
        if risk.is_empty() { "not stated" } else { &risk },
        2,
    ));
    let ships = it.get("ships").unwrap_or(&Value::Null);
    let ships: Vec<_> =
        ["push", "deploy", "restart"].iter().map(|key| (key, field(ships, key))).collect();
    let ships: Vec<_> =
        ships.iter().filter(|it| !it.1.is_empty()).map(|(key, it)| format!("{key} {it}")).collect();
    if !ships.is_empty() {
        out.push_str(&screen.labelled("Ships", Tone::Plain, &ships.join(", "), 2));
    }
    out.push_str(&commands(list(it, "commands"), screen));
    out.push_str(&simple("Changed files", list(it, "files"), screen, file));
    out.push_str(&simple("Screenshots", list(it, "screenshots"), screen, plain));
    out.push_str(&simple("Findings", list(it, "findings"), screen, finding));
    out.push_str(&simple("Artifacts", list(it, "artifacts"), screen, plain));
    out
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn commands(commands: &[Value], screen: &Screen) -> String {
    if commands.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&[
        ("RESULT", Fit::Keep),
        ("CLAIMED", Fit::Drop),
        ("EXIT", Fit::Right),
        ("TESTS", Fit::Keep),
        ("COMMAND", Fit::Wrap),
    ])
    .indented(2);
    for it in commands {
        let result = field(it, "result");
        table.row(vec![
            cell(words::result(&result), words::plain(&result)),
            text(it.get("claimed").map_or_else(String::new, claimed)),
            text(field(it, "exit_code")),
            text(it.get("tests").map_or_else(|| "unknown".into(), tests)),
            text(name(it, "run")),
        ]);
    }
    format!("{}{}", screen.heading("Commands"), table.render(screen))
}

fn claimed(value: &Value) -> String {
    match value {
        Value::Null => "not claimed".into(),
        Value::Object(_) => format!("exit {}", field(value, "exit_code")),
        Value::Bool(true) => "claimed".into(),
        Value::Bool(false) => "not claimed".into(),
        Value::Number(code) => format!("exit {code}"),
        Value::String(text) => text.clone(),
        Value::Array(_) => value.to_string(),
    }
}

fn tests(value: &Value) -> String {
    match value {
        Value::Null => "unknown".into(),
        Value::Object(_) => {
            let (run, failed) = (field(value, "executed"), field(value, "failed"));
            if failed.is_empty() || failed == "0" { run } else { format!("{run}, {failed} failed") }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => value.to_string(),
    }
}

fn simple(title: &str, items: &[Value], screen: &Screen, line: fn(&Value) -> String) -> String {
    if items.is_empty() {
        return String::new();
    }
    let mut out = screen.heading(&format!("{title} ({})", items.len()));
    for item in items {
        out.push_str(&screen.block(&line(item), 2));
    }
    out
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => on_one_line(text).into_owned(),
        Value::Object(fields) => {
            let shown =
                fields.iter().map(|(key, _)| (key, name(value, key))).filter(|it| !it.1.is_empty());
            shown
                .map(|(key, it)| format!("{} {it}", words::plain(key)))
                .collect::<Vec<_>>()
                .join(" · ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => value.to_string(),
    }
}

fn file(value: &Value) -> String {
    let path = name(value, "path");
    if path.is_empty() {
        return plain(value);
    }
    let was = Some(name(value, "old_path")).filter(|it| !it.is_empty());
    let mut out = was.map_or_else(|| path.clone(), |was| format!("{was} → {path}"));
    for (sign, key) in [("+", "added"), ("−", "removed")] {
        let count = field(value, key);
        if !count.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(out, "  {sign}{count}");
        }
    }
    let told = entry::told(side(value, "old_mode", "old_target"), side(value, "mode", "target"));
    out + &told.map_or_else(String::new, |it| format!("  {it}"))
}

/// Returns one side of a changed file, as far as the packet says what it was.
fn side<'v>(value: &'v Value, mode: &str, target: &str) -> Option<Entry<'v>> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    text(mode).map(|mode| Entry { mode, target: text(target) })
}

/// Returns the field `key` on one line, whatever is in it: what others name must not look like a line of ours.
fn name(value: &Value, key: &str) -> String {
    on_one_line(&field(value, key)).into_owned()
}

fn finding(value: &Value) -> String {
    let text = field(value, "text");
    if text.is_empty() {
        return plain(value);
    }
    let places = [name(value, "file"), name(value, "line")];
    let place: Vec<_> = places.iter().filter(|it| !it.is_empty()).map(String::as_str).collect();
    let place = if place.is_empty() { String::new() } else { format!("{}: ", place.join(":")) };
    let state = Some(field(value, "state")).filter(|it| !it.is_empty());
    let state = state.map_or_else(String::new, |it| format!(" ({it})"));
    let answer = Some(field(value, "answer")).filter(|it| !it.is_empty());
    let answer = answer.map_or_else(String::new, |it| format!(" → {it}"));
    hung(format!("{} {place}{text}{state}{answer}", name(value, "id")).trim_start())
}
