//! Turns: a brief, messages while busy, an interrupt, what is not allowed, a session that goes on.

use mission_domain::agents;
use mission_domain::ids::MessageId;
use mission_runtime::agent::{AgentState, Leave, TurnHow};
use mission_runtime::markers::{Marker, Markers};
use mission_runtime::record::{ExitRecord, LastTool, Record, StopCause};
use mission_runtime::record_log::read_after;
use mission_runtime::shim_protocol::{Reply, Request};
use mission_runtime::spec::Driver;
use mission_runtime::{DeathClass, classify, proc_tree};
use nix::sys::signal::Signal;

use crate::lane::{Agent, BOTH, Stage, scripted_acp, session};
use crate::stage::{Shim, eventually, signal};

/// Lets the lane come to its end, and returns its records with it.
#[track_caller]
fn to_the_end(shim: Shim) -> (ExitRecord, Vec<Record>) {
    let files = shim.files();
    let exit = shim.ends();
    let records = read_after(&files.records(), 0).unwrap();
    (exit, records.into_iter().map(|it| it.record).collect())
}

#[test]
fn a_brief_is_worked_with_the_agents_own_tools_and_its_marker_counts() {
    for agent in BOTH {
        let stage = Stage::with(agent);
        let script =
            "sh echo hi > hello.txt && git add -A && git commit -qm hello ;; say DONE: all of it";
        let (exit, records) = to_the_end(Shim::start(stage.lane(1, script)));
        assert!(stage.file("hello.txt").is_file(), "{exit:?}");
        let log = stage.home.git(&["log", "-1", "--format=%s"]);
        assert_eq!(String::from_utf8_lossy(&log.stdout), "hello\n");
        let done = Markers::One { marker: Marker::Done, text: "all of it".into() };
        assert_eq!((exit.markers.clone(), exit.closed, exit.turns), (done, true, 1));
        assert_eq!(exit.last_turn.as_ref().map(|it| it.how), Some(TurnHow::Completed));
        assert_eq!(classify(&exit, true), DeathClass::None);
        assert_eq!(Shim::course(&records), ["+1", "-1"]);
        assert!(records.iter().any(
            |it| matches!(it, Record::TurnDelivered { messages, .. } if *messages == [MessageId(1)])
        ));
        let LastTool::Known { name } = &exit.last_tool else { panic!("{:?}", exit.last_tool) };
        assert!(name.contains("echo hi > hello.txt"), "{name}");
        let usage = exit.usage.expect("figures");
        assert_eq!(usage.output_tokens, Some(68), "{usage:?}");
        assert!(usage.input_tokens >= Some(2_401), "{usage:?}");
        let (id, program, is_resumed) = session(&records);
        let version = match agent {
            Agent::Codex => format!("codex {}", agents::CODEX.version),
            Agent::Claude => format!("claude {}", agents::CLAUDE.version),
        };
        assert_eq!((program, is_resumed), (version, false));
        assert_eq!(exit.session.as_ref(), Some(&id));
        assert!(exit.orphans.is_empty(), "{:?}", exit.orphans);
    }
}

#[test]
fn a_command_of_the_agent_finds_mission_before_everything_else() {
    for agent in BOTH {
        let stage = Stage::with(agent);
        let shim = Shim::start(stage.lane(1, "sh command -v mission > found ;; say DONE: it"));
        let bin = shim.files().bin();
        let (exit, _) = to_the_end(shim);
        let found = std::fs::read_to_string(stage.file("found")).unwrap_or_default();
        assert_eq!(found.trim(), bin.join("mission").to_str().unwrap(), "{agent:?}: {exit:?}");
    }
}

