//! What lies over a screen: a decision before it is given, and all keys.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Padding, Paragraph};

use super::{Look, fitted};
use crate::output::{Tone, broken, wrapped};
use crate::tui::ask::{Dialog, Stage};
use crate::tui::keys::HELP;
use crate::tui::model::Model;

/// Columns of a decision at most.
const WIDEST: u16 = 96;
/// Columns of the help.
const HELP_WIDTH: u16 = 78;
/// Columns of the names of facts.
const LABEL: usize = 10;

/// Draws a decision: what is decided on, what is typed, and what `enter` does.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, dialog: &Dialog, area: Rect) {
    let look = model.look();
    let width = area.width.saturating_sub(4).min(WIDEST);
    let room = usize::from(width).saturating_sub(4);
    let mut lines: Vec<Line<'static>> = Vec::new();
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
    lines.push(Line::default());
    lines
        .extend(wrapped(dialog.note, room).iter().map(|it| Line::from(look.span(Tone::Quiet, it))));
    let after = after(dialog, look, room);
    // What is decided on may be longer than the screen; the field and the keys always fit.
    let frame_lines = 2;
    let most = usize::from(area.height).saturating_sub(after.len() + frame_lines + 2);
    if lines.len() > most {
        lines.truncate(most.saturating_sub(1));
        lines.push(Line::from(
            look.span(Tone::Warn, "… and more: esc, and read it on its screen first"),
        ));
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

/// Draws all keys, in two columns.
pub(super) fn help(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let look = model.look();
    let column = |from: usize| {
        let mut lines: Vec<Line<'static>> = Vec::new();
        for (title, keys) in &HELP[from..from + 2] {
            lines.push(Line::from(look.span(Tone::Strong, title)));
            for (key, does) in *keys {
                let key = look.span(Tone::You, &fitted(&format!("  {key}"), 10));
                lines.push(Line::from(vec![key, look.span(Tone::Plain, does)]));
            }
        }
        lines
    };
    let (left, right) = (column(0), column(2));
    let lines = left.len().max(right.len()) + 2;
    let height = u16::try_from(lines).unwrap_or(area.height).min(area.height);
    let place = area.centered(Constraint::Max(HELP_WIDTH), Constraint::Length(height));
    let block =
        Block::bordered().title(" All keys · any key closes ").padding(Padding::horizontal(1));
    let halves = Layout::horizontal([Constraint::Fill(1); 2]).spacing(1);
    let [one, other] = halves.areas(block.inner(place));
    frame.render_widget(Clear, place);
    frame.render_widget(block, place);
    frame.render_widget(Paragraph::new(left), one);
    frame.render_widget(Paragraph::new(right), other);
}
