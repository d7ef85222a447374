//! What people and lanes write to whoever works the ticket: queued, delivered, processed.

use serde::{Deserialize, Serialize};

use super::decide::Draft;
use super::{Attempt, Event, Rejection, Stamp, Ticket};
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
    /// Whether nobody said it: it tells of a change that somebody made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_notice: bool,
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
            is_notice: false,
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
            None => self.push(Event::MessageQueued { id, to, kind, text, is_notice: false }),
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
        let (to, kind) = (role, MessageKind::Answer);
        self.push(Event::MessageQueued { id, to, kind, text, is_notice: false });
        Ok(())
    }

    /// Takes a queued message of a person back. `left` is the lane at work that was asked for it and has it no more.
    pub(super) fn withdraw_message(
        &mut self,
        id: MessageId,
        left: Option<AttemptId>,
    ) -> Result<(), Rejection> {
        self.by_person()?;
        self.still_open()?;
        let found = self.ticket.messages.iter().find(|it| it.id == id);
        let message = found.ok_or(Rejection::UnknownMessage(id))?;
        self.ticket.may_withdraw(message)?;
        match self.ticket.holder_of(message) {
            Some(attempt) if left != Some(attempt) => {
                Err(Rejection::MessageHeld { message: id, attempt })
            }
            Some(_) | None => {
                self.push(Event::MessagesWithdrawn { ids: vec![id] });
                Ok(())
            }
        }
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

impl Ticket {
    /// Returns the messages that a person could take back now. Where a lane at work holds one, it must leave it first.
    pub fn withdrawable_messages(&self) -> Vec<MessageId> {
        let open = self.messages.iter().filter(|_| !self.is_ended());
        open.filter(|it| self.may_withdraw(it).is_ok()).map(|it| it.id).collect()
    }

    /// Refuses to take back what no person said, or what no longer waits. What answers, finds or tells of a change is
    /// part of how a gate goes on.
    fn may_withdraw(&self, message: &Message) -> Result<(), Rejection> {
        let Message { id, kind, from, is_notice, .. } = message;
        if *kind != MessageKind::Instruction || *is_notice || !from.is_person() {
            return Err(Rejection::NothingSaid(*id));
        }
        match message.state {
            MessageState::Delivered | MessageState::Processed => {
                Err(Rejection::MessageDelivered(*id))
            }
            state @ (MessageState::Withdrawn | MessageState::Undeliverable) => {
                Err(Rejection::MessageOver { message: *id, state })
            }
            // Nobody can be asked for a brief back that a person or a lane elsewhere reads.
            MessageState::Queued => match self.taker_of(message) {
                Some(at) if !at.runs_here() && message.queued_at <= at.started_at => {
                    Err(Rejection::MessageInBrief { message: *id, attempt: at.id })
                }
                Some(_) | None => Ok(()),
            },
        }
    }

    /// Returns the attempt at work that may have `message` in its queue, since it was told of it.
    fn holder_of(&self, message: &Message) -> Option<AttemptId> {
        self.taker_of(message).filter(|it| it.runs_here()).map(|it| it.id)
    }

    /// Returns the attempt at work that `message` is for.
    fn taker_of(&self, message: &Message) -> Option<&Attempt> {
        let is_its = |at: &&Attempt| message.to.as_ref().is_none_or(|to| *to == at.role);
        self.live_attempt().filter(is_its)
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
