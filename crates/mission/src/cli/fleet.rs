//! The commands that look at lanes, attempts, projects and tokens.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use mission_domain::ids::{AttemptId, OperatorActId};

use super::Key;

/// Guarded actions.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ApprovalCommand {
    /// List guarded commands that wait for you
    #[command(after_help = "Example:\n  mission approval list --all")]
    List {
        /// Those that were answered, too
        #[arg(long)]
        all: bool,
        /// Only those of one ticket
        #[arg(long, value_name = "KEY")]
        ticket: Option<super::Key>,
    },
    /// Show one with what was there when the lane asked: the difference, and what is in no commit
    #[command(after_help = "Example:\n  mission approval show P-31.4")]
    Show {
        /// The request
        id: mission_domain::ids::ApprovalId,
    },
}

/// Evidence.
#[derive(Debug, Subcommand)]
pub(crate) enum PacketCommand {
    /// Show the newest packet of each gate
    #[command(after_help = "Example:\n  mission packet show MC-7 --gate implementation")]
    Show {
        /// The ticket
        key: Key,
        /// Only this gate's
        #[arg(long, value_name = "G")]
        gate: Option<String>,
    },
    /// Write the signed packets of a ticket, one envelope a line, for others to check
    #[command(
        after_help = "Examples:\n  mission packet export MC-7 --out MC-7.intoto.jsonl\n  mission packet export MC-7 --markdown"
    )]
    Export {
        /// The ticket
        key: Key,
        /// Only this gate's
        #[arg(long, value_name = "G")]
        gate: Option<String>,
        /// Write here instead of to standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Write one readable Markdown block for a pull request instead
        #[arg(long)]
        markdown: bool,
    },
    /// Check an exported file offline, with public keys alone
    #[command(
        after_help = "Example:\n  mission packet verify MC-7.intoto.jsonl --key their-key.pem --commit 1a2b…"
    )]
    Verify(VerifyArgs),
    /// List the public keys that packets of this home are signed with, oldest uses included
    #[command(after_help = "Example:\n  mission packet keys")]
    Keys,
    /// Let a new key sign from now on; the old public keys stay believed
    #[command(after_help = "Example:\n  mission packet rotate-key")]
    RotateKey,
}

/// The arguments of `packet verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The file, or `-` for standard input
    pub(crate) file: PathBuf,
    /// Public keys in PEM to believe instead of this home's
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// The commit that it must be about
    #[arg(long, value_name = "HASH")]
    pub(crate) commit: Option<String>,
    /// The ticket that it must be about
    #[arg(long, value_name = "K")]
    pub(crate) ticket: Option<Key>,
    /// The gate that it must be about
    #[arg(long, value_name = "G")]
    pub(crate) gate: Option<String>,
}

/// Attempts.
#[derive(Debug, Subcommand)]
pub(crate) enum AttemptCommand {
    /// List attempts, newest first
    #[command(after_help = "Example:\n  mission attempt list MC-7")]
    List {
        /// Only this ticket's
        key: Option<Key>,
    },
    /// Show one attempt: terminal record and death report
    #[command(after_help = "Example:\n  mission attempt show A-31")]
    Show {
        /// The attempt
        id: AttemptId,
    },
    /// Sit at an agent's screen, or at its journal with a line to write to it
    #[command(after_help = "Example:\n  mission attempt attach A-31")]
    Attach {
        /// The attempt
        id: AttemptId,
        /// Only look at its window, without taking it over
        #[arg(short, long)]
        read_only: bool,
    },
    /// Write what the agent printed with its times, as asciicast v2
    #[command(after_help = "Example:\n  mission attempt recording A-31 --out A-31.cast")]
    Recording {
        /// The attempt
        id: AttemptId,
        /// Where to write it, instead of standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Print the agent's output
    #[command(after_help = "Example:\n  mission attempt logs A-31 -f")]
    Logs {
        /// The attempt
        id: AttemptId,
        /// Go on until the attempt ends
        #[arg(short, long)]
        follow: bool,
    },
    /// End an agent's turn; the attempt goes on with the next message
    #[command(after_help = "Example:\n  mission attempt interrupt A-31")]
    Interrupt {
        /// The attempt
        id: AttemptId,
    },
    /// Stop an attempt; its work is kept
    #[command(after_help = "Example:\n  mission attempt stop A-31")]
    Stop {
        /// The attempt
        id: AttemptId,
    },
}

/// Roles.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum RoleCommand {
    /// List roles with their runtimes and permission
    #[command(after_help = "Example:\n  mission role list")]
    List,
}

