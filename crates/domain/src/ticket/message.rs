//! What people and lanes write to whoever works the ticket: queued, delivered, processed.

use super::decide::Draft;
use super::{Event, MessageKind, MessageState, Rejection};
use crate::ids::{MessageId, RoleId};

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
