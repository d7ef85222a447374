//! The page *Board*: five stacks hold ten states. Cards cannot be dragged; gates move them.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::bands;
use super::card::card;
use super::glyph::{self, icon, icon_as};
use super::shell::{Page, document, project_part};
use super::view::{BoardColumn, BoardFilter, BoardView, Counts, Grouping, Viewer};
use super::words;

/// A column shows this many cards; "show all" leads to the rest.
pub const COLUMN_WINDOW: usize = 50;

/// A column that is leafed through shows this many cards at once.
pub const LEAF: usize = 200;

/// The classes of the board in lanes of campaigns, by which the phone's tabs know it.
pub(super) const BY_CAMPAIGN: &str = "board-page-bands by-campaign";

/// The stacks from left to right, and the states in each. Those in the second list are folded.
pub(super) const STACKS: [(&[&str], &[&str]); 5] = [
    (&["todo", "waiting"], &["parked"]),
    (&["active"], &[]),
    (&["in_review"], &[]),
    (&["needs_input", "blocked"], &[]),
    (&["done"], &["cancelled", "superseded"]),
];

/// The order of the phone's tabs: nearest to the person first.
const NEAREST: [&str; 7] =
    ["needs_input", "in_review", "blocked", "active", "waiting", "todo", "done"];

/// States that lie folded below others where there is room, and come last on a phone.
const FOLDED: [&str; 3] = ["parked", "cancelled", "superseded"];

/// Returns the page *Board*.
pub fn page(view: &BoardView) -> Markup {
    let in_bands = view.filter.by != Grouping::State;
    let body = if in_bands {
        bands::bands(view, &nothing(view))
    } else {
        html! { (nothing(view)) @for (open, folded) in STACKS { (stack(view, open, folded)) } }
    };
    document(
        &view.shell,
        Page {
            name: "board",
            key: None,
            title: "Board",
            class: match view.filter.by {
                Grouping::State => "board-page",
                Grouping::Campaign => BY_CAMPAIGN,
                Grouping::Role => "board-page-bands",
            },
            head: head(view),
            below_head: html! { (filter_row(view)) @if !in_bands { (column_tabs(view)) } },
            body_class: if in_bands { "bands" } else { "board" },
            body,
            keys: keys(in_bands),
        },
    )
}

/// Returns the keys of the board.
fn keys(in_bands: bool) -> super::shell::Keys {
    if in_bands {
        &[
            (&["h", "l"], "column"),
            (&["j", "k"], "card"),
            (&["enter"], "open"),
            (&["s"], "back to states"),
            (&["z"], "fold campaign"),
            (&["f"], "filter"),
        ]
    } else {
        &[
            (&["h", "l"], "column"),
            (&["j", "k"], "card"),
            (&["enter"], "open"),
            (&["c"], "new ticket"),
            (&["s"], "campaign lanes"),
            (&["f"], "filter"),
        ]
    }
}

/// Returns the heading with the numbers that matter, and the tools.
fn head(view: &BoardView) -> Markup {
    let blocked = total(view, "blocked");
    html! {
        h1 { "Board" }
        (lede(view.shell.counts, blocked, view.shell.viewer()))
        @if is_limited(&view.filter) { p.lede { b { (view.columns.iter().map(|it| it.total).sum::<u32>()) } " of them matched the filter when this was loaded" } }
        @if let Some(key) = &view.filter.campaign { p.lede { "in " (glyph::key(key)) " " @if let Some(c) = view.shell.campaigns.iter().find(|c| c.key == *key) { bdi { (c.title) } } } }
        div.tools {
            button.btn type="button" data-filter aria-controls="filter" aria-expanded=(is_limited(&view.filter)) { (icon("list-filter")) span { "Filter" } }
            (grouping(view))
            @if view.shell.viewer().acts() { a.btn href={ "/tickets/new" (project_part(&view.shell, '?')) } { (icon("plus")) span { "Ticket" } kbd { "c" } } }
        }
    }
}

/// Returns the choice of what the rows are. The key `s` goes from states to campaigns and back.
fn grouping(view: &BoardView) -> Markup {
    let by = view.filter.by;
    let here = |it: Grouping| (it == by).then_some("true");
    let lanes_key = if by == Grouping::State { "s" } else { "" };
    let states_key = if by == Grouping::State { "" } else { "s" };
    let rest = query(view);
    html! {
        nav.seg aria-label="Group by" {
            a href={ "/board?" (rest) } aria-current=[here(Grouping::State)] data-key=(states_key) { "State" }
            a href={ "/board?" (rest) "by=campaign" } aria-current=[here(Grouping::Campaign)] data-key=(lanes_key) { (icon("rows-3")) "Campaign lanes" }
            a href={ "/board?" (rest) "by=role" } aria-current=[here(Grouping::Role)] { "Role" }
        }
    }
}

