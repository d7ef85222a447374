//! A ticket through all eight gates, the coder on codex, everybody else on claude; with a question, a rejection, and words meanwhile.
//! The long suite tells the same story of its agents.

use serde_json::Value;

use crate::accidents::lets_go;
use crate::stage::Stage;
use crate::storm::worked;

/// An empty file would do: what stands here are the agents' scripts, which travel in the roles' instructions, and the page to look at.
const TOML: &str = r##"
[project]
key = "MC"
checks = ["grep -q '<p>v' index.html"]

[project.preview]
command = "'{mission}' serve-static . --port $PORT"
ready = "http://127.0.0.1:$PORT/"
pages = ["/"]
widths = [390]
schemes = ["light"]

[role.planner]
runtimes = ["claude"]
instructions = '''
You plan.
[[script: sh if grep -q 'take [v]2' "$MISSION_BRIEF"; then printf '# Plan\n\n1. Change the page.\n\n## Files\n\n- index.html\n' > "$TMPDIR/p.md" && mission report evidence plan "$TMPDIR/p.md" && mission report done --summary 'one step'; else mission report question --summary 'which version?'; fi
;; say planned]]
'''

[role.designer]
runtimes = ["claude"]
instructions = '''
You design.
[[script: sh if [ "$MISSION_GATE" = design_direction ]; then printf '# Direction\n\nPlain.\n' > "$TMPDIR/d.md" && mission report evidence direction "$TMPDIR/d.md" && mission report done --summary plain; else mission report verdict pass --reason 'as directed'; fi
;; say designed]]
'''

[role.coder]
runtimes = ["{coder}"]
instructions = '''
You write.
[[script: sh if grep -q '<p>v0' index.html; then sed -i s/v0/v1/ index.html; else sed -i s/v1/v2/ index.html; fi; git commit -qam 'page: a new version' && echo committed
;; sh until [ -e .git/go ]; do sleep 0.1; done
;; tool add_evidence {"kind": "command", "command": "grep -q '<p>v' index.html"}
;; tool add_evidence {"kind": "risk", "text": "none: one word"}
;; sh if grep -q 'round [2]' "$MISSION_BRIEF"; then mission report answer F-1 fixed 'it is v2 now'; fi
;; tool report {"kind": "done", "summary": "a new version"} ;; say written]]
'''

[role.qa]
runtimes = ["claude"]
instructions = '''
You review.
[[script: sh if grep -q '<p>v2' index.html; then mission report verdict pass --reason 'it is v2'; else mission report verdict changes --reason 'it is not v2' --finding 'index.html:1:must say v2'; fi
;; say reviewed]]
'''

[role.tester]
runtimes = ["claude"]
instructions = '''
You test.
[[script: tool add_evidence {"kind": "steps", "text": "# Steps\n\n1. Open the page: it shows its version.\n"}
;; tool report {"kind": "pass", "summary": "it works"} ;; say tested]]
'''
"##;

fn gate<'t>(ticket: &'t Value, id: &str) -> &'t Value {
    let gates = ticket["gates"].as_array().expect("gates");
    gates.iter().find(|it| it["id"] == id).unwrap_or_else(|| panic!("no {id} in {gates:?}"))
}

/// The rules of the story, with the runtime `coder` for its coder.
pub(crate) fn toml(coder: &str) -> String {
    TOML.replace("{mission}", env!("CARGO_BIN_EXE_mission")).replace("{coder}", coder)
}

#[test]
fn a_ticket_goes_through_all_eight_gates_with_a_question_a_rejection_and_words_meanwhile() {
    let stage = Stage::new(&toml("codex"));
    let coders = goes_through_all_eight(stage, "codex", |stage, key, _| lets_go(stage, key));
    assert!(coders.iter().all(counts_every_call), "{coders:?}");
}

/// Whether the coder's attempt has the tokens of each call once: of the nine at most, each has a little more than 1,200.
pub(crate) fn counts_every_call(attempt: &Value) -> bool {
    attempt["usage"]["tokens"].as_u64().is_some_and(|it| (5_000..15_000).contains(&it))
}

