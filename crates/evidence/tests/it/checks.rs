//! Checks really run, in clean checkouts, confined.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mission_domain::ids::Digest;
use mission_evidence::Error;
use mission_evidence::checkout::Checkout;
use mission_evidence::checks::{
    CheckEnv, CheckOutcome, CheckResult, CheckRun, could_not_run, run_check, run_in,
};
use mission_evidence::setup::run_setup;
use mission_sandbox::{Limits, Network, probe};

use crate::place::Place;

pub(crate) fn check_env(tmp: PathBuf) -> CheckEnv {
    let path = std::env::var("PATH").expect("a PATH");
    let env: BTreeMap<String, String> = [("PATH".to_string(), path)].into();
    CheckEnv { env, tmp, read: Vec::new(), write: Vec::new(), network: Network::Refused }
}

/// A clean checkout of the project's `main`, and what a check may use there.
struct Bench {
    place: Place,
    checkout: Checkout,
}

impl Bench {
    async fn new() -> Self {
        let place = Place::new();
        let checkout = Checkout::make(&place.project(), &place.main(), &place.path(".")).await;
        Self { checkout: checkout.expect("a checkout"), place }
    }

    async fn runs(&self, line: &str) -> CheckRun {
        self.runs_within(line, Limits::default()).await
    }

    /// Runs it and looks at what it did to the checkout.
    async fn runs_in(&self, line: &str) -> CheckRun {
        let env = check_env(self.checkout.tmp());
        let log = self.place.path("log");
        run_in(&self.checkout, line, &env, Limits::default(), &log).await
    }

    async fn runs_within(&self, line: &str, limits: Limits) -> CheckRun {
        let env = check_env(self.checkout.tmp());
        run_check(&self.checkout.dir(), line, &env, limits, &self.place.path("log")).await
    }
}

#[tokio::test]
async fn a_check_that_passes_is_verified_and_its_log_has_a_digest() {
    let bench = Bench::new().await;
    let line =
        "cat a.txt | wc -l; echo 'test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured'";
    let run = bench.runs(line).await;
    assert_eq!((run.outcome.clone(), run.exit_code()), (CheckOutcome::Passed, Some(0)));
    assert_eq!(run.tests.map(|tests| (tests.executed, tests.failed)), Some((3, 0)));
    let log = std::fs::read(&run.log_path).expect("a log");
    assert_eq!(run.log_digest, Some(Digest::of(&log)));
    assert_eq!(
        (run.against(None), run.against(Some(0))),
        (CheckResult::Verified, CheckResult::Verified)
    );
    assert_eq!(run.against(Some(1)), CheckResult::Refuted);
}

#[tokio::test]
async fn failing_missing_dying_and_endless_checks_refute_claimed_or_not() {
    let bench = Bench::new().await;
    let failed = |exit_code| CheckOutcome::Failed { exit_code };
    for (line, outcome) in [
        ("exit 1", failed(1)),
        ("no-such-program-here", failed(127)),
        ("./a.txt", failed(126)),
        ("kill -KILL $$", CheckOutcome::Died { signal: 9 }),
    ] {
        let run = bench.runs(line).await;
        assert_eq!(run.outcome, outcome, "{line}");
        for claim in [None, Some(0), run.exit_code()] {
            assert_eq!(run.against(claim), CheckResult::Refuted, "{line} {claim:?}");
        }
    }
    let limits = Limits { wall: Some(Duration::from_millis(200)), ..Limits::default() };
    let run = bench.runs_within("sleep 1000", limits).await;
    assert_eq!(
        (run.outcome.clone(), run.against(Some(0))),
        (CheckOutcome::TimedOut, CheckResult::Refuted)
    );
}

#[tokio::test]
async fn a_run_of_no_tests_refutes_and_an_unknown_number_does_not() {
    let bench = Bench::new().await;
    let none = bench.runs("echo 'no tests ran in 0.01s'").await;
    assert_eq!((none.exit_code(), none.against(Some(0))), (Some(0), CheckResult::Refuted));
    let unknown = bench.runs("echo fine").await;
    assert_eq!((unknown.tests, unknown.against(Some(0))), (None, CheckResult::Verified));
}

