//! Any text at all is answered, never with a panic.

use proptest::prelude::*;

use super::sources;
use crate::config::{Found, commented_template, explain, home, rules};
use crate::config::{quantity, tree};

/// Reads `text` in every role that a file can have; places must lie within the text.
fn read(text: &str) {
    let (as_home, as_project) = sources(text, text);
    let found = Found::default();
    let _ = home(as_home);
    let lines = text.matches('\n').count() + 1;
    for problem in rules("x", Some(as_home), Some(as_project), &found).err().into_iter().flatten() {
        assert!(problem.line >= 1 && problem.column >= 1, "{problem}");
        assert!(problem.line as usize <= lines, "{problem}");
        assert!(!problem.message.contains('\n'), "{problem}");
        assert_ne!(problem.file, "built-in", "{problem}");
    }
    let _ =
        explain("workflow.standard.gate.plan.role", "x", Some(as_home), Some(as_project), &found);
}

/// The contract's file with one piece replaced.
fn mended() -> impl Strategy<Value = String> {
    let text = include_str!("contract.toml");
    let marks: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let piece = prop_oneof![
        "[\\[\\]{}=\",.#\n a-z0-9-]{0,6}",
        Just("\"".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("[workflow.standard]".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    (0..marks.len(), 0..40_usize, piece).prop_map(move |(at, length, piece)| {
        let (from, to) = (marks[at], marks[(at + length).min(marks.len() - 1)]);
        format!("{}{piece}{}", &text[..from], &text[to..])
    })
}

/// Tables of the right names with values of any kind.
fn shaped() -> impl Strategy<Value = String> {
    let table = prop::sample::select(vec![
        "project",
        "budget",
        "role.qa",
        "role.x",
        "runtime.codex",
        "runtime.x",
        "policy.default",
        "workflow.standard",
        "workflow.x",
        "workflow.standard.gate.plan",
        "schedule.x",
        "project.preview",
    ]);
    let key = prop::sample::select(vec![
        "key",
        "checks",
        "setup",
        "preview",
        "ticket",
        "day",
        "lane",
        "time_zone",
        "runtimes",
        "slots",
        "evidence",
        "driver",
        "command",
        "env",
        "limits",
        "guard",
        "protect",
        "gates",
        "gate",
        "role",
        "judges",
        "decided_by",
        "sends_back_to",
        "requires",
        "cron",
        "pages",
        "widths",
        "default_branch",
        "instructions",
    ]);
    let value = prop::sample::select(vec![
        "1",
        "-1",
        "1.5",
        "nan",
        "true",
        "\"x\"",
        "\"\"",
        "[]",
        "[1]",
        "[\"x\"]",
        "[[]]",
        "{}",
        "{ x = 1 }",
        "[{}]",
        "[{ id = \"x\", role = \"qa\" }]",
        "[{ id = \"a\", role = \"controller\", judges = \"a\" }]",
        "\"controller\"",
        "\"coder\"",
        "2026-01-01",
        "{ set = 1 }",
        "{ set = { A = 1 } }",
        "0x10",
        "\"a..b\"",
    ]);
    let entry = (key, value).prop_map(|(key, value)| format!("{key} = {value}\n"));
    let entries = prop::collection::vec(entry, 0..4).prop_map(|it| it.concat());
    let tables = (table, entries).prop_map(|(table, entries)| format!("[{table}]\n{entries}"));
    prop::collection::vec(tables, 1..4).prop_map(|it| it.concat())
}

proptest! {
    #[test]
    fn arbitrary_text_is_answered(text in any::<String>()) {
        read(&text);
    }

    #[test]
    fn a_damaged_file_is_answered(text in mended()) {
        read(&text);
    }

    #[test]
    fn known_tables_with_any_values_are_answered(text in shaped()) {
        read(&text);
    }

    #[test]
    fn quantities_of_any_text_are_answered(text in "[0-9a-zA-Z *,/@-]{0,30}") {
        let _ = (quantity::seconds(&text), quantity::bytes(&text), quantity::cron_fault(&text));
    }

    #[test]
    fn a_template_of_anything_found_is_a_good_file(
        folder in any::<String>(),
        checks in prop::collection::vec("[^\u{0}]*[a-z][^\u{0}]*", 0..3),
        programs in prop::collection::vec(any::<String>(), 0..3),
    ) {
        let found = Found { default_branch: None, programs, checks: checks.clone() };
        let text = commented_template(&folder, &found);
        let (_, source) = sources("", &text);
        let rules = rules(&folder, None, Some(source), &found).unwrap();
        let runs: Vec<_> = rules.checks.into_iter().map(|check| check.run).collect();
        prop_assert_eq!(runs, checks);
    }

    #[test]
    fn a_rendered_value_reads_as_itself(text in any::<String>()) {
        let node = tree::Node::built_in(tree::Value::Text(text.clone()));
        let written = format!("x = {}\n", node.render());
        let back = tree::parse(tree::Layer::Home, &written).unwrap();
        prop_assert_eq!(back.find(&["x"]).and_then(tree::Node::as_text), Some(text.as_str()));
    }
}

#[test]
fn quantities_are_read_as_people_write_them() {
    let seconds = ["2h", "10m", "90s", "500ms", "1500ms", "1h30m", "2d"].map(quantity::seconds);
    assert_eq!(seconds, [7200, 600, 90, 1, 2, 5400, 172_800].map(Ok));
    let bytes = ["8GiB", "512MiB", "1 kB", "7B"].map(quantity::bytes);
    assert_eq!(bytes, [8 << 30, 512 << 20, 1000, 7].map(Ok));
    for text in ["", "2", "h", "2x", "99999999999999999999h", "9999999999999999d", "-1s", "1.5h"] {
        assert!(quantity::seconds(text).is_err(), "{text}");
    }
    for text in ["", "8", "8gb", "0GiB", "99999999999TiB"] {
        assert!(quantity::bytes(text).is_err(), "{text}");
    }
}

#[test]
fn cron_lines_are_checked_field_by_field() {
    for good in ["0 2 * * *", "*/15 8-18 1,15 jan-mar MON-FRI", "@daily", "0 0 * * 7"] {
        assert_eq!(quantity::cron_fault(good), None, "{good}");
    }
    for bad in [
        "",
        "* * * *",
        "60 * * * *",
        "* * 0 * *",
        "*/0 * * * *",
        "5-1 * * * *",
        "a * * * *",
        "@sometimes",
    ] {
        assert!(quantity::cron_fault(bad).is_some(), "{bad}");
    }
}
