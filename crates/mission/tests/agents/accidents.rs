//! What happens to agents and to the server while a turn is in flight, and that nothing is lost by it.

use std::io::Write as _;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::stage::Stage;

/// A coder that waits in its turn for a file, on `runtime`; the workflow ends with it and a person.
fn toml(runtime: &str) -> String {
    format!(
        r##"
[project]
key = "MC"

[role.coder]
runtimes = ["{runtime}"]
evidence = ["commit"]
instructions = '''
You write.
[[script: sh echo $MISSION_ATTEMPT >> .git/begun; until [ -e .git/go ]; do sleep 0.1; done; echo $MISSION_ATTEMPT >> .git/done
;; sh echo v1 > index.html && git commit -qam v1
;; tool report {{"kind": "done", "summary": "v1"}} ;; say written]]
'''

[workflow.short]
gates = [
  {{ id = "implementation", role = "coder", decided_by = ["person"] }},
]
"##
    )
}

fn story(runtime: &str, mut accident: impl FnMut(&mut Stage, &str, &str)) -> (Stage, String) {
    let mut stage = Stage::new(&toml(runtime));
    let key = stage.files(&["Change it", "--workflow", "short"]);
    let attempt = stage.attempt(&key, "coder", "busy");
    let id = attempt["id"].as_str().expect("an id").to_owned();
    let begun = stage.workspace(&key).join(".git/begun");
    stage.until("the turn's command", || {
        std::fs::read_to_string(&begun).ok().filter(|it| it.contains(&id))
    });
    accident(&mut stage, &key, &id);
    (stage, key)
}

/// Lets the turn's command come to its end.
pub(crate) fn lets_go(stage: &Stage, key: &str) {
    std::fs::write(stage.workspace(key).join(".git/go"), "").expect("a file");
}

/// Kills the server in the turn of attempt `id`, which goes on and reports while nobody is there to hear it.
#[track_caller]
pub(crate) fn outlives_the_server(stage: &mut Stage, key: &str, id: &str) {
    stage.kill_server();
    lets_go(stage, key);
    let records = stage.home().join("lanes").join(id).join("records.jsonl");
    stage.until("the report in the lane's records", || {
        std::fs::read_to_string(&records).ok().filter(|it| it.contains("\"kind\":\"report\""))
    });
    stage.up();
}

#[test]
fn a_turn_outlives_the_server_that_was_killed_in_its_middle() {
    for runtime in ["codex", "claude"] {
        let (stage, key) = story(runtime, outlives_the_server);
        stage.passes(&key, "implementation");
        stage.becomes(&key, "done");
        let attempts = stage.attempts(&key);
        assert_eq!(attempts.len(), 1, "{runtime}: {attempts:?}");
        stage.ends_well();
    }
}

#[test]
fn an_agent_that_was_killed_is_named_and_its_session_goes_on_in_the_next_attempt() {
    for runtime in ["codex", "claude"] {
        let (stage, key) = story(runtime, |stage, key, _| {
            stage.says(&["say", key, "[[script: sh echo words >> .git/words ;; say noted]]"]);
            stage.until("the agent's own record of its session", || {
                stage.has_written_down_a_call().then_some(())
            });
            let pid = stage.attempt(key, "coder", "busy")["pid"].as_i64().expect("a pid");
            kill(Pid::from_raw(i32::try_from(pid).expect("a pid")), Signal::SIGKILL)
                .expect("killed");
        });
        stage.until("the next attempt", || (stage.attempts(&key).len() == 2).then_some(()));
        lets_go(&stage, &key);
        stage.passes(&key, "implementation");
        stage.becomes(&key, "done");
        let attempts = stage.attempts(&key);
        let first = &attempts[0];
        assert_eq!(first["terminal"]["root_cause"], "crashed", "{runtime}: {first}");
        assert_eq!(first["death"]["signal"], "SIGKILL");
        assert!(
            first["death"]["last_tool"]
                .as_str()
                .is_some_and(|it| it.contains("until [ -e .git/go ]")),
            "{first}"
        );
        let second = attempts[1]["id"].as_str().expect("an id");
        let records = stage.home().join("lanes").join(second).join("records.jsonl");
        let records = std::fs::read_to_string(records).expect("records");
        assert!(records.contains("\"is_resumed\":true"), "{runtime}: {records}");
        for message in stage.asks(&["inbox", &key])["messages"].as_array().expect("messages") {
            assert_eq!(message["state"], "processed", "{message}");
        }
        stage.ends_well();
    }
}

