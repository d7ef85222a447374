//! Runs a check in a clean checkout and compares what happened with what was claimed.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mission_domain::ids::Digest;
use mission_sandbox::{Access, Confined, Confinement, Exit, Limits, Network, Outcome};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::checkout::Checkout;
use crate::error::io;
use crate::mask::Mask;
use crate::test_output::{TestCount, read};

/// Below this much free space a failed check may be the disk's fault, not the work's.
const LEAST_FREE_BYTES: u64 = 4 << 20;

/// What a check may use besides its checkout.
#[derive(Debug, Clone)]
pub struct CheckEnv {
    /// The complete environment; `TMPDIR` is set to `tmp`, and `GIT_CONFIG_GLOBAL` to nothing unless it is given:
    /// git refuses to work where a person's settings exist and may not be read.
    pub env: BTreeMap<String, String>,
    /// A private directory for temporary files.
    pub tmp: PathBuf,
    /// More paths that may be read, such as borrowed objects.
    pub read: Vec<PathBuf>,
    /// More paths that may be written, such as a build cache.
    pub write: Vec<PathBuf>,
    /// Whether the network may be used.
    pub network: Network,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CheckOutcome {
    /// It exited with code 0.
    Passed,
    /// It exited with another code, 126 and 127 included.
    Failed {
        /// The code.
        exit_code: i32,
    },
    /// It died by a signal.
    Died {
        /// The signal's number.
        signal: i32,
    },
    /// It was killed for using more memory than it may.
    OverMemory,
    /// Its time was over.
    TimedOut,
    /// Mission Control failed to run it: this says nothing about the work.
    CouldNotRun {
        /// The cause, and what to do.
        why: String,
    },
}

/// One run of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRun {
    /// The command line.
    pub run: String,
    /// How it ended.
    pub outcome: CheckOutcome,
    /// From start to end.
    pub duration_ms: u64,
    /// The log's digest, where there is a log.
    pub log_digest: Option<Digest>,
    /// The log.
    pub log_path: PathBuf,
    /// How many tests ran, where the output says it.
    pub tests: Option<TestCount>,
    /// The largest process's resident memory.
    pub max_rss_bytes: u64,
    /// What was enforced; `None` where it never came to that.
    pub confinement: Option<Confinement>,
    /// Tracked files that it left changed: what passed is then not what was committed.
    #[serde(default)]
    pub rewrote: Vec<String>,
    /// Tracked files that it wrote and left as they were.
    #[serde(default)]
    pub touched: Vec<String>,
    /// Whether it may have looked at more of the repository than the files that are checked out.
    #[serde(default)]
    pub read_history: bool,
}

/// What a check proves about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// It passed, as claimed, and where the runner reports numbers, tests ran and none failed.
    Verified,
    /// It did not.
    Refuted,
    /// Nobody ran it again.
    NotRerun,
    /// Mission Control failed to run it.
    CouldNotRun,
}

impl CheckRun {
    /// Returns the exit code, where it exited.
    pub fn exit_code(&self) -> Option<i32> {
        exit_code(&self.outcome)
    }

    /// Returns what this run proves. A required check must pass; where an exit code was claimed it must be that one.
    pub fn against(&self, claimed: Option<i32>) -> CheckResult {
        if !self.rewrote.is_empty() {
            return CheckResult::Refuted;
        }
        proves(&self.outcome, self.tests, claimed)
    }
}

/// Returns the exit code of an end, where there is one.
pub(crate) fn exit_code(outcome: &CheckOutcome) -> Option<i32> {
    match outcome {
        CheckOutcome::Passed => Some(0),
        CheckOutcome::Failed { exit_code } => Some(*exit_code),
        CheckOutcome::Died { .. }
        | CheckOutcome::OverMemory
        | CheckOutcome::TimedOut
        | CheckOutcome::CouldNotRun { .. } => None,
    }
}

