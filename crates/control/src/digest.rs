//! The digest: what changed since a moment, ticket by ticket, and how much waits for people.

use std::collections::BTreeMap;

use mission_domain::doc::EventDoc;
use mission_domain::home::HomeCommand;
use mission_domain::ids::{ProjectKey, TicketKey, Timestamp};
use mission_domain::principal::Principal;
use mission_domain::ticket::{EndClass, ticket_doc};
use mission_domain::told::{told, who};
use mission_store::EventFilter;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::execute::Control;

/// What a person wants to hear of; steps of the machine in between are not among it.
const NOTABLE: [&str; 30] = [
    "opened",
    "judged",
    "verdict_withdrawn",
    "sent_back",
    "question_asked",
    "question_answered",
    "approval_requested",
    "approval_given",
    "approval_denied",
    "approval_expired",
    "approval_voided",
    "approval_ran",
    "approval_unclear",
    "staled",
    "handed_over",
    "could_not_run",
    "blocked",
    "budget_nearly_spent",
    "unblocked",
    "retried",
    "landed",
    "finished",
    "cancelled",
    "superseded",
    "reopened",
    "parked",
    "unparked",
    "corrected",
    "attempt_ended",
    "took_over",
];

/// The most events that a digest is made from; what is older is told as left out.
pub const MOST_EVENTS: u32 = 20_000;

/// What changed since a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DigestDoc {
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Whether older events were left out, since there are too many.
    pub is_cut: bool,
    /// How many decisions wait for people now.
    pub needs_you: usize,
    /// The tickets that changed, the latest change first.
    pub tickets: Vec<DigestTicketDoc>,
}

/// One ticket that changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DigestTicketDoc {
    /// Its key.
    pub key: String,
    /// Its title.
    pub title: String,
    /// Its state now.
    pub state: String,
    /// What happens next; empty once it has ended.
    pub next: String,
    /// What happened, the oldest first.
    pub changes: Vec<DigestChangeDoc>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DigestChangeDoc {
    /// When; of a repeat the last time.
    pub at: Timestamp,
    /// Who.
    pub principal: String,
    /// What kind of event.
    #[serde(rename = "type")]
    pub kind: String,
    /// What, as the rest of a sentence that begins with who did it.
    pub text: String,
    /// How often in a row.
    pub count: u32,
}

impl Control {
    /// Returns what changed since `since`, in `project` or in all of them.
    ///
    /// # Errors
    /// What the store said.
    pub async fn digest(&self, since: Timestamp, project: Option<ProjectKey>) -> Result<DigestDoc> {
        let filter = EventFilter {
            project: project.clone(),
            kinds: NOTABLE.map(String::from).to_vec(),
            since: Some(since),
            newest_first: true,
            limit: Some(MOST_EVENTS),
            ..EventFilter::default()
        };
        let events = self.store().events(&filter).await?;
        let is_cut = events.len() >= MOST_EVENTS as usize;
        let mut tickets: Vec<DigestTicketDoc> = Vec::new();
        for (key, changes) in changes(&events) {
            let Ok(key) = key.parse::<TicketKey>() else { continue };
            let (ticket, version) = self.ticket(&key).await?;
            let doc = ticket_doc(&ticket, version);
            tickets.push(DigestTicketDoc {
                key: doc.key,
                title: doc.title,
                state: doc.state,
                next: doc.next_action.map_or_else(String::new, |it| it.what),
                changes,
            });
        }
        let latest = |it: &DigestTicketDoc| it.changes.last().map(|it| it.at);
        tickets.sort_by_key(|it| std::cmp::Reverse(latest(it)));
        let waiting = self.needs_you().await?;
        let is_seen = |key: &str| project.as_ref().is_none_or(|it| is_of(key, it));
        Ok(DigestDoc {
            since,
            until: self.now(),
            is_cut,
            needs_you: waiting.iter().filter(|it| is_seen(&it.ticket.key)).count(),
            tickets,
        })
    }
}

