//! `mission gate …`: a person's verdicts.

use serde_json::{Value, json};

use super::Done;
use super::ticket::change;
use crate::cli::ticket::{GateCommand, VerdictArgs};
use crate::context::Context;
use crate::failure::Failure;

/// Gives or withdraws a verdict.
pub(crate) async fn run(context: &Context, command: GateCommand) -> Done {
    match command {
        GateCommand::Pass(args) => verdict(context, "pass", args).await,
        GateCommand::Changes(args) => verdict(context, "changes", args).await,
        GateCommand::Fail(args) => verdict(context, "fail", args).await,
        GateCommand::Waive(args) => verdict(context, "waive", args).await,
        GateCommand::Withdraw { key, gate, reason } => {
            let body = without_nulls(json!({"gate": gate, "reason": reason}));
            change(context, &key, "withdraw", body).await
        }
    }
}

async fn verdict(context: &Context, word: &str, args: VerdictArgs) -> Done {
    let findings = args.findings.iter().map(|it| finding(it)).collect::<Result<Vec<_>, _>>()?;
    let body = without_nulls(json!({
        "verdict": word, "gate": args.gate, "reason": args.reason, "packet": args.packet,
        "findings": (!findings.is_empty()).then_some(findings),
    }));
    change(context, &args.key, "verdict", body).await
}

fn without_nulls(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    body
}

/// Reads a finding: `FILE:LINE:TEXT`, `FILE:TEXT` where FILE looks like a path, or the text alone.
pub(crate) fn finding(text: &str) -> Result<Value, Failure> {
    let text = text.trim();
    let empty = || {
        Failure::usage(format!("the finding `{text}` says nothing"))
            .hint("write it as FILE:LINE:TEXT")
    };
    let looks_like_a_path = |it: &str| {
        !it.is_empty()
            && !it.contains(char::is_whitespace)
            && (it.contains('/') || it.contains('.'))
    };
    let (head, rest) = text.split_once(':').unwrap_or(("", text));
    let (number, after) = rest.split_once(':').unwrap_or(("", rest));
    let found = match number.trim().parse::<u32>() {
        Ok(0) => {
            return Err(Failure::usage(format!("the finding `{text}` names line 0"))
                .hint("lines count from 1"));
        }
        Ok(line) if !head.trim().is_empty() => {
            json!({"file": head.trim(), "line": line, "text": after.trim()})
        }
        Ok(_) | Err(_) if looks_like_a_path(head) && !rest.starts_with("//") => {
            json!({"file": head, "text": rest.trim()})
        }
        Ok(_) | Err(_) => json!({"text": text}),
    };
    if found["text"].as_str().is_none_or(str::is_empty) { Err(empty()) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_read_with_its_place_where_it_has_one() {
        let read = |text: &str| finding(text).expect("a finding");
        assert_eq!(
            read("web/a.css:12:contrast: 3.1:1"),
            json!({"file": "web/a.css", "line": 12, "text": "contrast: 3.1:1"})
        );
        assert_eq!(
            read("Makefile:3:no tabs"),
            json!({"file": "Makefile", "line": 3, "text": "no tabs"})
        );
        assert_eq!(
            read("src/lib.rs:unused import"),
            json!({"file": "src/lib.rs", "text": "unused import"})
        );
        assert_eq!(read("note: the tests are slow"), json!({"text": "note: the tests are slow"}));
        assert_eq!(read("slow on the first load"), json!({"text": "slow on the first load"}));
        assert_eq!(read("see http://127.0.0.1:80/x"), json!({"text": "see http://127.0.0.1:80/x"}));
    }

    #[test]
    fn a_finding_that_says_nothing_is_a_usage_error() {
        for text in ["", "a.rs:12:", "a.rs:", "a.rs:0:x"] {
            assert!(finding(text).is_err(), "{text}");
        }
    }
}
