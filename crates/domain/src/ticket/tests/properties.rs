//! Random lives of several hundred steps: no order of commands breaks a promise.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use super::fixture::Life;
use super::random::{Step, next};
use super::{invariants, lanes};
use crate::principal::Principal;
use crate::ticket::{Command, IN_NO_JOURNAL, MessageState, Rejection, State};

/// How many lives each property lives.
const LIVES: u32 = 120;

/// How many steps a life has at most.
const STEPS: usize = 320;

fn born(which: u8) -> Life {
    match which % 8 {
        0 | 1 => Life::task("standard"),
        2 => Life::task("visual-redesign"),
        3 => Life::task("quick-fix"),
        4 => Life::task("validated"),
        5 => Life::task("advised"),
        6 => Life::task("research"),
        _ => Life::campaign(Some("umbrella")),
    }
}

/// Lives `LIVES` seeded lives, and checks `holds` on each.
fn lives(seed: u8, holds: impl Fn(u8, bool, &[Step])) {
    let config = Config {
        cases: LIVES,
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let steps = proptest::collection::vec(any::<Step>(), 1..STEPS);
    let strategy = (any::<u8>(), any::<bool>(), steps);
    let lived = runner.run(&strategy, |(which, demo, steps)| {
        holds(which, demo, &steps);
        Ok(())
    });
    match lived {
        Ok(()) => {}
        Err(TestError::Abort(why)) => panic!("{why}"),
        Err(TestError::Fail(why, (which, demo, steps))) => {
            let mut life = Life { demo, ..born(which) };
            let told: Vec<String> = steps.into_iter().map(|step| tell(&mut life, step)).collect();
            panic!("{}\n{why}", told.join("\n"));
        }
    }
}

/// Takes one step and says what it was and what came of it.
fn tell(life: &mut Life, step: Step) -> String {
    let (by, command) = next(life, step);
    let told: String = format!("{command:?}").chars().take(160).collect();
    match life.ask(&by, command) {
        Ok(events) => {
            let events =
                events.iter().map(|it| format!("{it:?}").chars().take(60).collect::<String>());
            format!("{by}: {told}\n    → {}", events.collect::<Vec<_>>().join(" · "))
        }
        Err(no) => format!("{by}: {told}\n    → no: {}", no.code()),
    }
}

/// Takes one step and checks everything that one step can break.
fn take(life: &mut Life, step: Step) {
    let (by, command) = next(life, step);
    let before = life.ticket.clone();
    let told = format!("{by}: {command:?}");
    let fenced = is_fenced(life, &command);
    let answer = life.ask(&by, command);
    let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        if let Ok(events) = &answer {
            assert!(!fenced || events.is_empty(), "a fenced write had an effect");
            let is_scripted = by == Principal::Scripted && !life.demo;
            assert!(!is_scripted || events.is_empty(), "`scripted` acted outside the demo");
            invariants::step_holds(&before, events, life, &by);
        } else {
            assert_eq!(life.ticket, before);
        }
        invariants::hold(life);
    }));
    if let Err(panic) = held {
        eprintln!("after {told}\n  → {answer:?}");
        std::panic::resume_unwind(panic);
    }
}

/// Returns whether a record is a repeat, or was written under a lease that is over.
fn is_fenced(life: &Life, command: &Command) -> bool {
    let Command::Record { attempt, epoch, number, .. } = command else { return false };
    let of = life.ticket.attempt(*attempt);
    of.is_none_or(|it| {
        (*number != IN_NO_JOURNAL && *number <= it.last_record)
            || it.epoch != *epoch
            || *epoch != life.ticket.epoch
            || !it.is_live()
    })
}

#[test]
fn no_order_of_commands_breaks_a_promise() {
    lives(7, |which, demo, steps| {
        let mut life = Life { demo, ..born(which) };
        for step in steps {
            take(&mut life, *step);
        }
        invariants::replays(&life);
    });
}

