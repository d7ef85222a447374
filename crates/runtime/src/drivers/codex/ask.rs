//! What the app-server asks of its client: leave for a command, a change, a tool; and how that is answered.

use serde_json::{Value, json};

use super::Codex;
use crate::agent::{Ask, Deed, Leave};
use crate::drivers::{Out, Told, text};

/// A question that is not answered yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    id: Value,
    form: Form,
}

/// The form of its answer.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    /// `decision`: `accept` or `decline`, which lets the turn go on.
    Decision,
    /// `action` with an empty form.
    Elicitation,
    /// Nothing of ours could be an answer.
    Error,
}

impl Asked {
    /// Returns the frame that answers it.
    pub(super) fn answer(&self, leave: &Leave) -> Value {
        let is_given = *leave == Leave::Given;
        let word = if is_given { "accept" } else { "decline" };
        match (self.form, leave) {
            (Form::Decision, _) => json!({"id": self.id, "result": {"decision": word}}),
            (Form::Elicitation, _) => {
                json!({"id": self.id, "result": {"action": word, "content": {}}})
            }
            (Form::Error, Leave::Refused { why }) => refusal(&self.id, why),
            (Form::Error, Leave::Given) => refusal(&self.id, "there is no answer to give here"),
        }
    }
}

fn refusal(id: &Value, why: &str) -> Value {
    json!({"id": id, "error": {"code": -32_000, "message": why}})
}

impl Codex {
    /// Takes in a question of the app-server.
    pub(super) fn asks(&mut self, method: &str, id: &Value, params: &Value, out: &mut Out) {
        if self.is_of_others(params) {
            return;
        }
        let (deed, form) = match method {
            "item/commandExecution/requestApproval" => {
                let line = text(params, "command").to_owned();
                (
                    Deed::Command { line, cwd: params["cwd"].as_str().map(Into::into) },
                    Form::Decision,
                )
            }
            "item/fileChange/requestApproval" => {
                let paths = self.edits.get(text(params, "itemId")).cloned().unwrap_or_default();
                (Deed::Edit { paths }, Form::Decision)
            }
            "mcpServer/elicitation/request" => {
                let tool = text(&params["_meta"], "tool_name");
                let name = format!("{}/{tool}", text(params, "serverName"));
                let deed = match tool {
                    "" => Deed::Question { text: text(params, "message").to_owned() },
                    _ => Deed::Tool { name },
                };
                (deed, Form::Elicitation)
            }
            "item/tool/requestUserInput" => {
                let questions = params["questions"].as_array().map_or(&[][..], Vec::as_slice);
                let texts: Vec<&str> = questions.iter().map(|it| text(it, "question")).collect();
                (Deed::Question { text: texts.join("\n") }, Form::Error)
            }
            _ => return out.say(refusal(id, "mission does not know this request")),
        };
        // Ids are numbers or texts; as keys they must not meet those of another connection.
        let key = id.to_string();
        self.asked.insert(key.clone(), Asked { id: id.clone(), form });
        out.tell(Told::Asks(Ask { id: key, deed }));
    }
}
