//! Each scripted agent at work in a real repository, with a `mission` that writes down how it was called.

mod lane;

use std::os::unix::process::ExitStatusExt as _;

use lane::Lane;
use mission_testkit::agents::Part;

#[test]
fn the_planner_hands_in_a_plan_with_its_files() {
    let lane = Lane::new("planner", "plan");
    let run = lane.work("bob", &Part::LongStay.line());
    assert!(run.status.success(), "{run:?}");
    assert!(lane.calls()[0].starts_with("report evidence plan "), "{:?}", lane.calls());
    assert!(lane.handed_in().contains("## Files\n\n- bin/price\n- tests/long-stay.test.sh\n"));
    assert_eq!(lane.calls()[1], "report done --summary a plan with 2 steps");
}

#[test]
fn a_planner_may_end_with_a_marker_alone() {
    let lane = Lane::new("planner", "plan");
    let run = lane.work("bob", &Part::Filter.line());
    let output = String::from_utf8_lossy(&run.stdout);
    assert!(output.starts_with("bob - scripted agent, no model\n"), "{output}");
    assert_eq!(output.lines().last(), Some("DONE: a plan with 2 steps"));
    assert_eq!(lane.calls().len(), 1);
}

#[test]
fn the_designer_gives_a_direction_and_holds_the_result_against_it() {
    let lane = Lane::new("designer", "design_direction");
    lane.work("bob", &Part::Redesign.line());
    assert!(lane.handed_in().contains("both colour schemes"));
    let lane = Lane::in_repository(lane, "designer", "design_signoff");
    lane.work("bob", &Part::Redesign.line());
    assert!(lane.last_call().starts_with("report verdict changes "), "{:?}", lane.calls());
    let lane = Lane::in_repository(lane, "coder", "implementation");
    assert!(lane.work("ada", &Part::Redesign.line()).status.success());
    let lane = Lane::in_repository(lane, "designer", "design_signoff");
    lane.work("bob", &Part::Redesign.line());
    assert!(lane.last_call().starts_with("report verdict pass "), "{:?}", lane.calls());
    assert!(lane.called("report evidence screenshot http://127.0.0.1:"));
}

#[test]
fn the_coder_commits_and_lets_the_tests_be_recorded() {
    let lane = Lane::new("coder", "implementation");
    let run = lane.work("ada", &Part::Redesign.line());
    assert!(run.status.success(), "{run:?}");
    assert_eq!(
        lane.git(&["log", "-1", "--format=%s"]),
        "page: one promise, one search, harbours as cards"
    );
    assert_eq!(lane.git(&["status", "--porcelain"]), "");
    assert!(lane.called("report evidence command -- sh tests/run.sh"));
    assert!(lane.called("report evidence risk low:"));
    assert!(lane.last_call().starts_with("report done --summary "));
    let again = lane.work("ada", &Part::Redesign.line());
    assert!(again.status.success(), "the same work a second time commits nothing: {again:?}");
    assert_eq!(lane.git(&["rev-list", "--count", "HEAD"]), "2");
}

#[test]
fn the_liar_claims_tests_that_fail_and_mends_them_once_that_was_found() {
    let lane = Lane::new("coder", "implementation");
    let shim = lane.shim();
    let run = lane.work("ada", &Part::LongStay.line());
    assert!(run.status.success(), "{run:?}");
    let claim: serde_json::Value =
        serde_json::from_str(&shim.join().expect("a claim")).expect("JSON");
    assert_eq!(claim["value"]["command"]["exit_code"], 0);
    assert_eq!(claim["value"]["command"]["run"], "sh tests/run.sh");
    assert!(!lane.called("report evidence command"), "{:?}", lane.calls());
    assert!(!lane.tests_pass(), "the claim is false");
    let brief = format!("{}\n\n- F-1 `sh tests/run.sh` exits with 1", Part::LongStay.line());
    assert!(lane.work("ada", &brief).status.success());
    assert!(lane.called("report answer F-1 fixed"));
    assert!(lane.called("report evidence command -- sh tests/run.sh"));
    assert!(lane.tests_pass());
}

#[test]
fn a_finding_in_the_brief_alone_does_not_make_a_first_attempt_a_second() {
    let lane = Lane::new("coder", "implementation");
    let brief = format!("{}\n\n- F-1 of something else", Part::Filter.line());
    assert!(lane.work("ada", &brief).status.success());
    assert!(lane.read("web/app.js").contains("innerHTML"));
}

