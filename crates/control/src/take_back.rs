//! A person takes a message back: the ticket's rules first, then the lane at work that may hold it.

use mission_domain::doc::MessageDoc;
use mission_domain::ids::{AttemptId, MessageId, TicketKey};
use mission_domain::principal::Principal;
use mission_domain::ticket::{Command, Rejection, message_doc};
use mission_runtime::{LaneFiles, leave};

use crate::error::{Error, Result};
use crate::execute::Control;

impl Control {
    /// Takes a queued message of a person back: no lane gets it any more.
    ///
    /// # Errors
    /// It was delivered already, is over, was said by no person, or the lane at work could not be asked; somebody who is no person.
    pub async fn withdraw_message(
        &self,
        ticket: &TicketKey,
        id: MessageId,
        by: &Principal,
    ) -> Result<MessageDoc> {
        let _turn = self.inner.words_turn.lock().await;
        let mut left = None;
        let after = loop {
            match self.execute(ticket, Command::WithdrawMessage { id, left }, by).await {
                // Another lane may have begun since the last one was asked.
                Err(Error::Rejected(Rejection::MessageHeld { attempt, .. }))
                    if left != Some(attempt) =>
                {
                    self.have_left(attempt, id).await?;
                    left = Some(attempt);
                }
                Ok(after) => break after,
                Err(error) => {
                    if left.is_some() {
                        self.give_again(ticket).await;
                    }
                    return Err(error);
                }
            }
        };
        let message = after.messages.iter().find(|it| it.id == id);
        let message = message.ok_or(Rejection::UnknownMessage(id))?;
        Ok(message_doc(&after, message))
    }

    /// Gives a lane that is found again what it let go of for a withdrawal that never came on record: the server was killed in between.
    pub(crate) async fn give_words_again(&self, ticket: &TicketKey) {
        let _turn = self.inner.words_turn.lock().await;
        self.give_again(ticket).await;
    }

    /// To be called in the turn of those who take words back: what is still queued on record is withdrawn by nobody now.
    async fn give_again(&self, key: &TicketKey) {
        if let Err(error) = self.put_back(key).await {
            tracing::warn!("{key}: its lane was not given its words again: {}", error.in_full());
        }
    }

    async fn put_back(&self, key: &TicketKey) -> Result<()> {
        let (ticket, _) = self.ticket(key).await?;
        let queued = Self::unpushed(&ticket);
        let Some(live) = ticket.live_attempt().filter(|_| !queued.is_empty()) else {
            return Ok(());
        };
        let files = LaneFiles::new(&self.paths().lane(live.id));
        let asked = tokio::task::spawn_blocking(move || leave::put_back(&files, &queued)).await;
        if let Err(error) = asked.map_err(|_| Error::Fault)? {
            // One that is only coming up, or has ended, let go of nothing.
            tracing::debug!("{} was not asked: {}", live.id, Error::from(error).in_full());
        }
        self.push_turns(&ticket);
        Ok(())
    }

    /// Has the lane at work let go of `message`.
    async fn have_left(&self, attempt: AttemptId, message: MessageId) -> Result<()> {
        let files = LaneFiles::new(&self.paths().lane(attempt));
        let asked = tokio::task::spawn_blocking(move || leave::take_back(&files, &[message])).await;
        match asked.map_err(|_| Error::Fault)? {
            Ok(true) => Ok(()),
            Ok(false) => Err(Rejection::MessageDelivered(message).into()),
            Err(error) => {
                tracing::info!(
                    "{attempt} did not let go of {message}: {}",
                    Error::from(error).in_full()
                );
                Err(Rejection::MessageHeld { message, attempt }.into())
            }
        }
    }
}
