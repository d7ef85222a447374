//! Reads whose fault an error of codex is.

use serde_json::Value;

use crate::agent::{Fault, FaultKind};
use crate::drivers::text;

/// Returns the runtime's fault that `error` is, if it is one: by its kind, then by the provider's HTTP status, then by its words.
pub(super) fn read(error: &Value) -> Option<Fault> {
    let said = match text(error, "additionalDetails") {
        "" => text(error, "message"),
        details => details,
    };
    let of = |kind| Some(Fault { kind, text: said.to_owned() });
    match &error["codexErrorInfo"] {
        Value::String(word) => match word.as_str() {
            "unauthorized" => of(FaultKind::Auth),
            "usageLimitExceeded" | "rateLimitExceeded" => of(FaultKind::Quota),
            "serverOverloaded"
            | "internalServerError"
            | "flexUnavailable"
            | "policyCapacityUnavailable" => of(FaultKind::ProviderDown),
            "other" if said.contains("stream disconnected") => of(FaultKind::ProviderDown),
            _ => None,
        },
        Value::Object(kinds) => {
            let (kind, more) = kinds.iter().next()?;
            let is_transport = kind.starts_with("response") || kind == "httpConnectionFailed";
            let status = more["httpStatusCode"].as_u64().and_then(|it| u16::try_from(it).ok());
            match status {
                Some(status) => Fault::of_status(status, said),
                None if is_transport => of(FaultKind::ProviderDown),
                None => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind(info: Value, message: &str) -> Option<FaultKind> {
        read(&json!({"codexErrorInfo": info, "message": message})).map(|it| it.kind)
    }

    #[test]
    fn errors_that_the_program_was_seen_to_give_are_told_apart() {
        let failed = |status: Value| json!({"httpConnectionFailed": {"httpStatusCode": status}});
        assert_eq!(kind(failed(json!(401)), ""), Some(FaultKind::Auth));
        assert_eq!(kind(failed(json!(503)), ""), Some(FaultKind::ProviderDown));
        assert_eq!(kind(failed(Value::Null), ""), Some(FaultKind::ProviderDown));
        assert_eq!(kind(failed(json!(400)), ""), None);
        let tries = json!({"responseTooManyFailedAttempts": {"httpStatusCode": 429}});
        assert_eq!(kind(tries, ""), Some(FaultKind::Quota));
        assert_eq!(kind(json!("internalServerError"), ""), Some(FaultKind::ProviderDown));
        let broke =
            "stream disconnected before completion: stream closed before response.completed";
        assert_eq!(kind(json!("other"), broke), Some(FaultKind::ProviderDown));
        assert_eq!(kind(json!("contextWindowExceeded"), ""), None);
        assert_eq!(kind(json!({"activeTurnNotSteerable": {}}), ""), None);
    }
}
