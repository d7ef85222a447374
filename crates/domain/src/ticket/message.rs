//! What people and lanes write to whoever works the ticket: queued, delivered, processed.

use serde::{Deserialize, Serialize};

use super::decide::Draft;
use super::{Event, Rejection, Stamp};
use crate::ids::{AttemptId, MessageId, RoleId, Timestamp};
use crate::principal::Principal;
use crate::rules::words;

words!(
    /// Where a message is.
    MessageState {
        /// It waits for a turn.
        Queued = "queued",
        /// A turn took it.
        Delivered = "delivered",
        /// That turn ended.
        Processed = "processed",
        /// The sender took it back, or its ticket ended.
        Withdrawn = "withdrawn",
        /// Nobody is there who could take it.
        Undeliverable = "undeliverable",
    }
);

words!(
    /// What a message is.
    MessageKind {
        /// Something a person says.
        Instruction = "instruction",
        /// The answer to a question.
        Answer = "answer",
        /// Findings of a review or of the controller.
        Findings = "findings",
    }
);

/// Something for whoever works the ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Who sent it.
    pub from: Principal,
    /// The role it is for; nothing means whoever works the ticket next.
    pub to: Option<RoleId>,
    /// What it is.
    pub kind: MessageKind,
    /// The text.
    pub body: String,
    /// Where it is.
    pub state: MessageState,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// When a turn took it.
    pub delivered_at: Option<Timestamp>,
    /// When that turn ended.
    pub processed_at: Option<Timestamp>,
    /// The attempt that took it.
    pub attempt: Option<AttemptId>,
    /// How often the same text was sent while it was queued.
    pub count: u32,
    /// Why it cannot be delivered.
    pub why: Option<String>,
}

impl Message {
    /// Returns a message that was just written.
    pub(super) fn queued(
        id: MessageId,
        stamp: &Stamp,
        to: Option<RoleId>,
        kind: MessageKind,
        body: String,
    ) -> Self {
        Self {
            id,
            from: stamp.by.clone(),
            to,
            kind,
            body,
            state: MessageState::Queued,
            queued_at: stamp.at,
            delivered_at: None,
            processed_at: None,
            attempt: None,
            count: 1,
            why: None,
        }
    }

    pub(super) fn deliver(&mut self, attempt: AttemptId, at: Timestamp) {
        self.state = MessageState::Delivered;
        self.delivered_at = Some(at);
        self.attempt = Some(attempt);
    }

    pub(super) fn requeue(&mut self) {
        self.state = MessageState::Queued;
        self.delivered_at = None;
        self.attempt = None;
    }
}

/// The longest message kept, in bytes.
const MAX_MESSAGE: usize = 32 * 1024;

impl Draft<'_> {
    pub(super) fn say(
        &mut self,
        text: String,
        to: Option<RoleId>,
        kind: MessageKind,
        id: MessageId,
    ) -> Result<(), Rejection> {
        self.not_a_lane()?;
        self.still_open()?;
        check_text(&text)?;
        let same = self.ticket.messages.iter().find(|it| {
            it.state == MessageState::Queued && it.to == to && it.kind == kind && it.body == text
        });
        match same.map(|it| it.id) {
            Some(id) => self.push(Event::MessageRepeated { id }),
            None => self.push(Event::MessageQueued { id, to, kind, text }),
        }
        Ok(())
    }

    pub(super) fn answer(&mut self, text: String, id: MessageId) -> Result<(), Rejection> {
        self.by_person()?;
        self.still_open()?;
        check_text(&text)?;
        let question = self.ticket.question.clone().ok_or(Rejection::NoQuestion)?;
        let role = self.ticket.attempt(question.attempt).map(|it| it.role.clone());
        self.push(Event::QuestionAnswered { text: text.clone() });
        self.push(Event::MessageQueued { id, to: role, kind: MessageKind::Answer, text });
        Ok(())
    }

    pub(super) fn give_up_messages(
        &mut self,
        ids: Vec<MessageId>,
        why: String,
    ) -> Result<(), Rejection> {
        self.by_controller()?;
        let is_queued = |id: &MessageId| {
            self.ticket.messages.iter().any(|it| it.id == *id && it.state == MessageState::Queued)
        };
        let ids: Vec<_> = ids.into_iter().filter(is_queued).collect();
        if !ids.is_empty() {
            self.push(Event::MessagesUndeliverable { ids, why });
        }
        Ok(())
    }
}

fn check_text(text: &str) -> Result<(), Rejection> {
    if text.trim().is_empty() {
        return Err(Rejection::EmptyText);
    }
    if text.len() > MAX_MESSAGE {
        return Err(Rejection::TextTooLong(text.len(), MAX_MESSAGE));
    }
    Ok(())
}
