//! The newest attempt: its runtime, what its terminal last showed, and how it died where it did.

use maud::{Markup, html};
use mission_domain::doc::{AttemptDoc, DeathDoc, TerminalDoc};

use crate::pages::glyph::{self, icon, icon_as};
use crate::pages::view::{ConsoleView, Viewer};
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
        span.end { @if attempt.state != "ended" { "read from " (words::plain(&attempt.state_source)) } }
    }
}

/// Returns the facts, the terminal and its end.
fn content(c: &ConsoleView, viewer: Viewer<'_>) -> Markup {
    let a = &c.attempt;
    html! {
        p.runtime {
            span { "runtime " b { (a.runtime) } }
            span { "model " b { (a.model.as_deref().unwrap_or("unknown")) } }
            span { "pid " b { @match a.pid { Some(pid) => { (pid) } None => { "unknown" } } } }
            span { "epoch " b { (a.epoch) } }
            span { "began " b { (words::age(a.started_at, viewer.now)) } " ago" }
            @if let Some(at) = a.last_progress_at { span { "last progress " b { (words::age(at, viewer.now)) } " ago" } }
        }
        @if let Some(end) = &a.terminal { (terminal(end)) }
        @if let Some(death) = &a.death { (report(death)) }
        pre.screen id={ "screen-" (a.id) } data-screen tabindex="0" role="log" aria-live="off" aria-label={ "Last output of " (a.id) } {
            @if c.output.is_empty() { "Nothing was printed yet." } @else { (c.output) }
        }
        @if let Some(attach) = &c.attach {
            p.attach {
                code { (attach) }
                button.icon-btn type="button" data-copy=(attach) aria-label="Copy the command" hidden { (icon("copy")) }
                span.end.dim { "read only here" }
            }
        }
    }
}

/// Returns how the attempt ended.
fn terminal(end: &TerminalDoc) -> Markup {
    html! {
        div.ended {
            p { b { (words::sentence(&words::plain(&end.status))) } " · " span dir="auto" { (end.summary) } }
            dl.facts {
                @if end.root_cause != "none" {
                    dt { "Cause" } dd { (words::plain(&end.root_cause)) }
                    dt { "Retry" } dd { (if end.safe_retry { "safe to try again" } else { "not safe as it is" }) }
                }
                @if !end.next_actions.is_empty() { dt { "Next" } dd dir="auto" { (end.next_actions.join(" · ")) } }
            }
        }
    }
}

/// Returns the death report: what is unknown says so.
pub fn report(d: &DeathDoc) -> Markup {
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
            @if !d.last_output.is_empty() { details { summary { "Last output" } pre.screen.short { (d.last_output) } } }
        }
    }
}
