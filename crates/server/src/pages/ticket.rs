//! The page *Ticket*: situation, rail, gate beside packet, inbox beside console, activity; facts at the side.

pub mod activity;
pub mod console;
pub mod gate;
pub mod inbox;
pub mod packet;
pub mod side;
pub mod situation;

use maud::{Markup, html};
use mission_domain::doc::TicketDoc;

use super::form::{self, Back};
use super::glyph::{self, icon};
use super::shell::{Page, document};
use super::view::{TicketView, Viewer};
use super::words;

/// Returns the page of one ticket; a campaign has its own.
pub fn page(view: &TicketView) -> Markup {
    if view.ticket.kind == "campaign" {
        return super::campaign::page(view);
    }
    let (ticket, viewer) = (&view.ticket, view.shell.viewer());
    let title = format!("{} {}", ticket.key, ticket.title);
    document(
        &view.shell,
        Page {
            name: "ticket",
            key: Some(&ticket.key),
            title: &title,
            class: "ticket",
            head: head(view),
            below_head: html! {},
            body_class: "",
            body: html! {
                (situation::situation(ticket, view.holds_up, viewer))
                (situation::rail(ticket, viewer))
                (side::request_in_full(ticket))
                div.bench {
                    (gate::gate(ticket, view.packet.as_ref(), viewer))
                    (packet::packet(ticket, view.packet.as_ref()))
                    (inbox::inbox(view))
                    (console::console(view.console.as_ref(), viewer))
                    (activity::activity(&view.events, &view.acts, viewer))
                    (side::side(view))
                }
            },
            keys: KEYS,
        },
    )
}

/// The keys that act here; those of a verdict are shown while one is owed, which the page's script sees.
const KEYS: super::shell::Keys = &[
    (&["a"], "sign off"),
    (&["r"], "request changes"),
    (&["w"], "waive"),
    (&["p"], "packet"),
    (&["t"], "console"),
    (&["m"], "message"),
    (&["[", "]"], "ticket before, after"),
];

/// Returns the heading: crumbs, title, where it came from, and the tools.
fn head(view: &TicketView) -> Markup {
    let (ticket, viewer) = (&view.ticket, view.shell.viewer());
    let parent = view.related.iter().find(|r| r.how == "in");
    let chevron = || icon("chevron-right");
    html! {
        nav.crumbs aria-label="Breadcrumb" {
            a href="/board" { "Board" } (chevron())
            @if let Some(p) = parent { a href=(words::ticket_path(&p.key)) dir="auto" { (p.key) " " (p.title) } (chevron()) }
            span.key { (ticket.key) }
            @if let Some(key) = &view.previous { a.sr href=(words::ticket_path(key)) data-key="[" { "Ticket before: " (key) } }
            @if let Some(key) = &view.next { a.sr href=(words::ticket_path(key)) data-key="]" { "Ticket after: " (key) } }
        }
        h1 dir="auto" { (ticket.title) }
        p.head-meta {
            span { (words::sentence(&ticket.priority)) }
            span { (source_icon(&ticket.source.channel)) " " (words::channel(&ticket.source.channel)) ", " bdi { (words::principal(&ticket.source.principal)) } }
            span { "filed " (glyph::ago(ticket.created_at, viewer.now)) }
            @for label in &ticket.labels { span.tag dir="auto" { (label) } }
        }
        (tools_of(ticket, viewer))
    }
}

/// Returns the tools beside the heading, their stable id `tools`.
pub fn tools_of(ticket: &TicketDoc, viewer: Viewer<'_>) -> Markup {
    html! { div.tools id="tools" { (tools(ticket, viewer)) } }
}

/// Returns the glyph of the way a ticket came in.
fn source_icon(channel: &str) -> Markup {
    icon(match channel {
        "cli" => "square-terminal",
        "page" => "globe",
        "schedule" => "calendar-clock",
        _ => "plug",
    })
}

/// Returns what a person can do to the ticket as a whole, as its state allows.
pub(super) fn tools(ticket: &TicketDoc, viewer: Viewer<'_>) -> Markup {
    let back = Back::Ticket;
    html! {
        @match ticket.state.as_str() {
            "done" | "cancelled" | "superseded" => { (form::plain(ticket, "reopen", "Reopen", "rotate-cw", viewer, back)) }
            "parked" => { (form::plain(ticket, "unpark", "Unpark", "play", viewer, back)) (cancel(ticket, viewer)) }
            _ => { (form::plain(ticket, "park", "Park", "pause", viewer, back)) (cancel(ticket, viewer)) }
        }
    }
}

/// Returns the form that cancels the ticket.
fn cancel(ticket: &TicketDoc, viewer: Viewer<'_>) -> Markup {
    form::reasoned(
        ticket,
        "cancel",
        "Cancel the ticket",
        "Why is it not done? The lane stops; its work is kept.",
        viewer,
        Back::Ticket,
    )
}
