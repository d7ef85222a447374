//! The Messages interface, which claude asks.

use serde_json::{Value, json};

use super::dialect::{Dialect, Event};
use super::prompt::Prompt;

/// One answer.
#[derive(Debug)]
pub(super) struct Messages {
    id: String,
    model: String,
    input: u32,
    has_called: bool,
}

impl Messages {
    fn message(&self, content: Value, stop_reason: Value) -> Value {
        json!({
            "id": self.id, "type": "message", "role": "assistant", "model": self.model,
            "content": content, "stop_reason": stop_reason, "stop_sequence": null,
            "usage": {
                "input_tokens": self.input, "cache_creation_input_tokens": 7,
                "cache_read_input_tokens": 100, "output_tokens": 1,
            },
        })
    }

    fn block(start: Value, deltas: impl IntoIterator<Item = Value>) -> Vec<Event> {
        let start = json!({"index": 0, "content_block": start});
        let deltas = deltas
            .into_iter()
            .map(|it| Event::named("content_block_delta", json!({"index": 0, "delta": it})));
        std::iter::once(Event::named("content_block_start", start)).chain(deltas).collect()
    }
}

impl Dialect for Messages {
    const NAME: &'static str = "messages";

    fn read(body: &Value) -> Prompt {
        let mut prompt = Prompt {
            model: body["model"].as_str().unwrap_or_default().into(),
            is_stream: body["stream"] == true,
            ..Prompt::default()
        };
        let mut at = 0;
        for message in body["messages"].as_array().into_iter().flatten() {
            // What a user adds in the middle of a turn arrives with the role `system`.
            let is_users = message["role"] == "user" || message["role"] == "system";
            if let Some(text) = message["content"].as_str().filter(|_| is_users) {
                prompt.texts.push((at, text.into()));
            }
            at += 1;
            for block in message["content"].as_array().into_iter().flatten() {
                match block["type"].as_str() {
                    Some("text") if is_users => {
                        prompt.texts.push((at, block["text"].as_str().unwrap_or_default().into()));
                    }
                    Some("tool_result") => prompt.results.push(at),
                    Some(_) | None => {}
                }
                at += 1;
            }
        }
        for tool in body["tools"].as_array().into_iter().flatten() {
            let name = tool["name"].as_str().unwrap_or_default();
            prompt.tools.insert(name.into(), tool["input_schema"]["properties"].clone());
        }
        prompt
    }

    fn new(id: String, model: String, input: u32) -> Self {
        Self { id, model, input, has_called: false }
    }

    fn begin(&self) -> Vec<Event> {
        let message = self.message(json!([]), Value::Null);
        vec![Event::named("message_start", json!({"message": message}))]
    }

    fn call(&mut self, id: &str, name: &str, arguments: &Value) -> Vec<Event> {
        self.has_called = true;
        let start = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
        let delta = json!({"type": "input_json_delta", "partial_json": arguments.to_string()});
        let mut events = Self::block(start, [delta]);
        events.push(Event::named("content_block_stop", json!({"index": 0})));
        events
    }

    fn open_text(&mut self) -> Vec<Event> {
        Self::block(json!({"type": "text", "text": ""}), [])
    }

    fn word(&mut self, word: &str) -> Vec<Event> {
        let delta = json!({"index": 0, "delta": {"type": "text_delta", "text": word}});
        vec![Event::named("content_block_delta", delta)]
    }

    fn close_text(&mut self, _full: &str) -> Vec<Event> {
        vec![Event::named("content_block_stop", json!({"index": 0}))]
    }

    fn end(&mut self) -> Vec<Event> {
        let reason = if self.has_called { "tool_use" } else { "end_turn" };
        let delta = json!({
            "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"output_tokens": 34},
        });
        vec![Event::named("message_delta", delta), Event::named("message_stop", json!({}))]
    }

    fn whole(&self, text: &str) -> Value {
        self.message(json!([{"type": "text", "text": text}]), "end_turn".into())
    }
}
