//! What lies over a screen: a decision before it is given, and all keys.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Padding, Paragraph};

use super::{Look, fitted};
use crate::output::{Tone, broken, wrapped};
use crate::tui::ask::{Dialog, Stage};
use crate::tui::keys::{HELP, Keys};
use crate::tui::model::Model;

/// Columns of a decision at most.
const WIDEST: u16 = 96;
/// Columns of the help.
const HELP_WIDTH: u16 = 78;
/// Columns of the names of facts.
const LABEL: usize = 10;

/// Draws a decision: what is decided on, what is typed, and what `enter` does. Returns the first line of the last part of what is
/// decided on, and the lines of a part.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    model: &Model,
    dialog: &Dialog,
    area: Rect,
) -> (u16, u16) {
    let look = model.look();
    let width = area.width.saturating_sub(4).min(WIDEST);
    let room = usize::from(width).saturating_sub(4);
    let tone = if dialog.is_final { Tone::Warn } else { Tone::Quiet };
    let note = wrapped(&dialog.note, room).into_iter().map(|it| Line::from(look.span(tone, &it)));
    let note: Vec<Line<'static>> = note.collect();
    let mut lines: Vec<Line<'static>> = Vec::new();
    // What cannot be taken back is said first.
    if dialog.is_final {
        lines.extend(note.iter().cloned().chain([Line::default()]));
    }
    for (label, value) in &dialog.facts {
        let tone = if matches!(*label, "Command" | "Commit") { Tone::Strong } else { Tone::Plain };
        let room = room.saturating_sub(LABEL);
        let parts = if *label == "Command" { broken(value, room) } else { wrapped(value, room) };
        for (n, part) in parts.iter().enumerate() {
            let label = if n == 0 { *label } else { "" };
            lines.push(Line::from(vec![
                look.span(Tone::Quiet, &fitted(label, LABEL)),
                look.span(tone, part),
            ]));
        }
    }
    if !dialog.is_final {
        lines.extend([Line::default()].into_iter().chain(note));
    }
    let after = after(dialog, look, room);
    // What is decided on may be longer than the screen; the field and the keys always fit.
    let frame_lines = 2;
    let most = usize::from(area.height).saturating_sub(after.len() + frame_lines + 2).max(2);
    let mut extent = (0, 0);
    if lines.len() > most {
        let part = most - 1;
        let last = lines.len() - part;
        let at = usize::from(dialog.scroll).min(last);
        lines = lines.into_iter().skip(at).take(part).collect();
        let more = match last - at {
            0 => "page up: what is above".to_owned(),
            rest => {
                format!("… {rest} more {}: page down", if rest == 1 { "line" } else { "lines" })
            }
        };
        lines.push(Line::from(look.span(Tone::Warn, &more)));
        let lines = |it: usize| u16::try_from(it).unwrap_or(u16::MAX);
        extent = (lines(last), lines(part));
    }
    let above = lines.len();
    lines.extend(after);
    let height = u16::try_from(lines.len() + frame_lines).unwrap_or(area.height).min(area.height);
    let place = area.centered(Constraint::Length(width), Constraint::Length(height));
    let block =
        Block::bordered().title(format!(" {}? ", dialog.verb)).padding(Padding::horizontal(1));
    let inner = block.inner(place);
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(block.border_style(look.of(Tone::You))), place);
    if let (Some(field), Stage::Open | Stage::Refused(_)) = (&dialog.field, &dialog.stage) {
        let at = field
            .input
            .visual_cursor()
            .saturating_sub(field.input.visual_scroll(room.saturating_sub(3)));
        let line = u16::try_from(above + 2).unwrap_or(0);
        let column = u16::try_from(at + 2).unwrap_or(0);
        frame.set_cursor_position((
            inner.x + column.min(inner.width.saturating_sub(1)),
            inner.y + line,
        ));
    }
    extent
}

/// Returns the field, what came of it, and the keys.
fn after(dialog: &Dialog, look: Look, room: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(field) = &dialog.field {
        let shown = field.input.visual_scroll(room.saturating_sub(3));
        let mut used = 0;
        let skipped = field.input.value().chars().skip_while(|c| {
            let is_before = used < shown;
            used += unicode_width::UnicodeWidthChar::width(*c).unwrap_or(0);
            is_before
        });
        let text: String = skipped.collect();
        lines.push(Line::default());
        lines.push(Line::from(look.span(Tone::Quiet, field.label)));
        lines.push(Line::from(vec![look.span(Tone::You, "> "), look.span(Tone::Plain, &text)]));
    }
    let (told, tone) = match &dialog.stage {
        Stage::Open => (None, Tone::Plain),
        Stage::Sent => (Some("sent; waiting for the answer".to_owned()), Tone::Live),
        Stage::Refused(why) => (Some(why.clone()), Tone::Bad),
        Stage::Changed(why) => (Some(format!("locked: {why}")), Tone::Warn),
    };
    lines.push(Line::default());
    for line in told.iter().flat_map(|it| wrapped(it, room)).take(4) {
        lines.push(Line::from(look.span(tone, &line)));
    }
    let can_send = matches!(dialog.stage, Stage::Open | Stage::Refused(_));
    let mut keys: Vec<Span<'static>> = Vec::new();
    if can_send {
        keys.push(look.span(Tone::Strong, "enter"));
        keys.push(look.span(Tone::You, &format!(" {}   ", dialog.verb)));
    }
    keys.push(look.span(Tone::Strong, "esc"));
    keys.push(look.span(Tone::Plain, " leave it"));
    lines.push(Line::from(keys));
    lines
}

/// Draws all keys: in two columns, or in one where those would be cut. Returns the first line of the last page.
pub(super) fn help(frame: &mut Frame<'_>, model: &Model, scroll: u16, area: Rect) -> u16 {
    let look = model.look();
    let column = |groups: &[Keys]| {
        let mut lines: Vec<Line<'static>> = Vec::new();
        for (title, keys) in groups {
            lines.push(Line::from(look.span(Tone::Strong, title)));
            for (key, does) in *keys {
                let key = look.span(Tone::You, &fitted(&format!("  {key}"), 10));
                lines.push(Line::from(vec![key, look.span(Tone::Plain, does)]));
            }
        }
        lines
    };
    let (left, right) = HELP.split_at(2);
    let columns = if area.width < HELP_WIDTH {
        vec![column(&HELP)]
    } else {
        vec![column(left), column(right)]
    };
    let lines = columns.iter().map(Vec::len).max().unwrap_or(0);
    let lines = u16::try_from(lines).unwrap_or(u16::MAX);
    let height = lines.saturating_add(2).min(area.height);
    let place = area.centered(Constraint::Max(HELP_WIDTH), Constraint::Length(height));
    let most = lines.saturating_sub(height.saturating_sub(2));
    let at = scroll.min(most);
    let title = if most > 0 {
        " All keys · j k scroll, esc closes "
    } else {
        " All keys · any key closes "
    };
    let mut block = Block::bordered().title(title).padding(Padding::horizontal(1));
    if at < most {
        block = block.title_bottom(format!(" {} more lines below ", most - at));
    }
    let places = Layout::horizontal(vec![Constraint::Fill(1); columns.len()]).spacing(1);
    let places = places.split(block.inner(place));
    frame.render_widget(Clear, place);
    frame.render_widget(block, place);
    for (lines, place) in columns.into_iter().zip(places.iter()) {
        frame.render_widget(Paragraph::new(lines).scroll((at, 0)), *place);
    }
    most
}
