//! A home, a repository, a server as a process, and agents' own home; ended by the pids that they left.

#![expect(clippy::disallowed_methods, reason = "these tests are about processes")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mission_testkit::model::Model;
use mission_testkit::programs::{self, AcpProgram};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// How long one step of a story may take on a machine under load.
const PATIENCE: Duration = Duration::from_secs(90);

/// Everything that a story needs.
pub(crate) struct Stage {
    dir: TempDir,
    env: Vec<(String, String)>,
    /// Answers for as long as the stage stands.
    _model: Model,
    server: Option<Child>,
    patience: Duration,
}

impl Stage {
    /// Prepares a repository with this `mission.toml` and starts the server.
    #[track_caller]
    pub(crate) fn new(toml: &str) -> Self {
        Self::with(toml, None, PATIENCE)
    }

    /// As [`Self::new`], for somebody who has `program` too, with `patience` for each step.
    #[track_caller]
    pub(crate) fn with(toml: &str, program: Option<AcpProgram>, patience: Duration) -> Self {
        let dir = tempfile::Builder::new().prefix("ma-").tempdir().expect("a folder");
        let model = Model::start().expect("a model");
        let person = dir.path().join("person");
        let env = match program {
            None => programs::settle(&person, &model),
            Some(program) => programs::settle_with(&person, &model, program),
        };
        let env = env.unwrap_or_else(|e| panic!("{e}")).into_iter().collect();
        let mut stage = Self { dir, env, _model: model, server: None, patience };
        let repo = stage.repo();
        std::fs::create_dir_all(&repo).expect("a folder");
        std::fs::write(repo.join("mission.toml"), toml).expect("a file");
        std::fs::write(repo.join("index.html"), "<p>v0</p>\n").expect("a file");
        for words in [
            &["init", "-q", "-b", "main"][..],
            &["config", "user.name", "ada"],
            &["config", "user.email", "ada@example.invalid"],
            &["add", "-A"],
            &["commit", "-q", "-m", "base"],
        ] {
            stage.git(&repo, words);
        }
        stage.says(&["init", "--yes"]);
        stage.up();
        stage
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Whether an agent has written its session down as far as the call of a tool.
    pub(crate) fn has_written_down_a_call(&self) -> bool {
        programs::has_written_down_a_call(&self.dir.path().join("person"))
    }

    /// The file in which an agent's program keeps its session `id`.
    #[track_caller]
    pub(crate) fn session_file(&self, id: &str) -> PathBuf {
        let all = programs::files(&self.dir.path().join("person"));
        let is_it = |it: &PathBuf| {
            let name = it.file_name().and_then(|it| it.to_str()).unwrap_or_default();
            name.ends_with(&format!("{id}.jsonl"))
        };
        all.into_iter().find(is_it).expect("its session is written down")
    }

    /// The working copy of the ticket `key`.
    pub(crate) fn workspace(&self, key: &str) -> PathBuf {
        self.home().join("workspaces").join(key)
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.repo()).stdin(Stdio::null()).env_clear();
        command.envs(self.env.iter().cloned()).env("MISSION_HOME", self.home());
        command.env("GIT_CONFIG_GLOBAL", "/dev/null");
        command
    }

