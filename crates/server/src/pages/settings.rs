//! The page *Settings*: people, sessions, tokens; runtimes, roles and workflows as they are configured, with where each value comes from.

mod configured;
mod people;

use maud::{Markup, html};

use super::glyph::icon;
use super::shell::{Page, document, project_part};
use super::view::{SettingsPart, SettingsView};

/// Returns the page *Settings*.
pub fn page(view: &SettingsView) -> Markup {
    document(
        &view.shell,
        Page {
            name: "settings",
            key: None,
            title: "Settings",
            class: "settings",
            head: head(view),
            below_head: html! {},
            body_class: "",
            body: html! {
                (said(view))
                @match view.part {
                    SettingsPart::People => { (people::people(view)) }
                    SettingsPart::Runtimes => { (configured::runtimes(view)) }
                    SettingsPart::Roles => { (configured::roles(view)) }
                    SettingsPart::Workflows => { (configured::workflows(view)) }
                    SettingsPart::All => { (configured::all(view)) }
                }
            },
            keys: &[(&["esc"], "back")],
        },
    )
}

/// Returns the heading with the parts.
fn head(view: &SettingsView) -> Markup {
    let project = project_part(&view.shell, '&');
    let word = |part: SettingsPart| match part {
        SettingsPart::People => "People",
        SettingsPart::Runtimes => "Runtimes",
        SettingsPart::Roles => "Roles",
        SettingsPart::Workflows => "Workflows",
        SettingsPart::All => "All settings",
    };
    html! {
        h1 { "Settings" }
        p.lede { @if let Some(key) = &view.shell.current_project { "of " b { (key) } } @else { "of this home" } }
        div.tools { nav.seg aria-label="Parts of the settings" {
            @for part in SettingsPart::ALL { a href={ "/settings?part=" (part.as_str()) (project) } aria-current=[(part == view.part).then_some("true")] { (word(part)) } }
        } }
    }
}

/// Returns what was refused, and what was just made: a secret is shown once.
fn said(view: &SettingsView) -> Markup {
    html! {
        @if let Some(problem) = &view.problem { div.banner.apart data-tone="bad" role="alert" { (icon("circle-x")) p dir="auto" { b { "Not done. " } (problem) } } }
        @if let Some((what, secret)) = &view.made {
            div.made role="status" {
                p { b { (what) } " It is shown this once." }
                div.cmd { code { (secret) } button.icon-btn type="button" data-copy=(secret) aria-label="Copy it" hidden { (icon("copy")) } }
            }
        }
    }
}
