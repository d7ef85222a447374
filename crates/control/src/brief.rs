//! What a lane is told: the work, the evidence that is required, findings to answer, messages, and how to report.

use std::fmt::Write as _;

use mission_domain::ids::AttemptId;
use mission_domain::principal::Principal;
use mission_domain::rules::{Role, Rules};
use mission_domain::ticket::{Attempt, FindingState, Gate, Message, Purpose, Ticket};

use crate::error::{Error, Result};
use crate::execute::Control;

impl Control {
    /// Returns what the attempt was told when it began, as Markdown.
    ///
    /// # Errors
    /// It has no brief, or what the system said.
    pub async fn attempt_brief(&self, id: AttemptId) -> Result<String> {
        let path = self.paths().lane(id).join("brief.md");
        match tokio::fs::read_to_string(&path).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(Error::Missing(format!("brief of `{id}`: it was never started")))
            }
            read => read.map_err(Error::file(format!("read `{}`", path.display()))),
        }
    }
}

/// What a brief is made of besides the ticket.
pub(crate) struct Brief<'a> {
    pub(crate) ticket: &'a Ticket,
    pub(crate) gate: &'a Gate,
    pub(crate) attempt: &'a Attempt,
    pub(crate) role: Option<&'a Role>,
    pub(crate) rules: &'a Rules,
    pub(crate) instructions: String,
    pub(crate) messages: Vec<&'a Message>,
    pub(crate) plan: Option<String>,
    pub(crate) judged: Vec<(String, String)>,
}

