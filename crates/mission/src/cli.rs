//! What can be typed: every command, its arguments and its help. Nothing is executed here.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) mod fleet;
pub(crate) mod report;
pub(crate) mod session;
pub(crate) mod ticket;

use mission_domain::ids::{ApprovalId, MessageId};

use fleet::{
    ApprovalCommand, AttemptCommand, ConfigCommand, LaneCommand, OperatorCommand, PacketCommand,
    ProjectCommand, RoleCommand, RuntimeCommand, TokenCommand, WorkflowCommand, WorkspaceCommand,
};
use session::{DemoArgs, GenerateCommand, InitArgs, ServiceCommand, UpArgs};
use ticket::{GateCommand, TicketCommand};

/// A ticket's key or an attempt's id, as typed.
pub(crate) type Key = mission_domain::ids::TicketKey;

/// Mission Control: the control plane for a fleet of coding agents.
///
/// People file tickets. Role lanes carry each ticket through gates. A gate closes only on evidence that Mission
/// Control checked itself, signed off by somebody who did not write the work.
#[derive(Debug, Parser)]
#[command(name = "mission", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  mission init                                  register the repository you stand in
  mission up                                    start the server, the dispatcher and the lanes
  mission ticket new 'Add a dark scheme'        file a ticket
  mission needs-you                             see what waits for you

