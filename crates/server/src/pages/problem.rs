//! Pages that say no: not found, refused by a rule, somebody was first, failed. Each says what to do next.

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

/// Returns what happened, in the tone of how bad it is.
fn banner(view: &ProblemView) -> Markup {
    html! {
        @match &view.kind {
            Problem::NotFound => { div.banner data-tone="off" { (icon("search")) p dir="auto" { (glyph::inline(&view.what)) } } }
            Problem::Refused => { div.banner data-tone="bad" role="alert" { (icon("circle-x")) p dir="auto" { b { "Not recorded. " } (glyph::inline(&view.what)) } } }
            Problem::Conflict { who, what, at } => {
                div.banner data-tone="live" role="alert" { (icon("user-check")) p dir="auto" { b { @if is_own(view, who) { "You were first: " } @else { bdi { (words::principal(who)) } " was first: " } } (what) ", " (glyph::clock(*at)) ". " (glyph::inline(&view.what)) } }
            }
            Problem::Failed => { div.banner data-tone="bad" role="alert" { (icon("s-blocked")) p dir="auto" { b { "Nothing was changed. " } (glyph::inline(&view.what)) } } }
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
