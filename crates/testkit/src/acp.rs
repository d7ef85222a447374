//! A scripted agent that speaks the Agent Client Protocol on its standard input and output: a real process with real commands, no
//! model. The script stands in each prompt, as for the scripted model; what that would answer, this agent does or says by itself.

use std::collections::VecDeque;
use std::io::{BufRead as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::model::{Script, Step};

/// Tokens that each step is said to have taken in and given out.
const TOKENS: (u64, u64) = (1_200, 34);

/// Between two looks at a command that runs.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What can come in.
enum Heard {
    Frame(Value),
    /// SIGINT, at which it ends as if all were well: some agents do.
    Interrupt,
    End,
}

/// What a wait came to.
enum Wait {
    Over,
    Cancelled,
    Leave(ExitCode),
}

/// Sessions of this name are ones that it says it loads, and does not know: hermes does so with all that are gone.
pub const FORGOTTEN: &str = "forgotten-";

fn is_forgotten(session: &Value) -> bool {
    session.as_str().is_some_and(|it| it.starts_with(FORGOTTEN))
}

/// Serves one client until its input ends. Besides the model's steps it knows `tool exit {"code": N}`, which ends it in mid-turn.
pub fn run() -> ExitCode {
    eprintln!("scripted ACP agent, no model");
    let (tell, heard) = channel();
    let mut interrupt = SigSet::empty();
    interrupt.add(Signal::SIGINT);
    if interrupt.thread_block().is_ok() {
        let tell = tell.clone();
        std::thread::spawn(move || interrupt.wait().map(|_| tell.send(Heard::Interrupt)));
    }
    std::thread::spawn(move || read(&tell));
    Agent { heard, later: VecDeque::new(), asked: 0 }.serve()
}

fn read(tell: &Sender<Heard>) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        if let Ok(frame) = serde_json::from_str(&line) {
            let _ = tell.send(Heard::Frame(frame));
        }
    }
    let _ = tell.send(Heard::End);
}

struct Agent {
    heard: Receiver<Heard>,
    /// Frames that came while a turn was played.
    later: VecDeque<Value>,
    asked: u64,
}

fn say(frame: &Value) {
    let mut out = std::io::stdout().lock();
    // A client that has gone is noticed by the end of the input.
    let _ = writeln!(out, "{frame}").and_then(|()| out.flush());
}