Exit codes: 0 ok · 1 the answer is no · 2 usage · 3 refused by a rule · 4 server or store unreachable · 5 conflict")]
pub(crate) struct Cli {
    /// Print the API's documents instead of text for people
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The project's key, instead of the repository you stand in
    #[arg(long, global = true, value_name = "KEY")]
    pub(crate) project: Option<String>,
    /// The home folder, instead of ~/.local/share/mission
    #[arg(long, global = true, value_name = "DIR", env = "MISSION_HOME")]
    pub(crate) home: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Takes a text, also one that begins with a dash, as a list does. One word that looks like an option is more likely a
/// slip than a text: it is taken only where the line says so, by `--` before it or `=` between option and text.
pub(crate) fn text(typed: &str) -> Result<String, String> {
    let is_option = typed.starts_with('-')
        && typed.chars().any(char::is_alphabetic)
        && !typed.contains(char::is_whitespace);
    let is_meant = |word: std::ffi::OsString| {
        let word = word.to_string_lossy();
        word == "--" || word.strip_suffix(typed).is_some_and(|it| it.ends_with('='))
    };
    if is_option && !std::env::args_os().any(is_meant) {
        return Err(
            "it looks like an option; a text of that one word stands after `--`, or after `=`"
                .into(),
        );
    }
    Ok(typed.to_owned())
}

/// All commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Register this repository and write a commented mission.toml
    #[command(after_help = "Example:\n  mission init --commit")]
    Init(InitArgs),
    /// Start the server, the dispatcher and the local runner for all projects
    #[command(after_help = "Example:\n  mission up --listen 127.0.0.1:0")]
    Up(UpArgs),
    /// Stop the server; lanes go on unless told otherwise
    #[command(after_help = "Example:\n  mission down --stop-lanes")]
    Down {
        /// Also stop the agents that run
        #[arg(long)]
        stop_lanes: bool,
    },
    /// Install or remove the systemd user unit
    #[command(subcommand, after_help = "Example:\n  mission service install")]
    Service(ServiceCommand),
    /// Print a fresh one-time sign-in link
    #[command(after_help = "Example:\n  mission sign-in")]
    SignIn,
    /// Show everything at work in a repository of its own, with scripted agents
    #[command(after_help = "Example:\n  mission demo --speed 4 --headless")]
    Demo(DemoArgs),
    /// File, read and change tickets
    #[command(
        subcommand,
        after_help = "Example:\n  mission ticket new 'Add a dark scheme' --priority high"
    )]
    Ticket(TicketCommand),
    /// Give or withdraw a person's verdict on a gate
    #[command(
        subcommand,
        after_help = "Example:\n  mission gate pass MC-7 plan --reason 'small and safe'"
    )]
    Gate(GateCommand),
    /// Answer the open question of a ticket
    #[command(after_help = "Example:\n  mission answer MC-7 'use the system scheme'")]
    Answer {
        /// The ticket
        key: Key,
        /// The answer; `-` reads it from standard input
        #[arg(value_parser = text, allow_hyphen_values = true)]
        text: String,
    },
    /// Send a message to whoever works a ticket
    #[command(after_help = "Example:\n  mission say MC-7 'the tokens are in theme.css'")]
    Say {
        /// The ticket
        key: Key,
        /// The message; `-` reads it from standard input
        #[arg(value_parser = text, allow_hyphen_values = true)]
        text: String,
        /// The role it is for, instead of the one at work
        #[arg(long, value_name = "ROLE")]
        to: Option<String>,
    },
    /// Show every message with its state, or take one back that waits
    #[command(after_help = "Examples:\n  mission inbox MC-7\n  mission inbox MC-7 --withdraw M-12")]
    Inbox {
        /// Only this ticket's
        key: Option<Key>,
        /// Take back this message, which a person said and no lane has yet
        #[arg(long, value_name = "ID", requires = "key")]
        withdraw: Option<MessageId>,
    },
    /// List guarded commands that lanes asked for
    #[command(subcommand, after_help = "Example:\n  mission approval list")]
    Approval(ApprovalCommand),
    /// Allow one guarded command, once: Mission Control runs it
    #[command(after_help = "Example:\n  mission approve P-31.4")]
    Approve {
        /// The approval's id
        id: ApprovalId,
    },
    /// Refuse one guarded command, and tell the lane why
    #[command(after_help = "Example:\n  mission deny P-31.4 --reason 'not on a Friday'")]
    Deny {
        /// The approval's id
        id: ApprovalId,
        /// Why
        #[arg(long, value_parser = text, allow_hyphen_values = true)]
        reason: String,
    },
    /// Show the evidence of a ticket
    #[command(
        subcommand,
        after_help = "Example:\n  mission packet show MC-7 --gate implementation"
    )]
    Packet(PacketCommand),
    /// Look at single runs of agents
    #[command(subcommand, after_help = "Example:\n  mission attempt logs A-31 -f")]
    Attempt(AttemptCommand),
    /// Look at roles
    #[command(subcommand, after_help = "Example:\n  mission role list")]
    Role(RoleCommand),
    /// Look at lanes, pause and resume them
    #[command(subcommand, after_help = "Example:\n  mission lane pause coder")]
    Lane(LaneCommand),
    /// Look at runtimes
    #[command(subcommand, after_help = "Example:\n  mission runtime list")]
    Runtime(RuntimeCommand),
    /// Check this machine and say how to mend what is missing
    #[command(after_help = "Example:\n  mission doctor")]
    Doctor,
    /// List what waits for a person, most urgent first
    #[command(after_help = "Example:\n  mission needs-you")]
    NeedsYou,
    /// What changed since you last looked
    #[command(after_help = "Example:\n  mission digest --since 1d")]
    Digest {
        /// A time, or a span back from now; by default when you last looked, here or on the page
        #[arg(long, value_name = "T")]
        since: Option<String>,
    },
    /// Needs you, board, tickets and lanes on a full screen; events as lines where the output is no terminal
    #[command(after_help = "\
