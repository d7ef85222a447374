//! What a project asks of its tickets: workflows, gates, roles, runtimes and policies as plain data.
//! Where they are read from is `config`; what they do to a ticket is `ticket`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{Digest, GateId, ProjectKey, RoleId, RuntimeId, Timestamp, WorkflowId};

/// Attempts that a gate has in one round.
pub const ATTEMPTS_PER_ROUND: u32 = 3;

/// Rounds that a gate may ask for before the ticket is blocked.
pub const MAX_ROUNDS: u32 = 3;

/// How many bytes of paths the record of one change names; an event holds 64 KiB in all.
pub const TOLD_PATHS: usize = 32 * 1024;

/// Who does a gate's work.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Worker {
    /// Mission Control itself: no agent is started and no model asked.
    Controller,
    /// A role's lane.
    Role(RoleId),
}

impl From<String> for Worker {
    fn from(text: String) -> Self {
        if text == "controller" { Self::Controller } else { Self::Role(RoleId::new(text)) }
    }
}

impl From<Worker> for String {
    fn from(worker: Worker) -> Self {
        worker.to_string()
    }
}

impl fmt::Display for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller => f.pad("controller"),
            Self::Role(role) => role.fmt(f),
        }
    }
}

/// Who decides on a gate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Decider {
    /// Mission Control, from what it observed.
    Controller,
    /// Any person, or the one who is named.
    Person(Option<String>),
    /// A role's lane.
    Role(RoleId),
}

impl TryFrom<String> for Decider {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "controller" => Ok(Self::Controller),
            None if text == "person" => Ok(Self::Person(None)),
            Some(("person", name)) if !name.is_empty() => Ok(Self::Person(Some(name.into()))),
            Some(("role", role)) if !role.is_empty() => Ok(Self::Role(RoleId::new(role))),
            None | Some(_) => Err(format!(
                "`{text}` cannot decide; write `controller`, `person`, `person:NAME` or `role:NAME`"
            )),
        }
    }
}

impl From<Decider> for String {
    fn from(decider: Decider) -> Self {
        decider.to_string()
    }
}

impl fmt::Display for Decider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller => f.pad("controller"),
            Self::Person(None) => f.pad("person"),
            Self::Person(Some(name)) => write!(f, "person:{name}"),
            Self::Role(role) => write!(f, "role:{role}"),
        }
    }
}

/// Defines a closed set of words: the enum, all its values, and both ways between value and word.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// All values, in the order of their meaning.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the word that files, documents and pages use.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Returns the value with this word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words!(
    /// A kind of evidence that a packet can hold.
    EvidenceKind {
        /// Steps, files, risks and acceptance checks.
        Plan = "plan",
        /// A design direction: text and reference images.
        Direction = "direction",
        /// At least one new commit.
        Commit = "commit",
        /// Files that git says changed.
        ChangedFiles = "changed_files",
        /// Commands whose results are claimed.
        Commands = "commands",
        /// Pictures that Mission Control took.
        Screenshots = "screenshots",
        /// Browser steps with results.
        Steps = "steps",
        /// A review's findings; a `pass` without any satisfies it.
        Findings = "findings",
        /// The risk that remains.
        Risk = "risk",
        /// A file kept as an artifact.
        Artifact = "artifact",
    }
);

words!(
    /// How far apart author and decider must be. Each level includes those before it.
    Independence {
        /// Another authenticated principal.
        Principal = "principal",
        /// Also another resolved program, or another known model family.
        Runtime = "runtime",
        /// Also another model family, known on both sides.
        ModelFamily = "model_family",
    }
);

words!(
    /// What makes a sign-off stale.
    StaleOn {
        /// Any change of the tree.
        Code = "code",
        /// Any new commit or packet.
        Any = "any",
        /// Nothing.
        Never = "never",
    }
);

words!(
    /// When a gate is required.
    When {
        /// On every ticket.
        Always = "always",
        /// With the label `visual`, or paths under `visual_paths`.
        Visual = "visual",
        /// With the label `user_facing`, or paths under `user_facing_paths`.
        UserFacing = "user_facing",
    }
);

words!(
    /// What a role may do to its working copy.
    Permission {
        /// Works in a disposable copy; nothing it writes is kept.
        Read = "read",
        /// Works in the ticket's workspace.
        Write = "write",
    }
);

words!(
    /// How a ticket's work reaches the default branch.
    LandMode {
        /// A merge commit.
        Merge = "merge",
        /// The ticket's commits on top of the base.
        Rebase = "rebase",
        /// Only when the base has not moved.
        FastForward = "fast-forward",
        /// Not at all.
        Never = "never",
    }
);

