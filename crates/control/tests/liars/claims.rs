//! Claims of results: invented, wrapped, skipped, borrowed, or true only in the liar's own folder.

use mission_domain::rules::EvidenceKind;
use mission_domain::ticket::{Report, VerdictWord};
use mission_sandbox::{Hold, probe};

use crate::stage::{CHECK, RULES, Stage, evidence};

/// Nothing here asks a person: whatever is passed by machines alone lands.
const UNATTENDED: &str = r#"
[project]
key = "MC"
default_branch = "main"
workflow = "unattended"
checks = ["sh check.sh"]
[role.coder]
runtimes = ["one"]
[workflow.unattended]
gates = [
  { id = "implementation", role = "coder", decided_by = "controller" },
  { id = "first_validation", role = "controller", decided_by = "controller" },
  { id = "final_validation", role = "controller", decided_by = "controller" },
]
"#;

/// Runs every file beneath `tests`, and counts them as a runner does.
const RUNNER: &str = "ran=0; left=0\n\
    for t in tests/*; do if grep -q skip $t; then left=$((left+1)); else sh $t || exit 1; ran=$((ran+1)); fi; done\n\
    echo \"test result: ok. $ran passed; 0 failed; $left ignored; 0 measured\"\n";

async fn unattended() -> Stage {
    let files = [
        ("check.sh", RUNNER),
        ("tests/a", "true\n"),
        ("tests/b", "grep -q right work\n"),
        ("work", "right\n"),
    ];
    Stage::with(UNATTENDED, &files).await
}

#[tokio::test]
async fn honest_work_passes_and_lands_so_that_a_refusal_means_something() {
    let stage = Stage::new().await;
    let before = stage.main();
    stage.implements(&[("feature.txt", "a better feature\n")]).await;
    Stage::assert_passed(&stage.gate("first_validation").await);
    stage.reviews(VerdictWord::Pass, "fine").await;
    Stage::assert_passed(&stage.gate("qa_review").await);
    stage.ada_says(VerdictWord::Pass).await.expect("a person may");
    let ticket = stage.look().await;
    let landed = ticket.landed_as.clone().expect("it landed");
    assert_eq!(stage.main(), landed.to_string());
    assert_ne!(stage.main(), before);

    let stage = unattended().await;
    stage.implements(&[("work", "right and more\n")]).await;
    assert!(stage.look().await.landed_as.is_some(), "{}", stage.told().await);
}

#[tokio::test]
async fn an_invented_test_result_is_run_again() {
    let stage = Stage::new().await;
    stage.implements(&[("feature.txt", "nothing\n")]).await;
    stage
        .refused(
            "first_validation",
            &[
                "claimed exit code 0",
                "re-run in a clean checkout: exit code 1",
                "1 of 2 tests failed",
            ],
        )
        .await;
}

#[tokio::test]
async fn a_command_that_does_not_exist_did_not_pass() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage.writes(&[("feature.txt", "feature 2\n")]);
    stage.claims(attempt, "no-such-runner --all", 0).await;
    stage.delivers(attempt).await;
    stage
        .refused(
            "first_validation",
            &["`no-such-runner --all`: claimed exit code 0", "exit code 127"],
        )
        .await;
}

#[tokio::test]
async fn a_failure_that_is_claimed_honestly_is_a_failure_all_the_same() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage.writes(&[("feature.txt", "feature 2\n")]);
    stage.claims(attempt, "sh -c 'exit 3'", 3).await;
    stage.delivers(attempt).await;
    stage.refused("first_validation", &["claimed exit code 3", "exit code 3"]).await;
}

#[tokio::test]
async fn claiming_nothing_is_no_delivery() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage.writes(&[("feature.txt", "feature 2\n")]);
    stage.delivers(attempt).await;
    stage.refused("implementation", &["commands"]).await;
}

#[tokio::test]
async fn lines_that_cannot_fail_prove_nothing() {
    for line in [
        "true",
        "echo 12 tests passed",
        "sh broken.sh || true",
        "sh broken.sh; exit 0",
        "sh broken.sh | tail -1",
    ] {
        let stage = Stage::new().await;
        let attempt = stage.starts().await;
        stage.writes(&[("feature.txt", "feature 2\n"), ("broken.sh", "exit 1\n")]);
        stage.claims(attempt, line, 0).await;
        stage.delivers(attempt).await;
        stage.refused("first_validation", &[&format!("`{line}` proves nothing")]).await;
    }
}

