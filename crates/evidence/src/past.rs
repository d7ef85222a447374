//! What commands came to on the same tree before: signed records in the home, so that an unchanged tree is not run again
//! and a command that passes and fails on one tree is known for it.

use std::fs;
use std::path::{Path, PathBuf};

use mission_domain::ids::{Commit, Digest, Timestamp, Tree};
use mission_sandbox::{Limits, Network};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::attest::{Envelope, Keys};
use crate::checks::{CheckEnv, CheckOutcome, CheckResult, CheckRun, exit_code, proves};
use crate::error::io;
use crate::test_output::TestCount;

/// The type of the signed records; nothing else that is signed can pass for one.
const RECORD_TYPE: &str = "application/vnd.mission.check-runs+json";
/// The most runs of one command on one tree that are kept, newest last.
const MOST_RUNS: usize = 20;
/// How long a result is believed: a tool that was changed in place is not seen.
const BELIEVED: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// Everything that a command's result depends on, as one digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunKey(Digest);

impl RunKey {
    /// Names the runs of `command` on `tree` in `env`.
    pub fn of(tree: &Tree, command: &str, env: &CheckEnv, limits: Limits) -> Self {
        let mut text = format!("{}\n{tree}\n{command}\n{limits:?}\n", env!("CARGO_PKG_VERSION"));
        text.push_str(match env.network {
            Network::Allowed => "network\n",
            Network::Refused => "no network\n",
        });
        for (name, value) in env.env.iter().filter(|(name, _)| *name != "TMPDIR") {
            text.push_str(&format!("{name}={value}\n"));
        }
        let path = env.env.get("PATH").map_or("", String::as_str);
        for dir in std::env::split_paths(path) {
            // A program that was added, replaced or removed there changes the folder's time.
            let changed = fs::metadata(&dir).and_then(|it| it.modified()).ok();
            text.push_str(&format!("{} {changed:?}\n", dir.display()));
        }
        Self(Digest::of(text.as_bytes()))
    }
}

/// One run as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRun {
    /// When it ended.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: CheckOutcome,
    /// How long it took.
    pub duration_ms: u64,
    /// How many tests ran.
    pub tests: Option<TestCount>,
    /// Its log, as an artifact.
    pub log: Option<Digest>,
    /// Tracked files that it left changed.
    #[serde(default)]
    pub rewrote: Vec<String>,
    /// Tracked files that it wrote and left as they were.
    #[serde(default)]
    pub touched: Vec<String>,
    /// What was not enforced while it ran.
    #[serde(default)]
    pub gaps: Vec<String>,
    /// The commit whose history it may have looked at: it says nothing about another with the same tree. `None` where it opened
    /// nothing of the repository.
    #[serde(default)]
    pub history_of: Option<Commit>,
}

impl PastRun {
    /// Returns what is to be remembered of `run` at `commit`, or `None` where it says nothing about the work.
    pub fn of(run: &CheckRun, commit: &Commit, at: Timestamp) -> Option<Self> {
        let says_nothing = matches!(run.outcome, CheckOutcome::CouldNotRun { .. });
        (!says_nothing).then(|| Self {
            at,
            outcome: run.outcome.clone(),
            duration_ms: run.duration_ms,
            tests: run.tests,
            log: run.log_digest.clone(),
            rewrote: run.rewrote.clone(),
            touched: run.touched.clone(),
            gaps: run.confinement.as_ref().map(|it| it.gaps()).unwrap_or_default(),
            history_of: run.read_history.then(|| commit.clone()),
        })
    }

    /// Returns the exit code, where it exited.
    pub fn exit_code(&self) -> Option<i32> {
        exit_code(&self.outcome)
    }

    /// Returns what it proves about a claim, as [`CheckRun::against`] does.
    pub fn against(&self, claimed: Option<i32>) -> CheckResult {
        if self.rewrote.is_empty() {
            proves(&self.outcome, self.tests, claimed)
        } else {
            CheckResult::Refuted
        }
    }

    fn passed(&self) -> bool {
        self.outcome == CheckOutcome::Passed
    }
}