#[test]
fn an_interrupted_agent_takes_the_next_message_in_the_same_attempt() {
    for runtime in ["codex", "claude"] {
        let (stage, key) = story(runtime, |stage, key, id| {
            stage.says(&["attempt", "interrupt", id]);
            stage.attempt(key, "coder", "idle");
            let again = "[[script: sh echo v1 > index.html && git commit -qam v1 ;; tool report {\"kind\": \"done\", \"summary\": \"v1\"} ;; say written]]";
            stage.says(&["say", key, again]);
        });
        stage.passes(&key, "implementation");
        stage.becomes(&key, "done");
        let attempts = stage.attempts(&key);
        assert_eq!(attempts.len(), 1, "{runtime}: {attempts:?}");
        let done = stage.workspace(&key).join(".git/done");
        assert!(!done.exists(), "the interrupted command did not go on");
        stage.ends_well();
    }
}

#[test]
fn a_person_at_the_journal_reads_along_interrupts_and_writes_to_the_agent_over_a_restart_of_the_server()
 {
    let mut attached = None;
    let (stage, key) = story("claude", |stage, key, id| {
        let mut at = stage.sits_at(id);
        let mut hand = at.stdin.take().expect("its input");
        hand.write_all(b"/interrupt\n").expect("typed");
        stage.attempt(key, "coder", "idle");
        stage.kill_server();
        stage.up();
        let line = "[[script: sh echo v1 > index.html && git commit -qam v1 ;; tool report {\"kind\": \"done\", \"summary\": \"v1\"} ;; say written]]";
        writeln!(hand, "{line}").expect("typed");
        // It leaves by itself when the attempt is over, not for want of input.
        attached = Some((at, hand));
    });
    let (at, hand) = attached.expect("somebody at the journal");
    let seen = at.wait_with_output().expect("it ends");
    drop(hand);
    let (out, err) = (String::from_utf8_lossy(&seen.stdout), String::from_utf8_lossy(&seen.stderr));
    assert!(seen.status.success(), "{out}{err}");
    assert!(out.contains("until [ -e .git/go ]") && out.contains("written"), "{out}");
    assert!(err.contains("the turn is being interrupted") && err.contains("is over"), "{err}");
    stage.passes(&key, "implementation");
    stage.becomes(&key, "done");
    assert_eq!(stage.attempts(&key).len(), 1);
    let over = stage.attempts(&key).remove(0);
    let again = stage.sits_at(over["id"].as_str().expect("an id"));
    assert_eq!(again.wait_with_output().expect("it ends").status.code(), Some(3));
    stage.ends_well();
}

#[test]
fn a_push_is_asked_for_by_the_agent_permitted_by_a_person_and_run_once() {
    for runtime in ["codex", "claude"] {
        let stage = Stage::new(&toml(runtime));
        let outside = stage.repo().with_file_name("outside.git");
        stage.git(&stage.repo(), &["init", "-q", "--bare", &outside.display().to_string()]);
        stage.git(&stage.repo(), &["remote", "add", "origin", &outside.display().to_string()]);
        let pushed = || stage.git(&outside, &["for-each-ref", "--format=%(refname)"]);
        // The agent's own command is refused within its turn; what it asks for instead is a person's to permit.
        let script = "[[script: sh git commit -q --allow-empty -m work ;; sh git push origin HEAD:refs/heads/topic \
            ;; tool request_approval {\"command\": \"git push origin HEAD:refs/heads/topic\", \"reason\": \"it is ready\"} ;; say asked]]";
        let key = stage.files(&["Push it", "--workflow", "short", "--park"]);
        stage.says(&["say", &key, script]);
        stage.says(&["ticket", "unpark", &key]);
        let approval = stage.until("what is asked", || {
            let all = stage.asks(&["approval", "list", "--all"]);
            all["approvals"].as_array()?.iter().find(|it| it["state"] == "requested").cloned()
        });
        let command = approval["command"].as_str().expect("a command");
        assert!(command.contains("git push origin HEAD:refs/heads/topic"), "{approval}");
        assert_eq!(pushed(), "", "{runtime} pushed by itself");
        let id = approval["id"].as_str().expect("an id").to_owned();
        stage.says(&["approve", &id]);
        stage.until("the push", || (pushed() == "refs/heads/topic").then_some(()));
        let told = stage.until("the words about it", || {
            let inbox = stage.asks(&["inbox", &key]);
            let all = inbox["messages"].as_array()?;
            all.iter().find(|it| it["body"].as_str().is_some_and(|it| it.contains(&id))).cloned()
        });
        assert!(told["body"].as_str().is_some_and(|it| it.contains("exit code 0")), "{told}");
        stage.ends_well();
    }
}

