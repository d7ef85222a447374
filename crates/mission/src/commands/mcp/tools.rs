//! The tools themselves: what each takes, and the `mission report` that it amounts to.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use super::Toolbox;
use crate::lane::Lane;
use crate::process;

/// The tools, as the contract names them.
pub(super) const NAMES: [&str; 6] =
    ["get_brief", "add_evidence", "ask", "report", "request_approval", "read_messages"];

/// The most of a command's output that the agent is shown again: all of it is in the kept log.
const SHOWN_BYTES: usize = 16 * 1024;

/// Returns what a client is told of each tool.
pub(super) fn list() -> Vec<Value> {
    NAMES.iter().map(|name| described(name)).collect()
}

fn described(name: &str) -> Value {
    let text = |about: &str| json!({"type": "string", "description": about});
    let word = |about: &str, words: &[&str]| json!({"type": "string", "description": about, "enum": words});
    let (about, takes, required) = match name {
        "get_brief" => (
            "Returns the brief: the request, the evidence that is required, findings to answer, messages.",
            json!({}),
            vec![],
        ),
        "add_evidence" => (
            "Hands in one piece of evidence. Kinds: `command` runs `command` and records exit code and log; `plan` (its files are the list under `## Files`), `direction` and `steps` take Markdown as `text` or a `file`; `risk` takes `text`; `screenshot` takes a `url` that Mission Control captures, or a `file`; `file` keeps a `file`; `answer` answers the finding `finding` with `state` and `text`.",
            json!({
                "kind": word("What it is", &["command", "plan", "direction", "steps", "risk", "screenshot", "file", "answer"]),
                "command": text("For `command`: the shell line"),
                "text": text("For `plan`, `direction`, `steps`, `risk`, `answer`: the words"),
                "file": text("For `plan`, `direction`, `steps`, `screenshot`, `file`: a path, instead of `text` or `url`"),
                "url": text("For `screenshot`: the page's address"),
                "finding": text("For `answer`: the finding's id, like F-1"),
                "state": word("For `answer`", &["fixed", "disputed"]),
            }),
            vec!["kind"],
        ),
        "ask" => (
            "Asks a person something that must be decided before you go on. End your turn after it: the answer starts the next one.",
            json!({"question": text("The question, with the choices you see")}),
            vec!["question"],
        ),
        "report" => (
            "Reports how the work ended. `done`: it is delivered. `pass` or `changes`: your verdict, where you review. End your turn after it.",
            json!({
                "kind": word("How it ended", &["done", "pass", "changes"]),
                "summary": text("What was done, or why the verdict is what it is"),
                "findings": {
                    "type": "array", "description": "For `changes`: what has to be mended",
                    "items": {
                        "type": "object",
                        "properties": {
                            "file": text("The file"), "text": text("What is wrong"),
                            "line": {"type": "integer", "description": "The line"},
                        },
                        "required": ["text"],
                    },
                },
            }),
            vec!["kind", "summary"],
        ),
        "request_approval" => (
            "Asks a person's approval for one guarded command (deploy, restart, push). It is then run by Mission Control, not by you.",
            json!({"command": text("The exact command line"), "reason": text("Why")}),
            vec!["command", "reason"],
        ),
        _ => (
            "Takes the messages that came while you work. They are yours then, and do not come again as turns of their own.",
            json!({}),
            vec![],
        ),
    };
    json!({
        "name": name, "description": about,
        "inputSchema": {"type": "object", "properties": takes, "required": required},
    })
}

/// Carries them out for one lane.
pub(super) struct Tools {
    socket: Option<PathBuf>,
    folder: Option<PathBuf>,
}

impl Tools {
    /// The tools of `lane`.
    pub(super) fn of(lane: &Lane) -> Self {
        Self { socket: lane.socket.clone(), folder: lane.dir.clone() }
    }

