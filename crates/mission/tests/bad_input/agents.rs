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
