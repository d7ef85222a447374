//! From a command to the events that follow from it: which rule answers which command.

use super::{Command, Context, Event, Rejection, Stamp, Ticket, apply};

/// Events under construction, with the ticket as they leave it: a consequence is decided on what came before it.
pub(super) struct Draft<'a> {
    /// The ticket as the events so far leave it.
    pub(super) ticket: Ticket,
    /// The events so far.
    pub(super) events: Vec<Event>,
    /// What the command is decided in.
    pub(super) context: &'a Context<'a>,
}

impl Draft<'_> {
    /// Adds an event and lets it take effect.
    pub(super) fn push(&mut self, event: Event) {
        let stamp = Stamp { at: self.context.now, by: self.context.by.clone() };
        apply(&mut self.ticket, &event, &stamp);
        self.events.push(event);
    }
}

/// Returns the events that follow from `command`, or why it is refused. No events: it has no effect any more.
///
/// # Errors
/// A [`Rejection`] that names the rule.
pub fn decide(
    ticket: &Ticket,
    command: Command,
    context: &Context<'_>,
) -> Result<Vec<Event>, Rejection> {
    let mut draft = Draft { ticket: ticket.clone(), events: Vec::new(), context };
    let draft = &mut draft;
    let is_reopened = matches!(command, Command::Reopen);
    draft.no_script_elsewhere()?;
    match command {
        edit @ Command::Edit { .. } => draft.edit(edit)?,
        Command::Park => draft.park()?,
        Command::Unpark => draft.unpark()?,
        Command::Cancel { reason } => draft.cancel(reason)?,
        Command::Supersede { by } => draft.supersede(by)?,
        Command::Reopen => draft.reopen()?,
        Command::Retry { reason } => draft.retry(reason)?,
        Command::Comment { text } => draft.comment(text)?,
        Command::Judge { gate, verdict, reason, findings, seen, judged } => {
            draft.judge(super::judge::Spoken { gate, verdict, reason, findings, seen, judged })?;
        }
        Command::Withdraw { gate } => draft.withdraw(gate)?,
        Command::Answer { text, id } => draft.answer(text, id)?,
        Command::Say { text, to, kind, id } => draft.say(text, to, kind, id)?,
        Command::WithdrawMessage { id, left } => draft.withdraw_message(id, left)?,
        claim @ Command::Claim { .. } => draft.claim(claim)?,
        Command::Record { attempt, epoch, number, record } => {
            draft.record(attempt, epoch, number, record)?;
        }
        Command::Approve { approval } => draft.approve(approval)?,
        Command::Deny { approval, reason, message } => draft.deny(approval, reason, message)?,
        Command::BeginApproved { approval, place, message } => {
            draft.begin_approved(approval, place, message)?;
        }
        Command::EndApproved { approval, ran, message } => {
            draft.end_approved(approval, *ran, message)?;
        }
        Command::LoseApproved { approval } => draft.lose_approved(approval)?,
        Command::ExpireApproval { approval, message } => {
            draft.expire_approval(approval, message)?;
        }
        Command::TakeOver { attempt } => draft.take_over(attempt)?,
        Command::GiveBack { attempt } => draft.give_back(attempt)?,
        Command::KeepRecording { attempt, recording } => {
            draft.keep_recording(attempt, recording)?;
        }
        Command::EndAttempt { attempt, epoch, class, summary } => {
            draft.end_attempt(attempt, epoch, class, summary)?;
        }
        Command::MakeWorkspace { branch, base } => {
            draft.by_controller()?;
            draft.push(Event::WorkspaceMade { branch, base });
        }
        Command::RemoveWorkspace { kept } => {
            draft.by_controller()?;
            draft.push(Event::WorkspaceRemoved { kept });
        }
        Command::ObserveHead { head, change, contributors } => {
            draft.by_controller()?;
            draft.move_head(head, change, contributors, None);
        }
        Command::Credit { contributors } => draft.credit(contributors)?,
        Command::Seal { attempt, seen } => draft.seal(attempt, *seen)?,
        Command::Check { gate, on, seen } => draft.check(&gate, on.as_ref(), *seen)?,
        Command::FailToRun { gate, cause } => draft.fail_to_run(gate, cause)?,
        Command::HandOver { gate, why } => draft.hand_over(gate, why)?,
        Command::RecordLanding { commit } => draft.land(commit)?,
        Command::MoveBase { base } => draft.move_base(base)?,
        Command::BlockLanding { code, text } => draft.block_landing(code, text)?,
        Command::Release { blocker, how, by } => draft.release(blocker, how, by)?,
        Command::Wake => draft.wake()?,
        Command::AddChild { child } => draft.add_child(child)?,
        Command::EndChild { child, how } => draft.end_child(child, how)?,
        Command::ReopenChild { child } => draft.reopen_child(child)?,
        Command::Correct { rule, cause } => draft.correct(rule, cause)?,
        // Whatever was asked, a ticket that is owed its end gets it below.
        Command::Finish => draft.by_controller()?,
        Command::GiveUpMessages { ids, why } => draft.give_up_messages(ids, why)?,
    }
    draft.settle(is_reopened);
    Ok(std::mem::take(&mut draft.events))
}

impl Draft<'_> {
    /// Refuses everybody but Mission Control itself.
    pub(super) fn by_controller(&self) -> Result<(), Rejection> {
        match self.context.by {
            super::Principal::Controller => Ok(()),
            other => Err(Rejection::NotTheController(other.clone())),
        }
    }

    /// Refuses the demo's stand-in everywhere but in the demo's home, whatever it asks for.
    fn no_script_elsewhere(&self) -> Result<(), Rejection> {
        let is_stray = *self.context.by == super::Principal::Scripted && !self.context.demo;
        if is_stray { Err(Rejection::NoScriptHere) } else { Ok(()) }
    }

    /// Refuses everybody but a person; that the demo's stand-in is at home was looked at before.
    pub(super) fn by_person(&self) -> Result<(), Rejection> {
        match self.context.by {
            by if by.is_person() => Ok(()),
            other => Err(Rejection::NotAPerson(other.clone())),
        }
    }

    /// Refuses a ticket that has ended.
    pub(super) fn still_open(&self) -> Result<(), Rejection> {
        if self.ticket.is_ended() { Err(Rejection::Ended) } else { Ok(()) }
    }
}
