//! Guarded commands: asked for by a lane, answered by a person, run by Mission Control, each at most once.

use super::decide::Draft;
use super::{Approval, ApprovalState, Asked, Event, MessageKind, Ran, Rejection, Seen, VoidCode};
use crate::guard::effect_of;
use crate::ids::Commit;
use crate::ids::{ApprovalId, AttemptId, MessageId};

/// How many requests of one ticket may be open: more is a loop, and no reader's list.
const MOST_OPEN: usize = 20;

/// How long an approval is good for where the policy is gone, in seconds.
const EXPIRES_S: u64 = 86_400;

impl Draft<'_> {
    /// Takes in what a lane asks to have run.
    pub(super) fn ask_approval(&mut self, attempt: AttemptId, record: u64, asked: Asked) {
        let Some(of) = self.ticket.attempt(attempt).cloned() else { return };
        let id = ApprovalId { attempt, record };
        let same = self.ticket.approvals.iter().find(|it| it.is_open() && it.is_for(&asked));
        if let Some(same) = same.map(|it| it.id) {
            self.push(Event::ApprovalRepeated { id: same, also: id });
            return;
        }
        let open = self.ticket.approvals.iter().filter(|it| it.is_open()).count();
        let refused = asked.refused.clone().or((open >= MOST_OPEN).then(|| {
            (VoidCode::TooMany, format!("{open} requests of this ticket wait for a person already"))
        }));
        let rules = self.context.rules;
        let policy = self.ticket.policy.as_deref().unwrap_or(crate::rules::DEFAULT_POLICY);
        let seconds = rules.policies.get(policy).map_or(EXPIRES_S, |it| it.approval_expires_s);
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX / 1_000_000);
        let at = self.context.now;
        self.push(Event::ApprovalRequested(Box::new(Approval {
            id,
            also: Vec::new(),
            attempt,
            gate: of.gate,
            by: self.context.by.clone(),
            effect: effect_of(&asked.argv),
            asked: Asked { refused: None, ..asked },
            at,
            expires_at: at.saturating_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(at),
            state: ApprovalState::Requested,
            answer: None,
            note: None,
            code: None,
            ran: None,
        })));
        if let Some((code, why)) = refused {
            self.push(Event::ApprovalVoided { id, code, why });
        }
    }

    pub(super) fn approve(&mut self, id: ApprovalId) -> Result<(), Rejection> {
        let id = self.answerable(id)?;
        self.push(Event::ApprovalGiven { id });
        Ok(())
    }

    pub(super) fn deny(
        &mut self,
        id: ApprovalId,
        reason: String,
        message: MessageId,
    ) -> Result<(), Rejection> {
        let id = self.answerable(id)?;
        if reason.trim().is_empty() {
            return Err(Rejection::ReasonMissing("deny"));
        }
        let by = self.context.by.clone();
        self.push(Event::ApprovalDenied { id, reason: reason.clone() });
        self.tell_lane(id, message, &format!("{by} denied it: {reason}. It was not run."));
        Ok(())
    }

    /// Returns the open approval that `id` names, where the asker may answer it now: a person, once, in time.
    fn answerable(&self, id: ApprovalId) -> Result<ApprovalId, Rejection> {
        self.by_person()?;
        self.still_open()?;
        let approval = self.ticket.approval(id).ok_or(Rejection::UnknownApproval(id))?;
        if !approval.is_open() {
            return Err(Rejection::ApprovalClosed { approval: id, state: approval.state });
        }
        if approval.expires_at <= self.context.now {
            return Err(Rejection::ApprovalTooLate { approval: id, at: approval.expires_at });
        }
        Ok(approval.id)
    }

    /// Records that the approved command is about to run, where the place is still as the person saw it. What follows is
    /// at most one run: nobody begins it a second time.
    pub(super) fn begin_approved(
        &mut self,
        id: ApprovalId,
        place: Result<Seen, (VoidCode, String)>,
        message: MessageId,
    ) -> Result<(), Rejection> {
        self.by_controller()?;
        let approval = self.ticket.approval(id).ok_or(Rejection::UnknownApproval(id))?;
        if approval.state != ApprovalState::Approved {
            return Err(Rejection::ApprovalClosed { approval: id, state: approval.state });
        }
        let asked = &approval.asked.seen;
        let changed = match place {
            _ if approval.expires_at <= self.context.now => {
                let why = format!("the permission was for the time until {}", approval.expires_at);
                Some((VoidCode::TooLate, why))
            }
            Err(refused) => Some(refused),
            Ok(Seen { head, .. }) if head != asked.head => {
                let short = |it: &Option<Commit>| {
                    it.as_ref().map_or_else(|| "none".to_owned(), |it| it.short().to_owned())
                };
                let why = format!(
                    "the commit there is {} now and was {} when it was asked for",
                    short(&head),
                    short(&asked.head)
                );
                Some((VoidCode::CommitChanged, why))
            }
            Ok(Seen { tree, .. }) if tree != asked.tree => {
                let why = "the files there are others than when it was asked for".to_owned();
                Some((VoidCode::FilesChanged, why))
            }
            Ok(Seen { aside, .. }) if asked.aside.is_some() && aside != asked.aside => {
                let why = "files there that git ignores, or a repository inside, changed since it was asked for";
                Some((VoidCode::FilesChanged, why.to_owned()))
            }
            Ok(_) => None,
        };
        match changed {
            None => self.push(Event::ApprovalBegan { id }),
            Some((code, why)) => self.void_approval(id, code, why, message),
        }
        Ok(())
    }

    /// Records what became of the approved command, and tells the lane.
    pub(super) fn end_approved(
        &mut self,
        id: ApprovalId,
        ran: Ran,
        message: MessageId,
    ) -> Result<(), Rejection> {
        self.by_controller()?;
        let approval = self.ticket.approval(id).ok_or(Rejection::UnknownApproval(id))?;
        if approval.state != ApprovalState::Running {
            return Err(Rejection::ApprovalClosed { approval: id, state: approval.state });
        }
        let person = approval.answer.as_ref().map(|it| it.by.to_string()).unwrap_or_default();
        let output = match &ran.output {
            Some(digest) => format!(" What it printed is artifact {digest}."),
            None => String::new(),
        };
        let text = format!(
            "{person} approved it and Mission Control ran it: {}.{output} Do not run it again.",
            ran.ended
        );
        self.push(Event::ApprovalRan { id, ran: Box::new(ran) });
        self.tell_lane(id, message, &text);
        Ok(())
    }

    /// Records that nobody knows whether the command ran: whoever began it is gone. A person is asked anew.
    pub(super) fn lose_approved(&mut self, id: ApprovalId) -> Result<(), Rejection> {
        self.by_controller()?;
        let approval = self.ticket.approval(id).ok_or(Rejection::UnknownApproval(id))?;
        if approval.state != ApprovalState::Running {
            // It came to its end meanwhile.
            return Ok(());
        }
        let why = "Mission Control was ended while it ran, so it is not known whether it did what \
                   it does. Look before you approve it again"
            .to_owned();
        if self.ticket.is_ended() {
            self.push(Event::ApprovalVoided { id, code: VoidCode::Unknown, why });
        } else {
            let life = approval.expires_at.duration_since(approval.at);
            let expires_at = self.context.now.saturating_add(life).unwrap_or(self.context.now);
            self.push(Event::ApprovalUnclear { id, why, expires_at });
        }
        Ok(())
    }

    /// Ends a request that nobody answered in time, and tells the lane.
    pub(super) fn expire_approval(
        &mut self,
        id: ApprovalId,
        message: MessageId,
    ) -> Result<(), Rejection> {
        self.by_controller()?;
        let approval = self.ticket.approval(id).ok_or(Rejection::UnknownApproval(id))?;
        if approval.is_open() && approval.expires_at <= self.context.now {
            let id = approval.id;
            self.push(Event::ApprovalExpired { id });
            self.tell_lane(id, message, "Nobody answered in time. It was not run.");
        }
        Ok(())
    }

    fn void_approval(&mut self, id: ApprovalId, code: VoidCode, why: String, message: MessageId) {
        let text = format!("It was not run: {why}. Ask again if it is still needed.");
        self.push(Event::ApprovalVoided { id, code, why });
        self.tell_lane(id, message, &text);
    }

    /// Ends every request that has not run, with the ticket.
    pub(super) fn void_approvals(&mut self) {
        let open = |it: &&Approval| it.is_open() || it.state == ApprovalState::Approved;
        let ids: Vec<_> = self.ticket.approvals.iter().filter(open).map(|it| it.id).collect();
        for id in ids {
            let (code, why) = (VoidCode::TicketEnded, "the ticket ended".to_owned());
            self.push(Event::ApprovalVoided { id, code, why });
        }
    }

    /// Writes to the role that asked.
    fn tell_lane(&mut self, approval: ApprovalId, id: MessageId, text: &str) {
        if self.ticket.is_ended() {
            return;
        }
        let Some(of) = self.ticket.approval(approval) else { return };
        let to = self.ticket.attempt(of.attempt).map(|it| it.role.clone());
        let text = format!("{approval}, `{}`: {text}", of.line());
        let (kind, is_notice) = (MessageKind::Answer, false);
        self.push(Event::MessageQueued { id, to, kind, text, is_notice });
    }
}
