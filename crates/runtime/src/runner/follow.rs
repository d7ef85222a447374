//! Follows one lane: from a record on, to its end, however it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mission_domain::ids::AttemptId;
use tokio::sync::mpsc;

use crate::error::Result;
use crate::files::{LaneFiles, ProcessCard};
use crate::proc_tree;
use crate::protocol::FromRunner;
use crate::record::Numbered;
use crate::record_log::{read_after, read_exit};
use crate::runner::talk::Talk;
use crate::runner::tmux::Tmux;
use crate::runner::{lost, start};
use crate::shim_protocol::{Reply, Request};
use crate::spec::LaunchSpec;

/// A shim that was started just before the runner came may still be coming up.
const COMING_UP: Duration = Duration::from_secs(2);

/// Between two tries to reach a shim that lives.
const AGAIN: Duration = Duration::from_millis(20);

/// What becomes known of a lane.
#[derive(Debug)]
pub(crate) enum News {
    /// A record.
    Record(Box<Numbered>),
    /// Its end: `StartFailed`, `Exited` or `ShimLost`.
    Ended(FromRunner),
    /// Something to pass on.
    Pass(FromRunner),
}

/// Where news go: the lane, which following of it, what.
pub(crate) type Tell = mpsc::UnboundedSender<(AttemptId, u64, News)>;

/// One following of a lane.
#[derive(Debug, Clone)]
pub(crate) struct Following {
    pub(crate) attempt: AttemptId,
    pub(crate) generation: u64,
    pub(crate) files: LaneFiles,
    pub(crate) tell: Tell,
}

impl Following {
    /// Passes `news` on.
    pub(crate) fn say(&self, news: News) {
        // Nobody listens only when the runner is ending.
        let _ = self.tell.send((self.attempt, self.generation, news));
    }

    /// Starts the attempt of `spec` and follows it.
    pub(crate) async fn start(self, spec: LaunchSpec, tmux: Arc<Tmux>) {
        match start::start(&spec, &tmux).await {
            Ok(()) => self.run(0).await,
            Err(e) => self.say(News::Ended(FromRunner::StartFailed {
                attempt: self.attempt,
                error: e.in_full(),
            })),
        }
    }

    /// Follows the lane from record `after` on.
    pub(crate) async fn run(self, mut after: u64) {
        let began = Instant::now();
        loop {
            if let Err(e) = self.listen(&mut after).await {
                tracing::debug!("lane {}: {}", self.attempt, e.in_full());
            }
            let is_coming = ProcessCard::read(&self.files.shim()).is_none()
                && self.files.spec().is_file()
                && began.elapsed() < COMING_UP;
            if !is_coming && !self.is_shim_alive() {
                return self.conclude(after).await;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn is_shim_alive(&self) -> bool {
        ProcessCard::read(&self.files.shim())
            .is_some_and(|card| proc_tree::is_alive(card.pid, card.pid_start_time))
    }

    /// Passes on what the shim streams, until it closes.
    async fn listen(&self, after: &mut u64) -> Result<()> {
        let mut talk = Talk::open(&self.files).await?;
        talk.send(&Request::Subscribe { after_record: *after }).await?;
        while let Some(reply) = talk.next().await? {
            if let Reply::Record { entry } = reply {
                *after = entry.number;
                self.say(News::Record(Box::new(entry)));
            }
        }
        Ok(())
    }

    /// Tells the rest from the lane's files: the shim is gone.
    async fn conclude(&self, after: u64) {
        let rest = read_after(&self.files.records(), after).unwrap_or_else(|e| {
            tracing::error!("lane {}: {}", self.attempt, e.in_full());
            Vec::new()
        });
        rest.into_iter().for_each(|entry| self.say(News::Record(Box::new(entry))));
        let attempt = self.attempt;
        let end = match read_exit(&self.files.exit()) {
            Ok(Some(exit)) => FromRunner::Exited { attempt, exit: Box::new(exit) },
            Ok(None) | Err(_) => {
                let files = self.files.clone();
                let lost = tokio::task::spawn_blocking(move || lost::take_down(&files)).await;
                match lost {
                    Ok(lost) => FromRunner::ShimLost { attempt, lost },
                    Err(e) => FromRunner::StartFailed { attempt, error: e.to_string() },
                }
            }
        };
        self.say(News::Ended(end));
    }
}
