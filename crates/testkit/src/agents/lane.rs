//! One agent's hands: its workspace, git, the shell and the `mission` on its PATH.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::brief;
use super::part::Part;
use crate::error::{file, system};
use crate::{Error, Result};

/// The project's own tests.
pub const TESTS: &str = "sh tests/run.sh";

/// How much of a failed program's output an error shows, in bytes.
const SHOWN: usize = 600;

/// The lane that this agent works in.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) ticket: String,
    pub(super) role: String,
    pub(super) gate: String,
    pub(super) part: Option<Part>,
    /// The findings that the brief names.
    pub(super) findings: Vec<String>,
    /// What a person decided, where the brief tells it.
    pub(super) decided: Option<String>,
    /// The commit that the brief calls the base.
    pub(super) base: Option<String>,
    /// Markers are read from plain output only.
    has_terminal: bool,
    pace: Duration,
    dir: PathBuf,
}

impl Lane {
    /// Reads who it is from the environment, and what to do from `brief`.
    pub(super) fn from_env(brief: &str, has_terminal: bool) -> Result<Self> {
        let variable = |name: &str| {
            let missing = || Error::Unexpected(format!("`{name}` is not set: this is no lane"));
            std::env::var(name).ok().filter(|it| !it.is_empty()).ok_or_else(missing)
        };
        let pace = std::env::var("MISSION_DEMO_PACE").ok().and_then(|it| it.parse().ok());
        Ok(Self {
            ticket: variable("MISSION_TICKET")?,
            role: variable("MISSION_ROLE")?,
            gate: variable("MISSION_GATE")?,
            part: Part::of(brief),
            findings: brief::findings(brief),
            decided: brief::decided(brief),
            base: brief::base(brief),
            has_terminal,
            pace: Duration::from_millis(pace.unwrap_or(0)),
            dir: std::env::current_dir().map_err(system("find the workspace"))?,
        })
    }

    /// Shows what comes next, and gives a viewer the time to read it.
    pub(super) fn say(&self, text: &str) {
        println!("  {text}");
        std::thread::sleep(self.pace);
    }

    /// Returns the file's place in the workspace.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Runs `mission` with these arguments, as any agent does.
    pub(super) fn mission(&self, args: &[&str]) -> Result<()> {
        self.say(&format!("$ mission {}", args.join(" ")));
        self.run("mission", args).map(|_| ())
    }

    /// Runs git in the workspace and returns what it prints.
    pub(super) fn git(&self, args: &[&str]) -> Result<String> {
        self.run("git", args)
    }

    /// Returns whether git succeeds.
    pub(super) fn git_holds(&self, args: &[&str]) -> bool {
        self.git(args).is_ok()
    }

    /// Runs a shell line in the workspace and returns whether it succeeded.
    pub(super) fn shell(&self, line: &str) -> Result<bool> {
        self.say(&format!("$ {line}"));
        let output = self.output("sh", &["-c", line])?;
        print!("{}", String::from_utf8_lossy(&output.stdout));
        Ok(output.status.success())
    }

    /// Writes a file of the workspace; a new one below `bin/` can be executed.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(file("make", parent))?;
        }
        std::fs::write(&path, text).map_err(file("write", &path))?;
        let mode = if name.starts_with("bin/") { 0o755 } else { 0o644 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))
            .map_err(file("set the mode of", &path))
    }

    /// Commits what `files` hold now; nothing to commit is no error, since an earlier attempt may have done it.
    pub(super) fn commit(&self, files: &[&str], subject: &str) -> Result<()> {
        self.say(&format!("$ git commit -m '{subject}'"));
        self.git(&[&["add", "--"], files].concat())?;
        if self.git_holds(&["diff", "--cached", "--quiet"]) {
            return Ok(());
        }
        self.git(&["commit", "--quiet", "--message", subject]).map(|_| ())
    }

    /// Hands in a Markdown text as evidence of `kind`, from a file outside the workspace.
    pub(super) fn hand_in(&self, kind: &str, text: &str) -> Result<()> {
        let dir = tempfile::tempdir().map_err(system("make a temporary folder"))?;
        let path = dir.path().join(format!("{}.md", kind.to_uppercase()));
        std::fs::write(&path, text).map_err(file("write", &path))?;
        self.mission(&["report", "evidence", kind, &path.display().to_string()])
    }

    /// Asks a person, in the way that this terminal allows.
    pub(super) fn ask(&self, question: &str) -> Result<()> {
        if self.has_terminal {
            return self.mission(&["report", "question", "--summary", question]);
        }
        println!("QUESTION: {question}");
        Ok(())
    }

    /// Ends with a marker where markers are read, else with the same by command.
    pub(super) fn mark_done(&self, summary: &str) -> Result<()> {
        if self.has_terminal {
            return self.mission(&["report", "done", "--summary", summary]);
        }
        println!("DONE: {summary}");
        Ok(())
    }

    /// As [`Self::mark_done`], for a verdict that passes.
    pub(super) fn mark_pass(&self, reason: &str) -> Result<()> {
        if self.has_terminal {
            return self.mission(&["report", "verdict", "pass", "--reason", reason]);
        }
        println!("PASS: {reason}");
        Ok(())
    }

    fn run(&self, program: &str, args: &[&str]) -> Result<String> {
        let output = self.output(program, args)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let text = [output.stdout, output.stderr].concat();
        let text =
            String::from_utf8_lossy(text.get(text.len().saturating_sub(SHOWN)..).unwrap_or(&text));
        let line = format!("{program} {}", args.join(" "));
        Err(Error::Failed { line, output: text.trim().to_owned() })
    }

    fn output(&self, program: &str, args: &[&str]) -> Result<std::process::Output> {
        let mut command = command(program, &self.dir);
        command.args(args).output().map_err(system(format!("start `{program}`")))
    }
}

/// Returns a command in `dir` that reads nothing from this terminal.
#[expect(
    clippy::disallowed_methods,
    reason = "a scripted agent uses the tools that any agent uses"
)]
pub(super) fn command(program: &str, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir).stdin(Stdio::null());
    command
}