    fn add_evidence(&self, given: &Value) -> Result<String, String> {
        let field = |name: &str| field(given, name);
        let kind = field("kind")?;
        let evidence = |more: &[&str]| {
            let words = [&["report", "evidence", kind], more].concat();
            report(&words)
        };
        match kind {
            "command" => evidence(&["--", field("command")?]),
            "risk" => evidence(&["--", field("text")?]),
            "plan" | "direction" | "steps" => match field("file") {
                Ok(file) => evidence(&["--", file]),
                Err(_) => {
                    let kept = self.written(kind, field("text")?)?;
                    evidence(&["--", &kept.display().to_string()])
                }
            },
            "screenshot" => evidence(&["--", field("url").or_else(|_| field("file"))?]),
            "file" => evidence(&["--", field("file")?]),
            "answer" => report(&[
                "report",
                "answer",
                "--",
                field("finding")?,
                field("state")?,
                field("text")?,
            ]),
            other => Err(format!("`{other}` is no kind of evidence")),
        }
    }

    /// Writes `text` to a file of the lane's own, so that it is handed in as any other file is.
    fn written(&self, kind: &str, text: &str) -> Result<PathBuf, String> {
        let folder = self.folder.as_deref().ok_or("MISSION_LANE_DIR is not set")?;
        let file = folder.join("tmp").join(format!("{kind}.md"));
        let made = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        let written = made.and_then(|()| std::fs::write(&file, text));
        written.map_err(|e| format!("`{}` cannot be written: {e}", file.display()))?;
        Ok(file)
    }

    fn read_messages(&self) -> Result<String, String> {
        let socket = self.socket.as_deref().ok_or("MISSION_SOCKET is not set")?;
        let messages =
            mission_runtime::lane_client::read_messages(socket).map_err(|e| e.in_full())?;
        if messages.is_empty() {
            return Ok("no message waits".into());
        }
        Ok(messages.join("\n\n"))
    }
}

impl Toolbox for Tools {
    fn call(&self, name: &str, given: &Value) -> Result<String, String> {
        match name {
            "get_brief" => brief(),
            "add_evidence" => self.add_evidence(given),
            "ask" => report(&["report", "question", &option("summary", field(given, "question")?)]),
            "report" => verdict(given),
            "request_approval" => report(&["report", "approval", "--", field(given, "command")?]),
            _ => self.read_messages(),
        }
    }
}

fn brief() -> Result<String, String> {
    let path = std::env::var_os("MISSION_BRIEF").ok_or("MISSION_BRIEF is not set")?;
    let read = std::fs::read_to_string(&path);
    read.map_err(|e| format!("the brief `{}` cannot be read: {e}", Path::new(&path).display()))
}

fn verdict(given: &Value) -> Result<String, String> {
    let summary = field(given, "summary")?;
    let kind = field(given, "kind")?;
    if kind == "done" {
        return report(&["report", "done", &option("summary", summary)]);
    }
    let mut words =
        vec!["report".to_owned(), "verdict".into(), kind.into(), option("reason", summary)];
    for finding in given["findings"].as_array().map_or(&[][..], Vec::as_slice) {
        let text = field(finding, "text")?;
        let place = match (finding["file"].as_str(), finding["line"].as_u64()) {
            (Some(file), Some(line)) => format!("{file}:{line}:"),
            (Some(file), None) => format!("{file}:"),
            (None, _) => String::new(),
        };
        words.push(option("finding", &format!("{place}{text}")));
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    report(&words)
}

/// Returns an option with its text in one word, so that no text is taken for another option.
fn option(name: &str, text: &str) -> String {
    format!("--{name}={text}")
}

fn field<'v>(given: &'v Value, name: &str) -> Result<&'v str, String> {
    let value = given[name].as_str().filter(|it| !it.trim().is_empty());
    value.ok_or_else(|| format!("`{name}` is missing"))
}

/// Runs this program with `words`, as the agent itself could have done. What it printed is the answer; a failure is a refusal.
fn report(words: &[&str]) -> Result<String, String> {
    let own = std::env::current_exe().map_err(|e| format!("mission does not find itself: {e}"))?;
    let mut command = process::command(&own.display().to_string());
    let done = command.args(words).stdin(Stdio::null()).output();
    let done = done.map_err(|e| format!("mission cannot be started: {e}"))?;
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8_lossy(&said[said.len().saturating_sub(SHOWN_BYTES)..]);
    let said = said.trim().to_owned();
    if done.status.success() { Ok(said) } else { Err(said) }
}
