//! Starts shims so that they outlive the runner: as detached processes, or as the first process of a tmux window.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::error::{Error, Result};
use crate::files::{LaneFiles, ProcessCard};
use crate::record_log::RecordLog;
use crate::runner::tmux::Tmux;
use crate::spec::{Driver, LaunchSpec};

/// How long a shim may take to come up on a machine under load.
const COMING_UP: Duration = Duration::from_secs(15);

/// Starts the shim of `spec` and waits until it answers to its name. Nothing of it runs after an error.
pub(crate) async fn start(spec: &LaunchSpec, tmux: &Tmux) -> Result<()> {
    if !spec.mission_exe.is_file() {
        let exe = spec.mission_exe.display();
        return Err(Error::BadSpec(format!("`{exe}` is not there: was `mission` moved?")));
    }
    spec.write()?;
    let files = spec.files();
    match (spec.driver, &spec.tmux) {
        (Driver::Exec | Driver::Codex | Driver::Claude | Driver::Acp, _) => {
            let mut child = detached(spec, &files)?;
            come_up(&files, async move { how_it_ended(&mut child).await }).await
        }
        (Driver::Tmux, Some(place)) => {
            let window = tmux.open(spec, place).await?;
            come_up(&files, window.closed()).await
        }
        (Driver::Tmux, None) => {
            Err(Error::BadSpec(format!("attempt `{}` names no tmux window", spec.attempt)))
        }
    }
}

/// The shim makes a session of its own; its errors go to the lane's folder.
#[expect(clippy::disallowed_methods, reason = "the runner starts the shims")]
fn detached(spec: &LaunchSpec, files: &LaneFiles) -> Result<Child> {
    let path = files.shim_log();
    let log = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
    let log = log.map_err(Error::file(path))?;
    let mut command = Command::new(&spec.mission_exe);
    command.arg("lane-shim").arg(files.dir()).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let program = spec.mission_exe.display().to_string();
    command.spawn().map_err(|source| Error::Spawn { program, source })
}

async fn how_it_ended(child: &mut Child) -> String {
    match child.wait().await {
        Ok(status) => status.to_string(),
        Err(e) => e.to_string(),
    }
}

/// Waits until the shim has written its card; `ended` tells how its process ended, should it end first.
async fn come_up(files: &LaneFiles, ended: impl Future<Output = String>) -> Result<()> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(1);
    let is_up = || ProcessCard::read(&files.shim()).is_some();
    tokio::pin!(ended);
    while !is_up() {
        tokio::select! {
            how = &mut ended => {
                // It may have come up and gone in one.
                if is_up() {
                    return Ok(());
                }
                let said = std::fs::read_to_string(files.shim_log()).unwrap_or_default();
                let text = format!("the shim ended at once ({how}): {}", said.trim());
                return Err(Error::BadSpec(text));
            }
            () = tokio::time::sleep(pause) => {}
        }
        if began.elapsed() > COMING_UP {
            // Whoever makes the records first has the lane: a shim that comes later ends without starting anything.
            return match RecordLog::create(&files.records()) {
                Ok(_) => Err(Error::TimedOut(format!("the shim of `{}`", files.dir().display()))),
                Err(_) => Ok(()),
            };
        }
        // A shim is up after a few milliseconds: doubling would find it out as many later.
        pause = (pause * 5 / 4).min(Duration::from_millis(20));
    }
    Ok(())
}
