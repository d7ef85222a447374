//! Fills the view of *Board*: rows are counted, ordered and grouped, and only the documents that are shown are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::Query;
use axum::http::Uri;
use axum::response::{IntoResponse, Redirect, Response};
use mission_domain::ids::TicketKey;
use mission_store::TicketRow;
use serde::Deserialize;

use super::read::{Rows, Tally};
use super::shell::Visitor;
use crate::pages;
use crate::pages::bands::{BAND_WINDOW, CELL_WINDOW, stack_of};
use crate::pages::board::{COLUMN_WINDOW, LEAF};
use crate::pages::view::{Band, BandCell, BandHead, BoardColumn, BoardFilter, BoardView, Grouping};
use crate::pages::words::{self, STATES};
use crate::problem::Answer;

/// How long an ended ticket stays in a band, in seconds.
const LATELY_S: i64 = 86_400;

/// The board's query; empty values count as absent.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Limits {
    q: Option<String>,
    campaign: Option<String>,
    role: Option<String>,
    label: Option<String>,
    mine: Option<String>,
    by: Option<String>,
    all: Option<String>,
    from: Option<String>,
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
            mine: given(self.mine).is_some(),
            by: match self.by.as_deref() {
                Some("campaign") => Grouping::Campaign,
                Some("role") => Grouping::Role,
                Some(_) | None => Grouping::State,
            },
            all: given(self.all),
            from: self.from.and_then(|it| it.parse().ok()).unwrap_or(0),
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
    let shell = visitor.shell_over(&rows).await?;
    let mut view =
        BoardView { shell, columns: Vec::new(), bands: Vec::new(), bands_total: 0, filter };
    if view.filter.by == Grouping::State {
        view.columns = columns(&visitor, &rows, &view.filter).await?;
    } else {
        view.columns = counted(&visitor, &rows, &view.filter);
        bands(&visitor, &rows, &mut view).await?;
    }
    Ok(pages::board::page(&view).into_response())
}

/// Returns the columns with their numbers alone.
fn counted(visitor: &Visitor, rows: &Rows, filter: &BoardFilter) -> Vec<BoardColumn> {
    let tally = tally(rows, visitor, filter);
    let column = |(state, total): (&str, u32)| BoardColumn {
        state: state.into(),
        total,
        tickets: Vec::new(),
    };
    tally.states().map(column).collect()
}

/// Returns the columns with the cards that are shown.
async fn columns(visitor: &Visitor, rows: &Rows, filter: &BoardFilter) -> Answer<Vec<BoardColumn>> {
    let person = person(visitor);
    let mut states: BTreeMap<&str, Vec<&TicketRow>> = BTreeMap::new();
    for row in rows.of(visitor.project.as_ref()).filter(|it| is_wanted(it, filter, &person)) {
        states.entry(&row.state).or_default().push(row);
    }
    let mut keys = Vec::new();
    let mut windows = Vec::new();
    for (state, mut column) in states {
        let total = column.len();
        sort(&mut column, &person);
        if filter.all.as_deref() == Some(state) {
            column.drain(..total.min(filter.from as usize));
            column.truncate(LEAF);
        } else {
            column.truncate(COLUMN_WINDOW);
        }
        keys.extend(column.iter().map(|it| it.key.clone()));
        windows.push((state, total, column));
    }
    let docs = rows.docs(&visitor.site, keys).await?;
    let column = |(state, total, rows): (&str, usize, Vec<&TicketRow>)| BoardColumn {
        state: state.into(),
        total: u32::try_from(total).unwrap_or(u32::MAX),
        tickets: rows.iter().filter_map(|it| docs.get(&it.key).cloned()).collect(),
    };
    Ok(windows.into_iter().map(column).collect())
}

/// The rows of one band, by stack.
#[derive(Default)]
struct Gathered<'a> {
    rows: Vec<&'a TicketRow>,
    cells: [Vec<&'a TicketRow>; 5],
}

