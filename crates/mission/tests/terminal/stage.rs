//! A home with a real server, whose lane reports at once, and a terminal of its own: a tmux server on a socket of its own.

#![expect(clippy::disallowed_methods, reason = "these tests are about processes")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take on a machine under load.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks at a condition.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A lane that reports at once, and a gate that a person decides; and a lane that goes on.
const RULES: &str = r#"
[project]
key = "TM"
checks = []

[runtime.hand]
driver = "exec"
command = ["sh", "-c", "mission report evidence risk none && mission report done --summary tried"]

[runtime.slow]
driver = "exec"
command = ["sh", "-c", "echo what the lane prints; exec sleep 600"]

[role.hand]
runtimes = ["hand"]

[role.slow]
runtimes = ["slow"]

[workflow.try]
gates = [ { id = "work", role = "hand", requires = ["risk"], decided_by = ["person"] } ]

[workflow.long]
gates = [ { id = "work", role = "slow", requires = ["risk"], decided_by = ["person"] } ]
"#;

/// Waits until `found` finds something.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(it) = found() {
            return it;
        }
        assert!(began.elapsed() < PATIENCE, "never happened: {what}");
        std::thread::sleep(LOOK_AGAIN);
    }
}

pub(crate) struct Stage {
    dir: TempDir,
    server: Option<Child>,
}

