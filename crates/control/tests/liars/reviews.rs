//! Verdicts that nobody may give, or that are none: by the author, under another name, on something else, too late.

use mission_control::EditRequest;
use mission_domain::ids::{AttemptId, Epoch, RoleId, RuntimeId};
use mission_domain::plan::Action;
use mission_domain::principal::Principal;
use mission_domain::ticket::{Command, LaneRecord, Report, Stage as At, State, VerdictWord};

use crate::stage::{CHECK, RULES, Stage, ada, commit_in, evidence, finding, write};

fn lane(role: &str, runtime: &str) -> Principal {
    Principal::Lane { role: RoleId::new(role), runtime: RuntimeId::new(runtime) }
}

fn pass() -> Report {
    Report::Verdict { verdict: VerdictWord::Pass, reason: "fine".into(), findings: Vec::new() }
}

/// A ticket whose work is done and waits for the reviewer.
async fn implemented() -> Stage {
    let stage = Stage::new().await;
    stage.implements(&[("feature.txt", "feature 2\n")]).await;
    stage
}

#[tokio::test]
async fn a_review_that_ends_without_a_verdict_passes_nothing() {
    let stage = implemented().await;
    let attempt = stage.starts().await;
    stage.reports(attempt, Report::Done { summary: "looks good to me".into() }).await;
    stage.refused("qa_review", &[]).await;
    assert!(stage.gate("qa_review").await.signoffs.is_empty());
}

#[tokio::test]
async fn a_hedged_text_is_no_verdict() {
    let stage = implemented().await;
    let attempt = stage.starts().await;
    let summary = "PASS, probably. I could not run it, but PASS unless the tests fail.".into();
    stage.reports(attempt, Report::Done { summary }).await;
    assert!(stage.gate("qa_review").await.signoffs.is_empty());
    assert_eq!(stage.gate("qa_review").await.used, 1, "and it costs an attempt");
}

#[tokio::test]
async fn reviewers_that_never_decide_block_the_ticket() {
    let stage = implemented().await;
    for _ in 0..3 {
        let attempt = stage.starts().await;
        stage.reports(attempt, Report::Done { summary: "still thinking".into() }).await;
    }
    assert_eq!(stage.look().await.state(), State::Blocked);
    stage.refused("qa_review", &[]).await;
}

#[tokio::test]
async fn the_author_cannot_review_through_a_second_runtime_with_the_same_program() {
    let rules = RULES.replace("runtimes = [\"two\"]", "runtimes = [\"three\"]");
    let stage = Stage::with(&rules, &[("check.sh", CHECK), ("feature.txt", "feature\n")]).await;
    stage.implements(&[("feature.txt", "feature 2\n")]).await;
    let claims = stage.control.planned();
    assert!(!claims.iter().any(|it| matches!(it, Action::Claim { .. })), "{claims:?}");
    stage.refused("qa_review", &["no independent runtime is configured"]).await;
}

#[tokio::test]
async fn a_verdict_under_another_lanes_name_is_refused() {
    let stage = implemented().await;
    let attempt = stage.starts().await;
    for by in [lane("coder", "one"), lane("qa", "one"), Principal::External("ci".into())] {
        let refused = stage.control.report(attempt, pass(), &by).await.expect_err("refused");
        assert!(refused.to_string().contains(&by.to_string()), "{refused}");
    }
    assert!(stage.gate("qa_review").await.signoffs.is_empty());
}

#[tokio::test]
async fn a_lane_and_a_token_give_no_persons_verdict() {
    let stage = implemented().await;
    stage.reviews(VerdictWord::Pass, "fine").await;
    for by in [lane("qa", "two"), lane("coder", "one"), Principal::External("ci".into())] {
        let refused = stage.says(&by, VerdictWord::Pass, None).await.expect_err("refused");
        assert!(refused.contains("only a person may do this"), "{by}: {refused}");
    }
    let refused = stage.says(&Principal::Scripted, VerdictWord::Pass, None).await;
    assert!(refused.expect_err("refused").contains("this home was not made by the demo"));
    stage.refused("final_validation", &[]).await;
}

#[tokio::test]
async fn a_lane_waives_nothing() {
    let stage = implemented().await;
    let by = lane("coder", "one");
    let refused =
        stage.says(&by, VerdictWord::Waive, Some("qa_review")).await.expect_err("refused");
    assert!(refused.contains("only a person may do this"), "{refused}");
}

