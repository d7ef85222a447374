//! One decision in *Needs you*, with its answers in place.

use maud::{Markup, html};
use mission_domain::doc::{AttemptDoc, GateDoc, NeedsYouDoc, TicketDoc};

use super::approval;
use super::fleet;
use super::form::{self, Back};
use super::glyph::{self, icon, icon_as};
use super::output::plain;
use super::prose;
use super::view::Viewer;
use super::words;

/// More text than this is folded: the list stays a list.
const FOLD_AFTER: usize = 360;

/// So much of a long question is shown before its fold, in characters.
const LEAD: usize = 240;

/// What is left of an approval's life when that is said, in seconds.
const HOUR: i64 = 3_600;

/// Returns one decision, its stable id `ask-KEY`. The `first` one is shown open and holds the current mark. Where its ticket is blocked,
/// `died` is the attempt that died last.
pub fn ask(
    doc: &NeedsYouDoc,
    died: Option<&AttemptDoc>,
    viewer: Viewer<'_>,
    first: bool,
) -> Markup {
    let ticket = &doc.ticket;
    let gate = glyph::standing_gate(ticket);
    html! {
        li.ask id={ "ask-" (ticket.key) } data-ask=(doc.kind) data-into="asks" aria-current=[first.then_some("true")] tabindex=(if first { 0 } else { -1 }) data-href=(words::ticket_path(&ticket.key)) {
            div.ask-kind { (kind(&doc.kind, gate)) }
            div.ask-main {
                h2 { a href=(words::ticket_path(&ticket.key)) dir="auto" { (ticket.title) } }
                p.ask-sub { (glyph::key(&ticket.key)) (whose(ticket, viewer)) " " span dir="auto" { (glyph::inline(&doc.what)) } (subject(doc, gate)) }
                (detail(doc, first))
                @if let Some(died) = died { (death(died)) }
                div.ask-do { (answers(doc, gate, viewer)) }
            }
            (why(doc, viewer))
        }
    }
}

/// Returns who has to decide: whoever looks, or the person named, or anybody who may.
fn whose(ticket: &TicketDoc, viewer: Viewer<'_>) -> Markup {
    let named = ticket.next_action.as_ref().map(|it| it.who.name.as_str());
    html! {
        @if viewer.acts() { b.owed { "You" } }
        @else { b { bdi { (named.filter(|it| *it != "anyone").unwrap_or("A person")) } } }
    }
}

/// Returns the kind of decision: a violet glyph and its word.
fn kind(word: &str, gate: Option<&GateDoc>) -> Markup {
    let (name, label) = match word {
        "signoff" => (gate.map_or("badge-check", |g| glyph::role_icon(&g.role)), "Sign-off"),
        "question" => ("circle-help", "Question"),
        "blocked" => ("s-blocked", "Blocked"),
        "work" => ("user", "Your work"),
        "approval" => ("shield-alert", "Approval"),
        "notice" => ("bell-ring", "Notice"),
        other => ("circle-help", other),
    };
    html! { span.kind data-kind=(word) { (icon(name)) span { (label) } } }
}

/// Returns the gate it stands at unless what is asked names it, the round, who worked it, and whether a claim was refuted.
fn subject(doc: &NeedsYouDoc, gate: Option<&GateDoc>) -> Markup {
    html! {
        @if let Some(gate) = gate {
            @if doc.kind != "signoff" { " · " (words::gate(&gate.id)) }
            @if gate.round > 1 { " · round " (gate.round) }
            @if let Some(runtime) = &gate.runtime { " · " span.nowrap { (gate.role) span.dim { " · " (runtime) } } }
            @if let Some(packet) = &gate.packet { " · " (glyph::verdict(&packet.status)) }
        }
    }
}

/// Returns the question, the plan, or the story of the block. Long texts open on demand.
fn detail(doc: &NeedsYouDoc, first: bool) -> Markup {
    let text = doc.detail.trim();
    // The command of an approval stands where it is answered.
    if text.is_empty() || text == doc.what.trim() || doc.kind == "approval" {
        return html! {};
    }
    let what = match doc.kind.as_str() {
        "signoff" => "Read what was delivered",
        "work" => "Read the brief",
        _ => "Read all of it",
    };
    // What a block tells may be the end of a program's output: that is no Markdown.
    let text_of = |text| match doc.kind.as_str() {
        "signoff" | "work" | "question" => {
            html! { div.prose dir="auto" { (prose::rendered(text)) } }
        }
        _ => html! { div.prose.lines dir="auto" { (glyph::inline(text)) } },
    };
    html! {
        @if text.chars().count() <= FOLD_AFTER { div.ask-detail { (text_of(text)) } }
        @else {
            @if doc.kind == "question" { p.ask-lead dir="auto" { (words::beginning(text, LEAD)) } }
            details.ask-detail open[first && doc.kind != "question"] { summary { (what) } (text_of(text)) }
        }
    }
}

