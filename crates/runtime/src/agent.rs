//! What is known of an agent's session, whichever program it is: its state and who says so, what it used, how a turn ended,
//! what it asks leave for.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// Its program is coming up.
    Starting,
    /// It waits for a turn.
    Idle,
    /// A turn is in flight.
    Busy,
    /// A turn is in flight, and stands still until somebody allows or refuses something.
    AwaitingApproval,
    /// Nobody can tell.
    #[serde(other)]
    Unknown,
}

/// What a state was read from, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateSource {
    /// The program said so in its protocol.
    Protocol,
    /// A hook of the program said so.
    Hook,
    /// The program's process runs, or does not.
    Process,
    /// Its screen looks like it.
    #[serde(other)]
    Screen,
}

/// A state, who says so, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stand {
    /// The state.
    pub state: AgentState,
    /// What it was read from.
    pub source: StateSource,
    /// Milliseconds since it was first read.
    pub age_ms: u64,
}

/// What one attempt used so far. What a program does not tell is none, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens that went in, those from a cache among them.
    #[serde(default)]
    pub input_tokens: Option<u64>,
    /// Tokens that went in from a cache.
    #[serde(default)]
    pub cached_tokens: Option<u64>,
    /// Tokens that came out.
    #[serde(default)]
    pub output_tokens: Option<u64>,
    /// Cost in millionths of a dollar, as the program reckons it.
    #[serde(default)]
    pub cost_micros: Option<u64>,
}

impl Usage {
    /// Returns the tokens in and out.
    pub fn tokens(&self) -> Option<u64> {
        match (self.input_tokens, self.output_tokens) {
            (None, None) => None,
            (input, output) => Some(input.unwrap_or(0) + output.unwrap_or(0)),
        }
    }
}

/// Whose fault it is that a turn did not come to its end, when it is neither the agent's nor the ticket's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The account is not signed in, or was refused.
    Auth,
    /// The account is used up or throttled.
    Quota,
    /// The service is down, overloaded, unreachable, or broke off.
    ProviderDown,
}

/// A fault of the runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The kind.
    pub kind: FaultKind,
    /// What the program said of it.
    pub text: String,
}

impl Fault {
    /// Returns the fault that an HTTP status of the provider amounts to; none for one that is about the request itself.
    pub fn of_status(status: u16, text: &str) -> Option<Self> {
        let kind = match status {
            401 | 403 => FaultKind::Auth,
            402 | 429 => FaultKind::Quota,
            408 | 500..=599 => FaultKind::ProviderDown,
            _ => return None,
        };
        Some(Self { kind, text: text.to_owned() })
    }
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnHow {
    /// The agent came to its end.
    Completed,
    /// Somebody interrupted it.
    Interrupted,
    /// The program gave it up.
    Failed,
    /// The program ended, or could no longer be reached, in its middle.
    CutOff,
}

/// The end of a turn, as the program told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnEnd {
    /// How.
    pub how: TurnHow,
    /// Why it did not complete; empty otherwise.
    #[serde(default)]
    pub why: String,
    /// Whose fault that is, when it is the runtime's.
    #[serde(default)]
    pub fault: Option<Fault>,
    /// The agent's final message. Kept for the markers in it; the journal has it too.
    #[serde(skip)]
    pub message: String,
}

impl TurnEnd {
    /// A turn that came to its end with the final message `message`.
    pub fn completed(message: String) -> Self {
        Self { how: TurnHow::Completed, why: String::new(), fault: None, message }
    }

    /// A turn that did not.
    pub fn cut(how: TurnHow, why: impl Into<String>) -> Self {
        Self { how, why: why.into(), fault: None, message: String::new() }
    }
}

/// What an agent asks leave for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Deed {
    /// To run a command.
    Command {
        /// The shell line.
        line: String,
        /// Where.
        cwd: Option<PathBuf>,
    },
    /// To change files.
    Edit {
        /// Which, as far as it is told.
        paths: Vec<PathBuf>,
    },
    /// To use another tool.
    Tool {
        /// Its name.
        name: String,
    },
    /// To have a person answer something in the middle of a turn.
    Question {
        /// What.
        text: String,
    },
}

impl std::fmt::Display for Deed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Command { line, .. } => write!(f, "run `{line}`"),
            Self::Edit { paths } => {
                let paths: Vec<_> = paths.iter().map(|it| it.display().to_string()).collect();
                write!(f, "change {}", paths.join(", "))
            }
            Self::Tool { name } => write!(f, "use `{name}`"),
            Self::Question { text } => write!(f, "ask: {text}"),
        }
    }
}

/// One request for leave. The turn stands still until it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Its id, unique in the attempt.
    pub id: String,
    /// What for.
    pub deed: Deed,
}

/// The answer to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Leave {
    /// Go on.
    Given,
    /// Do not; the agent is told why.
    Refused {
        /// Why, and what to do instead.
        why: String,
    },
}

/// What a lane may do without asking a person. Part of a launch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Permits {
    /// Whether its working copy is kept: a role that only reads changes no files.
    #[serde(default)]
    pub may_write: bool,
    /// Beginnings of command lines that need a person.
    #[serde(default)]
    pub guard: Vec<Vec<String>>,
}

/// How a launch wants its session; the drivers that speak a protocol heed it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SessionSpec {
    /// The model, where one is named.
    #[serde(default)]
    pub model: Option<String>,
    /// The session of an earlier attempt to go on with; where it is gone, a new one is begun.
    #[serde(default)]
    pub resume: Option<String>,
    /// What marks in that session that another ticket begins: said before the brief, and only where the session was gone on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hand_over: Option<String>,
    /// What it may do unasked.
    #[serde(default)]
    pub permits: Permits,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_fault_of_the_runtime_or_of_nobody_we_know() {
        let kind = |status| Fault::of_status(status, "x").map(|it| it.kind);
        assert_eq!(kind(401), Some(FaultKind::Auth));
        assert_eq!(kind(403), Some(FaultKind::Auth));
        assert_eq!(kind(429), Some(FaultKind::Quota));
        for down in [500, 502, 503, 529] {
            assert_eq!(kind(down), Some(FaultKind::ProviderDown), "{down}");
        }
        assert_eq!(kind(400), None);
        assert_eq!(kind(404), None);
    }

    #[test]
    fn what_was_not_told_is_not_counted_as_zero() {
        assert_eq!(Usage::default().tokens(), None);
        let half = Usage { output_tokens: Some(3), ..Usage::default() };
        assert_eq!(half.tokens(), Some(3));
    }
}