#[tokio::test]
async fn a_look_at_the_history_is_seen_however_it_is_taken_and_the_files_alone_are_none() {
    let bench = Bench::new().await;
    for line in ["git log -1", "sh -c 'g=git; $g status'", "cat .git/HEAD", "ls .git"] {
        assert!(bench.runs_in(line).await.read_history, "{line}");
    }
    for line in ["cat a.txt", "ls", "test -d .git"] {
        assert!(!bench.runs_in(line).await.read_history, "{line}");
    }
}

#[tokio::test]
async fn what_keeps_us_from_running_a_check_is_our_failure_and_no_refutation() {
    let bench = Bench::new().await;
    let env = check_env(bench.checkout.tmp());
    let nowhere = bench.place.path("nowhere");
    let run = run_check(&nowhere, "true", &env, Limits::default(), &bench.place.path("log")).await;
    assert!(matches!(run.outcome, CheckOutcome::CouldNotRun { .. }), "{run:?}");
    assert_eq!(run.against(Some(0)), CheckResult::CouldNotRun);
    let log = Path::new("/nonexistent/log");
    let run = run_check(&bench.checkout.dir(), "true", &env, Limits::default(), log).await;
    assert!(matches!(run.outcome, CheckOutcome::CouldNotRun { .. }), "{run:?}");
    let run = could_not_run("true", log, "no checkout".into());
    assert_eq!(run.against(None), CheckResult::CouldNotRun);
}

#[tokio::test]
async fn a_check_on_a_full_disk_is_our_failure() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        eprintln!("skipped: no /dev/full");
        return;
    }
    let bench = Bench::new().await;
    let env = check_env(bench.checkout.tmp());
    let run =
        run_check(&bench.checkout.dir(), "echo text; exit 1", &env, Limits::default(), full).await;
    let CheckOutcome::CouldNotRun { why } = run.outcome else { panic!("{:?}", run.outcome) };
    assert!(why.contains("log"), "{why}");
}

#[tokio::test]
async fn a_check_reaches_neither_the_users_files_nor_the_network() {
    if probe().landlock_version.is_none() {
        eprintln!("skipped: no Landlock here");
        return;
    }
    let bench = Bench::new().await;
    bench.place.write("secret.txt", "hunter2");
    let project = bench.place.project();
    let line = format!(
        "cat {0}/secret.txt; echo x > {0}/a.txt; echo ok > $TMPDIR/file && echo ok > out",
        project.display()
    );
    let run = bench.runs(&line).await;
    let log = std::fs::read_to_string(&run.log_path).expect("a log");
    assert!(run.exit_code() == Some(0) && !log.contains("hunter2"), "{log}");
    assert_eq!(
        std::fs::read_to_string(project.join("a.txt")).expect("a file"),
        "one\ntwo\nthree\n"
    );
    let confinement = run.confinement.expect("known");
    assert_eq!(confinement.filesystem, probe().filesystem);
    assert_eq!(confinement.network, probe().network);
}

#[tokio::test]
async fn a_real_runners_output_is_counted() {
    if Path::new("/usr/bin/node").exists() {
        let bench = Bench::new().await;
        let test = "const t=require('node:test');t('a',()=>{});t('b',()=>{throw 1});t('c',{skip:true},()=>{})";
        std::fs::write(bench.checkout.dir().join("x.test.js"), test).expect("a test");
        for reporter in ["tap", "spec"] {
            let run =
                bench.runs(&format!("node --test --test-reporter={reporter} x.test.js")).await;
            let tests = run.tests.unwrap_or_else(|| {
                panic!("{reporter}: {:?}", std::fs::read_to_string(&run.log_path))
            });
            assert_eq!((tests.passed, tests.failed, tests.skipped), (1, 1, 1), "{reporter}");
        }
    } else {
        eprintln!("skipped: no node here");
    }
}

#[tokio::test]
async fn a_set_up_command_that_fails_says_how_and_where_its_output_is() {
    let place = Place::new();
    let (dir, log) = (place.project(), place.path("setup.log"));
    let env = check_env(place.path("tmp"));
    let limit = Duration::from_millis(300);
    run_setup(&dir, "", &env, limit, &log).await.expect("nothing to do");
    run_setup(&dir, "echo made > made", &env, Duration::from_secs(20), &log).await.expect("set up");
    assert!(dir.join("made").exists());
    let error = run_setup(&dir, "echo why; exit 4", &env, limit, &log).await.expect_err("fails");
    assert!(
        matches!(error, Error::Setup { .. }) && error.to_string().contains("code 4"),
        "{error}"
    );
    assert_eq!(std::fs::read_to_string(&log).expect("a log"), "why\n");
    let error = run_setup(&dir, "sleep 1000", &env, limit, &log).await.expect_err("too slow");
    assert!(error.to_string().contains("took longer than 300ms"), "{error}");
}

