//! The raw output of the program: a file for the record, and in memory its tail and the part that markers are read from.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::pty::Winsize;

use crate::error::{Error, Result};
use crate::shim::times::Moments;

/// How much of the end is kept for the exit record.
pub(crate) const LAST_OUTPUT_BYTES: usize = 2048;

/// The most a journal takes: a program that prints for ever must not fill the disk.
const JOURNAL_BYTES: u64 = 256 * 1024 * 1024;

/// How much of a turn's stdout is kept to read markers from.
const MESSAGE_BYTES: usize = 1024 * 1024;

/// The journal's writing end.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    moments: Moments,
    pub(crate) bytes: u64,
    pub(crate) lost_bytes: u64,
    pub(crate) disk_full: bool,
    tail: Vec<u8>,
    message: Vec<u8>,
}

impl Journal {
    pub(crate) fn create(path: &Path, moments: Moments) -> Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        let file = file.map_err(Error::file(path))?;
        let path = path.to_owned();
        let (tail, message) = (Vec::new(), Vec::new());
        Ok(Self { path, file, moments, bytes: 0, lost_bytes: 0, disk_full: false, tail, message })
    }

    /// Takes output. What the disk refuses is counted, not fatal: the program must not die of it.
    pub(crate) fn take(&mut self, bytes: &[u8], is_message: bool) {
        keep_end(&mut self.tail, bytes, LAST_OUTPUT_BYTES);
        if is_message {
            keep_end(&mut self.message, bytes, MESSAGE_BYTES);
        }
        let room = JOURNAL_BYTES.saturating_sub(self.bytes);
        let fits = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        self.lost_bytes += (bytes.len() - fits) as u64;
        if fits > 0 {
            self.moments.grows(self.bytes, Instant::now());
        }
        match self.file.write_all(&bytes[..fits]) {
            Ok(()) => self.bytes += fits as u64,
            Err(e) => {
                self.disk_full |= is_full(&e);
                let kept = self.file.metadata().map_or(self.bytes, |m| m.len());
                self.lost_bytes += fits as u64 - kept.saturating_sub(self.bytes).min(fits as u64);
                self.bytes = kept;
            }
        }
    }

    /// Notes the size that the terminal has from here on.
    pub(crate) fn sized(&mut self, size: &Winsize) {
        self.moments.sized(self.bytes, Instant::now(), (size.ws_col, size.ws_row));
    }

    /// Forgets the present turn's stdout and returns it.
    pub(crate) fn take_message(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.message)
    }

    /// Returns the last output, escapes kept, broken UTF-8 replaced.
    pub(crate) fn last_output(&self) -> String {
        let start = self.tail.len().saturating_sub(LAST_OUTPUT_BYTES);
        String::from_utf8_lossy(&self.tail[start..]).into_owned()
    }

    /// Returns at most `most` bytes from `offset`.
    pub(crate) fn read(&self, offset: u64, most: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file = File::open(&self.path).map_err(Error::file(&self.path))?;
        let read = file.seek(SeekFrom::Start(offset));
        read.and_then(|_| file.take(most).read_to_end(&mut bytes))
            .map_err(Error::file(&self.path))?;
        Ok(bytes)
    }

    pub(crate) fn sync(&mut self) {
        if let Err(e) = self.file.sync_data() {
            self.disk_full |= is_full(&e);
        }
    }
}

pub(crate) fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// Reads the end of the journal at `path`, for a lane without a shim. Empty when there is none.
pub(crate) fn end_of(path: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LAST_OUTPUT_BYTES as u64)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// Keeps the last `most` bytes, and up to as many again: one move per `most` bytes, not one per write.
fn keep_end(kept: &mut Vec<u8>, bytes: &[u8], most: usize) {
    kept.extend_from_slice(bytes);
    if kept.len() > 2 * most {
        kept.drain(..kept.len() - most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_counted_and_the_tail_is_kept() {
        let mut journal = Journal::create(Path::new("/dev/full"), Moments::none()).unwrap();
        journal.take(b"lost words", true);
        assert!(journal.disk_full);
        assert_eq!((journal.bytes, journal.lost_bytes), (0, 10));
        assert_eq!(journal.last_output(), "lost words");
        assert_eq!(journal.take_message(), b"lost words");
    }

    #[test]
    fn the_tail_is_the_last_two_kibibytes_and_broken_utf8_is_replaced() {
        let temp = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(&temp.path().join("journal"), Moments::none()).unwrap();
        journal.take(&[b'a'; 5000], false);
        journal.take(b"end\xff", false);
        assert!(journal.last_output().ends_with("aend\u{fffd}"));
        assert_eq!(journal.last_output().chars().count(), LAST_OUTPUT_BYTES);
        assert_eq!(journal.bytes, 5004);
        assert_eq!(journal.read(5000, 10).unwrap(), b"end\xff");
        assert_eq!(end_of(&temp.path().join("journal")).chars().count(), LAST_OUTPUT_BYTES);
    }
}
