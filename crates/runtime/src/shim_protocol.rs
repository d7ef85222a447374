//! What is said on a shim's socket: JSON lines, the shim's hello first, then one reply per request. Must stay readable one version back.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use mission_domain::ids::{AttemptId, Epoch, MessageId};
use serde::{Deserialize, Serialize};

use crate::agent::{Leave, Stand, Usage};
use crate::error::{Error, Result};
use crate::record::Numbered;

/// The version this side speaks.
pub const PROTOCOL: u32 = 1;

/// The oldest version this side reads.
pub const OLDEST_PROTOCOL: u32 = 1;

/// The first line of a connection, from the shim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// Its content.
    pub hello: ShimHello,
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShimHello {
    /// The version the shim speaks.
    pub protocol: u32,
    /// Its attempt.
    #[serde(default)]
    pub attempt: Option<AttemptId>,
    /// The fencing number of its lease.
    #[serde(default)]
    pub epoch: Option<Epoch>,
}

/// A request to the shim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Request {
    /// Keep a report. Answered by [`Reply::Ack`] once it is on the disk.
    Report {
        /// Kept as it is.
        value: serde_json::Value,
    },
    /// Keep a piece of evidence. Answered by [`Reply::Ack`] once it is on the disk.
    Evidence {
        /// Kept as it is.
        value: serde_json::Value,
    },
    /// Keep a request for a person's approval. Answered by [`Reply::Ack`] once it is on the disk: with the attempt, its
    /// number is the approval's id.
    Approval {
        /// Kept as it is.
        value: serde_json::Value,
    },
    /// Type into the running program when it is idle; `busy` for the driver `exec`.
    Input {
        /// The messages it carries.
        #[serde(default)]
        messages: Vec<MessageId>,
        /// What to type.
        text: String,
        /// Who says it.
        who: String,
    },
    /// Run one more turn when the present one has ended (`exec`) or the program is idle (`tmux`).
    Turn {
        /// The messages it carries.
        messages: Vec<MessageId>,
        /// The turn's text.
        text: String,
    },
    /// Put a text into the turn in flight; where the program cannot take it there, it becomes a turn of its own.
    Steer {
        /// The messages it carries.
        #[serde(default)]
        messages: Vec<MessageId>,
        /// The text.
        text: String,
        /// Who says it.
        who: String,
    },
    /// End the turn in flight, and go on with the next one. `idle` when there is none.
    Interrupt {
        /// Who wants it.
        by: String,
    },
    /// Let the turn in flight be the last one: when it has ended, the attempt does, and no further turn begins. A program that waits
    /// is ended at once; one on a terminal, whose turns nobody can tell apart, goes on until it reports.
    LastTurn {
        /// Who wants it, or what.
        by: String,
    },
    /// Answer what the program asks. `not_asked` when it waits for no such answer.
    Answer {
        /// The id of the question.
        id: String,
        /// The answer.
        leave: Leave,
        /// Who gives it.
        by: String,
    },
    /// Take the messages that wait into the turn in flight. Answered by [`Reply::Messages`]; `idle` when no turn is in flight.
    ReadMessages,
    /// Let go of messages that wait here: no turn takes them any more, nor where they come later. `begun` when the program has one of
    /// them already, or is being given it.
    TakeBack {
        /// The messages.
        messages: Vec<MessageId>,
    },
    /// Take messages that were let go of where they come again: nobody withdrew them after all.
    PutBack {
        /// The messages; what was not let go of stays as it is.
        messages: Vec<MessageId>,
    },
    /// Let a person have the session: nothing of ours is typed into it until it is given back. `ended` when nothing runs.
    TakeOver {
        /// Who.
        by: String,
    },
    /// End that. Acknowledged also when nobody has it.
    GiveBack {
        /// Who says so.
        by: String,
    },
    /// Give the program's terminal what the person pressed. `not_held` unless they took it over, `no_terminal` where there is none.
    Keys {
        /// Who pressed them.
        by: String,
        /// The bytes, base64.
        data: String,
    },
    /// End the attempt: SIGTERM, then SIGKILL after `grace_ms`.
    Stop {
        /// Milliseconds between the two.
        grace_ms: u64,
        /// Who wants it.
        by: String,
    },
    /// Say how it goes.
    Status,
    /// Stream the records after a number, and all that come.
    Subscribe {
        /// 0 for all.
        after_record: u64,
    },
    /// Give journal bytes from an offset.
    Tail {
        /// In bytes.
        offset: u64,
    },
    /// A request of a later version.
    #[serde(other)]
    Unknown,
}

