//! What a sign-off was given on, and what makes it stale.

use super::fixture::{Life, ada, person, verdict_on};
use super::lanes::verdict;
use crate::ids::Commit;
use crate::ticket::{BlockCode, ChangeKind, Command, Event, Owed, Stage, State, VerdictWord};

fn staled(events: &[Event]) -> Vec<(&str, ChangeKind)> {
    let stale = events.iter().filter_map(|it| match it {
        Event::Staled { gate, change, .. } => Some((gate.as_str(), *change)),
        _ => None,
    });
    stale.collect()
}

#[test]
fn a_commit_after_the_sign_off_makes_it_stale_and_names_the_change() {
    let mut life = Life::at("final_validation");
    let head = life.commits(2, &[]);
    let (old, new) = (life.ticket.head.clone().expect("a head").commit, head.commit.clone());
    let events = life.fetches(head, ChangeKind::Code);
    let code = ChangeKind::Code;
    let gates = [("implementation", code), ("first_validation", code), ("qa_review", code)];
    assert_eq!(staled(&events), gates);
    let names = |it: &Event| matches!(it, Event::Staled { from: Some(from), to: Some(to), .. } if *from == old && *to == new);
    assert!(events.iter().any(names), "{events:?}");
    life.stands(State::Todo, "stale");
    assert_eq!(life.gate("plan").stage, Stage::Passed, "the plan is bound to what it said");
}

#[test]
fn a_trivial_rebase_keeps_people_and_lanes_and_runs_the_machine_again() {
    let mut life = Life::at("landing");
    let head = life.commits(1, &[]);
    let rebase = ChangeKind::TrivialRebase;
    let events = life.fetches(head, rebase);
    assert_eq!(staled(&events), [("first_validation", rebase), ("final_validation", rebase)]);
    assert_eq!(life.gate("qa_review").stage, Stage::Passed);
    life.checks();
    life.checks();
    let reopened = life.ticket.owed(life.now);
    assert_eq!(reopened, Owed::Land, "ada is not asked again");
}

#[test]
fn where_any_change_counts_a_rebase_asks_the_person_again() {
    let mut life = Life::task("unattended");
    life.delivers_commit(1, &["mission.toml"]);
    life.checks();
    life.judges(&ada(), VerdictWord::Pass);
    assert_eq!(life.ticket.owed(life.now), Owed::Land);
    let head = life.commits(1, &["mission.toml"]);
    life.fetches(head, ChangeKind::TrivialRebase);
    life.checks();
    life.stands(State::InReview, "awaiting_person");
}

#[test]
fn a_sign_off_kept_over_a_rebase_goes_with_the_next_change_of_the_code() {
    let mut life = Life::at("landing");
    let head = life.commits(1, &[]);
    life.fetches(head, ChangeKind::TrivialRebase);
    let head = life.commits(2, &[]);
    life.fetches(head, ChangeKind::Code);
    goes_to_ada_again(life);

    let mut life = Life::at("landing");
    life.controller_does(Command::MoveBase { base: Commit::new("base2") });
    let head = life.commits(2, &[]);
    life.fetches(head, ChangeKind::Code);
    goes_to_ada_again(life);
}

/// Ada signed off other code: final validation comes to her once more.
#[track_caller]
fn goes_to_ada_again(mut life: Life) {
    life.delivers_commit(2, &[]);
    life.checks();
    life.reviews(verdict(VerdictWord::Pass, &[]));
    life.checks();
    life.stands(State::InReview, "awaiting_person");
    life.judges(&ada(), VerdictWord::Pass);
    assert_eq!(life.ticket.owed(life.now), Owed::Land);
}

