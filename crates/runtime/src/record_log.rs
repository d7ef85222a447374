//! The lane's numbered records on disk: one JSON line each, on the disk before anybody is told the number.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::clock;
use crate::error::{Error, Result};
use crate::files;
use crate::record::{ExitRecord, Numbered, Record};

/// The writing end, owned by the shim.
#[derive(Debug)]
pub(crate) struct RecordLog {
    path: PathBuf,
    file: File,
    bytes: u64,
    next: u64,
}

impl RecordLog {
    /// Starts the log at `path`. [`Error::InUse`] when there is one: a lane has one shim in its life.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => Error::InUse(path.to_owned()),
            _ => Error::file(path)(e),
        })?;
        Ok(Self { path: path.to_owned(), file, bytes: 0, next: 1 })
    }

    /// Appends `record` and returns it with its number once it is on the disk. A failure leaves the log as it was.
    pub(crate) fn append(&mut self, record: Record) -> Result<Numbered> {
        let numbered = Numbered { number: self.next, at: clock::now(), record };
        let mut line = serde_json::to_vec(&numbered).map_err(Error::unreadable("a record"))?;
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.sync());
        if let Err(e) = written {
            let back = self.file.set_len(self.bytes);
            let back = back.and_then(|()| self.file.seek(SeekFrom::End(0)).map(|_| ()));
            return Err(Error::file(&self.path)(back.err().unwrap_or(e)));
        }
        self.bytes += line.len() as u64;
        self.next += 1;
        Ok(numbered)
    }

    /// The first record also makes the file's name durable.
    fn sync(&self) -> std::io::Result<()> {
        self.file.sync_data()?;
        if self.next == 1 { files::sync_dir(&self.path) } else { Ok(()) }
    }

    /// Returns the number of the newest record, 0 for none.
    pub(crate) fn last(&self) -> u64 {
        self.next - 1
    }
}

/// Reads the records after number `after` from `path`. A line that a crash cut short ends the reading; no file, no records.
pub fn read_after(path: &Path, after: u64) -> Result<Vec<Numbered>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::file(path)(e)),
    };
    let lines = text.split_inclusive(|byte| *byte == b'\n').filter(|l| l.ends_with(b"\n"));
    let records = lines.map_while(|line| serde_json::from_slice::<Numbered>(line).ok());
    Ok(records.filter(|r| r.number > after).collect())
}

/// Reads the exit record at `path`; none when there is none.
pub fn read_exit(path: &Path) -> Result<Option<ExitRecord>> {
    match std::fs::read(path) {
        Ok(text) => {
            let what = format!("`{}`", path.display());
            serde_json::from_slice(&text).map(Some).map_err(Error::unreadable(what))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::file(path)(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str) -> Record {
        Record::Report { value: serde_json::json!({ "summary": text }) }
    }

    #[test]
    fn records_are_numbered_from_one_and_read_back_after_a_number() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("records.jsonl");
        let mut log = RecordLog::create(&path).unwrap();
        assert_eq!(log.append(report("a")).unwrap().number, 1);
        assert_eq!(log.append(report("b")).unwrap().number, 2);
        let read = read_after(&path, 1).unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].record, report("b"));
        assert!(matches!(RecordLog::create(&path), Err(Error::InUse(_))));
    }

    #[test]
    fn a_line_cut_short_by_a_crash_is_not_a_record() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("records.jsonl");
        RecordLog::create(&path).unwrap().append(report("a")).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(br#"{"number":2,"at":"2026-01-01T00:00:00Z","kind":"rep"#).unwrap();
        assert_eq!(read_after(&path, 0).unwrap().len(), 1);
    }

    #[test]
    fn a_record_of_a_later_version_is_unknown_and_does_not_hide_the_next() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("records.jsonl");
        let lines = "{\"number\":1,\"at\":\"2026-01-01T00:00:00Z\",\"kind\":\"later\",\"x\":1}\n\
             {\"number\":2,\"at\":\"2026-01-01T00:00:00Z\",\"kind\":\"report\",\"value\":null}\n";
        std::fs::write(&path, lines).unwrap();
        let read = read_after(&path, 0).unwrap();
        assert_eq!(read[0].record, Record::Unknown);
        assert_eq!(read[1].record, Record::Report { value: serde_json::Value::Null });
    }
}
