//! Runtimes that cannot work: not installed, not signed in, of a version that nobody tested, or behind a script that starts the agent
//! and goes. Doctor and the page *Fleet* say which it is and how to mend it, and nothing is tried again and again.

use mission_testkit::programs;
use serde_json::Value;

use crate::stage::Stage;

/// One role for each runtime of `runtimes`, named after it, and a workflow of its own for each.
fn toml(runtimes: &[&str], tables: &str, script: &str) -> String {
    let mut text = format!("[project]\nkey = \"MC\"\n{tables}\n");
    for name in runtimes {
        text += &format!(
            "[role.does-{name}]\nruntimes = [\"{name}\"]\ninstructions = '''\nYou work.\n[[script: {script}]]\n'''\n\
             [workflow.by-{name}]\ngates = [{{ id = \"work\", role = \"does-{name}\", decided_by = [\"person\"] }}]\n"
        );
    }
    text
}

/// Files a ticket for the lane of `runtime`.
#[track_caller]
fn files(stage: &Stage, runtime: &str) -> String {
    stage.files(&["Change it", "--workflow", &format!("by-{runtime}")])
}

/// Makes the dispatcher look again and again at the lane of `runtime`, and proves that nothing is started because of it.
#[track_caller]
fn starts_nothing_more(stage: &Stage, runtime: &str, keys: &[&String]) {
    let count = || keys.iter().map(|key| stage.attempts(key).len()).sum::<usize>();
    let before = count();
    for _ in 0..5 {
        stage.says(&["lane", "pause", &format!("does-{runtime}")]);
        stage.says(&["lane", "resume", &format!("does-{runtime}")]);
    }
    let later = files(stage, runtime);
    let why = stage.asks(&["ticket", "why", &later]);
    assert!(why["held_by"].as_array().is_some_and(|it| !it.is_empty()), "{why}");
    assert_eq!(stage.attempts(&later).len(), 0, "{runtime}");
    assert_eq!(count(), before, "{runtime}");
}

#[track_caller]
fn holds(text: &Value, words: &[&str]) {
    let said = text.as_str().unwrap_or_else(|| panic!("no words: {text}"));
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
}

#[track_caller]
fn shows(page: &str, words: &[&str]) {
    for word in words {
        assert!(page.contains(word), "`{word}` is not in: {page}");
    }
}

#[test]
fn a_runtime_that_is_not_installed_is_named_with_the_command_that_installs_it() {
    let stage = Stage::new(&toml(&["gemini"], "", "say hello"));
    let key = files(&stage, "gemini");
    let install = "npm install -g @google/gemini-cli@0.61.0";
    let runtime = stage.runtime("does-gemini", "gemini");
    assert_eq!(
        (&runtime["found"], &runtime["trouble"]["kind"]),
        (&false.into(), &"not_found".into())
    );
    assert!(runtime["trouble"]["since"].is_string(), "{runtime}");
    holds(&runtime["trouble"]["fix"], &[install]);
    let look = stage.look("runtime gemini");
    holds(&look["seen"], &["`gemini` was not found"]);
    holds(&look["fix"], &[install, "[runtime.gemini]"]);
    let lane = stage.look("lane does-gemini (MC)");
    assert_eq!(lane["health"], "missing", "{lane}");
    let why = stage.asks(&["ticket", "why", &key]);
    holds(&why["held_by"][0], &["gemini was not found on this machine"]);
    shows(
        &stage.page("/fleet"),
        &[
            "gemini is not installed where the server runs. Since",
            &format!("To mend it: {install} installs it"),
        ],
    );
    starts_nothing_more(&stage, "gemini", &[&key]);
    assert_eq!(stage.attempts(&key).len(), 0);
    stage.ends_well();
}

