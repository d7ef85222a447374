//! Who is at the other end of a connection over TCP, as far as this machine's own tables tell.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::proc_tree::{self, Process};

/// How often the table is read before a connection counts as gone.
const LOOKS: usize = 5;

/// What is known of the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A process of a lane or of a check, or one that may be.
    Fenced,
    /// It is on this machine and has gone already: nobody can tell who it was.
    Gone,
    /// Neither: another process of this machine, or another machine.
    Free,
}

/// Looks up who connected from `from` to the port `to` of this process. Whatever a lane starts stays below its shim, and what
/// a check starts below this process; a lane may be tested by a server of its own.
pub fn peer(from: SocketAddr, to: u16) -> Peer {
    // The table is read in pieces, and one that changes meanwhile may leave a connection out.
    let found = (0..LOOKS).find_map(|_| socket(from, to));
    let socket = match found {
        Some(0) => return Peer::Gone,
        Some(socket) => socket,
        None if from.ip().is_loopback() && can_tell() => return Peer::Gone,
        None => return Peer::Free,
    };
    if is_held_behind_a_fence(socket) { Peer::Fenced } else { Peer::Free }
}

/// Returns whether a process of a lane or a check listens at `at`, or may: nobody's secret is for it.
pub fn is_fenced_listener(at: SocketAddr) -> bool {
    let is_it = |local: SocketAddr| {
        let (ours, theirs) = (at.ip().to_canonical(), local.ip().to_canonical());
        local.port() == at.port() && (ours == theirs || theirs.is_unspecified())
    };
    let listens = |it: &procfs::net::TcpNetEntry| {
        it.state == procfs::net::TcpState::Listen && is_it(it.local_address)
    };
    sockets().filter(listens).any(|it| is_held_behind_a_fence(it.inode))
}

fn is_held_behind_a_fence(socket: u64) -> bool {
    // What this process begins holds our own sockets too, until it has become its program.
    if holds(std::process::id().cast_signed(), socket) == Some(true) {
        return false;
    }
    let all = proc_tree::all();
    let fenced = fenced(&all);
    let mut is_unseen = false;
    for pid in &fenced {
        match holds(*pid, socket) {
            Some(true) => return true,
            Some(false) => {}
            None => is_unseen |= proc_tree::process(*pid).is_some(),
        }
    }
    // A process can hide its files; it is believed to be another only where another is seen to hold the socket.
    let mut others = all.iter().map(|it| it.pid).filter(|it| !fenced.contains(it));
    is_unseen && !others.any(|it| holds(it, socket) == Some(true))
}

/// Returns every socket of TCP on this machine.
fn sockets() -> impl Iterator<Item = procfs::net::TcpNetEntry> {
    [procfs::net::tcp(), procfs::net::tcp6()].into_iter().flatten().flatten()
}

/// Returns the processes that belong to a lane or a check which this process does not belong to.
fn fenced(all: &[Process]) -> BTreeSet<i32> {
    let own = std::process::id().cast_signed();
    let ours = proc_tree::lane_of(own);
    let shims = all.iter().map(|it| it.pid).filter(|it| proc_tree::is_shim(*it));
    let mut fenced: BTreeSet<i32> = shims.filter(|it| Some(*it) != ours).collect();
    let parents: BTreeMap<i32, i32> = all.iter().map(|it| (it.pid, it.parent)).collect();
    let roots = fenced.clone();
    let is_below = |pid: i32| {
        let ups = std::iter::successors(parents.get(&pid).copied(), |it| parents.get(it).copied());
        let mut ups = ups.take(parents.len());
        // The nearest fence counts: below one's own lane a server may have lanes and checks of its own.
        ups.find(|it| *it == own || Some(*it) == ours || roots.contains(it))
            .is_some_and(|it| Some(it) != ours)
    };
    fenced.extend(all.iter().map(|it| it.pid).filter(|it| *it != own && is_below(*it)));
    fenced
}

/// Returns the socket at `from` that is connected to `to`; 0 where its process has closed it.
fn socket(from: SocketAddr, to: u16) -> Option<u64> {
    let is_it = |local: SocketAddr, remote: SocketAddr| {
        local.port() == from.port()
            && local.ip().to_canonical() == from.ip().to_canonical()
            && remote.port() == to
    };
    sockets().find(|it| is_it(it.local_address, it.remote_address)).map(|it| it.inode)
}

/// Returns whether this system has the table at all.
fn can_tell() -> bool {
    procfs::net::tcp().is_ok()
}

/// Returns whether `pid` holds the socket; none where its files cannot be seen.
fn holds(pid: i32, socket: u64) -> Option<bool> {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let name = format!("socket:[{socket}]");
    let is_it = |it: std::fs::DirEntry| {
        std::fs::read_link(it.path()).is_ok_and(|it| it.as_os_str() == name.as_str())
    };
    Some(files.flatten().any(is_it))
}
