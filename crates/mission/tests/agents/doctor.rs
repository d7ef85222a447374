//! What `mission doctor` sees of the agents that are installed, by asking them as a lane does.

use mission_testkit::programs;
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

/// How many processes there are that doctor started on this stage: each has a home of doctor's own, and the stage's PATH.
fn started_by_doctor(stage: &Stage) -> usize {
    let bin = stage.home().with_file_name("person").join("bin").display().to_string();
    let entries = std::fs::read_dir("/proc").expect("processes").flatten();
    let is_doctors = |path: &std::path::PathBuf| {
        let text = std::fs::read(path.join("environ")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        text.contains("mission-doctor-") && text.contains(&bin)
    };
    entries.map(|it| it.path()).filter(is_doctors).count()
}

#[test]
fn doctor_sees_that_a_script_goes_while_the_real_agent_that_it_started_runs_on() {
    let real = [programs::native_codex(), programs::claude()];
    let real = real.map(|it| it.unwrap_or_else(|e| panic!("{e}")).display().to_string());
    // What its command names a lane sees, and doctor looks as a lane does.
    let stage = Stage::new(&format!(
        "[project]\nkey = \"MC\"\n[runtime.codex]\ncommand = [\"codex\", \"{}\"]\n[runtime.claude]\ncommand = [\"claude\", \"{}\"]\n",
        real[0], real[1]
    ));
    for ((name, before, code), real) in
        [("codex", "setsid ", 0), ("claude", "", 1)].iter().zip(&real)
    {
        // A shell gives what it starts in the background an empty input, at whose end an agent goes by itself.
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && exec '{real}' --version\nexec 3<&0\n{before}\"$@\" <&3 3<&- &\nexit {code}\n"
        );
        stage.puts_program(name, &script);
        let look = stage.look(&format!("runtime {name}"));
        assert_eq!(
            (&look["health"], &look["version"]["is_tested"]),
            (&json!("weak"), &json!(true))
        );
        let seen = look["seen"].as_str().expect("words");
        assert!(seen.contains("no lane could work with it: its command ends while `"), "{seen}");
        let fix = look["fix"].as_str().expect("words");
        assert!(fix.starts_with("put `exec` before the line of the script"), "{fix}");
    }
    stage
        .until("the end of what doctor started", || (started_by_doctor(&stage) == 0).then_some(()));
    stage.ends_well();
}
