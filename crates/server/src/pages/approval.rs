//! A guarded command that waits for a person: the exact words, where they run, and the two answers.

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
                @if let Some(diff) = &approval.diff { " · " a href=(words::artifact(diff)) { "the difference there" } }
                @if approval.count > 1 { " · asked " (approval.count) " times" }
                " · void in " (words::lasted(approval.expires_at.as_second() - viewer.now.as_second()))
            }
            @if let Some(note) = &approval.note { p.banner.note data-tone="warn" { (icon("bell-ring")) span dir="auto" { (note) } } }
            div.ask-do {
                (form::approve(ticket, approval, viewer, back, first))
                (form::deny(ticket, approval, viewer, back))
                span.note { "Mission Control runs it once, as it stands here." }
            }
        }
    }
}
