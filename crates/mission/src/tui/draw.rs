//! The view as it stands in the terminal. Nothing is changed here; texts of others come without what steers a terminal.

use ansi_to_tui::IntoText as _;
use mission_domain::ids::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Clear, Paragraph};
use unicode_width::UnicodeWidthStr as _;

use super::model::{Extent, Link, Model, Place};
use crate::output::{Screen, Tone, cut, words, wrapped};

mod board;
mod dialog;
mod fleet;
mod needs_you;
mod ticket;

/// Fewer columns or lines than this show nothing that could be read.
const LEAST: (u16, u16) = (40, 10);

/// What a drawing needs to know of the terminal's looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    colour: bool,
}

impl Look {
    /// Returns the style of a tone. Without colour only weight is left.
    fn of(self, tone: Tone) -> Style {
        let style = Style::new();
        let fg = |colour: Color| if self.colour { style.fg(colour) } else { style };
        match tone {
            Tone::Plain => style,
            Tone::Strong => style.add_modifier(Modifier::BOLD),
            Tone::Quiet => style.add_modifier(Modifier::DIM),
            Tone::You => fg(Color::Magenta).add_modifier(Modifier::BOLD),
            Tone::Live => fg(Color::Blue),
            Tone::Good => fg(Color::Green),
            Tone::Warn => fg(Color::Yellow),
            Tone::Bad => fg(Color::Red),
        }
    }

    /// Returns `text` in a tone, on one line and without what steers a terminal.
    fn span(self, tone: Tone, text: &str) -> Span<'static> {
        Span::styled(cut(text, usize::MAX).into_owned(), self.of(tone))
    }
}

impl Model {
    fn look(&self) -> Look {
        Look { colour: self.colour }
    }

    /// Returns what text for people is fitted to.
    fn screen(&self, columns: u16) -> Screen {
        Screen { columns: Some(usize::from(columns)), colour: self.colour, now: self.now }
    }
}

/// Draws the view, and returns how far its text can be scrolled.
pub(crate) fn draw(frame: &mut Frame<'_>, model: &Model) -> Extent {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = format!(
            "{}×{} is too small; at least {}×{}",
            area.width, area.height, LEAST.0, LEAST.1
        );
        frame.render_widget(Paragraph::new(text), area);
        // Nothing of a decision is shown, so none of it is read.
        return Extent { facts: (u16::MAX, 0), ..Extent::default() };
    }
    let banner = banner(model, area.width);
    let foot = foot(model, area.width);
    let rows = [
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(u16::try_from(banner.len()).unwrap_or(0)),
        Constraint::Fill(1),
        Constraint::Length(u16::try_from(foot.len()).unwrap_or(1)),
    ];
    let [head, rule, warn, body, feet] = Layout::vertical(rows).areas(area);
    frame.render_widget(Paragraph::new(header(model, area.width)), head);
    let line = "─".repeat(usize::from(area.width));
    frame.render_widget(Paragraph::new(line).style(model.look().of(Tone::Quiet)), rule);
    frame.render_widget(Paragraph::new(banner), warn);
    let mut extent = match &model.place {
        Place::NeedsYou => needs_you::draw(frame, model, body),
        Place::Board => board::draw(frame, model, body),
        Place::Fleet => fleet::draw(frame, model, body),
        Place::Ticket(key) => ticket::draw(frame, model, key, body),
        Place::Packet(key) => ticket::packets(frame, model, key, body),
    };
    frame.render_widget(Paragraph::new(foot), feet);
    if let Some(prompt) = &model.prompt {
        let at = u16::try_from(prompt.0.visual_cursor()).unwrap_or(0).saturating_add(7);
        frame.set_cursor_position((at.min(area.width - 1), feet.bottom().saturating_sub(1)));
    }
    if let Some(open) = &model.dialog {
        extent.facts = dialog::draw(frame, model, open, area);
    }
    if let Some(scroll) = model.help {
        extent.help = dialog::help(frame, model, scroll, area);
    }
    extent
}

