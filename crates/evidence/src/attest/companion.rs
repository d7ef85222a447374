//! What is signed beside a packet, in the words of other tools: test results, pictures and logs, sign-offs, and a
//! gate's summary.

use mission_domain::ids::{Digest, GateId, Timestamp};
use mission_domain::ticket::SignOff;
use serde_json::{Value, json};

use super::statement::{
    SCAI_TYPE, SIGN_OFF_TYPE, SUMMARY_TYPE, Statement, TEST_RESULT_TYPE, subjects,
};
use crate::checks::CheckResult;
use crate::packet::{CommandEvidence, Packet, Screenshot};

/// Who checks, by a name that claims no domain of anybody's.
const VERIFIER: &str = "https://mission.invalid/controller";

/// What a gate came to.
#[derive(Debug, Clone)]
pub struct Verdict<'a> {
    /// The gate.
    pub gate: &'a GateId,
    /// Whether every decider passed it and all of that still holds.
    pub is_passed: bool,
    /// The rules that it was decided under.
    pub policy: &'a Digest,
    /// The newest decision.
    pub at: Timestamp,
    /// The digests of all signed envelopes that it was decided on: the packet's, and those of the sign-offs.
    pub inputs: &'a [Digest],
}

/// Returns one statement for each command that was run again.
pub fn test_results(packet: &Packet, digest: &Digest) -> Vec<Statement> {
    let result = |command: &CommandEvidence| {
        let word = match (command.result, command.advisory) {
            (CheckResult::Verified, _) => "PASSED",
            (CheckResult::Refuted, true) => "WARNED",
            (CheckResult::Refuted, false) => "FAILED",
            (CheckResult::NotRerun | CheckResult::CouldNotRun, _) => return None,
        };
        let line = Digest::of(command.run.as_bytes());
        let predicate = json!({
            "result": word,
            "configuration": [{"name": command.run, "digest": {"sha256": line.hex()}}],
        });
        Some(Statement::new(subjects(packet, digest), TEST_RESULT_TYPE, predicate))
    };
    packet.commands.iter().filter_map(result).collect()
}

/// Returns the statement of the packet's pictures and files, if it has any.
pub fn attributes(packet: &Packet, digest: &Digest) -> Option<Statement> {
    let picture = |it: &Screenshot| {
        let parts = [("before", &it.before), ("after", &it.after), ("difference", &it.difference)];
        let conditions = json!({
            "page": it.page, "width": it.width, "height": it.height, "scheme": it.scheme.as_str(),
        });
        let part = |(name, digest): (&str, &Option<Digest>)| {
            let target = json!({"name": name, "digest": {"sha256": digest.as_ref()?.hex()}});
            let attribute = format!("SCREENSHOT_{}", name.to_ascii_uppercase());
            Some(json!({"attribute": attribute, "target": target, "conditions": conditions}))
        };
        parts.into_iter().filter_map(part).collect::<Vec<Value>>()
    };
    let file = |it: &crate::packet::Artifact| {
        let target = json!({"name": it.name, "digest": {"sha256": it.digest.hex()}});
        json!({"attribute": it.kind.to_ascii_uppercase(), "target": target})
    };
    let pictures = packet.screenshots.iter().flat_map(picture);
    let attributes: Vec<Value> = pictures.chain(packet.artifacts.iter().map(file)).collect();
    let predicate = json!({"attributes": attributes, "producer": {"uri": VERIFIER}});
    let is_empty = predicate["attributes"].as_array().is_none_or(Vec::is_empty);
    (!is_empty).then(|| Statement::new(subjects(packet, digest), SCAI_TYPE, predicate))
}

/// Returns the statement of one sign-off on `packet`.
pub fn sign_off(packet: &Packet, digest: &Digest, signed: &SignOff) -> Statement {
    let predicate = json!({
        "ticket": packet.ticket, "gate": packet.gate, "round": signed.round,
        "verdict": signed.verdict, "reviewer": signed.principal.to_string(),
        "independence": signed.independence, "reason": signed.reason, "at": signed.at,
        "fresh": signed.fresh, "packet": signed.packet, "policy": signed.policy,
        "commit": signed.commit, "tree": signed.tree,
    });
    Statement::new(subjects(packet, digest), SIGN_OFF_TYPE, predicate)
}

/// Returns the summary of a gate that was decided on `packet`.
pub fn summary(packet: &Packet, digest: &Digest, verdict: &Verdict<'_>) -> Statement {
    let (uri, word) = (format!("mission:{}", packet.ticket), verdict.gate.as_str());
    let levels = match verdict.is_passed {
        true => vec![format!("MISSION_{}", word.to_ascii_uppercase())],
        false => Vec::new(),
    };
    let input =
        |it: &Digest| json!({"uri": format!("{uri}/{word}"), "digest": {"sha256": it.hex()}});
    let inputs: Vec<Value> = verdict.inputs.iter().map(input).collect();
    let predicate = json!({
        "verifier": {"id": VERIFIER},
        "timeVerified": verdict.at,
        "resourceUri": uri,
        "policy": {"uri": "mission:rules", "digest": {"sha256": verdict.policy.hex()}},
        "inputAttestations": inputs,
        "verificationResult": if verdict.is_passed { "PASSED" } else { "FAILED" },
        "verifiedLevels": levels,
    });
    Statement::new(subjects(packet, digest), SUMMARY_TYPE, predicate)
}
