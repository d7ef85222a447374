//! The packet: the evidence for one gate at one commit, its digest, and what its claims came to. Signing is in
//! [`crate::attest`].

use mission_domain::ids::{
    AttemptId, Commit, Digest, GateId, RoleId, RuntimeId, TicketKey, Timestamp, Tree,
};
use mission_domain::rules::Independence;
use mission_domain::ticket::{FindingAnswer, NewFinding, PacketStatus, VerdictWord};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::checks::{CheckOutcome, CheckResult};
use crate::difference::Area;
use crate::git::changes::ChangedFile;
use crate::past::{Flaky, PastRun};
use crate::screenshot::Scheme;
use crate::test_output::TestCount;

/// The evidence for one gate. Readers ignore fields that they do not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Packet {
    /// The gate.
    pub gate: GateId,
    /// The round, from 1.
    pub round: u32,
    /// The ticket.
    pub ticket: TicketKey,
    /// The attempt that delivered; none where the controller works the gate.
    pub attempt: Option<AttemptId>,
    /// The role that works the gate.
    pub role: RoleId,
    /// The runtime that the attempt used.
    pub runtime: Option<RuntimeId>,
    /// The model, where the runtime says it.
    pub model: Option<String>,
    /// The commit; research has none.
    pub commit: Option<Commit>,
    /// Its tree.
    pub tree: Option<Tree>,
    /// The commit that it is compared with.
    pub base: Option<Commit>,
    /// What changed between the two, from git.
    #[serde(default)]
    pub files: Vec<ChangedFile>,
    /// Commands claimed or required, and what running them again showed.
    #[serde(default)]
    pub commands: Vec<CommandEvidence>,
    /// Pictures that Mission Control took.
    #[serde(default)]
    pub screenshots: Vec<Screenshot>,
    /// What a review found.
    #[serde(default)]
    pub findings: Vec<NewFinding>,
    /// Answers to earlier findings.
    #[serde(default)]
    pub answers: Vec<FindingAnswer>,
    /// The remaining risk, in the deliverer's words.
    pub risk: Option<String>,
    /// What of it leaves this machine.
    #[serde(default)]
    pub ships: Ships,
    /// Files by digest: plans, directions, steps, logs.
    #[serde(default)]
    pub artifacts: Vec<Artifact>,
    /// The merge that was tested: what lands is exactly that commit.
    #[serde(default)]
    pub merge: Option<TestedMerge>,
    /// The sign-offs that held on other gates when this was sealed.
    #[serde(default)]
    pub signoffs: Vec<HeldSignOff>,
    /// The digest of the rules that the ticket is worked under.
    #[serde(default)]
    pub policy: Option<Digest>,
    /// What it took.
    #[serde(default)]
    pub usage: Usage,
}

/// A merge into the default branch that was tested before landing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestedMerge {
    /// Where the default branch was.
    pub base: Commit,
    /// The commit that was tested and may land.
    pub commit: Commit,
    /// Its tree.
    pub tree: Tree,
}

/// A sign-off that held on another gate when a packet was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldSignOff {
    /// The gate.
    pub gate: GateId,
    /// The decision.
    pub verdict: VerdictWord,
    /// Who gave it.
    pub principal: String,
    /// The distance that was found to everybody who did the work.
    pub independence: Option<Independence>,
    /// The commit it was given on.
    pub commit: Option<Commit>,
    /// The packet it was given on.
    pub packet: Option<Digest>,
    /// The reason given with it.
    pub reason: String,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

/// What a delivery took. Nothing means that nobody knows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// From claim to end, or of all checks together.
    pub wall_ms: Option<u64>,
    /// Tokens, where the runtime says it.
    pub tokens: Option<u64>,
    /// Dollars, where the runtime says it.
    pub cost_usd: Option<f64>,
}

