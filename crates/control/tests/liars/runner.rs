//! A runner that the story plays itself: what the controller tells it is heard, and what it says is the story's.

use std::path::PathBuf;
use std::time::Duration;

use mission_domain::ids::AttemptId;
use mission_runtime::ProcessCard;
use mission_runtime::protocol::{FrameReader, FromRunner, PROTOCOL, ToRunner, write_frame};
use mission_runtime::record::{Numbered, Record};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::unix::pipe;
use tokio::net::{UnixListener, UnixStream};

use crate::stage::Stage;

/// Longer than anything takes on a machine under load.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// An attempt that nobody has: what is said of it has no effect, and is answered in its turn.
const NOBODYS: AttemptId = AttemptId(999);

/// Where the controller looks for its runner.
pub(crate) struct Runner {
    listener: UnixListener,
}

/// One life of the runner: dropped, it is gone.
pub(crate) struct Life {
    input: FrameReader<ReadHalf<UnixStream>>,
    output: WriteHalf<UnixStream>,
}

impl Runner {
    /// Stands there before the controller of `stage` starts.
    pub(crate) fn of(stage: &Stage) -> Self {
        let dir = stage.home().join("runner");
        std::fs::create_dir_all(&dir).expect("a folder");
        let socket = dir.join("runner.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let pid = std::process::id().cast_signed();
        let card = ProcessCard { pid, pid_start_time: 0, socket };
        assert_eq!(stage.control.paths().runner(), dir);
        card.write(&dir.join("runner.json")).expect("a card");
        Self { listener }
    }

    /// The controller connects, and is greeted.
    pub(crate) async fn is_reached(&self) -> Life {
        let reached = tokio::time::timeout(DEADLINE, self.listener.accept()).await;
        let (stream, _) = reached.expect("somebody comes").expect("a connection");
        let (input, output) = tokio::io::split(stream);
        let mut life = Life { input: FrameReader::new(input), output };
        let pid = std::process::id().cast_signed();
        life.says(FromRunner::Hello { protocol: PROTOCOL, pid, version: "a story's".into() }).await;
        life
    }
}

impl Life {
    pub(crate) async fn says(&mut self, frame: FromRunner) {
        write_frame(&mut self.output, &frame).await.expect("the controller listens");
    }

    /// Returns what the controller says next.
    pub(crate) async fn hears(&mut self) -> ToRunner {
        let heard = tokio::time::timeout(DEADLINE, self.input.next()).await;
        heard.expect("it speaks").expect("a frame").expect("it is there")
    }

    /// Waits until all that was said so far of no lane has had its effect; returns what was heard meanwhile.
    pub(crate) async fn is_heard(&mut self) -> Vec<ToRunner> {
        self.is_heard_of(NOBODYS).await
    }

    /// Waits until all that was said so far of the lane of `attempt` has had its effect; returns what was heard meanwhile.
    pub(crate) async fn is_heard_of(&mut self, attempt: AttemptId) -> Vec<ToRunner> {
        let at = mission_domain::ids::Timestamp::UNIX_EPOCH;
        // No record has that number, so its acknowledgement is known from others.
        let entry = Numbered { number: 0, at, record: Record::Unknown };
        self.says(FromRunner::Record { attempt, entry }).await;
        let mut meanwhile = Vec::new();
        loop {
            match self.hears().await {
                ToRunner::Ack { attempt: of, record: 0 } if of == attempt => return meanwhile,
                other => meanwhile.push(other),
            }
        }
    }
}

/// Waits until somebody reads from the pipe at `path`, and returns its other end.
pub(crate) async fn read_by_somebody(path: PathBuf) -> pipe::Sender {
    let wait = async {
        loop {
            match pipe::OpenOptions::new().open_sender(&path) {
                Ok(sender) => return sender,
                Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("somebody reads from it")
}
