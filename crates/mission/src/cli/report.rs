//! The commands that an agent uses inside a lane.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use mission_domain::ids::{AttemptId, FindingId};

use super::text;

/// What is reported, and for which attempt.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The attempt to report for; only outside a lane
    #[arg(long, global = true, value_name = "A")]
    pub(crate) attempt: Option<AttemptId>,
    #[command(subcommand)]
    pub(crate) what: ReportCommand,
}

/// One report.
#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// The work is delivered
    #[command(
        after_help = "Example:\n  mission report done --summary 'the scheme follows the system'"
    )]
    Done {
        /// What was done, in a sentence or more
        #[arg(long, value_name = "TEXT", value_parser = text, allow_hyphen_values = true)]
        summary: String,
    },
    /// The work is delivered and wants a look; means what `done` means
    #[command(
        after_help = "Example:\n  mission report review --summary 'please look at the contrast'"
    )]
    Review {
        /// What was done, in a sentence or more
        #[arg(long, value_name = "TEXT", value_parser = text, allow_hyphen_values = true)]
        summary: String,
    },
    /// A person must answer before it goes on
    #[command(
        after_help = "Example:\n  mission report question --summary 'which scheme is the default?'"
    )]
    Question {
        /// The question
        #[arg(long, value_name = "TEXT", value_parser = text, allow_hyphen_values = true)]
        summary: String,
    },
    /// The verdict of a review
    #[command(
        after_help = "Example:\n  mission report verdict changes --reason 'one gap' --finding 'web/app.css:12:contrast is 3.1:1'"
    )]
    Verdict {
        /// pass or changes
        verdict: ReviewVerdict,
        /// Why
        #[arg(long, value_name = "TEXT", value_parser = text, allow_hyphen_values = true)]
        reason: String,
        /// Something to mend, as FILE:LINE:TEXT, FILE:TEXT or TEXT; may be given again
        #[arg(long = "finding", value_name = "FILE:LINE:TEXT", value_parser = text, allow_hyphen_values = true)]
        findings: Vec<String>,
    },
    /// Hand in one piece of evidence
    #[command(subcommand, after_help = "Example:\n  mission report evidence command -- cargo test")]
    Evidence(EvidenceCommand),
    /// Ask a person to permit a command; Mission Control runs it then, and a message tells you
    #[command(after_help = "Example:\n  mission report approval -- git push origin HEAD:topic")]
    Approval {
        /// The command, after `--`
        #[arg(last = true, required = true, value_name = "CMD")]
        command: Vec<String>,
    },
    /// Answer a finding of the last review
    #[command(after_help = "Example:\n  mission report answer F-1 fixed 'contrast is 7:1 now'")]
    Answer {
        /// The finding
        finding: FindingId,
        /// fixed or disputed
        state: AnswerState,
        /// In words
        #[arg(value_parser = text, allow_hyphen_values = true)]
        text: String,
    },
}

/// The two verdicts that a review can give.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ReviewVerdict {
    Pass,
    Changes,
}

/// How a finding is answered.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum AnswerState {
    Fixed,
    Disputed,
}

/// One piece of evidence.
#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceCommand {
    /// Run a command and record its exit code and log; exits 1 when it failed, recorded all the same
    #[command(
        after_help = "Examples:\n  mission report evidence command -- cargo test\n  mission report evidence command -- 'npm ci && npm test'"
    )]
    Command {
        /// The command, after `--`
        #[arg(last = true, required = true, value_name = "CMD")]
        command: Vec<String>,
    },
    /// A page for Mission Control to capture, or a picture
    #[command(
        after_help = "Example:\n  mission report evidence screenshot http://127.0.0.1:5173/settings"
    )]
    Screenshot {
        /// The page's address, or a file
        #[arg(value_name = "URL|FILE")]
        source: String,
    },
    /// The plan; its files are the list under `## Files`
    #[command(after_help = "Example:\n  mission report evidence plan PLAN.md")]
    Plan {
        /// A Markdown file
        file: PathBuf,
    },
    /// The design direction
    #[command(after_help = "Example:\n  mission report evidence direction DIRECTION.md")]
    Direction {
        /// A Markdown file
        file: PathBuf,
    },
    /// Browser steps with their results
    #[command(after_help = "Example:\n  mission report evidence steps STEPS.md")]
    Steps {
        /// A Markdown file
        file: PathBuf,
    },
    /// The risk that remains
    #[command(after_help = "Example:\n  mission report evidence risk 'none: only colours change'")]
    Risk {
        /// In words
        #[arg(value_parser = text, allow_hyphen_values = true)]
        text: String,
    },
    /// Any other file, kept as an artifact
    #[command(after_help = "Example:\n  mission report evidence file report.pdf")]
    File {
        /// The file
        file: PathBuf,
    },
}