#[test]
fn changes_by_the_second_person_end_the_pass_of_the_first() {
    let mut life = Life::task("validated");
    life.delivers_and_seals();
    life.dispatches();
    life.reports(verdict(VerdictWord::Pass, &[]));
    let deliver = |life: &mut Life, patch| {
        life.delivers_commit(patch, &[]);
        life.dispatches();
        life.reports(verdict(VerdictWord::Pass, &[]));
        life.checks();
    };
    deliver(&mut life, 1);
    life.judges(&ada(), VerdictWord::Pass);
    life.judges(&person("bob"), VerdictWord::Changes);
    deliver(&mut life, 2);
    let pass = verdict_on(None, VerdictWord::Pass);
    assert_eq!(life.refuses(&person("bob"), pass), "not_the_decider", "ada is first again");
    life.judges(&ada(), VerdictWord::Pass);
    life.judges(&person("bob"), VerdictWord::Pass);
    assert_eq!(life.ticket.owed(life.now), Owed::Land);
}

#[test]
fn a_review_of_a_commit_that_is_not_the_head_any_more_is_refused() {
    let mut life = Life::at("qa_review");
    life.dispatches();
    let attempt = life.reports(verdict(VerdictWord::Pass, &[]));
    let head = life.commits(2, &[]);
    let seen = life.sees_head(head, ChangeKind::Code, vec![]);
    life.controller_does(Command::Seal { attempt, seen: Box::new(seen) });
    let gate = life.gate("qa_review");
    assert!(gate.signoffs.is_empty(), "{:?}", gate.signoffs);
    assert!(gate.missing[0].contains("present commit"), "{:?}", gate.missing);
}

#[test]
fn a_waived_pre_existing_failure_unblocks_and_survives_a_trivial_rebase() {
    let mut life = Life::at("first_validation");
    let mut seen = life.sees();
    seen.block = Some((BlockCode::PreExisting, "`make` fails on the base as well".into()));
    life.checks_and_sees(seen);
    life.stands(State::Blocked, "pre_existing_failure");
    life.does(&ada(), verdict_on(Some("first_validation"), VerdictWord::Waive));
    life.is(State::Todo);
    let head = life.commits(1, &[]);
    let events = life.fetches(head, ChangeKind::TrivialRebase);
    assert_eq!(staled(&events), []);
    let head = life.commits(2, &[]);
    life.fetches(head, ChangeKind::Code);
    assert!(matches!(life.gate("first_validation").stage, Stage::Stale { .. }));
}

#[test]
fn a_gate_that_the_real_diff_makes_required_opens_before_the_next() {
    let mut life = Life::at("implementation");
    assert!(!life.gate("design_direction").required);
    life.delivers_commit(1, &["ui/page.html"]);
    for gate in ["design_direction", "user_testing", "design_signoff"] {
        assert!(life.gate(gate).required, "{gate}");
    }
    assert_eq!(life.gate("implementation").stage, Stage::Passed, "no work is thrown away");
    let Owed::Dispatch { gate, .. } = life.ticket.owed(life.now) else { panic!("not dispatched") };
    assert_eq!(gate.as_str(), "design_direction");
    life.does(&ada(), super::random::edit(Some(vec![]), vec![], None));
    assert!(life.gate("design_direction").required, "a requirement only grows");
}

#[test]
fn a_decision_that_is_handed_over_is_bound_to_the_present_head() {
    let mut life = Life::at("qa_review");
    life.reviews(verdict(VerdictWord::Changes, &["off by one"]));
    life.delivers_commit(2, &[]);
    life.checks();
    let gate = super::fixture::gate_id("qa_review");
    life.controller_does(Command::HandOver { gate, why: "one runtime".into() });
    life.judges(&ada(), VerdictWord::Pass);
    let head = life.ticket.head.clone().expect("a head").commit;
    let signed = life.gate("qa_review").signoffs.last().and_then(|it| it.commit.clone());
    assert_eq!(signed, Some(head));
}

#[test]
fn what_is_done_stays_as_it_was_signed_off() {
    let mut life = Life::at("landing");
    life.controller_does(Command::RecordLanding { commit: Commit::new("landed") });
    let head = life.commits(7, &[]);
    let events = life.fetches(head, ChangeKind::Code);
    assert_eq!(staled(&events), []);
    life.is(State::Done);
}
