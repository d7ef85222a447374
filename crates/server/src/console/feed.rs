//! Reads a journal for one viewer: its end first, then what is added, gathered into few frames and never further behind than a screenful.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

/// How much of a journal is replayed, in bytes.
const REPLAY: u64 = 512 * 1024;

/// Whoever is further behind than this, in bytes, is taken to the end: nobody reads what flies past.
const BEHIND: u64 = 1024 * 1024;

/// The most of one frame, in bytes.
const FRAME: u64 = 64 * 1024;

/// The least between two frames: a screen that is drawn anew in many writes is one frame.
const GATHER: Duration = Duration::from_millis(33);

/// The longest between two looks at a journal that does not grow.
const IDLE: Duration = Duration::from_millis(320);

/// So far a line's end is looked for where the replay begins, in bytes.
const BEGINNING: u64 = 4 * 1024;

/// A journal as far as one viewer has it.
#[derive(Debug)]
pub(super) struct Feed {
    path: PathBuf,
    offset: Option<u64>,
    wanted: Option<u64>,
    has_terminal: bool,
    due: Instant,
    pause: Duration,
    is_over: bool,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing of this stretch: the viewer was too far behind, or asked for the end alone.
    Skipped {
        /// Where it begins.
        from: u64,
        /// Where the feed goes on.
        to: u64,
    },
}

impl Feed {
    /// Begins after `after`, which the viewer has already, or near the end.
    pub(super) fn open(path: PathBuf, after: Option<u64>, has_terminal: bool) -> Self {
        let (due, pause) = (Instant::now(), GATHER);
        Self { path, offset: None, wanted: after, has_terminal, due, pause, is_over: false }
    }

    /// Takes in that nobody writes any more: once a while was quiet, the journal is not looked at again.
    pub(super) fn ends(&mut self) {
        self.is_over = true;
    }

    /// Returns where the viewer is.
    fn offset(&self) -> u64 {
        self.offset.unwrap_or(0)
    }

    /// Waits for what comes next. May be cancelled and called again.
    pub(super) async fn next(&mut self) -> Part {
        loop {
            tokio::time::sleep_until(self.due).await;
            let (path, offset, wanted) = (self.path.clone(), self.offset, self.wanted);
            let has_terminal = self.has_terminal;
            let look = move || look(&path, offset, wanted, has_terminal);
            // A journal that is not there yet is an empty one.
            let seen = tokio::task::spawn_blocking(look).await.ok().and_then(Result::ok).flatten();
            let now = Instant::now();
            match seen {
                Some(part) => {
                    self.pause = GATHER;
                    self.due = now + self.pause;
                    self.offset = Some(match &part {
                        Part::Bytes(bytes) => self.offset() + bytes.len() as u64,
                        Part::Skipped { to, .. } => *to,
                    });
                    return part;
                }
                None if self.is_over && self.pause == IDLE => std::future::pending().await,
                None => {
                    self.due = now + self.pause;
                    self.pause = (self.pause * 2).min(IDLE);
                }
            }
        }
    }
}

fn look(
    path: &PathBuf,
    offset: Option<u64>,
    wanted: Option<u64>,
    has_terminal: bool,
) -> io::Result<Option<Part>> {
    let mut file = File::open(path)?;
    let end = file.metadata()?.len();
    let from = match (offset, wanted) {
        (Some(offset), _) => offset,
        (None, Some(wanted)) if wanted <= end => wanted,
        (None, _) => 0,
    };
    let most = if offset.is_some() || wanted.is_some() { BEHIND } else { REPLAY };
    if end.saturating_sub(from) > most {
        let to = beginning(&mut file, end - REPLAY, has_terminal)?;
        return Ok(Some(Part::Skipped { from, to }));
    }
    if offset.is_none() && wanted.is_some() {
        // The viewer has what is before, or learns that there is less than it says.
        return Ok(Some(Part::Skipped { from, to: from }));
    }
    if from >= end {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(FRAME.min(end - from)).read_to_end(&mut bytes)?;
    Ok(Some(Part::Bytes(bytes)))
}

/// Returns a place from `at` on where nothing is torn: after a line's end, on a terminal also where a sequence begins.
fn beginning(file: &mut File, at: u64, has_terminal: bool) -> io::Result<u64> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(BEGINNING).read_to_end(&mut bytes)?;
    let line = bytes.iter().position(|it| *it == b'\n').map(|it| it + 1);
    let sequence = bytes.iter().position(|it| *it == 0x1b).filter(|_| has_terminal);
    let skipped = [line, sequence].into_iter().flatten().min().unwrap_or(0);
    Ok(at + skipped as u64)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    struct Journal {
        temp: tempfile::TempDir,
    }

    impl Journal {
        fn new() -> Self {
            Self { temp: tempfile::tempdir().unwrap() }
        }

        fn path(&self) -> PathBuf {
            self.temp.path().join("journal")
        }

        fn prints(&self, bytes: &[u8]) {
            let mut options = std::fs::OpenOptions::new();
            let mut file = options.append(true).create(true).open(self.path()).unwrap();
            file.write_all(bytes).unwrap();
        }
    }

    #[tokio::test]
    async fn a_short_journal_is_replayed_whole_and_what_is_added_follows() {
        let journal = Journal::new();
        let mut feed = Feed::open(journal.path(), None, true);
        let waits = tokio::time::timeout(Duration::from_millis(200), feed.next()).await;
        assert!(waits.is_err(), "a journal that is not there yet is waited for");
        journal.prints(b"one\n");
        assert_eq!(feed.next().await, Part::Bytes(b"one\n".to_vec()));
        journal.prints(b"two");
        journal.prints(b" and three\n");
        assert_eq!(feed.next().await, Part::Bytes(b"two and three\n".to_vec()));
        assert_eq!(feed.offset(), 18);
    }

    #[tokio::test]
    async fn a_long_journal_begins_near_its_end_with_a_whole_line() {
        let journal = Journal::new();
        let line = [b"x".repeat(99), b"\n".to_vec()].concat();
        journal.prints(&line.repeat(20_000));
        let mut feed = Feed::open(journal.path(), None, false);
        let Part::Skipped { from: 0, to } = feed.next().await else {
            panic!("nothing was skipped")
        };
        assert!(to >= 2_000_000 - REPLAY && to % 100 == 0, "{to}");
        let Part::Bytes(bytes) = feed.next().await else { panic!("no bytes") };
        assert_eq!(bytes.len() as u64, FRAME);
        assert_eq!(feed.offset(), to + FRAME);
    }

    #[tokio::test]
    async fn who_comes_back_goes_on_where_they_were_and_who_is_far_behind_is_taken_to_the_end() {
        let journal = Journal::new();
        journal.prints(&b"0123456789\n".repeat(10));
        let mut feed = Feed::open(journal.path(), Some(99), false);
        assert_eq!(feed.next().await, Part::Skipped { from: 99, to: 99 });
        assert_eq!(feed.next().await, Part::Bytes(b"0123456789\n".to_vec()));
        journal.prints(&b"0123456789\n".repeat(200_000));
        let Part::Skipped { from: 110, to } = feed.next().await else { panic!("nothing skipped") };
        assert!(2_200_110 - to <= REPLAY, "{to}");
        assert_eq!(to % 11, 0);
        // A journal that is shorter than what the browser says it has is another one.
        let mut other = Feed::open(journal.path(), Some(9_000_000), false);
        assert!(matches!(other.next().await, Part::Skipped { from: 0, .. }));
    }
}
