//! What an agent tells while it works, and what it used.

use serde_json::Value;

use super::Acp;
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
                // What the agent said before it used a tool is said; its final message is what comes after the last one.
                let said = self.turn.as_mut().map(|it| std::mem::take(&mut it.message));
                said.filter(|it| !it.trim().is_empty())
                    .into_iter()
                    .for_each(|it| out.tell(Told::Said(it)));
                let input = match &update["rawInput"] {
                    Value::Null => String::new(),
                    input => input["command"].as_str().map_or(input.to_string(), str::to_owned),
                };
                let tool = text(update, "title").to_owned();
                out.tell(Told::Uses { tool, input });
            }
            "tool_call_update" => {
                let end = text(update, "status");
                if end == "completed" || end == "failed" {
                    let end = if end == "failed" { end } else { "" };
                    out.tell(Told::Gives { output: output(update), end: end.to_owned() });
                } else {
                    out.tell(Told::Stirs);
                }
            }
            "agent_thought_chunk" | "plan" => {
                self.took(out);
                out.tell(Told::Stirs);
            }
            _ => out.tell(Told::Stirs),
        }
    }

    /// Adds what a prompt used: in the protocol's own member, or where gemini puts it.
    pub(super) fn count(&mut self, result: &Value, out: &mut Out) {
        let (usage, quota) = (&result["usage"], &result["_meta"]["quota"]["token_count"]);
        let either = |a: &str, b: &str| usage[a].as_u64().or_else(|| quota[b].as_u64());
        let fresh = Usage {
            input_tokens: either("inputTokens", "input_tokens"),
            cached_tokens: either("cachedReadTokens", "cached_tokens"),
            output_tokens: either("outputTokens", "output_tokens"),
            cost_micros: None,
        };
        let add = |all: &mut Option<u64>, more: Option<u64>| {
            if let Some(more) = more {
                *all = Some(all.unwrap_or(0) + more);
            }
        };
        add(&mut self.used.input_tokens, fresh.input_tokens);
        add(&mut self.used.cached_tokens, fresh.cached_tokens);
        add(&mut self.used.output_tokens, fresh.output_tokens);
        if fresh.tokens().is_some() {
            out.tell(Told::Used(self.used));
        }
    }
}

fn output(update: &Value) -> String {
    let content = update["content"].as_array().map_or(&[][..], Vec::as_slice);
    let texts: Vec<&str> = content.iter().map(|it| text(&it["content"], "text")).collect();
    texts.join("\n")
}