impl Brief<'_> {
    /// Returns the brief as Markdown.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        self.head(&mut text);
        self.findings(&mut text);
        self.missing(&mut text);
        self.words(&mut text);
        self.background(&mut text);
        self.reporting(&mut text);
        text
    }

    fn head(&self, text: &mut String) {
        let ticket = self.ticket;
        let gate = &self.gate.rule;
        let deed = match self.attempt.purpose {
            Purpose::Deliver => "deliver",
            Purpose::Review => "review the work and give a verdict",
            Purpose::Judge => "decide on what was delivered",
        };
        let _ = write!(
            text,
            "# {} {}\n\nYou are `{}`. Gate `{}`, round {}, attempt {} of this round: {deed}.\n\n",
            ticket.key,
            ticket.title,
            self.attempt.role,
            gate.id,
            self.gate.round,
            self.gate.used + 1,
        );
        if !ticket.labels.is_empty() {
            let _ = write!(text, "Labels: {}\n\n", ticket.labels.join(", "));
        }
        let _ = write!(text, "## The request\n\n{}\n\n", or_title(&ticket.body, &ticket.title));
        if !self.instructions.trim().is_empty() {
            let _ = write!(text, "## Your job\n\n{}\n\n", self.instructions.trim());
        }
        if let Some(landed) = &ticket.landed_before {
            let _ = write!(
                text,
                "An earlier round landed as `{landed}`, and a person reopened the ticket. What you deliver is counted from there.\n\n"
            );
        }
        if let Some(head) = &ticket.head {
            let _ =
                write!(text, "Base commit: `{}`\nHead commit: `{}`\n\n", head.base, head.commit);
        }
    }

    fn findings(&self, text: &mut String) {
        let open: Vec<_> = self.ticket.open_findings(&self.gate.rule.id).collect();
        if !open.is_empty() {
            text.push_str("## Findings that you must answer\n\n");
            for finding in open {
                let place = match (&finding.what.file, finding.what.line) {
                    (Some(file), Some(line)) => format!("`{file}:{line}` "),
                    (Some(file), None) => format!("`{file}` "),
                    (None, _) => String::new(),
                };
                let _ = writeln!(
                    text,
                    "- {} {place}{} ({})",
                    finding.id, finding.what.text, finding.principal
                );
                if let Some(command) = &finding.what.command {
                    let _ = writeln!(text, "  It is answered when `{command}` passes.");
                }
            }
            text.push_str("\nAnswer each: `mission report answer F-1 fixed|disputed TEXT`.\n\n");
        }
        let answered: Vec<_> = self.ticket.answered_findings(&self.gate.rule.id).collect();
        if !answered.is_empty() {
            text.push_str("## Your earlier findings, as they were answered\n\n");
            for finding in answered {
                let state = match finding.state {
                    FindingState::Open => "open",
                    FindingState::Fixed => "fixed",
                    FindingState::Disputed => "disputed",
                };
                let answer = finding.answer.as_deref().unwrap_or_default();
                let _ = writeln!(text, "- {} {}: {state}: {answer}", finding.id, finding.what.text);
            }
            text.push('\n');
        }
        let decided = self.gate.signoffs.iter().rev().find_map(|it| it.commit.as_ref());
        let head = self.ticket.head.as_ref().filter(|it| Some(&it.commit) != decided);
        if let (Some(earlier), Some(head)) = (decided, head) {
            let _ = writeln!(
                text,
                "This gate was decided on commit `{earlier}` before. What the work became since: `git range-diff {} {earlier} {}`.\n",
                head.base, head.commit
            );
        }
    }

    fn missing(&self, text: &mut String) {
        if self.gate.missing.is_empty() {
            return;
        }
        text.push_str("## What the last delivery lacked\n\n");
        for missing in &self.gate.missing {
            let _ = writeln!(text, "- {missing}");
        }
        text.push('\n');
    }

    fn words(&self, text: &mut String) {
        if self.messages.is_empty() {
            return;
        }
        text.push_str("## Messages\n\n");
        for message in &self.messages {
            let _ = writeln!(text, "- {} ({}): {}", message.from, message.kind, message.body);
        }
        text.push('\n');
    }

    fn background(&self, text: &mut String) {
        if let Some(plan) = &self.plan {
            let _ = write!(text, "## The plan\n\n{}\n\n", plan.trim());
        }
        for (name, body) in &self.judged {
            let _ = write!(text, "## {name}\n\n{}\n\n", body.trim());
        }
        let checks: Vec<_> = self.rules.checks.iter().map(|it| format!("`{}`", it.run)).collect();
        if !checks.is_empty() {
            let _ = write!(text, "Mission Control re-runs: {}\n\n", checks.join(", "));
        }
    }

    fn reporting(&self, text: &mut String) {
        text.push_str("## How to report\n\n");
        if !self.gate.rule.requires.is_empty() && self.attempt.purpose != Purpose::Judge {
            let kinds: Vec<_> =
                self.gate.rule.requires.iter().map(|it| format!("`{it}`")).collect();
            let _ = writeln!(text, "Required evidence: {}.", kinds.join(", "));
        }
        if let Some(role) = self.role.filter(|it| !it.tools.is_empty()) {
            let _ = writeln!(text, "Tools: {}.", role.tools.join(", "));
        }
        if matches!(self.attempt.principal, Principal::External(_)) {
            return self.reporting_elsewhere(text);
        }
        text.push_str(
            "`mission report evidence command -- CMD` (runs it), `… plan FILE`, `… direction FILE`, `… steps FILE`, `… screenshot URL`, `… risk TEXT`, `… file FILE`.\n",
        );
        text.push_str(match self.attempt.purpose {
            Purpose::Deliver => {
                "At the end: `mission report done --summary TEXT`, or a last line that starts with `DONE:`.\n"
            }
            Purpose::Review | Purpose::Judge => {
                "At the end: `mission report verdict pass|changes --reason TEXT [--finding FILE:LINE:TEXT]`, or a last line that starts with `PASS:` or `CHANGES:`.\n"
            }
        });
        text.push_str(
            "If a person must decide something first: `mission report question --summary TEXT`, or `QUESTION:`.\n",
        );
    }
}

impl Brief<'_> {
    /// How somebody reports who has no lane of ours around them: under their own token.
    fn reporting_elsewhere(&self, text: &mut String) {
        let attempt = format!("POST /api/v1/attempts/{}", self.attempt.id);
        let evidence = r#"{"kind":"risk","text":"…"}` or `{"kind":"commands","command":{"run":"…","exit_code":0}}"#;
        let report = match self.attempt.purpose {
            Purpose::Deliver => r#"{"kind":"done","summary":"…"}"#,
            Purpose::Review | Purpose::Judge => {
                r#"{"kind":"verdict","verdict":"pass|changes","reason":"…","findings":[{"file":"…","line":1,"text":"…"}]}"#
            }
        };
        let question = r#"{"kind":"question","text":"…"}"#;
        let _ = writeln!(
            text,
            "Evidence: `{attempt}/evidence` with `{evidence}`.\nAt the end: `{attempt}/report` with `{report}`.\n\
             If a person must decide something first: `{attempt}/report` with `{question}`.\n\
             `/api/openapi.json` describes both.",
        );
    }
}

fn or_title<'a>(body: &'a str, title: &'a str) -> &'a str {
    if body.trim().is_empty() { title } else { body.trim() }
}