/// Returns the line at the top: where one can be, and how true it is.
fn header(model: &Model, width: u16) -> Line<'static> {
    let look = model.look();
    let tab = |name: String, is_here: bool, tone: Tone| {
        let style = look.of(tone);
        let style = if is_here { style.add_modifier(Modifier::REVERSED) } else { style };
        Span::styled(format!(" {name} "), style)
    };
    let count = model.picture.needs_you.as_ref().map(Vec::len);
    let needs = count.map_or_else(|| "Needs you ?".into(), |n| format!("Needs you {n}"));
    let tone = if count.unwrap_or(0) > 0 { Tone::You } else { Tone::Plain };
    let mut spans = vec![
        tab(needs, model.place == Place::NeedsYou, tone),
        tab("Board".into(), model.place == Place::Board, Tone::Plain),
        tab("Fleet".into(), model.place == Place::Fleet, Tone::Plain),
    ];
    match &model.place {
        Place::Ticket(key) => spans.push(tab(key.clone(), true, Tone::Strong)),
        Place::Packet(key) => spans.push(tab(format!("{key} packets"), true, Tone::Strong)),
        Place::NeedsYou | Place::Board | Place::Fleet => {}
    }
    let left: usize = spans.iter().map(Span::width).sum();
    let (mark, link, tone) = link(model);
    let project = model.project.as_ref().map_or_else(String::new, |it| format!("{it} · "));
    let room = usize::from(width).saturating_sub(left + 3);
    let link = cut(&format!("{project}{link}"), room).into_owned();
    let gap = usize::from(width).saturating_sub(left + link.width() + 3);
    spans.push(Span::raw(" ".repeat(gap)));
    spans.push(look.span(tone, mark));
    spans.push(Span::raw(" "));
    spans.push(look.span(Tone::Quiet, &link));
    Line::from(spans)
}

/// Returns what the link is like, and how old the picture is.
fn link(model: &Model) -> (&'static str, String, Tone) {
    let age = |at: Timestamp| words::lasted(model.now.duration_since(at).as_secs());
    match &model.link {
        Link::Connecting => ("○", "connecting".into(), Tone::Quiet),
        Link::Live if model.as_of.is_none() => ("○", "fetching".into(), Tone::Quiet),
        Link::Live => {
            let change = model.changed_at.map_or_else(
                || "no change since you came".into(),
                |at| format!("last change {}", words::ago(at, model.now)),
            );
            ("●", format!("live · {change}"), Tone::Good)
        }
        Link::Gone { since, .. } => ("▲", format!("no server for {}", age(*since)), Tone::Warn),
    }
}

/// Returns the lines that say that the picture is old; none while it is not.
fn banner(model: &Model, width: u16) -> Vec<Line<'static>> {
    let Link::Gone { why, .. } = &model.link else { return Vec::new() };
    let age = model.as_of.map_or_else(
        || "Nothing is known yet.".into(),
        |at| format!("What you see was true {}.", words::ago(at, model.now)),
    );
    let text = format!("▲ {age} Asking again every second; decisions cannot be sent. ({why})");
    let lines = wrapped(&text, usize::from(width)).into_iter().take(3);
    lines.map(|it| Line::from(model.look().span(Tone::Warn, &it))).collect()
}

/// Returns the foot: what was said, and the keys of this screen or what is being typed.
fn foot(model: &Model, width: u16) -> Vec<Line<'static>> {
    let look = model.look();
    let mut lines = Vec::new();
    if let Some(said) = &model.said {
        let told = wrapped(&said.text, usize::from(width)).into_iter().take(3);
        lines.extend(told.map(|it| Line::from(look.span(said.tone, &it))));
    }
    if let Some(prompt) = &model.prompt {
        let room = usize::from(width).saturating_sub(8);
        let shown = prompt.0.value().chars().skip(prompt.0.visual_scroll(room)).collect::<String>();
        lines.push(Line::from(vec![
            look.span(Tone::Strong, "find: "),
            Span::raw(" "),
            look.span(Tone::Plain, &shown),
        ]));
        return lines;
    }
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut left = usize::from(width).saturating_sub(12);
    for (key, does) in key_bar(model) {
        let needed = key.width() + does.width() + 3;
        if needed > left {
            break;
        }
        left -= needed;
        spans.push(look.span(Tone::Strong, key));
        spans.push(look.span(Tone::Quiet, &format!(" {does}  ")));
    }
    spans.push(look.span(Tone::Strong, "?"));
    spans.push(look.span(Tone::Quiet, " all keys"));
    lines.push(Line::from(spans));
    lines
}

