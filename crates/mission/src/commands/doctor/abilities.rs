//! What an agent can do, seen by shaking hands with it as a lane does: no session is opened and no model is called.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use mission_domain::ability::Ability;
use mission_domain::agents::EXEC;
use mission_domain::doc::RuntimeDoc;
use mission_domain::rules::Driver;
use mission_runtime::spec::Driver as Kind;
use mission_runtime::{proc_tree, program_behind};
use mission_sandbox::{Access, Confined, Limits, Network};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Child;

use super::{Health, Look};

/// How long a program may take to answer. Some are large scripts, and several are asked at once.
const LIMIT: Duration = Duration::from_secs(45);

/// How much of what it says is read, in bytes.
const MOST_OUTPUT: u64 = 1024 * 1024;

/// Between two looks whether a program that has not answered is still there.
const LOOK: Duration = Duration::from_millis(50);

/// The version of the Agent Client Protocol that lanes speak.
const ACP_VERSION: u64 = 1;

/// What a runtime's driver is made for, and what its program showed of it.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub(super) struct Abilities {
    /// What its driver is made for.
    declared: Vec<String>,
    /// What its program showed.
    seen: Vec<Ability>,
    /// What its program showed that it cannot.
    lacking: Vec<Ability>,
    /// What is known of a program of this name that no handshake tells.
    known: Option<&'static str>,
}

/// What the long suite found of programs that do not tell it themselves; docs/acp-agents.md says how each is handled.
const KNOWN: [(&str, &str); 3] = [
    ("gemini", "it loses a session that is gone on with in the minute in which it began"),
    (
        "opencode",
        "it does not pass a provider's status on: a refused sign-in may be called `provider_down`; it tells the tokens of the last call of a turn only",
    ),
    (
        "hermes",
        "it asks leave for nothing: the guards on its PATH and the sandbox hold it; an interrupt moves it to a new session",
    ),
];

fn known(it: &RuntimeDoc) -> Option<&'static str> {
    let name = Path::new(it.command.first()?).file_name()?.to_str()?;
    KNOWN.iter().find(|(program, _)| *program == name).map(|(_, what)| *what)
}

/// What came of shaking hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shaken {
    /// It answered: what it showed that it can, and that it cannot.
    Answered { seen: Vec<Ability>, lacking: Vec<Ability> },
    /// Its command ended while this, which it had started, ran on.
    Forked(String),
    /// It did not, or not so that a lane could work with it: why.
    Failed(String),
}

impl Shaken {
    /// Adds what was seen to `look`, which is about the runtime `it`.
    pub(super) fn told(&self, look: Look, it: &RuntimeDoc) -> Look {
        let names =
            |all: &[Ability]| all.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ");
        match self {
            Self::Answered { seen, lacking } => {
                let is_shown = |name: &String| {
                    seen.iter().chain(lacking).any(|it| it.as_str() == name.as_str())
                };
                let untold: Vec<_> =
                    it.declared.iter().filter(|it| !is_shown(it)).cloned().collect();
                let mut text = format!("{}; answers as a lane asks", look.seen);
                for (what, names) in [
                    ("can", names(seen)),
                    ("cannot", names(lacking)),
                    ("does not tell of", untold.join(", ")),
                ] {
                    if !names.is_empty() {
                        text += &format!("; {what} {names}");
                    }
                }
                let known = known(it);
                if let Some(known) = known {
                    text += &format!("; known of it: {known}");
                }
                let declared = it.declared.clone();
                let abilities =
                    Abilities { declared, seen: seen.clone(), lacking: lacking.clone(), known };
                Look { seen: text, abilities: Some(abilities), ..look }
            }
            Self::Forked(left) => forks(look, left),
            Self::Failed(why) => {
                let seen = format!("{}; no lane could work with it: {why}", look.seen);
                let fix = format!("start `{}` by hand and see what it says", it.command.join(" "));
                Look { health: Health::Weak, seen, fix: Some(look.fix.unwrap_or(fix)), ..look }
            }
        }
    }
}

