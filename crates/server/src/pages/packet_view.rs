//! A packet as pages read it from its JSON: unknown fields are passed over, absent ones are shown as unknown.

use serde::Deserialize;

/// The evidence for one gate at one commit.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PacketView {
    /// The gate's id.
    pub gate: String,
    /// The attempt that delivered; none where the controller works the gate.
    #[serde(default)]
    pub attempt: Option<String>,
    /// The role that works the gate.
    #[serde(default)]
    pub role: Option<String>,
    /// The runtime that the attempt used.
    #[serde(default)]
    pub runtime: Option<String>,
    /// The round, from 1.
    #[serde(default)]
    pub round: u32,
    /// The commit it is about; research has none.
    #[serde(default)]
    pub commit: Option<String>,
    /// The tree of that commit.
    #[serde(default)]
    pub tree: Option<String>,
    /// The commit it is compared with.
    #[serde(default)]
    pub base: Option<String>,
    /// `sha256:…` of the packet.
    pub digest: String,
    /// `verified`, `refuted`, `partial` or `claimed`.
    pub status: String,
    /// What changed, read from git.
    #[serde(default)]
    pub files: Vec<FileView>,
    /// What was claimed, and what was seen.
    #[serde(default)]
    pub commands: Vec<CommandView>,
    /// Pictures that Mission Control took.
    #[serde(default)]
    pub screenshots: Vec<ShotView>,
    /// The ids of findings that it answers, or their texts.
    #[serde(default)]
    pub findings: Vec<PacketFinding>,
    /// What remains risky, in the agent's words.
    #[serde(default)]
    pub risk: Option<String>,
    /// What was shipped.
    #[serde(default)]
    pub ships: ShipsView,
    /// Everything else that was handed in.
    #[serde(default)]
    pub artifacts: Vec<ArtifactView>,
    /// What the signature says.
    #[serde(default)]
    pub signature: SignatureView,
    /// The texts that were handed in: of a packet about no commit they are what is decided on. They are read beside the packet.
    #[serde(skip)]
    pub texts: Vec<TextView>,
}

/// A text that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextView {
    /// Its kind as people read it, like `plan`.
    pub kind: String,
    /// Its digest.
    pub digest: String,
    /// The text as Markdown; its beginning where it `is_cut`.
    pub text: String,
    /// Whether it is longer than what is shown.
    pub is_cut: bool,
}

/// What a packet's signature says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct SignatureView {
    /// `verified`, `unsigned`, or empty where nothing is known.
    pub state: String,
    /// The id of the key that signed it.
    pub key: Option<String>,
}

/// One changed file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FileView {
    /// Its path in the repository.
    pub path: String,
    /// Lines added; binary files have none.
    #[serde(default)]
    pub added: Option<u64>,
    /// Lines removed.
    #[serde(default, alias = "deleted")]
    pub removed: Option<u64>,
}

/// One command: claimed beside re-run.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CommandView {
    /// The command line.
    pub run: String,
    /// What the agent said of it; nothing where only the project asks for it.
    #[serde(default)]
    pub claimed: Option<Claimed>,
    /// `verified`, `refuted`, `not_rerun` or `could_not_run`.
    pub result: String,
    /// The exit code that Mission Control saw.
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// The tests it counted, where the runner reports a number.
    #[serde(default)]
    pub tests: Option<TestsView>,
    /// How long it ran, in milliseconds.
    #[serde(default)]
    pub duration_ms: Option<u64>,
    /// The digest of its log.
    #[serde(default)]
    pub log: Option<String>,
    /// What the same command exited with on the base, where that was tried.
    #[serde(default)]
    pub base_exit_code: Option<i32>,
    /// Why it was not run, or what differed.
    #[serde(default, alias = "why")]
    pub note: Option<String>,
    /// Whether it is shown only, and not required.
    #[serde(default)]
    pub advisory: bool,
}

/// What an agent claimed of a command.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Claimed {
    /// That it was run, or not.
    Ran(bool),
    /// Its exit code.
    Exit(i32),
    /// In words.
    Words(String),
    /// Exit code and tests.
    Full {
        /// The exit code.
        #[serde(default)]
        exit_code: Option<i32>,
        /// The tests.
        #[serde(default)]
        tests: Option<TestsView>,
    },
}

/// How many tests ran.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum TestsView {
    /// How many were executed.
    Executed(u64),
    /// Executed and failed.
    Both {
        /// How many were executed.
        #[serde(default)]
        executed: Option<u64>,
        /// How many of them failed.
        #[serde(default)]
        failed: Option<u64>,
    },
}

