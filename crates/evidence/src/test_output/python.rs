//! pytest and unittest.

use super::{TestCount, Told, before, sum};

pub(super) fn read(lines: &[&str]) -> Told {
    let unittests = lines
        .iter()
        .enumerate()
        .filter_map(|(at, line)| unittest(line, lines.get(at + 1..).unwrap_or_default()));
    sum(lines.iter().filter_map(|line| pytest(line)).chain(unittests))
}

/// `=== 1 failed, 5 passed, 2 skipped in 0.12s ===`, or the same without the frame.
fn pytest(line: &str) -> Option<TestCount> {
    let text = line.trim().trim_matches('=').trim();
    let (list, took) = text.rsplit_once(" in ")?;
    let seconds = took.split(' ').next()?.strip_suffix('s')?;
    seconds.parse::<f64>().ok()?;
    if list == "no tests ran" {
        return Some(TestCount::default());
    }
    let words =
        ["passed", "failed", "skipped", "error", "errors", "xfailed", "xpassed", "deselected"];
    let is_word = |part: &str| {
        part.trim().split_once(' ').is_some_and(|(number, word)| {
            number.parse::<u64>().is_ok() && (words.contains(&word) || word.starts_with("warning"))
        })
    };
    if !list.split(',').all(is_word) {
        return None;
    }
    let of =
        |names: &[&str]| names.iter().map(|name| before(list, name)).fold(0, u64::saturating_add);
    Some(TestCount::of(
        of(&["passed", "xfailed", "xpassed"]),
        of(&["failed", "error", "errors"]),
        of(&["skipped"]),
    ))
}

/// `Ran 5 tests in 0.001s`, and after it `OK (skipped=1)` or `FAILED (failures=1, errors=1)`.
fn unittest(line: &str, after: &[&str]) -> Option<TestCount> {
    let (number, rest) = line.strip_prefix("Ran ")?.split_once(" test")?;
    let ran: u64 = number.parse().ok()?;
    rest.contains(" in ").then_some(())?;
    let verdict = after.iter().find(|line| !line.trim().is_empty()).copied().unwrap_or_default();
    let list = verdict.split_once('(').map_or("", |(_, list)| list.trim_end_matches(')'));
    let of = |name: &str| {
        let found = list.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        found.and_then(|number| number.parse().ok()).unwrap_or(0_u64)
    };
    let skipped = of("skipped").min(ran);
    let failed = of("failures").saturating_add(of("errors")).min(ran - skipped);
    Some(TestCount::of(ran - skipped - failed, failed, skipped))
}
