//! The page *Fleet*: lanes against runtimes; their terminals below; deaths, breakers and corrections beside them.

use maud::{Markup, html};
use mission_control::Journal;
use mission_domain::doc::{AttemptDoc, LaneDoc, RuntimeDoc};

use super::budget;
use super::form;
use super::glyph::{self, icon};
use super::needs_you::handled;
use super::shell::{Page, document};
use super::ticket::console::report;
use super::view::{ConsoleView, FleetView, Viewer};
use super::words;

mod trouble;

pub use trouble::{again, alarm, troubles, unwell};

/// Lines of a terminal in its tile.
const TILE_LINES: usize = 6;

/// Deaths shown at the side.
const DEATHS: usize = 5;

/// Returns the page *Fleet*.
pub fn page(view: &FleetView) -> Markup {
    let viewer = view.shell.viewer();
    document(
        &view.shell,
        Page {
            name: "fleet",
            key: None,
            title: "Fleet",
            class: "fleet",
            head: html! { h1 { "Fleet" } (lede(&view.lanes, &view.attempts, viewer)) },
            below_head: html! {},
            body_class: "fleet-grid",
            body: html! {
                section aria-label="Lanes and runtimes" {
                    @if view.lanes.is_empty() { div.empty { (icon("activity")) b { "No lanes yet" } span { "Roles come from mission.toml; run " code { "mission doctor" } " to see which runtimes this host has." } } }
                    @else { (lanes(view, viewer)) }
                    (consoles(&view.consoles, viewer))
                }
                aside aria-label="Deaths, breakers and corrections" {
                    (budget::panel(&view.budgets))
                    (deaths(&view.attempts, viewer))
                    (troubles(&view.lanes, &view.ended, viewer))
                    (handled(&view.acts, viewer))
                }
            },
            keys: &[(&["j", "k"], "lane"), (&["enter"], "open")],
        },
    )
}

/// Returns the sentence beside the heading, its stable id `lede`.
pub fn lede(lanes: &[LaneDoc], attempts: &[AttemptDoc], viewer: Viewer<'_>) -> Markup {
    let running = attempts.iter().filter(|a| a.state != "ended").count();
    let waits = attempts.iter().filter(|a| a.state == "awaiting_approval").count();
    let dead = attempts.iter().filter(|a| a.death.is_some()).count();
    let unwell = unwell(lanes).len();
    html! {
        p.lede id="lede" {
            b { (lanes.len()) } " lanes on " b { (columns(lanes).len()) } " runtimes · " b { (running) } " at work"
            @if waits > 0 { " · " b.owed { (waits) " await " (viewer.whom()) } }
            @if unwell > 0 { " · " b.tone data-tone="warn" { (words::count(unwell, "breaker")) " not closed" } }
            @if dead > 0 { " · " b.tone data-tone="bad" { (dead) " died" } }
        }
    }
}

/// Returns the runtimes of all lanes, each once, in the order in which lanes prefer them.
pub fn columns(lanes: &[LaneDoc]) -> Vec<&RuntimeDoc> {
    let mut all: Vec<(usize, &RuntimeDoc)> =
        lanes.iter().flat_map(|lane| lane.runtimes.iter().enumerate()).collect();
    all.sort_by_key(|(rank, _)| *rank);
    let mut columns: Vec<&RuntimeDoc> = Vec::new();
    for (_, runtime) in all {
        if !columns.iter().any(|it| it.name == runtime.name) {
            columns.push(runtime);
        }
    }
    columns
}

/// Returns the table of lanes against runtimes.
fn lanes(view: &FleetView, viewer: Viewer<'_>) -> Markup {
    // What is at work comes first, then what is waited for; lanes alike keep their order. A page that is open moves none.
    let mut ordered: Vec<&LaneDoc> = view.lanes.iter().collect();
    ordered.sort_by_key(|it| match (it.attempts.len(), it.queued) {
        (1.., _) => 0,
        (0, 1..) => 1,
        (0, 0) => 2,
    });
    html! {
        div.scroll-x tabindex="0" role="region" aria-label="Lanes by runtimes" {
            table.matrix.lanes-x {
                caption.sr { "Lanes with their attempts and runtimes" }
                (heads(&view.lanes, &view.attempts))
                tbody id="lanes" { @for lane in ordered { (lane_row(lane, &view.lanes, &view.attempts, viewer)) } }
            }
        }
    }
}

