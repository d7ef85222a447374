//! Tables whose columns fit the terminal: one column gives way, the others keep their width.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr as _;

use super::wrap::{clean, one_line};
use super::{Screen, Tone, cut, wrapped};

/// Columns between columns.
const GAP: usize = 2;

/// What a column does where the terminal is too narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// Keeps its width.
    Keep,
    /// Keeps its width, aligned to the right.
    Right,
    /// Is left out before the columns that give way become too narrow; the last such column goes first.
    Drop,
    /// Is cut with an ellipsis: for titles.
    Cut,
    /// Goes on in the next line: for reasons and commands.
    Wrap,
}

impl Fit {
    /// The narrowest that a column may become, where it gives way.
    fn narrowest(self) -> Option<usize> {
        match self {
            Self::Cut => Some(20),
            Self::Wrap => Some(28),
            Self::Keep | Self::Right | Self::Drop => None,
        }
    }
}

/// One cell.
#[derive(Debug, Clone)]
pub(crate) struct Cell<'a> {
    text: Cow<'a, str>,
    tone: Tone,
}

/// Returns a cell.
pub(crate) fn cell<'a>(tone: Tone, text: impl Into<Cow<'a, str>>) -> Cell<'a> {
    Cell { text: text.into(), tone }
}

/// Returns a cell without colour.
pub(crate) fn text<'a>(text: impl Into<Cow<'a, str>>) -> Cell<'a> {
    cell(Tone::Plain, text)
}

/// A table.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    columns: Vec<(&'static str, Fit)>,
    rows: Vec<Row<'a>>,
    indent: usize,
}

#[derive(Debug)]
enum Row<'a> {
    Cells(Vec<Cell<'a>>),
    Heading(Tone, String),
}

