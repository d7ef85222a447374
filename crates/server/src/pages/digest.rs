//! The page *Digest*: what changed since the person last looked, in one list of numbers and ticket by ticket, a leaf at a time.

use std::collections::BTreeSet;

use maud::{Markup, html};
use mission_control::{DigestChangeDoc, DigestDoc};
use mission_domain::doc::TicketDoc;

use super::form;
use super::glyph::{self, icon, icon_as};
use super::shell::{Page, document, leaf};
use super::view::{DigestView, Shell, Viewer};
use super::words;

/// So many tickets are on a page.
pub const LEAF: usize = 50;

/// Changes shown of one ticket before the rest is folded.
const SHOWN: usize = 6;

/// Lines in the panel beside *Needs you*.
const PANEL: usize = 6;

/// The kinds of change in the order in which a person wants to read them: word, tone, glyph.
const KINDS: [(&str, &str, &str); 14] = [
    ("done", "ok", "s-done"),
    ("died", "bad", "heart-crack"),
    ("blocked", "bad", "s-blocked"),
    ("failed", "bad", "g-failed"),
    ("asked", "you", "s-input"),
    ("changes", "warn", "g-changes"),
    ("stale", "warn", "g-stale"),
    ("waived", "ok", "g-waived"),
    ("passed", "ok", "g-passed"),
    ("permitted", "ok", "shield-check"),
    ("denied", "off", "shield-alert"),
    ("filed", "off", "plus"),
    ("cancelled", "off", "s-cancelled"),
    ("superseded", "off", "s-superseded"),
];

/// One kind of change with how often it happened, and to which tickets.
struct Line {
    kind: &'static str,
    tone: &'static str,
    glyph: &'static str,
    times: u32,
    tickets: BTreeSet<String>,
}

/// Returns the page *Digest*.
pub fn page(view: &DigestView) -> Markup {
    let viewer = view.shell.viewer();
    let digest = &view.digest;
    let waits = view.shell.counts.needs_you as usize;
    document(
        &view.shell,
        Page {
            name: "digest",
            key: None,
            title: "Digest",
            class: "digest",
            head: html! {
                h1 { "Digest" }
                p.lede {
                    @if view.is_since_seen { "Since you last looked, " (words::age(digest.since, viewer.now)) " ago: " } @else { "The last 24 hours: " }
                    b { (words::count(digest.tickets.len(), "ticket")) } " changed."
                    @if waits > 0 { " " a href="/needs-you" { b.owed { (words::count(waits, "decision")) (if waits == 1 { " waits" } else { " wait" }) " for " (viewer.whom()) } } "." }
                }
                div.tools { (seen(digest, &view.shell)) }
            },
            below_head: html! {},
            body_class: "",
            body: html! {
                @if digest.tickets.is_empty() { (nothing()) }
                @else { ul.digest-lines aria-label="In numbers" { @for line in lines(digest) { li { (mark(&line)) b { (headline(&line)) } } } } }
                @if digest.is_cut { p.banner.apart data-tone="warn" { (icon("history")) span { "More happened than is looked at; the oldest changes are left out." } } }
                @for (ticket, changes) in &view.shown { (ticket_part(ticket, changes, viewer)) }
                (leaf("More tickets", &view.shell, (view.from, view.shown.len(), digest.tickets.len()), LEAF, |from| format!("/digest?from={from}")))
            },
            keys: &[(&["esc"], "back")],
        },
    )
}

/// Returns what is said where nothing changed.
fn nothing() -> Markup {
    html! {
        div.empty { (icon("newspaper")) b { "Nothing changed" } span { "Nothing that a person would want to know has happened in this time." }
            div.ask-do { a.btn.sm href="/board" { "See the board" } } }
    }
}

/// Returns the form that marks all of it as seen.
fn seen(digest: &DigestDoc, shell: &Shell) -> Markup {
    html! {
        form method="post" action="/digest/seen" {
            (form::csrf(&shell.csrf))
            @if let Some(project) = &shell.current_project { input type="hidden" name="project" value=(project); }
            input type="hidden" name="until" value=(digest.until.as_second());
            button.btn type="submit" { (icon("check")) "Mark as seen" }
        }
    }
}

/// Returns the kind of a change; steps that no line counts have none.
fn kind(change: &DigestChangeDoc) -> Option<&'static str> {
    let text = &change.text;
    Some(match change.kind.as_str() {
        "finished" => "done",
        "attempt_ended" => "died",
        "blocked" => "blocked",
        "question_asked" => "asked",
        "staled" => "stale",
        "approval_given" => "permitted",
        "approval_denied" => "denied",
        "opened" => "filed",
        "cancelled" => "cancelled",
        "superseded" => "superseded",
        "judged" if text.starts_with("signed off") => "passed",
        "judged" if text.starts_with("requested changes") => "changes",
        "judged" if text.starts_with("waived") => "waived",
        "judged" if text.starts_with("failed") => "failed",
        _ => return None,
    })
}

