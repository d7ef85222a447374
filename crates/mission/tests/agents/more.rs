//! gemini, opencode and hermes over the Agent Client Protocol: the long suite of `cargo xtask test --all-agents`. The same stories for
//! all three; where one of them is different, [`Agent`] says so, and the stories hold it to that.
//!
//! They are ignored otherwise: these programs take half a minute to start on a machine under load. They ask hosts of their own choice:
//! `.config/loopback.sh`, in which nextest runs them, keeps them from it where the machine allows that.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mission_testkit::programs::AcpProgram;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::accidents::outlives_the_server;
use crate::gates;
use crate::stage::Stage;

/// How long one step may take: these programs are slow to start.
const PATIENCE: Duration = Duration::from_secs(240);

/// What is expected of one program.
#[derive(Debug, Clone, Copy)]
struct Agent {
    program: AcpProgram,
    /// Whether it asks leave for each command, so that a line with a guarded one is refused before it runs. Else the guard on the PATH
    /// and the clone, which has no remote, keep it from doing harm.
    asks_leave: bool,
    /// Whether a session that is loaded within the minute in which it began is lost: gemini names the file of a session by the minute,
    /// and begins it anew before it reads it. The lane then goes on with a new session; the brief tells it all that it has to know.
    forgets_a_minute: bool,
    /// Whether it tells the tokens of every call of a turn: opencode tells those of the last one.
    counts_every_call: bool,
    /// What a lane makes of its words when the provider answers with the status 401.
    calls_a_401: &'static str,
}

const GEMINI: Agent = Agent {
    program: AcpProgram::Gemini,
    asks_leave: true,
    forgets_a_minute: true,
    counts_every_call: true,
    calls_a_401: "auth",
};
const OPENCODE: Agent = Agent {
    program: AcpProgram::Opencode,
    asks_leave: true,
    forgets_a_minute: false,
    counts_every_call: false,
    // It passes the provider's own words on, and not the status.
    calls_a_401: "provider_down",
};
const HERMES: Agent = Agent {
    program: AcpProgram::Hermes,
    asks_leave: false,
    forgets_a_minute: false,
    counts_every_call: true,
    calls_a_401: "auth",
};

impl Agent {
    fn name(self) -> &'static str {
        self.program.name()
    }

    /// Waits until a session that has begun can be found again.
    #[expect(clippy::disallowed_methods, reason = "gemini looks at this clock")]
    fn lets_its_minute_pass(self, stage: &Stage) {
        let minute =
            || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs() / 60);
        let began = minute();
        if self.forgets_a_minute {
            stage.until("the next minute", || (minute() != began).then_some(()));
        }
    }

    /// One gate, worked by this agent as `script` says, and decided by a person.
    #[track_caller]
    fn stage(self, script: &str) -> Stage {
        let name = self.name();
        self.stage_of(&format!(
            "[project]\nkey = \"MC\"\n\n[role.coder]\nruntimes = [\"{name}\"]\nevidence = [\"commit\"]\ninstructions = '''\nYou write.\n[[script: {script}]]\n'''\n\n\
             [workflow.short]\ngates = [{{ id = \"implementation\", role = \"coder\", decided_by = [\"person\"] }}]\n"
        ))
    }

    /// A stage with these rules, for somebody who has this agent.
    #[track_caller]
    fn stage_of(self, rules: &str) -> Stage {
        is_kept_to_loopback();
        let quiet = "OPENCODE_DISABLE_MODELS_FETCH = \"1\", OPENCODE_DISABLE_AUTOUPDATE = \"1\"";
        let rules = format!("{rules}\n[runtime.opencode]\nenv = {{ set = {{ {quiet} }} }}\n");
        Stage::with(&rules, Some(self.program), PATIENCE)
    }
}

/// Fails where a program could reach more than loopback, unless the machine allows nothing else.
#[track_caller]
fn is_kept_to_loopback() {
    let devices = std::fs::read_to_string("/proc/thread-self/net/dev").expect("a list of devices");
    let names = devices.lines().skip(2).filter_map(|it| it.split(':').next());
    let others: Vec<&str> = names.map(str::trim).filter(|it| *it != "lo").collect();
    let is_open = std::env::var("MISSION_TEST_NETWORK").is_ok_and(|it| it == "open");
    assert!(
        others.is_empty() || is_open,
        "these programs would reach more than loopback ({others:?}): run them with `cargo nextest run`, which keeps them from it"
    );
}

