//! Repositories in a state in which one does not expect them.

use jiff::{SignedDuration, Timestamp};

use crate::place::{Place, wait_for};

#[test]
fn a_repository_without_commits_is_told_what_it_needs() {
    let place = Place::new();
    let at = place.empty_repository("work");
    let told = &["has no commits yet", "make a first commit"];
    place.mission(&at, &["init", "--yes"]).ends_with(2).says(told);
    place.mission(&at, &["project", "add", ".", "--yes"]).says(&["no commits"]);
    let projects = place.mission(&at, &["project", "list", "--json"]).succeeds().json();
    assert_eq!(projects["projects"], serde_json::json!([]));
}

#[test]
fn a_second_repository_with_the_same_key_is_refused_and_the_first_keeps_it() {
    let place = Place::new();
    let rules = "[project]\nkey = \"MC\"\nchecks = []\n";
    let first = place.project("first", rules);
    let second = place.repository("second", rules);
    let path = first.display().to_string();
    place.mission(&second, &["init", "--yes"]).ends_with(3).says(&["`MC` belongs to", &path]);
    let projects = place.mission(&first, &["project", "list", "--json"]).succeeds().json();
    assert_eq!(projects["projects"][0]["path"], *path);
    assert_eq!(projects["projects"].as_array().unwrap().len(), 1);
}

/// Implementation, then a person, then landing: a commit by a script on its own branch.
const RULES: &str = r#"
[project]
key = "MC"
checks = ["true"]

[runtime.scripted]
driver = "exec"
command = ["sh", "-c", "echo '<h1>two</h1>' > page.html && git commit -qam two && mission report evidence command -- true && mission report evidence risk none && mission report done --summary two"]

[role.coder]
runtimes = ["scripted"]

[workflow.mine]
gates = [
  { id = "implementation", role = "coder", decided_by = ["controller"] },
  { id = "final_validation", role = "controller", decided_by = ["controller", "person"] },
]
"#;

#[test]
fn a_dirty_checkout_keeps_its_changes_and_the_landing_waits_for_the_person() {
    let place = Place::new();
    let at = place.project("work", RULES);
    std::fs::write(at.join("page.html"), "<h1>mine</h1>\n").unwrap();
    std::fs::write(at.join("notes.txt"), "mine too\n").unwrap();
    let server = place.up();
    let key = place.files(&at, "Two", &["--workflow", "mine"]);
    place.sees(&at, &key, |it| it["state"] == "in_review");
    let pass = ["gate", "pass", &key, "final_validation", "--reason", "seen"];
    place.mission(&at, &pass).succeeds();
    let ticket = place.sees(&at, &key, |it| it["state"] == "blocked");
    assert!(ticket["reason"]["text"].as_str().unwrap().contains("page.html"), "{ticket:#}");
    assert_eq!(std::fs::read_to_string(at.join("page.html")).unwrap(), "<h1>mine</h1>\n");
    place.git(&at, &["stash", "push", "-q", "page.html"]);
    place.mission(&at, &["ticket", "retry", &key, "--reason", "put aside"]).succeeds();
    let ticket = place.sees(&at, &key, |it| it["state"] == "done");
    assert_eq!(ticket["landed_as"], *place.git(&at, &["rev-parse", "main"]));
    assert_eq!(std::fs::read_to_string(at.join("page.html")).unwrap(), "<h1>two</h1>\n");
    assert_eq!(std::fs::read_to_string(at.join("notes.txt")).unwrap(), "mine too\n");
    assert_eq!(place.git(&at, &["stash", "list"]).lines().count(), 1);
    server.stops(&place);
    place.is_whole();
}

#[test]
fn what_mission_control_itself_cannot_go_on_with_is_told_and_goes_on_once_it_is_mended() {
    let place = Place::new();
    let at = place.project("work", RULES);
    let server = place.up();
    let first = place.ticket(&at, &place.files(&at, "One", &["--park"]));
    let now: Timestamp = first["created_at"].as_str().and_then(|it| it.parse().ok()).unwrap();
    let soon = (now + SignedDuration::from_secs(2)).to_string();
    let key = place.files(&at, "Two", &["--workflow", "mine", "--not-before", &soon]);
    place.git(&at, &["branch", "-m", "main", "trunk"]);
    let notice = wait_for("a notice", || {
        let asked = place.mission(&at, &["needs-you", "--json"]).succeeds().json();
        asked["items"].as_array()?.iter().find(|it| it["kind"] == "notice").cloned()
    });
    assert_eq!(notice["ticket"]["key"], *key);
    let told = notice["detail"].as_str().unwrap_or_default();
    assert!(told.contains("no branch `main`") && told.contains("tried again"), "{told}");
    assert_eq!(place.ticket(&at, &key)["gates"][0]["attempts_used"], 0);
    place.git(&at, &["branch", "-m", "trunk", "main"]);
    place.sees(&at, &key, |it| it["state"] == "in_review");
    let asked = place.mission(&at, &["needs-you", "--json"]).succeeds().json();
    assert_eq!(asked["items"].as_array().map(Vec::len), Some(1), "{asked}");
    assert_eq!(asked["items"][0]["kind"], "signoff");
    server.stops(&place);
    place.is_whole();
}
