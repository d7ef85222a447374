//! The driver `codex`: its app-server, spoken to in JSON-RPC without the `jsonrpc` member.
//!
//! Other clients may join the same thread, its own TUI among them: what they start is seen here, and so is what they answer.

mod ask;
mod event;
mod fault;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::agent::{Fault, Leave, TurnEnd, TurnHow, Usage};
use crate::drivers::{Driver, Hello, Out, Told, text};
use ask::Asked;

/// How the app-server is told to report into the lane: an MCP server under this name.
const MCP_NAME: &str = "mission";

/// Seconds that one of its tools may take.
const MCP_TIMEOUT_S: u32 = 3_600;

/// What a session is opened with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setup {
    /// Where the agent works.
    pub(crate) cwd: PathBuf,
    /// The model, where one is named.
    pub(crate) model: Option<String>,
    /// A thread to go on with.
    pub(crate) resume: Option<String>,
    /// The MCP server of Mission Control: its command and the environment that it gets.
    pub(crate) mcp: Option<(Vec<String>, BTreeMap<String, String>)>,
}

/// What an answer will be about.
#[derive(Debug, Clone, PartialEq)]
enum Expected {
    Hello,
    Thread { resumed: bool, policy: &'static str },
    Turn,
    Steer(String),
    Caught,
    Nothing,
}

/// A session with an app-server.
#[derive(Debug)]
pub(crate) struct Codex {
    setup: Setup,
    next_id: u64,
    expected: BTreeMap<u64, Expected>,
    program: String,
    thread: Option<String>,
    turn: Option<Turn>,
    asked: BTreeMap<String, Asked>,
    edits: BTreeMap<String, Vec<PathBuf>>,
    /// What the thread had used before this attempt.
    before: Option<Usage>,
    wants_clean: bool,
    /// The keys of what was put into turns: what has another one was typed by a person.
    steered: BTreeSet<String>,
}

/// The turn in flight.
#[derive(Debug, Default)]
struct Turn {
    id: Option<String>,
    /// Ours has a key; one that somebody typed into the TUI has none.
    key: Option<String>,
    is_taken: bool,
    wants_interrupt: bool,
    message: String,
    retries: u32,
    fault: Option<Fault>,
}

impl Codex {
    pub(crate) fn new(setup: Setup) -> Self {
        Self {
            thread: setup.resume.clone(),
            setup,
            next_id: 1,
            expected: BTreeMap::new(),
            program: String::new(),
            turn: None,
            asked: BTreeMap::new(),
            edits: BTreeMap::new(),
            before: None,
            wants_clean: false,
            steered: BTreeSet::new(),
        }
    }

    fn ask(&mut self, method: &str, params: Value, expected: Expected, out: &mut Out) {
        let id = self.next_id;
        self.next_id += 1;
        self.expected.insert(id, expected);
        out.say(json!({"id": id, "method": method, "params": params}));
    }

    /// Opens the thread, or the one of before. The commands run without the program's own sandbox, which does not know the
    /// workspace's git folders: what holds a lane is Mission Control's own. Each command is asked for first.
    fn open_thread(&mut self, policy: &'static str, out: &mut Out) {
        let mut params = json!({
            "cwd": self.setup.cwd, "approvalPolicy": policy, "sandbox": "danger-full-access",
            // A login shell would take the machine's own PATH again, without `mission` and the guards.
            "config": {"allow_login_shell": false},
        });
        if let Some(model) = &self.setup.model {
            params["model"] = model.as_str().into();
        }
        if let Some((command, env)) = &self.setup.mcp
            && let Some((program, arguments)) = command.split_first()
        {
            // A check that an agent hands in may take as long as a build.
            let server = json!({
                "command": program, "args": arguments, "env": env, "tool_timeout_sec": MCP_TIMEOUT_S,
            });
            params["config"][format!("mcp_servers.{MCP_NAME}")] = server;
        }
        match self.thread.clone() {
            Some(thread) => {
                params["threadId"] = thread.into();
                params["excludeTurns"] = true.into();
                let expected = Expected::Thread { resumed: true, policy };
                self.ask("thread/resume", params, expected, out);
            }
            None => {
                let expected = Expected::Thread { resumed: false, policy };
                self.ask("thread/start", params, expected, out);
            }
        }
    }

