//! The forms of every action. All work without a script; their fields are listed in [`super`]. Who may only look gets none.

use maud::{Markup, html};
use mission_domain::doc::{ApprovalDoc, GateDoc, MessageDoc, TicketDoc};

use super::glyph::icon;
use super::view::Viewer;

/// Where a form leads back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// *Needs you*.
    NeedsYou,
    /// The ticket.
    Ticket,
}

impl Back {
    /// Returns the value of the field `back`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeedsYou => "needs-you",
            Self::Ticket => "ticket",
        }
    }
}

/// Returns the hidden field against forged forms.
pub(super) fn csrf(token: &str) -> Markup {
    html! { input type="hidden" name="csrf" value=(token); }
}

/// Returns the hidden fields of an action on a ticket.
fn hidden(viewer: Viewer<'_>, back: Back) -> Markup {
    html! {
        (csrf(viewer.csrf))
        input type="hidden" name="back" value=(back.as_str());
    }
}

/// Returns the address of an action on a ticket.
fn action(ticket: &TicketDoc, verb: &str) -> String {
    format!("/tickets/{}/{verb}", ticket.key)
}

/// Returns the hidden fields of a verdict: what is judged, so that a change in between is seen.
fn judged(ticket: &TicketDoc, gate: &GateDoc, viewer: Viewer<'_>, back: Back) -> Markup {
    html! {
        (hidden(viewer, back))
        input type="hidden" name="gate" value=(gate.id);
        input type="hidden" name="packet" value=(packet_of(gate));
        input type="hidden" name="judged" value=(gate.signoffs.len());
        div.banner.changed data-tone="live" role="alert" hidden {
            (icon("user-check"))
            p { b { "Not up to date." } " " span { "What you judge has changed since this page was loaded." } }
            a.btn.sm href=(super::words::ticket_path(&ticket.key)) { "See it" }
        }
    }
}

/// Returns what a button does, as the palette names it: `Sign off plan of EX-7`.
fn of_gate(does: &str, ticket: &TicketDoc, gate: &GateDoc) -> String {
    let name = super::words::gate(&gate.id);
    format!("{does} {} of {}", name.strip_suffix(" sign-off").unwrap_or(&name), ticket.key)
}

/// Returns whether the work lands once `gate` is signed off, which nobody can undo: its key then asks for `enter` as well.
pub(super) fn lands(ticket: &TicketDoc, gate: &GateDoc) -> bool {
    ticket.gates.iter().filter(|it| it.id != gate.id).all(is_settled)
}

/// Returns whether nothing is left to decide: what was signed off last lands at once.
pub(crate) fn lands_next(ticket: &TicketDoc) -> bool {
    ticket.gates.iter().all(is_settled)
}

fn is_settled(gate: &GateDoc) -> bool {
    matches!(gate.state.as_str(), "passed" | "waived" | "not_required")
}

/// Returns the digest that a verdict on `gate` is given on; empty where there is no packet.
fn packet_of(gate: &GateDoc) -> &str {
    gate.packet.as_ref().map_or("", |p| p.digest.as_str())
}

/// Returns the verdict form in place: sign off or request changes, with fail and waive behind a fold.
pub(super) fn verdict(ticket: &TicketDoc, gate: &GateDoc, viewer: Viewer<'_>) -> Markup {
    if !viewer.acts() {
        return html! {};
    }
    let id = format!("verdict-{}", ticket.key);
    html! {
        form.verdict-form id=(id) method="post" action=(action(ticket, "verdict")) data-packet=(packet_of(gate)) {
            (judged(ticket, gate, viewer, Back::Ticket))
            label.sr for={ (id) "-reason" } { "Reason" }
            textarea.field id={ (id) "-reason" } name="reason" rows="2" required dir="auto"
                placeholder="Reason, needed for all but a sign-off" {}
            (findings(&id, true))
            div.ask-do {
                button.btn.primary type="submit" name="verdict" value="pass" formnovalidate data-key="a" data-does=(of_gate("Sign off", ticket, gate)) data-confirm[lands(ticket, gate)] { "Sign off" kbd { "a" } }
                button.btn type="submit" name="verdict" value="changes" data-key="r" data-does=(of_gate("Request changes to", ticket, gate)) { "Request changes" kbd { "r" } }
                button.btn.ghost type="submit" name="verdict" value="waive" data-key="w" data-does=(of_gate("Waive", ticket, gate)) { "Waive" kbd { "w" } }
            }
        }
    }
}

