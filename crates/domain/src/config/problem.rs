//! What is wrong with a configuration, and where: collected while it is read, told all at once.

use std::cell::RefCell;

use super::Source;
use super::tree::{Layer, Place};

/// Problems of one file that is not TOML; what follows them is mostly their echo.
const SYNTAX_PROBLEMS: usize = 10;

/// One thing that is wrong in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct Problem {
    /// The file as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong, what it means, and what to do.
    pub message: String,
}

/// The texts that places point into.
#[derive(Clone, Copy)]
pub(super) struct Files<'a> {
    pub(super) home: Option<Source<'a>>,
    pub(super) project: Option<Source<'a>>,
}

impl<'a> Files<'a> {
    fn source(self, layer: Layer) -> Option<Source<'a>> {
        match layer {
            Layer::BuiltIn => None,
            Layer::Home => self.home,
            Layer::Project => self.project,
        }
    }

    /// Returns the file's name and the line of `place`, or nothing for what is built in.
    pub(super) fn line(self, place: Place) -> Option<(&'a str, u32)> {
        let source = self.source(place.layer)?;
        Some((source.name, position(source.text, place.offset).0))
    }

    /// Returns the problem with its file, line and column.
    pub(super) fn problem(self, place: Place, message: String) -> Problem {
        let (file, (line, column)) = match self.source(place.layer) {
            Some(source) => (source.name, position(source.text, place.offset)),
            None => ("built-in", (1, 1)),
        };
        Problem { file: file.into(), line, column, message }
    }

    /// Returns the problems of a text that is not TOML.
    pub(super) fn syntax(self, layer: Layer, mut errors: Vec<(usize, String)>) -> Vec<Problem> {
        errors.sort();
        errors.dedup();
        let problem = |(offset, message): (usize, String)| {
            let message = format!(
                "this is not TOML: {message}; nothing of this file counts until the line is mended"
            );
            self.problem(Place { layer, offset }, message)
        };
        errors.into_iter().take(SYNTAX_PROBLEMS).map(problem).collect()
    }
}

/// Returns line and column of a byte offset, both from 1, the column in characters.
fn position(text: &str, offset: usize) -> (u32, u32) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = text.get(..end).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    let in_line = before.get(line_start..).unwrap_or_default();
    let column = in_line.chars().filter(|c| *c != '\u{feff}').count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// Collects problems while a tree is read.
#[derive(Default)]
pub(super) struct Report(RefCell<Vec<(Place, String)>>);

impl Report {
    /// Notes one problem.
    pub(super) fn add(&self, place: Place, message: impl Into<String>) {
        self.0.borrow_mut().push((place, message.into()));
    }

    /// Returns all problems in the order of the files, each once. What is wrong with a built-in value is mostly
    /// the echo of what a file says, and told only where no file is at fault.
    pub(super) fn into_problems(self, files: Files<'_>) -> Vec<Problem> {
        let mut found = self.0.into_inner();
        found.sort();
        found.dedup();
        if found.iter().any(|(place, _)| place.layer != Layer::BuiltIn) {
            found.retain(|(place, _)| place.layer != Layer::BuiltIn);
        }
        found.into_iter().map(|(place, message)| files.problem(place, message)).collect()
    }
}
