//! A request that changes while it is worked on, or after it was signed off.

use super::fixture::{Life, ada};
use super::lanes::done;
use crate::ids::MessageId;
use crate::principal::Principal;
use crate::rules::Priority;
use crate::ticket::{
    ChangeKind, Command, EndClass, Event, LaneRecord, MessageState, Owed, Stage, State, VerdictWord,
};

fn edit(title: Option<&str>, body: Option<&str>) -> Command {
    Command::Edit {
        title: title.map(Into::into),
        body: body.map(Into::into),
        priority: None,
        labels: None,
        add_blockers: vec![],
        remove_blockers: vec![],
        not_before: None,
        message: Some(MessageId(900)),
    }
}

fn staled(events: &[Event]) -> Vec<&str> {
    let stale = events.iter().filter_map(|it| match it {
        Event::Staled { gate, change: ChangeKind::Request, .. } => Some(gate.as_str()),
        _ => None,
    });
    stale.collect()
}

#[test]
fn a_request_that_changes_after_the_sign_offs_takes_them_back_whoever_changes_it() {
    for by in [ada(), Principal::External("ci".into())] {
        let mut life = Life::at("landing");
        let events = life.does(&by, edit(Some("Make it red"), None));
        let all = ["plan", "implementation", "first_validation", "qa_review", "final_validation"];
        assert_eq!(staled(&events), all);
        life.stands(State::Todo, "stale");
        assert!(!life.ticket.every_signoff_is_fresh());
        assert_ne!(life.ticket.owed(life.now), Owed::Land);
        let why = life.ticket.situation().reason;
        assert!(why.contains("the request changed after the sign-off"), "{why}");
        assert!(why.contains("changed the request (title) on 20"), "{why}");
    }
}

#[test]
fn the_lane_at_work_is_told_what_changed_and_reports_after_it_heard() {
    let mut life = Life::at("implementation");
    life.dispatches();
    life.hands_in();
    let events = life.does(&ada(), edit(None, Some("Red, not blue")));
    assert_eq!(staled(&events), ["plan"], "the plan was for another request");
    let told = life.message(MessageId(900)).clone();
    assert_eq!(told.to.as_ref().map(|it| it.as_str().to_owned()), Some("coder".into()));
    assert!(told.body.contains("Red, not blue"), "{}", told.body);
    life.records(LaneRecord::Report(done()));
    life.records(LaneRecord::Delivered { ids: vec![MessageId(900)] });
    life.exits(EndClass::NoReport);
    assert_eq!(life.message(MessageId(900)).state, MessageState::Processed);
}

#[test]
fn what_was_delivered_for_the_request_as_it_was_does_not_count_for_the_new_one() {
    // Reported, and not taken in yet.
    let mut life = Life::at("implementation");
    life.dispatches();
    life.hands_in();
    life.records(LaneRecord::Report(done()));
    let attempt = life.live();
    life.does(&ada(), edit(Some("Make it red"), None));
    life.exits(EndClass::Reported);
    let seen = Box::new(life.sees());
    life.controller_does(Command::Seal { attempt, seen });
    let stale = Stage::Stale { change: ChangeKind::Request };
    assert_eq!(life.gate("implementation").stage, stale);

    // Over, and about to be looked at.
    let mut life = Life::at("implementation");
    let attempt = life.delivers();
    life.does(&ada(), edit(Some("Make it red"), None));
    let seen = Box::new(life.sees());
    life.controller_does(Command::Seal { attempt, seen });
    assert_eq!(life.gate("implementation").stage, stale);
}

#[test]
fn who_decides_is_told_that_the_request_changed_on_the_way() {
    let mut life = Life::at("implementation");
    life.does(&ada(), edit(Some("Make it red"), Some("all of it")));
    for gate in ["plan", "implementation", "first_validation", "qa_review"] {
        life.carries(gate);
    }
    life.checks();
    life.stands(State::InReview, "awaiting_person");
    let why = life.ticket.situation().reason;
    assert!(why.contains("ada changed the request (title and text)"), "{why}");
    life.judges(&ada(), VerdictWord::Pass);
    assert_eq!(life.ticket.owed(life.now), Owed::Land, "what was given since holds");
}

#[test]
fn what_is_no_change_of_the_request_takes_nothing_back() {
    let mut life = Life::at("landing");
    let (title, body) = (life.ticket.title.clone(), life.ticket.body.clone());
    life.does(&ada(), edit(Some(&title), Some(&body)));
    let labels = Command::Edit {
        title: None,
        body: None,
        priority: Some(Priority::Urgent),
        labels: Some(vec!["later".into()]),
        add_blockers: vec![],
        remove_blockers: vec![],
        not_before: None,
        message: None,
    };
    life.does(&ada(), labels);
    assert_eq!(life.ticket.owed(life.now), Owed::Land);
    assert_eq!(life.ticket.request_changed, None);

    let mut life = Life::task("standard");
    life.does(&ada(), edit(Some("Make it red"), None));
    assert!(life.ticket.messages.is_empty(), "nobody had begun");
    assert_eq!(life.ticket.request_changed, None);
}
