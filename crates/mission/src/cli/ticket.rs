//! The commands under `ticket` and `gate`.

use clap::{Args, Subcommand, ValueEnum};

use super::{Key, text};

/// How urgent a ticket is.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Priority {
    Urgent,
    High,
    Medium,
    Low,
}

impl Priority {
    /// Returns the word of the API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// A state that a list can be narrowed to.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum State {
    Parked,
    Waiting,
    Todo,
    Active,
    InReview,
    NeedsInput,
    Blocked,
    Done,
    Cancelled,
    Superseded,
}

/// What can be done with tickets.
#[derive(Debug, Subcommand)]
pub(crate) enum TicketCommand {
    /// File a ticket; prints its key alone
    #[command(
        after_help = "Examples:\n  mission ticket new 'Add a dark scheme' --label visual --priority high\n  mission ticket new 'Release 2.0' --campaign --body - < plan.md"
    )]
    New(NewArgs),
    /// List tickets, what waits for a person first
    #[command(after_help = "Example:\n  mission ticket list --state blocked --state needs_input")]
    List(ListArgs),
    /// Show one ticket: situation, gates, findings, attempts, messages
    #[command(after_help = "Example:\n  mission ticket show MC-7")]
    Show {
        /// The ticket
        key: Key,
    },
    /// Change a ticket's text, labels, priority or blockers
    #[command(
        after_help = "Example:\n  mission ticket edit MC-7 --priority urgent --blocked-by MC-3"
    )]
    Edit(EditArgs),
    /// Set a ticket aside; it is never dispatched until unparked
    #[command(after_help = "Example:\n  mission ticket park MC-7")]
    Park {
        /// The ticket
        key: Key,
        /// Also hold the children of a campaign
        #[arg(long)]
        tree: bool,
    },
    /// Take a ticket up again
    #[command(after_help = "Example:\n  mission ticket unpark MC-7")]
    Unpark {
        /// The ticket
        key: Key,
    },
    /// End a ticket without doing it; its work is kept
    #[command(after_help = "Example:\n  mission ticket cancel MC-7 --reason 'no longer wanted'")]
    Cancel {
        /// The ticket
        key: Key,
        /// Why
        #[arg(long, value_parser = text, allow_hyphen_values = true)]
        reason: String,
    },
    /// End a ticket because others take its place
    #[command(after_help = "Example:\n  mission ticket supersede MC-7 --by MC-9 --by MC-10")]
    Supersede {
        /// The ticket
        key: Key,
        /// What takes its place
        #[arg(long, required = true, value_name = "K")]
        by: Vec<Key>,
    },
    /// Give a blocked ticket fresh attempts and one more round, or try its landing again
    #[command(after_help = "Example:\n  mission ticket retry MC-7 --reason 'the mirror is back'")]
    Retry {
        /// The ticket
        key: Key,
        /// Why it can go on now
        #[arg(long, value_parser = text, allow_hyphen_values = true)]
        reason: String,
    },
    /// Open an ended ticket again
    #[command(after_help = "Example:\n  mission ticket reopen MC-7")]
    Reopen {
        /// The ticket
        key: Key,
    },
    /// Write a comment that nobody has to act on
    #[command(after_help = "Example:\n  mission ticket comment MC-7 'seen again on Monday'")]
    Comment {
        /// The ticket
        key: Key,
        /// The comment; `-` reads it from standard input
        #[arg(value_parser = text, allow_hyphen_values = true)]
        text: String,
    },
    /// Name the one thing that holds a ticket
    #[command(after_help = "Example:\n  mission ticket why MC-7")]
    Why {
        /// The ticket
        key: Key,
    },
}

/// The arguments of `ticket new`.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// What the work is, in one line
    #[arg(value_parser = text, allow_hyphen_values = true)]
    pub(crate) title: String,
    /// The whole request as Markdown; `-` reads it from standard input
    #[arg(long, value_parser = text, allow_hyphen_values = true)]
    pub(crate) body: Option<String>,
    /// The workflow; on a campaign its children's default
    #[arg(long, value_name = "W")]
    pub(crate) workflow: Option<String>,
    /// A ticket made of children, never dispatched itself
    #[arg(long)]
    pub(crate) campaign: bool,
    /// The campaign's own gates; none unless named
    #[arg(long, value_name = "W", requires = "campaign")]
    pub(crate) campaign_workflow: Option<String>,
    /// The campaign it belongs to
    #[arg(long, value_name = "K")]
    pub(crate) parent: Option<Key>,
    /// A ticket that must end first; may be given again
    #[arg(long, value_name = "K")]
    pub(crate) blocked_by: Vec<Key>,
    /// Not before this time, like 2030-05-01T09:00Z, or this span, like 2h
    #[arg(long, value_name = "T")]
    pub(crate) not_before: Option<String>,
    /// A label; may be given again. `visual` and `user_facing` ask for their gates
    #[arg(long = "label", value_name = "L")]
    pub(crate) labels: Vec<String>,
    /// How urgent it is
    #[arg(long)]
    pub(crate) priority: Option<Priority>,
    /// The policy it carries
    #[arg(long, value_name = "P")]
    pub(crate) policy: Option<String>,
    /// File it set aside
    #[arg(long)]
    pub(crate) park: bool,
}

