//! What the pages about the home as a whole show: projects, digest, policy, calibration, settings.

use std::sync::Arc;

use mission_control::{DigestChangeDoc, DigestDoc, PersonDoc, SessionDoc, TokenDoc};
use mission_domain::access::AccessNote;
use mission_domain::config::Setting;
use mission_domain::doc::{ApprovalDoc, ProjectDoc, RuntimeDoc, ScheduleDoc, TicketDoc};
use mission_domain::rules::Rules;

use super::Shell;

/// The page *Projects*: everything that the home works on.
#[derive(Debug, Clone)]
pub struct ProjectsView {
    /// What stands around it.
    pub shell: Shell,
    /// The projects with their numbers.
    pub projects: Vec<ProjectLine>,
}

/// One project with its numbers.
#[derive(Debug, Clone)]
pub struct ProjectLine {
    /// The project.
    pub project: ProjectDoc,
    /// How many tickets it has in each of the ten states.
    pub states: Vec<(String, u32)>,
    /// How many of them wait for the person.
    pub waits: u32,
}

/// The page *Digest*.
#[derive(Debug, Clone)]
pub struct DigestView {
    /// What stands around it.
    pub shell: Shell,
    /// What changed, the latest first; of the tickets only their keys.
    pub digest: DigestDoc,
    /// The tickets of this page, each with what happened to it.
    pub shown: Vec<(Arc<TicketDoc>, Vec<DigestChangeDoc>)>,
    /// How many of all come before them.
    pub from: usize,
    /// Whether the span begins where the person last marked what they had seen.
    pub is_since_seen: bool,
}

/// The page *Policy*.
#[derive(Debug, Clone)]
pub struct PolicyView {
    /// What stands around it.
    pub shell: Shell,
    /// The projects in view with the rules in force.
    pub rules: Vec<(String, Arc<Rules>)>,
    /// Their schedules.
    pub schedules: Vec<ScheduleDoc>,
    /// The guarded commands that were asked for last, the newest first.
    pub approvals: Vec<ApprovalDoc>,
}

/// The page *Calibration*.
#[derive(Debug, Clone)]
pub struct CalibrationView {
    /// What stands around it.
    pub shell: Shell,
    /// The roles that review in the shadow, each with its project.
    pub shadows: Vec<(String, String)>,
    /// The reviewing roles that decide, each with its project.
    pub reviewers: Vec<(String, String)>,
}

/// The page *Settings*.
#[derive(Debug, Clone)]
pub struct SettingsView {
    /// What stands around it.
    pub shell: Shell,
    /// Which part is shown.
    pub part: SettingsPart,
    /// Whether the person may change people and tokens.
    pub is_owner: bool,
    /// The signed-in browsers that the person may see.
    pub sessions: Vec<SessionDoc>,
    /// Which of them this is.
    pub own_session: Option<String>,
    /// The last changes of who may come in, the newest first, where the person may see them.
    pub access: Vec<AccessNote>,
    /// The people of this home, where the person may see them.
    pub people: Vec<PersonDoc>,
    /// The tokens, where the person may see them.
    pub tokens: Vec<TokenDoc>,
    /// A secret that was just made, shown once: what it is, and itself.
    pub made: Option<(String, String)>,
    /// What was refused.
    pub problem: Option<String>,
    /// The runtimes.
    pub runtimes: Vec<RuntimeDoc>,
    /// The projects in view with the rules in force.
    pub rules: Vec<(String, Arc<Rules>)>,
    /// The settings in force of each project, with where they come from.
    pub settings: Vec<(String, Vec<Setting>)>,
    /// The words that the list of all settings is limited to.
    pub words: String,
}

/// The parts of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SettingsPart {
    /// People, sessions and tokens.
    #[default]
    People,
    /// Runtimes and their health.
    Runtimes,
    /// Roles.
    Roles,
    /// Workflows.
    Workflows,
    /// Every setting with where it comes from.
    All,
}

impl SettingsPart {
    /// All parts in their order.
    pub const ALL: [Self; 5] =
        [Self::People, Self::Runtimes, Self::Roles, Self::Workflows, Self::All];

    /// Returns the value of `part` in the address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Runtimes => "runtimes",
            Self::Roles => "roles",
            Self::Workflows => "workflows",
            Self::All => "all",
        }
    }

    /// Returns the part with this word; the first where there is none.
    pub fn read(word: Option<&str>) -> Self {
        let named = Self::ALL.into_iter().find(|it| Some(it.as_str()) == word);
        named.unwrap_or_default()
    }
}
