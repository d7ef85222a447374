//! A campaign's children as a list: key, title, rail, state, next action.

use maud::{Markup, html};
use mission_domain::doc::TicketDoc;

use crate::pages::glyph::{self, icon};
use crate::pages::view::Viewer;
use crate::pages::words;

/// Returns the panel of a campaign's children, its stable id `packet`: it stands where a task's packet does.
pub fn children(children: &[TicketDoc], viewer: Viewer<'_>) -> Markup {
    let ended = children.iter().filter(|t| words::has_ended(t)).count();
    html! {
        section.panel.packet-mini id="packet" aria-labelledby="h-packet" {
            header { h2 id="h-packet" { "Tickets" } span.end { (ended) " of " (children.len()) " ended" } }
            @if children.is_empty() { div.empty { (icon("flag")) b { "No tickets yet" } span { "A campaign is made of tickets; it ends when they have." } div.ask-do { a.btn.sm href="/tickets/new" { "New ticket" } } } }
            @else {
                table.kids {
                    caption.sr { "Tickets of this campaign" }
                    thead { tr { th scope="col" { "Ticket" } th scope="col" { "Gates" } th scope="col" { "State" } th scope="col" { "Next" } } }
                    tbody id="rows" { @for t in children { (row(t, viewer)) } }
                }
            }
        }
    }
}

/// Returns one child, its stable id `row-KEY`.
pub fn row(ticket: &TicketDoc, viewer: Viewer<'_>) -> Markup {
    let owed = words::is_owed(ticket.next_action.as_ref(), viewer.person);
    html! {
        tr id={ "row-" (ticket.key) } data-into="rows" {
            th scope="row" { (glyph::key(&ticket.key)) " " a href=(words::ticket_path(&ticket.key)) dir="auto" { (ticket.title) } }
            td { (glyph::rail_mini(ticket, owed)) }
            td { (glyph::state(&ticket.state)) }
            td.mid { @if words::has_ended(ticket) { "—" } @else { (glyph::next_action(ticket, viewer)) } }
        }
    }
}