#[test]
fn a_record_that_comes_twice_takes_effect_once() {
    lives(11, |which, demo, steps| {
        let mut life = Life { demo, ..born(which) };
        for step in steps {
            let (by, command) = next(&mut life, *step);
            let granted = life.ask(&by, command.clone());
            let is_in_journal =
                matches!(&command, Command::Record { number, .. } if *number != IN_NO_JOURNAL);
            if is_in_journal && granted.is_ok() {
                let once = life.ticket.clone();
                assert_eq!(life.ask(&by, command), Ok(Vec::new()));
                assert_eq!(life.ticket, once);
            }
        }
    });
}

#[test]
fn a_ticket_that_went_quiet_keeps_no_message_in_between() {
    lives(13, |which, demo, steps| {
        let mut life = Life { demo, ..born(which) };
        for step in steps {
            let (by, command) = next(&mut life, *step);
            drop(life.ask(&by, command));
        }
        if life.ticket.live_attempt().is_some() {
            life.ends(crate::ticket::EndClass::Lost);
        }
        for message in &life.ticket.messages {
            assert_ne!(message.state, MessageState::Delivered, "{message:?}");
            let has_ended = life.ticket.is_ended();
            let is_queued = message.state == MessageState::Queued;
            assert!(!(has_ended && is_queued), "{message:?} waits on a ticket that has ended");
        }
    });
}

/// However a life went, a person who says yes to everything gets it done: nothing is stuck for ever.
#[test]
fn no_life_ends_in_a_state_that_nobody_can_leave() {
    lives(17, |which, _, steps| {
        let mut life = born(which);
        for step in steps {
            let (by, command) = next(&mut life, *step);
            drop(life.ask(&by, command));
        }
        if life.ticket.kind == crate::ticket::Kind::Campaign || life.ticket.is_ended() {
            return;
        }
        for _ in 0..200 {
            if life.ticket.state() == State::Done {
                return;
            }
            let gentle = gently(&mut life);
            if let Err(no) = gentle {
                panic!(
                    "stuck at {:?}: {no}\n{:#?}",
                    life.ticket.situation(),
                    life.ticket.active_gate()
                );
            }
        }
        panic!("still {:?}\n{:#?}", life.ticket.situation(), life.ticket.active_gate());
    });
}

