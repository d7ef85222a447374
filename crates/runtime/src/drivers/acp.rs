//! The driver `acp`: the Agent Client Protocol, version 1, in JSON-RPC lines on standard input and output. Read leniently: agents
//! add notifications and members of their own.

mod ask;
mod event;
mod fault;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::agent::{Leave, TurnEnd, TurnHow, Usage};
use crate::drivers::{Driver, Hello, Out, Told, text};
use ask::Asked;
use fault::{fault, said_fault, words};

/// The version that this side speaks.
const VERSION: u64 = 1;

/// What a session is opened with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setup {
    /// Where the agent works.
    pub(crate) cwd: PathBuf,
    /// The model, where one is named.
    pub(crate) model: Option<String>,
    /// A session to go on with.
    pub(crate) resume: Option<String>,
    /// The MCP server of Mission Control: its command and the environment that it gets.
    pub(crate) mcp: Option<(Vec<String>, BTreeMap<String, String>)>,
}

/// What an answer will be about.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Expected {
    Hello,
    Session { is_load: bool },
    Prompt,
    Fork,
    Nothing,
}

/// A session with an agent.
#[derive(Debug)]
pub(crate) struct Acp {
    setup: Setup,
    next_id: u64,
    expected: BTreeMap<u64, Expected>,
    hello: Hello,
    can_load: bool,
    can_fork: bool,
    is_open: bool,
    /// Whether it said that it loaded a session, and has not shown yet that it knows it.
    is_unproved: bool,
    turn: Option<Turn>,
    asked: BTreeMap<String, Asked>,
    /// What was told of each tool call, so that it is told once.
    calls: BTreeMap<String, String>,
    used: Usage,
    /// Whether it tells what the session used so far, and not what the last prompt did.
    tells_totals: bool,
    /// What was used before the session at hand was opened.
    used_before: Usage,
}

/// The turn in flight.
#[derive(Debug, Default)]
struct Turn {
    is_taken: bool,
    is_interrupted: bool,
    message: String,
    /// How it ended, told once the session that goes on is there.
    end: Option<TurnEnd>,
}

impl Acp {
    pub(crate) fn new(setup: Setup) -> Self {
        Self {
            setup,
            next_id: 1,
            expected: BTreeMap::new(),
            hello: Hello::default(),
            can_load: false,
            can_fork: false,
            is_open: false,
            is_unproved: false,
            turn: None,
            asked: BTreeMap::new(),
            calls: BTreeMap::new(),
            used: Usage::default(),
            tells_totals: false,
            used_before: Usage::default(),
        }
    }

