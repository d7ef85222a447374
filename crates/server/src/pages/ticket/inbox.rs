//! The messages of a ticket, each with how far it came: queued, delivered, processed.

use maud::{Markup, html};
use mission_domain::doc::{MessageDoc, TicketDoc};

use crate::pages::form;
use crate::pages::glyph::{self, icon};
use crate::pages::view::TicketView;
use crate::pages::words;

/// Messages shown before the rest is folded.
const SHOWN: usize = 4;

/// Returns the inbox's panel, its stable id `inbox`.
pub fn inbox(view: &TicketView) -> Markup {
    let (ticket, messages, viewer) = (&view.ticket, &view.messages, view.shell.viewer());
    let held = messages.iter().filter(|m| m.state == "queued").count();
    let has_lane = |role: &&str| !matches!(*role, "controller" | "person");
    let to = glyph::standing_gate(ticket).map(|g| g.role.as_str()).filter(has_lane);
    let to = to.unwrap_or("whoever works it next");
    html! {
        section.panel.mail id="inbox" aria-labelledby="h-inbox" {
            header { h2 id="h-inbox" { "Inbox" } span.end id="msgs-queued" { @if held > 0 { (held) " queued" } } }
            @if messages.is_empty() { p.pad.mid { "No message yet. What you write is held while the lane is busy, and delivered once." } }
            ol.msgs id="msgs" { @for m in messages.iter().take(SHOWN) { (message(m, view, to)) } }
            details.older {
                summary.pad id="msgs-more" { (messages.len().saturating_sub(SHOWN)) " older" }
                ol.msgs id="msgs-older" { @for m in messages.iter().skip(SHOWN) { (message(m, view, to)) } }
            }
            @if !words::has_ended(ticket) { (form::say(ticket, to, viewer)) }
        }
    }
}

/// Returns whom a message is for: a role or a person, else whoever took it, else whoever works the ticket, `to`.
fn recipient(m: &MessageDoc, ticket: &TicketDoc, to: &str) -> String {
    if m.to != "anyone" {
        return words::principal(&m.to);
    }
    let Some(attempt) = &m.attempt else { return to.to_owned() };
    let took = ticket.gates.iter().find(|it| it.attempt.as_ref() == Some(attempt));
    took.map_or_else(|| "whoever worked it".to_owned(), |it| it.role.clone())
}

/// Returns one message with its hops.
fn message(m: &MessageDoc, view: &TicketView, to: &str) -> Markup {
    let ticket = &view.ticket;
    let waits = view.waiting.iter().any(|it| it.to_string() == m.id);
    let hops = [
        ("queued", Some(m.queued_at)),
        ("delivered", m.delivered_at),
        ("processed", m.processed_at),
    ];
    let lost = matches!(m.state.as_str(), "withdrawn" | "undeliverable");
    html! {
        li.msg id=(m.id) data-msg=(m.state) {
            p.from {
                b { bdi { (words::principal(&m.from)) } } (icon("arrow-right")) bdi { (recipient(m, ticket, to)) }
                span.dim { (m.kind) } @if m.count > 1 { span.times { "×" (m.count) } }
                (glyph::clock(m.queued_at))
            }
            (body(m))
            ol.hops aria-label={ "Delivery: " (m.state) } {
                @for (word, at) in hops { li.on[at.is_some()] { (word) } }
                @if lost { li.on { (m.state) } }
            }
            small dir="auto" { @match &m.why { Some(why) => { (why) } None => { @if m.state == "queued" { "held until the lane is idle" } @else if let Some(a) = &m.attempt { "in " (a) } } } }
            @if waits { (form::take_back(ticket, m, view.shell.viewer())) }
        }
    }
}

/// Returns the text; a long one opens on demand.
fn body(m: &MessageDoc) -> Markup {
    html! {
        @if m.body.chars().count() <= 280 { p.text dir="auto" { (glyph::inline(&m.body)) } }
        @else { details.text { summary dir="auto" { (m.body.lines().next().unwrap_or_default().chars().take(120).collect::<String>()) "…" } div.prose.lines dir="auto" { (m.body) } } }
    }
}
