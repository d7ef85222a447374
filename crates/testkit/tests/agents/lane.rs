//! A repository of the demo, and one role in it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use mission_testkit::demo;
use tempfile::TempDir;

/// What runs the agents and the page's server.
const HARNESS: &str = env!("CARGO_BIN_EXE_testkit-harness");

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// One lane with a fake `mission` on its PATH.
pub(crate) struct Lane {
    dir: TempDir,
    role: &'static str,
    gate: &'static str,
}

impl Lane {
    /// Makes a fresh repository.
    pub(crate) fn new(role: &'static str, gate: &'static str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        demo::project(&dir.path().join("demo"), HARNESS.as_ref(), Duration::ZERO)
            .expect("the project");
        let bin = dir.path().join("bin");
        std::fs::create_dir(&bin).expect("a folder");
        let script = format!(
            "#!/bin/sh\ncase $1 in serve-static) exec {HARNESS} \"$@\" ;; esac\necho \"$*\" >>\"$CALLS\"\n\
             case $3 in plan|direction|steps) cat \"$4\" >\"$HANDED_IN\" ;; esac\n"
        );
        std::fs::write(bin.join("mission"), script).expect("written");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(bin.join("mission"), mode).expect("a program");
        Self { dir, role, gate }
    }

    /// Another role in the same repository, its calls not yet counted.
    pub(crate) fn in_repository(lane: Self, role: &'static str, gate: &'static str) -> Self {
        let _ = std::fs::remove_file(lane.dir.path().join("calls"));
        Self { role, gate, ..lane }
    }

    fn repository(&self) -> PathBuf {
        self.dir.path().join("demo/harbour")
    }

    fn command(&self, program: &str) -> Command {
        #[expect(clippy::disallowed_methods, reason = "the agent is run as a lane runs it")]
        let mut command = Command::new(program);
        let path = std::env::var("PATH").expect("a PATH");
        command
            .current_dir(self.repository())
            .env("PATH", format!("{}:{path}", self.dir.path().join("bin").display()))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("CALLS", self.dir.path().join("calls"))
            .env("HANDED_IN", self.dir.path().join("handed_in"))
            .env("MISSION_SOCKET", self.dir.path().join("shim.sock"))
            .env("MISSION_TICKET", "HB-2")
            .env("MISSION_ROLE", self.role)
            .env("MISSION_GATE", self.gate)
            .env_remove("MISSION_DEMO_PACE");
        command
    }

    /// Runs the agent with `brief` on its standard input.
    pub(crate) fn work(&self, name: &str, brief: &str) -> Output {
        let mut command = self.command(HARNESS);
        command.args(["scripted-agent", name]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the agent starts");
        child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(brief.as_bytes())
            .expect("the brief is taken");
        child.wait_with_output().expect("the agent ends")
    }

    /// Runs the agent on a terminal of its own, pastes `brief`, and returns the screen once it has reported.
    pub(crate) fn on_terminal(&self, name: &str, brief: &str) -> String {
        let pty = nix::pty::openpty(None, None).expect("a terminal");
        let mut command = self.command(HARNESS);
        command.args(["scripted-agent", name]);
        command.stdin(pty.slave.try_clone().expect("a terminal"));
        command.stdout(pty.slave.try_clone().expect("a terminal")).stderr(pty.slave);
        let mut child = command.spawn().expect("the agent starts");
        drop(command);
        let mut terminal = File::from(pty.master);
        let mut screen = Vec::new();
        let mut until = |text: &str, terminal: &mut File| {
            let deadline = Instant::now() + PATIENCE;
            while !String::from_utf8_lossy(&screen).contains(text) {
                assert!(
                    Instant::now() < deadline,
                    "no `{text}` in {}",
                    String::from_utf8_lossy(&screen)
                );
                let mut bytes = [0; 1024];
                let read = terminal.read(&mut bytes).expect("the agent is there");
                screen.extend_from_slice(&bytes[..read]);
            }
            String::from_utf8_lossy(&screen).into_owned()
        };
        until("> ", &mut terminal);
        let paste = format!("\u{1b}[200~{}\u{1b}[201~", brief.replace('\n', "\r"));
        terminal.write_all(paste.as_bytes()).expect("pasted");
        terminal.write_all(b"\r").expect("entered");
        let shown = until("report done", &mut terminal);
        let deadline = Instant::now() + PATIENCE;
        while !self.called("report done") {
            assert!(Instant::now() < deadline, "the agent did not report");
            std::thread::yield_now();
        }
        assert!(child.try_wait().expect("asked").is_none(), "it stays for further turns");
        child.kill().expect("ended");
        child.wait().expect("gone");
        shown
    }

    /// Plays the shim for one request and returns that.
    pub(crate) fn shim(&self) -> std::thread::JoinHandle<String> {
        let listener = UnixListener::bind(self.dir.path().join("shim.sock")).expect("a socket");
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().expect("somebody");
            let mut stream = BufReader::new(stream);
            stream.get_mut().write_all(b"{\"hello\":{\"protocol\":1}}\n").expect("said");
            let mut line = String::new();
            stream.read_line(&mut line).expect("a request");
            stream.get_mut().write_all(b"{\"reply\":\"ack\",\"record\":1}\n").expect("said");
            line
        })
    }

    /// Returns how `mission` was called, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.dir.path().join("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Returns whether a call began like this.
    pub(crate) fn called(&self, start: &str) -> bool {
        self.calls().iter().any(|call| call.starts_with(start))
    }

    /// Returns the last call.
    pub(crate) fn last_call(&self) -> String {
        self.calls().pop().expect("`mission` was called")
    }

    /// Returns the text that was handed in last.
    pub(crate) fn handed_in(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("handed_in")).expect("something was handed in")
    }

    /// Returns a file of the repository.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.repository().join(name)).expect("a file")
    }

    /// Returns what git says.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = self.command("git").args(args).output().expect("git");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Returns whether the project's own tests pass.
    pub(crate) fn tests_pass(&self) -> bool {
        let output = self.command("sh").args(["tests/run.sh"]).output().expect("sh");
        output.status.success()
    }
}