/// One command: what was claimed, and what running it again showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommandEvidence {
    /// The command line.
    pub run: String,
    /// The exit code that was claimed; none where the project requires the command and nobody claimed it.
    pub claimed: Option<i32>,
    /// What it came to.
    pub result: CheckResult,
    /// The exit code that was seen.
    pub exit_code: Option<i32>,
    /// How it ended, where it was run.
    pub outcome: Option<CheckOutcome>,
    /// How many tests ran; none is unknown.
    pub tests: Option<TestCount>,
    /// How long it took.
    pub duration_ms: Option<u64>,
    /// Its log.
    pub log: Option<Digest>,
    /// What the same command exited with on the base, where that was tried.
    pub base_exit_code: Option<i32>,
    /// How many tests ran on the base, where that was tried and the output says it.
    #[serde(default)]
    pub base_tests: Option<TestCount>,
    /// Whether it is shown and not required.
    #[serde(default)]
    pub advisory: bool,
    /// When it was run.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub ran_at: Option<Timestamp>,
    /// Whether that was an earlier run on the same tree, which stands for a new one.
    #[serde(default)]
    pub cached: bool,
    /// How often it passed and failed on this one tree, where it did both. Then it proves nothing.
    #[serde(default)]
    pub flaky: Option<Flaky>,
    /// Tracked files that it left changed.
    #[serde(default)]
    pub rewrote: Vec<String>,
    /// Tracked files that it wrote and left as they were.
    #[serde(default)]
    pub touched: Vec<String>,
    /// What was not enforced while it ran.
    #[serde(default)]
    pub gaps: Vec<String>,
}

impl CommandEvidence {
    /// Records a command that nobody has run again.
    pub fn claimed(run: impl Into<String>, exit_code: i32) -> Self {
        Self {
            run: run.into(),
            claimed: Some(exit_code),
            result: CheckResult::NotRerun,
            exit_code: None,
            outcome: None,
            tests: None,
            duration_ms: None,
            log: None,
            base_exit_code: None,
            base_tests: None,
            advisory: false,
            ran_at: None,
            cached: false,
            flaky: None,
            rewrote: Vec::new(),
            touched: Vec::new(),
            gaps: Vec::new(),
        }
    }

    /// Records that a command could not be run at all.
    pub fn could_not_run(line: &str, claimed: Option<i32>, advisory: bool, why: &str) -> Self {
        Self {
            claimed,
            result: CheckResult::CouldNotRun,
            outcome: Some(CheckOutcome::CouldNotRun { why: why.into() }),
            advisory,
            ..Self::claimed(line, 0)
        }
    }

    /// Records a run, beside what was claimed. A command that passed and failed on one tree is refuted, whatever this
    /// run came to.
    pub fn seen(line: &str, claimed: Option<i32>, advisory: bool, run: &PastRun) -> Self {
        Self {
            claimed,
            result: run.against(claimed),
            exit_code: run.exit_code(),
            outcome: Some(run.outcome.clone()),
            tests: run.tests,
            duration_ms: Some(run.duration_ms),
            log: run.log.clone(),
            advisory,
            ran_at: Some(run.at),
            rewrote: run.rewrote.clone(),
            touched: run.touched.clone(),
            gaps: run.gaps.clone(),
            ..Self::claimed(line, 0)
        }
    }

    /// Adds what earlier runs on the same tree say.
    #[must_use]
    pub fn with_past(mut self, cached: bool, flaky: Option<Flaky>) -> Self {
        if flaky.is_some() {
            self.result = CheckResult::Refuted;
        }
        (self.cached, self.flaky) = (cached, flaky);
        self
    }
}

/// One picture, alone or before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Screenshot {
    /// The page or file.
    pub page: String,
    /// The window's width in CSS pixels.
    pub width: u32,
    /// The window's height in CSS pixels.
    pub height: u32,
    /// The colour scheme.
    pub scheme: Scheme,
    /// The picture at the base.
    pub before: Option<Digest>,
    /// The picture at the commit.
    pub after: Option<Digest>,
    /// The picture of what differs.
    pub difference: Option<Digest>,
    /// Differing pixels of all, 0 to 100, with two decimals; 0 only where none differs.
    pub difference_percent: Option<f64>,
    /// The smallest area that holds all that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference_area: Option<Area>,
    /// What was not compared, as the project says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_compared: Vec<Area>,
}

