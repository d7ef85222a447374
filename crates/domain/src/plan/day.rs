//! Budgets of one day: how much of each is used, what is said of that, and what it holds.

use jiff::SignedDuration;

use super::{Action, Fleet, ProjectFacts};
use crate::day::{Day, clock, zone_or_utc};
use crate::ids::{ProjectKey, RoleId, Timestamp};
use crate::rules::Allowance;
use crate::spending::{Scope, Spending, Used};

/// From this share on, in percent, people are told.
const WARN_PERCENT: u64 = 80;

/// At this share, in percent, nothing starts any more.
const FULL_PERCENT: u64 = 100;

/// How much of one budget of a day is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whose budget it is.
    pub scope: Scope,
    /// What may be used in the day.
    pub most: Allowance,
    /// What was used since the day began.
    pub used: Used,
    /// The day.
    pub day: Day,
    /// When the day ends, as the clocks of its zone show it.
    pub ends: String,
}

/// All budgets of the present day.
pub(super) struct Budgets(Vec<Standing>);

/// Returns how much is used of each budget of a day that a project names, `MC` before `MC/coder`.
pub fn standings(
    project: &ProjectKey,
    facts: &ProjectFacts,
    spending: &Spending,
    now: Timestamp,
) -> Vec<Standing> {
    let budget = &facts.rules.budget;
    let zone = zone_or_utc(&facts.rules.time_zone);
    let day = Day::of(now, &zone);
    let whole = budget.day.is_limit().then_some((None, &budget.day));
    let lanes = facts.rules.roles.keys().filter(|_| budget.lane.is_limit());
    let lanes = lanes.map(|it| (Some(it.clone()), &budget.lane));
    let standing = |(role, most): (Option<RoleId>, &Allowance)| {
        let scope = Scope { project: project.clone(), role };
        let used = spending.used(&scope, day.start, now);
        Standing { scope, most: most.clone(), used, day, ends: clock(day.end, &zone) }
    };
    whole.into_iter().chain(lanes).map(standing).collect()
}

impl Standing {
    /// Returns used and allowed of each measure that is limited.
    fn measures(&self) -> impl Iterator<Item = (Measure, u64, u64)> {
        let all = [
            (Measure::Cost, self.used.cost_micros, self.most.cost_micros),
            (Measure::Tokens, self.used.tokens, self.most.tokens),
            (Measure::Time, self.used.wall_s, self.most.wall_s),
        ];
        all.into_iter().filter_map(|(measure, used, most)| Some((measure, used, most?.max(1))))
    }

    /// Returns how much is used in percent, of the measure of which most is.
    pub fn percent(&self) -> u64 {
        self.measures().map(|(_, used, most)| used.saturating_mul(100) / most).max().unwrap_or(0)
    }

    /// Returns whether all of it is used.
    pub fn is_spent(&self) -> bool {
        self.percent() >= FULL_PERCENT
    }

    /// Returns whether so much is used that people are told.
    pub fn is_warned(&self) -> bool {
        self.percent() >= WARN_PERCENT
    }

    /// Returns what was used of what, in words.
    pub fn told(&self) -> String {
        let parts = self.measures().map(|(measure, used, most)| measure.told(used, most));
        parts.collect::<Vec<_>>().join(", ")
    }

    /// Returns what a limit cannot see, in words: programs that told no figures are not taken for nothing.
    pub fn unknown(&self) -> Option<String> {
        let Used { without_cost, without_tokens, .. } = self.used;
        let cost = (self.most.cost_micros.is_some() && without_cost > 0)
            .then(|| format!("the cost of {}", attempts(without_cost)));
        let tokens = (self.most.tokens.is_some() && without_tokens > 0)
            .then(|| format!("the tokens of {}", attempts(without_tokens)));
        let parts: Vec<String> = [cost, tokens].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| {
            format!("unknown, and so not counted: {}; their wall time is", parts.join(", "))
        })
    }

    /// Returns what is said of it, once, and what can be done.
    fn message(&self) -> String {
        let (whose, key) = match self.scope.role {
            None => ("the day's budget", "budget.day"),
            Some(_) => ("the lane's budget of the day", "budget.lane"),
        };
        let (scope, told, ends) = (&self.scope, self.told(), &self.ends);
        if self.is_spent() {
            return format!(
                "{whose} of {scope} is spent ({told}): raise `{key}`, or it goes on at {ends}"
            );
        }
        format!(
            "{} % of {whose} of {scope} is used ({told}); at 100 % nothing starts until {ends}",
            self.percent()
        )
    }

    /// Returns when running attempts bring its wall time to the next share that matters.
    fn next_share(&self, now: Timestamp) -> Option<Timestamp> {
        let most = self.most.wall_s.filter(|_| self.used.live > 0)?;
        let share = |percent: u64| most.saturating_mul(percent).div_ceil(100);
        let next = [share(WARN_PERCENT), share(FULL_PERCENT)];
        let left = next.into_iter().find(|it| *it > self.used.wall_s)? - self.used.wall_s;
        let seconds = i64::try_from(left.div_ceil(u64::from(self.used.live))).ok()?;
        now.checked_add(SignedDuration::from_secs(seconds)).ok()
    }
}

/// A limit below this is told in seconds: minutes would say little of it.
const FEW_MINUTES_S: u64 = 300;

/// What a budget counts.
#[derive(Debug, Clone, Copy)]
enum Measure {
    Cost,
    Tokens,
    Time,
}

