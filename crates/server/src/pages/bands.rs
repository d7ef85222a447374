//! The board by campaign or by role: the same five stacks, one band each.

use maud::{Markup, html};
use mission_domain::doc::TicketDoc;

use super::board::{STACKS, query};
use super::glyph::{self, icon, icon_as};
use super::svg;
use super::view::{Band, BandCell, BandHead, BoardView, Grouping, Viewer};
use super::words;

/// A cell shows this many cards; the rest is a link away.
pub const CELL_WINDOW: usize = 8;

/// A page shows this many bands.
pub const BAND_WINDOW: usize = 24;

/// The headings of the five stacks.
const HEADS: [&str; 5] =
    ["Todo, waiting", "Active", "In review", "Needs input, blocked", "Done, last 24 h"];

/// Returns the stack that holds a state.
pub fn stack_of(state: &str) -> usize {
    let holds =
        |(open, folded): &(&[&str], &[&str])| open.contains(&state) || folded.contains(&state);
    STACKS.iter().position(holds).unwrap_or(0)
}

/// Returns the bands under their headings; `nothing` stands there while no card does.
pub(super) fn bands(view: &BoardView, nothing: &Markup) -> Markup {
    let viewer = view.shell.viewer();
    html! {
        div.band-heads aria-hidden="true" { @for head in HEADS { span { (head) } } }
        (nothing)
        @for band in &view.bands { (whole(view, band, viewer)) }
        (leaf(view))
    }
}

/// Returns one band.
fn whole(view: &BoardView, band: &Band, viewer: Viewer<'_>) -> Markup {
    let key = name(&band.head);
    html! {
        section.band data-band=(key) aria-labelledby={ "h-band-" (key) } {
            (head(&band.head, view.filter.by, viewer))
            div {
                @for (stack, held) in band.cells.iter().enumerate() { (cell(view, &band.head, stack, held, viewer)) }
            }
        }
    }
}

/// Returns what stands at a band's head, its stable id `band-NAME`.
pub fn head(head: &BandHead, by: Grouping, viewer: Viewer<'_>) -> Markup {
    let is_campaign = by == Grouping::Campaign && !head.key.is_empty();
    html! {
        header.band-head id={ "band-" (name(head)) } {
            button.icon-btn.turn type="button" data-fold aria-expanded="true" aria-label={ "Fold " (title(head, by)) } { (icon_as("i s", "chevron-down")) }
            h2 id={ "h-band-" (name(head)) } dir="auto" { (title(head, by)) }
            @if is_campaign { (glyph::key(&head.key)) }
            (svg::tally(&parts(head), &told(head)))
            span.end { @if head.waits > 0 { b.owed { (head.waits) (if head.waits == 1 { " waits" } else { " wait" }) " for " (viewer.whom()) } } @else { span.dim { "nothing waits for " (viewer.whom()) } } }
        }
    }
}

/// Returns a band's title; what belongs to none says so.
fn title(head: &BandHead, by: Grouping) -> String {
    match by {
        _ if !head.key.is_empty() => head.title.clone(),
        Grouping::Role => "No role".into(),
        Grouping::Campaign | Grouping::State => "No campaign".into(),
    }
}

/// Returns the band's name in ids.
pub fn name(head: &BandHead) -> String {
    if head.key.is_empty() { "none".into() } else { head.key.clone() }
}

/// Returns the shares of a band's tally, each with its tone.
fn parts(head: &BandHead) -> Vec<(u32, &'static str)> {
    let sum = |states: &[&str]| {
        head.states
            .iter()
            .filter(|(s, _)| states.contains(&s.as_str()))
            .map(|(_, n)| n)
            .sum::<u32>()
    };
    vec![
        (sum(&["done"]), "ok"),
        (sum(&["active", "in_review"]), "live"),
        (sum(&["needs_input"]), "you"),
        (sum(&["blocked"]), "bad"),
        (sum(&["todo", "waiting", "parked"]), "off"),
    ]
}

/// Returns the tally in words.
fn told(head: &BandHead) -> String {
    let some = head.states.iter().filter(|(_, n)| *n > 0);
    let words: Vec<String> = some.map(|(s, n)| format!("{n} {}", words::plain(s))).collect();
    if words.is_empty() { "no ticket".into() } else { words.join(", ") }
}

/// Returns one cell, its stable id `cell-NAME-STACK`.
fn cell(
    view: &BoardView,
    head: &BandHead,
    stack: usize,
    held: &BandCell,
    viewer: Viewer<'_>,
) -> Markup {
    let rest = (held.total as usize).saturating_sub(held.tickets.len());
    let label = HEADS.get(stack).copied().unwrap_or_default();
    html! {
        div.cell {
            h3.sr { (label) }
            div.cards id={ "cell-" (name(head)) "-" (stack) } { @for ticket in &held.tickets { (card(ticket, head, viewer)) } }
            @if rest > 0 { p.more-link { a.btn.sm href={ "/board?" (query(view)) (limit(view, head)) } { (rest) " more" } } }
        }
    }
}

/// Returns the part of a query that limits the board to one band.
fn limit(view: &BoardView, head: &BandHead) -> String {
    match view.filter.by {
        _ if head.key.is_empty() => String::new(),
        Grouping::Campaign | Grouping::State => format!("campaign={}", head.key),
        Grouping::Role => format!("role={}", head.key),
    }
}

/// Returns a ticket's card in a band, its stable id `ticket-KEY`.
pub fn card(ticket: &TicketDoc, head: &BandHead, viewer: Viewer<'_>) -> Markup {
    let owed = viewer.owes(ticket);
    let age = if words::has_ended(ticket) {
        ticket.closed_at.unwrap_or(ticket.updated_at)
    } else {
        ticket.created_at
    };
    let into = format!("cell-{}-{}", name(head), stack_of(&ticket.state));
    html! {
        article.card id={ "ticket-" (ticket.key) } data-into=(into) data-you[owed] {
            header { span.key { (ticket.key) } (glyph::state(&ticket.state)) span.end { (glyph::age(age, viewer.now)) } }
            h3 { a href=(words::ticket_path(&ticket.key)) dir="auto" title=(ticket.title) { (ticket.title) } }
            @if !ticket.gates.is_empty() { (glyph::rail_mini(ticket, owed)) }
            p.card-next {
                @if let Some(commit) = &ticket.landed_as { span.dim { "landed as " (glyph::hash(commit)) } }
                @else if words::has_ended(ticket) { span.dim dir="auto" { (ticket.reason.text) } }
                @else { (super::card::next(ticket, viewer)) }
            }
        }
    }
}

/// Returns the way to the bands before and after these.
fn leaf(view: &BoardView) -> Markup {
    let (from, shown) = (view.filter.from as usize, view.bands.len());
    let total = view.bands_total as usize;
    let by = view.filter.by.as_str();
    html! {
        @if shown < total {
            nav.leaf aria-label="More bands" {
                @if from > 0 { a.btn.sm href={ "/board?" (query(view)) "by=" (by) "&from=" (from.saturating_sub(BAND_WINDOW)) } { "Before" } }
                span.dim { (from + 1) "–" (from + shown) " of " (total) }
                @if from + shown < total { a.btn.sm href={ "/board?" (query(view)) "by=" (by) "&from=" (from + shown) } { (icon("arrow-right")) "Next" } }
            }
        }
    }
}
