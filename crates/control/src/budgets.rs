//! Budgets of days: what was used is read back from the log, lanes are told when a turn is their last one, and people are shown
//! how each budget stands.

use std::collections::BTreeSet;
use std::sync::Arc;

use mission_domain::doc::{BudgetDoc, NeedsYouDoc};
use mission_domain::home::BudgetMark;
use mission_domain::ids::{AttemptId, ProjectKey, TicketKey};
use mission_domain::plan::{Standing, standings};
use mission_domain::spending::Spending;
use mission_domain::ticket::{Event, Owed, Ticket, ticket_doc};
use mission_runtime::protocol::ToRunner;
use mission_store::EventFilter;

use crate::error::{Error, Result};
use crate::execute::Control;
use crate::write::untagged;

/// The events that say what an attempt used, and when it began and ended.
const TELLING: [&str; 3] = ["claimed", "turn_over", "attempt_ended"];

/// So far back everything is read: longer than the longest day, in hours.
const HOURS: i64 = 26;

/// How many events are read at a time.
const PAGE: u32 = 5_000;

impl Control {
    /// Reads what the attempts of the last day used, where a project has a budget of a day and that is not known yet.
    pub(crate) async fn know_spending(&self) -> Result<()> {
        let now = self.now();
        let since = now - jiff::SignedDuration::from_hours(HOURS);
        {
            let mut fleet = self.fleet();
            let has_budget = fleet.projects.values().any(|it| {
                let budget = &it.rules.budget;
                budget.day.is_limit() || budget.lane.is_limit()
            });
            if !has_budget {
                return Ok(());
            }
            // What happens from here on is noted beside what is read: the fold takes both in any order.
            fleet.spending.get_or_insert_default().forget_before(since);
            if fleet.is_spending_read {
                return Ok(());
            }
        }
        let mut filter =
            EventFilter { since: Some(since), limit: Some(PAGE), ..EventFilter::default() };
        while let Some(last) = self.note_spending(&filter).await? {
            filter.after = last;
        }
        // Of those that began before, all is needed: only what they used since a day began counts in it.
        let mut older =
            self.fleet().spending.as_ref().map(Spending::incomplete).unwrap_or_default();
        older.extend(self.live_unknown().await?);
        for ticket in older {
            let filter = EventFilter { ticket: Some(ticket), ..EventFilter::default() };
            self.note_spending(&filter).await?;
        }
        let mut fleet = self.fleet();
        fleet.spending.iter_mut().for_each(|it| it.forget_before(since));
        fleet.is_spending_read = true;
        Ok(())
    }

    /// Notes the events that the filter selects, and returns the number of the last one where there may be more.
    async fn note_spending(&self, filter: &EventFilter) -> Result<Option<u64>> {
        let docs = self.store().events(filter).await?;
        let is_full = filter.limit.is_some_and(|it| docs.len() >= it as usize);
        let last = docs.last().map(|it| it.seq).filter(|_| is_full);
        let mut fleet = self.fleet();
        let Some(spending) = &mut fleet.spending else { return Ok(None) };
        for doc in docs.iter().filter(|it| TELLING.contains(&it.kind.as_str())) {
            let key = doc.ticket.as_deref().and_then(|it| it.parse::<TicketKey>().ok());
            let event = untagged::<Event>(&doc.kind, &doc.body);
            let event = event.map_err(|e| Error::Invalid(format!("event {}: {e}", doc.seq)))?;
            key.iter().for_each(|key| spending.note(key, &event, doc.at));
        }
        Ok(last)
    }

    /// Returns the tickets whose live attempts began before what was read.
    async fn live_unknown(&self) -> Result<Vec<TicketKey>> {
        let tickets = self.open_tickets().await?;
        let fleet = self.fleet();
        let is_known = |it: AttemptId| fleet.spending.as_ref().is_some_and(|all| all.knows(it));
        let unknown =
            tickets.iter().filter(|it| it.live_attempt().is_some_and(|it| !is_known(it.id)));
        Ok(unknown.map(|it| it.key.clone()).collect())
    }

    /// Tells each lane at work on a spent budget, once, that its turn is the last one.
    pub(crate) fn end_turns(&self) {
        let now = self.now();
        let ending: Vec<(AttemptId, String)> = {
            let fleet = self.fleet();
            if fleet.home.budgets.is_empty() {
                return;
            }
            let live = fleet.tickets.values().filter_map(|it| Some((it, it.live_attempt()?)));
            let live = live.filter(|(_, it)| !it.is_persons() && it.process.is_some());
            let spent = live.filter_map(|(ticket, it)| {
                let mark = fleet.home.spent_budget(ticket.key.project(), &it.role, now)?;
                Some((it.id, format!("the day's budget of {}, at its turn's end", mark.scope)))
            });
            spent.filter(|it| !fleet.last_turns.contains(&it.0)).collect()
        };
        for (attempt, by) in ending {
            match self.send_to_runner(ToRunner::LastTurn { attempt, by }) {
                Ok(()) => {
                    self.fleet().last_turns.insert(attempt);
                }
                Err(error) => tracing::debug!("{attempt} is told later: {}", error.in_full()),
            }
        }
    }