/// Does the one thing that is owed, in the best way.
#[expect(clippy::too_many_lines, reason = "one line per case keeps the whole table on one page")]
fn gently(life: &mut Life) -> Result<(), Rejection> {
    use crate::ticket::{Owed, VerdictWord};
    let controller = Principal::Controller;
    let eve = super::fixture::person("eve");
    life.passes(400);
    if life.ticket.live_attempt().is_some() {
        life.ends(crate::ticket::EndClass::Stopped);
        return Ok(());
    }
    if let Some(running) = life.ticket.command_under_way().cloned() {
        let (approval, message) = (running.id, crate::ids::MessageId(life.id()));
        let command = if running.state == crate::ticket::ApprovalState::Running {
            Command::EndApproved { approval, ran: super::story_approval::ran(0), message }
        } else {
            let place = Err((crate::ticket::VoidCode::CwdChanged, "gone".into()));
            Command::BeginApproved { approval, place, message }
        };
        return life.ask(&controller, command).map(drop);
    }
    let waits = life.ticket.state() == State::NeedsInput;
    let open = life.ticket.open_approval().filter(|_| waits).cloned();
    if let Some(open) = open {
        let (approval, reason) = (open.id, "no".to_owned());
        let message = crate::ids::MessageId(life.id());
        let expired = open.expires_at <= life.now;
        let deny = Command::Deny { approval, reason, message };
        let command = if expired { Command::ExpireApproval { approval, message } } else { deny };
        let by = if expired { controller } else { eve };
        return life.ask(&by, command).map(drop);
    }
    let (by, command) = match (life.ticket.state(), life.ticket.owed(life.now)) {
        (State::Waiting, _) => {
            let open = life.ticket.blockers.iter().filter(|it| it.1.is_none());
            // One that was superseded may have handed the wait over to others.
            for blocker in open.map(|it| it.0.clone()).collect::<Vec<_>>() {
                let how = crate::ticket::EndHow::Done;
                life.ask(&controller, Command::Release { blocker, how, by: vec![] })?;
            }
            (controller, Command::Wake)
        }
        (State::Parked, _) => (eve, Command::Unpark),
        (State::Blocked, _) => (eve, Command::Retry { reason: "go on".into() }),
        (State::NeedsInput, _) => {
            let id = crate::ids::MessageId(life.id());
            (eve, Command::Answer { text: "blue".into(), id })
        }
        (State::InReview, _) => {
            let deciders = life.ticket.active_gate().map(|it| (it.next_decider(), it.rule.clone()));
            let named = deciders.and_then(|(next, rule)| match rule.decided_by.get(next?)? {
                crate::rules::Decider::Person(name) => name.clone(),
                crate::rules::Decider::Controller | crate::rules::Decider::Role(_) => None,
            });
            let by = named.map_or(eve, |it| super::fixture::person(&it));
            let pass = super::fixture::verdict_on(None, VerdictWord::Pass);
            match life.ask(&by, pass) {
                // Whoever committed cannot sign off; a waiver with a name is left.
                Err(Rejection::OwnWork { .. }) => {
                    (by, super::fixture::verdict_on(None, VerdictWord::Waive))
                }
                other => return other.map(drop),
            }
        }
        (_, Owed::Dispatch { gate, role, purpose }) => {
            let usual = lanes::runtime_of(role.as_str());
            let claim = life.claim(gate.as_str(), role.as_str(), usual, purpose);
            match life.ask(&controller, claim) {
                Err(Rejection::OwnWork { .. } | Rejection::NotIndependent { .. }) => {
                    let why = "no other runtime".into();
                    return life.ask(&controller, Command::HandOver { gate, why }).map(drop);
                }
                claimed => drop(claimed?),
            }
            if life.ticket.live_attempt().is_none() {
                // Other rules were pinned, and another gate comes first.
                return Ok(());
            }
            life.hands_in();
            let report = match purpose {
                crate::ticket::Purpose::Deliver => lanes::done(),
                crate::ticket::Purpose::Review | crate::ticket::Purpose::Judge => {
                    lanes::verdict(VerdictWord::Pass, &[])
                }
            };
            let attempt = life.reports(report);
            if role.as_str() != "coder" || purpose != crate::ticket::Purpose::Deliver {
                let seen = Box::new(life.sees());
                return life.ask(&controller, Command::Seal { attempt, seen }).map(drop);
            }
            let patch = life.id();
            let head = life.commits(patch, &["src/lib.rs"]);
            let by = vec![lanes::contributor("coder", "codex")];
            let seen = life.sees_head(head, crate::ticket::ChangeKind::Code, by);
            (controller, Command::Seal { attempt, seen: Box::new(seen) })
        }
        (_, Owed::Observe { attempt }) => {
            let seen = Box::new(life.sees());
            (controller, Command::Seal { attempt, seen })
        }
        (_, Owed::Check { gate }) => {
            let on = life.ticket.head.as_ref().map(|it| it.commit.clone());
            let seen = Box::new(life.sees());
            (controller, Command::Check { gate, on, seen })
        }
        (_, Owed::Land) => {
            (controller, Command::RecordLanding { commit: crate::ids::Commit::new("landed") })
        }
        (_, Owed::RetryAt(at)) => {
            life.now = at;
            return Ok(());
        }
        (_, Owed::Finish | Owed::Nothing) => return Err(Rejection::NoOpenGate),
    };
    life.ask(&by, command).map(drop)
}
