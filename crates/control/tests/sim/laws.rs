//! What must be true of the record after every schedule, read from the log alone.

use std::collections::{BTreeMap, BTreeSet};

use mission_domain::doc::EventDoc;
use mission_domain::ids::{AttemptId, GateId, TicketKey, Tree};
use mission_domain::principal::Principal;
use mission_domain::rules::{Decider, EvidenceKind, StaleOn, Worker};
use mission_domain::ticket::{
    Event, Gate, Kind, MessageState, SignOff, Stage, Stamp, State, Ticket, VerdictWord, apply,
    replay,
};

/// Reads an event of a ticket back as the controller wrote it.
pub(crate) fn read(doc: &EventDoc) -> (Event, Stamp) {
    let tagged = serde_json::json!({ "type": doc.kind, "body": doc.body });
    let event = serde_json::from_value(tagged).expect("the event can be read again");
    (event, Stamp { at: doc.at, by: doc.principal.parse().expect("a principal") })
}

/// Replays one ticket's events, and returns it; panics where a law is broken.
pub(crate) fn ticket_holds(docs: &[EventDoc]) -> Ticket {
    let events: Vec<_> = docs.iter().map(read).collect();
    let mut ticket = replay(events.iter().take(1).map(|it| (&it.0, &it.1))).expect("an opening");
    let mut turns = BTreeSet::new();
    for ((event, stamp), doc) in events.iter().zip(docs).skip(1) {
        lease_holds(&ticket, event, doc);
        messages_hold(&ticket, event, &mut turns);
        let before = ticket.clone();
        apply(&mut ticket, event, stamp);
        gates_hold(&before, &ticket, event);
        let live = ticket.attempts.iter().filter(|it| it.is_live()).count();
        assert!(live <= 1, "{} has {live} live attempts after event {}", ticket.key, doc.seq);
    }
    ticket
}

/// One lease at a time, its number ever higher, and no word under one that is over.
fn lease_holds(before: &Ticket, event: &Event, doc: &EventDoc) {
    if let Event::Claimed(claimed) = event {
        let (key, state) = (&before.key, before.state());
        assert!(claimed.epoch > before.epoch, "{key} was claimed under an old epoch");
        assert_eq!(before.live_attempt(), None, "{key} was claimed twice");
        assert_eq!(
            (before.kind, state),
            (Kind::Task, State::Todo),
            "{key} was claimed while {state}"
        );
        return;
    }
    let is_word = matches!(
        event,
        Event::Began { .. }
            | Event::SessionOpened { .. }
            | Event::TurnOver { .. }
            | Event::EvidenceAdded { .. }
            | Event::ApprovalRequested(_)
            | Event::BoundsUnheld { .. }
            | Event::TookOver { .. }
            | Event::Typed { .. }
            | Event::GaveBack { .. }
            | Event::Reported { .. }
            | Event::AttemptEnded { .. }
            | Event::MessagesDelivered { .. }
    );
    if let Some(id) = event.attempt().filter(|_| is_word) {
        let attempt = before.attempt(id).expect("an attempt that was claimed");
        assert!(attempt.is_live(), "{id} speaks after its end in event {}", doc.seq);
        assert_eq!(attempt.epoch, before.epoch, "{id} speaks under an old lease");
        assert_eq!(doc.epoch, Some(attempt.epoch.0), "event {} names another lease", doc.seq);
    }
}

/// Each message is taken by one turn at a time, and settled once.
fn messages_hold(before: &Ticket, event: &Event, turns: &mut BTreeSet<(AttemptId, u64, String)>) {
    let state = |id| before.messages.iter().find(|it| it.id == id).map(|it| it.state);
    match event {
        Event::MessageQueued { id, .. } => assert_eq!(state(*id), None, "{id} was queued twice"),
        Event::MessagesDelivered { ids, attempt, record } => {
            for id in ids {
                assert_eq!(state(*id), Some(MessageState::Queued), "{id} was taken twice");
                let is_new = turns.insert((*attempt, *record, id.to_string()));
                assert!(is_new, "{id} was delivered twice to one turn of {attempt}");
            }
        }
        Event::MessagesProcessed { ids } | Event::MessagesRequeued { ids } => {
            for id in ids {
                assert_eq!(state(*id), Some(MessageState::Delivered), "{id} was settled twice");
            }
        }
        _ => {}
    }
}

