//! The page *Needs you*: what waits for the person, ranked; beside it the fleet and what was handled for them.

use std::collections::BTreeSet;

use maud::{Markup, html};
use mission_domain::doc::{LaneDoc, NeedsYouDoc, OperatorActDoc};

use super::ask::ask;
use super::budget;
use super::digest;
use super::fleet;
use super::form;
use super::glyph::{self, icon, icon_as};
use super::shell::{Page, document};
use super::view::{NeedsYouView, Viewer};
use super::words;

/// Returns the page *Needs you*.
pub fn page(view: &NeedsYouView) -> Markup {
    let viewer = view.shell.viewer();
    document(
        &view.shell,
        Page {
            name: "needs-you",
            key: None,
            title: "Needs you",
            class: "needs",
            head: html! { h1 { "Needs you" } (lede(view.asks.len(), held(&view.asks), viewer)) div.tools { (kinds(&view.asks)) } },
            below_head: html! {},
            body_class: "needs-grid",
            body: html! {
                section aria-label={ "Waiting for " (viewer.whom()) } {
                    (empty(view))
                    (elsewhere(view))
                    p.ranked { (icon_as("i s", "arrow-down-narrow-wide")) "First what expires within the hour, then by tickets held up, then by age" }
                    ol.asks id="asks" { @for (n, doc) in view.asks.iter().enumerate() { (ask(doc, view.died.get(&doc.ticket.key), viewer, n == 0)) } }
                }
                aside aria-label="Fleet and corrections" {
                    (lanes_panel(&view.lanes))
                    (budget::panel(&view.budgets))
                    (digest::panel(&view.digest, view.is_since_seen, &view.shell))
                    (handled(&view.acts, viewer))
                }
            },
            keys: &[
                (&["j", "k"], "move"),
                (&["enter"], "open"),
                (&["a"], "sign off or approve"),
                (&["r"], "request changes"),
                (&["d"], "deny"),
                (&["1"], "answer"),
            ],
        },
    )
}

/// Returns how many tickets the decisions hold up together: one that waits for two of them is one.
pub fn held(asks: &[NeedsYouDoc]) -> usize {
    asks.iter().flat_map(|it| &it.held).collect::<BTreeSet<_>>().len()
}

/// Returns the sentence beside the heading, its stable id `lede`: `n` decisions that hold up `held` tickets.
pub fn lede(n: usize, held: usize, viewer: Viewer<'_>) -> Markup {
    html! {
        p.lede id="lede" {
            @match n {
                0 => { "No decision waits for " (viewer.whom()) "." }
                1 => { b { "1" } " decision waits for " (viewer.whom()) "." }
                _ => { b { (n) } " decisions wait for " (viewer.whom()) "." }
            }
            @if held > 0 { " " (if n == 1 { "It holds" } else { "Together they hold" }) " up " b { (words::count(held, "ticket")) } "." }
        }
    }
}

/// The kinds of decisions with their words, in the order in which they are offered.
const KINDS: [(&str, &str); 6] = [
    ("approval", "Approvals"),
    ("signoff", "Sign-offs"),
    ("question", "Questions"),
    ("blocked", "Blocked"),
    ("work", "Your work"),
    ("notice", "Notices"),
];

/// Returns the choice of one kind, its stable id `kinds`. The stylesheet does what is chosen, and hides a kind of which none waits.
pub fn kinds(asks: &[NeedsYouDoc]) -> Markup {
    let choice = |kind: &str, label: &str, n: usize, is_all: bool| {
        html! { label { input.sr type="radio" name="only" value=(kind) checked[is_all]; (label) " " (number(kind, n)) } }
    };
    html! {
        div.seg.only id="kinds" role="radiogroup" aria-label="Show" {
            (choice("all", "All", asks.len(), true))
            @for (kind, label) in KINDS { (choice(kind, label, asks.iter().filter(|it| it.kind == kind).count(), false)) }
        }
    }
}

/// Returns how many decisions of one kind wait, its stable id `n-KIND`.
fn number(kind: &str, n: usize) -> Markup {
    html! { small id={ "n-" (kind) } data-none[n == 0] { (n) } }
}

/// Returns how many decisions wait in other projects than the one in view: a choice of project hides them.
fn elsewhere(view: &NeedsYouView) -> Markup {
    let n = view.shell.counts.elsewhere as usize;
    html! {
        @if n > 0 {
            p.elsewhere { (icon_as("i s", "folder")) a.ln href="/needs-you?project=" { (words::count(n, "decision")) (if n == 1 { " waits" } else { " wait" }) " in other projects" } }
        }
    }
}

