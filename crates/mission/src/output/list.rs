//! The list of tickets: what waits for a person first, then what is at work, then the rest.

use std::borrow::Cow;

use mission_domain::ids::Timestamp;
use serde::Deserialize;

use super::table::{Fit, Table, cell, text};
use super::{Screen, Tone, words};

/// The answer of `GET /tickets?fields=row`.
#[derive(Debug, Deserialize)]
pub(crate) struct Rows<'a> {
    /// The tickets.
    #[serde(borrow)]
    pub(crate) tickets: Vec<Row<'a>>,
}

/// What a list shows of a ticket: texts are left where they are in the answer, of which there may be thousands.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Row<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    title: Cow<'a, str>,
    #[serde(borrow)]
    state: Cow<'a, str>,
    #[serde(borrow, default)]
    priority: Cow<'a, str>,
    #[serde(borrow, default)]
    gate: Option<Cow<'a, str>>,
    /// Who owes the next action, like `role:qa`.
    #[serde(borrow, default)]
    who: Option<Cow<'a, str>>,
    updated_at: Timestamp,
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
}

/// The parts of the list, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    You,
    Blocked,
    Work,
    Next,
    Waiting,
    Parked,
    Ended,
}

impl Part {
    fn title(self) -> (&'static str, Tone) {
        match self {
            Self::You => ("Needs you", Tone::You),
            Self::Blocked => ("Blocked", Tone::Bad),
            Self::Work => ("At work", Tone::Live),
            Self::Next => ("Next", Tone::Strong),
            Self::Waiting => ("Waiting", Tone::Strong),
            Self::Parked => ("Parked", Tone::Strong),
            Self::Ended => ("Ended", Tone::Strong),
        }
    }
}

impl Row<'_> {
    fn is_owed(&self) -> bool {
        self.who.as_ref().is_some_and(|it| it.starts_with("person:"))
    }

    fn part(&self) -> Part {
        match self.state.as_ref() {
            "done" | "cancelled" | "superseded" => Part::Ended,
            "parked" => Part::Parked,
            _ if self.is_owed() => Part::You,
            "needs_input" | "in_review" => Part::You,
            "blocked" => Part::Blocked,
            "active" => Part::Work,
            "waiting" => Part::Waiting,
            _ => Part::Next,
        }
    }

    fn who(&self, now: Timestamp) -> String {
        let who = self.who.as_deref().unwrap_or_default();
        if self.is_owed() { "you".into() } else { words::owed_by(who, now) }
    }
}

fn rank(priority: &str) -> u8 {
    match priority {
        "urgent" => 0,
        "high" => 1,
        "low" => 3,
        _ => 2,
    }
}

/// Returns the list for `screen`.
pub(crate) fn list(rows: &Rows<'_>, screen: &Screen) -> String {
    if rows.tickets.is_empty() {
        return "no tickets\n".into();
    }
    let mut sorted: Vec<(Part, &Row<'_>)> = rows.tickets.iter().map(|it| (it.part(), it)).collect();
    sorted
        .sort_by_key(|(part, row)| (*part, rank(&row.priority), std::cmp::Reverse(row.updated_at)));
    let mut table = Table::new(&[
        ("KEY", Fit::Keep),
        ("STATE", Fit::Keep),
        ("TITLE", Fit::Cut),
        ("GATE", Fit::Drop),
        ("PRIORITY", Fit::Drop),
        ("WHO", Fit::Keep),
        ("AGE", Fit::Right),
    ])
    .indented(2);
    for group in sorted.chunk_by(|a, b| a.0 == b.0) {
        let Some((part, _)) = group.first() else { continue };
        let (title, tone) = part.title();
        table.heading(tone, format!("{title} ({})", group.len()));
        for (_, row) in group {
            add(&mut table, row, screen);
        }
    }
    table.render(screen)
}

fn add<'r>(table: &mut Table<'r>, row: &'r Row<'_>, screen: &Screen) {
    let owed = row.is_owed() && !matches!(row.part(), Part::Ended | Part::Parked);
    let (glyph, tone) = words::state(&row.state, owed);
    let priority = if row.priority == "medium" { "" } else { row.priority.as_ref() };
    let loud = if rank(&row.priority) == 0 { Tone::Bad } else { Tone::Plain };
    let state = match row.state.as_ref() {
        "in_review" => "in review",
        "needs_input" => "needs input",
        word => word,
    };
    let gate = match (row.gate.as_deref(), row.kind.as_ref()) {
        (Some(gate), _) => words::gate(gate),
        (None, "campaign") => "campaign".into(),
        (None, _) => String::new(),
    };
    table.row(vec![
        cell(Tone::Strong, row.key.as_ref()),
        cell(tone, format!("{glyph} {state}")),
        text(row.title.as_ref()),
        text(gate),
        cell(loud, priority),
        cell(if owed { Tone::You } else { Tone::Plain }, shown_who(row, screen.now)),
        cell(Tone::Quiet, words::age(row.updated_at, screen.now)),
    ]);
}

/// A ticket that waits on many others names the first.
fn shown_who(row: &Row<'_>, now: Timestamp) -> String {
    let who = row.who(now);
    match who.split_once(", ") {
        Some((first, rest)) => format!("{first} +{}", rest.split(", ").count()),
        None => who,
    }
}