/// Nothing passes, lands or finishes on a word that no longer holds.
fn gates_hold(before: &Ticket, after: &Ticket, event: &Event) {
    match event {
        Event::Judged { gate, .. } => after
            .gates
            .iter()
            .filter(|it| it.rule.id == *gate)
            .for_each(|it| passed_lawfully(after, it)),
        Event::Landed { .. } => {
            let key = &before.key;
            assert!(before.active_gate().is_none(), "{key} landed with a gate open");
            before.gates.iter().for_each(|it| passed_lawfully(before, it));
        }
        Event::Finished {} if after.kind == Kind::Task => {
            assert!(before.active_gate().is_none(), "{} is done with a gate open", before.key);
            assert!(
                !before.lands() || before.landed_as.is_some(),
                "{} is done and not landed",
                before.key
            );
            before.gates.iter().for_each(|it| passed_lawfully(before, it));
        }
        _ => {}
    }
}

/// A gate is passed only on a fresh pass of each decider, bound to what is there.
pub(crate) fn passed_lawfully(ticket: &Ticket, gate: &Gate) {
    if gate.stage != Stage::Passed {
        return;
    }
    let id = &gate.rule.id;
    for (index, decider) in gate.rule.decided_by.iter().enumerate() {
        let passes =
            |it: &&SignOff| it.fresh && it.decider == index && it.verdict == VerdictWord::Pass;
        let signoff = gate.signoffs.iter().rfind(passes);
        let signoff =
            signoff.unwrap_or_else(|| panic!("{id} of {} passed without {decider}", ticket.key));
        let by = &signoff.principal;
        let lawful = match decider {
            Decider::Controller => *by == Principal::Controller,
            Decider::Person(None) => by.is_person(),
            Decider::Person(Some(name)) => *by == Principal::Person(name.clone()),
            Decider::Role(role) => {
                by.is_person() || matches!(by, Principal::Lane { role: it, .. } if it == role)
            }
        };
        assert!(lawful, "{by} passed {id} in the place of {decider}");
        if ticket.kind == Kind::Task {
            bound_to_present(ticket, gate, signoff);
        }
    }
}

fn bound_to_present(ticket: &Ticket, gate: &Gate, signoff: &SignOff) {
    let (key, id) = (&ticket.key, &gate.rule.id);
    let packet = gate.packet.as_ref().map(|it| &it.digest);
    let Some(head) = ticket.head.as_ref().filter(|_| is_bound_to_code(ticket, id)) else {
        assert_eq!(
            signoff.packet.as_ref(),
            packet,
            "the sign-off on {id} of {key} is for another packet"
        );
        return;
    };
    let patch = |tree: &Tree| tree.as_str().split('.').next().map(str::to_owned);
    let is_machine =
        signoff.principal == Principal::Controller && gate.rule.worker == Worker::Controller;
    match gate.rule.stale_on {
        StaleOn::Never => {}
        StaleOn::Any => {
            assert_eq!(signoff.commit.as_ref(), Some(&head.commit), "{id} of {key} is stale")
        }
        StaleOn::Code if is_machine => {
            assert_eq!(signoff.commit.as_ref(), Some(&head.commit), "{id} of {key} is stale");
            assert_eq!(signoff.packet.as_ref(), packet, "{id} of {key} is for another packet");
        }
        StaleOn::Code => {
            assert_eq!(
                signoff.tree.as_ref().and_then(patch),
                patch(&head.tree),
                "{id} of {key} is for another patch"
            );
        }
    }
}

fn is_bound_to_code(ticket: &Ticket, id: &GateId) -> bool {
    let writes = |it: &Gate| it.rule.requires.contains(&EvidenceKind::Commit);
    let at = |id: &GateId| ticket.gates.iter().position(|it| it.rule.id == *id);
    ticket.gates.iter().position(writes).is_some_and(|first| at(id) >= Some(first))
}

/// Sorts the log by ticket.
pub(crate) fn by_ticket(docs: Vec<EventDoc>) -> BTreeMap<TicketKey, Vec<EventDoc>> {
    let mut all: BTreeMap<TicketKey, Vec<EventDoc>> = BTreeMap::new();
    for doc in docs {
        if let Some(key) = doc.ticket.as_deref().and_then(|it| it.parse().ok()) {
            all.entry(key).or_default().push(doc);
        }
    }
    all
}
