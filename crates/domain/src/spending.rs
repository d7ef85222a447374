//! What the attempts of the last day used: a fold of their events, in any order and however often each is told.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{AttemptId, ProjectKey, RoleId, TicketKey, Timestamp};
use crate::rules::Driver;
use crate::ticket::{Claimed, Event, Figures};

/// Whose use is counted: a project's, or one of its lanes'.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// The project.
    pub project: ProjectKey,
    /// The lane's role; nothing for all lanes of the project.
    pub role: Option<RoleId>,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.role {
            None => self.project.fmt(f),
            Some(role) => write!(f, "{}/{role}", self.project),
        }
    }
}

/// What was used from one moment to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    /// Tokens, as far as programs told them.
    pub tokens: u64,
    /// Millionths of a dollar, as far as programs told them.
    pub cost_micros: u64,
    /// Wall time of all attempts, in seconds.
    pub wall_s: u64,
    /// Attempts that were at work then.
    pub attempts: u32,
    /// Those of them that are at work still.
    pub live: u32,
    /// Ended attempts whose programs told no tokens.
    pub without_tokens: u32,
    /// Ended attempts whose programs told no cost.
    pub without_cost: u32,
}

/// What the attempts of the last day used.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spending {
    attempts: BTreeMap<AttemptId, Spent>,
}

/// What one attempt used.
#[derive(Debug, Clone, PartialEq)]
struct Spent {
    ticket: TicketKey,
    /// Who worked it and since when; nothing while only later events of it were told.
    claim: Option<Claim>,
    ended_at: Option<Timestamp>,
    /// All that was used up to the end of each turn, by the number of the turn's record.
    turns: BTreeMap<u64, (Timestamp, Figures)>,
}

#[derive(Debug, Clone, PartialEq)]
struct Claim {
    role: RoleId,
    by_person: bool,
    at: Timestamp,
}

impl Spending {
    /// Takes in what happened to `ticket` at `at`. The same event may come again, and an earlier one after a later one.
    pub fn note(&mut self, ticket: &TicketKey, event: &Event, at: Timestamp) {
        let (attempt, change): (AttemptId, &dyn Fn(&mut Spent)) = match event {
            Event::Claimed(claimed) => {
                (claimed.attempt, &|it: &mut Spent| it.claim = Some(Claim::of(claimed, at)))
            }
            Event::TurnOver { attempt, record, figures } => (*attempt, &|it: &mut Spent| {
                it.turns.insert(*record, (at, *figures));
            }),
            Event::AttemptEnded { attempt, .. } => {
                (*attempt, &|it: &mut Spent| it.ended_at = Some(at))
            }
            other => {
                let _: &Event = other;
                return;
            }
        };
        let new = || Spent {
            ticket: ticket.clone(),
            claim: None,
            ended_at: None,
            turns: BTreeMap::new(),
        };
        change(self.attempts.entry(attempt).or_insert_with(new));
    }

    /// Returns the tickets of attempts whose beginning was not told.
    pub fn incomplete(&self) -> Vec<TicketKey> {
        let mut tickets: Vec<_> =
            self.attempts.values().filter(|it| it.claim.is_none()).map(|it| &it.ticket).collect();
        tickets.dedup();
        tickets.into_iter().cloned().collect()
    }

    /// Returns whether `attempt` has been told of from its beginning.
    pub fn knows(&self, attempt: AttemptId) -> bool {
        self.attempts.get(&attempt).is_some_and(|it| it.claim.is_some())
    }

    /// Forgets attempts that ended before `moment`.
    pub fn forget_before(&mut self, moment: Timestamp) {
        self.attempts.retain(|_, it| it.ended_at.is_none_or(|at| at >= moment));
    }

    /// Returns what `scope` used from `since` to `now`. What people do costs nothing here.
    pub fn used(&self, scope: &Scope, since: Timestamp, now: Timestamp) -> Used {
        let mut used = Used::default();
        for spent in self.attempts.values().filter(|it| *it.ticket.project() == scope.project) {
            let Some(claim) = spent.claim.as_ref().filter(|it| !it.by_person) else { continue };
            let is_in = scope.role.as_ref().is_none_or(|it| *it == claim.role);
            let until = spent.ended_at.unwrap_or(now).min(now);
            if !is_in || until < since {
                continue;
            }
            let wall = until.duration_since(claim.at.max(since)).as_secs();
            used.wall_s += u64::try_from(wall).unwrap_or(0);
            used.attempts += 1;
            used.live += u32::from(spent.ended_at.is_none());
            let tokens = spent.grown(since, |it| it.tokens);
            let cost = spent.grown(since, |it| it.cost_micros);
            used.tokens += tokens.unwrap_or(0);
            used.cost_micros += cost.unwrap_or(0);
            let is_over = spent.ended_at.is_some();
            used.without_tokens += u32::from(is_over && tokens.is_none());
            used.without_cost += u32::from(is_over && cost.is_none());
        }
        used
    }
}

