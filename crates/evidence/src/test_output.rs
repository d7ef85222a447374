//! Reads from a test runner's output how many tests ran. Pure; any bytes are accepted. What it does not know is
//! unknown, never zero.

mod go;
mod javascript;
mod python;
mod rust;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

/// How many tests a command ran.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct TestCount {
    /// Those that ran: passed and failed.
    pub executed: u64,
    /// Those that passed.
    pub passed: u64,
    /// Those that failed, broken set-ups and time-outs included.
    pub failed: u64,
    /// Those that were left out.
    pub skipped: u64,
}

impl TestCount {
    /// Counts tests; `executed` follows.
    pub(crate) fn of(passed: u64, failed: u64, skipped: u64) -> Self {
        Self { executed: passed.saturating_add(failed), passed, failed, skipped }
    }

    fn plus(self, other: Self) -> Self {
        Self::of(
            self.passed.saturating_add(other.passed),
            self.failed.saturating_add(other.failed),
            self.skipped.saturating_add(other.skipped),
        )
    }
}

/// What one runner's output says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// This runner did not speak.
    Nothing,
    /// It ran this many.
    Count(TestCount),
    /// It ran, and does not say how many.
    Unknown,
}

/// Returns how many tests ran, summed over all binaries and runners that `output` holds: cargo test, nextest, pytest,
/// unittest, `node --test` (TAP and spec), jest, vitest, mocha, `go test` (`-v` and `-json`). `None` where that is
/// not known, also where one of several runners does not say its number.
pub fn read(output: &[u8]) -> Option<TestCount> {
    let text = plain_text(output);
    let lines: Vec<&str> = text.lines().collect();
    let readers = [rust::read, python::read, javascript::read, go::read];
    let mut sum: Option<TestCount> = None;
    for reader in readers {
        match reader(&lines) {
            Told::Nothing => {}
            Told::Count(count) => sum = Some(sum.unwrap_or_default().plus(count)),
            Told::Unknown => return None,
        }
    }
    sum
}

/// Sums what several summaries of one runner say.
pub(crate) fn sum(counts: impl IntoIterator<Item = TestCount>) -> Told {
    let counts: Vec<TestCount> = counts.into_iter().collect();
    match counts.is_empty() {
        true => Told::Nothing,
        false => Told::Count(counts.into_iter().fold(TestCount::default(), TestCount::plus)),
    }
}

/// Returns the number in front of `word` in a list like `5 passed, 1 failed`; 0 where the word is not there.
pub(crate) fn before(list: &str, word: &str) -> u64 {
    let mut previous = "";
    for part in list.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|' | '(' | ')'))
    {
        if part == word {
            return previous.parse().unwrap_or(0);
        }
        if !part.is_empty() {
            previous = part;
        }
    }
    0
}

/// Returns the text without terminal control sequences; of a line that was drawn over, what was drawn last.
fn plain_text(bytes: &[u8]) -> String {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            0x1b => skip_sequence(&mut rest),
            b'\r' if rest.peek() != Some(&b'\n') => {
                let line = plain.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
                plain.truncate(line);
            }
            b'\r' => {}
            other => plain.push(other),
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// Skips what follows an escape: `[…letter`, `]…bell` or `]…escape \`, else one byte.
fn skip_sequence(rest: &mut std::iter::Peekable<impl Iterator<Item = u8>>) {
    match rest.next() {
        Some(b'[') => {
            while rest.next_if(|b| !(0x40..=0x7e).contains(b) && *b != b'\n').is_some() {}
        }
        Some(b']') => {
            while rest.next_if(|b| !matches!(b, 0x07 | 0x1b | b'\n')).is_some() {}
            if rest.next_if_eq(&0x1b).is_none() {
                rest.next_if_eq(&0x07);
                return;
            }
        }
        Some(_) | None => return,
    }
    rest.next_if(|b| *b != b'\n');
}
