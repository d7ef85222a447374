//! What must hold after every step, whatever was asked.

use std::collections::{BTreeMap, BTreeSet};

use super::fixture::Life;
use super::lanes::is_lane;
use crate::ids::{GateId, MessageId, Tree};
use crate::principal::{Contributor, Principal};
use crate::rules::{ATTEMPTS_PER_ROUND, Decider, Independence, StaleOn, Worker};
use crate::ticket::{
    Event, Gate, Kind, Message, MessageKind, MessageState, SignOff, Stage, State, Ticket,
    VerdictWord, replay,
};

/// Asserts everything that must hold of the ticket as it is.
pub(super) fn hold(life: &Life) {
    let ticket = &life.ticket;
    let live = ticket.attempts.iter().filter(|it| it.is_live()).count();
    assert!(live <= 1, "{live} attempts are live");
    let held = matches!(
        ticket.state(),
        State::Parked | State::Done | State::Cancelled | State::Superseded
    );
    assert!(!held || live == 0, "an attempt is live on a ticket that is {}", ticket.state());
    assert!(ticket.kind == Kind::Task || ticket.attempts.is_empty(), "a campaign was dispatched");
    for gate in &ticket.gates {
        passed_lawfully(ticket, gate);
    }
    if ticket.end_how() == Some(crate::ticket::EndHow::Done) {
        let open = ticket.gates.iter().filter(|it| it.required && !it.is_settled());
        let open: Vec<_> = open.map(|it| it.rule.id.as_str()).collect();
        assert!(open.is_empty() || ticket.kind == Kind::Campaign, "done with {open:?} open");
    }
    said_consistently(ticket);
    permitted_each_time(life);
    let numbers: BTreeSet<_> = ticket.findings.iter().map(|it| it.id).collect();
    assert_eq!(numbers.len(), ticket.findings.len(), "two findings have one id");
}

/// Each run of a guarded command has a person's yes of its own before it.
fn permitted_each_time(life: &Life) {
    let mut yes = BTreeMap::new();
    for (event, stamp) in &life.log {
        match event {
            Event::ApprovalGiven { id } => {
                assert!(stamp.by.is_person(), "{} permitted {id}", stamp.by);
                *yes.entry(*id).or_insert(0) += 1;
            }
            Event::ApprovalBegan { id } => {
                let left = yes.get_mut(id).expect("it was permitted before it ran");
                assert!(*left > 0, "{id} ran more often than it was permitted");
                *left -= 1;
            }
            _ => {}
        }
    }
}

/// A gate is passed only on a fresh pass of each decider, bound to what is there now.
fn passed_lawfully(ticket: &Ticket, gate: &Gate) {
    if gate.stage != Stage::Passed {
        return;
    }
    let id = &gate.rule.id;
    for (index, decider) in gate.rule.decided_by.iter().enumerate() {
        let passes =
            |it: &&SignOff| it.fresh && it.decider == index && it.verdict == VerdictWord::Pass;
        let signoff = gate.signoffs.iter().rfind(passes);
        let signoff = signoff.unwrap_or_else(|| panic!("{id} passed without {decider}"));
        spoken_by_decider(ticket, gate, decider, signoff);
        bound_to_present(ticket, gate, signoff);
    }
    let is_worked = matches!(gate.rule.worker, Worker::Role(_)) && ticket.kind == Kind::Task;
    let is_decided = gate.packet.is_some() || gate.signoffs.iter().any(|it| it.packet.is_none());
    assert!(!is_worked || is_decided, "{id} passed without a delivery");
}

fn spoken_by_decider(ticket: &Ticket, gate: &Gate, decider: &Decider, signoff: &SignOff) {
    let (id, by) = (&gate.rule.id, &signoff.principal);
    let lawful = match (decider, by) {
        (Decider::Controller, Principal::Controller)
        | (Decider::Person(None), Principal::Person(_))
        | (Decider::Person(_), Principal::Scripted) => true,
        (Decider::Person(Some(name)), Principal::Person(it)) => name == it,
        (Decider::Role(role), Principal::Lane { role: it, .. }) => role == it,
        // Where no runtime is independent enough, a person decides in the role's place.
        (Decider::Role(_), Principal::Person(_) | Principal::Scripted) => true,
        (
            Decider::Controller | Decider::Person(_) | Decider::Role(_),
            Principal::Person(_)
            | Principal::Scripted
            | Principal::Lane { .. }
            | Principal::Controller
            | Principal::External(_),
        ) => false,
    };
    assert!(lawful, "{by} passed {id} in the place of {decider}");
    assert!(!is_lane(by) || signoff.packet.is_some(), "{by} passed {id} without a packet");
    let _ = ticket;
}

