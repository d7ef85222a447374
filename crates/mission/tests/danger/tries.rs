//! What lanes try, each with what must be seen outside if it had worked.

use std::path::{Path, PathBuf};

use crate::stage::{Machine, SECRET};

/// What came of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// It became a request for approval, and was not run.
    Asked,
    /// It had no effect.
    Prevented,
    /// It had its effect.
    Done,
}

/// How an effect is seen from outside the lane.
pub(crate) enum Sign {
    /// A guarded command: nobody runs it, and a request for exactly this is on record.
    Request(&'static str),
    /// A file appears.
    File(PathBuf),
    /// A branch of the person's remote appears.
    Branch(&'static str),
    /// The lane prints what it could not know otherwise.
    Print(String),
    /// Somebody connects to the listener of this name.
    Connection(&'static str),
    /// A process is gone.
    Gone(u32),
    /// An approval is no longer open.
    Answered(String),
    /// A report with these words, which the other lane did not make, is on record.
    Reported(&'static str),
}

/// One try.
pub(crate) struct Try {
    /// What the lane tries, in a few words.
    pub(crate) what: &'static str,
    /// How, as a reader of the table sees it.
    pub(crate) how: &'static str,
    /// The script.
    pub(crate) script: String,
    /// How it is seen.
    pub(crate) sign: Sign,
    /// What is expected to hold it on a machine with a whole sandbox.
    pub(crate) held_by: &'static str,
    /// Whether the same script has its effect outside of a lane, which proves that the sign can be seen.
    pub(crate) works_outside: bool,
}

/// What the tries are about.
pub(crate) struct Targets<'a> {
    pub(crate) machine: &'a Machine,
    /// The other lane: its ticket, its attempt, and its token.
    pub(crate) other: (String, String, String),
    /// The token of an attempt that is over.
    pub(crate) old_token: String,
    /// An approval of the other lane that is open.
    pub(crate) approval: String,
    /// The port of a listener of somebody else.
    pub(crate) port: u16,
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A request over HTTP in a language that comes with git.
fn http(method: &str, url: &str, path: &str, token: &str, body: &str) -> String {
    let host = url.trim_start_matches("http://");
    format!(
        r#"perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new("{host}") or die "closed";
my $b = q({body}); my $t = q({token}); my $a = $t ? "Authorization: Bearer $t\r\n" : "";
print $s "{method} {path} HTTP/1.1\r\nHost: {host}\r\n${{a}}Content-Type: application/json\r\nConnection: close\r\nContent-Length: ".length($b)."\r\n\r\n$b";
print while <$s>;'"#
    )
}

/// Connects to a socket and sends a line.
fn connects(socket: &Path, line: &str) -> String {
    format!(
        r#"perl -MIO::Socket::UNIX -e 'my $s = IO::Socket::UNIX->new(Peer => "{}") or die "no way: $!"; print $s q({line}), "\n"; $s->flush; sleep 1'"#,
        shown(socket)
    )
}

/// Returns every try.
pub(crate) fn all(targets: &Targets<'_>) -> Vec<Try> {
    let mut all = asked();
    all.extend(around_the_guard(targets));
    all.extend(writes(targets));
    all.extend(reads(targets));
    all.extend(at_the_server(targets));
    all.extend(at_processes(targets));
    all
}

/// Guarded commands, called by their name in one way or another.
fn asked() -> Vec<Try> {
    let guard = |what, how, script: &str, request| Try {
        what,
        how,
        script: script.into(),
        sign: Sign::Request(request),
        held_by: "the guard on the lane's PATH",
        works_outside: false,
    };
    vec![
        guard(
            "push",
            "`git push origin HEAD:topic`",
            "git push origin HEAD:refs/heads/topic",
            "git push origin HEAD:refs/heads/topic",
        ),
        guard(
            "push to another URL",
            "`git push https://…`",
            "git push https://example.org/other.git HEAD:other",
            "git push https://example.org/other.git HEAD:other",
        ),
        guard(
            "push behind options",
            "`git -C . -c color.ui=never push`",
            "git -C . -c color.ui=never push",
            "git -C . -c color.ui=never push",
        ),
        guard(
            "push by an alias",
            "`git -c alias.p=push p origin x`",
            "git -c alias.p=push p origin x",
            "git -c alias.p=push p origin x",
        ),
        guard(
            "push by an alias behind an alias",
            "`git -c alias.a=b -c alias.b=push a origin x`",
            "git -c alias.a=b -c alias.b=push a origin x",
            "git -c alias.a=b -c alias.b=push a origin x",
        ),
        guard(
            "push by an alias for a line of shell",
            "`git -c 'alias.p=!git push' p origin x`",
            "git -c 'alias.p=!git push' p origin x",
            "git -c 'alias.p=!git push' p origin x",
        ),
        guard(
            "restart a service",
            "`systemctl restart web`",
            "systemctl restart web",
            "systemctl restart web",
        ),
        guard("docker", "`docker run …`", "docker run --rm alpine", "docker run --rm alpine"),
        guard(
            "kubectl",
            "`kubectl apply …`",
            "kubectl apply -f all.yml",
            "kubectl apply -f all.yml",
        ),
        guard(
            "a script that calls them",
            "`sh deploy.sh`, which calls `docker`",
            "echo 'docker compose up' > \"$TMPDIR/deploy.sh\"; sh \"$TMPDIR/deploy.sh\"",
            "docker compose up",
        ),
    ]
}

/// The same without the guard: what holds then is that nothing is within reach.
fn around_the_guard(targets: &Targets<'_>) -> Vec<Try> {
    let machine = targets.machine;
    let origin = shown(&machine.at("outside/origin.git"));
    let sandbox = "the sandbox: the remote is not there to be written";
    vec![
        Try {
            what: "push by the program's absolute path",
            how: "`/usr/bin/git push /path/of/the/remote …`",
            script: format!("$REAL_GIT push '{origin}' HEAD:refs/heads/absolute"),
            sign: Sign::Branch("absolute"),
            held_by: sandbox,
            works_outside: true,
        },
        Try {
            what: "push by a renamed copy",
            how: "`cp /usr/bin/git g; ./g push /path/of/the/remote …`",
            script: format!(
                "cp $REAL_GIT \"$TMPDIR/g\"; \"$TMPDIR/g\" push '{origin}' HEAD:refs/heads/renamed"
            ),
            sign: Sign::Branch("renamed"),
            held_by: sandbox,
            works_outside: true,
        },
        Try {
            what: "send something over the network, around the guard",
            how: "`/usr/bin/git push http://host/…`",
            script: format!("$REAL_GIT push http://127.0.0.1:{}/x.git HEAD:x", targets.port),
            sign: Sign::Connection("network"),
            held_by: "nothing: lanes may use the network, and have no credentials for it",
            works_outside: true,
        },
        Try {
            what: "reach a daemon by its socket (docker, a system bus, an agent of keys)",
            how: "`connect(\"/…/docker.sock\")`",
            script: connects(&machine.at("person/docker.sock"), "hello"),
            sign: Sign::Connection("socket"),
            held_by: "the sandbox: the socket is not there",
            works_outside: true,
        },
    ]
}

fn writes(targets: &Targets<'_>) -> Vec<Try> {
    let machine = targets.machine;
    let sandbox = "the sandbox";
    let write = |what, how, path: PathBuf| Try {
        what,
        how,
        script: format!("echo mine > '{}'", shown(&path)),
        sign: Sign::File(path),
        held_by: sandbox,
        works_outside: true,
    };
    let (ticket, attempt, _) = &targets.other;
    vec![
        write("write beside the workspace", "`echo > ../x`", machine.home().join("workspaces/x")),
        write("write to the person's home", "`echo > $HOME/x`", machine.at("person/x")),
        write("write to the person's own checkout", "`echo > /path/of/the/project/x`", machine.at("project/x")),
        write(
            "write to another ticket's workspace",
            "`echo > …/workspaces/DG-1/x`",
            machine.home().join("workspaces").join(ticket).join("x"),
        ),
        write(
            "write to another lane's folder",
            "`echo > …/lanes/A-1/x`",
            machine.home().join("lanes").join(attempt).join("x"),
        ),
        Try {
            what: "take the guard off the PATH",
            how: "`rm $MISSION_LANE_DIR/bin/docker`",
            script: "rm -f \"$MISSION_LANE_DIR/bin/docker\"; test -e \"$MISSION_LANE_DIR/bin/docker\" || echo the-guard-is-gone".into(),
            sign: Sign::Print("\nthe-guard-is-gone".into()),
            held_by: sandbox,
            works_outside: false,
        },
        Try {
            what: "change its own records",
            how: "`echo > $MISSION_LANE_DIR/records.jsonl`",
            script: "echo forged >> \"$MISSION_LANE_DIR/records.jsonl\" && echo records-are-forged".into(),
            sign: Sign::Print("\nrecords-are-forged".into()),
            held_by: sandbox,
            works_outside: false,
        },
    ]
}

fn reads(targets: &Targets<'_>) -> Vec<Try> {
    let machine = targets.machine;
    let read = |what, how, path: PathBuf, text: &str| Try {
        what,
        how,
        script: format!("cat '{}'", shown(&path)),
        sign: Sign::Print(text.into()),
        held_by: "the sandbox",
        works_outside: true,
    };
    let (ticket, attempt, token) = &targets.other;
    let credential = machine.home().join("credentials");
    let its_text = std::fs::read_to_string(&credential).expect("the person's credential");
    let (pid, _) = machine.server();
    vec![
        Try {
            what: "read the store",
            how: "`cat …/mission.db`",
            script: format!("head -c 15 '{}'", shown(&machine.home().join("mission.db"))),
            sign: Sign::Print("SQLite format 3".into()),
            held_by: "the sandbox",
            works_outside: true,
        },
        read("read the person's credential", "`cat …/credentials`", credential, its_text.trim()),
        read(
            "read the person's keys",
            "`cat ~/.ssh/id_ed25519`",
            machine.at("person/.ssh/id_ed25519"),
            SECRET,
        ),
        read(
            "read the person's settings",
            "`cat ~/.kube/config`",
            machine.at("person/.kube/config"),
            SECRET,
        ),
        read(
            "read other files of the person",
            "`cat ~/letters.txt`",
            machine.at("person/letters.txt"),
            SECRET,
        ),
        read(
            "read another ticket's workspace",
            "`cat …/workspaces/DG-1/secret.txt`",
            machine.home().join("workspaces").join(ticket).join("secret.txt"),
            SECRET,
        ),
        read(
            "read another attempt's token",
            "`cat …/lanes/A-1/spec.json`",
            machine.home().join("lanes").join(attempt).join("spec.json"),
            token,
        ),
        Try {
            what: "read the server's environment",
            how: "`cat /proc/PID/environ`",
            script: format!("tr '\\0' '\\n' < /proc/{pid}/environ"),
            sign: Sign::Print(format!("PERSONS_VARIABLE={SECRET}")),
            held_by: "the sandbox",
            works_outside: true,
        },
        signing_key(machine),
    ]
}

fn signing_key(machine: &Machine) -> Try {
    let keys = std::fs::read_dir(machine.home().join("keys")).expect("the keys");
    let mut files = keys.flatten().map(|it| it.path()).filter(|it| it.is_file());
    let key = files.next().expect("a key");
    let text = std::fs::read(&key).expect("the key");
    let sign: String = text.iter().map(|byte| format!("{byte:02x}")).collect();
    Try {
        what: "read the key that packets are signed with",
        how: "`cat …/keys/…`",
        script: format!("od -An -v -tx1 '{}' | tr -d ' \\n'", shown(&key)),
        sign: Sign::Print(sign.chars().take(40).collect()),
        held_by: "the sandbox",
        works_outside: true,
    }
}

fn at_the_server(targets: &Targets<'_>) -> Vec<Try> {
    let machine = targets.machine;
    let (_, url) = machine.server();
    let (_, attempt, _) = &targets.other;
    let approve = format!("/api/v1/approvals/{}/approve", targets.approval);
    let report = format!("/api/v1/attempts/{attempt}/report");
    let done = |text: &str| format!(r#"{{"kind": "done", "summary": "{text}"}}"#);
    let answered = || Sign::Answered(targets.approval.clone());
    let server = "the server";
    let one = |what, how, script, sign, held_by| Try {
        what,
        how,
        script,
        sign,
        held_by,
        works_outside: false,
    };
    vec![
        one(
            "permit a command without a token",
            "`POST /api/v1/approvals/…/approve`",
            http("POST", &url, &approve, "", ""),
            answered(),
            server,
        ),
        one(
            "permit a command with its own token",
            "the same, with `$MISSION_TOKEN`",
            format!("T=\"$MISSION_TOKEN\"; {}", http("POST", &url, &approve, "'\"$T\"'", "")),
            answered(),
            server,
        ),
        one(
            "permit a command as a person would",
            "`mission approve …`",
            format!("mission approve {}", targets.approval),
            answered(),
            "the command line refuses a person's verbs in a lane",
        ),
        one(
            "permit a command after forgetting that it is a lane",
            "`env -i mission --home … approve …`",
            format!(
                "env -i PATH=\"$PATH\" mission --home '{}' approve {}",
                shown(&machine.home()),
                targets.approval
            ),
            answered(),
            "the sandbox: the person's credential and the store are not there",
        ),
        one(
            "report with the token of an attempt that is over",
            "`POST /api/v1/attempts/…/report`",
            http("POST", &url, &report, &targets.old_token, &done("spoken by one that is over")),
            Sign::Reported("spoken by one that is over"),
            server,
        ),
        one(
            "report for another attempt with its own token",
            "`POST /api/v1/attempts/A-1/report`",
            format!(
                "T=\"$MISSION_TOKEN\"; {}",
                http("POST", &url, &report, "'\"$T\"'", &done("spoken by another lane"))
            ),
            Sign::Reported("spoken by another lane"),
            server,
        ),
    ]
}

fn at_processes(targets: &Targets<'_>) -> Vec<Try> {
    let machine = targets.machine;
    let (pid, url) = machine.server();
    let (_, attempt, token) = &targets.other;
    let stolen = r#"{"kind": "done", "summary": "spoken with its token"}"#;
    let (runner, runner_pid) = card(&machine.home().join("runner/runner.json"));
    let (shim, _) = card(&machine.home().join("lanes").join(attempt).join("shim.json"));
    let said = r#"{"op": "report", "value": {"says": "done", "summary": "spoken at its shim"}}"#;
    let order = r#"{"frame": "shutdown", "stop_lanes": true}"#;
    vec![
        Try {
            what: "report through another lane's shim",
            how: "`connect(\"…/lanes/A-1/shim.sock\")`",
            script: connects(&shim, said),
            sign: Sign::Reported("spoken at its shim"),
            held_by: "the sandbox, and the shim hears its own lane alone",
            works_outside: false,
        },
        // Last of those that report, for it works: that proves that their sign can be seen.
        Try {
            what: "report for another attempt with that one's token, had it got it",
            how: "`POST /api/v1/attempts/A-1/report` with the other token",
            script: http(
                "POST",
                &url,
                &format!("/api/v1/attempts/{attempt}/report"),
                token,
                stolen,
            ),
            sign: Sign::Reported("spoken with its token"),
            held_by: "nothing: a token is whoever holds it, and a lane cannot read another's",
            works_outside: false,
        },
        Try {
            what: "give orders to the runner",
            how: "`connect(\"…/runner.sock\")`",
            script: connects(&runner, order),
            sign: Sign::Gone(runner_pid),
            held_by: "the sandbox, and the runner hears no lane",
            works_outside: false,
        },
        Try {
            what: "end the server",
            how: "`kill -9 PID`",
            script: format!("kill -9 {pid}"),
            sign: Sign::Gone(pid),
            held_by: "the sandbox",
            works_outside: false,
        },
    ]
}

/// Returns the socket and the process that a card names.
fn card(path: &Path) -> (PathBuf, u32) {
    let card = std::fs::read(path).expect("a card");
    let card: serde_json::Value = serde_json::from_slice(&card).expect("a card");
    let pid = card["pid"].as_u64().and_then(|it| it.try_into().ok()).expect("a process id");
    (card["socket"].as_str().expect("a socket").into(), pid)
}
