//! The scripted person: signs off what nobody else answered in time. Shown as `scripted` everywhere.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mission_domain::doc::{GateDoc, TicketDoc};
use serde_json::{Value, json};

use super::link::Link;

/// What it says with a sign-off.
const REASON: &str = "scripted: it is what the ticket asks for";

/// What it says to a question.
const ANSWER: &str = "scripted: go on as the ticket says";

/// The scripted person.
#[derive(Debug)]
pub(super) struct Person {
    answer_after: Duration,
    seen: BTreeMap<String, Instant>,
}

/// One thing that it would say now.
#[derive(Debug, PartialEq)]
struct Word {
    /// What is waited for: the same until it is answered.
    about: String,
    path: String,
    body: Value,
}

impl Person {
    /// A person who waits this long for somebody else.
    pub(super) fn new(answer_after: Duration) -> Self {
        Self { answer_after, seen: BTreeMap::new() }
    }

    /// Answers what has waited for long enough. A refusal means that somebody was faster, or that it changed: it looks again.
    pub(super) async fn answer(&mut self, tickets: &[TicketDoc], link: &Link, now: Instant) {
        let words: Vec<Word> = tickets.iter().filter_map(word).collect();
        self.seen.retain(|about, _| words.iter().any(|word| word.about == *about));
        for word in words {
            let since = *self.seen.entry(word.about).or_insert(now);
            if now.duration_since(since) >= self.answer_after {
                let _ = link.post(&word.path, &word.body).await;
            }
        }
    }

    /// Returns whether something waits for it or for somebody else.
    pub(super) fn is_owing(&self) -> bool {
        !self.seen.is_empty()
    }
}

fn word(ticket: &TicketDoc) -> Option<Word> {
    let key = &ticket.key;
    let version = ticket.version.0;
    match ticket.state.as_str() {
        "in_review" => {
            let gate = open_gate(ticket)?;
            let packet = gate.packet.as_ref().map(|it| &it.digest);
            let mut body = json!({ "verdict": "pass", "gate": gate.id, "reason": REASON });
            if let (Some(packet), Some(body)) = (packet, body.as_object_mut()) {
                body.insert("packet".into(), json!(packet));
            }
            let about = format!("{key} {} {packet:?} {}", gate.id, gate.signoffs.len());
            Some(Word { about, path: format!("/tickets/{key}/verdict"), body })
        }
        "needs_input" => {
            let path = format!("/tickets/{key}/answer");
            Some(Word {
                about: format!("{key} question {version}"),
                path,
                body: json!({ "text": ANSWER }),
            })
        }
        _ => None,
    }
}

/// Returns the gate that waits: the first required one that is not settled.
fn open_gate(ticket: &TicketDoc) -> Option<&GateDoc> {
    let is_settled =
        |gate: &GateDoc| matches!(gate.state.as_str(), "passed" | "waived" | "not_required");
    ticket.gates.iter().find(|gate| gate.required && !is_settled(gate))
}
