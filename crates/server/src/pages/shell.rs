//! What stands around every page: head, navigation, banners, key bar, phone tabs.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::assets::{PAGE_SCRIPT, url};
use super::fragment;
use super::glyph::{self, face, icon, icon_as};
use super::view::{CampaignLink, Shell};

/// Keys with what they do.
pub(super) type Keys = &'static [(&'static [&'static str], &'static str)];

/// One page within the shell.
pub(super) struct Page<'a> {
    /// The name in `/live?page=`, or another word where nothing is live.
    pub name: &'a str,
    /// The ticket's key where the page is about one.
    pub key: Option<&'a str>,
    /// What the browser's tab says.
    pub title: &'a str,
    /// The classes of `main` beside `page`.
    pub class: &'a str,
    /// The page's head: `h1`, lede, tools.
    pub head: Markup,
    /// Between head and body: tabs that stay in view.
    pub below_head: Markup,
    /// The classes of the scrolled part.
    pub body_class: &'a str,
    /// The scrolled part.
    pub body: Markup,
    /// The keys of this page, with what they do.
    pub keys: Keys,
}

/// Returns a whole document.
pub(super) fn document(shell: &Shell, page: Page<'_>) -> Markup {
    let live = live_address(shell, &page);
    super::seen(html! {
        (DOCTYPE)
        html lang="en" {
            (document_head(page.title, page.name))
            body data-page=(page.name) data-several[shell.current_project.is_none() && shell.projects.len() > 1] data-live=(live) data-now=(shell.now) data-person=(shell.person) data-may=(shell.may.word()) {
                a.skip href="#main" { "Skip to content" }
                div.app {
                    (navigation(shell, page.name, page.key))
                    main.page.(page.class) id="main" {
                        div.top {
                            header.page-head { (page.head) }
                            (banners(shell))
                            (page.below_head)
                        }
                        div.body.(page.body_class) { (page.body) }
                        (key_bar(page.keys))
                    }
                    (tabs(shell, page.name, page.class))
                }
                p.sr id="said" role="status" {}
                (toast(shell))
                (super::palette::dialog())
                (key_help())
            }
        }
    })
}

/// Returns a document without navigation, for who is not signed in.
pub(super) fn bare_document(title: &str, body: &Markup) -> Markup {
    super::seen(html! {
        (DOCTYPE)
        html lang="en" {
            (document_head(title, ""))
            body { main.bare id="main" { p.brand { (icon("mark")) "Mission Control" } (body) } }
        }
    })
}

/// Returns the document's head. The theme's script runs before anything is painted.
fn document_head(title: &str, page: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="htmx-config" content=r#"{"history":false,"includeIndicatorCSS":false,"morphSkip":"[data-held]"}"#;
            title { (title) " · Mission Control" }
            link rel="stylesheet" href=(url("mission.css"));
            // Asked for with the stylesheet, not after it: text is laid out once.
            @for font in ["inter", "jetbrains-mono"] { link rel="preload" href=(url(&format!("fonts/{font}-latin.woff2"))) as="font" type="font/woff2" crossorigin; }
            link rel="icon" type="image/svg+xml" href=(url("favicon.svg")) data-you=(url("favicon-you.svg"));
            script src=(url("theme.js")) {}
            script src=(url("vendor/htmx-4.0.1.min.js")) defer {}
            script src=(url(PAGE_SCRIPT)) defer {}
            @if page == "packet" { script src=(url("packet.js")) defer {} script src=(url("colour.js")) type="module" {} }
            @if page == "ticket" { script src=(url("console.js")) defer {} }
        }
    }
}

/// Returns the address of the page's live stream.
fn live_address(shell: &Shell, page: &Page<'_>) -> String {
    let name = match page.name {
        "campaign" | "packet" => "ticket",
        name => name,
    };
    let key = page.key.map(|k| format!("&key={k}")).unwrap_or_default();
    let project = project_part(shell, '&');
    format!("/live?page={name}{key}{project}&after={}", shell.seq)
}

/// Returns `project=KEY` after `mark` where lists are limited to a project.
pub(super) fn project_part(shell: &Shell, mark: char) -> String {
    shell.current_project.as_ref().map(|p| format!("{mark}project={p}")).unwrap_or_default()
}

