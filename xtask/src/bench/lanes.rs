//! What a server uses with many lanes at work that print nothing: a hundred over pipes and fifty in tmux.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::place::Place;
use super::resident::{SETTLE, used};
use super::server::Server;
use super::{Samples, Setting};

/// Two roles of fifty lanes over pipes, since one has 64 at most, and one of fifty in tmux.
const RULES: &str = r#"
[project]
key = "LN"
checks = []

[runtime.pipes]
driver = "exec"
command = ["sleep", "1000"]

[runtime.screen]
driver = "tmux"
command = ["sh", "-c", "echo ready; exec sleep 1000"]
limits = { stall = "1h" }

[role.first]
runtimes = ["pipes"]
slots = 50

[role.second]
runtimes = ["pipes"]
slots = 50

[role.third]
runtimes = ["screen"]
slots = 50

[workflow.first]
gates = [{ id = "work", role = "first", decided_by = "person" }]

[workflow.second]
gates = [{ id = "work", role = "second", decided_by = "person" }]

[workflow.third]
gates = [{ id = "work", role = "third", decided_by = "person" }]
"#;

/// The workflows, and for how many lanes tickets are filed in each.
const WORKFLOWS: [&str; 3] = ["first", "second", "third"];
const EACH: usize = 50;

/// How long the lanes may take until all are at work.
const STARTED: Duration = Duration::from_secs(180);

/// How long is looked, and how often.
const WINDOW: Duration = Duration::from_secs(5);
const WINDOWS: usize = 4;

/// What was seen while every lane was at work and none printed.
pub(super) struct Quiet {
    /// Of one core, in percent: the server, its runner and the shims of the lanes.
    processor: Vec<f64>,
    /// How often tmux was called.
    calls: Vec<f64>,
}

fn quiet(setting: &Setting) -> Result<&Quiet> {
    if let Some(known) = setting.quiet.get() {
        return Ok(known);
    }
    let place = Place::with(setting, RULES)?;
    let log = counted(&place)?;
    let server = Server::start(&place)?;
    for workflow in WORKFLOWS {
        for n in 0..EACH {
            server.file(&json!({ "title": format!("Lane {n}"), "workflow": workflow }))?;
        }
    }
    let began = Instant::now();
    while at_work(&server)? < WORKFLOWS.len() * EACH {
        ensure!(began.elapsed() < STARTED, "{} lanes came to work", at_work(&server)?);
        std::thread::sleep(Duration::from_millis(500));
    }
    ensure!(calls(&log)? > 0, "no call of tmux was counted while fifty lanes began in it");
    std::thread::sleep(SETTLE);
    let mut seen = Quiet { processor: Vec::new(), calls: Vec::new() };
    for _ in 0..WINDOWS {
        let (before, called, at) = (used(server.pid())?, calls(&log)?, Instant::now());
        std::thread::sleep(WINDOW);
        let (after, seconds) = (used(server.pid())?, at.elapsed().as_secs_f64());
        seen.processor.push((after.seconds - before.seconds) / seconds * 100.0);
        seen.calls.push((calls(&log)? - called) as f64);
    }
    ensure!(at_work(&server)? == WORKFLOWS.len() * EACH, "a lane ended while it was looked at");
    Ok(setting.quiet.get_or_init(|| seen))
}

/// Returns how many attempts have an agent that runs.
fn at_work(server: &Server<'_>) -> Result<usize> {
    let listed = server.document("/api/v1/attempts")?;
    let listed = listed["attempts"].as_array().context("attempts are no list")?;
    let runs = |it: &&Value| !matches!(it["state"].as_str(), Some("ended" | "starting") | None);
    Ok(listed.iter().filter(runs).count())
}

/// Puts a `tmux` first on the place's PATH that writes a line for each call and becomes the real one.
fn counted(place: &Place) -> Result<PathBuf> {
    let tmux = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .map(|it| it.join("tmux"))
        .find(|it| it.is_file())
        .context("tmux is not on the PATH: install it to measure lanes in it")?;
    let log = place.programs().join("calls");
    let (log_text, tmux) = (log.display(), tmux.display());
    let script = format!("#!/bin/sh\necho called >> '{log_text}'\nexec '{tmux}' \"$@\"\n");
    let own = place.programs().join("tmux");
    std::fs::write(&own, script)?;
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o755))?;
    Ok(log)
}

fn calls(log: &Path) -> Result<usize> {
    Ok(std::fs::read_to_string(log).context("no call of tmux was written down")?.lines().count())
}

/// The share of one core, in percent.
pub(super) fn processor(setting: &Setting) -> Result<Samples> {
    Samples::new(quiet(setting)?.processor.clone())
}

/// Calls of tmux in five seconds.
pub(super) fn tmux(setting: &Setting) -> Result<Samples> {
    Samples::new(quiet(setting)?.calls.clone())
}
