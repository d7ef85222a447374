//! How a lane comes into the runner: by being started, or by being found again.

use std::collections::BTreeMap;
use std::path::Path;

use mission_domain::ids::AttemptId;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::files::LaneFiles;
use crate::protocol::FromRunner;
use crate::record::Numbered;
use crate::runner::follow::Following;
use crate::runner::hub::Hub;
use crate::runner::orders;
use crate::shim_protocol::Request;
use crate::spec::{LaunchSpec, TmuxPlace};

/// A lane as far as the server does not know it yet.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) following: Following,
    pub(super) tmux: Option<TmuxPlace>,
    pub(super) pid: Option<i32>,
    pub(super) unacked: BTreeMap<u64, Numbered>,
    pub(super) end: Option<FromRunner>,
    pub(super) is_end_sent: bool,
    /// Being started: its files say nothing yet.
    pub(super) is_starting: bool,
    pub(super) orders: mpsc::UnboundedSender<Request>,
    pub(super) task: JoinHandle<()>,
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hub {
    /// Starts an attempt once: one that is known is told again, one that has left files is followed.
    pub(super) fn start(&mut self, spec: LaunchSpec) {
        let attempt = spec.attempt;
        if self.lanes.contains_key(&attempt) {
            return self.repeat(attempt);
        }
        let files = spec.files();
        if files.records().exists() {
            return self.adopt(attempt, &spec.lane_dir, 0);
        }
        let is_closing = || Error::BadSpec("the runner is ending: start it again".to_owned());
        let checked = if self.is_closing { Err(is_closing()) } else { spec.check() };
        if let Err(e) = checked {
            return self.send(FromRunner::StartFailed { attempt, error: e.in_full() });
        }
        let (place, tmux) = (spec.tmux.clone(), self.tmux.clone());
        self.follow(attempt, files, place, |it| tokio::spawn(it.start(spec, tmux)));
        self.lanes.entry(attempt).and_modify(|lane| lane.is_starting = true);
    }

    /// Follows a lane from its files, forgetting what was known of it; one that is just being started goes on being started.
    pub(super) fn adopt(&mut self, attempt: AttemptId, lane_dir: &Path, after: u64) {
        if self.lanes.get(&attempt).is_some_and(|lane| lane.is_starting) {
            return;
        }
        let tmux = LaunchSpec::read(lane_dir).ok().and_then(|spec| spec.tmux);
        let files = LaneFiles::new(lane_dir);
        self.follow(attempt, files, tmux, |following| tokio::spawn(following.run(after)));
    }

    /// From here on the lane is followed by a task of its own, and its orders are carried out by another.
    fn follow(
        &mut self,
        attempt: AttemptId,
        files: LaneFiles,
        tmux: Option<TmuxPlace>,
        begin: impl FnOnce(Following) -> JoinHandle<()>,
    ) {
        self.generations += 1;
        let following =
            Following { attempt, generation: self.generations, files, tell: self.tell.clone() };
        let (orders, queue) = mpsc::unbounded_channel();
        // Ends by itself, after its last order.
        tokio::spawn(orders::obey(following.clone(), queue));
        let task = begin(following.clone());
        let lane = Lane {
            following,
            tmux,
            pid: None,
            unacked: BTreeMap::new(),
            end: None,
            is_end_sent: false,
            is_starting: false,
            orders,
            task,
        };
        self.lanes.insert(attempt, lane);
    }
}