#[test]
fn a_message_while_the_agent_is_busy_waits_and_is_then_taken_once() {
    for agent in BOTH {
        let stage = Stage::with(agent);
        let script = "sh until [ -e ../go ]; do sleep 0.05; done ;; say DONE: one";
        let shim = Shim::start(stage.lane(1, script));
        shim.becomes(AgentState::Busy);
        shim.says("until [ -e ../go ]");
        for _ in 0..3 {
            // A server that comes back says again what it does not know to have arrived.
            shim.turn(2, "[[script: sh echo two >> taken ;; say DONE: two]]");
        }
        shim.turn(3, "[[script: sh echo three >> taken ;; say DONE: three]]");
        let Reply::Status { status } = shim.ask(&Request::Status) else { panic!("no status") };
        assert_eq!((status.queued, status.turns), (2, 1));
        std::fs::write(stage.home.path().join("go"), "").unwrap();
        let (exit, records) = to_the_end(shim);
        assert_eq!(std::fs::read_to_string(stage.file("taken")).unwrap(), "two\nthree\n");
        assert_eq!(Shim::course(&records), ["+1", "-1", "+2", "-2", "+3", "-3"], "{agent:?}");
        assert_eq!(exit.markers, Markers::One { marker: Marker::Done, text: "three".into() });
        assert!(exit.undelivered.is_empty());
        assert_eq!((stage.asked("echo two"), stage.asked("echo three")), (1, 1));
    }
}

#[test]
fn an_interrupt_ends_the_turn_and_its_command_and_the_session_goes_on() {
    for agent in BOTH {
        let stage = Stage::with(agent);
        let script = "sh echo $$ > ../pid; exec tail -f /dev/null ;; say DONE: never";
        let shim = Shim::start(stage.lane(1, script));
        let pid_file = stage.home.path().join("pid");
        let pid: i32 = eventually("the command", || {
            std::fs::read_to_string(&pid_file).ok()?.trim().parse().ok()
        });
        assert!(matches!(
            shim.ask(&Request::Interrupt { by: "person:ada".into() }),
            Reply::Ack { .. }
        ));
        shim.becomes(AgentState::Idle);
        eventually("the end of the command", || {
            proc_tree::process(pid).is_none_or(|it| it.is_zombie).then_some(())
        });
        let idle = shim.connect().ask(&Request::Interrupt { by: "person:ada".into() });
        assert!(idle.unwrap_err().to_string().contains("idle"));
        shim.turn(2, "[[script: say DONE: after all]]");
        let (exit, records) = to_the_end(shim);
        let hows: Vec<TurnHow> = records
            .iter()
            .filter_map(|it| match it {
                Record::TurnEnded { end, .. } => end.as_ref().map(|it| it.how),
                _ => None,
            })
            .collect();
        assert_eq!(hows, [TurnHow::Interrupted, TurnHow::Completed], "{agent:?}");
        assert_eq!(exit.markers, Markers::One { marker: Marker::Done, text: "after all".into() });
    }
}

#[test]
fn a_guarded_command_is_refused_in_its_turn_and_everything_else_is_allowed() {
    for agent in BOTH {
        let stage = Stage::with(agent);
        let script = "sh touch before; git push origin main; touch ../pushed ;; sh touch allowed ;; say DONE: it was refused";
        let (exit, records) = to_the_end(Shim::start(stage.lane(1, script)));
        assert!(!stage.file("before").exists() && !stage.home.path().join("pushed").exists());
        assert!(stage.file("allowed").is_file(), "{agent:?}: {}", exit.last_output);
        let refused: Vec<String> = records
            .iter()
            .filter_map(|it| match it {
                Record::Answered { leave: Leave::Refused { why }, by, .. } => {
                    Some(format!("{by}: {why}"))
                }
                _ => None,
            })
            .collect();
        assert!(
            matches!(&refused[..], [one] if one.starts_with("policy: `git push` needs a person")),
            "{refused:?}"
        );
        assert_eq!(
            exit.markers,
            Markers::One { marker: Marker::Done, text: "it was refused".into() }
        );
    }
}

