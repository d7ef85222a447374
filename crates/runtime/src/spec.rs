//! What is to be run in a lane: complete, so that the shim needs nothing but this and its folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mission_domain::ids::{AttemptId, Epoch, GateId, MessageId, RoleId, RuntimeId, TicketKey};
use serde::{Deserialize, Serialize};

use crate::agent::SessionSpec;
use crate::error::{Error, Result};
use crate::files::{self, LaneFiles};

/// One attempt's launch. Its `env` holds the attempt's token: kept in a 0600 file, never in argv, not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchSpec {
    /// The attempt.
    pub attempt: AttemptId,
    /// The fencing number of its lease.
    pub epoch: Epoch,
    /// The ticket it works on.
    pub ticket: TicketKey,
    /// The role at work.
    pub role: RoleId,
    /// The gate it works.
    pub gate: GateId,
    /// The configured runtime.
    pub runtime: RuntimeId,
    /// How the program is spoken to.
    pub driver: Driver,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Where the program starts: the workspace.
    pub cwd: PathBuf,
    /// The child's complete environment; the shim adds only the `MISSION_` names that are missing.
    pub env: BTreeMap<String, String>,
    /// The lane's folder: `HOME/lanes/A-31`.
    pub lane_dir: PathBuf,
    /// The brief, in Markdown.
    pub brief_file: PathBuf,
    /// The messages that the brief carries; they count as delivered with the first turn.
    #[serde(default)]
    pub brief_messages: Vec<MessageId>,
    /// When the shim ends the attempt by itself.
    #[serde(default)]
    pub limits: Limits,
    /// The window, for the driver `tmux`.
    #[serde(default)]
    pub tmux: Option<TmuxPlace>,
    /// The program that knows `lane-shim`, and that the child finds as `mission`.
    pub mission_exe: PathBuf,
    /// What of the file system the child may use.
    #[serde(default)]
    pub access: Access,
    /// How its session is wanted, for the drivers that speak a protocol.
    #[serde(default)]
    pub session: SessionSpec,
}

/// How the shim speaks to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// One process per turn: brief on stdin, output on pipes.
    Exec,
    /// One process in a window of tmux: turns are pasted when it is idle.
    Tmux,
    /// One codex app-server: turns of one thread.
    Codex,
    /// One claude: messages of one conversation.
    Claude,
    /// One agent that speaks the Agent Client Protocol: prompts of one session.
    Acp,
}

/// Limits that the shim keeps by itself, so that they hold with the server down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Seconds from the start of the attempt.
    #[serde(default)]
    pub wall_s: Option<u64>,
    /// Resident bytes of the whole process tree; pages shared by two processes count twice.
    #[serde(default)]
    pub memory_bytes: Option<u64>,
    /// Seconds without output, report or processor time.
    #[serde(default)]
    pub stall_s: Option<u64>,
    /// What is left of a budget for this attempt.
    #[serde(default)]
    pub budget: Budget,
}

/// What an attempt may use before a person is asked. Nothing is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// Tokens in and out, as the program tells.
    #[serde(default)]
    pub tokens: Option<u64>,
    /// Millionths of a dollar, as the program tells.
    #[serde(default)]
    pub cost_micros: Option<u64>,
    /// Seconds from the start of the attempt.
    #[serde(default)]
    pub wall_s: Option<u64>,
}

impl Budget {
    /// Returns what of it `usage` has used up, in words.
    pub fn spent(&self, usage: &crate::agent::Usage) -> Option<String> {
        let is_over = |used: Option<u64>, most: Option<u64>| {
            Some((used?, most?)).filter(|(used, most)| used >= most)
        };
        let tokens = is_over(usage.tokens(), self.tokens)
            .map(|(used, most)| format!("{used} of {most} tokens"));
        let dollars =
            |micros: u64| format!("{}.{:02} $", micros / 1_000_000, micros / 10_000 % 100);
        let cost = is_over(usage.cost_micros, self.cost_micros)
            .map(|(used, most)| format!("{} of {}", dollars(used), dollars(most)));
        tokens.or(cost)
    }
}

impl Limits {
    /// Returns the wall limit.
    pub fn wall(&self) -> Option<Duration> {
        self.wall_s.map(Duration::from_secs)
    }

    /// Returns the stall limit.
    pub fn stall(&self) -> Option<Duration> {
        self.stall_s.map(Duration::from_secs)
    }
}

/// A window of tmux.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TmuxPlace {
    /// The home's own tmux socket.
    pub socket: PathBuf,
    /// The session, like `mc-MC-7`.
    pub session: String,
    /// The window, like `A-31`.
    pub window: String,
}

/// Paths for the sandbox, beyond the system, the toolchains on the PATH, the workspace and the brief.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Access {
    /// May be read and executed.
    #[serde(default)]
    pub read_only: Vec<PathBuf>,
    /// May be read, executed and written.
    #[serde(default)]
    pub writable: Vec<PathBuf>,
    /// Whether the file system is confined at all.
    #[serde(default)]
    pub confined: bool,
}

impl LaunchSpec {
    /// Returns the lane's files.
    pub fn files(&self) -> LaneFiles {
        LaneFiles::new(&self.lane_dir)
    }

    /// Reads the specification of the lane at `lane_dir`.
    pub fn read(lane_dir: &Path) -> Result<Self> {
        let path = LaneFiles::new(lane_dir).spec();
        let text = std::fs::read(&path).map_err(Error::file(&path))?;
        serde_json::from_slice(&text).map_err(Error::unreadable(format!("`{}`", path.display())))
    }

    /// Makes the lane's folder and writes the specification there, readable by its owner only.
    pub fn write(&self) -> Result<()> {
        files::private_dir(&self.lane_dir)?;
        let text = serde_json::to_vec_pretty(self).map_err(Error::unreadable("the launch"))?;
        files::replace_for_now(&self.files().spec(), &text)
    }

    /// Says what makes this launch impossible, before anything is started.
    pub fn check(&self) -> Result<()> {
        let bad = |text: String| Err(Error::BadSpec(text));
        if self.command.first().is_none_or(String::is_empty) {
            return bad(format!("runtime `{}` has no command: set `command`", self.runtime));
        }
        if self.driver == Driver::Tmux && self.tmux.is_none() {
            return bad(format!("attempt `{}` names no tmux window", self.attempt));
        }
        if !self.cwd.is_dir() {
            return bad(format!("the workspace `{}` is not there", self.cwd.display()));
        }
        Ok(())
    }
}

impl std::fmt::Debug for LaunchSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LaunchSpec")
            .field("attempt", &self.attempt)
            .field("ticket", &self.ticket)
            .field("driver", &self.driver)
            .field("command", &self.command)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
