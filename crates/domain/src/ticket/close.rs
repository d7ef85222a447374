//! How a ticket ends, comes back, and is let go on after a block.

use super::decide::Draft;
use super::{BlockCode, EndHow, Event, Kind, MessageState, Owed, Rejection, Stage};
use crate::ids::{Commit, TicketKey};
use crate::rules::ATTEMPTS_PER_ROUND;

impl Draft<'_> {
    pub(super) fn cancel(&mut self, reason: String) -> Result<(), Rejection> {
        self.not_a_lane()?;
        self.still_open()?;
        if reason.trim().is_empty() {
            return Err(Rejection::ReasonMissing("cancel"));
        }
        self.stop_lane("the ticket was cancelled", false);
        self.withdraw_messages();
        self.void_approvals();
        self.push(Event::Cancelled { reason });
        Ok(())
    }

    pub(super) fn supersede(&mut self, by: Vec<TicketKey>) -> Result<(), Rejection> {
        self.not_a_lane()?;
        self.still_open()?;
        if by.is_empty() {
            return Err(Rejection::ReasonMissing("supersede"));
        }
        if by.contains(&self.ticket.key) {
            return Err(Rejection::Itself);
        }
        self.stop_lane("the ticket was superseded", false);
        self.withdraw_messages();
        self.void_approvals();
        self.push(Event::Superseded { by });
        Ok(())
    }

    pub(super) fn reopen(&mut self) -> Result<(), Rejection> {
        self.by_person()?;
        if !self.ticket.is_ended() {
            return Err(Rejection::NotEnded);
        }
        self.push(Event::Reopened {});
        // It would be finished again at once: nothing of it is left to do.
        let is_done = self.ticket.children.values().any(|it| *it == Some(EndHow::Done));
        let is_over = is_done && self.ticket.owed(self.context.now) == Owed::Finish;
        if self.ticket.kind == Kind::Campaign && is_over {
            return Err(Rejection::NoOpenChildren);
        }
        Ok(())
    }

    pub(super) fn retry(&mut self, reason: String) -> Result<(), Rejection> {
        self.by_person()?;
        self.still_open()?;
        if reason.trim().is_empty() {
            return Err(Rejection::ReasonMissing("retry"));
        }
        if self.ticket.blocked.is_none() {
            return Err(Rejection::NotBlocked);
        }
        if self.ticket.blocked.as_ref().is_some_and(|it| it.code == BlockCode::CampaignFailed) {
            return Err(Rejection::NoOpenChildren);
        }
        let held = self.ticket.blocked.as_ref().and_then(|it| it.gate.as_ref());
        let held = held.and_then(|it| self.ticket.gate(it)).filter(|it| !it.is_settled());
        let gate = held.or(self.ticket.active_gate()).map(|it| it.rule.id.clone());
        self.push(Event::Retried { gate, reason });
        Ok(())
    }

    /// Lets a blocked ticket go on by an operator rule, once per cause and only with attempts left.
    pub(super) fn correct(&mut self, rule: String, cause: String) -> Result<(), Rejection> {
        self.by_controller()?;
        self.still_open()?;
        if self.ticket.corrected.contains(&format!("{rule}: {cause}")) {
            return Err(Rejection::AlreadyCorrected { rule, cause });
        }
        let needs_a_person = self.ticket.blocked.as_ref().is_none_or(|it| match it.code {
            BlockCode::AttemptsUsedUp
            | BlockCode::RoundsUsedUp
            | BlockCode::BudgetSpent
            | BlockCode::Failed => true,
            BlockCode::PreExisting
            | BlockCode::CouldNotRun
            | BlockCode::MergeConflict
            | BlockCode::LandBlocked
            | BlockCode::CampaignFailed
            | BlockCode::BlockerLost => false,
        });
        if needs_a_person || self.ticket.question.is_some() {
            return Err(Rejection::NotBlocked);
        }
        let left = self.ticket.active_gate().is_none_or(|it| it.used < ATTEMPTS_PER_ROUND);
        if !left {
            return Err(Rejection::NotBlocked);
        }
        self.push(Event::Corrected { rule: rule.clone(), cause: cause.clone() });
        self.push(Event::Unblocked { reason: format!("{rule}: {cause}") });
        Ok(())
    }

    /// Ends the ticket, or leaves it to be landed, once no required gate is open and nothing holds it.
    pub(super) fn settle(&mut self, is_reopened: bool) {
        if self.ticket.owed(self.context.now) != Owed::Finish {
            return;
        }
        let is_done = |it: &Option<EndHow>| *it == Some(EndHow::Done);
        if self.ticket.kind == Kind::Campaign && !self.ticket.children.values().any(is_done) {
            let text = "all tickets of the campaign ended, and none is done".into();
            self.push(Event::Blocked { code: BlockCode::CampaignFailed, text, gate: None });
        } else if !is_reopened {
            self.withdraw_messages();
            self.push(Event::Finished {});
        }
    }

    pub(super) fn land(&mut self, commit: Commit) -> Result<(), Rejection> {
        self.by_controller()?;
        // Who cancelled it after its last gate was a moment late: the branch had moved already, and that is a fact.
        if self.ticket.ended.as_ref().is_none_or(|it| it.how == EndHow::Done) {
            self.still_open()?;
        }
        if !self.ticket.lands()
            || self.ticket.active_gate().is_some()
            || !self.ticket.every_signoff_is_fresh()
        {
            return Err(Rejection::NotReadyToLand);
        }
        self.push(Event::Landed { commit });
        Ok(())
    }

    pub(super) fn move_base(&mut self, base: Commit) -> Result<(), Rejection> {
        self.by_controller()?;
        self.still_open()?;
        let last =
            self.ticket.gates.iter().rev().find(|it| {
                it.rule.id.as_str() == crate::rules::FINAL_VALIDATION && it.is_settled()
            });
        if let Some(gate) = last.map(|it| it.rule.id.clone()) {
            self.push(Event::BaseMoved { gate, base });
        }
        Ok(())
    }

    pub(super) fn block_landing(&mut self, code: BlockCode, text: String) -> Result<(), Rejection> {
        self.by_controller()?;
        self.still_open()?;
        if self.ticket.blocked.is_none() {
            let gate = self.ticket.gates.last().map(|it| it.rule.id.clone());
            self.push(Event::Blocked { code, text, gate });
        }
        Ok(())
    }

    fn withdraw_messages(&mut self) {
        let queued = self.ticket.messages.iter().filter(|it| it.state == MessageState::Queued);
        let ids: Vec<_> = queued.map(|it| it.id).collect();
        if !ids.is_empty() {
            self.push(Event::MessagesWithdrawn { ids });
        }
    }
}

