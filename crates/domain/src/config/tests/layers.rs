//! Which of the three layers wins.

use super::{both, project, sources, told};
use crate::config::{Found, HomeConfig, Source, explain, home, instructions_path, rules};
use crate::ids::{GateId, RoleId, RuntimeId, WorkflowId};
use crate::rules::{Driver, EvidenceKind, GateRule, Independence, Rules};

fn gate<'r>(rules: &'r Rules, workflow: &str, gate: &str) -> &'r GateRule {
    let workflow = &rules.workflows[&WorkflowId::new(workflow)];
    &workflow.gates[workflow.position(&GateId::new(gate)).unwrap()]
}

#[test]
fn tables_merge_key_by_key_and_the_later_layer_wins() {
    let home = "[runtime.codex]\nmodel = \"a\"\nlimits = { wall = \"1h\", memory = \"1GiB\" }\n[role.coder]\nslots = 3\n";
    let text = "[runtime.codex]\nmodel = \"b\"\nlimits = { wall = \"30m\" }\n";
    let rules = both(home, text).unwrap();
    let codex = &rules.runtimes[&RuntimeId::new("codex")];
    assert_eq!(codex.model.as_deref(), Some("b"));
    assert_eq!(codex.limits.wall_s, Some(1800));
    assert_eq!(codex.limits.memory_bytes, Some(1 << 30));
    assert_eq!(codex.limits.stall_s, Some(1200));
    assert_eq!(codex.command[0], "codex");
    assert_eq!(rules.roles[&RoleId::new("coder")].slots, 3);
}

#[test]
fn explain_names_the_layer_that_won() {
    let (home, project) =
        sources("[runtime.codex]\nmodel = \"a\"\n", "\n\n[role.coder]\nslots = 4\n");
    let from = |key| explain(key, "x", Some(home), Some(project), &Found::default()).unwrap().from;
    assert_eq!(from("runtime.codex.model"), "config.toml:2");
    assert_eq!(from("runtime.codex"), "config.toml:1");
    assert_eq!(from("role.coder.slots"), "mission.toml:4");
    assert_eq!(from("role.coder.permission"), "built-in");
}

#[test]
fn a_key_of_the_home_alone_is_explained_from_its_file() {
    let text = "people = [\"ada\"]\nlisten = \"127.0.0.1:0\"\ndatabase_url = \"postgres://ada:s3cret@db/x\"\n";
    let (home, project) = sources(text, "");
    let told = |key, home| {
        let explained = explain(key, "x", home, Some(project), &Found::default());
        explained.map(|it| format!("{} {}", it.value, it.from))
    };
    assert_eq!(told("listen", Some(home)).unwrap(), "\"127.0.0.1:0\" config.toml:2");
    assert_eq!(told("people", Some(home)).unwrap(), "[\"ada\"] config.toml:1");
    let hidden = told("database_url", Some(home)).unwrap();
    assert!(hidden.ends_with("config.toml:3") && !hidden.contains("s3cret"), "{hidden}");
    assert_eq!(told("listen", None).unwrap(), "\"127.0.0.1:4207\" built-in");
    assert_eq!(told("database_url", None), None);
}

#[test]
fn a_file_that_is_no_utf8_is_told_with_line_and_column() {
    let told = |bytes: &[u8]| crate::config::text("mission.toml", bytes.to_vec()).unwrap_err();
    assert_eq!(
        told(b"[project]\nkey = \"caf\xe9\"\n").to_string(),
        "mission.toml:2:11: the byte 0xe9 is not UTF-8; save the file as UTF-8"
    );
    assert_eq!(told(b"\xff\xfe[").to_string().split(": ").next(), Some("mission.toml:1:1"));
    assert_eq!(crate::config::text("x", "caf\u{e9}".into()).unwrap(), "caf\u{e9}");
}

#[test]
fn an_override_changes_one_key_of_one_gate() {
    let text = "[workflow.standard.gate.qa_review]\nindependent = \"model_family\"\n";
    let (before, after) = (project("").unwrap(), project(text).unwrap());
    let mut expected = gate(&before, "standard", "qa_review").clone();
    expected.independent = Some(Independence::ModelFamily);
    assert_eq!(*gate(&after, "standard", "qa_review"), expected);
    assert_eq!(gate(&after, "quick-fix", "qa_review"), gate(&before, "quick-fix", "qa_review"));
}

#[test]
fn an_override_of_the_home_yields_to_the_projects_own_list_of_gates() {
    let home = "[workflow.standard.gate.qa_review]\nmax_rounds = 9\n[workflow.standard.gate.plan]\nmax_rounds = 9\n";
    assert_eq!(gate(&both(home, "").unwrap(), "standard", "qa_review").max_rounds, 9);
    let text = "[workflow.standard]\ngates = [\n { id = \"implementation\", role = \"coder\" },\n { id = \"qa_review\", role = \"qa\", judges = \"implementation\", max_rounds = 2 }]\n";
    let rules = both(home, text).unwrap();
    assert_eq!(gate(&rules, "standard", "qa_review").max_rounds, 2);
    assert_eq!(rules.workflows[&WorkflowId::new("standard")].gates.len(), 2);
}

