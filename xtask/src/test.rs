//! `cargo xtask test`: sets up what the tests need, runs one table of steps, and sums up.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use crate::{agents, bench, check, process};

pub(crate) mod browser;
mod tools;

/// How much to test.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Leaves out clippy, the browser's stories, the documentation build and cargo-deny
    #[arg(long)]
    quick: bool,
    /// Also installs gemini, opencode and hermes and runs the long suite with them over ACP
    #[arg(long)]
    all_agents: bool,
    /// Runs the long volumes: full crash schedules and full-length kill runs
    #[arg(long)]
    long: bool,
}

/// One line of the table.
struct Step {
    name: &'static str,
    work: Work,
}

/// What a step does.
enum Work {
    /// Runs cargo with these arguments and variables.
    Cargo(Vec<&'static str>, &'static [(&'static str, &'static str)]),
    /// Runs cargo-nextest and keeps its closing lines for the summary.
    Tests(Vec<&'static str>, Vec<(&'static str, &'static str)>),
    /// Runs the rules of the house.
    House,
    /// Runs the stories in a real browser.
    Browser,
    /// Asks the public database of security advisories, where it can be reached.
    Advisories,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Passed,
    Failed,
    /// It could not be judged here; shown, and no failure of the tree.
    Unknown,
}

/// How a step went.
struct Outcome {
    name: &'static str,
    verdict: Verdict,
    took: Duration,
    /// The runner's own closing lines; empty for every other step.
    told: Vec<String>,
}

/// The steps that `options` ask for, cheap ones first. All use the release profile, so that the
/// dependencies are compiled once.
fn steps(options: &Options) -> Vec<Step> {
    const WORKSPACE: [&str; 2] = ["--workspace", "--release"];
    const STRICT_DOCS: &[(&str, &str)] = &[("RUSTDOCFLAGS", "-D warnings")];
    let cargo =
        |words: &[&'static str], more: &[&'static str]| Work::Cargo([words, more].concat(), &[]);

    let mut steps = vec![
        Step { name: "format", work: cargo(&["fmt", "--all", "--check"], &[]) },
        Step { name: "house", work: Work::House },
    ];
    if !options.quick {
        let clippy = cargo(
            &["clippy"],
            &["--workspace", "--release", "--all-targets", "--", "-D", "warnings"],
        );
        steps.push(Step { name: "clippy", work: clippy });
    }
    steps.push(Step { name: "tests", work: tests(options) });
    if options.all_agents {
        steps.push(Step { name: "all agents", work: all_agents() });
    }
    steps.push(Step { name: "doctests", work: cargo(&["test", "--doc"], &WORKSPACE) });
    if !options.quick {
        steps.push(Step { name: "browser", work: Work::Browser });
        let docs = [&["doc", "--no-deps", "--document-private-items"][..], &WORKSPACE].concat();
        steps.push(Step { name: "docs", work: Work::Cargo(docs, STRICT_DOCS) });
        let deny = ["deny", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"];
        steps.push(Step { name: "deny", work: cargo(&deny, &[]) });
        steps.push(Step { name: "advisories", work: Work::Advisories });
    }
    steps
}

fn tests(options: &Options) -> Work {
    let profile = if options.long { "long" } else { "ci" };
    let mut variables = Vec::new();
    if options.long {
        variables.push(("MISSION_TEST_LONG", "1"));
    }
    Work::Tests(vec!["nextest", "run", "--workspace", "--release", "--profile", profile], variables)
}

/// The stories that are ignored otherwise: their programs are slow, and not installed for the ordinary tests.
fn all_agents() -> Work {
    let words = ["nextest", "run", "--package", "mission", "--test", "agents", "--release"];
    let which = ["--profile", "long", "--run-ignored", "only", "more::"];
    Work::Tests([&words[..], &which].concat(), Vec::new())
}

/// Sets up, runs every step even after one failed, and prints the summary; whether all passed.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let started = Instant::now();
    if !tools::set_up(options.quick)? || !agents::run(&agents::Options { all: options.all_agents })?
    {
        return Ok(false);
    }
    let mut outcomes = Vec::new();
    for step in steps(options) {
        println!("\n== {}", step.name);
        let begun = Instant::now();
        let (verdict, told) = perform(&step.work).unwrap_or_else(|error| {
            println!("{error:#}");
            (Verdict::Failed, Vec::new())
        });
        let took = begun.elapsed();
        println!("== {}: {} in {:.1} s", step.name, word(verdict), took.as_secs_f64());
        outcomes.push(Outcome { name: step.name, verdict, took, told });
    }
    print!("{}", summary(&outcomes, started.elapsed()));
    Ok(outcomes.iter().all(|outcome| outcome.verdict != Verdict::Failed))
}

fn perform(work: &Work) -> Result<(Verdict, Vec<String>)> {
    let cargo = |words: &[&str]| {
        let mut cargo = process::cargo();
        cargo.args(words);
        cargo
    };
    let (passed, told) = match work {
        Work::House => (check::run()?, Vec::new()),
        Work::Browser => browser::run(&bench::build(&["mission", "mission-testkit"])?)?,
        Work::Cargo(words, variables) => {
            (process::passes(cargo(words).envs(variables.iter().copied()))?, Vec::new())
        }
        Work::Tests(words, variables) => {
            process::passes_and_tells(cargo(words).envs(variables.iter().copied()), "Summary [")?
        }
        Work::Advisories => {
            if !process::passes(&mut cargo(&["deny", "fetch", "db"]))? {
                println!(
                    "the advisory database cannot be reached from here: nothing is known about advisories"
                );
                return Ok((Verdict::Unknown, Vec::new()));
            }
            (
                process::passes(&mut cargo(&["deny", "check", "--disable-fetch", "advisories"]))?,
                Vec::new(),
            )
        }
    };
    Ok((if passed { Verdict::Passed } else { Verdict::Failed }, told))
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "ok",
        Verdict::Failed => "FAILED",
        Verdict::Unknown => "unknown",
    }
}

