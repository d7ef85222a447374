//! Runs a project's own set-up commands in a workspace: after it was made, and before each attempt.

use std::path::Path;
use std::time::Duration;

use mission_sandbox::{Exit, Limits};

use crate::checks::{CheckEnv, shell};
use crate::{Error, Result};

/// The most bytes of a set-up command's output that are kept.
const MOST_OUTPUT: u64 = 4 << 20;

/// Runs `command_line` in `dir` within `limit`, its output in a new file at `log`. An empty line does nothing.
///
/// # Errors
/// [`Error::Setup`] where it does not exit with code 0; it says how it ended and where its output is.
pub async fn run_setup(
    dir: &Path,
    command_line: &str,
    env: &CheckEnv,
    limit: Duration,
    log: &Path,
) -> Result<()> {
    if command_line.trim().is_empty() {
        return Ok(());
    }
    let limits = Limits { wall: Some(limit), memory_bytes: None, output_bytes: Some(MOST_OUTPUT) };
    let how = match shell(dir, command_line, env, limits, log).await?.exit {
        Exit::Exited(0) => return Ok(()),
        Exit::Exited(code) => format!("exited with code {code}"),
        Exit::Signalled(signal) => format!("died by signal {signal}"),
        Exit::TimedOut => format!("took longer than {limit:?} and was stopped"),
        Exit::NotStarted(why) => format!("could not be started: {why}"),
    };
    Err(Error::Setup { command: command_line.into(), how, log: log.into() })
}