/// Returns what an end proves about a claim, whatever became of the files.
pub(crate) fn proves(
    outcome: &CheckOutcome,
    tests: Option<TestCount>,
    claimed: Option<i32>,
) -> CheckResult {
    // An exit code of 0 beside failed tests is a wrapper's, not the runner's.
    let holds = tests.is_none_or(|tests| tests.executed > 0 && tests.failed == 0);
    match outcome {
        CheckOutcome::CouldNotRun { .. } => CheckResult::CouldNotRun,
        CheckOutcome::Passed if holds && claimed.is_none_or(|code| code == 0) => {
            CheckResult::Verified
        }
        CheckOutcome::Passed
        | CheckOutcome::Failed { .. }
        | CheckOutcome::Died { .. }
        | CheckOutcome::OverMemory
        | CheckOutcome::TimedOut => CheckResult::Refuted,
    }
}

/// Runs `command_line` by `sh -c` in `dir`, its output in a new file at `log`. Never fails: what keeps it from being
/// run is [`CheckOutcome::CouldNotRun`].
pub async fn run_check(
    dir: &Path,
    command_line: &str,
    env: &CheckEnv,
    limits: Limits,
    log: &Path,
) -> CheckRun {
    match shell(dir, command_line, env, limits, log).await {
        Ok(outcome) => told(dir, command_line, &Mask::of(&env.env), log, outcome),
        Err(error) => could_not_run(command_line, log, error.to_string()),
    }
}

/// Returns the record of a check that could not even be prepared, for example for want of a checkout.
pub fn could_not_run(command_line: &str, log: &Path, why: String) -> CheckRun {
    CheckRun {
        run: command_line.into(),
        outcome: CheckOutcome::CouldNotRun { why },
        duration_ms: 0,
        log_digest: None,
        log_path: log.into(),
        tests: None,
        max_rss_bytes: 0,
        confinement: None,
        rewrote: Vec::new(),
        touched: Vec::new(),
        read_history: false,
    }
}

/// Runs `command_line` in a clean checkout as [`run_check`] does, and then looks at what it did to the tracked files.
pub async fn run_in(
    checkout: &Checkout,
    command_line: &str,
    env: &CheckEnv,
    limits: Limits,
    log: &Path,
) -> CheckRun {
    let history = HistoryWatch::on(&checkout.dir());
    let mut run = run_check(&checkout.dir(), command_line, env, limits, log).await;
    run.read_history = history.is_opened();
    match checkout.written().await {
        Ok(written) => (run.rewrote, run.touched) = (written.changed, written.touched),
        Err(error) => {
            // A check that hid what it did to the files proves nothing, and neither does one that we cannot look at.
            let why = format!("what it did to the checkout cannot be seen: {error}");
            return could_not_run(command_line, log, why);
        }
    }
    run
}

/// Sees whether anything directly in a checkout's `.git` is opened, which every look at its history begins with.
struct HistoryWatch(Option<Inotify>);

impl HistoryWatch {
    /// Watches from now on. Where the system has no watches left, everything counts as opened.
    fn on(checkout: &Path) -> Self {
        let watch = || {
            let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
            inotify.add_watch(&checkout.join(".git"), AddWatchFlags::IN_OPEN)?;
            Ok::<_, nix::Error>(inotify)
        };
        Self(watch().ok())
    }

    fn is_opened(&self) -> bool {
        self.0.as_ref().is_none_or(|it| !matches!(it.read_events(), Err(nix::Error::EAGAIN)))
    }
}

