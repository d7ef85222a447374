//! Agents that say what is no text.

use crate::place::Place;

/// Says broken UTF-8, controls and a byte order mark, then asks.
const RULES: &str = r#"
[project]
key = "MC"
checks = []

[runtime.scripted]
driver = "exec"
command = ["sh", "-c", "printf 'caf\\351 \\377\\376 \\001\\033[31mred\\n\\xed\\xa0\\x80\\n'; printf 'QUESTION: which caf\\351?\\n'"]

[role.planner]
runtimes = ["scripted"]
"#;

#[test]
fn invalid_utf8_from_an_agent_is_shown_replaced_and_its_question_is_heard() {
    let place = Place::new();
    let at = place.project("work", RULES);
    let server = place.up();
    let key = place.files(&at, "Ask me", &[]);
    let ticket = place.sees(&at, &key, |it| it["state"] == "needs_input");
    let asked = ticket["reason"]["text"].as_str().unwrap();
    assert!(asked.contains("which caf\u{fffd}?"), "{asked}");
    let attempts = place.mission(&at, &["attempt", "list", &key, "--json"]).succeeds().json();
    let id = attempts["attempts"][0]["id"].as_str().unwrap().to_owned();
    place.mission(&at, &["attempt", "show", &id, "--json"]).succeeds().json();
    place.mission(&at, &["attempt", "show", &id]).succeeds();
    place.mission(&at, &["attempt", "logs", &id]).succeeds().says(&["caf\u{fffd}"]);
    place.mission(&at, &["answer", &key, "the black one"]).succeeds();
    server.stops(&place);
    place.is_whole();
}

/// A lane that sees nothing but its PATH, in a workspace that is set up first and before each attempt.
const BARE: &str = r#"
[project]
key = "MC"
checks = ["true"]
setup = { after_create = "echo once >> .git/made", before_run = "echo again >> .git/made" }

[runtime.scripted]
driver = "exec"
command = ["sh", "-c", "test -z \"$HOME\" && test $(wc -l < .git/made) = 2 && echo two > two.txt && git add two.txt && git commit -qm two && mission report evidence risk none && mission report done --summary two"]
env = { allow = ["PATH"], set = { FOO = "bar" } }

[role.coder]
runtimes = ["scripted"]
evidence = ["commit", "risk"]

[workflow.mine]
gates = [{ id = "implementation", role = "coder", decided_by = ["controller", "person"] }]
"#;

#[test]
fn a_lane_without_a_home_reports_from_a_workspace_that_was_set_up() {
    let place = Place::new();
    let at = place.project("work", BARE);
    let server = place.up();
    let key = place.files(&at, "Two", &["--workflow", "mine"]);
    let ticket = place.sees(&at, &key, |it| it["state"] != "todo" && it["state"] != "active");
    assert_eq!(ticket["state"], "in_review", "{ticket:#}");
    assert_eq!(ticket["gates"][0]["attempts_used"], 0);
    server.stops(&place);
    place.is_whole();
}