/// The exit code of a command that the guard on the PATH asks a person about instead of running it.
const GUARDED: u8 = 77;

/// What ends a delivery: a commit, and the report by the tool that the lane's own server offers.
const DELIVERS: &str = "sh echo v1 > index.html && git commit -qam v1 ;; tool report {\"kind\": \"done\", \"summary\": \"v1\"} ;; say written";

/// Waits until the command that the agent runs has written the file `name` into the clone's folder.
#[track_caller]
fn begins(stage: &Stage, key: &str, name: &str) -> String {
    let file = stage.workspace(key).join(".git").join(name);
    stage.until(name, || std::fs::read_to_string(&file).ok().filter(|it| it.ends_with('\n')))
}

fn lets(stage: &Stage, key: &str, name: &str) {
    std::fs::write(stage.workspace(key).join(".git").join(name), "").expect("a file");
}

/// Whether the second attempt went on with the session of the first.
#[track_caller]
fn is_resumed(stage: &Stage, key: &str) -> bool {
    let attempts = stage.attempts(key);
    let id = attempts[1]["id"].as_str().expect("an id");
    let records = stage.home().join("lanes").join(id).join("records.jsonl");
    std::fs::read_to_string(records).expect("records").contains("\"is_resumed\":true")
}

/// It asks, goes on with the answer, hears once and later what is said while it works, and delivers.
fn works(agent: Agent) {
    let stage = agent.stage(
        "sh if grep -q 'take [v]1' \"$MISSION_BRIEF\"; then echo $MISSION_ATTEMPT >> .git/begun; until [ -e .git/go ]; do sleep 0.1; done; \
         echo v1 > index.html && git commit -qam v1 && mission report done --summary v1; \
         else mission report question --summary 'which version?'; fi ;; say written",
    );
    let doctor = stage.doctor();
    let version = agent.program.version();
    let line = doctor.lines().find(|it| it.contains(&format!("runtime {}", agent.name())));
    assert!(line.is_some_and(|it| it.contains(version)), "{doctor}");
    let looks = stage.asks(&["doctor"])["looks"].as_array().cloned().expect("looks");
    let what = format!("runtime {}", agent.name());
    let look = looks.iter().find(|it| it["what"] == what.as_str()).expect("a look");
    assert_eq!(look["abilities"]["seen"], serde_json::json!(["resume"]), "{look}");
    assert_eq!(look["abilities"]["lacking"], serde_json::json!([]), "{look}");
    let known = look["abilities"]["known"].as_str().expect("what is known of it");
    assert!(doctor.split_whitespace().collect::<Vec<_>>().join(" ").contains(known), "{doctor}");
    assert_eq!(known.contains("asks leave for nothing"), !agent.asks_leave, "{known}");
    assert_eq!(known.contains("loses a session"), agent.forgets_a_minute, "{known}");
    assert_eq!(known.contains("`provider_down`"), agent.calls_a_401 == "provider_down", "{known}");
    assert_eq!(known.contains("of the last call"), !agent.counts_every_call, "{known}");
    let key = stage.files(&["Change it", "--workflow", "short"]);
    let ticket = stage.becomes(&key, "needs_input");
    assert_eq!(ticket["question"]["text"], "which version?");
    agent.lets_its_minute_pass(&stage);
    stage.says(&["answer", &key, "take v1"]);
    begins(&stage, &key, "begun");
    assert_eq!(stage.attempt(&key, "coder", "busy")["state_source"], "protocol");
    stage.says(&["say", &key, "[[script: sh echo taken >> .git/words ;; say noted]]"]);
    let inbox = stage.asks(&["inbox", &key]);
    let all = inbox["messages"].as_array().expect("messages");
    let words = all.iter().find(|it| it["body"].as_str().is_some_and(|it| it.contains("taken")));
    assert_eq!(words.map(|it| it["state"].clone()), Some("queued".into()), "{inbox}");
    assert!(!stage.workspace(&key).join(".git/words").exists(), "a turn of its own is waited for");
    lets(&stage, &key, "go");
    stage.becomes(&key, "in_review");
    let words = std::fs::read_to_string(stage.workspace(&key).join(".git/words"));
    assert_eq!(words.expect("the words were taken"), "taken\n", "once");
    assert!(is_resumed(&stage, &key), "the answer goes to the session that asked");
    stage.passes(&key, "implementation");
    stage.becomes(&key, "done");
    let attempts = stage.attempts(&key);
    assert_eq!(attempts.len(), 2, "{attempts:?}");
    assert!(attempts[1]["usage"]["tokens"].as_u64().is_some_and(|it| it > 1_000), "{attempts:?}");
    for message in stage.asks(&["inbox", &key])["messages"].as_array().expect("messages") {
        assert_eq!(message["state"], "processed", "{message}");
    }
    stage.ends_well();
}

