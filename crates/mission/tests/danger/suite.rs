//! Every try by real lanes, and the table of what was seen. `MISSION_DANGER_WRITE=1` writes the table into the documents.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read as _};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mission_sandbox::{Hold, probe};

use crate::stage::{Machine, SECRET, real_git, until};
use crate::tries::{Came, Sign, Targets, Try, all};

/// The other lane: it has a secret, asks for something, and goes on working.
const OTHER: &str = "
echo the-persons-own-secret > secret.txt
mission report approval -- docker version
touch \"$TMPDIR/ready\"
exec sleep 100000
";

/// Counts who connects to a listener.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicU32>);

impl Counter {
    fn count(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Listens on a port and on a socket of the person's; the threads end with the process.
fn listeners(machine: &Machine) -> (u16, Counter, Counter) {
    let (network, socket) = (Counter::default(), Counter::default());
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = tcp.local_addr().expect("an address").port();
    let counter = network.clone();
    std::thread::spawn(move || {
        for stream in tcp.incoming().flatten() {
            counter.0.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    let unix = UnixListener::bind(machine.at("person/docker.sock")).expect("a socket");
    let counter = socket.clone();
    std::thread::spawn(move || {
        for mut stream in unix.incoming().flatten() {
            counter.0.fetch_add(1, Ordering::SeqCst);
            let mut line = [0; 16];
            let _ = stream.read(&mut line);
        }
    });
    (port, network, socket)
}

/// What can be seen from outside.
struct Eyes<'a> {
    machine: &'a Machine,
    network: Counter,
    socket: Counter,
}

impl Eyes<'_> {
    /// Returns whether the sign of a try is there; `printed` is what the try printed.
    fn sees(&self, sign: &Sign, printed: &str) -> bool {
        match sign {
            Sign::Request(command) => {
                let all = self.machine.json(&["approval", "list", "--all"]);
                let all = all["approvals"].as_array().expect("a list").clone();
                all.iter().any(|it| it["command"] == *command && it["state"] != "run")
            }
            Sign::File(path) => path.exists(),
            Sign::Branch(name) => {
                let refs = self.machine.git("outside/origin.git", &["for-each-ref"]);
                refs.contains(&format!("refs/heads/{name}"))
            }
            Sign::Print(text) => format!("\n{printed}").contains(text),
            Sign::Connection("network") => self.network.count() > 0,
            Sign::Connection(_) => self.socket.count() > 0,
            Sign::Gone(pid) => {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                stat.is_empty() || stat.contains(") Z ")
            }
            Sign::Answered(id) => {
                let all = self.machine.json(&["approval", "list", "--all"]);
                let all = all["approvals"].as_array().expect("a list").clone();
                all.iter().any(|it| it["id"] == id.as_str() && it["state"] != "requested")
            }
            Sign::Reported(text) => {
                let log = self.machine.says(&["export"]);
                let event = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok();
                let mut events = log.lines().filter_map(event);
                events.any(|it| it["type"] == "reported" && it.to_string().contains(text))
            }
        }
    }

    /// Takes the sign away again.
    fn forgets(&self, sign: &Sign) {
        match sign {
            Sign::File(path) => {
                if let Err(error) = std::fs::remove_file(path) {
                    assert_eq!(error.kind(), ErrorKind::NotFound);
                }
            }
            Sign::Branch(name) => {
                let name = format!("refs/heads/{name}");
                self.machine.git("outside/origin.git", &["update-ref", "-d", &name]);
            }
            Sign::Connection("network") => self.network.0.store(0, Ordering::SeqCst),
            Sign::Connection(_) => self.socket.0.store(0, Ordering::SeqCst),
            Sign::Request(_)
            | Sign::Print(_)
            | Sign::Gone(_)
            | Sign::Answered(_)
            | Sign::Reported(_) => {}
        }
    }
}

/// Returns the scripts as one, each between marks that tell its output apart.
fn scripted(tries: &[Try]) -> String {
    let mut script =
        format!("REAL_GIT='{}'\ngit commit -q --allow-empty -m work\n", real_git().display());
    for (number, it) in tries.iter().enumerate() {
        let _ =
            write!(script, "echo '<<{number}'\n( {} ) 2>&1\necho\necho '{number}>>'\n", it.script);
    }
    script
}

fn printed_by(journal: &str, number: usize) -> &str {
    let begin = format!("<<{number}\n");
    let end = format!("\n{number}>>");
    let Some((_, rest)) = journal.split_once(&begin) else {
        panic!("{number} never ran: {journal}")
    };
    rest.split_once(&end).map_or(rest, |it| it.0)
}

fn is_whole_sandbox() -> bool {
    probe().filesystem == Hold::Enforced && probe().landlock_version.is_some_and(|it| it >= 6)
}

#[test]
fn what_lanes_try_is_seen_and_told_in_a_table() {
    let machine = Machine::new();
    let old = machine.files("true");
    machine.printed(&old);
    let old_token = token(&machine, &attempt_of(&machine, &old));
    let other = machine.files(OTHER);
    let approval = machine.approval(&other, "requested")["id"].as_str().expect("an id").to_owned();
    let attempt = attempt_of(&machine, &other);
    let ready = machine.home().join("lanes").join(&attempt).join("tmp/ready");
    until("the other lane is at work", || ready.exists().then_some(()));
    let (port, network, socket) = listeners(&machine);
    let other_token = token(&machine, &attempt);
    let targets = Targets {
        machine: &machine,
        other: (other, attempt, other_token),
        old_token,
        approval,
        port,
    };
    let tries = all(&targets);
    let eyes = Eyes { machine: &machine, network, socket };

    // Outside of a lane they work: none of these signs is blind.
    for it in tries.iter().filter(|it| it.works_outside) {
        let printed = machine.person_runs(&it.script);
        assert!(
            eyes.sees(&it.sign, &printed),
            "{} does nothing outside either: {printed}",
            it.what
        );
        eyes.forgets(&it.sign);
    }

    // What may end the stage comes last, and what works is seen before.
    let lane = machine.files(&scripted(&tries));
    let journal = machine.printed(&lane);
    let mut seen = Vec::new();
    for (number, it) in tries.iter().enumerate() {
        let printed = printed_by(&journal, number);
        let came = match (&it.sign, eyes.sees(&it.sign, printed)) {
            (Sign::Request(_), true) => Came::Asked,
            (_, true) => Came::Done,
            (_, false) => Came::Prevented,
        };
        if let Sign::Request(command) = it.sign {
            assert_eq!(came, Came::Asked, "`{command}`: {printed}");
            assert!(printed.contains("not run"), "`{command}`: {printed}");
        }
        assert!(!printed.contains(SECRET) || came == Came::Done, "{}: {printed}", it.what);
        seen.push(came);
    }
    let table = table(&tries, &seen);
    eprintln!("{table}");
    if !is_whole_sandbox() {
        eprintln!(
            "this machine has no whole sandbox ({:?}): the documents tell of one that has",
            probe().filesystem
        );
        return;
    }
    let path = document();
    if std::env::var_os("MISSION_DANGER_WRITE").is_some() {
        std::fs::write(&path, &table).expect("written");
    }
    let told = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        told, table,
        "`docs/danger.md` claims something else; MISSION_DANGER_WRITE=1 writes what was seen"
    );
}

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/danger.md")
}

fn attempt_of(machine: &Machine, ticket: &str) -> String {
    until(&format!("an attempt of {ticket}"), || {
        let all = machine.json(&["attempt", "list", ticket]);
        all["attempts"].as_array()?.first()?["id"].as_str().map(str::to_owned)
    })
}

/// Returns the token of an attempt, from where only the person can read it.
fn token(machine: &Machine, attempt: &str) -> String {
    let spec = machine.home().join("lanes").join(attempt).join("spec.json");
    let spec: serde_json::Value =
        serde_json::from_slice(&std::fs::read(spec).expect("its launch")).expect("its launch");
    spec["env"]["MISSION_TOKEN"].as_str().expect("a token").to_owned()
}

/// Returns the document: what was tried, what came of it, and what held.
fn table(tries: &[Try], seen: &[Came]) -> String {
    let mut out = String::from(
        "# What lanes can and cannot do\n\n\
         This table is written by a test that lets real lanes try each of these things on a machine with Landlock (ABI 6 or\n\
         newer) and namespaces, and looks from outside what came of it. It claims nothing that the test did not see. Where a\n\
         machine has no whole sandbox, `mission doctor` and each sign-off say what is *discouraged, not prevented*.\n\n\
         *asked*: it became a request for a person's approval, and was not run. *prevented*: it had no effect.\n\
         *discouraged*: it had its effect; nothing but the instructions speaks against it.\n\n\
         | a lane tries to | how | seen | what holds |\n| --- | --- | --- | --- |\n",
    );
    for (it, came) in tries.iter().zip(seen) {
        let (came, held_by) = match came {
            Came::Asked => ("asked", it.held_by),
            Came::Prevented => ("prevented", it.held_by),
            Came::Done => {
                let nothing = it.held_by.starts_with("nothing");
                ("discouraged", if nothing { it.held_by } else { "nothing" })
            }
        };
        let _ = writeln!(out, "| {} | {} | {came} | {held_by} |", it.what, it.how);
    }
    out.push_str(
        "\nBesides: a program that lanes run is not told apart from the agent that started it, so whatever an agent may do, the\n\
         code that it writes and runs may do too. Guards stand on the lane's PATH; who calls a program by another name meets\n\
         only the sandbox, which leaves no remote, daemon, credential or file of others within reach. An agent's own settings\n\
         (`~/.codex` for codex, and so on) can be written by lanes of that agent. While a lane goes on working after it asked,\n\
         the commit, the branches and the files are compared right before an approved command runs (files that git ignores by\n\
         what the file system says of them), and commit and files again after it; from before that look until the command has\n\
         ended all that runs of the ticket's lanes is stopped. Where it cannot be stopped nothing is run. What a link or a word of the command leads to\n\
         outside the working copy is refused where it is Mission Control's own folder or `/dev/shm`; it is not looked at elsewhere.\n",
    );
    out
}