    fn answered(&mut self, expected: Expected, answer: Result<&Value, &str>, out: &mut Out) {
        match (expected, answer) {
            (Expected::Hello, Ok(result)) => {
                let agent = text(result, "userAgent");
                let version = agent.split_whitespace().next().and_then(|it| it.split_once('/'));
                self.program = format!("codex {}", version.map_or("", |(_, version)| version));
                out.say(json!({"method": "initialized"}));
                self.open_thread("untrusted", out);
            }
            (Expected::Thread { resumed, .. }, Ok(result)) => self.opened(result, resumed, out),
            (Expected::Thread { policy: "untrusted", .. }, Err(why))
                if why.contains("untrusted") =>
            {
                // Versions that have taken that policy away ask for what leaves the workspace.
                self.open_thread("on-request", out);
            }
            (Expected::Thread { resumed: true, policy }, Err(_)) => {
                self.thread = None;
                self.turn = None;
                self.open_thread(policy, out);
            }
            (Expected::Hello | Expected::Thread { .. }, Err(why)) => {
                out.tell(Told::CannotOpen { why: why.to_owned(), fault: None });
            }
            (Expected::Turn, Ok(result)) => self.turn_began(&result["turn"], out),
            (Expected::Turn, Err(why)) => self.end(TurnEnd::cut(TurnHow::Failed, why), out),
            (Expected::Steer(key), Ok(_)) => out.tell(Told::Steered(key)),
            (Expected::Caught, Ok(result)) => self.caught_up(result, out),
            (Expected::Steer(_) | Expected::Caught | Expected::Nothing, _) => {}
        }
    }

    fn opened(&mut self, result: &Value, resumed: bool, out: &mut Out) {
        let thread = text(&result["thread"], "id").to_owned();
        self.thread = Some(thread.clone());
        out.tell(Told::Ready(Hello {
            session: thread.clone(),
            program: self.program.clone(),
            model: result["model"].as_str().map(str::to_owned),
            is_resumed: resumed,
        }));
        if self.turn.is_some() {
            // The connection broke in mid-turn: what has become of the turn is asked for.
            let params = json!({"threadId": thread, "limit": 3});
            self.ask("thread/turns/list", params, Expected::Caught, out);
        }
    }

    /// Finds the turn in flight among the newest ones, after a connection broke.
    fn caught_up(&mut self, result: &Value, out: &mut Out) {
        let Some(turn) = &self.turn else { return };
        let turns = result["data"].as_array().map_or(&[][..], Vec::as_slice);
        let is_ours = |it: &&Value| {
            let items = it["items"].as_array().map_or(&[][..], Vec::as_slice);
            turn.id.as_deref().is_some_and(|id| it["id"] == id)
                || turn
                    .key
                    .as_deref()
                    .is_some_and(|key| items.iter().any(|it| it["clientId"] == key))
        };
        match turns.iter().find(is_ours) {
            None => {
                let lost = "the program knows nothing of the turn after the connection broke";
                self.end(TurnEnd::cut(TurnHow::CutOff, lost), out);
            }
            Some(found) => {
                self.turn_began(found, out);
                if found["status"] != "inProgress" {
                    self.turn_ended(found, out);
                }
            }
        }
    }

    fn turn_began(&mut self, found: &Value, out: &mut Out) {
        let (Some(turn), Some(thread)) = (&mut self.turn, &self.thread) else { return };
        let id = text(found, "id").to_owned();
        turn.id = Some(id.clone());
        if std::mem::take(&mut turn.wants_interrupt) {
            let params = json!({"threadId": thread, "turnId": id});
            self.wants_clean = true;
            self.ask("turn/interrupt", params, Expected::Nothing, out);
        }
    }