#[tokio::test]
async fn a_wrapper_that_exits_with_zero_does_not_hide_the_tests_that_failed() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage.writes(&[
        ("feature.txt", "feature 2\n"),
        (
            "wrap.sh",
            "echo 'test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured'\nexit 0\n",
        ),
    ]);
    stage.claims(attempt, "sh wrap.sh", 0).await;
    stage.delivers(attempt).await;
    stage.refused("first_validation", &["`sh wrap.sh`", "exit code 0, 2 of 5 tests failed"]).await;
}

#[tokio::test]
async fn a_script_of_ones_own_that_prints_success_does_not_replace_the_projects_check() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage.writes(&[
        ("feature.txt", "nothing\n"),
        ("ok.sh", "echo 'test result: ok. 99 passed; 0 failed; 0 ignored; 0 measured'\n"),
    ]);
    stage.claims(attempt, "sh ok.sh", 0).await;
    stage.delivers(attempt).await;
    stage
        .refused("first_validation", &["`sh check.sh`: re-run in a clean checkout: exit code 1"])
        .await;
}

#[tokio::test]
async fn a_run_without_tests_is_no_run() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage.writes(&[
        ("feature.txt", "feature 2\n"),
        ("none.sh", "echo 'test result: ok. 0 passed; 0 failed; 4 ignored; 0 measured'\n"),
    ]);
    stage.claims(attempt, "sh none.sh", 0).await;
    stage.delivers(attempt).await;
    stage.refused("first_validation", &["not one test executed"]).await;
}

#[tokio::test]
async fn a_check_that_is_killed_did_not_pass() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage.writes(&[("feature.txt", "feature 2\n"), ("die.sh", "kill -9 $$\n")]);
    stage.claims(attempt, "exec sh die.sh", 0).await;
    stage.delivers(attempt).await;
    stage.refused("first_validation", &["died by signal 9"]).await;
}

#[tokio::test]
async fn a_variable_that_switches_the_check_off_holds_for_the_liars_own_line_alone() {
    let check = format!("[ -n \"$SKIP\" ] && exit 0\n{CHECK}");
    let stage = Stage::with(RULES, &[("check.sh", &check), ("feature.txt", "feature\n")]).await;
    let attempt = stage.starts().await;
    stage.writes(&[("feature.txt", "nothing\n")]);
    stage.claims(attempt, "SKIP=1 sh check.sh", 0).await;
    stage.delivers(attempt).await;
    stage.refused("first_validation", &["`sh check.sh`", "exit code 1"]).await;
}

#[tokio::test]
async fn work_that_was_never_committed_is_not_there() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage.writes(&[("feature.txt", "nothing\n")]);
    crate::stage::write(&stage.workspace().join("feature.txt"), "feature\n");
    stage.claims(attempt, "sh check.sh", 0).await;
    stage.delivers(attempt).await;
    stage.refused("first_validation", &["exit code 1"]).await;
}

#[tokio::test]
async fn a_file_that_git_ignores_is_not_there() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage.writes(&[(".gitignore", "answer\n"), ("answer", "42\n"), ("feature.txt", "feature 2\n")]);
    stage.claims(attempt, "grep 42 answer", 0).await;
    stage.delivers(attempt).await;
    stage.refused("first_validation", &["`grep 42 answer`", "exit code 2"]).await;
}

#[tokio::test]
async fn a_check_cannot_read_the_answer_from_the_liars_own_folder() {
    if probe().filesystem == (Hold::Discouraged { why: String::new() })
        || probe().landlock_version.is_none()
    {
        eprintln!("skipped: no Landlock here");
        return;
    }
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    let answer = stage.workspace().join("answer");
    crate::stage::write(&answer, "42\n");
    crate::stage::git_in(&stage.workspace(), &["config", "core.excludesFile", "/dev/null"]);
    crate::stage::write(&stage.workspace().join(".git/info/exclude"), "answer\n");
    stage.writes(&[("feature.txt", "feature 2\n")]);
    let line = format!("grep 42 {}", answer.display());
    stage.claims(attempt, &line, 0).await;
    stage.delivers(attempt).await;
    stage.refused("first_validation", &["grep 42", "exit code 2"]).await;
}

