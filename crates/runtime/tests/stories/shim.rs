//! One shim, driver `exec`: what it records of ends, turns, reports and output.

use mission_domain::ids::MessageId;
use mission_domain::ticket::MOST_SAID;
use mission_runtime::markers::{Marker, Markers};
use mission_runtime::record::{OomVerdict, Record, StopCause};
use mission_runtime::shim_protocol::{Reply, Request};
use mission_runtime::{DeathClass, LaunchSpec, classify, proc_tree};
use nix::sys::signal::Signal;

use crate::stage::{Home, Shim, eventually, signal};

#[test]
fn the_exit_code_is_recorded() {
    let home = Home::new();
    for (number, code) in [(1, 0), (2, 1), (3, 77), (4, 255)] {
        let exit = Shim::start(home.lane(number, &format!("exit {code}"))).ends();
        assert_eq!((exit.exit_code, exit.signal), (Some(code), None));
        assert_eq!((exit.stop_cause, exit.turns), (StopCause::None, 1));
    }
}

#[test]
fn each_signal_is_recorded() {
    let home = Home::new();
    let signals = [
        Signal::SIGKILL,
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGSEGV,
        Signal::SIGABRT,
        Signal::SIGHUP,
        Signal::SIGPIPE,
    ];
    for (number, signal) in (1..).zip(signals) {
        let script = format!("ulimit -c 0; kill -{} $$", signal as i32);
        let exit = Shim::start(home.lane(number, &script)).ends();
        assert_eq!((exit.exit_code, exit.signal), (None, Some(signal as i32)), "{signal}");
        assert_ne!(exit.oom.verdict, OomVerdict::Yes);
        assert!(!exit.oom.how.is_empty());
    }
}

