//! What claude tells: what the agent says and does, retries, and the result of a turn.

use serde_json::Value;

use super::Claude;
use crate::agent::{Fault, FaultKind, TurnEnd, TurnHow, Usage};
use crate::drivers::{Out, Told, text};

/// After so many tries in one turn an account that is refused is taken at its word: claude itself would try ten times.
const AUTH_TRIES: u64 = 2;

/// The same for a service that fails or throttles: by then claude has waited for about ten seconds.
const OTHER_TRIES: u64 = 5;

impl Claude {
    pub(super) fn system(&mut self, frame: &Value, out: &mut Out) {
        match text(frame, "subtype") {
            "init" => {
                let mut hello = self.hello.clone();
                hello.program = format!("claude {}", text(frame, "claude_code_version"));
                hello.model = frame["model"].as_str().map(str::to_owned);
                if let Some(session) = frame["session_id"].as_str() {
                    hello.session = session.to_owned();
                }
                if hello != self.hello {
                    self.hello = hello.clone();
                    out.tell(Told::Ready(hello));
                }
            }
            "api_retry" => self.retries(frame, out),
            _ => out.tell(Told::Stirs),
        }
    }

    fn retries(&mut self, frame: &Value, out: &mut Out) {
        let Some(turn) = &mut self.turn else { return };
        let said = format!("{} (status {})", text(frame, "error"), frame["error_status"]);
        let fault = match frame["error_status"].as_u64().and_then(|it| u16::try_from(it).ok()) {
            Some(status) => Fault::of_status(status, &said),
            // No status: no answer, or one that broke off.
            None => Some(Fault { kind: FaultKind::ProviderDown, text: said }),
        };
        turn.fault.clone_from(&fault);
        let Some(fault) = fault else { return };
        let tries = if fault.kind == FaultKind::Auth { AUTH_TRIES } else { OTHER_TRIES };
        if frame["attempt"].as_u64().unwrap_or(0) >= tries {
            out.tell(Told::Fails(fault));
        }
    }

    pub(super) fn assistant(&mut self, frame: &Value, out: &mut Out) {
        self.stirs(out);
        let is_inner = frame["parent_tool_use_id"].is_string();
        if frame["is_api_error_message"] == true {
            self.note_api_error(frame);
        }
        let content = frame["message"]["content"].as_array().map_or(&[][..], Vec::as_slice);
        for block in content {
            match text(block, "type") {
                "text" if !is_inner => {
                    let said = text(block, "text").to_owned();
                    if let Some(turn) = &mut self.turn {
                        turn.message.clone_from(&said);
                    }
                    out.tell(Told::Said(said));
                }
                "tool_use" => {
                    let (tool, input) = (text(block, "name"), &block["input"]);
                    let line = input["command"].as_str().map_or(input.to_string(), str::to_owned);
                    out.tell(Told::Uses { tool: tool.to_owned(), input: line });
                }
                _ => out.tell(Told::Stirs),
            }
        }
    }

    fn note_api_error(&mut self, frame: &Value) {
        let Some(turn) = &mut self.turn else { return };
        let status = frame["api_error_status"].as_u64().and_then(|it| u16::try_from(it).ok());
        let said = text(frame, "error");
        let fault = status.and_then(|status| Fault::of_status(status, said));
        turn.fault = fault.or(turn.fault.take());
    }

    /// What tools gave back, or a message that the program put in by itself.
    pub(super) fn results(&mut self, frame: &Value, out: &mut Out) {
        let content = frame["message"]["content"].as_array().map_or(&[][..], Vec::as_slice);
        let results = content.iter().filter(|it| it["type"] == "tool_result");
        for block in results {
            let output = match &block["content"] {
                Value::String(text) => text.clone(),
                Value::Array(parts) => {
                    parts.iter().map(|it| text(it, "text")).collect::<Vec<_>>().join("\n")
                }
                _ => String::new(),
            };
            let end = if block["is_error"] == true { "failed" } else { "" };
            out.tell(Told::Gives { output, end: end.to_owned() });
        }
        out.tell(Told::Stirs);
    }

