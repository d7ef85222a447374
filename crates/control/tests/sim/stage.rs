//! The stage of every schedule: one real repository with its rules, and a home that knows it, made once and copied.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use mission_control::{Clock, Control, HomePaths, Options};
use mission_domain::ids::Timestamp;
use mission_domain::principal::Principal;
use mission_store::{Role, open_sqlite};
use tempfile::TempDir;

const RULES: &str = r#"
[project]
key = "MC"
default_branch = "main"
workflow = "standard"
visual_paths = ["ui/**"]
user_facing_paths = ["ui/**"]

[workflow.validated]
gates = [
  { id = "plan", role = "planner", decided_by = "role:validator" },
  { id = "implementation", role = "coder", decided_by = ["role:validator", "person", "controller"], independent = "runtime" },
  { id = "final_validation", role = "controller", decided_by = ["controller", "person:ada"] },
]

[workflow.advised]
gates = [
  { id = "implementation", role = "coder", decided_by = ["person", "controller"] },
  { id = "qa_review", role = "qa", judges = "implementation", decided_by = ["role:qa", "person"], stale_on = "any" },
  { id = "final_validation", role = "controller", decided_by = "controller" },
]

[workflow.paired]
gates = [
  { id = "implementation", role = "coder", decided_by = ["person", "controller"] },
  { id = "final_validation", role = "controller", decided_by = ["controller", "person"] },
]

[workflow.umbrella]
gates = [ { id = "final", role = "controller", decided_by = "controller" } ]

[schedule.watch]
cron = "*/2 * * * *"
ticket = { title = "Look around", workflow = "research" }

[role.planner]
runtimes = ["one"]
slots = 2
[role.designer]
runtimes = ["two"]
[role.coder]
runtimes = ["one", "three"]
slots = 3
[role.qa]
runtimes = ["one", "two"]
slots = 2
[role.tester]
runtimes = ["two"]
[role.validator]
runtimes = ["three"]
slots = 2
"#;

/// Three programs that are there wherever there is a shell; nobody starts them here. The lanes of two of them keep their sessions.
const HOME: &str = r#"
[runtime.one]
driver = "acp"
command = ["/bin/cat"]
lifecycle = "persistent"
[runtime.two]
driver = "exec"
command = ["/bin/ls"]
[runtime.three]
driver = "acp"
command = ["/bin/rm"]
lifecycle = "persistent"
"#;

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct StageClock(AtomicI64);

impl StageClock {
    /// Returns a clock that shows a moment in March 2026.
    pub(crate) fn new() -> Self {
        Self(AtomicI64::new(1_772_000_000_000))
    }

    /// Moves it by `ms` milliseconds, backwards where that is negative.
    pub(crate) fn moves(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for StageClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).expect("a moment")
    }

    fn spread(&self) -> f64 {
        0.5
    }
}

/// Returns the options of every controller here.
pub(crate) fn options() -> Options {
    Options {
        exe: "/bin/false".into(),
        url: None,
        retry_base_ms: 10_000,
        confine: false,
        checks_at_once: 1,
    }
}

struct Stage {
    dir: TempDir,
    next: AtomicU64,
}

static STAGE: OnceLock<Stage> = OnceLock::new();

/// Returns the folder of a new home. Whoever asked removes it.
pub(crate) fn new_home() -> PathBuf {
    image(&STAGE.get_or_init(Stage::make).dir.path().join("home"))
}

/// Returns a folder with what `home` holds at this moment, as kill -9 would leave it. Nobody writes meanwhile but who has begun.
pub(crate) fn image(home: &Path) -> PathBuf {
    let stage = STAGE.get_or_init(Stage::make);
    let image = stage.dir.path().join(stage.next.fetch_add(1, Ordering::SeqCst).to_string());
    copy(home, &image);
    image
}

/// Removes a home; one that stays only takes room until the end.
pub(crate) fn remove(home: &Path) {
    let _ = std::fs::remove_dir_all(home);
}

/// Copies all but what the system forgets with a process: the lock, and the index that is shared in memory.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a folder");
    let mut entries: Vec<_> = std::fs::read_dir(from).expect("a folder").flatten().collect();
    // The database before its log: what moves from the log into the database is in the log still.
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else if entry.file_name() != "mission.lock" && entry.file_name() != "mission.db-shm" {
            std::fs::copy(&from, &to).expect("a copy");
        }
    }
}

impl Stage {
    fn make() -> Self {
        let shared = Path::new("/dev/shm");
        let dir = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() };
        let dir = dir.expect("a folder");
        let (repository, home) = (dir.path().join("repository"), dir.path().join("home"));
        for folder in [&repository, &home] {
            std::fs::create_dir(folder).expect("a folder");
        }
        std::fs::write(repository.join("mission.toml"), RULES).expect("a file");
        std::fs::write(home.join("config.toml"), HOME).expect("a file");
        for line in [
            &["init", "--quiet", "--initial-branch=main", "--template="][..],
            &["add", "--all"],
            &[
                "-c",
                "user.name=Ada",
                "-c",
                "user.email=ada@x.invalid",
                "commit",
                "--quiet",
                "-m",
                "rules",
            ],
        ] {
            git(&repository, line);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(register(&home, &repository));
        Self { dir, next: AtomicU64::new(0) }
    }
}

async fn register(home: &Path, repository: &Path) {
    let store = open_sqlite(home, Role::Controller).await.expect("a store");
    let clock = Arc::new(StageClock::new());
    let paths = HomePaths::new(home);
    let control =
        Control::open(paths, store.clone(), clock, options()).await.expect("a controller");
    let by = Principal::Person("ada".into());
    let project = control.add_project(repository, true, &by).await.expect("a project");
    assert_eq!(project.problem, None);
    store.close().await;
}

#[expect(clippy::disallowed_methods, reason = "the stage has one real repository")]
fn git(dir: &Path, args: &[&str]) {
    let mut command = std::process::Command::new("git");
    command.current_dir(dir).args(args).env("GIT_CONFIG_GLOBAL", "/dev/null");
    assert!(command.status().expect("git").success(), "git {args:?}");
}
