//! Every way to die, done to every driver, and the name that each death is given: the table in `docs/deaths.md` is what this wrote.
//!
//! `MISSION_WRITE_DOCS=1` writes the table anew; a difference is then to be looked at like any other change.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Instant;

use mission_runtime::agent::AgentState;
use mission_runtime::protocol::FromRunner;
use mission_runtime::record::ExitRecord;
use mission_runtime::shim_protocol::{Reply, Request};
use mission_runtime::spec::{Budget, Driver, Limits};
use mission_runtime::{DeathClass, LaunchSpec, ProcessCard, classify, proc_tree};
use nix::sys::signal::Signal;

use crate::fleet::Fleet;
use crate::lane::{Agent, Stage, scripted_acp};
use crate::relay::Relay;
use crate::stage::{Shim, eventually, signal};

/// What a lane runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    /// A shell script, one process per turn.
    Exec,
    /// A shell script on a terminal.
    Tmux,
    Agent(Agent),
    /// The scripted ACP agent.
    Acp,
}

const PROGRAMS: [(&str, Program); 5] = [
    ("exec", Program::Exec),
    ("tmux", Program::Tmux),
    ("codex", Program::Agent(Agent::Codex)),
    ("claude", Program::Agent(Agent::Claude)),
    ("acp", Program::Acp),
];

/// What is done.
#[derive(Debug, Clone, Copy)]
enum Injury {
    /// The script does it itself: what a shell runs, and what the model plays.
    Script { shell: Option<&'static str>, model: Option<&'static str> },
    /// The signal is sent to the program in mid-turn.
    Signal(Signal),
    /// SIGSTOP in mid-turn, with a limit of silence.
    Freeze,
    /// It is interrupted in mid-turn, and does not obey.
    Disobeys,
    /// The same limit, and a command that never ends.
    HungTool,
    /// It holds more memory than it may.
    Memory,
    /// SIGKILL to its shim.
    KilledShim,
    /// SIGKILL to the server of the terminal that it is on.
    KilledTmux,
    /// What the shim hears it by is closed for good, and it lives on.
    ClosedSocket,
    /// The signal at which this program ends as if it had ended well.
    CleanExit,
    /// Its journal's disk takes no more.
    FullDisk,
    /// It uses more tokens than are left to it.
    Budget,
    /// Its command is no program.
    NoProgram,
    /// Its command is a script that starts it with these words before and after, and ends.
    Forks(&'static str, &'static str),
}

const fn script(shell: Option<&'static str>, model: Option<&'static str>) -> Injury {
    Injury::Script { shell, model }
}

const INJURIES: [(&str, Injury); 27] = [
    ("its turn ends without a report, twice", script(Some("exit 0"), Some("say that is it"))),
    ("exit code 1", script(Some("exit 1"), None)),
    ("SIGTERM from outside", Injury::Signal(Signal::SIGTERM)),
    ("SIGINT from outside", Injury::Signal(Signal::SIGINT)),
    ("SIGKILL from outside", Injury::Signal(Signal::SIGKILL)),
    ("SIGSEGV", Injury::Signal(Signal::SIGSEGV)),
    ("over its memory limit", Injury::Memory),
    ("its shim is killed", Injury::KilledShim),
    ("the tmux server is killed", Injury::KilledTmux),
    ("its socket or pipe is closed, and it lives on", Injury::ClosedSocket),
    ("it ends in mid-turn with exit code 0", Injury::CleanExit),
    ("it hangs (SIGSTOP)", Injury::Freeze),
    ("it does not obey an interrupt", Injury::Disobeys),
    ("a command of it hangs", Injury::HungTool),
    ("provider: 401", script(Some("echo 'API Error: 401'; exit 1"), Some("http 401"))),
    ("provider: 403", script(None, Some("http 403"))),
    ("provider: 429", script(Some("echo 'API Error: 429'; exit 1"), Some("http 429"))),
    ("provider: 500", script(Some("echo 'API Error: 500'; exit 1"), Some("http 500"))),
    ("provider: 529", script(None, Some("http 529"))),
    ("provider: the connection breaks", script(None, Some("drop"))),
    ("provider: the answer ends early", script(None, Some("cut"))),
    ("the disk of its journal is full", Injury::FullDisk),
    ("it uses up its budget of tokens", Injury::Budget),
    ("its command is not there", Injury::NoProgram),
    (
        "its command is a script that starts it with `&` and ends with 0",
        Injury::Forks("", "exit 0"),
    ),
    ("the same, and the script ends with 1", Injury::Forks("", "exit 1")),
    ("the script starts it in a session of its own", Injury::Forks("setsid ", "exit 0")),
];

