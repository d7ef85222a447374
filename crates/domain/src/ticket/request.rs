//! What a ticket asks for, and what becomes of work and sign-offs when that changes.

use super::decide::Draft;
use super::{Attempt, ChangeKind, Event, Gate, MessageKind, Stage, Ticket};
use crate::ids::{Digest, GateId, MessageId};
use crate::rules::StaleOn;

/// The most characters of a new text that the message about it repeats; the ticket has the rest.
const REPEATED: usize = 8_000;

impl Draft<'_> {
    /// Draws what follows where title or text are others than before: what was signed off on them holds no longer, and
    /// whoever works the ticket is told.
    pub(super) fn follow_request(&mut self, title: &str, body: &str, message: Option<MessageId>) {
        let is_title = self.ticket.title != title;
        let is_body = self.ticket.body.trim() != body.trim();
        let has_begun = !self.ticket.attempts.is_empty()
            || self.ticket.gates.iter().any(|it| !it.signoffs.is_empty());
        if !(is_title || is_body) || !has_begun {
            return;
        }
        self.push(Event::RequestChanged { title: is_title, body: is_body });
        for gate in self.ticket.bound_to_request() {
            let change = ChangeKind::Request;
            self.push(Event::Staled { gate, change, from: None, to: None });
        }
        let Some(id) = message.filter(|_| !self.ticket.attempts.is_empty()) else { return };
        let to = self.ticket.live_attempt().map(|it| it.role.clone());
        let mut text =
            "The request was changed. What you deliver is judged by the request as it is now."
                .to_owned();
        if is_title {
            text += &format!("\n\nTitle: {} (it was: {title})", self.ticket.title);
        }
        if is_body {
            let new = self.ticket.body.trim();
            let cut: String = new.chars().take(REPEATED).collect();
            let rest = if cut.len() < new.len() {
                " … (`mission ticket show` has the rest)"
            } else {
                ""
            };
            text += &match cut.as_str() {
                "" => "\n\nThe text was taken away.".to_owned(),
                cut => format!("\n\nThe text is now:\n\n{cut}{rest}"),
            };
        }
        let (kind, is_notice) = (MessageKind::Instruction, true);
        self.push(Event::MessageQueued { id, to, kind, text, is_notice });
    }
}

impl Ticket {
    /// Returns the digest of what it asks for.
    pub(super) fn request_digest(&self) -> Digest {
        let text = serde_json::to_vec(&(&self.title, self.body.trim()));
        Digest::of(&text.expect("two texts are JSON"))
    }

    /// Returns whether `attempt` reported before the last change of what the ticket asks for.
    pub(super) fn is_on_an_earlier_request(&self, attempt: &Attempt) -> bool {
        let changed = self.request_changed.as_ref().map(|it| it.at);
        changed.zip(attempt.reported_at).is_some_and(|(changed, told)| told <= changed)
    }

    /// Returns the gates that hold something that was delivered for, or decided on, the request as it was before.
    fn bound_to_request(&self) -> Vec<GateId> {
        let was_given = |gate: &Gate| {
            let now = self.request_digest();
            gate.signoffs.iter().any(|it| it.fresh && it.request.as_ref() != Some(&now))
        };
        let is_bound = |gate: &&Gate| match gate.stage {
            Stage::Passed | Stage::Waived | Stage::Deciding { .. } | Stage::Observing { .. } => {
                true
            }
            // A word that was kept over another change.
            Stage::Pending | Stage::Stale { .. } => was_given(gate),
            Stage::Working { .. }
            | Stage::ChangesRequested
            | Stage::Failed
            | Stage::CouldNotRun { .. } => false,
        };
        let bound = self.gates.iter().filter(is_bound);
        let bound = bound.filter(|it| it.required && it.rule.stale_on != StaleOn::Never);
        bound.map(|it| it.rule.id.clone()).collect()
    }

    /// Returns who changed what the ticket asks for, and when, after work on it had begun.
    pub fn told_request_change(&self) -> Option<String> {
        let changed = self.request_changed.as_ref()?;
        let what = match (changed.title, changed.body) {
            (true, false) => "title",
            (false, _) => "text",
            (true, true) => "title and text",
        };
        let by = crate::told::principal(&changed.by.to_string());
        let at = changed.at.strftime("%Y-%m-%d %H:%M UTC");
        Some(format!("{by} changed the request ({what}) on {at}, after work on it had begun"))
    }
}
