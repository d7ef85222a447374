//! The end of a ticket: landing, what stands in its way, and taking it up again.

use super::fixture::{Life, ada, key, verdict_on};
use super::lanes::done;
use crate::ids::Commit;
use crate::principal::Principal;
use crate::ticket::{BlockCode, ChangeKind, Command, Owed, Stage, State, VerdictWord};

fn landing() -> Command {
    Command::RecordLanding { commit: Commit::new("landed") }
}

#[test]
fn the_test_of_the_merge_cannot_be_waived_before_there_was_one() {
    let mut life = Life::at("final_validation");
    let waive = || super::fixture::verdict_on(Some("final_validation"), VerdictWord::Waive);
    assert_eq!(life.refuses(&ada(), waive()), "no_packet");
    life.checks();
    life.does(&ada(), waive());
    assert_eq!(life.ticket.owed(life.now), Owed::Land);
}

#[test]
fn nothing_lands_before_every_required_gate_is_signed_off() {
    let mut life = Life::at("final_validation");
    assert_eq!(life.refuses(&Principal::Controller, landing()), "not_ready_to_land");
    life.carries("final_validation");
    life.controller_does(landing());
    life.is(State::Done);
    assert_eq!(life.ticket.landed_as, Some(Commit::new("landed")));

    let mut campaign = Life::campaign(None);
    assert_eq!(campaign.refuses(&Principal::Controller, landing()), "not_ready_to_land");
}

#[test]
fn a_base_that_moved_runs_the_machine_again_and_asks_nobody_twice() {
    let mut life = Life::at("landing");
    life.controller_does(Command::MoveBase { base: Commit::new("base2") });
    life.stands(State::Active, "checking");
    life.checks();
    assert_eq!(life.ticket.owed(life.now), Owed::Land);
}

#[test]
fn work_that_touches_what_decides_about_it_waits_for_a_person_in_every_workflow() {
    let mut life = Life::task("unattended");
    life.delivers_commit(1, &["mission.toml"]);
    life.checks();
    life.stands(State::InReview, "awaiting_person");
    assert!(life.ticket.situation().reason.ends_with("decides about it: `mission.toml`"));
    assert_eq!(life.refuses(&Principal::Controller, landing()), "not_ready_to_land");
    life.judges(&ada(), VerdictWord::Pass);
    assert_eq!(life.ticket.owed(life.now), Owed::Land);
}

#[test]
fn a_waiver_holds_over_a_base_that_moved_and_the_merge_is_looked_at_again() {
    let mut life = Life::at("final_validation");
    let mut seen = life.sees();
    seen.block = Some((BlockCode::PreExisting, "it fails on the base as well".into()));
    life.checks_and_sees(seen.clone());
    life.does(&ada(), verdict_on(Some("final_validation"), VerdictWord::Waive));
    assert_eq!(life.ticket.owed(life.now), Owed::Land);
    life.controller_does(Command::MoveBase { base: Commit::new("base2") });
    assert!(matches!(life.ticket.owed(life.now), Owed::Check { .. }));
    life.checks_and_sees(seen.clone());
    assert_eq!(life.gate("final_validation").stage, Stage::Waived);
    assert_eq!(life.ticket.owed(life.now), Owed::Land);
    life.controller_does(Command::MoveBase { base: Commit::new("base3") });
    seen.block = Some((BlockCode::MergeConflict, "it contradicts main".into()));
    life.checks_and_sees(seen);
    life.stands(State::Blocked, "merge_conflict");
}

#[test]
fn a_person_who_was_asked_stays_asked_when_the_machine_looks_again() {
    let mut life = Life::task("unattended");
    life.delivers_commit(1, &["mission.toml"]);
    life.checks();
    life.judges(&ada(), VerdictWord::Pass);
    life.controller_does(Command::MoveBase { base: Commit::new("base2") });
    life.checks();
    assert_eq!(life.ticket.owed(life.now), Owed::Land, "the person's word holds over a new base");
    let head = life.commits(2, &[]);
    life.fetches(head, ChangeKind::Code);
    life.delivers_commit(2, &[]);
    life.checks();
    life.stands(State::InReview, "awaiting_person");
}

