//! What Mission Control saw: deliveries looked at, checks run, heads moved, and what that makes stale.

use super::decide::Draft;
use super::{
    BlockCode, ChangeKind, EndClass, Event, FindingAnswer, FindingState, Gate, Head, NewFinding,
    Observation, Owed, Purpose, Rejection, Report, Stage, Ticket, VerdictWord,
};
use crate::ids::{AttemptId, Commit, GateId};
use crate::principal::{Contributor, Principal};
use crate::rules::{Decider, EvidenceKind, FINAL_VALIDATION, StaleOn, Worker};

impl Draft<'_> {
    /// Takes a delivery in: refused when it lacks something, else sealed and, for a review, judged.
    pub(super) fn seal(&mut self, id: AttemptId, seen: Observation) -> Result<(), Rejection> {
        self.by_controller()?;
        let attempt = self.ticket.attempt(id).cloned().ok_or(Rejection::UnknownAttempt(id))?;
        // Already taken in, or the ticket went elsewhere meanwhile: nothing to add.
        let Some(gate) = self.ticket.observed_gate(id).cloned() else { return Ok(()) };
        if self.ticket.is_ended() {
            return Ok(());
        }
        if self.ticket.is_on_an_earlier_request(&attempt) {
            let (gate, change) = (gate.rule.id, ChangeKind::Request);
            self.push(Event::Staled { gate, change, from: None, to: None });
            return Ok(());
        }
        if let Some((head, change)) = seen.head {
            self.move_head(head, change, seen.contributors, Some(&gate));
        }
        let moved_meanwhile = attempt.purpose == Purpose::Review
            && self.ticket.head.as_ref().map(|it| &it.commit) != attempt.head.as_ref();
        let plan = attempt.evidence.iter().filter(|it| it.kind == EvidenceKind::Plan);
        let paths: Vec<String> = plan.flat_map(|it| it.paths.iter().cloned()).collect();
        self.grow_requirements(&paths);
        let mut missing = seen.missing;
        missing.extend(super::lane::missing_claims(&gate, &attempt));
        missing.extend(self.ticket.unanswered(&gate, &attempt));
        if moved_meanwhile {
            missing.push("a review of the present commit (it changed during the review)".into());
        }
        if !missing.is_empty() {
            let retry_at = self.retry_at(&gate.rule.id, EndClass::Incomplete);
            let gate = gate.rule.id;
            self.push(Event::DeliveryRefused {
                gate: gate.clone(),
                attempt: id,
                missing,
                retry_at,
            });
            self.block_if_used_up(&gate);
            return Ok(());
        }
        // What a command found is answered by that command, whatever anybody says of it.
        let is_commands = |it: &FindingAnswer| {
            let found = self.ticket.findings.iter().find(|found| found.id == it.finding);
            found.is_some_and(|found| found.what.command.is_some())
        };
        let answers = attempt.evidence.iter().filter_map(|it| it.answer.as_ref());
        let answers: Vec<_> = answers.filter(|it| !is_commands(it)).cloned().collect();
        self.answer_findings(&gate.rule.id, answers.into_iter().chain(seen.answers).collect());
        self.push(Event::PacketSealed { gate: gate.rule.id.clone(), packet: seen.packet });
        self.stale_by_packet(&gate);
        if let Some((code, text)) = seen.block {
            self.push(Event::Blocked { code, text, gate: Some(gate.rule.id) });
            return Ok(());
        }
        if !seen.findings.is_empty() {
            self.refute(&gate, seen.findings);
            return Ok(());
        }
        match attempt.report.clone() {
            Some(Report::Verdict { verdict, reason, findings }) => {
                self.judge_as(&gate, &attempt, verdict, reason, findings);
            }
            Some(Report::Done { .. } | Report::Question { .. }) | None => {
                self.pass_by_controller(&gate, "the packet is complete");
            }
        }
        Ok(())
    }

    /// Counts those who left work behind among the authors: who delivers it later did not make it alone.
    pub(super) fn credit(&mut self, mut contributors: Vec<Contributor>) -> Result<(), Rejection> {
        self.by_controller()?;
        contributors.retain(|it| !self.ticket.contributors.contains(it));
        if !contributors.is_empty() {
            self.push(Event::Credited { contributors });
        }
        Ok(())
    }

    /// Takes in what a gate of the controller's own came to.
    pub(super) fn check(
        &mut self,
        id: &GateId,
        on: Option<&Commit>,
        seen: Observation,
    ) -> Result<(), Rejection> {
        self.by_controller()?;
        self.still_open()?;
        let gate = self.ticket.gate(id).cloned();
        let gate = gate.ok_or_else(|| Rejection::UnknownGate(id.clone()))?;
        if self.ticket.owed(self.context.now) != (Owed::Check { gate: id.clone() }) {
            return Err(Rejection::GateNotOpen(id.clone()));
        }
        if on != self.ticket.head.as_ref().map(|it| &it.commit) {
            return Err(Rejection::OtherCommit);
        }
        self.push(Event::PacketSealed { gate: id.clone(), packet: seen.packet });
        self.answer_findings(&gate.rule.sends_back_to, seen.answers);
        self.ask_person(seen.ask_person);
        let is_waived = self.ticket.gate(id).is_some_and(|it| it.stage == Stage::Waived);
        if let Some((code, text)) =
            seen.block.filter(|it| !is_waived || it.0 == BlockCode::MergeConflict)
        {
            self.push(Event::Blocked { code, text, gate: Some(id.clone()) });
        } else if is_waived {
            // What was found is in the packet; a person took the requirement away.
        } else if seen.findings.is_empty() {
            self.pass_by_controller(&gate, "every check holds");
        } else {
            self.refute(&gate, seen.findings);
        }
        Ok(())
    }

    /// Lets nothing land before a person saw what the work does to what decides about it.
    fn ask_person(&mut self, why: Option<String>) {
        let is_final = |it: &&Gate| it.rule.id.as_str() == FINAL_VALIDATION;
        let Some((why, gate)) = why.zip(self.ticket.gates.iter().find(is_final)) else { return };
        if gate.asked.as_ref() != Some(&why) {
            self.push(Event::PersonAsked { gate: gate.rule.id.clone(), why });
        }
    }

    /// A refutation is a request for changes that the controller wrote.
    fn refute(&mut self, gate: &Gate, findings: Vec<NewFinding>) {
        let reason = findings.iter().map(|it| it.text.as_str()).collect::<Vec<_>>().join("; ");
        let next = gate.next_decider().unwrap_or(0);
        let by = Principal::Controller;
        self.give(gate, VerdictWord::Changes, &by, next, reason.clone(), None);
        self.ask_for_changes(&gate.rule.id, &by, &reason, findings);
    }

    /// Lets the controller pass what is its own to decide; others still decide after it.
    pub(super) fn pass_by_controller(&mut self, gate: &Gate, reason: &str) {
        let Some(now) = self.ticket.gate(&gate.rule.id) else { return };
        let next = now.next_decider();
        if let Some((next, Decider::Controller)) = next.and_then(|it| Some((it, now.decider(it)?)))
        {
            let by = Principal::Controller;
            self.give(gate, VerdictWord::Pass, &by, next, reason.into(), None);
        }
    }

    pub(super) fn fail_to_run(&mut self, id: GateId, cause: String) -> Result<(), Rejection> {
        self.by_controller()?;
        self.still_open()?;
        let gate = self.ticket.gate(&id).ok_or_else(|| Rejection::UnknownGate(id.clone()))?;
        if self.ticket.blocked.is_some() || gate.is_settled() {
            return Ok(());
        }
        // A delivery that could not be looked at is still there to be looked at.
        if !matches!(gate.stage, Stage::Observing { .. }) {
            if self.ticket.owed(self.context.now) != (Owed::Check { gate: id.clone() }) {
                // The ticket went elsewhere meanwhile: nobody waits for this check any more.
                return Ok(());
            }
            self.push(Event::CouldNotRun { gate: id.clone(), cause: cause.clone() });
        }
        let text = format!("Mission Control could not run {id}: {cause}");
        self.push(Event::Blocked { code: BlockCode::CouldNotRun, text, gate: Some(id) });
        Ok(())
    }

    /// Records another head, and each sign-off that it makes stale; `by` is the gate whose delivery it is.
    pub(super) fn move_head(
        &mut self,
        head: Head,
        change: ChangeKind,
        contributors: Vec<Contributor>,
        by: Option<&Gate>,
    ) {
        let known = self.ticket.head.clone();
        let from = known.as_ref().map(|it| it.commit.clone());
        let is_base_lost = change == ChangeKind::Base
            && known.as_ref().is_some_and(|it| it.commit == head.commit && it.base != head.base);
        // What has ended stays as it was signed off; whoever reopens it has the branch looked at anew.
        if (from.as_ref() == Some(&head.commit) && !is_base_lost) || self.ticket.is_ended() {
            return;
        }
        let (to, paths) = (head.commit.clone(), head.paths.clone());
        self.push(Event::HeadMoved { head, change, contributors });
        if let Some(known) = known.filter(|_| is_base_lost) {
            self.ask_for_own_work_alone(&known);
        }
        for gate in self.ticket.bound_to_code() {
            let is_machine = is_machines(&gate);
            let goes_stale = match gate.rule.stale_on {
                StaleOn::Never => false,
                StaleOn::Any => true,
                StaleOn::Code => {
                    is_machine || matches!(change, ChangeKind::Code | ChangeKind::Base)
                }
            };
            let goes_stale = goes_stale && !by.is_some_and(|by| is_built_on(&gate, by));
            if goes_stale && !crate::mutants::is_removed("staling") {
                let (gate, from, to) = (gate.rule.id, from.clone(), Some(to.clone()));
                self.push(Event::Staled { gate, change, from, to });
            }
        }
        self.grow_requirements(&paths);
    }

    /// Sends the work back to whoever wrote it: the default branch lost `base`, and landing would bring it back.
    fn ask_for_own_work_alone(&mut self, Head { commit, base, .. }: &Head) {
        let writes = |it: &&Gate| it.required && it.rule.requires.contains(&EvidenceKind::Commit);
        let Some(gate) = self.ticket.gates.iter().find(writes) else { return };
        let (gate, branch) = (gate.rule.id.clone(), &self.context.rules.default_branch);
        let reason = format!(
            "`{branch}` no longer holds {}, which the work is based on: somebody took it out. Landing would bring it back. \
             Put your own commits alone on what is there now (`git rebase --onto {branch} {base}`) and deliver again; \
             dispute this only if what was taken out belongs to the request",
            base.short()
        );
        self.ask_for_changes(&gate, &Principal::Controller, &reason, Vec::new());
        let (change, from, to) = (ChangeKind::Base, Some(commit.clone()), Some(commit.clone()));
        self.push(Event::Staled { gate, change, from, to });
    }

    /// A new packet on the same tree: machine gates and those that ask for it look again.
    fn stale_by_packet(&mut self, delivered: &Gate) {
        let after = self.ticket.gates.iter().skip_while(|it| it.rule.id != delivered.rule.id);
        let after: Vec<GateId> = after.skip(1).map(|it| it.rule.id.clone()).collect();
        if !delivered.rule.judges.is_empty() {
            return;
        }
        for gate in self.ticket.bound_to_code() {
            let is_machine = is_machines(&gate);
            let looks = match gate.rule.stale_on {
                StaleOn::Never => false,
                StaleOn::Any => true,
                StaleOn::Code => is_machine,
            };
            if looks && after.contains(&gate.rule.id) {
                let (gate, change) = (gate.rule.id, ChangeKind::Packet);
                self.push(Event::Staled { gate, change, from: None, to: None });
            }
        }
    }

    fn answer_findings(&mut self, gate: &GateId, answers: Vec<FindingAnswer>) {
        for FindingAnswer { finding, state, text } in answers {
            let is_open = self.ticket.open_findings(gate).any(|it| it.id == finding);
            if is_open && state != FindingState::Open {
                self.push(Event::FindingAnswered { finding, state, text });
            }
        }
    }

    /// Makes conditional gates required whose condition now holds. A requirement only grows.
    pub(super) fn grow_requirements(&mut self, more: &[String]) {
        let head = self.ticket.head.as_ref().map_or(&[][..], |it| it.paths.as_slice());
        let paths: Vec<String> = head.iter().chain(more).cloned().collect();
        let rules = self.context.rules;
        let grown =
            self.ticket.gates.iter().filter(|it| {
                !it.required && rules.matches(it.rule.when, &self.ticket.labels, &paths)
            });
        let grown: Vec<_> = grown.map(|it| (it.rule.id.clone(), it.rule.when)).collect();
        for (gate, when) in grown {
            let why = format!("the work is {}", when.as_str().replace('_', "-"));
            self.push(Event::RequirementGrew { gate, why });
        }
    }
}