    /// Returns how each budget of the day stands, and the tickets that used most of their own.
    ///
    /// # Errors
    /// What the store said.
    pub async fn budgets(&self, only: Option<&ProjectKey>) -> Result<Vec<BudgetDoc>> {
        let projects = self.projects(only).await;
        self.know_spending().await?;
        let now = self.now();
        let mut docs = Vec::new();
        {
            let fleet = self.fleet();
            let spending = fleet.spending.clone().unwrap_or_default();
            for project in &projects {
                let Some(facts) = fleet.projects.get(&project.key) else { continue };
                docs.extend(standings(&project.key, facts, &spending, now).iter().map(day_doc));
            }
        }
        for ticket in self.open_tickets().await? {
            let project = projects.iter().find(|it| it.key == *ticket.key.project());
            let most = project.map(|it| &it.rules.budget.ticket);
            if let Some(text) = most.and_then(|it| ticket.budget_warning(it, now)) {
                docs.push(ticket_budget(&ticket, text));
            }
        }
        Ok(docs)
    }

    /// Returns what is to be said above every page: budgets of the day that are used up or nearly so.
    pub fn budget_notices(&self, only: Option<&ProjectKey>) -> Vec<String> {
        let now = self.now();
        let is_asked = |it: &&BudgetMark| only.is_none_or(|only| *only == it.scope.project);
        let home = self.home();
        let marks = home.budgets.values().filter(|it| it.until > now).filter(is_asked);
        marks.map(|it| sentence(&it.text)).collect()
    }

    /// Returns the project of each budget of the day that is used up while tickets wait for it: as many are among the decisions.
    ///
    /// # Errors
    /// What the store said.
    pub async fn asks_for_budgets(&self) -> Result<Vec<ProjectKey>> {
        let marks = self.spent_marks();
        if marks.is_empty() {
            return Ok(Vec::new());
        }
        let tickets = self.open_tickets().await?;
        let asks = marks.into_iter().filter(|it| !self.held_by(it, &tickets).is_empty());
        Ok(asks.map(|it| it.scope.project).collect())
    }

    /// Returns the budgets of the day that are used up; of a lane's only where its whole project's is not.
    pub(crate) fn spent_marks(&self) -> Vec<BudgetMark> {
        let now = self.now();
        let marks = self.home().budgets.into_values();
        let mut marks: Vec<BudgetMark> = marks.filter(|it| it.is_spent && it.until > now).collect();
        let whole: BTreeSet<ProjectKey> = marks
            .iter()
            .filter(|it| it.scope.role.is_none())
            .map(|it| it.scope.project.clone())
            .collect();
        marks.retain(|it| it.scope.role.is_none() || !whole.contains(&it.scope.project));
        marks
    }

    /// Returns the tickets that wait for the budget.
    fn held_by<'t>(&self, mark: &BudgetMark, tickets: &'t [Arc<Ticket>]) -> Vec<&'t Arc<Ticket>> {
        let now = self.now();
        let is_held = |it: &&Arc<Ticket>| {
            let Owed::Dispatch { role, .. } = it.owed(now) else { return false };
            *it.key.project() == mark.scope.project
                && mark.scope.role.as_ref().is_none_or(|own| *own == role)
        };
        tickets.iter().filter(is_held).collect()
    }

    /// Returns one decision for each budget of the day that is used up while tickets wait for it.
    pub(crate) async fn spent_budgets(&self, tickets: &[Arc<Ticket>]) -> Result<Vec<NeedsYouDoc>> {
        let mut items = Vec::new();
        for mark in self.spent_marks() {
            let held = self.held_by(&mark, tickets);
            let Some(first) = held.iter().min_by_key(|it| it.since) else { continue };
            let (_, version) = self.ticket(&first.key).await?;
            items.push(NeedsYouDoc {
                kind: "notice".into(),
                what: format!("raise the budget of {}, or let it wait", mark.scope),
                rank_reason: "the day's budget is spent".into(),
                holds_up: u32::try_from(held.len()).unwrap_or(u32::MAX),
                held: held.iter().map(|it| it.key.clone()).collect(),
                ticket: ticket_doc(first, version),
                detail: sentence(&mark.text),
                not_by: Vec::new(),
                nobody_else: false,
                runtimes: Vec::new(),
            });
        }
        Ok(items)
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|it| it.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

fn day_doc(it: &Standing) -> BudgetDoc {
    let (told, ends) = (it.told(), &it.ends);
    BudgetDoc {
        scope: it.scope.to_string(),
        kind: if it.scope.role.is_some() { "lane" } else { "day" }.into(),
        state: match (it.is_spent(), it.is_warned()) {
            (true, _) => "spent",
            (false, true) => "nearly_spent",
            (false, false) => "free",
        }
        .into(),
        percent: it.percent(),
        text: format!("{told} until {ends}"),
        unknown: it.unknown(),
        until: Some(it.day.end),
    }
}

fn ticket_budget(ticket: &Ticket, (percent, text): (u64, String)) -> BudgetDoc {
    BudgetDoc {
        scope: ticket.key.to_string(),
        kind: "ticket".into(),
        state: if percent >= 100 { "spent" } else { "nearly_spent" }.into(),
        percent,
        text,
        unknown: None,
        until: None,
    }
}
