//! A lane at work: how attempts end, what each end costs, and what becomes of messages.

use super::fixture::{Life, ada, lane};
use super::lanes::{done, evidence, question, verdict};
use crate::ids::{MessageId, RoleId};
use crate::principal::Principal;
use crate::rules::EvidenceKind;
use crate::ticket::{
    Command, EndClass, Event, Figures, IN_NO_JOURNAL, LaneRecord, MessageKind, MessageState,
    Purpose, Stage, State, VerdictWord,
};

#[test]
fn a_question_costs_nothing_and_its_answer_travels_to_the_next_attempt() {
    let mut life = Life::task("standard");
    life.dispatches();
    life.reports(question());
    life.stands(State::NeedsInput, "question_open");
    assert_eq!(life.gate("plan").used, 0);
    let id = MessageId(life.id());
    life.does(&ada(), Command::Answer { text: "blue".into(), id });
    life.stands(State::Todo, "queued");
    assert_eq!(life.message(id).to.as_ref().map(|it| it.as_str()), Some("planner"));
    life.dispatches();
    life.records(LaneRecord::Delivered { ids: vec![id] });
    assert_eq!(life.message(id).state, MessageState::Delivered);
    life.reports(question());
    assert_eq!(life.message(id).state, MessageState::Processed);
}

#[test]
fn a_report_counts_even_if_the_process_crashes_after_it() {
    let mut life = Life::task("standard");
    life.dispatches();
    life.hands_in();
    life.records(LaneRecord::Report(done()));
    life.exits(EndClass::Crashed);
    life.stands(State::Active, "observing");
    assert_eq!(life.gate("plan").used, 0);
}

#[test]
fn an_exit_without_a_report_delivers_nothing() {
    let mut life = Life::task("standard");
    life.dispatches();
    life.hands_in();
    life.exits(EndClass::Reported);
    let end = life.ticket.attempts[0].end.as_ref().map(|it| it.class);
    assert_eq!((end, life.gate("plan").used), (Some(EndClass::NoReport), 1));
}

#[test]
fn a_fault_of_the_runtime_costs_the_ticket_nothing() {
    for class in [EndClass::Auth, EndClass::Quota, EndClass::ProviderDown] {
        let mut life = Life::task("standard");
        for _ in 0..5 {
            life.dispatches();
            life.exits(class);
            life.stands(State::Todo, "queued");
        }
        assert_eq!(life.gate("plan").used, 0);
    }
}

#[test]
fn three_deaths_block_with_the_story_and_a_retry_gives_three_more() {
    let mut life = Life::task("standard");
    for class in [EndClass::Crashed, EndClass::OomKilled, EndClass::Stalled] {
        life.passes(400);
        life.dispatches();
        life.exits(class);
    }
    life.stands(State::Blocked, "attempts_used_up");
    let story = life.ticket.situation().reason;
    let names_all = ["crashed", "oom_killed", "stalled"].iter().all(|it| story.contains(it));
    assert!(names_all, "{story}");
    let correct = Command::Correct { rule: "requeue".into(), cause: "quota".into() };
    assert_eq!(life.refuses(&Principal::Controller, correct), "not_blocked");
    life.does(&ada(), Command::Retry { reason: "memory was raised".into() });
    assert_eq!(life.gate("plan").used, 0);
    life.dispatches();
}

#[test]
fn another_block_does_not_hide_that_the_attempts_are_used_up() {
    let mut life = Life::task("standard");
    for _ in 0..2 {
        life.passes(400);
        life.dispatches();
        life.exits(EndClass::Crashed);
    }
    life.passes(400);
    life.dispatches();
    let (code, text) = (crate::ticket::BlockCode::LandBlocked, "in the way".into());
    life.controller_does(Command::BlockLanding { code, text });
    life.exits(EndClass::Crashed);
    life.stands(State::Blocked, "attempts_used_up");
    life.does(&ada(), Command::Retry { reason: "again".into() });
    assert_eq!(life.gate("plan").used, 0);
}

