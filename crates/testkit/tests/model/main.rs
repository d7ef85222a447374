//! The scripted model, asked in plain HTTP as agent programs do.

#[expect(clippy::unwrap_used, reason = "a client of the tests: what fails here fails the test")]
mod http;

use std::net::SocketAddr;

use http::{Answer, get, post};
use mission_testkit::model::Model;
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const GEMINI: &str = "/v1beta/models/m:streamGenerateContent?alt=sse";

fn shell_tool() -> Value {
    json!({"command": {"type": "string"}, "description": {"type": "string"}})
}

/// A request in the Responses interface: what the user said, and how many tool results came after it.
fn responses(text: &str, results: usize) -> Value {
    let said = json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]});
    let result = json!({"type": "function_call_output", "call_id": "x", "output": "fine"});
    let input: Vec<Value> = std::iter::once(said).chain(vec![result; results]).collect();
    let takes = json!({"properties": {"cmd": {}, "yield_time_ms": {}}});
    let tools = json!([{"type": "function", "name": "exec_command", "parameters": takes}]);
    json!({"model": "m", "stream": true, "input": input, "tools": tools})
}

fn messages(text: &str, results: usize) -> Value {
    let result = json!({"role": "user", "content": [{"type": "tool_result", "content": "fine"}]});
    let said = json!({"role": "user", "content": [{"type": "text", "text": text}]});
    let all: Vec<Value> = std::iter::once(said).chain(vec![result; results]).collect();
    let tools = json!([{"name": "Bash", "input_schema": {"properties": shell_tool()}}]);
    json!({"model": "m", "stream": true, "messages": all, "tools": tools})
}

fn chat(text: &str, results: usize) -> Value {
    let result = json!({"role": "tool", "tool_call_id": "x", "content": "fine"});
    let said = json!({"role": "user", "content": text});
    let all: Vec<Value> = std::iter::once(said).chain(vec![result; results]).collect();
    let function = json!({"name": "bash", "parameters": {"properties": shell_tool()}});
    let tools = json!([{"type": "function", "function": function}]);
    json!({"model": "m", "stream": true, "messages": all, "tools": tools})
}

fn gemini(text: &str, results: usize) -> Value {
    let result = json!({"role": "user", "parts": [{"functionResponse": {"name": "x"}}]});
    let said = json!({"role": "user", "parts": [{"text": text}]});
    let all: Vec<Value> = std::iter::once(said).chain(vec![result; results]).collect();
    let takes = json!({"properties": shell_tool()});
    let function = json!({"name": "run_shell_command", "parametersJsonSchema": takes});
    json!({"contents": all, "tools": [{"functionDeclarations": [function]}]})
}

fn asked(model: &Model, path: &str, body: &Value) -> Answer {
    post(model.address(), path, body)
}

