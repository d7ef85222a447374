//! The runner: a small process beside the server that starts shims and follows them. Holds no truth: all it says it can read again
//! from the lanes' folders, so it may die at any time.

mod connection;
mod follow;
mod hub;
mod lanes;
mod lost;
mod orders;
mod start;
mod talk;
mod tmux;
mod unread;

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use tokio::net::UnixListener;

use crate::error::{Error, Result};
use crate::files::{self, ProcessCard};
use crate::proc_tree;

/// The name of a runner's card in its folder.
pub(crate) const CARD: &str = "runner.json";

/// How patient a runner is.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Without a server and without live lanes it ends after this long.
    pub idle: Duration,
    /// How often it says that a live lane lives.
    pub alive: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { idle: Duration::from_secs(30), alive: Duration::from_secs(10) }
    }
}

/// Runs the runner of the folder `dir` (`runner.sock`, `runner.json`, `runner.lock`) until it is told to end or nobody needs it.
/// For the hidden command `mission runner-local DIR`. [`Error::InUse`] when there is one already.
pub async fn run(dir: &Path) -> Result<()> {
    run_patiently(dir, Patience::default()).await
}

/// As [`run`], with another patience.
pub async fn run_patiently(dir: &Path, patience: Patience) -> Result<()> {
    files::private_dir(dir)?;
    let _lock = lock(dir)?;
    // Survives the server's terminal; fails only for a leader, which does already.
    let _ = nix::unistd::setsid();
    let socket = files::socket_path(dir, "runner.sock")?;
    let _ = std::fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).map_err(Error::file(&socket))?;
    let pid = std::process::id().cast_signed();
    let pid_start_time = proc_tree::process(pid).map_or(0, |p| p.start_time);
    ProcessCard { pid, pid_start_time, socket: socket.clone() }.write(&dir.join(CARD))?;
    let done = hub::Hub::new(patience).serve(listener).await;
    let _ = std::fs::remove_file(&socket);
    let _ = std::fs::remove_file(dir.join(CARD));
    done
}

/// Held by the process, so that it ends with it whatever happens.
fn lock(dir: &Path) -> Result<Flock<File>> {
    let path = dir.join("runner.lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(Error::file(&path))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| Error::InUse(path))
}
