//! A `mission.toml` that cannot be used: it is said where, and the last good one stays in force.

use crate::place::Place;

const GOOD: &str = "[project]\nkey = \"MC\"\nworkflow = \"quick-fix\"\nchecks = [\"true\"]\n";

#[test]
fn a_broken_configuration_is_told_with_line_and_column_and_the_last_good_one_holds() {
    let place = Place::new();
    let at = place.project("work", GOOD);
    let server = place.up();
    place.files(&at, "Before", &[]);
    place.commits(&at, "[project]\nkey = \"MC\"\nchecks = [\"true\"\nworkflow = 7\n");
    place.mission(&at, &["check"]).ends_with(1).says(&[
        "mission.toml:4:1:",
        "not TOML",
        "5 problems",
    ]);
    let after = place.files(&at, "After", &[]);
    assert_eq!(place.ticket(&at, &after)["workflow"], "quick-fix");
    let looks = [
        &["project", "list"][..],
        &["needs-you"],
        &["ticket", "list"],
        &["lane", "list"],
        &["digest"],
    ];
    for look in looks.into_iter().chain([&["ticket", "why", &after][..]]) {
        place.mission(&at, look).succeeds().says(&["mission.toml:4:1:", "last good"]);
    }
    place
        .mission(&at, &["ticket", "list", "--project", "NOPE"])
        .ends_with(1)
        .says(&["`NOPE`", "`MC`"]);
    place.mission(&at, &["doctor"]).says(&["the last good configuration holds: mission.toml:4:1:"]);
    place.commits(&at, GOOD);
    place.mission(&at, &["check"]).succeeds();
    server.stops(&place);
    place.is_whole();
}

#[test]
fn a_configuration_that_was_never_good_registers_nothing() {
    let place = Place::new();
    let at = place.repository("work", "[project]\nkey = \"MC\"\nworkflow = \"no-such\"\n");
    place
        .mission(&at, &["init", "--yes"])
        .ends_with(3)
        .says(&["mission.toml:3:", "there is no workflow `no-such`"]);
    let projects = place.mission(&at, &["project", "list", "--json"]).succeeds().json();
    assert_eq!(projects["projects"], serde_json::json!([]));
}

#[test]
fn an_unknown_role_or_gate_is_told_with_those_that_are_known() {
    let place = Place::new();
    let at = place.project("work", GOOD);
    let rules = "[workflow.mine]\ngates = [\n  { id = \"implementation\", role = \"nobody\", decided_by = [\"controller\"] },\n]\n\
                 [workflow.standard.gate.nope]\ntimeout = \"1h\"\n";
    std::fs::write(at.join("mission.toml"), format!("{GOOD}{rules}")).unwrap();
    place.mission(&at, &["check"]).ends_with(1).says(&[
        "mission.toml:7:35: there is no role `nobody`",
        "`validator`",
        "mission.toml:9:",
        "has no gate `nope`",
        "`final_validation`",
    ]);
    let key = place.files(&at, "A ticket", &[]);
    let pass = ["gate", "pass", &key, "nope", "--reason", "x"];
    place.mission(&at, &pass).ends_with(1).says(&["no gate `nope`"]);
    place.mission(&at, &["lane", "pause", "nobody"]).ends_with(1).says(&["no lane `nobody`"]);
    let say = place.mission(&at, &["ticket", "new", "x", "--workflow", "nope"]);
    say.ends_with(2).says(&["`nope`"]);
}

#[test]
fn a_workflow_in_which_a_role_decides_on_its_own_deliverable_is_refused() {
    let place = Place::new();
    let at = place.project("work", GOOD);
    let rules = "[workflow.mine]\ngates = [\n  { id = \"implementation\", role = \"coder\", decided_by = [\"role:coder\"] },\n]\n";
    place.commits(&at, &format!("{GOOD}{rules}"));
    place
        .mission(&at, &["check"])
        .ends_with(1)
        .says(&["mission.toml:7:58: no role decides on its own deliverable"]);
    let say = place.mission(&at, &["ticket", "new", "x", "--workflow", "mine"]);
    assert_ne!(say.code, Some(0), "{say:?}");
}

#[test]
fn a_branch_name_that_leads_out_of_the_refs_is_refused() {
    let place = Place::new();
    let rules = "[project]\nkey = \"MC\"\ndefault_branch = \"../evil\"\n";
    let at = place.repository("work", rules);
    place
        .mission(&at, &["init", "--yes"])
        .ends_with(3)
        .says(&["mission.toml:3:18", "the branch `../evil` holds `..`"]);
    assert!(!at.join(".git/evil").exists() && !at.join("evil").exists());
    let refs = place.git(&at, &["for-each-ref", "--format=%(refname)"]);
    assert_eq!(refs, "refs/heads/main");
}
