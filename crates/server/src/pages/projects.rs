//! The page *Projects*: everything that this home works on, and how each project stands.

use maud::{Markup, html};

use super::glyph::{self, icon};
use super::shell::{Page, document};
use super::svg;
use super::view::{ProjectLine, ProjectsView, Viewer};
use super::words;

/// Returns the page *Projects*.
pub fn page(view: &ProjectsView) -> Markup {
    let waits: u32 = view.projects.iter().map(|p| p.waits).sum();
    document(
        &view.shell,
        Page {
            name: "projects",
            key: None,
            title: "Projects",
            class: "projects-page",
            head: html! {
                h1 { "Projects" }
                p.lede { b { (view.projects.len()) } " in this home" @if waits > 0 { " · " b.owed { (waits) (if waits == 1 { " decision waits" } else { " decisions wait" }) " for " (view.shell.viewer().whom()) } } }
            },
            below_head: html! {},
            body_class: "",
            body: html! {
                @if view.projects.is_empty() {
                    div.empty { (icon("folder")) b { "No project yet" } span { "Run " code { "mission init" } " in a repository; it shows its commands and asks before it trusts them." } }
                } @else {
                    ul.project-list { @for p in &view.projects { (project(p, view.shell.viewer())) } }
                }
            },
            keys: &[(&["j", "k"], "project"), (&["enter"], "open")],
        },
    )
}

/// Returns one project.
fn project(line: &ProjectLine, viewer: Viewer<'_>) -> Markup {
    let p = &line.project;
    let sum = |states: &[&str]| {
        line.states
            .iter()
            .filter(|(s, _)| states.contains(&s.as_str()))
            .map(|(_, n)| n)
            .sum::<u32>()
    };
    let parts = [
        (sum(&["done"]), "ok"),
        (sum(&["active", "in_review"]), "live"),
        (sum(&["needs_input"]), "you"),
        (sum(&["blocked"]), "bad"),
        (sum(&["todo", "waiting", "parked"]), "off"),
    ];
    let total: u32 = line.states.iter().map(|(_, n)| n).sum();
    html! {
        li.project {
            h2 { a href={ "/board?project=" (p.key) } { (p.key) } span.dim dir="auto" { (p.path.rsplit('/').next().unwrap_or_default()) } }
            p.mid { code { (p.path) } @if !p.default_branch.is_empty() { " · lands on " code { (p.default_branch) } " · workflow " (p.workflow) } }
            (svg::tally(&parts, &format!("{total} tickets")))
            p.row.wrap {
                @for (state, n) in line.states.iter().filter(|(_, n)| *n > 0) { span.pair-count { (glyph::state(state)) " " span.num.dim { (n) } } }
                @if total == 0 { span.dim { "no ticket yet" } }
                @if line.waits > 0 { a.end href={ "/needs-you?project=" (p.key) } { b.owed { (line.waits) (if line.waits == 1 { " waits" } else { " wait" }) " for " (viewer.whom()) } } }
            }
            @if !p.trusted { p.banner data-tone="warn" { (icon("shield-alert")) span { "Nobody has agreed to run its commands yet. " code { "mission init" } " in its repository asks." } } }
            @if let Some(problem) = &p.config_problem { p.banner data-tone="warn" { (icon("bell-ring")) span dir="auto" { (problem) ". The last good rules stay in force." } } }
            @if let Some(notice) = &p.notice { p.banner data-tone="warn" { (icon("bell-ring")) span dir="auto" { (notice) } } }
            p.row.wrap {
                a.btn.sm href={ "/board?project=" (p.key) } { "Board" }
                a.btn.sm href={ "/fleet?project=" (p.key) } { "Fleet" }
                a.btn.sm href={ "/settings?part=all&project=" (p.key) } { "Settings" }
                @if viewer.acts() { a.btn.sm.ghost href={ "/tickets/new?project=" (p.key) } { (icon("plus")) "Ticket" } }
                span.end.dim { (words::count(p.checks.len(), "check")) @if !p.policy_digest.is_empty() { " · rules " (glyph::hash(&p.policy_digest)) } }
            }
        }
    }
}
