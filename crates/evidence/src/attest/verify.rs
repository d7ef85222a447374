//! Checks an exported file with nothing but public keys. Every refusal says what was seen, and nothing is believed
//! before its signature was checked.

use mission_domain::ids::{Commit, Digest, GateId, TicketKey};
use serde_json::Value;

use super::envelope::{Envelope, PAYLOAD_TYPE};
use super::keys::{KeyId, Trusted};
use super::statement::{
    PACKET_TYPE, SCAI_TYPE, SIGN_OFF_TYPE, STATEMENT_TYPE, SUMMARY_TYPE, Statement,
    TEST_RESULT_TYPE,
};
use crate::packet::{Packet, canonical};

/// The predicates that are known here.
const KNOWN: [&str; 5] = [PACKET_TYPE, SIGN_OFF_TYPE, TEST_RESULT_TYPE, SCAI_TYPE, SUMMARY_TYPE];

/// What whoever asks knows already, and the file must agree with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// The commit that it must be about.
    pub commit: Option<Commit>,
    /// The ticket that it must be about.
    pub ticket: Option<TicketKey>,
    /// The gate that it must be about.
    pub gate: Option<GateId>,
}

/// One envelope that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// The key that signed it.
    pub key: KeyId,
    /// What it says, and of what.
    pub statement: Statement,
    /// The packet, where that is what it holds.
    pub packet: Option<Packet>,
    /// The packet that it is about.
    pub digest: Digest,
    /// The digest of the envelope itself.
    pub envelope: Digest,
}

/// Why a file proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It is cut off.
    #[error("the file is cut off: it ends in the middle of an envelope, after {0} bytes")]
    Truncated(usize),
    /// It is no envelope at all.
    #[error("this is no signed envelope: {0}")]
    NotAnEnvelope(String),
    /// The envelope holds something else.
    #[error("the envelope says that it holds `{0}`, not an in-toto statement (`{PAYLOAD_TYPE}`)")]
    OtherPayload(String),
    /// Payload or signature is no base64.
    #[error("the envelope's {0} is no base64: it was cut or edited")]
    NotBase64(&'static str),
    /// Nobody signed it.
    #[error("nobody signed it: the envelope has no signature")]
    Unsigned,
    /// Nobody who is believed signed it.
    #[error("it names the key {seen}, which is none of the {known} that are believed here")]
    UnknownKey {
        /// The ids that it names.
        seen: String,
        /// How many keys are believed.
        known: usize,
    },
    /// The signature is not over this payload.
    #[error(
        "the signature is not the one that key {0} makes over this payload: the payload was edited after it was \
         signed, or the signature is made up"
    )]
    Forged(KeyId),
    /// What was signed is no statement.
    #[error("what was signed is no in-toto statement: {0}")]
    NotAStatement(String),
    /// What is said cannot be judged here.
    #[error("it holds a `{0}`, which this version does not know")]
    UnknownPredicate(String),
    /// A subject is missing.
    #[error("it does not say what it is about: no subject has a `{0}` digest")]
    NoSubject(&'static str),
    /// A subject is no digest, or there are several.
    #[error("its `{algorithm}` subject is not one digest but {seen}")]
    OddSubject {
        /// The algorithm.
        algorithm: &'static str,
        /// What is there.
        seen: String,
    },
    /// The packet cannot be read.
    #[error("the packet inside cannot be read: {0}")]
    BadPacket(String),
    /// The packet is not the one that was named.
    #[error("the packet inside has the digest {found}, and the statement is about {named}")]
    OtherPacket {
        /// What was computed.
        found: Digest,
        /// What the subject says.
        named: String,
    },
    /// Subject and packet disagree.
    #[error("the statement is about {what} {named}, and the packet inside about {found}")]
    OtherSubject {
        /// `commit` or `tree`.
        what: &'static str,
        /// What the packet says.
        found: String,
        /// What the subject says.
        named: String,
    },
    /// It is good evidence for something else.
    #[error(
        "it is evidence about {what} {found}, and {asked} was asked about: it proves nothing there"
    )]
    Elsewhere {
        /// `commit`, `ticket` or `gate`.
        what: &'static str,
        /// What it is about.
        found: String,
        /// What was asked about.
        asked: String,
    },
    /// Sign-offs or results without their packet.
    #[error("it holds {what} on packet {packet}, and not that packet")]
    WithoutPacket {
        /// The predicate.
        what: String,
        /// The packet's digest.
        packet: Digest,
    },
    /// A summary's inputs are not all there.
    #[error(
        "the summary of {gate} was made from {named}, which is not in the file: something was taken out"
    )]
    TakenOut {
        /// The gate.
        gate: String,
        /// The digest of the missing envelope.
        named: String,
    },
}

