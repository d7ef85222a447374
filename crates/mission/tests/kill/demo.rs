//! A demo in a folder of its own, its server and its driver as processes.

#![expect(clippy::disallowed_methods, reason = "these tests are about processes")]

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// How long a process may take to come up or to go on a machine under load.
const PATIENCE: Duration = Duration::from_secs(30);

/// Random pauses that can be told again by their seed.
pub(crate) struct Sleep(u64);

impl Sleep {
    /// Returns the pauses of `seed`.
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Lets a random time pass: the moment of the kill is what is tested.
    pub(crate) fn between(&mut self, least: Duration, most: Duration) {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let spread = u64::try_from((most - least).as_millis()).expect("milliseconds");
        std::thread::sleep(least + Duration::from_millis(self.0 % spread.max(1)));
    }
}

/// Waits until `is_so`, and says whether it came.
pub(crate) fn waits_for(patience: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while !is_so() {
        if began.elapsed() > patience {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// A demo's folder.
pub(crate) struct Demo {
    dir: TempDir,
}

impl Demo {
    /// Makes repository, agents and home as `mission demo` does, for a demo that is soon over.
    pub(crate) fn prepare() -> Self {
        Self::prepared(&["--headless", "--speed", "20"])
    }

    /// The same for a demo at its normal speed, as somebody watches it.
    pub(crate) fn at_full_length() -> Self {
        Self::prepared(&["--speed", "1"])
    }

    fn prepared(how: &[&str]) -> Self {
        let demo = Self::empty();
        let dir = demo.root().display().to_string();
        let prepare = ["demo", "--no-browser", "--prepare-only", &dir];
        let (is_good, said) = demo.mission(&[&prepare[..], how].concat());
        assert!(is_good, "{said}");
        demo
    }

    /// Makes a folder with nothing in it.
    pub(crate) fn empty() -> Self {
        Self { dir: tempfile::Builder::new().prefix("mk-").tempdir().expect("a folder") }
    }

    /// Returns the folder of everything.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("d")
    }

    /// Returns the home.
    pub(crate) fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    /// Returns the repository.
    pub(crate) fn repository(&self) -> PathBuf {
        self.root().join("harbour")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mission"));
        command.args(args).env("MISSION_HOME", self.home()).stdin(Stdio::null());
        for name in ["MISSION_URL", "MISSION_TOKEN", "MISSION_CRASH", "MISSION_TICKET"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs `mission` with `args`; returns whether it succeeded, and all that it said.
    pub(crate) fn mission(&self, args: &[&str]) -> (bool, String) {
        let output = self.command(args).output().expect("mission runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// Returns the key of the plan that is set aside, once it is filed.
    pub(crate) fn parked(&self) -> Option<String> {
        let (is_good, said) =
            self.mission(&["ticket", "list", "--project", "HB", "--state", "parked", "--json"]);
        let list: serde_json::Value = serde_json::from_str(&said).ok().filter(|_| is_good)?;
        Some(list["tickets"].get(0)?["key"].as_str()?.to_owned())
    }

    /// Starts the driver as a process of its own.
    pub(crate) fn drive(&self) -> Driver {
        let log = self.dir.path().join("driver.log");
        let file = std::fs::File::create(&log).expect("a file");
        let errors = file.try_clone().expect("a file");
        let dir = self.root().display().to_string();
        let mut command = self.command(&["demo", "--drive", &dir]);
        Driver { child: command.stdout(file).stderr(errors).spawn().expect("a driver"), log }
    }

    /// Proves that the demo ended as its script names it.
    pub(crate) fn verify(&self) {
        let dir = self.root().display().to_string();
        let (is_good, said) = self.mission(&["demo", "--verify", &dir]);
        assert!(is_good, "{said}");
        let (is_good, said) = self.mission(&["fsck"]);
        assert!(is_good, "{said}");
    }

    /// Kills the runner of the home, if one is up.
    pub(crate) fn kill_runner(&self) -> bool {
        let is_runner = |line: &str| line.contains(" runner-local ");
        let found = self.processes().into_iter().find(|it| is_runner(&it.1));
        found.is_some_and(|(pid, _)| kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok())
    }

    /// Returns the processes whose command line names this folder, or that work in it.
    fn processes(&self) -> Vec<(i32, String)> {
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.flatten().filter_map(|it| it.file_name().to_str()?.parse::<i32>().ok());
        let name = self.dir.path().display().to_string();
        pids.filter_map(|pid| {
            let proc = Path::new("/proc").join(pid.to_string());
            let line = std::fs::read(proc.join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            let is_here = std::fs::read_link(proc.join("cwd"))
                .is_ok_and(|it| it.starts_with(self.dir.path()));
            (!line.is_empty() && (is_here || line.contains(&name))).then_some((pid, line))
        })
        .collect()
    }

    /// Proves that no process, tmux or workspace is left once the server has ended.
    pub(crate) fn has_left_nothing(&self) {
        let is_clean = waits_for(PATIENCE, || self.processes().is_empty());
        assert!(is_clean, "still there: {:?}", self.processes());
        let tmux = std::os::unix::net::UnixStream::connect(self.home().join("tmux.sock"));
        assert!(tmux.is_err(), "tmux is still there");
        let entries =
            std::fs::read_dir(self.home().join("workspaces")).expect("a folder").flatten();
        let left: Vec<_> =
            entries.map(|it| it.path()).filter(|it| !it.ends_with("scratch")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        for (pid, _) in self.processes() {
            // What a failed test leaves is ours to end.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// A server as a process.
pub(crate) struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// Starts `mission up`, and waits until it says where it is.
    pub(crate) fn up(demo: &Demo) -> Self {
        let log = std::fs::File::options()
            .append(true)
            .create(true)
            .open(demo.dir.path().join("server.log"));
        let log = log.expect("a file");
        let errors = log.try_clone().expect("a file");
        let mut command = demo.command(&["up", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(log).stderr(errors).spawn().expect("a server");
        let card = demo.home().join("server.json");
        let mut url = None;
        let is_up = waits_for(PATIENCE, || {
            let text = std::fs::read(&card).unwrap_or_default();
            let card: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
            let is_ours = card["pid"] == child.id();
            url = card["url"].as_str().filter(|_| is_ours).map(str::to_owned);
            url.is_some() || child.try_wait().is_ok_and(|it| it.is_some())
        });
        let said = std::fs::read_to_string(demo.dir.path().join("server.log")).unwrap_or_default();
        Self { url: url.filter(|_| is_up).unwrap_or_else(|| panic!("no server: {said}")), child }
    }

    /// Returns its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns whether it takes connections.
    pub(crate) fn answers(&self) -> bool {
        TcpStream::connect(self.url.trim_start_matches("http://")).is_ok()
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// Stops it as a person does.
    pub(crate) fn stops(mut self, demo: &Demo) {
        let (is_good, said) = demo.mission(&["down", "--stop-lanes"]);
        if !is_good {
            kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM).expect("told");
        }
        let has_ended = waits_for(PATIENCE, || self.child.try_wait().is_ok_and(|it| it.is_some()));
        assert!(has_ended, "the server does not stop: {said}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After a failed test; else it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The driver as a process.
pub(crate) struct Driver {
    child: Child,
    log: PathBuf,
}

impl Driver {
    /// Returns whether the demo is still under way.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|it| it.is_none())
    }

    /// Waits for its end, which must be a good one.
    pub(crate) fn ends_well(&mut self, patience: Duration) {
        waits_for(patience, || !self.is_alive());
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        let status = self.child.try_wait().expect("a status");
        assert!(status.is_some_and(|it| it.success()), "the driver: {status:?}\n{said}");
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
