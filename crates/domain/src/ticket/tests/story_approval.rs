//! Guarded commands: asked for by a lane, permitted by a person, run once, and never in another place.

use super::fixture::{Life, ada, lane};
use crate::guard::Effect;
use crate::ids::{ApprovalId, Commit, Digest, MessageId, Tree};
use crate::principal::Principal;
use crate::ticket::{
    ApprovalState, Asked, Command, EndClass, Event, LaneRecord, Owed, Ran, Seen, Shipped, State,
    VoidCode,
};

pub(super) fn push() -> Asked {
    Asked {
        argv: ["git", "push", "origin", "topic"].map(str::to_owned).into(),
        cwd: "/home/ada/work".into(),
        seen: there("c1", "t1", b"aside"),
        diff: None,
        refused: None,
    }
}

pub(super) fn there(head: &str, tree: &str, aside: &[u8]) -> Seen {
    let (head, tree) = (Commit::new(head), Tree::new(tree));
    Seen { head: Some(head), tree: Some(tree), aside: Some(Digest::of(aside)) }
}

pub(super) fn ran(exit_code: i32) -> Box<Ran> {
    let at = "2026-03-01T09:00:00Z".parse().expect("a timestamp");
    let output = Some(Digest::of(b"what it printed"));
    let ended = format!("exit code {exit_code}");
    Box::new(Ran { exit_code: Some(exit_code), ended, output, wall_ms: 7, at })
}

/// A ticket whose planner asks for `asked`.
fn asking(asked: Asked) -> (Life, ApprovalId) {
    let mut life = Life::task("standard");
    life.dispatches();
    life.records(LaneRecord::Approval(Box::new(asked)));
    let id = life.ticket.approvals.last().expect("it asked").id;
    (life, id)
}

impl Life {
    fn message_id(&mut self) -> MessageId {
        MessageId(self.id())
    }

    fn begins(&mut self, approval: ApprovalId, seen: Seen) -> Vec<Event> {
        let place = Ok(seen);
        let message = self.message_id();
        self.controller_does(Command::BeginApproved { approval, place, message })
    }

    #[track_caller]
    fn is_at(&self, approval: ApprovalId, state: ApprovalState) {
        assert_eq!(self.ticket.approval(approval).map(|it| it.state), Some(state));
    }

    /// What the lane was told last.
    fn told(&self) -> &str {
        self.ticket.messages.last().map_or("", |it| it.body.as_str())
    }
}

#[test]
fn a_person_permits_and_mission_control_runs_it_once_and_tells_the_lane() {
    let (mut life, approval) = asking(push());
    life.stands(State::NeedsInput, "approval_open");
    assert_eq!(life.ticket.situation().next, format!("approve or deny {approval}"));
    assert_eq!(life.ticket.shipped(Effect::Push).0, Shipped::Requested);
    life.does(&ada(), Command::Approve { approval });
    assert_eq!(life.ticket.shipped(Effect::Push).0, Shipped::Approved);
    life.begins(approval, push().seen);
    let message = life.message_id();
    life.controller_does(Command::EndApproved { approval, ran: ran(0), message });
    life.is_at(approval, ApprovalState::Ran);
    assert_eq!(life.ticket.shipped(Effect::Push).0, Shipped::Done);
    assert_eq!(life.ticket.shipped(Effect::Restart).0, Shipped::None);
    assert!(life.told().contains("exit code 0"), "{}", life.told());
    assert!(life.told().contains(&approval.to_string()), "{}", life.told());
    // Again: neither a second yes nor a second run.
    assert_eq!(life.refuses(&ada(), Command::Approve { approval }), "approval_closed");
    let place = Ok(push().seen);
    let message = life.message_id();
    let again = Command::BeginApproved { approval, place, message };
    assert_eq!(life.refuses(&Principal::Controller, again), "approval_closed");
}

#[test]
fn a_command_that_failed_is_not_called_done() {
    let (mut life, approval) = asking(push());
    life.does(&ada(), Command::Approve { approval });
    life.begins(approval, push().seen);
    let message = life.message_id();
    life.controller_does(Command::EndApproved { approval, ran: ran(1), message });
    assert_eq!(life.ticket.shipped(Effect::Push).0, Shipped::Approved);
}

#[test]
fn nobody_but_a_person_permits_or_refuses() {
    let (mut life, approval) = asking(push());
    let message = life.message_id();
    let deny = || Command::Deny { approval, reason: "no".into(), message };
    for by in [lane("planner", "codex"), Principal::Controller, Principal::External("ci".into())] {
        assert_eq!(life.refuses(&by, Command::Approve { approval }), "not_a_person");
        assert_eq!(life.refuses(&by, deny()), "not_a_person");
    }
    let silent = Command::Deny { approval, reason: " ".into(), message };
    assert_eq!(life.refuses(&ada(), silent), "reason_missing");
    life.does(&ada(), deny());
    assert!(life.told().contains("person:ada denied it: no"), "{}", life.told());
    assert_eq!(life.refuses(&ada(), Command::Approve { approval }), "approval_closed");
    assert_eq!(life.ticket.shipped(Effect::Push).0, Shipped::None);
}

