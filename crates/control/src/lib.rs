//! Carries out what was asked and what must happen unasked. The only place that calls `decide` and `plan`.

mod again;
mod approvals;
mod ask;
mod at_work;
mod brief;
mod budgets;
mod checks;
mod clock;
mod console;
mod digest;
mod dispatch;
mod ending;
mod error;
mod execute;
mod fleet;
mod fsck;
mod hearing;
mod home;
mod identity;
mod landing;
mod lanes;
mod launch;
mod launches;
mod observe;
mod packets;
mod paths;
mod people;
mod perform;
mod projects;
mod reads;
mod recording;
mod rows;
mod schedules;
mod session;
mod show;
mod signed;
mod standstill;
mod stumble;
mod sweep;
mod take_back;
mod touched;
mod versions;
mod write;

pub use ask::{EditRequest, HomeCounts, TicketRequest, VerdictRequest};
pub use clock::{Clock, SystemClock};
pub use console::{Journal, Screen};
pub use digest::{DigestChangeDoc, DigestDoc, DigestTicketDoc, MOST_EVENTS};
pub use error::{Error, Result};
pub use execute::Control;
pub use fsck::{FsckFinding, FsckReport};
pub use home::{Caller, TokenDoc, TokenRole};
pub use mission_runtime::peer;
pub use packets::PacketDoc;
pub use paths::HomePaths;
pub use people::{PersonDoc, SessionDoc};
pub use projects::{Project, programs_on_path};
pub use reads::WhyDoc;
pub use show::BetweenRounds;
pub use sweep::{Correction, Rule, WorkspaceEntry};

/// How a controller behaves where it may differ from the default.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where our own program is: the shim, the runner and the lanes' `mission`.
    pub exe: std::path::PathBuf,
    /// The URL that lanes reach the server at; set once it listens.
    pub url: Option<String>,
    /// The first wait before a retry, in milliseconds.
    pub retry_base_ms: u64,
    /// Whether lanes are confined as far as this machine can.
    pub confine: bool,
    /// How many checks may run at once.
    pub checks_at_once: usize,
}
