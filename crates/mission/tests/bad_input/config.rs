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

#[test]
fn a_second_init_without_a_terminal_says_that_the_trust_given_before_stays() {
    let place = Place::new();
    let at = place.repository("work", GOOD);
    place.mission(&at, &["init"]).succeeds().says(&["registered untrusted"]);
    place.mission(&at, &["init", "--yes"]).succeeds();
    let said = place.mission(&at, &["init"]).succeeds().says(&["stays trusted"]);
    assert!(!said.err.contains("untrusted"), "{said:?}");
    place.mission(&at, &["project", "add", "."]).succeeds().says(&["stays trusted"]);
    let projects = place.mission(&at, &["project", "list", "--json"]).succeeds().json();
    assert_eq!(projects["projects"][0]["trusted"], true);
}

#[test]
fn a_file_that_is_no_utf8_is_told_once_with_line_and_column() {
    let place = Place::new();
    let at = place.project("work", GOOD);
    std::fs::write(at.join("mission.toml"), b"[project]\nkey = \"MC\" # caf\xe9\n").unwrap();
    place.git(&at, &["commit", "-qam", "latin"]);
    let server = place.up();
    let said = place.mission(&at, &["check"]).ends_with(1);
    let told = "mission.toml:2:17: the byte 0xe9 is not UTF-8; save the file as UTF-8";
    assert_eq!(format!("{}{}", said.out, said.err).matches(told).count(), 1, "{said:?}");
    assert!(said.out.contains("1 problem; the last good rules stay"), "{said:?}");
    place.mission(&at, &["needs-you"]).says(&[told, "last good"]);
    server.stops(&place);
}

#[test]
fn each_setting_and_runtime_says_where_it_comes_from() {
    let place = Place::new();
    let rules = format!("{GOOD}[runtime.claude]\nmodel = \"opus\"\n");
    let at = place.project("work", &rules);
    let settings =
        "listen = \"127.0.0.1:0\"\n[runtime.mine]\ndriver = \"exec\"\ncommand = [\"sh\"]\n";
    std::fs::write(place.home().join("config.toml"), settings).unwrap();
    let config = place.home().join("config.toml").display().to_string();
    let explained = |key: &str| {
        let said = place.mission(&place.path(""), &["config", "explain", key, "--json"]);
        said.succeeds().json()["from"].as_str().unwrap().to_owned()
    };
    assert_eq!(explained("listen"), format!("{config}:1"));
    place.mission(&at, &["config", "explain", "people"]).ends_with(1).says(&["is not set"]);
    let listed = place.mission(&at, &["runtime", "list", "--json"]).succeeds().json();
    let from = |name: &str| {
        let all = listed["runtimes"].as_array().unwrap();
        all.iter().find(|it| it["name"] == name).unwrap()["from"].as_str().unwrap().to_owned()
    };
    let own = at.join("mission.toml").display().to_string();
    assert_eq!(from("codex"), "built-in");
    assert_eq!(from("claude"), format!("{own}:5"));
    assert_eq!(from("mine"), format!("{config}:2"));
}