/// Returns the way to what is newer and older than the part of a list that is shown: from where, how much, of how much in all.
/// `at` is the address that begins at a place; the project is added to it.
pub(super) fn leaf(
    label: &str,
    shell: &Shell,
    (from, shown, total): (usize, usize, usize),
    step: usize,
    at: impl Fn(usize) -> String,
) -> Markup {
    let at = |from: usize| at(from) + &project_part(shell, '&');
    html! {
        @if shown < total {
            nav.leaf aria-label=(label) {
                @if from > 0 { a.btn.sm href=(at(from.saturating_sub(step))) { "Newer" } }
                span.dim { (from + 1) "–" (from + shown) " of " (total) }
                @if from + shown < total { a.btn.sm href=(at(from + shown)) { "Older" } }
            }
        }
    }
}

/// Returns the navigation at the side.
fn navigation(shell: &Shell, current: &str, key: Option<&str>) -> Markup {
    let project = project_part(shell, '?');
    let here = |name: &str| (name == current).then_some("page");
    html! {
        nav.nav aria-label="Main" {
            a.brand href={ "/needs-you" (project) } { (icon("mark")) span { "Mission Control" } }
            (search(shell, "find"))
            (project_switcher(shell))
            ul {
                li { a href={ "/needs-you" (project) } aria-current=[here("needs-you")] title="Needs you" {
                    (icon("inbox")) span { "Needs you" } (fragment::count_needs_you("count-needs-you", shell.counts))
                } }
                li { a href={ "/board" (project) } aria-current=[here("board")] title="Board" {
                    (icon("square-kanban")) span { "Board" } (fragment::count_open(shell.counts))
                } }
                li { a href={ "/fleet" (project) } aria-current=[here("fleet")] title="Fleet" {
                    (icon("activity")) span { "Fleet" } (fragment::count_died(shell.counts))
                } }
                (entry("packets", "Packets", "package-check", current, &project))
                (entry("calibration", "Calibration", "scale", current, &project))
                (entry("policy", "Policy", "shield-check", current, &project))
            }
            ul.second {
                (entry("digest", "Digest", "newspaper", current, &project))
                (entry("settings", "Settings", "settings", current, &project))
                @if shell.viewer().acts() { li { a href={ "/tickets/new" (project) } aria-current=[here("new")] title="New ticket" {
                    (icon("plus")) span { "New ticket" }
                } } }
            }
            @if !shell.campaigns.is_empty() {
                h2 { "Campaigns" }
                ul.campaigns { @for c in &shell.campaigns { (campaign_link(c, key.unwrap_or_default())) } }
            }
            (foot(shell))
        }
    }
}

/// Returns one page in the navigation.
fn entry(name: &str, label: &str, glyph: &str, current: &str, project: &str) -> Markup {
    let here = (name == current || (name == "packets" && current == "packet")).then_some("page");
    html! { li { a href={ "/" (name) (project) } aria-current=[here] title=(label) { (icon(glyph)) span { (label) } } } }
}

/// Returns a campaign with its ring.
fn campaign_link(c: &CampaignLink, current: &str) -> Markup {
    let dash = format!("{} 100", c.percent.min(100));
    html! {
        li { a href=(super::words::ticket_path(&c.key)) title=(c.title) aria-current=[(current == c.key).then_some("page")] {
            svg.ring viewBox="0 0 16 16" aria-hidden="true" {
                circle cx="8" cy="8" r="6" {} circle cx="8" cy="8" r="6" pathLength="100" stroke-dasharray=(dash) {}
            }
            span dir="auto" { (c.title) } small { (c.percent) "%" }
        } }
    }
}

/// Returns the search field: a key opens its ticket, words look through the board.
fn search(shell: &Shell, class: &str) -> Markup {
    html! {
        form.(class) role="search" method="get" action="/board" {
            (icon("search"))
            @if let Some(p) = &shell.current_project { input type="hidden" name="project" value=(p); }
            input type="search" name="q" placeholder="Search or run" aria-label="Search tickets by key or words" data-search;
            kbd aria-hidden="true" { "/" }
        }
    }
}