#[test]
fn a_runtime_that_is_not_signed_in_rests_and_is_named_with_the_command_that_signs_it_in() {
    let stage = Stage::new(&toml(&["codex", "claude"], "", "http 401"));
    for (runtime, settings) in
        [("codex", ".codex/config.toml"), ("claude", ".claude/settings.json")]
    {
        let key = files(&stage, runtime);
        let ended = stage.attempt(&key, &format!("does-{runtime}"), "ended");
        assert_eq!(ended["terminal"]["root_cause"], "auth", "{ended}");
        let ticket = stage.ticket(&key);
        assert_eq!(
            (&ticket["state"], &ticket["gates"][0]["attempts_used"]),
            (&"todo".into(), &0.into())
        );
        let sign_in = if runtime == "codex" { "run `codex login`" } else { "run `claude /login`" };
        let seen = stage.runtime(&format!("does-{runtime}"), runtime);
        assert_eq!((&seen["breaker"], &seen["trouble"]["kind"]), (&"open".into(), &"auth".into()));
        assert!(seen["trouble"]["since"].is_string() && seen["trial"].is_string(), "{seen}");
        holds(&seen["trouble"]["fix"], &[sign_in]);
        starts_nothing_more(&stage, runtime, &[&key]);
        assert_eq!(stage.attempts(&key).len(), 1);
        let look = stage.look(&format!("runtime {runtime}"));
        holds(&look["seen"], &["its breaker is open", "(auth)"]);
        holds(&look["fix"], &[sign_in]);
        shows(
            &stage.page("/fleet"),
            &[
                &format!("{runtime} is not signed in, or its sign-in was refused: auth: "),
                &format!(
                    "To mend it: {}, as the user that the server runs as.",
                    sign_in.replace('`', "")
                ),
            ],
        );
        let asked = stage.asks(&["needs-you"]);
        let of_lane = |it: &&Value| it["runtimes"] == serde_json::json!([runtime]);
        let notice = asked["items"].as_array().and_then(|all| all.iter().find(of_lane));
        let notice = notice.unwrap_or_else(|| panic!("nobody is asked: {asked}"));
        holds(&notice["what"], &[&format!("the lane does-{runtime} of MC stands still")]);
        holds(&notice["detail"], &[sign_in]);
        shows(&stage.says(&["needs-you"]), &[&format!("mission runtime resume {runtime}")]);
        // Whoever signed it in need not wait for the trial.
        stage.says(&["runtime", "resume", runtime]);
        stage.until("another attempt ends", || {
            let all = stage.attempts(&key);
            (all.iter().filter(|it| it["state"] == "ended").count() == 2).then_some(())
        });
        // What signed it in is gone: that is seen before anything is tried.
        stage.forgets(settings);
        let look = stage.look(&format!("runtime {runtime}"));
        holds(&look["seen"], &["nothing was found that signs it in"]);
        holds(&look["fix"], &[sign_in]);
    }
    stage.ends_well();
}

/// An agent as small as the protocol allows: it tells a version, and asks in each turn.
const GEMINI: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then echo 0.60.9; exit; fi
while read -r frame; do
  id=$(printf %s "$frame" | sed -n 's/^{\("jsonrpc":"2.0",\)\{0,1\}"id":\([0-9]*\).*/\2/p')
  answer() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
  case "$frame" in
    *'"initialize"'*) answer '{"protocolVersion":1,"agentInfo":{"name":"gemini-cli","version":"0.60.9"},"agentCapabilities":{}}';;
    *'"session/new"'*) answer '{"sessionId":"one"}';;
    *'"session/prompt"'*) mission report question --summary 'which one?' >&2; answer '{"stopReason":"end_turn"}';;
  esac
done
"#;

#[test]
fn a_version_that_nobody_tested_is_told_with_the_tested_one_and_the_lane_works_all_the_same() {
    let claude = programs::claude().unwrap_or_else(|e| panic!("{e}"));
    let mut stage = Stage::new(&toml(
        &["gemini", "claude"],
        &format!("[runtime.claude]\ncommand = [\"claude\", \"{}\"]\n", claude.display()),
        "sh mission report question --summary 'which one?' ;; say asked",
    ));
    // What it says of itself when it is asked, and what its lane then really gets.
    stage.puts_program(
        "claude",
        "#!/bin/sh\n[ \"$1\" = --version ] && { echo '9.9.9 (Claude Code)'; exit; }\nexec \"$@\"\n",
    );
    stage.puts_program("gemini", GEMINI);
    for (runtime, told, tested) in [("claude", "9.9.9", "2.1.330"), ("gemini", "0.60.9", "0.61.0")]
    {
        let look = stage.look(&format!("runtime {runtime}"));
        assert_eq!(look["health"], "weak", "{look}");
        assert_eq!(
            (&look["version"]["number"], &look["version"]["tested"]),
            (&told.into(), &tested.into())
        );
        assert_eq!(look["version"]["is_tested"], false, "{look}");
        holds(
            &look["seen"],
            &[
                told,
                &format!("not tested: Mission Control is tested with {tested}"),
                "answers as a lane asks",
            ],
        );
        holds(&look["fix"], &["npm install -g @", &format!("@{tested}` installs the tested one")]);
    }
    assert!(stage.doctor().contains("nothing that is needed is missing"));
    for runtime in ["claude", "gemini"] {
        let key = files(&stage, runtime);
        stage.becomes(&key, "needs_input");
    }
    for is_read_back in [false, true] {
        if is_read_back {
            stage.kill_server();
            stage.up();
        }
        let gemini = &stage.runtime("does-gemini", "gemini")["version"];
        assert_eq!(
            (&gemini["told"], &gemini["is_tested"]),
            (&"gemini-cli 0.60.9".into(), &false.into())
        );
        assert_eq!(gemini["attempt"], "A-2", "{gemini}");
        let claude = &stage.runtime("does-claude", "claude")["version"];
        assert_eq!(
            (&claude["told"], &claude["is_tested"]),
            (&"claude 2.1.330".into(), &true.into())
        );
        shows(
            &stage.page("/fleet"),
            &[
                "0.60.9, not tested (tested with 0.61.0)",
                "2.1.330, tested",
                "Not tested: Mission Control is tested with 0.61.0.",
                "npm install -g @google/gemini-cli@0.61.0 installs the tested one.",
            ],
        );
    }
    stage.ends_well();
}