words!(
    /// The code that speaks to one kind of runtime.
    Driver {
        /// One command per turn, brief on standard input.
        Exec = "exec",
        /// A program in a tmux window.
        Tmux = "tmux",
        /// A person in the page or on the command line.
        Person = "person",
        /// Work that happens elsewhere and reports through the API.
        External = "external",
        /// The codex command line.
        Codex = "codex",
        /// The claude command line.
        Claude = "claude",
        /// An agent that speaks the Agent Client Protocol.
        Acp = "acp",
    }
);

impl Driver {
    /// Returns whether its program can go on with the session of an earlier process.
    pub fn keeps_sessions(self) -> bool {
        match self {
            Self::Codex | Self::Claude | Self::Acp => true,
            Self::Exec | Self::Tmux | Self::Person | Self::External => false,
        }
    }

    /// Returns what a budget cannot count of such a runtime, in words; nothing where its program tells all of it.
    pub fn untold(self) -> Option<&'static str> {
        match self {
            Self::Claude | Self::Person => None,
            Self::Codex => Some("cost unknown: a budget counts its tokens and its wall time only"),
            Self::Acp => Some(
                "cost unknown, tokens only where its agent tells them: else a budget counts its wall time only",
            ),
            Self::Exec | Self::Tmux => {
                Some("tokens and cost unknown: a budget counts its wall time only")
            }
            Self::External => Some("tokens, cost and time at work unknown: no budget counts them"),
        }
    }
}

words!(
    /// How long one session of a runtime's agent lives. A process lives as long as its attempt in either case.
    #[derive(Default)]
    Lifecycle {
        /// It is begun for a ticket, and nobody goes on with it after that.
        #[default]
        PerTicket = "per-ticket",
        /// The lane's next ticket goes on with it, until it is stale.
        Persistent = "persistent",
    }
);

words!(
    /// A colour scheme that a page is captured in.
    Scheme {
        /// Dark on light.
        Light = "light",
        /// Light on dark.
        Dark = "dark",
    }
);

words!(
    /// Whether a reviewing role's verdict decides.
    Mode {
        /// It decides.
        Binding = "binding",
        /// It is recorded and scored, and decides nothing.
        Shadow = "shadow",
    }
);

words!(
    /// How urgent a ticket is, most urgent first.
    Priority {
        /// Before everything else.
        Urgent = "urgent",
        /// Before most.
        High = "high",
        /// The default.
        Medium = "medium",
        /// When nothing else waits.
        Low = "low",
    }
);

/// One required step of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateRule {
    /// Its name, unique in the workflow.
    pub id: GateId,
    /// Who does the work.
    pub worker: Worker,
    /// What a delivery must hold.
    pub requires: Vec<EvidenceKind>,
    /// Who must pass it, in this order. Never empty.
    pub decided_by: Vec<Decider>,
    /// The gates whose work it judges; empty for a gate that delivers.
    pub judges: Vec<GateId>,
    /// How far its deciders must be from those who did the work.
    pub independent: Option<Independence>,
    /// Where a request for changes leads.
    pub sends_back_to: GateId,
    /// What makes its sign-offs stale.
    pub stale_on: StaleOn,
    /// When it is required.
    pub when: When,
    /// Rounds of changes before the ticket is blocked.
    pub max_rounds: u32,
    /// How long one attempt may take, in seconds.
    pub timeout_s: Option<u64>,
}

impl GateRule {
    /// Returns this rule with everything that `old` asked for besides: a requirement only grows, and taking one away is
    /// a person's waiver. The old deciders come first, so that a verdict stays with the one who gave it.
    #[must_use]
    pub fn grown_from(&self, old: &Self) -> Self {
        let mut rule = self.clone();
        let more = old.requires.iter().filter(|it| !self.requires.contains(it));
        rule.requires.extend(more.copied());
        rule.decided_by = old.decided_by.clone();
        let new = self.decided_by.iter().filter(|it| !old.decided_by.contains(it));
        rule.decided_by.extend(new.cloned());
        rule.independent = self.independent.max(old.independent);
        rule.judges.extend(old.judges.iter().filter(|it| !self.judges.contains(it)).cloned());
        rule
    }

    /// Returns whether `role` decides by its own report: it works this gate, which is a review.
    pub fn report_is_verdict(&self) -> bool {
        !self.judges.is_empty()
            && matches!(&self.worker, Worker::Role(role) if self.decided_by.first() == Some(&Decider::Role(role.clone())))
    }
}

