//! The hidden commands that Mission Control starts itself.

use std::path::Path;
use std::process::ExitCode;

use crate::failure::{Exit, Failure};

/// Runs the local runner of `dir` until nobody needs it.
pub(crate) fn runner(dir: &Path) -> Result<ExitCode, Failure> {
    let ran = super::block_on(mission_runtime::runner::run(dir))?;
    ran.map_err(|e| Failure::unreachable(format!("the runner ends: {}", e.in_full())))?;
    Ok(ExitCode::SUCCESS)
}

/// Plays the script `name` as an agent.
pub(crate) fn scripted_agent(name: &str) -> ExitCode {
    mission_testkit::agents::run(name, &[])
}

/// Serves the files of `dir` until the process ends.
pub(crate) fn serve_static(dir: &Path, port: u16) -> Result<ExitCode, Failure> {
    let served = mission_testkit::serve::run(dir, port);
    served.map_err(|e| Failure::new(Exit::No, "serve_static", e.to_string()))?;
    Ok(ExitCode::SUCCESS)
}
