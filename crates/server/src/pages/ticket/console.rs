//! An attempt, the newest unless another was asked for: its runtime, what its terminal last showed, and how it died where it did.
//! With scripts its terminal can be opened: followed, searched, and taken over; read and searched where it has ended.

use maud::{Markup, html};
use mission_control::Journal;
use mission_domain::doc::{AttemptDoc, DeathDoc, TerminalDoc};

use crate::pages::assets::url;
use crate::pages::glyph::{self, icon, icon_as};
use crate::pages::output::plain;
use crate::pages::view::{ConsoleView, OtherAttempt, Viewer};
use crate::pages::words;

/// Returns the console's panel, its stable id `console`. The terminal itself is never swapped, only appended to.
pub fn console(console: Option<&ConsoleView>, viewer: Viewer<'_>) -> Markup {
    html! {
        section.panel.term id="console" aria-labelledby="h-console" {
            header {
                h2 id="h-console" { "Console" }
                @if let Some(c) = console {
                    span.dim { (c.attempt.id) " · " (c.attempt.role) }
                    (activity(&c.attempt))
                    @if c.journal == Journal::Kept {
                        button.btn.sm.ghost type="button" data-console=(c.attempt.id) aria-controls={ "terminal-" (c.attempt.id) } aria-expanded="false" data-does={ "Open the terminal of " (c.attempt.id) ", to watch or take over" } hidden { "Terminal" }
                    }
                }
            }
            @match console {
                Some(c) => { (content(c, viewer)) }
                None => { div.empty { (icon("square-terminal")) b { "No attempt yet" } span { "What the agent prints appears here while it works." } } }
            }
        }
    }
}

/// Returns what the attempt does now, and where that was read.
fn activity(attempt: &AttemptDoc) -> Markup {
    let died = attempt.terminal.as_ref().is_some_and(|t| t.status == "died");
    let word = if died { "died" } else { attempt.state.as_str() };
    html! {
        (glyph::run(word, &words::plain(word)))
        span.end {
            @if let Some(by) = &attempt.held_by { b { bdi { (words::principal(by)) } " has it" } }
            @else if attempt.state != "ended" { "read from " (words::plain(&attempt.state_source)) }
            @else if let Some(at) = attempt.ended_at { "ended " (glyph::clock(at)) }
        }
    }
}

/// Returns the facts, the terminal and its end.
fn content(c: &ConsoleView, viewer: Viewer<'_>) -> Markup {
    let a = &c.attempt;
    html! {
        @if !c.is_newest { p.runtime { span { "An earlier attempt" } a.ln href={ (words::ticket_path(&a.ticket)) "#console" } { "The newest" span.sr { " attempt" } } } }
        p.runtime {
            span { "runtime " b { (a.runtime) } }
            span { "model " b { (a.model.as_deref().unwrap_or("unknown")) } }
            span { "pid " b { @match a.pid { Some(pid) => { (pid) } None => { "unknown" } } } }
            span { "epoch " b { (a.epoch) } }
            span { "began " b { (words::ago(a.started_at, viewer.now)) } }
            @if let Some(at) = a.last_progress_at { span { "last progress " b { (words::ago(at, viewer.now)) } } }
        }
        @if let Some(session) = a.session.as_ref().filter(|it| it.kept) { p.runtime { span { "session " (session.text) } } }
        @if let Some(end) = &a.terminal { (terminal(end, c.goes_on)) }
        @if let Some(death) = &a.death { (report(death, c.output.is_empty())) }
        @if c.journal == Journal::Gone { (gone(a)) }
        @else { pre.screen id={ "screen-" (a.id) } data-screen data-end=(c.output_end) data-empty[c.output.is_empty()] tabindex="0" role="log" aria-live="off" aria-label={ "Last output of " (a.id) } {
            @if c.output.is_empty() { @if a.state == "ended" { "Nothing was printed." } @else { "Nothing was printed yet." } } @else { (c.output) }
        } }
        @if c.journal == Journal::Kept { (terminal_host(a)) }
        (foot(c))
    }
}

/// Returns that what the attempt printed can be read no more.
fn gone(a: &AttemptDoc) -> Markup {
    html! {
        div.empty {
            (icon("square-terminal")) b { "What " (a.id) " printed is not kept here any more" }
            span { "Its journal has gone from this home's " code { "lanes/" } @if a.recording.is_some() { "; the recording of it is kept" } "." }
        }
    }
}

/// Returns the place of the terminal, empty and hidden until a script opens it. It is never swapped while it is open.
fn terminal_host(a: &AttemptDoc) -> Markup {
    let label = format!("Terminal of {}", a.id);
    html! {
        div.console-host id={ "terminal-" (a.id) } data-screen data-terminal=(a.id) data-role=(a.role) role="group" aria-label=(label) hidden
            data-xterm=(url("vendor/xterm-6.0.0.mjs")) data-fit=(url("vendor/xterm-addon-fit-0.11.0.mjs")) data-search-addon=(url("vendor/xterm-addon-search-0.16.0.mjs"))
            data-xterm-style=(url("vendor/xterm-6.0.0.css")) data-style=(url("console.css")) {
            div.console-bar {
                label.console-find { (icon("search")) input.field type="search" placeholder="Find" aria-label="Find in the terminal" data-find; }
                span.dim data-found role="status" {}
                button.icon-btn type="button" data-step="-1" aria-label="Match before" title="Match before" { (icon("arrow-up")) }
                button.icon-btn.down type="button" data-step="1" aria-label="Next match" title="Next match" { (icon("arrow-up")) }
                span.end {
                    button.btn.sm type="button" data-hand data-does={ "Take over the terminal of " (a.id) } hidden { "Take over" }
                    button.btn.sm type="button" data-interrupt data-does={ "Interrupt " (a.id) } hidden { "Interrupt" }
                    span.dim data-copied role="status" {}
                    button.icon-btn type="button" data-copy-all aria-label="Copy the selection, or all of it" title="Copy the selection, or all of it" { (icon("copy")) }
                    button.icon-btn type="button" data-full aria-pressed="false" aria-label="Full window" title="Full window" { (icon("maximize-2")) }
                    button.icon-btn type="button" data-close aria-label="Close the terminal" title="Close the terminal" { (icon("x")) }
                }
            }
            div.console-view data-view {}
            form.console-line data-line hidden {
                input.field name="text" autocomplete="off" aria-label={ "Message to " (a.role) } placeholder={ "Message to " (a.role) };
                button.btn.sm type="submit" { (icon("send")) "Send" }
            }
            p.console-note { span data-note role="status" {} span data-passed role="status" {} }
        }
    }
}

