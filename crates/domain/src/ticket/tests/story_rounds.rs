//! Rounds: findings go back, are answered, and are looked at again; and there is an end to it.

use super::fixture::{Life, ada, lane, person, verdict_on};
use super::lanes::{contributor, done, evidence, finding, verdict};
use crate::rules::EvidenceKind;
use crate::ticket::{
    BlockCode, Command, EndClass, Event, FindingState, LaneRecord, NewFinding, Owed, Purpose,
    Stage, State, VerdictWord,
};

#[test]
fn findings_must_be_answered_before_the_reviewer_looks_again() {
    let mut life = Life::at("qa_review");
    life.reviews(verdict(VerdictWord::Changes, &["off by one"]));
    assert_eq!(life.gate("implementation").round, 2);
    assert_eq!(life.gate("qa_review").stage, Stage::ChangesRequested);

    life.dispatches();
    for kind in [EvidenceKind::Commands, EvidenceKind::Risk] {
        life.records(LaneRecord::Evidence(Box::new(evidence(kind))));
    }
    let attempt = life.reports(done());
    let seen = Box::new(life.sees());
    life.controller_does(Command::Seal { attempt, seen });
    let gate = life.gate("implementation");
    assert_eq!((gate.used, gate.missing.len()), (1, 1), "{:?}", gate.missing);
    assert!(gate.missing[0].contains("answer to F-1"), "{:?}", gate.missing);

    life.passes(60);
    life.delivers_commit(2, &["src/main.rs"]);
    assert_eq!(life.ticket.findings[0].state, FindingState::Fixed);
    life.checks();
    let Owed::Dispatch { gate, purpose, .. } = life.ticket.owed(life.now) else {
        panic!("nobody looks again")
    };
    assert_eq!((gate.as_str(), purpose), ("qa_review", Purpose::Review));
}

#[test]
fn three_rounds_block_with_the_story_and_a_person_gives_one_more() {
    let mut life = Life::at("qa_review");
    for round in 1..=3 {
        life.is(State::Todo);
        life.reviews(verdict(VerdictWord::Changes, &[&format!("wrong {round}")]));
        if round < 3 {
            life.delivers_commit(round + 1, &[]);
            life.checks();
        }
    }
    life.stands(State::Blocked, "rounds_used_up");
    let story = life.ticket.situation().reason;
    assert!(story.contains("qa_review") && story.contains("wrong 3"), "{story}");

    life.does(&ada(), Command::Retry { reason: "one more".into() });
    life.delivers_commit(9, &[]);
    life.checks();
    life.reviews(verdict(VerdictWord::Changes, &["wrong 4"]));
    life.stands(State::Blocked, "rounds_used_up");
}

#[test]
fn a_refutation_by_the_controller_is_a_round_like_any_other() {
    let mut life = Life::at("first_validation");
    for round in 2..=4 {
        life.refutes("`cargo test` exits with 1");
        assert_eq!(life.gate("implementation").round, round);
        if round < 4 {
            life.delivers_commit(u64::from(round), &[]);
        }
    }
    life.stands(State::Blocked, "rounds_used_up");
}

#[test]
fn a_check_that_stays_red_is_one_finding_however_often_it_was_run() {
    let mut life = Life::at("first_validation");
    for round in 2..=4 {
        let mut seen = life.sees();
        let red = NewFinding { command: Some("cargo test".into()), ..finding("exits with 1") };
        seen.findings.push(red);
        life.checks_and_sees(seen);
        if round < 4 {
            life.delivers_commit(round, &[]);
        }
    }
    assert_eq!(life.ticket.findings.len(), 1, "{:?}", life.ticket.findings);
    assert_eq!(life.ticket.findings[0].state, FindingState::Open, "its command answers it");
    life.stands(State::Blocked, "rounds_used_up");
}

#[test]
fn a_refuted_claim_that_is_seen_at_the_delivery_sends_it_back() {
    let mut life = Life::at("implementation");
    let attempt = life.delivers();
    let mut seen = life.sees();
    seen.findings.push(finding("the file is not in git"));
    life.controller_does(Command::Seal { attempt, seen: Box::new(seen) });
    assert_eq!(life.gate("implementation").stage, Stage::ChangesRequested);
    assert_eq!(life.ticket.findings.len(), 1);

    let mut life = Life::at("implementation");
    let attempt = life.delivers();
    let mut seen = life.sees();
    seen.block = Some((BlockCode::MergeConflict, "does not merge".into()));
    life.controller_does(Command::Seal { attempt, seen: Box::new(seen) });
    life.stands(State::Blocked, "merge_conflict");
}

