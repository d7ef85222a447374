//! The Responses interface, which codex asks.

use serde_json::{Value, json};

use super::dialect::{Dialect, Event};
use super::prompt::{Prompt, text_of};

/// One answer.
#[derive(Debug)]
pub(super) struct Responses {
    id: String,
    input: u32,
}

impl Responses {
    fn usage(&self) -> Value {
        json!({
            "input_tokens": self.input, "input_tokens_details": {"cached_tokens": 100},
            "output_tokens": 34, "output_tokens_details": {"reasoning_tokens": 5},
            "total_tokens": self.input + 34,
        })
    }

    fn message(&self, parts: Value) -> Value {
        json!({"type": "message", "role": "assistant", "id": format!("msg_{}", self.id), "content": parts})
    }
}

impl Dialect for Responses {
    const NAME: &'static str = "responses";

    fn read(body: &Value) -> Prompt {
        let mut prompt = Prompt {
            model: body["model"].as_str().unwrap_or_default().into(),
            is_stream: body["stream"] == true,
            ..Prompt::default()
        };
        if let Some(text) = body["input"].as_str() {
            prompt.texts.push((0, text.into()));
        }
        for (at, item) in body["input"].as_array().into_iter().flatten().enumerate() {
            let kind = item["type"].as_str().unwrap_or("message");
            if kind == "message" && item["role"] == "user" {
                prompt.texts.push((at, text_of(&item["content"])));
            } else if kind.ends_with("call_output") {
                prompt.results.push(at);
            }
        }
        for tool in body["tools"].as_array().into_iter().flatten() {
            read_tool(&mut prompt, "", tool);
        }
        prompt
    }

    fn new(id: String, _model: String, input: u32) -> Self {
        Self { id, input }
    }

    fn begin(&self) -> Vec<Event> {
        vec![Event::named("response.created", json!({"response": {"id": self.id}}))]
    }

    fn call(&mut self, id: &str, name: &str, arguments: &Value) -> Vec<Event> {
        let (space, name) = name.split_once('/').map_or((None, name), |(a, b)| (Some(a), b));
        let mut item = json!({
            "type": "function_call", "id": format!("fc_{id}"), "call_id": id,
            "name": name, "arguments": arguments.to_string(),
        });
        if let Some(space) = space {
            item["namespace"] = space.into();
        }
        vec![Event::named("response.output_item.done", json!({"output_index": 0, "item": item}))]
    }

    fn open_text(&mut self) -> Vec<Event> {
        let item = self.message(json!([]));
        vec![Event::named("response.output_item.added", json!({"output_index": 0, "item": item}))]
    }

    fn word(&mut self, word: &str) -> Vec<Event> {
        let delta = json!({
            "item_id": format!("msg_{}", self.id), "output_index": 0, "content_index": 0, "delta": word,
        });
        vec![Event::named("response.output_text.delta", delta)]
    }

    fn close_text(&mut self, full: &str) -> Vec<Event> {
        let item = self.message(json!([{"type": "output_text", "text": full}]));
        vec![Event::named("response.output_item.done", json!({"output_index": 0, "item": item}))]
    }

    fn end(&mut self) -> Vec<Event> {
        let response = json!({"response": {"id": self.id, "usage": self.usage()}});
        vec![Event::named("response.completed", response)]
    }

    fn whole(&self, text: &str) -> Value {
        let output = [self.message(json!([{"type": "output_text", "text": text}]))];
        json!({
            "id": self.id, "object": "response", "status": "completed",
            "output": output, "usage": self.usage(),
        })
    }
}

/// Notes a tool, or those of a namespace, as `SPACE/NAME`.
fn read_tool(prompt: &mut Prompt, space: &str, tool: &Value) {
    let name = tool["name"].as_str().or_else(|| tool["type"].as_str()).unwrap_or_default();
    if tool["type"] == "namespace" {
        for inner in tool["tools"].as_array().into_iter().flatten() {
            read_tool(prompt, &format!("{name}/"), inner);
        }
        return;
    }
    prompt.tools.insert(format!("{space}{name}"), tool["parameters"]["properties"].clone());
}
