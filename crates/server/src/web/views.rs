//! Fills the views of *Needs you*, *Fleet* and *New ticket*.

use std::collections::BTreeMap;

use axum::extract::Query;
use maud::Markup;
use mission_domain::doc::{AttemptDoc, BudgetDoc, LaneDoc, NeedsYouDoc, OperatorActDoc};
use mission_domain::ids::{TicketKey, WorkflowId};
use mission_store::{ProjectionFilter, ProjectionKind};
use serde::Deserialize;

use super::home;
use super::read;
use super::shell::Visitor;
use super::ticket;
use crate::pages;
use crate::pages::view::{
    ConsoleView, Fault, FleetView, May, NeedsYouView, NewTicketView, TypedTicket,
};
use crate::problem::{Answer, Problem};

/// How many ended attempts the fleet looks back at.
const LOOK_BACK: u32 = 100;

/// How many terminals the fleet shows.
const CONSOLES: usize = 6;

/// Of how many blocked tickets *Needs you* tells why the last attempt died.
const BLOCKED: usize = 50;

/// How many acts of the operator a page reads.
const ACTS: usize = 50;

/// The states of an attempt that has not ended.
const LIVE: [&str; 5] = ["starting", "idle", "busy", "awaiting_approval", "unknown"];

/// Returns what of the home's lists belongs to the visitor's project.
pub(crate) struct Limited {
    pub(crate) asks: Vec<NeedsYouDoc>,
    /// Of blocked tickets the attempt that died last.
    pub(crate) died: BTreeMap<String, AttemptDoc>,
    pub(crate) lanes: Vec<LaneDoc>,
    pub(crate) acts: Vec<OperatorActDoc>,
    pub(crate) budgets: Vec<BudgetDoc>,
}

/// Reads decisions, lanes, corrections and budgets, limited to the project in view.
pub(crate) async fn limited(visitor: &Visitor) -> Answer<Limited> {
    let control = &visitor.site.control;
    let project = visitor.project.as_ref().map(ToString::to_string);
    let here = |key: &str| {
        let own = key.rsplit_once('-').map(|it| it.0);
        project.as_deref().is_none_or(|project| own == Some(project))
    };
    let mut asks = control.needs_you().await?;
    asks.retain(|it| here(&it.ticket.key));
    let lanes = control.lanes(visitor.project.as_ref()).await?;
    let mut acts = control.operator_log().await?;
    acts.retain(|it| it.ticket.as_deref().is_none_or(here));
    acts.sort_by_key(|it| std::cmp::Reverse(it.at));
    acts.truncate(ACTS);
    let rows = visitor.site.rows.read(&visitor.site).await?;
    for act in &mut acts {
        let row = act.ticket.as_ref().and_then(|it| rows.rows.get(&it.parse::<TicketKey>().ok()?));
        act.undoable &= row.is_none_or(|it| it.open);
    }
    let budgets = control.budgets(visitor.project.as_ref()).await?;
    let died = died(visitor, &asks).await?;
    Ok(Limited { asks, died, lanes, acts, budgets })
}

/// Returns the attempt that died last of each blocked ticket, where its last attempt did.
async fn died(visitor: &Visitor, asks: &[NeedsYouDoc]) -> Answer<BTreeMap<String, AttemptDoc>> {
    let mut died = BTreeMap::new();
    for key in asks.iter().filter(|it| it.kind == "blocked").map(|it| &it.ticket.key).take(BLOCKED)
    {
        let Ok(about) = key.parse() else { continue };
        let last = ProjectionFilter::of(ProjectionKind::Attempt).about(&about);
        let last = ProjectionFilter { newest_first: true, limit: Some(1), ..last };
        let last: Vec<AttemptDoc> = read::projections(&visitor.site, &last).await?;
        died.extend(last.into_iter().filter(|it| it.death.is_some()).map(|it| (key.clone(), it)));
    }
    Ok(died)
}

pub(super) async fn needs_you(visitor: Visitor) -> Answer<Markup> {
    let shell = visitor.shell().await?;
    let Limited { asks, died, lanes, acts, budgets } = limited(&visitor).await?;
    let (digest, is_since_seen) = home::lately(&visitor).await?;
    let view = NeedsYouView { shell, asks, died, lanes, acts, budgets, digest, is_since_seen };
    Ok(pages::needs_you::page(&view))
}

