//! How frames pass between the shim and a program that speaks a protocol. Never waits; knows no frame's meaning.

use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::poll::PollFlags;
use serde_json::Value;
use tungstenite::handshake::client::ClientHandshake;
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::{Message, WebSocket};

use crate::drivers::frame_of;
use crate::drivers::plan::LinkKind;
use crate::shim::child::never_wait;

/// Between two tries to reach a program that is only coming up.
const AGAIN: Duration = Duration::from_millis(25);

/// The longest line that is kept while its end has not come.
const LINE_BYTES: usize = 64 * 1024 * 1024;

/// A connection to the program.
#[derive(Debug)]
pub(crate) enum Link {
    /// Lines: what came without its end.
    Lines(Vec<u8>),
    /// A WebSocket.
    Socket(Socket),
}

/// A WebSocket on a unix socket.
#[derive(Debug)]
pub(crate) struct Socket {
    path: PathBuf,
    wire: Wire,
    has_more_to_send: bool,
}

#[derive(Debug)]
enum Wire {
    /// Not connected; tried again then.
    Waiting(Instant),
    /// Shaking hands.
    Shaking(Box<MidHandshake<ClientHandshake<UnixStream>>>),
    /// Connected.
    Open(Box<WebSocket<UnixStream>>),
    /// Between two of the above.
    Changing,
}

/// What came of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// It is connected now.
    Opened,
    /// It was, and is no more: it is tried again.
    Lost,
}

impl Link {
    /// A link of the kind `kind`, not connected yet.
    pub(crate) fn new(kind: LinkKind, now: Instant) -> Self {
        match kind {
            LinkKind::Lines => Self::Lines(Vec::new()),
            LinkKind::Socket(path) => {
                let wire = Wire::Waiting(now);
                Self::Socket(Socket { path, wire, has_more_to_send: false })
            }
        }
    }

    /// Takes output of the program and returns the frames that it completes, and what is no frame.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> (Vec<Value>, Vec<u8>) {
        let Self::Lines(kept) = self else { return (Vec::new(), bytes.to_vec()) };
        kept.extend_from_slice(bytes);
        let whole = kept.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = kept.drain(..whole).collect();
        if kept.len() > LINE_BYTES {
            kept.clear();
        }
        let (mut frames, mut words) = (Vec::new(), Vec::new());
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            match frame_of(line) {
                Some(frame) => frames.push(frame),
                None => words.extend_from_slice(line),
            }
        }
        (frames, words)
    }

    /// Returns when [`Socket::step`] is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        match self {
            Self::Socket(Socket { wire: Wire::Waiting(at), .. }) => Some(*at),
            Self::Socket(_) | Self::Lines(_) => None,
        }
    }

    /// Whether somebody takes connections at the socket, be it the program or another one; never for lines.
    pub(crate) fn is_answered(&self) -> bool {
        let Self::Socket(socket) = self else { return false };
        UnixStream::connect(&socket.path).is_ok()
    }

    /// Returns what to wait on, for a socket.
    pub(crate) fn poll(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let Self::Socket(socket) = self else { return None };
        let stream = match &socket.wire {
            Wire::Shaking(shaking) => shaking.get_ref().get_ref(),
            Wire::Open(open) => open.get_ref(),
            Wire::Waiting(_) | Wire::Changing => return None,
        };
        let more = if socket.has_more_to_send { PollFlags::POLLOUT } else { PollFlags::empty() };
        Some((stream.as_fd(), PollFlags::POLLIN | more))
    }
}

impl Socket {
    /// Does what can be done now: connects, shakes hands, sends what waits. `frames` gets what has come.
    pub(crate) fn step(&mut self, now: Instant, frames: &mut Vec<Value>) -> Change {
        match std::mem::replace(&mut self.wire, Wire::Changing) {
            Wire::Waiting(at) if at > now => {
                self.wire = Wire::Waiting(at);
                Change::None
            }
            Wire::Waiting(_) => self.connect(now),
            Wire::Shaking(shaking) => {
                let shaken = shaking.handshake();
                self.shaken(shaken, now)
            }
            Wire::Open(open) => {
                self.wire = Wire::Open(open);
                self.read(now, frames)
            }
            Wire::Changing => Change::None,
        }
    }