/// A named, ordered list of gates. Checked when it is made, by `config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workflow {
    /// Its name.
    pub id: WorkflowId,
    /// Its gates in order.
    pub gates: Vec<GateRule>,
}

impl Workflow {
    /// Returns the place of gate `id`.
    pub fn position(&self, id: &GateId) -> Option<usize> {
        self.gates.iter().position(|gate| gate.id == *id)
    }

    /// Returns whether its tickets land: only a workflow with `final_validation` does.
    pub fn lands(&self) -> bool {
        self.gates.iter().any(|gate| gate.id.as_str() == FINAL_VALIDATION)
    }
}

/// The policy of tickets that name none.
pub const DEFAULT_POLICY: &str = "default";

/// The gate whose passing lands the work.
pub const FINAL_VALIDATION: &str = "final_validation";

/// The gate that re-runs every claimed command and every project check.
pub const FIRST_VALIDATION: &str = "first_validation";

/// A durable job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its name.
    pub id: RoleId,
    /// Its runtimes in order of preference.
    pub runtimes: Vec<RuntimeId>,
    /// What it may do to its working copy.
    pub permission: Permission,
    /// Tools it is told it has.
    pub tools: Vec<String>,
    /// Attempts that may run at once.
    pub slots: u32,
    /// What its deliveries must hold, where the gate does not say.
    pub evidence: Vec<EvidenceKind>,
    /// A path on the default branch, or the instructions themselves.
    pub instructions: String,
    /// Whether its verdicts decide.
    pub mode: Mode,
}

/// A configured way to run an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runtime {
    /// Its name.
    pub id: RuntimeId,
    /// The code that speaks to it.
    pub driver: Driver,
    /// The command it starts; empty for a person or an external lane.
    pub command: Vec<String>,
    /// The model, where one is named.
    pub model: Option<String>,
    /// Names of variables that the child gets from our own environment.
    pub env_allow: Vec<String>,
    /// Variables that the child gets besides.
    pub env_set: BTreeMap<String, String>,
    /// Limits of one attempt.
    pub limits: Limits,
    /// How long one session of it lives.
    #[serde(default)]
    pub lifecycle: Lifecycle,
    /// How long a lane keeps one from ticket to ticket, where it does.
    #[serde(default)]
    pub session: SessionLimits,
}

/// How long a lane keeps a session from ticket to ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionLimits {
    /// Tickets that are worked in it.
    pub tickets: u32,
    /// Seconds from its beginning.
    pub age_s: u64,
    /// Tokens that are used in it.
    pub tokens: u64,
}

impl SessionLimits {
    /// By then most of what a session holds is about other tickets.
    pub const TICKETS: u32 = 5;
    /// A working day, in which a repository stays much the same, in hours.
    pub const HOURS: u64 = 8;
    /// An agent has forgotten the beginning of its session long before.
    pub const TOKENS: u64 = 2_000_000;
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self { tickets: Self::TICKETS, age_s: Self::HOURS * 3600, tokens: Self::TOKENS }
    }
}

/// Limits of one attempt; nothing means no limit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Wall time in seconds.
    pub wall_s: Option<u64>,
    /// Seconds without progress.
    pub stall_s: Option<u64>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// What it may cost, in millionths of a dollar.
    #[serde(default)]
    pub cost_micros: Option<u64>,
    /// Tokens that it may use.
    #[serde(default)]
    pub tokens: Option<u64>,
}

/// A command that Mission Control re-runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The shell line.
    pub run: String,
    /// Shown, and not required.
    pub advisory: bool,
}

/// How to start the project's page for screenshots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// The shell line; the port is in `$PORT`.
    pub command: String,
    /// The URL that answers when it is ready.
    pub ready: String,
    /// The paths to capture.
    pub pages: Vec<String>,
    /// The widths in CSS pixels.
    pub widths: Vec<u32>,
    /// The colour schemes; each page is captured in each of them.
    #[serde(default)]
    pub schemes: Vec<Scheme>,
    /// What is not compared: parts that change by themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<IgnoredArea>,
    /// The time that pages read from their clock, where they are to read a fixed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Timestamp>,
}

/// A part of a page that is not compared between two pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IgnoredArea {
    /// The page; every page where left out.
    pub page: Option<String>,
    /// The width of the window; every width where left out.
    pub at: Option<u32>,
    /// Left, top, width and height in CSS pixels.
    pub area: [u32; 4],
}

