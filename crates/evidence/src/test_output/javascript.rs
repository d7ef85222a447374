//! `node --test` (TAP and spec), jest, vitest and mocha.

use super::{TestCount, Told, before, sum};

pub(super) fn read(lines: &[&str]) -> Told {
    let node: Vec<TestCount> = node(lines, "# ").chain(node(lines, "ℹ ")).collect();
    let tap = if node.is_empty() { tap(lines) } else { None };
    let totals = lines.iter().filter_map(|line| jest(line).or_else(|| vitest(line)));
    sum(node.into_iter().chain(tap).chain(totals).chain(mocha(lines)))
}

/// `# tests 5` and in the lines after it `# pass 4`, `# fail 1`, … : one block for each run.
fn node<'a>(lines: &'a [&'a str], mark: &'a str) -> impl Iterator<Item = TestCount> + 'a {
    let block = move |at: usize| {
        lines.get(at)?.strip_prefix(mark)?.strip_prefix("tests ")?.trim().parse::<u64>().ok()?;
        let after = lines.get(at + 1..).unwrap_or_default();
        let after: Vec<&str> = after.iter().map_while(|line| line.strip_prefix(mark)).collect();
        let of = |name: &str| {
            let number = after.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            number.and_then(|number| number.trim().parse::<u64>().ok())
        };
        let or_0 = |name: &str| of(name).unwrap_or(0);
        let failed = or_0("fail").saturating_add(or_0("cancelled"));
        let skipped = or_0("skipped").saturating_add(or_0("todo"));
        Some(TestCount::of(of("pass")?, failed, skipped))
    };
    (0..lines.len()).filter_map(block)
}

/// Any other TAP: `ok 1 - …` and `not ok 2 - …` at the start of a line.
fn tap(lines: &[&str]) -> Option<TestCount> {
    lines.iter().any(|line| line.starts_with("TAP version ")).then_some(())?;
    let mut count = TestCount::default();
    for line in lines {
        let is_ok = line.strip_prefix("ok ").is_some_and(starts_with_number);
        let is_not = line.strip_prefix("not ok ").is_some_and(starts_with_number);
        if is_ok || is_not {
            let upper = line.to_ascii_uppercase();
            match upper.contains("# SKIP") || upper.contains("# TODO") {
                true => count.skipped += 1,
                false => count = count.plus(TestCount::of(is_ok.into(), is_not.into(), 0)),
            }
        }
    }
    Some(count)
}

fn starts_with_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// `Tests:       1 failed, 2 skipped, 5 passed, 8 total`.
fn jest(line: &str) -> Option<TestCount> {
    let list = line.trim_start().strip_prefix("Tests:")?;
    list.trim_end().ends_with(" total").then(|| {
        let left_out = before(list, "skipped").saturating_add(before(list, "todo"));
        TestCount::of(before(list, "passed"), before(list, "failed"), left_out)
    })
}

/// `Tests  1 failed | 5 passed | 2 skipped (8)`.
fn vitest(line: &str) -> Option<TestCount> {
    let list = line.trim().strip_prefix("Tests ")?;
    let is_summary =
        list.ends_with(')') && list.trim_start().starts_with(|c: char| c.is_ascii_digit());
    let left_out = before(list, "skipped").saturating_add(before(list, "todo"));
    is_summary.then(|| TestCount::of(before(list, "passed"), before(list, "failed"), left_out))
}

/// `5 passing (10ms)`, and in the lines after it `1 failing` and `2 pending`.
fn mocha(lines: &[&str]) -> Vec<TestCount> {
    let number =
        |line: &str, word: &str| line.trim().strip_suffix(word)?.trim().parse::<u64>().ok();
    let block = |at: usize| {
        let (head, took) = lines.get(at)?.split_once(" passing (")?;
        took.trim_end().ends_with(')').then_some(())?;
        let passed = head.trim().parse().ok()?;
        let after = lines.get(at + 1..).unwrap_or_default();
        let after = after.get(..after.len().min(3)).unwrap_or_default();
        let of = |word| after.iter().find_map(|line| number(line, word)).unwrap_or(0);
        Some(TestCount::of(passed, of("failing"), of("pending")))
    };
    (0..lines.len()).filter_map(block).collect()
}
