//! Text for people: fitted to the terminal, coloured only on one. Nothing here asks or changes anything.

use anstyle::{AnsiColor, Style};
use mission_domain::ids::Timestamp;
use unicode_width::UnicodeWidthStr as _;

pub(crate) mod approval;
pub(crate) mod attempt;
pub(crate) mod digest;
pub(crate) mod fleet;
pub(crate) mod list;
pub(crate) mod packet;
pub(crate) mod rail;
pub(crate) mod table;
pub(crate) mod ticket;
pub(crate) mod words;
pub(crate) mod wrap;

#[cfg(test)]
mod tests;

pub(crate) use wrap::{broken, cut, wrapped};

/// Columns of prose where the output is no terminal.
const PROSE: usize = 100;
/// Columns of prose at most: longer lines are hard to read.
const WIDEST_PROSE: usize = 110;

/// What output is fitted to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    /// Columns of the terminal; none where output goes to a file or a pipe, so that nothing is cut.
    pub(crate) columns: Option<usize>,
    /// Whether colour is shown.
    pub(crate) colour: bool,
    /// The time that ages are told from.
    pub(crate) now: Timestamp,
}

/// Returns whether a terminal of this name has no colours.
fn is_plain(term: &str) -> bool {
    let models = ["vt52", "vt100", "vt102", "vt220", "vt320"];
    models.iter().any(|it| term.strip_prefix(it).is_some_and(|it| !it.contains("color")))
}

/// What a colour says. Violet is only what a person owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tone {
    /// No colour.
    #[default]
    Plain,
    /// A heading or a name.
    Strong,
    /// Beside the point.
    Quiet,
    /// A person owes it.
    You,
    /// At work.
    Live,
    /// Good.
    Good,
    /// Take care.
    Warn,
    /// Bad.
    Bad,
}

impl Tone {
    fn style(self) -> Style {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Quiet => Style::new().dimmed(),
            Self::You => colour(AnsiColor::Magenta).bold(),
            Self::Live => colour(AnsiColor::Blue),
            Self::Good => colour(AnsiColor::Green),
            Self::Warn => colour(AnsiColor::Yellow),
            Self::Bad => colour(AnsiColor::Red),
        }
    }
}

impl Screen {
    /// Looks at standard output.
    pub(crate) fn of_stdout(now: Timestamp) -> Self {
        use std::io::IsTerminal as _;
        let stdout = std::io::stdout();
        let columns = if stdout.is_terminal() {
            let seen = terminal_size::terminal_size_of(&stdout).map(|it| usize::from(it.0.0));
            Some(seen.filter(|it| *it > 0).unwrap_or(80))
        } else {
            std::env::var("COLUMNS").ok().and_then(|it| it.parse().ok()).filter(|it| *it > 0)
        };
        let choice = anstream::AutoStream::choice(&stdout);
        let colour = match choice {
            anstream::ColorChoice::Never => false,
            anstream::ColorChoice::Auto
            | anstream::ColorChoice::AlwaysAnsi
            | anstream::ColorChoice::Always => !std::env::var("TERM").is_ok_and(|it| is_plain(&it)),
        };
        Self { columns, colour, now }
    }

    /// Returns `text` in the colour of `tone`.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.colour || tone == Tone::Plain || text.is_empty() {
            return text.to_owned();
        }
        let style = tone.style();
        format!("{style}{text}{style:#}")
    }

    /// Returns the columns that prose is wrapped at.
    pub(crate) fn prose(&self) -> usize {
        self.columns.map_or(PROSE, |it| it.clamp(20, WIDEST_PROSE))
    }

    /// Returns a heading on a line of its own, with an empty line before it.
    pub(crate) fn heading(&self, text: &str) -> String {
        format!("\n{}\n", self.paint(Tone::Strong, text))
    }

    /// Returns `text` wrapped behind a label, lines under lines. Nothing is cut.
    pub(crate) fn labelled(&self, label: &str, tone: Tone, text: &str, indent: usize) -> String {
        const LABEL: usize = 13;
        let room = self.prose().saturating_sub(indent + LABEL).max(20);
        let pad = " ".repeat(LABEL.saturating_sub(label.width()).max(1));
        let label = format!("{}{}{pad}", " ".repeat(indent), self.paint(Tone::Quiet, label));
        let lines = wrapped(text, room);
        let mut out = String::new();
        for (n, line) in lines.iter().enumerate() {
            let lead = if n == 0 { label.clone() } else { " ".repeat(indent + LABEL) };
            out.push_str(&lead);
            out.push_str(&self.paint(tone, line));
            out.push('\n');
        }
        out
    }

    /// Returns `text` as an indented block. Nothing is cut.
    pub(crate) fn block(&self, text: &str, indent: usize) -> String {
        let room = self.prose().saturating_sub(indent).max(20);
        let pad = " ".repeat(indent);
        let lines = wrapped(text, room).into_iter();
        lines.map(|line| format!("{pad}{line}").trim_end().to_owned() + "\n").collect()
    }

    /// Returns how long ago `at` was, as people say it.
    pub(crate) fn ago(&self, at: Timestamp) -> String {
        words::ago(at, self.now)
    }
}
