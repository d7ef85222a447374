//! What is remembered of runs on a tree, and what is not believed.

use std::path::PathBuf;

use mission_domain::ids::{Commit, Timestamp, Tree};
use mission_evidence::attest::Keys;
use mission_evidence::checks::{CheckEnv, CheckOutcome, CheckResult};
use mission_evidence::packet::CommandEvidence;
use mission_evidence::past::{Flaky, Past, PastRun, Pasts, RunKey};
use mission_sandbox::{Limits, Network};

use crate::checks::check_env;
use crate::place::noon;

struct Memory {
    dir: tempfile::TempDir,
}

impl Memory {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a folder") }
    }

    fn pasts(&self) -> Pasts {
        self.signed_by("keys")
    }

    fn signed_by(&self, keys: &str) -> Pasts {
        Pasts::at(self.dir.path().join("checks"), Keys::at(self.dir.path().join(keys)))
    }

    fn adds(&self, key: &RunKey, run: PastRun) -> Past {
        self.pasts().add(key, run).expect("remembered")
    }

    fn files(&self) -> Vec<PathBuf> {
        let list = |dir: PathBuf| std::fs::read_dir(dir).expect("a folder").flatten();
        let folders = list(self.dir.path().join("checks"));
        folders.flat_map(|it| list(it.path())).map(|it| it.path()).collect()
    }
}

fn key(tree: char) -> RunKey {
    key_of(tree, "cargo test", &check_env("tmp".into()))
}

fn key_of(tree: char, command: &str, env: &CheckEnv) -> RunKey {
    RunKey::of(&Tree::new(tree.to_string().repeat(40)), command, env, Limits::default())
}

fn run(outcome: CheckOutcome, at: Timestamp) -> PastRun {
    let (tests, log) = (None, None);
    let (rewrote, touched, gaps) = (vec![], vec![], vec![]);
    let history_of = None;
    PastRun { at, outcome, duration_ms: 5, tests, log, rewrote, touched, gaps, history_of }
}

fn passed() -> PastRun {
    run(CheckOutcome::Passed, noon())
}

fn failed() -> PastRun {
    run(CheckOutcome::Failed { exit_code: 1 }, noon())
}

fn hours(count: i64) -> Timestamp {
    noon() + jiff::SignedDuration::from_hours(count)
}

#[test]
fn an_unchanged_tree_is_not_run_again_and_the_original_time_is_told() {
    let memory = Memory::new();
    memory.adds(&key('a'), passed());
    let past = memory.pasts().read(&key('a'));
    let stands = past.stands(hours(1)).expect("stands");
    let seen = CommandEvidence::seen("cargo test", Some(0), false, stands).with_past(true, None);
    assert_eq!((seen.ran_at, seen.cached), (Some(noon()), true));
    assert_eq!(seen.result, CheckResult::Verified);
    assert_eq!(past.stands(hours(25)), None, "an old result is run again");
    assert_eq!(past.stands(hours(-1)), None, "a result from the future is none");
}

#[test]
fn another_tree_command_or_environment_is_run_again() {
    let memory = Memory::new();
    memory.adds(&key('a'), passed());
    let env = check_env("tmp".into());
    let with = |change: fn(&mut CheckEnv)| {
        let mut env = env.clone();
        change(&mut env);
        key_of('a', "cargo test", &env)
    };
    for other in [
        key('b'),
        key_of('a', "cargo test --all", &env),
        with(|it| drop(it.env.insert("CI".into(), "1".into()))),
        with(|it| it.network = Network::Allowed),
        with(|it| drop(it.env.insert("PATH".into(), "/bin".into()))),
    ] {
        assert_eq!(memory.pasts().read(&other), Past::default());
    }
    let same = with(|it| it.tmp = "elsewhere".into());
    assert!(memory.pasts().read(&same).stands(noon()).is_some());
}

#[test]
fn what_looked_at_the_history_says_nothing_about_another_commit_with_the_same_tree() {
    let memory = Memory::new();
    let [one, other] = ["1", "2"].map(|it| Commit::new(it.repeat(40)));
    memory.adds(&key('a'), PastRun { history_of: Some(one.clone()), ..passed() });
    let past = memory.adds(&key('a'), PastRun { history_of: Some(other.clone()), ..failed() });
    assert!(past.flaky().is_some());
    assert!(past.clone().about(&one).stands(noon()).is_some());
    assert_eq!(
        (past.clone().about(&other).stands(noon()), past.about(&other).flaky()),
        (None, None)
    );
}

#[test]
fn a_failure_never_stands_and_a_command_that_does_both_is_flaky_and_proves_nothing() {
    let memory = Memory::new();
    let past = memory.adds(&key('a'), failed());
    assert_eq!((past.stands(noon()), past.flaky()), (None, None));
    assert!(past.stands_on_base(noon()).is_some());
    let past = memory.adds(&key('a'), passed());
    assert_eq!(past.flaky(), Some(Flaky { passed: 1, failed: 1 }));
    assert_eq!((past.stands(noon()), past.stands_on_base(noon())), (None, None));
    let seen = CommandEvidence::seen("cargo test", None, false, &passed());
    let seen = seen.with_past(false, past.flaky());
    assert_eq!((seen.exit_code, seen.result), (Some(0), CheckResult::Refuted));
}

#[test]
fn what_was_flaky_once_stays_flaky_however_often_it_passes_after() {
    let memory = Memory::new();
    memory.adds(&key('a'), failed());
    for _ in 0..40 {
        assert!(memory.adds(&key('a'), passed()).flaky().is_some());
    }
    assert!(memory.pasts().read(&key('a')).flaky().is_some());
    assert!(memory.pasts().read(&key('a')).runs().len() <= 20);
}

#[test]
fn a_record_that_nobody_here_signed_was_edited_or_lies_in_anothers_place_is_none() {
    let memory = Memory::new();
    memory.adds(&key('a'), passed());
    let [file] = memory.files().try_into().expect("one record");
    let good = std::fs::read_to_string(&file).expect("a record");
    let known = || memory.pasts().read(&key('a')).runs().len();
    assert_eq!(known(), 1);
    for bad in
        ["", "{}", &good[..good.len() / 2], &good.replace("\"payload\":\"e", "\"payload\":\"f")]
    {
        std::fs::write(&file, bad).expect("written");
        assert_eq!(known(), 0, "{bad}");
    }
    memory.signed_by("other keys").add(&key('a'), passed()).expect("remembered");
    assert_eq!(known(), 0, "signed with a key that is not this home's");
    std::fs::write(&file, &good).expect("written");
    assert_eq!(known(), 1);
    memory.adds(&key('b'), failed());
    let other = memory.files().into_iter().find(|it| *it != file).expect("two records");
    std::fs::copy(&file, &other).expect("copied");
    assert_eq!(memory.pasts().read(&key('b')), Past::default(), "the record is of another tree");
}
