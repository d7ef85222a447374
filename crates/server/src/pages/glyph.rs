//! Glyph and word: the only way to show a state, an outcome, a result or a name. Tones live in `mission.css`.

use std::collections::HashMap;
use std::sync::LazyLock;

use maud::{Markup, PreEscaped, html};
use mission_domain::doc::{GateDoc, SignoffDoc, TicketDoc};
use mission_domain::ids::Timestamp;

use super::view::Viewer;
use super::words;

/// Returns one glyph of the sprite, hidden from screen readers.
pub(crate) fn icon(name: &str) -> Markup {
    icon_as("i", name)
}

/// Returns one glyph with its own classes; an empty one where the sprite has none of that name.
///
/// The shapes stand in the page: a board shows hundreds of glyphs, and a browser takes longer to take each from another file.
pub(crate) fn icon_as(class: &str, name: &str) -> Markup {
    let (view, shapes) = SPRITE.get(name).copied().unwrap_or_default();
    html! { svg class=(class) viewBox=(view) aria-hidden="true" { (PreEscaped(shapes)) } }
}

/// By name: the view box and the shapes of each symbol in `icons.svg`.
static SPRITE: LazyLock<HashMap<&str, (&str, &str)>> = LazyLock::new(|| {
    let symbols = include_str!("icons.svg").split("<symbol id=\"").skip(1);
    symbols
        .filter_map(|symbol| {
            let (name, rest) = symbol.split_once("\" viewBox=\"")?;
            let (view, rest) = rest.split_once("\">")?;
            let (shapes, _) = rest.split_once("</symbol>")?;
            Some((name, (view, shapes)))
        })
        .collect()
});

/// Returns a ticket's state: glyph and word.
pub(crate) fn state(word: &str) -> Markup {
    html! { span.state data-state=(word) { (icon(state_icon(word))) span { (words::sentence(&words::plain(word))) } } }
}

/// Returns the glyph of a state.
pub(crate) fn state_icon(word: &str) -> &'static str {
    match word {
        "parked" => "s-parked",
        "waiting" => "s-waiting",
        "active" => "s-active",
        "in_review" => "s-review",
        "needs_input" => "s-input",
        "blocked" => "s-blocked",
        "done" => "s-done",
        "cancelled" => "s-cancelled",
        "superseded" => "s-superseded",
        _ => "s-todo",
    }
}

/// Returns the glyph of a gate's outcome.
pub(crate) fn gate_icon(outcome: &str) -> &'static str {
    match outcome {
        "active" => "g-active",
        "passed" => "g-passed",
        "changes_requested" => "g-changes",
        "failed" => "g-failed",
        "waived" => "g-waived",
        "not_required" => "g-skipped",
        "stale" => "g-stale",
        "could_not_run" => "g-unrun",
        _ => "g-pending",
    }
}

/// Returns how a gate is shown: its outcome, but a pending one that the ticket stands at is where a question waits or where it is
/// stuck, and none is at work in a ticket that is set aside or has ended.
pub(crate) fn shown<'g>(ticket: &TicketDoc, gate: &'g GateDoc) -> &'g str {
    let stands = || standing_gate(ticket).is_some_and(|it| it.id == gate.id);
    match ticket.state.as_str() {
        "needs_input" if gate.state == "pending" && stands() => "active",
        "blocked" if gate.state == "pending" && stands() => "failed",
        // Nobody is at work on what is set aside or has ended.
        "parked" | "cancelled" | "superseded" if gate.state == "active" => "pending",
        _ => &gate.state,
    }
}

/// Returns the word of a gate's outcome; an active one that a person owes waits for them.
pub(crate) fn outcome(ticket: &TicketDoc, gate: &GateDoc, owed: bool) -> String {
    match shown(ticket, gate) {
        "active" if owed => "waits for you".into(),
        "active" if matches!(ticket.state.as_str(), "needs_input" | "in_review") => {
            "waits for a person".into()
        }
        "pending" if gate.state == "active" => words::plain(&ticket.state),
        "failed" if gate.state == "pending" => "blocked".into(),
        word => words::plain(word),
    }
}