/// Returns the head of the table: each runtime with its health, its stable id `heads`.
pub fn heads(lanes: &[LaneDoc], attempts: &[AttemptDoc]) -> Markup {
    html! {
        thead id="heads" { tr {
            th.corner scope="col" { "Lane" }
            @for r in columns(lanes) { (head(r, attempts)) }
            th.queue scope="col" { b { "Queue" } }
            th.r scope="col" { span.sr { "Actions" } }
        } }
    }
}

/// Returns one runtime with its health, and how many attempts it runs.
fn head(r: &RuntimeDoc, attempts: &[AttemptDoc]) -> Markup {
    let running = attempts.iter().filter(|a| a.state != "ended" && a.runtime == r.name).count();
    html! {
        th scope="col" {
            b title=(r.command.join(" ")) { (r.name) }
            small { @if let Some(model) = &r.model { (model) " · " } (r.driver) }
            @if let Some(version) = &r.version { (trouble::version(version)) }
            span.prof {
                @match r.found {
                    Some(false) => { span.verdict data-v="refuted" { (icon("circle-x")) span { "not found" } } }
                    Some(true) => { (glyph::breaker(&r.breaker)) }
                    None => { span.verdict { (icon("circle-help")) span { "unknown" } } }
                }
                span.dim { (running) " running" }
            }
        }
    }
}

/// Returns one lane, its stable id `lane-PROJECT-ROLE`.
pub fn lane_row(
    lane: &LaneDoc,
    lanes: &[LaneDoc],
    attempts: &[AttemptDoc],
    viewer: Viewer<'_>,
) -> Markup {
    let here: Vec<&AttemptDoc> =
        attempts.iter().filter(|a| lane.attempts.contains(&a.id) && a.state != "ended").collect();
    html! {
        tr id=(lane_id(lane)) data-into="lanes" {
            th scope="row" {
                b { (icon(glyph::role_icon(&lane.role))) (lane.role) }
                small { (lane.project) " · " (lane.attempts.len()) " of " (words::count(lane.slots as usize, "slot")) }
                small { (lane_state(lane)) }
            }
            @for r in columns(lanes) { (cell(lane, r, &here, viewer)) }
            td.queue data-th="Queue" data-none[lane.queued == 0 && lane.note.is_none()] { b { (lane.queued) } @if let Some(note) = &lane.note { small.note dir="auto" { (glyph::dated(note)) } } }
            td.r { (switch(lane, viewer)) }
        }
    }
}

/// Returns a lane's id on a page: two projects may have a role of one name.
pub fn lane_id(lane: &LaneDoc) -> String {
    format!("lane-{}-{}", lane.project, lane.role)
}

/// Returns what one runtime does for one lane.
fn cell(lane: &LaneDoc, r: &RuntimeDoc, here: &[&AttemptDoc], viewer: Viewer<'_>) -> Markup {
    let rank = lane.runtimes.iter().position(|it| it.name == r.name);
    let Some(rank) = rank else {
        return html! { td.nil { span aria-hidden="true" { "–" } span.sr { "not named for " (lane.role) } } };
    };
    let place = if rank == 0 { "first" } else { "fallback" };
    let running: Vec<&&AttemptDoc> = here.iter().filter(|a| a.runtime == r.name).collect();
    html! {
        @if running.is_empty() {
            td.spare data-th=(r.name) { span.rank { @match (r.found, r.breaker.as_str()) {
                (Some(false), _) => { (icon("ban")) (place) ", not found" }
                (_, "closed") => { (place) ", idle" }
                (_, breaker) => { (icon("unplug")) (place) ", breaker " (words::plain(breaker)) }
            } } @if let Some(trouble) = r.trouble.as_ref().filter(|_| r.found != Some(false)) { small.note { (trouble::word(trouble)) } } }
        } @else {
            td data-th=(r.name) { @for a in running { (session(a, place, viewer)) } }
        }
    }
}

