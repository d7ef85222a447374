//! Whose fault the end of a turn is. Agents have no common way to say it; a few codes and their words are all there is.

use serde_json::Value;

use crate::agent::{Fault, FaultKind};
use crate::death;
use crate::drivers::text;

/// The error code for "sign in first".
const AUTH_REQUIRED: i64 = -32_000;

/// Returns the words of an error, with what the agent says of it besides.
pub(super) fn words(error: &Value) -> String {
    let more = match &error["data"] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        data => data["details"].as_str().map_or_else(|| data.to_string(), str::to_owned),
    };
    format!("{} {more}", text(error, "message")).trim().to_owned()
}

/// Hermes gives the provider's refusal as its own last words, `HTTP 401: …`, and calls the turn ended: then it tells of no tokens.
pub(super) fn said_fault(message: &str, has_used: bool) -> Option<Fault> {
    let words = message.trim();
    let (status, _) = words.strip_prefix("HTTP ")?.split_once(':')?;
    let status = status.parse().ok().filter(|_| !has_used)?;
    Fault::of_status(status, words)
}

/// Agents have no common way to say whose fault an error is: but for the code for signing in, their words are all there is.
pub(super) fn fault(error: &Value) -> Option<Fault> {
    let text = words(error);
    let code = error["code"].as_i64();
    if code == Some(AUTH_REQUIRED) {
        return Some(Fault { kind: FaultKind::Auth, text });
    }
    // Some pass the provider's own status, or its whole answer, on.
    let answer = serde_json::from_str::<Value>(text.trim()).unwrap_or_default();
    let status = code.filter(|it| *it >= 400).or_else(|| answer["error"]["code"].as_i64());
    let status = status.and_then(|it| u16::try_from(it).ok()).or_else(|| status_in(&text));
    status
        .and_then(|status| Fault::of_status(status, &text))
        .or_else(|| death::fault_in(&text).map(|kind| Fault { kind, text: text.clone() }))
        .or_else(|| named(error, &text))
        .or_else(|| broken_off(text))
}

/// Opencode names the kind of an error and leaves the provider's status out.
fn named(error: &Value, text: &str) -> Option<Fault> {
    let kind = match error["data"]["errorName"].as_str()? {
        "ProviderAuthError" => FaultKind::Auth,
        "APIError" => FaultKind::ProviderDown,
        _ => return None,
    };
    Some(Fault { kind, text: text.to_owned() })
}

/// What stands before a status in the words of an error.
const STATUS_MARKS: [&str; 4] = ["http ", "status code ", "status: ", "status "];

/// Returns a status of the provider that the words of an error name, like `HTTP 503`.
fn status_in(text: &str) -> Option<u16> {
    let text = text.to_ascii_lowercase();
    let mut marked = STATUS_MARKS.iter().flat_map(|mark| text.match_indices(mark));
    marked.find_map(|(at, mark)| {
        let rest = &text[at + mark.len()..];
        let digits = rest.find(|it: char| !it.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
        digits.parse().ok().filter(|it| (400..600).contains(it))
    })
}

/// What the runtimes of agents say of a connection to the provider that broke.
const BROKEN: [&str; 5] =
    ["fetch failed", "econnreset", "econnrefused", "socket hang up", "connection error"];

fn broken_off(text: String) -> Option<Fault> {
    let lower = text.to_ascii_lowercase();
    let is_broken = BROKEN.iter().any(|it| lower.contains(it));
    is_broken.then_some(Fault { kind: FaultKind::ProviderDown, text })
}
