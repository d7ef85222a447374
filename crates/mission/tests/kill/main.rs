//! Real processes, really killed: the server and the runner of a demo under way, at random moments, again and again.
//!
//! `MISSION_TEST_LONG=1` plays the demo at its normal speed and kills 100 times in each run instead of 20; `MISSION_KILL_SEED=S` begins at
//! seed S.

mod demo;
mod lanes;
#[path = "../../../control/tests/sim/laws.rs"]
mod laws;
mod ledger;
mod record;
mod rows;

use std::time::Duration;

use demo::{Demo, Server, Sleep};
use ledger::Ledger;

/// How many demos are played.
const RUNS: u64 = 5;

fn is_long() -> bool {
    std::env::var_os("MISSION_TEST_LONG").is_some()
}

fn first_seed() -> u64 {
    std::env::var("MISSION_KILL_SEED").ok().and_then(|it| it.parse().ok()).unwrap_or(1)
}

fn survives(run: u64) {
    let seed = first_seed() + run;
    let mut sleep = Sleep::of(seed);
    let demo = if is_long() { Demo::at_full_length() } else { Demo::prepare() };
    // Of the long demo's kills nearly all fall in its middle; the short one is soon over.
    let (kills, least) = if is_long() { (100, 80) } else { (20, 10) };
    let mut server = Server::up(&demo);
    let mut driver = demo.drive();
    let mut ledger = Ledger::default();
    let (mut done, mut at_work) = (0, 0);
    for _ in 0..kills {
        let writing = ledger.writes(&demo);
        sleep.between(Duration::from_millis(50), Duration::from_millis(600));
        at_work += u64::from(driver.is_alive());
        server.kill();
        server = Server::up(&demo);
        ledger.hears(writing);
        done += 1;
    }
    driver.ends_well(Duration::from_secs(if is_long() { 1_200 } else { 280 }));
    demo.verify();
    server.stops(&demo);
    demo.has_left_nothing();
    let told = record::holds(&demo, &ledger);
    eprintln!("seed {seed}: {done} kills, {at_work} of them in the middle of the demo; {told}");
    assert!(at_work >= least, "the demo was over after {at_work} kills");
}

#[test]
fn a_demo_survives_its_server_being_killed_again_and_again_first_run() {
    survives(0);
}

#[test]
fn a_demo_survives_its_server_being_killed_again_and_again_second_run() {
    survives(1);
}

#[test]
fn a_demo_survives_its_server_being_killed_again_and_again_third_run() {
    survives(2);
}

#[test]
fn a_demo_survives_its_server_being_killed_again_and_again_fourth_run() {
    survives(3);
}

#[test]
fn a_demo_survives_its_server_being_killed_again_and_again_fifth_run() {
    survives(RUNS - 1);
}

#[test]
fn a_lane_is_found_again_when_the_runner_was_killed() {
    let demo = Demo::prepare();
    let server = Server::up(&demo);
    let mut driver = demo.drive();
    let mut sleep = Sleep::of(first_seed());
    let mut kills = 0;
    while driver.is_alive() && kills < 12 {
        sleep.between(Duration::from_millis(300), Duration::from_millis(1_200));
        kills += u64::from(demo.kill_runner());
    }
    driver.ends_well(Duration::from_secs(280));
    demo.verify();
    server.stops(&demo);
    demo.has_left_nothing();
    let told = record::holds(&demo, &Ledger::default());
    eprintln!("{kills} kills of the runner; {told}");
    assert!(kills >= 3, "the runner was killed {kills} times");
}

#[test]
fn a_second_server_on_the_same_home_is_refused_and_the_first_goes_on() {
    let demo = Demo::empty();
    let server = Server::up(&demo);
    let pid = server.pid().to_string();
    let (is_good, said) = demo.mission(&["up", "--listen", "127.0.0.1:0"]);
    assert!(!is_good && said.contains(&pid) && said.contains("mission down"), "{said}");
    // Also where the card of the first one is lost: the lock on the home says it.
    std::fs::remove_file(demo.home().join("server.json")).expect("the card");
    let (is_good, said) = demo.mission(&["up", "--listen", "127.0.0.1:0"]);
    assert!(!is_good && said.contains(&pid) && said.contains("in use"), "{said}");
    assert!(server.answers());
    server.stops(&demo);
}

#[test]
fn a_server_does_not_touch_a_home_of_a_newer_version() {
    let demo = Demo::empty();
    Server::up(&demo).stops(&demo);
    let file = demo.home().join("mission.db");
    let mut bytes = std::fs::read(&file).expect("the database");
    // The user version of a SQLite file: https://sqlite.org/fileformat.html#the_database_header
    bytes.get_mut(60..64).expect("a header").copy_from_slice(&9_999_u32.to_be_bytes());
    std::fs::write(&file, &bytes).expect("written");
    let (is_good, said) = demo.mission(&["up", "--listen", "127.0.0.1:0"]);
    assert!(!is_good && said.contains("newer") && said.contains("9999"), "{said}");
    assert_eq!(std::fs::read(&file).expect("the database"), bytes);
}
