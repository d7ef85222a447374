//! Benchmarks of the command line: wall time of whole `mission` processes against a fresh home, no server.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::{Samples, Setting};
use crate::process;

/// How many tickets the long list has.
const MANY: usize = 10_000;

/// A home and a repository of their own, removed with this value.
struct Place<'a> {
    setting: &'a Setting,
    folder: TempDir,
}

impl<'a> Place<'a> {
    /// Makes a repository with one commit and registers it in a fresh home.
    fn new(setting: &'a Setting) -> Result<Self> {
        let place = Self {
            setting,
            folder: tempfile::tempdir().context("cannot create a scratch folder")?,
        };
        std::fs::create_dir(place.folder.path().join("repository"))?;
        let who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];
        place.run("git", &["init", "--quiet", "--initial-branch=main"])?;
        place.run(
            "git",
            &[&who[..], &["commit", "--quiet", "--allow-empty", "--message=start"]].concat(),
        )?;
        place.mission(&["init", "--yes"])?;
        Ok(place)
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>, words: &[&str]) -> Command {
        let folder = self.folder.path();
        let mut command = process::command(program);
        command.args(words).current_dir(folder.join("repository")).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", folder).env("MISSION_HOME", folder.join("home"));
        command
    }

    fn run(&self, program: &str, words: &[&str]) -> Result<String> {
        process::output(&mut self.command(program, words))
    }

    fn mission(&self, words: &[&str]) -> Result<String> {
        process::output(&mut self.command(&self.setting.mission, words))
    }

    /// Files a ticket and returns its key.
    fn new_ticket(&self, number: usize) -> Result<String> {
        Ok(self
            .mission(&["ticket", "new", &format!("Ticket number {number}"), "--park"])?
            .trim()
            .to_owned())
    }

    /// Wall times of `runs` calls after one that warms the caches. Every output must satisfy `holds`.
    fn time(&self, words: &[&str], holds: impl Fn(&str) -> bool) -> Result<Samples> {
        self.mission(words)?;
        let mut times = Vec::new();
        for _ in 0..self.setting.runs {
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

/// `mission ticket new`, which commits durably.
pub(super) fn ticket_new(setting: &Setting) -> Result<Samples> {
    let is_a_key = |printed: &str| {
        let number = printed.trim().rsplit_once('-').map(|(_, number)| number.parse::<u32>());
        matches!(number, Some(Ok(_)))
    };
    Place::new(setting)?.time(&["ticket", "new", "A ticket to measure", "--park"], is_a_key)
}

/// `mission ticket list` with ten tickets.
pub(super) fn ticket_list(setting: &Setting) -> Result<Samples> {
    let place = Place::new(setting)?;
    let keys = (0..10).map(|number| place.new_ticket(number)).collect::<Result<Vec<_>>>()?;
    place.time(&["ticket", "list"], |printed| keys.iter().all(|key| printed.contains(key)))
}

/// `mission ticket show` of one of ten tickets.
pub(super) fn ticket_show(setting: &Setting) -> Result<Samples> {
    let place = Place::new(setting)?;
    let keys = (0..10).map(|number| place.new_ticket(number)).collect::<Result<Vec<_>>>()?;
    place.time(&["ticket", "show", &keys[5]], |printed| printed.contains("Ticket number 5"))
}

/// `mission ticket list` as the human table with 10,000 tickets. Filing them takes a minute or two and is
/// not measured.
pub(super) fn long_list(setting: &Setting) -> Result<Samples> {
    let place = Place::new(setting)?;
    for number in 0..MANY {
        place.new_ticket(number)?;
    }
    place.time(&["ticket", "list"], |printed| printed.lines().count() >= MANY)
}