    fn turn_ended(&mut self, found: &Value, out: &mut Out) {
        let message = self.turn.as_ref().map_or_else(String::new, |it| it.message.clone());
        let items = found["items"].as_array().map_or(&[][..], Vec::as_slice);
        let last = items.iter().rev().find(|it| it["type"] == "agentMessage");
        let message = last.map_or(message, |it| text(it, "text").to_owned());
        let earlier = self.turn.as_ref().and_then(|it| it.fault.clone());
        let end = match text(found, "status") {
            "completed" => TurnEnd::completed(message),
            "interrupted" => {
                TurnEnd { message, ..TurnEnd::cut(TurnHow::Interrupted, "interrupted") }
            }
            _ => {
                let error = &found["error"];
                let fault = fault::read(error).or(earlier);
                let why = text(error, "message");
                TurnEnd { fault, message, ..TurnEnd::cut(TurnHow::Failed, why) }
            }
        };
        self.end(end, out);
        if std::mem::take(&mut self.wants_clean)
            && let Some(thread) = self.thread.clone()
        {
            // An interrupted turn leaves its commands running beside the thread.
            let params = json!({"threadId": thread});
            self.ask("thread/backgroundTerminals/clean", params, Expected::Nothing, out);
        }
    }

    /// The turn in flight is over. One whose receipt got lost was taken all the same if it has ended.
    fn end(&mut self, end: TurnEnd, out: &mut Out) {
        let Some(turn) = self.turn.take() else { return };
        if !turn.is_taken && turn.key.is_some() && turn.id.is_some() {
            out.tell(Told::Taken);
        }
        self.asked.clear();
        self.edits.clear();
        out.tell(Told::Ended(end));
    }
}

impl Driver for Codex {
    fn open(&mut self, out: &mut Out) {
        self.expected.clear();
        let client = json!({"name": "mission", "version": env!("CARGO_PKG_VERSION")});
        let able = json!({"experimentalApi": true});
        let params = json!({"clientInfo": client, "capabilities": able});
        self.ask("initialize", params, Expected::Hello, out);
    }

    fn hear(&mut self, frame: &Value, out: &mut Out) {
        let method = frame["method"].as_str();
        match (method, frame.get("id")) {
            (Some(method), Some(id)) => self.asks(method, id, &frame["params"], out),
            (Some(method), None) => self.event(method, &frame["params"], out),
            (None, Some(id)) => {
                let expected = id.as_u64().and_then(|id| self.expected.remove(&id));
                let failed = frame.get("error").map(|it| text(it, "message"));
                let answer = failed.map_or(Ok(&frame["result"]), Err);
                self.answered(expected.unwrap_or(Expected::Nothing), answer, out);
            }
            (None, None) => {}
        }
    }

    fn send(&mut self, key: &str, text: &str, out: &mut Out) {
        let Some(thread) = self.thread.clone() else { return };
        self.turn = Some(Turn { key: Some(key.to_owned()), ..Turn::default() });
        let input = json!([{"type": "text", "text": text}]);
        let params = json!({"threadId": thread, "clientUserMessageId": key, "input": input});
        self.ask("turn/start", params, Expected::Turn, out);
    }

    fn steer(&mut self, key: &str, text: &str, out: &mut Out) -> bool {
        let turn = self.turn.as_ref().and_then(|it| it.id.clone());
        let (Some(thread), Some(turn)) = (self.thread.clone(), turn) else { return false };
        let params = json!({
            "threadId": thread, "expectedTurnId": turn, "clientUserMessageId": key,
            "input": [{"type": "text", "text": text}],
        });
        self.steered.insert(key.to_owned());
        self.ask("turn/steer", params, Expected::Steer(key.to_owned()), out);
        true
    }

    fn interrupt(&mut self, out: &mut Out) {
        let (Some(thread), Some(turn)) = (self.thread.clone(), &mut self.turn) else { return };
        let Some(id) = turn.id.clone() else {
            turn.wants_interrupt = true;
            return;
        };
        self.wants_clean = true;
        let params = json!({"threadId": thread, "turnId": id});
        self.ask("turn/interrupt", params, Expected::Nothing, out);
    }

    fn answer(&mut self, id: &str, leave: &Leave, out: &mut Out) {
        if let Some(asked) = self.asked.remove(id) {
            out.say(asked.answer(leave));
        }
    }
}

#[cfg(test)]
mod tests;