/// Says of a runtime that its command goes while `left` runs on.
pub(super) fn forks(look: Look, left: &str) -> Look {
    let seen = format!(
        "{}; no lane could work with it: its command ends while {left}, which it started, runs on",
        look.seen
    );
    Look { health: Health::Weak, seen, ..look }.fix(EXEC)
}

/// What is said to a program, and how its answers are read.
struct Handshake {
    kind: Kind,
    arguments: Vec<String>,
    frames: Vec<Value>,
    read: fn(&[Value]) -> Shaken,
}

/// Shakes hands with `program` of the runtime `it`; nothing where its driver speaks no protocol.
pub(super) async fn shake(it: &RuntimeDoc, program: &Path) -> Option<Shaken> {
    let handshake = handshake(Driver::from_word(&it.driver)?, it.command.get(1..)?)?;
    let said = tokio::time::timeout(LIMIT, answers(program, &handshake)).await;
    Some(match said {
        Ok(Ok(Said::All(answers))) => (handshake.read)(&answers),
        Ok(Ok(Said::Forked(left))) => Shaken::Forked(left),
        Ok(Err(error)) => Shaken::Failed(format!("{error:#}")),
        Err(_) => Shaken::Failed(format!("it did not answer within {} s", LIMIT.as_secs())),
    })
}

fn handshake(driver: Driver, arguments: &[String]) -> Option<Handshake> {
    let with = |more: &[&str]| {
        arguments.iter().cloned().chain(more.iter().map(|it| (*it).to_owned())).collect()
    };
    let client = json!({"name": "mission", "version": env!("CARGO_PKG_VERSION")});
    match driver {
        Driver::Codex => Some(Handshake {
            kind: Kind::Codex,
            arguments: with(&["app-server"]),
            frames: vec![
                json!({"id": 1, "method": "initialize", "params": {"clientInfo": client}}),
                json!({"method": "initialized"}),
                // There is no such method: the refusal lists those that there are.
                json!({"id": 2, "method": "mission/none", "params": {}}),
            ],
            read: codex,
        }),
        Driver::Claude => Some(Handshake {
            kind: Kind::Claude,
            arguments: with(&CLAUDE_FLAGS),
            frames: vec![
                json!({"type": "control_request", "request_id": "1", "request": {"subtype": "initialize"}}),
                json!({"type": "control_request", "request_id": "2", "request": {"subtype": "interrupt"}}),
            ],
            read: claude,
        }),
        Driver::Acp => Some(Handshake {
            kind: Kind::Acp,
            arguments: with(&[]),
            frames: vec![json!({
                "jsonrpc": "2.0", "id": 1, "method": "initialize",
                "params": {
                    "protocolVersion": ACP_VERSION, "clientInfo": client,
                    "clientCapabilities": {
                        "fs": {"readTextFile": false, "writeTextFile": false}, "terminal": false,
                    },
                },
            })],
            read: acp,
        }),
        Driver::Exec | Driver::Tmux | Driver::Person | Driver::External => None,
    }
}

/// What makes claude speak frames both ways.
const CLAUDE_FLAGS: [&str; 6] =
    ["-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"];

/// Whether `frame` answers something that was asked.
fn is_answer(frame: &Value) -> bool {
    let has_outcome = frame.get("result").or_else(|| frame.get("error")).is_some();
    (frame["id"].is_u64() && has_outcome) || frame["type"] == "control_response"
}

/// What came of asking.
enum Said {
    /// One answer for each frame that asks.
    All(Vec<Value>),
    /// The program ended while this ran on.
    Forked(String),
}

