//! The shim's socket: who is connected, whole lines in, lines out. Knows no request.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::proc_tree;
use crate::shim::child::{Got, never_wait, read_some, write_some};

/// The longest request.
const LINE_BYTES: usize = 8 * 1024 * 1024;

/// A client that takes nothing is dropped when this much waits for it; it can subscribe again.
const BACKLOG_BYTES: usize = 64 * 1024 * 1024;

/// The socket and its clients.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) path: PathBuf,
    pub(crate) listener: UnixListener,
    pub(crate) clients: Vec<Client>,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: UnixStream,
    received: Vec<u8>,
    pub(crate) to_send: VecDeque<u8>,
    pub(crate) is_subscribed: bool,
    pub(crate) is_gone: bool,
    /// Whether it is a process of the lane itself, and not the server's.
    pub(crate) is_inside: bool,
}

impl Door {
    /// Listens at `path`, for this user only. A file that a dead process left there is removed.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if path.exists() && UnixStream::connect(path).is_ok() {
            return Err(Error::InUse(path.to_owned()));
        }
        let _ = std::fs::remove_file(path);
        let listener = UnixListener::bind(path).map_err(Error::file(path))?;
        let owner_only = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(path, owner_only).map_err(Error::file(path))?;
        never_wait(listener.as_fd())?;
        Ok(Self { path: path.to_owned(), listener, clients: Vec::new() })
    }

    /// Lets in who waits, each greeted with `greeting`.
    pub(crate) fn admit(&mut self, greeting: &impl Serialize) {
        while let Ok((stream, _)) = self.listener.accept() {
            let own = std::process::id().cast_signed();
            let Some(lane) = lane_behind(&stream) else { continue };
            if never_wait(stream.as_fd()).is_err() || !proc_tree::may_speak(lane, own) {
                continue;
            }
            let is_inside = lane == Some(own);
            let (received, to_send) = (Vec::new(), VecDeque::new());
            let (is_subscribed, is_gone) = (false, false);
            let mut client =
                Client { stream, received, to_send, is_subscribed, is_gone, is_inside };
            client.send(greeting);
            self.clients.push(client);
        }
    }

    /// Sends `line` to every subscriber.
    pub(crate) fn tell_subscribers(&mut self, line: &impl Serialize) {
        for client in self.clients.iter_mut().filter(|client| client.is_subscribed) {
            client.send(line);
        }
    }

    /// Forgets who is gone.
    pub(crate) fn sweep(&mut self) {
        self.clients.retain(|client| !client.is_gone);
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Returns the lane that whoever connected is a process of; nothing where that cannot be told.
fn lane_behind(stream: &UnixStream) -> Option<Option<i32>> {
    let peer = nix::sys::socket::getsockopt(stream, nix::sys::socket::sockopt::PeerCredentials);
    peer.ok().map(|peer| proc_tree::lane_of(peer.pid()))
}

impl Client {
    /// Queues `line` and sends what the client takes.
    pub(crate) fn send(&mut self, line: &impl Serialize) {
        match serde_json::to_vec(line) {
            Ok(bytes) => self.to_send.extend(bytes),
            Err(_) => self.is_gone = true,
        }
        self.to_send.push_back(b'\n');
        self.flush();
        self.is_gone |= self.to_send.len() > BACKLOG_BYTES;
    }

    /// Sends what the client takes.
    pub(crate) fn flush(&mut self) {
        self.is_gone |= !write_some(&mut self.stream, &mut self.to_send);
    }

    /// Reads what is there and returns the whole lines.
    pub(crate) fn lines(&mut self) -> Vec<Vec<u8>> {
        let mut buffer = [0; 16 * 1024];
        loop {
            match read_some(&mut self.stream, &mut buffer) {
                Got::Bytes(length) => self.received.extend_from_slice(&buffer[..length]),
                Got::NothingYet => break,
                Got::End => {
                    self.is_gone = true;
                    break;
                }
            }
        }
        let whole = self.received.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.received.drain(..whole).collect();
        self.is_gone |= self.received.len() > LINE_BYTES;
        lines.split(|byte| *byte == b'\n').filter(|l| !l.is_empty()).map(<[u8]>::to_vec).collect()
    }
}