/// Returns the keys of this screen: what can be decided on the current item first.
fn key_bar(model: &Model) -> Vec<(&'static str, &'static str)> {
    if model.going {
        return vec![("n", "Needs you"), ("b", "Board"), ("f", "Fleet")];
    }
    let mut keys = match model.current().map(|it| it.kind.as_str()) {
        Some("signoff") => vec![("a", "sign off"), ("r", "request changes"), ("w", "waive")],
        Some("approval") => vec![("a", "approve once"), ("d", "deny")],
        Some("question") => vec![("1", "answer")],
        Some("work") => vec![("1", "report done")],
        Some("blocked") => vec![("1", "try again"), ("w", "waive")],
        Some(_) | None => Vec::new(),
    };
    keys.extend_from_slice(match &model.place {
        Place::NeedsYou => {
            &[("j k", "move"), ("enter", "open"), ("g b", "board"), ("q", "leave")][..]
        }
        Place::Board => {
            &[("h l", "stack"), ("j k", "move"), ("enter", "open"), ("f", "filter"), ("q", "leave")]
        }
        Place::Fleet => &[
            ("j k", "move"),
            ("enter", "ticket"),
            ("t", "console"),
            ("g n", "needs you"),
            ("q", "leave"),
        ],
        Place::Ticket(_) => &[
            ("p", "packets"),
            ("t", "console"),
            ("m", "message"),
            ("[ ]", "neighbours"),
            ("esc", "up"),
        ],
        Place::Packet(_) => &[("j k", "scroll"), ("esc", "up")],
    });
    keys
}

/// Draws a text that may be longer than its place, scrolled, and returns how far it can be.
fn scrolled(frame: &mut Frame<'_>, text: Text<'static>, scroll: u16, area: Rect) -> Extent {
    let lines = u16::try_from(text.lines.len()).unwrap_or(u16::MAX);
    let most = lines.saturating_sub(area.height);
    let at = scroll.min(most);
    frame.render_widget(Paragraph::new(text).scroll((at, 0)), area);
    if most > 0 {
        let below = if at < most {
            format!(" {} more lines below ", lines - at - area.height)
        } else {
            String::new()
        };
        let width = u16::try_from(below.width()).unwrap_or(0).min(area.width);
        let place = Rect::new(area.right() - width, area.bottom() - 1, width, 1);
        frame.render_widget(Clear, place);
        frame.render_widget(
            Paragraph::new(below).style(Style::new().add_modifier(Modifier::DIM)),
            place,
        );
    }
    Extent { most, page: area.height, ..Extent::default() }
}

/// Returns text as the command line prints it, with its colours as styles.
fn printed(text: &str) -> Text<'static> {
    text.into_text().unwrap_or_else(|_| Text::raw(text.to_owned()))
}

/// Draws what stands where nothing is known yet, or nothing is there.
fn blank(frame: &mut Frame<'_>, model: &Model, text: &str, area: Rect) -> Extent {
    let lines = wrapped(text, usize::from(area.width.saturating_sub(4)).max(1));
    let lines: Vec<_> = lines
        .iter()
        .map(|it| Line::from(model.look().span(Tone::Quiet, &format!("  {it}"))))
        .collect();
    let top = area.height / 3;
    let place = Rect::new(area.x, area.y + top, area.width, area.height - top);
    frame.render_widget(Paragraph::new(lines), place);
    Extent::default()
}

/// Returns the first line to show, so that line `chosen` of `len` is seen in `height` lines.
fn first_shown(chosen: usize, len: usize, height: usize) -> usize {
    chosen.saturating_sub(height / 2).min(len.saturating_sub(height))
}

/// Returns `text` cut or filled to exactly `width` columns.
fn fitted(text: &str, width: usize) -> String {
    let shown = cut(text, width);
    format!("{shown}{}", " ".repeat(width.saturating_sub(shown.width())))
}