#[test]
fn a_reviewers_verdict_on_a_persons_gate_is_advice() {
    let mut life = Life::task("advised");
    life.delivers_commit(1, &[]);
    life.judges(&ada(), VerdictWord::Pass);
    assert_eq!(life.gate("implementation").stage, Stage::Passed);
    life.reviews(verdict(VerdictWord::Pass, &[]));
    assert!(life.gate("qa_review").signoffs.is_empty(), "a lane spoke as a person");
    life.stands(State::InReview, "awaiting_person");
    life.judges(&ada(), VerdictWord::Pass);
    life.is(State::Done);
}

#[test]
fn a_judge_whose_subject_changed_meanwhile_decides_nothing() {
    let mut life = Life::task("validated");
    life.delivers_and_seals();
    life.dispatches();
    life.reports(verdict(VerdictWord::Pass, &[]));
    life.delivers_commit(1, &[]);
    life.dispatches();
    let head = life.commits(2, &[]);
    life.fetches(head, crate::ticket::ChangeKind::Code);
    life.reports(verdict(VerdictWord::Pass, &[]));
    let gate = life.gate("implementation");
    assert!(matches!(gate.stage, Stage::Stale { .. }), "{:?}", gate.stage);
    assert_eq!(gate.used, 0);
    let by_lane = gate.signoffs.iter().filter(|it| it.principal == lane("validator", "claude"));
    assert_eq!(by_lane.count(), 0);
}

#[test]
fn a_judge_that_ends_without_a_verdict_passes_nothing_and_costs_an_attempt() {
    let mut life = Life::task("validated");
    life.delivers_and_seals();
    life.dispatches();
    life.reports(done());
    let gate = life.gate("plan");
    assert_eq!((gate.used, gate.signoffs.len()), (1, 0));
    assert!(gate.missing[0].contains("a verdict"), "{:?}", gate.missing);
    life.stands(State::Todo, "retry_wait");
    life.passes(60);
    life.dispatches();
    life.reports(verdict(VerdictWord::Pass, &[]));
    assert_eq!(life.gate("plan").stage, Stage::Passed);
}

#[test]
fn whoever_committed_cannot_sign_off_even_where_the_gate_is_its_own() {
    let mut life = Life::task("advised");
    let attempt = life.delivers();
    let head = life.commits(1, &[]);
    let by = |name| crate::principal::Contributor { principal: person(name), identity: None };
    let made_by = vec![contributor("coder", "codex"), by("ada")];
    let seen = life.sees_head(head, crate::ticket::ChangeKind::Code, made_by);
    life.controller_does(Command::Seal { attempt, seen: Box::new(seen) });
    assert_eq!(life.refuses(&ada(), verdict_on(None, VerdictWord::Pass)), "own_work");
    life.judges(&person("bob"), VerdictWord::Pass);
}

#[test]
fn who_left_work_behind_and_died_is_an_author_of_what_another_delivers() {
    let mut life = Life::at("implementation");
    let claim = life.claim("implementation", "coder", "claude", Purpose::Deliver);
    life.controller_does(claim);
    life.exits(EndClass::Crashed);
    life.controller_does(Command::Credit { contributors: vec![contributor("coder", "claude")] });
    life.passes(60);
    life.delivers_commit(1, &[]);
    life.checks();
    let by = crate::principal::Principal::Controller;
    let claim = |life: &mut Life, runtime| life.claim("qa_review", "qa", runtime, Purpose::Review);
    for author in ["claude", "codex"] {
        let claim = claim(&mut life, author);
        assert_eq!(life.refuses(&by, claim), "not_independent", "{author}");
    }
    let claim = claim(&mut life, "gemini");
    life.controller_does(claim);
}

#[test]
fn a_person_who_worked_the_lane_cannot_judge_it_by_any_name() {
    let carol = || person("carol");
    let mut life = Life::task("standard");
    let claim = life.claim("plan", "planner", "person", Purpose::Deliver);
    life.controller_does(claim);
    life.hands_in();
    let attempt = life.reports(done());
    let seen = Box::new(life.sees());
    life.controller_does(Command::Seal { attempt, seen });
    // `lane:planner/person` was carol: what she signs in as decides.
    assert_eq!(life.refuses(&carol(), verdict_on(None, VerdictWord::Pass)), "own_work");
    life.judges(&ada(), VerdictWord::Pass);

    let claim = life.claim("implementation", "coder", "person", Purpose::Deliver);
    life.controller_does(claim);
    life.hands_in();
    let attempt = life.reports(done());
    let head = life.commits(1, &[]);
    let made_by = life.ticket.attempt(attempt).expect("known").workers();
    let seen = life.sees_head(head, crate::ticket::ChangeKind::Code, made_by);
    life.controller_does(Command::Seal { attempt, seen: Box::new(seen) });
    life.checks();
    let claim = life.claim("qa_review", "qa", "person", Purpose::Review);
    life.controller_does(claim);
    let pass = crate::ticket::LaneRecord::Report(verdict(VerdictWord::Pass, &[]));
    let pass = life.record(life.live(), pass);
    assert_eq!(life.refuses(&carol(), pass.clone()), "own_work");
    life.does(&person("bob"), pass);
    life.ends(EndClass::Reported);
    let attempt = life.ticket.attempts.last().expect("one").id;
    let seen = Box::new(life.sees());
    life.controller_does(Command::Seal { attempt, seen });
    let by = life.gate("qa_review").signoffs.last().map(|it| it.principal.clone());
    assert_eq!(by, Some(person("bob")), "the sign-off names who gave it");
}