/// Returns the project switcher.
fn project_switcher(shell: &Shell) -> Markup {
    let label = shell.current_project.as_deref().unwrap_or("All projects");
    let here = |key: Option<&str>| (shell.current_project.as_deref() == key).then_some("true");
    html! {
        details.projects {
            summary title="Switch project" { (icon("folder")) span { (label) } (icon_as("i s end", "chevron-down")) }
            ul aria-label="Projects" {
                li { a href="?project=" aria-current=[here(None)] { span { "All projects" } } }
                @if shell.projects.len() > 1 { li { a href="/projects" { span { "Compare them" } } } }
                @for p in &shell.projects {
                    li { a href={ "?project=" (p.key) } aria-current=[here(Some(&p.key))] {
                        span { (p.key) } @if p.config_problem.is_some() { small.warn { "config" } }
                    } }
                }
            }
        }
    }
}

/// Returns the foot of the navigation: the live link, the person, theme, keys, sign out.
fn foot(shell: &Shell) -> Markup {
    html! {
        div.nav-foot {
            p.link-state id="link-state" { span.pulse aria-hidden="true" {} span data-link { "Not live" } " " span data-lag {} }
            (person_tools(shell))
        }
    }
}

/// Returns the person's name with theme, keys and sign out.
fn person_tools(shell: &Shell) -> Markup {
    html! {
        div {
            span.who { (face(&shell.person)) bdi { (shell.person) } }
            button.icon-btn type="button" data-theme-toggle aria-label="Change theme" hidden { (icon("sun-moon")) }
            button.icon-btn type="button" data-keys-help aria-label="All keyboard shortcuts" hidden { (icon("keyboard")) }
            form method="post" action="/sign-out" {
                (super::form::csrf(&shell.csrf))
                button.icon-btn type="submit" aria-label="Sign out" title="Sign out" { (icon("log-out")) }
            }
        }
    }
}

/// Returns the banners: the stale link, hidden until it is, and what is wrong in the home.
fn banners(shell: &Shell) -> Markup {
    html! {
        div.banners {
            div.banner id="stale" data-tone="warn" role="status" hidden {
                (icon("wifi-off"))
                p { b { "Live updates stopped at " time id="stale-since" {} "." } " " span id="stale-sends" { "You see what was known then." } }
                a.btn.sm id="stale-sign-in" href="/sign-in" target="_blank" hidden { "Sign in" }
                button.btn.sm type="button" data-reconnect { "Reconnect" }
            }
            div.banner id="other-role" data-tone="warn" role="status" hidden { (icon("user-check")) p {} a.btn.sm href="" { "Load the page" } }
            (notices(&shell.problem_notices))
        }
    }
}

/// Returns a banner for each of `all`, their stable id `notices`; hidden where there is none.
pub fn notices(all: &[String]) -> Markup {
    html! {
        div.notices id="notices" role="status" hidden[all.is_empty()] {
            @for notice in all {
                div.banner data-tone="warn" { (icon("bell-ring")) p dir="auto" { (glyph::dated(notice)) } }
            }
        }
    }
}

/// Returns the bar of keys.
fn key_bar(keys: Keys) -> Markup {
    html! {
        footer.keys aria-label="Keyboard shortcuts" {
            @for (names, does) in keys { span data-for=[names.first().filter(|_| names.len() == 1)] { @for k in *names { kbd { (k) } } " " (does) } }
            span { kbd { "/" } " commands" }
            span.end { kbd { "?" } " all keys" }
        }
    }
}

/// Returns the tabs of the phone. The board has a tab of its own where it shows campaign lanes.
fn tabs(shell: &Shell, current: &str, class: &str) -> Markup {
    let project = project_part(shell, '?');
    let by_campaign = class == super::board::BY_CAMPAIGN;
    let current = if by_campaign { "campaign" } else { current };
    let here = |name: &str| (name == current).then_some("page");
    html! {
        nav.tabs aria-label="Main, phone" {
            a href={ "/needs-you" (project) } aria-current=[here("needs-you")] {
                (icon("inbox")) span { "Needs you" } (fragment::count_needs_you("tab-needs-you", shell.counts))
            }
            a href={ "/board" (project) } aria-current=[here("board")] { (icon("square-kanban")) span { "Board" } }
            a href={ "/board?by=campaign" (project_part(shell, '&')) } aria-current=[here("campaign")] { (icon("flag")) span { "Campaigns" } }
            a href={ "/fleet" (project) } aria-current=[here("fleet")] { (icon("activity")) span { "Fleet" } }
            details.more {
                summary { (icon("ellipsis")) span { "More" } }
                div.more-sheet {
                    (search(shell, "find"))
                    ul.more-pages {
                        (entry("packets", "Packets", "package-check", current, &project))
                        (entry("calibration", "Calibration", "scale", current, &project))
                        (entry("policy", "Policy", "shield-check", current, &project))
                        (entry("digest", "Digest", "newspaper", current, &project))
                        (entry("projects", "Projects", "folder", current, ""))
                        (entry("settings", "Settings", "settings", current, &project))
                    }
                    (project_switcher(shell)) (person_tools(shell))
                }
            }
        }
    }
}

