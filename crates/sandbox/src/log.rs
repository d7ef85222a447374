//! Copies a command's output into a log file, up to a limit.

use std::fs::File;
use std::io::{PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::{Error, Result};

/// How long one look at the pipe waits before it asks whether the command has ended.
const LOOK_MS: u8 = 50;

/// What went through the log.
#[derive(Debug, Default)]
pub(crate) struct Logged {
    pub(crate) output_bytes: u64,
    pub(crate) log_bytes: u64,
    pub(crate) error: Option<String>,
}

/// A thread that copies the output.
pub(crate) struct Logger {
    thread: JoinHandle<Logged>,
    is_over: Arc<AtomicBool>,
}

impl Logger {
    /// Starts copying `output` to a new file at `path`, at most `limit` bytes of it.
    pub(crate) fn start(output: PipeReader, path: &Path, limit: Option<u64>) -> Result<Self> {
        let file = File::create(path).map_err(|source| Error::Log { path: path.into(), source })?;
        let is_over = Arc::new(AtomicBool::new(false));
        let copy = Copy { output, file, limit, done: Logged::default(), is_over: is_over.clone() };
        let thread = std::thread::Builder::new().name("command-log".into());
        let thread = thread.spawn(move || copy.run()).map_err(Error::Watch)?;
        Ok(Self { thread, is_over })
    }

    /// Copies what is still in the pipe and stops, even where a process that escaped holds the other end.
    pub(crate) fn finish(self) -> Logged {
        self.is_over.store(true, Ordering::Release);
        let broken =
            || Logged { error: Some("the log's thread broke".into()), ..Logged::default() };
        self.thread.join().unwrap_or_else(|_| broken())
    }
}

struct Copy {
    output: PipeReader,
    file: File,
    limit: Option<u64>,
    done: Logged,
    is_over: Arc<AtomicBool>,
}

impl Copy {
    fn run(mut self) -> Logged {
        let mut buffer = [0_u8; 64 * 1024];
        loop {
            // Asked before looking: what was written before the end is then still seen.
            let is_last_look = self.is_over.load(Ordering::Acquire);
            if !self.has_output(if is_last_look { 0 } else { LOOK_MS }) {
                if is_last_look {
                    break;
                }
                continue;
            }
            match self.output.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => self.keep(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.done.error = Some(error.to_string());
                    break;
                }
            }
        }
        self.note_what_was_cut();
        self.done
    }

    fn has_output(&self, wait_ms: u8) -> bool {
        let mut fds = [PollFd::new(self.output.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(wait_ms)).is_ok_and(|ready| ready > 0)
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.done.output_bytes += bytes.len() as u64;
        let room = self.limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.done.log_bytes));
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        self.write(bytes.get(..room).unwrap_or_default());
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.done.error.is_some() || bytes.is_empty() {
            return;
        }
        match self.file.write_all(bytes) {
            Ok(()) => self.done.log_bytes += bytes.len() as u64,
            Err(error) => self.done.error = Some(error.to_string()),
        }
    }

    fn note_what_was_cut(&mut self) {
        let cut = self.done.output_bytes.saturating_sub(self.done.log_bytes);
        if cut > 0 && self.done.error.is_none() {
            self.write(format!("\n[{cut} more bytes of output were not kept]\n").as_bytes());
        }
    }
}