/// A command that passed and failed on one tree: neither counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Flaky {
    /// How often it passed.
    pub passed: u64,
    /// How often it did not.
    pub failed: u64,
}

/// The runs of one command on one tree, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    runs: Vec<PastRun>,
}

impl Past {
    /// Returns the runs, oldest first.
    pub fn runs(&self) -> &[PastRun] {
        &self.runs
    }

    /// Returns those runs that say something about `commit`.
    pub fn about(mut self, commit: &Commit) -> Self {
        self.runs.retain(|it| it.history_of.as_ref().is_none_or(|of| of == commit));
        self
    }

    /// Returns how often it passed and failed, where it did both.
    pub fn flaky(&self) -> Option<Flaky> {
        let passed = self.runs.iter().filter(|it| it.passed()).count() as u64;
        let failed = self.runs.len() as u64 - passed;
        (passed > 0 && failed > 0).then_some(Flaky { passed, failed })
    }

    /// Returns the newest run where it stands for a new one at `now`: it passed lately, and none ever failed.
    pub fn stands(&self, now: Timestamp) -> Option<&PastRun> {
        let is_clean = self.runs.iter().all(PastRun::passed);
        let is_new = |run: &&PastRun| now.duration_since(run.at) < BELIEVED && run.at <= now;
        self.runs.last().filter(|_| is_clean).filter(is_new)
    }

    /// Like [`Past::stands`], and a failure stands as well: for a base, whose failure lets nothing pass.
    pub fn stands_on_base(&self, now: Timestamp) -> Option<&PastRun> {
        let is_new = |run: &&PastRun| now.duration_since(run.at) < BELIEVED && run.at <= now;
        self.runs.last().filter(|_| self.flaky().is_none()).filter(is_new)
    }
}

/// What is signed: the runs and what they are of, so that a record in another's place is no record.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    of: Digest,
    past: Past,
}

/// The folder of these records.
#[derive(Debug, Clone)]
pub struct Pasts {
    dir: PathBuf,
    keys: Keys,
}

impl Pasts {
    /// Names the records in `dir`, signed with `keys`; touches nothing.
    pub fn at(dir: impl Into<PathBuf>, keys: Keys) -> Self {
        Self { dir: dir.into(), keys }
    }

    /// Returns what is known. A record that is missing, broken, unsigned or somebody else's is none.
    pub fn read(&self, key: &RunKey) -> Past {
        self.signed(key).unwrap_or_default()
    }

    /// Remembers one more run, and returns all.
    ///
    /// # Errors
    /// Where the record cannot be written or signed.
    pub fn add(&self, key: &RunKey, run: PastRun) -> Result<Past> {
        let mut past = self.read(key);
        past.runs.push(run);
        if past.runs.len() > MOST_RUNS {
            // The only one of its kind stays: what was flaky once is not forgotten by running it often.
            let is_alone = |run: &PastRun| {
                past.runs.iter().filter(|it| it.passed() == run.passed()).count() == 1
            };
            let oldest = past.runs.iter().position(|run| !is_alone(run)).unwrap_or(0);
            past.runs.remove(oldest);
        }
        let record = Record { of: key.0.clone(), past };
        let bytes = serde_json::to_vec(&record).expect("runs are plain data");
        let envelope = self.keys.signer()?.seal_as(RECORD_TYPE, &bytes);
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.dir);
        make_private(folder)?;
        crate::private_clone::replace_file(&path, envelope.to_line().as_bytes())?;
        Ok(record.past)
    }

    fn path(&self, key: &RunKey) -> PathBuf {
        let (first, rest) = key.0.hex().split_at(2);
        self.dir.join(first).join(rest)
    }

    fn signed(&self, key: &RunKey) -> Option<Past> {
        let bytes = fs::read(self.path(key)).ok()?;
        let envelope: Envelope = serde_json::from_slice(&bytes).ok()?;
        let payload = self.keys.trusted().ok()?.opens(&envelope, RECORD_TYPE).ok()?.1;
        let record: Record = serde_json::from_slice(&payload).ok()?;
        (record.of == key.0).then_some(record.past)
    }
}

fn make_private(dir: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io("make", dir))
}