impl Stage {
    /// Makes a repository, its home and a server.
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("mt-").tempdir().expect("a folder");
        let mut stage = Self { dir, server: None };
        let project = stage.at("project");
        fs::create_dir(&project).expect("a folder");
        fs::write(project.join("mission.toml"), RULES).expect("a file");
        let by = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
        let commit = [&by[..], &["commit", "-q", "-m", "first"]].concat();
        for args in [&["init", "-q", "-b", "main"][..], &["add", "."], &commit] {
            let mut git = Command::new("git");
            git.args(args).current_dir(&project).env("GIT_CONFIG_GLOBAL", "/dev/null");
            assert!(git.status().expect("git").success());
        }
        stage.says(&["project", "add", &project.display().to_string(), "--yes"]);
        stage.starts();
        stage
    }

    /// Returns the path of `name` on this stage.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn clean(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let exe = PathBuf::from(env!("CARGO_BIN_EXE_mission"));
        let mut path = exe.parent().expect("a folder").as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        command.env_clear().env("PATH", path);
        command.env("HOME", self.dir.path()).env("USER", "ada").env("LC_ALL", "C.UTF-8");
        command.env("MISSION_HOME", self.at("home")).current_dir(self.at("project"));
        command.stdin(Stdio::null());
        command
    }

    /// Runs `mission` without a terminal.
    pub(crate) fn mission(&self, args: &[&str]) -> Output {
        self.clean(env!("CARGO_BIN_EXE_mission")).args(args).output().expect("mission runs")
    }

    /// Starts `mission` without a terminal, its output in a pipe.
    pub(crate) fn begins(&self, args: &[&str]) -> Child {
        let mut command = self.clean(env!("CARGO_BIN_EXE_mission"));
        command.args(args).stdout(Stdio::piped()).spawn().expect("mission runs")
    }

    /// Runs `mission`, which must go well; returns what it printed.
    #[track_caller]
    pub(crate) fn says(&self, args: &[&str]) -> String {
        let output = self.mission(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "mission {args:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Starts the server, and waits until it says where it is.
    pub(crate) fn starts(&mut self) {
        let log = fs::File::create(self.at("server.log")).expect("a file");
        let mut command = self.clean(env!("CARGO_BIN_EXE_mission"));
        command.args(["up", "--listen", "127.0.0.1:0"]).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("a server");
        let (pid, card) = (child.id(), self.at("home/server.json"));
        self.server = Some(child);
        until("the server is up", || {
            let card: Value = serde_json::from_slice(&fs::read(&card).ok()?).ok()?;
            (card["pid"] == pid).then_some(())
        });
    }

    /// kill -9.
    pub(crate) fn kills_server(&mut self) {
        let mut server = self.server.take().expect("a server is up");
        server.kill().expect("killed");
        server.wait().expect("gone");
    }

    /// Files a ticket whose gate soon waits for a person, and waits until it does.
    #[track_caller]
    pub(crate) fn files(&self, title: &str) -> String {
        let key = self.says(&["ticket", "new", title, "--workflow", "try"]);
        until("it waits for a person", || {
            (self.ticket(&key)["state"] == "in_review").then_some(())
        });
        key
    }

    /// Returns a ticket's document.
    pub(crate) fn ticket(&self, key: &str) -> Value {
        serde_json::from_str(&self.says(&["ticket", "show", key, "--json"])).expect("a document")
    }

    fn tmux(&self, args: &[&str]) -> String {
        let output = self.clean("tmux").arg("-S").arg(self.at("tmux")).args(args).output();
        let output = output.expect("tmux");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a shell's `line` in a terminal of 80 by 24, which stays open after it.
    pub(crate) fn opens(&self, line: &str) {
        let size = ["-x", "80", "-y", "24"];
        let line = format!("{line}; exec cat");
        let start = ["-f", "/dev/null", "new-session", "-d", "-s", "view"];
        self.tmux(&[&start[..], &size, &["sh", "-c", &line]].concat());
    }

    /// Closes the terminal: what is in its foreground is told by SIGHUP.
    pub(crate) fn closes(&self) {
        self.tmux(&["kill-session", "-t", "view"]);
    }

    /// Returns the command lines of the processes that name `path`.
    pub(crate) fn processes_of(&self, path: &Path) -> Vec<String> {
        let name = path.display().to_string();
        let all = fs::read_dir("/proc").expect("a folder").flatten();
        let lines = all.filter_map(|it| fs::read(it.path().join("cmdline")).ok());
        let lines = lines.map(|it| String::from_utf8_lossy(&it).replace('\0', " "));
        lines.filter(|it| it.contains(&name)).collect()
    }

    /// Sends keys by tmux's names.
    pub(crate) fn types(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys", "-t", "view"], keys].concat());
    }

    /// Stops a process as its terminal would.
    pub(crate) fn stops(&self, pid: &str) {
        assert!(self.clean("kill").args(["-TSTP", pid]).status().expect("kill").success());
    }

    /// Makes the terminal another size.
    pub(crate) fn resizes(&self, columns: &str, lines: &str) {
        self.tmux(&["resize-window", "-t", "view", "-x", columns, "-y", lines]);
    }

    /// Returns what the terminal shows.
    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-t", "view"])
    }

    /// Returns a fact of the terminal, like `#{alternate_on}`.
    pub(crate) fn fact(&self, name: &str) -> String {
        self.tmux(&["display", "-p", "-t", "view", name]).trim().to_owned()
    }

    /// Waits until the terminal shows `text`, and returns all that it shows.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> String {
        let began = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            assert!(began.elapsed() < PATIENCE, "`{text}` is never shown:\n{screen}");
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

/// The lines of a program that goes on, as they come.
pub(crate) struct Lines(Receiver<String>);

impl Lines {
    /// Reads `output` for as long as it is written to.
    pub(crate) fn of(output: ChildStdout) -> Self {
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self(lines)
    }

    /// Returns the next line, where one has come.
    pub(crate) fn next(&self) -> Option<String> {
        self.0.try_recv().ok()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
        if self.server.is_none() && !std::thread::panicking() {
            // What a killed server left running is stopped by the next.
            self.starts();
        }
        if self.server.is_some() {
            // The server stops what it started; without an answer the test has failed already.
            let _ = self.mission(&["down", "--stop-lanes"]);
        }
        if let Some(mut server) = self.server.take() {
            let _ = server.wait();
        }
    }
}