pub(super) async fn fleet(visitor: Visitor) -> Answer<Markup> {
    let shell = visitor.shell().await?;
    let Limited { lanes, acts, budgets, .. } = limited(&visitor).await?;
    let attempts = attempts_now(&visitor).await?;
    let ended = ended(&visitor).await?;
    let consoles = consoles(&visitor, &attempts).await;
    let view = FleetView { shell, lanes, attempts, ended, consoles, acts, budgets };
    Ok(pages::fleet::page(&view))
}

/// Returns the live attempts, and those that died within the last 24 hours, newest first.
pub(crate) async fn attempts_now(visitor: &Visitor) -> Answer<Vec<AttemptDoc>> {
    let of = ProjectionFilter::of(ProjectionKind::Attempt);
    let live = ProjectionFilter { newest_first: true, ..of.in_states(&LIVE) };
    let mut attempts: Vec<AttemptDoc> = read::projections(&visitor.site, &live).await?;
    let ended = ended(visitor).await?;
    let now = visitor.site.control.now();
    let lately = |it: &AttemptDoc| {
        let at = it.ended_at.is_some_and(|at| now.as_second() - at.as_second() < 86_400);
        at && it.death.is_some()
    };
    attempts.extend(ended.into_iter().filter(lately));
    let project = visitor.project.as_ref();
    let here = |key: &str| {
        key.parse::<TicketKey>().is_ok_and(|it| project.is_none_or(|p| it.project() == p))
    };
    attempts.retain(|it| here(&it.ticket));
    Ok(attempts)
}

/// Returns the attempts that ended last, newest first.
pub(crate) async fn ended(visitor: &Visitor) -> Answer<Vec<AttemptDoc>> {
    let ended = ProjectionFilter::of(ProjectionKind::Attempt).in_states(&["ended"]);
    let ended = ProjectionFilter { newest_first: true, limit: Some(LOOK_BACK), ..ended };
    read::projections(&visitor.site, &ended).await
}

/// Returns the terminals of the newest attempts that run.
pub(crate) async fn consoles(visitor: &Visitor, attempts: &[AttemptDoc]) -> Vec<ConsoleView> {
    let mut consoles = Vec::new();
    for attempt in attempts.iter().filter(|it| it.state != "ended").take(CONSOLES) {
        consoles.extend(ticket::console(&visitor.site, Some(attempt)).await);
    }
    consoles
}

/// What *New ticket* may be opened with.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Prefilled {
    #[serde(default)]
    title: String,
    #[serde(default)]
    parent: String,
}

pub(super) async fn new_ticket(
    visitor: Visitor,
    Query(prefilled): Query<Prefilled>,
) -> Answer<Markup> {
    if visitor.who.may() == May::Look {
        let detail = "you may only look (`viewer`); an owner of this home can let you file tickets";
        return Err(Problem::refused("viewer", detail));
    }
    let Prefilled { title, parent } = prefilled;
    let of_parent = parent.parse::<TicketKey>().ok().map(|it| it.project().to_string());
    let project = of_parent.unwrap_or_default();
    let typed =
        TypedTicket { project, title, parent, kind: "task".into(), ..TypedTicket::default() };
    filed(&visitor, typed, Vec::new(), None).await
}

/// Returns *New ticket* with what was typed, and what was wrong with it.
pub(super) async fn filed(
    visitor: &Visitor,
    typed: TypedTicket,
    faults: Vec<Fault>,
    problem: Option<String>,
) -> Answer<Markup> {
    let shell = visitor.shell().await?;
    let mut workflows = Vec::new();
    for key in shell.projects.iter().filter_map(|it| it.key.parse().ok()) {
        // Of one that cannot be read now the default is left.
        let Ok(project) = visitor.site.control.project(&key).await else { continue };
        let names = project.rules.workflows.keys().map(WorkflowId::to_string).collect();
        workflows.push((key.to_string(), names));
    }
    Ok(pages::new_ticket::page(&NewTicketView { shell, workflows, typed, faults, problem }))
}