type Checked<T> = std::result::Result<T, Refusal>;

/// Checks every envelope of an exported file, one a line, or a single one.
///
/// # Errors
/// The first refusal: one bad envelope spoils the file.
pub fn verify_file(bytes: &[u8], trusted: &Trusted, expected: &Expected) -> Checked<Vec<Verified>> {
    let mut all = Vec::new();
    for envelope in serde_json::Deserializer::from_slice(bytes).into_iter::<Value>() {
        let envelope = envelope.map_err(|error| unreadable(&error, bytes.len()))?;
        all.push(verify(&envelope, trusted, expected)?);
    }
    if all.is_empty() {
        return Err(Refusal::Empty);
    }
    for one in &all {
        let is_there = |it: &Verified| it.packet.is_some() && it.digest == one.digest;
        if !all.iter().any(is_there) {
            let what = named(&one.statement.predicate_type).to_owned();
            return Err(Refusal::WithoutPacket { what, packet: one.digest.clone() });
        }
        inputs_are_there(one, &all)?;
    }
    Ok(all)
}

/// Checks one envelope.
///
/// # Errors
/// Why it proves nothing.
pub fn verify(envelope: &Value, trusted: &Trusted, expected: &Expected) -> Checked<Verified> {
    let envelope: Envelope = serde_json::from_value(envelope.clone())
        .map_err(|error| Refusal::NotAnEnvelope(error.to_string()))?;
    let (key, payload) = trusted.opens(&envelope, PAYLOAD_TYPE)?;
    let statement: Statement = serde_json::from_slice(&payload)
        .map_err(|error| Refusal::NotAStatement(error.to_string()))?;
    if statement.kind != STATEMENT_TYPE {
        return Err(Refusal::NotAStatement(format!("its type is `{}`", statement.kind)));
    }
    if !KNOWN.contains(&statement.predicate_type.as_str()) {
        return Err(Refusal::UnknownPredicate(statement.predicate_type));
    }
    let digest = packet_named(&statement)?;
    let packet = match statement.predicate_type == PACKET_TYPE {
        true => Some(packet_inside(&statement, &digest)?),
        false => None,
    };
    as_expected(&statement, packet.as_ref(), expected)?;
    let envelope = Digest::of(envelope.to_line().as_bytes());
    Ok(Verified { key, statement, packet, digest, envelope })
}

fn unreadable(error: &serde_json::Error, bytes: usize) -> Refusal {
    if error.is_eof() {
        Refusal::Truncated(bytes)
    } else {
        Refusal::NotAnEnvelope(error.to_string())
    }
}

/// Returns the one packet that a statement is about.
fn packet_named(statement: &Statement) -> Checked<Digest> {
    let of = statement.subject.iter().filter(|it| it.name == "packet");
    let named: Vec<&String> = of.filter_map(|it| it.digest.get("sha256")).collect();
    match named.as_slice() {
        [] => Err(Refusal::NoSubject("sha256")),
        [one] => one.parse().map_err(|_| odd("sha256", one)),
        many => Err(odd("sha256", &format!("{} digests", many.len()))),
    }
}

