//! The parts of the demo's campaign: which script a ticket's agents follow.

use std::fmt;

/// What stands in a ticket's text before the name of its part.
pub(super) const LABEL: &str = "Scripted part:";

/// A part that scripted agents know how to play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A visual redesign of the page, through all eight gates.
    Redesign,
    /// A filter whose first version a reviewer sends back.
    Filter,
    /// A price whose first version fails its tests, which the coder claims to pass.
    LongStay,
    /// A new script whose coder dies by a signal in its first attempt.
    Hours,
    /// A leaflet that waits for the price.
    Leaflet,
    /// A leaflet whose first version is left to a person to read.
    Arrival,
    /// A choice that the planner leaves to a person.
    Flag,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 7] = [
        Self::Redesign,
        Self::Filter,
        Self::LongStay,
        Self::Hours,
        Self::Leaflet,
        Self::Arrival,
        Self::Flag,
    ];

    /// Returns the part's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redesign => "redesign",
            Self::Filter => "filter",
            Self::LongStay => "long-stay",
            Self::Hours => "hours",
            Self::Leaflet => "leaflet",
            Self::Arrival => "arrival",
            Self::Flag => "flag",
        }
    }

    /// Returns the line that a ticket's text must hold for its agents to play this part.
    pub fn line(self) -> String {
        format!("{LABEL} {}", self.name())
    }

    /// Returns the part that `brief` names first.
    pub(super) fn of(brief: &str) -> Option<Self> {
        let (_, rest) = brief.split_once(LABEL)?;
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let name = rest.trim_start().split(|c: char| !is_part(c)).next()?;
        Self::ALL.into_iter().find(|part| part.name() == name)
    }

    /// Returns the files that the part's plan names.
    pub(super) fn files(self) -> &'static [&'static str] {
        match self {
            Self::Redesign => &["web/index.html", "web/style.css", "tests/redesign.test.sh"],
            Self::Filter => &["web/app.js", "tests/filter.test.sh"],
            Self::LongStay => &["bin/price", "tests/long-stay.test.sh"],
            Self::Hours => &["bin/hours", "tests/hours.test.sh"],
            Self::Leaflet => &["docs/prices.md"],
            Self::Arrival => &["docs/arrival.md"],
            Self::Flag => &["docs/flag.md"],
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_found_where_its_line_stands_in_a_brief() {
        for part in Part::ALL {
            let brief = format!("# HB-2\n\n> {}\n\n## Findings\n", part.line());
            assert_eq!(Part::of(&brief), Some(part));
        }
        assert_eq!(Part::of("Scripted part: another"), None);
        assert_eq!(Part::of("nothing"), None);
    }
}