#[test]
fn a_gates_requires_overrides_its_roles_evidence() {
    let text = "[role.qa]\nevidence = [\"findings\", \"risk\"]\n[workflow.docs.gate.qa_review]\nrequires = \"findings\"\n";
    let rules = project(text).unwrap();
    let of = |workflow| gate(&rules, workflow, "qa_review").requires.clone();
    assert_eq!(of("standard"), [EvidenceKind::Findings, EvidenceKind::Risk]);
    assert_eq!(of("docs"), [EvidenceKind::Findings]);
}

#[test]
fn a_validator_may_decide_on_the_plan() {
    let rules =
        project("[workflow.standard.gate.plan]\ndecided_by = \"role:validator\"\n").unwrap();
    assert_eq!(gate(&rules, "standard", "plan").decided_by[0].to_string(), "role:validator");
}

#[test]
fn what_a_gate_leaves_out_follows_from_its_role() {
    let text = "[role.writer]\npermission = \"write\"\n[workflow.mine]\ngates = [\n { id = \"idea\", role = \"planner\" },\n { id = \"idea_review\", role = \"validator\", judges = \"idea\" },\n { id = \"text\", role = \"writer\" },\n { id = \"text_review\", role = \"qa\", judges = [\"text\"] },\n { id = \"tests\", role = \"controller\" },\n]\n";
    let rules = project(text).unwrap();
    let of = |id| {
        let gate = gate(&rules, "mine", id);
        let level = gate.independent.map(|level| level.to_string());
        format!("{} {} {}", gate.decided_by[0], gate.sends_back_to, level.unwrap_or_default())
    };
    assert_eq!(of("idea"), "person idea ");
    assert_eq!(of("idea_review"), "role:validator idea runtime");
    assert_eq!(of("text"), "person text ");
    assert_eq!(of("text_review"), "role:qa text runtime");
    assert_eq!(of("tests"), "controller text ");
    assert!(!rules.workflows[&WorkflowId::new("mine")].lands());
}

#[test]
fn gates_that_no_role_works_can_stand_alone_as_a_campaign_needs() {
    let text = "[workflow.big]\ngates = [\n { id = \"plan\", role = \"controller\", decided_by = \"person\" },\n { id = \"final\", role = \"controller\" },\n]\n";
    assert_eq!(told(project(text)), "accepted");
}

#[test]
fn a_limit_can_be_lifted_and_people_have_none() {
    let rules = project(
        "[runtime.codex]\nlimits = { stall = \"none\" }\n[runtime.claude]\ndriver = \"person\"\n",
    )
    .unwrap();
    let of = |id: &str| &rules.runtimes[&RuntimeId::new(id)];
    assert_eq!((of("codex").limits.stall_s, of("codex").limits.wall_s), (None, Some(7200)));
    assert_eq!((of("person").limits.stall_s, of("person").limits.wall_s), (None, None));
    assert_eq!((of("claude").driver, of("claude").command.len()), (Driver::Person, 0));
}

#[test]
fn the_digest_follows_what_the_file_says_and_not_how() {
    let digest = |text: &str| project(text).unwrap().digest();
    assert_eq!(digest("[role.coder]\nslots = 2 # two\n"), digest(""));
    assert_ne!(digest("[role.coder]\nslots = 3\n"), digest(""));
}

#[test]
fn a_home_without_a_file_listens_on_loopback() {
    assert_eq!(home(Source { name: "config.toml", text: "" }).unwrap(), HomeConfig::default());
    assert_eq!(HomeConfig::default().listen, "127.0.0.1:4207");
}

#[test]
fn a_home_names_its_address_database_and_people_besides_shared_tables() {
    let text = "listen = \"[::1]:0\"\ndatabase_url = \"postgres://mc@db/mc\"\npeople = [\"ada\", \"bo\"]\n[runtime.codex]\nmodel = \"m\"\n";
    let config = home(Source { name: "config.toml", text }).unwrap();
    assert_eq!(config.listen, "[::1]:0");
    assert_eq!(config.database_url.as_deref(), Some("postgres://mc@db/mc"));
    assert_eq!(config.people, ["ada", "bo"]);
    let source = Source { name: "config.toml", text };
    assert_eq!(told(rules("x", Some(source), None, &Found::default())), "accepted");
}

#[test]
fn instructions_are_a_path_or_the_text_itself() {
    assert_eq!(instructions_path("roles/coder.md"), Some("roles/coder.md"));
    assert_eq!(instructions_path("coder.md"), Some("coder.md"));
    assert_eq!(instructions_path("Review src/lib.rs"), None);
    assert_eq!(instructions_path(""), None);
}
