//! The runner from the server's side.

use std::time::Duration;

use mission_domain::ids::{AttemptId, MessageId};
use mission_runtime::protocol::{FromRunner, ToRunner};
use mission_runtime::record::{Record, StopCause};
use mission_runtime::runner::{Patience, run_patiently};

use crate::fleet::Fleet;
use crate::stage::{DEADLINE, Home, is_gone};

#[tokio::test]
async fn an_attempt_is_started_once_and_its_records_come_in_order() {
    let home = Home::new();
    let mut fleet = Fleet::connect(&home).await;
    let spec = home.lane(1, "mission report done; echo x >> started; exit 3");
    fleet.start(&spec);
    fleet.start(&spec);
    let mut numbers = Vec::new();
    let exit = loop {
        match tokio::time::timeout(DEADLINE, fleet.received.recv()).await.unwrap().unwrap() {
            FromRunner::Record { entry, .. } => numbers.push(entry.number),
            FromRunner::Exited { exit, .. } => break exit,
            FromRunner::Started { .. } => {}
            other => panic!("unexpected {other:?}"),
        }
    };
    numbers.dedup();
    assert_eq!(numbers, vec![1, 2, 3, 4, 5]);
    assert_eq!(exit.exit_code, Some(3));
    fleet.start(&spec);
    assert_eq!(fleet.hears_exit(spec.attempt).await, *exit);
    assert_eq!(std::fs::read_to_string(home.path().join("ws/started")).unwrap(), "x\n");
    fleet.shut_down().await;
}

#[tokio::test]
async fn a_start_that_cannot_be_is_said_with_its_reason() {
    let home = Home::new();
    let mut fleet = Fleet::connect(&home).await;
    let spec = home.lane(1, "exit 0");
    let bad = [
        mission_runtime::LaunchSpec { command: vec![], ..spec.clone() },
        mission_runtime::LaunchSpec { cwd: "/nowhere/at/all".into(), ..spec.clone() },
        mission_runtime::LaunchSpec { mission_exe: "/nowhere/mission".into(), ..spec.clone() },
        mission_runtime::LaunchSpec { mission_exe: "/bin/false".into(), ..spec },
    ];
    let reasons = ["no command", "/nowhere/at/all", "/nowhere/mission", "ended at once"];
    for (spec, reason) in bad.iter().zip(reasons) {
        fleet.start(spec);
        let error = fleet
            .hears("the failure", |frame| match frame {
                FromRunner::StartFailed { error, .. } => Some(error.clone()),
                _ => None,
            })
            .await;
        assert!(error.contains(reason), "{error}");
    }
    fleet.shut_down().await;
}

#[tokio::test]
async fn a_turn_for_an_attempt_that_is_over_or_unknown_is_refused_with_its_messages() {
    let home = Home::new();
    let mut fleet = Fleet::connect(&home).await;
    let spec = home.lane(1, "exit 0");
    fleet.start(&spec);
    fleet.hears_exit(spec.attempt).await;
    for (attempt, wanted) in [(spec.attempt, "ended"), (AttemptId(99), "unknown_attempt")] {
        fleet
            .client
            .send(ToRunner::Turn { attempt, messages: vec![MessageId(5)], text: "x".into() })
            .unwrap();
        let code = fleet
            .hears("the refusal", |frame| match frame {
                FromRunner::TurnRefused { messages, code, .. } if *messages == [MessageId(5)] => {
                    Some(code.clone())
                }
                _ => None,
            })
            .await;
        assert_eq!(code, wanted);
    }
    fleet.shut_down().await;
}

#[tokio::test]
async fn a_stop_sent_right_after_the_start_is_not_lost() {
    let home = Home::new();
    let mut fleet = Fleet::connect(&home).await;
    let spec = home.lane(1, "exec sleep 1000");
    fleet.start(&spec);
    fleet
        .client
        .send(ToRunner::Stop { attempt: spec.attempt, grace_ms: 100, by: "person:ada".into() })
        .unwrap();
    let exit = fleet.hears_exit(spec.attempt).await;
    assert_eq!(exit.stop_cause, StopCause::Stopped { by: "person:ada".into() });
    fleet.shut_down().await;
}

