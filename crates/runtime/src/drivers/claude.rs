//! The driver `claude`: JSON lines both ways on the program's standard input and output.
//!
//! A turn is judged by what its `result` says of errors, refusals and the reason of its end, never by `subtype` or the exit code.

mod ask;
mod event;

use std::collections::BTreeMap;

use mission_domain::ids::Digest;
use serde_json::{Value, json};

use crate::agent::{Fault, Leave, TurnEnd, Usage};
use crate::drivers::{Driver, Hello, Out, Told, text};
use ask::Asked;

/// The id of our first request; the others are never waited for.
const HELLO: &str = "mission-hello";

/// A session with claude.
#[derive(Debug)]
pub(crate) struct Claude {
    hello: Hello,
    turn: Option<Turn>,
    asked: BTreeMap<String, Asked>,
    steered: BTreeMap<String, String>,
    used: Usage,
    /// What the process had cost when it was last told, in dollars.
    cost: f64,
    requests: u64,
}

/// The turn in flight.
#[derive(Debug, Default)]
struct Turn {
    /// None for one that the program began by itself.
    uuid: Option<String>,
    is_taken: bool,
    fault: Option<Fault>,
    message: String,
}

impl Claude {
    /// A session under the id that the program was started with.
    pub(crate) fn new(session: String, is_resumed: bool) -> Self {
        let hello = Hello { session, program: "claude".into(), model: None, is_resumed };
        Self {
            hello,
            turn: None,
            asked: BTreeMap::new(),
            steered: BTreeMap::new(),
            used: Usage::default(),
            cost: 0.0,
            requests: 0,
        }
    }

    fn request(&mut self, request: Value, out: &mut Out) {
        self.requests += 1;
        let id = format!("mission-{}", self.requests);
        out.say(json!({"type": "control_request", "request_id": id, "request": request}));
    }

    fn answered(&mut self, response: &Value, out: &mut Out) {
        if response["request_id"] != HELLO {
            return;
        }
        match text(response, "subtype") {
            "success" => out.tell(Told::Ready(self.hello.clone())),
            _ => {
                let why = text(response, "error").to_owned();
                out.tell(Told::CannotOpen { why, fault: None });
            }
        }
    }

    /// Notes that the program has a message of ours.
    fn took(&mut self, uuid: &str, out: &mut Out) {
        if let Some(turn) = &mut self.turn
            && turn.uuid.as_deref() == Some(uuid)
            && !std::mem::replace(&mut turn.is_taken, true)
        {
            out.tell(Told::Taken);
        }
        if let Some(key) = self.steered.remove(uuid) {
            out.tell(Told::Steered(key));
        }
    }

    /// The program works without a message of ours: a command that ran in the background woke it up, for example.
    fn stirs(&mut self, out: &mut Out) {
        if self.turn.is_none() {
            self.turn = Some(Turn::default());
            out.tell(Told::TookOver);
        }
    }

    fn end(&mut self, end: TurnEnd, out: &mut Out) {
        let Some(turn) = self.turn.take() else { return };
        if turn.uuid.is_some() && !turn.is_taken {
            out.tell(Told::Taken);
        }
        self.asked.clear();
        out.tell(Told::Ended(end));
    }
}

impl Driver for Claude {
    fn open(&mut self, out: &mut Out) {
        let request = json!({"subtype": "initialize", "hooks": null});
        out.say(json!({"type": "control_request", "request_id": HELLO, "request": request}));
    }

    fn hear(&mut self, frame: &Value, out: &mut Out) {
        match text(frame, "type") {
            "control_response" => self.answered(&frame["response"], out),
            "control_request" => self.asks(frame, out),
            "control_cancel_request" => {
                let id = text(frame, "request_id");
                if self.asked.remove(id).is_some() {
                    out.tell(Told::Settled(id.to_owned()));
                }
            }
            "command_lifecycle" if frame["state"] == "started" => {
                self.took(text(frame, "command_uuid"), out);
            }
            "user" if frame["isReplay"] == true => self.took(text(frame, "uuid"), out),
            "user" => self.results(frame, out),
            "assistant" => self.assistant(frame, out),
            "system" => self.system(frame, out),
            "result" => self.result(frame, out),
            _ => out.tell(Told::Stirs),
        }
    }

    fn send(&mut self, key: &str, text: &str, out: &mut Out) {
        let uuid = uuid_of(key);
        self.turn = Some(Turn { uuid: Some(uuid.clone()), ..Turn::default() });
        out.say(user(&uuid, text));
    }

    fn steer(&mut self, key: &str, text: &str, out: &mut Out) -> bool {
        if self.turn.is_none() {
            return false;
        }
        let uuid = uuid_of(key);
        self.steered.insert(uuid.clone(), key.to_owned());
        out.say(user(&uuid, text));
        true
    }

    fn interrupt(&mut self, out: &mut Out) {
        if self.turn.is_some() {
            self.request(json!({"subtype": "interrupt"}), out);
        }
    }

    fn answer(&mut self, id: &str, leave: &Leave, out: &mut Out) {
        if let Some(asked) = self.asked.remove(id) {
            out.say(asked.answer(id, leave));
        }
    }
}

fn user(uuid: &str, text: &str) -> Value {
    let content = json!([{"type": "text", "text": text}]);
    json!({"type": "user", "uuid": uuid, "message": {"role": "user", "content": content}})
}

/// Returns a UUID that is `key`'s for good: version 8 of RFC 9562, from the key's digest.
pub(crate) fn uuid_of(key: &str) -> String {
    let digest = Digest::of(key.as_bytes());
    let hex = digest.hex();
    format!("{}-{}-8{}-8{}-{}", &hex[..8], &hex[8..12], &hex[12..15], &hex[15..18], &hex[18..30])
}

#[cfg(test)]
mod tests;
