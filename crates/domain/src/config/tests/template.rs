//! The file that `mission init` writes says what holds anyway.

use super::found;
use crate::config::{Found, Source, commented_template, rules};
use crate::rules::{Check, Independence, Rules};

fn read(found: &Found) -> (Rules, Rules) {
    let text = commented_template("web-shop", found);
    let source = Source { name: "mission.toml", text: &text };
    let written = rules("web-shop", None, Some(source), found).unwrap();
    (rules("web-shop", None, None, found).unwrap(), written)
}

fn rust_and_two_agents() -> Found {
    Found {
        default_branch: Some("trunk".into()),
        checks: vec!["cargo test".into(), "npm test -- \"a b\"".into()],
        ..found(&["codex", "claude", "tmux"])
    }
}

#[test]
fn the_template_reads_as_this() {
    let mut alone = rust_and_two_agents();
    alone.programs = vec!["claude".into()];
    insta::assert_snapshot!(commented_template("web-shop", &alone));
}

#[test]
fn the_template_adds_the_checks_and_changes_nothing_else() {
    let (mut plain, written) = read(&rust_and_two_agents());
    let check = |run: &str| Check { run: run.into(), advisory: false };
    plain.checks = vec![check("cargo test"), check("npm test -- \"a b\"")];
    assert_eq!(written, plain);
    let (plain, written) = read(&Found::default());
    assert_eq!(written, plain);
}

#[test]
fn with_one_agent_reviews_ask_for_another_principal_only() {
    let (mut plain, written) = read(&found(&["claude", "tmux"]));
    for gate in plain.workflows.values_mut().flat_map(|it| &mut it.gates) {
        gate.independent = gate.independent.map(|_| Independence::Principal);
    }
    assert_eq!(written, plain);
}

/// Lines behind `# ` that are settings, not sentences.
fn uncommented(text: &str) -> String {
    let setting = |line: &str| {
        let word = line.split([' ', '.']).next().unwrap_or_default();
        let is_key =
            line.contains(" = ") && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        is_key || line.starts_with('[') || line.starts_with("  {") || line == "]"
    };
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if setting(rest) => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn every_commented_line_can_be_uncommented_as_it_stands() {
    let found = rust_and_two_agents();
    let template = commented_template("web-shop", &found);
    let text = uncommented(&template);
    assert!(text.lines().filter(|line| !line.starts_with('#')).count() > 45, "{text}");
    let source = Source { name: "mission.toml", text: &text };
    let rules = rules("web-shop", None, Some(source), &found);
    assert_eq!(super::told(rules), "accepted", "{text}");
}