#[test]
fn the_unlucky_coder_dies_by_a_real_signal_once_and_leaves_half_of_the_work() {
    let lane = Lane::new("coder", "implementation");
    let run = lane.work("ada", &Part::Hours.line());
    assert_eq!(run.status.signal(), Some(11), "{run:?}");
    assert_eq!(lane.calls(), Vec::<String>::new());
    assert_eq!(lane.git(&["rev-list", "--count", "HEAD"]), "2");
    let run = lane.work("ada", &Part::Hours.line());
    assert!(run.status.success(), "{run:?}");
    assert!(lane.last_call().starts_with("report done "));
    assert!(lane.tests_pass());
}

#[test]
fn qa_sends_the_planted_flaw_back_with_file_and_line_and_passes_what_was_mended() {
    let lane = Lane::new("coder", "implementation");
    let base = lane.git(&["rev-parse", "HEAD"]);
    assert!(lane.work("ada", &Part::Filter.line()).status.success());
    let lane = Lane::in_repository(lane, "qa", "qa_review");
    let brief = format!("{}\nBase commit: `{base}`", Part::Filter.line());
    lane.work("bob", &brief);
    let verdict = lane.last_call();
    let line =
        lane.read("web/app.js").lines().position(|it| it.contains("innerHTML")).expect("the flaw")
            + 1;
    assert!(verdict.starts_with("report verdict changes "), "{verdict}");
    assert!(verdict.contains(&format!("--finding web/app.js:{line}:")), "{verdict}");
    let lane = Lane::in_repository(lane, "coder", "implementation");
    let found = format!("{}\n- F-1 `web/app.js:{line}` markup", Part::Filter.line());
    assert!(lane.work("ada", &found).status.success());
    assert!(lane.called("report answer F-1 fixed"));
    let lane = Lane::in_repository(lane, "qa", "qa_review");
    lane.work("bob", &brief);
    assert!(lane.last_call().starts_with("report verdict pass "), "{:?}", lane.calls());
}

#[test]
fn qa_may_pass_by_a_marker_alone() {
    let lane = Lane::new("coder", "implementation");
    assert!(lane.work("ada", &Part::Leaflet.line()).status.success());
    let lane = Lane::in_repository(lane, "qa", "qa_review");
    let run = lane.work("bob", &Part::Leaflet.line());
    let output = String::from_utf8_lossy(&run.stdout);
    assert!(output.lines().last().is_some_and(|it| it.starts_with("PASS: ")), "{output}");
    assert_eq!(lane.calls(), Vec::<String>::new());
}

#[test]
fn the_tester_walks_the_served_page() {
    let lane = Lane::new("coder", "implementation");
    let lane = Lane::in_repository(lane, "tester", "user_testing");
    lane.work("bob", &Part::Redesign.line());
    assert!(
        lane.last_call().starts_with("report verdict changes "),
        "the old page promises nothing"
    );
    let lane = Lane::in_repository(lane, "coder", "implementation");
    assert!(lane.work("ada", &Part::Redesign.line()).status.success());
    let lane = Lane::in_repository(lane, "tester", "user_testing");
    let run = lane.work("bob", &Part::Redesign.line());
    assert!(run.status.success(), "{run:?}");
    assert!(
        lane.handed_in().contains(
            "5. open a page that does not exist: it is refused. `GET /no-such-page`: 404"
        )
    );
    assert_eq!(lane.last_call(), "report verdict pass --reason 5 of 5 steps hold");
}

#[test]
fn the_validator_reads_the_diff_too() {
    let lane = Lane::new("coder", "implementation");
    assert!(lane.work("ada", &Part::Redesign.line()).status.success());
    let lane = Lane::in_repository(lane, "validator", "second_look");
    lane.work("bob", &Part::Redesign.line());
    assert!(lane.last_call().starts_with("report verdict pass "));
}

#[test]
fn a_ticket_without_a_part_is_asked_about() {
    let lane = Lane::new("coder", "implementation");
    let run = lane.work("ada", "# HB-9 Something else");
    assert!(String::from_utf8_lossy(&run.stdout).contains("\nQUESTION: I am a scripted agent"));
    assert!(run.status.success());
}

#[test]
fn on_a_terminal_the_agent_takes_its_brief_as_a_paste_and_stays() {
    let lane = Lane::new("planner", "plan");
    let screen = lane.on_terminal("ada", &Part::Hours.line());
    assert!(screen.contains("ada - scripted agent, no model"), "{screen}");
    assert!(screen.contains("\u{1b}[?2004h"), "pastes are marked");
    assert!(lane.last_call().starts_with("report done "), "{screen}");
}
