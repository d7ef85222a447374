//! The tmux server whose window the shim runs in: whether only the window is gone after a hangup, or the server too.

use std::time::{Duration, Instant};

use crate::proc_tree;

/// A server that is ending hangs its windows up first and is gone a moment later.
const GOING: Duration = Duration::from_millis(200);

/// The server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TmuxServer {
    pub(crate) pid: i32,
    start_time: u64,
}

impl TmuxServer {
    /// Returns the server that this process's window belongs to; none outside of tmux.
    pub(crate) fn of_this_window() -> Option<Self> {
        let pid = pid_in(&std::env::var("TMUX").ok()?)?;
        proc_tree::process(pid).map(|it| Self { pid, start_time: it.start_time })
    }

    /// Returns whether the server is gone, or goes in a moment: asked `since` the hangup.
    pub(crate) fn has_ended(&self, since: Instant) -> bool {
        loop {
            if !proc_tree::is_alive(self.pid, self.start_time) {
                return true;
            }
            if since.elapsed() > GOING {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Reads `SOCKET,PID,SESSION`; the socket's path may hold commas.
fn pid_in(variable: &str) -> Option<i32> {
    variable.rsplit(',').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_pid_is_the_last_but_one_part() {
        assert_eq!(pid_in("/tmp/a,b/tmux.sock,4711,0"), Some(4711));
        assert_eq!(pid_in(""), None);
    }
}
