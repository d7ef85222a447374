//! What can happen to a shim, and the one place where it waits.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::error::{Error, Result};
use crate::shim::child::ChildIo;
use crate::shim::lane::Shim;
use crate::shim::talk::Talk;

/// Between two looks whether a lane that is held still may go on, once its program has ended.
const HELD: Duration = Duration::from_millis(50);

/// What can happen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    Signals,
    Newcomer,
    Client(usize),
    Stdin,
    Stdout,
    Stderr,
    Terminal,
    Pane,
    /// The connection of a session.
    Link,
}

impl Shim {
    /// Waits until something happens or is due.
    pub(crate) fn wait(&mut self) -> Result<Vec<Source>> {
        let is_over = self.running.as_ref().is_some_and(|it| it.reaped.is_some());
        let due = [
            if self.stop.is_none() { self.watch.due() } else { None },
            self.stop.as_ref().map(|stop| stop.kill_at),
            self.free_typist().and_then(|typist| typist.due()),
            self.talk.as_ref().and_then(Talk::due),
        ];
        let due =
            if is_over { Some(Instant::now() + HELD) } else { due.into_iter().flatten().min() };
        let timeout = match due {
            None => PollTimeout::NONE,
            Some(at) => {
                let rest = at.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
                PollTimeout::try_from(rest.min(60_000)).unwrap_or(PollTimeout::MAX)
            }
        };
        self.ready(timeout)
    }

    /// Returns what is ready now or within `timeout`.
    pub(crate) fn ready(&self, timeout: PollTimeout) -> Result<Vec<Source>> {
        let (read, both) = (PollFlags::POLLIN, PollFlags::POLLIN | PollFlags::POLLOUT);
        let mut waits: Vec<(Source, BorrowedFd<'_>, PollFlags)> = vec![
            (Source::Signals, self.signals.as_fd(), read),
            (Source::Newcomer, self.door.listener.as_fd(), read),
        ];
        for (index, client) in self.door.clients.iter().enumerate() {
            let flags = if client.to_send.is_empty() { read } else { both };
            waits.push((Source::Client(index), client.stream.as_fd(), flags));
        }
        if let Some(outer) = &self.outer {
            let flags = if outer.to_screen.is_empty() { read } else { both };
            waits.push((Source::Pane, outer.file.as_fd(), flags));
        }
        match self.running.as_ref().map(|running| &running.io) {
            Some(ChildIo::Pipes { stdin, stdout, stderr }) => {
                let stdin = stdin.iter().filter(|p| p.has_rest());
                waits.extend(stdin.map(|p| (Source::Stdin, p.end.as_fd(), PollFlags::POLLOUT)));
                waits.extend(stdout.iter().map(|end| (Source::Stdout, end.as_fd(), read)));
                waits.extend(stderr.iter().map(|end| (Source::Stderr, end.as_fd(), read)));
            }
            Some(ChildIo::Terminal { master, to_child, .. }) => {
                let flags = if to_child.is_empty() { read } else { both };
                waits.extend(master.iter().map(|end| (Source::Terminal, end.as_fd(), flags)));
            }
            None => {}
        }
        let link = self.talk.as_ref().and_then(|talk| talk.link().poll());
        waits.extend(link.map(|(fd, flags)| (Source::Link, fd, flags)));
        let mut fds: Vec<PollFd<'_>> =
            waits.iter().map(|(_, fd, flags)| PollFd::new(*fd, *flags)).collect();
        match poll(&mut fds, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(e) => return Err(Error::system("poll")(e)),
        }
        let is_ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        Ok(waits
            .iter()
            .zip(&fds)
            .filter(|(_, fd)| is_ready(fd))
            .map(|((source, ..), _)| *source)
            .collect())
    }
}
