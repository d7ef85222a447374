//! The page *Fleet*: lanes with their runtimes in order of preference; deaths and corrections beside them.

use maud::{Markup, html};
use mission_domain::doc::{AttemptDoc, LaneDoc, RuntimeDoc};

use super::form;
use super::glyph::{self, icon, icon_as};
use super::needs_you::handled;
use super::shell::{Page, document};
use super::ticket::console::report;
use super::view::{FleetView, Viewer};
use super::words;

/// Returns the page *Fleet*.
pub fn page(view: &FleetView) -> Markup {
    let viewer = view.shell.viewer();
    let busy = view.attempts.iter().filter(|a| a.state == "busy").count();
    let running = view.attempts.iter().filter(|a| a.state != "ended").count();
    let dead: Vec<&AttemptDoc> = view.attempts.iter().filter(|a| a.death.is_some()).collect();
    document(
        &view.shell,
        Page {
            name: "fleet",
            key: None,
            title: "Fleet",
            class: "fleet",
            head: html! { h1 { "Fleet" } p.lede id="lede" { b { (view.lanes.len()) } " lanes · " b { (running) } " attempts, " (busy) " busy" @if !dead.is_empty() { " · " b.tone data-tone="bad" { (dead.len()) " died" } } } },
            below_head: html! {},
            body_class: "fleet-grid",
            body: html! {
                section aria-label="Lanes and runtimes" {
                    @if view.lanes.is_empty() { div.empty { (icon("activity")) b { "No lanes yet" } span { "Roles come from mission.toml; run " code { "mission doctor" } " to see which runtimes this host has." } } }
                    @else { (lanes(view, viewer)) }
                }
                aside aria-label="Deaths and corrections" {
                    section.panel id="deaths" aria-labelledby="h-deaths" {
                        header { h2 id="h-deaths" { "Deaths" } span.end { "24 h" } }
                        @if dead.is_empty() { p.pad.mid { "No attempt died." } }
                        @for a in dead.iter().take(5) { (death(a, viewer)) }
                    }
                    (handled(&view.acts, viewer))
                }
            },
            keys: &[(&["j", "k"], "lane"), (&["enter"], "open")],
        },
    )
}

/// Returns the table of lanes.
fn lanes(view: &FleetView, viewer: Viewer<'_>) -> Markup {
    html! {
        div.scroll-x tabindex="0" role="region" aria-label="Lanes" {
            table.fleet-table {
                caption.sr { "Lanes with their attempts and runtimes" }
                thead { tr { th scope="col" { "Lane" } th scope="col" { "Now" } th scope="col" { "Queue" } th scope="col" { "Runtimes, first choice first" } th scope="col" { span.sr { "Actions" } } } }
                tbody id="lanes" { @for lane in &view.lanes { (lane_row(lane, &view.attempts, viewer)) } }
            }
        }
    }
}

/// Returns one lane, its stable id `lane-ROLE`.
pub fn lane_row(lane: &LaneDoc, attempts: &[AttemptDoc], viewer: Viewer<'_>) -> Markup {
    let here = attempts.iter().filter(|a| lane.attempts.contains(&a.id) && a.state != "ended");
    html! {
        tr id={ "lane-" (lane.role) } data-into="lanes" {
            th scope="row" { b.row { (icon(glyph::role_icon(&lane.role))) (lane.role) } small.dim { (lane.attempts.len()) " of " (words::count(lane.slots as usize, "slot")) } }
            td { (lane_state(lane)) @if let Some(note) = &lane.note { small.note dir="auto" { (note) } }
                @for a in here { p.sess data-run=(a.state) { (glyph::key(&a.ticket)) span.dim { (a.runtime) } (glyph::run(&a.state, &words::plain(&a.state))) small.dim { (words::age(a.started_at, viewer.now)) } } } }
            td.num { (lane.queued) }
            td { @for (n, r) in lane.runtimes.iter().enumerate() { (runtime(n, r)) } }
            td.r { (switch(lane, viewer)) }
        }
    }
}

/// Returns one runtime with its health.
fn runtime(n: usize, r: &RuntimeDoc) -> Markup {
    html! {
        p.rt {
            b { (r.name) } span.dim { (if n == 0 { "first" } else { "fallback" }) " · " (r.driver) @if let Some(m) = &r.model { " · " (m) } }
            @match r.found {
                Some(false) => { span.verdict data-v="refuted" { (icon("circle-x")) span { "not found" } } }
                Some(true) => { (glyph::breaker(&r.breaker)) }
                None => { span.verdict { (icon("circle-help")) span { "unknown" } } }
            }
            @if let Some(note) = &r.note { small.note dir="auto" { (note) } }
            small.note.dim { code { (r.command.join(" ")) } " · " (r.from) }
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
    html! {
        form method="post" action={ "/lanes/" (lane.role) "/" (verb) } {
            (form::csrf(viewer.csrf))
            input type="hidden" name="project" value=(lane.project);
            button.btn.sm type="submit" aria-label={ (label) " " (lane.role) } { (label) }
        }
    }
}

/// Returns the runtimes whose breaker is not closed, each once.
pub fn unwell(lanes: &[LaneDoc]) -> Vec<&RuntimeDoc> {
    let mut seen: Vec<&RuntimeDoc> = Vec::new();
    for runtime in lanes.iter().flat_map(|lane| &lane.runtimes).filter(|r| r.breaker != "closed") {
        if !seen.iter().any(|s| s.name == runtime.name) {
            seen.push(runtime);
        }
    }
    seen
}

/// Returns a breaker that is not closed, as an alarm.
pub fn breaker_alarm(r: &RuntimeDoc) -> Markup {
    let tone = if r.breaker == "open" { "bad" } else { "warn" };
    html! {
        p.alarm data-tone=(tone) { (icon_as("i s", "unplug")) span { b { (r.name) " breaker " (words::plain(&r.breaker)) } @if let Some(note) = &r.note { ", " bdi { (note) } } } }
    }
}

/// Returns one death with its report.
fn death(a: &AttemptDoc, viewer: Viewer<'_>) -> Markup {
    html! {
        div.death-row id={ "death-" (a.id) } {
            p { b { (a.role) " · " (a.runtime) } " " (glyph::key(&a.ticket)) " " span.dim { (a.id) @if let Some(at) = a.ended_at { " · " (glyph::age(at, viewer.now)) " ago" } } }
            @if let Some(d) = &a.death { (report(d)) }
        }
    }
}
