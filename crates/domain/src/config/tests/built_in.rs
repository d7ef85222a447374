//! What holds with an empty file.

use super::{found, project, sources};
use crate::config::{Found, explain, rules};
use crate::ids::{GateId, RoleId, WorkflowId};
use crate::rules::{EvidenceKind, GateRule, Permission, Rules, Workflow};

fn joined<T: ToString>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    if items.is_empty() { "-".into() } else { items.join(" ") }
}

fn row(gate: &GateRule) -> String {
    let independent = gate.independent.map_or("-".into(), |level| level.to_string());
    format!(
        "{:17} {:11} {:40} {:23} {:15} {:12} {:12} {:15} {}\n",
        gate.id,
        gate.worker,
        joined(&gate.requires),
        joined(&gate.decided_by),
        joined(&gate.judges),
        independent,
        gate.when,
        gate.sends_back_to,
        gate.max_rounds
    )
}

fn table(workflow: &Workflow) -> String {
    let head = format!(
        "{} (lands: {})\n{:17} {:11} {:40} {:23} {:15} {:12} {:12} {:15} rounds\n",
        workflow.id,
        workflow.lands(),
        "gate",
        "worker",
        "requires",
        "decided_by",
        "judges",
        "independent",
        "when",
        "sends back to"
    );
    head + &workflow.gates.iter().map(row).collect::<String>()
}

#[test]
fn the_built_in_workflows_are_these() {
    let rules = project("").unwrap();
    let tables: Vec<_> = rules.workflows.values().map(table).collect();
    insta::assert_snapshot!(tables.join("\n"));
}

fn lanes(rules: &Rules) -> String {
    let mut page = String::new();
    for role in rules.roles.values() {
        let (runtimes, tools) = (joined(&role.runtimes), joined(&role.tools));
        page.push_str(&format!(
            "{:10} {:5} slots {} mode {} · {runtimes} · {tools} · {}\n",
            role.id,
            role.permission,
            role.slots,
            role.mode,
            joined(&role.evidence)
        ));
    }
    for it in rules.runtimes.values() {
        page.push_str(&format!(
            "{:10} {:7} {:?} env {:?} wall {:?} stall {:?} {}\n",
            it.id,
            it.driver,
            it.command,
            it.env_allow,
            it.limits.wall_s,
            it.limits.stall_s,
            it.lifecycle
        ));
    }
    page
}

#[test]
fn the_built_in_roles_and_runtimes_are_these() {
    insta::assert_snapshot!(lanes(&project("").unwrap()));
}

#[test]
fn an_empty_file_and_no_file_mean_the_same_and_the_key_comes_from_the_folder() {
    let empty = project("").unwrap();
    assert_eq!(empty, rules("mission-control", None, None, &Found::default()).unwrap());
    assert_eq!(empty.key.as_str(), "MC");
    assert_eq!(empty.default_branch, "main");
    assert_eq!(empty.policies["default"].protect, ["main", "release/*"]);
    assert_eq!(empty.policies["default"].approval_expires_s, 86_400);
    assert_eq!(empty.policies["default"].guard.len(), 5);
}

#[test]
fn only_the_coder_may_write_and_each_role_is_told_how_to_report() {
    let rules = project("").unwrap();
    for role in rules.roles.values() {
        let writes = role.permission == Permission::Write;
        assert_eq!(writes, role.id.as_str() == "coder", "{}", role.id);
        assert!(role.instructions.contains("mission report"), "{}", role.id);
        assert_eq!(crate::config::instructions_path(&role.instructions), None, "{}", role.id);
    }
}

#[test]
fn coder_and_reviewers_prefer_different_programs_where_two_are_found() {
    let names = |programs: &[&str], role: &str| {
        let rules = rules("x", None, None, &found(programs)).unwrap();
        joined(&rules.roles[&RoleId::new(role)].runtimes)
    };
    assert_eq!(names(&[], "coder"), "codex claude");
    assert_eq!(names(&[], "qa"), "claude codex");
    assert_eq!(names(&["tmux", "gemini", "claude"], "coder"), "claude gemini");
    assert_eq!(names(&["tmux", "gemini", "claude"], "designer"), "gemini claude");
    assert_eq!(names(&["hermes"], "qa"), "hermes");
    assert_eq!(names(&["tmux"], "qa"), "claude codex");
}

#[test]
fn a_found_branch_is_the_default_branch_and_protected() {
    let found = Found { default_branch: Some("trunk".into()), ..Found::default() };
    let rules = rules("x", None, None, &found).unwrap();
    assert_eq!(rules.default_branch, "trunk");
    assert_eq!(rules.policies["default"].protect, ["trunk", "release/*"]);
}

#[test]
fn the_file_of_the_contract_is_accepted_as_it_stands() {
    let text = include_str!("contract.toml");
    let rules = project(text).unwrap();
    let mine = &rules.workflows[&WorkflowId::new("mine")];
    let review = &mine.gates[3];
    assert_eq!(review.judges, [GateId::new("implementation")]);
    assert_eq!(review.timeout_s, Some(7200));
    assert_eq!(mine.gates[1].requires.len(), 4);
    assert_eq!(mine.gates[0].requires, [EvidenceKind::Plan]);
    assert_eq!(rules.budget.ticket.cost_micros, Some(20_000_000));
    assert_eq!(rules.budget.ticket.tokens, Some(5_000_000));
    assert_eq!(rules.budget.ticket.wall_s, Some(8 * 3600));
    assert_eq!(rules.budget.day.cost_micros, Some(100_000_000));
    let codex = &rules.runtimes[&crate::ids::RuntimeId::new("codex")];
    assert_eq!(codex.model.as_deref(), Some("gpt-5.5"));
    assert_eq!(codex.env_set["FOO"], "bar");
    assert_eq!(codex.limits.memory_bytes, Some(8 << 30));
    assert_eq!(codex.limits.cost_micros, Some(5_000_000));
    assert_eq!(rules.schedules["nightly-audit"].ticket.labels, ["audit"]);
    let preview = rules.preview.unwrap();
    assert_eq!((preview.widths.len(), preview.schemes.len()), (3, 2));
}

#[test]
fn every_value_of_the_contracts_file_is_explained_with_its_line() {
    let text = include_str!("contract.toml");
    let (home, project) = sources("", text);
    let keys = [
        "project.key",
        "project.setup.timeout",
        "runtime.codex.model",
        "runtime.codex",
        "runtime.codex.env.set.FOO",
        "runtime.claude.limits.wall",
        "role.coder.slots",
        "role.qa.slots",
        "workflow.mine.gate.qa_review.max_rounds",
        "workflow.mine.gate.implementation.requires",
        "workflow.standard.gate.qa_review.independent",
        "policy.default.protect",
        "schedule.nightly-audit.cron",
        "runtime.claude.model",
        "nonsense.key",
    ];
    let line = |key: &str| match explain(key, "x", Some(home), Some(project), &Found::default()) {
        Some(it) => format!("{key} = {} ({})", it.value, it.from),
        None => format!("{key} is not set"),
    };
    insta::assert_snapshot!(keys.map(line).join("\n"));
}
