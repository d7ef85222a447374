//! Whether the program that ended was the agent, or only started it and went: a script that puts it into the background.

use std::os::fd::AsFd;
use std::path::Path;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::record::Orphan;
use crate::shim::child::ChildIo;
use crate::shim::lane::Shim;
use crate::shim::os::Reaped;

/// Processor time, in milliseconds, that a program stays below which only starts another one: a script of Python takes some 50, an
/// agent that has spoken to its model more than this.
const STARTER_MS: u64 = 250;

impl Shim {
    /// Whether the session's other side is still there, though the program has ended. To be asked before what is left is ended.
    pub(crate) fn is_heard_by_another(&self) -> bool {
        let Some(talk) = self.talk.as_ref().filter(|it| !it.is_closing()) else { return false };
        if talk.link().is_answered() {
            return true;
        }
        let Some(ChildIo::Pipes { stdin: Some(stdin), .. }) =
            self.running.as_ref().map(|it| &it.io)
        else {
            return false;
        };
        // A pipe that nobody can read any more says so by an error.
        let mut looked = [PollFd::new(stdin.end.as_fd(), PollFlags::POLLOUT)];
        let is_seen = poll(&mut looked, PollTimeout::ZERO).is_ok();
        let seen = looked[0].revents().unwrap_or(PollFlags::empty());
        is_seen && !seen.intersects(PollFlags::POLLERR | PollFlags::POLLNVAL)
    }

    /// Returns in words that the program only started the agent and went; nothing where it was the agent, or nobody can tell.
    pub(crate) fn forked(&self, ended: Reaped, left: &[Orphan], is_heard: bool) -> Option<String> {
        let code = ended.exit_code?;
        if self.stop.is_some() {
            return None;
        }
        let is_starter = match &self.talk {
            // Who ends before the session is there, or while somebody else has it, was not the agent.
            Some(talk) if talk.is_closing() => false,
            Some(talk) => is_heard || (talk.hello.is_none() && !left.is_empty()),
            None => {
                let is_left = !left.is_empty() || !self.turns.hung_up.is_empty();
                is_left && ended.user_ms + ended.system_ms < STARTER_MS
            }
        };
        let program = self.spec.command.first().map_or("", String::as_str);
        let program = Path::new(program).file_name().and_then(|it| it.to_str()).unwrap_or(program);
        let what = match (left, self.turns.hung_up.as_slice()) {
            ([one, ..], _) => format!("`{}` (pid {})", one.comm, one.pid),
            ([], [pid, ..]) => format!("another process (pid {pid})"),
            ([], []) => "another process".to_owned(),
        };
        is_starter.then(|| {
            format!(
                "`{program}` ended with exit code {code} while {what}, which it had started, ran on"
            )
        })
    }
}