/// Returns the verdict that a gate passed by: of whoever decided last in its order. The controller, which decides before a person
/// or a lane does and looks again before landing, is named where it alone decided.
pub(crate) fn decision(gate: &GateDoc) -> Option<&SignoffDoc> {
    let last = gate.signoff.as_ref()?;
    let passes = |it: &SignoffDoc| it.fresh && matches!(it.verdict.as_str(), "pass" | "waive");
    let by_another = |it: &&SignoffDoc| passes(it) && it.principal != "controller";
    if last.principal != "controller" || !passes(last) || gate.state == "active" {
        return Some(last);
    }
    gate.signoffs.iter().rev().find(by_another).or(Some(last))
}

/// Returns the gate that the ticket stands at: active, else the first one that is not settled.
pub(crate) fn standing_gate(ticket: &TicketDoc) -> Option<&GateDoc> {
    let settled = |g: &&GateDoc| !matches!(g.state.as_str(), "passed" | "waived" | "not_required");
    let active = ticket.gates.iter().find(|g| g.state == "active");
    active.or_else(|| ticket.gates.iter().find(settled))
}

/// Returns the small rail of a ticket's gates, told apart by shape as well as by colour.
pub(crate) fn rail_mini(ticket: &TicketDoc, owed: bool) -> Markup {
    let label = |g: &GateDoc| format!("{} {}", words::gate(&g.id), outcome(ticket, g, owed));
    let labels: Vec<String> = ticket.gates.iter().map(label).collect();
    html! {
        span.rail-mini role="img" aria-label={ "Gates: " (labels.join(", ")) } {
            @for g in &ticket.gates { @let word = shown(ticket, g); i data-gate=(word) data-you[owed && word == "active"] {} }
        }
    }
}

/// Returns the glyph of a role, or of whoever else acts.
pub(crate) fn role_icon(role: &str) -> &'static str {
    match role {
        "planner" => "route",
        "designer" => "pen-tool",
        "coder" => "square-terminal",
        "qa" => "search-check",
        "tester" => "mouse-pointer-click",
        "validator" => "badge-check",
        "controller" => "cog",
        "operator" => "wrench",
        "person" => "user",
        _ => "plug",
    }
}

/// Returns somebody by their principal: a person has a face, a lane its role's glyph.
pub(crate) fn who(principal: &str) -> Markup {
    let name = words::principal(principal);
    let (kind, rest) = principal.split_once(':').unwrap_or((principal, ""));
    let role = rest.split('/').next().unwrap_or(rest);
    html! {
        span.who {
            @match kind {
                "person" => { (face(&name)) },
                "scripted" => { (icon("user-check")) },
                "lane" => { (icon(role_icon(role))) },
                other => { (icon(role_icon(other))) },
            }
            bdi { (name) }
        }
    }
}

/// Returns a person's face: their first letter.
pub(crate) fn face(name: &str) -> Markup {
    let letter: String = name.chars().next().into_iter().flat_map(char::to_uppercase).collect();
    html! { span.face aria-hidden="true" { (letter) } }
}

/// Returns who owes the next action, and what it is. A person who looks reads "You".
pub(crate) fn next_action(ticket: &TicketDoc, viewer: Viewer<'_>) -> Markup {
    let Some(next) = &ticket.next_action else {
        return html! { span { (reason(ticket)) } };
    };
    if next.who.kind == "ticket" {
        return html! { span { "waits for " bdi { (next.who.name) } } };
    }
    let owed = viewer.owes(ticket);
    let is_anyone = next.who.name == "anyone";
    let is_any_person = is_anyone && next.who.kind == "person" && !viewer.acts();
    let mut asked = ticket.approvals.iter().filter(|_| ticket.question.is_none());
    let command = asked.find(|it| it.state == "requested");
    html! {
        span {
            @if owed { b.owed { "You" } } @else if is_any_person { b { "A person" } } @else if next.who.kind == "time" { b { "the dispatcher" } } @else if !is_anyone { b { bdi { (next.who.name) } } }
            " " span dir="auto" {
                @match command {
                    Some(it) if owed => { "approve or deny " code dir="ltr" { (it.command) } }
                    _ if owed || (is_anyone && !is_any_person) => { (inline(&next.what)) }
                    _ => { (inline(&words::does(&next.what))) }
                }
            }
        }
    }
}

/// Returns a text with what stands between backticks as code.
pub(crate) fn inline(text: &str) -> Markup {
    let closed = text.matches('`').count().is_multiple_of(2);
    html! {
        @if closed { @for (n, part) in text.split('`').enumerate() { @if n % 2 == 1 { code { (part) } } @else { (part) } } }
        @else { (text) }
    }
}

