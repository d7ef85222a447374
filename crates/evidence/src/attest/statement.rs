//! The in-toto statement of a packet: what it is about, by digest, and what is said of it. Signing is not here.

use std::collections::BTreeMap;

use mission_domain::ids::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::packet::{Packet, canonical};

/// What every statement begins with.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The packet itself. The name need not resolve, and so it claims no domain of anybody's.
pub const PACKET_TYPE: &str = "https://mission.invalid/packet/v1";
/// One verdict on a gate.
pub const SIGN_OFF_TYPE: &str = "https://mission.invalid/signoff/v1";
/// A command that was run again.
pub const TEST_RESULT_TYPE: &str = "https://in-toto.io/attestation/test-result/v0.1";
/// Pictures, logs and other files.
pub const SCAI_TYPE: &str = "https://in-toto.io/attestation/scai/v0.3";
/// What a gate came to.
pub const SUMMARY_TYPE: &str = "https://slsa.dev/verification_summary/v1";

/// A statement: subjects and what is said of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// [`STATEMENT_TYPE`].
    #[serde(rename = "_type")]
    pub kind: String,
    /// What it is about.
    pub subject: Vec<Subject>,
    /// How `predicate` is to be read.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What is said.
    pub predicate: Value,
}

/// One thing that a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// For a person: `commit`, `tree`, `packet`, or a file's name.
    #[serde(default)]
    pub name: String,
    /// Digests by algorithm: `gitCommit`, `gitTree`, `sha256`.
    pub digest: BTreeMap<String, String>,
}

impl Subject {
    fn of(name: &str, algorithm: &str, digest: &str) -> Self {
        let digest = [(algorithm.to_owned(), digest.to_owned())].into();
        Self { name: name.into(), digest }
    }
}

impl Statement {
    /// Says `predicate` of `subject`.
    pub fn new(subject: Vec<Subject>, predicate_type: &str, predicate: Value) -> Self {
        let (kind, predicate_type) = (STATEMENT_TYPE.into(), predicate_type.into());
        Self { kind, subject, predicate_type, predicate }
    }

    /// Returns its bytes; equal statements give equal bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let value = serde_json::to_value(self).expect("a statement is plain data");
        canonical(&value).into_bytes()
    }

    /// Returns the digests that its subjects give for `algorithm`.
    pub fn digests<'a>(&'a self, algorithm: &'a str) -> impl Iterator<Item = &'a str> {
        self.subject.iter().filter_map(move |it| it.digest.get(algorithm)).map(String::as_str)
    }
}

/// Returns what a packet is about: its commit, its tree, and itself. A packet without a commit is about what was
/// handed in instead.
pub(super) fn subjects(packet: &Packet, digest: &Digest) -> Vec<Subject> {
    let commit = packet.commit.iter().map(|it| Subject::of("commit", "gitCommit", it.as_str()));
    let tree = packet.tree.iter().map(|it| Subject::of("tree", "gitTree", it.as_str()));
    let mut all: Vec<Subject> = commit.chain(tree).collect();
    all.push(Subject::of("packet", "sha256", digest.hex()));
    if packet.commit.is_none() {
        let files = packet.artifacts.iter();
        let named = |name: &str| format!("artifact: {name}");
        all.extend(files.map(|it| Subject::of(&named(&it.name), "sha256", it.digest.hex())));
    }
    all
}

/// Returns the statement of a packet.
///
/// # Errors
/// As [`Packet::canonical`].
pub fn packet_statement(packet: &Packet) -> serde_json::Result<Statement> {
    let predicate = serde_json::to_value(packet)?;
    let digest = Digest::of(canonical(&predicate).as_bytes());
    Ok(Statement::new(subjects(packet, &digest), PACKET_TYPE, predicate))
}

/// Returns the JSON Schema of a packet's predicate, generated from the types.
pub fn schema() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12();
    let mut schema = settings.into_generator().into_root_schema_for::<Packet>().to_value();
    schema["$id"] = json!(format!("{PACKET_TYPE}.schema.json"));
    schema
}
