//! The steps of a schedule: the plan carried out, lanes at work and misbehaving, people who ask.

use mission_domain::ids::{AttemptId, Commit, Epoch, GateId, TicketKey};
use mission_domain::plan::{Action, principal_of};
use mission_domain::principal::Principal;
use mission_domain::rules::FINAL_VALIDATION;
use mission_domain::sessions::Start;
use mission_domain::ticket::{BlockCode, Command, Observation, Purpose, State};
use mission_store::ProjectionKind;

use crate::chance::Chance;
use crate::client::{self, Asked, send};
use crate::outside::Lane;
use crate::play::{Leaves, Outcome, Play, told};

/// What is done for a ticket beside the loop: what was seen when it began, told when it ends.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    Seal { attempt: AttemptId, gate: GateId, seen: Box<Observation> },
    Check { gate: GateId, on: Option<Commit>, seen: Box<Observation> },
    Land { commit: Commit },
}

impl Play {
    fn execute(
        &mut self,
        key: &TicketKey,
        command: Command,
        by: &Principal,
        chance: &mut Chance,
    ) -> Outcome {
        let control = self.life().control();
        let (key, by) = (key.clone(), by.clone());
        self.change(None, chance, async move { control.execute(&key, command, &by).await })
    }

    /// The dispatcher looks, and begins one of the things that are to be done.
    pub(crate) fn plans(&mut self, chance: &mut Chance) {
        for _ in 0..=chance.below(2) {
            self.catches_up();
            let control = self.life().control();
            let actions = match self.late.as_ref().and_then(about) {
                Some(busy) => control.planned_beside(busy),
                None => control.planned(),
            };
            drop(control);
            let free: Vec<_> = actions
                .into_iter()
                .filter(|it| about(it).is_none_or(|it| !self.works.contains_key(it)))
                .collect();
            let Some(action) = chance.any(&free) else { return };
            if lends(&action) && self.late.is_none() && chance.one_in(3) {
                // Others are quicker: what this one was planned on may be no longer so.
                self.late = Some(action);
                continue;
            }
            self.begins(action, chance);
            if let Some(late) = self.late.take_if(|_| chance.one_in(2)) {
                self.begins(late, chance);
            }
        }
    }

    fn begins(&mut self, action: Action, chance: &mut Chance) {
        let controller = Principal::Controller;
        match action {
            Action::Claim { ticket, gate, role, runtime, identity, purpose, warm } => {
                let store = self.life().store();
                let last =
                    self.life().look(store.last_ord(ProjectionKind::Attempt)).expect("a number");
                drop(store);
                let principal = principal_of(&role, &runtime);
                let (attempt, model) = (AttemptId(last + 1), None);
                let claim = Command::Claim {
                    attempt,
                    gate,
                    role,
                    runtime,
                    identity,
                    model,
                    purpose,
                    principal,
                    warm,
                };
                if matches!(self.execute(&ticket, claim, &controller, chance), Outcome::Done) {
                    self.tally.claims += 1;
                }
            }
            Action::Observe { ticket: key, attempt } => {
                let (ticket, _) = self.ticket(&key);
                let Some(of) = ticket.attempt(attempt) else { return };
                let by = Some(of).filter(|it| it.purpose == Purpose::Deliver);
                let mut seen = self.outside.seen(&ticket, by, chance);
                if by.is_none() {
                    seen.head = None;
                    seen.packet.commit = ticket.head.as_ref().map(|it| it.commit.clone());
                    seen.packet.tree = ticket.head.as_ref().map(|it| it.tree.clone());
                }
                let (gate, seen) = (of.gate.clone(), Box::new(seen));
                self.works.insert(key, Work::Seal { attempt, gate, seen });
            }
            Action::Check { ticket: key, gate } => {
                if self.observes_head(&key, chance) {
                    return;
                }
                let (ticket, _) = self.ticket(&key);
                let on = ticket.head.as_ref().map(|it| it.commit.clone());
                let mut seen = Box::new(self.outside.seen(&ticket, None, chance));
                if on.is_none() && gate.as_str() == FINAL_VALIDATION {
                    seen.block = Some((BlockCode::MergeConflict, "nothing was committed".into()));
                }
                self.works.insert(key, Work::Check { gate, on, seen });
            }
            Action::Land { ticket: key } => self.lands(&key, chance),
            quick => {
                let control = self.life().control();
                self.change(None, chance, async move { control.carry_out(quick).await });
            }
        }
    }

    fn lands(&mut self, key: &TicketKey, chance: &mut Chance) {
        if self.observes_head(key, chance) {
            return;
        }
        let (ticket, _) = self.ticket(key);
        let Some(head) = ticket.head.as_ref() else { return };
        let controller = Principal::Controller;
        match chance.below(8) {
            0 => {
                let base = Commit::new(format!("base{}", self.outside.name()));
                self.execute(key, Command::MoveBase { base }, &controller, chance);
            }
            1 => {
                let (code, text) = (BlockCode::LandBlocked, "uncommitted changes".into());
                self.execute(key, Command::BlockLanding { code, text }, &controller, chance);
            }
            _ => {
                // The branch moves first; a crash before the record of it finds it there.
                let commit = head.commit.clone();
                if !self.outside.main.contains(&commit) {
                    self.outside.main.push(commit.clone());
                }
                self.works.insert(key.clone(), Work::Land { commit });
            }
        }
    }