#[test]
fn a_delivery_that_lacks_evidence_costs_an_attempt_and_says_what_is_missing() {
    let mut life = Life::task("standard");
    life.dispatches();
    let attempt = life.reports(done());
    let seen = Box::new(life.sees());
    life.controller_does(Command::Seal { attempt, seen });
    let gate = life.gate("plan");
    assert_eq!((gate.used, &gate.stage), (1, &Stage::Pending));
    assert_eq!(gate.missing, ["plan (`mission report evidence plan FILE`)"]);
    life.stands(State::Todo, "retry_wait");
}

#[test]
fn each_wait_is_twice_as_long_and_none_is_over_five_minutes() {
    let mut life = Life::task("standard");
    for seconds in [10, 20] {
        life.dispatches();
        life.exits(EndClass::Crashed);
        let wait = life.gate("plan").retry_at.expect("a wait").duration_since(life.now);
        assert_eq!(wait.as_secs(), seconds);
        life.passes(seconds);
    }
}

#[test]
fn parking_stops_the_lane_at_no_cost_and_its_messages_wait_again() {
    let mut life = Life::task("standard");
    let id = life.says(&ada(), "use blue");
    life.dispatches();
    life.records(LaneRecord::Delivered { ids: vec![id] });
    life.does(&ada(), Command::Park);
    assert!(life.ticket.live_attempt().is_none());
    let end = life.ticket.attempts[0].end.as_ref().map(|it| it.class);
    assert_eq!((end, life.gate("plan").used), (Some(EndClass::Stopped), 0));
    assert_eq!(life.message(id).state, MessageState::Queued);
    life.does(&ada(), Command::Cancel { reason: "no longer needed".into() });
    assert_eq!(life.message(id).state, MessageState::Withdrawn);
}

#[test]
fn the_same_text_again_is_counted_and_not_queued_twice() {
    let mut life = Life::task("standard");
    let id = life.says(&ada(), "use blue");
    life.says(&ada(), "use blue");
    assert_eq!((life.ticket.messages.len(), life.message(id).count), (1, 2));
}

#[test]
fn a_write_under_a_lease_that_was_taken_over_is_refused() {
    let mut life = Life::task("standard");
    let first = life.dispatches();
    let late = life.record(first, LaneRecord::Report(done()));
    life.ends(EndClass::Lost);
    life.passes(60);
    life.dispatches();
    assert_eq!(life.refuses(&lane("planner", "codex"), late), "stale_epoch");
}

#[test]
fn a_lane_cannot_judge_what_it_delivers() {
    let mut life = Life::task("standard");
    life.dispatches();
    let pass = LaneRecord::Report(verdict(VerdictWord::Pass, &[]));
    let record = life.record(life.live(), pass);
    assert_eq!(life.refuses(&lane("planner", "codex"), record), "own_work");
}

#[test]
fn nobody_speaks_in_the_attempt_of_another() {
    let mut life = Life::task("standard");
    let attempt = life.dispatches();
    for record in [
        LaneRecord::Report(done()),
        LaneRecord::Evidence(Box::new(super::lanes::evidence(EvidenceKind::Plan))),
        LaneRecord::Exited { class: EndClass::Reported, summary: "over".into(), death: None },
    ] {
        let record = life.record(attempt, record);
        for by in [
            lane("qa", "claude"),
            lane("planner", "claude"),
            Principal::Controller,
            Principal::External("ci".into()),
            ada(),
        ] {
            assert_eq!(life.refuses(&by, record.clone()), "not_your_attempt", "{by}");
        }
    }
    life.records(LaneRecord::Report(done()));
}

