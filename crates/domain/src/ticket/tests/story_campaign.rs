//! A campaign: never dispatched, done when its tickets are, with gates that people and the controller decide.

use super::fixture::{Life, ada, key};
use crate::ids::TicketKey;
use crate::principal::Principal;
use crate::ticket::{Command, EndHow, State, VerdictWord};

fn ends(life: &mut Life, child: TicketKey, how: EndHow) {
    life.controller_does(Command::EndChild { child, how });
}

fn with_children(workflow: Option<&str>) -> Life {
    let mut life = Life::campaign(workflow);
    life.stands(State::Waiting, "no_children");
    for number in [20, 21] {
        life.does(&ada(), Command::AddChild { child: key(number) });
    }
    life.stands(State::Waiting, "children_open");
    life
}

#[test]
fn a_campaigns_last_gate_is_not_signed_off_before_its_tickets_are_over() {
    let mut campaign = Life::campaign(Some("closing"));
    campaign.does(&ada(), Command::AddChild { child: key(20) });
    campaign.judges(&ada(), VerdictWord::Pass);
    assert!(campaign.gate("plan").is_settled());
    let pass = super::fixture::verdict_on(None, VerdictWord::Pass);
    assert_eq!(campaign.refuses(&ada(), pass), "gate_not_open");
    let how = crate::ticket::EndHow::Done;
    campaign.controller_does(Command::EndChild { child: key(20), how });
    campaign.judges(&ada(), VerdictWord::Pass);
    campaign.is(State::Done);
}

#[test]
fn a_campaign_without_gates_is_done_when_its_tickets_ended_and_one_is_done() {
    let mut life = with_children(None);
    ends(&mut life, key(20), EndHow::Cancelled);
    life.stands(State::Waiting, "children_open");
    ends(&mut life, key(21), EndHow::Done);
    life.is(State::Done);
}

#[test]
fn a_done_campaign_is_taken_up_with_a_ticket_more_and_not_for_nothing() {
    let mut life = with_children(None);
    ends(&mut life, key(20), EndHow::Done);
    ends(&mut life, key(21), EndHow::Done);
    life.is(State::Done);
    assert_eq!(life.refuses(&ada(), Command::Reopen), "no_open_children");
    life.is(State::Done);
    life.does(&ada(), Command::AddChild { child: key(22) });
    life.stands(State::Waiting, "children_open");
    ends(&mut life, key(22), EndHow::Done);
    life.is(State::Done);
}

#[test]
fn a_campaign_of_which_nothing_is_done_blocks_and_no_retry_makes_it_done() {
    let mut life = with_children(None);
    ends(&mut life, key(20), EndHow::Cancelled);
    ends(&mut life, key(21), EndHow::Superseded);
    life.stands(State::Blocked, "campaign_failed");
    let retry = Command::Retry { reason: "again".into() };
    assert_eq!(life.refuses(&ada(), retry), "no_open_children");
    life.stands(State::Blocked, "campaign_failed");
    life.does(&ada(), Command::Cancel { reason: "enough".into() });
    life.does(&ada(), Command::Reopen);
    life.stands(State::Blocked, "campaign_failed");
    life.does(&ada(), Command::AddChild { child: key(22) });
    life.stands(State::Waiting, "children_open");
}

#[test]
fn a_persons_gate_comes_before_the_end_and_no_lane_is_ever_sent() {
    let mut life = with_children(Some("umbrella"));
    life.judges(&ada(), VerdictWord::Pass);
    let claim = life.claim("final", "planner", "codex", crate::ticket::Purpose::Deliver);
    assert_eq!(life.refuses(&Principal::Controller, claim), "is_a_campaign");
    ends(&mut life, key(20), EndHow::Done);
    ends(&mut life, key(21), EndHow::Done);
    life.stands(State::Active, "checking");
    life.checks();
    life.is(State::Done);
}

#[test]
fn a_campaign_that_is_set_aside_ends_only_once_it_is_taken_up() {
    let mut life = with_children(None);
    life.does(&ada(), Command::Park);
    ends(&mut life, key(20), EndHow::Done);
    ends(&mut life, key(21), EndHow::Done);
    life.is(State::Parked);
    life.does(&ada(), Command::Unpark);
    life.is(State::Done);
}