impl super::Ticket {
    /// Returns whether each required gate holds a positive, fresh record. A missing one never passes.
    pub fn every_signoff_is_fresh(&self) -> bool {
        self.gates.iter().filter(|it| it.required).all(|gate| match gate.stage {
            Stage::Passed => gate.next_decider().is_none(),
            Stage::Waived => gate.signoffs.iter().any(|it| it.fresh),
            Stage::Pending
            | Stage::Working { .. }
            | Stage::Observing { .. }
            | Stage::Deciding { .. }
            | Stage::ChangesRequested
            | Stage::Failed
            | Stage::Stale { .. }
            | Stage::CouldNotRun { .. } => false,
        })
    }

    /// Returns whether the work would land without its merge ever having been tested, were `gate` waived now.
    pub(super) fn lands_untested_without(&self, gate: &super::Gate) -> bool {
        let is_final = gate.rule.id.as_str() == crate::rules::FINAL_VALIDATION;
        let tested = gate.packet.as_ref().and_then(|it| it.commit.as_ref());
        let head = self.head.as_ref().map(|it| &it.commit);
        is_final && self.kind == Kind::Task && self.lands() && (tested.is_none() || tested != head)
    }

    /// Returns whether `gate` closes a campaign whose tickets are not all over yet: only its plan comes first.
    pub(super) fn is_before_its_children(&self, gate: &super::Gate) -> bool {
        let is_last = self.gates.last().is_some_and(|it| it.rule.id == gate.rule.id);
        let is_plan = gate.rule.requires.contains(&crate::rules::EvidenceKind::Plan);
        self.kind == Kind::Campaign && is_last && !is_plan && self.has_open_children()
    }

    /// Returns how it ended, for those that wait for it.
    pub fn end_how(&self) -> Option<EndHow> {
        self.ended.as_ref().map(|it| it.how)
    }
}
