//! What says no, as a page and where a form stands: not found, refused by a rule, somebody was first, failed. Each says what to do next.

use maud::{Markup, html};

use super::glyph::{self, icon};
use super::shell::{Page, bare_document, document};
use super::view::{Problem, ProblemView};
use super::words;

/// Returns the page that says no.
pub fn page(view: &ProblemView) -> Markup {
    let title = match &view.kind {
        Problem::NotFound => "Not found",
        Problem::Refused => "Refused",
        Problem::Conflict { .. } => "Somebody was first",
        Problem::Failed => "Something failed",
    };
    let body = html! { section.problem aria-label=(title) { (banner(view)) (ways_on(view)) } };
    match &view.shell {
        None => bare_document(title, &html! { h1 { (title) } (body) }),
        Some(shell) => document(
            shell,
            Page {
                name: "problem",
                key: None,
                title,
                class: "problem-page",
                head: html! { h1 { (title) } },
                below_head: html! {},
                body_class: "",
                body,
                keys: &[(&["esc"], "back")],
            },
        ),
    }
}

/// Returns what says no where a form stands: the page around it, and what was typed, stay as they are.
pub fn part(view: &ProblemView) -> Markup {
    html! {
        div.refused.banner data-tone=(tone(&view.kind)) role="alert" {
            (said(view, Some("What you typed is still here.")))
            @if let Some((href, label)) = &view.way_on { a.btn.sm href=(href) { (label) } }
        }
    }
}

/// Returns what happened, in the tone of how bad it is.
fn banner(view: &ProblemView) -> Markup {
    let role = (view.kind != Problem::NotFound).then_some("alert");
    html! { div.banner data-tone=(tone(&view.kind)) role=[role] { (said(view, None)) } }
}

fn tone(kind: &Problem) -> &'static str {
    match kind {
        Problem::NotFound => "off",
        Problem::Refused | Problem::Failed => "bad",
        Problem::Conflict { .. } => "live",
    }
}

/// Returns what happened, in words; where nothing was recorded, with `kept` behind it.
fn said(view: &ProblemView, kept: Option<&str>) -> Markup {
    let what = words::sentence(&view.what);
    let what = html! { (glyph::inline(&what)) @if !what.ends_with(['.', '!', '?']) { "." } };
    let kept = html! { @if let Some(kept) = kept { span data-kept { " " (kept) } } };
    html! {
        @match &view.kind {
            Problem::NotFound => { (icon("search")) p dir="auto" { (what) (kept) } }
            Problem::Refused => { (icon("circle-x")) p dir="auto" { b { "Not recorded. " } (what) (kept) } }
            Problem::Conflict { who, what: did, at } => {
                (icon("user-check"))
                p dir="auto" { b { @if is_own(view, who) { "You were first: " } @else { bdi { (words::principal(who)) } " was first: " } } (did) ", " (glyph::clock(*at)) ". " (what) (kept) }
            }
            Problem::Failed => { (icon("s-blocked")) p dir="auto" { b { "Nothing was changed. " } (what) (kept) } }
        }
    }
}

/// Returns whether `who` is whoever looks.
fn is_own(view: &ProblemView, who: &str) -> bool {
    view.shell.as_ref().is_some_and(|it| who.strip_prefix("person:") == Some(&it.person))
}

/// Returns what to do next.
fn ways_on(view: &ProblemView) -> Markup {
    html! {
        p.mid dir="auto" { (glyph::inline(&view.next)) }
        div.ask-do {
            @if let Some((href, label)) = &view.way_on { a.btn.primary href=(href) { (label) } }
            @if matches!(view.kind, Problem::NotFound) { a.btn href="/board" { "See the board" } }
            @if view.shell.is_some() { a.btn href="/needs-you" { "Needs you" } }
        }
    }
}