/// It is interrupted, its command ends with the turn, and it takes the next message in the same attempt.
fn is_interrupted(agent: Agent) {
    let stage = agent.stage("sh echo $$ > .git/pid; exec tail -f /dev/null ;; say never");
    let key = stage.files(&["Change it", "--workflow", "short"]);
    let pid = begins(&stage, &key, "pid").trim().parse().expect("a pid");
    let attempt = stage.attempt(&key, "coder", "busy");
    stage.says(&["attempt", "interrupt", attempt["id"].as_str().expect("an id")]);
    stage.attempt(&key, "coder", "idle");
    stage.until("the end of the command", || (!stage.is_ours(pid)).then_some(()));
    stage.says(&["say", &key, &format!("[[script: {DELIVERS}]]")]);
    stage.passes(&key, "implementation");
    stage.becomes(&key, "done");
    assert_eq!(stage.attempts(&key).len(), 1);
    stage.ends_well();
}

/// A guarded command does not run; what it asks for instead is permitted by a person and run once.
fn asks_a_person(agent: Agent) {
    let stage = agent.stage(
        "sh git commit -q --allow-empty -m work ;; sh git push origin HEAD:refs/heads/topic; echo $? > .git/tried \
         ;; tool request_approval {\"command\": \"git push origin HEAD:refs/heads/topic\", \"reason\": \"it is ready\"} ;; say asked",
    );
    let outside = stage.repo().with_file_name("outside.git");
    stage.git(&stage.repo(), &["init", "-q", "--bare", &outside.display().to_string()]);
    stage.git(&stage.repo(), &["remote", "add", "origin", &outside.display().to_string()]);
    let pushed = || stage.git(&outside, &["for-each-ref", "--format=%(refname)"]);
    let key = stage.files(&["Push it", "--workflow", "short"]);
    let approval = stage.until("what is asked", || {
        let all = stage.asks(&["approval", "list", "--all"]);
        all["approvals"].as_array()?.iter().find(|it| it["state"] == "requested").cloned()
    });
    let command = approval["command"].as_str().expect("a command");
    assert!(command.contains("git push origin HEAD:refs/heads/topic"), "{approval}");
    assert_eq!(pushed(), "", "it pushed by itself");
    let log = stage.git(&stage.workspace(&key), &["log", "-1", "--format=%s"]);
    assert_eq!(log, "work", "its other commands run");
    // Who asks leave is refused the whole line; the guard on the PATH refuses the one command in it.
    let tried = std::fs::read_to_string(stage.workspace(&key).join(".git/tried")).ok();
    let by_guard = (!agent.asks_leave).then(|| format!("{GUARDED}\n"));
    assert_eq!(tried, by_guard, "{agent:?}");
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

/// It is killed in its second turn; the next attempt goes on with the session and hears again what that turn was about.
fn is_killed(agent: Agent) {
    let stage = agent.stage(
        "sh echo $MISSION_ATTEMPT >> .git/begun; until [ -e .git/one ]; do sleep 0.1; done ;; say noted",
    );
    let key = stage.files(&["Change it", "--workflow", "short"]);
    begins(&stage, &key, "begun");
    let second = format!(
        "[[script: sh echo $MISSION_ATTEMPT >> .git/second; until [ -e .git/go ]; do sleep 0.1; done ;; {DELIVERS}]]"
    );
    stage.says(&["say", &key, &second]);
    lets(&stage, &key, "one");
    begins(&stage, &key, "second");
    agent.lets_its_minute_pass(&stage);
    let pid = stage.attempt(&key, "coder", "busy")["pid"].as_i64().expect("a pid");
    kill(Pid::from_raw(i32::try_from(pid).expect("a pid")), Signal::SIGKILL).expect("killed");
    stage.until("the next attempt", || (stage.attempts(&key).len() == 2).then_some(()));
    lets(&stage, &key, "go");
    stage.passes(&key, "implementation");
    stage.becomes(&key, "done");
    let attempts = stage.attempts(&key);
    assert_eq!(attempts.len(), 2, "{attempts:?}");
    assert_eq!(attempts[0]["terminal"]["root_cause"], "crashed", "{attempts:?}");
    assert_eq!(attempts[0]["death"]["signal"], "SIGKILL");
    let tool = attempts[0]["death"]["last_tool"].as_str().expect("a tool");
    assert!(tool.contains("until [ -e .git/go ]"), "{tool}");
    assert!(is_resumed(&stage, &key));
    for message in stage.asks(&["inbox", &key])["messages"].as_array().expect("messages") {
        assert_eq!(message["state"], "processed", "{message}");
    }
    stage.ends_well();
}

/// Its provider refuses: that is the runtime's fault, costs the ticket nothing, and is named as far as the agent tells it.
fn is_refused(agent: Agent) {
    let stage = agent.stage("http 401");
    let key = stage.files(&["Change it", "--workflow", "short"]);
    let ended = stage.until("the end of the attempt", || {
        stage.attempts(&key).into_iter().find(|it| it["terminal"].is_object())
    });
    assert_eq!(ended["terminal"]["root_cause"], agent.calls_a_401, "{ended}");
    stage.ends_well();
}

/// It is the coder of a ticket that goes through all eight gates; the server is killed in the middle of its first turn.
fn goes_through_the_gates(agent: Agent) {
    let stage = agent.stage_of(&gates::toml(agent.name()));
    let coders = gates::goes_through_all_eight(stage, agent.name(), outlives_the_server);
    for attempt in &coders {
        assert!(attempt["usage"]["tokens"].as_u64().is_some_and(|it| it > 1_000), "{attempt}");
        assert_eq!(gates::counts_every_call(attempt), agent.counts_every_call, "{attempt}");
    }
    // The second round goes on with the session of the first, or says that it began another.
    let [first, second] = [0, 1].map(|it| &coders[it]["session"]);
    assert_eq!(second["resumed"], first["id"] == second["id"], "{coders:?}");
    assert!(second["resumed"] == true || agent.forgets_a_minute, "{coders:?}");
}

macro_rules! stories {
    ($name:ident, $agent:expr) => {
        mod $name {
            #[test]
            #[ignore = "one of the long suite: `cargo xtask test --all-agents`"]
            fn goes_through_all_eight_gates_over_a_killed_server() {
                super::goes_through_the_gates($agent);
            }

            #[test]
            #[ignore = "one of the long suite: `cargo xtask test --all-agents`"]
            fn works_a_gate_with_a_question_and_hears_what_is_said_meanwhile_once() {
                super::works($agent);
            }

            #[test]
            #[ignore = "one of the long suite: `cargo xtask test --all-agents`"]
            fn takes_the_next_message_after_an_interrupt() {
                super::is_interrupted($agent);
            }

            #[test]
            #[ignore = "one of the long suite: `cargo xtask test --all-agents`"]
            fn does_not_push_until_a_person_permits_it() {
                super::asks_a_person($agent);
            }

            #[test]
            #[ignore = "one of the long suite: `cargo xtask test --all-agents`"]
            fn tells_of_a_provider_that_refuses() {
                super::is_refused($agent);
            }

            #[test]
            #[ignore = "one of the long suite: `cargo xtask test --all-agents`"]
            fn goes_on_with_its_session_after_it_was_killed() {
                super::is_killed($agent);
            }
        }
    };
}

stories!(gemini, super::GEMINI);
stories!(opencode, super::OPENCODE);
stories!(hermes, super::HERMES);