/// Returns a sentence of Mission Control's own as [`inline`] does, each instant in it as a moment that a script shows in the reader's
/// zone.
pub(crate) fn dated(text: &str) -> Markup {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, at, after)) = words::first_instant(rest) {
        out.push_str(&inline(before).into_string());
        out.push_str(&when(at).into_string());
        rest = after;
    }
    out.push_str(&inline(rest).into_string());
    PreEscaped(out)
}

/// Returns why a ticket stands where it does; what somebody else wrote stays as it is.
pub(crate) fn reason(ticket: &TicketDoc) -> Markup {
    let text = &ticket.reason.text;
    let time = ticket.next_action.as_ref().filter(|it| it.who.kind == "time");
    let at = time.and_then(|it| it.who.name.parse().ok());
    match (ticket.reason.code.as_str(), at, text.rsplit_once(' ')) {
        ("retry_wait" | "not_before", Some(at), Some((told, _))) => {
            html! { (inline(told)) " " (when(at)) }
        }
        _ => inline(text),
    }
}

/// Returns a ticket's key as a link.
pub(crate) fn key(key: &str) -> Markup {
    html! { a.key href=(words::ticket_path(key)) { (key) } }
}

/// Returns a short hash; the whole one on hover.
pub(crate) fn hash(hash: &str) -> Markup {
    html! { span.hash title=(hash) { (words::short(hash)) } }
}

/// Returns an age that tells its moment on hover.
pub(crate) fn age(from: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(from) title=(moment(from)) { (words::age(from, now)) } }
}

/// Returns how long ago it was: `just now`, `38 min ago`.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at) title=(moment(at)) { (words::ago(at, now)) } }
}

/// Returns the time of day in UTC; a script shows it in the reader's zone.
pub(crate) fn clock(at: Timestamp) -> Markup {
    html! { time data-clock datetime=(at) title=(moment(at)) { (at.strftime("%H:%M")) } }
}

/// Returns a moment with its day, in UTC; a script shows it in the reader's zone, without the day where that is today.
pub(crate) fn when(at: Timestamp) -> Markup {
    html! { time data-clock="day" datetime=(at) title=(moment(at)) { (at.strftime("%Y-%m-%d %H:%M UTC")) } }
}

/// Returns a moment in words, in UTC.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Returns a lane's or attempt's activity: glyph and word.
pub(crate) fn run(word: &str, label: &str) -> Markup {
    let glyph = match word {
        "busy" | "starting" => "s-active",
        "awaiting_approval" => "s-input",
        "died" | "no_runtime" => "s-blocked",
        "paused" => "s-parked",
        "ended" => "check",
        "unknown" => "circle-help",
        _ => "s-todo",
    };
    html! { span.run data-run=(word) { (icon(glyph)) span { (label) } } }
}

/// Returns the result of a check or of a review: glyph and word.
pub(crate) fn verdict(word: &str) -> Markup {
    let (glyph, label) = match word {
        "verified" => ("check-check", "verified"),
        "refuted" => ("circle-x", "refuted"),
        "partial" => ("circle-dashed", "partly verified"),
        "claimed" => ("circle-dashed", "claimed only"),
        "not_rerun" => ("circle-dashed", "not re-run"),
        "could_not_run" => ("g-unrun", "could not run"),
        "pass" => ("badge-check", "signed off"),
        "changes" => ("undo-2", "changes requested"),
        "fail" => ("circle-x", "failed"),
        "waive" => ("g-waived", "waived"),
        "fixed" => ("check", "fixed"),
        "disputed" => ("circle-help", "disputed"),
        "open" => ("circle-dashed", "open"),
        other => ("circle-help", other),
    };
    html! { span.verdict data-v=(word) { (icon(glyph)) span { (label) } } }
}

/// Returns a runtime's breaker: glyph and word.
pub(crate) fn breaker(word: &str) -> Markup {
    let (glyph, label) = match word {
        "closed" => ("heart-pulse", "healthy"),
        "open" => ("unplug", "breaker open"),
        "half_open" => ("unplug", "half open"),
        other => ("circle-help", other),
    };
    html! { span.verdict data-breaker=(word) { (icon(glyph)) span { (label) } } }
}
