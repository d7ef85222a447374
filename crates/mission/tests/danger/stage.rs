//! A person's machine in a folder: their home with secrets, a repository with a remote, and a Mission Control whose
//! lanes run the shell script that their ticket carries.

#![expect(clippy::disallowed_methods, reason = "these tests are about processes")]

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take on a machine under load.
const PATIENCE: Duration = Duration::from_secs(120);

/// What stands in the person's own files.
pub(crate) const SECRET: &str = "the-persons-own-secret";

/// The lane runs what stands between two marks in its brief.
const RULES: &str = r#"
[project]
key = "DG"
checks = []

[runtime.hand]
driver = "exec"
command = ["sh", "-c", '''
sed -n '/^#BEGIN$/,/^#END$/p' "$MISSION_BRIEF" > "$TMPDIR/script"
sh "$TMPDIR/script"
mission report evidence risk none
mission report done --summary tried
''']

# The program itself is the script: what that does at its end nobody cuts short.
[runtime.own]
driver = "exec"
command = ["sh", "-c", '''
sed -n '/^#BEGIN$/,/^#END$/p' "$MISSION_BRIEF" > "$TMPDIR/script"
. "$TMPDIR/script"
''']

[role.own]
runtimes = ["own"]
permission = "write"

[role.hand]
runtimes = ["hand"]
permission = "write"
slots = 4

[workflow.try]
gates = [ { id = "work", role = "hand", requires = ["risk"], decided_by = ["person"] } ]

[workflow.own]
gates = [ { id = "work", role = "own", requires = ["risk"], decided_by = ["person"] } ]

[policy.default]
guard = [["git", "push"], ["systemctl"], ["docker"], ["kubectl"]]
protect = ["main"]
approval_expires = "1h"
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
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The machine.
pub(crate) struct Machine {
    dir: TempDir,
    server: Option<Child>,
    /// What the kernel is made to lack.
    lacks: Vec<&'static str>,
}

/// Becomes a command for which the kernel lacks some calls: they answer as on a kernel that was built without them.
const LACKING: &str = r#"
import ctypes, os, platform, struct, sys
unshare = {"x86_64": 272, "aarch64": 97}[platform.machine()]
numbers = {"landlock": [444, 445, 446], "unshare": [unshare]}
lacking = [n for name in sys.argv[1].split(",") for n in numbers[name]]
op = lambda code, jt, jf, k: struct.pack("HBBI", code, jt, jf, k)
code = [op(0x20, 0, 0, 0)]
code += [op(0x15, len(lacking) - at, 0, n) for at, n in enumerate(lacking)]
code += [op(0x06, 0, 0, 0x7FFF0000), op(0x06, 0, 0, 0x00050000 | 38)]
program = ctypes.create_string_buffer(b"".join(code))
filter = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(program)))
libc = ctypes.CDLL(None, use_errno=True)
for call in [(38, 1, 0, 0, 0), (22, 2, ctypes.addressof(filter), 0, 0)]:
    if libc.prctl(*[ctypes.c_ulong(it) for it in call]) != 0:
        sys.exit("prctl: " + os.strerror(ctypes.get_errno()))
os.execv(sys.argv[2], sys.argv[2:])
"#;

impl Machine {
    /// Makes the machine and starts Mission Control on it.
    pub(crate) fn new() -> Self {
        Self::without(&[])
    }

