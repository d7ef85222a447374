//! One ticket on the board. Lean on purpose: a board holds hundreds.

use maud::{Markup, html};
use mission_domain::doc::{GateDoc, TicketDoc};

use super::glyph::{self, icon, icon_as};
use super::view::Viewer;
use super::words;

/// Returns a ticket's card, its stable id `ticket-KEY`. Ended tickets are slim.
pub fn card(ticket: &TicketDoc, viewer: Viewer<'_>) -> Markup {
    if words::has_ended(ticket) { slim(ticket, viewer) } else { full(ticket, viewer) }
}

/// Returns the card of a ticket that has ended.
fn slim(ticket: &TicketDoc, viewer: Viewer<'_>) -> Markup {
    html! {
        article.card.slim id={ "ticket-" (ticket.key) } data-into={ "cards-" (ticket.state) } {
            header { (key(ticket)) span.end { (glyph::age(ticket.closed_at.unwrap_or(ticket.updated_at), viewer.now)) } }
            h3 { (title(ticket)) }
        }
    }
}

/// Returns the card of an open ticket: key, title, rail, active gate, next action.
fn full(ticket: &TicketDoc, viewer: Viewer<'_>) -> Markup {
    let owed = viewer.owes(ticket);
    html! {
        article.card id={ "ticket-" (ticket.key) } data-into={ "cards-" (ticket.state) } data-you[owed] {
            header {
                (priority(&ticket.priority))
                (key(ticket))
                @if ticket.kind == "campaign" { span.tag { "campaign" } }
                span.end { (glyph::age(ticket.created_at, viewer.now)) }
            }
            h3 { (title(ticket)) }
            @if !ticket.gates.is_empty() { (glyph::rail_mini(ticket, owed)) }
            @if let Some(gate) = glyph::standing_gate(ticket).filter(|g| glyph::shown(ticket, g) != "pending") { (gate_line(ticket, gate, owed)) }
            @if ticket.state == "blocked" { p.card-why dir="auto" { (glyph::inline(ticket.reason.text.lines().next().unwrap_or_default())) } }
            p.card-next { (icon_as("i s", "corner-down-right")) (next(ticket, viewer)) }
        }
    }
}

/// Returns the key. The title is the link; the key beside it is text, so that a card is one stop for the keyboard.
fn key(ticket: &TicketDoc) -> Markup {
    html! { span.key { (ticket.key) } }
}

/// Returns the title as the link that covers the card.
fn title(ticket: &TicketDoc) -> Markup {
    html! { a href=(words::ticket_path(&ticket.key)) dir="auto" title=[(ticket.title.chars().count() > 60).then_some(&ticket.title)] { (ticket.title) } }
}

/// Returns the priority's glyph. Medium says nothing.
fn priority(word: &str) -> Markup {
    let glyph = match word {
        "urgent" => "p-urgent",
        "high" => "p-high",
        "low" => "p-low",
        _ => "p-medium",
    };
    html! { span.pri data-pri=(word) { (icon(glyph)) span.sr { (word) " priority" } } }
}

/// Returns the gate it stands at, and who works it.
fn gate_line(ticket: &TicketDoc, gate: &GateDoc, owed: bool) -> Markup {
    let word = glyph::shown(ticket, gate);
    html! {
        p.card-gate {
            span.gate data-gate=(word) data-you[owed && word == "active"] { (icon(glyph::gate_icon(word))) span { (words::gate(&gate.id)) } }
            span.dim title=[gate.runtime.as_ref().map(|it| format!("{} · {it}", gate.role))] { (gate.role) @if let Some(runtime) = &gate.runtime { " · " (runtime) } }
        }
    }
}

/// Returns the next action; a waiting ticket names what it waits for.
pub(super) fn next(ticket: &TicketDoc, viewer: Viewer<'_>) -> Markup {
    html! {
        @if ticket.state == "waiting" && !ticket.blocked_by.is_empty() {
            span { "waits for " @for (n, key) in ticket.blocked_by.iter().take(2).enumerate() { @if n > 0 { ", " } (glyph::key(key)) }
                @if ticket.blocked_by.len() > 2 { " and " (ticket.blocked_by.len() - 2) " more" } }
        } @else if ticket.state == "waiting" && ticket.reason.code == "children_open" { span { (ticket.reason.text) } }
        @else { (glyph::next_action(ticket, viewer)) }
    }
}