impl Control {
    /// Returns what changed since `since`, among the newest `most` events alone and without a look at the tickets: titles,
    /// states and next actions stay empty, and nothing is said of what waits. It costs the same however large the home is.
    ///
    /// # Errors
    /// What the store said.
    pub async fn digest_in_short(
        &self,
        since: Timestamp,
        project: Option<ProjectKey>,
        most: u32,
    ) -> Result<DigestDoc> {
        let filter = EventFilter {
            project,
            kinds: NOTABLE.map(String::from).to_vec(),
            since: Some(since),
            newest_first: true,
            limit: Some(most),
            ..EventFilter::default()
        };
        let events = self.store().events(&filter).await?;
        let tickets = changes(&events).into_iter().map(|(key, changes)| DigestTicketDoc {
            key,
            title: String::new(),
            state: String::new(),
            next: String::new(),
            changes,
        });
        let is_cut = events.len() >= most as usize;
        let tickets = tickets.collect();
        Ok(DigestDoc { since, until: self.now(), is_cut, needs_you: 0, tickets })
    }
}

impl Control {
    /// Returns up to when `who` has seen what changed in `project`, or in all of them; nothing where they never said so.
    pub fn seen_until(&self, who: &Principal, project: Option<&ProjectKey>) -> Option<Timestamp> {
        self.fleet().home.seen_until(&who.to_string(), project)
    }

    /// Keeps that `who` has seen what changed up to `until`, in `project` or in all of them. It holds wherever they look next, and never
    /// moves back.
    ///
    /// # Errors
    /// What the store said.
    pub async fn mark_seen(
        &self,
        who: &Principal,
        project: Option<ProjectKey>,
        until: Timestamp,
    ) -> Result<()> {
        let command = HomeCommand::MarkSeen { who: who.to_string(), project, until };
        self.execute_home(command, who).await
    }
}

fn is_of(key: &str, project: &ProjectKey) -> bool {
    key.parse::<TicketKey>().is_ok_and(|it| it.project() == project)
}

/// Groups the notable of `events`, which come newest first, by ticket; repeats in a row are one change with a count.
fn changes(events: &[EventDoc]) -> BTreeMap<String, Vec<DigestChangeDoc>> {
    let mut by_ticket: BTreeMap<String, Vec<DigestChangeDoc>> = BTreeMap::new();
    for event in events.iter().rev().filter(|it| is_notable(it)) {
        let Some(key) = &event.ticket else { continue };
        let changes = by_ticket.entry(key.clone()).or_default();
        let text = told(event);
        match changes.last_mut() {
            Some(last) if last.text == text && last.principal == who(event) => {
                last.at = event.at;
                last.count += 1;
            }
            Some(_) | None => changes.push(DigestChangeDoc {
                at: event.at,
                principal: who(event).to_owned(),
                kind: event.kind.clone(),
                text,
                count: 1,
            }),
        }
    }
    by_ticket
}

/// Returns whether a person wants to hear of it, of what is [`NOTABLE`]. An attempt that ended as it should is a step in between.
fn is_notable(event: &EventDoc) -> bool {
    let class = || EndClass::deserialize(event.body.pointer("/end/class")?).ok();
    let failed = || class().is_none_or(|it| it.costs_an_attempt() || it.is_runtime_fault());
    event.kind != "attempt_ended" || failed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64, kind: &str, body: serde_json::Value) -> EventDoc {
        EventDoc {
            seq,
            at: Timestamp::from_second(i64::try_from(seq).expect("a small number"))
                .expect("a moment"),
            project: Some("MC".into()),
            ticket: Some("MC-1".into()),
            version: None,
            kind: kind.into(),
            principal: "controller".into(),
            attempt: None,
            epoch: None,
            body,
            prev: String::new(),
            hash: String::new(),
        }
    }

    #[test]
    fn repeats_are_one_change_with_a_count_and_steps_in_between_are_left_out() {
        let blocked = || serde_json::json!({"text": "no runtime"});
        let ended = |class: &str| serde_json::json!({"end": {"class": class, "summary": "x"}});
        let newest_first = [
            event(7, "approval_given", serde_json::json!({"id": "A-1.1"})),
            event(6, "attempt_ended", ended("crashed")),
            event(5, "attempt_ended", ended("reported")),
            event(4, "blocked", blocked()),
            event(3, "blocked", blocked()),
            event(1, "opened", serde_json::json!({})),
        ];
        let told = changes(&newest_first);
        let told: Vec<_> =
            told["MC-1"].iter().map(|it| (it.kind.as_str(), it.count, it.at.as_second())).collect();
        let ended = ("attempt_ended", 1, 6);
        assert_eq!(told, [("opened", 1, 1), ("blocked", 2, 4), ended, ("approval_given", 1, 7)]);
    }
}