/// Seconds of silence that are too many; an agent that comes up beside four others on a busy machine takes fewer.
const STALL_S: u64 = 10;

/// Bytes that every program exceeds.
const MEMORY: u64 = 24 << 20;

/// Returns the name that the death is given; nothing where this program cannot die so.
fn name(program: Program, injury: Injury, number: u64) -> Option<DeathClass> {
    let stage = Stage::with(match program {
        Program::Agent(agent) => agent,
        Program::Exec | Program::Tmux | Program::Acp => Agent::Codex,
    });
    let spec = spec(&stage, program, injury, number)?;
    match injury {
        Injury::KilledShim => return Some(without_its_shim(&stage, &spec)),
        Injury::KilledTmux => {
            return (program == Program::Tmux).then(|| without_its_terminal(&stage, &spec));
        }
        Injury::ClosedSocket => return closed(&stage, program, spec),
        Injury::Disobeys => return disobeys(program, spec),
        Injury::FullDisk => {
            // What the kernel says of a full disk, to the one file.
            std::fs::create_dir_all(&spec.lane_dir).unwrap();
            std::os::unix::fs::symlink("/dev/full", spec.files().journal()).unwrap();
        }
        _ => {}
    }
    let shim = Shim::start(spec);
    if matches!(injury, Injury::CleanExit) {
        let polite = match program {
            Program::Exec | Program::Tmux => return None,
            Program::Agent(Agent::Codex) => Signal::SIGTERM,
            Program::Agent(Agent::Claude) | Program::Acp => Signal::SIGINT,
        };
        strike(&shim, program, polite);
        let exit = shim.ends();
        assert_eq!((exit.exit_code, exit.signal), (Some(0), None), "{program:?}: {exit:?}");
        return Some(classify(&exit, false));
    }
    if let Injury::Signal(sent) = injury {
        strike(&shim, program, sent);
    }
    if matches!(injury, Injury::Freeze) {
        strike(&shim, program, Signal::SIGSTOP);
    }
    let struck = Instant::now();
    let exit: ExitRecord = shim.ends();
    if matches!(injury, Injury::Forks(..)) {
        let why = exit.forked.as_deref().unwrap_or_else(|| panic!("{program:?}: {exit:?}"));
        assert!(why.starts_with("`wrapper.sh` ended with exit code "), "{program:?}: {why}");
        assert!(exit.orphans.iter().all(|it| it.ended), "{program:?}: {exit:?}");
    }
    if let Injury::Signal(sent) = injury {
        eprintln!("{sent} to {program:?}: on record after {} ms", struck.elapsed().as_millis());
    }
    Some(classify(&exit, false))
}

fn spec(stage: &Stage, program: Program, injury: Injury, number: u64) -> Option<LaunchSpec> {
    let memory = "x=$(head -c 67108864 /dev/zero | tr '\\0' a); sleep 1000; echo $x";
    let (shell, model) = match injury {
        Injury::Script { shell, model } => (shell, model),
        Injury::Memory => (Some(memory), Some("hang 600")),
        Injury::HungTool => (Some("tail -f /dev/null"), Some("sh exec tail -f /dev/null")),
        // Nobody knows what a shell script uses.
        Injury::Budget => (None, Some("sh true ;; sh true ;; say I go on thinking")),
        Injury::FullDisk => (Some("echo lost; exit 1"), Some("say that is it")),
        Injury::Signal(_)
        | Injury::Freeze
        | Injury::Disobeys
        | Injury::KilledShim
        | Injury::KilledTmux
        | Injury::ClosedSocket
        | Injury::CleanExit
        | Injury::NoProgram
        | Injury::Forks(..) => (Some("echo up; exec sleep 1000"), Some("hang 600")),
    };
    let mut spec = match program {
        Program::Exec => stage.home.lane(number, shell?),
        Program::Tmux => {
            LaunchSpec { driver: Driver::Tmux, ..stage.home.tmux_lane(number, shell?) }
        }
        Program::Agent(_) => stage.lane(number, model?),
        Program::Acp => {
            let script = match injury {
                Injury::Memory => format!("sh {memory}"),
                _ if model.is_none() => "tool exit {\"code\": 1}".to_owned(),
                _ => model?.to_owned(),
            };
            let command = vec![scripted_acp().display().to_string()];
            LaunchSpec { driver: Driver::Acp, command, ..stage.lane(number, &script) }
        }
    };
    if matches!(injury, Injury::Freeze | Injury::HungTool) {
        spec.limits = Limits { stall_s: Some(STALL_S), ..Limits::default() };
    }
    if matches!(injury, Injury::Memory) {
        spec.limits = Limits { memory_bytes: Some(MEMORY), ..Limits::default() };
    }
    if matches!(injury, Injury::Budget) {
        let budget = Budget { tokens: Some(3_000), ..Budget::default() };
        spec.limits = Limits { budget, ..Limits::default() };
    }
    if matches!(injury, Injury::NoProgram) {
        spec.command = vec!["/nowhere/agent".into()];
    }
    if let Injury::Forks(before, after) = injury {
        // It is given the input too: a shell gives what it starts so an empty one.
        let line = format!("{before}'{}' \"$@\" <&3 3<&- &", spec.command[0]);
        let script = stage.home.path().join("wrapper.sh");
        std::fs::write(&script, format!("#!/bin/sh\nexec 3<&0\n{line}\n{after}\n")).unwrap();
        std::fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
        spec.command[0] = script.display().to_string();
    }
    Some(spec)
}

