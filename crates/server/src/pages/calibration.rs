//! The page *Calibration*: how often a shadow reviewer is right. Without decisions to compare it says what is missing.

use maud::{Markup, html};

use super::glyph::{self, icon};
use super::shell::{Page, document};
use super::view::CalibrationView;

/// Returns the page *Calibration*.
pub fn page(view: &CalibrationView) -> Markup {
    document(
        &view.shell,
        Page {
            name: "calibration",
            key: None,
            title: "Calibration",
            class: "cal",
            head: html! { h1 { "Calibration" } p.lede { "A shadow reviewer watches and decides nothing, until it has earned it." } },
            below_head: html! {},
            body_class: "",
            body: html! {
                div.empty {
                    (icon("scale"))
                    @if view.shadows.is_empty() {
                        b { "No role reviews in the shadow" }
                        span { "Set " code { "mode = \"shadow\"" } " on a reviewing role, and let a person or another role decide its gates: what a shadow says decides nothing. It is not scored yet: this page stays empty until it is." }
                        div.ask-do { a.btn.sm href="/settings?part=roles" { "See the roles" } }
                    } @else {
                        b { "No verdict to compare yet" }
                        span { "Precision, recall and agreement appear once a person has decided what the shadow has judged too." }
                        div.ask-do { a.btn.sm href="/packets" { "See the packets" } }
                    }
                }
                (roles("Reviews in the shadow", &view.shadows, "Nobody."))
                (roles("Reviews and decides", &view.reviewers, "Nobody."))
            },
            keys: &[(&["esc"], "back")],
        },
    )
}

/// Returns a list of roles with their projects.
fn roles(title: &str, roles: &[(String, String)], none: &str) -> Markup {
    html! {
        section.panel {
            header { h2 { (title) } span.end { (roles.len()) } }
            @if roles.is_empty() { p.pad.mid { (none) } }
            @else { ul.plain-list { @for (project, role) in roles { li { span.who { (icon(glyph::role_icon(role))) (role) } span.end.dim { (project) } } } } }
        }
    }
}