impl Spent {
    /// Returns by how much a figure grew since `since`; nothing where it was never told.
    fn grown(&self, since: Timestamp, figure: impl Fn(&Figures) -> Option<u64>) -> Option<u64> {
        let (mut before, mut grown, mut is_told) = (0, 0, false);
        for (at, figures) in self.turns.values() {
            let Some(value) = figure(figures) else { continue };
            is_told = true;
            if *at >= since {
                grown += value.saturating_sub(before);
            }
            before = before.max(value);
        }
        is_told.then_some(grown)
    }
}

impl Claim {
    fn of(claimed: &Claimed, at: Timestamp) -> Self {
        let by_person = claimed.by_person || claimed.runtime.as_str() == Driver::Person.as_str();
        Self { role: claimed.role.clone(), by_person, at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Epoch, GateId, RuntimeId};
    use crate::principal::Principal;
    use crate::ticket::{AttemptEnd, EndClass, Purpose};

    fn at(text: &str) -> Timestamp {
        format!("2026-03-01T{text}:00Z").parse().expect("a moment")
    }

    fn key() -> TicketKey {
        "MC-1".parse().expect("a key")
    }

    fn claimed(attempt: u64, role: &str) -> Event {
        Event::Claimed(Box::new(Claimed {
            attempt: AttemptId(attempt),
            gate: GateId::new("plan"),
            role: RoleId::new(role),
            runtime: RuntimeId::new("codex"),
            identity: None,
            model: None,
            principal: Principal::Controller,
            purpose: Purpose::Deliver,
            epoch: Epoch(1),
            by_person: false,
            warm: None,
        }))
    }

    fn turn(attempt: u64, record: u64, tokens: Option<u64>) -> Event {
        let figures = Figures { tokens, cost_micros: None };
        Event::TurnOver { attempt: AttemptId(attempt), record, figures }
    }

    fn ended(attempt: u64, now: Timestamp) -> Event {
        let (class, summary, by_itself) = (EndClass::Reported, String::new(), true);
        let end = AttemptEnd { class, summary, death: None, by_itself, at: now };
        let (attempt, end) = (AttemptId(attempt), Box::new(end));
        Event::AttemptEnded { attempt, record: 9, end, retry_at: None }
    }

    fn told() -> Vec<(Event, Timestamp)> {
        vec![
            (claimed(1, "coder"), at("08:00")),
            (turn(1, 3, Some(100)), at("09:00")),
            (turn(1, 5, Some(150)), at("11:00")),
            (ended(1, at("12:00")), at("12:00")),
            (claimed(2, "qa"), at("11:00")),
            (turn(2, 2, None), at("11:30")),
            (ended(2, at("11:30")), at("11:30")),
        ]
    }

    #[test]
    fn only_what_was_used_since_the_day_began_counts_whatever_came_before_in_the_same_attempt() {
        let mut spending = Spending::default();
        told().iter().for_each(|(event, at)| spending.note(&key(), event, *at));
        let project: ProjectKey = "MC".parse().expect("a project");
        let all = Scope { project: project.clone(), role: None };
        let used = spending.used(&all, at("10:00"), at("13:00"));
        assert_eq!((used.tokens, used.wall_s, used.attempts), (50, 2 * 3600 + 1800, 2));
        assert_eq!((used.without_tokens, used.without_cost, used.live), (1, 2, 0));
        let coder = Scope { project, role: Some(RoleId::new("coder")) };
        assert_eq!(spending.used(&coder, at("07:00"), at("13:00")).tokens, 150);
        spending.forget_before(at("11:45"));
        assert_eq!(spending.used(&all, at("07:00"), at("13:00")).attempts, 1);
    }

    #[test]
    fn the_fold_is_the_same_in_any_order_and_however_often_it_is_told() {
        let mut straight = Spending::default();
        told().iter().for_each(|(event, at)| straight.note(&key(), event, *at));
        let mut backwards = Spending::default();
        for (event, at) in told().iter().rev().chain(&told()) {
            backwards.note(&key(), event, *at);
        }
        assert_eq!(straight, backwards);
        let mut cut = Spending::default();
        told().iter().skip(1).for_each(|(event, at)| cut.note(&key(), event, *at));
        assert_eq!((cut.incomplete(), cut.knows(AttemptId(2))), (vec![key()], true));
    }
}
