//! What waits for what in a campaign: tickets in stages, each stage free once the one before has ended.

use std::collections::BTreeMap;

use maud::{Markup, html};
use mission_domain::doc::TicketDoc;

use crate::pages::glyph::{self, icon};
use crate::pages::view::TicketView;
use crate::pages::words;

/// Returns the open tickets in stages: what waits for nothing first.
pub(super) fn depends(view: &TicketView) -> Markup {
    let open: Vec<&TicketDoc> = view.children.iter().filter(|t| !words::has_ended(t)).collect();
    let stages = stages(&open);
    html! {
        div.stages {
            @if open.is_empty() {
                div.empty { (icon("flag")) b { "Nothing waits" } span { "No ticket of this campaign is open." } }
            }
            @for (n, tickets) in stages.iter().enumerate() {
                section aria-labelledby={ "h-stage-" (n) } {
                    h2 id={ "h-stage-" (n) } { @if n == 0 { "Waits for nothing" } @else if n == 1 { "Then" } @else { "After that" } span.dim { (tickets.len()) } }
                    ul { @for t in tickets { (item(t, &open)) } }
                }
            }
        }
    }
}

/// Returns the tickets by how many stand before them in the longest chain.
fn stages<'a>(open: &[&'a TicketDoc]) -> Vec<Vec<&'a TicketDoc>> {
    let mut depth: BTreeMap<&str, usize> = open.iter().map(|t| (t.key.as_str(), 0)).collect();
    // A chain is no longer than the tickets there are; a circle, which no door lets in, ends here too.
    for _ in 0..open.len() {
        let mut is_settled = true;
        for ticket in open {
            let before = ticket.blocked_by.iter().filter_map(|it| depth.get(it.as_str()));
            let own = before.map(|it| it + 1).max().unwrap_or(0).min(open.len());
            if depth.get(ticket.key.as_str()) != Some(&own) {
                depth.insert(&ticket.key, own);
                is_settled = false;
            }
        }
        if is_settled {
            break;
        }
    }
    let most = depth.values().copied().max().unwrap_or(0);
    let mut stages: Vec<Vec<&TicketDoc>> = vec![Vec::new(); most + 1];
    for ticket in open {
        let own = depth.get(ticket.key.as_str()).copied().unwrap_or(0);
        if let Some(stage) = stages.get_mut(own) {
            stage.push(ticket);
        }
    }
    stages.into_iter().filter(|it| !it.is_empty()).collect()
}

/// Returns one ticket with what it waits for and what it holds up.
fn item(ticket: &TicketDoc, open: &[&TicketDoc]) -> Markup {
    let held: Vec<&str> = open
        .iter()
        .filter(|t| t.blocked_by.contains(&ticket.key))
        .map(|t| t.key.as_str())
        .collect();
    html! {
        li {
            p.row { (glyph::key(&ticket.key)) (glyph::state(&ticket.state)) }
            p { a href=(words::ticket_path(&ticket.key)) dir="auto" { (ticket.title) } }
            @if !ticket.blocked_by.is_empty() { p.dim { "waits for " @for key in &ticket.blocked_by { (glyph::key(key)) " " } } }
            @if !held.is_empty() { p.dim { "holds up " @for key in held { (glyph::key(key)) " " } } }
        }
    }
}
