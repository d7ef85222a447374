//! Stops all that runs in a lane while somebody relies on its files, and lets it go on.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{Error, Result};
use crate::files::{LaneFiles, ProcessCard};
use crate::proc_tree;
use crate::shim_protocol::{Request, ShimConnection};

/// The longest that a lane is tried to be held: a process may hang in the kernel, or make others faster than they are stopped.
const PATIENCE: Duration = Duration::from_secs(10);

/// After this long all go on for a moment: who waits for a child to begin its program is not stopped before that child.
const TRY: Duration = Duration::from_secs(1);

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// So many looks in a row find nothing that runs. What a process lists of its children is whole only once they are stopped
/// (proc(5), `children`).
const LOOKS: usize = 3;

/// A lane of which nothing runs but its shim. It goes on when this is dropped; a file in its folder says meanwhile that it
/// is held, to its shim and to whoever comes after a crash.
#[must_use]
#[derive(Debug)]
pub struct Still {
    files: LaneFiles,
    shim: i32,
}

impl Still {
    /// Stops everything below the lane's shim, which adopts all orphans, and returns once nothing of it runs; none where
    /// there is no shim any more. Blocks for up to ten seconds.
    ///
    /// # Errors
    /// It could not be brought to a standstill: then it goes on.
    pub fn hold(files: &LaneFiles) -> Result<Option<Self>> {
        let Some((shim, socket)) = shim_of(files) else { return Ok(None) };
        std::fs::write(files.still(), "").map_err(Error::file(files.still()))?;
        let still = Self { files: files.clone(), shim };
        // It does one thing after another: whatever it was about to start has begun once it answers, and it starts nothing more.
        match ShimConnection::open(&socket, PATIENCE).and_then(|mut it| it.ask(&Request::Status)) {
            Err(_) if shim_of(files).is_none() => return Ok(None),
            answer => drop(answer?),
        }
        let began = Instant::now();
        let (mut since, mut looks) = (began, 0);
        while began.elapsed() < PATIENCE {
            looks = if stop_below(shim) { looks + 1 } else { 0 };
            if looks == LOOKS {
                return Ok(Some(still));
            }
            if since.elapsed() > TRY {
                go_on_below(shim);
                since = Instant::now();
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        let source = std::io::ErrorKind::TimedOut.into();
        Err(Error::System { what: "stopping everything that runs in the lane", source })
    }

    /// Lets the lane `files` go on if somebody held it and died.
    pub fn release_left(files: &LaneFiles) {
        if files.still().exists() {
            let shim = shim_of(files).map_or(0, |it| it.0);
            drop(Self { files: files.clone(), shim });
        }
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        if self.shim > 0 {
            go_on_below(self.shim);
        }
        let _ = std::fs::remove_file(self.files.still());
    }
}

/// Returns the lane's shim and where it listens, while it lives.
fn shim_of(files: &LaneFiles) -> Option<(i32, PathBuf)> {
    let card = ProcessCard::read(&files.shim())?;
    proc_tree::is_alive(card.pid, card.pid_start_time).then_some((card.pid, card.socket))
}

/// Stops whatever runs below `root`; returns whether nothing did. One that was there and is gone may have left another.
fn stop_below(root: i32) -> bool {
    let mut is_still = true;
    for_all_below(root, |pid| {
        if !proc_tree::is_halted(pid) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGSTOP);
            is_still = false;
        }
    });
    is_still
}

fn go_on_below(root: i32) {
    let mut all = Vec::new();
    for_all_below(root, |pid| all.push(pid));
    for pid in all {
        let _ = kill(Pid::from_raw(pid), Signal::SIGCONT);
    }
}

fn for_all_below(root: i32, mut each: impl FnMut(i32)) {
    let mut seen = BTreeSet::from([root]);
    let mut next = proc_tree::children_of(root);
    while let Some(pid) = next.pop() {
        if seen.insert(pid) {
            each(pid);
            next.extend(proc_tree::children_of(pid));
        }
    }
}
