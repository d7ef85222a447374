//! Ends that are nobody's report: what the provider does, what is done to the process, and how each is named.

use mission_runtime::agent::AgentState;
use mission_runtime::record::StopCause;
use mission_runtime::shim_protocol::{Reply, Request};
use mission_runtime::spec::Limits;
use mission_runtime::{DeathClass, LaunchSpec, classify, proc_tree};
use nix::sys::signal::Signal;

use crate::lane::{Agent, BOTH, Stage};
use crate::stage::{Shim, eventually, signal};

#[test]
fn a_providers_failures_are_told_apart_and_are_not_the_agents() {
    let cases = [
        ("http 401", DeathClass::Auth),
        ("http 403", DeathClass::Auth),
        ("http 429", DeathClass::Quota),
        ("http 500", DeathClass::ProviderDown),
        ("http 529", DeathClass::ProviderDown),
        ("drop", DeathClass::ProviderDown),
        ("cut", DeathClass::ProviderDown),
    ];
    for agent in BOTH {
        let stage = Stage::with(agent);
        for (number, (script, class)) in (1..).zip(cases) {
            let exit = Shim::start(stage.lane(number, script)).ends();
            assert_eq!(classify(&exit, false), class, "{agent:?}, {script}: {:?}", exit.last_turn);
            assert!(exit.closed);
        }
    }
}

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
fn a_signal_from_outside_is_the_agents_own_death_and_a_stop_is_not() {
    for agent in BOTH {
        for (number, sent) in (1..).zip([Signal::SIGTERM, Signal::SIGKILL, Signal::SIGSEGV]) {
            let stage = Stage::with(agent);
            let shim = Shim::start(stage.lane(number, "hang 600"));
            shim.becomes(AgentState::Busy);
            let Reply::Status { status } = shim.ask(&Request::Status) else { panic!("no status") };
            let pid = status.pid.unwrap();
            signal(pid, sent);
            if sent == Signal::SIGSEGV {
                // The handler that Rust programs have lets a first one pass that no access of theirs caused.
                eventually("the end by SIGSEGV", || {
                    signal(pid, sent);
                    proc_tree::process(pid).is_none_or(|it| it.is_zombie).then_some(())
                });
            }
            let exit = shim.ends();
            assert_eq!(classify(&exit, false), DeathClass::Crashed, "{agent:?}, {sent}: {exit:?}");
        }
        let stage = Stage::with(agent);
        let shim = Shim::start(stage.lane(9, "hang 600"));
        shim.becomes(AgentState::Busy);
        shim.stop(3_000);
        let exit = shim.ends();
        assert_eq!(exit.stop_cause, StopCause::Stopped { by: "the test".into() });
        assert_eq!(classify(&exit, false), DeathClass::Stopped);
    }
}

#[test]
fn silence_is_a_stall_in_the_model_and_in_a_tool_alike() {
    for agent in BOTH {
        let stage = Stage::with(agent);
        for (number, script) in (1..).zip(["hang 600", "sh exec tail -f /dev/null"]) {
            let spec = stage.lane(number, script);
            let limits = Limits { stall_s: Some(4), ..spec.limits };
            let exit = Shim::start(LaunchSpec { limits, ..spec }).ends();
            assert_eq!(
                classify(&exit, false),
                DeathClass::Stalled,
                "{agent:?}, {script}: {exit:?}"
            );
        }
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
