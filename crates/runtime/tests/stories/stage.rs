//! What the stories stand on: a temporary home with lanes, and shims run directly.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mission_domain::ids::{AttemptId, Epoch, GateId, MessageId, RoleId, RuntimeId};
use mission_runtime::agent::SessionSpec;
use mission_runtime::record::{ExitRecord, Record};
use mission_runtime::record_log::{read_after, read_exit};
use mission_runtime::shim_protocol::{Reply, Request, ShimConnection};
use mission_runtime::spec::{Access, Driver, LaunchSpec, Limits, TmuxPlace};
use mission_runtime::{LaneFiles, ProcessCard, proc_tree};
use tempfile::TempDir;

/// Longer than anything takes on a machine under load.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Between two looks at a condition: short, and no core is kept busy.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

pub(crate) fn harness() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_mission-runtime-harness"))
}

/// Polls `found` until it finds something.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(began.elapsed() < DEADLINE, "never seen: {what}");
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// A home, and what must be ended with it.
pub(crate) struct Home {
    dir: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("mc").tempdir().unwrap();
        std::fs::create_dir(dir.path().join("ws")).unwrap();
        std::fs::write(dir.path().join("brief.md"), "# Brief\nDo it.\n").unwrap();
        Self { dir }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn tmux_socket(&self) -> PathBuf {
        self.path().join("tmux.sock")
    }

    /// Describes attempt `number`, which runs the shell line `script`.
    pub(crate) fn lane(&self, number: u64, script: &str) -> LaunchSpec {
        let path = std::env::var("PATH").unwrap();
        let attempt = AttemptId(number);
        LaunchSpec {
            attempt,
            epoch: Epoch(1),
            ticket: "MC-7".parse().unwrap(),
            role: RoleId::new("coder"),
            gate: GateId::new("implementation"),
            runtime: RuntimeId::new("scripted"),
            driver: Driver::Exec,
            command: vec!["sh".into(), "-c".into(), script.into()],
            cwd: self.path().join("ws"),
            env: BTreeMap::from([
                ("PATH".into(), path),
                ("MISSION_TOKEN".into(), "secret-of-lane".into()),
            ]),
            lane_dir: self.path().join("lanes").join(attempt.to_string()),
            brief_file: self.path().join("brief.md"),
            brief_messages: vec![MessageId(1)],
            limits: Limits::default(),
            tmux: None,
            mission_exe: harness(),
            access: Access::default(),
            session: SessionSpec::default(),
        }
    }

    /// As [`Self::lane`], in a window of tmux.
    pub(crate) fn tmux_lane(&self, number: u64, script: &str) -> LaunchSpec {
        let spec = self.lane(number, script);
        let place = TmuxPlace {
            socket: self.tmux_socket(),
            session: "mc-MC-7".into(),
            window: spec.attempt.to_string(),
        };
        LaunchSpec { driver: Driver::Tmux, tmux: Some(place), ..spec }
    }

    /// Runs one tmux command on this home's own server and returns what it says.
    #[expect(clippy::disallowed_methods, reason = "tests look at the tmux server they made")]
    pub(crate) fn tmux(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(self.tmux_socket()).args(arguments).env_remove("TMUX");
        command.output().expect("tmux must be installed for these tests: apt-get install tmux")
    }
}

impl Drop for Home {
    /// Ends what a failed story left: by the pids that its own lanes recorded.
    fn drop(&mut self) {
        let lanes = std::fs::read_dir(self.path().join("lanes")).into_iter().flatten().flatten();
        for lane in lanes {
            if let Some(card) = ProcessCard::read(&LaneFiles::new(&lane.path()).shim()) {
                terminate(card.pid, card.pid_start_time);
            }
        }
        if let Some(card) = ProcessCard::read(&self.path().join("run/runner.json")) {
            terminate(card.pid, card.pid_start_time);
        }
    }
}

fn terminate(pid: i32, start: u64) {
    if proc_tree::is_alive(pid, start) {
        signal(pid, nix::sys::signal::Signal::SIGTERM);
    }
}

/// Sends `signal` to `pid`, a process of this test.
pub(crate) fn signal(pid: i32, signal: nix::sys::signal::Signal) {
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
}

/// A shim run by the test itself.
pub(crate) struct Shim {
    pub(crate) spec: LaunchSpec,
    pub(crate) process: Child,
}

impl Shim {
    #[expect(clippy::disallowed_methods, reason = "tests start the shim they watch")]
    pub(crate) fn start(spec: LaunchSpec) -> Self {
        spec.write().unwrap();
        let mut command = Command::new(harness());
        command.arg("lane-shim").arg(&spec.lane_dir).stdin(Stdio::null());
        Self { process: command.spawn().unwrap(), spec }
    }

    pub(crate) fn files(&self) -> LaneFiles {
        self.spec.files()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        eventually("the shim's card", || ProcessCard::read(&self.files().shim())).socket
    }

    pub(crate) fn connect(&self) -> ShimConnection {
        let socket = self.socket();
        ShimConnection::open(&socket, DEADLINE).unwrap()
    }

    pub(crate) fn ask(&self, request: &Request) -> Reply {
        self.connect().ask(request).unwrap()
    }

    pub(crate) fn stop(&self, grace_ms: u64) {
        self.ask(&Request::Stop { grace_ms, by: "the test".into() });
    }

    /// Waits until the journal holds `text`.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) {
        eventually(text, || self.journal().contains(text).then_some(()));
    }

    pub(crate) fn journal(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.files().journal()).unwrap_or_default())
            .into_owned()
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        read_after(&self.files().records(), 0).unwrap().into_iter().map(|r| r.record).collect()
    }

    /// Waits for the end and returns the exit record.
    #[track_caller]
    pub(crate) fn ends(mut self) -> ExitRecord {
        eventually("the shim's end", || self.process.try_wait().unwrap());
        read_exit(&self.files().exit()).unwrap().expect("an exit record")
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        // A shim that has ended is reaped here; one that a failed story left gets SIGTERM and ends its program.
        if self.process.try_wait().ok().flatten().is_none() {
            signal(self.process.id().cast_signed(), nix::sys::signal::Signal::SIGTERM);
            let _ = self.process.wait();
        }
    }
}

/// Returns whether the process `pid` has been stopped by a signal.
pub(crate) fn is_stopped(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('T'))
}

/// Waits until the process `pid` is gone or a zombie.
pub(crate) async fn is_gone(pid: i32) {
    let gone = async {
        while proc_tree::process(pid).is_some_and(|p| !p.is_zombie) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(DEADLINE, gone)
        .await
        .unwrap_or_else(|_| panic!("process {pid} never went"));
}

/// As [`eventually`], for a story that shares its thread with a runner.
pub(crate) async fn eventually_async(mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("it never came to hold");
}
