//! The interface of Gemini. The model's name and whether it streams stand in its path.

use serde_json::{Value, json};

use super::dialect::{Dialect, Event};
use super::prompt::Prompt;

/// One answer.
#[derive(Debug)]
pub(super) struct Gemini {
    id: String,
    model: String,
    input: u32,
    has_called: bool,
}

/// What the program's own small questions (which model, who speaks next) are answered with, as JSON.
const JSON_ANSWER: &str = "{\"reasoning\":\"scripted\",\"model_choice\":\"flash\",\"next_speaker\":\"user\",\
    \"complexity_reasoning\":\"scripted\",\"complexity_score\":1,\"corrected_target_snippet\":\"\"}";

impl Gemini {
    fn chunk(&self, part: &Value, reason: Option<&str>) -> Value {
        let mut candidate = json!({"content": {"role": "model", "parts": [part]}, "index": 0});
        if let Some(reason) = reason {
            candidate["finishReason"] = reason.into();
        }
        json!({
            "candidates": [candidate], "modelVersion": self.model, "responseId": self.id,
            "usageMetadata": {
                "promptTokenCount": self.input, "candidatesTokenCount": 34,
                "totalTokenCount": self.input + 34, "cachedContentTokenCount": 100,
            },
        })
    }

    /// Returns whether `body` asks for JSON instead of words.
    pub(super) fn wants_json(body: &Value) -> bool {
        let how = &body["generationConfig"];
        how["responseMimeType"] == "application/json" || how.get("responseJsonSchema").is_some()
    }

    /// Returns the answer to a question that asks for JSON.
    pub(super) fn json(&self) -> Value {
        self.chunk(&json!({"text": JSON_ANSWER}), Some("STOP"))
    }
}

impl Dialect for Gemini {
    const NAME: &'static str = "gemini";

    fn read(body: &Value) -> Prompt {
        let mut prompt = Prompt::default();
        let mut at = 0;
        for content in body["contents"].as_array().into_iter().flatten() {
            let is_users = content["role"].as_str().unwrap_or("user") == "user";
            for part in content["parts"].as_array().into_iter().flatten() {
                match part["text"].as_str().filter(|it| is_users && !it.is_empty()) {
                    Some(text) => prompt.texts.push((at, text.into())),
                    None if part.get("functionResponse").is_some() => prompt.results.push(at),
                    None => {}
                }
                at += 1;
            }
        }
        for tool in body["tools"].as_array().into_iter().flatten() {
            for function in tool["functionDeclarations"].as_array().into_iter().flatten() {
                let name = function["name"].as_str().unwrap_or_default();
                let mut takes = ["parametersJsonSchema", "parameters"].iter();
                let takes = takes.find_map(|it| function.get(*it)).unwrap_or(&Value::Null);
                prompt.tools.insert(name.into(), takes["properties"].clone());
            }
        }
        prompt
    }

    fn new(id: String, model: String, input: u32) -> Self {
        Self { id, model, input, has_called: false }
    }

    fn begin(&self) -> Vec<Event> {
        Vec::new()
    }

    fn call(&mut self, _id: &str, name: &str, arguments: &Value) -> Vec<Event> {
        self.has_called = true;
        let call = json!({"functionCall": {"name": name, "args": arguments}});
        vec![Event::data(&self.chunk(&call, Some("STOP")))]
    }

    fn open_text(&mut self) -> Vec<Event> {
        Vec::new()
    }

    fn word(&mut self, word: &str) -> Vec<Event> {
        vec![Event::data(&self.chunk(&json!({"text": word}), None))]
    }

    fn close_text(&mut self, _full: &str) -> Vec<Event> {
        Vec::new()
    }

    fn end(&mut self) -> Vec<Event> {
        if self.has_called {
            return Vec::new();
        }
        vec![Event::data(&self.chunk(&json!({"text": ""}), Some("STOP")))]
    }

    fn whole(&self, text: &str) -> Value {
        self.chunk(&json!({"text": text}), Some("STOP"))
    }
}
