//! A lane that keeps its agent's session from ticket to ticket: gone on with, marked where another ticket begins, begun anew when stale.

use serde_json::Value;

use crate::stage::Stage;

/// A coder on `runtime`, whose sessions are kept; the workflow ends with it and a person.
fn toml(runtime: &str) -> String {
    format!(
        r##"
[project]
key = "MC"

[runtime.{runtime}]
lifecycle = "persistent"

[role.coder]
runtimes = ["{runtime}"]
evidence = ["commit"]
instructions = '''
You write.
[[script: sh echo $MISSION_ATTEMPT > .git/here; pwd > .git/place ;; sh echo $MISSION_TICKET > index.html && git commit -qam work
;; tool report {{"kind": "done", "summary": "it is there"}} ;; say written]]
'''

[workflow.short]
gates = [
  {{ id = "implementation", role = "coder", decided_by = ["person"] }},
]
"##
    )
}

/// Takes a new ticket to its end, and returns its key and its one attempt.
fn works(stage: &Stage) -> (String, Value) {
    let key = stage.files(&["Change it", "--workflow", "short"]);
    stage.becomes(&key, "in_review");
    let workspace = stage.workspace(&key);
    let read = |name: &str| std::fs::read_to_string(workspace.join(".git").join(name));
    let (here, place) = (read("here").expect("an attempt"), read("place").expect("a place"));
    let written = std::fs::read_to_string(workspace.join("index.html")).expect("a file");
    stage.passes(&key, "implementation");
    stage.becomes(&key, "done");
    let mut attempts = stage.attempts(&key);
    assert_eq!(attempts.len(), 1, "{attempts:?}");
    let attempt = attempts.remove(0);
    // Whatever session it was in: environment and place are those of this attempt.
    assert_eq!(here.trim(), attempt["id"].as_str().expect("an id"));
    assert_eq!(place.trim(), workspace.display().to_string());
    assert_eq!(written.trim(), key);
    (key, attempt)
}

/// Returns what the shim said to the program of `attempt`.
fn said_to(stage: &Stage, attempt: &Value) -> String {
    let lane = stage.home().join("lanes").join(attempt["id"].as_str().expect("an id"));
    std::fs::read_to_string(lane.join("frames.log")).expect("its frames")
}

#[test]
fn the_next_tickets_turn_runs_in_the_same_session_behind_a_mark_and_a_stale_one_is_begun_anew() {
    for runtime in ["codex", "claude"] {
        let stage = Stage::new(&toml(runtime));
        let (first_key, first) = works(&stage);
        let session = &first["session"];
        assert_eq!(session["text"], "begun anew: the lane has none yet", "{runtime}: {first}");
        assert_eq!((&session["resumed"], &session["kept"]), (&false.into(), &true.into()));
        assert!(!said_to(&stage, &first).contains("Hand-over"));

        let (second_key, second) = works(&stage);
        let went_on = &second["session"];
        assert_eq!(went_on["id"], session["id"], "{runtime}: {second}");
        assert_eq!((&went_on["resumed"], &went_on["from"]), (&true.into(), &first["id"]));
        assert_eq!(went_on["from_ticket"], first_key.as_str());
        let mark = format!("Hand-over: {first_key} is done with, this is {second_key}");
        assert!(said_to(&stage, &second).contains(&mark), "{runtime}");
        let file = stage.session_file(session["id"].as_str().expect("an id"));
        let told = std::fs::read_to_string(file).expect("the program's own record");
        let at = |it: &str| told.find(it).unwrap_or_else(|| panic!("{runtime}: no {it} in {told}"));
        assert!(at(&format!("# {first_key} Change it")) < at(&mark), "{runtime}: in one session");
        // What the program tells is of the whole session; what an attempt used is its own.
        let used = |it: &Value| it["usage"]["tokens"].as_u64().expect("tokens");
        assert!(used(&second) <= used(&first), "{runtime}: {first} {second}");
        let shown = stage.says(&["attempt", "show", second["id"].as_str().expect("an id")]);
        let first_id = first["id"].as_str().expect("an id");
        assert!(
            shown.contains(&format!("goes on with that of {first_id} ({first_key})")),
            "{shown}"
        );

        // Another prompt: what the session was begun with no longer holds.
        let file = stage.repo().join("mission.toml");
        let rules = std::fs::read_to_string(&file).expect("the rules");
        std::fs::write(&file, rules.replace("You write.", "You write well.")).expect("a file");
        stage.git(&stage.repo(), &["commit", "-q", "-a", "-m", "rules"]);
        let (_, third) = works(&stage);
        let anew = &third["session"];
        let text = anew["text"].as_str().expect("a text");
        assert!(
            text.starts_with("begun anew: ") && text.contains("is stale: the role's instructions"),
            "{runtime}: {text}"
        );
        assert_ne!(anew["id"], session["id"]);
        assert!(!said_to(&stage, &third).contains("Hand-over"));

        // The program has lost it: that is said, and no mark is put where nothing was before.
        std::fs::remove_file(stage.session_file(anew["id"].as_str().expect("an id")))
            .expect("gone");
        let (_, fourth) = works(&stage);
        let text = fourth["session"]["text"].as_str().expect("a text");
        assert!(text.contains("the program did not know that of"), "{runtime}: {text}");
        assert!(!said_to(&stage, &fourth).contains("Hand-over"), "{runtime}");
        stage.ends_well();
    }
}