/// An answer of the shim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Done, and on the disk under this number where the request made a record (else the newest number).
    Ack {
        /// The number.
        record: u64,
    },
    /// Not done.
    Refused {
        /// `busy`, `idle`, `ended`, `begun`, `not_asked`, `not_held`, `no_terminal`, `said_too_much`, `unknown_request`, `bad_request` or
        /// `storage`.
        code: String,
        /// Why, for people.
        text: String,
    },
    /// How it goes.
    Status {
        /// The facts.
        status: Status,
    },
    /// One record of a subscription.
    Record {
        /// The record.
        entry: Numbered,
    },
    /// Journal bytes.
    Tail {
        /// Where they begin.
        offset: u64,
        /// Where to go on.
        next: u64,
        /// The bytes, base64.
        data: String,
    },
    /// The texts of messages that were taken.
    Messages {
        /// Each as the turn of its own that it would have been.
        texts: Vec<String>,
    },
    /// An answer of a later version.
    #[serde(other)]
    Unknown,
}

/// How a lane goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The program's process id, while it runs.
    pub pid: Option<i32>,
    /// Turns delivered.
    pub turns: u32,
    /// Turns that wait.
    pub queued: u32,
    /// Bytes in the journal.
    pub journal_bytes: u64,
    /// The newest record.
    pub last_record: u64,
    /// Processor time of the living processes, in milliseconds.
    pub cpu_ms: u64,
    /// What the agent does, who says so, and for how long.
    #[serde(default)]
    pub stand: Option<Stand>,
    /// The program's session.
    #[serde(default)]
    pub session: Option<String>,
    /// What the attempt used up to now.
    #[serde(default)]
    pub usage: Option<Usage>,
    /// Milliseconds since output or a report.
    pub quiet_ms: u64,
    /// Whether it is being ended.
    pub stopping: bool,
}

/// A blocking connection to a shim, for the command line and tests.
#[derive(Debug)]
pub struct ShimConnection {
    reader: BufReader<UnixStream>,
    hello: ShimHello,
}

impl ShimConnection {
    /// Connects to `socket` and reads the hello. [`Error::Protocol`] when it speaks a version this side cannot read.
    pub fn open(socket: &Path, patience: Duration) -> Result<Self> {
        let lost = |source| Error::Unreachable { socket: socket.to_owned(), source };
        let stream = UnixStream::connect(socket).map_err(lost)?;
        stream.set_read_timeout(Some(patience)).map_err(lost)?;
        stream.set_write_timeout(Some(patience)).map_err(lost)?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).map_err(lost)?;
        let greeting: Greeting =
            serde_json::from_str(&line).map_err(Error::unreadable("the shim's hello"))?;
        let theirs = greeting.hello.protocol;
        if theirs < OLDEST_PROTOCOL {
            return Err(Error::Protocol { peer: "shim".into(), theirs, ours: PROTOCOL });
        }
        Ok(Self { reader, hello: greeting.hello })
    }

    /// Returns who answered.
    pub fn hello(&self) -> &ShimHello {
        &self.hello
    }

    /// Sends `request`; the reply is read with [`Self::receive`].
    pub fn send(&mut self, request: &Request) -> Result<()> {
        let mut line = serde_json::to_vec(request).map_err(Error::unreadable("a request"))?;
        line.push(b'\n');
        let sent = self.reader.get_mut().write_all(&line);
        sent.map_err(Error::system("writing to the shim"))
    }

    /// Reads one reply; a refusal is a reply too.
    pub fn receive(&mut self) -> Result<Reply> {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line);
        if read.map_err(Error::system("reading from the shim"))? == 0 {
            let source = std::io::ErrorKind::UnexpectedEof.into();
            return Err(Error::System { what: "reading from the shim", source });
        }
        serde_json::from_str(&line).map_err(Error::unreadable("the shim's reply"))
    }

    /// Sends `request` and returns the reply. A refusal is [`Error::Refused`].
    pub fn ask(&mut self, request: &Request) -> Result<Reply> {
        self.send(request)?;
        match self.receive()? {
            Reply::Refused { code, text } => Err(Error::Refused { code, text }),
            reply @ (Reply::Ack { .. }
            | Reply::Status { .. }
            | Reply::Record { .. }
            | Reply::Tail { .. }
            | Reply::Messages { .. }
            | Reply::Unknown) => Ok(reply),
        }
    }
}
