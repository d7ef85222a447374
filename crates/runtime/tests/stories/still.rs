//! A lane that is held still runs nothing, whatever it does against that, and goes on afterwards.

use mission_runtime::record::StopCause;
use mission_runtime::spec::{LaunchSpec, Limits};
use mission_runtime::still::Still;
use mission_runtime::{LaneFiles, proc_tree};

use mission_runtime::shim_protocol::Request;
use nix::sys::signal::Signal;

use crate::stage::{Home, Shim, eventually, is_stopped, signal};

/// A program that writes and makes processes without end, and one of which each link leaves the next behind.
const RESTLESS: &str = "\
trap 'echo it heard; exit 0' TERM
echo 'echo x >> links; sh chain &' > chain; sh chain
while :; do (echo x >> written); done";

fn bytes(home: &Home) -> u64 {
    let length =
        |name| std::fs::metadata(home.path().join("ws").join(name)).map_or(0, |it| it.len());
    length("links") + length("written")
}

fn goes_on(home: &Home) {
    let before = bytes(home);
    eventually("it goes on", || (bytes(home) > before).then_some(()));
}

fn held(files: &LaneFiles) -> Still {
    Still::hold(files).unwrap().expect("its shim lives")
}

/// Waits until nothing that the lane runs is left.
fn all_end(shim: &Shim) {
    let shim = shim.process.id().cast_signed();
    let is_over = || proc_tree::descendants(shim).iter().all(|it| it.is_zombie);
    eventually("all has ended", || is_over().then_some(()));
}

#[test]
fn nothing_of_a_restless_lane_runs_while_it_is_held_and_all_of_it_afterwards() {
    let home = Home::new();
    let shim = Shim::start(home.lane(1, RESTLESS));
    goes_on(&home);
    let still = held(&shim.files());
    let before = bytes(&home);
    let all = proc_tree::descendants(shim.process.id().cast_signed());
    assert!(!all.is_empty());
    for process in all.iter().filter(|it| !it.is_zombie) {
        assert!(is_stopped(process.pid), "{process:?}");
    }
    assert_eq!(bytes(&home), before);
    drop(still);
    goes_on(&home);
    // Whoever held it died: it does not stay so.
    std::mem::forget(held(&shim.files()));
    Still::release_left(&shim.files());
    goes_on(&home);
    shim.stop(0);
    let _ = shim.ends();
}

#[test]
fn a_lane_that_is_to_end_while_it_is_held_does_nothing_before_it_is_let_go() {
    let home = Home::new();
    let shim = Shim::start(home.lane(1, RESTLESS));
    goes_on(&home);
    let still = held(&shim.files());
    let before = bytes(&home);
    shim.stop(60_000);
    let all = proc_tree::descendants(shim.process.id().cast_signed());
    for process in all.iter().filter(|it| !it.is_zombie) {
        assert!(is_stopped(process.pid), "{process:?}");
    }
    assert_eq!(bytes(&home), before);
    drop(still);
    shim.says("it heard");
    let _ = shim.ends();
}

#[test]
fn a_lane_that_may_not_go_on_is_not_stalled() {
    let home = Home::new();
    let limits = Limits { stall_s: Some(1), wall_s: Some(3), ..Limits::default() };
    let spec = home.lane(1, "echo ready; while :; do sleep 0.05; done");
    let shim = Shim::start(LaunchSpec { limits, ..spec });
    shim.says("ready");
    let still = held(&shim.files());
    // Nothing but the wall limit ends it, by SIGKILL.
    all_end(&shim);
    drop(still);
    assert_eq!(shim.ends().stop_cause, StopCause::WallLimit);
}

#[test]
fn what_ends_in_a_lane_that_is_held_is_followed_by_nothing_before_it_is_let_go() {
    let home = Home::new();
    let shim = Shim::start(home.lane(1, "echo ready; exec sleep 1000"));
    shim.says("ready");
    let still = held(&shim.files());
    for process in proc_tree::descendants(shim.process.id().cast_signed()) {
        signal(process.pid, Signal::SIGKILL);
    }
    all_end(&shim);
    // With the second answer whatever the first found is done.
    shim.ask(&Request::Status);
    shim.ask(&Request::Status);
    assert!(!shim.files().exit().exists());
    drop(still);
    assert_eq!(shim.ends().signal, Some(9));
}

#[test]
fn a_lane_that_has_ended_needs_no_holding() {
    let home = Home::new();
    let shim = Shim::start(home.lane(1, "true"));
    let files = shim.files();
    let _ = shim.ends();
    assert!(Still::hold(&files).unwrap().is_none());
    assert!(!files.still().exists());
}