/// Returns what is said when nothing waits: what comes next, and one action. The stylesheet hides it while a decision is there.
fn empty(view: &NeedsYouView) -> Markup {
    let is_idle = !view.lanes.is_empty() && view.lanes.iter().all(|it| it.state == "no_runtime");
    html! {
        div.empty {
            (icon("inbox")) b { "Nothing waits for " (view.shell.viewer().whom()) }
            @if is_idle {
                span { "No lane can work yet: none of its agents can be started here. Fleet says what each of them lacks." }
                div.ask-do { a.btn.sm href="/fleet" { "See what to install" } }
            } @else if view.shell.counts.open == 0 {
                span { "No ticket is open." @if view.shell.viewer().acts() { " File the first one; its plan comes back to you." } }
                @if view.shell.viewer().acts() { div.ask-do { a.btn.sm href="/tickets/new" { "New ticket" } } }
            } @else {
                span { (words::count(view.shell.counts.open as usize, "open ticket")) (if view.shell.counts.open == 1 { " moves" } else { " move" }) " on without you. The next decision appears here by itself." }
                div.ask-do { a.btn.sm href="/board" { "See the board" } }
            }
        }
    }
}

/// Returns the fleet as it is now, one row a lane.
fn lanes_panel(lanes: &[LaneDoc]) -> Markup {
    let well = lanes.iter().filter(|l| l.state != "no_runtime" && l.state != "paused").count();
    html! {
        section.panel id="pulse" aria-labelledby="h-pulse" {
            header { h2 id="h-pulse" { "Fleet" } span.end { a href="/fleet" { (well) " of " (lanes.len()) " lanes ready" } } }
            @if lanes.is_empty() { p.pad.mid { "No lanes yet. Roles come from " code { "mission.toml" } "." } }
            @else {
                table.lanes {
                    caption.sr { "Role lanes now" }
                    tbody id="lanes" { @for lane in lanes { (lane_row(lane)) } }
                }
            }
            @for r in fleet::unwell(lanes) { (fleet::alarm(r)) }
        }
    }
}

/// Returns a lane's row, its stable id `lane-PROJECT-ROLE`.
pub fn lane_row(lane: &LaneDoc) -> Markup {
    html! {
        tr id=(fleet::lane_id(lane)) data-into="lanes" {
            th scope="row" { span.who { (icon(glyph::role_icon(&lane.role))) (lane.role) span.lane-project.dim { " " (lane.project) } } }
            td { (fleet::lane_state(lane)) }
            td.num.dim { @if lane.queued > 0 { (lane.queued) " queued" } }
        }
    }
}

/// Returns what the operator did by its rules, each with its rule and its undo.
pub fn handled(acts: &[OperatorActDoc], viewer: Viewer<'_>) -> Markup {
    html! {
        section.panel id="handled" aria-labelledby="h-handled" {
            header { h2 id="h-handled" { @if viewer.acts() { "Handled for you" } @else { "Handled without a person" } } @if let Some(act) = acts.first() { span.end { "the last one " (glyph::ago(act.at, viewer.now)) } } }
            @if acts.is_empty() { p.pad.mid { "Nothing was corrected. What a rule changes by itself is listed here, with its undo." } }
            @else { ul.fixes { @for act in acts.iter().take(10) { (correction(act, viewer)) } } }
        }
    }
}

/// Returns what was done, without the key that stands before it.
fn did(act: &OperatorActDoc) -> &str {
    let key = act.ticket.as_deref().unwrap_or_default();
    act.did.strip_prefix(key).map_or(act.did.as_str(), str::trim_start)
}

/// Returns one correction.
pub fn correction(act: &OperatorActDoc, viewer: Viewer<'_>) -> Markup {
    html! {
        li id={ "act-" (act.id) } {
            p {
                @if let Some(key) = &act.ticket { (glyph::key(key)) " " }
                span dir="auto" { (glyph::inline(did(act))) }
                small { "rule " (act.rule) ": " (glyph::inline(&act.cause)) span.nowrap { " · " (glyph::clock(act.at)) } }
            }
            @if act.undone { span.dim { "undone" } }
            @else if act.undoable && viewer.acts() {
                form method="post" action={ "/operator/" (act.id) "/undo" } {
                    (form::csrf(viewer.csrf))
                    button.btn.sm.ghost type="submit" aria-label={ "Undo " (act.id) } { "Undo" }
                }
            }
        }
    }
}
