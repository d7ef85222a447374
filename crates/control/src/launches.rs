//! Which lanes are being started: each attempt is launched once, and keeps its lease until its program can show a sign of life.

use mission_domain::ids::{AttemptId, TicketKey};
use mission_domain::ticket::EndClass;
use mission_runtime::LaunchSpec;
use mission_runtime::protocol::ToRunner;

use crate::error::Result;
use crate::execute::Control;
use crate::landing::Busy;

/// How far the launch of a live attempt is.
#[derive(Debug)]
pub(crate) enum Launch {
    /// Its working copy is made and set up, and its brief is written.
    UnderWay,
    /// The runner was told to start this. It may have died before it did: the next one is told the same.
    Sent(Box<LaunchSpec>),
}

/// A launch under way. Its ticket is busy meanwhile, so that the lease of an attempt without a process does not run out.
struct UnderWay<'c> {
    control: &'c Control,
    attempt: AttemptId,
    _busy: Busy<'c>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut fleet = self.control.fleet();
        if matches!(fleet.launches.get(&self.attempt), Some(Launch::UnderWay)) {
            fleet.launches.remove(&self.attempt);
        }
    }
}

impl Control {
    /// Starts the claimed attempt, unless that is under way or done; one that cannot be started ends with its cause.
    pub(crate) async fn launch_or_end(&self, key: &TicketKey, attempt: AttemptId) {
        let Some(_under_way) = self.begin_launch(key, attempt) else { return };
        if let Err(error) = self.launch(key, attempt).await {
            let text = error.in_full();
            tracing::warn!("{attempt} of {key} could not be started: {text}");
            if self.is_stopping() {
                // The next server starts it.
                return;
            }
            self.end(key, attempt, EndClass::SpawnFailed, format!("could not be started: {text}"))
                .await;
        }
    }

    fn begin_launch(&self, key: &TicketKey, attempt: AttemptId) -> Option<UnderWay<'_>> {
        {
            let mut fleet = self.fleet();
            if fleet.launches.contains_key(&attempt) {
                return None;
            }
            fleet.launches.insert(attempt, Launch::UnderWay);
        }
        let busy = self.keep_busy(std::iter::once(key));
        Some(UnderWay { control: self, attempt, _busy: busy })
    }

    /// Tells the runner to start a lane, unless its attempt ended meanwhile: whoever ends it after this tells the runner so after this.
    pub(crate) fn start_lane(&self, spec: LaunchSpec) -> Result<()> {
        let mut fleet = self.fleet();
        let live = fleet.tickets.get(&spec.ticket).and_then(|it| it.live_attempt());
        if live.is_none_or(|it| it.id != spec.attempt) {
            return Ok(());
        }
        let spec = Box::new(spec);
        fleet.launches.insert(spec.attempt, Launch::Sent(spec.clone()));
        self.send_to_runner(ToRunner::Start { spec })
    }

    /// Returns what a runner was told to start for `attempt`.
    pub(crate) fn sent_launch(&self, attempt: AttemptId) -> Option<Box<LaunchSpec>> {
        match self.fleet().launches.get(&attempt)? {
            Launch::Sent(spec) => Some(spec.clone()),
            Launch::UnderWay => None,
        }
    }
}
