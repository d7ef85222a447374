//! Fills the views of *Needs you*, *Board*, *Fleet* and *New ticket*.

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::http::Uri;
use axum::response::{IntoResponse, Redirect, Response};
use maud::Markup;
use mission_domain::doc::{AttemptDoc, LaneDoc, NeedsYouDoc, OperatorActDoc, TicketDoc};
use mission_domain::ids::{TicketKey, WorkflowId};
use mission_store::{ProjectionFilter, ProjectionKind, TicketRow};
use serde::Deserialize;

use super::read::{self, Rows};
use super::shell::Visitor;
use crate::pages::board::COLUMN_WINDOW;
use crate::pages::view::{
    BoardColumn, BoardFilter, BoardView, FleetView, NeedsYouView, NewTicketView, TypedTicket,
};
use crate::pages::{self, words};
use crate::problem::Answer;

/// How many ended attempts the fleet looks back at.
const LOOK_BACK: u32 = 100;

/// How many acts of the operator a page reads.
const ACTS: usize = 50;

/// The states of an attempt that has not ended.
const LIVE: [&str; 5] = ["starting", "idle", "busy", "awaiting_approval", "unknown"];

/// Returns what of the home's lists belongs to the visitor's project.
pub(crate) struct Limited {
    pub(crate) asks: Vec<NeedsYouDoc>,
    pub(crate) lanes: Vec<LaneDoc>,
    pub(crate) acts: Vec<OperatorActDoc>,
}

/// Reads decisions, lanes and corrections, limited to the project in view.
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
    Ok(Limited { asks, lanes, acts })
}

pub(super) async fn needs_you(visitor: Visitor) -> Answer<Markup> {
    let shell = visitor.shell().await?;
    let Limited { asks, lanes, acts } = limited(&visitor).await?;
    Ok(pages::needs_you::page(&NeedsYouView { shell, asks, lanes, acts }))
}

pub(super) async fn fleet(visitor: Visitor) -> Answer<Markup> {
    let shell = visitor.shell().await?;
    let Limited { lanes, acts, .. } = limited(&visitor).await?;
    let attempts = attempts_now(&visitor).await?;
    Ok(pages::fleet::page(&FleetView { shell, lanes, attempts, acts }))
}

/// Returns the live attempts, and those that died within the last 24 hours, newest first.
pub(crate) async fn attempts_now(visitor: &Visitor) -> Answer<Vec<AttemptDoc>> {
    let of = ProjectionFilter::of(ProjectionKind::Attempt);
    let live = ProjectionFilter { newest_first: true, ..of.clone().in_states(&LIVE) };
    let ended = of.in_states(&["ended"]);
    let ended = ProjectionFilter { newest_first: true, limit: Some(LOOK_BACK), ..ended };
    let mut attempts: Vec<AttemptDoc> = read::projections(&visitor.site, &live).await?;
    let ended: Vec<AttemptDoc> = read::projections(&visitor.site, &ended).await?;
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

/// The board's query; empty values count as absent.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Limits {
    q: Option<String>,
    campaign: Option<String>,
    role: Option<String>,
    label: Option<String>,
    all: Option<String>,
}

impl Limits {
    fn filter(self) -> BoardFilter {
        let given =
            |it: Option<String>| it.map(|it| it.trim().to_owned()).filter(|it| !it.is_empty());
        BoardFilter {
            words: given(self.q),
            campaign: given(self.campaign),
            role: given(self.role),
            label: given(self.label),
            all: given(self.all),
        }
    }
}

/// Returns what the board at an address is limited to.
pub(crate) fn board_filter(address: Option<&Uri>) -> BoardFilter {
    let limits = address.and_then(|it| Query::<Limits>::try_from_uri(it).ok());
    limits.map(|Query(it)| it.filter()).unwrap_or_default()
}