/// Returns the dialog of all keys, with the switch that turns single keys off.
fn key_help() -> Markup {
    const KEYS: [(&str, &[(&str, &str)]); 4] = [
        (
            "Everywhere",
            &[
                ("/", "command palette"),
                ("?", "all keys"),
                ("esc", "close, go up"),
                ("u", "undo"),
                ("c", "new ticket"),
                ("g n", "Needs you"),
                ("g b", "Board"),
                ("g f", "Fleet"),
                ("g p", "Packets"),
                ("g c", "Calibration"),
                ("g d", "Digest"),
                ("g s", "Settings"),
            ],
        ),
        (
            "Lists",
            &[
                ("j k", "move"),
                ("h l", "column"),
                ("enter", "open"),
                ("f", "filter"),
                ("s", "campaign lanes"),
                ("z", "fold a lane"),
                ("x", "only what moves"),
            ],
        ),
        (
            "Decisions",
            &[
                ("a", "sign off, approve"),
                ("r", "request changes"),
                ("d", "deny"),
                ("w", "waive"),
                ("1 2 3", "answer"),
            ],
        ),
        (
            "Ticket and packet",
            &[
                ("p", "packet"),
                ("t", "console"),
                ("m", "message"),
                ("d", "diff"),
                ("v", "file viewed"),
                ("[ ]", "ticket before, after"),
            ],
        ),
    ];
    html! {
        dialog.sheet id="keys-help" aria-labelledby="keys-title" {
            h2 id="keys-title" tabindex="-1" autofocus { "Keys" }
            div.key-groups { @for (title, keys) in KEYS { section { h3 { (title) } dl.facts { @for (k, does) in keys { dt { @for part in k.split(' ') { kbd { (part) } " " } } dd { (does) } } } } } }
            label.row { input type="checkbox" data-keys-off; " Switch single keys off" }
            form method="dialog" { button.btn.sm type="submit" { "Close" } }
        }
        (PreEscaped("\n"))
    }
}

/// Returns what the person just did, with the way back where there is one.
fn toast(shell: &Shell) -> Markup {
    let Some(event) = &shell.toast else { return html! {} };
    let key = event.ticket.as_deref().unwrap_or_default();
    let gate = event.body.get("gate").and_then(|it| it.as_str());
    let undo = match event.kind.as_str() {
        // What landed, or is about to, is not taken back.
        "judged" if !shell.can_withdraw => None,
        "judged" => Some(("withdraw", "Undo")),
        "parked" => Some(("unpark", "Undo")),
        "unparked" => Some(("park", "Undo")),
        "cancelled" => Some(("reopen", "Reopen")),
        _ => None,
    };
    html! {
        div.toast id="toast" role="status" data-toast {
            (icon("check"))
            span dir="auto" { b.key { (key) } " You " (glyph::inline(&cut(&mission_domain::told::told(event)))) }
            @if let Some((verb, label)) = undo {
                form method="post" action={ "/tickets/" (key) "/" (verb) } {
                    (super::form::csrf(&shell.csrf))
                    input type="hidden" name="back" value="ticket";
                    @if let Some(gate) = gate { input type="hidden" name="gate" value=(gate); }
                    button.btn.sm type="submit" data-key="u" { (label) kbd { "u" } }
                }
            }
            button.icon-btn type="button" data-toast-shut aria-label="Close" { (icon("x")) }
        }
    }
}

/// Returns what a toast says of `told`: a line of it, ended by one full stop.
fn cut(told: &str) -> String {
    const MOST: usize = 120;
    let line = told.lines().next().unwrap_or_default();
    if line.chars().count() > MOST || line.len() < told.trim_end().len() {
        return format!("{}…", line.chars().take(MOST).collect::<String>().trim_end());
    }
    format!("{}.", line.trim_end().trim_end_matches('.'))
}