/// The scripts that start the agent and go: the runtime, what stands before the program, and the exit code.
const FORKS: [(&str, &str, u8); 6] = [
    ("plain", "", 0),
    ("fails", "", 1),
    ("leaves", "setsid ", 0),
    ("screen", "setsid ", 0),
    ("codex", "", 0),
    ("claude", "setsid ", 1),
];

#[test]
fn a_script_that_starts_the_agent_and_goes_is_named_and_what_it_started_is_ended() {
    let own = ["plain", "fails", "leaves", "screen"].map(|name| {
        let driver = if name == "screen" { "tmux" } else { "exec" };
        format!("[runtime.{name}]\ndriver = \"{driver}\"\ncommand = [\"{name}\"]\n")
    });
    let stage = Stage::new(&toml(&FORKS.map(|it| it.0), &own.concat(), "hang 600"));
    for (runtime, before, code) in FORKS {
        stage.puts_program(runtime, &format!("#!/bin/sh\n{before}sleep 1000 &\nexit {code}\n"));
    }
    let keys: Vec<(&str, String)> = FORKS.map(|(it, ..)| (it, files(&stage, it))).into();
    for ((runtime, key), (_, _, code)) in keys.iter().zip(FORKS) {
        let ended = stage.attempt(key, &format!("does-{runtime}"), "ended");
        assert_eq!(ended["terminal"]["root_cause"], "forked", "{ended}");
        let told = format!("`{runtime}` ended with exit code {code} while ");
        holds(&ended["terminal"]["summary"], &[&told, "what was left was ended"]);
        holds(&ended["terminal"]["next_actions"][0], &["put `exec` before the line of the script"]);
        let left = ended["death"]["orphans"].as_array().expect("what was left");
        // What is still on the terminal goes with it.
        assert!(!left.is_empty() || runtime == &"screen", "{ended}");
        left.iter().for_each(|it| holds(it, &["\"ended\":true"]));
        let ticket = stage.ticket(key);
        assert_eq!(
            (&ticket["state"], &ticket["gates"][0]["attempts_used"]),
            (&"todo".into(), &0.into())
        );
        let seen = stage.runtime(&format!("does-{runtime}"), runtime);
        assert_eq!(
            (&seen["breaker"], &seen["trouble"]["kind"]),
            (&"open".into(), &"forked".into())
        );
        holds(&seen["trouble"]["what"], &["its command goes while the agent runs on", &told]);
        holds(&seen["trouble"]["fix"], &["put `exec` before"]);
        starts_nothing_more(&stage, runtime, &[key]);
        assert_eq!(stage.attempts(key).len(), 1, "{runtime}");
        let look = stage.look(&format!("runtime {runtime}"));
        holds(
            &look["seen"],
            &["its command ends while ", "which it started, runs on", "its breaker is open"],
        );
        holds(&look["fix"], &["put `exec` before the line of the script that starts the agent"]);
        assert_eq!(stage.look(&format!("lane does-{runtime} (MC)"))["health"], "missing");
    }
    let page = stage.page("/fleet");
    for (runtime, _, code) in FORKS {
        shows(&page, &[&format!("{runtime} ended with exit code {code} while ")]);
    }
    shows(
        &page,
        &[
            "Its command goes while the agent runs on",
            "To mend it: put exec before the line",
            "A trial comes at",
        ],
    );
    stage.ends_well();
}
