//! When a journal grew, and how large its terminal was: a line of text per moment, beside the journal's raw bytes.
//!
//! The first line is `began MS`, in milliseconds since 1970; each further one `MS OFFSET`, with ` COLSxROWS` where the terminal
//! got that size: from OFFSET on the bytes came MS milliseconds after the beginning.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// What a journal's times say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Times {
    /// When the shim began, in milliseconds since 1970; none where nothing was kept.
    pub began_ms: Option<i64>,
    /// The moments, in order.
    pub marks: Vec<Mark>,
}

/// From `offset` on the journal's bytes came `ms` milliseconds after the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Milliseconds since the beginning; never less than before.
    pub ms: u64,
    /// The place in the journal, in bytes; never less than before.
    pub offset: u64,
    /// Columns and rows, where the terminal got another size.
    pub size: Option<(u16, u16)>,
}

impl Times {
    /// Reads the file at `path`. What is not there or cannot be read counts as not kept: a recording without it has no times.
    pub fn read(path: &Path) -> Self {
        std::fs::read_to_string(path).map(|it| Self::parse(&it)).unwrap_or_default()
    }

    /// Returns the newest size of the terminal, in columns and rows.
    pub fn size(&self) -> Option<(u16, u16)> {
        self.marks.iter().rev().find_map(|it| it.size)
    }

    /// A line that a dying shim left unfinished, and all that goes back in time, is passed over.
    fn parse(text: &str) -> Self {
        let mut times = Self::default();
        for line in text.split_inclusive('\n').filter_map(|it| it.strip_suffix('\n')) {
            if let Some(began) = line.strip_prefix("began ") {
                times.began_ms = began.parse().ok();
            } else if let Some(mark) = mark(line) {
                let last = times.marks.last();
                if last.is_none_or(|last| last.ms <= mark.ms && last.offset <= mark.offset) {
                    times.marks.push(mark);
                }
            }
        }
        times
    }
}

/// Follows the size of a terminal, reading only what was added.
#[derive(Debug)]
pub struct Sizes {
    path: PathBuf,
    read: u64,
    last: Option<(u16, u16)>,
}

impl Sizes {
    /// Follows the file at `path`, which need not be there yet.
    pub fn of(path: PathBuf) -> Self {
        Self { path, read: 0, last: None }
    }

    /// Returns the size now, in columns and rows; none until one is told.
    pub fn now(&mut self) -> Option<(u16, u16)> {
        let mut text = String::new();
        let added = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.read))?;
            file.read_to_string(&mut text)
        });
        // A line that is not whole yet is read again.
        let whole = added.ok().and_then(|_| text.rfind('\n')).map_or(0, |at| at + 1);
        self.read += whole as u64;
        let lines = text[..whole].lines().rev();
        self.last = lines.filter_map(|it| mark(it)?.size).next().or(self.last);
        self.last
    }
}

fn mark(line: &str) -> Option<Mark> {
    let mut words = line.split(' ');
    let (ms, offset) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let size = words.next().and_then(|it| it.split_once('x'));
    let size = size.and_then(|(cols, rows)| Some((cols.parse().ok()?, rows.parse().ok()?)));
    Some(Mark { ms, offset, size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_order_and_what_is_no_moment_is_passed_over() {
        let times = Times::parse(
            "began 1790000000000\n0 0 200x50\n15 0\nwhat?\n40 12\n9 30\n80 30 90x33\n99 4",
        );
        assert_eq!(times.began_ms, Some(1_790_000_000_000));
        let offsets: Vec<_> = times.marks.iter().map(|it| (it.ms, it.offset)).collect();
        assert_eq!(offsets, [(0, 0), (15, 0), (40, 12), (80, 30)]);
        assert_eq!((times.marks[0].size, times.size()), (Some((200, 50)), Some((90, 33))));
        assert_eq!(Times::parse(""), Times::default());
    }

    #[test]
    fn a_size_is_followed_and_half_a_line_is_none() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("journal.times");
        let mut sizes = Sizes::of(path.clone());
        assert_eq!(sizes.now(), None);
        std::fs::write(&path, "began 1\n0 0 200x50\n5 0\n9 4 9").unwrap();
        assert_eq!(sizes.now(), Some((200, 50)));
        std::fs::write(&path, "began 1\n0 0 200x50\n5 0\n9 4 90x33\n").unwrap();
        assert_eq!(sizes.now(), Some((90, 33)));
        assert_eq!(sizes.now(), Some((90, 33)));
    }
}
