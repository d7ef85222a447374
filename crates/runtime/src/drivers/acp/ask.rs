//! What an agent asks leave for, and how that is answered.

use serde_json::{Value, json};

use super::Acp;
use crate::agent::{Ask, Deed, Leave};
use crate::drivers::{Out, Told, text};

/// A question that is not answered yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    id: Value,
    yes: Option<String>,
    no: Option<String>,
}

impl Asked {
    /// Returns the frame that answers it. The agent learns of a refusal's reason only by the option's own words.
    pub(super) fn answer(&self, leave: &Leave) -> Value {
        let chosen = if *leave == Leave::Given { &self.yes } else { &self.no };
        match chosen {
            Some(option) => self.outcome(json!({"outcome": "selected", "optionId": option})),
            None => self.cancelled(),
        }
    }

    /// Returns the frame that says that nobody will answer.
    pub(super) fn cancelled(&self) -> Value {
        self.outcome(json!({"outcome": "cancelled"}))
    }

    fn outcome(&self, outcome: Value) -> Value {
        json!({"jsonrpc": "2.0", "id": self.id, "result": {"outcome": outcome}})
    }
}

impl Acp {
    /// Takes in a request of the agent.
    pub(super) fn asks(&mut self, method: &str, id: &Value, params: &Value, out: &mut Out) {
        self.took(out);
        if method != "session/request_permission" {
            let error = json!({"code": -32_601, "message": "this client has no such method"});
            return out.say(json!({"jsonrpc": "2.0", "id": id, "error": error}));
        }
        let options = params["options"].as_array().map_or(&[][..], Vec::as_slice);
        let pick = |kinds: [&str; 2]| {
            let of = |kind: &str| options.iter().find(|it| it["kind"] == kind);
            kinds.into_iter().find_map(of).map(|it| text(it, "optionId").to_owned())
        };
        let asked = Asked {
            id: id.clone(),
            // Each use is asked for anew: what may be done can change while the agent works.
            yes: pick(["allow_once", "allow_always"]),
            no: pick(["reject_once", "reject_always"]),
        };
        let key = id.to_string();
        self.asked.insert(key.clone(), asked);
        // Some agents tell of a call only by asking for it.
        self.uses(&params["toolCall"], out);
        out.tell(Told::Asks(Ask { id: key, deed: deed(&params["toolCall"]) }));
    }
}

/// Returns the shell line of a tool call, where its input has one.
pub(super) fn line_of(call: &Value) -> Option<String> {
    ["command", "cmd"].iter().find_map(|name| match &call["rawInput"][*name] {
        Value::String(line) => Some(line.clone()),
        Value::Array(words) => {
            Some(words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "))
        }
        _ => None,
    })
}

fn deed(call: &Value) -> Deed {
    let input = &call["rawInput"];
    let title = text(call, "title");
    let line = line_of(call);
    let places = call["locations"].as_array().map_or(&[][..], Vec::as_slice);
    let paths = || places.iter().map(|it| text(it, "path").into()).collect();
    match (text(call, "kind"), line) {
        (_, Some(line)) => Deed::Command { line, cwd: input["cwd"].as_str().map(Into::into) },
        // Without its input the title is what the agent shows a person.
        ("execute", None) => Deed::Command { line: title.trim_matches('`').to_owned(), cwd: None },
        ("edit" | "delete" | "move", None) => Deed::Edit { paths: paths() },
        _ => Deed::Tool { name: title.to_owned() },
    }
}
