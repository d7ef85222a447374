//! What a shim writes down: numbered records, and the exit record. Readers ignore what they do not know.

use mission_domain::ids::{AttemptId, Epoch, MessageId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::agent::{Ask, Leave, TurnEnd, Usage};
use crate::markers::Markers;

/// A record with its place in the lane's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Numbered {
    /// Counts from 1, without gaps.
    pub number: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub record: Record,
}

/// One thing that happened in a lane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// A process of the program was started, for turn `turn` (from 1).
    Started {
        /// The turn; the driver `tmux` starts one process for all of them.
        turn: u32,
        /// Its process id, group and (for `tmux`) session.
        pid: i32,
        /// Its start in clock ticks since boot.
        pid_start_time: u64,
        /// The inodes of the pipes that its output comes through; none on a terminal.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        output: Vec<u64>,
    },
    /// A turn was handed over: as the stdin of a new process, or pasted and entered.
    TurnDelivered {
        /// The turn, from 1.
        turn: u32,
        /// The messages it carried.
        messages: Vec<MessageId>,
    },
    /// A process of the driver `exec` ended.
    TurnEnded {
        /// The turn, from 1.
        turn: u32,
        /// Its exit code, unless a signal ended it.
        exit_code: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
        /// What its output says in markers.
        markers: Markers,
        /// How it ended, where the program says so.
        #[serde(default)]
        end: Option<TurnEnd>,
        /// What the attempt used up to now, where the program says so.
        #[serde(default)]
        usage: Option<Usage>,
    },
    /// The program has a session: with its id a later attempt can go on.
    Session {
        /// The program's own id of it.
        session: String,
        /// The program and its version, as it says.
        program: String,
        /// The model, where it says.
        model: Option<String>,
        /// Whether it is that of an earlier attempt.
        is_resumed: bool,
    },
    /// Messages were put into the turn in flight.
    Steered {
        /// The turn.
        turn: u32,
        /// The messages.
        messages: Vec<MessageId>,
    },
    /// The program asked leave, and was answered by somebody or was refused.
    Answered {
        /// What it asked.
        ask: Ask,
        /// The answer.
        leave: Leave,
        /// Who answered: `policy`, or a principal.
        by: String,
    },
    /// A person took the session over.
    TookOver {
        /// Who, as a principal; none for somebody in the program's own screen, who is not known by name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// Whoever took the session over typed into it: noted once, with the first word.
    Typed {
        /// Who, as a principal.
        by: String,
    },
    /// The session is the agent's alone again.
    GaveBack {
        /// Who had it; none as above.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// `mission report` said something.
    Report {
        /// As it was given.
        value: serde_json::Value,
    },
    /// `mission report evidence` gave something.
    Evidence {
        /// As it was given.
        value: serde_json::Value,
    },
    /// A guarded command is to be run, if a person permits it.
    Approval {
        /// `{"argv": […], "cwd": "…"}`, as it was given.
        value: serde_json::Value,
    },
    /// A text was accepted for the program.
    Input {
        /// Who gave it.
        who: String,
        /// The messages it carries.
        messages: Vec<MessageId>,
        /// The text.
        text: String,
    },
    /// The attempt ended; nothing follows.
    Exited {
        /// How.
        exit: Box<ExitRecord>,
    },
    /// A kind of a later version.
    #[serde(other)]
    Unknown,
}

/// How an attempt ended, as the shim saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// The attempt.
    pub attempt: AttemptId,
    /// The fencing number of its lease.
    pub epoch: Epoch,
    /// Why no process could be started, if so.
    #[serde(default)]
    pub spawn_error: Option<String>,
    /// The last process's exit code, unless a signal ended it.
    pub exit_code: Option<i32>,
    /// The signal that ended the last process.
    pub signal: Option<i32>,
    /// Whether it left a core.
    pub core: bool,
    /// Peak resident memory of the largest single process, in bytes.
    pub max_rss_bytes: u64,
    /// From the shim's start to the end, in milliseconds.
    pub wall_ms: u64,
    /// Processor time of the program and all it waited for, in milliseconds.
    pub user_ms: u64,
    /// The same, spent in the kernel.
    pub system_ms: u64,
    /// Whether it was killed for want of memory.
    pub oom: Oom,
    /// Who or what ended it, other than itself.
    pub stop_cause: StopCause,
    /// Processes that were still there after the program had ended.
    pub orphans: Vec<Orphan>,
    /// That the program only started the agent and went, so that it was ended with what was left, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked: Option<String>,
    /// How many turns were delivered.
    pub turns: u32,
    /// What held the program, as far as this machine can; none when it was never started.
    #[serde(default)]
    pub confinement: Option<mission_sandbox::Confinement>,
    /// Messages that were accepted and never delivered.
    pub undelivered: Vec<MessageId>,
    /// The last 2 KiB of output, broken UTF-8 replaced.
    pub last_output: String,
    /// The last tool call.
    pub last_tool: LastTool,
    /// How the last turn ended, where the program says so.
    #[serde(default)]
    pub last_turn: Option<TurnEnd>,
    /// Whether the shim closed the program after its last turn: its exit code then says nothing.
    #[serde(default)]
    pub closed: bool,
    /// The program's session.
    #[serde(default)]
    pub session: Option<String>,
    /// What the attempt used, as far as the program tells.
    #[serde(default)]
    pub usage: Option<Usage>,
    /// What the last turn's output says in markers.
    pub markers: Markers,
    /// Bytes in the journal.
    pub journal_bytes: u64,
    /// Output bytes that the journal could not take.
    #[serde(default)]
    pub journal_lost_bytes: u64,
    /// Whether the disk was full at some time.
    #[serde(default)]
    pub disk_full: bool,
    /// When.
    pub ended_at: Timestamp,
}