#[tokio::test]
async fn a_report_with_a_token_that_was_dropped_is_refused() {
    let stage = implemented().await;
    let first = stage.starts().await;
    let (epoch, by) = {
        let ticket = stage.look().await;
        let attempt = ticket.attempt(first).expect("the attempt");
        (attempt.epoch, attempt.principal.clone())
    };
    stage.control.stop_attempt(first, &ada()).await.expect("stopped");
    let second = stage.starts().await;
    assert_ne!(first, second);
    for (attempt, epoch) in [(first, epoch), (second, epoch), (AttemptId(99), Epoch(99))] {
        let record = LaneRecord::Report(pass());
        let command = Command::Record { attempt, epoch, number: 1, record };
        let answer = stage.control.execute(&stage.ticket, command, &by).await;
        let changed = stage.gate("qa_review").await.signoffs.len();
        assert_eq!(changed, 0, "{attempt} under {epoch:?}: {answer:?}");
        let ticket = stage.look().await;
        assert!(ticket.attempt(second).is_some_and(|it| it.report.is_none()));
    }
}

#[tokio::test]
async fn a_verdict_on_an_attempt_that_has_ended_changes_nothing() {
    let stage = implemented().await;
    stage.reviews(VerdictWord::Changes, "an off by one").await;
    stage.refused("qa_review", &["an off by one"]).await;
    let ticket = stage.look().await;
    let attempt = ticket.attempts.last().expect("an attempt").clone();
    let again = stage.control.report(attempt.id, pass(), &attempt.principal).await;
    assert!(again.is_err(), "{again:?}");
    stage.refused("qa_review", &["an off by one"]).await;
}

#[tokio::test]
async fn a_review_of_a_commit_that_moved_meanwhile_counts_for_nothing() {
    let stage = implemented().await;
    let attempt = stage.starts().await;
    crate::stage::write(&stage.workspace().join("feature.txt"), "feature with a back door\n");
    crate::stage::commit_in(&stage.workspace(), "while the reviewer reads");
    stage.reports(attempt, pass()).await;
    let gate = stage.gate("qa_review").await;
    let fresh = gate.signoffs.iter().filter(|it| it.fresh).count();
    assert_eq!(fresh, 0, "{gate:?}");
    stage.refused("qa_review", &[]).await;
}

#[tokio::test]
async fn a_persons_word_on_a_packet_that_is_no_longer_there_is_refused() {
    let stage = implemented().await;
    let old = stage.gate("first_validation").await.packet.expect("a packet").digest;
    stage.reviews(VerdictWord::Pass, "fine").await;
    let request = mission_control::VerdictRequest {
        verdict: VerdictWord::Pass,
        gate: None,
        reason: String::new(),
        findings: Vec::new(),
        packet: Some(old.to_string()),
        judged: None,
    };
    let refused = stage.control.judge(&stage.ticket, request, &ada()).await.expect_err("refused");
    assert!(refused.to_string().contains("packet"), "{refused}");
    stage.refused("final_validation", &[]).await;
}

#[tokio::test]
async fn a_gate_that_is_not_open_yet_cannot_be_passed_ahead_of_time() {
    let stage = implemented().await;
    for gate in ["qa_review", "final_validation"] {
        let refused = stage.says(&ada(), VerdictWord::Pass, Some(gate)).await.expect_err("refused");
        assert!(!refused.is_empty());
        stage.refused(gate, &[]).await;
    }
}

#[tokio::test]
async fn a_gate_that_the_workflow_does_not_have_cannot_be_passed() {
    let stage = implemented().await;
    let refused = stage.says(&ada(), VerdictWord::Pass, Some("qa_reveiw")).await.expect_err("no");
    assert!(refused.contains("the workflow has no gate `qa_reveiw`"), "{refused}");
}

#[tokio::test]
async fn a_waiver_without_a_reason_is_none() {
    let stage = implemented().await;
    let request = mission_control::VerdictRequest {
        verdict: VerdictWord::Waive,
        gate: Some("qa_review".into()),
        reason: "  ".into(),
        findings: Vec::new(),
        packet: None,
        judged: None,
    };
    let refused = stage.control.judge(&stage.ticket, request, &ada()).await.expect_err("refused");
    assert!(refused.to_string().contains("reason"), "{refused}");
}

#[tokio::test]
async fn findings_that_are_not_answered_are_no_delivery() {
    let stage = Stage::new().await;
    stage.implements(&[("feature.txt", "feature 2\n")]).await;
    let attempt = stage.starts().await;
    let findings = vec![finding("the race is still there")];
    let verdict = VerdictWord::Changes;
    stage.reports(attempt, Report::Verdict { verdict, reason: "no".into(), findings }).await;
    stage.implements(&[("feature.txt", "feature 3\n")]).await;
    stage.refused("implementation", &["F-1"]).await;
}