    pub(super) fn result(&mut self, frame: &Value, out: &mut Out) {
        self.count(frame, out);
        let Some(turn) = &self.turn else { return };
        let answers = frame["user_message_uuids"].as_array().map_or(&[][..], Vec::as_slice);
        let is_other = !answers.is_empty()
            && turn.uuid.as_ref().is_some_and(|uuid| !answers.iter().any(|it| it == uuid.as_str()));
        if is_other {
            return;
        }
        let said = match text(frame, "result") {
            "" => turn.message.clone(),
            said => said.to_owned(),
        };
        let end = match (frame["is_error"] == true, text(frame, "terminal_reason")) {
            (false, _) if said.is_empty() => {
                let why = "the turn ended with an empty answer";
                let fault = Fault { kind: FaultKind::ProviderDown, text: why.to_owned() };
                TurnEnd { fault: Some(fault), ..TurnEnd::cut(TurnHow::Failed, why) }
            }
            (false, _) => TurnEnd::completed(said),
            (true, reason) if reason.starts_with("aborted") => {
                TurnEnd { message: said, ..TurnEnd::cut(TurnHow::Interrupted, "interrupted") }
            }
            (true, reason) => {
                let fault = self.fault_of(frame, reason, &said);
                let why = if said.is_empty() { errors(frame) } else { said };
                TurnEnd { fault, ..TurnEnd::cut(TurnHow::Failed, why) }
            }
        };
        self.end(end, out);
    }

    fn fault_of(&self, frame: &Value, reason: &str, said: &str) -> Option<Fault> {
        let status = frame["api_error_status"].as_u64().and_then(|it| u16::try_from(it).ok());
        let earlier = self.turn.as_ref().and_then(|it| it.fault.clone());
        match status {
            Some(status) => Fault::of_status(status, said),
            None if reason == "api_error" => earlier
                .or_else(|| Some(Fault { kind: FaultKind::ProviderDown, text: said.to_owned() })),
            None => earlier,
        }
    }

    /// Adds what was used since the last result. Its totals are of the process, and of resumed ones in some versions.
    fn count(&mut self, frame: &Value, out: &mut Out) {
        let models = frame["model_usage_since_last_result"].as_object();
        let sum = |field: &str| {
            let models = models?.values().map(|it| it[field].as_u64().unwrap_or(0));
            Some(models.sum::<u64>())
        };
        let plain = |field: &str| frame["usage"][field].as_u64();
        let fresh = Usage {
            input_tokens: total(
                [sum("inputTokens"), sum("cacheReadInputTokens"), sum("cacheCreationInputTokens")],
                [
                    plain("input_tokens"),
                    plain("cache_read_input_tokens"),
                    plain("cache_creation_input_tokens"),
                ],
            ),
            cached_tokens: sum("cacheReadInputTokens").or_else(|| plain("cache_read_input_tokens")),
            output_tokens: sum("outputTokens").or_else(|| plain("output_tokens")),
            cost_micros: self.fresh_cost(frame),
        };
        let add = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0) + b.unwrap_or(0)),
        };
        self.used = Usage {
            input_tokens: add(self.used.input_tokens, fresh.input_tokens),
            cached_tokens: add(self.used.cached_tokens, fresh.cached_tokens),
            output_tokens: add(self.used.output_tokens, fresh.output_tokens),
            cost_micros: add(self.used.cost_micros, fresh.cost_micros),
        };
        out.tell(Told::Used(self.used));
    }

    /// Returns what this turn cost. Without figures of its own, it is what the total grew by; the first total of a resumed session
    /// may hold earlier attempts, so it is not counted.
    fn fresh_cost(&mut self, frame: &Value) -> Option<u64> {
        let total = frame["total_cost_usd"].as_f64();
        let grown = total.map(|it| it - self.cost);
        let is_first = self.cost == 0.0 && self.used.output_tokens.is_none();
        self.cost = total.unwrap_or(self.cost);
        let own = frame["model_usage_since_last_result"].as_object();
        let own = own.map(|it| it.values().filter_map(|it| it["costUSD"].as_f64()).sum::<f64>());
        let dollars = own.or(grown.filter(|_| !(is_first && self.hello.is_resumed)))?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to what fits"
        )]
        Some((dollars * 1e6).round().clamp(0.0, 1e15) as u64)
    }
}

fn total(own: [Option<u64>; 3], plain: [Option<u64>; 3]) -> Option<u64> {
    let own: Option<u64> = own.into_iter().sum();
    let known: Vec<u64> = plain.into_iter().flatten().collect();
    own.or_else(|| (!known.is_empty()).then(|| known.iter().sum()))
}

fn errors(frame: &Value) -> String {
    let errors = frame["errors"].as_array().map_or(&[][..], Vec::as_slice);
    errors.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ")
}