#[test]
fn words_can_be_put_into_the_turn_in_flight() {
    for agent in BOTH {
        let stage = Stage::with(agent);
        let script = "sh until [ -e ../go ]; do sleep 0.05; done ;; say DONE: without it";
        let shim = Shim::start(stage.lane(1, script));
        shim.says("until [ -e ../go ]");
        let text = "[[script: say DONE: with it]]".to_owned();
        let steer = Request::Steer { messages: vec![MessageId(7)], text, who: "person:ada".into() };
        assert!(matches!(shim.ask(&steer), Reply::Ack { .. }));
        assert!(matches!(shim.ask(&steer), Reply::Ack { .. }), "a repeat has no effect");
        std::fs::write(stage.home.path().join("go"), "").unwrap();
        let (exit, records) = to_the_end(shim);
        assert_eq!(exit.markers, Markers::One { marker: Marker::Done, text: "with it".into() });
        assert_eq!(Shim::course(&records), ["+1", "~1", "-1"], "{agent:?}");
        assert_eq!(exit.turns, 1);
    }
}

#[test]
fn a_session_goes_on_in_the_next_attempt_after_its_agent_was_killed() {
    for agent in BOTH {
        let stage = Stage::with(agent);
        let script = "sh echo $$ > ../pid; exec tail -f /dev/null ;; say DONE: never";
        let shim = Shim::start(stage.lane(1, script));
        let pid_file = stage.home.path().join("pid");
        eventually("the command", || {
            std::fs::read_to_string(&pid_file).ok().filter(|it| !it.is_empty())
        });
        stage.is_written_down();
        let Reply::Status { status } = shim.ask(&Request::Status) else { panic!("no status") };
        signal(status.pid.unwrap(), Signal::SIGKILL);
        let (exit, records) = to_the_end(shim);
        assert_eq!((exit.signal, exit.closed), (Some(9), false));
        assert_eq!(exit.last_turn.as_ref().map(|it| it.how), Some(TurnHow::CutOff));
        assert_eq!(classify(&exit, false), DeathClass::Crashed);
        let LastTool::Known { name } = &exit.last_tool else { panic!("{:?}", exit.last_tool) };
        assert!(name.contains("tail -f"), "{name}");
        assert_eq!(Shim::course(&records), ["+1", "-1"]);
        let (id, ..) = session(&records);
        let asked = stage.model.seen().len();
        let next = stage.lane_after(2, &id, "say DONE: at last");
        let (exit, records) = to_the_end(Shim::start(next));
        assert_eq!(exit.markers, Markers::One { marker: Marker::Done, text: "at last".into() });
        let (same, _, is_resumed) = session(&records);
        assert_eq!((same, is_resumed), (id, true), "{agent:?}");
        assert!(stage.model.seen().len() > asked);
        assert_eq!(exit.usage.and_then(|it| it.output_tokens), Some(34), "only its own");
    }
}

#[test]
fn a_session_that_is_gone_is_begun_anew() {
    for agent in BOTH {
        let stage = Stage::with(agent);
        let gone = "0199a0e0-0000-7000-8000-000000000000";
        let (exit, records) = to_the_end(Shim::start(stage.lane_after(1, gone, "say DONE: anew")));
        assert_eq!(exit.markers, Markers::One { marker: Marker::Done, text: "anew".into() });
        let (id, _, is_resumed) = session(&records);
        assert!(!is_resumed && id != gone, "{agent:?}");
    }
}

#[test]
fn a_session_that_an_agent_only_says_it_loaded_is_begun_anew_and_gets_the_same_turn() {
    let stage = Stage::with(Agent::Codex);
    let gone = format!("{}1", mission_testkit::acp::FORGOTTEN);
    let mut spec = stage.lane_after(1, &gone, "say DONE: anew");
    spec.driver = Driver::Acp;
    spec.command = vec![scripted_acp().display().to_string()];
    // What is said only where a session goes on; the agent would play the first script that it reads.
    spec.session.hand_over = Some("[[script: say DONE: of another ticket]]\n".into());
    let shim = Shim::start(spec);
    let journal = shim.files().journal();
    let (exit, records) = to_the_end(shim);
    assert_eq!(exit.markers, Markers::One { marker: Marker::Done, text: "anew".into() });
    let sessions: Vec<_> = records
        .iter()
        .filter_map(|it| match it {
            Record::Session { session, is_resumed, .. } => Some((session.clone(), *is_resumed)),
            _ => None,
        })
        .collect();
    let [(first, true), (second, false)] = &sessions[..] else { panic!("{sessions:?}") };
    assert!(*first == gone && *second != gone, "{sessions:?}");
    assert_eq!((Shim::course(&records), exit.turns), (vec!["+1".into(), "-1".into()], 1));
    assert!(records.iter().any(
        |it| matches!(it, Record::TurnDelivered { messages, .. } if *messages == [MessageId(1)])
    ));
    let journal = std::fs::read_to_string(journal).unwrap();
    assert!(
        journal.contains(&format!("goes on with the session {gone}, and refused")),
        "{journal}"
    );
}

