//! `go test`, with `-v` and with `-json`. Without either, a package's line says nothing about its number of tests.

use super::{TestCount, Told, sum};

pub(super) fn read(lines: &[&str]) -> Told {
    let json: Vec<TestCount> = lines.iter().filter_map(|line| json(line)).collect();
    if lines.iter().any(|line| is_json(line)) {
        return if json.is_empty() { Told::Count(TestCount::default()) } else { sum(json) };
    }
    let packages: Vec<bool> = lines.iter().filter_map(|line| package(line)).collect();
    if packages.is_empty() {
        return Told::Nothing;
    }
    if lines.iter().any(|line| line.starts_with("=== RUN")) {
        return sum(lines.iter().filter_map(|line| verbose(line)));
    }
    match packages.iter().any(|has_tests| *has_tests) {
        true => Told::Unknown,
        false => Told::Count(TestCount::default()),
    }
}

/// `--- PASS: TestName (0.00s)`; subtests are indented and not counted again.
fn verbose(line: &str) -> Option<TestCount> {
    let (word, _) = line.strip_prefix("--- ")?.split_once(": ")?;
    counted(&word.to_ascii_lowercase())
}

/// Returns whether a package's line (`ok`, `FAIL`, `?`) may stand for tests, or `None` for any other line.
fn package(line: &str) -> Option<bool> {
    let rest = ["ok  \t", "FAIL\t", "?   \t", "---\t", "\t"]
        .iter()
        .find_map(|mark| line.strip_prefix(mark))?;
    let is_package = rest.split('\t').nth(1).is_some_and(|field| {
        let field = field.trim();
        field == "(cached)"
            || field.starts_with('[')
            || field.ends_with('s')
            || field.starts_with("coverage:")
    });
    let is_without = line.contains("[no test files]") || line.contains("[no tests to run]");
    is_package.then_some(!is_without)
}

fn is_json(line: &str) -> bool {
    line.starts_with("{\"") && line.contains("\"Action\":\"") && line.contains("\"Package\":\"")
}

/// `{"Time":"…","Action":"pass","Package":"p","Test":"TestName","Elapsed":0}`.
fn json(line: &str) -> Option<TestCount> {
    if !is_json(line) {
        return None;
    }
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    let test = event.get("Test")?.as_str()?;
    (!test.contains('/')).then_some(())?;
    counted(event.get("Action")?.as_str()?)
}

fn counted(word: &str) -> Option<TestCount> {
    match word {
        "pass" => Some(TestCount::of(1, 0, 0)),
        "fail" => Some(TestCount::of(0, 1, 0)),
        "skip" => Some(TestCount::of(0, 0, 1)),
        _ => None,
    }
}