/// Sends `sent` to the program while it is at work.
fn strike(shim: &Shim, program: Program, sent: Signal) {
    match program {
        Program::Exec | Program::Tmux => shim.says("up"),
        Program::Agent(_) | Program::Acp => shim.becomes(AgentState::Busy),
    }
    let Reply::Status { status } = shim.ask(&Request::Status) else { panic!("no status") };
    let pid = status.pid.unwrap();
    signal(pid, sent);
    // The handler that Rust programs have lets a first SIGSEGV pass that no access of theirs caused. Codex takes a first SIGTERM or
    // SIGINT for the wish that it ends after the turn that it is at, if it is at one by then; the second one ends it.
    let waits_at_first = match sent {
        Signal::SIGSEGV => true,
        Signal::SIGTERM | Signal::SIGINT => program == Program::Agent(Agent::Codex),
        _ => false,
    };
    if waits_at_first {
        eventually("the end by the signal", || {
            signal(pid, sent);
            proc_tree::process(pid).is_none_or(|it| it.is_zombie).then_some(())
        });
    }
}

/// Closes what the shim hears the program by, in mid-turn. Nothing where that is the program's own end.
fn closed(stage: &Stage, program: Program, spec: LaunchSpec) -> Option<DeathClass> {
    let relay = match program {
        Program::Exec | Program::Tmux => return None,
        Program::Agent(Agent::Codex) => Relay::socket(stage),
        Program::Agent(Agent::Claude) | Program::Acp => Relay::pipe(stage, &spec.command[0]),
    };
    let shim = Shim::start(LaunchSpec { command: vec![relay.command()], ..spec });
    let relayed = relay.is_up();
    shim.becomes(AgentState::Busy);
    let Reply::Status { status } = shim.ask(&Request::Status) else { panic!("no status") };
    let pid = status.pid.unwrap();
    relayed.close();
    assert!(proc_tree::process(pid).is_some_and(|it| !it.is_zombie), "{program:?} lives on");
    let exit = shim.ends();
    let why = exit.last_turn.as_ref().map(|it| it.why.clone()).unwrap_or_default();
    assert!(why.contains("closed its connection"), "{program:?}: {exit:?}");
    Some(classify(&exit, false))
}

/// Interrupts a program that cannot hear it. Nothing where an interrupt is a key that is typed, or nothing at all.
fn disobeys(program: Program, spec: LaunchSpec) -> Option<DeathClass> {
    match program {
        Program::Exec | Program::Tmux => return None,
        Program::Agent(_) | Program::Acp => {}
    }
    let shim = Shim::start(spec);
    strike(&shim, program, Signal::SIGSTOP);
    let reply = shim.ask(&Request::Interrupt { by: "person:ada".into() });
    assert!(matches!(reply, Reply::Ack { .. }), "{program:?}: {reply:?}");
    let exit = shim.ends();
    let why = exit.last_turn.as_ref().map(|it| it.why.clone()).unwrap_or_default();
    assert!(why.contains("s of the interrupt"), "{program:?}: {exit:?}");
    Some(classify(&exit, false))
}