/// Returns the changes as numbers, the most important first.
fn lines(digest: &DigestDoc) -> Vec<Line> {
    let lines = KINDS.map(|(kind, tone, glyph)| {
        let (times, tickets) = (0, BTreeSet::new());
        Line { kind, tone, glyph, times, tickets }
    });
    let mut lines = Vec::from(lines);
    for ticket in &digest.tickets {
        for (change, taken_back) in ticket.changes.iter().zip(taken_back(&ticket.changes)) {
            let its = kind(change).filter(|_| change.count > taken_back);
            if let Some(line) = lines.iter_mut().find(|it| Some(it.kind) == its) {
                line.times += change.count - taken_back;
                line.tickets.insert(ticket.key.clone());
            }
        }
    }
    lines.retain(|it| it.times > 0);
    lines
}

/// Returns how often each of `changes` is a verdict that was taken back: it is told, and counts no more.
fn taken_back(changes: &[DigestChangeDoc]) -> Vec<u32> {
    let mut times = vec![0; changes.len()];
    for (at, change) in changes.iter().enumerate() {
        let Some(gate) = change.text.strip_prefix("withdrew the verdict on ") else { continue };
        let is_it = |it: &usize| changes[*it].kind == "judged" && changes[*it].text.contains(gate);
        let mut before = (0..at).rev().filter(is_it);
        if let Some(verdict) = before.find(|it| times[*it] < changes[*it].count) {
            times[verdict] += 1;
        }
    }
    times
}

/// Returns a line as a sentence.
fn headline(line: &Line) -> String {
    let n = line.times as usize;
    let tickets = words::count(line.tickets.len(), "ticket");
    match line.kind {
        "died" => format!("{} died", words::count(n, "worker")),
        "failed" => format!("{} failed", words::count(n, "gate")),
        "asked" => words::count(n, "question"),
        "changes" if n == 1 => "Changes requested once".into(),
        "changes" => format!("Changes requested {n} times"),
        "stale" => format!("{} went stale", words::count(n, "sign-off")),
        "waived" => format!("{} waived", words::count(n, "gate")),
        "passed" => format!("{} passed", words::count(n, "gate")),
        "permitted" => format!("{} approved", words::count(n, "command")),
        "denied" => format!("{} denied", words::count(n, "command")),
        other => format!("{tickets} {other}"),
    }
}

/// Returns the glyph of a line in its tone.
fn mark(line: &Line) -> Markup {
    html! { span.tone data-tone=(line.tone) { (icon_as("i", line.glyph)) } }
}

/// Returns what happened to one ticket, the latest first.
fn ticket_part(ticket: &TicketDoc, changes: &[DigestChangeDoc], viewer: Viewer<'_>) -> Markup {
    let changes: Vec<&DigestChangeDoc> = changes.iter().rev().collect();
    html! {
        section.panel {
            header {
                (glyph::key(&ticket.key)) h2 { a href=(words::ticket_path(&ticket.key)) dir="auto" { (ticket.title) } } (glyph::state(&ticket.state))
                @if ticket.next_action.is_some() { span.end dir="auto" { (glyph::next_action(ticket, viewer)) } }
            }
            ol.log { @for c in changes.iter().take(SHOWN) { (change(c, viewer)) } }
            @if changes.len() > SHOWN {
                details.older { summary.pad { (changes.len() - SHOWN) " earlier" } ol.log { @for c in changes.iter().skip(SHOWN) { (change(c, viewer)) } } }
            }
        }
    }
}

/// Returns one change.
fn change(c: &DigestChangeDoc, viewer: Viewer<'_>) -> Markup {
    let (kind, rest) = c.principal.split_once(':').unwrap_or((c.principal.as_str(), ""));
    let who = match kind {
        "lane" => glyph::role_icon(rest.split('/').next().unwrap_or(rest)),
        "scripted" => "user-check",
        other => glyph::role_icon(other),
    };
    html! {
        li {
            (glyph::age(c.at, viewer.now)) (icon(who))
            p dir="auto" { b { bdi { (words::principal(&c.principal)) } } " " (c.text) }
            @if c.count > 1 { span.times { "×" (c.count) } } @else { span {} }
        }
    }
}

/// Returns what changed in a few lines, for the side of *Needs you*. Its stable id is `since`.
pub fn panel(digest: &DigestDoc, is_since_seen: bool, shell: &Shell) -> Markup {
    let (lines, viewer) = (lines(digest), shell.viewer());
    html! {
        section.panel id="since" aria-labelledby="h-since" {
            header { h2 id="h-since" { @if is_since_seen { "Since you last looked" } @else { "Last 24 hours" } } @if is_since_seen { span.end { (words::age(digest.since, viewer.now)) } } }
            @if lines.is_empty() { p.pad.mid { "Nothing changed." } }
            @else {
                ul.since { @for line in lines.iter().take(PANEL) {
                    li { (mark(line)) p { b { (headline(line)) } " " @for key in line.tickets.iter().take(2) { (glyph::key(key)) " " } @if line.tickets.len() > 2 { span.dim { "+" (line.tickets.len() - 2) } } } }
                } }
            }
            @if digest.is_cut { p.sub { "Only the newest events are counted here; the digest counts all." } }
            div.seen { (seen(digest, shell)) a.btn.ghost href="/digest" { "Full digest" } }
        }
    }
}