/// Returns how to attach from a shell, what was kept, and the other attempts.
fn foot(c: &ConsoleView) -> Markup {
    let kept = kept(&c.attempt, c.journal);
    html! {
        @if kept.is_some() || c.attach.is_some() {
            p.attach {
                @if let Some(attach) = &c.attach {
                    code { (attach) }
                    button.icon-btn type="button" data-copy=(attach) aria-label="Copy the command" hidden { (icon("copy")) }
                }
                @if let Some(kept) = kept { span.end { @if c.journal == Journal::Kept { (log(&c.attempt)) } (kept) } }
            }
        }
        @if !c.others.is_empty() {
            details.earlier open[!c.is_newest] {
                summary { (words::count(c.others.len(), if c.is_newest { "earlier attempt" } else { "other attempt" })) " " (icon_as("i s", "chevron-down")) }
                ul { @for it in &c.others { (other(it)) } }
            }
        }
    }
}

/// Returns another attempt of the ticket, with the way to its terminal.
fn other(it: &OtherAttempt) -> Markup {
    let a = &it.attempt;
    html! {
        li {
            code { (a.id) } span { (a.role) " · " (a.runtime) }
            (glyph::run(&a.state, &words::plain(a.terminal.as_ref().map_or(&a.state, |it| &it.status))))
            span.end {
                @match it.journal {
                    Journal::Kept => { a href=(words::terminal_path(a)) { "Terminal" span.sr { " of " (a.id) } } }
                    Journal::Gone => { span.dim { "journal gone" } }
                    Journal::Elsewhere => { span.dim { "ran elsewhere" } }
                }
                @if let Some(kept) = kept(a, it.journal) { (kept) }
            }
        }
    }
}

/// Returns the link to what an attempt printed as text.
fn log(a: &AttemptDoc) -> Markup {
    html! {
        a.recording href={ "/api/v1/attempts/" (a.id) "/log" } title="What it printed, as text as it came: the first 256 KiB" {
            (icon_as("i s", "square-terminal")) "Log" span.sr { " of " (a.id) }
        }
    }
}

/// Returns the link to what an attempt printed, with its times, where there is a recording.
fn kept(a: &AttemptDoc, journal: Journal) -> Option<Markup> {
    let has_one = journal == Journal::Kept || a.recording.is_some();
    has_one.then(|| html! {
        a.recording href={ "/api/v1/attempts/" (a.id) "/recording" } download={ (a.id) ".cast" } title="What it printed, with its times (asciicast v2)" {
            (icon_as("i s", "download")) "Recording" span.sr { " of " (a.id) }
        }
    })
}

/// Returns how the attempt ended; what its end proposed is told while the ticket `goes_on` by itself.
fn terminal(end: &TerminalDoc, goes_on: bool) -> Markup {
    let cause = words::plain(&end.root_cause);
    html! {
        div.ended {
            p { b { (words::sentence(&words::plain(&end.status))) } " · " span dir="auto" { (end.summary) } }
            dl.facts {
                @if end.root_cause != "none" {
                    @if !end.summary.starts_with(&cause) { dt { "Cause" } dd { (cause) } }
                    dt { "Retry" } dd { (if end.safe_retry { "safe to try again" } else { "not safe as it is" }) }
                }
                @if goes_on && !end.next_actions.is_empty() { dt { "Next" } dd dir="auto" { (end.next_actions.join(" · ")) } }
            }
        }
    }
}

/// Returns the death report: what is unknown says so. The last output is in it unless it stands beside it.
pub fn report(d: &DeathDoc, has_output: bool) -> Markup {
    let last = plain(d.last_output.as_bytes());
    let exit = match (d.exit_code, &d.signal) {
        (Some(code), Some(signal)) => format!("{code}, {signal}"),
        (Some(code), None) => code.to_string(),
        (None, Some(signal)) => signal.clone(),
        (None, None) => "unknown".into(),
    };
    html! {
        div.death {
            p { (icon_as("i tone-bad", "heart-crack")) " " b { "Death report" } }
            dl.facts {
                dt { "Exit" } dd { b { (exit) } }
                dt { "Out of memory" } dd { (d.oom) }
                dt { "Peak memory" } dd { (d.max_rss_bytes.map_or_else(|| "unknown".into(), words::bytes)) }
                dt { "Last tool" } dd { @match &d.last_tool { Some(tool) => { code { (tool) } } None => { "unknown" } } }
                dt { "Left over" } dd { @if d.orphans.is_empty() { "no process" } @else { (d.orphans.join(", ")) } }
            }
            @if has_output && !last.trim().is_empty() { details { summary { "Last output" } pre.screen.short { (last) } } }
        }
    }
}
