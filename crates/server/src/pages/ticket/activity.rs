//! What happened to a ticket. Repeats fold into one row with a count.

use maud::{Markup, html};
use mission_domain::doc::{EventDoc, OperatorActDoc};
use mission_domain::ids::Timestamp;
use mission_domain::told::{are_one, told, told_together, who};

use crate::pages::glyph::{self, icon};
use crate::pages::needs_you::correction;
use crate::pages::view::Viewer;
use crate::pages::words;

/// Rows shown before the rest is folded.
const SHOWN: usize = 30;

/// One row: an event, or the same one many times.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivityRow {
    /// The newest event, by which the row is known.
    pub seq: u64,
    /// Who.
    pub principal: String,
    /// What, in words.
    pub text: String,
    /// How often.
    pub times: u32,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
}

/// Folds `events`, newest first, into rows, newest first too: the same thing by the same principal is one row, also where other rows
/// lie between. Between two equal ones at most three other rows may lie, so that a sweep's rhythm folds and a story keeps its order.
/// What somebody writes is one thing, whatever the text: the inbox has each message.
///
/// It begins with the oldest, so that one event more changes the rows it joins and none below them.
pub fn fold(events: &[EventDoc]) -> Vec<ActivityRow> {
    const REACH: usize = 3;
    let mut rows: Vec<ActivityRow> = Vec::new();
    for event in events.iter().rev() {
        let text = told(event);
        let near = rows.len().saturating_sub(REACH + 1);
        let same = |r: &ActivityRow| r.principal == who(event) && are_one(&r.text, &text);
        let found = rows.iter().skip(near).rposition(same).map(|at| rows.remove(near + at));
        rows.push(match found {
            Some(row) => ActivityRow {
                seq: event.seq,
                times: row.times + 1,
                last: event.at,
                text: if row.text == text { text } else { told_together(&text, &row.text) },
                ..row
            },
            None => ActivityRow {
                seq: event.seq,
                principal: who(event).to_owned(),
                text,
                times: 1,
                first: event.at,
                last: event.at,
            },
        });
    }
    rows.reverse();
    rows
}

/// Returns the activity's panel, its stable id `activity`.
pub fn activity(events: &[EventDoc], acts: &[OperatorActDoc], viewer: Viewer<'_>) -> Markup {
    let rows = fold(events);
    html! {
        section.panel.acts id="activity" aria-labelledby="h-act" {
            header { h2 id="h-act" { "Activity" } (choice()) span.end id="log-count" { (words::count(events.len(), "event")) } }
            @if !acts.is_empty() { ul.fixes id="fixes" aria-label="Corrections" { @for act in acts.iter().take(10) { (correction(act, viewer)) } } }
            ol.log id="log" { @for r in rows.iter().take(SHOWN) { (row(r)) } }
            details.older {
                summary.pad id="log-more" { (rows.len().saturating_sub(SHOWN)) " older" }
                ol.log id="log-older" { @for r in rows.iter().skip(SHOWN) { (row(r)) } }
            }
        }
    }
}

/// Returns the choice of whose acts are shown; the stylesheet does what is chosen.
fn choice() -> Markup {
    const WHOSE: [(&str, &str); 4] =
        [("all", "All"), ("people", "People"), ("lanes", "Lanes"), ("system", "System")];
    html! {
        div.seg.only.whose role="radiogroup" aria-label="Whose acts" {
            @for (value, label) in WHOSE { label { input.sr type="radio" name="whose" value=(value) checked[value == "all"]; (label) } }
        }
    }
}

/// Returns who acts by a principal of `kind`, as a word of [`choice`].
fn whose(kind: &str) -> &'static str {
    match kind {
        "person" | "scripted" => "people",
        "lane" | "external" => "lanes",
        _ => "system",
    }
}

/// Returns one row.
fn row(r: &ActivityRow) -> Markup {
    let (kind, rest) = r.principal.split_once(':').unwrap_or((r.principal.as_str(), ""));
    let glyph_name = match kind {
        "lane" => glyph::role_icon(rest.split('/').next().unwrap_or(rest)),
        "scripted" => "user-check",
        "external" => "plug",
        other => glyph::role_icon(other),
    };
    html! {
        li id={ "event-" (r.seq) } data-whose=(whose(kind)) {
            (glyph::clock(r.last)) (icon(glyph_name))
            p dir="auto" { b { bdi { (words::principal(&r.principal)) } } " " (glyph::inline(&r.text)) }
            @if r.times > 1 { span.times title={ "first " (r.first) ", last " (r.last) } { "×" (r.times) } } @else { span {} }
        }
    }
}