/// Starts the program without a network and with a home of its own, and with no more to read than a lane has; says the frames, and
/// returns the answers.
async fn answers(program: &Path, handshake: &Handshake) -> anyhow::Result<Said> {
    let own = tempfile::Builder::new().prefix("mission-doctor-").tempdir()?;
    let home = own.path().display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let env = [("PATH", path.as_str()), ("HOME", &home), ("TMPDIR", &home), ("LANG", "C.UTF-8")];
    let env: BTreeMap<String, String> =
        env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let named = program.display().to_string();
    let (program, installation) = program_behind(handshake.kind, &named, &path);
    let given = handshake.arguments.iter().map(PathBuf::from).filter(|it| it.is_absolute());
    let read = [PathBuf::from(named)].into_iter().chain(given).chain(installation);
    let access = read.fold(Access::standard(&env, own.path(), own.path()), Access::with_read);
    let what = Confined {
        program,
        args: handshake.arguments.clone(),
        cwd: own.path().to_owned(),
        env,
        access,
        limits: Limits::default(),
        network: Network::Refused,
    };
    let (command, _) = what.into_std_command()?;
    let mut command = tokio::process::Command::from(command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let child = command.kill_on_drop(true).spawn()?;
    let mut running = Running { child, mark: format!("HOME={home}") };
    let mut input = running.child.stdin.take().ok_or_else(|| anyhow::anyhow!("it has no input"))?;
    let output = running.child.stdout.take().ok_or_else(|| anyhow::anyhow!("it has no output"))?;
    let frames: String = handshake.frames.iter().map(|it| format!("{it}\n")).collect();
    // One that has gone, or that reads nothing, shows by what it answers.
    let _ = input.write_all(frames.as_bytes()).await;
    let _ = input.flush().await;
    let asked = handshake.frames.iter().filter(|it| is_question(it)).count();
    let mut lines = BufReader::new(output.take(MOST_OUTPUT)).lines();
    let mut answers = Vec::new();
    while answers.len() < asked {
        tokio::select! {
            line = lines.next_line() => {
                let Some(line) = line? else { break };
                answers.extend(serde_json::from_str(&line).ok().filter(is_answer));
            }
            () = tokio::time::sleep(LOOK) => {
                if let Some(left) = running.left()? {
                    return Ok(Said::Forked(left));
                }
            }
        }
    }
    if let Some(left) = running.left()? {
        return Ok(Said::Forked(left));
    }
    anyhow::ensure!(answers.len() >= asked, "it ended, or fell silent, before it had answered");
    Ok(Said::All(answers))
}

fn is_question(frame: &Value) -> bool {
    frame["id"].is_u64() || frame["type"] == "control_request"
}

/// A program that goes, with all that it started, when nobody asks it any more.
struct Running {
    child: Child,
    /// The line of its environment that nobody else has.
    mark: String,
}

impl Running {
    /// Returns what runs on though the program itself has ended; nothing while it lives, or where nothing does.
    fn left(&mut self) -> anyhow::Result<Option<String>> {
        let Some(status) = self.child.try_wait()? else { return Ok(None) };
        let left = proc_tree::with_environment(&self.mark);
        let left = left.iter().find(|it| !it.is_zombie).map(|it| format!("`{}`", it.comm));
        // One that was killed did not go by itself.
        Ok(left.filter(|_| status.code().is_some()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whatever left its tree still has its environment.
        let mut started = proc_tree::with_environment(&self.mark);
        let pid = self.child.id().and_then(|it| i32::try_from(it).ok());
        started.extend(pid.into_iter().flat_map(proc_tree::descendants));
        let _ = self.child.start_kill();
        for it in started.iter().filter(|it| proc_tree::is_alive(it.pid, it.start_time)) {
            let _ = kill(Pid::from_raw(it.pid), Signal::SIGKILL);
        }
    }
}

/// Sorts abilities into those that are there and those that are not.
fn sorted(all: &[(Ability, bool)]) -> Shaken {
    let of = |wanted: bool| {
        all.iter().filter(|(_, is_there)| *is_there == wanted).map(|(it, _)| *it).collect()
    };
    Shaken::Answered { seen: of(true), lacking: of(false) }
}

fn codex(answers: &[Value]) -> Shaken {
    if let Some(error) = answers.iter().find(|it| it["id"] == 1).and_then(|it| it.get("error")) {
        return Shaken::Failed(words(error));
    }
    let refusal = answers.iter().find(|it| it["id"] == 2).map(|it| words(&it["error"]));
    let methods = refusal.filter(|it| it.contains("`initialize`"));
    let Some(methods) = methods else { return sorted(&[]) };
    let is_there = |method: &str| methods.contains(&format!("`{method}`"));
    sorted(&[
        (Ability::Interrupt, is_there("turn/interrupt")),
        (Ability::Steer, is_there("turn/steer")),
        (Ability::Resume, is_there("thread/resume")),
    ])
}

fn claude(answers: &[Value]) -> Shaken {
    let of = |id: &str| answers.iter().map(|it| &it["response"]).find(|it| it["request_id"] == id);
    let is_done = |it: &Value| it["subtype"] == "success";
    match of("1") {
        Some(hello) if !is_done(hello) => Shaken::Failed(
            hello["error"].as_str().unwrap_or("it refuses the first request").to_owned(),
        ),
        Some(_) | None => sorted(&[(Ability::Interrupt, of("2").is_some_and(is_done))]),
    }
}

fn acp(answers: &[Value]) -> Shaken {
    let Some(answer) = answers.first() else { return sorted(&[]) };
    if let Some(error) = answer.get("error") {
        return Shaken::Failed(words(error));
    }
    let result = &answer["result"];
    match result["protocolVersion"].as_u64() {
        Some(ACP_VERSION) => {
            sorted(&[(Ability::Resume, result["agentCapabilities"]["loadSession"] == true)])
        }
        spoken => Shaken::Failed(format!(
            "it speaks version {} of the protocol, and lanes speak {ACP_VERSION}",
            spoken.map_or_else(|| "no".to_owned(), |it| it.to_string())
        )),
    }
}

fn words(error: &Value) -> String {
    error["message"].as_str().unwrap_or("it refuses without a word").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc(driver: Driver, command: &[&str]) -> RuntimeDoc {
        RuntimeDoc {
            name: "mine".into(),
            driver: driver.to_string(),
            command: command.iter().map(|it| (*it).to_owned()).collect(),
            model: None,
            breaker: "closed".into(),
            note: None,
            found: Some(true),
            from: "built-in".into(),
            untold: None,
            declared: driver.declared().iter().map(ToString::to_string).collect(),
            version: None,
            trouble: None,
            trial: None,
        }
    }

    #[test]
    fn what_codex_can_is_read_from_the_methods_that_it_lists() {
        let hello = json!({"id": 1, "result": {"userAgent": "mission/0.169.0"}});
        let listed = "Invalid request: unknown variant `mission/none`, expected one of `initialize`, `thread/resume`, `turn/steer`";
        let refusal = json!({"id": 2, "error": {"code": -32600, "message": listed}});
        let seen = codex(&[hello.clone(), refusal]);
        let (can, cannot) = (vec![Ability::Steer, Ability::Resume], vec![Ability::Interrupt]);
        assert_eq!(seen, Shaken::Answered { seen: can, lacking: cannot });
        let short = json!({"id": 2, "error": {"code": -32601, "message": "method not found"}});
        let nothing = Shaken::Answered { seen: Vec::new(), lacking: Vec::new() };
        assert_eq!(codex(&[hello, short]), nothing, "no list says nothing");
    }

    #[test]
    fn claude_is_interrupted_where_it_has_nothing_to_do() {
        let of = |id: &str, subtype: &str| json!({"type": "control_response", "response": {"subtype": subtype, "request_id": id, "error": "no such request"}});
        let Shaken::Answered { seen, .. } = claude(&[of("1", "success"), of("2", "success")])
        else {
            panic!("it answered")
        };
        assert_eq!(seen, [Ability::Interrupt]);
        let Shaken::Answered { lacking, .. } = claude(&[of("1", "success"), of("2", "error")])
        else {
            panic!("it answered")
        };
        assert_eq!(lacking, [Ability::Interrupt]);
        assert_eq!(claude(&[of("1", "error")]), Shaken::Failed("no such request".into()));
    }

    #[test]
    fn an_acp_agent_says_whether_it_goes_on_with_sessions_and_which_version_it_speaks() {
        let of = |version: u64, loads: bool| {
            let able = json!({"loadSession": loads});
            acp(&[
                json!({"id": 1, "result": {"protocolVersion": version, "agentCapabilities": able}}),
            ])
        };
        assert!(matches!(of(1, true), Shaken::Answered { seen, .. } if seen == [Ability::Resume]));
        assert!(
            matches!(of(1, false), Shaken::Answered { lacking, .. } if lacking == [Ability::Resume])
        );
        assert!(matches!(of(2, true), Shaken::Failed(why) if why.contains("version 2")));
    }

    #[test]
    fn what_was_seen_and_what_was_not_told_is_said_apart() {
        let it = doc(Driver::Acp, &["my-agent", "--acp"]);
        let look = || Look::new("runtime mine", Health::Good, "it starts");
        let shaken =
            Shaken::Answered { seen: vec![Ability::Interrupt], lacking: vec![Ability::Resume] };
        let told = shaken.told(look(), &it);
        assert_eq!(
            told.seen,
            "it starts; answers as a lane asks; can interrupt; cannot resume; does not tell of leave, tools, tokens"
        );
        let abilities = told.abilities.expect("abilities");
        assert_eq!((abilities.declared.len(), abilities.lacking), (5, vec![Ability::Resume]));
        let hermes = doc(Driver::Acp, &["/opt/bin/hermes", "acp"]);
        let known = shaken.told(look(), &hermes);
        assert!(known.seen.contains("known of it: it asks leave for nothing"), "{known:?}");
        let failed = Shaken::Failed("it fell silent".into()).told(look(), &it);
        assert_eq!(failed.health, Health::Weak);
        assert!(failed.fix.is_some_and(|it| it.contains("my-agent --acp")));
    }

    #[tokio::test]
    async fn a_program_is_asked_for_real_and_goes_when_it_has_answered() {
        let script = "read frame; case \"$frame\" in *initialize*) echo words; echo '{\"id\":1,\"result\":{\"protocolVersion\":1}}';; esac; exec tail -f /dev/null";
        let it = doc(Driver::Acp, &["sh", "-c", script]);
        let shaken = shake(&it, Path::new("/bin/sh")).await.expect("a protocol");
        assert_eq!(shaken, Shaken::Answered { seen: Vec::new(), lacking: vec![Ability::Resume] });
        for line in ["sleep 1000 & exit 0", "setsid sleep 1000 & exit 1", "(sleep 1000 &) ; exit 0"]
        {
            let forks = doc(Driver::Acp, &["sh", "-c", line]);
            let shaken = shake(&forks, Path::new("/bin/sh")).await.expect("a protocol");
            assert!(matches!(&shaken, Shaken::Forked(_)), "{line}: {shaken:?}");
        }
        let answers = script.replace("exec tail -f /dev/null", "sleep 1000 & exit 0");
        let forks = doc(Driver::Acp, &["sh", "-c", &answers]);
        let shaken = shake(&forks, Path::new("/bin/sh")).await.expect("a protocol");
        assert!(matches!(shaken, Shaken::Forked(_) | Shaken::Answered { .. }), "{shaken:?}");
        let silent = doc(Driver::Acp, &["sh", "-c", "read frame"]);
        let shaken = shake(&silent, Path::new("/bin/sh")).await.expect("a protocol");
        assert!(matches!(shaken, Shaken::Failed(why) if why.contains("ended")));
        assert_eq!(shake(&doc(Driver::Exec, &["sh"]), Path::new("/bin/sh")).await, None);
    }
}
