//! A person at a lane's window in real tmux: taken over while they are there, given back when they leave, and recorded.
#![expect(clippy::unwrap_used, reason = "a story that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than anything takes on a machine under load.
const PATIENCE: Duration = Duration::from_secs(60);

/// For so long and more a restarted server keeps a session for who does not say that they are there.
const LEASE: Duration = Duration::from_secs(25);

/// Between two looks at a condition.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A program that says what it is told, apart from its brief.
const AGENT: &str = "stty -echo; echo ready; while IFS= read -r line; do case $line in by*) echo \"got <$line>\" ;; esac; done";

/// A home with a server, and a terminal of the person's own.
struct Stage {
    dir: tempfile::TempDir,
    server: Child,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("ma-").tempdir().unwrap();
        let work = dir.path().join("work");
        std::fs::create_dir(&work).unwrap();
        let rules = format!(
            "[project]\nkey = \"MC\"\nworkflow = \"one\"\n\n[runtime.seen]\ndriver = \"tmux\"\ncommand = [\"sh\", \"-c\", '''{AGENT}''']\n\n\
             [role.watched]\nruntimes = [\"seen\"]\n\n[workflow.one]\n\
             gates = [{{ id = \"plan\", role = \"watched\", decided_by = [\"person\"], requires = [\"plan\"] }}]\n"
        );
        std::fs::write(work.join("mission.toml"), rules).unwrap();
        let git = |words: &[&str]| {
            let author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
            let mut git = command("git");
            assert!(git.args(author).args(words).current_dir(&work).status().unwrap().success());
        };
        git(&["init", "-q", "-b", "main"]);
        git(&["add", "."]);
        git(&["commit", "-q", "-m", "first"]);
        let server = up(dir.path());
        let stage = Self { dir, server };
        stage.eventually("the server", || stage.address());
        stage.eventually("the project", || {
            let added = stage.run(&["project", "add", work.to_str().unwrap(), "--yes"]);
            added.status.success().then_some(())
        });
        stage
    }

    /// Returns where the server says that it listens.
    fn address(&self) -> Option<String> {
        let card = std::fs::read(self.home().join("server.json")).ok()?;
        let card: Value = serde_json::from_slice(&card).ok()?;
        (card["pid"] == self.server.id()).then(|| card["url"].as_str().map(str::to_owned))?
    }

    /// Kills the server and starts it again while somebody else has its port.
    fn comes_back_elsewhere(&mut self) {
        let before = self.address().unwrap();
        self.server.kill().unwrap();
        self.server.wait().unwrap();
        let _squatter = std::net::TcpListener::bind(before.trim_start_matches("http://")).unwrap();
        self.server = up(self.dir.path());
        let after = self.eventually("the server", || self.address());
        assert_ne!(before, after);
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    fn run(&self, words: &[&str]) -> Output {
        mission(self.dir.path()).args(words).output().unwrap()
    }

    #[track_caller]
    fn says(&self, words: &[&str]) -> String {
        let done = self.run(words);
        assert!(done.status.success(), "{words:?}: {done:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    #[track_caller]
    fn eventually<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Files a ticket and returns the attempt that works it, once its program is there.
    fn is_worked(&self) -> String {
        let key = self.says(&["ticket", "new", "Sit with me", "--project", "MC"]);
        let id = self.eventually("an attempt at work", || {
            let list: Value =
                serde_json::from_str(&self.says(&["--json", "attempt", "list", key.trim()]))
                    .ok()?;
            let attempt = list["attempts"].as_array()?.iter().find(|it| it["pid"].is_u64())?;
            Some(attempt["id"].as_str()?.to_owned())
        });
        self.eventually("a program", || {
            self.says(&["attempt", "logs", &id]).contains("ready").then_some(())
        });
        id
    }

    /// Runs `mission attempt attach` in a terminal of the person's own, which is a window of another tmux.
    fn sits_down(&self, words: &[&str]) {
        let exe = env!("CARGO_BIN_EXE_mission");
        let home = format!("MISSION_HOME={}", self.home().display());
        let start = [
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "100",
            "-y",
            "30",
            "env",
            &home,
            exe,
            "attempt",
            "attach",
        ];
        assert!(self.own_tmux(&[&start, words].concat()).status.success());
    }

    fn own_tmux(&self, words: &[&str]) -> Output {
        tmux(&self.dir.path().join("own.sock"), words)
    }

    /// Leaves the lane's window, as `C-b d` does.
    fn gets_up(&self) {
        let socket = self.home().join("tmux.sock");
        self.eventually("the person's client", || {
            let clients =
                tmux(&socket, &["list-clients", "-F", "#{client_tty} #{client_control_mode}"]);
            let clients = String::from_utf8(clients.stdout).unwrap();
            let tty = clients.lines().find_map(|it| it.strip_suffix(" 0"))?;
            tmux(&socket, &["detach-client", "-t", tty]).status.success().then_some(())
        });
        self.eventually("the end of attach", || {
            (!self.own_tmux(&["has-session"]).status.success()).then_some(())
        });
    }

    /// Returns who took over and gave back, in order.
    fn told(&self) -> Vec<String> {
        let log = self.says(&["export"]);
        let events = log.lines().map(|it| serde_json::from_str::<Value>(it).unwrap());
        let about =
            events.filter(|it| matches!(it["type"].as_str(), Some("took_over" | "gave_back")));
        about
            .map(|it| {
                format!("{} {}", it["principal"].as_str().unwrap(), it["type"].as_str().unwrap())
            })
            .collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.own_tmux(&["kill-server"]);
        let _ = self.run(&["down", "--stop-lanes"]);
        let began = Instant::now();
        while self.server.try_wait().is_ok_and(|it| it.is_none()) && began.elapsed() < PATIENCE {
            std::thread::sleep(LOOK_AGAIN);
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = tmux(&self.home().join("tmux.sock"), &["kill-server"]);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an end-to-end story runs the program and what it needs"
)]
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    for name in ["MISSION_URL", "MISSION_TOKEN", "MISSION_ATTEMPT", "MISSION_HOME", "TMUX"] {
        command.env_remove(name);
    }
    command
}

fn up(dir: &Path) -> Child {
    let mut up = mission(dir);
    up.args(["up", "--listen", "127.0.0.1:0"]).stdout(Stdio::null()).stderr(Stdio::null());
    up.spawn().unwrap()
}

fn mission(dir: &Path) -> Command {
    let mut mission = command(env!("CARGO_BIN_EXE_mission"));
    mission.env("MISSION_HOME", dir.join("home")).current_dir(dir).stdin(Stdio::null());
    mission
}

fn tmux(socket: &Path, words: &[&str]) -> Output {
    let mut tmux = command("tmux");
    tmux.arg("-S").arg(socket).args(words).env("TERM", "xterm-256color");
    tmux.output().expect("tmux must be installed for these tests: apt-get install tmux")
}

#[test]
fn who_attaches_to_a_window_has_it_until_they_leave_and_what_was_printed_is_recorded() {
    let stage = Stage::new();
    let id = stage.is_worked();
    // Only looking takes nothing over, and types nothing.
    stage.sits_down(&[&id, "--read-only"]);
    stage.gets_up();
    assert_eq!(stage.told(), Vec::<String>::new());
    stage.sits_down(&[&id]);
    let took = stage.eventually("taking over", || stage.told().pop());
    assert!(took.starts_with("person:") && took.ends_with(" took_over"), "{took}");
    stage.eventually("an answer", || {
        stage.own_tmux(&["send-keys", "-l", "by hand"]);
        stage.own_tmux(&["send-keys", "Enter"]);
        stage.says(&["attempt", "logs", &id]).contains("got <by hand").then_some(())
    });
    stage.gets_up();
    let person = took.trim_end_matches(" took_over");
    let told = stage.told();
    assert_eq!(told, [format!("{person} took_over"), format!("{person} gave_back")]);
    let file = stage.dir.path().join("it.cast");
    stage.says(&["attempt", "recording", &id, "--out", file.to_str().unwrap()]);
    let cast = std::fs::read_to_string(&file).unwrap();
    assert_eq!(cast, stage.says(&["attempt", "recording", &id]), "nothing was printed meanwhile");
    let mut lines = cast.lines().map(|it| serde_json::from_str::<Value>(it).unwrap());
    let header = lines.next().unwrap();
    assert_eq!((header["version"].as_u64(), header["width"].as_u64()), (Some(2), Some(200)));
    let events: Vec<(f64, String, String)> =
        lines.map(|it| serde_json::from_value(it).unwrap()).collect();
    assert!(events.is_sorted_by(|a, b| a.0 <= b.0), "{events:?}");
    let said: String = events.iter().filter(|it| it.1 == "o").map(|it| it.2.as_str()).collect();
    assert!(said.contains("ready") && said.contains("got <by hand"), "{said}");
    // The person's window was smaller than the lane's: the recording follows.
    assert!(events.iter().any(|it| it.1 == "r" && it.2 == "100x29"), "{events:?}");
}

#[test]
fn nothing_is_typed_into_a_half_written_line_when_a_killed_server_comes_back_at_another_address() {
    let mut stage = Stage::new();
    let id = stage.is_worked();
    stage.sits_down(&[&id]);
    stage.eventually("taking over", || stage.told().pop());
    let logs = |stage: &Stage| stage.says(&["attempt", "logs", &id]);
    stage.eventually("the person's keys", || {
        stage.own_tmux(&["send-keys", "-l", "by hand"]);
        stage.own_tmux(&["send-keys", "Enter"]);
        logs(&stage).contains("got <by hand").then_some(())
    });
    stage.own_tmux(&["send-keys", "-l", "by half"]);
    stage.comes_back_elsewhere();
    let began = Instant::now();
    stage.says(&["say", "MC-1", "by message"]);
    stage.eventually("the end of the lease", || (began.elapsed() > LEASE).then_some(()));
    stage.own_tmux(&["send-keys", "-l", " a line"]);
    stage.own_tmux(&["send-keys", "Enter"]);
    stage.eventually("the whole line", || {
        logs(&stage).contains("got <by half a line>").then_some(())
    });
    assert!(!logs(&stage).contains("by message"), "it waits: {}", logs(&stage));
    // Who gets up gives it back to the server where it is now, and what waited is delivered.
    stage.gets_up();
    stage.eventually("the message", || logs(&stage).contains("got <by message>").then_some(()));
    let told: Vec<String> =
        stage.told().iter().map(|it| it.split(':').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(told, ["person", "person"], "nobody else gave it back: {:?}", stage.told());
}
