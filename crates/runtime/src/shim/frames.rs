//! The frames of a session, both ways, as they passed: for whoever has to find out what a program really said.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::Value;

/// The most that is kept: the record of a session that streams for hours must not fill the disk.
const FRAMES_BYTES: u64 = 64 * 1024 * 1024;

/// The file. Losing a frame is no failure: what counts is in the records.
#[derive(Debug)]
pub(crate) struct Frames {
    file: Option<File>,
    bytes: u64,
}

impl Frames {
    /// Begins the file at `path`.
    pub(crate) fn create(path: &Path) -> Self {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path).ok();
        Self { file, bytes: 0 }
    }

    /// Keeps a frame of the program.
    pub(crate) fn heard(&mut self, frame: &Value) {
        self.keep('<', frame);
    }

    /// Keeps a frame to the program.
    pub(crate) fn said(&mut self, frame: &Value) {
        self.keep('>', frame);
    }

    fn keep(&mut self, way: char, frame: &Value) {
        let Some(file) = self.file.as_mut().filter(|_| self.bytes < FRAMES_BYTES) else { return };
        let line = format!("{way} {frame}\n");
        self.bytes += line.len() as u64;
        let _ = file.write_all(line.as_bytes());
    }
}