/// Returns whether `by` delivers on top of what `gate` delivered: two that both write would send each other back to work for ever.
/// What a person or a role said of the earlier work was said of that alone, and does go stale.
fn is_built_on(gate: &Gate, by: &Gate) -> bool {
    let writes = |it: &Gate| it.rule.requires.contains(&EvidenceKind::Commit);
    let is_judged = |it: &Decider| *it != Decider::Controller;
    writes(gate) && writes(by) && !gate.rule.decided_by.iter().any(is_judged)
}

/// Returns whether the machine looks again by itself; a person's waiver is a person's word.
fn is_machines(gate: &Gate) -> bool {
    gate.rule.worker == Worker::Controller && gate.stage != Stage::Waived
}

impl Ticket {
    /// Returns whether sign-offs on `gate` are bound to the code: those from the first write gate on.
    pub(super) fn is_bound_to_code(&self, gate: &GateId) -> bool {
        let mut gates = self.gates.iter();
        let first = gates.find(|it| it.rule.requires.contains(&EvidenceKind::Commit));
        first.is_some_and(|it| it.rule.id == *gate) || gates.any(|it| it.rule.id == *gate)
    }

    /// Returns gates with a verdict or an open decision that is bound to the code: those from the first write gate on.
    pub(super) fn bound_to_code(&self) -> Vec<Gate> {
        let writes = |it: &&Gate| it.rule.requires.contains(&EvidenceKind::Commit);
        let Some(first) = self.gates.iter().find(writes) else { return Vec::new() };
        let from_first = self.gates.iter().skip_while(|it| it.rule.id != first.rule.id);
        let decided = from_first.filter(|it| match it.stage {
            Stage::Passed | Stage::Waived | Stage::Deciding { .. } => true,
            // The machine looks again, and a person's word was kept: the next change may end that.
            Stage::Pending | Stage::Stale { .. } => it.signoffs.iter().any(|it| it.fresh),
            Stage::Working { .. }
            | Stage::Observing { .. }
            | Stage::ChangesRequested
            | Stage::Failed
            | Stage::CouldNotRun { .. } => false,
        });
        decided.cloned().collect()
    }
}
