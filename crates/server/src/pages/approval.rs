//! Guarded commands: those that wait for a person, with the exact words, where they run, and the two answers; and what became of the
//! others.

use maud::{Markup, html};
use mission_domain::doc::{ApprovalDoc, TicketDoc};

use super::form::{self, Back};
use super::glyph::{self, icon};
use super::view::Viewer;
use super::words;

/// Returns the approvals of `ticket` that wait for a person.
pub(super) fn open(ticket: &TicketDoc) -> impl Iterator<Item = &ApprovalDoc> {
    ticket.approvals.iter().filter(|it| it.state == "requested")
}

/// Returns one request with its answers, its stable id `approval-P-31.4`.
pub(super) fn request(
    ticket: &TicketDoc,
    approval: &ApprovalDoc,
    viewer: Viewer<'_>,
    back: Back,
    first: bool,
) -> Markup {
    html! {
        div.approval id={ "approval-" (approval.id) } {
            div.cmd { code dir="ltr" { (approval.command) } }
            p.ask-sub {
                (approval.id) " · " (words::principal(&approval.by)) " asks in "
                code dir="ltr" { (approval.cwd) }
                @if let Some(commit) = &approval.commit { " at " (glyph::hash(commit)) }
                @if let Some(diff) = &approval.diff { " · " a href=(words::artifact(diff)) { "read the diff" } }
                @if approval.count > 1 { " · asked " (approval.count) " times" }
                span.void { " · void in " (words::lasted(approval.expires_at.as_second() - viewer.now.as_second())) }
            }
            @if let Some(note) = &approval.note { p.banner.note data-tone="warn" { (icon("bell-ring")) span dir="auto" { (glyph::inline(note)) } } }
            div.ask-do {
                (form::approve(ticket, approval, viewer, back, first))
                (form::deny(ticket, approval, viewer, back))
                span.note { "Mission Control runs it once, as it stands here." }
            }
        }
    }
}

/// Returns what became of one, from the question to its end.
pub(super) fn life(approval: &ApprovalDoc, names_ticket: bool, viewer: Viewer<'_>) -> Markup {
    let (tone, glyph, word) = match approval.state.as_str() {
        "requested" => ("you", "bell-ring", "asked"),
        "run" if approval.exit_code.is_none() => ("warn", "circle-help", "ran, end unknown"),
        "run" if approval.exit_code != Some(0) => ("bad", "circle-x", "ran and failed"),
        "approved" | "running" | "run" => ("ok", "badge-check", "approved once"),
        "denied" => ("bad", "circle-x", "denied"),
        "expired" => ("off", "circle-dashed", "expired"),
        other => ("warn", "shield-alert", other),
    };
    let by = approval.answered_by.as_deref().map(words::principal);
    let at = approval.answered_at.or(approval.ran_at).unwrap_or(approval.asked_at);
    html! {
        li {
            span { span.verdict data-tone=(tone) { (icon(glyph)) span { (word) } } " " code dir="ltr" { (approval.command) } }
            span.end.dim { (glyph::age(at, viewer.now)) }
            small {
                @if names_ticket { (glyph::key(&approval.ticket)) " · " }
                (approval.id) " · asked by " bdi { (words::principal(&approval.by)) }
                @if let Some(by) = by { " · answered by " bdi { (by) } }
                @match approval.state.as_str() {
                    "requested" => { " · void in " (words::lasted(approval.expires_at.as_second() - viewer.now.as_second())) }
                    "approved" => { " · about to run" }
                    "running" => { " · runs now" }
                    "run" => { " · ran" @if let Some(code) = approval.exit_code { ", exit " (code) } }
                    _ => { " · nothing ran" }
                }
                @if let Some(output) = &approval.output { " · " a.ln href=(words::artifact(output)) { "what it printed" } }
                @if let Some(reason) = &approval.reason { span.reason dir="auto" { (reason) } }
                @if let Some(note) = &approval.note { span.reason dir="auto" { (glyph::inline(note)) } }
            }
        }
    }
}