/// Commands that prepare a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// Run once in a fresh workspace.
    pub after_create: String,
    /// Run before each attempt.
    pub before_run: String,
    /// Seconds that each may take.
    pub timeout_s: u64,
}

/// Named rules that a ticket carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name.
    pub id: String,
    /// Beginnings of command lines that need an approval.
    pub guard: Vec<Vec<String>>,
    /// Branches that nobody but Mission Control moves.
    pub protect: Vec<String>,
    /// Seconds after which an unanswered approval is void.
    pub approval_expires_s: u64,
}

/// What may be used before a person is asked; nothing means no limit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Allowance {
    /// Millionths of a dollar.
    pub cost_micros: Option<u64>,
    /// Tokens.
    pub tokens: Option<u64>,
    /// Wall time of all attempts in seconds.
    pub wall_s: Option<u64>,
}

impl Allowance {
    /// Returns whether it limits anything.
    pub fn is_limit(&self) -> bool {
        self.cost_micros.is_some() || self.tokens.is_some() || self.wall_s.is_some()
    }
}

/// What tickets, lanes and days may use.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// One ticket, over all its attempts.
    pub ticket: Allowance,
    /// All tickets of the project in one day.
    pub day: Allowance,
    /// Each lane of the project in one day.
    #[serde(default)]
    pub lane: Allowance,
}

/// A ticket that is filed again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its name.
    pub id: String,
    /// When, as five fields of cron or a word like `@daily`.
    pub cron: String,
    /// The zone on whose clocks that is read, as the IANA database names it.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// What is filed.
    pub ticket: ScheduledTicket,
}

/// The ticket that a schedule files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledTicket {
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// Its workflow; the project's default where none is named.
    pub workflow: Option<WorkflowId>,
    /// Its labels.
    pub labels: Vec<String>,
    /// How urgent it is.
    pub priority: Priority,
    /// Its policy; `default` where none is named.
    pub policy: Option<String>,
}

/// Everything a project's `mission.toml` says, with the built-ins and the home's tables merged in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// The project's key.
    pub key: ProjectKey,
    /// The branch that work lands on.
    pub default_branch: String,
    /// The zone in which its days begin and its schedules are read, as the IANA database names it.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// The workflow of tickets that name none.
    pub workflow: WorkflowId,
    /// Globs of paths that make a ticket visual.
    pub visual_paths: Vec<String>,
    /// Globs of paths that make a ticket user-facing.
    pub user_facing_paths: Vec<String>,
    /// Commands that are always re-run.
    pub checks: Vec<Check>,
    /// Whether checks and previews may use the network beyond this machine.
    #[serde(default)]
    pub network: bool,
    /// How work lands.
    pub land: LandMode,
    /// How workspaces are prepared.
    pub setup: Setup,
    /// How the page is started for screenshots.
    pub preview: Option<Preview>,
    /// All workflows by name.
    pub workflows: BTreeMap<WorkflowId, Workflow>,
    /// All roles by name.
    pub roles: BTreeMap<RoleId, Role>,
    /// All runtimes by name.
    pub runtimes: BTreeMap<RuntimeId, Runtime>,
    /// All policies by name.
    pub policies: BTreeMap<String, Policy>,
    /// What tickets and days may use.
    #[serde(default)]
    pub budget: Budget,
    /// All schedules by name.
    #[serde(default)]
    pub schedules: BTreeMap<String, Schedule>,
    /// Digests of the instruction files on the default branch, by the role that names them.
    #[serde(default)]
    pub instructions: BTreeMap<RoleId, Digest>,
}

fn utc() -> String {
    crate::day::UTC.into()
}

/// What a ticket is judged by: a change of anything else is no change of its policy.
#[derive(Serialize)]
struct PolicyText<'a> {
    gates: &'a [GateRule],
    roles: BTreeMap<&'a RoleId, (&'a Role, Option<&'a Digest>)>,
    checks: &'a [Check],
    network: bool,
    land: LandMode,
    visual_paths: &'a [String],
    user_facing_paths: &'a [String],
    preview: &'a Option<Preview>,
    policies: &'a BTreeMap<String, Policy>,
    default_branch: &'a str,
}

impl Rules {
    /// Returns the digest of all of it.
    pub fn digest(&self) -> Digest {
        let text = serde_json::to_vec(self).expect("rules are plain data that JSON can hold");
        Digest::of(&text)
    }

