//! Processes that are killed at bad moments: nothing acknowledged is lost, nothing is left running.

use mission_runtime::protocol::{FromRunner, ToRunner};
use mission_runtime::record::Record;
use mission_runtime::{ProcessCard, proc_tree};
use nix::sys::signal::Signal;

use crate::fleet::Fleet;
use crate::stage::{Home, is_gone, is_stopped, signal};

#[tokio::test]
async fn a_runner_killed_mid_attempt_is_replaced_and_the_report_made_meanwhile_arrives() {
    let home = Home::new();
    let mut fleet = Fleet::connect(&home).await;
    let gate = home.path().join("go");
    nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let spec =
        home.lane(1, "read go < ../go; mission report 'while nobody listened'; exec sleep 1000");
    fleet.start(&spec);
    let pid = fleet.hears_started(spec.attempt).await;
    signal(fleet.runner_pid, Signal::SIGKILL);
    std::fs::write(&gate, "go\n").unwrap();
    let kept = || {
        let records = mission_runtime::record_log::read_after(&spec.files().records(), 0).unwrap();
        records.into_iter().any(|r| matches!(r.record, Record::Report { .. })).then_some(())
    };
    crate::stage::eventually_async(|| kept().is_some()).await;
    let new_pid = fleet
        .hears("another hello", |frame| match frame {
            FromRunner::Hello { pid, .. } => Some(*pid),
            _ => None,
        })
        .await;
    assert_ne!(new_pid, fleet.runner_pid);
    fleet.runner_pid = new_pid;
    fleet.adopt(&spec, 2);
    let report = fleet.hears_record(|r| matches!(r, Record::Report { .. })).await;
    assert_eq!(report.number, 3);
    assert!(proc_tree::process(pid).is_some_and(|p| !p.is_zombie), "the program went on");
    fleet.client.send(ToRunner::Ack { attempt: spec.attempt, record: 3 }).unwrap();
    fleet.shut_down().await;
    is_gone(pid).await;
}

#[tokio::test]
async fn an_attempt_that_ended_while_no_runner_was_there_is_told_from_its_files() {
    let home = Home::new();
    let mut fleet = Fleet::connect(&home).await;
    let gate = home.path().join("go");
    nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let spec = home.lane(1, "read go < ../go; echo 'DONE: alone'; exit 0");
    fleet.start(&spec);
    fleet.hears_started(spec.attempt).await;
    let runner = fleet.runner_pid;
    drop(fleet);
    signal(runner, Signal::SIGKILL);
    is_gone(runner).await;
    std::fs::write(&gate, "go\n").unwrap();
    crate::stage::eventually_async(|| spec.files().exit().is_file()).await;
    let mut next = Fleet::connect(&home).await;
    next.adopt(&spec, 0);
    let last = next.hears_record(|r| matches!(r, Record::Exited { .. })).await;
    let exit = next.hears_exit(spec.attempt).await;
    assert_eq!(exit.exit_code, Some(0));
    assert!(matches!(last.record, Record::Exited { exit: recorded } if *recorded == exit));
    next.shut_down().await;
}

#[tokio::test]
async fn a_killed_shim_is_said_to_be_lost_and_all_that_it_had_started_is_ended() {
    let home = Home::new();
    let mut fleet = Fleet::connect(&home).await;
    let spec =
        home.lane(1, "echo last words; setsid sleep 1001 & sleep 1002 & echo $! > pid; wait");
    fleet.start(&spec);
    let pid = fleet.hears_started(spec.attempt).await;
    let said = || std::fs::read(home.path().join("ws/pid")).is_ok_and(|text| text.ends_with(b"\n"));
    crate::stage::eventually_async(said).await;
    let journal = spec.files().journal();
    let kept = || std::fs::read(&journal).is_ok_and(|text| text == b"last words\n");
    crate::stage::eventually_async(kept).await;
    // Both have become what the script starts them as.
    let sleepers = || proc_tree::descendants(pid).iter().filter(|it| it.comm == "sleep").count();
    crate::stage::eventually_async(|| sleepers() == 2).await;
    let children = proc_tree::descendants(pid);
    let card = ProcessCard::read(&spec.files().shim()).unwrap();
    signal(card.pid, Signal::SIGKILL);
    let lost = fleet
        .hears("the loss", |frame| match frame {
            FromRunner::ShimLost { lost, .. } => Some(lost.clone()),
            _ => None,
        })
        .await;
    assert_eq!(lost.pid, Some(pid));
    assert_eq!(lost.last_output, "last words\n");
    assert!(lost.seen.contains("still running and was ended"), "{}", lost.seen);
    assert!(lost.orphans.iter().filter(|o| o.comm == "sleep").count() == 2, "{lost:?}");
    assert!(lost.orphans.iter().all(|o| o.ended), "{lost:?}");
    for process in children.iter().map(|c| c.pid).chain([pid]) {
        is_gone(process).await;
    }
    fleet.adopt(&spec, 0);
    let again = fleet
        .hears("the loss again", |frame| match frame {
            FromRunner::ShimLost { lost, .. } => Some(lost.clone()),
            _ => None,
        })
        .await;
    assert!(again.seen.contains("not running any more") && again.orphans.is_empty(), "{again:?}");
    fleet.shut_down().await;
}

#[tokio::test]
async fn what_a_killed_shim_had_not_read_yet_is_taken_from_the_programs_pipes() {
    let home = Home::new();
    let mut fleet = Fleet::connect(&home).await;
    let gate = home.path().join("go");
    nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let script = "echo read; read go < ../go; echo unread; echo said > said; exec sleep 1000";
    let spec = home.lane(1, script);
    fleet.start(&spec);
    let pid = fleet.hears_started(spec.attempt).await;
    let journal = spec.files().journal();
    let read = || std::fs::read(&journal).is_ok_and(|text| text == b"read\n");
    crate::stage::eventually_async(read).await;
    let shim = ProcessCard::read(&spec.files().shim()).unwrap().pid;
    signal(shim, Signal::SIGSTOP);
    crate::stage::eventually_async(|| is_stopped(shim)).await;
    std::fs::write(&gate, "go\n").unwrap();
    let said = || std::fs::read(home.path().join("ws/said")).is_ok_and(|t| t == b"said\n");
    crate::stage::eventually_async(said).await;
    signal(shim, Signal::SIGKILL);
    let lost = fleet
        .hears("the loss", |frame| match frame {
            FromRunner::ShimLost { lost, .. } => Some(lost.clone()),
            _ => None,
        })
        .await;
    assert_eq!(lost.last_output, "read\nunread\n");
    assert!(lost.seen.contains("7 bytes of output that it had not read were kept"), "{lost:?}");
    is_gone(pid).await;
    fleet.shut_down().await;
}

#[tokio::test]
async fn a_lane_whose_folder_is_gone_is_lost_and_nothing_hangs() {
    let home = Home::new();
    let mut fleet = Fleet::connect(&home).await;
    let spec = home.lane(1, "exit 0");
    fleet.adopt(&spec, 0);
    let lost = fleet
        .hears("the loss", |frame| match frame {
            FromRunner::ShimLost { lost, .. } => Some(lost.clone()),
            _ => None,
        })
        .await;
    assert!(lost.seen.contains("is not there"), "{}", lost.seen);
    fleet.shut_down().await;
}
