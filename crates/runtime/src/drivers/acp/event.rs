//! What an agent tells while it works, and what it used.

use serde_json::Value;

use super::Acp;
use super::ask::line_of;
use crate::agent::Usage;
use crate::drivers::{Out, Told, text};

impl Acp {
    /// Takes in one update of the session. While an old session is loaded its history comes by: that is no news.
    pub(super) fn update(&mut self, update: &Value, out: &mut Out) {
        if !self.is_open {
            return out.tell(Told::Stirs);
        }
        match text(update, "sessionUpdate") {
            "agent_message_chunk" => {
                self.took(out);
                if let Some(turn) = &mut self.turn {
                    turn.message.push_str(text(&update["content"], "text"));
                }
                out.tell(Told::Stirs);
            }
            "tool_call" => {
                self.took(out);
                self.uses(update, out);
            }
            "tool_call_update" => {
                let end = text(update, "status");
                if end == "completed" || end == "failed" {
                    let end = if end == "failed" { end } else { "" };
                    out.tell(Told::Gives { output: output(update), end: end.to_owned() });
                } else {
                    self.uses(update, out);
                }
            }
            "agent_thought_chunk" | "plan" => {
                self.took(out);
                out.tell(Told::Stirs);
            }
            _ => out.tell(Told::Stirs),
        }
    }

    /// Tells of a tool call once it is known what it does; agents announce a command before its line.
    pub(super) fn uses(&mut self, call: &Value, out: &mut Out) {
        let kind = text(call, "kind");
        let input = line_of(call).or_else(|| {
            let title = text(call, "title");
            let is_told = kind != "execute" || call["rawInput"].is_null();
            (is_told && !title.is_empty()).then(|| title.trim_matches('`').to_owned())
        });
        let Some(input) = input else { return out.tell(Told::Stirs) };
        let known = self.calls.insert(text(call, "toolCallId").to_owned(), input.clone());
        if known.as_ref() == Some(&input) {
            return out.tell(Told::Stirs);
        }
        // What the agent said before it used a tool is said; its final message is what comes after the last one.
        let said = self.turn.as_mut().map(|it| std::mem::take(&mut it.message));
        let said = said.filter(|it| !it.trim().is_empty());
        said.into_iter().for_each(|it| out.tell(Told::Said(it)));
        let tool = match kind {
            "execute" => "shell",
            "" => "tool",
            kind => kind,
        };
        out.tell(Told::Uses { tool: tool.to_owned(), input });
    }

    /// Counts what a prompt used, in the protocol's own member or where gemini puts it, and returns whether it told anything.
    pub(super) fn count(&mut self, result: &Value, out: &mut Out) -> bool {
        let fresh = used(result);
        let before = if self.tells_totals { self.used_before } else { self.used };
        let add = |all: &mut Option<u64>, before: Option<u64>, more: Option<u64>| {
            if let Some(more) = more {
                *all = Some(before.unwrap_or(0) + more);
            }
        };
        add(&mut self.used.input_tokens, before.input_tokens, fresh.input_tokens);
        add(&mut self.used.cached_tokens, before.cached_tokens, fresh.cached_tokens);
        add(&mut self.used.output_tokens, before.output_tokens, fresh.output_tokens);
        let has_used = fresh.tokens().is_some();
        if has_used {
            out.tell(Told::Used(self.used));
        }
        has_used
    }
}

/// Whether the agent of this name tells what a session used over all its prompts since it was opened, and not what the last one did: the
/// protocol has meant both, and no handshake tells which.
pub(super) fn tells_totals(agent: &str) -> bool {
    agent == "hermes-agent"
}

/// Reads what a prompt's answer says was used. The total tells whether what went through a cache and what was thought are parts of what
/// went in and came out, or stand beside them.
fn used(result: &Value) -> Usage {
    let (usage, quota) = (&result["usage"], &result["_meta"]["quota"]["token_count"]);
    let either = |a: &str, b: &str| usage[a].as_u64().or_else(|| quota[b].as_u64());
    let part = |name: &str| usage[name].as_u64().unwrap_or(0);
    let (input, output) = (part("inputTokens"), part("outputTokens"));
    let cache = part("cachedReadTokens") + part("cachedWriteTokens");
    let thought = part("thoughtTokens");
    let is_beside = part("totalTokens") == input + output + cache + thought;
    let (more_in, more_out) = if is_beside { (cache, thought) } else { (0, 0) };
    Usage {
        input_tokens: either("inputTokens", "input_tokens").map(|it| it + more_in),
        cached_tokens: either("cachedReadTokens", "cached_tokens"),
        output_tokens: either("outputTokens", "output_tokens").map(|it| it + more_out),
        cost_micros: None,
    }
}

fn output(update: &Value) -> String {
    let content = update["content"].as_array().map_or(&[][..], Vec::as_slice);
    let texts: Vec<&str> = content.iter().map(|it| text(&it["content"], "text")).collect();
    texts.join("\n")
}