    /// Fetches the branch; returns whether it had moved.
    pub(crate) fn observes_head(&mut self, key: &TicketKey, chance: &mut Chance) -> bool {
        let (ticket, _) = self.ticket(key);
        let Some((head, change)) = self.outside.moved(&ticket) else { return false };
        let contributors = ticket.contributors.clone();
        self.execute(
            key,
            Command::ObserveHead { head, change, contributors },
            &Principal::Controller,
            chance,
        );
        true
    }

    /// Something that was begun comes to its end; the ticket may have gone elsewhere meanwhile.
    pub(crate) fn finishes_work(&mut self, chance: &mut Chance) {
        let keys: Vec<_> = self.works.keys().cloned().collect();
        let Some(key) = chance.any(&keys) else { return self.plans(chance) };
        let Some(work) = self.works.remove(&key) else { return };
        let cause = "no git".to_owned();
        let command = match work {
            Work::Seal { gate, .. } | Work::Check { gate, .. } if chance.one_in(12) => {
                Command::FailToRun { gate, cause }
            }
            Work::Seal { attempt, seen, .. } => Command::Seal { attempt, seen },
            Work::Check { gate, on, seen } => Command::Check { gate, on, seen },
            Work::Land { commit } => Command::RecordLanding { commit },
        };
        self.execute(&key, command, &Principal::Controller, chance);
    }

    fn a_live_lane(&mut self, chance: &mut Chance) -> Option<(TicketKey, AttemptId)> {
        let mut live = Vec::new();
        for key in self.keys() {
            let (ticket, _) = self.ticket(&key);
            if let Some(attempt) = ticket.live_attempt() {
                self.outside.lanes.entry(attempt.id).or_insert_with(|| Lane::of(&ticket, attempt));
                live.push((key, attempt.id));
            }
        }
        chance.any(&live)
    }

    /// A lane does the next thing, and its runner tells.
    pub(crate) fn lane_works(&mut self, chance: &mut Chance) {
        let Some((key, id)) = self.a_live_lane(chance) else { return self.plans(chance) };
        for _ in 0..=chance.below(3) {
            let (ticket, _) = self.ticket(&key);
            let Some(attempt) = ticket.live_attempt().filter(|it| it.id == id) else { return };
            let next = self.sent.get(&id).copied().unwrap_or(0).max(attempt.last_record) + 1;
            if self.outside.lanes[&id].journal.len() < usize::try_from(next).expect("a number") {
                self.outside.works(&ticket, attempt, chance);
            }
            let lane = self.outside.lanes[&id].clone();
            let Some(command) = lane.tells(next) else { return };
            match self.execute(&key, command, &lane.by, chance) {
                Outcome::Done | Outcome::Refused => drop(self.sent.insert(id, next)),
                Outcome::Replayed | Outcome::Unknown | Outcome::Crashed => {}
            }
        }
    }

    /// Records that come twice, out of order, under a wrong lease, or after the end: none has an effect but the one that is due.
    pub(crate) fn lane_misbehaves(&mut self, chance: &mut Chance) {
        self.catches_up();
        self.a_live_lane(chance);
        let lanes: Vec<Lane> =
            self.outside.lanes.values().filter(|it| !it.journal.is_empty()).cloned().collect();
        let Some(mut lane) = chance.any(&lanes) else { return };
        let (before, version) = self.ticket(&lane.ticket);
        let Some(of) = before.attempt(lane.attempt) else { return };
        let number = 1 + chance.below(lane.journal.len() as u64 + 1);
        let skew = chance.below(4);
        lane.epoch = match skew {
            0 => Epoch(lane.epoch.0.saturating_sub(1)),
            1 => Epoch(lane.epoch.0 + 1),
            _ => lane.epoch,
        };
        let is_due = skew > 1 && of.is_live() && number > of.last_record;
        let mut told = lane.journal.clone();
        told.extend(lane.journal.last().cloned());
        lane.journal = told;
        let number = if skew < 2 {
            number.max(of.last_record + 1).min(lane.journal.len() as u64)
        } else {
            number
        };
        let Some(command) = lane.tells(number) else { return };
        if is_due && number != of.last_record + 1 && !chance.one_in(4) {
            return;
        }
        let key = lane.ticket.clone();
        self.execute(&key, command, &lane.by, chance);
        let (after, now) = self.ticket(&key);
        if !is_due {
            self.tally.fenced += 1;
            assert_eq!(now, version, "a word of {} that is not due had an effect", lane.attempt);
            assert_eq!(before, after, "a word of {} that is not due had an effect", lane.attempt);
        }
    }

    /// Somebody asks for something, and again until they are answered.
    pub(crate) fn somebody_asks(&mut self, chance: &mut Chance) {
        let Some(asked) = self.a_wish(chance) else { return };
        self.asks(asked, chance);
    }