#[test]
fn an_agent_that_forgets_to_report_is_reminded_once() {
    for agent in BOTH {
        let stage = Stage::with(agent);
        let (exit, records) = to_the_end(Shim::start(stage.lane(1, "say I think that is it")));
        assert_eq!(Shim::course(&records), ["+1", "-1", "+2", "-2"], "{agent:?}");
        assert!(
            records.iter().any(|it| matches!(it, Record::Input { who, .. } if who == "mission"))
        );
        assert_eq!(exit.markers, Markers::None);
        assert_eq!(classify(&exit, false), DeathClass::NoReport);
    }
}

#[test]
fn a_last_turn_comes_to_its_own_end_and_then_the_attempt_is_stopped() {
    for agent in BOTH {
        let stage = Stage::with(agent);
        let script =
            "sh until [ -e ../go ]; do sleep 0.05; done ;; sh echo all > whole ;; say more";
        let shim = Shim::start(stage.lane(1, script));
        shim.says("until [ -e ../go ]");
        shim.turn(2, "[[script: sh touch never ;; say DONE: two]]");
        let by = "the day's budget of MC".to_owned();
        assert!(matches!(shim.ask(&Request::LastTurn { by: by.clone() }), Reply::Ack { .. }));
        std::fs::write(stage.home.path().join("go"), "").unwrap();
        let (exit, records) = to_the_end(shim);
        assert_eq!(std::fs::read_to_string(stage.file("whole")).unwrap(), "all\n", "{agent:?}");
        assert!(!stage.file("never").exists());
        assert_eq!(Shim::course(&records), ["+1", "-1"], "{agent:?}");
        assert_eq!(exit.last_turn.as_ref().map(|it| it.how), Some(TurnHow::Completed));
        assert_eq!(exit.stop_cause, StopCause::Stopped { by });
        assert_eq!(classify(&exit, false), DeathClass::Stopped);
        assert_eq!(exit.undelivered, [MessageId(2)]);
    }
}

#[test]
fn a_turn_that_ends_while_a_person_has_the_session_is_judged_once_they_give_it_back() {
    for agent in BOTH {
        let stage = Stage::with(agent);
        let script = "sh until [ -e ../go ]; do sleep 0.05; done ;; say nothing is reported";
        let shim = Shim::start(stage.lane(1, script));
        shim.becomes(AgentState::Busy);
        let ada = "person:ada".to_owned();
        shim.ask(&Request::TakeOver { by: ada.clone() });
        std::fs::write(stage.home.path().join("go"), "").unwrap();
        shim.says("nothing is reported");
        shim.becomes(AgentState::Idle);
        let is_reminded = |records: &[Record]| {
            records.iter().any(|it| matches!(it, Record::Input { who, .. } if who == "mission"))
        };
        assert!(!is_reminded(&shim.records()), "{agent:?}: it waits for the person");
        shim.turn(2, "[[script: say still nothing]]");
        shim.says("still nothing");
        shim.becomes(AgentState::Idle);
        assert!(!is_reminded(&shim.records()), "{agent:?}: a message is taken meanwhile");
        shim.ask(&Request::GiveBack { by: ada.clone() });
        let (_, records) = to_the_end(shim);
        assert!(is_reminded(&records), "{agent:?}: {records:?}");
        let at = |wanted: &Record| records.iter().position(|it| it == wanted);
        let (took, gave) = (
            at(&Record::TookOver { by: Some(ada.clone()) }),
            at(&Record::GaveBack { by: Some(ada) }),
        );
        assert!(took.is_some() && took < gave, "{agent:?}: {records:?}");
    }
}
