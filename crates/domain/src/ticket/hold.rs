//! What holds a ticket and lets it go: words and links, parking, blockers, time, children.

use super::decide::Draft;
use super::lane::Over;
use super::{Command, EndClass, EndHow, Event, Kind, Rejection};
use crate::ids::TicketKey;

impl Draft<'_> {
    pub(super) fn edit(&mut self, edit: Command) -> Result<(), Rejection> {
        let Command::Edit {
            title,
            body,
            priority,
            labels,
            add_blockers,
            remove_blockers,
            not_before,
            message,
        } = edit
        else {
            return Ok(());
        };
        self.not_a_lane()?;
        self.still_open()?;
        let title = title.map(|it| super::open::title(&it)).transpose()?;
        let longest = super::open::MAX_TEXT;
        if let Some(body) = body.as_ref().filter(|it| it.len() > longest) {
            return Err(Rejection::TextTooLong(body.len(), longest));
        }
        if add_blockers.contains(&self.ticket.key) {
            return Err(Rejection::Itself);
        }
        if title.is_some() || body.is_some() || priority.is_some() || labels.is_some() {
            let (old_title, old_body) = (self.ticket.title.clone(), self.ticket.body.clone());
            self.push(Event::Edited { title, body, priority, labels });
            self.grow_requirements(&[]);
            self.follow_request(&old_title, &old_body, message);
        }
        if !add_blockers.is_empty() || !remove_blockers.is_empty() {
            self.push(Event::Linked { add: add_blockers, remove: remove_blockers });
        }
        if let Some(until) = not_before {
            self.push(Event::Postponed { until });
        }
        Ok(())
    }

    pub(super) fn comment(&mut self, text: String) -> Result<(), Rejection> {
        self.not_a_lane()?;
        if text.trim().is_empty() {
            return Err(Rejection::EmptyText);
        }
        if text.len() > super::open::MAX_TEXT {
            return Err(Rejection::TextTooLong(text.len(), super::open::MAX_TEXT));
        }
        self.push(Event::Commented { text });
        Ok(())
    }

    pub(super) fn park(&mut self) -> Result<(), Rejection> {
        self.not_a_lane()?;
        self.still_open()?;
        if self.ticket.parked.is_some() {
            return Err(Rejection::AlreadyParked);
        }
        self.stop_lane("the ticket was parked", true);
        self.push(Event::Parked {});
        Ok(())
    }

    pub(super) fn unpark(&mut self) -> Result<(), Rejection> {
        self.by_person()?;
        self.still_open()?;
        if self.ticket.parked.is_none() {
            return Err(Rejection::NotParked);
        }
        self.push(Event::Unparked {});
        Ok(())
    }

    pub(super) fn release(
        &mut self,
        blocker: TicketKey,
        how: EndHow,
        by: Vec<TicketKey>,
    ) -> Result<(), Rejection> {
        self.by_controller()?;
        let waits = self.ticket.blockers.get(&blocker).is_some_and(Option::is_none);
        // A repeated release, or one that comes after the link was taken away, says nothing new.
        if !waits || self.ticket.is_ended() {
            return Ok(());
        }
        self.push(Event::BlockerEnded { blocker: blocker.clone(), how });
        match how {
            EndHow::Done | EndHow::Cancelled => {}
            EndHow::Superseded => self.hand_wait_over(&blocker, by),
        }
        Ok(())
    }

    /// Waits for what replaced `blocker`. Nothing is left to wait for where this ticket itself is the replacement.
    fn hand_wait_over(&mut self, blocker: &TicketKey, mut by: Vec<TicketKey>) {
        let replaces = by.contains(&self.ticket.key);
        by.retain(|it| *it != self.ticket.key && !self.ticket.blockers.contains_key(it));
        let is_known = self.ticket.blockers.values().any(Option::is_none);
        if !by.is_empty() {
            self.push(Event::Linked { add: by, remove: Vec::new() });
        } else if !replaces && !is_known && self.ticket.blocked.is_none() {
            let text = format!(
                "{blocker} was superseded, and what replaced it waits for this ticket in turn"
            );
            self.push(Event::Blocked { code: super::BlockCode::BlockerLost, text, gate: None });
        }
    }

    pub(super) fn wake(&mut self) -> Result<(), Rejection> {
        self.by_controller()?;
        let has_come = self.ticket.not_before.is_some_and(|at| at <= self.context.now);
        if has_come && !self.ticket.is_ended() {
            self.push(Event::TimeCame {});
        }
        Ok(())
    }

    pub(super) fn add_child(&mut self, child: TicketKey) -> Result<(), Rejection> {
        self.not_a_lane()?;
        if self.ticket.kind != Kind::Campaign {
            return Err(Rejection::NotACampaign);
        }
        // One that was done is so no more with another ticket to do.
        match self.ticket.ended.as_ref().map(|it| it.how) {
            Some(EndHow::Done) => self.push(Event::Reopened {}),
            Some(_) | None => self.still_open()?,
        }
        if !self.ticket.children.contains_key(&child) {
            self.push(Event::ChildAdded { child });
        }
        self.unblock_campaign("a ticket was added");
        Ok(())
    }

    pub(super) fn end_child(&mut self, child: TicketKey, how: EndHow) -> Result<(), Rejection> {
        self.by_controller()?;
        let is_open = self.ticket.children.get(&child).is_some_and(Option::is_none);
        if !is_open {
            return Ok(());
        }
        self.push(Event::ChildEnded { child, how });
        let none_done = !self.ticket.children.values().any(|it| *it == Some(EndHow::Done));
        let goes_on = !self.ticket.is_ended() && self.ticket.blocked.is_none();
        if !self.ticket.has_open_children() && none_done && goes_on {
            let code = super::BlockCode::CampaignFailed;
            let text = "all tickets of the campaign ended, and none is done".into();
            self.push(Event::Blocked { code, text, gate: None });
        }
        Ok(())
    }

    pub(super) fn reopen_child(&mut self, child: TicketKey) -> Result<(), Rejection> {
        self.not_a_lane()?;
        if !self.ticket.children.contains_key(&child) {
            return Ok(());
        }
        if self.ticket.is_ended() {
            self.push(Event::Reopened {});
        }
        self.push(Event::ChildReopened { child });
        self.unblock_campaign("a ticket was reopened");
        Ok(())
    }

    fn unblock_campaign(&mut self, reason: &str) {
        let failed = super::BlockCode::CampaignFailed;
        if self.ticket.blocked.as_ref().is_some_and(|it| it.code == failed) {
            self.push(Event::Unblocked { reason: reason.into() });
        }
    }

    /// Refuses lanes: tickets are edited by people, tokens that people made, and Mission Control.
    pub(super) fn not_a_lane(&self) -> Result<(), Rejection> {
        match self.context.by {
            lane @ super::Principal::Lane { .. } => Err(Rejection::NotAPerson(lane.clone())),
            super::Principal::Person(_)
            | super::Principal::Scripted
            | super::Principal::Controller
            | super::Principal::External(_) => Ok(()),
        }
    }

    /// Ends the live attempt at no cost. What it reported counts where the ticket goes on one day.
    pub(super) fn stop_lane(&mut self, why: &str, goes_on: bool) {
        let Some(attempt) = self.ticket.live_attempt().map(|it| it.id) else { return };
        let claimed = EndClass::Stopped;
        let class = if goes_on { self.real_class(attempt, claimed) } else { claimed };
        let end = Over { claimed, class, summary: why.into(), death: None, by_itself: false };
        self.finish_attempt(attempt, 0, end);
    }
}
