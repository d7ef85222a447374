//! What a ticket has used of its budget, and when that is said.

use super::decide::Draft;
use super::{BlockCode, Event, Ticket};
use crate::ids::Timestamp;
use crate::rules::Allowance;

/// From this share on, in percent, people are told.
const WARN_PERCENT: u64 = 80;

impl Ticket {
    /// Returns what all attempts up to `now` used. What no program told is nothing.
    pub fn spent(&self, now: Timestamp) -> Allowance {
        let sum = |figures: Vec<u64>| (!figures.is_empty()).then(|| figures.iter().sum());
        let wall = self.attempts.iter().filter(|it| !it.is_persons()).map(|it| {
            let until = it.end.as_ref().map_or(now, |end| end.at);
            u64::try_from(until.duration_since(it.started_at).as_secs()).unwrap_or(0)
        });
        Allowance {
            tokens: sum(self.attempts.iter().filter_map(|it| it.figures.tokens).collect()),
            cost_micros: sum(self
                .attempts
                .iter()
                .filter_map(|it| it.figures.cost_micros)
                .collect()),
            wall_s: sum(wall.collect()),
        }
    }

    /// Returns what `most` leaves at `now`; each time that a person let the ticket go on gave as much again.
    pub fn budget_left(&self, most: &Allowance, now: Timestamp) -> Allowance {
        let spent = self.spent(now);
        let left = |most: Option<u64>, spent: Option<u64>| {
            most.map(|it| self.allowed(it).saturating_sub(spent.unwrap_or(0)))
        };
        Allowance {
            tokens: left(most.tokens, spent.tokens),
            cost_micros: left(most.cost_micros, spent.cost_micros),
            wall_s: left(most.wall_s, spent.wall_s),
        }
    }

    /// Returns how much of `most` is used at `now`, in percent and in words, once that is so much that people should know.
    pub fn budget_warning(&self, most: &Allowance, now: Timestamp) -> Option<(u64, String)> {
        let spent = self.spent(now);
        let parts = [
            ("tokens", most.tokens, spent.tokens),
            ("cost", most.cost_micros, spent.cost_micros),
            ("time", most.wall_s, spent.wall_s),
        ];
        let used = parts.iter().filter_map(|(name, most, spent)| {
            let most = self.allowed((*most)?).max(1);
            let percent = (*spent)?.saturating_mul(100) / most;
            (percent >= WARN_PERCENT).then(|| (percent, format!("{percent} % of the {name}")))
        });
        let used: Vec<(u64, String)> = used.collect();
        let percent = used.iter().map(|it| it.0).max()?;
        let parts: Vec<String> = used.into_iter().map(|it| it.1).collect();
        Some((percent, format!("the ticket used {} that its budget allows", parts.join(" and "))))
    }

    fn allowed(&self, most: u64) -> u64 {
        most.saturating_mul(u64::from(self.grants) + 1)
    }

    /// Notes that a person lets it go on: after a used-up budget that allows as much again.
    pub(super) fn grant(&mut self) {
        if self.blocked.as_ref().is_some_and(|it| it.code == BlockCode::BudgetSpent) {
            self.grants += 1;
            self.is_warned = false;
        }
    }
}

impl Draft<'_> {
    /// Returns what of the ticket's budget is used up, in words.
    pub(super) fn spent_budget(&self) -> Option<String> {
        let left = self.ticket.budget_left(&self.context.rules.budget.ticket, self.context.now);
        let parts = [
            ("the tokens", left.tokens),
            ("the money", left.cost_micros),
            ("the time", left.wall_s),
        ];
        let gone = parts.iter().filter(|it| it.1 == Some(0)).map(|it| it.0);
        let gone: Vec<&str> = gone.collect();
        let words = || format!("{} that its budget allows", gone.join(" and "));
        (!gone.is_empty()).then(words)
    }

    /// Tells people once that most of the ticket's budget is used.
    pub(super) fn warn_of_budget(&mut self) {
        let most = &self.context.rules.budget.ticket;
        let told = self.ticket.budget_warning(most, self.context.now);
        if let Some((_, text)) = told.filter(|_| !self.ticket.is_warned) {
            self.push(Event::BudgetNearlySpent { text });
        }
    }
}