    /// Returns the digest that the sign-offs of a ticket with this workflow are bound to: of its gates, their roles with
    /// their instructions, the checks, the policies, and what makes a gate required.
    pub fn policy_digest(&self, workflow: &WorkflowId) -> Digest {
        let gates = self.workflows.get(workflow).map_or(&[][..], |it| it.gates.as_slice());
        let of_gate = |gate: &'_ GateRule| {
            let worker = match &gate.worker {
                Worker::Role(role) => Some(role.clone()),
                Worker::Controller => None,
            };
            let deciders = gate.decided_by.iter().filter_map(|it| match it {
                Decider::Role(role) => Some(role.clone()),
                Decider::Controller | Decider::Person(_) => None,
            });
            worker.into_iter().chain(deciders).collect::<Vec<_>>()
        };
        let named: Vec<RoleId> = gates.iter().flat_map(of_gate).collect();
        let roles = self.roles.iter().filter(|it| named.contains(it.0));
        let text = PolicyText {
            gates,
            roles: roles.map(|it| (it.0, (it.1, self.instructions.get(it.0)))).collect(),
            checks: &self.checks,
            network: self.network,
            land: self.land,
            visual_paths: &self.visual_paths,
            user_facing_paths: &self.user_facing_paths,
            preview: &self.preview,
            policies: &self.policies,
            default_branch: &self.default_branch,
        };
        let text = serde_json::to_vec(&text).expect("rules are plain data that JSON can hold");
        Digest::of(&text)
    }

    /// Returns the policy that a ticket carries: the named one, else `default`.
    pub fn policy(&self, name: Option<&str>) -> Option<&Policy> {
        self.policies.get(name.unwrap_or(DEFAULT_POLICY))
    }

    /// Returns whether `path` holds rules: `mission.toml`, or a file of instructions.
    pub fn holds_rules(&self, path: &str) -> bool {
        let parts = |path: &str| {
            let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
            parts.map(str::to_owned).collect::<Vec<_>>()
        };
        let is_instructions = |role: &Role| {
            crate::config::instructions_path(&role.instructions).map(parts) == Some(parts(path))
        };
        path == "mission.toml" || self.roles.values().any(is_instructions)
    }

    /// Returns those of `paths` that a record of a change names, and how many it leaves out: all of them within
    /// [`TOLD_PATHS`] bytes, and of more first those that say something about gates or hold rules.
    pub fn telling(&self, mut paths: Vec<String>) -> (Vec<String>, u32) {
        // Quotes, commas and escapes included.
        let size = |it: &String| serde_json::to_string(it).map_or(it.len() * 6, |it| it.len()) + 1;
        if paths.iter().map(size).sum::<usize>() <= TOLD_PATHS {
            return (paths, 0);
        }
        let globs = [&self.visual_paths, &self.user_facing_paths].map(|it| matchers(it));
        paths.sort_by_cached_key(|path| {
            let is_said = globs.iter().any(|all| all.iter().any(|it| it.is_match(path)));
            (!self.holds_rules(path), !is_said)
        });
        // One of each kind comes before many of one.
        for all in &globs {
            if let Some(at) = paths.iter().position(|path| all.iter().any(|it| it.is_match(path))) {
                let first = paths.remove(at);
                paths.insert(0, first);
            }
        }
        let mut room = TOLD_PATHS;
        let fits = |it: &String| match room.checked_sub(size(it)) {
            Some(left) => {
                room = left;
                true
            }
            None => false,
        };
        let before = paths.len();
        let told: Vec<String> = paths.into_iter().take_while(fits).collect();
        let left_out = u32::try_from(before - told.len()).unwrap_or(u32::MAX);
        (told, left_out)
    }

    /// Returns whether any of `paths` makes a gate with this condition required.
    pub fn matches(&self, when: When, labels: &[String], paths: &[String]) -> bool {
        let (label, globs) = match when {
            When::Always => return true,
            When::Visual => ("visual", &self.visual_paths),
            When::UserFacing => ("user_facing", &self.user_facing_paths),
        };
        labels.iter().any(|it| it == label) || any_matches(globs, paths)
    }
}

/// Returns what each glob matches; one that is none matches nothing (`config` refuses it).
fn matchers(globs: &[String]) -> Vec<globset::GlobMatcher> {
    let globs = globs.iter().filter_map(|glob| globset::Glob::new(glob).ok());
    globs.map(|glob| glob.compile_matcher()).collect()
}

/// Returns whether any path matches any glob.
fn any_matches(globs: &[String], paths: &[String]) -> bool {
    let matchers = matchers(globs);
    paths.iter().any(|path| matchers.iter().any(|it| it.is_match(path)))
}
