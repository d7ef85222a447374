//! What `mission doctor` sees of the agents that are installed, by asking them as a lane does.

use serde_json::json;

use crate::stage::Stage;

#[test]
fn doctor_and_the_list_of_runtimes_say_what_real_agents_are_made_for_and_what_was_seen_of_it() {
    let stage = Stage::new("[project]\nkey = \"MC\"\n");
    let codex = stage.look("runtime codex");
    assert_eq!(codex["abilities"]["seen"], json!(["interrupt", "steer", "resume"]), "{codex}");
    assert_eq!(codex["abilities"]["lacking"], json!([]), "{codex}");
    let claude = stage.look("runtime claude");
    assert_eq!(claude["abilities"]["seen"], json!(["interrupt"]), "{claude}");
    let seen = claude["seen"].as_str().expect("words");
    assert!(seen.contains("can interrupt; does not tell of steer, leave, resume"), "{seen}");
    for (look, version) in [(&codex, "0.169.0"), (&claude, "2.1.330")] {
        assert_eq!(look["version"]["number"], version, "{look}");
        assert_eq!(look["version"]["is_tested"], true, "{look}");
        assert_eq!((&look["health"], &look["fix"]), (&json!("good"), &json!(null)), "{look}");
        assert!(
            look["seen"].as_str().is_some_and(|it| it.contains(", the tested version;")),
            "{look}"
        );
    }
    let list = stage.asks(&["runtime", "list"]);
    let all = list["runtimes"].as_array().expect("runtimes");
    let of = |name: &str| all.iter().find(|it| it["name"] == name).expect("a runtime");
    assert_eq!(of("codex")["declared"], codex["abilities"]["declared"]);
    assert_eq!(of("person")["declared"], json!([]));
    stage.ends_well();
}
