//! A lane at work: the claim, the records of its journal, and its end.

use super::command::{IN_NO_JOURNAL, LaneRecord};
use super::decide::Draft;
use super::event::Claimed;
use super::{
    Attempt, AttemptEnd, BlockCode, Command, EndClass, Event, FindingState, Gate, MOST_SAID,
    Message, MessageState, Owed, Purpose, Rejection, Report, Stage, room,
};
use crate::doc::DeathDoc;
use crate::ids::{AttemptId, Epoch, GateId, MessageId, RoleId, Timestamp};
use crate::principal::Contributor;
use crate::rules::{ATTEMPTS_PER_ROUND, Driver, EvidenceKind};

/// How an attempt ended: as its process did, and as it counts.
pub(super) struct Over {
    pub(super) claimed: EndClass,
    pub(super) class: EndClass,
    pub(super) summary: String,
    pub(super) death: Option<Box<DeathDoc>>,
    /// Whether its own shim told of it, after a turn that came to its end.
    pub(super) by_itself: bool,
}

/// The longest wait before a retry, in milliseconds: 5 minutes.
const RETRY_MOST_MS: u64 = 300_000;

impl Draft<'_> {
    pub(super) fn claim(&mut self, command: Command) -> Result<(), Rejection> {
        let Command::Claim {
            attempt,
            gate,
            role,
            runtime,
            identity,
            model,
            purpose,
            principal,
            warm,
        } = command
        else {
            return Ok(());
        };
        self.by_controller()?;
        self.still_open()?;
        if let Some(live) = self.ticket.live_attempt() {
            return Err(Rejection::AttemptLive(live.id));
        }
        if self.ticket.kind == super::Kind::Campaign {
            return Err(Rejection::IsACampaign);
        }
        if purpose == Purpose::Deliver && self.pin_rules(&gate) {
            let is_owed = matches!(self.ticket.owed(self.context.now), Owed::Dispatch { gate: owed, .. } if owed == gate);
            if !is_owed {
                // Under the new rules another gate comes first: it is claimed next.
                return Ok(());
            }
        }
        self.takes_what_is_owed(&gate, &role, purpose)?;
        let who = Contributor { principal: principal.clone(), identity: identity.clone() };
        if purpose != Purpose::Deliver {
            self.ticket.independence(&gate, &who)?;
        }
        let epoch = Epoch(self.ticket.epoch.0 + 1);
        let driver = self.context.rules.runtimes.get(&runtime).map(|it| it.driver);
        let by_person = driver == Some(Driver::Person);
        if let Some(spent) = self.spent_budget().filter(|_| !by_person) {
            // Nothing is started that the first answer would end.
            let text = format!("the ticket used all of {spent}. May it use as much again?");
            let gate = Some(gate);
            self.push(Event::Blocked { code: BlockCode::BudgetSpent, text, gate });
            return Ok(());
        }
        self.push(Event::Claimed(Box::new(Claimed {
            attempt,
            gate,
            role,
            runtime,
            identity,
            model,
            principal,
            purpose,
            epoch,
            by_person,
            warm,
        })));
        Ok(())
    }

    /// Refuses a claim of anything but what is owed now.
    fn takes_what_is_owed(
        &self,
        gate: &GateId,
        role: &RoleId,
        purpose: Purpose,
    ) -> Result<(), Rejection> {
        let (gate, role) = (gate.clone(), role.clone());
        match self.ticket.owed(self.context.now) {
            Owed::Dispatch { gate: owed, .. } if owed != gate => Err(Rejection::GateNotOpen(gate)),
            Owed::Dispatch { role: worker, purpose: why, .. }
                if worker != role || why != purpose =>
            {
                Err(Rejection::WrongRole { gate, worker: worker.to_string(), role })
            }
            Owed::Dispatch { .. } => Ok(()),
            Owed::RetryAt(until) => Err(Rejection::TooEarly { gate, until }),
            Owed::Nothing
            | Owed::Observe { .. }
            | Owed::Check { .. }
            | Owed::Land
            | Owed::Finish => Err(Rejection::NotDispatchable(self.ticket.state().as_str())),
        }
    }

    pub(super) fn record(
        &mut self,
        id: AttemptId,
        epoch: Epoch,
        number: u64,
        record: LaneRecord,
    ) -> Result<(), Rejection> {
        let attempt = self.ticket.attempt(id).ok_or(Rejection::UnknownAttempt(id))?;
        let by = self.context.by;
        if !attempt.is_spoken_by(by) {
            let of = attempt.principal.clone();
            return Err(Rejection::NotYourAttempt { attempt: id, of, by: by.clone() });
        }
        if number != IN_NO_JOURNAL && number <= attempt.last_record {
            // A repeat after a lost answer: it took effect the first time.
            return Ok(());
        }
        self.holds_lease(id, epoch)?;
        match record {
            LaneRecord::Began { pid, tmux } => {
                self.push(Event::Began { attempt: id, record: number, pid, tmux });
            }
            LaneRecord::Delivered { ids } => self.deliver(id, number, ids),
            LaneRecord::Joined { ids } => self.join(id, number, ids),
            LaneRecord::TurnOver { well, figures } => {
                if well {
                    self.settle_messages(id, true);
                }
                self.push(Event::TurnOver { attempt: id, record: number, figures });
                self.warn_of_budget();
            }
            LaneRecord::Session(session) => {
                self.push(Event::SessionOpened { attempt: id, record: number, session });
            }
            LaneRecord::TookOver => {
                let (attempt, by, typing_is_noted) = (id, None, false);
                self.push(Event::TookOver { attempt, record: number, by, typing_is_noted });
            }
            LaneRecord::Typed { by } => {
                if by.is_person() {
                    self.push(Event::Typed { attempt: id, record: number, by });
                }
            }
            LaneRecord::GaveBack => self.push(Event::GaveBack { attempt: id, record: number }),
            LaneRecord::Evidence(evidence) => {
                self.push(Event::EvidenceAdded { attempt: id, record: number, evidence });
            }
            LaneRecord::Unheld(unheld) => {
                self.push(Event::BoundsUnheld { attempt: id, record: number, unheld });
            }
            LaneRecord::Approval(asked) => self.ask_approval(id, number, *asked),
            LaneRecord::Report(report) => {
                self.check_report(id, &report)?;
                self.push(Event::Reported { attempt: id, record: number, report });
            }
            LaneRecord::Exited { class, summary, death } => {
                let (by_itself, real) = (class.ends_a_turn_well(), self.real_class(id, class));
                let end = Over { claimed: class, class: real, summary, death, by_itself };
                self.finish_attempt(id, number, end);
            }
        }
        Ok(())
    }

    pub(super) fn end_attempt(
        &mut self,
        id: AttemptId,
        epoch: Epoch,
        class: EndClass,
        summary: String,
    ) -> Result<(), Rejection> {
        if self.ticket.attempt(id).is_some_and(|it| !it.is_live()) {
            return Ok(());
        }
        self.holds_lease(id, epoch)?;
        self.not_a_lane()?;
        let real = self.real_class(id, class);
        let end = Over { claimed: class, class: real, summary, death: None, by_itself: false };
        self.finish_attempt(id, 0, end);
        Ok(())
    }

    /// Refuses a writer whose lease was taken over: the fencing rule.
    fn holds_lease(&self, id: AttemptId, epoch: Epoch) -> Result<(), Rejection> {
        let attempt = self.ticket.attempt(id).ok_or(Rejection::UnknownAttempt(id))?;
        let is_stale = attempt.epoch != epoch || self.ticket.epoch != epoch;
        if is_stale && !crate::mutants::is_removed("epoch") {
            return Err(Rejection::StaleEpoch(id));
        }
        if attempt.is_live() { Ok(()) } else { Err(Rejection::AttemptOver(id)) }
    }

    fn check_report(&self, id: AttemptId, report: &Report) -> Result<(), Rejection> {
        let attempt = self.ticket.attempt(id).ok_or(Rejection::UnknownAttempt(id))?;
        match report {
            Report::Done { .. } => Ok(()),
            Report::Question { text } if text.trim().is_empty() => Err(Rejection::EmptyText),
            Report::Question { .. } => Ok(()),
            Report::Verdict { .. } if attempt.purpose == Purpose::Deliver => {
                Err(Rejection::OwnWork {
                    by: attempt.principal.clone(),
                    gate: attempt.gate.clone(),
                })
            }
            Report::Verdict { .. } if attempt.is_persons() => self.speaks_of_others(attempt),
            Report::Verdict { verdict: super::VerdictWord::Pass, .. } => Ok(()),
            Report::Verdict { verdict: super::VerdictWord::Changes, reason, findings } => {
                let says_why = !reason.trim().is_empty() || !findings.is_empty();
                says_why.then_some(()).ok_or(Rejection::ReasonMissing("changes"))
            }
            Report::Verdict { verdict, .. } => Err(Rejection::VerdictNotAllowed(*verdict)),
        }
    }

    /// Refuses a person's verdict on their own work: who worked a lane is known by their own name.
    fn speaks_of_others(&self, attempt: &Attempt) -> Result<(), Rejection> {
        let principal = self.context.by.clone();
        let who = Contributor { principal, identity: None };
        self.ticket.independence(&attempt.gate, &who).map(drop)
    }

    /// A report ends an attempt, whatever became of the process after it; without one nothing was delivered. A turn that
    /// died with words that were there before the report takes the report with it: it did not count yet. Words that no
    /// turn took at all, since nobody was there to give them to it, go to another attempt at no cost.
    pub(super) fn real_class(&self, id: AttemptId, claimed: EndClass) -> EndClass {
        let Some(attempt) = self.ticket.attempt(id) else { return claimed };
        let was_cut_off = !claimed.ends_a_turn_well() && claimed != EndClass::Stopped;
        if was_cut_off && attempt.has_turn_after_report() && self.owes_words(attempt) {
            return claimed;
        }
        match &attempt.report {
            Some(Report::Question { .. }) => EndClass::Asked,
            Some(Report::Done { .. } | Report::Verdict { .. })
                if self.unheard_before_report(attempt).next().is_some() =>
            {
                EndClass::Stopped
            }
            Some(Report::Done { .. } | Report::Verdict { .. }) => EndClass::Reported,
            None if matches!(claimed, EndClass::Reported | EndClass::Asked) => EndClass::NoReport,
            None => claimed,
        }
    }

    /// Returns whether the last turn of `attempt` took words that were there before its report.
    fn owes_words(&self, attempt: &Attempt) -> bool {
        let told = attempt.reported_at;
        self.ticket.messages.iter().any(|it| {
            it.state == MessageState::Delivered
                && it.attempt == Some(attempt.id)
                && told.is_some_and(|told| it.queued_at <= told)
        })
    }

    /// Returns the words for a lane of ours that came while it was at work and before its report was taken in, and that no
    /// turn of it took. What came before it began is in its brief: nothing holds up more than one attempt.
    fn unheard_before_report<'a>(
        &'a self,
        attempt: &'a Attempt,
    ) -> impl Iterator<Item = MessageId> + 'a {
        let told = attempt.reported_at.filter(|_| attempt.runs_here());
        let waited = self.ticket.queued_for(&attempt.role);
        let came = attempt.started_at;
        let is_owed = move |it: &&Message| {
            came <= it.queued_at && told.is_some_and(|told| it.queued_at <= told)
        };
        waited.filter(is_owed).map(|it| it.id)
    }

    fn deliver(&mut self, attempt: AttemptId, record: u64, ids: Vec<MessageId>) {
        // The turn before this one has ended.
        self.settle_messages(attempt, true);
        self.join(attempt, record, ids);
    }

    /// Puts messages into the turn that runs.
    fn join(&mut self, attempt: AttemptId, record: u64, ids: Vec<MessageId>) {
        let is_queued = |id: &MessageId| {
            self.ticket.messages.iter().any(|it| it.id == *id && it.state == MessageState::Queued)
        };
        let ids: Vec<_> = ids.into_iter().filter(is_queued).collect();
        self.push(Event::MessagesDelivered { ids, attempt, record });
    }

    /// Settles the messages that `attempt` took: processed when its turn ended well, else queued again.
    fn settle_messages(&mut self, attempt: AttemptId, ended_well: bool) {
        let taken = self
            .ticket
            .messages
            .iter()
            .filter(|it| it.state == MessageState::Delivered && it.attempt == Some(attempt));
        let ids: Vec<_> = taken.map(|it| it.id).collect();
        if ids.is_empty() {
            return;
        }
        self.push(if ended_well {
            Event::MessagesProcessed { ids }
        } else {
            Event::MessagesRequeued { ids }
        });
    }

    /// Ends the attempt, and draws what follows: verdict, question, retry or block.
    pub(super) fn finish_attempt(
        &mut self,
        id: AttemptId,
        record: u64,
        Over { claimed, class, summary, death, by_itself }: Over,
    ) {
        let Some(attempt) = self.ticket.attempt(id).cloned() else { return };
        let unheard: Vec<_> =
            self.unheard_before_report(&attempt).map(|it| it.to_string()).collect();
        let has_spoken =
            matches!(attempt.report, Some(Report::Done { .. } | Report::Verdict { .. }));
        // It goes to another attempt for what it did not hear, and for that alone.
        let reports_again = class == EndClass::Stopped && has_spoken && !unheard.is_empty();
        let summary = if reports_again {
            let unheard = unheard.join(", ");
            format!("reported without having heard {unheard}: it is told, and reports again")
        } else {
            room::cut(&summary, MOST_SAID)
        };
        // What a turn took after the report is answered by that turn's own end, and not by the report.
        let turn_ended = if attempt.has_turn_after_report() {
            claimed.ends_a_turn_well()
        } else {
            reports_again || matches!(class, EndClass::Reported | EndClass::Asked)
        };
        self.settle_messages(id, turn_ended);
        let record = record.max(attempt.last_record);
        let retry_at = self.retry_at(&attempt.gate, class);
        let at = self.context.now;
        let said = summary.clone();
        // How it ended is on record however long the words are.
        let death = death.map(|it| room::death_within_room(*it));
        let end = Box::new(AttemptEnd { class, summary, death, by_itself, at });
        self.push(Event::AttemptEnded { attempt: id, record, end, retry_at });
        match (class, attempt.report.clone(), attempt.purpose) {
            (EndClass::Asked, Some(Report::Question { text }), _) => {
                self.push(Event::QuestionAsked { attempt: id, gate: attempt.gate, text });
            }
            (EndClass::Reported, Some(report), Purpose::Judge) => {
                self.judge_by_lane(&attempt, report);
            }
            (EndClass::BudgetSpent, _, _) => {
                let text = format!("{id} {said}. May it use as much again?");
                let gate = Some(attempt.gate);
                self.push(Event::Blocked { code: BlockCode::BudgetSpent, text, gate });
            }
            _ => self.block_if_used_up(&attempt.gate),
        }
    }

    /// Returns when the gate may be tried again, if this end calls for a wait.
    pub(super) fn retry_at(&self, gate: &crate::ids::GateId, class: EndClass) -> Option<Timestamp> {
        if !class.costs_an_attempt() {
            return None;
        }
        let used = self.ticket.gate(gate).map_or(0, |it| it.used);
        let base = self.context.retry_base_ms.saturating_mul(1 << used.min(10));
        let spread = 1.0 + 0.25 * self.context.jitter.clamp(0.0, 1.0);
        let wait = (base.min(RETRY_MOST_MS) as f64 * spread) as i64;
        Some(self.context.now + jiff::SignedDuration::from_millis(wait))
    }

    /// Blocks the ticket when the gate has no attempt left, with the whole story in one sentence.
    pub(super) fn block_if_used_up(&mut self, id: &crate::ids::GateId) {
        let Some(gate) = self.ticket.gate(id) else { return };
        // Another block does not stand in for this one: letting that go would give a fourth attempt.
        let is_told =
            self.ticket.blocked.as_ref().is_some_and(|it| {
                it.code == BlockCode::AttemptsUsedUp && it.gate.as_ref() == Some(id)
            });
        if gate.used < ATTEMPTS_PER_ROUND || is_told {
            return;
        }
        let tries =
            self.ticket.attempts.iter().filter(|it| it.gate == *id && it.round == gate.round);
        let ends: Vec<_> = tries
            .filter_map(|it| it.end.as_ref().map(|end| format!("{} {}", it.id, end.class)))
            .collect();
        let missing = match gate.missing.as_slice() {
            [] => String::new(),
            missing => format!("; the last delivery lacked {}", missing.join(", ")),
        };
        let text = format!("{id} used up its {} attempts: {}{missing}", gate.used, ends.join(", "));
        let gate = Some(id.clone());
        self.push(Event::Blocked { code: BlockCode::AttemptsUsedUp, text, gate });
    }
}

