//! Ends process trees: groups first, then whatever is left of the descendants.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::proc_tree::{Process, descendants, tree_of};
use crate::record::Orphan;
use crate::shim::os::{Reap, reap};
use crate::shim::watch::TreeUse;

/// What is ending by itself is given this long before it counts as left behind.
const ENDING: Duration = Duration::from_millis(50);

/// The longest that a killed process is waited for: it may hang in the kernel.
const KILLED: Duration = Duration::from_secs(2);

/// What all living descendants of this process use. The processor time of `but` is left out: a program that only waits for its
/// model still draws its spinner.
pub(crate) fn own_use_but(but: Option<i32>) -> TreeUse {
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
    let page = page.and_then(|size| u64::try_from(size).ok()).unwrap_or(4096);
    let tree = tree_of(std::process::id().cast_signed());
    TreeUse {
        cpu_ticks: tree.iter().filter(|p| Some(p.pid) != but).map(|p| p.cpu_ticks).sum(),
        rss_bytes: tree.iter().map(|p| p.rss_pages * page).sum(),
    }
}

/// What all living descendants of this process use.
pub(crate) fn own_use() -> TreeUse {
    own_use_but(None)
}

fn own_descendants() -> Vec<Process> {
    descendants(std::process::id().cast_signed())
}

/// Sends `signal` to the group that `leader` leads, and to every other descendant of this process.
pub(crate) fn signal_all(leader: i32, signal: Signal) {
    // Errors mean that it is gone, or another user's: both show when it is waited for.
    let _ = killpg(Pid::from_raw(leader), signal);
    for process in own_descendants() {
        if !process.is_zombie
            && nix::unistd::getpgid(Some(Pid::from_raw(process.pid))) != Ok(Pid::from_raw(leader))
        {
            let _ = kill(Pid::from_raw(process.pid), signal);
        }
    }
}

/// What a program left behind.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// What had to be ended.
    pub(crate) orphans: Vec<Orphan>,
    /// What the program's terminal took with it.
    pub(crate) hung_up: Vec<i32>,
}

/// Ends what the program left behind and returns it. Takes no time when nothing is left.
pub(crate) fn end_orphans() -> Left {
    let (mut orphans, mut hung_up): (Vec<Orphan>, Vec<i32>) = (Vec::new(), Vec::new());
    let began = Instant::now();
    while has_children(&mut hung_up) && began.elapsed() < ENDING + KILLED {
        let is_over = began.elapsed() >= ENDING;
        let living = own_descendants().into_iter().filter(|p| is_over && !p.is_zombie);
        for process in living {
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            if !orphans.iter().any(|o| o.pid == process.pid) {
                orphans.push(Orphan { pid: process.pid, comm: process.comm, ended: false });
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let left = own_descendants();
    for orphan in &mut orphans {
        orphan.ended = !left.iter().any(|p| p.pid == orphan.pid && !p.is_zombie);
    }
    Left { orphans, hung_up }
}

/// Reaps all that have ended, and notes whom a terminal took along; returns whether a child is left.
fn has_children(hung_up: &mut Vec<i32>) -> bool {
    loop {
        match reap() {
            Ok(Reap::One(reaped)) => hung_up.extend(reaped.is_hung_up().then_some(reaped.pid)),
            Ok(Reap::NoneEnded) => return true,
            Ok(Reap::NoChild) | Err(_) => return false,
        }
    }
}