    fn ask(&mut self, method: &str, params: Value, expected: Expected, out: &mut Out) {
        let id = self.next_id;
        self.next_id += 1;
        self.expected.insert(id, expected);
        out.say(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
    }

    fn answered(&mut self, expected: Expected, frame: &Value, out: &mut Out) {
        let (result, error) = (&frame["result"], frame.get("error").filter(|it| !it.is_null()));
        match (expected, error) {
            (Expected::Hello, None) => self.greeted(result, out),
            (Expected::Session { is_load }, None) => self.opened(result, is_load, out),
            // An agent that has forgotten the session begins another one.
            (Expected::Session { is_load: true }, Some(_)) => self.begin_session(out),
            (Expected::Hello | Expected::Session { .. }, Some(error)) => {
                let why = words(error);
                out.tell(Told::CannotOpen { fault: fault(error), why });
            }
            (Expected::Prompt, None) => self.prompt_ended(result, out),
            (Expected::Prompt, Some(error)) => self.prompt_failed(error, out),
            (Expected::Fork, failed) => self.forked(result, failed.is_none(), out),
            (Expected::Nothing, _) => {}
        }
    }

    fn greeted(&mut self, result: &Value, out: &mut Out) {
        let spoken = result["protocolVersion"].as_u64();
        if spoken.is_some_and(|it| it != VERSION) {
            let why = format!(
                "the agent speaks version {} of the protocol, this side {VERSION}: use another version of one of them",
                spoken.unwrap_or(0)
            );
            return out.tell(Told::CannotOpen { why, fault: None });
        }
        let agent = &result["agentInfo"];
        let named = format!("{} {}", text(agent, "name"), text(agent, "version"));
        self.hello.program = named.trim().to_owned();
        self.tells_totals = event::tells_totals(text(agent, "name"));
        let able = &result["agentCapabilities"];
        self.can_load = able["loadSession"] == true;
        self.can_fork = !able["sessionCapabilities"]["fork"].is_null();
        match self.setup.resume.clone().filter(|_| self.can_load) {
            Some(session) => {
                let mut params = self.place();
                params["sessionId"] = session.clone().into();
                self.hello.session = session;
                self.ask("session/load", params, Expected::Session { is_load: true }, out);
            }
            None => self.begin_session(out),
        }
    }

    fn begin_session(&mut self, out: &mut Out) {
        let params = self.place();
        self.ask("session/new", params, Expected::Session { is_load: false }, out);
    }

    fn place(&self) -> Value {
        let servers: Vec<Value> = self
            .setup
            .mcp
            .iter()
            .filter_map(|(command, env)| {
                let (program, arguments) = command.split_first()?;
                let env: Vec<Value> =
                    env.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
                Some(json!({"name": "mission", "command": program, "args": arguments, "env": env}))
            })
            .collect();
        json!({"cwd": self.setup.cwd, "mcpServers": servers})
    }

    fn opened(&mut self, result: &Value, is_load: bool, out: &mut Out) {
        if !is_load {
            self.hello.session = text(result, "sessionId").to_owned();
        }
        self.hello.is_resumed = is_load;
        (self.is_open, self.is_unproved) = (true, is_load);
        let session = self.hello.session.clone();
        if result["modes"]["currentModeId"] == "auto" {
            // That mode asks a model of its own for each command, and blocks all where there is none.
            let params = json!({"sessionId": session, "modeId": "default"});
            self.ask("session/set_mode", params, Expected::Nothing, out);
        }
        self.choose_model(out);
        out.tell(Told::Ready(self.hello.clone()));
    }

    fn choose_model(&mut self, out: &mut Out) {
        let Some(model) = self.setup.model.clone() else { return };
        self.hello.model = Some(model.clone());
        let params = json!({"sessionId": self.hello.session, "modelId": model});
        self.ask("session/set_model", params, Expected::Nothing, out);
    }

    fn prompt_ended(&mut self, result: &Value, out: &mut Out) {
        let has_used = self.count(result, out);
        if std::mem::take(&mut self.is_unproved) && self.has_forgotten(result, has_used) {
            return self.begin_again(out);
        }
        let message = self.turn.as_ref().map_or_else(String::new, |it| it.message.clone());
        self.took(out);
        if !message.trim().is_empty() {
            out.tell(Told::Said(message.clone()));
        }
        let end = match (text(result, "stopReason"), said_fault(&message, has_used)) {
            ("end_turn", Some(fault)) => {
                let why = fault.text.clone();
                TurnEnd { message, fault: Some(fault), ..TurnEnd::cut(TurnHow::Failed, why) }
            }
            ("end_turn", None) => TurnEnd::completed(message),
            ("cancelled", _) => {
                TurnEnd { message, ..TurnEnd::cut(TurnHow::Interrupted, "interrupted") }
            }
            (other, _) => {
                let why = format!("the agent stopped: {other}");
                TurnEnd { message, ..TurnEnd::cut(TurnHow::Failed, why) }
            }
        };
        self.end(end, out);
    }

    /// Whether the answer to the first prompt in a loaded session shows that the agent does not know it. Hermes says that it loaded any
    /// session, and refuses without a word what is asked in one that is gone.
    fn has_forgotten(&self, result: &Value, has_used: bool) -> bool {
        let did_nothing = |it: &Turn| !it.is_taken && !it.is_interrupted;
        let is_refused = text(result, "stopReason") == "refusal" && !has_used;
        is_refused && self.turn.as_ref().is_some_and(did_nothing)
    }

    fn begin_again(&mut self, out: &mut Out) {
        self.turn = None;
        self.is_open = false;
        self.used_before = self.used;
        out.tell(Told::Forgot);
        self.begin_session(out);
    }

    /// The protocol has an interrupted prompt end as `cancelled`. Hermes fails in it, and takes no turn in that session any more: it
    /// only says that it queues them. What goes on is a session that knows all that this one knew, where the agent can make one.
    fn prompt_failed(&mut self, error: &Value, out: &mut Out) {
        let why = words(error);
        let Some(turn) = self.turn.as_mut().filter(|it| it.is_interrupted) else {
            let end = TurnEnd { fault: fault(error), ..TurnEnd::cut(TurnHow::Failed, why) };
            return self.end(end, out);
        };
        let end = TurnEnd::cut(TurnHow::Interrupted, why);
        if !self.can_fork {
            return self.end(end, out);
        }
        turn.end = Some(end);
        let mut params = self.place();
        params["sessionId"] = self.hello.session.clone().into();
        self.ask("session/fork", params, Expected::Fork, out);
    }

    fn forked(&mut self, result: &Value, is_done: bool, out: &mut Out) {
        let session = text(result, "sessionId");
        if is_done && !session.is_empty() {
            // It goes on with an earlier attempt's session just if the one that it is made from does.
            self.hello.session = session.to_owned();
            self.used_before = self.used;
            self.choose_model(out);
            out.tell(Told::Ready(self.hello.clone()));
        }
        if let Some(end) = self.turn.as_mut().and_then(|it| it.end.take()) {
            self.end(end, out);
        }
    }

    /// A program that answers nothing else shows by its first word that it took the turn.
    fn took(&mut self, out: &mut Out) {
        if let Some(turn) = &mut self.turn
            && !std::mem::replace(&mut turn.is_taken, true)
        {
            out.tell(Told::Taken);
        }
    }

    fn end(&mut self, end: TurnEnd, out: &mut Out) {
        self.took(out);
        if self.turn.take().is_some() {
            self.asked.clear();
            self.calls.clear();
            out.tell(Told::Ended(end));
        }
    }
}

impl Driver for Acp {
    fn open(&mut self, out: &mut Out) {
        let files = json!({"readTextFile": false, "writeTextFile": false});
        let client = json!({"name": "mission", "version": env!("CARGO_PKG_VERSION")});
        let params = json!({
            "protocolVersion": VERSION, "clientInfo": client,
            "clientCapabilities": {"fs": files, "terminal": false},
        });
        self.ask("initialize", params, Expected::Hello, out);
    }