/// Returns one attempt at work.
fn session(a: &AttemptDoc, place: &str, viewer: Viewer<'_>) -> Markup {
    html! {
        p.sess data-run=(a.state) {
            (glyph::key(&a.ticket)) span.rank { (place) }
            (glyph::run(&a.state, &words::plain(&a.state))) small { (words::age(a.started_at, viewer.now)) }
        }
    }
}

/// Returns what a lane does now.
pub fn lane_state(lane: &LaneDoc) -> Markup {
    let label = match (lane.state.as_str(), lane.attempts.len()) {
        ("busy", n) if n > 1 => format!("busy ×{n}"),
        (word, _) => words::plain(word),
    };
    glyph::run(&lane.state, &label)
}

/// Returns the switch that pauses a lane or lets it go on.
fn switch(lane: &LaneDoc, viewer: Viewer<'_>) -> Markup {
    let (verb, label) =
        if lane.state == "paused" { ("resume", "Resume") } else { ("pause", "Pause") };
    if !viewer.acts() {
        return html! {};
    }
    html! {
        form method="post" action={ "/lanes/" (lane.role) "/" (verb) } {
            (form::csrf(viewer.csrf))
            input type="hidden" name="project" value=(lane.project);
            button.btn.sm type="submit" aria-label={ (label) " " (lane.role) " of " (lane.project) } { (label) }
        }
    }
}

/// Returns the terminals of what runs now, their stable id `consoles`.
pub fn consoles(consoles: &[ConsoleView], viewer: Viewer<'_>) -> Markup {
    html! {
        section id="consoles" aria-labelledby="h-consoles" {
            @if !consoles.is_empty() {
                h2.block-h id="h-consoles" { "Consoles" }
                div.tiles { @for c in consoles { (tile(c, viewer)) } }
            } @else { h2.sr id="h-consoles" { "No attempt runs" } }
        }
    }
}

/// Returns one terminal's last lines.
fn tile(c: &ConsoleView, viewer: Viewer<'_>) -> Markup {
    let a = &c.attempt;
    let lines: Vec<&str> = c.output.lines().filter(|it| !it.trim().is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(TILE_LINES)..).unwrap_or_default().join("\n");
    html! {
        article.tile {
            header {
                span.who { (icon(glyph::role_icon(&a.role))) (a.role) span.rt { " · " (a.runtime) } } (glyph::key(&a.ticket))
                span.end { (glyph::run(&a.state, &words::plain(&a.state))) }
            }
            pre.screen tabindex="0" aria-label={ "Last lines of " (a.id) } { @if last.is_empty() { "Nothing was printed yet." } @else { (last) } }
            footer { code { (a.tmux.as_deref().unwrap_or(&a.id)) } @if c.journal == Journal::Kept { a href={ (words::ticket_path(&a.ticket)) "#terminal-" (a.id) } { "Terminal" span.sr { " of " (a.id) } } } span.end { "up " (words::age(a.started_at, viewer.now)) } }
        }
    }
}

/// Returns the deaths of the last day, their stable id `deaths`.
pub fn deaths(attempts: &[AttemptDoc], viewer: Viewer<'_>) -> Markup {
    let dead: Vec<&AttemptDoc> = attempts.iter().filter(|a| a.death.is_some()).collect();
    html! {
        section.panel id="deaths" aria-labelledby="h-deaths" {
            header { h2 id="h-deaths" { "Deaths" } span.end { "24 h" } }
            @if dead.is_empty() { p.pad.mid { "No attempt died." } }
            @for a in dead.iter().take(DEATHS) { (death(a, viewer)) }
            @if dead.len() > DEATHS { p.pad.mid { "and " (dead.len() - DEATHS) " more" } }
        }
    }
}

/// Returns one death with its report.
fn death(a: &AttemptDoc, viewer: Viewer<'_>) -> Markup {
    html! {
        div.death-row id={ "death-" (a.id) } {
            p { b { (a.role) " · " (a.runtime) } " " (glyph::key(&a.ticket)) " " span.dim { (a.id) @if let Some(at) = a.ended_at { " · " (glyph::ago(at, viewer.now)) } } a.end href=(words::terminal_path(a)) { "Terminal" span.sr { " of " (a.id) } } }
            @if let Some(d) = &a.death { (report(d, true)) }
        }
    }
}
