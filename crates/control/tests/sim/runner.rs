//! A runner that is played by hand: it takes the controller's orders and says what the story tells it to, and starts nothing.

use std::path::Path;
use std::time::Duration;

use mission_domain::ids::{AttemptId, Timestamp};
use mission_runtime::protocol::{FrameReader, FromRunner, PROTOCOL, ToRunner, write_frame};
use mission_runtime::shim_protocol::Status;
use mission_runtime::{Numbered, ProcessCard, Record};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::{UnixListener, UnixStream};

/// Longer than anything takes on a machine under load.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the controller will look for its runner.
pub(crate) struct Door(UnixListener);

impl Door {
    /// Opens the door in the folder `dir`.
    pub(crate) fn open(dir: &Path) -> Self {
        std::fs::create_dir_all(dir).expect("a folder");
        let socket = dir.join("played.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let card = ProcessCard { pid: 1, pid_start_time: 0, socket };
        card.write(&dir.join("runner.json")).expect("a card");
        Self(listener)
    }

    /// Lets the controller in.
    pub(crate) async fn admits(self) -> Runner {
        let (stream, _) = self.0.accept().await.expect("the controller comes");
        let (orders, mut frames) = tokio::io::split(stream);
        let hello = FromRunner::Hello { protocol: PROTOCOL, pid: 1, version: "played".into() };
        write_frame(&mut frames, &hello).await.expect("said");
        Runner { orders: FrameReader::new(orders), frames, _door: self.0 }
    }
}

/// The runner's end of the connection.
pub(crate) struct Runner {
    orders: FrameReader<ReadHalf<UnixStream>>,
    frames: WriteHalf<UnixStream>,
    _door: UnixListener,
}

impl Runner {
    pub(crate) async fn says(&mut self, frame: FromRunner) {
        write_frame(&mut self.frames, &frame).await.expect("said");
    }

    /// Says that each of `attempts` lives.
    pub(crate) async fn sees_alive(&mut self, attempts: &[AttemptId]) {
        for attempt in attempts.iter().copied() {
            let progress = Status {
                pid: Some(1),
                turns: 1,
                queued: 0,
                journal_bytes: 0,
                last_record: 0,
                cpu_ms: 0,
                stand: None,
                session: None,
                usage: None,
                quiet_ms: 0,
                stopping: false,
            };
            self.says(FromRunner::Alive { attempt, progress }).await;
        }
    }

    /// Passes on record `number` of a lane.
    pub(crate) async fn records(&mut self, attempt: AttemptId, number: u64, record: Record) {
        let at = Timestamp::UNIX_EPOCH;
        let entry = Numbered { number, at, record };
        self.says(FromRunner::Record { attempt, entry }).await;
    }

    /// Waits for the order that `wanted` finds something in; others are left out.
    #[track_caller]
    pub(crate) fn is_told<T>(
        &mut self,
        what: &'static str,
        wanted: impl Fn(ToRunner) -> Option<T>,
    ) -> impl Future<Output = T> {
        let caller = std::panic::Location::caller();
        let told = async move {
            loop {
                let order = self.orders.next::<ToRunner>().await.expect("it can be read");
                if let Some(found) = wanted(order.expect("the controller is there")) {
                    return found;
                }
            }
        };
        async move {
            let told = tokio::time::timeout(PATIENCE, told).await;
            told.unwrap_or_else(|_| panic!("never told: {what}, at {caller}"))
        }
    }

    /// Waits until an attempt is to be started.
    pub(crate) async fn starts(&mut self) -> AttemptId {
        let start = |order| match order {
            ToRunner::Start { spec } => Some(spec.attempt),
            _ => None,
        };
        self.is_told("a start", start).await
    }
}