/// Returns why the worker died, with its last words.
fn death(a: &AttemptDoc) -> Markup {
    let Some(d) = &a.death else { return html! {} };
    let exit = match (d.exit_code, &d.signal) {
        (_, Some(signal)) => format!("ended by {signal}"),
        (Some(code), None) => format!("exit code {code}"),
        (None, None) => "exit code unknown".into(),
    };
    let memory = match d.oom.as_str() {
        "yes" => ", out of memory",
        "likely" => ", likely out of memory",
        it if it.starts_with("unknown") => "; whether it was out of memory is unknown",
        _ => "",
    };
    let tool = d.last_tool.as_ref().filter(|it| !it.starts_with("unknown"));
    let last = plain(d.last_output.as_bytes());
    html! {
        p.ask-death { (icon_as("i s tone-bad", "heart-crack")) " " (a.id) ", " (a.role) " · " (a.runtime) ": " b { (exit) (memory) }
            @if let Some(tool) = tool { ", last tool " code dir="ltr" { (tool) } } }
        @if !last.trim().is_empty() { details.ask-detail { summary { "Its last output" } pre.screen.short { (last) } } }
    }
}

/// Returns the answers that fit the kind of decision.
fn answers(doc: &NeedsYouDoc, gate: Option<&GateDoc>, viewer: Viewer<'_>) -> Markup {
    let (ticket, back) = (&doc.ticket, Back::NeedsYou);
    let attempt = gate.and_then(|g| g.attempt.as_deref());
    html! {
        @match doc.kind.as_str() {
            "signoff" => {
                @if let Some(gate) = gate { (form::quick_verdict(ticket, gate, viewer)) }
                @if let Some(gate) = gate.filter(|it| it.packet.as_ref().is_some_and(|it| it.commit.is_some())) {
                    a.btn.ghost href={ (words::packet_path(&ticket.key, &gate.id)) "/diff" } { "Read the change" }
                }
                a.btn.ghost href={ (words::ticket_path(&ticket.key)) "#packet" } { "Evidence" }
            }
            "question" => { (form::answer(ticket, viewer, back)) }
            "approval" => {
                @for (n, approval) in approval::open(ticket).enumerate() {
                    (approval::request(ticket, approval, viewer, back, n == 0))
                }
            }
            "blocked" => { (unblock(ticket, viewer)) }
            "work" => {
                @if let Some(attempt) = attempt { (form::report(ticket, attempt, viewer, back)) }
            }
            _ => {
                @for runtime in &doc.runtimes { (fleet::again(runtime, viewer)) }
                a.btn href=(words::ticket_path(&ticket.key)) { "Open" }
            }
        }
    }
}

/// Returns the ways out of a block.
fn unblock(ticket: &TicketDoc, viewer: Viewer<'_>) -> Markup {
    let back = Back::NeedsYou;
    html! {
        @if ticket.reason.code == "campaign_failed" {
            @if viewer.acts() { a.btn href={ "/tickets/new" } { "Add a ticket" } }
        } @else {
            (form::reasoned(ticket, "retry", "Retry", "What is different now? It gets fresh attempts and one more round.", viewer, back))
        }
        (form::plain(ticket, "park", "Park", "pause", viewer, back))
        (form::reasoned(ticket, "cancel", "Cancel the ticket", "Why is it not done?", viewer, back))
        a.btn.ghost href={ (words::ticket_path(&ticket.key)) "#console" } { (icon("square-terminal")) "Console" }
    }
}

/// Returns why it stands where it stands, and for how long it has waited.
fn why(doc: &NeedsYouDoc, viewer: Viewer<'_>) -> Markup {
    html! {
        div.ask-why {
            @for at in approval::open(&doc.ticket).map(|it| it.expires_at).take(1) {
                @let left = at.duration_since(viewer.now).as_secs();
                @if left <= HOUR { b data-tone="warn" title=(glyph::moment(at)) { (icon("timer")) (words::lasted(left.max(0))) " left" } }
            }
            b { "holds up " (doc.holds_up) }
            @if let Some(next) = &doc.ticket.next_action { span { (glyph::age(next.since, viewer.now)) } }
            @if !doc.rank_reason.is_empty() { span { (doc.rank_reason) } }
        }
    }
}
