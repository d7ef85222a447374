//! All settings at once say the same as `explain` does of each.

use crate::config::{Found, Source, explain, settings};

#[test]
fn every_setting_is_explained_alike_one_by_one_and_all_at_once() {
    let home = Source { name: "config.toml", text: "[role.qa]\nslots = 4\n" };
    let text = "[project]\nkey = \"MC\"\n\n[workflow.standard.gate.qa_review]\nmax_rounds = 5\n";
    let project = Source { name: "mission.toml", text };
    let all = settings("x", Some(home), Some(project), &Found::default());
    assert!(all.len() > 50, "{} settings", all.len());
    for setting in &all {
        let one = explain(&setting.key, "x", Some(home), Some(project), &Found::default());
        let one = one.unwrap_or_else(|| panic!("`{}` is not explained", setting.key));
        assert_eq!((&one.value, &one.from), (&setting.value, &setting.from), "{}", setting.key);
    }
    let from = |key: &str| all.iter().find(|it| it.key == key).map(|it| it.from.as_str());
    assert_eq!(from("role.qa.slots"), Some("config.toml:2"));
    assert_eq!(from("workflow.standard.gate.qa_review.max_rounds"), Some("mission.toml:5"));
    assert_eq!(from("workflow.standard.gate.plan.role"), Some("built-in"));
    let table = |key: &str| all.iter().find(|it| it.key == key).map(|it| it.table.as_str());
    assert_eq!(table("role.qa.slots"), Some("config.toml:1"));
    assert_eq!(table("workflow.standard.gate.plan.role"), Some("mission.toml:4"));
    assert_eq!(table("role.coder.slots"), Some("built-in"));
}

#[test]
fn a_file_that_is_no_toml_is_left_out() {
    let broken = Source { name: "mission.toml", text: "[project\n" };
    let all = settings("x", None, Some(broken), &Found::default());
    assert!(all.iter().all(|it| it.from == "built-in"));
    assert!(all.iter().any(|it| it.key == "project.key"));
}
