//! Guarded commands as people read them.

use std::fmt::Write as _;

use mission_domain::doc::ApprovalDoc;

use super::wrap::clean;
use super::{Screen, Tone, words};

/// Returns the list, each with what answers it.
pub(crate) fn list(approvals: &[ApprovalDoc], screen: &Screen) -> String {
    if approvals.is_empty() {
        return "no guarded command waits for you\n".into();
    }
    let mut out = String::new();
    for (n, approval) in approvals.iter().enumerate() {
        if n > 0 {
            out.push('\n');
        }
        out.push_str(&one(approval, screen));
    }
    out
}

/// Returns what was there, indented, so that no line of it can be taken for one of ours.
pub(crate) fn difference(text: &str) -> String {
    let mut out = String::from("\n");
    for line in text.lines() {
        let _ = writeln!(out, "  │ {}", clean(line));
    }
    out
}

/// Returns one request: the exact command first.
pub(crate) fn one(approval: &ApprovalDoc, screen: &Screen) -> String {
    let tone = match approval.state.as_str() {
        "requested" => Tone::You,
        "approved" | "running" => Tone::Live,
        "run" if approval.exit_code == Some(0) => Tone::Good,
        "run" => Tone::Bad,
        _ => Tone::Quiet,
    };
    let id = screen.paint(Tone::Strong, &approval.id);
    let state = screen.paint(tone, &approval.state);
    let mut out = format!("{id}  {state}  {}\n", approval.ticket);
    let _ = writeln!(out, "  $ {}", approval.command);
    let asked = format!("{}, {}", approval.by, words::ago(approval.asked_at, screen.now));
    let mut fact = |name: &str, value: &str| {
        out.push_str(&screen.labelled(name, Tone::Plain, value, 2));
    };
    fact("In", &approval.cwd);
    if let Some(commit) = &approval.commit {
        fact("Commit", commit);
    }
    fact("Asked by", &asked);
    if approval.count > 1 {
        fact("Asked", &format!("{} times", approval.count));
    }
    if let Some(by) = &approval.answered_by {
        fact("Answered by", by);
    }
    for (name, value) in [
        ("Reason", &approval.reason),
        ("Note", &approval.note),
        ("Ended", &approval.ended),
        ("Output", &approval.output),
    ] {
        if let Some(value) = value {
            fact(name, value);
        }
    }
    if approval.diff.is_some() {
        fact("Look", &format!("mission approval show {}", approval.id));
    }
    if approval.state == "requested" {
        fact("Do", &format!("mission approve {}", approval.id));
        fact("", &format!("mission deny {} --reason TEXT", approval.id));
    }
    out
}
