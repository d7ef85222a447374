//! *Board*: five stacks hold ten states; beside each other where there is room, else one at a time.

use mission_domain::ids::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::{blank, first_shown, fitted};
use crate::output::{Tone, words};
use crate::tui::model::{Card, Extent, Model, STACKS};

/// From this width on all stacks stand beside each other.
const BESIDE: u16 = 120;

/// Lines of a card where stacks stand beside each other.
const CARD: u16 = 4;

/// Draws it.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, area: Rect) -> Extent {
    let Some(board) = &model.picture.board else {
        return blank(frame, model, "Asking for the tickets …", area);
    };
    if board.iter().all(Vec::is_empty) {
        let text = "No tickets. File the first with: mission ticket new 'Add a dark scheme'";
        return blank(frame, model, text, area);
    }
    if area.width >= BESIDE { columns(frame, model, area) } else { one(frame, model, area) }
}

fn heading(model: &Model, stack: usize, name: &str) -> Span<'static> {
    let is_here = stack == model.stack;
    let style = model.look().of(if is_here { Tone::Strong } else { Tone::Quiet });
    let style = if is_here { style.add_modifier(Modifier::REVERSED) } else { style };
    let cards = model.cards(stack);
    // What is looked for counts wherever it lies.
    let is_found = !model.filter.is_empty();
    let count = cards.iter().filter(|it| is_found || !it.is_aside()).count();
    Span::styled(format!(" {name} {count} "), style)
}

/// Names that fit beside each other in 80 columns.
const SHORT: [&str; 5] = ["Todo", "Active", "Review", "Input, blocked", "Done"];

fn one(frame: &mut Frame<'_>, model: &Model, area: Rect) -> Extent {
    let [head, list] = Layout::vertical([Constraint::Length(2), Constraint::Fill(1)]).areas(area);
    let mut tabs: Vec<Span<'static>> = (0..5).map(|it| heading(model, it, SHORT[it])).collect();
    filter(model, &mut tabs);
    frame.render_widget(Paragraph::new(Line::from(tabs)), head);
    let cards = model.cards(model.stack);
    let height = usize::from(list.height);
    let from = first_shown(model.card.1, cards.len(), height);
    let shown = cards.iter().enumerate().skip(from).take(height);
    let lines: Vec<_> =
        shown.map(|(n, it)| row(model, it, n == model.card.1, list.width)).collect();
    if lines.is_empty() {
        let text = if model.filter.is_empty() {
            "Nothing is here."
        } else {
            "Nothing here fits; esc shows all."
        };
        return blank(frame, model, text, list);
    }
    frame.render_widget(Paragraph::new(lines), list);
    Extent { page: list.height, ..Extent::default() }
}

fn filter(model: &Model, tabs: &mut Vec<Span<'static>>) {
    if !model.filter.is_empty() {
        tabs.push(model.look().span(Tone::Warn, &format!("  only “{}”", model.filter)));
    }
}

fn owed_by(card: &Card, now: Timestamp) -> String {
    if card.is_owed() {
        return "you".into();
    }
    let who = card.who.as_deref().filter(|_| !card.is_aside()).unwrap_or_default();
    let who = words::owed_by(who, now);
    match who.split_once(", ") {
        Some((first, rest)) => format!("{first} +{}", rest.split(", ").count()),
        None => who,
    }
}

fn next(card: &Card, now: Timestamp) -> String {
    let gate = card.gate.as_deref().map(words::gate).unwrap_or_default();
    let who = owed_by(card, now);
    [gate, who].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" · ")
}

fn priority(card: &Card) -> &'static str {
    match card.priority.as_str() {
        "urgent" => "!! ",
        "high" => "! ",
        _ => "",
    }
}

fn row(model: &Model, card: &Card, is_chosen: bool, width: u16) -> Line<'static> {
    let look = model.look();
    let (glyph, tone) = words::state(&card.state, card.is_owed());
    let next_width = usize::from(width / 3).min(30);
    let room = usize::from(width).saturating_sub(2 + 2 + 10 + next_width + 2 + 7);
    let line = Line::from(vec![
        look.span(Tone::You, if is_chosen { "▸ " } else { "  " }),
        look.span(tone, &format!("{glyph} ")),
        look.span(Tone::Strong, &fitted(&card.key, 10)),
        look.span(Tone::Plain, &fitted(&format!("{}{}", priority(card), card.title), room)),
        Span::raw("  "),
        look.span(
            if card.is_owed() { Tone::You } else { Tone::Plain },
            &fitted(&next(card, model.now), next_width),
        ),
        look.span(Tone::Quiet, &format!("{:>7}", words::age(card.updated_at, model.now))),
    ]);
    chosen(line, is_chosen)
}

fn chosen(line: Line<'static>, is_chosen: bool) -> Line<'static> {
    if is_chosen { line.patch_style(Style::new().add_modifier(Modifier::REVERSED)) } else { line }
}

fn columns(frame: &mut Frame<'_>, model: &Model, area: Rect) -> Extent {
    let [top, below] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    if !model.filter.is_empty() {
        let mut line = Vec::new();
        filter(model, &mut line);
        frame.render_widget(Paragraph::new(Line::from(line)), top);
    }
    let places: [Rect; 5] = Layout::horizontal([Constraint::Fill(1); 5]).spacing(1).areas(below);
    for (stack, place) in places.into_iter().enumerate() {
        let [head, list] =
            Layout::vertical([Constraint::Length(2), Constraint::Fill(1)]).areas(place);
        frame.render_widget(
            Paragraph::new(Line::from(heading(model, stack, STACKS[stack].0))),
            head,
        );
        let cards = model.cards(stack);
        let height = usize::from((list.height / CARD).max(1));
        let at = if stack == model.stack { model.card.1 } else { 0 };
        let from = first_shown(at, cards.len(), height);
        let shown = cards.iter().enumerate().skip(from).take(height);
        let is_chosen = |n: usize| stack == model.stack && n == model.card.1;
        let lines: Vec<_> =
            shown.flat_map(|(n, it)| lines(model, it, is_chosen(n), list.width)).collect();
        frame.render_widget(Paragraph::new(lines), list);
        let hidden = cards.len().saturating_sub(from + height);
        if hidden > 0 {
            let last = Rect::new(list.x, list.bottom() - 1, list.width, 1);
            let more = model.look().span(Tone::Quiet, &format!("and {hidden} more below"));
            frame.render_widget(Paragraph::new(Line::from(more)), last);
        }
    }
    Extent { page: below.height / CARD, ..Extent::default() }
}

/// Returns a card: key and age, the title, the next action, and an empty line.
fn lines(model: &Model, card: &Card, is_chosen: bool, width: u16) -> [Line<'static>; 4] {
    let look = model.look();
    let width = usize::from(width);
    let (glyph, tone) = words::state(&card.state, card.is_owed());
    let age = words::age(card.updated_at, model.now);
    let key =
        fitted(&format!("{}{}", priority(card), card.key), width.saturating_sub(2 + age.len()));
    let head = Line::from(vec![
        look.span(tone, &format!("{glyph} ")),
        look.span(Tone::Strong, &key),
        look.span(Tone::Quiet, &age),
    ]);
    let title = Line::from(look.span(Tone::Plain, &fitted(&card.title, width)));
    let owed = if card.is_owed() { Tone::You } else { Tone::Quiet };
    let next = Line::from(look.span(owed, &fitted(&next(card, model.now), width)));
    [chosen(head, is_chosen), chosen(title, is_chosen), chosen(next, is_chosen), Line::default()]
}