#[test]
fn research_ends_with_its_verdict_and_never_lands() {
    let mut life = Life::task("research");
    life.delivers_and_seals();
    life.judges(&ada(), VerdictWord::Pass);
    life.is(State::Done);
    assert_eq!(life.ticket.landed_as, None);
}

#[test]
fn a_landed_ticket_that_is_reopened_needs_new_work_and_new_sign_offs() {
    let mut life = Life::at("landing");
    life.controller_does(landing());
    life.does(&ada(), Command::Reopen);
    assert_eq!((&life.ticket.landed_as, &life.ticket.head), (&None, &None));
    let shown = || crate::ticket::ticket_doc(&life.ticket, crate::ids::Version(1)).landed_as;
    assert_eq!(shown().as_deref(), Some("landed"), "what landed stays a fact");
    assert_eq!(life.gate("plan").stage, Stage::Passed);
    assert_eq!(
        (&life.gate("implementation").stage, life.gate("implementation").round),
        (&Stage::Pending, 2)
    );
    assert_eq!(life.refuses(&Principal::Controller, landing()), "not_ready_to_land");
    let fresh = life.ticket.gates.iter().skip(1).flat_map(|it| &it.signoffs).filter(|it| it.fresh);
    assert_eq!(fresh.count(), 0);
}

#[test]
fn a_ticket_that_failed_and_was_cancelled_can_be_worked_again_once_it_is_reopened() {
    let mut life = Life::task("standard");
    life.delivers_and_seals();
    life.judges(&ada(), VerdictWord::Fail);
    life.stands(State::Blocked, "failed");
    life.does(&ada(), Command::Cancel { reason: "no longer needed".into() });
    life.does(&ada(), Command::Reopen);
    life.stands(State::Todo, "queued");
    life.dispatches();
}

#[test]
fn a_ticket_that_is_set_aside_does_not_end_behind_its_back() {
    let mut life = Life::at("landing");
    life.does(&ada(), Command::Park);
    life.controller_does(landing());
    life.is(State::Parked);
    life.does(&ada(), Command::Unpark);
    life.is(State::Done);
}

#[test]
fn a_delivery_to_a_ticket_that_ended_changes_nothing() {
    let mut life = Life::task("standard");
    life.dispatches();
    life.hands_in();
    let attempt = life.reports(done());
    life.does(&ada(), Command::Supersede { by: vec![key(8), key(9)] });
    let reason = life.ticket.situation().reason;
    assert_eq!(reason, "replaced by MC-8, MC-9");
    let seen = Box::new(life.sees());
    assert_eq!(life.controller_does(Command::Seal { attempt, seen }), []);
}

#[test]
fn a_block_of_the_landing_is_tried_again_by_a_person() {
    let mut life = Life::at("landing");
    let text = "uncommitted changes in a.rs".into();
    life.controller_does(Command::BlockLanding { code: BlockCode::LandBlocked, text });
    life.stands(State::Blocked, "land_blocked");
    life.does(&ada(), Command::Retry { reason: "cleared".into() });
    assert_eq!(life.ticket.owed(life.now), Owed::Land);
}

#[test]
fn a_fail_is_lifted_by_a_person_and_by_no_rule() {
    let mut life = Life::task("standard");
    life.delivers_and_seals();
    life.does(&ada(), verdict_on(None, VerdictWord::Fail));
    let correct = Command::Correct { rule: "requeue".into(), cause: "x".into() };
    assert_eq!(life.refuses(&Principal::Controller, correct), "not_blocked");
    life.does(&ada(), Command::Retry { reason: "think again".into() });
    life.is(State::Todo);
}

#[test]
fn who_cancels_while_the_branch_moves_is_a_moment_late_and_the_record_says_so() {
    let mut life = Life::at("landing");
    life.does(&ada(), Command::Cancel { reason: "not this one".into() });
    life.controller_does(Command::RecordLanding { commit: Commit::new("landed") });
    life.is(State::Cancelled);
    assert_eq!(life.ticket.landed_as, Some(Commit::new("landed")));
}