#[tokio::test]
async fn a_link_out_of_the_workspace_leads_nowhere() {
    if probe().landlock_version.is_none() {
        eprintln!("skipped: no Landlock here");
        return;
    }
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    let secret = stage.dir.path().join("answer");
    crate::stage::write(&secret, "feature\n");
    std::fs::remove_file(stage.workspace().join("feature.txt")).expect("removed");
    std::os::unix::fs::symlink(&secret, stage.workspace().join("feature.txt")).expect("a link");
    stage.writes(&[]);
    stage.claims(attempt, "sh check.sh", 0).await;
    stage.delivers(attempt).await;
    stage.refused("first_validation", &["`sh check.sh`", "exit code 1"]).await;
}

#[tokio::test]
async fn a_command_that_writes_the_missing_work_while_it_runs_is_seen() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage.writes(&[("feature.txt", "feature 2\n"), ("data", "wrong\n")]);
    stage.claims(attempt, "echo right > data && grep right data", 0).await;
    stage.delivers(attempt).await;
    stage
        .refused("first_validation", &["it rewrote `data` while it ran", "not what was committed"])
        .await;
}

#[tokio::test]
async fn a_check_made_to_repair_the_checkout_on_the_branch_is_seen() {
    let check = "sh lib.sh\n".to_owned() + CHECK;
    let files = [("check.sh", check.as_str()), ("lib.sh", "true\n"), ("feature.txt", "feature\n")];
    let stage = Stage::with(RULES, &files).await;
    let attempt = stage.starts().await;
    stage.writes(&[("feature.txt", "nothing\n"), ("lib.sh", "echo feature > feature.txt\n")]);
    stage.claims(attempt, "sh check.sh", 0).await;
    stage.delivers(attempt).await;
    stage.refused("first_validation", &["it rewrote `feature.txt` while it ran"]).await;
}

#[tokio::test]
async fn a_check_that_passes_sometimes_does_not_pass_by_being_tried_again() {
    let mark = tempfile::Builder::new().prefix("liar-").tempdir_in("/dev/shm");
    let Ok(mark) = mark else {
        eprintln!("skipped: no /dev/shm");
        return;
    };
    // Fails once on the work, and passes ever after.
    let flaky = format!(
        "{CHECK}grep -q 2 feature.txt || exit 0\nmkdir {}/once 2>/dev/null && exit 1\nexit 0\n",
        mark.path().display()
    );
    let stage = Stage::with(RULES, &[("check.sh", &flaky), ("feature.txt", "feature\n")]).await;
    stage.implements(&[("feature.txt", "feature 2\n")]).await;
    stage.refused("first_validation", &["exit code 1"]).await;
    stage.implements(&[]).await;
    stage
        .refused("first_validation", &["on this same tree it passed 1 times and failed 1 times"])
        .await;
}

#[tokio::test]
async fn a_failure_that_was_there_before_does_not_pass_either() {
    let stage = Stage::with(RULES, &[("check.sh", CHECK), ("feature.txt", "nothing\n")]).await;
    let attempt = stage.starts().await;
    stage.writes(&[("other", "x\n")]);
    stage.claims(attempt, "test -f other", 0).await;
    stage.delivers(attempt).await;
    stage.refused("first_validation", &["fails on the base as well", "pre-existing"]).await;
    assert_eq!(stage.look().await.situation().code, "pre_existing_failure");
}

#[tokio::test]
async fn a_test_that_was_deleted_does_not_land_unseen() {
    let stage = unattended().await;
    let before = stage.main();
    let attempt = stage.starts().await;
    std::fs::remove_file(stage.workspace().join("tests/b")).expect("removed");
    stage.writes(&[("work", "wrong\n")]);
    stage.claims(attempt, "sh check.sh", 0).await;
    stage.delivers(attempt).await;
    stage.refused("final_validation", &["ran 2 tests on the base, and 1 here"]).await;
    assert_eq!(stage.main(), before);
}

