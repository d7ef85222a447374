//! Names of things, and the two measures that everything shares: time and digests. No rules live here.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A moment in time, always given by the caller: the domain owns no clock.
pub type Timestamp = jiff::Timestamp;

/// A text that is not the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}")]
pub struct BadName {
    /// What was read.
    pub text: String,
    /// What it should have been, with an example.
    pub what: &'static str,
}

/// Defines a string identifier that cannot be confused with another.
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps `text` as it is; what may be in it is checked where it enters, in `config` or by `parse`.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

id_type!(
    /// Names a gate of a workflow, like `qa_review`.
    GateId
);
id_type!(
    /// Names a role, like `coder`.
    RoleId
);
id_type!(
    /// Names a configured runtime, like `codex`.
    RuntimeId
);
id_type!(
    /// Names a workflow, like `standard`.
    WorkflowId
);
id_type!(
    /// A git commit's full hash.
    Commit
);
id_type!(
    /// A git tree's full hash.
    Tree
);

impl Commit {
    /// Returns the first eight characters, as people write commits.
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }
}

/// A project's key: two to ten capital letters and digits, a letter first, like `MC`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectKey(String);

impl ProjectKey {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes a key from a folder's name: its capitals or first letters, else `MC`.
    pub fn from_folder(name: &str) -> Self {
        let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
        let words: Vec<&str> = words.collect();
        let text: String = match words.as_slice() {
            [] => String::new(),
            [one] => one.chars().take(4).collect(),
            many => many.iter().take(4).filter_map(|w| w.chars().next()).collect(),
        };
        text.to_ascii_uppercase().parse().unwrap_or_else(|_| Self("MC".into()))
    }
}

impl FromStr for ProjectKey {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let is_key = (2..=10).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        let bad =
            || BadName { text: text.into(), what: "a project key (2 to 10 capitals, like `MC`)" };
        is_key.then(|| Self(text.into())).ok_or_else(bad)
    }
}

impl TryFrom<String> for ProjectKey {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<ProjectKey> for String {
    fn from(key: ProjectKey) -> Self {
        key.0
    }
}

impl fmt::Display for ProjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A ticket's key: the project's key and a number from 1, like `MC-7`.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct TicketKey {
    project: ProjectKey,
    number: u32,
}

impl TicketKey {
    /// Names ticket `number` of `project`.
    pub fn new(project: ProjectKey, number: u32) -> Self {
        Self { project, number }
    }

    /// Returns the project the ticket belongs to.
    pub fn project(&self) -> &ProjectKey {
        &self.project
    }

    /// Returns the number within the project.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Returns the branch of the ticket's workspace, like `mc/7`. It is safe as a ref by construction.
    pub fn branch(&self) -> String {
        format!("{}/{}", self.project.as_str().to_ascii_lowercase(), self.number)
    }
}

impl FromStr for TicketKey {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || BadName { text: text.into(), what: "a ticket key (like `MC-7`)" };
        let (project, number) = text.rsplit_once('-').ok_or_else(bad)?;
        let is_number = !number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit());
        let project = project.to_ascii_uppercase().parse().map_err(|_| bad())?;
        match number.parse() {
            Ok(number) if is_number => Ok(Self { project, number }),
            Ok(_) | Err(_) => Err(bad()),
        }
    }
}

impl TryFrom<String> for TicketKey {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<TicketKey> for String {
    fn from(key: TicketKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}", self.project, self.number))
    }
}

/// Defines an identifier made of a letter and a number that counts over the whole home.
macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident, $letter:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&format!(concat!($letter, "-{}"), self.0))
            }
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                let number = text.strip_prefix(concat!($letter, "-")).and_then(|n| n.parse().ok());
                number.map(Self).ok_or_else(|| BadName { text: text.into(), what: $what })
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;

            fn try_from(text: String) -> Result<Self, BadName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

numbered!(
    /// Names one attempt, like `A-31`.
    AttemptId, "A", "an attempt id (like `A-31`)"
);
numbered!(
    /// Names one message, like `M-12`.
    MessageId, "M", "a message id (like `M-12`)"
);
numbered!(
    /// Names one finding of a ticket, like `F-1`. Counts within its ticket.
    FindingId, "F", "a finding id (like `F-1`)"
);
numbered!(
    /// Names one act of the operator, like `O-4`.
    OperatorActId, "O", "an operator act (like `O-4`)"
);

/// Names one request for a person's approval, like `P-31.4`: the attempt that asked, and its record that did. A lane's
/// shim knows it without asking anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApprovalId {
    /// The attempt.
    pub attempt: AttemptId,
    /// The number of the record in its journal.
    pub record: u64,
}

impl fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("P-{}.{}", self.attempt.0, self.record))
    }
}

impl FromStr for ApprovalId {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || BadName { text: text.into(), what: "an approval id (like `P-31.4`)" };
        let numbers = text.strip_prefix("P-").and_then(|it| it.split_once('.')).ok_or_else(bad)?;
        match (numbers.0.parse(), numbers.1.parse()) {
            (Ok(attempt), Ok(record)) => Ok(Self { attempt: AttemptId(attempt), record }),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => Err(bad()),
        }
    }
}

impl TryFrom<String> for ApprovalId {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<ApprovalId> for String {
    fn from(id: ApprovalId) -> Self {
        id.to_string()
    }
}

/// The fencing number of a ticket's lease: each claim raises it, and a write under a lower one is refused.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// How many events a ticket has had: the version a writer must have seen.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Version(pub u64);

/// A SHA-256 digest, written `sha256:` and 64 hex digits.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Digest(String);

impl Digest {
    /// Returns the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        let hash = sha2::Sha256::digest(bytes);
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Self(format!("sha256:{hex}"))
    }

    /// Returns the 64 hex digits.
    pub fn hex(&self) -> &str {
        self.0.trim_start_matches("sha256:")
    }

    /// Returns the text, with its `sha256:`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let hex = text.strip_prefix("sha256:").unwrap_or(text);
        let is_hex = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let bad = || BadName { text: text.into(), what: "a SHA-256 digest" };
        is_hex.then(|| Self(format!("sha256:{}", hex.to_ascii_lowercase()))).ok_or_else(bad)
    }
}

impl TryFrom<String> for Digest {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
