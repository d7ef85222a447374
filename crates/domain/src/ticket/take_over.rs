//! A person at an agent's session: taking it over, giving it back, and the recording that is kept of it.

use super::decide::Draft;
use super::{Attempt, Event, Rejection};
use crate::ids::{AttemptId, Digest};
use crate::principal::Principal;

impl Draft<'_> {
    /// Lets the person have the session; who holds it already has nothing more to take.
    pub(super) fn take_over(&mut self, id: AttemptId) -> Result<(), Rejection> {
        self.by_person()?;
        let attempt = self.live(id)?;
        let runs_here = matches!(attempt.principal, Principal::Lane { .. }) && !attempt.by_person;
        if !runs_here || attempt.process.is_none() {
            return Err(Rejection::NothingToTakeOver(id));
        }
        if attempt.held_by.as_ref() != Some(self.context.by) {
            let by = Some(self.context.by.clone());
            let typing_is_noted = true;
            self.push(Event::TookOver { attempt: id, record: 0, by, typing_is_noted });
        }
        Ok(())
    }

    /// Takes the session from whoever holds it; nobody holds it after that. Anybody but a lane may: who went away cannot.
    pub(super) fn give_back(&mut self, id: AttemptId) -> Result<(), Rejection> {
        self.not_a_lane()?;
        if self.live(id)?.held_by.is_some() {
            self.push(Event::GaveBack { attempt: id, record: 0 });
        }
        Ok(())
    }

    /// Names the recording of an attempt, once.
    pub(super) fn keep_recording(
        &mut self,
        id: AttemptId,
        recording: Digest,
    ) -> Result<(), Rejection> {
        self.by_controller()?;
        let attempt = self.ticket.attempt(id).ok_or(Rejection::UnknownAttempt(id))?;
        if attempt.recording.is_none() {
            self.push(Event::Recorded { attempt: id, recording });
        }
        Ok(())
    }

    fn live(&self, id: AttemptId) -> Result<&Attempt, Rejection> {
        let attempt = self.ticket.attempt(id).ok_or(Rejection::UnknownAttempt(id))?;
        if attempt.is_live() { Ok(attempt) } else { Err(Rejection::AttemptOver(id)) }
    }
}
