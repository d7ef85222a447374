//! Finds the shell among the tools that an agent offers, and its arguments for a command line.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What agents call their shells, the most particular first.
const SHELLS: [&str; 9] = [
    "exec_command",
    "shell_command",
    "shell",
    "container.exec",
    "Bash",
    "bash",
    "run_shell_command",
    "terminal",
    "local_shell",
];

/// Milliseconds that codex waits for a command before it lets it run beside the turn.
const YIELD_MS: u32 = 30_000;

/// Returns the call that runs `line`: the tool's name and its arguments. `tools` maps each tool to the properties it takes.
pub(super) fn call(line: &str, tools: &BTreeMap<String, Value>) -> Option<(String, Value)> {
    let known = SHELLS.iter().find_map(|name| tools.get_key_value(*name));
    let is_alike = |name: &str| {
        let name = name.to_lowercase();
        ["shell", "bash", "terminal"].iter().any(|part| name.contains(part))
    };
    let (name, takes) = known.or_else(|| tools.iter().find(|(name, _)| is_alike(name)))?;
    let arguments = match name.as_str() {
        "exec_command" if takes.get("yield_time_ms").is_some() => {
            json!({"cmd": line, "yield_time_ms": YIELD_MS})
        }
        "exec_command" => json!({"cmd": line}),
        "shell" | "container.exec" | "local_shell" if takes["command"]["type"] != "string" => {
            json!({"command": ["bash", "-lc", line]})
        }
        _ if takes.get("description").is_some() => {
            json!({"command": line, "description": "scripted"})
        }
        _ => json!({"command": line}),
    };
    Some((name.clone(), arguments))
}
