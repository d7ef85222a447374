//! Ends that are nobody's report: what the provider does, what is done to the process, and how each is named.

use mission_runtime::agent::AgentState;
use mission_runtime::record::StopCause;
use mission_runtime::shim_protocol::{Reply, Request};
use mission_runtime::spec::Limits;
use mission_runtime::{DeathClass, LaunchSpec, classify};
use nix::sys::signal::Signal;

use crate::lane::{Agent, BOTH, Stage};
use crate::stage::{Shim, eventually, signal};

#[test]
fn a_provider_that_nobody_reaches_is_down() {
    for agent in BOTH {
        let stage = Stage::with(agent);
        let spec = stage.lane(1, "say DONE");
        let Stage { home, model, .. } = stage;
        drop(model);
        let exit = Shim::start(spec).ends();
        assert_eq!(
            classify(&exit, false),
            DeathClass::ProviderDown,
            "{agent:?}: {:?}",
            exit.last_turn
        );
        drop(home);
    }
}

#[test]
fn a_stop_in_mid_turn_is_no_death() {
    for agent in BOTH {
        let stage = Stage::with(agent);
        let shim = Shim::start(stage.lane(1, "hang 600"));
        shim.becomes(AgentState::Busy);
        shim.stop(3_000);
        let exit = shim.ends();
        assert_eq!(exit.stop_cause, StopCause::Stopped { by: "the test".into() });
        assert_eq!(classify(&exit, false), DeathClass::Stopped);
    }
}

#[test]
fn codex_that_is_told_to_end_in_mid_turn_works_on_until_the_turn_is_over() {
    let stage = Stage::with(Agent::Codex);
    let (begun, go) = (stage.file("begun"), stage.file("go"));
    let script = "sh touch begun; until [ -e go ]; do sleep 0.1; done ;; say it is all there";
    let shim = Shim::start(stage.lane(1, script));
    eventually("the command", || begun.exists().then_some(()));
    let Reply::Status { status } = shim.ask(&Request::Status) else { panic!("no status") };
    signal(status.pid.unwrap(), Signal::SIGTERM);
    std::fs::write(&go, "").unwrap();
    shim.says("it is all there");
    let exit = shim.ends();
    assert_eq!((exit.exit_code, exit.signal), (Some(0), None), "{exit:?}");
    // It goes without the word that its turn is over, or with it: no success either way.
    let class = classify(&exit, false);
    assert!(matches!(class, DeathClass::Crashed | DeathClass::NoReport), "{exit:?}");
}

#[test]
fn a_model_that_says_nothing_is_a_stall_however_its_program_draws_a_spinner() {
    for agent in BOTH {
        let stage = Stage::with(agent);
        let spec = stage.lane(1, "hang 600");
        let limits = Limits { stall_s: Some(4), ..spec.limits };
        let exit = Shim::start(LaunchSpec { limits, ..spec }).ends();
        assert_eq!(classify(&exit, false), DeathClass::Stalled, "{agent:?}: {exit:?}");
    }
}

#[test]
fn the_same_command_again_and_again_is_a_stall_too() {
    let stage = Stage::with(Agent::Codex);
    let script = vec!["sh git status"; 40].join(" ;; ");
    let exit = Shim::start(stage.lane(1, &script)).ends();
    let StopCause::Loop { tool, times } = &exit.stop_cause else { panic!("{exit:?}") };
    assert!(tool.contains("git status") && *times == 30, "{tool} {times}");
    assert_eq!(classify(&exit, false), DeathClass::Stalled);
}

#[test]
fn a_program_that_is_no_agent_is_named_and_not_waited_for_long() {
    let stage = Stage::with(Agent::Claude);
    for (number, command) in (1..).zip([["/bin/true"], ["/nowhere/claude"]]) {
        let command = command.map(str::to_owned).to_vec();
        let exit = Shim::start(LaunchSpec { command, ..stage.lane(number, "say DONE") }).ends();
        assert_eq!(classify(&exit, false), DeathClass::SpawnFailed, "{exit:?}");
        assert_eq!(exit.undelivered.len(), 1);
    }
}
