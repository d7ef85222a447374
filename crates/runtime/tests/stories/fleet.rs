//! The server's side of a story: a runner, and what it says.

use mission_domain::ids::AttemptId;
use mission_runtime::protocol::{FromRunner, ToRunner};
use mission_runtime::record::{ExitRecord, Numbered, Record};
use mission_runtime::{LaunchSpec, RunnerClient};
use tokio::sync::mpsc::Receiver;

use crate::stage::{DEADLINE, Home, harness, is_gone};

/// A server's view: a runner and what it says.
pub(crate) struct Fleet {
    pub(crate) client: RunnerClient,
    pub(crate) received: Receiver<FromRunner>,
    pub(crate) runner_pid: i32,
}

impl Fleet {
    /// Connects to the home's runner, or starts it.
    pub(crate) async fn connect(home: &Home) -> Self {
        let (client, received) =
            RunnerClient::connect_or_spawn(&home.path().join("run"), &harness()).await.unwrap();
        let mut fleet = Self { client, received, runner_pid: 0 };
        fleet.runner_pid = fleet
            .hears("hello", |frame| match frame {
                FromRunner::Hello { pid, .. } => Some(*pid),
                _ => None,
            })
            .await;
        fleet
    }

    /// Waits for a frame in which `found` finds something. Frames before it are dropped.
    pub(crate) async fn hears<T>(
        &mut self,
        what: &str,
        found: impl Fn(&FromRunner) -> Option<T>,
    ) -> T {
        let search = async {
            loop {
                let frame = self.received.recv().await.expect("the runner's frames");
                if let Some(found) = found(&frame) {
                    return found;
                }
            }
        };
        tokio::time::timeout(DEADLINE, search)
            .await
            .unwrap_or_else(|_| panic!("never heard: {what}"))
    }

    pub(crate) async fn hears_exit(&mut self, of: AttemptId) -> ExitRecord {
        self.hears("the exit", |frame| match frame {
            FromRunner::Exited { attempt, exit } if *attempt == of => Some((**exit).clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn hears_record(&mut self, found: impl Fn(&Record) -> bool) -> Numbered {
        self.hears("the record", |frame| match frame {
            FromRunner::Record { entry, .. } if found(&entry.record) => Some(entry.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn hears_started(&mut self, of: AttemptId) -> i32 {
        self.hears("the start", |frame| match frame {
            FromRunner::Started { attempt, pid, .. } if *attempt == of => Some(*pid),
            FromRunner::StartFailed { error, .. } => panic!("not started: {error}"),
            _ => None,
        })
        .await
    }

    pub(crate) fn start(&self, spec: &LaunchSpec) {
        self.client.send(ToRunner::Start { spec: Box::new(spec.clone()) }).unwrap();
    }

    pub(crate) fn adopt(&self, spec: &LaunchSpec, after_record: u64) {
        let (attempt, lane_dir) = (spec.attempt, spec.lane_dir.clone());
        self.client.send(ToRunner::Adopt { attempt, lane_dir, after_record }).unwrap();
    }

    /// Ends the runner and its lanes, and waits until the runner is gone.
    pub(crate) async fn shut_down(mut self) {
        self.client.send(ToRunner::Shutdown { stop_lanes: true }).unwrap();
        let rest = async { while self.received.recv().await.is_some() {} };
        tokio::time::timeout(DEADLINE, rest).await.expect("the runner ends");
        is_gone(self.runner_pid).await;
    }
}