#[tokio::test]
async fn a_check_may_use_git_without_the_persons_settings() {
    let bench = Bench::new().await;
    let home = bench.place.path("home");
    crate::place::write(&home.join(".gitconfig"), "[user]\n\tname = Secret\n");
    let mut env = check_env(bench.checkout.tmp());
    env.env.insert("HOME".into(), home.display().to_string());
    env.read.push(bench.checkout.borrowed.clone());
    let line = "git log --format=%s -1 && git config user.name || echo nobody";
    let log = bench.place.path("log");
    let run = run_check(&bench.checkout.dir(), line, &env, Limits::default(), &log).await;
    assert_eq!(std::fs::read_to_string(&log).expect("a log"), "first\nnobody\n", "{run:?}");
}

#[tokio::test]
async fn a_check_that_rewrites_a_tracked_file_is_refuted_and_says_which() {
    let bench = Bench::new().await;
    let run = bench.runs_in("echo four >> a.txt; rm b.txt").await;
    assert_eq!(run.outcome, CheckOutcome::Passed);
    assert_eq!(
        (run.rewrote.clone(), run.touched.clone()),
        (vec!["a.txt".into(), "b.txt".into()], vec![])
    );
    assert_eq!(run.against(Some(0)), CheckResult::Refuted);
}

#[tokio::test]
async fn a_file_that_is_swapped_for_the_check_and_put_back_is_noticed() {
    let bench = Bench::new().await;
    let swap = "cp -p a.txt ../tmp/kept; echo good > a.txt; cat a.txt; cp -p ../tmp/kept a.txt";
    let run = bench.runs_in(swap).await;
    assert_eq!((run.rewrote, run.touched), (vec![], vec!["a.txt".to_owned()]));
    let bench = Bench::new().await;
    let run = bench.runs_in("mv b.txt away && mv away b.txt").await;
    assert_eq!((run.rewrote, run.touched), (vec![], vec!["b.txt".to_owned()]));
}

#[tokio::test]
async fn a_check_that_hides_its_traces_in_git_is_noticed_all_the_same() {
    let bench = Bench::new().await;
    let hide = "echo x > a.txt; git update-index --assume-unchanged a.txt; git config core.trustctime false; \
                git -c user.name=x -c user.email=x@x commit -qam hide; rm -rf .git";
    let run = bench.runs_in(hide).await;
    assert_eq!(run.rewrote, ["a.txt"], "{:?}", run.outcome);
}

#[tokio::test]
async fn new_files_of_a_build_and_reading_are_no_rewriting() {
    let bench = Bench::new().await;
    let run = bench.runs_in("mkdir target && cat a.txt b.txt > target/out && touch new").await;
    assert_eq!(
        (run.rewrote.len(), run.touched.len()),
        (0, 0),
        "{:?} {:?}",
        run.rewrote,
        run.touched
    );
    assert_eq!(run.against(None), CheckResult::Verified);
}

#[tokio::test]
async fn secrets_are_not_in_the_log_that_is_kept() {
    let bench = Bench::new().await;
    let mut env = check_env(bench.checkout.tmp());
    env.env.insert("DEPLOY_TOKEN".into(), "correct-horse".into());
    let log = bench.place.path("log");
    let line = "echo pass $DEPLOY_TOKEN; echo gh''p_0123456789abcdefghijABCDEFGHIJ012345; echo '3 passed in 1s'";
    let run = run_check(&bench.checkout.dir(), line, &env, Limits::default(), &log).await;
    let kept = std::fs::read_to_string(&log).expect("a log");
    assert_eq!(kept, "pass [masked: DEPLOY_TOKEN]\n[masked: GitHub token]\n3 passed in 1s\n");
    assert_eq!(run.log_digest, Some(Digest::of(kept.as_bytes())));
}

#[tokio::test]
async fn an_exit_code_of_zero_beside_failed_tests_is_refuted() {
    let bench = Bench::new().await;
    let line = "echo 'test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured'; exit 0";
    let run = bench.runs(line).await;
    assert_eq!((run.exit_code(), run.against(Some(0))), (Some(0), CheckResult::Refuted));
}