#[test]
fn a_reviewer_of_the_authors_runtime_is_refused_and_a_person_decides_instead() {
    let mut life = Life::at("qa_review");
    let claim = life.claim("qa_review", "qa", "codex", Purpose::Review);
    assert_eq!(life.refuses(&crate::principal::Principal::Controller, claim), "not_independent");
    let hand_over = |gate: &str| Command::HandOver {
        gate: super::fixture::gate_id(gate),
        why: "one runtime".into(),
    };
    life.controller_does(hand_over("qa_review"));
    life.stands(State::InReview, "no_independent_runtime");
    life.judges(&ada(), VerdictWord::Pass);
    assert_eq!(life.gate("qa_review").stage, Stage::Passed);

    // Work that is to be judged anew is handed over anew.
    life.carries("final_validation");
    let landing = Command::RecordLanding { commit: crate::ids::Commit::new("landed") };
    life.controller_does(landing);
    life.does(&ada(), Command::Reopen);
    life.delivers_commit(2, &[]);
    life.checks();
    life.controller_does(hand_over("qa_review"));
    life.stands(State::InReview, "no_independent_runtime");

    // What is to be delivered cannot be decided on by anybody yet.
    let mut early = Life::task("standard");
    let by = crate::principal::Principal::Controller;
    assert_eq!(early.refuses(&by, hand_over("plan")), "gate_not_open");
    early.dispatches();
    assert_eq!(early.refuses(&by, hand_over("plan")), "gate_not_open");
}

#[test]
fn a_verdict_is_taken_back_only_before_the_next_attempt() {
    let withdraw = || Command::Withdraw { gate: None };
    let mut life = Life::at("implementation");
    life.does(&ada(), withdraw());
    life.stands(State::InReview, "awaiting_person");
    life.judges(&ada(), VerdictWord::Changes);
    assert_eq!(life.gate("plan").round, 2);
    life.does(&ada(), withdraw());
    assert_eq!((life.gate("plan").round, life.ticket.findings.len()), (1, 0));
    life.judges(&ada(), VerdictWord::Pass);
    life.dispatches();
    life.exits(EndClass::Crashed);
    assert_eq!(life.refuses(&ada(), withdraw()), "nothing_to_withdraw");
}

#[test]
fn a_waiver_that_is_taken_back_leaves_the_work_to_be_done() {
    let mut life = Life::task("standard");
    life.judges(&ada(), VerdictWord::Waive);
    life.does(&ada(), Command::Withdraw { gate: None });
    assert_eq!(life.gate("plan").stage, Stage::Pending);
    let pass = verdict_on(Some("plan"), VerdictWord::Pass);
    assert_eq!(life.refuses(&ada(), pass), "no_packet");
}

#[test]
fn changes_on_a_passed_gate_that_are_taken_back_leave_it_passed() {
    let mut life = Life::at("final_validation");
    life.checks();
    life.does(&ada(), verdict_on(Some("qa_review"), VerdictWord::Changes));
    life.does(&ada(), Command::Withdraw { gate: None });
    assert_eq!(life.gate("qa_review").stage, Stage::Passed);
    assert_eq!(life.gate("implementation").stage, Stage::Passed);

    // Once the code has moved, nothing that was retired comes back.
    life.does(&ada(), verdict_on(Some("qa_review"), VerdictWord::Changes));
    let head = life.commits(5, &[]);
    life.fetches(head, crate::ticket::ChangeKind::Code);
    let withdraw = Command::Withdraw { gate: None };
    assert_eq!(life.refuses(&ada(), withdraw), "nothing_to_withdraw");
}

#[test]
fn findings_keep_ids_of_their_own_when_others_are_taken_back() {
    let mut life = Life::at("qa_review");
    life.does(&ada(), verdict_on(Some("plan"), VerdictWord::Changes));
    life.does(&ada(), verdict_on(Some("first_validation"), VerdictWord::Changes));
    life.does(&ada(), Command::Withdraw { gate: Some(super::fixture::gate_id("plan")) });
    let events = life.does(&ada(), verdict_on(Some("plan"), VerdictWord::Changes));
    let sent = events.iter().any(|it| matches!(it, Event::SentBack { .. }));
    let ids: std::collections::BTreeSet<_> = life.ticket.findings.iter().map(|it| it.id).collect();
    assert!(sent && ids.len() == 2, "{ids:?}");
}