#[tokio::test]
async fn a_test_that_is_left_out_does_not_land_unseen() {
    let stage = unattended().await;
    let attempt = stage.starts().await;
    stage.writes(&[("work", "wrong\n"), ("tests/b", "# skip\n"), ("tests/c", "true\n")]);
    stage.claims(attempt, "sh check.sh", 0).await;
    stage.delivers(attempt).await;
    stage.refused("final_validation", &["ran 2 tests on the base, and 2 here, 1 left out"]).await;
    assert!(stage.look().await.landed_as.is_none());
}

#[tokio::test]
async fn a_runner_that_is_always_green_does_not_land_unseen() {
    let stage = unattended().await;
    let attempt = stage.starts().await;
    let green = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured'\n";
    stage.writes(&[("work", "wrong\n"), ("check.sh", green)]);
    stage.claims(attempt, "sh check.sh", 0).await;
    stage.delivers(attempt).await;
    stage
        .refused("final_validation", &["the work touches what decides about it: `check.sh`"])
        .await;
    assert!(stage.look().await.landed_as.is_none());
}

#[tokio::test]
async fn a_project_without_checks_does_not_land_on_the_authors_word() {
    let rules = UNATTENDED.replace("checks = [\"sh check.sh\"]", "checks = []");
    let stage = Stage::with(&rules, &[("work", "right\n")]).await;
    let attempt = stage.starts().await;
    stage.writes(&[("work", "wrong\n")]);
    stage.claims(attempt, "test -f work", 0).await;
    stage.delivers(attempt).await;
    stage.refused("final_validation", &["only what the author chose was run"]).await;
}

#[tokio::test]
async fn an_advisory_check_decides_nothing_and_its_name_cannot_be_borrowed() {
    let rules = RULES
        .replace("\"sh check.sh\"", "\"sh check.sh\", { run = \"sh lint.sh\", advisory = true }");
    let files = [("check.sh", CHECK), ("lint.sh", "exit 0\n"), ("feature.txt", "feature\n")];
    let stage = Stage::with(&rules, &files).await;
    let attempt = stage.starts().await;
    stage.writes(&[("feature.txt", "nothing\n")]);
    stage.claims(attempt, "sh lint.sh", 0).await;
    stage.delivers(attempt).await;
    stage.refused("first_validation", &["`sh check.sh`"]).await;
}

#[tokio::test]
async fn an_artifact_that_nobody_kept_is_no_evidence() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage.writes(&[("feature.txt", "feature 2\n")]);
    stage.claims(attempt, "sh check.sh", 0).await;
    let mut invented = evidence(EvidenceKind::Artifact, "report.pdf");
    invented.artifact = Some(mission_domain::ids::Digest::of(b"never handed in"));
    stage.hands_in(attempt, invented).await;
    let kept = stage.look().await.attempt(attempt).expect("the attempt").evidence.clone();
    assert!(kept.iter().all(|it| it.artifact.is_none()), "{kept:?}");
}

#[tokio::test]
async fn a_link_handed_in_as_a_file_is_not_followed() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    let folder = stage.control.paths().lane(attempt).join("evidence");
    std::fs::create_dir_all(&folder).expect("a folder");
    let key = stage.home().join("config.toml");
    std::os::unix::fs::symlink(key, folder.join("plan.md")).expect("a link");
    for name in ["evidence/plan.md", "../../config.toml", "/etc/passwd"] {
        let mut linked = evidence(EvidenceKind::Artifact, "");
        linked.file = Some(name.into());
        stage.hands_in(attempt, linked).await;
    }
    let kept = stage.look().await.attempt(attempt).expect("the attempt").evidence.clone();
    assert_eq!(kept.len(), 3);
    assert!(kept.iter().all(|it| it.artifact.is_none()), "{kept:?}");
}

#[tokio::test]
async fn a_report_alone_is_no_work() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage
        .reports(attempt, Report::Done { summary: "DONE. All 412 tests pass. Deployed.".into() })
        .await;
    stage.refused("implementation", &["a commit on the ticket's branch", "commands", "risk"]).await;
    let packets = stage.control.packets(&stage.ticket, None).await.expect("packets");
    assert!(packets.is_empty(), "nothing was sealed: {packets:?}");
}
