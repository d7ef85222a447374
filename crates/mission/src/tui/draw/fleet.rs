//! *Fleet*: each lane with its slots, queue and runtimes, and under it what it runs.

use mission_domain::doc::{AttemptDoc, LaneDoc, RuntimeDoc};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::{blank, first_shown, fitted, printed};
use crate::output::{Tone, words};
use crate::tui::model::{Extent, FleetLine, Model};

/// The width of a queue's length, in columns, with the space after it.
const QUEUE: usize = 13;

/// Draws it.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, area: Rect) -> Extent {
    let Some(fleet) = &model.picture.fleet else {
        return blank(frame, model, "Asking for the lanes …", area);
    };
    let lines = fleet.lines();
    if lines.is_empty() {
        return blank(frame, model, "No lanes. Register a repository with: mission init", area);
    }
    let told = model.chosen_line().map_or_else(String::new, |it| whole(model, it, area.width));
    let told = printed(&told);
    let below = u16::try_from(told.lines.len()).unwrap_or(0).min(area.height / 2);
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let [area, rule, text] =
        Layout::vertical([Constraint::Max(rows), Constraint::Length(1), Constraint::Min(below)])
            .areas(area);
    let line = "─".repeat(usize::from(rule.width));
    frame.render_widget(Paragraph::new(line).style(model.look().of(Tone::Quiet)), rule);
    frame.render_widget(Paragraph::new(told), text);
    let height = usize::from(area.height);
    let from = first_shown(model.lane, lines.len(), height);
    let several = fleet.lanes.iter().any(|it| it.project != fleet.lanes[0].project);
    let shown = lines.iter().enumerate().skip(from).take(height);
    let shown: Vec<_> = shown
        .map(|(n, line)| {
            let is_chosen = n == model.lane;
            let line = match line {
                FleetLine::Lane(lane) => of_lane(model, lane, several, is_chosen, area.width),
                FleetLine::Attempt(id, attempt) => {
                    of_attempt(model, id, *attempt, is_chosen, area.width)
                }
            };
            if is_chosen {
                line.patch_style(Style::new().add_modifier(Modifier::REVERSED))
            } else {
                line
            }
        })
        .collect();
    frame.render_widget(Paragraph::new(shown), area);
    Extent { page: area.height, ..Extent::default() }
}

/// Returns the chosen line without anything cut.
fn whole(model: &Model, line: FleetLine<'_>, width: u16) -> String {
    let screen = model.screen(width);
    match line {
        FleetLine::Lane(lane) => {
            let mut out = screen.labelled("Runtimes", Tone::Plain, &runtimes(lane), 0);
            if let Some(note) = &lane.note {
                out.push_str(&screen.labelled("Held", Tone::Warn, note, 0));
            }
            for it in &lane.runtimes {
                let note =
                    it.note.iter().map(|note| screen.labelled(&it.name, Tone::Warn, note, 0));
                out.extend(note);
            }
            out
        }
        FleetLine::Attempt(id, attempt) => {
            let told = attempt.map_or_else(|| "not known".into(), |it| told(model, it));
            screen.labelled(id, Tone::Plain, &told, 0)
        }
    }
}

fn runtimes(lane: &LaneDoc) -> String {
    let health = |it: &RuntimeDoc| match (it.breaker.as_str(), it.found) {
        ("closed", Some(false)) => format!("{} (not found)", it.name),
        ("closed", _) => it.name.clone(),
        (breaker, _) => format!("{} (breaker {})", it.name, words::plain(breaker)),
    };
    lane.runtimes.iter().map(health).collect::<Vec<_>>().join(", ")
}

fn mark(model: &Model, is_chosen: bool) -> Span<'static> {
    model.look().span(Tone::You, if is_chosen { "▸ " } else { "  " })
}

fn of_lane(
    model: &Model,
    lane: &LaneDoc,
    several: bool,
    is_chosen: bool,
    width: u16,
) -> Line<'static> {
    let look = model.look();
    let tone = match lane.state.as_str() {
        "busy" => Tone::Live,
        "paused" => Tone::Warn,
        "no_runtime" => Tone::Bad,
        _ => Tone::Plain,
    };
    let name =
        if several { format!("{} · {}", lane.role, lane.project) } else { lane.role.clone() };
    let runtimes = runtimes(lane);
    let note = lane.note.as_ref().map_or_else(String::new, |it| format!("  {it}"));
    let room = usize::from(width).saturating_sub(2 + 20 + 12 + 7 + QUEUE);
    Line::from(vec![
        mark(model, is_chosen),
        look.span(Tone::Strong, &fitted(&name, 20)),
        look.span(tone, &fitted(&words::plain(&lane.state), 12)),
        look.span(Tone::Plain, &fitted(&format!("{}/{}", lane.attempts.len(), lane.slots), 7)),
        look.span(Tone::Plain, &fitted(&format!("{} queued", lane.queued), QUEUE)),
        look.span(Tone::Quiet, &fitted(&format!("{runtimes}{note}"), room)),
    ])
}

fn of_attempt(
    model: &Model,
    id: &str,
    attempt: Option<&AttemptDoc>,
    is_chosen: bool,
    width: u16,
) -> Line<'static> {
    let look = model.look();
    let room = usize::from(width).saturating_sub(2 + 2 + 8 + 10);
    let told = attempt.map_or_else(|| "not known".into(), |it| told(model, it));
    let (key, state) = attempt.map_or(("", ""), |it| (it.ticket.as_str(), it.state.as_str()));
    let tone = if state == "busy" { Tone::Live } else { Tone::Quiet };
    Line::from(vec![
        mark(model, is_chosen),
        look.span(tone, "● "),
        look.span(Tone::Plain, &fitted(id, 8)),
        look.span(Tone::Strong, &fitted(key, 10)),
        look.span(Tone::Plain, &fitted(&told, room)),
    ])
}

/// Returns what an attempt does: gate, runtime, state and where that was read, how long, and what it used as far as it is known.
fn told(model: &Model, it: &AttemptDoc) -> String {
    let mut parts = vec![
        words::gate(&it.gate),
        it.runtime.clone(),
        format!("{} (by {})", words::plain(&it.state), it.state_source),
        words::age(it.started_at, model.now),
    ];
    parts.extend(it.last_progress_at.map(|at| format!("progress {}", words::ago(at, model.now))));
    parts.extend(it.usage.tokens.map(|it| format!("{it} tokens")));
    parts.extend(it.usage.cost_usd.map(|it| format!("${it:.2}")));
    parts.extend(it.tmux.clone());
    parts.join(" · ")
}