    fn hear(&mut self, frame: &Value, out: &mut Out) {
        match (frame["method"].as_str(), frame.get("id").filter(|it| !it.is_null())) {
            (Some(method), Some(id)) => self.asks(method, id, &frame["params"], out),
            (Some("session/update"), None) => self.update(&frame["params"]["update"], out),
            (Some(_), None) => out.tell(Told::Stirs),
            (None, Some(id)) => {
                let expected = id.as_u64().and_then(|id| self.expected.remove(&id));
                self.answered(expected.unwrap_or(Expected::Nothing), frame, out);
            }
            (None, None) => {}
        }
    }

    fn send(&mut self, _key: &str, text: &str, out: &mut Out) {
        self.turn = Some(Turn::default());
        let prompt = json!([{"type": "text", "text": text}]);
        let params = json!({"sessionId": self.hello.session, "prompt": prompt});
        self.ask("session/prompt", params, Expected::Prompt, out);
    }

    fn steer(&mut self, _key: &str, _text: &str, _out: &mut Out) -> bool {
        // A second prompt cancels the turn, merges with it or is never answered, depending on the agent.
        false
    }

    fn interrupt(&mut self, out: &mut Out) {
        let Some(turn) = &mut self.turn else { return };
        turn.is_interrupted = true;
        let session = self.hello.session.clone();
        let params = json!({"sessionId": session});
        out.say(json!({"jsonrpc": "2.0", "method": "session/cancel", "params": params}));
        for (key, asked) in std::mem::take(&mut self.asked) {
            out.say(asked.cancelled());
            out.tell(Told::Settled(key));
        }
    }

    fn answer(&mut self, id: &str, leave: &Leave, out: &mut Out) {
        if let Some(asked) = self.asked.remove(id) {
            out.say(asked.answer(leave));
        }
    }
}

#[cfg(test)]
mod tests;