/// Fills the bands of one page.
async fn bands(visitor: &Visitor, rows: &Rows, view: &mut BoardView) -> Answer<()> {
    let person = person(visitor);
    let by = view.filter.by;
    let wanted = |it: &&TicketRow| is_wanted(it, &view.filter, &person);
    let now = visitor.site.control.now().as_second();
    let mut groups: BTreeMap<String, Gathered<'_>> = BTreeMap::new();
    for row in rows.of(visitor.project.as_ref()).filter(wanted) {
        let Some(group) = group_of(row, by) else { continue };
        let held = groups.entry(group).or_default();
        held.rows.push(row);
        let is_lately = row.closed_at.is_none_or(|at| now - at.as_second() < LATELY_S);
        if let Some(cell) = held.cells.get_mut(stack_of(&row.state)).filter(|_| is_lately) {
            cell.push(row);
        }
    }
    let mut groups: Vec<(BandHead, Gathered<'_>)> = groups
        .into_iter()
        .filter(|(_, held)| held.cells.iter().any(|it| !it.is_empty()))
        .map(|(key, held)| (head_of(rows, &key, &held.rows, &person), held))
        .collect();
    groups.sort_by_key(|(head, held)| {
        let latest = held.rows.iter().map(|it| it.updated_at).max();
        (head.key.is_empty(), std::cmp::Reverse(head.waits), std::cmp::Reverse(latest))
    });
    view.bands_total = u32::try_from(groups.len()).unwrap_or(u32::MAX);
    let shown = groups.into_iter().skip(view.filter.from as usize).take(BAND_WINDOW);
    let shown: Vec<_> = shown.map(|(head, held)| (head, windows(held, &person))).collect();
    let cells = shown.iter().flat_map(|(_, cells)| cells.iter());
    let keys = cells.flat_map(|(_, rows)| rows.iter().map(|it| it.key.clone())).collect();
    let docs = rows.docs(&visitor.site, keys).await?;
    let cell = |(total, rows): (usize, Vec<&TicketRow>)| BandCell {
        total: u32::try_from(total).unwrap_or(u32::MAX),
        tickets: rows.iter().filter_map(|it| docs.get(&it.key).cloned()).collect(),
    };
    view.bands =
        shown.into_iter().map(|(head, cells)| Band { head, cells: cells.map(&cell) }).collect();
    Ok(())
}

/// Orders and cuts the cells of a band, each with how many tickets it has.
fn windows<'a>(held: Gathered<'a>, person: &str) -> [(usize, Vec<&'a TicketRow>); 5] {
    held.cells.map(|mut cell| {
        let total = cell.len();
        sort(&mut cell, person);
        // What is set aside hides nothing that is to be done.
        cell.sort_by_key(|it| it.state == "parked");
        cell.truncate(CELL_WINDOW);
        (total, cell)
    })
}

/// Returns the band that a ticket belongs to; a campaign itself is no card of a band.
fn group_of(row: &TicketRow, by: Grouping) -> Option<String> {
    match by {
        _ if row.kind == "campaign" => None,
        Grouping::Role => Some(row.role.clone().unwrap_or_default()),
        Grouping::Campaign | Grouping::State => {
            Some(row.parent.as_ref().map(ToString::to_string).unwrap_or_default())
        }
    }
}

/// Returns what stands at the head of the band of `rows`.
fn head_of(all: &Rows, key: &str, rows: &[&TicketRow], person: &str) -> BandHead {
    let campaign = key.parse::<TicketKey>().ok().and_then(|it| all.rows.get(&it));
    let waits = rows.iter().filter(|it| is_owed(it, person)).count();
    let count = |state: &&str| rows.iter().filter(|it| it.state == *state).count();
    BandHead {
        key: key.into(),
        title: campaign.map_or_else(|| key.to_owned(), |it| it.title.clone()),
        waits: u32::try_from(waits).unwrap_or(u32::MAX),
        states: STATES
            .iter()
            .map(|it| ((*it).to_owned(), u32::try_from(count(it)).unwrap_or(u32::MAX)))
            .collect(),
    }
}

/// Returns the head of the band that `key` belongs to, as the board shows it now; nothing where the board has no bands.
pub(crate) fn band_of(
    rows: &Rows,
    visitor: &Visitor,
    filter: &BoardFilter,
    key: &str,
) -> Option<BandHead> {
    if filter.by == Grouping::State {
        return None;
    }
    let person = person(visitor);
    let row = rows.rows.get(&key.parse::<TicketKey>().ok()?)?;
    let group = group_of(row, filter.by)?;
    let of_band = rows.of(visitor.project.as_ref()).filter(|it| {
        group_of(it, filter.by).as_ref() == Some(&group) && is_wanted(it, filter, &person)
    });
    Some(head_of(rows, &group, &of_band.collect::<Vec<_>>(), &person))
}

/// Returns the visitor as who may owe something.
pub(crate) fn person(visitor: &Visitor) -> String {
    format!("person:{}", visitor.who.name())
}

pub(super) fn is_owed(row: &TicketRow, person: &str) -> bool {
    row.open && row.state != "parked" && (row.who == person || row.who == "person:anyone")
}

/// Returns how many tickets that the board shows are in which state.
pub(crate) fn tally(rows: &Rows, visitor: &Visitor, filter: &BoardFilter) -> Arc<Tally> {
    let project = visitor.project.as_ref();
    if filter.is_of_all() {
        return rows.tally(project);
    }
    let person = person(visitor);
    Arc::new(rows.tally_where(project, |it| is_wanted(it, filter, &person)))
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

/// Returns whether the board shows the ticket under `filter` to `person`.
pub(crate) fn is_wanted(row: &TicketRow, filter: &BoardFilter, person: &str) -> bool {
    let text = || format!("{} {}", row.key, row.title).to_lowercase();
    let words = filter.words.as_deref().is_none_or(|words| {
        let text = text();
        words.to_lowercase().split_whitespace().all(|it| text.contains(it))
    });
    let campaign = filter.campaign.as_ref().is_none_or(|it| {
        let parent = row.parent.as_ref().map(ToString::to_string);
        parent.as_ref() == Some(it) || row.key.to_string() == *it
    });
    let role = filter.role.as_ref().is_none_or(|it| row.role.as_ref() == Some(it));
    let label = filter.label.as_ref().is_none_or(|it| row.labels.contains(it));
    words && campaign && role && label && (!filter.mine || is_owed(row, person))
}