#[test]
fn codex_is_told_to_call_its_shell_and_then_to_say_something() {
    let model = Model::start().unwrap();
    let script = "do it [[script: sh ls -l ;; say DONE: ok]]";
    let first = asked(&model, "/v1/responses", &responses(script, 0));
    let item = &first.event("response.output_item.done")["item"];
    assert_eq!(item["name"], "exec_command");
    let arguments: Value = serde_json::from_str(item["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments, json!({"cmd": "ls -l", "yield_time_ms": 30_000}));
    assert_eq!(first.event("response.completed")["response"]["usage"]["total_tokens"], 1_234);
    let second = asked(&model, "/v1/responses", &responses(script, 1));
    let item = &second.event("response.output_item.done")["item"];
    assert_eq!(item["content"][0]["text"], "DONE: ok");
    assert_eq!(second.event("response.completed")["response"]["usage"]["input_tokens"], 1_201);
    let seen = model.seen();
    assert_eq!((seen[0].interface, seen[0].step, seen[0].tools), ("responses", 0, 1));
    assert_eq!(seen[1].played, "say DONE: ok");
}

#[test]
fn claude_is_told_the_same_in_its_own_words() {
    let model = Model::start().unwrap();
    let script = "[[script: sh ls ;; say DONE: ok]]";
    let first = asked(&model, "/v1/messages?beta=true", &messages(script, 0));
    assert_eq!(first.event("content_block_start")["content_block"]["name"], "Bash");
    let json = first.event("content_block_delta")["delta"]["partial_json"].clone();
    assert_eq!(json, json!({"command": "ls", "description": "scripted"}).to_string());
    assert_eq!(first.event("message_delta")["delta"]["stop_reason"], "tool_use");
    let second = asked(&model, "/v1/messages", &messages(script, 1));
    assert_eq!(second.event("content_block_delta")["delta"]["text"], "DONE: ok");
    assert_eq!(second.event("message_delta")["delta"]["stop_reason"], "end_turn");
    assert!(second.body.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
}

#[test]
fn chat_and_gemini_are_told_the_same_too() {
    let model = Model::start().unwrap();
    let script = "[[script: sh ls ;; say DONE: ok]]";
    let first = asked(&model, CHAT, &chat(script, 0)).data();
    let function = &first[1]["choices"][0]["delta"]["tool_calls"][0]["function"];
    assert_eq!(function["name"], "bash");
    assert_eq!(first[2]["choices"][0]["finish_reason"], "tool_calls");
    let second = asked(&model, CHAT, &chat(script, 1));
    assert_eq!(second.data()[1]["choices"][0]["delta"]["content"], "DONE: ok");
    assert!(second.body.ends_with("data: [DONE]\n\n"));
    let first = asked(&model, GEMINI, &gemini(script, 0)).data();
    let call = &first[0]["candidates"][0]["content"]["parts"][0]["functionCall"];
    assert_eq!(call["name"], "run_shell_command");
    assert_eq!(call["args"]["command"], "ls");
    let second = asked(&model, GEMINI, &gemini(script, 1)).data();
    assert_eq!(second[0]["candidates"][0]["content"]["parts"][0]["text"], "DONE: ok");
    assert_eq!(second[1]["candidates"][0]["finishReason"], "STOP");
}

#[test]
fn a_script_in_a_later_message_starts_from_its_own_first_step() {
    let model = Model::start().unwrap();
    let mut body = messages("[[script: sh one ;; sh two]]", 2);
    let late = json!({"role": "system", "content": "[[script: say the later one]]"});
    body["messages"].as_array_mut().unwrap().push(late);
    let answer = asked(&model, "/v1/messages", &body);
    assert_eq!(answer.event("content_block_delta")["delta"]["text"], "the later one");
}

#[test]
fn a_request_without_tools_gets_a_title_and_one_without_a_script_is_told_so() {
    let model = Model::start().unwrap();
    let mut untooled = chat("[[script: sh ls]]", 0);
    untooled["tools"] = json!([]);
    untooled["stream"] = json!(false);
    let answer: Value = serde_json::from_str(&asked(&model, CHAT, &untooled).body).unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], "title");
    let answer = asked(&model, CHAT, &chat("no script", 0)).data();
    assert_eq!(answer[1]["choices"][0]["delta"]["content"], "OK (no script was found)");
}

#[test]
fn a_tool_is_found_by_the_end_of_its_name() {
    let model = Model::start().unwrap();
    let mut body = messages("[[script: tool report {\"kind\":\"done\"}]]", 0);
    body["tools"] = json!([{"name": "mcp__mission__report"}, {"name": "myreport"}]);
    let answer = asked(&model, "/v1/messages", &body);
    assert_eq!(
        answer.event("content_block_start")["content_block"]["name"],
        "mcp__mission__report"
    );
}

#[test]
fn failures_are_those_that_providers_have() {
    let model = Model::start().unwrap();
    for code in [401, 429, 500, 529] {
        let script = format!("[[script: http {code}]]");
        let answer = asked(&model, "/v1/messages", &messages(&script, 0));
        assert_eq!(answer.status, code);
        assert!(answer.head.to_ascii_lowercase().contains("retry-after: 1"), "{}", answer.head);
        assert!(answer.body.contains(&format!("scripted {code}")));
    }
    let dropped = asked(&model, "/v1/messages", &messages("[[script: drop]]", 0));
    assert!(dropped.is_broken_off && dropped.body.contains("message_start"), "{dropped:?}");
    let cut = asked(&model, "/v1/messages", &messages("[[script: cut]]", 0));
    assert!(!cut.is_broken_off && !cut.body.contains("message_stop"), "{cut:?}");
}

#[test]
fn a_slow_answer_comes_word_by_word_and_a_hanging_one_has_begun() {
    let model = Model::start().unwrap();
    let slow = asked(&model, CHAT, &chat("[[script: slow 0.03 a b c]]", 0)).data();
    let words: Vec<&str> = slow[1..4]
        .iter()
        .map(|it| it["choices"][0]["delta"]["content"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["a ", "b ", "c"]);
    let begun =
        http::first_bytes(model.address(), "/v1/messages", &messages("[[script: hang 3600]]", 0));
    assert!(begun.contains("message_start"), "{begun}");
    // Dropping the model does not wait for the hour.
}

#[test]
fn small_questions_and_unknown_paths_are_answered() {
    let model = Model::start().unwrap();
    assert!(get(model.address(), "/v1/models").body.contains("scripted"));
    let count = asked(&model, "/v1/messages/count_tokens", &json!({}));
    assert_eq!(count.body, "{\"input_tokens\":10}");
    let choice =
        json!({"contents": [], "generationConfig": {"responseMimeType": "application/json"}});
    let choice = asked(&model, "/v1beta/models/m:generateContent", &choice);
    assert!(choice.body.contains("model_choice"), "{choice:?}");
    assert_eq!(asked(&model, "/elsewhere", &json!({})).status, 404);
    assert_eq!(get(model.address(), "/").status, 404);
}

#[test]
fn nobody_else_can_reach_it() {
    let everywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    assert!(Model::start_at(everywhere).unwrap_err().to_string().contains("not loopback"));
}
