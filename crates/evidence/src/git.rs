//! Runs git so that nothing in a repository's or a user's settings is executed or asked. Reading is in [`read`](mod@read) and
//! [`changes`](mod@changes), refs in [`refs`](mod@refs).

pub mod changes;
pub mod read;
pub mod refs;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{Error, Result};

/// Switched off for every command: whatever git would execute, ask, fetch or rewrite by itself.
const OFF: [&str; 24] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.sshCommand=false",
    "core.editor=false",
    "core.pager=cat",
    "core.askPass=false",
    "core.attributesFile=/dev/null",
    "core.alternateRefsCommand=true",
    "core.untrackedCache=false",
    "core.quotePath=false",
    "credential.helper=",
    "protocol.allow=never",
    "protocol.file.allow=always",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "gpg.program=false",
    "log.showSignature=false",
    "merge.verifySignatures=false",
    "diff.ignoreSubmodules=all",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "fetch.fsckObjects=true",
    "gc.auto=0",
    "maintenance.auto=false",
];

/// The most bytes that one answer may have.
const MOST_BYTES: u64 = 256 << 20;
/// How long one command may take.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// A repository or working copy to run git in. Cheap to make; every call starts a process.
#[derive(Debug, Clone)]
pub struct Git {
    dir: PathBuf,
    git_dir: Option<PathBuf>,
    home: Option<PathBuf>,
    extra: Vec<(&'static str, OsString)>,
    time_limit: Duration,
}

/// How one command is to be run and read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked<'a> {
    /// Bytes for its standard input.
    pub(crate) input: &'a [u8],
    /// The most bytes of output to keep; more is cut, not refused.
    pub(crate) cut_at: Option<u64>,
}

impl Git {
    /// Speaks to the repository whose top directory, or bare directory, is `dir`. Its parents are not searched.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        let (git_dir, home, extra) = (None, None, Vec::new());
        Self { dir: dir.into(), git_dir, home, extra, time_limit: TIME_LIMIT }
    }

    /// Returns the directory given to [`Git::at`].
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Allows each command this much time instead of two minutes.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Also obeys the settings of the user whose home is `home` (filters, line endings), hooks still excepted: for a
    /// person's own working copy, never for a lane's.
    #[must_use]
    pub fn with_user_settings(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// Uses the git directory `git_dir`, with `dir` as its working copy.
    #[must_use]
    pub(crate) fn with_git_dir(mut self, git_dir: impl Into<PathBuf>) -> Self {
        self.git_dir = Some(git_dir.into());
        self
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub(crate) fn with_env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.extra.push((name, value.into()));
        self
    }

    /// Runs git and returns its output; any exit code but 0 is an error.
    pub(crate) async fn run(&self, args: &[&str]) -> Result<Vec<u8>> {
        self.run_with(args, Asked::default()).await
    }

    /// Runs git and returns its output as trimmed text.
    pub(crate) async fn text(&self, args: &[&str]) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.run(args).await?).trim_end().to_string())
    }

    /// Runs git as `asked`; any exit code but 0 is an error.
    pub(crate) async fn run_with(&self, args: &[&str], asked: Asked<'_>) -> Result<Vec<u8>> {
        let output = self.output(args, asked).await?;
        let was_cut = asked.cut_at.is_some_and(|most| output.stdout.len() as u64 >= most);
        if output.status.success() || was_cut {
            return Ok(output.stdout);
        }
        Err(self.refusal(args, &output))
    }

    /// Runs git and returns whether it exited with 0 rather than 1; every other end is an error.
    pub(crate) async fn is(&self, args: &[&str]) -> Result<bool> {
        let output = self.output(args, Asked::default()).await?;
        match output.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            Some(_) | None => Err(self.refusal(args, &output)),
        }
    }

    /// Runs git and returns how it ended and what it wrote.
    pub(crate) async fn output(&self, args: &[&str], asked: Asked<'_>) -> Result<Output> {
        let mut child = self.command(args).spawn().map_err(|error| self.not_started(error))?;
        let most = asked.cut_at.unwrap_or(MOST_BYTES);
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            if let Some(mut stdin) = stdin {
                // Git may end before it has read everything: its exit code says whether that was fine.
                let _ = stdin.write_all(asked.input).await;
            }
        };
        let all = async {
            let ((), stdout, stderr) =
                tokio::join!(feed, read(stdout, most), read(stderr, 1 << 20));
            let status = child.wait().await?;
            Ok(Output { status, stdout: stdout?, stderr: stderr? })
        };
        let output: std::result::Result<std::io::Result<Output>, _> =
            tokio::time::timeout(self.time_limit, all).await;
        match output {
            Ok(output) => output.map_err(|error| self.not_started(error)),
            Err(_) => {
                let (command, limit) = (shown(args), self.time_limit);
                Err(Error::GitTimedOut { command, limit })
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is where git is run")]
    fn command(&self, args: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new("git");
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()));
        match &self.home {
            Some(home) => command.env("HOME", home),
            None => command
                .env("HOME", "/nonexistent")
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .env("GIT_ATTR_NOSYSTEM", "1"),
        };
        let quiet = [
            ("LC_ALL", "C"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", "false"),
            ("GIT_SSH_COMMAND", "false"),
            ("GIT_ALLOW_PROTOCOL", "file"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            // A lane must not be able to show one commit under another's name, or to make git fetch what is missing.
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_GRAFT_FILE", "/dev/null"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_LITERAL_PATHSPECS", "1"),
        ];
        command.envs(quiet);
        if let Some(parent) = self.dir.parent() {
            command.env("GIT_CEILING_DIRECTORIES", parent);
        }
        if let Some(git_dir) = &self.git_dir {
            command.env("GIT_DIR", git_dir).env("GIT_WORK_TREE", &self.dir);
        }
        command.envs(self.extra.iter().map(|(name, value)| (name, value)));
        for setting in OFF {
            command.args(["-c", setting]);
        }
        command.args(args).current_dir(&self.dir).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn not_started(&self, error: std::io::Error) -> Error {
        if self.dir.is_dir() {
            return Error::GitMissing(error);
        }
        Error::NotARepository { path: self.dir.clone() }
    }

    pub(crate) fn refusal(&self, args: &[&str], output: &Output) -> Error {
        let stderr = String::from_utf8_lossy(&output.stderr);
        if stderr.contains("not a git repository") {
            return Error::NotARepository { path: self.dir.clone() };
        }
        let lines: Vec<&str> = stderr.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines.get(lines.len().saturating_sub(5)..).unwrap_or_default().join("; ");
        Error::Git { command: shown(args), code: output.status.code(), stderr: last }
    }
}

async fn read(
    from: Option<impl tokio::io::AsyncRead + Unpin>,
    most: u64,
) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(most).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// Returns the command for a message, cut where it is long.
fn shown(args: &[&str]) -> String {
    let text = format!("git {}", args.join(" "));
    if text.chars().count() <= 200 { text } else { text.chars().take(199).chain(['…']).collect() }
}