/// Sign-offs on code hold for the patch they were given on, those of machines for the very commit.
fn bound_to_present(ticket: &Ticket, gate: &Gate, signoff: &SignOff) {
    if ticket.end_how() == Some(crate::ticket::EndHow::Done) {
        // What is done was signed off as it was when it was done.
        return;
    }
    let id = &gate.rule.id;
    let is_code = is_bound_to_code(ticket, id);
    if is_code && ticket.head.is_none() {
        // Nobody ever committed; whether that is a delivery is for the evidence to say.
        return;
    }
    let Some(head) = ticket.head.as_ref().filter(|_| is_code) else {
        let packet = gate.packet.as_ref().map(|it| &it.digest);
        let is_kept = ticket.kind == Kind::Campaign || signoff.packet.as_ref() == packet;
        assert!(is_kept, "the sign-off on {id} is for another packet");
        return;
    };
    let patch = |tree: &Tree| tree.as_str().split('.').next().map(str::to_owned);
    let signed = signoff.tree.as_ref().and_then(patch);
    let is_machine =
        signoff.principal == Principal::Controller && gate.rule.worker == Worker::Controller;
    match gate.rule.stale_on {
        StaleOn::Never => {}
        StaleOn::Any => assert_eq!(signoff.commit.as_ref(), Some(&head.commit), "{id} is stale"),
        StaleOn::Code if is_machine => {
            assert_eq!(signoff.commit.as_ref(), Some(&head.commit), "{id} is stale");
            let packet = gate.packet.as_ref().map(|it| &it.digest);
            assert_eq!(signoff.packet.as_ref(), packet, "{id} is for another packet");
        }
        StaleOn::Code => assert_eq!(signed, patch(&head.tree), "{id} is for another patch"),
    }
}

fn is_bound_to_code(ticket: &Ticket, id: &GateId) -> bool {
    let writes = |it: &Gate| it.rule.requires.contains(&crate::rules::EvidenceKind::Commit);
    let at = |id: &GateId| ticket.gates.iter().position(|it| it.rule.id == *id);
    ticket.gates.iter().position(writes).is_some_and(|first| at(id) >= Some(first))
}

fn said_consistently(ticket: &Ticket) {
    let situation = ticket.situation();
    assert_eq!(ticket.state(), situation.state);
    assert_eq!(situation.next.is_empty(), ticket.is_ended(), "{situation:?}");
    assert!(!situation.reason.is_empty(), "{situation:?}");
    assert!(ticket.since <= ticket.updated_at);
    assert!(ticket.created_at <= ticket.since);
}

/// Only what waited is taken back, and of an open ticket only what a person said.
fn taken_back_in_time(before: &Ticket, ids: &[MessageId], after: &Ticket) {
    for message in before.messages.iter().filter(|it| ids.contains(&it.id)) {
        let is_over = after.is_ended();
        // What ends with its ticket may have been with the lane that ended with it.
        assert!(is_over || message.state == MessageState::Queued, "{message:?}");
        let is_said = message.kind == MessageKind::Instruction && message.from.is_person();
        assert!(is_over || (is_said && !message.is_notice), "{message:?}");
    }
    let is_withdrawn = |it: &&Message| ids.contains(&it.id) && it.state == MessageState::Withdrawn;
    assert_eq!(after.messages.iter().filter(is_withdrawn).count(), ids.len());
}

