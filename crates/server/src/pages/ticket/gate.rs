//! The gate a ticket stands at: what is required against what was delivered, and the verdict in place.

use maud::{Markup, html};
use mission_domain::doc::{GateDoc, TicketDoc};

use crate::pages::approval;
use crate::pages::form::{self, Back};
use crate::pages::glyph::{self, icon, icon_as};
use crate::pages::packet_view::PacketView;
use crate::pages::prose;
use crate::pages::view::Viewer;
use crate::pages::words;

/// A question longer than this is set like a text, in characters.
const LONG_QUESTION: usize = 240;

/// Returns the panel of the gate that the ticket stands at, its stable id `gate`.
pub fn gate(ticket: &TicketDoc, packet: Option<&PacketView>, viewer: Viewer<'_>) -> Markup {
    let owed = viewer.owes(ticket);
    let Some(gate) = glyph::standing_gate(ticket) else {
        return settled(ticket);
    };
    let (shown, word) = (glyph::shown(ticket, gate), glyph::outcome(ticket, gate, owed));
    html! {
        section.panel.decide id="gate" data-you[owed] aria-labelledby="h-gate" {
            header id="gate-head" {
                h2 id="h-gate" { (words::sentence(&words::gate(&gate.id))) }
                span.gate.pill data-gate=(shown) data-you[owed && shown == "active"] { (icon(glyph::gate_icon(shown))) span { (word) } }
                @if let Some(p) = &gate.packet { span.end { "on " (glyph::hash(p.commit.as_deref().unwrap_or(&p.digest))) } }
            }
            div.pad {
                @if let Some(note) = &gate.note { p.banner.note data-tone="warn" { (icon("bell-ring")) span dir="auto" { (glyph::inline(note)) } } }
                (rounds(gate))
                (required(gate, packet))
                (findings(ticket))
                (answers(ticket, gate, owed, viewer))
            }
        }
    }
}

/// Returns the panel of a ticket with no gate to stand at.
fn settled(ticket: &TicketDoc) -> Markup {
    html! {
        section.panel.decide id="gate" aria-labelledby="h-gate" {
            header { h2 id="h-gate" { "Gates" } }
            div.pad {
                p.mid {
                    @if ticket.gates.is_empty() { "This ticket has no gates of its own." }
                    @else { "Every gate is settled." }
                }
            }
        }
    }
}

/// Returns the round, the attempts used, and who decides.
fn rounds(gate: &GateDoc) -> Markup {
    html! {
        p.dim id="gate-round" {
            "Round " (gate.round.max(1))
            @if gate.attempts_used > 0 { " · " (words::count(gate.attempts_used as usize, "attempt")) " used" }
            @if !gate.decided_by.is_empty() { " · decided by " (gate.decided_by.iter().map(|d| words::principal(d)).collect::<Vec<_>>().join(", then ")) }
        }
    }
}

/// Returns the required evidence, each with what was delivered.
fn required(gate: &GateDoc, packet: Option<&PacketView>) -> Markup {
    let packet = packet.filter(|p| p.gate == gate.id || judged_elsewhere(gate));
    let delivered: Vec<_> =
        gate.requires.iter().map(|k| (k, packet.and_then(|p| p.delivered(k)))).collect();
    let there = delivered.iter().filter(|(_, d)| d.is_some()).count();
    html! {
        @if !delivered.is_empty() {
            h3.sub0 id="gate-required" { "Evidence" span.end { (there) " of " (delivered.len()) " required" } }
            ul.evidence id="gate-evidence" {
                @for (kind, what) in &delivered {
                    li {
                        @if what.is_some() { (icon_as("i ok", "check")) } @else { (icon("circle-dashed")) }
                        span { (words::evidence(kind)) }
                        span.end { @match what { Some(what) => { (what) } None => { "not delivered" } } }
                    }
                }
            }
        }
    }
}

/// Returns whether the gate decides on a packet of an earlier gate.
fn judged_elsewhere(gate: &GateDoc) -> bool {
    gate.role == "controller"
}

/// Returns the findings that are not settled, else nothing.
fn findings(ticket: &TicketDoc) -> Markup {
    let open: Vec<_> = ticket.findings.iter().filter(|f| f.state != "fixed").collect();
    html! {
        @if !open.is_empty() {
            h3.sub0 id="gate-open" { "Findings" span.end { (open.len()) " to answer" } }
            ul.findings id="gate-findings" {
                @for f in open {
                    li id=(f.id) {
                        p { (glyph::verdict(&f.state)) " " @if let Some(file) = &f.file { code { (file) @if let Some(line) = f.line { ":" (line) } } } }
                        p dir="auto" { (f.text) }
                        small.dim { (f.id) " by " bdi { (words::principal(&f.principal)) } @if let Some(a) = &f.answer { " · answered: " bdi { (a) } } }
                    }
                }
            }
        }
    }
}

/// Returns what the person who looks can answer here.
fn answers(ticket: &TicketDoc, gate: &GateDoc, owed: bool, viewer: Viewer<'_>) -> Markup {
    let judges_it = owed && ticket.state == "in_review";
    let can_waive = gate.required && !words::has_ended(ticket) && !judges_it;
    let works_it = gate.runtime.as_deref() == Some("person") && ticket.state == "active";
    html! {
        @if let Some(question) = &ticket.question {
            h3.sub0 { "Question" span.end { (glyph::age(question.at, viewer.now)) } }
            div.question dir="auto" data-long[question.text.chars().count() > LONG_QUESTION] { (prose::rendered(&question.text)) }
            (form::answer(ticket, viewer, Back::Ticket))
        } @else if ticket.state == "needs_input" {
            h3.sub0 { "Guarded command" }
            @for (n, it) in approval::open(ticket).enumerate() {
                (approval::request(ticket, it, viewer, Back::Ticket, n == 0))
            }
        } @else if owed && works_it {
            @if let Some(attempt) = &gate.attempt { (form::report(ticket, attempt, viewer, Back::Ticket)) }
        } @else if ticket.state == "blocked" {
            (form::retry(ticket, viewer))
        } @else if judges_it {
            (form::verdict(ticket, gate, viewer))
        }
        @if can_waive {
            (form::waive(ticket, gate, viewer))
        }
    }
}