impl<'a> Table<'a> {
    /// A table with these columns.
    pub(crate) fn new(columns: &[(&'static str, Fit)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new(), indent: 0 }
    }

    /// Indents every line.
    #[must_use]
    pub(crate) fn indented(mut self, indent: usize) -> Self {
        self.indent = indent;
        self
    }

    /// Adds a row: one cell for each column.
    pub(crate) fn row(&mut self, cells: Vec<Cell<'a>>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "one cell for each column");
        self.rows.push(Row::Cells(cells));
    }

    /// Adds a line across all columns.
    pub(crate) fn heading(&mut self, tone: Tone, text: impl Into<String>) {
        self.rows.push(Row::Heading(tone, text.into()));
    }

    /// Returns the table for `screen`.
    pub(crate) fn render(&self, screen: &Screen) -> String {
        let widths = self.widths(screen);
        let mut out = String::with_capacity(self.rows.len() * 96 + 96);
        let titles = self.columns.iter().map(|it| cell(Tone::Quiet, it.0)).collect::<Vec<_>>();
        self.line(screen, &widths, &titles, &mut out);
        for row in &self.rows {
            match row {
                Row::Cells(cells) => self.line(screen, &widths, cells, &mut out),
                Row::Heading(tone, heading) => {
                    out.push_str(&screen.paint(*tone, heading));
                    out.push('\n');
                }
            }
        }
        out
    }

    /// Returns each column's width; none for one that is left out.
    fn widths(&self, screen: &Screen) -> Vec<Option<usize>> {
        let mut natural: Vec<usize> = self.columns.iter().map(|it| it.0.width()).collect();
        for row in &self.rows {
            let Row::Cells(cells) = row else { continue };
            for (width, cell) in natural.iter_mut().zip(cells) {
                *width = (*width).max(columns_of(&cell.text));
            }
        }
        let mut widths: Vec<Option<usize>> = natural.into_iter().map(Some).collect();
        // A column in which nothing stands is left out.
        for (n, width) in widths.iter_mut().enumerate() {
            let is_empty = |row: &Row<'_>| match row {
                Row::Cells(cells) => cells.get(n).is_none_or(|it| it.text.is_empty()),
                Row::Heading(..) => true,
            };
            if self.rows.iter().all(is_empty) {
                *width = None;
            }
        }
        let Some(room) = screen.columns else {
            self.limit_prose(screen, &mut widths);
            return widths;
        };
        self.squeeze(room, &mut widths);
        widths
    }

    /// Where nothing is cut, prose still does not run on for ever.
    fn limit_prose(&self, screen: &Screen, widths: &mut [Option<usize>]) {
        for ((_, fit), width) in self.columns.iter().zip(widths) {
            if *fit == Fit::Wrap {
                *width = width.map(|it| it.min(screen.prose()));
            }
        }
    }

    /// Narrows the columns that give way, and leaves out those that may go, until all fit into `room`.
    fn squeeze(&self, room: usize, widths: &mut [Option<usize>]) {
        loop {
            let used: usize = widths.iter().flatten().map(|it| it + GAP).sum();
            let over = (used + self.indent).saturating_sub(room + GAP);
            if over == 0 {
                return;
            }
            let narrowest = |n: usize| self.columns[n].1.narrowest();
            let giving = (0..widths.len()).filter_map(|n| Some((n, narrowest(n)?)));
            let giving: Vec<(usize, usize)> = giving.collect();
            let spare =
                |it: &(usize, usize)| widths[it.0].map_or(0, |width| width.saturating_sub(it.1));
            let total: usize = giving.iter().map(spare).sum();
            let droppable = (0..widths.len())
                .rev()
                .find(|n| self.columns[*n].1 == Fit::Drop && widths[*n].is_some());
            if total < over
                && let Some(n) = droppable
            {
                widths[n] = None;
                continue;
            }
            narrow(widths, &giving, over);
            return;
        }
    }

    fn line(
        &self,
        screen: &Screen,
        widths: &[Option<usize>],
        cells: &[Cell<'_>],
        out: &mut String,
    ) {
        let shown = || {
            let shown = self.columns.iter().zip(widths).zip(cells);
            shown.filter_map(|(((_, fit), width), cell)| Some((*fit, (*width)?, cell)))
        };
        let wraps = shown().filter(|(fit, ..)| *fit == Fit::Wrap);
        let wraps: Vec<Vec<String>> =
            wraps.map(|(_, width, cell)| wrapped(&cell.text, width)).collect();
        let height = wraps.iter().map(Vec::len).max().unwrap_or(1).max(1);
        for n in 0..height {
            let start = out.len();
            pad(out, self.indent);
            let (mut owed, mut wrap) = (0, wraps.iter());
            for (fit, width, cell) in shown() {
                let part = match fit {
                    Fit::Wrap => wrap.next().and_then(|it| it.get(n)).map_or("", |it| it).into(),
                    _ if n > 0 => Cow::Borrowed(""),
                    Fit::Cut => cut(&cell.text, width),
                    Fit::Keep | Fit::Right | Fit::Drop => one_line(&cell.text),
                };
                let missing = width.saturating_sub(columns_of(&part));
                let is_right = fit == Fit::Right;
                pad(out, owed + if is_right { missing } else { 0 });
                push_painted(out, screen, cell.tone, &part);
                owed = GAP + if is_right { 0 } else { missing };
            }
            let end = start + out[start..].trim_end().len();
            out.truncate(end);
            out.push('\n');
        }
    }
}

/// Takes `over` columns from those that give way: from the widest first, so that all stay readable.
fn narrow(widths: &mut [Option<usize>], giving: &[(usize, usize)], over: usize) {
    // Where nothing more may go, even a column that gives way becomes narrower than is good.
    let floor = |it: &(usize, usize), step: usize| if step < over { it.1 } else { 8 };
    let mut left = over;
    for step in 0..2 * over {
        let may =
            giving.iter().filter(|it| widths[it.0].is_some_and(|width| width > floor(it, step)));
        let Some((widest, _)) = may.max_by_key(|it| widths[it.0]) else { continue };
        let widest = *widest;
        widths[widest] = widths[widest].map(|it| it - 1);
        left -= 1;
        if left == 0 {
            return;
        }
    }
}

fn push_painted(out: &mut String, screen: &Screen, tone: Tone, text: &str) {
    if screen.colour && tone != Tone::Plain {
        out.push_str(&screen.paint(tone, text));
    } else {
        out.push_str(text);
    }
}

fn pad(out: &mut String, columns: usize) {
    out.extend(std::iter::repeat_n(' ', columns));
}

/// Returns the columns that `text` takes; plain letters are not measured one by one.
fn columns_of(text: &str) -> usize {
    let is_plain = text.bytes().all(|it| (b' '..=b'~').contains(&it));
    if is_plain { text.len() } else { clean(text).lines().map(|it| it.width()).max().unwrap_or(0) }
}
