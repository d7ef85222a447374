//! Where a ticket stands: state, reason, next action and who owes it; below it the rail of its gates.

use maud::{Markup, html};
use mission_domain::doc::{GateDoc, TicketDoc};

use crate::pages::glyph::{self, icon, icon_as};
use crate::pages::view::Viewer;
use crate::pages::words;

/// So much of a question the situation bar shows, in characters.
const LONGEST: usize = 200;

/// Returns the situation bar, its stable id `situation`. Violet where the person who looks owes the next action.
pub fn situation(ticket: &TicketDoc, holds_up: u32, viewer: Viewer<'_>) -> Markup {
    let owed = viewer.owes(ticket);
    html! {
        section.situation id="situation" data-you[owed] aria-label="State and next action" {
            p { (glyph::state(&ticket.state)) (reason(ticket)) }
            @if let Some(next) = &ticket.next_action {
                p.next {
                    (icon_as("i s", "corner-down-right")) (glyph::next_action(ticket, viewer))
                    span.dim.nowrap { @if words::age(next.since, viewer.now) == "now" { "since just now" } @else { "for " (glyph::age(next.since, viewer.now)) } @if holds_up > 0 { " · holds up " (words::count(holds_up as usize, "ticket")) } }
                }
            } @else if let Some(commit) = ticket.landed_as.as_ref().filter(|_| !ticket.reason.text.starts_with("landed")) {
                p.next { span.mid { "landed as " (glyph::hash(commit)) } }
            }
        }
    }
}

/// Returns why it stands there. A long question is told by its beginning: all of it stands at the gate, where it is answered.
fn reason(ticket: &TicketDoc) -> Markup {
    let text = &ticket.reason.text;
    let is_long = ticket.question.is_some() && text.chars().count() > LONGEST;
    html! {
        span.mid dir="auto" { @if is_long { (words::beginning(text, LONGEST)) " " a.ln href="#gate" { "Read the question" } } @else { (glyph::reason(ticket)) } }
    }
}

/// Returns the rail of the gates, its stable id `rail`.
pub fn rail(ticket: &TicketDoc, viewer: Viewer<'_>) -> Markup {
    let owed = viewer.owes(ticket);
    let at = glyph::standing_gate(ticket).map(|g| g.id.as_str());
    html! {
        ol.rail id="rail" aria-label="Gates" data-many[ticket.gates.len() > 10] {
            @for gate in &ticket.gates {
                @let word = glyph::shown(ticket, gate);
                li id={ "at-" (gate.id) } data-gate=(word) data-you[owed && word == "active"] aria-current=[(at == Some(gate.id.as_str())).then_some("step")] {
                    a href=(leads_to(ticket, gate, at)) {
                        span.bar {}
                        b { (icon(glyph::gate_icon(word))) span { (words::gate(&gate.id)) } }
                        span.s { em { (glyph::outcome(ticket, gate, owed)) } " " span { (told(ticket, gate, owed, viewer)) } }
                    }
                }
            }
        }
    }
}

/// Returns where a gate of the rail leads: the standing one to its place here, others to their packet, a waived one to who waived it.
fn leads_to(ticket: &TicketDoc, gate: &GateDoc, at: Option<&str>) -> String {
    let is_judged = gate.signoff.is_some() || !gate.signoffs.is_empty();
    if at == Some(gate.id.as_str()) {
        "#gate".to_owned()
    } else if gate.packet.is_some() && gate.state != "waived" {
        words::packet_path(&ticket.key, &gate.id)
    } else if is_judged {
        "#side-signoffs".to_owned()
    } else {
        "#gate".to_owned()
    }
}

/// Returns who decided, or who works it, in a few words; for what the person owes, since when.
fn told(ticket: &TicketDoc, gate: &GateDoc, owed: bool, viewer: Viewer<'_>) -> Markup {
    let by = |principal: &str| {
        words::principal(principal).split(" · ").next().unwrap_or_default().to_owned()
    };
    let since =
        ticket.next_action.as_ref().filter(|_| owed && glyph::shown(ticket, gate) == "active");
    html! {
        @if let Some(next) = since { (words::age(next.since, viewer.now)) }
        @else if let Some(signoff) = glyph::decision(gate).filter(|_| gate.state != "active") {
            bdi { (by(&signoff.principal)) }
            @if gate.round > 1 { " · round " (gate.round) } @else { " · " (words::age(signoff.at, viewer.now)) }
        } @else if let Some(runtime) = &gate.runtime { (gate.role) " · " (runtime) }
        @else { (gate.role) }
    }
}
