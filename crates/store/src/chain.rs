//! The hash that chains events: over the hash before it and the event's canonical JSON.

use std::fmt::Write as _;

use mission_domain::doc::EventDoc;
use serde_json::Value;
use sha2::Digest as _;

/// What the first event of a chain has before it.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Returns `event`'s hash as 64 hex digits: SHA-256 over the text of `prev`, then the event as canonical
/// JSON (keys sorted, no spaces) without `hash`.
pub fn hash(event: &EventDoc) -> String {
    hash_with(event, &canonical(&event.body))
}

/// The same where the body's canonical text is at hand; `event.body` is not looked at.
pub(crate) fn hash_with(event: &EventDoc, body: &str) -> String {
    let mut sha = sha2::Sha256::new();
    sha.update(event.prev.as_bytes());
    sha.update(content(event, body).as_bytes());
    sha.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn content(event: &EventDoc, body: &str) -> String {
    let mut json = String::with_capacity(body.len() + 400);
    let at = event.at.to_string();
    let text = |value: &str| Value::from(value).to_string();
    let optional = |value: Option<&String>| value.map_or_else(|| "null".into(), |v| text(v));
    let number = |value: Option<u64>| value.map_or_else(|| "null".into(), |v| v.to_string());
    let _ = write!(
        json,
        r#"{{"at":{},"attempt":{},"body":{body},"epoch":{},"prev":{},"principal":{},"project":{},"seq":{},"ticket":{},"type":{},"version":{}}}"#,
        text(&at),
        optional(event.attempt.as_ref()),
        number(event.epoch),
        text(&event.prev),
        text(&event.principal),
        optional(event.project.as_ref()),
        event.seq,
        optional(event.ticket.as_ref()),
        text(&event.kind),
        number(event.version.map(|version| version.0)),
    );
    json
}

/// Returns `value` as JSON with sorted keys and without spaces, whatever order its maps keep.
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = write!(out, "{value}");
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (at, (name, field)) in fields.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                let _ = write!(out, "{}:", Value::from(name.as_str()));
                write_canonical(field, out);
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> EventDoc {
        EventDoc {
            seq: 7,
            at: "2026-01-02T03:04:05Z".parse().unwrap(),
            project: Some("MC".into()),
            ticket: Some("MC-1".into()),
            version: Some(mission_domain::ids::Version(2)),
            kind: "noted".into(),
            principal: "person:ada".into(),
            attempt: None,
            epoch: None,
            body: serde_json::json!({"z": [1.5, "ä\n"], "a": null}),
            prev: GENESIS.into(),
            hash: String::new(),
        }
    }

    #[test]
    fn the_content_is_the_document_without_its_hash_and_with_sorted_keys() {
        let event = event();
        let mut document = serde_json::to_value(&event).unwrap();
        document.as_object_mut().unwrap().remove("hash");
        assert_eq!(content(&event, &canonical(&event.body)), canonical(&document));
    }

    #[test]
    fn every_field_counts() {
        let (whole, mut other) = (event(), event());
        other.prev = "f".repeat(64);
        assert_ne!(hash(&whole), hash(&other));
        other = event();
        other.body["a"] = 1.into();
        assert_ne!(hash(&whole), hash(&other));
        other = event();
        other.principal = "person:bob".into();
        assert_ne!(hash(&whole), hash(&other));
        assert_eq!(hash(&whole), hash(&event()));
    }
}
