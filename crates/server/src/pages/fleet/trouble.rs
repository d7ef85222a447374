//! What keeps runtimes from working, and how to mend it: the breakers, programs that are missing, and versions that nobody tested.

use maud::{Markup, html};
use mission_domain::doc::{AttemptDoc, LaneDoc, RuntimeDoc, TroubleDoc, VersionDoc};

use super::columns;
use crate::pages::form;
use crate::pages::glyph::{self, icon, icon_as};
use crate::pages::view::Viewer;
use crate::pages::words;

/// Starts that a runtime's row shows.
const STARTS: usize = 10;

/// Returns the runtimes whose breaker is not closed, each once.
pub fn unwell(lanes: &[LaneDoc]) -> Vec<&RuntimeDoc> {
    columns(lanes).into_iter().filter(|r| r.breaker != "closed").collect()
}

/// Returns a runtime's trouble as one of few words.
pub(super) fn word(trouble: &TroubleDoc) -> &str {
    match trouble.kind.as_str() {
        "not_found" => "not installed",
        "auth" => "not signed in",
        "forked" => "its command goes while the agent runs on",
        "quota" => "its account is used up",
        "provider_down" => "its provider does not answer",
        other => other,
    }
}

/// Returns the version that a runtime's program told, and whether that one is tested.
pub(super) fn version(version: &VersionDoc) -> Markup {
    let number = version.number.as_deref();
    html! {
        small.version {
            (number.unwrap_or("version unknown"))
            @match (version.is_tested, &version.tested) {
                (Some(false), Some(tested)) => { span.tone data-tone="warn" { ", not tested" } " (tested with " (tested) ")" }
                (Some(true), _) => { ", tested" }
                (Some(false) | None, _) => {}
            }
        }
    }
}

/// Returns a breaker that is not closed, as an alarm that says how to mend it.
pub fn alarm(r: &RuntimeDoc) -> Markup {
    let tone = if r.breaker == "open" { "bad" } else { "warn" };
    html! {
        p.alarm data-tone=(tone) { (icon_as("i s", "unplug")) span {
            b { (r.name) " breaker " (words::plain(&r.breaker)) }
            @if let Some(note) = &r.note { ", " bdi { (glyph::inline(note)) } }
            @if let Some(trouble) = &r.trouble { ". " (mends(trouble)) }
        } }
    }
}

/// Returns the button that has a runtime tried again; nothing for who may not act.
pub fn again(runtime: &str, viewer: Viewer<'_>) -> Markup {
    if !viewer.acts() {
        return html! {};
    }
    html! {
        form method="post" action={ "/runtimes/" (runtime) "/resume" } {
            (form::csrf(viewer.csrf))
            button.btn.sm type="submit" aria-label={ "Try " (runtime) " again: it is mended" } { "Try " (runtime) " again" }
        }
    }
}

/// Returns what to do, as a sentence.
fn mends(trouble: &TroubleDoc) -> Markup {
    html! { "To mend it: " (glyph::inline(&trouble.fix)) "." }
}

/// Returns what keeps runtimes from working, their stable id `troubles`: each with since when, why and how to mend it, and with its last
/// starts. Versions that nobody tested come last: they work until something shows that they do not.
pub fn troubles(lanes: &[LaneDoc], ended: &[AttemptDoc], viewer: Viewer<'_>) -> Markup {
    let columns = columns(lanes);
    let untested = columns.iter().filter_map(|r| Some((*r, r.version.as_ref()?)));
    let untested: Vec<_> = untested.filter(|(_, it)| it.is_tested == Some(false)).collect();
    html! {
        div id="troubles" {
            @for r in &columns { @if let Some(trouble) = &r.trouble { (troubled(r, trouble, ended, viewer)) } }
            @for (r, version) in untested { (other_version(r, version)) }
        }
    }
}

fn troubled(
    r: &RuntimeDoc,
    trouble: &TroubleDoc,
    ended: &[AttemptDoc],
    viewer: Viewer<'_>,
) -> Markup {
    let is_missing = trouble.kind == "not_found";
    let breaker = if is_missing { "open" } else { r.breaker.as_str() };
    html! {
        div.breaker data-breaker=(breaker) {
            p {
                (icon_as("i s", if is_missing { "circle-x" } else { "unplug" }))
                b { (r.name) @if !is_missing { " breaker" } } " "
                span.tone { @if is_missing { "not installed" } @else { (words::plain(breaker)) } }
            }
            (starts(&r.name, ended))
            p.mid dir="auto" { (glyph::inline(&words::sentence(&trouble.what))) "." @if let Some(since) = trouble.since { " Since " (glyph::clock(since)) " (" (glyph::age(since, viewer.now)) " ago)." } }
            p.mid { (mends(trouble)) }
            @if let Some(trial) = &r.trial { p.mid { "A trial comes at " (glyph::clock(*trial)) "." } }
            (again(&r.name, viewer))
        }
    }
}

fn other_version(r: &RuntimeDoc, version: &VersionDoc) -> Markup {
    html! {
        div.breaker data-tone="warn" {
            p { (icon_as("i s", "circle-help")) b { (r.name) " " (version.number.as_deref().unwrap_or_default()) } " " span.tone { "not tested" } }
            @if let Some(note) = &version.note { p.mid { (glyph::inline(&words::sentence(note))) "." } }
            @if let Some(fix) = &version.fix { p.mid { (glyph::inline(fix)) "." } }
        }
    }
}

/// Returns how the last starts of a runtime ended, the newest last.
fn starts(runtime: &str, ended: &[AttemptDoc]) -> Markup {
    let own = ended.iter().filter(|a| a.runtime == runtime).take(STARTS);
    let died: Vec<bool> = own
        .map(|a| a.terminal.as_ref().is_some_and(|it| it.status == "died"))
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    let deaths = died.iter().filter(|it| **it).count();
    html! {
        @if !died.is_empty() {
            ol.pulse-row aria-label={ "Last " (died.len()) " starts: " (died.len() - deaths) " fine, " (deaths) " died" } {
                @for it in died { li data-tone=(if it { "bad" } else { "ok" }) { (icon(if it { "x" } else { "check" })) } }
            }
        }
    }
}
