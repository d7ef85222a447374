//! Tickets against gates: one row a ticket, one column a gate of any of their workflows.

use maud::{Markup, html};
use mission_domain::doc::{GateDoc, TicketDoc};

use super::is_owed;
use crate::pages::approval;
use crate::pages::glyph::{self, icon};
use crate::pages::svg;
use crate::pages::view::Viewer;
use crate::pages::words;

/// Returns the matrix; tickets that ended without work are listed below it.
pub fn matrix(children: &[TicketDoc], viewer: Viewer<'_>) -> Markup {
    let columns = columns(children);
    let dropped: Vec<&TicketDoc> = children.iter().filter(|t| is_dropped(t)).collect();
    let mut rows: Vec<&TicketDoc> = children.iter().filter(|t| !is_dropped(t)).collect();
    rows.sort_by_key(|t| (rank(t, viewer), t.created_at));
    html! {
        div.scroll-x tabindex="0" role="region" aria-label="Tickets by gates" {
            table.matrix data-wide[columns.len() > 8] data-few[columns.len() < 5] {
                caption.sr { (words::count(rows.len(), "ticket")) " against " (words::count(columns.len(), "gate")) }
                (heads(children, viewer))
                tbody id="rows" { @for t in rows { (row(t, &columns, viewer)) } }
            }
        }
        @if !dropped.is_empty() { (without_work(&dropped)) }
    }
}

/// Returns whether a ticket ended without work.
fn is_dropped(ticket: &TicketDoc) -> bool {
    matches!(ticket.state.as_str(), "cancelled" | "superseded")
}

/// Orders rows: what the person owes, what is stuck, what runs, what waits, what is done.
fn rank(ticket: &TicketDoc, viewer: Viewer<'_>) -> u8 {
    match ticket.state.as_str() {
        _ if is_owed(ticket, viewer) => 0,
        "blocked" | "needs_input" => 1,
        "active" | "in_review" => 2,
        "todo" => 3,
        "waiting" => 4,
        "parked" => 5,
        _ => 6,
    }
}

/// Returns the gates of all workflows, each once, each after the one that it follows somewhere. The workflow that most tickets have
/// comes first, so that what they share stands together.
pub fn columns(children: &[TicketDoc]) -> Vec<String> {
    let having = |workflow: &str| children.iter().filter(|it| it.workflow == workflow).count();
    let mut tickets: Vec<&TicketDoc> = children.iter().collect();
    tickets.sort_by_cached_key(|it| std::cmp::Reverse(having(&it.workflow)));
    let mut columns: Vec<String> = Vec::new();
    for ticket in tickets {
        let mut after = 0;
        for gate in &ticket.gates {
            match columns.iter().position(|it| *it == gate.id) {
                Some(at) => after = at + 1,
                None => {
                    columns.insert(after, gate.id.clone());
                    after += 1;
                }
            }
        }
    }
    columns
}

/// Returns the head of the matrix with each column's totals, its stable id `heads`.
pub fn heads(children: &[TicketDoc], viewer: Viewer<'_>) -> Markup {
    html! {
        thead id="heads" { tr {
            th.corner scope="col" { "Ticket" }
            @for id in columns(children) { (column_head(&id, children, viewer)) }
            th scope="col" { b { "next" } small { "who owes it" } }
        } }
    }
}

/// Returns one column's head: the gate, who works and decides it, how far it is.
fn column_head(id: &str, children: &[TicketDoc], viewer: Viewer<'_>) -> Markup {
    let here: Vec<(&TicketDoc, &GateDoc)> = children
        .iter()
        .filter(|t| !is_dropped(t))
        .filter_map(|t| t.gates.iter().find(|g| g.id == id && g.required).map(|g| (t, g)))
        .collect();
    let count = |is: &dyn Fn(&TicketDoc, &GateDoc) -> bool| {
        u32::try_from(here.iter().filter(|(t, g)| is(t, g)).count()).unwrap_or(u32::MAX)
    };
    let yours = |t: &TicketDoc, g: &GateDoc| glyph::shown(t, g) == "active" && is_owed(t, viewer);
    let settled = count(&|_, g| super::is_settled(g));
    let parts = [
        (settled, "ok"),
        (count(&|t, g| glyph::shown(t, g) == "active" && !yours(t, g)), "live"),
        (count(&yours), "you"),
        (
            count(&|_, g| {
                matches!(g.state.as_str(), "changes_requested" | "stale" | "could_not_run")
            }),
            "warn",
        ),
        (count(&|t, g| glyph::shown(t, g) == "failed"), "bad"),
        (count(&|t, g| matches!(glyph::shown(t, g), "pending" | "not_required")), "off"),
    ];
    let gate = here.first().map(|(_, g)| *g);
    html! {
        th scope="col" {
            b { (words::gate(id)) }
            small { @if let Some(gate) = gate { (worked_by(gate)) } @else { "nobody" } }
            (svg::tally(&parts, &format!("{settled} of {} required are settled", here.len())))
        }
    }
}