/// Runs a shell line confined.
pub(crate) async fn shell(
    dir: &Path,
    line: &str,
    env: &CheckEnv,
    limits: Limits,
    log: &Path,
) -> Result<Outcome> {
    let mut vars = env.env.clone();
    vars.insert("TMPDIR".into(), env.tmp.display().to_string());
    vars.entry("GIT_CONFIG_GLOBAL".into()).or_insert_with(|| "/dev/null".into());
    let mut access = Access::standard(&vars, dir, &env.tmp);
    for path in &env.read {
        access = access.with_read(path);
    }
    for path in &env.write {
        access = access.with_write(path);
    }
    let confined = Confined {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), line.into()],
        cwd: dir.into(),
        env: vars,
        access,
        limits,
        network: env.network,
    };
    Ok(mission_sandbox::run(confined, log).await?)
}

fn told(dir: &Path, line: &str, mask: &Mask, log: &Path, outcome: Outcome) -> CheckRun {
    // A check without its log proves nothing, and the reason is ours: the disk is full, or the place is wrong.
    if let Some(error) = &outcome.log_error {
        return could_not_run(line, log, format!("its log cannot be written: {error}"));
    }
    let bytes = match read_log(log, outcome.log_bytes) {
        Ok(bytes) => bytes,
        Err(error) => return could_not_run(line, log, error.to_string()),
    };
    let tests = read(&bytes);
    let bytes = match masked(mask, log, bytes) {
        Ok(bytes) => bytes,
        Err(error) => return could_not_run(line, log, error.to_string()),
    };
    let ended = match &outcome.exit {
        Exit::Exited(0) => CheckOutcome::Passed,
        Exit::Exited(code) => CheckOutcome::Failed { exit_code: *code },
        Exit::Signalled(_) if outcome.over_memory => CheckOutcome::OverMemory,
        Exit::Signalled(signal) => CheckOutcome::Died { signal: *signal },
        Exit::TimedOut => CheckOutcome::TimedOut,
        Exit::NotStarted(why) => {
            CheckOutcome::CouldNotRun { why: format!("the shell cannot be started: {why}") }
        }
    };
    CheckRun {
        run: line.into(),
        outcome: blame_the_disk(ended, dir),
        duration_ms: millis(outcome.wall),
        log_digest: Some(Digest::of(&bytes)),
        log_path: log.into(),
        tests,
        max_rss_bytes: outcome.max_rss,
        confinement: Some(outcome.confinement),
        rewrote: Vec::new(),
        touched: Vec::new(),
        read_history: false,
    }
}

/// Takes the secrets out of a log, in its file as well.
fn masked(mask: &Mask, log: &Path, bytes: Vec<u8>) -> Result<Vec<u8>> {
    let (masked, count) = mask.apply(&bytes);
    if count > 0 {
        std::fs::write(log, &masked).map_err(io("write", log))?;
    }
    Ok(masked)
}

fn read_log(log: &Path, size: u64) -> Result<Vec<u8>> {
    let file = std::fs::File::open(log).map_err(io("read", log))?;
    let mut bytes = Vec::new();
    file.take(size).read_to_end(&mut bytes).map_err(io("read", log))?;
    Ok(bytes)
}

/// A check that did not pass while the disk was full says nothing about the work.
fn blame_the_disk(ended: CheckOutcome, dir: &Path) -> CheckOutcome {
    match ended {
        CheckOutcome::Passed | CheckOutcome::CouldNotRun { .. } => ended,
        CheckOutcome::Failed { .. }
        | CheckOutcome::Died { .. }
        | CheckOutcome::OverMemory
        | CheckOutcome::TimedOut => match free_bytes(dir) {
            Some(free) if free < LEAST_FREE_BYTES => CheckOutcome::CouldNotRun {
                why: format!(
                    "the disk is full ({free} bytes left at `{}`); make room",
                    dir.display()
                ),
            },
            Some(_) | None => ended,
        },
    }
}

/// Returns how much room the disk of `dir` has, in bytes; nothing where the system does not say.
pub fn free_bytes(dir: &Path) -> Option<u64> {
    let stat = nix::sys::statvfs::statvfs(dir).ok()?;
    Some(stat.blocks_available() * stat.fragment_size())
}

/// Returns whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
