//! Lanes at a standstill: none of a role's runtimes works until a person mends one, while tickets wait for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use mission_domain::doc::{NeedsYouDoc, TroubleDoc};
use mission_domain::home::{BudgetMark, lane_name};
use mission_domain::ids::{ProjectKey, RoleId};
use mission_domain::ticket::{Owed, Ticket, ticket_doc};

use crate::error::Result;
use crate::execute::Control;

/// What time alone does not mend.
const FOR_A_PERSON: [&str; 3] = ["not_found", "auth", "forked"];

/// A lane that cannot work, whether anything waits for it or not.
struct AtRest {
    project: ProjectKey,
    role: RoleId,
    /// The troubles that a person mends, each with its runtime.
    troubles: Vec<(String, TroubleDoc)>,
}

/// One that tickets wait for.
struct Standstill<'t> {
    project: ProjectKey,
    role: RoleId,
    troubles: Vec<(String, TroubleDoc)>,
    held: Vec<&'t Arc<Ticket>>,
}

impl Control {
    /// Returns the project of each notice among the decisions: of lanes that stand still, and of budgets of the day that are used
    /// up, while tickets wait for them.
    ///
    /// # Errors
    /// What the store said.
    pub async fn notices(&self) -> Result<Vec<ProjectKey>> {
        let mut projects = self.asks_for_budgets().await?;
        let rest = self.at_rest().await;
        if !rest.is_empty() {
            let tickets = self.open_tickets().await?;
            projects.extend(self.held_up(rest, &tickets).into_iter().map(|it| it.project));
        }
        Ok(projects)
    }

    /// Returns one decision for each lane that stands still while tickets wait for it.
    pub(crate) async fn asks_to_mend(&self, tickets: &[Arc<Ticket>]) -> Result<Vec<NeedsYouDoc>> {
        let mut items = Vec::new();
        for still in self.held_up(self.at_rest().await, tickets) {
            let Some(first) = still.held.iter().min_by_key(|it| it.since) else { continue };
            let (_, version) = self.ticket(&first.key).await?;
            let names: Vec<String> =
                still.troubles.iter().map(|it| format!("`{}`", it.0)).collect();
            let (mend, why) = match names.as_slice() {
                [one] => (format!("mend {one}"), "its runtime does not work"),
                many => (format!("mend one of {}", many.join(", ")), "none of its runtimes works"),
            };
            let told = still.troubles.iter();
            let told =
                told.map(|(name, it)| format!("{name}: {}. To mend it: {}.", it.what, it.fix));
            items.push(NeedsYouDoc {
                kind: "notice".into(),
                what: format!("{mend}: the lane {} of {} stands still", still.role, still.project),
                rank_reason: why.into(),
                holds_up: u32::try_from(still.held.len()).unwrap_or(u32::MAX),
                held: still.held.iter().map(|it| it.key.clone()).collect(),
                ticket: ticket_doc(first, version),
                detail: told.collect::<Vec<_>>().join("\n"),
                not_by: Vec::new(),
                nobody_else: false,
                runtimes: still.troubles.into_iter().map(|it| it.0).collect(),
            });
        }
        Ok(items)
    }

    /// Returns the lanes of which no runtime works, and at least one is for a person to mend. One that a person paused, or whose
    /// budget is spent, would not go on with it either.
    async fn at_rest(&self) -> Vec<AtRest> {
        let mut all = Vec::new();
        let spent = self.spent_marks();
        for project in self.projects(None).await {
            let fleet = self.fleet();
            for role in project.rules.roles.values() {
                let is_spent = |it: &BudgetMark| {
                    it.scope.project == project.key
                        && it.scope.role.as_ref().is_none_or(|own| *own == role.id)
                };
                let is_paused = fleet.home.paused.contains(&lane_name(&project.key, &role.id));
                if is_paused || spent.iter().any(is_spent) {
                    continue;
                }
                let runtimes = role.runtimes.iter().filter_map(|it| project.rules.runtimes.get(it));
                let troubles: Option<Vec<_>> = runtimes
                    .map(|it| Some((it.id.to_string(), fleet.trouble(&project, it)?)))
                    .collect();
                let mut troubles = troubles.unwrap_or_default();
                troubles.retain(|it| FOR_A_PERSON.contains(&it.1.kind.as_str()));
                if !troubles.is_empty() {
                    let (project, role) = (project.key.clone(), role.id.clone());
                    all.push(AtRest { project, role, troubles });
                }
            }
        }
        all
    }

    /// Returns those of the lanes for which tickets wait, with them.
    fn held_up<'t>(&self, all: Vec<AtRest>, tickets: &'t [Arc<Ticket>]) -> Vec<Standstill<'t>> {
        let now = self.now();
        let mut waiting: BTreeMap<_, Vec<&'t Arc<Ticket>>> = BTreeMap::new();
        if !all.is_empty() {
            for ticket in tickets {
                if let Owed::Dispatch { role, .. } = ticket.owed(now) {
                    waiting.entry((ticket.key.project().clone(), role)).or_default().push(ticket);
                }
            }
        }
        let still = all.into_iter().filter_map(|AtRest { project, role, troubles }| {
            let held = waiting.remove(&(project.clone(), role.clone()))?;
            Some(Standstill { project, role, troubles, held })
        });
        still.collect()
    }
}