#[tokio::test]
async fn a_new_server_takes_over_and_gets_what_was_not_acknowledged() {
    let home = Home::new();
    let mut first = Fleet::connect(&home).await;
    let spec = home.lane(1, "mission report kept; exec sleep 1000");
    first.start(&spec);
    let report = first.hears_record(|r| matches!(r, Record::Report { .. })).await;
    first.client.send(ToRunner::Ack { attempt: spec.attempt, record: report.number - 1 }).unwrap();
    first.client.send(ToRunner::Ping).unwrap();
    first.hears("pong", |frame| matches!(frame, FromRunner::Pong).then_some(())).await;
    drop(first);
    let mut second = Fleet::connect(&home).await;
    let again = second
        .hears("a record", |frame| match frame {
            FromRunner::Record { entry, .. } => Some(entry.clone()),
            _ => None,
        })
        .await;
    assert_eq!(again, report);
    second.shut_down().await;
}

#[tokio::test]
async fn a_shutdown_without_the_lanes_leaves_them_and_the_next_runner_finds_them() {
    let home = Home::new();
    let mut fleet = Fleet::connect(&home).await;
    let spec = home.lane(1, "exec sleep 1000");
    fleet.start(&spec);
    let pid = fleet.hears_started(spec.attempt).await;
    fleet.client.send(ToRunner::Shutdown { stop_lanes: false }).unwrap();
    is_gone(fleet.runner_pid).await;
    assert!(mission_runtime::proc_tree::process(pid).is_some_and(|p| !p.is_zombie));
    let mut next = Fleet::connect(&home).await;
    assert_ne!(next.runner_pid, fleet.runner_pid);
    next.adopt(&spec, 0);
    assert_eq!(next.hears_started(spec.attempt).await, pid);
    next.shut_down().await;
    is_gone(pid).await;
}

#[tokio::test]
async fn a_runner_without_server_and_lanes_ends_by_itself_and_a_second_one_is_refused() {
    let home = Home::new();
    let dir = home.path().join("run");
    let patience = Patience { idle: Duration::from_millis(200), alive: Duration::from_millis(10) };
    let (one, two) = tokio::join!(run_patiently(&dir, patience), run_patiently(&dir, patience));
    one.unwrap();
    assert!(matches!(two, Err(mission_runtime::Error::InUse(_))));
    assert!(!dir.join("runner.sock").exists());
}

#[tokio::test]
async fn a_live_lane_says_that_it_lives_and_no_lane_says_nothing() {
    let home = Home::new();
    let dir = home.path().join("run");
    let patience = Patience { idle: Duration::from_millis(200), alive: Duration::from_millis(10) };
    let runner = tokio::spawn(async move { run_patiently(&dir, patience).await });
    let card = home.path().join("run/runner.json");
    crate::stage::eventually_async(|| card.exists()).await;
    let mut fleet = Fleet::connect(&home).await;
    let spec = home.lane(1, "echo words; exec sleep 1000");
    fleet.start(&spec);
    let progress = fleet
        .hears("alive", |frame| match frame {
            FromRunner::Alive { progress, .. } if progress.journal_bytes == 6 => {
                Some(progress.clone())
            }
            _ => None,
        })
        .await;
    assert_eq!((progress.turns, progress.stopping), (1, false));
    fleet
        .client
        .send(ToRunner::Stop { attempt: spec.attempt, grace_ms: 0, by: "t".into() })
        .unwrap();
    fleet.hears_exit(spec.attempt).await;
    fleet.client.send(ToRunner::Ping).unwrap();
    fleet.hears("pong", |frame| matches!(frame, FromRunner::Pong).then_some(())).await;
    let more = tokio::time::timeout(Duration::from_millis(100), fleet.received.recv()).await;
    assert!(more.is_err(), "a runner without lanes is silent: {more:?}");
    drop(fleet);
    runner.await.unwrap().unwrap();
}
