//! Waiting for other tickets, and what becomes of the wait when one of them is replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::fixture::{Life, ada, key};
use crate::home::Home;
use crate::plan::{Action, Fleet, next_moment, plan};
use crate::ticket::{Command, EndHow, Kind, State, Ticket};

/// A ticket `number` that waits for those numbered `blockers`.
fn waiting(number: u32, blockers: &[u32]) -> Life {
    Life::filed("standard", Kind::Task, |new| {
        new.key = key(number);
        new.blocked_by = blockers.iter().map(|it| key(*it)).collect();
    })
}

/// What the plan would release among `tickets`: who waits no longer for whom, and for whom instead.
fn released(tickets: &[&Ticket]) -> Vec<(u32, u32, Vec<u32>)> {
    let tickets: BTreeMap<_, _> =
        tickets.iter().map(|it| (it.key.clone(), Arc::new((*it).clone()))).collect();
    let (projects, leases, busy) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    let now = "2026-03-02T09:00:00Z".parse().expect("a timestamp");
    let home = Home::default();
    let fleet = Fleet {
        tickets: &tickets,
        projects: &projects,
        home: &home,
        leases: &leases,
        spending: None,
        busy: &busy,
        now,
    };
    let told = plan(&fleet).into_iter().filter_map(|it| match it {
        Action::Release { ticket, blocker, by, .. } => {
            let by = by.iter().map(crate::ids::TicketKey::number).collect();
            Some((ticket.number(), blocker.number(), by))
        }
        _ => None,
    });
    told.collect()
}

fn superseded(mut life: Life, by: &[u32]) -> Ticket {
    let by = by.iter().map(|it| key(*it)).collect();
    life.does(&ada(), Command::Supersede { by });
    life.ticket
}

#[test]
fn a_superseded_blocker_hands_the_wait_over_to_what_replaced_it() {
    let mut life = waiting(1, &[5]);
    let old = superseded(waiting(5, &[]), &[8, 9]);
    let (eight, nine) = (waiting(8, &[]), waiting(9, &[]));
    let plan = released(&[&life.ticket, &old, &eight.ticket, &nine.ticket]);
    assert_eq!(plan, [(1, 5, vec![8, 9])]);

    let how = EndHow::Superseded;
    life.controller_does(Command::Release { blocker: key(5), how, by: vec![key(8), key(9)] });
    life.stands(State::Waiting, "blocked_by");
    let how = EndHow::Done;
    life.controller_does(Command::Release { blocker: key(8), how, by: vec![] });
    life.is(State::Waiting);
    let how = EndHow::Cancelled;
    life.controller_does(Command::Release { blocker: key(9), how, by: vec![] });
    life.is(State::Todo);
}

#[test]
fn a_wait_that_would_come_back_to_its_ticket_is_a_persons_to_resolve() {
    let mut life = waiting(1, &[5]);
    let old = superseded(waiting(5, &[]), &[8]);
    let (eight, nine) = (waiting(8, &[9]), waiting(9, &[1]));
    let plan = released(&[&life.ticket, &old, &eight.ticket, &nine.ticket]);
    assert_eq!(plan, [(1, 5, vec![])], "8 waits for 9, and 9 for 1");
    let how = EndHow::Superseded;
    life.controller_does(Command::Release { blocker: key(5), how, by: vec![] });
    life.stands(State::Blocked, "blocker_lost");
}

#[test]
fn a_ticket_that_replaces_what_it_waits_for_waits_no_longer() {
    let mut life = waiting(1, &[5]);
    let old = superseded(waiting(5, &[]), &[1]);
    assert_eq!(released(&[&life.ticket, &old]), [(1, 5, vec![1])]);
    let how = EndHow::Superseded;
    life.controller_does(Command::Release { blocker: key(5), how, by: vec![key(1)] });
    life.is(State::Todo);
}

#[test]
fn what_comes_due_for_a_ticket_under_way_wakes_nobody_before_that_is_over() {
    let now: crate::ids::Timestamp = "2026-03-02T09:00:00Z".parse().expect("a timestamp");
    let lease = now - jiff::SignedDuration::from_secs(15);
    let life = waiting(1, &[]);
    let tickets = BTreeMap::from([(key(1), Arc::new(life.ticket))]);
    let (projects, leases) = (BTreeMap::new(), BTreeMap::from([(key(1), lease)]));
    let home = Home::default();
    let next = |busy: &BTreeSet<_>| {
        next_moment(&Fleet {
            tickets: &tickets,
            projects: &projects,
            home: &home,
            leases: &leases,
            spending: None,
            busy,
            now,
        })
    };
    assert_eq!(next(&BTreeSet::new()), Some(lease));
    assert_eq!(next(&BTreeSet::from([key(1)])), None);
}