    fn connect(&mut self, now: Instant) -> Change {
        let stream = UnixStream::connect(&self.path).ok();
        let Some(stream) = stream.filter(|it| never_wait(it.as_fd()).is_ok()) else {
            self.wire = Wire::Waiting(now + AGAIN);
            return Change::None;
        };
        let shaken = tungstenite::client("ws://localhost/", stream);
        self.shaken(shaken, now)
    }

    fn shaken<R>(
        &mut self,
        shaken: Result<(WebSocket<UnixStream>, R), HandshakeError<ClientHandshake<UnixStream>>>,
        now: Instant,
    ) -> Change {
        match shaken {
            Ok((open, _)) => {
                self.wire = Wire::Open(Box::new(open));
                Change::Opened
            }
            Err(HandshakeError::Interrupted(shaking)) => {
                self.wire = Wire::Shaking(Box::new(shaking));
                Change::None
            }
            Err(HandshakeError::Failure(_)) => {
                self.wire = Wire::Waiting(now + AGAIN);
                Change::None
            }
        }
    }

    fn read(&mut self, now: Instant, frames: &mut Vec<Value>) -> Change {
        self.flush();
        loop {
            let Wire::Open(open) = &mut self.wire else { return Change::None };
            match open.read() {
                Ok(Message::Text(text)) => frames.extend(frame_of(text.as_bytes())),
                Ok(
                    Message::Binary(_)
                    | Message::Ping(_)
                    | Message::Pong(_)
                    | Message::Frame(_)
                    | Message::Close(_),
                ) => {}
                Err(tungstenite::Error::Io(e)) if e.kind() == ErrorKind::WouldBlock => {
                    return Change::None;
                }
                Err(_) => {
                    self.wire = Wire::Waiting(now + AGAIN);
                    return Change::Lost;
                }
            }
        }
    }

    /// Sends `frame`, or as much of it as the program takes now. Without a connection it is dropped: the driver begins anew after one.
    pub(crate) fn send(&mut self, frame: &Value) {
        if let Wire::Open(open) = &mut self.wire {
            // What does not go at once is kept by the socket; a broken one shows when it is read.
            let _ = open.write(Message::text(frame.to_string()));
            self.flush();
        }
    }

    fn flush(&mut self) {
        let Wire::Open(open) = &mut self.wire else { return };
        self.has_more_to_send = matches!(
            open.flush(),
            Err(tungstenite::Error::Io(e)) if e.kind() == ErrorKind::WouldBlock
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn frames_are_put_together_from_pieces_and_words_between_them_are_kept_apart() {
        let mut link = Link::new(LinkKind::Lines, Instant::now());
        assert_eq!(link.take(b"{\"a\":"), (vec![], vec![]));
        let (frames, words) = link.take(b"1}\nnot a frame\n{\"b\":2}\n[3]\n{\"c\"");
        assert_eq!(frames, vec![json!({"a": 1}), json!({"b": 2})]);
        assert_eq!(words, b"not a frame\n[3]\n");
        assert_eq!(link.take(b":3}\n").0, vec![json!({"c": 3})]);
    }

    #[test]
    fn a_socket_is_tried_until_somebody_listens_and_speaks_both_ways() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("s");
        let began = Instant::now();
        let Link::Socket(mut socket) = Link::new(LinkKind::Socket(path.clone()), began) else {
            panic!("a socket was asked for")
        };
        let mut frames = Vec::new();
        assert_eq!(socket.step(began, &mut frames), Change::None);
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            let mut peer = tungstenite::accept(listener.accept().unwrap().0).unwrap();
            let heard = peer.read().unwrap().into_text().unwrap().to_string();
            peer.send(Message::text("{\"answer\":1}")).unwrap();
            heard
        });
        let mut step = |wanted: Change| {
            let began = Instant::now();
            while socket.step(Instant::now() + AGAIN, &mut frames) != wanted {
                assert!(began.elapsed() < Duration::from_secs(60), "never {wanted:?}");
                std::thread::yield_now();
            }
        };
        step(Change::Opened);
        socket.send(&json!({"question": 1}));
        assert_eq!(server.join().unwrap(), "{\"question\":1}");
        let mut step = |wanted: Change| {
            let began = Instant::now();
            while socket.step(Instant::now(), &mut frames) != wanted {
                assert!(began.elapsed() < Duration::from_secs(60), "never {wanted:?}");
                std::thread::yield_now();
            }
        };
        step(Change::Lost);
        assert_eq!(frames, vec![json!({"answer": 1})]);
    }
}
