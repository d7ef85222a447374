//! The evidence packet: what was claimed beside what Mission Control saw. Refuted comes first.

use maud::{Markup, html};
use mission_domain::doc::TicketDoc;

use crate::pages::glyph::{self, icon};
use crate::pages::packet_view::{Claimed, CommandView, PacketView, ShipsView, ShotView};
use crate::pages::prose;
use crate::pages::words;

/// Rows of files shown here; the page of the change has all of them.
const FILES_SHOWN: usize = 6;

/// Returns the packet's panel, its stable id `packet`.
pub fn packet(ticket: &TicketDoc, packet: Option<&PacketView>) -> Markup {
    html! {
        section.panel.packet-mini id="packet" aria-labelledby="h-packet" {
            header {
                h2 id="h-packet" { "Evidence packet" }
                @if let Some(p) = packet {
                    span.dim { (words::gate(&p.gate)) @if p.round > 1 { " · round " (p.round) } }
                    span.end { span.seal { (icon("fingerprint")) (glyph::hash(&p.digest)) } " " (glyph::verdict(&p.status)) }
                    a.btn.sm.ghost href=(words::packet_path(&ticket.key, &p.gate)) data-key="p" { "Open" kbd { "p" } }
                }
            }
            @match packet {
                Some(p) => { (content(ticket, p)) }
                None => { div.empty { (icon("package-check")) b { "No evidence yet" } span { "The packet appears when a gate delivers. Claims in it are re-run before they count." } } }
            }
        }
    }
}

/// Returns the packet's content.
fn content(ticket: &TicketDoc, p: &PacketView) -> Markup {
    let (added, removed) = p.lines();
    html! {
        div.pad {
            p.row.wrap.gap {
                @if let Some(commit) = &p.commit {
                    span { (icon("git-commit-horizontal")) " " (glyph::hash(commit)) @if let Some(w) = &ticket.workspace { " on " code { (w.branch) } } }
                }
                @if !p.files.is_empty() { a.end.ln href={ (words::packet_path(&ticket.key, &p.gate)) "/diff" } data-key="d" { (words::count(p.files.len(), "file")) " " (stat(added, removed)) } }
            }
            @if p.texts.is_empty() { div.packet-cols data-shots[!p.screenshots.is_empty()] { (claims(&p.commands)) (shots(&p.screenshots)) } }
            (texts(p))
            (files(ticket, p))
            @if p.texts.is_empty() || p.risk.is_some() {
                dl.facts {
                    dt { "Risk" } dd dir="auto" { (p.risk.as_deref().unwrap_or("not stated")) }
                    @if p.texts.is_empty() { dt { "Ships" } dd { (ships(&p.ships)) } }
                }
            }
        }
    }
}

/// Returns the texts that are decided on.
pub(in crate::pages) fn texts(p: &PacketView) -> Markup {
    html! {
        @for it in &p.texts {
            @if p.texts.len() > 1 { h3.sub0 { (words::sentence(&it.kind)) } }
            div.prose.paper dir="auto" { (prose::rendered(&it.text)) }
            @if it.is_cut { p.dim { "This is its beginning. " a.ln href=(words::artifact(&it.digest)) { "Read all of it" } } }
        }
    }
}

/// Returns lines added and removed.
pub(in crate::pages) fn stat(added: u64, removed: u64) -> Markup {
    html! { span.stat-diff { span.plus { "+" (added) } " " span.minus { "−" (removed) } } }
}

/// Returns the commands, refuted first, then what could not run, then what nobody re-ran.
pub(in crate::pages) fn ranked(commands: &[CommandView]) -> Vec<&CommandView> {
    let rank = |c: &&CommandView| match c.result.as_str() {
        "refuted" => 0,
        "could_not_run" => 1,
        "not_rerun" => 2,
        _ => 3,
    };
    let mut sorted: Vec<&CommandView> = commands.iter().collect();
    sorted.sort_by_key(rank);
    sorted
}

