//! What went wrong, as people and programs are told: an exit code, a sentence, and what to do next.

use std::process::ExitCode;

use serde_json::{Value, json};

/// The exit codes of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The answer is no: not found, a check failed.
    No = 1,
    /// It was typed wrongly.
    Usage = 2,
    /// A rule refuses it.
    Refused = 3,
    /// No server answers and the store cannot be opened.
    Unreachable = 4,
    /// Someone changed it first.
    Conflict = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what was asked.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// How the process ends.
    pub(crate) exit: Exit,
    /// A stable word for programs.
    pub(crate) code: String,
    /// What happened and what it means.
    pub(crate) text: String,
    /// What to do now.
    pub(crate) hint: Option<String>,
    /// The problem document of the API, where there is one.
    problem: Option<Value>,
    /// Nothing more is to be said: the answer has been printed.
    pub(crate) said: bool,
}

impl Failure {
    /// A failure with its code and what happened.
    pub(crate) fn new(exit: Exit, code: &str, text: impl Into<String>) -> Self {
        let (code, text) = (code.to_owned(), text.into());
        Self { exit, code, text, hint: None, problem: None, said: false }
    }

    /// The arguments do not fit.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", text)
    }

    /// A rule refuses it.
    pub(crate) fn refused(code: &str, text: impl Into<String>) -> Self {
        Self::new(Exit::Refused, code, text)
    }

    /// Nobody answers.
    pub(crate) fn unreachable(text: impl Into<String>) -> Self {
        Self::new(Exit::Unreachable, "unreachable", text)
    }

    /// A file of this machine could not be used.
    pub(crate) fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        let text = format!("`{}` could not be used: {error}", path.display());
        Self::new(Exit::No, "file", text)
    }

    /// The answer is no, and what was printed says so.
    pub(crate) fn printed_no() -> Self {
        Self { said: true, ..Self::new(Exit::No, "no", "") }
    }

    /// Adds what to do now.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Reads the API's answer to a request that it did not fulfil.
    pub(crate) fn from_problem(status: u16, body: &[u8]) -> Self {
        let problem = serde_json::from_slice::<Value>(body).ok().filter(Value::is_object);
        let text = |key: &str| problem.as_ref().and_then(|it| it.get(key)).and_then(Value::as_str);
        let code = text("code").map_or_else(|| default_code(status).to_owned(), str::to_owned);
        let detail = text("detail").or_else(|| text("title")).map(str::to_owned);
        let detail =
            detail.unwrap_or_else(|| format!("the server answered {status} without a reason"));
        let exit = exit_of(status, &code);
        // What is wrong with a repository says itself what to do.
        let default = || default_hint(exit, status).filter(|_| code != "repository");
        let hint = text("hint").map(str::to_owned).or_else(default);
        Self { exit, code, text: detail, hint, problem, said: false }
    }

    /// Returns the RFC 9457 document of this failure.
    pub(crate) fn document(&self) -> Value {
        if let Some(problem) = &self.problem {
            return problem.clone();
        }
        let mut document = json!({
            "type": "about:blank", "title": title(self.exit), "status": status_of(self.exit),
            "detail": self.text, "code": self.code,
        });
        if let Some(hint) = &self.hint {
            document["hint"] = json!(hint);
        }
        document
    }
}

/// Returns the exit code for an answer of the API.
fn exit_of(status: u16, code: &str) -> Exit {
    match (status, code) {
        (404 | 410, _) | (422, "unknown_gate" | "unknown_ticket" | "unknown_finding") => Exit::No,
        (401 | 403 | 501, _) => Exit::Refused,
        (409 | 412, "conflict" | "packet_changed") => Exit::Conflict,
        (409, _) => Exit::Refused,
        (429 | 500.., _) => Exit::Unreachable,
        _ => Exit::Usage,
    }
}

fn default_code(status: u16) -> &'static str {
    match status {
        401 => "not_signed_in",
        403 => "refused",
        404 => "not_found",
        409 => "conflict",
        413 => "too_large",
        500.. => "unavailable",
        _ => "bad_request",
    }
}

fn default_hint(exit: Exit, status: u16) -> Option<String> {
    let hint = match exit {
        Exit::Conflict => {
            "look at it again with `mission ticket show`, then repeat what still holds"
        }
        Exit::Unreachable if status == 507 => {
            "what was acknowledged before is kept, and the server goes on by itself once there is room"
        }
        Exit::Unreachable => {
            "see the server's log in the home's `log/` folder, or start it again with `mission up`"
        }
        Exit::Refused if status == 401 => {
            "the token is not known to this server: use this home's own `credentials`, or set MISSION_TOKEN anew"
        }
        Exit::No | Exit::Usage | Exit::Refused => return None,
    };
    Some(hint.into())
}

fn title(exit: Exit) -> &'static str {
    match exit {
        Exit::No => "no",
        Exit::Usage => "usage",
        Exit::Refused => "refused by a rule",
        Exit::Unreachable => "server or store unreachable",
        Exit::Conflict => "someone changed it first",
    }
}

fn status_of(exit: Exit) -> u16 {
    match exit {
        Exit::No => 404,
        Exit::Usage => 400,
        Exit::Refused => 403,
        Exit::Unreachable => 503,
        Exit::Conflict => 409,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, code: &str) -> Exit {
        let body = json!({"title": "t", "detail": "d", "code": code}).to_string();
        Failure::from_problem(status, body.as_bytes()).exit
    }

    #[test]
    fn every_status_of_the_api_has_its_exit_code() {
        assert_eq!(read(404, "not_found"), Exit::No);
        assert_eq!(read(400, "bad_request"), Exit::Usage);
        assert_eq!(read(413, "too_large"), Exit::Usage);
        assert_eq!(read(422, "bad_request"), Exit::Usage);
        assert_eq!(read(401, "not_signed_in"), Exit::Refused);
        assert_eq!(read(403, "own_work"), Exit::Refused);
        assert_eq!(read(409, "not_open"), Exit::Refused);
        assert_eq!(read(409, "conflict"), Exit::Conflict);
        assert_eq!(read(409, "packet_changed"), Exit::Conflict);
        assert_eq!(read(503, "draining"), Exit::Unreachable);
        assert_eq!(read(500, "unavailable"), Exit::Unreachable);
    }

    #[test]
    fn an_answer_that_is_no_document_still_says_what_happened() {
        let failure = Failure::from_problem(502, b"<html>");
        assert_eq!(failure.exit, Exit::Unreachable);
        assert_eq!(failure.text, "the server answered 502 without a reason");
        assert_eq!(failure.document()["status"], 503);
    }

    #[test]
    fn the_apis_own_document_is_handed_on_as_it_is() {
        let body = json!({"type": "about:blank", "title": "conflict", "status": 409, "detail": "newer", "code": "conflict", "current_version": 9});
        let failure = Failure::from_problem(409, body.to_string().as_bytes());
        assert_eq!(failure.document(), body);
        assert!(failure.hint.is_some());
    }
}