/// Asserts what must hold of one granted command: `before`, its events, and the ticket after it.
pub(super) fn step_holds(before: &Ticket, events: &[Event], life: &Life, by: &Principal) {
    let after = &life.ticket;
    assert!(after.epoch >= before.epoch);
    for event in events {
        let text = serde_json::to_string(event).expect("an event is JSON");
        let read: Event = serde_json::from_str(&text).expect("an event can be read again");
        assert_eq!(read, *event);
        match event {
            Event::Began { attempt, .. }
            | Event::SessionOpened { attempt, .. }
            | Event::TurnOver { attempt, .. }
            | Event::EvidenceAdded { attempt, .. }
            | Event::Reported { attempt, .. }
            | Event::MessagesDelivered { attempt, .. } => spoken_by_its_own(before, *attempt, by),
            Event::MessagesWithdrawn { ids } => taken_back_in_time(before, ids, after),
            Event::Claimed(claimed) => {
                assert!(claimed.epoch > before.epoch, "a claim did not raise the epoch");
                let is_ready = before.state() == State::Todo && before.kind == Kind::Task;
                assert!(is_ready, "a ticket that is {} was claimed", before.state());
            }
            Event::Judged { gate, signoff } if signoff.verdict == VerdictWord::Pass => {
                independent(after, before, gate, signoff);
            }
            Event::Landed { .. } => {
                let fresh = before.gates.iter().filter(|it| it.required).all(Gate::is_settled);
                assert!(fresh, "landed with a required gate open");
                before.gates.iter().for_each(|it| passed_lawfully(before, it));
            }
            _ => {}
        }
    }
    for gate in &before.gates {
        let Some(now) = after.gate(&gate.rule.id) else {
            assert!(!gate.required, "{} disappeared without a waiver", gate.rule.id);
            continue;
        };
        let kept = |it: &Decider| now.rule.decided_by.contains(it);
        assert!(gate.rule.decided_by.iter().all(kept), "a decider of {} is gone", gate.rule.id);
        assert!(now.required || !gate.required, "{} is not required any more", gate.rule.id);
        let is_round = (gate.round, gate.extra_rounds) == (now.round, now.extra_rounds);
        assert!(!is_round || now.used <= ATTEMPTS_PER_ROUND.max(gate.used), "{gate:?}");
    }
    messages_move_on(before, after);
}

/// Only who works an attempt speaks in it.
fn spoken_by_its_own(before: &Ticket, attempt: crate::ids::AttemptId, by: &Principal) {
    let of = before.attempt(attempt).expect("the attempt is known");
    let is_own = of.principal == *by || (of.runtime.as_str() == "person" && by.is_person());
    assert!(is_own, "{by} spoke in the attempt of {}", of.principal);
}

/// Nobody's pass counts on their own work, or nearer to it than the gate asks for.
fn independent(after: &Ticket, before: &Ticket, gate: &GateId, signoff: &SignOff) {
    if signoff.principal == Principal::Controller {
        return;
    }
    let identity = before.attempts.iter().rev().find(|it| it.principal == signoff.principal);
    let identity = identity.and_then(|it| it.identity.clone());
    let who = Contributor { principal: signoff.principal.clone(), identity };
    let rule = after.gate(gate).map(|it| &it.rule);
    let needed = rule.and_then(|it| it.independent).unwrap_or(Independence::Principal);
    let is_code = is_bound_to_code(after, gate);
    let authors = after.authors(gate);
    for author in authors.iter().chain(after.contributors.iter().filter(|_| is_code)) {
        let distance = who.distance(author);
        assert!(
            distance >= Some(needed),
            "{} passed {gate}, by {}",
            who.principal,
            author.principal
        );
    }
}

fn messages_move_on(before: &Ticket, after: &Ticket) {
    let ids: BTreeSet<_> = after.messages.iter().map(|it| it.id).collect();
    assert_eq!(ids.len(), after.messages.len(), "a message is there twice");
    for (was, is) in before.messages.iter().zip(&after.messages) {
        assert_eq!((was.id, &was.body), (is.id, &is.body), "a message was lost or changed");
        let is_final = |state| {
            matches!(
                state,
                MessageState::Processed | MessageState::Withdrawn | MessageState::Undeliverable
            )
        };
        assert!(!is_final(was.state) || was.state == is.state, "{was:?} became {is:?}");
    }
    for message in after.messages.iter().filter(|it| it.state == MessageState::Delivered) {
        let by = after.live_attempt().map(|it| it.id);
        assert_eq!(message.attempt, by, "a delivered message has nobody who works on it");
    }
}

/// The log alone makes the ticket that was built step by step, and each event counts once.
pub(super) fn replays(life: &Life) {
    let again = replay(life.log.iter().map(|it| (&it.0, &it.1))).expect("an opening");
    assert_eq!(again, life.ticket);
    let mut queued = BTreeMap::new();
    for (event, _) in &life.log {
        if let Event::MessageQueued { id, .. } = event {
            *queued.entry(*id).or_insert(0) += 1;
        }
    }
    assert!(queued.values().all(|count| *count == 1));
    let kept: BTreeSet<_> = life.ticket.messages.iter().map(|it| it.id).collect();
    assert_eq!(kept, queued.into_keys().collect());
}
