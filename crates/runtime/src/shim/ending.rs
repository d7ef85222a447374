//! How an attempt is ended from outside: who asked or which limit, SIGTERM, then SIGKILL.

use std::time::{Duration, Instant};

use mission_domain::ids::MessageId;
use nix::sys::signal::Signal;

use crate::record::StopCause;
use crate::shim::child::Running;
use crate::shim::lane::Shim;
use crate::shim::tree;

/// What a program gets between SIGTERM and SIGKILL when nobody says otherwise.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// The same after a hangup: nobody can look at the program any more, and whoever waits for its end should hear of it soon.
const HANGUP_GRACE: Duration = Duration::from_millis(500);

/// Between two SIGKILLs to a tree that makes new processes meanwhile.
const AGAIN: Duration = Duration::from_millis(50);

/// The end that somebody or a limit wants.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) cause: StopCause,
    pub(crate) kill_at: Instant,
    pub(crate) has_killed: bool,
    /// When its terminal hung up, if that is the cause.
    pub(crate) hangup: Option<Instant>,
    pub(crate) undelivered: Vec<MessageId>,
}

impl Shim {
    /// Ends the attempt on behalf of `by`, `grace` lying between SIGTERM and SIGKILL.
    pub(crate) fn stop(&mut self, by: &str, grace: Duration) {
        self.begin_stop(StopCause::Stopped { by: by.to_owned() }, grace);
    }

    /// Ends the attempt because its terminal is gone.
    pub(crate) fn hang_up(&mut self) {
        let is_first = self.stop.is_none();
        self.stop("SIGHUP (its terminal was closed)", HANGUP_GRACE);
        let stop = self.stop.as_mut().filter(|_| is_first);
        stop.into_iter().for_each(|stop| stop.hangup = Some(Instant::now()));
    }

    /// After a hangup: notes whether the whole tmux server is gone, or this window alone.
    pub(crate) fn look_at_server(&mut self) {
        let (Some(stop), Some(server)) = (&mut self.stop, &self.tmux) else { return };
        if stop.hangup.is_some_and(|since| server.has_ended(since)) {
            let pid = server.pid;
            let by =
                format!("SIGHUP (its terminal was closed; the tmux server, pid {pid}, is gone)");
            stop.cause = StopCause::Stopped { by };
        }
    }

    /// The first cause stays; a later stop can only shorten the grace.
    pub(crate) fn begin_stop(&mut self, cause: StopCause, grace: Duration) {
        let kill_at = Instant::now() + grace;
        if let Some(stop) = &mut self.stop {
            stop.kill_at = stop.kill_at.min(kill_at);
            return;
        }
        let mut undelivered: Vec<MessageId> =
            self.running.iter_mut().filter_map(Running::typist).flat_map(|t| t.give_up()).collect();
        undelivered.extend(self.queue.drain(..).flat_map(|text| text.messages));
        self.stop = Some(Stop { cause, kill_at, has_killed: false, hangup: None, undelivered });
        if let Some(running) = self.running.as_ref().filter(|_| !grace.is_zero()) {
            tree::signal_all(running.pid, Signal::SIGTERM);
            // A stopped process takes SIGTERM only when it runs again; whoever holds the lane still sees to that.
            if !self.files.still().exists() {
                tree::signal_all(running.pid, Signal::SIGCONT);
            }
        }
    }

    /// Ends what has reached a limit, and kills what has had its grace.
    pub(crate) fn keep_limits(&mut self) {
        let now = Instant::now();
        if self.held.is_some() || self.files.still().exists() {
            // A person who thinks is no stall, nor is a lane that may not go on.
            self.watch.progress(now);
        }
        // An agent that speaks a protocol shows its progress there; what it runs may work in silence.
        let agent = self.talk.as_ref().and(self.running.as_ref()).map(|running| running.pid);
        if self.stop.is_none()
            && let Some(cause) = self.watch.check(now, || tree::own_use_but(agent))
        {
            let grace =
                if matches!(cause, StopCause::MemoryLimit { .. }) { Duration::ZERO } else { GRACE };
            self.begin_stop(cause, grace);
        }
        let (Some(stop), Some(running)) = (&mut self.stop, &self.running) else { return };
        if stop.kill_at <= now && running.reaped.is_none() {
            tree::signal_all(running.pid, Signal::SIGKILL);
            stop.kill_at = now + AGAIN;
            stop.has_killed = true;
        }
    }
}