/// Returns the sentence beside the heading, its stable id `lede`.
pub fn lede(counts: Counts, blocked: u32, viewer: Viewer<'_>) -> Markup {
    html! {
        p.lede id="lede" {
            b { (counts.open) } " open"
            @if counts.needs_you > 0 { " · " a href="/needs-you" { b.owed { (counts.needs_you) (if counts.needs_you == 1 { " waits" } else { " wait" }) " for " (viewer.whom()) } } }
            @if blocked > 0 { " · " (blocked) " blocked" }
        }
    }
}

/// Returns what is said on an empty board: what comes next, and one action. The stylesheet hides it while a card is there.
fn nothing(view: &BoardView) -> Markup {
    html! {
        @if is_limited(&view.filter) {
            div.empty.wide { (icon("list-filter")) b { "No ticket matches" } span { "The filter leaves nothing over." }
                div.ask-do { a.btn.sm href={ "/board" (project_part(&view.shell, '?')) } { "Show all" } } }
        } @else {
            div.empty.wide { (icon("square-kanban")) b { "No ticket yet" } span { "What is filed shows up here and moves by itself." }
                @if view.shell.viewer().acts() { div.ask-do { a.btn.sm href={ "/tickets/new" (project_part(&view.shell, '?')) } { "New ticket" } } } }
        }
    }
}

/// Returns how many tickets are in `state`.
fn total(view: &BoardView, state: &str) -> u32 {
    view.columns.iter().find(|c| c.state == state).map_or(0, |c| c.total)
}

/// Returns whether the filter limits anything.
fn is_limited(f: &BoardFilter) -> bool {
    f.words.is_some() || f.campaign.is_some() || f.role.is_some() || f.label.is_some() || f.mine
}

/// Returns the filter as a form, open where it limits something.
fn filter_row(view: &BoardView) -> Markup {
    let f = &view.filter;
    let text = |v: &Option<String>| v.clone().unwrap_or_default();
    html! {
        details.filter id="filter" open[is_limited(f)] {
            summary { (icon("list-filter")) "Filter" }
            form method="get" action="/board" {
                @if f.by != Grouping::State { input type="hidden" name="by" value=(f.by.as_str()); }
                @if let Some(p) = &view.shell.current_project { input type="hidden" name="project" value=(p); }
                label { span { "Words" } input.field name="q" value=(text(&f.words)) dir="auto"; }
                label { span { "Campaign" } select.field name="campaign" {
                    option value="" { "Any" }
                    @for c in &view.shell.campaigns { option value=(c.key) selected[f.campaign.as_deref() == Some(&c.key)] { (c.key) " " (c.title) } }
                } }
                label { span { "Role" } input.field name="role" value=(text(&f.role)) list="roles" autocomplete="off"; }
                label { span { "Label" } input.field name="label" value=(text(&f.label)) list="labels" autocomplete="off"; }
                (suggestions(view))
                label.check { input type="checkbox" name="mine" value="yes" checked[f.mine]; " Waits for me" }
                button.btn type="submit" { "Apply" }
                @if is_limited(f) { a.btn.ghost href={ "/board" (project_part(&view.shell, '?')) } { "Show all" } }
            }
        }
    }
}

/// Returns the roles and labels of the tickets in view, which the filter's fields suggest.
fn suggestions(view: &BoardView) -> Markup {
    let in_columns = view.columns.iter().flat_map(|it| &it.tickets);
    let in_bands = view.bands.iter().flat_map(|it| &it.cells).flat_map(|it| &it.tickets);
    let (mut roles, mut labels) = (BTreeSet::new(), BTreeSet::new());
    for ticket in in_columns.chain(in_bands) {
        roles.extend(ticket.gates.iter().map(|it| it.role.as_str()));
        labels.extend(ticket.labels.iter().map(String::as_str));
    }
    html! {
        datalist id="roles" { @for it in roles { option value=(it) {} } }
        datalist id="labels" { @for it in labels { option value=(it) {} } }
    }
}

/// Returns the phone's tabs.
fn column_tabs(view: &BoardView) -> Markup {
    html! {
        nav.col-tabs aria-label="States" {
            @for state in NEAREST.into_iter().chain(FOLDED.into_iter().filter(|it| total(view, it) > 0)) { a href={ "#col-" (state) } { (glyph::state(state)) small { (total(view, state)) } } }
        }
    }
}