pub(super) async fn board(visitor: Visitor, Query(limits): Query<Limits>) -> Answer<Response> {
    let filter = limits.filter();
    let rows = visitor.site.rows.read(&visitor.site).await?;
    let named = filter.words.as_ref().and_then(|it| it.parse::<TicketKey>().ok());
    if let Some(key) = named.filter(|it| rows.rows.contains_key(it)) {
        return Ok(Redirect::to(&words::ticket_path(&key.to_string())).into_response());
    }
    let shell = visitor.shell_over(&rows).await;
    let columns = columns(&visitor, &rows, &filter).await?;
    Ok(pages::board::page(&BoardView { shell, columns, filter }).into_response())
}

/// Returns the columns: rows are counted and ordered, and only the documents that are shown are read.
async fn columns(visitor: &Visitor, rows: &Rows, filter: &BoardFilter) -> Answer<Vec<BoardColumn>> {
    let mut states: BTreeMap<&str, Vec<&TicketRow>> = BTreeMap::new();
    for row in rows.of(visitor.project.as_ref()).filter(|it| is_wanted(it, filter)) {
        states.entry(&row.state).or_default().push(row);
    }
    let person = format!("person:{}", visitor.who.name());
    let mut keys = Vec::new();
    let mut windows = Vec::new();
    for (state, mut column) in states {
        let total = column.len();
        sort(&mut column, &person);
        if filter.all.as_deref() != Some(state) {
            column.truncate(COLUMN_WINDOW);
        }
        keys.extend(column.iter().map(|it| it.key.clone()));
        windows.push((state, total, column));
    }
    let mut docs: BTreeMap<String, TicketDoc> = read::tickets(&visitor.site, keys).await?;
    let column = |(state, total, rows): (&str, usize, Vec<&TicketRow>)| BoardColumn {
        state: state.into(),
        total: u32::try_from(total).unwrap_or(u32::MAX),
        tickets: rows.iter().filter_map(|it| docs.remove(&it.key.to_string())).collect(),
    };
    Ok(windows.into_iter().map(column).collect())
}

/// Orders a column: what the person owes, then by priority, then the oldest; ended ones newest first.
fn sort(column: &mut [&TicketRow], person: &str) {
    column.sort_by_key(|it| {
        let owed = it.who == person || it.who == "person:anyone";
        let ended = it.closed_at.map(|at| -at.as_second());
        let rank = ended.is_none().then_some(it.priority);
        (!owed, rank, ended.unwrap_or(it.created_at.as_second()), it.key.clone())
    });
}

/// Returns whether the board shows the ticket under `filter`.
pub(crate) fn is_wanted(row: &TicketRow, filter: &BoardFilter) -> bool {
    let text = || format!("{} {}", row.key, row.title).to_lowercase();
    let words = filter.words.as_deref().is_none_or(|words| {
        let text = text();
        words.to_lowercase().split_whitespace().all(|it| text.contains(it))
    });
    let parent = row.parent.as_ref().map(ToString::to_string);
    let campaign = filter
        .campaign
        .as_ref()
        .is_none_or(|it| parent.as_ref() == Some(it) || row.key.to_string() == *it);
    let role = filter.role.as_ref().is_none_or(|it| row.role.as_ref() == Some(it));
    let label = filter.label.as_ref().is_none_or(|it| row.labels.contains(it));
    words && campaign && role && label
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
    let Prefilled { title, parent } = prefilled;
    let typed = TypedTicket { title, parent, kind: "task".into(), ..TypedTicket::default() };
    filed(&visitor, typed, None).await
}

/// Returns *New ticket* with what was typed, and what was wrong with it.
pub(super) async fn filed(
    visitor: &Visitor,
    typed: TypedTicket,
    problem: Option<String>,
) -> Answer<Markup> {
    let shell = visitor.shell().await?;
    let project = typed.project.parse().ok().or_else(|| visitor.project.clone());
    let project = project.or_else(|| visitor.site.control.home().projects.into_keys().next());
    let rules = match project {
        Some(project) => visitor.site.control.project(&project).await.ok(),
        None => None,
    };
    let names = rules.iter().flat_map(|it| it.rules.workflows.keys());
    let workflows = names.map(WorkflowId::to_string).collect();
    Ok(pages::new_ticket::page(&NewTicketView { shell, workflows, typed, problem }))
}
