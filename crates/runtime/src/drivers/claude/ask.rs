//! What claude asks leave for, and how that is answered.

use serde_json::{Value, json};

use super::Claude;
use crate::agent::{Ask, Deed, Leave};
use crate::drivers::{Out, Told, text};

/// A question that is not answered yet: the tool's input goes back unchanged with the leave.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    input: Value,
}

impl Asked {
    /// Returns the frame that answers the request `id`.
    pub(super) fn answer(&self, id: &str, leave: &Leave) -> Value {
        let answer = match leave {
            Leave::Given => json!({"behavior": "allow", "updatedInput": self.input}),
            Leave::Refused { why } => json!({"behavior": "deny", "message": why}),
        };
        let response = json!({"subtype": "success", "request_id": id, "response": answer});
        json!({"type": "control_response", "response": response})
    }
}

impl Claude {
    /// Takes in a request of the program.
    pub(super) fn asks(&mut self, frame: &Value, out: &mut Out) {
        let (id, request) = (text(frame, "request_id"), &frame["request"]);
        if request["subtype"] != "can_use_tool" {
            let why = "mission does not know this request";
            let response = json!({"subtype": "error", "request_id": id, "error": why});
            return out.say(json!({"type": "control_response", "response": response}));
        }
        let input = request["input"].clone();
        let deed = deed(text(request, "tool_name"), &input);
        self.asked.insert(id.to_owned(), Asked { input });
        out.tell(Told::Asks(Ask { id: id.to_owned(), deed }));
    }
}

fn deed(tool: &str, input: &Value) -> Deed {
    match tool {
        "Bash" => Deed::Command { line: text(input, "command").to_owned(), cwd: None },
        "Edit" | "MultiEdit" | "Write" => {
            Deed::Edit { paths: vec![text(input, "file_path").into()] }
        }
        "NotebookEdit" => Deed::Edit { paths: vec![text(input, "notebook_path").into()] },
        "AskUserQuestion" => {
            let questions = input["questions"].as_array().map_or(&[][..], Vec::as_slice);
            let texts: Vec<&str> = questions.iter().map(|it| text(it, "question")).collect();
            Deed::Question { text: texts.join("\n") }
        }
        name => Deed::Tool { name: name.to_owned() },
    }
}
