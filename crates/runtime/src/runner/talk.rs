//! Speaks to a shim: finds its socket by its card, reads its hello.

use std::time::Duration;

use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::files::{LaneFiles, ProcessCard};
use crate::protocol::{FrameReader, write_frame};
use crate::shim_protocol::{Greeting, OLDEST_PROTOCOL, PROTOCOL, Reply, Request};

/// How long a shim is given for one answer.
const ANSWER: Duration = Duration::from_secs(10);

/// A connection to a shim.
#[derive(Debug)]
pub(crate) struct Talk {
    replies: FrameReader<ReadHalf<UnixStream>>,
    requests: WriteHalf<UnixStream>,
}

impl Talk {
    /// Connects to the shim of the lane `files`.
    pub(crate) async fn open(files: &LaneFiles) -> Result<Self> {
        let unreachable = |socket, source| Error::Unreachable { socket, source };
        let card = ProcessCard::read(&files.shim());
        let card =
            card.ok_or_else(|| unreachable(files.shim(), std::io::ErrorKind::NotFound.into()))?;
        let stream = UnixStream::connect(&card.socket).await;
        let stream = stream.map_err(|source| unreachable(card.socket.clone(), source))?;
        let (input, requests) = tokio::io::split(stream);
        let mut replies = FrameReader::new(input);
        let greeting = timeout(ANSWER, replies.next::<Greeting>()).await;
        let greeting =
            greeting.map_err(|_| Error::TimedOut(format!("the shim {}", card.pid)))??;
        let greeting = greeting
            .ok_or_else(|| unreachable(card.socket, std::io::ErrorKind::UnexpectedEof.into()))?;
        let theirs = greeting.hello.protocol;
        if theirs < OLDEST_PROTOCOL {
            return Err(Error::Protocol { peer: "shim".into(), theirs, ours: PROTOCOL });
        }
        Ok(Self { replies, requests })
    }

    /// Sends `request`.
    pub(crate) async fn send(&mut self, request: &Request) -> Result<()> {
        write_frame(&mut self.requests, request).await
    }

    /// Returns the next reply; none when the shim has closed.
    pub(crate) async fn next(&mut self) -> Result<Option<Reply>> {
        self.replies.next().await
    }

    /// Sends `request` and returns its reply. A refusal is [`Error::Refused`]; a shim that breaks off, `unknown`.
    pub(crate) async fn ask(&mut self, request: &Request) -> Result<Reply> {
        let broke_off = || Error::Refused {
            code: "unknown".into(),
            text: "the shim broke off before it answered".into(),
        };
        self.send(request).await.map_err(|_| broke_off())?;
        match timeout(ANSWER, self.next()).await {
            Ok(Ok(Some(Reply::Refused { code, text }))) => Err(Error::Refused { code, text }),
            Ok(Ok(Some(reply))) => Ok(reply),
            Ok(Ok(None) | Err(_)) | Err(_) => Err(broke_off()),
        }
    }
}