#[test]
fn what_a_lane_says_past_its_journal_takes_no_number_of_it() {
    let mut life = Life::task("standard");
    life.dispatches();
    let (attempt, journal) = (life.live(), Life::record);
    let past = |life: &mut Life, record| {
        let Command::Record { attempt, epoch, record, .. } = journal(life, attempt, record) else {
            panic!("a record")
        };
        let command = Command::Record { attempt, epoch, number: IN_NO_JOURNAL, record };
        life.does(&life.speaker(&command), command)
    };
    let said = life.says(&ada(), "use blue");
    // The journal goes on with the next number, whatever came past it.
    let next = journal(&life, attempt, LaneRecord::Delivered { ids: vec![said] });
    past(&mut life, LaneRecord::Evidence(Box::new(evidence(EvidenceKind::Plan))));
    past(&mut life, LaneRecord::Evidence(Box::new(evidence(EvidenceKind::Risk))));
    life.does(&life.speaker(&next), next);
    assert_eq!(life.message(said).state, MessageState::Delivered);
    past(&mut life, LaneRecord::Report(done()));
    let of = life.ticket.attempt(attempt).expect("the attempt");
    assert_eq!((of.last_record, of.evidence.len()), (1, 2));
    // The turn was there before the report, which answers for it.
    life.exits(EndClass::Crashed);
    life.stands(State::Active, "observing");
    assert_eq!(life.message(said).state, MessageState::Processed);
}

#[test]
fn words_that_a_turn_after_the_report_took_wait_again_when_that_turn_dies() {
    let mut life = Life::task("standard");
    life.dispatches();
    life.hands_in();
    life.records(LaneRecord::Report(done()));
    let late = life.says(&ada(), "use blue");
    life.records(LaneRecord::Delivered { ids: vec![late] });
    life.exits(EndClass::Crashed);
    // They came after the report, so that stands; whoever works next is told.
    life.stands(State::Active, "observing");
    assert_eq!(life.message(late).state, MessageState::Queued);
}

#[test]
fn a_report_does_not_count_before_the_words_that_were_there_before_it_are_taken_in() {
    let mut life = Life::task("standard");
    life.dispatches();
    life.hands_in();
    let early = life.says(&ada(), "use blue");
    life.records(LaneRecord::Report(done()));
    life.records(LaneRecord::Delivered { ids: vec![early] });
    let mut ended_well = life.clone();
    life.exits(EndClass::Crashed);
    life.stands(State::Todo, "retry_wait");
    assert_eq!((life.message(early).state, life.gate("plan").used), (MessageState::Queued, 1));

    ended_well.exits(EndClass::NoReport);
    ended_well.stands(State::Active, "observing");
    assert_eq!(ended_well.message(early).state, MessageState::Processed);
}

#[test]
fn words_that_nobody_could_give_to_a_lane_before_its_report_go_to_another_attempt_at_no_cost() {
    let mut life = Life::task("standard");
    let first = life.says(&ada(), "use red");
    life.dispatches();
    life.records(LaneRecord::Delivered { ids: vec![first] });
    life.hands_in();
    let early = life.says(&ada(), "use blue");
    // Nobody was there to hand them over: the report and the end of the process are taken in together.
    let attempt = life.reports(done());
    life.stands(State::Todo, "queued");
    assert_eq!((life.message(early).state, life.gate("plan").used), (MessageState::Queued, 0));
    // What its turn had taken is not taken a second time.
    assert_eq!(life.message(first).state, MessageState::Processed);
    let end = life.ticket.attempt(attempt).and_then(|it| it.end.clone()).expect("it is over");
    assert!(end.summary.contains(&early.to_string()), "{}", end.summary);

    life.dispatches();
    life.records(LaneRecord::Delivered { ids: vec![early] });
    life.hands_in();
    life.reports(done());
    life.stands(State::Active, "observing");
    assert_eq!(life.message(early).state, MessageState::Processed);
}

#[test]
fn words_for_another_role_hold_no_report_up() {
    let mut life = Life::task("standard");
    life.dispatches();
    life.hands_in();
    let (to, kind) = (Some(RoleId::new("qa")), MessageKind::Instruction);
    let id = MessageId(90);
    life.does(&ada(), Command::Say { text: "look at the colours".into(), to, kind, id });
    life.reports(done());
    life.stands(State::Active, "observing");
}

#[test]
fn parking_a_lane_after_its_report_keeps_the_report() {
    let mut life = Life::task("standard");
    life.dispatches();
    life.hands_in();
    life.records(LaneRecord::Report(done()));
    life.does(&ada(), Command::Park);
    assert!(life.ticket.live_attempt().is_none());
    life.does(&ada(), Command::Unpark);
    life.stands(State::Active, "observing");
    assert_eq!(life.gate("plan").used, 0);
}