/// Returns the review beside a diff: comments on lines gather here and leave as one batch with the verdict.
pub(super) fn review(ticket: &TicketDoc, gate: &GateDoc, viewer: Viewer<'_>) -> Markup {
    if !viewer.acts() {
        return html! {};
    }
    let id = format!("verdict-{}", ticket.key);
    html! {
        form.verdict-form.review id=(id) method="post" action=(action(ticket, "verdict")) data-packet=(packet_of(gate)) data-review {
            (judged(ticket, gate, viewer, Back::Ticket))
            h2 { "Your review" }
            p.dim { "Choose a line to comment on it. Each comment is a finding; all of them leave with the verdict." }
            ol.comments data-comments aria-label="Your comments" {}
            label.sr for={ (id) "-reason" } { "Reason" }
            textarea.field id={ (id) "-reason" } name="reason" rows="3" required dir="auto"
                placeholder="Reason, needed to request changes" {}
            (findings(&id, false))
            div.ask-do {
                button.btn.primary type="submit" name="verdict" value="pass" formnovalidate data-key="a" data-does=(of_gate("Sign off", ticket, gate)) data-confirm { "Sign off" kbd { "a" } }
                button.btn type="submit" name="verdict" value="changes" data-key="r" data-does=(of_gate("Request changes to", ticket, gate)) data-confirm { "Request changes" kbd { "r" } }
            }
        }
    }
}

/// Returns the field for findings, folded; with `fail` also the verdict that blocks at once.
fn findings(id: &str, fail: bool) -> Markup {
    html! {
        details.findings-in {
            summary.mid { (if fail { "Findings, or fail it" } else { "Findings, one a line" }) }
            label.sr for={ (id) "-findings" } { "Findings, one a line: file, line and text" }
            textarea.field.mono id={ (id) "-findings" } name="findings" rows="3" dir="auto"
                placeholder="src/lib.rs:42:the empty list is not handled" {}
            @if fail { button.btn.sm.bad type="submit" name="verdict" value="fail" { "Fail: block it at once" } }
        }
    }
}

/// Returns the waiver of a gate that no person decides, folded.
pub(super) fn waive(ticket: &TicketDoc, gate: &GateDoc, viewer: Viewer<'_>) -> Markup {
    if !viewer.acts() {
        return html! {};
    }
    let id = format!("waive-{}", ticket.key);
    html! {
        details.waive {
            summary.mid data-does=(of_gate("Waive", ticket, gate)) { "Waive this gate" }
            form id=(id) method="post" action=(action(ticket, "verdict")) data-packet=(packet_of(gate)) {
                (judged(ticket, gate, viewer, Back::Ticket))
                label.sr for={ (id) "-reason" } { "Why the gate may be waived" }
                textarea.field id={ (id) "-reason" } name="reason" rows="2" required dir="auto"
                    placeholder="Why may it go on without this? Your name stands beside it." {}
                div.ask-do { button.btn type="submit" name="verdict" value="waive" data-key="w" data-does=(of_gate("Waive", ticket, gate)) { "Waive" kbd { "w" } } }
            }
        }
    }
}

/// Returns the two answers to a sign-off in the list: at once, or with what must change.
pub(super) fn quick_verdict(ticket: &TicketDoc, gate: &GateDoc, viewer: Viewer<'_>) -> Markup {
    if !viewer.acts() {
        return html! {};
    }
    let id = format!("changes-{}", ticket.key);
    html! {
        form id={ "pass-" (ticket.key) } method="post" action=(action(ticket, "verdict")) data-packet=(packet_of(gate)) {
            (judged(ticket, gate, viewer, Back::NeedsYou))
            button.btn.main type="submit" name="verdict" value="pass" data-key="a" data-does=(of_gate("Sign off", ticket, gate)) data-confirm[lands(ticket, gate)] { "Sign off" kbd { "a" } }
        }
        details.reply {
            summary.btn data-key="r" data-does=(of_gate("Request changes to", ticket, gate)) { "Request changes…" kbd { "r" } }
            form id=(id) method="post" action=(action(ticket, "verdict")) data-packet=(packet_of(gate)) {
                (judged(ticket, gate, viewer, Back::NeedsYou))
                label.mid for={ (id) "-reason" } { "What must change? Whoever works it gets this first." }
                textarea.field id={ (id) "-reason" } name="reason" rows="3" required dir="auto" {}
                (findings(&id, false))
                div.ask-do { button.btn.primary type="submit" name="verdict" value="changes" { "Request changes" } (shut("Close")) }
            }
        }
    }
}

