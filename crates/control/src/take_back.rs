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
                answer => break answer?,
            }
        };
        let message = after.messages.iter().find(|it| it.id == id);
        let message = message.ok_or(Rejection::UnknownMessage(id))?;
        Ok(message_doc(&after, message))
    }

    /// Has the lane at work let go of `message`. One that did and whose ticket is not told stays as it was: the message waits for the
    /// next attempt.
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
