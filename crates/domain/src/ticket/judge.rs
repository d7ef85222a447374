//! Verdicts: who may give which on what, how far they must be from the work, and where it goes then.

use super::decide::Draft;
use super::{
    Attempt, BlockCode, EndClass, Event, Gate, NewFinding, Owed, Purpose, Rejection, Report,
    SignOff, Stage, State, Ticket, VerdictWord,
};
use crate::ids::{Digest, FindingId, GateId};
use crate::principal::{Contributor, Principal};
use crate::rules::{Decider, Independence, Worker};

/// A person's verdict as it is spoken.
pub(super) struct Spoken {
    pub(super) gate: Option<GateId>,
    pub(super) verdict: VerdictWord,
    pub(super) reason: String,
    pub(super) findings: Vec<NewFinding>,
    pub(super) seen: Option<Digest>,
    pub(super) judged: Option<usize>,
}

impl Draft<'_> {
    pub(super) fn judge(&mut self, spoken: Spoken) -> Result<(), Rejection> {
        self.by_person()?;
        self.still_open()?;
        let active = self.ticket.active_gate().map(|it| it.rule.id.clone());
        let id = spoken.gate.clone().or(active).ok_or(Rejection::NoOpenGate)?;
        let gate = self.ticket.gate(&id).cloned().ok_or(Rejection::UnknownGate(id))?;
        if let (Some(seen), Some(now)) = (&spoken.seen, gate.packet.as_ref().map(|it| &it.digest))
            && seen != now
        {
            return Err(Rejection::PacketChanged(now.clone()));
        }
        if spoken.judged.is_some_and(|then| then != gate.signoffs.len()) {
            return Err(Rejection::DecidedMeanwhile(gate.rule.id));
        }
        let silent = spoken.reason.trim().is_empty();
        match spoken.verdict {
            VerdictWord::Pass => self.pass_by_person(&gate, spoken.reason),
            VerdictWord::Waive if silent => Err(Rejection::ReasonMissing("waive")),
            VerdictWord::Waive => self.waive(&gate, spoken.reason),
            VerdictWord::Changes if silent && spoken.findings.is_empty() => {
                Err(Rejection::ReasonMissing("changes"))
            }
            VerdictWord::Fail if silent => Err(Rejection::ReasonMissing("fail")),
            VerdictWord::Changes | VerdictWord::Fail => self.send_back_by_person(&gate, spoken),
        }
    }

    fn pass_by_person(&mut self, gate: &Gate, reason: String) -> Result<(), Rejection> {
        let next = self.persons_turn(gate)?;
        let who = self.speaker();
        let independence = self.ticket.independence(&gate.rule.id, &who)?;
        self.give(gate, VerdictWord::Pass, &who.principal, next, reason, independence);
        self.pass_what_is_complete(gate);
        Ok(())
    }

    /// Returns which decider a person would be on `gate` now.
    fn persons_turn(&self, gate: &Gate) -> Result<usize, Rejection> {
        let id = &gate.rule.id;
        if self.ticket.active_gate().map(|it| &it.rule.id) != Some(id) {
            return Err(Rejection::GateNotOpen(id.clone()));
        }
        let is_campaign = self.ticket.kind == super::Kind::Campaign;
        if self.ticket.is_before_its_children(gate) {
            return Err(Rejection::GateNotOpen(id.clone()));
        }
        let next = match gate.stage {
            Stage::Deciding { next, attempt: None } => next,
            Stage::Pending | Stage::ChangesRequested | Stage::Stale { .. } if is_campaign => {
                gate.next_decider().unwrap_or(0)
            }
            Stage::Deciding { attempt: Some(attempt), .. } => {
                return Err(Rejection::AttemptLive(attempt));
            }
            Stage::Pending
            | Stage::Working { .. }
            | Stage::Observing { .. }
            | Stage::Passed
            | Stage::Waived
            | Stage::ChangesRequested
            | Stage::Failed
            | Stage::Stale { .. }
            | Stage::CouldNotRun { .. } => return Err(Rejection::NoPacket(id.clone())),
        };
        if self.ticket.state() != State::InReview && !is_campaign {
            return Err(Rejection::GateNotOpen(id.clone()));
        }
        let by = self.context.by.clone();
        let refuse = |decider: &Decider| {
            let (gate, decider) = (id.clone(), decider.to_string());
            Err(Rejection::NotTheDecider { gate, decider, by: by.clone() })
        };
        match gate.decider(next) {
            Some(Decider::Person(Some(name))) => match &by {
                Principal::Person(it) if it == name => Ok(next),
                Principal::Scripted => Ok(next),
                Principal::Person(_)
                | Principal::Lane { .. }
                | Principal::Controller
                | Principal::External(_) => refuse(&Decider::Person(Some(name.clone()))),
            },
            Some(Decider::Person(None)) => Ok(next),
            Some(Decider::Role(_)) if gate.handed_over.is_some() => Ok(next),
            Some(decider) => refuse(decider),
            None => Err(Rejection::GateNotOpen(id.clone())),
        }
    }

    fn waive(&mut self, gate: &Gate, reason: String) -> Result<(), Rejection> {
        if gate.is_settled() {
            return Err(Rejection::GateNotOpen(gate.rule.id.clone()));
        }
        if let Some(live) = self.ticket.live_attempt().filter(|it| it.gate == gate.rule.id) {
            return Err(Rejection::AttemptLive(live.id));
        }
        if self.ticket.lands_untested_without(gate) {
            return Err(Rejection::NoPacket(gate.rule.id.clone()));
        }
        let who = self.context.by.clone();
        let next = gate.next_decider().unwrap_or(0);
        self.give(gate, VerdictWord::Waive, &who, next, reason, None);
        let frees = |it: &super::Block| it.gate.as_ref() == Some(&gate.rule.id);
        if self.ticket.blocked.as_ref().is_some_and(frees) {
            self.push(Event::Unblocked { reason: format!("{} was waived", gate.rule.id) });
        }
        Ok(())
    }

    /// Changes or a fail: on the gate that waits for this person, or on one that was passed before.
    fn send_back_by_person(&mut self, gate: &Gate, spoken: Spoken) -> Result<(), Rejection> {
        let next = if gate.stage == Stage::Passed {
            if let Some(live) = self.ticket.live_attempt() {
                return Err(Rejection::AttemptLive(live.id));
            }
            gate.rule.decided_by.len().saturating_sub(1)
        } else {
            self.persons_turn(gate)?
        };
        let who = self.context.by.clone();
        let (verdict, reason) = (spoken.verdict, spoken.reason);
        self.give(gate, verdict, &who, next, reason.clone(), None);
        if verdict == VerdictWord::Fail {
            self.block_failed(gate, &who, &reason);
        } else {
            self.ask_for_changes(&gate.rule.id, &who, &reason, spoken.findings);
        }
        Ok(())
    }

    fn block_failed(&mut self, gate: &Gate, who: &Principal, reason: &str) {
        let id = gate.rule.id.clone();
        let text = format!("{who} failed {id}: {reason}");
        self.push(Event::Blocked { code: BlockCode::Failed, text, gate: Some(id) });
    }

    /// The verdict of a role that decides on what another delivered.
    pub(super) fn judge_by_lane(&mut self, attempt: &Attempt, report: Report) {
        let Some(gate) = self.ticket.gate(&attempt.gate).cloned() else { return };
        let role = Decider::Role(attempt.role.clone());
        let is_asked = matches!(gate.stage, Stage::Deciding { next, attempt: None } if gate.decider(next) == Some(&role));
        if !is_asked {
            // What it looked at changed meanwhile: the gate is stale, and comes to it again at no cost.
            return;
        }
        let Report::Verdict { verdict, reason, findings } = report else {
            // A review turn that ends without a verdict passes nothing and costs an attempt.
            let retry_at = self.retry_at(&attempt.gate, EndClass::Incomplete);
            let missing = super::lane::missing_claims(&gate, attempt);
            let (gate, attempt) = (gate.rule.id, attempt.id);
            self.push(Event::DeliveryRefused { gate: gate.clone(), attempt, missing, retry_at });
            self.block_if_used_up(&gate);
            return;
        };
        self.judge_as(&gate, attempt, verdict, reason, findings);
    }

    /// Records a lane's verdict, if it is far enough from the work; else a person is asked.
    pub(super) fn judge_as(
        &mut self,
        gate: &Gate,
        attempt: &Attempt,
        verdict: VerdictWord,
        reason: String,
        findings: Vec<NewFinding>,
    ) {
        let next = gate.next_decider().unwrap_or(0);
        let decides = gate.decider(next) == Some(&Decider::Role(attempt.role.clone()));
        let asks_the_controller = gate.decider(next) == Some(&Decider::Controller);
        if !(decides || (asks_the_controller && verdict == VerdictWord::Changes)) {
            // Where somebody else decides, the worker's verdict is advice: it is in the packet.
            self.pass_what_is_complete(gate);
            return;
        }
        let workers = attempt.workers();
        let apart = workers.iter().map(|it| self.ticket.independence(&gate.rule.id, it));
        let independence = match apart.collect::<Result<Vec<_>, _>>() {
            Ok(levels) => levels.into_iter().flatten().min(),
            Err(refusal) => {
                let gate = gate.rule.id.clone();
                self.push(Event::HandedOver { gate, why: refusal.to_string() });
                return;
            }
        };
        // Who spoke last gave the report.
        let Some(who) = workers.last() else { return };
        self.give(gate, verdict, &who.principal, next, reason.clone(), independence);
        match verdict {
            VerdictWord::Changes => {
                self.ask_for_changes(&gate.rule.id, &who.principal, &reason, findings);
            }
            VerdictWord::Fail => self.block_failed(gate, &who.principal, &reason),
            VerdictWord::Pass | VerdictWord::Waive => {
                self.pass_what_is_complete(gate);
            }
        }
    }

    /// Gives the controller's word on a delivery that was complete when it was sealed, once it is its turn.
    fn pass_what_is_complete(&mut self, gate: &Gate) {
        let is_delivered = gate.rule.worker != Worker::Controller;
        if is_delivered && self.ticket.kind == super::Kind::Task {
            self.pass_by_controller(gate, "the packet is complete");
        }
    }

    /// Records a verdict bound to what is there now.
    pub(super) fn give(
        &mut self,
        gate: &Gate,
        verdict: VerdictWord,
        principal: &Principal,
        decider: usize,
        reason: String,
        independence: Option<Independence>,
    ) {
        let gate = self.ticket.gate(&gate.rule.id).unwrap_or(gate);
        let (id, packet) = (gate.rule.id.clone(), gate.packet.as_ref());
        let head = self.ticket.head.as_ref();
        let signoff = Box::new(SignOff {
            verdict,
            principal: principal.clone(),
            decider,
            commit: packet.and_then(|it| it.commit.clone()).or(head.map(|it| it.commit.clone())),
            tree: packet.and_then(|it| it.tree.clone()).or(head.map(|it| it.tree.clone())),
            packet: packet.map(|it| it.digest.clone()),
            policy: self.policy_of(principal),
            request: Some(self.ticket.request_digest()),
            reason,
            independence,
            round: gate.round,
            at: self.context.now,
            fresh: true,
            unheld: self.ticket.unheld_under(&gate.rule.id),
        });
        self.push(Event::Judged { gate: id, signoff });
    }

    /// Returns the rules that a verdict is given under: those of the round, and for Mission Control those in force, which
    /// are the ones that it checks by.
    fn policy_of(&self, principal: &Principal) -> Digest {
        match principal {
            Principal::Controller => self.context.rules.policy_digest(&self.ticket.workflow),
            Principal::Person(_)
            | Principal::Scripted
            | Principal::Lane { .. }
            | Principal::External(_) => self.ticket.rules.clone(),
        }
    }

    /// Sends the work back with findings, or blocks the ticket when that was done too often.
    pub(super) fn ask_for_changes(
        &mut self,
        from: &GateId,
        by: &Principal,
        reason: &str,
        mut findings: Vec<NewFinding>,
    ) {
        if findings.is_empty() {
            findings.push(NewFinding {
                file: None,
                line: None,
                text: reason.into(),
                command: None,
            });
        }
        let Some(gate) = self.ticket.gate(from) else { return };
        let to = self.ticket.gate(&gate.rule.sends_back_to).unwrap_or(gate);
        // What is open already is not owed twice because it was seen twice.
        let open: Vec<_> = self.ticket.open_findings(&to.rule.id).collect();
        let is_said = |new: &NewFinding| {
            open.iter().any(|it| it.gate == *from && it.principal == *by && it.what == *new)
        };
        findings.retain(|it| !is_said(it));
        let allowed = gate.rule.max_rounds + to.extra_rounds;
        let (to, round) = (to.rule.id.clone(), to.round);
        let newest = self.ticket.findings.iter().map(|it| it.id.0).max();
        let first = newest.unwrap_or(0) + 1;
        let findings =
            findings.into_iter().zip(first..).map(|(it, n)| (FindingId(n), it)).collect();
        self.push(Event::SentBack { from: from.clone(), to: to.clone(), by: by.clone(), findings });
        if round >= allowed {
            let open = self.ticket.open_findings(&to).map(|it| it.what.text.as_str());
            let story: Vec<_> = open.collect();
            let text = format!("{from} asked for changes {round} times: {}", story.join("; "));
            let text = text.chars().take(2_000).collect();
            self.push(Event::Blocked { code: BlockCode::RoundsUsedUp, text, gate: Some(to) });
        }
    }

    pub(super) fn withdraw(&mut self, gate: Option<GateId>) -> Result<(), Rejection> {
        self.by_person()?;
        self.still_open()?;
        let by = self.context.by.clone();
        let last = |gate: &&Gate| gate.signoffs.last().is_some_and(|it| it.principal == by);
        let found = match &gate {
            Some(id) => self.ticket.gate(id),
            None => {
                let newest = |gate: &&Gate| gate.signoffs.last().map(|it| it.at);
                self.ticket.gates.iter().filter(last).max_by_key(newest)
            }
        };
        let none = || {
            let active = self.ticket.active_gate().map(|it| it.rule.id.clone());
            gate.clone().or(active).map_or(Rejection::NoOpenGate, Rejection::NothingToWithdraw)
        };
        let found = found.ok_or_else(none)?;
        let signoff = self.ticket.withdrawable(found, &by).ok_or_else(none)?;
        let id = found.rule.id.clone();
        let blocked_here = self.ticket.blocked.as_ref().is_some_and(|it| it.at >= signoff.at);
        self.push(Event::VerdictWithdrawn { gate: id });
        if blocked_here {
            self.push(Event::Unblocked { reason: "the verdict was taken back".into() });
        }
        Ok(())
    }

    pub(super) fn hand_over(&mut self, gate: GateId, why: String) -> Result<(), Rejection> {
        self.by_controller()?;
        self.still_open()?;
        let found = self.ticket.gate(&gate).ok_or_else(|| Rejection::UnknownGate(gate.clone()))?;
        let waits_for_a_person =
            found.handed_over.is_some() && matches!(found.stage, Stage::Deciding { .. });
        if waits_for_a_person || found.is_settled() {
            return Ok(());
        }
        // Only a decision can be handed over: work that is to be delivered, or is under way, stays with its lane.
        match self.ticket.owed(self.context.now) {
            Owed::Dispatch { gate: owed, purpose: Purpose::Review | Purpose::Judge, .. }
                if owed == gate =>
            {
                self.push(Event::HandedOver { gate, why });
                Ok(())
            }
            Owed::Dispatch { .. }
            | Owed::Nothing
            | Owed::RetryAt(_)
            | Owed::Observe { .. }
            | Owed::Check { .. }
            | Owed::Land
            | Owed::Finish => Err(Rejection::GateNotOpen(gate)),
        }
    }

    fn speaker(&self) -> Contributor {
        Contributor { principal: self.context.by.clone(), identity: None }
    }
}

impl Ticket {
    /// Returns the gates whose last verdict is `by`'s and can still be taken back: until the next attempt starts.
    pub fn withdrawable_by(&self, by: &Principal) -> Vec<GateId> {
        let gates = self.gates.iter().filter(|_| self.ended.is_none());
        gates
            .filter(|it| self.withdrawable(it, by).is_some())
            .map(|it| it.rule.id.clone())
            .collect()
    }

    /// Returns the verdict of `by` on `gate` where it can still be taken back.
    fn withdrawable<'g>(&self, gate: &'g Gate, by: &Principal) -> Option<&'g SignOff> {
        let signoff = gate.signoffs.last().filter(|it| it.principal == *by && it.fresh)?;
        let now = self.head.as_ref().map(|it| &it.tree);
        let is_moved = signoff.verdict == VerdictWord::Changes
            && self.is_bound_to_code(&gate.rule.id)
            && signoff.tree.as_ref() != now;
        let begun = self.attempts.iter().any(|it| it.started_at > signoff.at);
        let is_over = begun || self.live_attempt().is_some() || self.landed_as.is_some();
        (!is_moved && !is_over).then_some(signoff)
    }
}