/// The arguments of `ticket list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only tickets in this state; may be given again
    #[arg(long = "state", value_name = "S")]
    pub(crate) states: Vec<State>,
    /// Only tickets that this role works
    #[arg(long, value_name = "R")]
    pub(crate) role: Option<String>,
    /// Only this campaign's tickets
    #[arg(long, value_name = "K")]
    pub(crate) campaign: Option<Key>,
}

/// The arguments of `ticket edit`.
#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    /// The ticket
    pub(crate) key: Key,
    /// The new title
    #[arg(long, value_parser = text, allow_hyphen_values = true)]
    pub(crate) title: Option<String>,
    /// The new body; `-` reads it from standard input
    #[arg(long, value_parser = text, allow_hyphen_values = true)]
    pub(crate) body: Option<String>,
    /// How urgent it is
    #[arg(long)]
    pub(crate) priority: Option<Priority>,
    /// The labels it has from now on; may be given again
    #[arg(long = "label", value_name = "L", conflicts_with = "no_labels")]
    pub(crate) labels: Vec<String>,
    /// Take all labels away
    #[arg(long)]
    pub(crate) no_labels: bool,
    /// Also wait for this ticket; may be given again
    #[arg(long, value_name = "K")]
    pub(crate) blocked_by: Vec<Key>,
    /// No longer wait for this ticket; may be given again
    #[arg(long, value_name = "K")]
    pub(crate) unblock: Vec<Key>,
    /// Not before this time or span; `none` takes it away
    #[arg(long, value_name = "T")]
    pub(crate) not_before: Option<String>,
}

/// A person's verdicts.
#[derive(Debug, Subcommand)]
pub(crate) enum GateCommand {
    /// Sign off: what was delivered is good
    #[command(after_help = "Example:\n  mission gate pass MC-7 plan --reason 'small and safe'")]
    Pass(VerdictArgs),
    /// Request changes; the findings become part of the next brief
    #[command(
        after_help = "Example:\n  mission gate changes MC-7 --reason 'two gaps' --finding 'web/app.css:12:contrast is 3.1:1'"
    )]
    Changes(VerdictArgs),
    /// End the gate as failed; the ticket is blocked at once
    #[command(
        after_help = "Example:\n  mission gate fail MC-7 final_validation --reason 'the wrong approach'"
    )]
    Fail(VerdictArgs),
    /// Let the ticket go on without this gate, in your name
    #[command(
        after_help = "Example:\n  mission gate waive MC-7 user_testing --reason 'no page is touched'"
    )]
    Waive(VerdictArgs),
    /// Take your verdict back, until the next attempt starts
    #[command(after_help = "Example:\n  mission gate withdraw MC-7 plan")]
    Withdraw {
        /// The ticket
        key: Key,
        /// The gate, instead of the one you judged last
        gate: Option<String>,
        /// Why
        #[arg(long, value_parser = text, allow_hyphen_values = true)]
        reason: Option<String>,
    },
}

/// What every verdict takes.
#[derive(Debug, Args)]
pub(crate) struct VerdictArgs {
    /// The ticket
    pub(crate) key: Key,
    /// The gate, instead of the active one
    pub(crate) gate: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = text, allow_hyphen_values = true)]
    pub(crate) reason: Option<String>,
    /// Something to mend, as FILE:LINE:TEXT, FILE:TEXT or TEXT; may be given again
    #[arg(long = "finding", value_name = "FILE:LINE:TEXT", value_parser = text, allow_hyphen_values = true)]
    pub(crate) findings: Vec<String>,
    /// Refuse unless the newest packet still has this digest
    #[arg(long, value_name = "DIGEST")]
    pub(crate) packet: Option<String>,
}