/// Returns one stack of states.
fn stack(view: &BoardView, open: &[&str], folded: &[&str]) -> Markup {
    html! {
        div.col {
            @for state in open { (section(view, state)) }
            @for state in folded { (fold(view, state)) }
            @if open.contains(&"done") { (legend(view.shell.viewer())) }
        }
    }
}

/// Returns the tickets of one state under their heading.
fn section(view: &BoardView, state: &str) -> Markup {
    html! {
        section id={ "col-" (state) } data-col=(state) aria-labelledby={ "c-" (state) } {
            header.col-head { h2 id={ "c-" (state) } { (glyph::state(state)) } (count(state, total(view, state))) }
            (cards(view, state))
        }
    }
}

/// Returns how many tickets a state holds, its stable id `n-STATE`.
pub fn count(state: &str, n: u32) -> Markup {
    html! { span.dim.num id={ "n-" (state) } { (n) } }
}

/// Returns the tickets of one state behind a fold.
fn fold(view: &BoardView, state: &str) -> Markup {
    // What a filter found is not hidden behind a fold.
    let is_found = is_limited(&view.filter) && total(view, state) > 0;
    html! {
        details.fold id={ "col-" (state) } data-col=(state) open[is_found || view.filter.all.as_deref() == Some(state)] {
            summary { (glyph::state(state)) (count(state, total(view, state))) (icon_as("i end", "chevron-right")) }
            (cards(view, state))
        }
    }
}

/// Returns the cards of one state, and the way to the rest where it is cut.
fn cards(view: &BoardView, state: &str) -> Markup {
    let Some(col) = view.columns.iter().find(|c| c.state == state) else {
        return html! { div.cards id={ "cards-" (state) } {} };
    };
    html! {
        div.cards id={ "cards-" (state) } { @for ticket in &col.tickets { (card(ticket, view.shell.viewer())) } }
        (rest(view, col))
    }
}

/// Returns the way to the rest of a column that is cut: all of it, leaf by leaf.
fn rest(view: &BoardView, col: &BoardColumn) -> Markup {
    let (total, shown) = (col.total as usize, col.tickets.len());
    let is_leafed = view.filter.all.as_deref() == Some(&col.state);
    let from = if is_leafed { view.filter.from as usize } else { 0 };
    let leaf = |at: usize| {
        let (rest, state) = (query(view), &col.state);
        let part = if at > 0 { format!("&from={at}") } else { String::new() };
        format!("/board?{rest}all={state}{part}#col-{state}")
    };
    html! {
        @if is_leafed && total > shown {
            nav.leaf aria-label={ "More of " (words::plain(&col.state)) } {
                @if from > 0 { a.btn.sm href=(leaf(from.saturating_sub(LEAF))) { "Before" } }
                span.dim { @if shown > 0 { (from + 1) "–" (from + shown) " of " } (total) }
                @if from + shown < total { a.btn.sm href=(leaf(from + shown)) { "Next" } }
            }
        } @else if total > shown {
            p.more-link { a.btn.sm href=(leaf(0)) { "Show all " (total) } }
        }
    }
}

/// Returns the filter as a query, each part with its `&`.
pub(super) fn query(view: &BoardView) -> String {
    let f = &view.filter;
    let mine = f.mine.then(|| "yes".to_owned());
    let parts = [
        ("mine", &mine),
        ("project", &view.shell.current_project),
        ("q", &f.words),
        ("campaign", &f.campaign),
        ("role", &f.role),
        ("label", &f.label),
    ];
    parts.iter().filter_map(|(k, v)| v.as_ref().map(|v| format!("{k}={}&", encoded(v)))).collect()
}

/// Returns `text` percent-encoded for a query.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(b as char),
            other => out.push_str(&format!("%{other:02X}")),
        }
        out
    })
}

/// Returns what the shapes of the rail mean.
fn legend(viewer: Viewer<'_>) -> Markup {
    const SHAPES: [(&str, bool, &str); 10] = [
        ("passed", false, "passed"),
        ("active", true, "waits for you"),
        ("active", false, "active"),
        ("changes_requested", false, "changes requested"),
        ("failed", false, "failed"),
        ("stale", false, "stale"),
        ("waived", false, "waived"),
        ("could_not_run", false, "could not run"),
        ("pending", false, "pending"),
        ("not_required", false, "not required"),
    ];
    html! {
        section.legend aria-labelledby="h-legend" {
            h2 id="h-legend" { "Gate rail" }
            ul { @for (gate, you, label) in SHAPES.iter().filter(|it| !it.1 || viewer.acts()) { li { span.rail-mini.one aria-hidden="true" { i data-gate=(gate) data-you[*you] {} } (label) } } }
        }
    }
}
