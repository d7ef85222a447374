//! Starts the program, on pipes or on a terminal of its own, and moves bytes to and from it without ever waiting.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::pty::Winsize;

use crate::error::{Error, Result};
use crate::proc_tree;
use crate::shim::os::{self, Reaped};
use crate::shim::typist::Typist;

/// The oom score of a child: memory pressure ends it before its shim.
const CHILD_OOM_SCORE: &str = "500";

/// A process of the program.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) pid: i32,
    pub(crate) start_time: u64,
    /// The inodes of its output's pipes.
    pub(crate) output: Vec<u64>,
    pub(crate) io: ChildIo,
    pub(crate) reaped: Option<Reaped>,
}

/// How the shim is connected to it. A closed end is `None`.
#[derive(Debug)]
pub(crate) enum ChildIo {
    Pipes {
        stdin: Option<Pending<ChildStdin>>,
        stdout: Option<ChildStdout>,
        stderr: Option<ChildStderr>,
    },
    Terminal {
        master: Option<File>,
        to_child: VecDeque<u8>,
        typist: Typist,
    },
}

/// An end that still has to take bytes.
#[derive(Debug)]
pub(crate) struct Pending<W> {
    pub(crate) end: W,
    rest: VecDeque<u8>,
    /// More may come later: it is not closed after the last byte.
    is_kept: bool,
}

impl<W> Pending<W> {
    /// Whether there is something to write.
    pub(crate) fn has_rest(&self) -> bool {
        !self.rest.is_empty() || !self.is_kept
    }

    /// Queues `bytes`.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.rest.extend(bytes);
    }
}

/// What came of reading.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Bytes(usize),
    NothingYet,
    End,
}

/// Starts `command` with `input` for its stdin, which is closed after it unless `is_kept`.
pub(crate) fn on_pipes(mut command: Command, input: Vec<u8>, is_kept: bool) -> Result<Running> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    os::prepare(&mut command, false);
    let mut child = spawn(&mut command)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let output = [stdout.as_ref().map(AsFd::as_fd), stderr.as_ref().map(AsFd::as_fd)];
    for fd in output.into_iter().chain([stdin.as_ref().map(AsFd::as_fd)]) {
        fd.map_or(Ok(()), never_wait)?;
    }
    // Without them only what a dead shim had not read is out of reach.
    let inode = |fd| nix::sys::stat::fstat(fd).map(|seen| seen.st_ino).ok();
    let output = output.into_iter().flatten().filter_map(inode).collect();
    let stdin = stdin.map(|end| Pending { end, rest: input.into(), is_kept });
    Ok(running(&child, output, ChildIo::Pipes { stdin, stdout, stderr }))
}

/// Starts `command` on a new terminal of `size`, as the leader of a session of its own.
pub(crate) fn on_terminal(mut command: Command, size: &Winsize) -> Result<Running> {
    let pair = nix::pty::openpty(size, None).map_err(Error::system("openpty"))?;
    for fd in [&pair.master, &pair.slave] {
        fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map_err(Error::system("fcntl"))?;
    }
    let slave = |fd: &OwnedFd| fd.try_clone().map(Stdio::from).map_err(Error::system("dup"));
    command.stdin(slave(&pair.slave)?).stdout(slave(&pair.slave)?).stderr(slave(&pair.slave)?);
    os::prepare(&mut command, true);
    let child = spawn(&mut command)?;
    never_wait(pair.master.as_fd())?;
    let master = Some(File::from(pair.master));
    let typist = Typist::new(Instant::now());
    Ok(running(&child, Vec::new(), ChildIo::Terminal { master, to_child: VecDeque::new(), typist }))
}

fn spawn(command: &mut Command) -> Result<std::process::Child> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.spawn().map_err(|source| Error::Spawn { program, source })
}

/// The child is reaped by `os::reap`, never through `Child`.
fn running(child: &std::process::Child, output: Vec<u64>, io: ChildIo) -> Running {
    let pid = child.id().cast_signed();
    // Not allowed everywhere, and only a preference.
    let _ = std::fs::write(format!("/proc/{pid}/oom_score_adj"), CHILD_OOM_SCORE);
    let start_time = proc_tree::process(pid).map_or(0, |p| p.start_time);
    Running { pid, start_time, output, io, reaped: None }
}

/// Makes reads and writes on `fd` return at once.
pub(crate) fn never_wait(fd: BorrowedFd<'_>) -> Result<()> {
    let flags = fcntl(fd, FcntlArg::F_GETFL).map_err(Error::system("fcntl"))?;
    let flags = OFlag::from_bits_retain(flags) | OFlag::O_NONBLOCK;
    fcntl(fd, FcntlArg::F_SETFL(flags)).map(|_| ()).map_err(Error::system("fcntl"))
}

/// Reads what is there. A terminal whose programs are gone says so by EIO: that is its end.
pub(crate) fn read_some(from: &mut impl Read, buffer: &mut [u8]) -> Got {
    match from.read(buffer) {
        Ok(0) => Got::End,
        Ok(length) => Got::Bytes(length),
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Got::NothingYet
        }
        Err(_) => Got::End,
    }
}

/// Writes what can be written of `bytes` and takes it away. Returns false when the other end is gone.
pub(crate) fn write_some(to: &mut impl Write, bytes: &mut VecDeque<u8>) -> bool {
    while !bytes.is_empty() {
        match to.write(bytes.as_slices().0) {
            Ok(0) => return false,
            Ok(length) => drop(bytes.drain(..length)),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return true,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
    true
}

impl Running {
    /// Gives the program more of its stdin, and closes it after the last byte.
    pub(crate) fn feed(&mut self) {
        match &mut self.io {
            ChildIo::Pipes { stdin, .. } => {
                let is_open = stdin.as_mut().is_some_and(|p| {
                    write_some(&mut p.end, &mut p.rest) && (p.is_kept || !p.rest.is_empty())
                });
                if !is_open {
                    *stdin = None;
                }
            }
            ChildIo::Terminal { master, to_child, .. } => {
                if let Some(end) = master {
                    write_some(end, to_child);
                }
            }
        }
    }

    /// Returns the program's typist, when it has a terminal.
    pub(crate) fn typist(&mut self) -> Option<&mut Typist> {
        match &mut self.io {
            ChildIo::Terminal { typist, .. } => Some(typist),
            ChildIo::Pipes { .. } => None,
        }
    }

    /// Queues `bytes` for the program's terminal.
    pub(crate) fn press(&mut self, bytes: &[u8]) {
        if let ChildIo::Terminal { to_child, .. } = &mut self.io {
            to_child.extend(bytes);
        }
        self.feed();
    }

    /// Queues what a person pressed. Between a text of ours and its Enter it waits: it would become part of that text.
    pub(crate) fn press_for_person(&mut self, bytes: &[u8]) {
        match self.typist().filter(|it| it.is_within_a_text()) {
            Some(typist) => typist.keep_for_later(bytes),
            None => self.press(bytes),
        }
    }

    /// Gives the program's terminal the size `size`.
    pub(crate) fn resize(&self, size: &Winsize) {
        if let ChildIo::Terminal { master: Some(master), .. } = &self.io {
            // The size is a courtesy: a terminal that is going away may refuse it.
            let _ = os::set_window_size(master, size);
        }
    }
}