/// Returns what required evidence of `gate` is missing in what `attempt` handed in, as far as the claim itself shows.
///
/// What git and the controller see for themselves (commit, changed files, screenshots) is not judged here.
pub fn missing_claims(gate: &Gate, attempt: &Attempt) -> Vec<String> {
    // The answer to a finding is no evidence of another kind.
    let evidence = || attempt.evidence.iter().filter(|it| it.answer.is_none());
    let gives = |kind: EvidenceKind| evidence().filter(move |it| it.kind == kind);
    let lacks = |kind: &&EvidenceKind| match kind {
        EvidenceKind::Commit | EvidenceKind::ChangedFiles | EvidenceKind::Screenshots => false,
        EvidenceKind::Findings => !matches!(attempt.report, Some(Report::Verdict { .. })),
        EvidenceKind::Commands | EvidenceKind::Risk => gives(**kind).next().is_none(),
        // A file that could not be kept is no evidence.
        EvidenceKind::Plan
        | EvidenceKind::Direction
        | EvidenceKind::Steps
        | EvidenceKind::Artifact => !gives(**kind).any(|it| it.artifact.is_some()),
    };
    // Who decides on a delivery owes the verdict alone: the evidence is in the packet already.
    let owes_evidence = attempt.purpose != Purpose::Judge;
    let required = gate.rule.requires.iter().filter(|_| owes_evidence);
    let mut missing: Vec<String> = required.filter(lacks).map(|it| how_to_give(*it)).collect();
    let is_verdict = matches!(attempt.report, Some(Report::Verdict { .. }));
    match attempt.purpose {
        Purpose::Review | Purpose::Judge if !is_verdict => {
            missing.push("a verdict (`mission report verdict pass|changes --reason TEXT`)".into());
        }
        Purpose::Review | Purpose::Judge | Purpose::Deliver => {}
    }
    missing
}