fn summary(outcomes: &[Outcome], took: Duration) -> String {
    let mut text = String::from("\n== summary\n");
    for outcome in outcomes {
        text += &format!(
            "{:<10} {:<7} {:>7.1} s\n",
            outcome.name,
            word(outcome.verdict),
            outcome.took.as_secs_f64()
        );
    }
    for line in outcomes.iter().flat_map(|outcome| &outcome.told) {
        text += &format!("{line}\n");
    }
    let named = |verdict| {
        let those = outcomes.iter().filter(|outcome| outcome.verdict == verdict);
        those.map(|outcome| outcome.name).collect::<Vec<_>>().join(", ")
    };
    let (failed, unknown) = (named(Verdict::Failed), named(Verdict::Unknown));
    let mut verdict =
        if failed.is_empty() { "passed".to_owned() } else { format!("FAILED: {failed}") };
    if !unknown.is_empty() {
        verdict += &format!(" (unknown: {unknown})");
    }
    text + &format!("{verdict} in {:.1} s\n", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(options: &Options) -> Vec<&'static str> {
        steps(options).iter().map(|step| step.name).collect()
    }

    #[test]
    fn quick_leaves_out_clippy_browser_docs_deny_and_advisories() {
        let all = names(&Options::default());
        assert_eq!(
            all,
            [
                "format",
                "house",
                "clippy",
                "tests",
                "doctests",
                "browser",
                "docs",
                "deny",
                "advisories"
            ]
        );
        let quick = names(&Options { quick: true, ..Options::default() });
        assert_eq!(quick, ["format", "house", "tests", "doctests"]);
    }

    #[test]
    fn long_reaches_the_tests_as_a_variable() {
        let options = Options { long: true, ..Options::default() };
        let Work::Tests(words, variables) = super::tests(&options) else {
            panic!("not a test step")
        };
        assert!(words.contains(&"long"));
        assert_eq!(variables, [("MISSION_TEST_LONG", "1")]);
    }

    #[test]
    fn all_agents_runs_what_is_ignored_otherwise_as_a_step_of_its_own() {
        let options = Options { all_agents: true, ..Options::default() };
        assert!(names(&options).contains(&"all agents"));
        let Work::Tests(words, _) = all_agents() else { panic!("not a test step") };
        assert!(words.windows(2).any(|it| it == ["--run-ignored", "only"]));
    }

    #[test]
    fn every_step_that_compiles_uses_the_release_profile() {
        for step in steps(&Options::default()) {
            match step.work {
                Work::Cargo(words, _) if !["fmt", "deny"].contains(&words[0]) => {
                    assert!(words.contains(&"--release"))
                }
                Work::Tests(words, _) => assert!(words.contains(&"--release")),
                Work::Cargo(..) | Work::House | Work::Browser | Work::Advisories => {}
            }
        }
    }

    #[test]
    fn the_summary_names_what_failed_and_repeats_the_runners_last_words() {
        let outcome = |name, verdict, told: &[&str]| Outcome {
            name,
            verdict,
            took: Duration::from_millis(1500),
            told: told.iter().map(|line| (*line).to_owned()).collect(),
        };
        let outcomes = [
            outcome("format", Verdict::Passed, &[]),
            outcome("tests", Verdict::Failed, &["Summary: 2 passed, 1 failed"]),
            outcome("advisories", Verdict::Unknown, &[]),
        ];
        assert_eq!(
            summary(&outcomes, Duration::from_secs(3)),
            "\n== summary\n\
             format     ok          1.5 s\n\
             tests      FAILED      1.5 s\n\
             advisories unknown     1.5 s\n\
             Summary: 2 passed, 1 failed\n\
             FAILED: tests (unknown: advisories) in 3.0 s\n"
        );
    }
}
