//! The drivers: each speaks to one kind of agent program. Pure: frames come in, frames and news go out; no process, no clock.
//!
//! A driver knows one session with at most one turn in flight. It has no queue: who calls it (`shim::talk`) sends a turn only to
//! a session that is idle, so that no program's own idea of a second message while busy (cancel, merge, lose) ever comes into play.

pub(crate) mod acp;
pub(crate) mod claude;
pub(crate) mod codex;
pub(crate) mod native;
pub(crate) mod permits;
pub(crate) mod plan;

use serde_json::Value;

use crate::agent::{Ask, Fault, Leave, TurnEnd, Usage};

/// One kind of agent program.
pub(crate) trait Driver: std::fmt::Debug {
    /// The connection is there: says hello and asks for the session.
    fn open(&mut self, out: &mut Out);

    /// Takes in one frame of the program.
    fn hear(&mut self, frame: &Value, out: &mut Out);

    /// Hands over a turn. Only to an idle session. `key` names it for good: a program that keeps such names shows it again.
    fn send(&mut self, key: &str, text: &str, out: &mut Out);

    /// Adds to the turn in flight. False when the program cannot, or has none in flight: then it waits for a turn of its own.
    fn steer(&mut self, key: &str, text: &str, out: &mut Out) -> bool;

    /// Wants the turn in flight to end. Its end is told as usual.
    fn interrupt(&mut self, out: &mut Out);

    /// Answers an [`Ask`].
    fn answer(&mut self, id: &str, leave: &Leave, out: &mut Out);
}

/// What a driver wants said to its program, and what it has learnt.
#[derive(Debug, Default)]
pub(crate) struct Out {
    /// Frames for the program.
    pub(crate) say: Vec<Value>,
    /// News.
    pub(crate) told: Vec<Told>,
}

/// What a driver can learn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    /// The session is there.
    Ready(Hello),
    /// The program has taken the turn: it is delivered.
    Taken,
    /// The program has taken what was steered, under its key.
    Steered(String),
    /// A turn began that nobody here sent: a person typed it into the program's own screen.
    TookOver,
    /// What that person typed.
    Typed(String),
    /// The agent said something whole, for the journal.
    Said(String),
    /// The agent uses a tool: its name, and what tells this use from another one.
    Uses {
        /// The tool's name.
        tool: String,
        /// Its input, for the journal.
        input: String,
    },
    /// A tool came to its end.
    Gives {
        /// What it printed.
        output: String,
        /// How it ended, where that is worth a word.
        end: String,
    },
    /// A sign of life that is worth no line in the journal.
    Stirs,
    /// It asks leave.
    Asks(Ask),
    /// It no longer waits for the answer to this one.
    Settled(String),
    /// What the attempt used up to now.
    Used(Usage),
    /// The session that was to go on is not known any more: the turn in flight did nothing, and another session comes.
    Forgot,
    /// The turn in flight ended.
    Ended(TurnEnd),
    /// The runtime fails, and trying on is of no use: the turn has not ended by itself.
    Fails(Fault),
    /// No session can be had.
    CannotOpen {
        /// Why.
        why: String,
        /// Whose fault that is, when it is the runtime's.
        fault: Option<Fault>,
    },
}

/// A session that is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Hello {
    /// The program's own id of it: with it, a later attempt can go on.
    pub(crate) session: String,
    /// The program and its version, as it says.
    pub(crate) program: String,
    /// The model, where it says.
    pub(crate) model: Option<String>,
    /// Whether an earlier session goes on; false also when that was wanted and it is gone.
    pub(crate) is_resumed: bool,
}

impl Out {
    pub(crate) fn say(&mut self, frame: Value) {
        self.say.push(frame);
    }

    pub(crate) fn tell(&mut self, told: Told) {
        self.told.push(told);
    }
}

/// Reads one line of a program that speaks JSON lines. What is no JSON object is none: programs also print words.
pub(crate) fn frame_of(line: &[u8]) -> Option<Value> {
    serde_json::from_slice(line).ok().filter(Value::is_object)
}

/// Returns a text of `value`, or nothing.
pub(crate) fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}
