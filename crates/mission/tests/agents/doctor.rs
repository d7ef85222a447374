//! What `mission doctor` sees of the agents that are installed, by asking them as a lane does.

use serde_json::{Value, json};

use crate::stage::Stage;

/// What doctor saw of the runtime `name`.
#[track_caller]
fn look(stage: &Stage, name: &str) -> Value {
    let all = stage.asks(&["doctor"]);
    let looks = all["looks"].as_array().expect("looks").iter();
    let what = format!("runtime {name}");
    looks.clone().find(|it| it["what"] == what.as_str()).expect("a look").clone()
}

#[test]
fn doctor_and_the_list_of_runtimes_say_what_real_agents_are_made_for_and_what_was_seen_of_it() {
    let stage = Stage::new("[project]\nkey = \"MC\"\n");
    let codex = look(&stage, "codex");
    assert_eq!(codex["abilities"]["seen"], json!(["interrupt", "steer", "resume"]), "{codex}");
    assert_eq!(codex["abilities"]["lacking"], json!([]), "{codex}");
    let claude = look(&stage, "claude");
    assert_eq!(claude["abilities"]["seen"], json!(["interrupt"]), "{claude}");
    let seen = claude["seen"].as_str().expect("words");
    assert!(seen.contains("can interrupt; does not tell of steer, leave, resume"), "{seen}");
    let list = stage.asks(&["runtime", "list"]);
    let all = list["runtimes"].as_array().expect("runtimes");
    let of = |name: &str| all.iter().find(|it| it["name"] == name).expect("a runtime");
    assert_eq!(of("codex")["declared"], codex["abilities"]["declared"]);
    assert_eq!(of("person")["declared"], json!([]));
    stage.ends_well();
}
