//! The page of a campaign: what moves it now, then its tickets against their gates. Exceptions are tinted, passed cells stay grey.

pub mod depends;
pub mod matrix;
mod pace;

use maud::{Markup, html};
use mission_domain::doc::{GateDoc, TicketDoc};

use super::glyph::{self, icon};
use super::shell::{Page, document};
use super::ticket::{activity, gate, inbox, side, situation, tools};
use super::view::{CampaignPart, TicketView, Viewer};
use super::words;

/// Tickets shown under "What moves it now".
const MOVES: usize = 4;

/// Returns the page of one campaign.
pub fn page(view: &TicketView) -> Markup {
    let ticket = &view.ticket;
    let title = format!("{} {}", ticket.key, ticket.title);
    document(
        &view.shell,
        Page {
            name: "campaign",
            key: Some(&ticket.key),
            title: &title,
            class: "campaign",
            head: head(view),
            below_head: html! {},
            body_class: "",
            body: match view.part {
                CampaignPart::Matrix => matrix_part(view),
                CampaignPart::Dependencies => depends::depends(view),
                CampaignPart::Activity => activity_part(view),
            },
            keys: &[
                (&["j", "k"], "ticket"),
                (&["enter"], "open"),
                (&["x"], "only what moves"),
                (&["[", "]"], "campaign before, after"),
            ],
        },
    )
}

/// Returns the heading: crumbs, title, numbers, the three parts and the tools.
fn head(view: &TicketView) -> Markup {
    let (ticket, viewer) = (&view.ticket, view.shell.viewer());
    let here = |part: CampaignPart| (part == view.part).then_some("true");
    let path = words::ticket_path(&ticket.key);
    html! {
        nav.crumbs aria-label="Breadcrumb" {
            a href="/board?by=campaign" { "Campaigns" } (icon("chevron-right"))
            span.key { (ticket.key) }
            @if let Some(key) = &view.previous { a.sr href=(words::ticket_path(key)) data-key="[" { "Before: " (key) } }
            @if let Some(key) = &view.next { a.sr href=(words::ticket_path(key)) data-key="]" { "After: " (key) } }
        }
        h1 dir="auto" { (ticket.title) }
        (lede(ticket, &view.children, viewer))
        div.tools {
            nav.seg aria-label="Parts of the campaign" {
                a href=(path) aria-current=[here(CampaignPart::Matrix)] { "Matrix" }
                a href={ (path) "?part=dependencies" } aria-current=[here(CampaignPart::Dependencies)] { "Dependencies" }
                a href={ (path) "?part=activity" } aria-current=[here(CampaignPart::Activity)] { "Activity" }
            }
            @if viewer.acts() && !words::has_ended(ticket) { a.btn href={ "/tickets/new?parent=" (ticket.key) } { (icon("plus")) "Add ticket" } }
            (tools(ticket, viewer))
        }
    }
}

/// Returns the sentence beside the heading, its stable id `lede`.
pub fn lede(campaign: &TicketDoc, children: &[TicketDoc], viewer: Viewer<'_>) -> Markup {
    let done = children.iter().filter(|t| t.state == "done").count();
    let waits = children.iter().filter(|t| is_owed(t, viewer)).count();
    let (settled, required) = gates(children);
    html! {
        p.lede id="lede" {
            (glyph::state(&campaign.state)) " · "
            b { (children.len()) } " " (if children.len() == 1 { "ticket" } else { "tickets" }) " · " (done) " done"
            @if waits > 0 { " · " b.owed { (waits) (if waits == 1 { " waits" } else { " wait" }) " for " (viewer.whom()) } }
            @if let Some(percent) = (settled * 100).checked_div(required) { " · " (percent) " % of gates settled" }
        }
    }
}

/// Returns how many of the required gates are settled, and how many there are.
fn gates(children: &[TicketDoc]) -> (usize, usize) {
    let live =
        || children.iter().filter(|t| !matches!(t.state.as_str(), "cancelled" | "superseded"));
    let required = live().flat_map(|t| &t.gates).filter(|g| g.required);
    let settled = required.clone().filter(|g| is_settled(g)).count();
    (settled, required.count())
}

