//! Lanes in real tmux. Without tmux these fail: nothing here is skipped.

use mission_domain::ids::{AttemptId, MessageId};
use mission_runtime::markers::Markers;
use mission_runtime::protocol::{FromRunner, ToRunner};
use mission_runtime::record::{Record, StopCause};
use mission_runtime::{LaunchSpec, ProcessCard, proc_tree};
use nix::sys::signal::Signal;

use crate::fleet::Fleet;
use crate::stage::{Home, eventually_async, is_gone, signal};

/// A program that asks for bracketed paste, shows what it got, reports, and stays.
const AGENT: &str = "printf 'ready \\033[?2004h> '; while IFS= read -r line; do echo \"got <$line>\" | tr -d '\\033'; \
    case $line in *201~) mission report \"read it\"; printf '> ';; esac; done";

#[tokio::test]
async fn a_tmux_lane_gets_its_brief_once_reports_and_takes_a_further_turn() {
    let home = Home::new();
    let mut fleet = Fleet::connect(&home).await;
    let spec = home.tmux_lane(31, AGENT);
    fleet.start(&spec);
    fleet.hears_started(spec.attempt).await;
    let windows =
        home.tmux(&["list-windows", "-a", "-F", "#{session_name} #{window_name} #{pane_pid}"]);
    let windows = String::from_utf8(windows.stdout).unwrap();
    let card = ProcessCard::read(&spec.files().shim()).unwrap();
    assert_eq!(windows.trim(), format!("mc-MC-7 A-31 {}", card.pid));
    fleet.hears_record(|r| matches!(r, Record::TurnDelivered { turn: 1, messages } if *messages == [MessageId(1)])).await;
    fleet.hears_record(|r| matches!(r, Record::Report { .. })).await;
    let turn = ToRunner::Turn {
        attempt: spec.attempt,
        messages: vec![MessageId(2)],
        text: "and\x03 this".into(),
    };
    fleet.client.send(turn).unwrap();
    fleet.hears_record(|r| matches!(r, Record::TurnDelivered { turn: 2, messages } if *messages == [MessageId(2)])).await;
    fleet.hears_record(|r| matches!(r, Record::Report { .. })).await;
    let shown = home.tmux(&["capture-pane", "-p", "-t", "=mc-MC-7:A-31"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.matches("got <[200~# Brief>").count(), 1, "{shown}");
    assert_eq!(shown.matches("got <Do it.[201~>").count(), 1, "{shown}");
    assert_eq!(shown.matches("got <[200~and this[201~>").count(), 1, "{shown}");
    fleet
        .client
        .send(ToRunner::Stop { attempt: spec.attempt, grace_ms: 0, by: "controller".into() })
        .unwrap();
    let exit = fleet.hears_exit(spec.attempt).await;
    assert_eq!((exit.turns, exit.stop_cause), (2, StopCause::Stopped { by: "controller".into() }));
    assert!(matches!(exit.markers, Markers::NotRead { .. }));
    fleet.shut_down().await;
    is_gone(card.pid).await;
}

#[tokio::test]
async fn two_attempts_of_a_ticket_share_its_session_and_kill_session_is_a_recorded_stop() {
    let home = Home::new();
    let mut fleet = Fleet::connect(&home).await;
    let specs = [home.tmux_lane(1, "exec sleep 1000"), home.tmux_lane(2, "exec sleep 1000")];
    for spec in &specs {
        fleet.start(spec);
        fleet.hears_started(spec.attempt).await;
    }
    let windows = home.tmux(&["list-windows", "-t", "=mc-MC-7", "-F", "#{window_name}"]);
    assert_eq!(String::from_utf8(windows.stdout).unwrap(), "A-1\nA-2\n");
    assert!(home.tmux(&["kill-session", "-t", "=mc-MC-7"]).status.success());
    for _ in &specs {
        let exit = fleet
            .hears("an exit", |frame| match frame {
                FromRunner::Exited { exit, .. } => Some((**exit).clone()),
                _ => None,
            })
            .await;
        assert!(
            matches!(&exit.stop_cause, StopCause::Stopped { by } if by.contains("SIGHUP")),
            "{exit:?}"
        );
        assert_eq!(exit.undelivered, vec![MessageId(1)]);
    }
    fleet.shut_down().await;
}

#[tokio::test]
async fn the_programs_terminal_has_the_windows_size_and_follows_it() {
    let home = Home::new();
    let mut fleet = Fleet::connect(&home).await;
    let script = "stty size; trap 'stty size' WINCH; while :; do sleep 0.02; done";
    let spec = home.tmux_lane(1, script);
    fleet.start(&spec);
    fleet.hears_started(spec.attempt).await;
    let journal = || {
        String::from_utf8_lossy(&std::fs::read(spec.files().journal()).unwrap_or_default())
            .into_owned()
    };
    crate::stage::eventually("the first size", || journal().contains("50 200").then_some(()));
    home.tmux(&["resize-window", "-t", "=mc-MC-7:A-1", "-x", "90", "-y", "33"]);
    crate::stage::eventually("the second size", || journal().contains("33 90").then_some(()));
    fleet.shut_down().await;
}

#[tokio::test]
async fn a_killed_tmux_server_is_named_as_the_cause_and_a_program_that_hears_nothing_is_ended() {
    let home = Home::new();
    let mut fleet = Fleet::connect(&home).await;
    let deaf = "trap '' TERM HUP; echo up; while :; do sleep 0.02; done";
    let specs = [home.tmux_lane(1, deaf), home.tmux_lane(2, "exec sleep 1000")];
    for spec in &specs {
        fleet.start(spec);
        fleet.hears_started(spec.attempt).await;
    }
    let server = String::from_utf8(home.tmux(&["display-message", "-p", "#{pid}"]).stdout).unwrap();
    let server: i32 = server.trim().parse().unwrap();
    signal(server, Signal::SIGKILL);
    let mut signals = Vec::new();
    for _ in &specs {
        let exit = fleet
            .hears("an exit", |frame| match frame {
                FromRunner::Exited { exit, .. } => Some((**exit).clone()),
                _ => None,
            })
            .await;
        let named =
            format!("SIGHUP (its terminal was closed; the tmux server, pid {server}, is gone)");
        assert_eq!(exit.stop_cause, StopCause::Stopped { by: named });
        signals.push(exit.signal.unwrap());
    }
    signals.sort_unstable();
    assert_eq!(signals, [Signal::SIGKILL as i32, Signal::SIGTERM as i32]);
    let next = home.tmux_lane(3, "exec sleep 1000");
    fleet.start(&next);
    fleet.hears_started(next.attempt).await;
    fleet.shut_down().await;
}

#[tokio::test]
async fn one_client_opens_all_windows_and_goes_with_the_last_session() {
    let home = Home::new();
    let mut fleet = Fleet::connect(&home).await;
    let clients = || {
        let children = proc_tree::descendants(fleet_pid(&home)).into_iter();
        children.filter(|it| it.comm.starts_with("tmux")).map(|it| it.pid).collect::<Vec<_>>()
    };
    let mut seen = Vec::new();
    let specs: Vec<_> = (1..=4).map(|it| home.tmux_lane(it, "exec sleep 1000")).collect();
    for spec in &specs {
        fleet.start(spec);
        fleet.hears_started(spec.attempt).await;
        seen.push(clients());
    }
    assert_eq!(seen[0].len(), 1, "{seen:?}");
    assert!(seen.iter().all(|it| *it == seen[0]), "{seen:?}");
    for spec in &specs {
        let attempt = spec.attempt;
        fleet.client.send(ToRunner::Stop { attempt, grace_ms: 0, by: "t".into() }).unwrap();
        fleet.hears_exit(attempt).await;
    }
    crate::stage::eventually_async(|| clients().is_empty()).await;
    fleet.shut_down().await;
}

#[tokio::test]
async fn a_shim_that_cannot_run_is_said_as_soon_as_its_window_closes() {
    let home = Home::new();
    let mut fleet = Fleet::connect(&home).await;
    let spec = LaunchSpec { mission_exe: "/bin/false".into(), ..home.tmux_lane(1, "exit 0") };
    fleet.start(&spec);
    let error = fleet
        .hears("the failure", |frame| match frame {
            FromRunner::StartFailed { error, .. } => Some(error.clone()),
            _ => None,
        })
        .await;
    assert!(error.contains("ended at once") || error.contains("opened no window"), "{error}");
    fleet.shut_down().await;
}

#[tokio::test]
async fn tmux_ends_with_its_last_window_also_when_the_runner_was_killed_at_that_moment() {
    for _ in 0..20 {
        let home = Home::new();
        let mut fleet = Fleet::connect(&home).await;
        let spec = home.tmux_lane(1, "exec sleep 1000");
        fleet.start(&spec);
        let pid = fleet.hears_started(spec.attempt).await;
        let server = home.tmux(&["display-message", "-p", "#{pid}"]).stdout;
        let server: i32 = String::from_utf8(server).unwrap().trim().parse().unwrap();
        let runner = fleet.runner_pid;
        drop(fleet);
        signal(pid, Signal::SIGKILL);
        signal(runner, Signal::SIGKILL);
        is_gone(server).await;
    }
}

/// The process that the home's runner is.
fn fleet_pid(home: &Home) -> i32 {
    ProcessCard::read(&home.path().join("run/runner.json")).unwrap().pid
}

#[tokio::test]
async fn a_person_who_takes_over_types_into_the_program_and_messages_wait_until_they_give_back() {
    let home = Home::new();
    let mut fleet = Fleet::connect(&home).await;
    let spec = home.tmux_lane(1, AGENT);
    fleet.start(&spec);
    fleet.hears_record(|r| matches!(r, Record::Report { .. })).await;
    let (attempt, ada) = (spec.attempt, "person:ada".to_owned());
    let keys = |by: &str, text: &str| keys(attempt, by, text);
    let says = |text: &str| {
        let journal = std::fs::read(spec.files().journal()).unwrap_or_default();
        String::from_utf8_lossy(&journal).contains(text)
    };
    fleet.client.send(keys("person:ada", "too early\r")).unwrap();
    fleet.client.send(ToRunner::TakeOver { attempt, by: ada.clone() }).unwrap();
    let took = Record::TookOver { by: Some(ada.clone()) };
    fleet.hears_record(|r| *r == took).await;
    let messages = vec![MessageId(2)];
    fleet.client.send(ToRunner::Turn { attempt, messages, text: "and this".into() }).unwrap();
    fleet.client.send(keys("person:bob", "not mine\r")).unwrap();
    fleet.client.send(keys("person:ada", "by hand\r")).unwrap();
    let typed = Record::Typed { by: ada.clone() };
    fleet.hears_record(|r| *r == typed).await;
    eventually_async(|| says("got <by hand>")).await;
    fleet.client.send(ToRunner::GiveBack { attempt, by: "controller".into() }).unwrap();
    let gave = Record::GaveBack { by: Some(ada) };
    fleet.hears_record(|r| *r == gave).await;
    fleet.hears_record(|r| matches!(r, Record::TurnDelivered { turn: 2, .. })).await;
    eventually_async(|| says("and this")).await;
    let journal =
        String::from_utf8_lossy(&std::fs::read(spec.files().journal()).unwrap()).into_owned();
    assert!(journal.find("by hand") < journal.find("and this"), "{journal}");
    assert!(!journal.contains("too early") && !journal.contains("not mine"), "{journal}");
    let times = mission_runtime::times::Times::read(&spec.files().times());
    assert_eq!(times.size(), Some((200, 50)));
    assert!(times.marks.len() > 2, "{times:?}");
    fleet.shut_down().await;
}

#[tokio::test]
async fn what_a_person_types_while_a_text_of_ours_is_half_typed_is_a_line_of_its_own() {
    let home = Home::new();
    let mut fleet = Fleet::connect(&home).await;
    let spec = home.tmux_lane(1, AGENT);
    fleet.start(&spec);
    let (attempt, ada) = (spec.attempt, "person:ada".to_owned());
    let says = |text: &str| {
        let journal = std::fs::read(spec.files().journal()).unwrap_or_default();
        String::from_utf8_lossy(&journal).contains(text)
    };
    // The terminal shows the brief's last line as it is pasted; its Enter comes half a second later.
    eventually_async(|| says("Do it.")).await;
    assert!(!says("got <Do it."));
    fleet.client.send(ToRunner::TakeOver { attempt, by: ada.clone() }).unwrap();
    fleet.client.send(keys(attempt, &ada, "by hand\r")).unwrap();
    eventually_async(|| says("got <by hand>")).await;
    assert!(says("got <Do it.[201~>"));
    fleet.hears_record(|r| matches!(r, Record::TurnDelivered { turn: 1, .. })).await;
    fleet.shut_down().await;
}

fn keys(attempt: AttemptId, by: &str, text: &str) -> ToRunner {
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD.encode(text);
    ToRunner::Keys { attempt, by: by.into(), data }
}
