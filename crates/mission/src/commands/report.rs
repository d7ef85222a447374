//! `mission report …`: inside a lane to its shim's socket, outside one to the API for an attempt of a person's lane.

use std::path::{Path, PathBuf};

use mission_domain::ids::AttemptId;
use mission_domain::rules::EvidenceKind;
use mission_domain::ticket::{
    Evidence, FindingAnswer, FindingState, NewFinding, Report, VerdictWord,
};
use serde_json::{Value, json};

use super::evidence::{self, Gathered};
use super::{Done, block_on, gate};
use crate::cli::report::{AnswerState, ReportArgs, ReportCommand, ReviewVerdict};
use crate::context::Context;
use crate::failure::Failure;
use crate::lane::Lane;

/// Where a report goes.
enum Way {
    /// To the shim, which journals and forwards it.
    Socket { socket: PathBuf, folder: PathBuf },
    /// To the API, for an attempt of a person's or an external lane.
    Api(AttemptId),
}

/// Makes one report.
pub(crate) fn run(context: &Context, args: &ReportArgs) -> Done {
    let way = way(context.lane.as_ref(), args.attempt)?;
    if let ReportCommand::Evidence(what) = &args.what {
        let folder = match &way {
            Way::Socket { folder, .. } => Some(folder.as_path()),
            Way::Api(_) => None,
        };
        let gathered = evidence::gather(what, folder)?;
        return hand_in(context, &way, gathered);
    }
    if let ReportCommand::Approval { command } = &args.what {
        return ask_approval(context, &way, command);
    }
    let sent = match &args.what {
        ReportCommand::Answer { finding, state, text } => {
            let state = match state {
                AnswerState::Fixed => FindingState::Fixed,
                AnswerState::Disputed => FindingState::Disputed,
            };
            let answer = FindingAnswer { finding: *finding, state, text: text.clone() };
            let evidence =
                Evidence { answer: Some(answer), ..evidence::of(EvidenceKind::Findings) };
            send_evidence(context, &way, &evidence)?
        }
        what => send_report(context, &way, &report(what)?)?,
    };
    tell(context, &sent);
    Ok(())
}

/// Hands in evidence; a command that failed is recorded, and ends this one with 1.
fn hand_in(context: &Context, way: &Way, gathered: Gathered) -> Done {
    let sent = send_evidence(context, way, &gathered.evidence)?;
    let Some(claim) = &gathered.evidence.command else {
        tell(context, &sent);
        return Ok(());
    };
    context.say(&sent, || format!("recorded: `{}` exited with {}", claim.run, claim.exit_code));
    if claim.exit_code == 0 { Ok(()) } else { Err(Failure::printed_no()) }
}

/// Asks a person to permit a command. Of one word a shell makes a line.
fn ask_approval(context: &Context, way: &Way, command: &[String]) -> Done {
    let Way::Socket { socket, .. } = way else {
        let text = "only a lane asks for approval; outside one, run the command yourself";
        return Err(Failure::usage(text));
    };
    let argv = match command {
        [line] if line.contains(char::is_whitespace) => {
            vec!["sh".to_owned(), "-c".to_owned(), line.clone()]
        }
        words => words.to_vec(),
    };
    let cwd = std::env::current_dir()
        .map_err(|e| Failure::usage(format!("the working directory is not there: {e}")))?;
    let id = mission_runtime::lane_client::approval(socket, &argv, &cwd).map_err(refusal)?;
    context.say(&json!({ "approval": id }), || {
        format!("asked for approval {id}; not run. A message tells you what came of it")
    });
    Ok(())
}

fn tell(context: &Context, sent: &Value) {
    context.say(sent, || {
        sent.get("record").map_or_else(|| "recorded".into(), |it| format!("recorded as {it}"))
    });
}

/// Returns the way: a lane speaks of its own attempt only, a person names one.
fn way(lane: Option<&Lane>, attempt: Option<AttemptId>) -> Result<Way, Failure> {
    match (lane, attempt) {
        (Some(lane), Some(other)) if other.to_string() != lane.attempt => {
            let text = format!("this lane holds {} and reports for nothing else, so not for {other}", lane.attempt);
            Err(Failure::refused("not_your_attempt", text).hint("leave `--attempt` out"))
        }
        (Some(lane), _) => {
            let missing = |name: &str| {
                let text = format!("{name} is not set, so the shim of {} cannot be reached", lane.attempt);
                Failure::unreachable(text).hint("use the environment that the lane was started with, or end with a line that starts with `DONE:`, `QUESTION:`, `PASS:` or `CHANGES:`")
            };
            let socket = lane.socket.clone().ok_or_else(|| missing("MISSION_SOCKET"))?;
            let folder = lane.dir.clone().ok_or_else(|| missing("MISSION_LANE_DIR"))?;
            Ok(Way::Socket { socket, folder })
        }
        (None, Some(attempt)) => Ok(Way::Api(attempt)),
        (None, None) => Err(Failure::usage("this is not a lane (MISSION_ATTEMPT is not set), so it is not known whose report this is")
            .hint("name the attempt of your own lane with `--attempt A-3`; `mission needs-you` lists it")),
    }
}

