//! Keeps when the journal grew and how large its terminal was, in the form that [`crate::times`] reads.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::clock;

/// What comes within this time is one moment: a screen that is drawn anew comes in many small writes.
const MOMENT: Duration = Duration::from_millis(25);

/// The most that is kept: a program that prints for days must not fill the disk with times.
const TIMES_BYTES: usize = 16 * 1024 * 1024;

/// The file. Losing a moment is no failure: what was printed is in the journal.
#[derive(Debug)]
pub(crate) struct Moments {
    file: Option<File>,
    began: Instant,
    last: Option<Instant>,
    room: usize,
}

impl Moments {
    /// Begins the file at `path`; `began` is the shim's own beginning.
    pub(crate) fn create(path: &Path, began: Instant) -> Self {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path).ok();
        let mut moments = Self { file, began, last: None, room: TIMES_BYTES };
        let ms = clock::now().as_millisecond()
            - i64::try_from(moments.passed(Instant::now())).unwrap_or(0);
        moments.keep(&format!("began {ms}\n"));
        moments
    }

    /// Keeps nothing.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { file: None, began: Instant::now(), last: None, room: 0 }
    }

    /// Notes that the journal grows from `offset` on at `now`.
    pub(crate) fn grows(&mut self, offset: u64, now: Instant) {
        if self.last.is_some_and(|last| now.duration_since(last) < MOMENT) {
            return;
        }
        self.last = Some(now);
        let ms = self.passed(now);
        self.keep(&format!("{ms} {offset}\n"));
    }

    /// Notes that the terminal has this size from `offset` of the journal on.
    pub(crate) fn sized(&mut self, offset: u64, now: Instant, (cols, rows): (u16, u16)) {
        self.last = Some(now);
        let ms = self.passed(now);
        self.keep(&format!("{ms} {offset} {cols}x{rows}\n"));
    }

    fn passed(&self, now: Instant) -> u128 {
        now.duration_since(self.began).as_millis()
    }

    fn keep(&mut self, line: &str) {
        let Some(file) = self.file.as_mut().filter(|_| line.len() <= self.room) else { return };
        self.room -= line.len();
        let _ = file.write_all(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::times::Times;

    #[test]
    fn what_comes_at_once_is_one_moment_and_a_size_is_one_of_its_own() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("journal.times");
        let began = Instant::now();
        let ms = |ms: u64| began + Duration::from_millis(ms);
        let mut moments = Moments::create(&path, began);
        moments.sized(0, ms(1), (200, 50));
        moments.grows(0, ms(40));
        moments.grows(7, ms(50));
        moments.grows(9, ms(70));
        moments.sized(9, ms(75), (90, 33));
        let times = Times::read(&path);
        assert!(times.began_ms.is_some());
        let seen: Vec<_> = times.marks.iter().map(|it| (it.ms, it.offset, it.size)).collect();
        let expected =
            [(1, 0, Some((200, 50))), (40, 0, None), (70, 9, None), (75, 9, Some((90, 33)))];
        assert_eq!(seen, expected);
    }
}
