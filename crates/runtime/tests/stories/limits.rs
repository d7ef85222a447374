//! Limits hold without a server.

use mission_runtime::record::{OomVerdict, StopCause};
use mission_runtime::spec::{LaunchSpec, Limits};
use mission_runtime::{DeathClass, classify};

use crate::stage::{Home, Shim};

#[test]
fn the_wall_limit_ends_a_program_that_computes_for_ever() {
    let home = Home::new();
    let limits = Limits { wall_s: Some(1), ..Limits::default() };
    let exit = Shim::start(LaunchSpec { limits, ..home.lane(1, "while :; do :; done") }).ends();
    assert_eq!((&exit.stop_cause, exit.signal), (&StopCause::WallLimit, Some(15)));
    assert!(exit.wall_ms >= 1000, "{}", exit.wall_ms);
    assert_eq!(classify(&exit, false), DeathClass::TimedOut);
}

#[test]
fn a_program_without_output_report_or_processor_time_is_stalled() {
    let home = Home::new();
    let limits = Limits { stall_s: Some(1), ..Limits::default() };
    let exit = Shim::start(LaunchSpec { limits, ..home.lane(1, "exec sleep 1000") }).ends();
    assert_eq!(exit.stop_cause, StopCause::Stall);
    assert_eq!(classify(&exit, false), DeathClass::Stalled);
}

#[test]
fn a_program_that_computes_in_silence_is_not_stalled() {
    let home = Home::new();
    let limits = Limits { stall_s: Some(1), wall_s: Some(3), ..Limits::default() };
    let exit = Shim::start(LaunchSpec { limits, ..home.lane(1, "while :; do :; done") }).ends();
    assert_eq!(exit.stop_cause, StopCause::WallLimit);
}

#[test]
fn a_tree_over_its_memory_limit_is_ended_as_out_of_memory() {
    let home = Home::new();
    let limits = Limits { memory_bytes: Some(64 << 20), ..Limits::default() };
    // The shell holds what it substitutes: 128 MiB of letters.
    let script = "x=$(head -c 134217728 /dev/zero | tr '\\0' a); echo ${#x}; exec sleep 1000";
    let exit = Shim::start(LaunchSpec { limits, ..home.lane(1, script) }).ends();
    assert!(
        matches!(exit.stop_cause, StopCause::MemoryLimit { used_bytes } if used_bytes > 64 << 20),
        "{exit:?}"
    );
    assert_eq!((exit.signal, exit.oom.verdict), (Some(9), OomVerdict::Yes));
    assert_eq!(classify(&exit, false), DeathClass::OomKilled);
}