/// Returns the commands as a table.
fn claims(commands: &[CommandView]) -> Markup {
    let sorted = ranked(commands);
    html! {
        @if sorted.is_empty() { p.mid { "No command was claimed or re-run for this gate." } }
        @else {
            table.claims {
                caption.sr { "Claims beside what Mission Control saw" }
                thead { tr { th scope="col" { "Command" } th scope="col" { "Claimed" } th scope="col" { "Re-run" } th scope="col" { span.sr { "Result" } } } }
                tbody { @for c in sorted { (claim(c)) } }
            }
        }
    }
}

/// Returns one command.
fn claim(c: &CommandView) -> Markup {
    html! {
        tr data-v=(c.result) {
            td { code { (c.run) } @if c.advisory { " " span.tag { "advisory" } } @if let Some(note) = &c.note { small.note dir="auto" { (note) } } }
            td { (claimed(c.claimed.as_ref())) }
            td { (seen(c)) }
            td { (glyph::verdict(&c.result)) }
        }
    }
}

/// Returns what the agent said.
pub(in crate::pages) fn claimed(claimed: Option<&Claimed>) -> String {
    match claimed {
        None | Some(Claimed::Ran(false)) => "not claimed".into(),
        Some(Claimed::Ran(true)) => "ran".into(),
        Some(Claimed::Exit(code)) => format!("exit {code}"),
        Some(Claimed::Words(words)) => words.clone(),
        Some(Claimed::Full { exit_code, tests }) => {
            told(*exit_code, tests.as_ref().map(|t| t.words()))
        }
    }
}

/// Returns what Mission Control saw.
pub(in crate::pages) fn seen(c: &CommandView) -> String {
    match c.result.as_str() {
        "not_rerun" | "could_not_run" => "nothing".into(),
        _ => told(c.exit_code, c.tests.as_ref().map(|t| t.words())),
    }
}

/// Returns exit code and tests in words; unknown stays unknown, and a counted success needs no code.
fn told(exit: Option<i32>, tests: Option<String>) -> String {
    let exit = exit.map_or_else(|| "exit unknown".into(), |code| format!("exit {code}"));
    match tests {
        Some(tests) if exit == "exit 0" => tests,
        Some(tests) => format!("{exit}, {tests}"),
        None => exit,
    }
}

/// Returns the pictures, before above after, with how much differs.
fn shots(shots: &[ShotView]) -> Markup {
    html! {
        @if let Some(first) = shots.first() {
            div.thumbs {
                @for (digest, when) in [(&first.before, "Before"), (&first.after, "After")] {
                    @if let Some(d) = digest { a.shot href=(words::artifact(d)) { img loading="lazy" src=(words::artifact(d)) alt={ (when) ", " (caption(first)) }; } }
                }
                @for s in shots { small { (caption(s)) @if let Some(d) = s.difference_percent { " · " b { (words::percent(d)) } " changed" } } }
            }
        }
    }
}

/// Returns what a picture shows.
fn caption(s: &ShotView) -> String {
    let scheme = s.scheme.as_deref().map(|x| format!(" {x}")).unwrap_or_default();
    format!("{} {}{scheme}", s.page, s.width)
}

/// Returns the first of the changed files, with the way to all of them.
fn files(ticket: &TicketDoc, p: &PacketView) -> Markup {
    let more = p.files.len().saturating_sub(FILES_SHOWN);
    html! {
        @if !p.files.is_empty() {
            ul.files aria-label="Changed files, read from git" {
                @for f in p.files.iter().take(FILES_SHOWN) {
                    li { code { (f.path) } span.end { @match (f.added, f.removed) { (None, None) => { "binary" } (a, r) => { (stat(a.unwrap_or(0), r.unwrap_or(0))) } } } }
                }
                @if more > 0 { li { a.ln href={ (words::packet_path(&ticket.key, &p.gate)) "/diff" } { (words::count(more, "more file")) } } }
            }
        }
    }
}

/// Returns what was shipped.
fn ships(s: &ShipsView) -> String {
    let told = |word: &str, done: &str, not: &str| match word {
        "done" => done.to_owned(),
        "none" => not.to_owned(),
        other => format!("{not}, {}", words::plain(other)),
    };
    [
        told(&s.push, "pushed", "not pushed"),
        told(&s.deploy, "deployed", "not deployed"),
        told(&s.restart, "restarted", "no restart"),
    ]
    .join(" · ")
}
