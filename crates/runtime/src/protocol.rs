//! What a server and a runner say to each other: one JSON object per line, over any byte stream. Starts and records may be
//! repeated after a reconnection: `(attempt, number)` names a record, `attempt` a start.

use std::path::PathBuf;

use mission_domain::ids::{AttemptId, MessageId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use crate::agent::Leave;
use crate::error::{Error, Result};
use crate::record::{ExitRecord, Lost, Numbered};
use crate::shim_protocol::Status;
use crate::spec::{LaunchSpec, TmuxPlace};

/// The version that both sides must speak.
pub const PROTOCOL: u32 = 1;

/// The longest frame, in bytes.
const FRAME_BYTES: u64 = 16 * 1024 * 1024;

/// From the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
pub enum ToRunner {
    /// Start an attempt. Of an attempt that is known or has left files, nothing is started: it is adopted.
    Start {
        /// What to start.
        spec: Box<LaunchSpec>,
    },
    /// End an attempt.
    Stop {
        /// Which.
        attempt: AttemptId,
        /// Milliseconds between SIGTERM and SIGKILL.
        grace_ms: u64,
        /// Who wants it.
        by: String,
    },
    /// Give an attempt one more turn.
    Turn {
        /// Which.
        attempt: AttemptId,
        /// The messages it carries.
        messages: Vec<MessageId>,
        /// Its text.
        text: String,
    },
    /// Put a text into an attempt's turn in flight, as [`crate::shim_protocol::Request::Steer`] says.
    Steer {
        /// Which.
        attempt: AttemptId,
        /// The messages it carries.
        messages: Vec<MessageId>,
        /// Its text.
        text: String,
        /// Who says it.
        who: String,
    },
    /// End an attempt's turn in flight; the attempt goes on.
    Interrupt {
        /// Which.
        attempt: AttemptId,
        /// Who wants it.
        by: String,
    },
    /// Let an attempt's turn in flight be its last one, as [`crate::shim_protocol::Request::LastTurn`] says.
    LastTurn {
        /// Which.
        attempt: AttemptId,
        /// Who wants it, or what.
        by: String,
    },
    /// Let a person have an attempt's session.
    TakeOver {
        /// Which.
        attempt: AttemptId,
        /// Who.
        by: String,
    },
    /// End that.
    GiveBack {
        /// Which.
        attempt: AttemptId,
        /// Who says so.
        by: String,
    },
    /// Give an attempt's terminal what the person pressed who has it.
    Keys {
        /// Which.
        attempt: AttemptId,
        /// Who pressed them.
        by: String,
        /// The bytes, base64.
        data: String,
    },
    /// Answer what an attempt's program asks leave for.
    Answer {
        /// Which.
        attempt: AttemptId,
        /// The id of the question.
        id: String,
        /// The answer.
        leave: Leave,
        /// Who gives it.
        by: String,
    },
    /// Follow a lane again, whatever it has become.
    Adopt {
        /// Its attempt.
        attempt: AttemptId,
        /// Its folder.
        lane_dir: PathBuf,
        /// The newest record that the server holds; 0 for none.
        after_record: u64,
    },
    /// The server holds the records up to this one.
    Ack {
        /// Whose.
        attempt: AttemptId,
        /// Its number.
        record: u64,
    },
    /// End the runner.
    Shutdown {
        /// End the attempts first; otherwise they go on and wait for the next runner.
        stop_lanes: bool,
    },
    /// Answered by [`FromRunner::Pong`].
    Ping,
    /// A frame of a later version.
    #[serde(other)]
    Unknown,
}

/// From the runner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
pub enum FromRunner {
    /// The first frame of a connection: the server answers with an `Adopt` for each attempt that it takes for live.
    Hello {
        /// [`PROTOCOL`].
        protocol: u32,
        /// The runner's process id.
        pid: i32,
        /// The runner's version.
        version: String,
    },
    /// The attempt's program runs.
    Started {
        /// Which.
        attempt: AttemptId,
        /// The program's process id.
        pid: i32,
        /// Its window.
        tmux: Option<TmuxPlace>,
    },
    /// No shim could be started; nothing runs.
    StartFailed {
        /// Which.
        attempt: AttemptId,
        /// Why.
        error: String,
    },
    /// A record, sent again after each reconnection until it is acknowledged.
    Record {
        /// Whose.
        attempt: AttemptId,
        /// The record with its number.
        entry: Numbered,
    },
    /// The attempt has ended; all its records were sent before.
    Exited {
        /// Which.
        attempt: AttemptId,
        /// How.
        exit: Box<ExitRecord>,
    },
    /// The shim died without an exit record. What it had started has been ended.
    ShimLost {
        /// Which.
        attempt: AttemptId,
        /// What was found.
        lost: Lost,
    },
    /// A turn did not reach the attempt: its messages wait for the next one.
    TurnRefused {
        /// Which.
        attempt: AttemptId,
        /// The messages.
        messages: Vec<MessageId>,
        /// `ended`, `busy`, `unknown_attempt`, or `unknown` when the shim broke off: then the records tell.
        code: String,
        /// Why, for people.
        text: String,
    },
    /// The attempt lives; at most every 10 s, and never without a live attempt.
    Alive {
        /// Which.
        attempt: AttemptId,
        /// How it goes.
        progress: Status,
    },
    /// The answer to [`ToRunner::Ping`].
    Pong,
    /// A frame of a later version.
    #[serde(other)]
    Unknown,
}

/// Reads frames.
#[derive(Debug)]
pub struct FrameReader<R> {
    inner: BufReader<R>,
    line: Vec<u8>,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads from `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner: BufReader::new(inner), line: Vec::new() }
    }

    /// Returns the next frame; none at the end of the stream. May be cancelled and called again.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        let room = FRAME_BYTES.saturating_sub(self.line.len() as u64);
        let read = (&mut self.inner).take(room).read_until(b'\n', &mut self.line).await;
        read.map_err(Error::system("reading a frame"))?;
        if !self.line.ends_with(b"\n") {
            let is_end = (self.line.len() as u64) < FRAME_BYTES;
            let source = std::io::ErrorKind::InvalidData.into();
            return if is_end {
                Ok(None)
            } else {
                Err(Error::System { what: "reading a frame", source })
            };
        }
        let line = std::mem::take(&mut self.line);
        serde_json::from_slice(&line).map(Some).map_err(Error::unreadable("a frame"))
    }
}

/// Writes `frame` to `stream`.
pub async fn write_frame<T: Serialize>(
    stream: &mut (impl AsyncWrite + Unpin),
    frame: &T,
) -> Result<()> {
    let mut line = serde_json::to_vec(frame).map_err(Error::unreadable("a frame"))?;
    line.push(b'\n');
    stream.write_all(&line).await.map_err(Error::system("writing a frame"))?;
    stream.flush().await.map_err(Error::system("writing a frame"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_pass_any_stream_and_later_ones_are_unknown() {
        let (mut near, far) = tokio::io::duplex(64);
        let write = tokio::spawn(async move {
            write_frame(&mut near, &ToRunner::Ping).await.unwrap();
            near.write_all(b"{\"frame\":\"later\",\"x\":[1]}\n{\"frame\":\"pi").await.unwrap();
        });
        let mut reader = FrameReader::new(far);
        assert_eq!(reader.next().await.unwrap(), Some(ToRunner::Ping));
        assert_eq!(reader.next().await.unwrap(), Some(ToRunner::Unknown));
        assert_eq!(reader.next::<ToRunner>().await.unwrap(), None);
        write.await.unwrap();
    }
}
