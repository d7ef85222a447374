//! Starts shims so that they outlive the runner: as detached processes, or as the first process of a tmux window.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use crate::error::{Error, Result};
use crate::files::{LaneFiles, ProcessCard};
use crate::record_log::RecordLog;
use crate::spec::{Driver, LaunchSpec, TmuxPlace};

/// How long a shim may take to come up on a machine under load.
const COMING_UP: Duration = Duration::from_secs(15);

/// How often a tmux server that is just ending is tried again.
const TMUX_TRIES: u32 = 5;

/// The size of a window that nobody looks at.
const COLUMNS_AND_ROWS: [&str; 4] = ["-x", "200", "-y", "50"];

/// Two windows for one session at once would race over who makes it.
static TMUX: Mutex<()> = Mutex::const_new(());

/// Starts the shim of `spec` and waits until it answers to its name. Nothing of it runs after an error.
pub(crate) async fn start(spec: &LaunchSpec) -> Result<()> {
    if !spec.mission_exe.is_file() {
        let exe = spec.mission_exe.display();
        return Err(Error::BadSpec(format!("`{exe}` is not there: was `mission` moved?")));
    }
    spec.write()?;
    let files = spec.files();
    let mut child = match (spec.driver, &spec.tmux) {
        (Driver::Exec, _) => Some(detached(spec, &files)?),
        (Driver::Tmux, Some(place)) => {
            window(spec, place).await?;
            None
        }
        (Driver::Tmux, None) => {
            return Err(Error::BadSpec(format!("attempt `{}` names no tmux window", spec.attempt)));
        }
    };
    come_up(&files, child.as_mut()).await
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

async fn come_up(files: &LaneFiles, mut child: Option<&mut Child>) -> Result<()> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(1);
    let is_up = || ProcessCard::read(&files.shim()).is_some();
    while !is_up() {
        let status = child.as_mut().and_then(|child| child.try_wait().ok().flatten());
        let said = std::fs::read_to_string(files.shim_log()).unwrap_or_default();
        // A pane has no status to ask for; its shim leaves its last words in the log.
        let has_ended = status.is_some() || (child.is_none() && !said.is_empty());
        if has_ended && !is_up() {
            return Err(Error::BadSpec(format!("the shim ended at once: {}", said.trim())));
        }
        if began.elapsed() > COMING_UP {
            // Whoever makes the records first has the lane: a shim that comes later ends without starting anything.
            return match RecordLog::create(&files.records()) {
                Ok(_) => Err(Error::TimedOut(format!("the shim of `{}`", files.dir().display()))),
                Err(_) => Ok(()),
            };
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(20));
    }
    Ok(())
}

/// Opens a window in the ticket's session, making the session first where there is none.
async fn window(spec: &LaunchSpec, place: &TmuxPlace) -> Result<()> {
    let _alone = TMUX.lock().await;
    let mut said = String::new();
    for _ in 0..TMUX_TRIES {
        let mut new_session = vec!["new-session", "-d", "-s", &place.session, "-n", &place.window];
        new_session.extend(COLUMNS_AND_ROWS);
        said = match tmux(spec, place, &new_session).await? {
            None => return Ok(()),
            Some(said) => said,
        };
        if said.contains("duplicate session") {
            let target = format!("={}:", place.session);
            let new_window = ["new-window", "-d", "-t", &target, "-n", &place.window];
            match tmux(spec, place, &new_window).await? {
                None => return Ok(()),
                Some(why) => said = why,
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(Error::BadSpec(format!("tmux opened no window for `{}`: {said}", spec.attempt)))
}

/// Runs one tmux command that starts the shim; returns what it says when it fails. No configuration file of the user's is read, and
/// nothing of this process's environment but the essentials reaches the tmux server.
#[expect(clippy::disallowed_methods, reason = "the runner starts the shims")]
async fn tmux(spec: &LaunchSpec, place: &TmuxPlace, arguments: &[&str]) -> Result<Option<String>> {
    let mut command = Command::new("tmux");
    command.env_clear().env("TERM", "xterm-256color");
    for name in ["PATH", "HOME", "LANG", "LC_ALL", "XDG_RUNTIME_DIR", "SHELL"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command.arg("-u").arg("-f").arg("/dev/null").arg("-S").arg(&place.socket).args(arguments);
    command.arg("--").arg(&spec.mission_exe).arg("lane-shim").arg(&spec.lane_dir);
    command.current_dir("/").stdin(Stdio::null());
    let done = command.output().await;
    let done = done.map_err(|source| Error::Spawn { program: "tmux".into(), source })?;
    let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    Ok((!done.status.success()).then_some(said))
}