#[test]
fn an_agent_that_used_up_its_tokens_is_ended_and_a_person_is_asked() {
    for runtime in ["codex", "claude"] {
        let rules = toml(runtime);
        let (before, after) = rules.split_once("[role.coder]").expect("a role");
        let limits = format!(
            "[runtime.{runtime}]\nlimits = {{ tokens = 4000 }}\n\n[role.thinker]\nruntimes = [\"{runtime}\"]\n\
            permission = \"write\"\nevidence = []\ninstructions = \"[[script: sh echo 1 >> .git/steps ;; sh echo 2 >> .git/steps \
            ;; sh echo 3 >> .git/steps ;; say I go on thinking]]\"\n\n[workflow.think]\ngates = [{{ id = \"think\", role = \"thinker\", \
            decided_by = \"person\" }}]\n\n"
        );
        let stage = Stage::new(&format!("{before}{limits}[role.coder]{after}"));
        let key = stage.files(&["Think", "--workflow", "think"]);
        let ticket = stage.becomes(&key, "blocked");
        assert_eq!(ticket["reason"]["code"], "budget_spent", "{runtime}: {ticket}");
        let text = ticket["reason"]["text"].as_str().expect("a text");
        assert!(text.contains("of 4000 tokens"), "{text}");
        assert!(stage.says(&["needs-you"]).contains("4000 tokens"));
        let first = stage.attempts(&key).remove(0);
        assert_eq!(first["terminal"]["root_cause"], "budget_spent", "{first}");
        assert_eq!(first["terminal"]["human_input_required"], true);
        stage.says(&["ticket", "retry", &key, "--reason", "think on"]);
        stage.until("as much again", || (stage.attempts(&key).len() == 2).then_some(()));
        stage.becomes(&key, "blocked");
        stage.ends_well();
    }
}

#[test]
fn a_spent_day_ends_what_runs_with_its_turn_keeps_its_work_and_goes_on_when_it_is_raised() {
    for runtime in ["codex", "claude"] {
        let rules = toml(runtime);
        let (before, after) = rules.split_once("[role.coder]").expect("a role");
        let thinker = format!(
            "[budget]\nday = {{ tokens = 2000 }}\n\n[role.thinker]\nruntimes = [\"{runtime}\"]\npermission = \"write\"\n\
            evidence = []\ninstructions = \"[[script: sh until [ -e .git/go ]; do sleep 0.05; done ;; say I go on]]\"\n\n\
            [workflow.think]\ngates = [{{ id = \"think\", role = \"thinker\", decided_by = \"person\" }}]\n\n"
        );
        let stage = Stage::new(&format!("{before}{thinker}[role.coder]{after}"));
        let key = stage.files(&["Think", "--workflow", "think"]);
        let git = stage.workspace(&key).join(".git");
        stage.attempt(&key, "thinker", "busy");
        let second = "[[script: sh touch .git/two; until [ -e .git/on ]; do sleep 0.05; done ;; sh echo all > whole ;; say more]]";
        stage.says(&["say", &key, second]);
        std::fs::write(git.join("go"), "").expect("a file");
        stage.until("the second turn", || git.join("two").exists().then_some(()));
        stage.until("the end of the day's budget", || {
            stage.says(&["export"]).contains("day_budget_spent").then_some(())
        });
        std::fs::write(git.join("on"), "").expect("a file");
        let ticket = stage.becomes(&key, "todo");
        assert_eq!(ticket["reason"]["code"], "queued", "{runtime}: {ticket}");
        let first = stage.attempts(&key).remove(0);
        assert_eq!(first["terminal"]["stop_condition"], "stopped", "{first}");
        let summary = first["terminal"]["summary"].as_str().expect("a text");
        assert!(summary.contains("the day's budget of"), "{summary}");
        let whole = std::fs::read_to_string(stage.workspace(&key).join("whole"));
        assert_eq!(whole.expect("the turn came to its own end"), "all\n");
        let is_kept =
            |it: &str| stage.git(&stage.repo(), &["ls-tree", "--name-only", it]).contains("whole");
        stage.until("what is kept", || {
            let kept = stage
                .git(&stage.repo(), &["for-each-ref", "--format=%(objectname)", "refs/mission"]);
            kept.lines().any(is_kept).then_some(())
        });
        assert!(stage.says(&["needs-you"]).contains("budget.day"));
        assert!(stage.says(&["ticket", "why", &key]).contains("budget.day"));
        assert_eq!(stage.attempts(&key).len(), 1);
        let file = stage.repo().join("mission.toml");
        let rules = std::fs::read_to_string(&file).expect("the rules");
        std::fs::write(&file, rules.replace("tokens = 2000", "tokens = 2000000")).expect("a file");
        stage.git(&stage.repo(), &["commit", "-q", "-a", "-m", "more"]);
        stage.until("another attempt", || {
            stage.says(&["ticket", "why", &key]);
            (stage.attempts(&key).len() == 2).then_some(())
        });
        stage.ends_well();
    }
}
