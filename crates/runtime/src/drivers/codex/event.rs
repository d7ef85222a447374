//! What the app-server tells unasked.

use serde_json::Value;

use super::{Codex, Turn, fault};
use crate::agent::{FaultKind, Usage};
use crate::drivers::{Out, Told, text};

/// After so many tries in one turn an account that is refused is taken at its word: another try is of no use.
const AUTH_TRIES: u32 = 2;

/// The same for a service that cannot be reached at all: by then codex has waited for fifteen seconds, and would wait for ever.
const NETWORK_TRIES: u32 = 3;

/// The same for a service that fails: by then codex has waited for half a minute.
const OTHER_TRIES: u32 = 5;

impl Codex {
    /// Whether `params` are about another thread: codex runs hidden ones, for titles for example.
    pub(super) fn is_of_others(&self, params: &Value) -> bool {
        params["threadId"].as_str().is_some_and(|it| Some(it) != self.thread.as_deref())
    }

    /// Takes in one event.
    pub(super) fn event(&mut self, method: &str, params: &Value, out: &mut Out) {
        if self.is_of_others(params) {
            return;
        }
        match method {
            "turn/started" => self.turn_started(&params["turn"], out),
            "turn/completed" => {
                let id = self.turn.as_ref().and_then(|it| it.id.as_deref());
                if id.is_none_or(|id| params["turn"]["id"] == id) {
                    self.turn_ended(&params["turn"], out);
                }
            }
            "item/started" => self.item_began(&params["item"], out),
            "item/completed" => self.item_ended(&params["item"], out),
            "thread/tokenUsage/updated" => self.used(params, out),
            "error" => self.failed(params, out),
            "serverRequest/resolved" => {
                let key = params["requestId"].to_string();
                if self.asked.remove(&key).is_some() {
                    out.tell(Told::Settled(key));
                }
            }
            "item/agentMessage/delta"
            | "item/reasoning/textDelta"
            | "item/reasoning/summaryTextDelta"
            | "item/commandExecution/outputDelta"
            | "item/plan/delta" => out.tell(Told::Stirs),
            // Warnings, limits and the like change nothing here.
            _ => {}
        }
    }

    /// A turn that is not ours was typed into the TUI: the session is busy with it all the same.
    fn turn_started(&mut self, turn: &Value, out: &mut Out) {
        if self.turn.is_none() {
            self.turn = Some(Turn::default());
            out.tell(Told::TookOver);
        }
        if self.turn.as_ref().is_some_and(|it| it.id.is_none()) {
            self.turn_began(turn, out);
        }
    }

    fn item_began(&mut self, item: &Value, out: &mut Out) {
        let uses = |tool: &str, input: &str| Told::Uses { tool: tool.into(), input: input.into() };
        match text(item, "type") {
            "userMessage" => self.took(item, out),
            "commandExecution" => out.tell(uses("shell", text(item, "command"))),
            "mcpToolCall" => {
                let name = format!("{}/{}", text(item, "server"), text(item, "tool"));
                out.tell(uses(&name, &item["arguments"].to_string()));
            }
            "fileChange" => {
                let changes = item["changes"].as_array().map_or(&[][..], Vec::as_slice);
                let paths: Vec<&str> = changes.iter().map(|it| text(it, "path")).collect();
                self.edits
                    .insert(text(item, "id").to_owned(), paths.iter().map(Into::into).collect());
                out.tell(uses("edit", &paths.join(" ")));
            }
            "agentMessage" | "reasoning" | "plan" => out.tell(Told::Stirs),
            other => out.tell(uses(other, "")),
        }
    }

    /// A message of the user is in the thread: ours by its key, or one that a person typed.
    fn took(&mut self, item: &Value, out: &mut Out) {
        let Some(turn) = &mut self.turn else { return };
        let key = item["clientId"].as_str();
        if key.is_some() && key == turn.key.as_deref() {
            turn.is_taken = true;
            out.tell(Told::Taken);
        } else if key.is_none_or(|key| !self.steered.contains(key)) {
            let content = item["content"].as_array().map_or(&[][..], Vec::as_slice);
            let texts: Vec<&str> = content.iter().map(|it| text(it, "text")).collect();
            out.tell(Told::Typed(texts.join("\n")));
        }
    }

    fn item_ended(&mut self, item: &Value, out: &mut Out) {
        match text(item, "type") {
            "agentMessage" => {
                let said = text(item, "text").to_owned();
                if let Some(turn) = &mut self.turn {
                    turn.retries = 0;
                    turn.message.clone_from(&said);
                }
                out.tell(Told::Said(said));
            }
            "commandExecution" => {
                let output = text(item, "aggregatedOutput");
                let code = item["exitCode"].as_i64();
                let end = match (code, text(item, "status")) {
                    (Some(0), _) => String::new(),
                    (Some(code), _) => format!("exit code {code}"),
                    (None, status) => status.to_owned(),
                };
                out.tell(Told::Gives { output: output.to_owned(), end });
            }
            _ => out.tell(Told::Stirs),
        }
    }

    /// The figures are of the whole thread: what earlier attempts used is taken off.
    fn used(&mut self, params: &Value, out: &mut Out) {
        let figures = &params["tokenUsage"];
        let total = usage(&figures["total"]);
        let resumed = self.setup.resume.is_some() && self.thread == self.setup.resume;
        let of = params["turnId"].as_str();
        // What is told at the resumption may come after our turn was sent, and is of a turn before it all the same.
        let is_earlier = self.turn.as_ref().is_none_or(|it| of.is_some() && it.id.as_deref() != of);
        if is_earlier {
            if resumed {
                self.before.get_or_insert(total);
            }
            return;
        }
        let last = usage(&figures["last"]);
        let before = *self.before.get_or_insert_with(|| match resumed {
            true => less(total, last),
            false => Usage::default(),
        });
        out.tell(Told::Used(less(total, before)));
    }

    fn failed(&mut self, params: &Value, out: &mut Out) {
        let Some(turn) = &mut self.turn else { return };
        let fault = fault::read(&params["error"]);
        if let Some(fault) = &fault {
            turn.fault = Some(fault.clone());
        }
        if params["willRetry"] != true {
            return;
        }
        turn.retries += 1;
        let is_offline = text(&params["error"], "message").contains("waiting for network");
        let tries = |kind| match (kind, is_offline) {
            (FaultKind::Auth, _) => AUTH_TRIES,
            (FaultKind::Quota | FaultKind::ProviderDown, true) => NETWORK_TRIES,
            (FaultKind::Quota | FaultKind::ProviderDown, false) => OTHER_TRIES,
        };
        match fault {
            Some(fault) if turn.retries >= tries(fault.kind) => out.tell(Told::Fails(fault)),
            Some(_) | None => {}
        }
    }
}

fn usage(figures: &Value) -> Usage {
    Usage {
        input_tokens: figures["inputTokens"].as_u64(),
        cached_tokens: figures["cachedInputTokens"].as_u64(),
        output_tokens: figures["outputTokens"].as_u64(),
        cost_micros: None,
    }
}

fn less(total: Usage, before: Usage) -> Usage {
    let less = |total: Option<u64>, before: Option<u64>| {
        total.map(|it| it.saturating_sub(before.unwrap_or(0)))
    };
    Usage {
        input_tokens: less(total.input_tokens, before.input_tokens),
        cached_tokens: less(total.cached_tokens, before.cached_tokens),
        output_tokens: less(total.output_tokens, before.output_tokens),
        cost_micros: None,
    }
}
