//! A person takes a message back: while it waits, and only what a person said.

use super::fixture::{Life, ada, lane, person};
use super::lanes::{done, question};
use crate::ids::{AttemptId, MessageId, RoleId};
use crate::principal::Principal;
use crate::ticket::{Command, EndClass, LaneRecord, MessageKind, MessageState, State};

fn take_back(id: MessageId) -> Command {
    Command::WithdrawMessage { id, left: None }
}

fn left_by(attempt: AttemptId, id: MessageId) -> Command {
    Command::WithdrawMessage { id, left: Some(attempt) }
}

#[test]
fn what_waits_is_taken_back_by_any_person_once_and_no_lane_gets_it() {
    let mut life = Life::task("standard");
    let (wrong, right) = (life.says(&ada(), "use red"), life.says(&ada(), "use blue"));
    assert_eq!(life.ticket.withdrawable_messages(), [wrong, right]);
    life.does(&person("bob"), take_back(wrong));
    assert_eq!(life.message(wrong).state, MessageState::Withdrawn);
    assert_eq!(life.ticket.withdrawable_messages(), [right]);
    assert_eq!(life.refuses(&ada(), take_back(wrong)), "message_over");

    let planner = RoleId::new("planner");
    let waiting = life.ticket.queued_for(&planner).map(|it| it.id);
    assert_eq!(waiting.collect::<Vec<_>>(), [right]);
    // The same text again is another message, not a repeat of what nobody gets.
    let again = life.says(&ada(), "use red");
    assert_eq!((life.message(again).state, life.message(again).count), (MessageState::Queued, 1));
}

#[test]
fn only_a_person_takes_a_message_back_and_only_one_that_is_there() {
    let mut life = Life::task("standard");
    let id = life.says(&ada(), "use red");
    for by in [Principal::Controller, Principal::External("ci".into()), lane("planner", "codex")] {
        assert_eq!(life.refuses(&by, take_back(id)), "not_a_person");
    }
    assert_eq!(life.refuses(&ada(), take_back(MessageId(77))), "unknown_message");
    life.does(&ada(), Command::Cancel { reason: "enough".into() });
    assert_eq!(life.refuses(&ada(), take_back(id)), "ended");
    assert_eq!(life.ticket.withdrawable_messages(), []);
}

#[test]
fn what_was_delivered_meanwhile_is_refused_whether_its_turn_has_ended_or_not() {
    let mut life = Life::task("standard");
    life.dispatches();
    let id = life.says(&ada(), "use red");
    life.records(LaneRecord::Delivered { ids: vec![id] });
    assert_eq!(life.refuses(&ada(), left_by(life.live(), id)), "message_delivered");
    life.hands_in();
    life.reports(done());
    assert_eq!(life.message(id).state, MessageState::Processed);
    assert_eq!(life.refuses(&ada(), take_back(id)), "message_delivered");
}

#[test]
fn what_died_with_its_turn_waits_again_and_can_be_taken_back() {
    let mut life = Life::task("standard");
    life.dispatches();
    let id = life.says(&ada(), "use red");
    life.records(LaneRecord::Delivered { ids: vec![id] });
    life.exits(EndClass::Crashed);
    life.does(&ada(), take_back(id));
    assert_eq!(life.message(id).state, MessageState::Withdrawn);
}

#[test]
fn a_lane_at_work_that_may_hold_it_must_leave_it_first() {
    let mut life = Life::task("standard");
    let attempt = life.dispatches();
    let id = life.says(&ada(), "use red");
    assert_eq!(life.refuses(&ada(), take_back(id)), "message_held");
    assert_eq!(life.refuses(&ada(), left_by(AttemptId(attempt.0 + 1), id)), "message_held");
    // Words for another role are not with it.
    let (to, kind, other) = (Some(RoleId::new("qa")), MessageKind::Instruction, MessageId(90));
    life.does(&ada(), Command::Say { text: "look twice".into(), to, kind, id: other });
    life.does(&ada(), take_back(other));
    life.does(&ada(), left_by(attempt, id));
    assert_eq!(life.message(id).state, MessageState::Withdrawn);
    // Its report stands on what it was told, and waits for nothing more.
    life.hands_in();
    life.reports(done());
    life.stands(State::Active, "observing");
}

#[test]
fn where_people_work_the_brief_keeps_what_it_holds_and_later_words_can_be_taken_back() {
    let mut life = Life::task("standard");
    let before = life.says(&ada(), "use red");
    life.passes(5);
    let claim = life.claim("plan", "planner", "person", crate::ticket::Purpose::Deliver);
    life.controller_does(claim);
    assert!(!life.ticket.live_attempt().is_some_and(super::super::Attempt::runs_here));
    life.passes(5);
    let after = life.says(&ada(), "use blue");
    assert_eq!(life.refuses(&ada(), take_back(before)), "message_in_brief");
    assert_eq!(life.ticket.withdrawable_messages(), [after]);
    life.does(&ada(), take_back(after));
}

#[test]
fn answers_and_what_tells_of_a_change_stay_in_the_queue() {
    let mut life = Life::task("standard");
    life.dispatches();
    life.reports(question());
    let answer = MessageId(91);
    life.does(&ada(), Command::Answer { text: "blue".into(), id: answer });
    assert_eq!(life.message(answer).state, MessageState::Queued);
    assert_eq!(life.refuses(&ada(), take_back(answer)), "nothing_said");

    let notice = MessageId(92);
    let (title, body) = (Some("Another".into()), None);
    let (priority, labels, not_before) = (None, None, None);
    let (add_blockers, remove_blockers, message) = (vec![], vec![], Some(notice));
    life.does(
        &ada(),
        Command::Edit {
            title,
            body,
            priority,
            labels,
            add_blockers,
            remove_blockers,
            not_before,
            message,
        },
    );
    assert_eq!(life.message(notice).kind, MessageKind::Instruction);
    assert_eq!(life.refuses(&ada(), take_back(notice)), "nothing_said");

    let by_token = MessageId(93);
    let (text, to, kind) = ("build 7 is red".into(), None, MessageKind::Instruction);
    life.does(&Principal::External("ci".into()), Command::Say { text, to, kind, id: by_token });
    assert_eq!(life.refuses(&ada(), take_back(by_token)), "nothing_said");
    assert_eq!(life.ticket.withdrawable_messages(), []);
}