#[test]
fn another_commit_or_other_files_make_it_void_at_the_last_moment() {
    for (seen, code) in [
        (there("c2", "t1", b"aside"), VoidCode::CommitChanged),
        (there("c1", "t2", b"aside"), VoidCode::FilesChanged),
        (there("c1", "t1", b"other"), VoidCode::FilesChanged),
        (Seen { aside: None, ..push().seen }, VoidCode::FilesChanged),
    ] {
        let (mut life, approval) = asking(push());
        life.does(&ada(), Command::Approve { approval });
        life.begins(approval, seen);
        life.is_at(approval, ApprovalState::Void);
        assert_eq!(life.ticket.approval(approval).and_then(|it| it.code), Some(code));
        assert!(life.told().contains("It was not run"), "{}", life.told());
    }
    let (mut life, approval) = asking(push());
    life.does(&ada(), Command::Approve { approval });
    let (place, message) =
        (Err((VoidCode::CwdChanged, "the folder is gone".into())), life.message_id());
    life.controller_does(Command::BeginApproved { approval, place, message });
    life.is_at(approval, ApprovalState::Void);
}

#[test]
fn what_nobody_answered_in_time_expires_and_cannot_be_permitted_any_more() {
    let (mut life, approval) = asking(push());
    let message = life.message_id();
    life.controller_does(Command::ExpireApproval { approval, message });
    life.is_at(approval, ApprovalState::Requested);
    life.passes(24 * 3_600);
    assert_eq!(life.refuses(&ada(), Command::Approve { approval }), "approval_expired");
    life.controller_does(Command::ExpireApproval { approval, message });
    life.is_at(approval, ApprovalState::Expired);
    assert!(life.told().contains("Nobody answered in time"), "{}", life.told());
}

#[test]
fn a_yes_that_was_not_used_in_time_runs_nothing_later() {
    let (mut life, approval) = asking(push());
    life.does(&ada(), Command::Approve { approval });
    life.does(&ada(), Command::Park);
    life.passes(31 * 24 * 3_600);
    life.does(&ada(), Command::Unpark);
    life.begins(approval, push().seen);
    life.is_at(approval, ApprovalState::Void);
    assert!(life.told().contains("was not run"), "{}", life.told());
}

#[test]
fn when_nobody_knows_whether_it_ran_a_person_is_asked_anew() {
    let (mut life, approval) = asking(push());
    life.does(&ada(), Command::Approve { approval });
    life.begins(approval, push().seen);
    life.controller_does(Command::LoseApproved { approval });
    life.stands(State::NeedsInput, "approval_open");
    let note = life.ticket.approval(approval).and_then(|it| it.note.clone()).expect("a note");
    assert!(note.contains("not known"), "{note}");
    assert_eq!(life.ticket.shipped(Effect::Push).0, Shipped::Requested, "unknown is not done");
    let place = Ok(push().seen);
    let message = life.message_id();
    let again = Command::BeginApproved { approval, place, message };
    assert_eq!(life.refuses(&Principal::Controller, again), "approval_closed");
    life.does(&ada(), Command::Approve { approval });
    life.begins(approval, push().seen);
    life.is_at(approval, ApprovalState::Running);
}

#[test]
fn asking_for_the_same_again_is_a_number_and_no_second_request() {
    let (mut life, approval) = asking(push());
    life.records(LaneRecord::Approval(Box::new(push())));
    assert_eq!(life.ticket.approvals.len(), 1);
    let second = life.ticket.approvals[0].also[0];
    life.does(&ada(), Command::Approve { approval: second });
    life.is_at(approval, ApprovalState::Approved);
    let other = Asked { argv: vec!["docker".into(), "ps".into()], ..push() };
    life.records(LaneRecord::Approval(Box::new(other)));
    assert_eq!(life.ticket.approvals.len(), 2);
}

#[test]
fn nothing_is_dispatched_looked_at_or_landed_while_a_command_waits_or_runs() {
    let (mut life, approval) = asking(push());
    life.hands_in();
    life.reports(super::lanes::done());
    life.stands(State::NeedsInput, "approval_open");
    assert_eq!(life.ticket.owed(life.now), Owed::Nothing);
    life.does(&ada(), Command::Approve { approval });
    life.stands(State::Active, "approved_command");
    assert_eq!(life.ticket.owed(life.now), Owed::Nothing);
    life.begins(approval, push().seen);
    let message = life.message_id();
    life.controller_does(Command::EndApproved { approval, ran: ran(0), message });
    life.stands(State::Active, "observing");
}

#[test]
fn a_request_ends_with_its_ticket() {
    let (mut life, approval) = asking(push());
    life.exits(EndClass::Crashed);
    life.is(State::NeedsInput);
    life.does(&ada(), Command::Cancel { reason: "no longer needed".into() });
    life.is_at(approval, ApprovalState::Void);
    assert_eq!(life.refuses(&ada(), Command::Approve { approval }), "ended");
}

#[test]
fn what_may_not_be_asked_is_void_at_once_and_a_loop_of_requests_ends() {
    let outside = Some((VoidCode::Outside, "`/etc` is not in the working copy".into()));
    let (life, approval) = asking(Asked { refused: outside, ..push() });
    life.is_at(approval, ApprovalState::Void);
    life.is(State::Active);

    let (mut life, _) = asking(push());
    for number in 0..40 {
        let argv = vec!["docker".into(), number.to_string()];
        life.records(LaneRecord::Approval(Box::new(Asked { argv, ..push() })));
    }
    let open = life.ticket.approvals.iter().filter(|it| it.is_open()).count();
    assert_eq!(open, 20);
}