    #[track_caller]
    pub(crate) fn git(&self, at: &Path, words: &[&str]) -> String {
        let mut command = self.command("git", words);
        let done = command.current_dir(at).output().expect("git runs");
        assert!(done.status.success(), "{words:?}: {done:?}");
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Runs `mission` and returns what it printed; it must succeed.
    #[track_caller]
    pub(crate) fn says(&self, args: &[&str]) -> String {
        let done = self.command(env!("CARGO_BIN_EXE_mission"), args).output().expect("it runs");
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{args:?}: {said}{}", String::from_utf8_lossy(&done.stderr));
        said
    }

    /// Returns what `mission doctor` prints, whatever it found.
    #[track_caller]
    pub(crate) fn doctor(&self) -> String {
        let done = self.command(env!("CARGO_BIN_EXE_mission"), &["doctor"]).output();
        String::from_utf8_lossy(&done.expect("it runs").stdout).into_owned()
    }

    /// Returns what `mission doctor` saw of `what`, like `runtime codex`, whatever it found elsewhere.
    #[track_caller]
    pub(crate) fn look(&self, what: &str) -> Value {
        let done = self.command(env!("CARGO_BIN_EXE_mission"), &["doctor", "--json"]).output();
        let said = done.expect("it runs").stdout;
        let all: Value = serde_json::from_slice(&said).expect("a document");
        let looks = all["looks"].as_array().expect("looks");
        looks
            .iter()
            .find(|it| it["what"] == what)
            .unwrap_or_else(|| panic!("{what}: {all}"))
            .clone()
    }

    /// Returns what a page shows, as words.
    #[track_caller]
    pub(crate) fn page(&self, path: &str) -> String {
        let card = std::fs::read(self.home().join("server.json")).expect("a server");
        let card: Value = serde_json::from_slice(&card).expect("a card");
        let host = card["url"].as_str().expect("a url").trim_start_matches("http://").to_owned();
        let token = std::fs::read_to_string(self.home().join("credentials")).expect("a token");
        let mut stream = TcpStream::connect(&host).expect("the server answers");
        let token = token.trim();
        let asked =
            format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n");
        stream.write_all(asked.as_bytes()).expect("it is asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.split_whitespace().nth(1) == Some("200"), "{path}: {answer}");
        let (mut words, mut is_tag) = (String::new(), false);
        for character in answer.chars() {
            match character {
                '<' => is_tag = true,
                '>' => is_tag = false,
                _ if !is_tag => words.push(character),
                _ => {}
            }
        }
        words.replace("&amp;", "&").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Puts a program of the person's own on their PATH, in the place of the one of this name.
    #[track_caller]
    pub(crate) fn puts_program(&self, name: &str, script: &str) {
        let path = self.dir.path().join("person/bin").join(name);
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, script).expect("a file");
        let all = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, all).expect("it may be run");
    }

    /// Takes a file out of the person's home.
    #[track_caller]
    pub(crate) fn forgets(&self, file: &str) {
        std::fs::remove_file(self.dir.path().join("person").join(file)).expect("it was there");
    }

    /// Returns what the lane `role` says of the runtime `name`.
    #[track_caller]
    pub(crate) fn runtime(&self, role: &str, name: &str) -> Value {
        let lanes = self.asks(&["lane", "list"]);
        let lanes = lanes["lanes"].as_array().expect("lanes");
        let lane = lanes.iter().find(|it| it["role"] == role).expect("a lane");
        let all = lane["runtimes"].as_array().expect("runtimes");
        all.iter().find(|it| it["name"] == name).expect("a runtime").clone()
    }

    /// Runs `mission`, which may refuse: what it was asked for may be over.
    pub(crate) fn tries(&self, args: &[&str]) {
        let done = self.command(env!("CARGO_BIN_EXE_mission"), args).output().expect("it runs");
        let code = done.status.code();
        assert!(matches!(code, Some(0 | 1 | 3 | 5)), "{args:?}: {done:?}");
    }

    /// Starts `mission attempt attach`, whose input is typed and whose output is read.
    pub(crate) fn sits_at(&self, id: &str) -> Child {
        let mut command = self.command(env!("CARGO_BIN_EXE_mission"), &["attempt", "attach", id]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("it starts")
    }

    /// Whether the process `pid` is one of this stage: numbers are given to others again.
    pub(crate) fn is_ours(&self, pid: i32) -> bool {
        self.processes().contains(&pid)
    }

    /// Runs `mission … --json` and returns the document.
    #[track_caller]
    pub(crate) fn asks(&self, args: &[&str]) -> Value {
        let said = self.says(&[args, &["--json"]].concat());
        serde_json::from_str(&said).unwrap_or_else(|e| panic!("{args:?}: {e}: {said}"))
    }

    /// Starts the server.
    #[track_caller]
    pub(crate) fn up(&mut self) {
        let log = self.dir.path().join("server.log");
        let file = std::fs::File::options().append(true).create(true).open(&log).expect("a file");
        let errors = file.try_clone().expect("a file");
        let mut command =
            self.command(env!("CARGO_BIN_EXE_mission"), &["up", "--listen", "127.0.0.1:0"]);
        let child = command.stdout(file).stderr(errors).spawn().expect("a server");
        let (card, pid) = (self.home().join("server.json"), child.id());
        self.server = Some(child);
        self.until("the server", || {
            let text = std::fs::read(&card).unwrap_or_default();
            let card: Value = serde_json::from_slice(&text).unwrap_or_default();
            (card["pid"] == pid).then_some(())
        });
    }

    /// kill -9 to the server.
    pub(crate) fn kill_server(&mut self) {
        let mut server = self.server.take().expect("a server");
        server.kill().expect("killed");
        server.wait().expect("gone");
    }

    /// Waits until `found` finds something; else tells how everything stands.
    #[track_caller]
    pub(crate) fn until<T>(&self, what: &str, mut found: impl FnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = found() {
                return found;
            }
            if began.elapsed() > self.patience {
                let log = std::fs::read_to_string(self.dir.path().join("server.log"));
                let kept = self.dir.path().display();
                panic!(
                    "never seen: {what}\nin {kept}\n{}\n{}",
                    self.story(),
                    log.unwrap_or_default()
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Every ticket and attempt, for a failed story.
    fn story(&self) -> String {
        let all = [&["ticket", "list"][..], &["attempt", "list"], &["inbox"]];
        let told = all.iter().map(|words| {
            let done = self.command(env!("CARGO_BIN_EXE_mission"), &[*words, &["--json"]].concat());
            let mut done = done;
            done.output()
                .map(|it| String::from_utf8_lossy(&it.stdout).into_owned())
                .unwrap_or_default()
        });
        let lanes = std::fs::read_dir(self.home().join("lanes")).into_iter().flatten().flatten();
        let journals = lanes.map(|it| {
            let journal = std::fs::read(it.path().join("journal")).unwrap_or_default();
            format!("{}:\n{}", it.path().display(), String::from_utf8_lossy(&journal))
        });
        told.chain(journals).collect::<Vec<_>>().join("\n")
    }

    /// Files a ticket.
    #[track_caller]
    pub(crate) fn files(&self, args: &[&str]) -> String {
        self.says(&[&["ticket", "new"], args].concat()).trim().to_owned()
    }

    #[track_caller]
    pub(crate) fn ticket(&self, key: &str) -> Value {
        self.asks(&["ticket", "show", key])
    }

    /// Waits until the ticket is in `state`.
    #[track_caller]
    pub(crate) fn becomes(&self, key: &str, state: &str) -> Value {
        self.until(&format!("{key} {state}"), || {
            Some(self.ticket(key)).filter(|it| it["state"] == state)
        })
    }

    /// Waits until a person owes the gate `gate` a verdict.
    #[track_caller]
    pub(crate) fn waits_at(&self, key: &str, gate: &str) {
        self.until(&format!("{key} at {gate}"), || {
            let ticket = self.ticket(key);
            let is_open = ticket["gates"]
                .as_array()?
                .iter()
                .any(|it| it["id"] == gate && it["state"] == "active");
            (ticket["state"] == "in_review" && is_open).then_some(())
        });
    }

    /// Waits until a person owes the gate `gate` a verdict, and gives it.
    #[track_caller]
    pub(crate) fn passes(&self, key: &str, gate: &str) {
        self.waits_at(key, gate);
        self.says(&["gate", "pass", key, gate, "--reason", "looks right"]);
    }

    /// Returns the attempts of the ticket, the oldest first.
    #[track_caller]
    pub(crate) fn attempts(&self, key: &str) -> Vec<Value> {
        let mut all =
            self.asks(&["attempt", "list", key])["attempts"].as_array().cloned().expect("a list");
        all.sort_by_key(|it| it["started_at"].as_str().unwrap_or_default().to_owned());
        all
    }

    /// Waits for the newest attempt of the role, in `state`.
    #[track_caller]
    pub(crate) fn attempt(&self, key: &str, role: &str, state: &str) -> Value {
        self.until(&format!("{role} of {key} {state}"), || {
            let newest = self.attempts(key).into_iter().rev().find(|it| it["role"] == role)?;
            (newest["state"] == state).then_some(newest)
        })
    }

    /// Waits until the journal of attempt `id` holds `text`.
    #[track_caller]
    pub(crate) fn prints(&self, id: &str, text: &str) {
        let journal = self.home().join("lanes").join(id).join("journal");
        self.until(&format!("{text} in {}", journal.display()), || {
            let said = std::fs::read(&journal).unwrap_or_default();
            String::from_utf8_lossy(&said).contains(text).then_some(())
        });
    }

    /// Returns the processes whose command line or folder is ours.
    fn processes(&self) -> Vec<i32> {
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.flatten().filter_map(|it| it.file_name().to_str()?.parse::<i32>().ok());
        let name = self.dir.path().display().to_string();
        pids.filter(|pid| {
            let proc = Path::new("/proc").join(pid.to_string());
            let line = std::fs::read(proc.join("cmdline")).unwrap_or_default();
            let is_here = std::fs::read_link(proc.join("cwd"))
                .is_ok_and(|it| it.starts_with(self.dir.path()));
            is_here || String::from_utf8_lossy(&line).contains(&name)
        })
        .collect()
    }

    /// Stops everything, and proves that nothing is left and the home is whole.
    #[track_caller]
    pub(crate) fn ends_well(mut self) {
        self.says(&["down", "--stop-lanes"]);
        let mut server = self.server.take().expect("a server");
        self.until("the server's end", || server.try_wait().ok().flatten());
        self.until("the end of all processes", || self.processes().is_empty().then_some(()));
        self.says(&["fsck"]);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
        for pid in self.processes() {
            // What a failed story leaves is ours to end.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}
