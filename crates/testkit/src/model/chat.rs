//! The chat completions interface, which opencode, hermes and many others ask.

use serde_json::{Value, json};

use super::dialect::{Dialect, Event};
use super::prompt::{Prompt, text_of};

/// One answer.
#[derive(Debug)]
pub(super) struct Chat {
    id: String,
    model: String,
    input: u32,
    has_called: bool,
}

impl Chat {
    fn chunk(&self, choices: Value) -> Value {
        json!({
            "id": self.id, "object": "chat.completion.chunk", "created": 0,
            "model": self.model, "choices": choices,
        })
    }

    fn delta(&self, delta: Value, reason: Option<&str>) -> Event {
        let choice = json!([{"index": 0, "delta": delta, "finish_reason": reason}]);
        Event::data(&self.chunk(choice))
    }

    fn usage(&self) -> Value {
        json!({
            "prompt_tokens": self.input, "completion_tokens": 34, "total_tokens": self.input + 34,
            "prompt_tokens_details": {"cached_tokens": 100},
        })
    }
}

impl Dialect for Chat {
    const NAME: &'static str = "chat";

    fn read(body: &Value) -> Prompt {
        let mut prompt = Prompt {
            model: body["model"].as_str().unwrap_or_default().into(),
            is_stream: body["stream"] == true,
            ..Prompt::default()
        };
        for (at, message) in body["messages"].as_array().into_iter().flatten().enumerate() {
            match message["role"].as_str() {
                Some("user") => prompt.texts.push((at, text_of(&message["content"]))),
                Some("tool") => prompt.results.push(at),
                Some(_) | None => {}
            }
        }
        for tool in body["tools"].as_array().into_iter().flatten() {
            let function = &tool["function"];
            if let Some(name) = function["name"].as_str() {
                prompt.tools.insert(name.into(), function["parameters"]["properties"].clone());
            }
        }
        prompt
    }

    fn new(id: String, model: String, input: u32) -> Self {
        Self { id, model, input, has_called: false }
    }

    fn begin(&self) -> Vec<Event> {
        vec![self.delta(json!({"role": "assistant", "content": ""}), None)]
    }

    fn call(&mut self, id: &str, name: &str, arguments: &Value) -> Vec<Event> {
        self.has_called = true;
        let function = json!({"name": name, "arguments": arguments.to_string()});
        let call = json!({"index": 0, "id": id, "type": "function", "function": function});
        vec![self.delta(json!({"tool_calls": [call]}), None)]
    }

    fn open_text(&mut self) -> Vec<Event> {
        Vec::new()
    }

    fn word(&mut self, word: &str) -> Vec<Event> {
        vec![self.delta(json!({"content": word}), None)]
    }

    fn close_text(&mut self, _full: &str) -> Vec<Event> {
        Vec::new()
    }

    fn end(&mut self) -> Vec<Event> {
        let reason = if self.has_called { "tool_calls" } else { "stop" };
        let mut usage = self.chunk(json!([]));
        usage["usage"] = self.usage();
        vec![self.delta(json!({}), Some(reason)), Event::data(&usage), Event::done()]
    }

    fn whole(&self, text: &str) -> Value {
        let message = json!({"role": "assistant", "content": text});
        json!({
            "id": self.id, "object": "chat.completion", "created": 0, "model": self.model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": self.usage(),
        })
    }
}