    /// The same on a kernel that lacks `calls`.
    pub(crate) fn without(calls: &[&'static str]) -> Self {
        let dir = tempfile::Builder::new().prefix("md-").tempdir().expect("a folder");
        let mut machine = Self { dir, server: None, lacks: calls.to_vec() };
        for name in ["person/.ssh", "person/.kube", "project", "outside"] {
            fs::create_dir_all(machine.at(name)).expect("a folder");
        }
        for name in ["person/.ssh/id_ed25519", "person/.kube/config", "person/letters.txt"] {
            fs::write(machine.at(name), SECRET).expect("a file");
        }
        machine.git("outside", &["init", "-q", "--bare", "origin.git"]);
        let project = machine.at("project");
        fs::write(project.join("mission.toml"), RULES).expect("a file");
        let origin = machine.at("outside/origin.git").display().to_string();
        let author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
        let commit = [&author[..], &["commit", "-q", "-m", "first"]].concat();
        for args in [
            &["init", "-q", "-b", "main"][..],
            &["remote", "add", "origin", &origin],
            &["add", "."],
            &commit,
        ] {
            machine.git("project", args);
        }
        machine.says(&["project", "add", &project.display().to_string(), "--yes"]);
        machine.starts();
        machine
    }

    /// Returns the path of `name` on this machine.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Returns the home of Mission Control.
    pub(crate) fn home(&self) -> PathBuf {
        self.at("home")
    }

    /// Runs git in the folder `name`, and returns what it printed.
    #[track_caller]
    pub(crate) fn git(&self, name: &str, args: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(args).current_dir(self.at(name)).env("GIT_CONFIG_GLOBAL", "/dev/null");
        let output = git.output().expect("git");
        assert!(output.status.success(), "git {args:?}: {}", said(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn command(&self, args: &[&str]) -> Command {
        let exe = Path::new(env!("CARGO_BIN_EXE_mission"));
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command =
            Command::new(if self.lacks.is_empty() { exe } else { "python3".as_ref() });
        if !self.lacks.is_empty() {
            command.args(["-c", LACKING, &self.lacks.join(",")]).arg(exe);
        }
        command.args(args).env_clear().stdin(Stdio::null());
        command.env("PATH", path).env("HOME", self.at("person")).env("USER", "ada");
        command.env("MISSION_HOME", self.home()).current_dir(self.at("project"));
        command
    }

    /// Runs `mission` as the person; returns its exit code and all that it said.
    pub(crate) fn mission(&self, args: &[&str]) -> (i32, String) {
        let output = self.command(args).output().expect("mission runs");
        (output.status.code().unwrap_or(-1), said(&output))
    }

    /// Runs `mission` as the person, which must go well.
    #[track_caller]
    pub(crate) fn says(&self, args: &[&str]) -> String {
        let (code, said) = self.mission(args);
        assert_eq!(code, 0, "mission {args:?}: {said}");
        said
    }

    /// The same, as a document.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let said = self.says(&[args, &["--json"]].concat());
        serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"))
    }

    /// Returns what `mission doctor` says of the machine, whatever it makes of it.
    pub(crate) fn doctor(&self) -> String {
        self.mission(&["doctor"]).1.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Runs `script` as the person does, in a clone of their own; returns what it printed.
    pub(crate) fn person_runs(&self, script: &str) -> String {
        let exe = Path::new(env!("CARGO_BIN_EXE_mission")).parent().expect("a folder");
        let path = format!("{}:{}", exe.display(), std::env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).env_clear().stdin(Stdio::null());
        shell.env("PATH", path).env("HOME", self.at("person")).env("TMPDIR", self.at("outside"));
        let output = shell.env("REAL_GIT", real_git()).current_dir(self.at("project")).output();
        said(&output.expect("a shell"))
    }

    /// Starts the server, and waits until it says where it is.
    pub(crate) fn starts(&mut self) {
        let log = fs::File::options().append(true).create(true).open(self.at("server.log"));
        let log = log.expect("a file");
        let errors = log.try_clone().expect("a file");
        let mut command = self.command(&["up", "--listen", "127.0.0.1:0"]);
        command.env("PERSONS_VARIABLE", SECRET);
        // As it is in some people's shells.
        command.env("LATIN", std::ffi::OsStr::from_bytes(b"caf\xe9"));
        let child = command.stdout(log).stderr(errors).spawn().expect("a server");
        let (pid, card) = (child.id(), self.home().join("server.json"));
        self.server = Some(child);
        until("the server is up", || {
            let card: Value = serde_json::from_slice(&fs::read(&card).ok()?).ok()?;
            (card["pid"] == pid).then_some(())
        });
    }

    /// Returns the server's process id and address.
    pub(crate) fn server(&self) -> (u32, String) {
        let card = fs::read(self.home().join("server.json")).expect("a server is up");
        let card: Value = serde_json::from_slice(&card).expect("its card");
        let pid = self.server.as_ref().map_or(0, Child::id);
        (pid, card["url"].as_str().expect("an address").to_owned())
    }

    /// kill -9.
    pub(crate) fn kills_server(&mut self) {
        let mut server = self.server.take().expect("a server is up");
        server.kill().expect("killed");
        server.wait().expect("gone");
    }

    /// Files a ticket whose lane runs `script`.
    #[track_caller]
    pub(crate) fn files(&self, script: &str) -> String {
        self.files_on("try", script)
    }

    /// The same on another workflow.
    #[track_caller]
    pub(crate) fn files_on(&self, workflow: &str, script: &str) -> String {
        let body = format!("#BEGIN\n{script}\n#END\n");
        let args = ["ticket", "new", "Try it", "--workflow", workflow, "--body", &body];
        self.says(&args).trim().to_owned()
    }

    /// Waits for an approval of `ticket` in `state`.
    #[track_caller]
    pub(crate) fn approval(&self, ticket: &str, state: &str) -> Value {
        until(&format!("an approval of {ticket} is {state}"), || {
            let all = self.json(&["approval", "list", "--all", "--ticket", ticket]);
            let all = all["approvals"].as_array().expect("a list").clone();
            all.into_iter().find(|it| it["state"] == state)
        })
    }

    /// Waits until the first attempt of `ticket` has ended, and returns what it printed.
    #[track_caller]
    pub(crate) fn printed(&self, ticket: &str) -> String {
        let attempt = until(&format!("an attempt of {ticket} has ended"), || {
            let all = self.json(&["attempt", "list", ticket]);
            let first = all["attempts"].as_array().expect("a list").first().cloned()?;
            (first["state"] == "ended").then_some(first)
        });
        let id = attempt["id"].as_str().expect("an id");
        self.says(&["attempt", "logs", id])
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let (code, _) = self.mission(&["down", "--stop-lanes"]);
            if code != 0 {
                let _ = kill(Pid::from_raw(server.id().cast_signed()), Signal::SIGKILL);
            }
            let _ = server.wait();
        }
    }
}

/// Returns where git is installed.
pub(crate) fn real_git() -> PathBuf {
    let path = std::env::var_os("PATH").expect("a PATH");
    let found = std::env::split_paths(&path).map(|it| it.join("git")).find(|it| it.is_file());
    found.expect("git is on the PATH")
}

fn said(output: &Output) -> String {
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&said).into_owned()
}
