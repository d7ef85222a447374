//! A home and a repository of their own, and the `mission` commands in them.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::{Samples, Setting};
use crate::process;

/// A runtime that waits until it is stopped, one that is not there, and workflows of one gate for each.
const RULES: &str = r#"
[project]
key = "BN"
checks = []
workflow = "unheard"

[runtime.sleeper]
driver = "exec"
command = ["sleep", "1000"]

[runtime.absent]
driver = "exec"
command = ["a-program-that-is-not-there"]

[role.coder]
runtimes = ["sleeper"]
slots = 8

[role.planner]
runtimes = ["absent"]

[workflow.work]
gates = [{ id = "implementation", role = "coder", decided_by = "person" }]

[workflow.unheard]
gates = [{ id = "plan", role = "planner", decided_by = "person" }]
"#;

/// How many files the repository has besides its rules.
const FILES: usize = 100;

/// A home and a repository, removed with this value.
pub(super) struct Place {
    mission: PathBuf,
    folder: TempDir,
}

impl Place {
    /// Makes a repository with one commit and registers it in a fresh home.
    pub(super) fn new(setting: &Setting) -> Result<Self> {
        Self::with(setting, RULES)
    }

    /// Makes the same with other rules.
    pub(super) fn with(setting: &Setting, rules: &str) -> Result<Self> {
        let place = Self {
            mission: setting.mission.clone(),
            folder: tempfile::tempdir().context("cannot create a scratch folder")?,
        };
        let repository = place.folder.path().join("repository");
        std::fs::create_dir(&repository)?;
        std::fs::create_dir(place.programs())?;
        std::fs::write(repository.join("mission.toml"), rules)?;
        for number in 0..FILES {
            let text = "a line of some file\n".repeat(50);
            std::fs::write(repository.join(format!("file-{number}.txt")), text)?;
        }
        let who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];
        place.run("git", &["init", "--quiet", "--initial-branch=main"])?;
        place.run("git", &["add", "."])?;
        place.run("git", &[&who[..], &["commit", "--quiet", "--message=start"]].concat())?;
        place.mission(&["init", "--yes"])?;
        Ok(place)
    }

    /// Returns the home's folder.
    pub(super) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Returns a folder whose programs are found before all others.
    pub(super) fn programs(&self) -> PathBuf {
        self.folder.path().join("programs")
    }

    /// Returns a `mission` command in the repository, with an environment of its own.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        self.program(&self.mission, words)
    }

    fn program(&self, program: impl AsRef<std::ffi::OsStr>, words: &[&str]) -> Command {
        let folder = self.folder.path();
        let mut command = process::command(program);
        command.args(words).current_dir(folder.join("repository")).env_clear();
        let mut path = self.programs().into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        command.env("PATH", path);
        command.env("HOME", folder).env("MISSION_HOME", self.home());
        command
    }

    fn run(&self, program: &str, words: &[&str]) -> Result<String> {
        process::output(&mut self.program(program, words))
    }

    /// Runs `mission` and returns what it printed.
    pub(super) fn mission(&self, words: &[&str]) -> Result<String> {
        process::output(&mut self.command(words))
    }

    /// Files `count` parked tickets and returns their keys.
    pub(super) fn file(&self, count: usize) -> Result<Vec<String>> {
        let one = |number: usize| {
            let title = format!("Ticket number {number}");
            Ok(self.mission(&["ticket", "new", &title, "--park"])?.trim().to_owned())
        };
        (0..count).map(one).collect()
    }

    /// Wall times in ms of `runs` calls after one that warms the caches. Every output must satisfy `holds`.
    pub(super) fn time(
        &self,
        runs: u32,
        words: &[&str],
        holds: impl Fn(&str) -> bool,
    ) -> Result<Samples> {
        self.mission(words)?;
        let mut times = Vec::new();
        for _ in 0..runs {
            let started = Instant::now();
            let printed = self.mission(words)?;
            times.push(started.elapsed().as_secs_f64() * 1000.0);
            ensure!(
                holds(&printed),
                "`mission {}` printed something else: {printed}",
                words.join(" ")
            );
        }
        Samples::new(times)
    }
}
