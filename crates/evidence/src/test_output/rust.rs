//! `cargo test` and `cargo nextest`.

use super::{TestCount, Told, before, sum};

pub(super) fn read(lines: &[&str]) -> Told {
    sum(lines.iter().filter_map(|line| libtest(line).or_else(|| nextest(line))))
}

/// `test result: ok. 5 passed; 0 failed; 1 ignored; …` at the start of a line: nextest shows the same line of a
/// failed test's own binary, indented.
fn libtest(line: &str) -> Option<TestCount> {
    let (_, list) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let list = list.contains(" passed").then_some(list)?;
    Some(TestCount::of(before(list, "passed"), before(list, "failed"), before(list, "ignored")))
}

/// `Summary [   0.555s] 17 tests run: 16 passed (1 slow), 1 failed, 2 skipped`, or `9/17 tests run: …`.
fn nextest(line: &str) -> Option<TestCount> {
    if line.trim() == "error: no tests to run" {
        return Some(TestCount::default());
    }
    let (_, rest) = line.trim_start().strip_prefix("Summary [")?.split_once("] ")?;
    let (run, list) = rest.split_once(" run: ")?;
    let ran = run.split(['/', ' ']).next()?.parse().ok()?;
    let passed = before(list, "passed").min(ran);
    Some(TestCount::of(passed, ran - passed, before(list, "skipped")))
}
