//! Lanes elsewhere: who takes a ticket under a token of their own shows no sign of life, and has the time that the rules give.

use mission_domain::home::HomeCommand;
use mission_domain::ids::{AttemptId, RoleId};
use mission_domain::principal::Principal;
use mission_domain::rules::EvidenceKind;
use mission_domain::ticket::{EndClass, Report};

use crate::stage::{RULES, Stage, ada, evidence};

const HOUR_S: i64 = 3_600;

fn ci() -> Principal {
    Principal::External("ci".into())
}

/// A project whose coder works elsewhere, with `limits` of its own.
async fn with(limits: &str) -> Stage {
    let runtime =
        format!("[runtime.ci]\ndriver = \"external\"\n{limits}\n[role.coder]\nruntimes = [\"ci\"]");
    let rules = RULES.replace("[role.coder]\nruntimes = [\"one\"]", &runtime);
    Stage::with(&rules, &[]).await
}

async fn claims(stage: &Stage) -> AttemptId {
    let taken = stage.control.claim_external(&stage.ticket, &ci()).await.expect("it is free");
    assert_eq!(taken.state, "starting", "{taken:?}");
    taken.id.parse().expect("an id")
}

/// How the attempt ended, and in which words.
async fn end(stage: &Stage, attempt: AttemptId) -> Option<(EndClass, String)> {
    stage.goes_on().await;
    let ticket = stage.look().await;
    let end = ticket.attempt(attempt).expect("the attempt").end.clone();
    end.map(|it| (it.class, it.summary))
}

#[tokio::test]
async fn a_lane_elsewhere_works_for_hours_over_a_restart_and_its_report_counts() {
    let mut stage = with("").await;
    let attempt = claims(&stage).await;
    let brief = stage.control.attempt_brief(attempt).await.expect("a brief");
    assert!(brief.contains("POST /api/v1/attempts/A-1/report"), "{brief}");
    stage.passes(180);
    assert_eq!(end(&stage, attempt).await, None);
    stage.restarts().await;
    stage.passes(20 * HOUR_S);
    assert_eq!(end(&stage, attempt).await, None);
    stage
        .control
        .evidence(attempt, evidence(EvidenceKind::Risk, "none"), &ci())
        .await
        .expect("taken in");
    let report = Report::Done { summary: "all tests pass".into() };
    stage.control.report(attempt, report, &ci()).await.expect("taken in");
    let (class, _) = end(&stage, attempt).await.expect("its end");
    assert!(matches!(class, EndClass::Reported | EndClass::Incomplete), "{class}");
}

#[tokio::test]
async fn a_lane_elsewhere_that_never_reports_is_timed_out_by_the_line_that_gives_least() {
    let stage = with("").await;
    let attempt = claims(&stage).await;
    stage.passes(24 * HOUR_S + 1);
    let said = "nothing was reported within 24h: `limits.wall` of runtime `ci` gives it no longer";
    assert_eq!(end(&stage, attempt).await, Some((EndClass::TimedOut, said.into())));
    // It is free for the next job, and who comes late is told so.
    let late = Report::Done { summary: "at last".into() };
    let refused = stage.control.report(attempt, late, &ci()).await.expect_err("it is over");
    assert!(refused.to_string().contains("A-1"), "{refused}");
    stage.waits();
    assert_eq!(claims(&stage).await, AttemptId(2));

    let gate = "[workflow.quick-fix.gate.implementation]\ntimeout = \"2h\"";
    let stage = with(gate).await;
    let attempt = claims(&stage).await;
    stage.passes(2 * HOUR_S - 1);
    assert_eq!(end(&stage, attempt).await, None);
    stage.passes(2);
    let said =
        "nothing was reported within 2h: `timeout` of gate `implementation` gives it no longer";
    assert_eq!(end(&stage, attempt).await, Some((EndClass::TimedOut, said.into())));
}

#[tokio::test]
async fn a_lane_elsewhere_without_a_limit_goes_on_until_a_person_stops_it_which_costs_nothing() {
    let stage = with("limits = { wall = \"none\" }").await;
    let attempt = claims(&stage).await;
    stage.passes(30 * 24 * HOUR_S);
    assert_eq!(end(&stage, attempt).await, None);
    stage.control.stop_attempt(attempt, &ada()).await.expect("a person may");
    let (class, _) = end(&stage, attempt).await.expect("its end");
    assert_eq!(class, EndClass::Stopped);
    assert_eq!(stage.gate("implementation").await.used, 0);
}

#[tokio::test]
async fn a_lane_elsewhere_takes_nothing_that_one_here_would_not_get() {
    let stage = with("").await;
    let (project, role) = (stage.ticket.project().clone(), RoleId::new("coder"));
    let pause = HomeCommand::PauseLane { project: project.clone(), role: role.clone() };
    stage.control.execute_home(pause, &ada()).await.expect("a person may");
    let refused = stage.control.claim_external(&stage.ticket, &ci()).await.expect_err("paused");
    assert!(refused.to_string().contains("is paused"), "{refused}");
    assert!(stage.look().await.attempts.is_empty());
    let resume = HomeCommand::ResumeLane { project, role };
    stage.control.execute_home(resume, &ada()).await.expect("a person may");
    claims(&stage).await;
}