fn odd(algorithm: &'static str, seen: &str) -> Refusal {
    Refusal::OddSubject {
        algorithm,
        seen: format!("`{}`", seen.chars().take(80).collect::<String>()),
    }
}

fn packet_inside(statement: &Statement, named: &Digest) -> Checked<Packet> {
    let found = Digest::of(canonical(&statement.predicate).as_bytes());
    if found != *named {
        return Err(Refusal::OtherPacket { found, named: named.to_string() });
    }
    let packet: Packet = serde_json::from_value(statement.predicate.clone())
        .map_err(|error| Refusal::BadPacket(error.to_string()))?;
    let commit = packet.commit.as_ref().map(Commit::as_str);
    same_subject(statement, "commit", "gitCommit", commit)?;
    same_subject(statement, "tree", "gitTree", packet.tree.as_ref().map(|it| it.as_str()))?;
    Ok(packet)
}

/// A digest set matches where any of its digests does, so each of them is asked for here.
fn same_subject(
    statement: &Statement,
    what: &'static str,
    algorithm: &'static str,
    inside: Option<&str>,
) -> Checked<()> {
    let named: Vec<&str> = statement.digests(algorithm).collect();
    match (named.as_slice(), inside) {
        ([], None) => Ok(()),
        ([], Some(_)) => Err(Refusal::NoSubject(algorithm)),
        ([named], Some(inside)) if *named == inside && is_hash(named) => Ok(()),
        ([named], _) if !is_hash(named) => Err(odd(algorithm, named)),
        ([named], inside) => {
            let (found, named) = (inside.unwrap_or("none").to_owned(), (*named).to_owned());
            Err(Refusal::OtherSubject { what, found, named })
        }
        (many, _) => Err(odd(algorithm, &format!("{} digests", many.len()))),
    }
}

fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|it| it.is_ascii_hexdigit())
}

fn as_expected(statement: &Statement, packet: Option<&Packet>, expected: &Expected) -> Checked<()> {
    let elsewhere = |what, found: String, asked: String| {
        if found == asked { Ok(()) } else { Err(Refusal::Elsewhere { what, found, asked }) }
    };
    if let Some(asked) = &expected.commit {
        let found = statement.digests("gitCommit").next().unwrap_or("no commit");
        elsewhere("commit", found.to_owned(), asked.to_string())?;
    }
    let Some(packet) = packet else { return Ok(()) };
    if let Some(asked) = &expected.ticket {
        elsewhere("ticket", packet.ticket.to_string(), asked.to_string())?;
    }
    if let Some(asked) = &expected.gate {
        elsewhere("gate", packet.gate.to_string(), asked.to_string())?;
    }
    Ok(())
}

/// A summary names everything that it was made from: a sign-off that somebody took out is missed.
fn inputs_are_there(one: &Verified, all: &[Verified]) -> Checked<()> {
    if one.statement.predicate_type != SUMMARY_TYPE {
        return Ok(());
    }
    let inputs = one.statement.predicate["inputAttestations"].as_array();
    for input in inputs.map_or(&[][..], Vec::as_slice) {
        let named = input["digest"]["sha256"].as_str().unwrap_or_default();
        if !all.iter().any(|it| it.envelope.hex() == named) {
            let gate = input["uri"].as_str().unwrap_or_default().to_owned();
            return Err(Refusal::TakenOut { gate, named: named.to_owned() });
        }
    }
    Ok(())
}

/// Returns what a predicate is, for a person.
pub(super) fn named(predicate_type: &str) -> &str {
    match predicate_type {
        PACKET_TYPE => "a packet",
        SIGN_OFF_TYPE => "a sign-off",
        TEST_RESULT_TYPE => "a test result",
        SCAI_TYPE => "pictures and files",
        SUMMARY_TYPE => "a gate's summary",
        other => other,
    }
}