/// What of the work leaves this machine: `none`, `requested`, `approved` or `done`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ships {
    /// A push to a remote.
    pub push: Shipping,
    /// A deployment.
    pub deploy: Shipping,
    /// A restart of a service.
    pub restart: Shipping,
    /// The approvals that say so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Permitted>,
}

/// One guarded command that a lane asked for, as a person answered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Permitted {
    /// The approval's id.
    pub approval: String,
    /// `push`, `deploy` or `restart`.
    pub effect: String,
    /// The command, quoted as a shell would read it; what looks like a secret is masked.
    pub command: String,
    /// Who answered; none while nobody has.
    pub by: Option<String>,
    /// The exit code, once it ran.
    pub exit_code: Option<i32>,
}

/// How far one way of shipping is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shipping {
    /// Nobody asked for it.
    #[default]
    None,
    /// Asked for; a person has not answered.
    Requested,
    /// A person approved it; it has not run.
    Approved,
    /// It ran.
    Done,
}

/// A file by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Artifact {
    /// Its digest.
    pub digest: Digest,
    /// Its name, for a person.
    pub name: String,
    /// What it is: `plan`, `direction`, `steps`, `log`, `file`, …
    pub kind: String,
    /// Its size.
    pub bytes: u64,
}

impl Packet {
    /// Returns the packet as canonical JSON: keys sorted, no spaces. Equal packets give equal bytes.
    ///
    /// # Errors
    /// Where a number is not finite; no other packet fails.
    pub fn canonical(&self) -> serde_json::Result<String> {
        Ok(canonical(&serde_json::to_value(self)?))
    }

    /// Returns the digest of the canonical JSON.
    ///
    /// # Errors
    /// As [`Packet::canonical`].
    pub fn digest(&self) -> serde_json::Result<Digest> {
        Ok(Digest::of(self.canonical()?.as_bytes()))
    }

    /// Returns what its claims came to, from its content alone. Advisory commands do not count.
    ///
    /// `refuted`: a required command was refuted. `verified`: something was looked at by Mission Control and every
    /// required command holds. `partial`: something was, but not every required command. `claimed`: nothing was.
    pub fn status(&self) -> PacketStatus {
        let required = || self.commands.iter().filter(|command| !command.advisory);
        let any = |result| required().any(|command| command.result == result);
        if any(CheckResult::Refuted) {
            return PacketStatus::Refuted;
        }
        let is_seen = self.commit.is_some() && self.base.is_some() && self.tree.is_some();
        let has_looked = is_seen || any(CheckResult::Verified) || !self.screenshots.is_empty();
        let is_open = any(CheckResult::NotRerun) || any(CheckResult::CouldNotRun);
        let is_all_open = is_open && !any(CheckResult::Verified);
        match (has_looked, is_open) {
            (false, _) => PacketStatus::Claimed,
            (true, true) if is_all_open && any(CheckResult::NotRerun) => PacketStatus::Claimed,
            (true, true) => PacketStatus::Partial,
            (true, false) => PacketStatus::Verified,
        }
    }
}

/// Rounds a percentage to the two decimals that a packet holds.
pub fn two_decimals(percent: f64) -> f64 {
    let rounded = (percent * 100.0).round() / 100.0;
    if percent > 0.0 { rounded.max(0.01) } else { rounded }
}

/// Returns `value` as canonical JSON.
pub(crate) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            text.push('{');
            for (at, (name, value)) in fields.into_iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write_canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                write_canonical(item, text);
            }
            text.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&value.to_string());
        }
    }
}
