//! Who may do what: persons, the demo's stand-in, tokens that are no person, and lanes.

use super::fixture::{Life, ada, key, lane, person, verdict_on};
use super::lanes::done;
use crate::ids::MessageId;
use crate::principal::Principal;
use crate::ticket::{Command, Event, LaneRecord, MessageKind, State, VerdictWord};

fn token() -> Principal {
    Principal::External("ci".into())
}

#[test]
fn outside_the_demo_the_scripted_person_may_do_nothing_at_all() {
    let mut life = Life::task("standard");
    life.demo = false;
    let say = Command::Say {
        text: "hello".into(),
        to: None,
        kind: MessageKind::Instruction,
        id: MessageId(1),
    };
    for command in [
        Command::Park,
        Command::Cancel { reason: "enough".into() },
        Command::Comment { text: "hello".into() },
        say,
        verdict_on(None, VerdictWord::Waive),
    ] {
        assert_eq!(life.refuses(&Principal::Scripted, command), "no_script_here");
    }
    life.demo = true;
    life.does(&Principal::Scripted, Command::Park);
    life.is(State::Parked);
}

#[test]
fn only_a_person_takes_up_what_was_set_aside_or_has_ended() {
    let mut life = Life::task("standard");
    life.does(&ada(), Command::Park);
    for by in [Principal::Controller, token(), lane("coder", "codex")] {
        assert_eq!(life.refuses(&by, Command::Unpark), "not_a_person");
    }
    life.does(&ada(), Command::Unpark);
    life.does(&ada(), Command::Cancel { reason: "no longer needed".into() });
    for by in [Principal::Controller, token(), lane("coder", "codex")] {
        assert_eq!(life.refuses(&by, Command::Reopen), "not_a_person");
    }
    life.does(&ada(), Command::Reopen);
    life.is(State::Todo);
}

#[test]
fn a_lane_neither_claims_nor_adds_children() {
    let mut life = Life::task("standard");
    let claim = life.claim("plan", "planner", "codex", crate::ticket::Purpose::Deliver);
    for by in [lane("planner", "codex"), ada(), token()] {
        assert_eq!(life.refuses(&by, claim.clone()), "not_the_controller");
    }
    let mut campaign = Life::campaign(None);
    let add = Command::AddChild { child: key(2) };
    assert_eq!(campaign.refuses(&lane("planner", "codex"), add.clone()), "not_a_person");
    campaign.does(&ada(), add);
}

#[test]
fn only_a_person_passes_a_persons_gate() {
    let mut life = Life::task("standard");
    life.delivers_and_seals();
    let pass = verdict_on(None, VerdictWord::Pass);
    for by in [Principal::Controller, token(), lane("validator", "claude")] {
        assert_eq!(life.refuses(&by, pass.clone()), "not_a_person");
    }
    life.does(&ada(), pass);
}

#[test]
fn a_verdict_on_a_packet_that_changed_since_it_was_seen_is_refused() {
    let mut life = Life::task("standard");
    life.delivers_and_seals();
    let seen = life.gate("plan").packet.clone().expect("a packet").digest;
    life.judges(&ada(), VerdictWord::Changes);
    life.delivers_and_seals();
    let judge = |seen| Command::Judge {
        gate: None,
        verdict: VerdictWord::Pass,
        reason: String::new(),
        findings: vec![],
        seen,
        judged: None,
    };
    assert_eq!(life.refuses(&ada(), judge(Some(seen))), "packet_changed");
    let now = life.gate("plan").packet.clone().expect("a packet").digest;
    life.does(&ada(), judge(Some(now)));
    assert!(life.gate("plan").is_settled());
}

#[test]
fn a_verdict_on_a_gate_that_somebody_decided_meanwhile_is_refused() {
    let mut life = Life::task("standard");
    life.delivers_and_seals();
    let judge = |verdict, judged| Command::Judge {
        gate: Some(crate::ids::GateId::new("plan")),
        verdict,
        reason: "seen".into(),
        findings: vec![],
        seen: None,
        judged,
    };
    life.does(&ada(), judge(VerdictWord::Changes, Some(0)));
    assert_eq!(life.refuses(&person("bob"), judge(VerdictWord::Changes, Some(0))), "conflict");
    assert_eq!(life.gate("plan").signoffs.len(), 1);
    life.delivers_and_seals();
    life.does(&person("bob"), judge(VerdictWord::Pass, Some(1)));
}

#[test]
fn a_named_decider_is_the_only_person_who_counts() {
    let mut life = Life::task("validated");
    life.dispatches();
    life.hands_in();
    let attempt = life.reports(done());
    let seen = Box::new(life.sees());
    life.controller_does(Command::Seal { attempt, seen });
    let verdict = verdict_on(Some("plan"), VerdictWord::Pass);
    assert_eq!(life.refuses(&ada(), verdict), "gate_not_open");
}

#[test]
fn a_person_takes_a_session_over_and_what_it_delivers_is_their_work_too() {
    let mut life = Life::at("implementation");
    let attempt = life.dispatches();
    let take = Command::TakeOver { attempt };
    assert_eq!(life.refuses(&ada(), take.clone()), "nothing_to_take_over");
    life.records(LaneRecord::Began { pid: 7, tmux: None });
    for by in [Principal::Controller, token(), lane("coder", "codex")] {
        assert_eq!(life.refuses(&by, take.clone()), "not_a_person");
    }
    life.does(&ada(), take.clone());
    let held = |life: &Life| life.ticket.attempt(attempt).expect("it").held_by.clone();
    assert_eq!(held(&life), Some(ada()));
    assert!(life.does(&ada(), take.clone()).is_empty(), "who has it takes nothing more");
    life.does(&person("bob"), take);
    assert_eq!(held(&life), Some(person("bob")), "the last one has it");
    let back = Command::GiveBack { attempt };
    assert_eq!(life.refuses(&lane("coder", "codex"), back.clone()), "not_a_person");
    life.does(&Principal::Controller, back.clone());
    assert_eq!(held(&life), None);
    assert!(life.does(&ada(), back).is_empty(), "nobody has it");
    let workers = |life: &Life| {
        let workers = life.ticket.attempt(attempt).expect("it").workers().into_iter();
        workers.map(|it| it.principal).skip(1).collect::<Vec<_>>()
    };
    assert_eq!(workers(&life), [], "nobody typed anything");
    for by in [ada(), person("bob"), lane("qa", "claude")] {
        life.records(LaneRecord::Typed { by });
    }
    assert_eq!(workers(&life), [ada(), person("bob")]);
    // Somebody in the program's own screen has no name, and nothing is held for them.
    let events = life.records(LaneRecord::TookOver);
    assert!(matches!(&events[..], [Event::TookOver { by: None, .. }]));
    assert_eq!(held(&life), None);
    life.does(&ada(), Command::TakeOver { attempt });
    life.exits(crate::ticket::EndClass::Crashed);
    assert_eq!(held(&life), None, "its end takes it from whoever had it");
    assert_eq!(life.refuses(&ada(), Command::TakeOver { attempt }), "attempt_over");
}