fn answer(id: &Value, result: &Value) {
    say(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
}

fn update(session: &Value, update: &Value) {
    let params = json!({"sessionId": session, "update": update});
    say(&json!({"jsonrpc": "2.0", "method": "session/update", "params": params}));
}

fn fail(id: &Value, code: i64, details: &str) {
    let error = json!({"code": code, "message": "Internal error", "data": {"details": details}});
    say(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
}

impl Agent {
    fn serve(mut self) -> ExitCode {
        loop {
            let frame = match self.later.pop_front() {
                Some(frame) => frame,
                None => match self.heard.recv() {
                    Ok(Heard::Frame(frame)) => frame,
                    Ok(Heard::Interrupt | Heard::End) | Err(_) => return ExitCode::SUCCESS,
                },
            };
            let (id, params) = (&frame["id"], &frame["params"]);
            match frame["method"].as_str() {
                Some("initialize") => {
                    let info =
                        json!({"name": "scripted-acp", "version": env!("CARGO_PKG_VERSION")});
                    let able = json!({"loadSession": true});
                    answer(
                        id,
                        &json!({"protocolVersion": 1, "agentInfo": info, "agentCapabilities": able}),
                    );
                }
                Some("session/new") => {
                    answer(id, &json!({"sessionId": format!("scripted-{}", std::process::id())}));
                }
                Some("session/load") => answer(id, &json!({})),
                Some("session/prompt") if is_forgotten(&params["sessionId"]) => {
                    answer(id, &json!({"stopReason": "refusal"}));
                }
                Some("session/prompt") => {
                    let prompt = params["prompt"].as_array().into_iter().flatten();
                    let text: String = prompt.filter_map(|it| it["text"].as_str()).collect();
                    if let Some(code) = self.play(id, &params["sessionId"], &text) {
                        return code;
                    }
                }
                Some(_) if !id.is_null() => fail(id, -32_601, "no such method"),
                Some(_) | None => {}
            }
        }
    }

    /// Plays the script of one prompt, and answers it. Returns the exit code where it ends the program.
    fn play(&mut self, id: &Value, session: &Value, text: &str) -> Option<ExitCode> {
        let script = Script::find(text);
        let mut used = (0, 0);
        for index in 0.. {
            let none = || Step::Say("OK (no script was found)".into());
            let step = script.as_ref().map_or_else(none, |it| it.step(index));
            used = (used.0 + TOKENS.0, used.1 + TOKENS.1);
            let usage =
                json!({"inputTokens": used.0, "outputTokens": used.1, "cachedReadTokens": 0});
            let wait = match step {
                Step::Say(text) => {
                    let content = json!({"type": "text", "text": text});
                    update(
                        session,
                        &json!({"sessionUpdate": "agent_message_chunk", "content": content}),
                    );
                    answer(id, &json!({"stopReason": "end_turn", "usage": usage}));
                    return None;
                }
                Step::Http(code) => {
                    fail(id, -32_603, &format!("HTTP {code}: the provider refused"));
                    return None;
                }
                Step::Drop | Step::Cut => {
                    fail(id, -32_603, "fetch failed: the connection was closed in mid-answer");
                    return None;
                }
                Step::Tool { name, arguments } if name == "exit" => {
                    let code = arguments["code"].as_u64().and_then(|it| u8::try_from(it).ok());
                    return Some(ExitCode::from(code.unwrap_or(1)));
                }
                Step::Tool { name, .. } => {
                    let call = format!("{name} is no tool of a scripted agent");
                    self.tells_of(session, index, "other", &call, "failed");
                    Wait::Over
                }
                Step::Shell(line) => self.shell(session, index, &line),
                Step::Slow { over, .. } | Step::Hang(over) => self.waits(over),
            };
            match wait {
                Wait::Over => {}
                Wait::Cancelled => {
                    answer(id, &json!({"stopReason": "cancelled", "usage": usage}));
                    return None;
                }
                Wait::Leave(code) => return Some(code),
            }
        }
        None
    }

    fn tells_of(&self, session: &Value, index: usize, kind: &str, text: &str, status: &str) {
        let content = json!([{"type": "content", "content": {"type": "text", "text": text}}]);
        let call = format!("call-{}-{index}", self.asked);
        update(
            session,
            &json!({"sessionUpdate": "tool_call_update", "toolCallId": call, "kind": kind, "status": status, "content": content}),
        );
    }

    /// Asks leave for a command and runs it.
    #[expect(clippy::disallowed_methods, reason = "an agent's commands are real")]
    fn shell(&mut self, session: &Value, index: usize, line: &str) -> Wait {
        self.asked += 1;
        let asked: Value = format!("ask-{}", self.asked).into();
        let call = format!("call-{}-{index}", self.asked);
        let call = json!({"toolCallId": call, "kind": "execute", "title": line, "status": "pending", "rawInput": {"command": line}});
        let mut told = call.clone();
        told["sessionUpdate"] = "tool_call".into();
        update(session, &told);
        let options = json!([
            {"optionId": "yes", "name": "Allow", "kind": "allow_once"},
            {"optionId": "no", "name": "Reject", "kind": "reject_once"},
        ]);
        let params = json!({"sessionId": session, "toolCall": call, "options": options});
        say(
            &json!({"jsonrpc": "2.0", "id": asked, "method": "session/request_permission", "params": params}),
        );
        loop {
            match self.next(None) {
                Ok(frame) if frame["id"] == asked => {
                    if frame["result"]["outcome"]["optionId"] == "yes" {
                        break;
                    }
                    self.tells_of(session, index, "execute", "it was refused", "failed");
                    return Wait::Over;
                }
                Ok(frame) => self.later.push_back(frame),
                Err(wait) => return wait,
            }
        }
        let command = Command::new("sh")
            .args(["-c", line])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match command {
            Ok(child) => self.watches(session, index, child),
            Err(e) => {
                self.tells_of(session, index, "execute", &e.to_string(), "failed");
                Wait::Over
            }
        }
    }

    fn watches(&mut self, session: &Value, index: usize, mut child: Child) -> Wait {
        let group = Pid::from_raw(child.id().cast_signed());
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                self.tells_of(session, index, "execute", &status.to_string(), "completed");
                return Wait::Over;
            }
            match self.waits(LOOK_AGAIN) {
                Wait::Over => {}
                other => {
                    let _ = killpg(group, Signal::SIGKILL);
                    let _ = child.wait();
                    return other;
                }
            }
        }
    }

    /// Lets time pass unless something ends the turn before.
    fn waits(&mut self, over: Duration) -> Wait {
        let until = Instant::now() + over;
        loop {
            match self.next(Some(until)) {
                Ok(frame) => self.later.push_back(frame),
                Err(wait) => return wait,
            }
        }
    }

    /// Returns the next frame, unless the time is over or something ends the turn.
    fn next(&mut self, until: Option<Instant>) -> Result<Value, Wait> {
        let heard = match until {
            None => self.heard.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(until) => self.heard.recv_timeout(until.saturating_duration_since(Instant::now())),
        };
        match heard {
            Ok(Heard::Frame(frame)) if frame["method"] == "session/cancel" => Err(Wait::Cancelled),
            Ok(Heard::Frame(frame)) => Ok(frame),
            Err(RecvTimeoutError::Timeout) => Err(Wait::Over),
            Ok(Heard::Interrupt | Heard::End) | Err(RecvTimeoutError::Disconnected) => {
                Err(Wait::Leave(ExitCode::SUCCESS))
            }
        }
    }
}
