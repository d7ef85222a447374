//! `mission mcp`: the tools of a lane for agents that take an MCP server, as JSON-RPC lines on standard input and output.
//!
//! Every tool is what `mission report` does, or a question to the lane's shim: there is no second way to report.

mod tools;

use std::io::{BufRead, Write};

use serde_json::{Value, json};

use super::Done;
use crate::failure::Failure;
use crate::lane::Lane;

/// The versions of the protocol whose tools look like ours; the newest last.
const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// What the agent is told of all tools together.
const INSTRUCTIONS: &str = "You work one gate of one ticket for Mission Control. `get_brief` gives the whole brief. What you claim counts \
    only as evidence: hand it in with `add_evidence`. End with `report`, or with `ask` when a person must decide something first.";

/// Serves until standard input ends.
pub(super) fn run(lane: Option<&Lane>) -> Done {
    let Some(lane) = lane else {
        let text =
            "this is not a lane (MISSION_ATTEMPT is not set), so there is nothing to report for";
        return Err(Failure::usage(text)
            .hint("agents in lanes are given this server by themselves; nobody else needs it"));
    };
    let (stdin, stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    serve(stdin, stdout, &tools::Tools::of(lane)).map_err(|e| {
        Failure::unreachable(format!("the agent went away in the middle of an answer: {e}"))
    })
}

/// Carries out the tools.
trait Toolbox {
    /// Returns what the tool says, or why it refuses.
    fn call(&self, name: &str, arguments: &Value) -> Result<String, String>;
}

fn serve(input: impl BufRead, mut output: impl Write, tools: &impl Toolbox) -> std::io::Result<()> {
    for line in input.split(b'\n') {
        let line = line?;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let answer = match serde_json::from_slice::<Value>(&line) {
            Ok(request) => answer(&request, tools),
            Err(e) => Some(failed(&Value::Null, -32_700, &format!("this is no JSON: {e}"))),
        };
        if let Some(answer) = answer {
            writeln!(output, "{answer}")?;
            output.flush()?;
        }
    }
    Ok(())
}

/// Returns the answer to one message; a notification has none.
fn answer(request: &Value, tools: &impl Toolbox) -> Option<Value> {
    let id = request.get("id").filter(|it| !it.is_null())?;
    let params = &request["params"];
    let result = match request["method"].as_str() {
        Some("initialize") => initialized(params),
        Some("ping") => json!({}),
        Some("tools/list") => json!({"tools": tools::list()}),
        Some("tools/call") => {
            let name = params["name"].as_str().unwrap_or_default();
            if !tools::NAMES.contains(&name) {
                return Some(failed(id, -32_602, &format!("there is no tool `{name}`")));
            }
            called(tools.call(name, &params["arguments"]))
        }
        Some(other) => return Some(failed(id, -32_601, &format!("there is no method `{other}`"))),
        // An answer to a request of ours, of which there are none.
        None => return None,
    };
    Some(json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

/// A client of a version that is not known here is offered the newest one that is.
fn initialized(params: &Value) -> Value {
    let wanted = params["protocolVersion"].as_str().filter(|it| VERSIONS.contains(it));
    let version = wanted.unwrap_or(VERSIONS[VERSIONS.len() - 1]);
    json!({
        "protocolVersion": version,
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "mission", "version": env!("CARGO_PKG_VERSION")},
        "instructions": INSTRUCTIONS,
    })
}

/// A refusal is an answer that the agent reads, and no failure of the protocol.
fn called(outcome: Result<String, String>) -> Value {
    let (text, is_error) = match outcome {
        Ok(text) => (text, false),
        Err(text) => (text, true),
    };
    json!({"content": [{"type": "text", "text": text}], "isError": is_error})
}

fn failed(id: &Value, code: i32, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says which tool was called, and refuses `ask`.
    struct Echo;

    impl Toolbox for Echo {
        fn call(&self, name: &str, arguments: &Value) -> Result<String, String> {
            if name == "ask" { Err("no".into()) } else { Ok(format!("{name} {arguments}")) }
        }
    }

    fn said(lines: &[&str]) -> Vec<Value> {
        let mut output = Vec::new();
        serve(lines.join("\n").as_bytes(), &mut output, &Echo).expect("a buffer takes all");
        let text = String::from_utf8(output).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    #[test]
    fn a_client_is_greeted_in_its_own_version_where_it_is_known() {
        let greet = |version: &str| {
            let line = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": version}});
            said(&[&line.to_string()])[0]["result"]["protocolVersion"].clone()
        };
        assert_eq!(greet("2025-03-26"), "2025-03-26");
        assert_eq!(greet("2031-01-01"), "2025-11-25");
    }

    #[test]
    fn every_tool_of_the_contract_is_listed_with_what_it_takes() {
        let listed = said(&[r#"{"jsonrpc":"2.0","id":"a","method":"tools/list"}"#]);
        assert_eq!(listed[0]["id"], "a");
        let tools = listed[0]["result"]["tools"].as_array().expect("tools");
        let names: Vec<&str> = tools.iter().filter_map(|it| it["name"].as_str()).collect();
        let wanted =
            ["get_brief", "add_evidence", "ask", "report", "request_approval", "read_messages"];
        assert_eq!(names, wanted);
        assert!(
            tools
                .iter()
                .all(|it| it["inputSchema"]["type"] == "object" && it["description"].is_string())
        );
    }

    #[test]
    fn a_refusal_is_told_to_the_agent_and_nonsense_to_the_client() {
        let call = |name: &str| {
            json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": name, "arguments": {}}}).to_string()
        };
        let answers = said(&[
            &call("report"),
            &call("ask"),
            &call("deploy"),
            "not JSON",
            r#"{"jsonrpc":"2.0","id":3,"method":"resources/list"}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            r#"{"jsonrpc":"2.0","id":4,"method":"ping"}"#,
        ]);
        assert_eq!(answers[0]["result"]["content"][0]["text"], "report {}");
        assert_eq!(answers[1]["result"]["isError"], true);
        let codes: Vec<_> = answers.iter().map(|it| it["error"]["code"].as_i64()).collect();
        assert_eq!(codes, [None, None, Some(-32_602), Some(-32_700), Some(-32_601), None]);
        assert_eq!(answers[5]["id"], 4);
    }
}
