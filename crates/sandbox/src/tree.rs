//! One command and all it starts: begun, watched and ended on a thread of its own.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::leftovers::{end_run, new_mark, resident_bytes};
use crate::log::{Logged, Logger};
use crate::{Error, Exit, Result, sys};

/// The processes of one run.
#[derive(Debug)]
pub(crate) struct Tree {
    mark: String,
    state: Mutex<State>,
}

/// What may be signalled: never a process id that the kernel may have given to somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unstarted,
    Lives(i32),
    Over,
}

/// How a tree ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) exit: Exit,
    pub(crate) wall: Duration,
    pub(crate) max_rss: u64,
    pub(crate) logged: Logged,
    pub(crate) killed_leftovers: usize,
}

impl Tree {
    /// Returns a tree that was not started yet.
    pub(crate) fn new() -> Self {
        Self { mark: new_mark(), state: Mutex::new(State::Unstarted) }
    }

    /// Returns what marks its processes.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    /// Starts `command` as the leader of a session and waits for its end; then ends everything it left behind.
    /// Blocks its thread, which must live as long as the command: the leader dies with it.
    pub(crate) fn run(&self, mut command: Command, logger: Logger) -> Result<End> {
        let begun = Instant::now();
        let not_started = |why: String, logged| End {
            exit: Exit::NotStarted(why),
            wall: begun.elapsed(),
            max_rss: 0,
            logged,
            killed_leftovers: 0,
        };
        let leader = {
            let mut state = self.lock();
            if *state == State::Over {
                drop(command);
                return Ok(not_started("nobody waits for it any more".into(), logger.finish()));
            }
            let started = command.spawn();
            // The command holds the log's writing end, which would keep the log open.
            drop(command);
            match started {
                Ok(child) => {
                    let leader = child.id().cast_signed();
                    *state = State::Lives(leader);
                    leader
                }
                Err(error) => {
                    *state = State::Over;
                    return Ok(not_started(error.to_string(), logger.finish()));
                }
            }
        };
        await_end(leader)?;
        let wall = begun.elapsed();
        // The leader is a zombie until it is reaped, so its number is still its own while the rest is killed.
        let killed_leftovers = end_run(leader, &self.mark);
        let (status, max_rss) = {
            let mut state = self.lock();
            *state = State::Over;
            sys::reap(leader).map_err(Error::Watch)?
        };
        let exit = exit_of(ExitStatus::from_raw(status));
        Ok(End { exit, wall, max_rss, logged: logger.finish(), killed_leftovers })
    }

    /// Kills the leader and its group; its thread then ends the rest. A tree not yet started never will be.
    pub(crate) fn kill(&self) {
        let mut state = self.lock();
        match *state {
            State::Unstarted => *state = State::Over,
            State::Lives(leader) => {
                let _ = killpg(Pid::from_raw(leader), Signal::SIGKILL);
                let _ = kill(Pid::from_raw(leader), Signal::SIGKILL);
            }
            State::Over => {}
        }
    }

    /// Returns the resident bytes of the whole tree; 0 where it does not live.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let state = *self.lock();
        match state {
            State::Lives(leader) => resident_bytes(leader, &self.mark),
            State::Unstarted | State::Over => 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until the leader has ended, and leaves it on the kernel's list.
fn await_end(leader: i32) -> Result<()> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    loop {
        match waitid(Id::Pid(Pid::from_raw(leader)), flags) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(Error::Watch(error.into())),
        }
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Exited(code),
        (None, Some(signal)) => Exit::Signalled(signal),
        (None, None) => Exit::NotStarted(format!("unreadable wait status: {status}")),
    }
}