Examples:
  mission watch                      what waits for you, live; ? shows the keys
  mission watch --ticket MC-7        one ticket, live
  mission watch --lines              events as they happen, until Ctrl-C; so also with --json, --after, or in a pipe")]
    Watch {
        /// Only this ticket
        #[arg(long, value_name = "K")]
        ticket: Option<Key>,
        /// Print events, starting after this one instead of now
        #[arg(long, value_name = "SEQ")]
        after: Option<u64>,
        /// Print events as lines, on a terminal too
        #[arg(long)]
        lines: bool,
    },
    /// The lanes at work on a full screen: `watch`, opened at the fleet
    #[command(after_help = "Example:\n  mission top")]
    Top,
    /// Look at what the operator did by a rule, and take it back
    #[command(subcommand, after_help = "Example:\n  mission operator sweep --dry-run")]
    Operator(OperatorCommand),
    /// Look after the tickets' working copies
    #[command(subcommand, after_help = "Example:\n  mission workspace clean --dry-run")]
    Workspace(WorkspaceCommand),
    /// The repositories of this home
    #[command(subcommand, after_help = "Example:\n  mission project add ../web --yes")]
    Project(ProjectCommand),
    /// Tokens for programs and for yourself
    #[command(subcommand, after_help = "Example:\n  mission token new ci --role viewer")]
    Token(TokenCommand),
    /// Check mission.toml; every problem has file, line and column
    #[command(after_help = "Example:\n  mission check")]
    Check {
        /// Check this file alone, without a project
        file: Option<PathBuf>,
    },
    /// Look at workflows
    #[command(subcommand, after_help = "Example:\n  mission workflow show standard")]
    Workflow(WorkflowCommand),
    /// Tell where a setting comes from
    #[command(subcommand, after_help = "Example:\n  mission config explain runtime.codex.model")]
    Config(ConfigCommand),
    /// Prove that the home is whole
    #[command(after_help = "Example:\n  mission fsck")]
    Fsck,
    /// Write the whole home into one file
    #[command(after_help = "Example:\n  mission backup mission.backup")]
    Backup {
        /// The file to write
        file: PathBuf,
    },
    /// Bring a home back from a backup
    #[command(after_help = "Example:\n  mission restore mission.backup")]
    Restore {
        /// The file to read
        file: PathBuf,
    },
    /// Write the event log as JSON lines
    #[command(after_help = "Example:\n  mission export")]
    Export,
    /// Remove what nothing refers to any more
    #[command(after_help = "Example:\n  mission gc --dry-run")]
    Gc {
        /// Only say what would go
        #[arg(long)]
        dry_run: bool,
    },
    /// Run lanes on this host for a server elsewhere (not built yet)
    #[command(after_help = "Example:\n  mission runner --join http://127.0.0.1:4207")]
    Runner {
        /// The server's address
        #[arg(long, value_name = "URL")]
        join: String,
    },
    /// Speak MCP on standard input and output; lanes give it to their agents
    #[command(after_help = "Example:\n  mission mcp")]
    Mcp,
    /// Report from inside a lane, or for an attempt of a person's lane
    #[command(
        after_help = "Examples:\n  mission report done --summary 'the scheme follows the system'\n  mission report evidence command -- cargo test"
    )]
    Report(report::ReportArgs),
    /// Write shell completions and man pages
    #[command(
        subcommand,
        hide = true,
        after_help = "Example:\n  mission generate completions bash"
    )]
    Generate(GenerateCommand),
    /// One attempt's keeper; started by the runner
    #[command(hide = true, after_help = "Example:\n  mission lane-shim LANE_DIR")]
    LaneShim {
        /// The lane's folder
        dir: PathBuf,
    },
    /// What stands before a guarded program on a lane's PATH
    #[command(
        hide = true,
        after_help = "Example:\n  mission lane-guard guard.json git -- push origin main"
    )]
    LaneGuard {
        /// The policy, as a file
        policy: PathBuf,
        /// The program
        program: String,
        /// Its arguments
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// The local runner; started by the server
    #[command(hide = true, after_help = "Example:\n  mission runner-local DIR")]
    RunnerLocal {
        /// The runner's folder
        dir: PathBuf,
    },
    /// An agent that plays a script; started by the demo
    #[command(hide = true, after_help = "Example:\n  mission scripted-agent careful")]
    ScriptedAgent {
        /// The script's name
        name: String,
    },
    /// Serve the files of a folder on this machine; the preview of the demo's page
    #[command(hide = true, after_help = "Example:\n  mission serve-static web --port 8000")]
    ServeStatic {
        /// The folder
        dir: PathBuf,
        /// The port; 0 takes a free one
        #[arg(long, value_name = "N", default_value_t = 0)]
        port: u16,
    },
}