/// The story, on a stage with the rules [`toml`]; `meanwhile` is what happens in the coder's first turn, which it lets go on. Returns the
/// coder's attempts.
#[track_caller]
pub(crate) fn goes_through_all_eight(
    mut stage: Stage,
    coder: &str,
    meanwhile: impl FnOnce(&mut Stage, &str, &str),
) -> Vec<Value> {
    let key = stage.files(&["A new version", "--label", "visual", "--label", "user_facing"]);

    // The planner asks, and the answer starts its next attempt.
    let ticket = stage.becomes(&key, "needs_input");
    assert_eq!(ticket["question"]["text"], "which version?");
    stage.says(&["answer", &key, "take v2"]);
    stage.passes(&key, "plan");
    stage.passes(&key, "design_direction");

    // The coder is busy when somebody writes: the words wait, and are then taken once.
    let attempt = stage.attempt(&key, "coder", "busy");
    let id = attempt["id"].as_str().expect("an id").to_owned();
    stage.prints(&id, "until [ -e .git/go ]");
    assert_eq!(stage.attempt(&key, "coder", "busy")["state_source"], "protocol");
    stage.says(&["say", &key, "[[script: sh echo taken >> .git/words ;; say noted]]"]);
    let inbox = stage.asks(&["inbox", &key]);
    let all = inbox["messages"].as_array().expect("messages");
    let words = all.iter().find(|it| it["body"].as_str().is_some_and(|it| it.contains("taken")));
    let words = words.cloned().unwrap_or_else(|| panic!("no words in {inbox}"));
    assert_eq!(words["state"], "queued", "{inbox}");
    assert!(!stage.workspace(&key).join(".git/words").exists(), "the turn in flight comes first");
    meanwhile(&mut stage, &key, &id);

    // QA rejects the first round; the second is right, and everybody else agrees.
    stage.waits_at(&key, "final_validation");
    let taken = std::fs::read_to_string(stage.workspace(&key).join(".git/words"));
    assert_eq!(taken.expect("the words were taken"), "taken\n", "once");
    let id = words["id"].as_str().expect("an id").parse().expect("an id");
    assert_eq!(worked(&stage).get(&id), Some(&1), "{words}");
    let log = stage.git(&stage.workspace(&key), &["log", "--format=%s"]);
    let turns = log.lines().filter(|it| *it == "page: a new version").count();
    assert_eq!(turns, 2, "one turn a round wrote: {log}");
    stage.passes(&key, "final_validation");
    let ticket = stage.becomes(&key, "done");
    for id in [
        "plan",
        "design_direction",
        "implementation",
        "first_validation",
        "qa_review",
        "user_testing",
        "design_signoff",
        "final_validation",
    ] {
        assert_eq!(gate(&ticket, id)["state"], "passed", "{id}");
    }
    assert_eq!(
        (
            gate(&ticket, "implementation")["runtime"].clone(),
            gate(&ticket, "qa_review")["runtime"].clone()
        ),
        (coder.into(), "claude".into())
    );
    assert_eq!(stage.git(&stage.repo(), &["show", "main:index.html"]), "<p>v2</p>");
    let messages = stage.asks(&["inbox", &key]);
    for message in messages["messages"].as_array().expect("messages") {
        assert_eq!(message["state"], "processed", "{message}");
    }
    let coders: Vec<Value> =
        stage.attempts(&key).into_iter().filter(|it| it["role"] == "coder").collect();
    assert_eq!(coders.len(), 2, "one attempt a round: {coders:?}");
    for attempt in &coders {
        assert_eq!(attempt["terminal"]["status"], "reported", "{attempt}");
    }
    let qa = stage.attempts(&key).into_iter().find(|it| it["role"] == "qa").expect("qa");
    assert!(qa["usage"]["cost_usd"].as_f64().is_some_and(|it| it > 0.0), "{qa}");
    stage.ends_well();
    coders
}

#[test]
fn an_empty_file_is_enough_for_somebody_who_has_both_programs() {
    let stage = Stage::new("");
    let runtimes = stage.asks(&["runtime", "list"]);
    let of = |name: &str| {
        let all = runtimes["runtimes"].as_array().expect("runtimes");
        all.iter().find(|it| it["name"] == name).cloned().unwrap_or_else(|| panic!("{runtimes}"))
    };
    assert_eq!(
        (of("codex")["driver"].clone(), of("claude")["driver"].clone()),
        ("codex".into(), "claude".into())
    );
    assert_eq!(
        (of("codex")["found"].clone(), of("claude")["found"].clone()),
        (true.into(), true.into())
    );
    // Without a script the model says so, and the agent that does not report is asked once more: the attempt ends as what it was.
    let script = "[[script: sh printf '# Findings' > a.md && mission report evidence file a.md && mission report done --summary found ;; say found]]";
    let key = stage.files(&["Look it up", "--workflow", "research", "--body", script]);
    stage.passes(&key, "research");
    stage.becomes(&key, "done");
    stage.ends_well();
}
