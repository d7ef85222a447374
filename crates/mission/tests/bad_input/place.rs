//! A folder with a home and repositories, and the program run in it as a person runs it.
#![expect(clippy::disallowed_methods, reason = "these tests are about the program itself")]

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything takes on a machine under load.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Between two looks at a condition.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What the program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        self.ends_with(0)
    }

    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// Proves that all of `words` were said, wherever lines were broken.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        let all = format!("{}\n{}", self.out, self.err);
        let all = all.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(all.contains(word), "`{word}` is not said: {self:?}");
        }
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// A folder with a home in it.
pub(crate) struct Place {
    dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("mb-").tempdir().unwrap();
        std::fs::create_dir(dir.path().join("user")).unwrap();
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// Makes an empty repository.
    pub(crate) fn empty_repository(&self, name: &str) -> PathBuf {
        let at = self.path(name);
        std::fs::create_dir(&at).unwrap();
        self.git(&at, &["init", "-q", "-b", "main"]);
        at
    }

    /// Makes a repository with one commit that holds `rules`.
    pub(crate) fn repository(&self, name: &str, rules: &str) -> PathBuf {
        let at = self.empty_repository(name);
        std::fs::write(at.join("page.html"), "<h1>one</h1>\n").unwrap();
        self.commits(&at, rules);
        at
    }

    /// As [`Self::repository`], registered and trusted.
    pub(crate) fn project(&self, name: &str, rules: &str) -> PathBuf {
        let at = self.repository(name, rules);
        self.mission(&at, &["init", "--yes"]).succeeds();
        at
    }

    /// Commits `rules` as the repository's configuration.
    pub(crate) fn commits(&self, at: &Path, rules: &str) {
        std::fs::write(at.join("mission.toml"), rules).unwrap();
        self.git(at, &["add", "."]);
        self.git(at, &["commit", "-q", "-m", "rules"]);
    }

    #[track_caller]
    pub(crate) fn git(&self, at: &Path, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-C"]);
        let output = git.arg(at).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "git {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn command(&self, at: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mission"));
        let path = std::env::var_os("PATH").unwrap();
        command.env_clear().env("PATH", path).env("HOME", self.path("user")).env("USER", "ada");
        command.env("MISSION_HOME", self.home()).current_dir(at).args(arguments);
        // As it is in some people's shells.
        command.env("LATIN", OsStr::from_bytes(b"caf\xe9"));
        command
    }

    /// Runs the program in the folder `at`.
    pub(crate) fn mission(&self, at: &Path, arguments: &[&str]) -> Said {
        self.mission_reading(at, arguments, b"")
    }

    /// Runs the program with `input` on its standard input.
    pub(crate) fn mission_reading(&self, at: &Path, arguments: &[&str], input: &[u8]) -> Said {
        let mut command = self.command(at, arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
        let writer = std::thread::spawn(move || {
            // A program that has heard enough may close it.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Said {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Files a ticket and returns its key.
    pub(crate) fn files(&self, at: &Path, title: &str, more: &[&str]) -> String {
        let said = self.mission(at, &[&["ticket", "new", title], more].concat()).succeeds();
        said.out.trim().to_owned()
    }

    /// Returns the ticket's document.
    pub(crate) fn ticket(&self, at: &Path, key: &str) -> Value {
        self.mission(at, &["ticket", "show", key, "--json"]).succeeds().json()
    }

    /// Waits until the ticket is as `is_so` wants it, and returns it.
    #[track_caller]
    pub(crate) fn sees(&self, at: &Path, key: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let ticket = self.ticket(at, key);
            if is_so(&ticket) {
                return ticket;
            }
            assert!(began.elapsed() < PATIENCE, "it does not come: {ticket:#}\n{}", self.told(key));
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn told(&self, key: &str) -> String {
        let at = self.dir.path();
        let attempts = self.mission(at, &["attempt", "list", key, "--json"]).out;
        format!("{attempts}\n{}", self.server_log())
    }

    pub(crate) fn server_log(&self) -> String {
        std::fs::read_to_string(self.path("server.out")).unwrap_or_default()
    }

    /// Starts `mission up` and waits until it is up.
    pub(crate) fn up(&self) -> Server {
        let log = std::fs::File::create(self.path("server.out")).unwrap();
        let errors = log.try_clone().unwrap();
        let mut command = self.command(self.dir.path(), &["up", "--listen", "127.0.0.1:0"]);
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let mut server = Server { child: command.spawn().unwrap(), url: String::new() };
        let card = self.home().join("server.json");
        wait_for("the server", || {
            let card: Value = serde_json::from_slice(&std::fs::read(&card).ok()?).ok()?;
            let is_ours = card["pid"] == server.child.id();
            server.url = card["url"].as_str().filter(|_| is_ours)?.to_owned();
            Some(())
        });
        server
    }

    /// Returns the token of the person whose home this is.
    pub(crate) fn token(&self) -> String {
        std::fs::read_to_string(self.home().join("credentials")).unwrap().trim().to_owned()
    }

    /// Proves that the home is whole, once what a stopped server had no time for is put away.
    pub(crate) fn is_whole(&self) {
        self.mission(self.dir.path(), &["operator", "sweep"]).succeeds();
        self.mission(self.dir.path(), &["fsck"]).succeeds();
    }
}

/// Waits until `look` finds something.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "never seen: {what}");
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// A server as a process.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    /// Returns whether the process is there.
    pub(crate) fn is_up(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Stops it and its lanes.
    pub(crate) fn stops(mut self, place: &Place) {
        let said = place.mission(place.dir.path(), &["down", "--stop-lanes"]);
        let ended = wait_for("the end of the server", || self.child.try_wait().unwrap());
        assert!(ended.success(), "{ended}: {said:?}\n{}", place.server_log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.is_up() {
            // After a failed story: SIGTERM would leave its lanes.
            let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
            let _ = self.child.wait();
        }
    }
}
