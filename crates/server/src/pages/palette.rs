//! The command palette: actions of this page, then tickets, pages and projects. Without a script the search field does its part.

use maud::{Markup, html};

use super::glyph::{self, icon};
use super::view::May;
use super::words;

/// A ticket that fits the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its key.
    pub key: String,
    /// Its title.
    pub title: String,
    /// Its state word.
    pub state: String,
}

/// The pages: address, name, glyph, key after `g`, and other words that find it.
const PAGES: [(&str, &str, &str, &str, &str); 11] = [
    ("/needs-you", "Needs you", "inbox", "g n", "inbox decisions approvals"),
    ("/board", "Board", "square-kanban", "g b", "tickets states kanban"),
    ("/board?by=campaign", "Campaign lanes", "rows-3", "", "board campaigns bands"),
    ("/fleet", "Fleet", "activity", "g f", "lanes runtimes deaths breakers attempts"),
    ("/packets", "Packets", "package-check", "g p", "evidence claims refuted"),
    ("/calibration", "Calibration", "scale", "g c", "shadow reviewer precision recall"),
    ("/policy", "Policy", "shield-check", "", "rules guard approvals budget"),
    ("/digest", "Digest", "newspaper", "g d", "changed since last looked"),
    ("/projects", "Projects", "folder", "", "all repositories"),
    ("/settings", "Settings", "settings", "g s", "people tokens sessions roles workflows"),
    ("/tickets/new", "New ticket", "plus", "c", "file create add"),
];

/// Returns the dialog, closed. Its field asks the server; what is found stands below the actions of the page.
pub(super) fn dialog() -> Markup {
    html! {
        dialog.palette id="palette" aria-label="Command palette" {
            header {
                (icon("search"))
                input type="text" id="palette-q" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-autocomplete="list" aria-label="Search or run a command" placeholder="Search or run" autocomplete="off" spellcheck="false";
                span.end { kbd { "esc" } }
            }
            div id="palette-list" role="listbox" aria-label="Results" {
                div role="group" aria-label="Here" id="palette-here" hidden { h3 aria-hidden="true" { "Here" } div data-options {} }
                div id="palette-found" role="presentation" {}
                p.none id="palette-none" hidden { "Nothing has that name." }
            }
        }
    }
}

/// Returns what fits `words`, which are in small letters.
pub fn results(words: &str, tickets: &[Found], projects: &[String], may: May) -> Markup {
    let fits = |text: &str| {
        let text = text.to_lowercase();
        words.split_whitespace().all(|word| text.contains(word))
    };
    let pages: Vec<_> =
        PAGES.iter().filter(|(_, name, _, _, more)| fits(&format!("{name} {more}"))).collect();
    let pages: Vec<_> =
        pages.into_iter().filter(|it| may != May::Look || it.0 != "/tickets/new").collect();
    let projects: Vec<&String> =
        projects.iter().filter(|it| fits(&format!("project {it}"))).collect();
    html! {
        @if !tickets.is_empty() {
            div role="group" aria-label="Tickets" { h3 aria-hidden="true" { "Tickets" } @for t in tickets { (ticket(t)) } }
        }
        @if !pages.is_empty() {
            div role="group" aria-label="Go to" { h3 aria-hidden="true" { "Go to" }
                @for (href, name, glyph, key, _) in pages { a role="option" href=(href) tabindex="-1" aria-selected="false" { (icon(glyph)) span { (name) } span.end { @for part in key.split_whitespace() { kbd { (part) } } } } } }
        }
        @if projects.len() > 1 || (projects.len() == 1 && !words.is_empty()) {
            div role="group" aria-label="Switch project" { h3 aria-hidden="true" { "Switch project" }
                @for key in projects { a role="option" href={ "/board?project=" (key) } tabindex="-1" aria-selected="false" { (icon("folder")) span { (key) } } } }
        }
    }
}

/// Returns one ticket.
fn ticket(t: &Found) -> Markup {
    html! {
        a role="option" href=(words::ticket_path(&t.key)) tabindex="-1" aria-selected="false" {
            (icon(glyph::state_icon(&t.state))) span.trunc dir="auto" { (t.title) } span.end.key { (t.key) }
        }
    }
}