/// Returns whether a gate is behind the ticket.
fn is_settled(gate: &GateDoc) -> bool {
    matches!(gate.state.as_str(), "passed" | "waived")
}

/// Returns whether the person who looks owes the ticket's next action.
fn is_owed(ticket: &TicketDoc, viewer: Viewer<'_>) -> bool {
    viewer.owes(ticket)
}

/// Returns the matrix with what moves it above.
fn matrix_part(view: &TicketView) -> Markup {
    let viewer = view.shell.viewer();
    html! {
        (own_gates(view))
        section.brief aria-label="What moves it" {
            (moves(&view.children, viewer))
            div { h2 { "Pace" } (pace::pace(&view.children, viewer.now)) }
            div { h2 { "Used" } (pace::used(&view.attempts, viewer.now)) }
        }
        @if view.children.is_empty() { (no_tickets(&view.ticket, viewer)) }
        @else { (matrix::matrix(&view.children, viewer)) }
    }
}

/// Returns what is said of a campaign without tickets.
fn no_tickets(ticket: &TicketDoc, viewer: Viewer<'_>) -> Markup {
    html! {
        div.empty {
            (icon("flag")) b { "No tickets yet" } span { "A campaign is made of tickets; it ends when they have." }
            @if viewer.acts() { div.ask-do { a.btn.sm href={ "/tickets/new?parent=" (ticket.key) } { "Add ticket" } } }
        }
    }
}

/// Returns the campaign's own gates where it has any, with the decision in place.
fn own_gates(view: &TicketView) -> Markup {
    let (ticket, viewer) = (&view.ticket, view.shell.viewer());
    let stands =
        !ticket.gates.is_empty() || matches!(ticket.state.as_str(), "blocked" | "needs_input");
    html! {
        @if stands {
            (situation::situation(ticket, view.holds_up, viewer))
            (situation::rail(ticket, viewer))
            (gate::gate(ticket, view.packet.as_ref(), viewer))
        }
    }
}

/// Returns what moves the campaign now: what the person owes first. Its stable id is `moves`.
pub fn moves(children: &[TicketDoc], viewer: Viewer<'_>) -> Markup {
    let mut open: Vec<&TicketDoc> = children
        .iter()
        .filter(|t| !words::has_ended(t) && !matches!(t.state.as_str(), "waiting" | "parked"))
        .collect();
    open.sort_by_key(|t| (!is_owed(t, viewer), t.state != "active", t.created_at));
    html! {
        div id="moves" {
            h2 { "What moves it now" }
            @if open.is_empty() { p.mid { @if children.is_empty() { "It has no tickets yet." } @else if children.iter().all(words::has_ended) { "Every ticket has ended." } @else { "Nothing at the moment: what is open is parked or waits." } } }
            ol.moves { @for t in open.iter().take(MOVES) { (step(t, viewer)) } }
            @if open.len() > MOVES { p.dim { "and " (open.len() - MOVES) " more below" } }
        }
    }
}

/// Returns one step, with the way to it.
fn step(ticket: &TicketDoc, viewer: Viewer<'_>) -> Markup {
    let owed = is_owed(ticket, viewer);
    let state = match ticket.state.as_str() {
        "blocked" => "failed",
        _ => "active",
    };
    html! {
        li {
            span.gate data-gate=(state) data-you[owed && state == "active"] { (icon(glyph::gate_icon(state))) }
            p { (glyph::key(&ticket.key)) " " (glyph::next_action(ticket, viewer)) }
            @if owed { a.btn.sm href={ (words::ticket_path(&ticket.key)) "#gate" } aria-label={ "Decide " (ticket.key) } { "Decide…" } }
        }
    }
}

/// Returns the campaign's own story: gate, messages, events, facts.
fn activity_part(view: &TicketView) -> Markup {
    let (ticket, viewer) = (&view.ticket, view.shell.viewer());
    html! {
        (situation::situation(ticket, view.holds_up, viewer))
        div.bench.story {
            (inbox::inbox(view))
            (activity::activity(&view.events, &view.acts, viewer))
            (side::side(view))
        }
    }
}