impl TestsView {
    /// Returns the tests in words: `312 tests, 1 failed`.
    pub fn words(&self) -> String {
        match self {
            Self::Executed(n) => format!("{n} tests"),
            Self::Both { executed: Some(n), failed: None | Some(0) } => format!("{n} tests"),
            Self::Both { executed: Some(n), failed: Some(f) } => format!("{n} tests, {f} failed"),
            Self::Both { executed: None, failed: Some(f) } => format!("{f} failed"),
            Self::Both { executed: None, failed: None } => "tests unknown".into(),
        }
    }
}

/// One picture, or a pair.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ShotView {
    /// The page's path, like `/settings`.
    #[serde(default, alias = "path")]
    pub page: String,
    /// The viewport's width in pixels.
    #[serde(default)]
    pub width: u32,
    /// `light` or `dark`.
    #[serde(default)]
    pub scheme: Option<String>,
    /// The digest of the picture before.
    #[serde(default)]
    pub before: Option<String>,
    /// The digest of the picture after.
    #[serde(default)]
    pub after: Option<String>,
    /// The digest of the picture of what differs.
    #[serde(default)]
    pub difference: Option<String>,
    /// How much of it differs, in percent.
    #[serde(default)]
    pub difference_percent: Option<f64>,
    /// The smallest area that holds all that differs.
    #[serde(default)]
    pub difference_area: Option<AreaView>,
    /// What was not compared.
    #[serde(default)]
    pub not_compared: Vec<AreaView>,
}

/// A part of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct AreaView {
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// How wide.
    pub width: u32,
    /// How high.
    pub height: u32,
}

/// A finding in a packet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum PacketFinding {
    /// Its id or text.
    Words(String),
    /// The finding.
    Full {
        /// Like `F-1`.
        #[serde(default)]
        id: Option<String>,
        /// What was found.
        #[serde(default)]
        text: String,
    },
}

/// What was shipped: each `none`, `requested`, `approved` or `done`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ShipsView {
    /// Pushes.
    pub push: String,
    /// Deployments.
    pub deploy: String,
    /// Restarts.
    pub restart: String,
}

impl Default for ShipsView {
    fn default() -> Self {
        let unknown = || "unknown".to_owned();
        Self { push: unknown(), deploy: unknown(), restart: unknown() }
    }
}

/// Something that was handed in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "ArtifactJson")]
pub struct ArtifactView {
    /// `plan`, `direction`, `steps`, `log`, `file`, or empty.
    pub kind: String,
    /// Its name, for a person; may be empty.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// Its size, where known.
    pub bytes: Option<u64>,
}

/// An artifact as it may be written: its digest alone, or a record.
#[derive(Deserialize)]
#[serde(untagged)]
enum ArtifactJson {
    Digest(String),
    Full {
        #[serde(default)]
        kind: String,
        #[serde(default)]
        name: String,
        #[serde(alias = "sha256")]
        digest: String,
        #[serde(default, alias = "size")]
        bytes: Option<u64>,
    },
}

impl From<ArtifactJson> for ArtifactView {
    fn from(json: ArtifactJson) -> Self {
        match json {
            ArtifactJson::Digest(digest) => {
                Self { kind: String::new(), name: String::new(), digest, bytes: None }
            }
            ArtifactJson::Full { kind, name, digest, bytes } => Self { kind, name, digest, bytes },
        }
    }
}

impl PacketView {
    /// Returns lines added and removed over all files.
    pub fn lines(&self) -> (u64, u64) {
        let sum = |pick: fn(&FileView) -> Option<u64>| self.files.iter().filter_map(pick).sum();
        (sum(|f| f.added), sum(|f| f.removed))
    }

    /// Returns what was delivered of an evidence kind in words; nothing where it is missing.
    pub fn delivered(&self, kind: &str) -> Option<String> {
        let some = |n: usize, one: &str| (n > 0).then(|| super::words::count(n, one));
        match kind {
            "commit" => self.commit.as_deref().map(|c| super::words::short(c).to_owned()),
            "changed_files" => some(self.files.len(), "file"),
            "commands" => some(self.commands.len(), "command"),
            "screenshots" => some(self.screenshots.len(), "picture"),
            "risk" => self.risk.as_ref().filter(|r| !r.is_empty()).map(|_| "stated".into()),
            "findings" => Some(super::words::count(self.findings.len(), "finding")),
            "artifact" => some(self.artifacts.len(), "artifact"),
            other => self.artifacts.iter().any(|a| a.kind == other).then(|| "handed in".into()),
        }
    }
}