#[test]
fn the_brief_is_on_stdin_and_in_a_file_and_the_environment_is_only_what_was_given() {
    let home = Home::new();
    let shim = Shim::start(home.lane(1, "cat; cat $MISSION_BRIEF; env"));
    let lane_dir = shim.spec.lane_dir.clone();
    let exit = shim.ends();
    assert_eq!(exit.exit_code, Some(0));
    let journal = std::fs::read_to_string(lane_dir.join("journal")).unwrap();
    assert_eq!(journal.matches("# Brief\nDo it.\n").count(), 2);
    for line in [
        "MISSION_ATTEMPT=A-1",
        "MISSION_TICKET=MC-7",
        "MISSION_ROLE=coder",
        "MISSION_GATE=implementation",
    ] {
        assert!(journal.lines().any(|l| l == line), "{line}");
    }
    assert!(!journal.lines().any(|line| line.starts_with("HOME=")));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(lane_dir.join("spec.json")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

/// Sends each order to the shim of its own lane, and prints what it answers.
const ORDERS: &str = r#"python3 -c '
import os, socket, sys
for order in sys.stdin.read().splitlines():
    shim = socket.socket(socket.AF_UNIX); shim.connect(os.environ["MISSION_SOCKET"])
    lines = shim.makefile("rw"); lines.readline()
    lines.write(order + "\n"); lines.flush(); print(lines.readline(), flush=True)
' <<'ORDERS'
{"op":"stop","grace_ms":0,"by":"person:ada"}
{"op":"take_over","by":"person:ada"}
{"op":"keys","by":"person:ada","data":"eA=="}
{"op":"answer","id":"1","leave":{"answer":"given"},"by":"person:ada"}
{"op":"input","messages":[],"text":"go on","who":"person:ada"}
{"op":"turn","messages":["M-9"],"text":"go on"}
{"op":"interrupt","by":"person:ada"}
{"op":"take_back","messages":["M-9"]}
{"op":"put_back","messages":["M-9"]}
{"op":"last_turn","by":"person:ada"}
ORDERS
exit 5"#;

#[test]
fn a_lane_gives_its_own_shim_no_order_in_a_persons_name() {
    let home = Home::new();
    let shim = Shim::start(home.lane(1, ORDERS));
    let lane_dir = shim.spec.lane_dir.clone();
    let exit = shim.ends();
    let journal = std::fs::read_to_string(lane_dir.join("journal")).unwrap();
    assert_eq!(journal.matches("not_yours").count(), 10, "{journal}");
    assert_eq!((exit.exit_code, exit.stop_cause, exit.turns), (Some(5), StopCause::None, 1));
    let records = std::fs::read_to_string(lane_dir.join("records.jsonl")).unwrap();
    assert!(!records.contains("person:ada"), "{records}");
}

#[test]
fn a_program_that_reads_no_stdin_and_one_that_is_not_there_both_end_well() {
    let home = Home::new();
    std::fs::write(home.path().join("brief.md"), "x".repeat(1_000_000)).unwrap();
    assert_eq!(Shim::start(home.lane(1, "exit 3")).ends().exit_code, Some(3));
    let missing = LaunchSpec { command: vec!["/nowhere/agent".into()], ..home.lane(2, "") };
    let exit = Shim::start(missing).ends();
    assert!(exit.spawn_error.as_ref().is_some_and(|e| e.contains("/nowhere/agent")), "{exit:?}");
    assert_eq!((exit.exit_code, exit.signal, exit.turns), (None, None, 0));
    assert_eq!(exit.undelivered, vec![MessageId(1)]);
    assert_eq!(classify(&exit, false), DeathClass::SpawnFailed);
}

#[test]
fn a_process_that_left_the_session_is_found_ended_and_named() {
    let home = Home::new();
    let shim = Shim::start(
        home.lane(1, "(setsid sleep 1000 & ) ; until pgrep -s 0 >/dev/null; do :; done; exit 0"),
    );
    let exit = shim.ends();
    let orphan = exit.orphans.iter().find(|o| o.comm == "sleep").expect("the orphan is named");
    assert!(orphan.ended);
    assert!(proc_tree::process(orphan.pid).is_none(), "the orphan is gone");
    assert_eq!(exit.exit_code, Some(0));
}

#[test]
fn a_script_that_starts_the_agent_and_goes_is_told_from_an_agent_that_left_something_behind() {
    let home = Home::new();
    let exit = Shim::start(home.lane(1, "sleep 1000 & exit 0")).ends();
    assert_eq!(classify(&exit, false), DeathClass::Forked, "{exit:?}");
    let why = exit.forked.expect("it is told");
    let pid = exit.orphans[0].pid;
    let told = format!(
        "`sh` ended with exit code 0 while `sleep` (pid {pid}), which it had started, ran on"
    );
    assert_eq!(why, told);
    assert!(proc_tree::process(pid).is_none(), "it is gone");

    let works = "i=0; while [ $i -lt 2000000 ]; do i=$((i+1)); done; sleep 1000 & exit 0";
    let exit = Shim::start(home.lane(2, works)).ends();
    assert_eq!(classify(&exit, false), DeathClass::NoReport, "{exit:?}");
    assert_eq!((exit.forked, exit.orphans.len()), (None, 1));

    let exit = Shim::start(home.lane(3, "echo 'DONE: it is there'; sleep 1000 & exit 0")).ends();
    let text = "it is there".to_owned();
    assert_eq!(exit.markers, Markers::One { marker: Marker::Done, text });
    assert_eq!(classify(&exit, true), DeathClass::None, "what reported has delivered");
}

#[test]
fn markers_are_read_from_stdout_alone_and_broken_utf8_is_no_obstacle() {
    let home = Home::new();
    let script = "echo 'DONE: quoted from the prompt' >&2; printf 'caf\\351 \\377\\n\\033[1mQUESTION:\\033[0m which \\351?\\n'";
    let exit = Shim::start(home.lane(1, script)).ends();
    let text = "which \u{fffd}?".to_owned();
    assert_eq!(exit.markers, Markers::One { marker: Marker::Question, text });
    assert!(exit.last_output.contains("caf\u{fffd}"));
    assert_eq!(classify(&exit, true), DeathClass::None);
}

#[test]
fn a_report_is_on_the_disk_before_it_is_acknowledged_and_no_server_is_needed() {
    let home = Home::new();
    let shim = Shim::start(home.lane(1, "mission report finished || exit 9"));
    let files = shim.files();
    let exit = shim.ends();
    assert_eq!(exit.exit_code, Some(0), "{}", exit.last_output);
    assert!(exit.last_output.contains("kept as record 3"));
    let records = mission_runtime::record_log::read_after(&files.records(), 2).unwrap();
    assert_eq!(
        records[0].record,
        Record::Report { value: serde_json::json!({"summary": "finished"}) }
    );
}

#[test]
fn turns_given_meanwhile_run_one_after_another_as_processes_of_their_own() {
    let home = Home::new();
    let script =
        "cat; echo; echo turn by $$; until [ -e ../go ]; do sleep 0.01; done; echo DONE: turn";
    let gate = home.path().join("go");
    let shim = Shim::start(home.lane(1, script));
    shim.says("turn by");
    for number in [2, 3] {
        let request =
            Request::Turn { messages: vec![MessageId(number)], text: format!("message {number}") };
        assert!(matches!(shim.ask(&request), Reply::Ack { .. }));
    }
    let busy =
        shim.connect().ask(&Request::Input { messages: vec![], text: "x".into(), who: "y".into() });
    assert!(busy.unwrap_err().to_string().contains("busy"));
    std::fs::write(&gate, "").unwrap();
    let files = shim.files();
    let exit = shim.ends();
    assert_eq!((exit.turns, exit.undelivered.len()), (3, 0));
    let journal = std::fs::read_to_string(files.journal()).unwrap();
    assert!(journal.find("message 2").unwrap() < journal.find("message 3").unwrap());
    let records = mission_runtime::record_log::read_after(&files.records(), 0).unwrap();
    let delivered: Vec<(u32, Vec<MessageId>)> = records
        .into_iter()
        .filter_map(|r| match r.record {
            Record::TurnDelivered { turn, messages } => Some((turn, messages)),
            _ => None,
        })
        .collect();
    assert_eq!(
        delivered,
        vec![(1, vec![MessageId(1)]), (2, vec![MessageId(2)]), (3, vec![MessageId(3)])]
    );
}

#[test]
fn what_waits_is_let_go_and_what_was_begun_or_stands_in_the_brief_is_not() {
    let home = Home::new();
    let script =
        "cat; echo; echo turn by $$; until [ -e ../go ]; do sleep 0.01; done; echo DONE: it";
    let shim = Shim::start(home.lane(1, script));
    shim.says("turn by");
    let turn = |number| Request::Turn {
        messages: vec![MessageId(number)],
        text: format!("message {number}"),
    };
    for number in [2, 3] {
        assert!(matches!(shim.ask(&turn(number)), Reply::Ack { .. }));
    }
    let files = shim.files();
    let take_back = |numbers: &[u64]| {
        let messages: Vec<_> = numbers.iter().copied().map(MessageId).collect();
        mission_runtime::leave::take_back(&files, &messages).unwrap()
    };
    assert!(!take_back(&[1]), "the brief holds it");
    assert!(!take_back(&[2, 1]), "all of them or none");
    assert!(take_back(&[2]) && take_back(&[2]), "what is gone is gone");
    // A frame that was on its way brings nothing back, nor does one that comes only now.
    assert!(take_back(&[4]));
    for late in [2, 4] {
        assert!(matches!(shim.ask(&turn(late)), Reply::Ack { .. }));
    }
    // Nobody withdrew the fifth after all: it is taken when it comes again, once. What was not let go of is not doubled by that.
    assert!(matches!(shim.ask(&turn(5)), Reply::Ack { .. }));
    assert!(take_back(&[5]));
    mission_runtime::leave::put_back(&files, &[MessageId(5), MessageId(3)]).unwrap();
    for again in [5, 5, 3] {
        assert!(matches!(shim.ask(&turn(again)), Reply::Ack { .. }));
    }
    std::fs::write(home.path().join("go"), "").unwrap();
    let exit = shim.ends();
    assert_eq!((exit.turns, exit.undelivered.len()), (3, 0));
    let journal = std::fs::read_to_string(files.journal()).unwrap();
    for came in ["message 3", "message 5"] {
        assert_eq!(journal.matches(came).count(), 1, "{journal}");
    }
    assert!(!journal.contains("message 2") && !journal.contains("message 4"), "{journal}");
    assert!(mission_runtime::leave::take_back(&files, &[MessageId(3)]).is_err(), "it has ended");
}

#[test]
fn after_a_last_turn_nothing_more_is_begun_and_what_waited_stays_undelivered() {
    let home = Home::new();
    let shim = Shim::start(
        home.lane(1, "echo up; until [ -e ../go ]; do sleep 0.01; done; echo whole; echo DONE: it"),
    );
    shim.says("up");
    let turn =
        |number, text: &str| Request::Turn { messages: vec![MessageId(number)], text: text.into() };
    assert!(matches!(shim.ask(&turn(2, "more")), Reply::Ack { .. }));
    let last = Request::LastTurn { by: "the day's budget of MC".into() };
    assert!(matches!(shim.ask(&last), Reply::Ack { .. }));
    assert!(matches!(shim.ask(&last), Reply::Ack { .. }), "a repeat has no effect");
    let late = shim.connect().ask(&turn(3, "and more"));
    assert!(late.unwrap_err().to_string().contains("ended"));
    std::fs::write(home.path().join("go"), "").unwrap();
    let exit = shim.ends();
    assert_eq!((exit.exit_code, exit.turns, exit.stop_cause), (Some(0), 1, StopCause::None));
    assert_eq!(exit.undelivered, vec![MessageId(2)]);
    assert!(exit.last_output.contains("whole"));
}

#[test]
fn a_turn_that_fails_ends_the_attempt_and_names_what_was_not_delivered() {
    let home = Home::new();
    let gate = home.path().join("go");
    nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let shim = Shim::start(home.lane(1, "echo up; read go < ../go; exit 5"));
    shim.says("up");
    shim.ask(&Request::Turn { messages: vec![MessageId(2)], text: "more".into() });
    std::fs::write(&gate, "go\n").unwrap();
    let exit = shim.ends();
    assert_eq!((exit.exit_code, exit.turns), (Some(5), 1));
    assert_eq!(exit.undelivered, vec![MessageId(2)]);
}

#[test]
fn a_stop_asks_first_and_kills_after_the_grace() {
    let home = Home::new();
    let polite = Shim::start(
        home.lane(1, "trap 'echo bye; exit 4' TERM; echo up; while :; do sleep 0.01; done"),
    );
    polite.says("up");
    polite.stop(60_000);
    let exit = polite.ends();
    assert_eq!(exit.exit_code, Some(4));
    assert_eq!(exit.stop_cause, StopCause::Stopped { by: "the test".into() });
    let deaf = Shim::start(home.lane(2, "trap '' TERM; echo up; while :; do sleep 0.01; done"));
    deaf.says("up");
    deaf.stop(50);
    let exit = deaf.ends();
    assert_eq!((exit.signal, exit.oom.verdict), (Some(9), OomVerdict::No));
    assert_eq!(classify(&exit, false), DeathClass::Stopped);
}

#[test]
fn a_signal_to_the_shim_is_a_recorded_stop() {
    let home = Home::new();
    let shim = Shim::start(home.lane(1, "echo up; exec sleep 1000"));
    shim.says("up");
    signal(shim.process.id().cast_signed(), Signal::SIGHUP);
    let exit = shim.ends();
    assert_eq!(exit.signal, Some(Signal::SIGTERM as i32));
    assert!(
        matches!(&exit.stop_cause, StopCause::Stopped { by } if by.contains("SIGHUP")),
        "{exit:?}"
    );
}

#[test]
fn a_lane_has_one_shim_in_its_life() {
    let home = Home::new();
    let first = Shim::start(home.lane(1, "echo up; exec sleep 1000"));
    first.says("up");
    let mut second = Shim::start(home.lane(1, "echo never"));
    let status = eventually("the second shim's end", || second.process.try_wait().unwrap());
    assert_eq!(status.code(), Some(70));
    first.stop(0);
    assert_eq!(first.ends().signal, Some(9));
}

#[test]
fn subscribers_get_what_they_missed_and_what_comes_and_the_journal_can_be_read() {
    use base64::Engine as _;
    let home = Home::new();
    let shim = Shim::start(home.lane(1, "echo first words; exec sleep 1000"));
    shim.says("words");
    let mut listener = shim.connect();
    assert_eq!(listener.hello().attempt, Some(shim.spec.attempt));
    listener.send(&Request::Subscribe { after_record: 1 }).unwrap();
    assert!(matches!(
        shim.ask(&Request::Evidence { value: serde_json::json!(7) }),
        Reply::Ack { record: 3 }
    ));
    let mut numbers = Vec::new();
    let Reply::Tail { data, next, .. } = shim.ask(&Request::Tail { offset: 6 }) else {
        panic!("no tail")
    };
    assert_eq!(base64::engine::general_purpose::STANDARD.decode(data).unwrap(), b"words\n");
    assert_eq!(next, 12);
    let Reply::Status { status } = shim.ask(&Request::Status) else { panic!("no status") };
    assert_eq!(
        (status.turns, status.journal_bytes, status.last_record, status.stopping),
        (1, 12, 3, false)
    );
    shim.stop(0);
    while let Ok(Reply::Record { entry }) = listener.receive() {
        numbers.push(entry.number);
    }
    assert_eq!(numbers, vec![2, 3, 4, 5]);
    assert!(matches!(shim.records().last(), Some(Record::Exited { .. })));
    assert_eq!(shim.ends().signal, Some(9));
}

#[test]
fn the_sandbox_keeps_a_confined_lane_out_of_what_it_was_not_given() {
    let home = Home::new();
    std::fs::write(home.path().join("secret"), "hunter2").unwrap();
    let mut spec = home.lane(
        1,
        "cat ../secret; echo mine > mine; mission report r; echo $TMPDIR; echo t > $TMPDIR/t",
    );
    spec.access.confined = true;
    spec.access.read_only.push(spec.lane_dir.clone());
    let files = spec.files();
    let exit = Shim::start(spec).ends();
    let journal = std::fs::read_to_string(files.journal()).unwrap();
    let confinement = exit.confinement.expect("it says what held");
    if confinement.filesystem.is_kept() {
        // Where the machine has namespaces as well, it is not even there.
        let is_kept_out =
            ["ermission denied", "No such file"].iter().any(|it| journal.contains(it));
        assert!(is_kept_out && !journal.contains("hunter2"), "{journal}");
    }
    assert!(home.path().join("ws/mine").is_file(), "{journal}");
    assert!(journal.contains("kept as record"), "{journal}");
    assert_eq!(exit.exit_code, Some(0), "{journal}");
}

#[test]
fn a_lane_in_a_very_deep_folder_gets_a_short_socket() {
    let home = Home::new();
    let deep = home.path().join("d".repeat(60)).join("e".repeat(60));
    let spec = LaunchSpec {
        lane_dir: deep.join("A-1"),
        ..home.lane(1, "mission report deep; exec sleep 1000")
    };
    let shim = Shim::start(spec);
    shim.says("kept as record 3");
    let socket = shim.socket();
    assert!(!socket.starts_with(&deep) && socket.as_os_str().len() <= 107, "{}", socket.display());
    shim.stop(0);
    assert_eq!(shim.ends().signal, Some(9));
    assert!(!socket.exists(), "the socket goes with its shim");
}

#[test]
fn what_is_too_long_to_be_kept_is_refused_while_the_agent_can_say_it_shorter() {
    let home = Home::new();
    let shim = Shim::start(home.lane(1, "sleep 600"));
    let value = |bytes| serde_json::json!({ "says": "done", "summary": "x".repeat(bytes) });
    let long = value(MOST_SAID);
    for request in [
        Request::Report { value: long.clone() },
        Request::Evidence { value: long.clone() },
        Request::Approval { value: long },
    ] {
        let refused = shim.connect().ask(&request).expect_err("it is too long");
        let said = refused.to_string();
        assert!(said.contains("at most 32768") && said.contains("evidence file FILE"), "{said}");
    }
    let short = Request::Report { value: value(MOST_SAID - 100) };
    assert!(matches!(shim.ask(&short), Reply::Ack { .. }));
    let said = |it: &&Record| {
        matches!(it, Record::Report { .. } | Record::Evidence { .. } | Record::Approval { .. })
    };
    assert_eq!(shim.records().iter().filter(said).count(), 1);
    shim.stop(100);
    shim.ends();
}