impl Measure {
    fn told(self, used: u64, most: u64) -> String {
        let dollars = |it: u64| format!("${}.{:02}", it / 1_000_000, it % 1_000_000 / 10_000);
        match self {
            Self::Cost => format!("{} of {}", dollars(used), dollars(most)),
            Self::Tokens => format!("{used} of {most} tokens"),
            Self::Time if most < FEW_MINUTES_S => format!("{used} of {most} s at work"),
            Self::Time => format!("{} of {} min at work", used / 60, most.div_ceil(60)),
        }
    }
}

fn attempts(count: u32) -> String {
    if count == 1 { "1 attempt".into() } else { format!("{count} attempts") }
}

impl Budgets {
    pub(super) fn of(fleet: &Fleet<'_>) -> Self {
        let Some(spending) = fleet.spending else { return Self(Vec::new()) };
        let of = fleet.projects.iter();
        Self(of.flat_map(|(key, facts)| standings(key, facts, spending, fleet.now)).collect())
    }

    /// Returns whether a budget that is used up, or of which nothing is known yet, holds a lane.
    pub(super) fn hold(&self, fleet: &Fleet<'_>, project: &ProjectKey, role: &RoleId) -> bool {
        let is_its =
            |it: &Scope| it.project == *project && it.role.as_ref().is_none_or(|it| it == role);
        let budget = fleet.projects.get(project).map(|it| &it.rules.budget);
        let has_budget = budget.is_some_and(|it| it.day.is_limit() || it.lane.is_limit());
        (has_budget && fleet.spending.is_none())
            || self.0.iter().any(|it| is_its(&it.scope) && it.is_spent())
            || fleet.home.spent_budget(project, role, fleet.now).is_some()
    }

    /// What is to be said anew, and what is over.
    pub(super) fn changes(&self, fleet: &Fleet<'_>, actions: &mut Vec<Action>) {
        for (name, mark) in &fleet.home.budgets {
            let standing = self.0.iter().find(|it| it.scope.to_string() == *name);
            let is_read =
                fleet.spending.is_some() && fleet.projects.contains_key(&mark.scope.project);
            let why = match standing {
                _ if mark.until <= fleet.now => "its day is over",
                Some(it) if it.day.end != mark.until => "its day ends at another time",
                None if is_read => "it was taken away",
                Some(it) if !it.is_warned() || (mark.is_spent && !it.is_spent()) => "it was raised",
                Some(_) | None => continue,
            };
            let (scope, why) = (mark.scope.clone(), why.into());
            actions.push(Action::FreeBudget { scope, why });
        }
        for it in self.0.iter().filter(|it| it.is_warned()) {
            let (until, is_spent) = (it.day.end, it.is_spent());
            let known = fleet.home.budgets.get(&it.scope.to_string());
            // One that is to be freed first is said again by the next plan.
            if known.is_none_or(|mark| mark.until == until && !mark.is_spent && is_spent) {
                let (scope, text) = (it.scope.clone(), it.message());
                actions.push(Action::MarkBudget { scope, until, is_spent, text });
            }
        }
    }

    /// Returns the next moment at which time alone changes any of it.
    pub(super) fn next_moment(&self, fleet: &Fleet<'_>) -> Option<Timestamp> {
        let ends = fleet.home.budgets.values().map(|it| it.until);
        ends.chain(self.0.iter().filter_map(|it| it.next_share(fleet.now))).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(most: Allowance, used: Used) -> Standing {
        let zone = zone_or_utc("Europe/Berlin");
        let day = Day::of("2026-03-01T09:00:00Z".parse().expect("a moment"), &zone);
        let scope = Scope { project: "MC".parse().expect("a key"), role: None };
        Standing { scope, most, used, day, ends: clock(day.end, &zone) }
    }

    #[test]
    fn the_measure_of_which_most_is_used_decides_and_one_without_a_limit_does_not() {
        let most = Allowance { cost_micros: Some(10_000_000), tokens: Some(1_000), wall_s: None };
        let used = |cost_micros, tokens| {
            let used = Used { cost_micros, tokens, wall_s: 1_000_000, ..Used::default() };
            let it = standing(most.clone(), used);
            (it.percent(), it.is_warned(), it.is_spent())
        };
        assert_eq!(used(7_990_000, 10), (79, false, false));
        assert_eq!(used(0, 800), (80, true, false));
        assert_eq!(used(10_000_000, 999), (100, true, true));
    }

    #[test]
    fn what_is_said_names_the_sum_the_key_and_when_it_goes_on() {
        let most = Allowance { cost_micros: Some(10_000_000), ..Allowance::default() };
        let used = Used { cost_micros: 10_120_000, without_cost: 2, ..Used::default() };
        let it = standing(most, used);
        insta::assert_snapshot!(it.message(), @"the day's budget of MC is spent ($10.12 of $10.00): raise `budget.day`, or it goes on at 00:00 (Europe/Berlin)");
        insta::assert_snapshot!(it.unknown().unwrap_or_default(), @"unknown, and so not counted: the cost of 2 attempts; their wall time is");
    }

    #[test]
    fn time_at_work_comes_due_by_itself_the_sooner_the_more_are_at_work() {
        let now: Timestamp = "2026-03-01T09:00:00Z".parse().expect("a moment");
        let most = Allowance { wall_s: Some(1_000), ..Allowance::default() };
        let due = |wall_s, live| {
            let it = standing(most.clone(), Used { wall_s, live, ..Used::default() });
            it.next_share(now).map(|at| at.duration_since(now).as_secs())
        };
        assert_eq!((due(0, 1), due(0, 4), due(0, 0)), (Some(800), Some(200), None));
        assert_eq!((due(900, 3), due(1_000, 3)), (Some(34), None));
    }
}