/// Returns the answer to a question.
pub(super) fn answer(ticket: &TicketDoc, viewer: Viewer<'_>, back: Back) -> Markup {
    if !viewer.acts() {
        return html! {};
    }
    let id = format!("answer-{}", ticket.key);
    let attempt = ticket.question.as_ref().map_or("", |q| q.attempt.as_str());
    html! {
        form.answer id=(id) method="post" action=(action(ticket, "answer")) data-packet=(attempt) {
            (hidden(viewer, back))
            input type="hidden" name="attempt" value=(attempt);
            label.sr for={ (id) "-text" } { "Your answer" }
            textarea.field id={ (id) "-text" } name="text" rows="2" required dir="auto" placeholder="Your answer" data-key="1" data-does={ "Answer the question of " (ticket.key) } {}
            div.ask-do { button.btn.main.primary[back == Back::Ticket] type="submit" { "Send answer" } }
        }
    }
}

/// Returns the permission for one guarded command.
pub(super) fn approve(
    ticket: &TicketDoc,
    approval: &ApprovalDoc,
    viewer: Viewer<'_>,
    back: Back,
    first: bool,
) -> Markup {
    if !viewer.acts() {
        return html! {};
    }
    html! {
        form id={ "approve-" (approval.id) } method="post" action=(action(ticket, "approve")) {
            (hidden(viewer, back))
            input type="hidden" name="approval" value=(approval.id);
            button.btn.main[first].primary[first && back == Back::Ticket] type="submit" data-key="a" data-does={ "Approve " (approval.id) " of " (ticket.key) " once" } data-confirm { "Approve once" kbd { "a" } }
        }
    }
}

/// Returns the refusal of one guarded command, with its reason.
pub(super) fn deny(
    ticket: &TicketDoc,
    approval: &ApprovalDoc,
    viewer: Viewer<'_>,
    back: Back,
) -> Markup {
    if !viewer.acts() {
        return html! {};
    }
    let id = format!("deny-{}", approval.id);
    html! {
        details.reply {
            summary.btn data-key="d" data-does={ "Deny " (approval.id) " of " (ticket.key) } { "Deny…" kbd { "d" } }
            form id=(id) method="post" action=(action(ticket, "deny")) {
                (hidden(viewer, back))
                input type="hidden" name="approval" value=(approval.id);
                label.mid for={ (id) "-reason" } { "Why not? The lane is told." }
                textarea.field id={ (id) "-reason" } name="reason" rows="2" required dir="auto" {}
                div.ask-do { button.btn type="submit" { "Deny" } (shut("Close")) }
            }
        }
    }
}

/// Returns the report of a person who works a gate.
pub(super) fn report(ticket: &TicketDoc, attempt: &str, viewer: Viewer<'_>, back: Back) -> Markup {
    if !viewer.acts() {
        return html! {};
    }
    let id = format!("report-{}", ticket.key);
    html! {
        form.answer id=(id) method="post" action=(action(ticket, "report")) data-packet=(attempt) {
            (hidden(viewer, back))
            input type="hidden" name="attempt" value=(attempt);
            label.sr for={ (id) "-text" } { "What you did, or ask" }
            textarea.field id={ (id) "-text" } name="text" rows="2" required dir="auto" placeholder="What you did, or ask" data-key="1" data-does={ "Report on " (ticket.key) } {}
            div.ask-do {
                button.btn type="submit" name="kind" value="done" { "Report done" }
                button.btn.ghost type="submit" name="kind" value="question" { "Ask" }
            }
        }
    }
}