#[test]
fn a_check_that_could_not_run_takes_no_decision_from_a_person() {
    let mut life = Life::task("standard");
    life.delivers_and_seals();
    let gate = super::fixture::gate_id("plan");
    life.controller_does(Command::FailToRun { gate, cause: "no disk".into() });
    life.stands(State::InReview, "awaiting_person");

    let mut life = Life::at("first_validation");
    let gate = super::fixture::gate_id("first_validation");
    life.controller_does(Command::FailToRun { gate, cause: "no disk".into() });
    life.stands(State::Blocked, "could_not_run");
    assert_eq!(life.gate("first_validation").used, 0);
    let correct = Command::Correct { rule: "rerun".into(), cause: "no disk".into() };
    life.controller_does(correct.clone());
    life.stands(State::Active, "checking");
    assert_eq!(life.refuses(&Principal::Controller, correct), "already_corrected");
}

#[test]
fn people_are_told_once_at_80_percent_and_asked_when_the_budget_is_used_up() {
    let mut life = Life::task("standard");
    life.rules.budget.ticket.tokens = Some(1_000);
    let told = |life: &Life| {
        let is_told = |it: &&(Event, _)| matches!(it.0, Event::BudgetNearlySpent { .. });
        life.log.iter().filter(is_told).count()
    };
    let used = |tokens| {
        let figures = Figures { tokens: Some(tokens), cost_micros: None };
        LaneRecord::TurnOver { well: true, figures }
    };
    life.dispatches();
    life.records(used(790));
    assert_eq!(told(&life), 0);
    life.records(used(800));
    life.records(used(900));
    assert_eq!(told(&life), 1);
    let left = |life: &Life| life.ticket.budget_left(&life.rules.budget.ticket, life.now).tokens;
    assert_eq!(left(&life), Some(100));
    life.records(used(1_100));
    life.exits(EndClass::BudgetSpent);
    life.stands(State::Blocked, "budget_spent");
    assert_eq!((left(&life), life.gate("plan").used), (Some(0), 0));
    let correct = Command::Correct { rule: "requeue".into(), cause: "quota".into() };
    assert_eq!(life.refuses(&Principal::Controller, correct), "not_blocked");
    life.does(&ada(), Command::Retry { reason: "it is worth it".into() });
    assert_eq!(left(&life), Some(900));
    life.dispatches();
    life.records(used(600));
    assert_eq!(told(&life), 2, "1,700 of 2,000");
}

#[test]
fn nothing_is_started_on_a_budget_that_is_used_up() {
    let mut life = Life::task("standard");
    life.rules.budget.ticket.tokens = Some(1_000);
    life.dispatches();
    let figures = Figures { tokens: Some(1_000), cost_micros: None };
    life.records(LaneRecord::TurnOver { well: true, figures });
    life.exits(EndClass::Stopped);
    life.stands(State::Todo, "queued");
    let claim = life.claim("plan", "planner", "codex", Purpose::Deliver);
    life.controller_does(claim);
    life.stands(State::Blocked, "budget_spent");
    assert_eq!(life.ticket.attempts.len(), 1);
    life.does(&ada(), Command::Retry { reason: "go on".into() });
    life.dispatches();
    assert_eq!(life.ticket.attempts.len(), 2);
}

#[test]
fn the_time_of_all_attempts_counts_and_what_no_program_told_is_nothing() {
    let mut life = Life::task("standard");
    life.rules.budget.ticket.wall_s = Some(600);
    life.rules.budget.ticket.cost_micros = Some(5);
    life.dispatches();
    life.passes(400);
    life.exits(EndClass::Stopped);
    life.passes(10_000);
    let left = life.ticket.budget_left(&life.rules.budget.ticket, life.now);
    // The clock of these stories moves with each command, too.
    assert!(left.wall_s.is_some_and(|it| (195..=200).contains(&it)), "{left:?}");
    assert_eq!((left.cost_micros, left.tokens), (Some(5), None));
}
