//! Words that are longer than what is kept: whoever can be told is told, and the end of an attempt is on record whatever it said.

use mission_domain::ids::AttemptId;
use mission_domain::rules::EvidenceKind;
use mission_domain::ticket::{AttemptEnd, EndClass, MOST_SAID, Report};
use mission_runtime::ExitRecord;
use mission_runtime::protocol::{FromRunner, ToRunner};
use mission_runtime::record::{Numbered, Record};
use serde_json::{Value, json};

use crate::runner::{Life, Runner};
use crate::stage::{Stage, evidence, finding};

const ATTEMPT: AttemptId = AttemptId(1);

/// A lane that was just started.
async fn begins() -> (Stage, Runner, Life) {
    let stage = Stage::new().await;
    let runner = Runner::of(&stage);
    let (started, mut life) = tokio::join!(stage.control.start(), runner.is_reached());
    started.expect("it starts");
    let heard = life.hears().await;
    assert!(matches!(heard, ToRunner::Start { .. }), "{heard:?}");
    (stage, runner, life)
}

/// How a program ended that wrote these markers and left `orphans` processes behind.
fn exit(markers: &Value, exit_code: i32, orphans: usize) -> FromRunner {
    let exit: ExitRecord = serde_json::from_value(json!({
        "attempt": ATTEMPT, "epoch": 1, "exit_code": exit_code, "core": false, "max_rss_bytes": 0,
        "wall_ms": 1, "user_ms": 1, "system_ms": 1, "oom": { "verdict": "no", "how": "" },
        "stop_cause": { "kind": "none" }, "turns": 1, "undelivered": [], "last_output": "",
        "orphans": vec![json!({ "pid": 7, "comm": "sleep", "ended": true }); orphans],
        "last_tool": { "kind": "unknown", "why": "it tells none" }, "markers": markers,
        "journal_bytes": 0, "ended_at": "2026-01-01T00:00:00Z",
    }))
    .expect("an exit record");
    FromRunner::Exited { attempt: ATTEMPT, exit: Box::new(exit) }
}

async fn end(stage: &Stage) -> (Option<Report>, AttemptEnd) {
    let ticket = stage.look().await;
    let attempt = ticket.attempt(ATTEMPT).expect("the attempt");
    (attempt.report.clone(), attempt.end.clone().expect("its end is on record"))
}

#[tokio::test]
async fn a_final_message_longer_than_an_event_delivers_and_is_cut() {
    let (stage, _runner, mut life) = begins().await;
    let text = "I looked at everything. ".repeat(8_000);
    life.says(exit(&json!({ "kind": "one", "marker": "done", "text": text }), 0, 0)).await;
    life.is_heard_of(ATTEMPT).await;
    let (report, end) = end(&stage).await;
    assert_eq!(end.class, EndClass::Reported);
    let Some(Report::Done { summary }) = report else { panic!("{report:?}") };
    assert!(summary.len() > 30_000 && summary.ends_with("more bytes were cut)"));
    assert_eq!(end.summary, summary);
    stage.control.stop(false).await;
}

#[tokio::test]
async fn what_an_older_shim_took_in_is_cut_and_the_death_of_a_thousand_processes_is_told() {
    let (stage, _runner, mut life) = begins().await;
    let findings = vec![finding(&"gap ".repeat(400)); 50];
    let value = json!({ "says": "question", "text": "why? ".repeat(20_000), "findings": findings });
    let at = stage.control.now();
    let entry = Numbered { number: 1, at, record: Record::Report { value } };
    life.says(FromRunner::Record { attempt: ATTEMPT, entry }).await;
    life.is_heard_of(ATTEMPT).await;
    let asked = stage.look().await.attempt(ATTEMPT).and_then(|it| it.report.clone());
    let Some(Report::Question { text }) = asked else { panic!("{asked:?}") };
    assert!(text.starts_with("why? why?") && text.ends_with("more bytes were cut)"));
    life.says(exit(&json!({ "kind": "none" }), 0, 0)).await;
    life.is_heard_of(ATTEMPT).await;
    assert_eq!(end(&stage).await.1.class, EndClass::Asked);
    stage.control.stop(false).await;

    let (stage, _runner, mut life) = begins().await;
    life.says(exit(&json!({ "kind": "none" }), 1, 3_000)).await;
    life.is_heard_of(ATTEMPT).await;
    let (_, end) = end(&stage).await;
    assert_eq!(end.class, EndClass::Crashed);
    let death = end.death.expect("a report of its death");
    assert_eq!(death.exit_code, Some(1));
    assert!(death.orphans.last().is_some_and(|it| it.starts_with("and ")), "{death:?}");
    stage.control.stop(false).await;
}

#[tokio::test]
async fn whoever_reports_through_the_api_is_told_what_is_kept_and_loses_nothing() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    let by = stage.look().await.attempt(attempt).expect("the attempt").principal.clone();
    let long = "x".repeat(MOST_SAID);
    let told = "at most 32768 of one thing that is said are kept with a ticket; nothing was kept.";
    let report = Report::Done { summary: long.clone() };
    let refused = stage.control.report(attempt, report, &by).await.expect_err("too long");
    assert!(refused.to_string().contains(told), "{refused}");
    let risk = evidence(EvidenceKind::Risk, &long);
    let refused = stage.control.evidence(attempt, risk, &by).await.expect_err("too long");
    assert!(refused.to_string().contains("mission report evidence file FILE"), "{refused}");
    let ticket = stage.look().await;
    let live = ticket.live_attempt().expect("it may say it shorter");
    assert_eq!((live.last_record, live.evidence.len()), (0, 0));
}