    fn a_wish(&mut self, chance: &mut Chance) -> Option<Asked> {
        let keys = self.keys();
        let of = chance.any(&keys)?;
        let (mut ticket, _) = self.ticket(&of);
        // Those who can be helped are looked at first.
        for key in &keys {
            let waits = matches!(
                self.ticket(key).0.state(),
                State::InReview | State::NeedsInput | State::Blocked
            );
            if waits && chance.one_in(2) {
                ticket = self.ticket(key).0;
            }
        }
        let key = self.request_key();
        Some(client::wanted(&key, &ticket, &keys, chance))
    }

    pub(crate) fn asks(&mut self, mut asked: Asked, chance: &mut Chance) {
        for _ in 0..4 {
            match self.sends(&asked, chance) {
                Outcome::Done | Outcome::Replayed => {
                    asked.is_done = true;
                    break;
                }
                Outcome::Refused => break,
                Outcome::Unknown | Outcome::Crashed => {}
            }
        }
        self.asked.push(asked);
    }

    fn sends(&mut self, asked: &Asked, chance: &mut Chance) -> Outcome {
        let request = Some((asked.key.clone(), asked.by.to_string()));
        let work = send(self.life().control(), asked.what.clone(), asked.by.clone());
        let outcome = self.change(request, chance, work);
        self.tally.replayed += u64::from(matches!(outcome, Outcome::Replayed));
        outcome
    }

    /// A request that was answered long ago comes again.
    pub(crate) fn asks_again(&mut self, chance: &mut Chance) {
        if let Some(asked) = chance.any(&self.asked) {
            self.sends(&asked, chance);
        }
    }

    /// Several ask at the same moment; if the process dies over one, all of them ask again.
    pub(crate) fn many_at_once(&mut self, chance: &mut Chance) {
        let mut all: Vec<Asked> =
            (0..2 + chance.below(3)).filter_map(|_| self.a_wish(chance)).collect();
        self.world.arm(crate::play::fault(chance));
        let control = self.life().control();
        let answers = self.life().ask(None, async {
            let each = all.iter().map(|it| {
                let request = Some((it.key.clone(), it.by.to_string()));
                crate::fault::REQUEST
                    .scope(request, send(control.clone(), it.what.clone(), it.by.clone()))
            });
            futures::future::join_all(each).await
        });
        self.world.arm(None);
        drop(control);
        let Some(answers) = answers else {
            // Other changes may be under way: what they come to is decided now.
            self.dies(Leaves::Image);
            all.into_iter().for_each(|it| self.asks(it, chance));
            return;
        };
        for (asked, answer) in all.iter_mut().zip(&answers) {
            asked.is_done = matches!(told(answer), Outcome::Done | Outcome::Replayed);
        }
        for (asked, answer) in all.into_iter().zip(answers) {
            if matches!(told(&answer), Outcome::Unknown) {
                self.asks(asked, chance);
            } else {
                self.asked.push(asked);
            }
        }
    }

    /// Somebody commits on a branch without telling.
    pub(crate) fn somebody_commits(&mut self, chance: &mut Chance) {
        let keys: Vec<_> = self.outside.branches.keys().cloned().collect();
        if let Some(key) = chance.any(&keys) {
            self.outside.commits(&key, chance);
        }
    }

    pub(crate) fn looks_at_head(&mut self, chance: &mut Chance) {
        let keys: Vec<_> = self.outside.branches.keys().cloned().collect();
        if let Some(key) = chance.any(&keys) {
            self.observes_head(&key, chance);
        }
    }

    /// The operator sweeps.
    pub(crate) fn sweeps(&mut self) {
        let control = self.life().control();
        self.life().look(control.sweep(false)).expect("the sweep finishes");
    }
}

fn about(action: &Action) -> Option<&TicketKey> {
    match action {
        Action::Claim { ticket, .. }
        | Action::HandOver { ticket, .. }
        | Action::Observe { ticket, .. }
        | Action::Check { ticket, .. }
        | Action::Land { ticket }
        | Action::Finish { ticket }
        | Action::Expire { ticket, .. }
        | Action::TimeOut { ticket, .. }
        | Action::Release { ticket, .. }
        | Action::Wake { ticket }
        | Action::EndChild { campaign: ticket, .. }
        | Action::Requeue { ticket, .. }
        | Action::GiveUp { ticket, .. }
        | Action::RunApproved { ticket, .. }
        | Action::LoseApproved { ticket, .. }
        | Action::ExpireApproval { ticket, .. } => Some(ticket),
        Action::PauseDispatch { .. }
        | Action::ResumeDispatch
        | Action::MarkBudget { .. }
        | Action::SetSchedule { .. }
        | Action::RunSchedule { .. }
        | Action::SkipSchedule { .. }
        | Action::DropSchedule { .. }
        | Action::FreeBudget { .. } => None,
    }
}

/// Returns whether an action gives a kept session to an attempt.
fn lends(action: &Action) -> bool {
    let Action::Claim { warm: Some(warm), .. } = action else { return false };
    matches!(warm.start, Start::Carried { .. })
}