/// Returns who works a gate, and whether a person decides it.
fn worked_by(gate: &GateDoc) -> String {
    let by_person = gate.decided_by.iter().any(|d| d == "person" || d.starts_with("person:"));
    if by_person { format!("{}, person", gate.role) } else { gate.role.clone() }
}

/// Returns one ticket's row, its stable id `row-KEY`.
pub fn row(ticket: &TicketDoc, columns: &[String], viewer: Viewer<'_>) -> Markup {
    let owed = is_owed(ticket, viewer);
    let since = ticket.next_action.as_ref().map(|n| n.since);
    let age = since.or(ticket.closed_at).unwrap_or(ticket.created_at);
    let moves = !words::has_ended(ticket) && !matches!(ticket.state.as_str(), "waiting" | "parked");
    html! {
        tr id={ "row-" (ticket.key) } data-into="rows" data-still[!moves] {
            th scope="row" {
                a href=(words::ticket_path(&ticket.key)) {
                    span.row { span.key { (ticket.key) } (glyph::state(&ticket.state)) span.end.dim { (glyph::age(age, viewer.now)) } }
                    b.trunc dir="auto" title=(ticket.title) { (ticket.title) }
                }
            }
            @for id in columns { (cell(ticket, id, owed, viewer)) }
            td.nx data-ended[words::has_ended(ticket)] {
                @if let Some(commit) = &ticket.landed_as { span.dim { "landed as " (glyph::hash(commit)) } }
                @else if words::has_ended(ticket) { span.dim dir="auto" { (ticket.reason.text) } }
                @else { (crate::pages::card::next(ticket, viewer)) }
            }
        }
    }
}

/// Returns one cell: the outcome, and who or what stands behind it.
fn cell(ticket: &TicketDoc, id: &str, owed: bool, viewer: Viewer<'_>) -> Markup {
    let Some(gate) = ticket.gates.iter().find(|g| g.id == id) else {
        return html! { td { span.gate { span.sr { (words::gate(id)) " is not in its workflow" } } } };
    };
    let shown = glyph::shown(ticket, gate);
    let glyph = || icon(glyph::gate_icon(shown));
    let name = words::gate(id);
    html! {
        @match shown {
            "pending" | "not_required" => { td { span.gate data-gate=(shown) { (glyph()) span.sr { (name) " " (words::plain(shown)) } } } }
            state => {
                td data-gate=(state) data-you[owed && state == "active"] {
                    a href={ (words::ticket_path(&ticket.key)) "#gate" } {
                        span.gate data-gate=(state) data-you[owed && state == "active"] { (glyph()) span { span.sr { (name) " " } (word(ticket, gate, owed)) } }
                        (behind(gate, viewer))
                    }
                }
            }
        }
    }
}

/// Returns the outcome in a word; what the person owes says what to do.
fn word(ticket: &TicketDoc, gate: &GateDoc, owed: bool) -> String {
    match (glyph::shown(ticket, gate), owed) {
        ("failed", _) if gate.state == "pending" => "blocked".into(),
        ("active", true) if approval::open(ticket).next().is_some() => "approve".into(),
        ("active", true) if ticket.state == "needs_input" => "answer".into(),
        ("active", true) if ticket.state == "in_review" => "sign off".into(),
        ("active", true) => "yours".into(),
        ("changes_requested", _) => "changes".into(),
        (state, _) => words::plain(state),
    }
}

/// Returns who decided or works it, and the round where it is not the first.
fn behind(gate: &GateDoc, viewer: Viewer<'_>) -> Markup {
    let by = glyph::decision(gate).filter(|_| gate.state != "active").map(|s| {
        let name = words::principal(&s.principal);
        let own = s.principal == format!("person:{}", viewer.person);
        if own { "you".into() } else { name.split(" · ").last().unwrap_or_default().to_owned() }
    });
    let who = by.or_else(|| gate.runtime.clone()).unwrap_or_else(|| gate.role.clone());
    html! { small title=(who) { (who) @if gate.round > 1 { " " span title={ "round " (gate.round) } { "r" (gate.round) } } } }
}

/// Returns the tickets that ended without work, behind a fold.
fn without_work(dropped: &[&TicketDoc]) -> Markup {
    html! {
        details.foot-note {
            summary { (words::count(dropped.len(), "ticket")) " ended without work" }
            ul { @for t in dropped { li { (glyph::key(&t.key)) " " (glyph::state(&t.state)) " " bdi { (t.title) } span.dim { " · " (t.reason.text) } } } }
        }
    }
}