fn report(what: &ReportCommand) -> Result<Report, Failure> {
    Ok(match what {
        ReportCommand::Done { summary } | ReportCommand::Review { summary } => {
            Report::Done { summary: summary.clone() }
        }
        ReportCommand::Question { summary } => Report::Question { text: summary.clone() },
        ReportCommand::Verdict { verdict, reason, findings } => {
            let verdict = match verdict {
                ReviewVerdict::Pass => VerdictWord::Pass,
                ReviewVerdict::Changes => VerdictWord::Changes,
            };
            let findings = findings.iter().map(|it| finding(it)).collect::<Result<_, _>>()?;
            Report::Verdict { verdict, reason: reason.clone(), findings }
        }
        ReportCommand::Evidence(_)
        | ReportCommand::Answer { .. }
        | ReportCommand::Approval { .. } => {
            unreachable!("`run` hands these in otherwise")
        }
    })
}

fn finding(text: &str) -> Result<NewFinding, Failure> {
    let value = gate::finding(text)?;
    serde_json::from_value(value)
        .map_err(|e| Failure::usage(format!("the finding `{text}` cannot be read: {e}")))
}

fn send_report(context: &Context, way: &Way, report: &Report) -> Result<Value, Failure> {
    match way {
        Way::Socket { socket, .. } => {
            acked(mission_runtime::lane_client::report(socket, value(report)?))
        }
        Way::Api(attempt) => {
            let body = match report {
                Report::Done { summary } => json!({"kind": "done", "summary": summary}),
                Report::Question { text } => {
                    json!({"kind": "question", "summary": text, "text": text})
                }
                Report::Verdict { verdict, reason, findings } => {
                    json!({"kind": "verdict", "verdict": verdict, "reason": reason, "findings": findings})
                }
            };
            post(context, &format!("/attempts/{attempt}/report"), &body)
        }
    }
}

fn send_evidence(context: &Context, way: &Way, evidence: &Evidence) -> Result<Value, Failure> {
    match way {
        Way::Socket { socket, .. } => {
            acked(mission_runtime::lane_client::evidence(socket, value(evidence)?))
        }
        Way::Api(attempt) => {
            post(context, &format!("/attempts/{attempt}/evidence"), &value(evidence)?)
        }
    }
}

fn value(it: &impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(it).map_err(|e| Failure::usage(format!("this cannot be reported: {e}")))
}

fn post(context: &Context, path: &str, body: &Value) -> Result<Value, Failure> {
    block_on(async { context.door().await?.post(path, body).await?.value() })?
}

fn acked(answer: mission_runtime::Result<u64>) -> Result<Value, Failure> {
    answer.map(|record| json!({"record": record})).map_err(refusal)
}

fn refusal(error: mission_runtime::Error) -> Failure {
    match error {
        mission_runtime::Error::Refused { code, text } => Failure::refused(&code, format!("the shim refuses it: {text}")),
        error => Failure::unreachable(format!("nothing was recorded: {}", error.in_full()))
            .hint("try again; where it stays so, end with a line that starts with `DONE:`, `QUESTION:`, `PASS:` or `CHANGES:`"),
    }
}

/// Returns `path` for a message.
pub(super) fn shown(path: &Path) -> String {
    format!("`{}`", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    fn lane() -> Lane {
        Lane { attempt: "A-3".into(), socket: Some("/s".into()), dir: Some("/d".into()) }
    }

    #[test]
    fn a_lane_reports_for_its_own_attempt_and_a_person_names_one() {
        let lane = lane();
        assert!(matches!(way(Some(&lane), None), Ok(Way::Socket { .. })));
        assert!(matches!(way(Some(&lane), Some(AttemptId(3))), Ok(Way::Socket { .. })));
        assert!(matches!(way(None, Some(AttemptId(3))), Ok(Way::Api(AttemptId(3)))));
        let exit = |it: Result<Way, Failure>| it.err().map(|it| it.exit);
        assert_eq!(exit(way(Some(&lane), Some(AttemptId(4)))), Some(Exit::Refused));
        assert_eq!(exit(way(None, None)), Some(Exit::Usage));
        assert_eq!(
            exit(way(Some(&Lane { socket: None, ..lane.clone() }), None)),
            Some(Exit::Unreachable)
        );
    }

    #[test]
    fn a_review_means_what_done_means_and_a_verdict_keeps_its_findings() {
        let review = ReportCommand::Review { summary: "look".into() };
        assert_eq!(
            value(&report(&review).expect("a report")).expect("json"),
            json!({"says": "done", "summary": "look"})
        );
        let verdict = ReportCommand::Verdict {
            verdict: ReviewVerdict::Changes,
            reason: "gaps".into(),
            findings: vec!["a.rs:3:x".into()],
        };
        let value = value(&report(&verdict).expect("a report")).expect("json");
        assert_eq!((&value["says"], &value["verdict"]), (&json!("verdict"), &json!("changes")));
        assert_eq!(
            (&value["findings"][0]["file"], &value["findings"][0]["line"]),
            (&json!("a.rs"), &json!(3))
        );
    }
}