/// Returns an action that needs a reason, folded behind its button.
pub(super) fn reasoned(
    ticket: &TicketDoc,
    verb: &str,
    label: &str,
    why: &str,
    viewer: Viewer<'_>,
    back: Back,
) -> Markup {
    if !viewer.acts() {
        return html! {};
    }
    let id = format!("{verb}-{}", ticket.key);
    html! {
        details.reply {
            summary.btn data-does={ (label.split(' ').next().unwrap_or(label)) " " (ticket.key) } { (label) "…" }
            form id=(id) method="post" action=(action(ticket, verb)) {
                (hidden(viewer, back))
                label.mid for={ (id) "-reason" } { (why) }
                textarea.field id={ (id) "-reason" } name="reason" rows="2" required dir="auto" {}
                div.ask-do { button.btn type="submit" { (label) } (shut(if verb == "cancel" { "Keep it" } else { "Close" })) }
            }
        }
    }
}

/// Returns the way out of an opened field; its script shows it, and without one the button that opened it closes it.
fn shut(label: &str) -> Markup {
    html! { button.btn.ghost type="button" data-shut hidden { (label) } }
}

/// Returns an action that needs nothing but a press.
pub(super) fn plain(
    ticket: &TicketDoc,
    verb: &str,
    label: &str,
    glyph: &str,
    viewer: Viewer<'_>,
    back: Back,
) -> Markup {
    if !viewer.acts() {
        return html! {};
    }
    html! {
        form id={ (verb) "-" (ticket.key) } method="post" action=(action(ticket, verb)) {
            (hidden(viewer, back))
            button.btn type="submit" data-does={ (label) " " (ticket.key) } data-ask=[question(verb)] { (icon(glyph)) (label) }
        }
    }
}

/// Returns what is asked before an action that is not taken back: it stands in the button, whose second press does it.
fn question(verb: &str) -> Option<&'static str> {
    (verb == "reopen").then_some("Press again: a new round of work begins")
}

/// Returns the line that writes to whoever works the ticket.
pub(super) fn say(ticket: &TicketDoc, to: &str, viewer: Viewer<'_>) -> Markup {
    if !viewer.acts() {
        return html! {};
    }
    html! {
        form.compose id={ "say-" (ticket.key) } method="post" action=(action(ticket, "say")) {
            (hidden(viewer, Back::Ticket))
            label.sr for="say-text" { "Message to " (to) }
            input.field id="say-text" name="text" required autocomplete="off" dir="auto" placeholder={ "Message to " (to) } data-key="m" data-does={ "Write to " (to) " about " (ticket.key) };
            button.btn type="submit" { (icon("send")) span { "Queue" } }
        }
    }
}

/// Returns the way back from what a person said, while no lane has it.
pub(super) fn take_back(ticket: &TicketDoc, message: &MessageDoc, viewer: Viewer<'_>) -> Markup {
    if !viewer.acts() {
        return html! {};
    }
    let says = format!("Take back {}: no lane gets it", message.id);
    html! {
        form.take-back id={ "take-back-" (message.id) } method="post" action=(action(ticket, "take-back")) {
            (hidden(viewer, Back::Ticket))
            input type="hidden" name="message" value=(message.id);
            button.btn.sm.ghost type="submit" aria-label=(says) { "Take back" }
        }
    }
}

/// Returns the way back from a person's verdict, until the next attempt starts.
pub(super) fn withdraw(ticket: &TicketDoc, gate: &GateDoc, viewer: Viewer<'_>) -> Markup {
    if !viewer.acts() {
        return html! {};
    }
    html! {
        form id={ "withdraw-" (gate.id) } method="post" action=(action(ticket, "withdraw")) {
            (hidden(viewer, Back::Ticket))
            input type="hidden" name="gate" value=(gate.id);
            button.btn.sm.ghost type="submit" data-key="u" data-does=(of_gate("Withdraw your verdict on", ticket, gate)) data-finds="undo take back" { "Withdraw" }
        }
    }
}

/// Returns the way out of a block in place: what is different now, and another try.
pub(super) fn retry(ticket: &TicketDoc, viewer: Viewer<'_>) -> Markup {
    if !viewer.acts() {
        return html! {};
    }
    let id = format!("retry-{}", ticket.key);
    html! {
        form.answer id=(id) method="post" action=(action(ticket, "retry")) {
            (hidden(viewer, Back::Ticket))
            label.mid for={ (id) "-reason" } { "What is different now? It gets fresh attempts and one more round." }
            textarea.field id={ (id) "-reason" } name="reason" rows="2" required dir="auto" data-key="1" data-does={ "Retry " (ticket.key) } {}
            div.ask-do { button.btn.primary type="submit" { "Retry" } }
        }
    }
}