/// Says how a lane hands in evidence of this kind.
fn how_to_give(kind: EvidenceKind) -> String {
    let how = match kind {
        EvidenceKind::Plan => "`mission report evidence plan FILE`",
        EvidenceKind::Direction => "`mission report evidence direction FILE`",
        EvidenceKind::Commands => "`mission report evidence command -- CMD`",
        EvidenceKind::Screenshots => "`mission report evidence screenshot URL`",
        EvidenceKind::Steps => "`mission report evidence steps FILE`",
        EvidenceKind::Risk => "`mission report evidence risk TEXT`",
        EvidenceKind::Artifact => "`mission report evidence file FILE`",
        EvidenceKind::Commit | EvidenceKind::ChangedFiles => "commit the work in the workspace",
        EvidenceKind::Findings => "`mission report verdict …`",
    };
    format!("{kind} ({how})")
}

impl super::Ticket {
    /// Returns the findings of `gate` that the evidence of `attempt` leaves unanswered.
    pub fn unanswered(&self, gate: &Gate, attempt: &Attempt) -> Vec<String> {
        let answered = |id| {
            attempt.evidence.iter().filter_map(|it| it.answer.as_ref()).any(|it| it.finding == id)
        };
        let open = self.open_findings(&gate.rule.id);
        let open = open.filter(|it| it.state == FindingState::Open && it.what.command.is_none());
        open.filter(|it| !answered(it.id))
            .map(|it| {
                format!(
                    "an answer to {} (`mission report answer {} fixed|disputed TEXT`)",
                    it.id, it.id
                )
            })
            .collect()
    }

    /// Returns the gate that `attempt` delivered to, while it waits to be looked at.
    pub fn observed_gate(&self, attempt: AttemptId) -> Option<&Gate> {
        self.gates.iter().find(|it| it.stage == Stage::Observing { attempt })
    }
}
