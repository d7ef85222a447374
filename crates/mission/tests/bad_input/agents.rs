//! Agents that say what is no text, or what looks like options.

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
    let piece = place.mission(&at, &["attempt", "logs", &id, "--json"]).succeeds().json();
    assert!(piece["text"].as_str().unwrap().contains("caf\u{fffd}"), "{piece}");
    assert_eq!((&piece["attempt"], &piece["offset"]), (&id.as_str().into(), &0.into()));
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

/// Hands everything in with words that begin with a dash, on the command line and through the tools of MCP.
const DASHES: &str = r#"
tool() { printf '%s\n' "$1" | mission mcp; }
echo '- a plan' > "$TMPDIR/plan.md"
mission report evidence risk '- none, or
- little' || exit 3
mission report evidence plan "$TMPDIR/plan.md" || exit 4
mission report question --summary '- which?' --help-me && exit 5
mission ticket cancel "$MISSION_TICKET" --reason --help --home=--help
[ $? = 3 ] || exit 6
mission ticket cancel --help > /dev/null || exit 7
tool '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"report","arguments":{"kind":"done","summary":"- fixed the parser\n--json stays"}}}'
"#;

#[test]
fn what_begins_with_a_dash_is_a_text_at_every_door() {
    let place = Place::new();
    std::fs::write(place.path("agent.sh"), DASHES).unwrap();
    let script = place.path("agent.sh").display().to_string();
    let rules = format!(
        "[project]\nkey = \"MC\"\nchecks = []\n[runtime.scripted]\ndriver = \"exec\"\ncommand = [\"sh\", \"{script}\"]\n\
         [role.planner]\nruntimes = [\"scripted\"]\n"
    );
    let at = place.project("work", &rules);
    let server = place.up();
    let key = place.files(&at, "- mend it", &["--body", "- a\n- b"]);
    place.sees(&at, &key, |it| it["state"] == "in_review");
    let attempts = place.mission(&at, &["attempt", "list", &key, "--json"]).succeeds().json();
    let attempts = attempts["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "{attempts:#?}");
    assert_eq!(attempts[0]["terminal"]["summary"], "- fixed the parser\n--json stays");
    let packets = place.mission(&at, &["packet", "show", &key, "--json"]).succeeds().json();
    let risk = packets["packets"][0]["risk"].to_string();
    assert!(risk.contains("- none, or"), "{packets:#}");
    place.mission(&at, &["ticket", "comment", &key, "- seen"]).succeeds();
    place.mission(&at, &["gate", "pass", &key, "--reason", "- good"]).succeeds();
    place.mission(&at, &["ticket", "cancel", &key, "--reason", "--help-me"]).ends_with(2);
    place.mission(&at, &["ticket", "cancel", &key, "--reason=--help-me"]).succeeds();
    server.stops(&place);
    place.is_whole();
}

/// Hands in a plan, and a log with a secret behind a zero.
const PLANS: &str = r#"
echo 'a plan' > "$TMPDIR/plan.md"
mission report evidence plan "$TMPDIR/plan.md"
mission report evidence command -- "printf 'a\000b\nDB_PASSWORD=correct''horse\n'"
mission report done --summary planned
"#;

#[test]
fn evidence_is_kept_masked_whatever_bytes_are_in_it_or_in_the_environment_of_the_server() {
    let place = Place::new();
    std::fs::write(place.path("agent.sh"), PLANS).unwrap();
    let script = place.path("agent.sh").display().to_string();
    let rules = format!(
        "[project]\nkey = \"MC\"\nchecks = []\n[runtime.scripted]\ndriver = \"exec\"\ncommand = [\"sh\", \"{script}\"]\n\
         [role.planner]\nruntimes = [\"scripted\"]\n"
    );
    let at = place.project("work", &rules);
    let server = place.up();
    let key = place.files(&at, "Plan it", &[]);
    place.sees(&at, &key, |it| it["state"] == "in_review");
    let attempts = place.mission(&at, &["attempt", "list", &key, "--json"]).succeeds().json();
    assert_eq!(attempts["attempts"].as_array().unwrap().len(), 1, "{attempts:#}");
    let kept: Vec<Vec<u8>> = files_under(&place.home().join("artifacts"));
    let holds = |text: &str| {
        kept.iter().any(|it| it.windows(text.len()).any(|part| part == text.as_bytes()))
    };
    assert!(holds("a plan") && holds("DB_PASSWORD=[masked: DB_PASSWORD]"));
    assert!(!holds("correcthorse"));
    server.stops(&place);
    place.is_whole();
}

fn files_under(folder: &std::path::Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let read = |path: std::path::PathBuf| match path.is_dir() {
        true => files_under(&path),
        false => vec![std::fs::read(path).unwrap()],
    };
    entries.flat_map(read).collect()
}

/// A person's own gate.
const OWN: &str = r#"
[project]
key = "MC"
checks = []

[role.writer]
runtimes = ["person"]
evidence = []

[workflow.mine]
gates = [{ id = "text", role = "writer", decided_by = ["person"] }]
"#;

#[test]
fn a_person_reads_the_brief_of_their_own_work_where_it_waits_and_how_to_report_it() {
    let place = Place::new();
    let at = place.project("work", OWN);
    let server = place.up();
    let key = place.files(
        &at,
        "Two",
        &["--workflow", "mine", "--body", "Say what it is for, in two lines."],
    );
    place.sees(&at, &key, |it| it["state"] == "active");
    let asked = place.mission(&at, &["needs-you"]).succeeds();
    asked.says(&[
        "Say what it is for, in two lines.",
        "mission report done --summary TEXT --attempt A-1",
    ]);
    place.mission(&at, &["report", "done", "--summary", "ok", "--attempt", "A-1"]).succeeds();
    place.sees(&at, &key, |it| it["state"] == "in_review");
    server.stops(&place);
    place.is_whole();
}