/// Lanes.
#[derive(Debug, Subcommand)]
pub(crate) enum LaneCommand {
    /// List lanes with their slots, queue and health
    #[command(after_help = "Example:\n  mission lane list")]
    List,
    /// Start no new attempts of a role
    #[command(after_help = "Example:\n  mission lane pause coder")]
    Pause {
        /// The role
        role: String,
    },
    /// Start attempts of a role again
    #[command(after_help = "Example:\n  mission lane resume coder")]
    Resume {
        /// The role
        role: String,
    },
}

/// Runtimes.
#[derive(Debug, Subcommand)]
pub(crate) enum RuntimeCommand {
    /// List runtimes with their breaker and where they are configured
    #[command(after_help = "Example:\n  mission runtime list")]
    List,
    /// Close a runtime's breaker: what kept it from working is mended
    #[command(after_help = "Example:\n  mission runtime resume codex")]
    Resume {
        /// The runtime
        runtime: String,
    },
}

/// The operator.
#[derive(Debug, Subcommand)]
pub(crate) enum OperatorCommand {
    /// Look at everything and correct what a rule names
    #[command(after_help = "Example:\n  mission operator sweep --dry-run")]
    Sweep {
        /// Only print what it would do
        #[arg(long)]
        dry_run: bool,
    },
    /// List what was done by a rule
    #[command(after_help = "Example:\n  mission operator log")]
    Log,
    /// Take back one act
    #[command(after_help = "Example:\n  mission operator undo O-4")]
    Undo {
        /// The act
        id: OperatorActId,
    },
}

/// Working copies.
#[derive(Debug, Subcommand)]
pub(crate) enum WorkspaceCommand {
    /// List working copies with their size and what may go
    #[command(after_help = "Example:\n  mission workspace list")]
    List,
    /// Remove what is safe to remove; unmerged work is kept under a ref first
    #[command(after_help = "Example:\n  mission workspace clean --dry-run")]
    Clean {
        /// Only print what would go
        #[arg(long)]
        dry_run: bool,
    },
    /// Bring a removed working copy back
    #[command(after_help = "Example:\n  mission workspace restore MC-7")]
    Restore {
        /// The ticket
        key: Key,
    },
}

/// Projects.
#[derive(Debug, Subcommand)]
pub(crate) enum ProjectCommand {
    /// List projects
    #[command(after_help = "Example:\n  mission project list")]
    List,
    /// Register a repository
    #[command(after_help = "Example:\n  mission project add ../web --yes")]
    Add {
        /// The repository
        path: PathBuf,
        /// Trust its commands without asking
        #[arg(long)]
        yes: bool,
    },
    /// Take a project out of the home; its repository stays as it is
    #[command(after_help = "Example:\n  mission project remove MC")]
    Remove {
        /// The project's key
        key: String,
    },
}

/// What a token may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum TokenRole {
    Viewer,
    Operator,
    Owner,
}

/// Tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token; it is shown once
    #[command(after_help = "Example:\n  mission token new ci --role viewer --project MC")]
    New(NewTokenArgs),
    /// List tokens, without their secrets
    #[command(after_help = "Example:\n  mission token list")]
    List,
    /// End a token
    #[command(after_help = "Example:\n  mission token revoke ci")]
    Revoke {
        /// The token's name
        name: String,
    },
}

/// The arguments of `token new`.
#[derive(Debug, Args)]
pub(crate) struct NewTokenArgs {
    /// Its name
    pub(crate) name: String,
    /// What it may do
    #[arg(long, default_value = "operator")]
    pub(crate) role: TokenRole,
    /// Speaks as you, verdicts included
    #[arg(long)]
    pub(crate) person: bool,
}

/// Workflows.
#[derive(Debug, Subcommand)]
pub(crate) enum WorkflowCommand {
    /// Show a workflow's gates in order
    #[command(after_help = "Example:\n  mission workflow show standard")]
    Show {
        /// The workflow
        name: String,
    },
}

/// Settings.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Tell a setting's value and the file and line that set it
    #[command(after_help = "Example:\n  mission config explain runtime.codex.model")]
    Explain {
        /// The setting, like role.coder.slots
        key: String,
    },
}