#[tokio::test]
async fn changes_asked_for_are_not_forgotten_when_the_branch_moves() {
    let stage = implemented().await;
    stage.reviews(VerdictWord::Changes, "there is a leak").await;
    git_amend(&stage);
    stage.goes_on().await;
    stage.refused("qa_review", &["there is a leak"]).await;
    assert_eq!(stage.gate("implementation").await.round, 2);
}

fn git_amend(stage: &Stage) {
    crate::stage::git_in(&stage.workspace(), &["commit", "-q", "--amend", "-m", "other words"]);
}

#[tokio::test]
async fn a_coders_lane_reports_no_verdict_on_its_own_gate() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage.writes(&[("feature.txt", "nothing\n")]);
    stage.claims(attempt, "sh check.sh", 0).await;
    stage.hands_in(attempt, evidence(mission_domain::rules::EvidenceKind::Risk, "none")).await;
    let by = lane("coder", "one");
    let told = stage.control.report(attempt, pass(), &by).await;
    stage.goes_on().await;
    let gate = stage.gate("implementation").await;
    let by_lane = gate.signoffs.iter().filter(|it| it.principal == by).count();
    assert_eq!(by_lane, 0, "{told:?}");
    stage.refused("first_validation", &[]).await;
}

#[tokio::test]
async fn the_controllers_own_word_needs_a_packet_of_the_present_commit() {
    let stage = implemented().await;
    let gate = stage.gate("first_validation").await;
    let packet = gate.packet.clone().expect("a packet");
    let seen = mission_domain::ticket::Observation {
        head: None,
        contributors: Vec::new(),
        packet,
        missing: Vec::new(),
        findings: Vec::new(),
        answers: Vec::new(),
        block: None,
        ask_person: None,
    };
    let on = Some(mission_domain::ids::Commit::new("f".repeat(40)));
    for gate in ["final_validation", "qa_review", "first_validation"] {
        let gate = mission_domain::ids::GateId::new(gate);
        let command = Command::Check { gate, on: on.clone(), seen: Box::new(seen.clone()) };
        let told = stage.control.execute(&stage.ticket, command, &Principal::Controller).await;
        assert!(told.is_err(), "{told:?}");
    }
    assert_ne!(stage.gate("final_validation").await.stage, At::Passed);
}

#[tokio::test]
async fn work_that_was_reviewed_for_another_request_does_not_land_as_this_one() {
    let stage = implemented().await;
    stage.reviews(VerdictWord::Pass, "fine").await;
    let before = stage.main();
    let edit = EditRequest { title: Some("Make it red".into()), ..EditRequest::default() };
    let ci = Principal::External("ci".into());
    stage.control.edit(&stage.ticket, edit, &ci).await.expect("an operator's token may");
    assert!(stage.ada_says(VerdictWord::Pass).await.is_err(), "nothing is there to sign off");
    let words = ["the request changed after the sign-off", "ci changed the request (title)"];
    stage.refused("implementation", &words).await;
    let told = stage.look().await.messages.last().expect("whoever works it is told").body.clone();
    assert!(told.contains("Make it red (it was: Make it so)"), "{told}");
    assert_eq!(stage.main(), before, "nothing landed");
}

#[tokio::test]
async fn who_had_a_hand_in_the_work_is_told_the_ways_on_and_not_to_sign_it_off() {
    let stage = implemented().await;
    stage.reviews(VerdictWord::Pass, "fine").await;
    // Nobody's attempt: it counts as the owner's.
    write(&stage.workspace().join("feature.txt"), "feature by hand\n");
    commit_in(&stage.workspace(), "by hand");
    let _ = stage.ada_says(VerdictWord::Pass).await;
    stage.implements(&[("feature.txt", "feature 3\n")]).await;
    stage.reviews(VerdictWord::Pass, "fine").await;
    let owner = Principal::Person(stage.control.owner());
    let asked = stage.control.needs_you().await.expect("what waits").remove(0);
    assert_eq!((asked.not_by, asked.nobody_else), (vec![owner.to_string()], true));
    for word in ["as somebody other than", "let another person in, or waive it"] {
        assert!(asked.what.contains(word), "{}", asked.what);
    }
    stage.refused("final_validation", &["had a hand in the work, so somebody else must"]).await;
    let no = stage.says(&owner, VerdictWord::Pass, None).await.expect_err("it is theirs");
    assert!(no.contains("token new NAME") && no.contains("mission gate waive"), "{no}");
    stage.says(&owner, VerdictWord::Waive, Some("final_validation")).await.expect("a way on");
    assert_eq!(stage.gate("final_validation").await.stage, At::Waived);
    assert!(stage.look().await.landed_as.is_some());
}
