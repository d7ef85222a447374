//! Runs a command to its end and leaves nothing behind.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

use crate::log::Logger;
use crate::steps::Owner;
use crate::tree::{End, Tree};
use crate::{Confined, Error, Exit, Limits, Outcome, RUN_MARK, Result};

/// How often the memory of the tree is summed.
const MEMORY_LOOK: Duration = Duration::from_millis(250);
/// Stands for "no limit".
const FAR: Duration = Duration::from_hours(24 * 365);

/// Runs `what` to its end, its output and errors interleaved in a new file at `log`.
///
/// Its standard input is empty. Whatever it started is killed when it ends; dropping the future kills it too, and so
/// does the death of this process (then only the command itself; see [`crate::leftovers()`] for the rest). A
/// process that both left the session and wiped its environment is not found.
///
/// # Errors
/// Only where this machine failed: the log cannot be made, the rules cannot be built, no thread or pipe is left.
pub async fn run(mut what: Confined, log: &Path) -> Result<Outcome> {
    let limits = what.limits;
    let tree = Arc::new(Tree::new());
    what.env.insert(RUN_MARK.into(), tree.mark().into());
    let (mut command, confinement) = what.prepare(Owner::Here)?;
    let (reader, writer) = std::io::pipe().map_err(Error::Watch)?;
    let second = writer.try_clone().map_err(Error::Watch)?;
    command.stdin(Stdio::null()).stdout(writer).stderr(second);
    let logger = Logger::start(reader, log, limits.output_bytes)?;

    let (tell, told) = oneshot::channel();
    let guard = KillOnDrop(tree.clone());
    let thread = std::thread::Builder::new().name("command".into());
    let watched = tree.clone();
    let watch = move || drop(tell.send(watched.run(command, logger)));
    thread.spawn(watch).map_err(Error::Watch)?;

    let (end, stopped) = wait(&tree, limits, told).await?;
    drop(guard);
    let exit = match (stopped, end.exit) {
        (Some(Stopped::Time), Exit::Signalled(_)) => Exit::TimedOut,
        (Some(Stopped::Time | Stopped::Memory) | None, exit) => exit,
    };
    Ok(Outcome {
        over_memory: stopped == Some(Stopped::Memory) && matches!(exit, Exit::Signalled(_)),
        exit,
        wall: end.wall,
        max_rss: end.max_rss,
        output_bytes: end.logged.output_bytes,
        log_bytes: end.logged.log_bytes,
        log_error: end.logged.error,
        killed_leftovers: end.killed_leftovers,
        confinement,
    })
}

/// Why the tree was stopped before its own end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopped {
    Time,
    Memory,
}

/// Waits for the end of the tree; kills it where it breaks a limit.
async fn wait(
    tree: &Tree,
    limits: Limits,
    mut told: oneshot::Receiver<Result<End>>,
) -> Result<(End, Option<Stopped>)> {
    let over = Instant::now() + limits.wall.unwrap_or(FAR).min(FAR);
    let mut stopped = None;
    loop {
        let until = if stopped.is_some() { Instant::now() + FAR } else { over };
        let is_watched = stopped.is_none() && limits.memory_bytes.is_some();
        let look = if is_watched { MEMORY_LOOK } else { FAR };
        tokio::select! {
            biased;
            end = &mut told => {
                let gone = || Error::Watch(std::io::Error::other("the watching thread broke"));
                return Ok((end.map_err(|_| gone())??, stopped));
            }
            () = sleep_until(until) => {
                stopped = Some(Stopped::Time);
                tree.kill();
            }
            () = sleep(look) => {
                if limits.memory_bytes.is_some_and(|most| tree.resident_bytes() > most) {
                    stopped = Some(Stopped::Memory);
                    tree.kill();
                }
            }
        }
    }
}

/// Kills the tree where the caller no longer waits for it.
struct KillOnDrop(Arc<Tree>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.kill();
    }
}