/// Whether want of memory was the cause, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oom {
    /// The answer.
    pub verdict: OomVerdict,
    /// What it rests on.
    pub how: String,
}

/// Was it want of memory?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OomVerdict {
    /// Certainly.
    Yes,
    /// The kernel killed something for memory at that time, and the program died by SIGKILL that nobody here sent.
    Likely,
    /// No.
    No,
    /// This machine does not say.
    Unknown,
}

/// What ended the attempt, other than the program itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StopCause {
    /// Nothing: it ended by itself.
    None,
    /// It was asked to.
    Stopped {
        /// By whom.
        by: String,
    },
    /// It ran longer than `wall_s`.
    WallLimit,
    /// It showed no progress for `stall_s`.
    Stall,
    /// It used up what a budget leaves it.
    BudgetSpent {
        /// What it used, of what it may, in words.
        what: String,
    },
    /// Its processes held more than `memory_bytes`.
    MemoryLimit {
        /// What they held when it was seen.
        used_bytes: u64,
    },
    /// It used one tool with the same input again and again.
    Loop {
        /// The tool and its input.
        tool: String,
        /// How often, one after another.
        times: u32,
    },
    /// The shim itself could not go on, for want of disk for example, and ended it.
    ShimFailed {
        /// What went wrong.
        why: String,
    },
}

/// A process that outlived the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orphan {
    /// Its process id.
    pub pid: i32,
    /// Its name, as the kernel keeps it.
    pub comm: String,
    /// Whether it is certainly gone.
    pub ended: bool,
}

/// The last tool call of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LastTool {
    /// It is known.
    Known {
        /// Its name.
        name: String,
    },
    /// It could not be seen.
    Unknown {
        /// Why.
        why: String,
    },
}

/// What is left of an attempt whose shim died without an exit record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// What was seen, for people.
    pub seen: String,
    /// The program's process id, when a record names it.
    pub pid: Option<i32>,
    /// What was still running and has been ended.
    pub orphans: Vec<Orphan>,
    /// The last 2 KiB of output, broken UTF-8 replaced.
    pub last_output: String,
}
