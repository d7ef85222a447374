//! Those who ask over HTTP: each request has a key of its own, and is sent again with it until it is answered.

use mission_control::{Control, Result, TicketRequest};
use mission_domain::ids::{RoleId, TicketKey};
use mission_domain::principal::Principal;
use mission_domain::ticket::{Command, State, Ticket, VerdictWord};

use crate::chance::Chance;

/// What somebody asks for.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Open(TicketRequest),
    Do(TicketKey, Command),
    Say(TicketKey, String, Option<String>),
    Answer(TicketKey, String),
    Reopen(TicketKey),
}

/// A request, which has the same key however often it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) key: String,
    pub(crate) by: Principal,
    pub(crate) what: What,
    /// Whether its effect can be told by its text, which is its key.
    pub(crate) is_told: bool,
    /// Whether somebody was told that it is done.
    pub(crate) is_done: bool,
}

/// Sends the request once.
pub(crate) async fn send(control: Control, what: What, by: Principal) -> Result<()> {
    match what {
        What::Open(request) => control.open_ticket(request, &by, "api").await.map(drop),
        What::Do(key, command) => control.execute(&key, command, &by).await.map(drop),
        What::Say(key, text, to) => control.say(&key, text, to, &by).await.map(drop),
        What::Answer(key, text) => control.answer(&key, text, &by).await.map(drop),
        What::Reopen(key) => control.reopen(&key, &by).await.map(drop),
    }
}

/// Returns a ticket to file, and whether it is a campaign's.
pub(crate) fn filing(
    key: &str,
    known: &[TicketKey],
    campaigns: &[TicketKey],
    chance: &mut Chance,
) -> Asked {
    let workflow = chance.pick(&[
        "standard",
        "validated",
        "validated",
        "advised",
        "advised",
        "quick-fix",
        "visual-redesign",
    ]);
    let is_campaign = chance.one_in(7);
    let request = TicketRequest {
        title: key.to_owned(),
        workflow: Some(workflow.into()),
        kind: is_campaign.then(|| "campaign".into()),
        campaign_workflow: (is_campaign && chance.one_in(2)).then(|| "umbrella".into()),
        parent: chance.any(campaigns).filter(|_| !is_campaign).map(|it| it.to_string()),
        blocked_by: chance
            .any(known)
            .filter(|_| chance.one_in(6))
            .into_iter()
            .map(|it| it.to_string())
            .collect(),
        park: chance.one_in(12),
        labels: if chance.one_in(6) { vec!["visual".into()] } else { Vec::new() },
        ..TicketRequest::default()
    };
    asked(key, ada(), What::Open(request), true)
}

/// Returns a ticket to file that has a short way to its landing.
pub(crate) fn short_filing(key: &str, chance: &mut Chance) -> Asked {
    let workflow = chance.pick(&["paired", "paired", "quick-fix"]);
    let (title, workflow) = (key.to_owned(), Some(workflow.into()));
    let request = TicketRequest { title, workflow, ..TicketRequest::default() };
    asked(key, ada(), What::Open(request), true)
}

/// Returns what a person says so that `ticket`, which waits for one, goes on.
pub(crate) fn help(key: &str, ticket: &Ticket) -> Asked {
    let id = ticket.key.clone();
    match ticket.state() {
        State::NeedsInput => asked(key, ada(), What::Answer(id, key.to_owned()), true),
        State::Blocked => {
            asked(key, ada(), What::Do(id, Command::Retry { reason: key.to_owned() }), true)
        }
        State::Parked => asked(key, ada(), What::Do(id, Command::Unpark), false),
        State::InReview
        | State::Waiting
        | State::Todo
        | State::Active
        | State::Done
        | State::Cancelled
        | State::Superseded => {
            asked(key, ada(), What::Do(id, verdict(key, VerdictWord::Pass)), true)
        }
    }
}

fn asked(key: &str, by: Principal, what: What, is_told: bool) -> Asked {
    Asked { key: key.to_owned(), by, what, is_told, is_done: false }
}

fn ada() -> Principal {
    Principal::Person("ada".into())
}

fn verdict(key: &str, verdict: VerdictWord) -> Command {
    Command::Judge {
        gate: None,
        verdict,
        reason: key.to_owned(),
        findings: Vec::new(),
        seen: None,
        judged: None,
    }
}

/// Returns what somebody may want of `ticket` as it is.
pub(crate) fn wanted(
    key: &str,
    ticket: &Ticket,
    others: &[TicketKey],
    chance: &mut Chance,
) -> Asked {
    let id = ticket.key.clone();
    let by = match chance.below(24) {
        0 | 1 => Principal::Person("bob".into()),
        2 => Principal::External("ci".into()),
        3 => Principal::Lane {
            role: RoleId::new("qa"),
            runtime: mission_domain::ids::RuntimeId::new("two"),
        },
        _ => ada(),
    };
    let told = |what| asked(key, by.clone(), what, true);
    let plain = |command| asked(key, by.clone(), What::Do(id.clone(), command), false);
    if !chance.one_in(4) {
        match ticket.state() {
            State::Parked => return plain(Command::Unpark),
            State::NeedsInput => return told(What::Answer(id, key.to_owned())),
            State::Blocked => return told(What::Do(id, Command::Retry { reason: key.to_owned() })),
            State::InReview => {
                let words = [
                    VerdictWord::Pass,
                    VerdictWord::Pass,
                    VerdictWord::Pass,
                    VerdictWord::Changes,
                    VerdictWord::Waive,
                ];
                let word = chance.pick(&words);
                return told(What::Do(id, verdict(key, word)));
            }
            State::Done | State::Cancelled | State::Superseded => {
                return asked(key, by, What::Reopen(id), false);
            }
            State::Waiting | State::Todo | State::Active => {}
        }
    }
    match chance.below(32) {
        0 | 1 => plain(Command::Park),
        2 => told(What::Do(id, Command::Cancel { reason: key.to_owned() })),
        3 => match chance.any(others) {
            Some(other) => plain(Command::Supersede { by: vec![other] }),
            None => plain(Command::Park),
        },
        4..=6 => plain(Command::Withdraw { gate: None }),
        7..=9 => told(What::Do(id, verdict(key, chance.pick(VerdictWord::ALL)))),
        10..=12 => plain(edit(ticket, others, chance)),
        13..=16 => told(What::Do(id, Command::Comment { text: key.to_owned() })),
        17..=19 => asked(key, by, What::Say(id, "go on".into(), None), false),
        _ => {
            let to = chance.one_in(3).then(|| chance.pick(&["coder", "qa"]).to_owned());
            told(What::Say(id, key.to_owned(), to))
        }
    }
}

fn edit(ticket: &Ticket, others: &[TicketKey], chance: &mut Chance) -> Command {
    let until = ticket.updated_at + jiff::SignedDuration::from_secs(40);
    Command::Edit {
        title: None,
        body: None,
        priority: None,
        labels: chance.one_in(3).then(|| vec!["visual".into()]),
        // Only newer tickets wait for older ones, so that nothing waits for itself.
        add_blockers: chance
            .any(others)
            .filter(|it| it.number() < ticket.key.number())
            .into_iter()
            .collect(),
        remove_blockers: ticket
            .blockers
            .keys()
            .take(1)
            .filter(|_| chance.one_in(2))
            .cloned()
            .collect(),
        not_before: chance.one_in(3).then_some(Some(until)),
        message: None,
    }
}