/// Kills the shim and asks the runner what it makes of it. What it had started must be gone.
fn without_its_shim(stage: &Stage, spec: &LaunchSpec) -> DeathClass {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut fleet = Fleet::connect(&stage.home).await;
        fleet.start(spec);
        let pid = fleet.hears_started(spec.attempt).await;
        let card = ProcessCard::read(&spec.files().shim()).unwrap();
        signal(card.pid, Signal::SIGKILL);
        fleet
            .hears("the loss", |frame| match frame {
                FromRunner::ShimLost { .. } => Some(()),
                _ => None,
            })
            .await;
        crate::stage::is_gone(pid).await;
        fleet.shut_down().await;
        DeathClass::ShimLost
    })
}

/// Kills the tmux server and reads what the shim, which goes with it, wrote down.
fn without_its_terminal(stage: &Stage, spec: &LaunchSpec) -> DeathClass {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut fleet = Fleet::connect(&stage.home).await;
        fleet.start(spec);
        fleet.hears_started(spec.attempt).await;
        let pid = stage.home.tmux(&["display-message", "-p", "#{pid}"]).stdout;
        signal(String::from_utf8(pid).unwrap().trim().parse().unwrap(), Signal::SIGKILL);
        let exit = fleet.hears_exit(spec.attempt).await;
        fleet.shut_down().await;
        classify(&exit, false)
    })
}

fn word(class: DeathClass) -> String {
    serde_json::to_value(class).unwrap().as_str().unwrap().to_owned()
}

/// What each name costs the ticket, as `docs/deaths.md` says below the table.
const EXPLAINED: &str = "\
`crashed`, `oom_killed`, `stalled`, `timed_out`, `no_report` and `spawn_failed` use one of the gate's attempts; `shim_lost` too.
`forked`, `auth`, `quota` and `provider_down` are the runtime's: they open its breaker and cost the ticket nothing, and the role's next
runtime takes over. `disk_full` counts as `crashed`. `stopped` costs nothing.
`budget_spent` costs nothing either, and blocks the ticket until a person lets it go on.

— means that a program of this kind cannot die so, or that nobody would see a difference. A shell script is given the provider's
words to print, and so is the agent under `acp`, which is a scripted one. An agent that ends in mid-turn has crashed, whatever its
exit code: codex ends with 0 after SIGTERM, claude with 0 after SIGINT. A first SIGTERM or SIGINT lets codex work on until its turn
is over; what is told here is what a second one does. An agent that nobody can hear any more (the pipe of its output, or codex's
WebSocket, closed and not opened again within 5 s) is ended, and has crashed too. A terminal that is taken away ends its program by
SIGHUP, and the record says so. A script that starts the agent and does not wait for it is not the agent: what it started is found
and ended, and the record says which program went and what ran on. Under `exec` and `tmux` that is told from an agent that left
something behind by how little the script did: less than 250 ms of processor time, without a report. An interrupted turn that has
not ended after 15 s is cut off with its program.
";

fn document(rows: &[(String, Vec<String>)]) -> String {
    let head: Vec<&str> = PROGRAMS.iter().map(|(name, _)| *name).collect();
    let mut text = String::from(
        "# What each death is called\n\nWhat was done to a lane in mid-turn, with real codex, real claude and a scripted ACP agent, and the \
         name that the\nattempt's end got. Written by the test `every_death_has_its_name` (`crates/runtime/tests/agents/matrix.rs`).\n\n",
    );
    text += &format!("| what is done | {} |\n", head.join(" | "));
    text += &format!("| --- |{}\n", " --- |".repeat(head.len()));
    for (what, names) in rows {
        text += &format!("| {what} | {} |\n", names.join(" | "));
    }
    format!("{text}\n{EXPLAINED}")
}

#[test]
fn every_death_has_its_name() {
    let mut rows = Vec::new();
    for (number, (what, injury)) in (1..).zip(INJURIES) {
        let named = std::thread::scope(|scope| {
            let lanes = PROGRAMS
                .map(|(who, program)| (who, scope.spawn(move || name(program, injury, number))));
            lanes.map(|(who, lane)| lane.join().unwrap_or_else(|_| panic!("{what}: {who}")))
        });
        let named = named.map(|it| it.map_or("—".to_owned(), |it| format!("`{}`", word(it))));
        rows.push((what.to_owned(), named.into()));
    }
    let written = document(&rows);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/deaths.md");
    if std::env::var_os("MISSION_WRITE_DOCS").is_some() {
        std::fs::write(&path, &written).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, kept, "`MISSION_WRITE_DOCS=1` writes the table anew");
}
