//! Packets: built from what was observed, kept as artifacts under their own digest, read back for every door.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::sync::LazyLock;

use mission_domain::guard::Effect;
use mission_domain::ids::{Digest, RoleId, TicketKey};
use mission_domain::rules::EvidenceKind;
use mission_domain::ticket::{Attempt, Evidence, Gate, PacketRef, Report, Shipped, Ticket};
use mission_evidence::attest::packet_statement;
use mission_evidence::mask::Mask;
use mission_evidence::packet::{
    Artifact, CommandEvidence, HeldSignOff, Packet, Permitted, Shipping, Ships, Usage,
};
use mission_store::artifacts::Artifacts;
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::execute::Control;
use crate::signed::Opened;

/// The largest text that secrets are looked for in, in bytes; what is longer is kept as it is.
const LONGEST_TEXT: u64 = 64 << 20;

/// Keeps what `file` holds, a text without the secrets that are known by their form or from our own environment.
///
/// # Errors
/// Where the file cannot be read or kept.
pub(crate) fn keep_masked(
    artifacts: &Artifacts,
    file: File,
) -> std::result::Result<Digest, mission_store::Error> {
    let bytes = file.metadata().map_err(mission_store::Error::unavailable)?.len();
    // Whoever goes on writing to it does not keep us here.
    let mut source = file.take(bytes);
    if bytes > LONGEST_TEXT {
        return artifacts.put_from(source);
    }
    let mut text = Vec::new();
    source.read_to_end(&mut text).map_err(mission_store::Error::unavailable)?;
    if is_no_text(&text) { artifacts.put(&text) } else { artifacts.put(&masked(&text)) }
}

/// Returns `text` without the secrets that are known by their form or from our own environment.
pub(crate) fn masked(text: &[u8]) -> Vec<u8> {
    static OURS: LazyLock<Mask> = LazyLock::new(|| Mask::of(&own_environment()));
    OURS.apply(text).0
}

/// Returns our own environment, as far as it is text.
pub(crate) fn own_environment() -> BTreeMap<String, String> {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// Returns whether `bytes` are a picture, a document or an archive, which a changed byte would break. A zero alone says
/// nothing: `git ls-files -z` prints one after each name.
fn is_no_text(bytes: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 11] = [
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"GIF8",
        b"RIFF",
        b"%PDF-",
        b"PK\x03\x04",
        b"\x1f\x8b",
        b"\x28\xb5\x2f\xfd",
        b"\xfd7zXZ\0",
        b"BZh",
        b"\x1a\x45\xdf\xa3",
    ];
    let is_film = bytes.get(4..8) == Some(b"ftyp");
    bytes.contains(&0) && (is_film || BEGINNINGS.iter().any(|it| bytes.starts_with(it)))
}

/// A packet as the outside sees it: its content, its digest and its status.
pub type PacketDoc = Value;

impl Control {
    /// Returns the home's artifacts.
    pub fn artifacts(&self) -> Artifacts {
        Artifacts::of(self.paths().root())
    }

    /// Starts a packet of `gate` from what the ticket and the attempt say.
    pub(crate) fn new_packet(
        &self,
        ticket: &Ticket,
        gate: &Gate,
        attempt: Option<&Attempt>,
    ) -> Packet {
        let head = ticket.head.as_ref();
        let evidence = || attempt.into_iter().flat_map(|it| it.evidence.iter());
        Packet {
            gate: gate.rule.id.clone(),
            round: gate.round,
            ticket: ticket.key.clone(),
            attempt: attempt.map(|it| it.id),
            role: attempt
                .map_or_else(|| RoleId::new(gate.rule.worker.to_string()), |it| it.role.clone()),
            runtime: attempt.map(|it| it.runtime.clone()),
            model: attempt.and_then(|it| it.model.clone()),
            commit: head.map(|it| it.commit.clone()),
            tree: head.map(|it| it.tree.clone()),
            base: head.map(|it| it.base.clone()),
            files: Vec::new(),
            commands: claimed_commands(evidence()),
            screenshots: Vec::new(),
            findings: match attempt.and_then(|it| it.report.as_ref()) {
                Some(Report::Verdict { findings, .. }) => findings.clone(),
                Some(Report::Done { .. } | Report::Question { .. }) | None => Vec::new(),
            },
            answers: evidence().filter_map(|it| it.answer.clone()).collect(),
            risk: evidence()
                .filter(|it| it.kind == EvidenceKind::Risk)
                .map(|it| it.text.clone())
                .next_back(),
            ships: ships(ticket),
            artifacts: self.artifacts_of(evidence()),
            signoffs: held_signoffs(ticket, gate),
            merge: None,
            policy: Some(ticket.rules.clone()),
            usage: Usage { wall_ms: attempt.and_then(wall_ms), ..Usage::default() },
        }
    }

    fn artifacts_of<'a>(&self, evidence: impl Iterator<Item = &'a Evidence>) -> Vec<Artifact> {
        let artifacts = self.artifacts();
        let kept = evidence.filter_map(|it| {
            let digest = it.artifact.clone()?;
            let bytes = std::fs::metadata(artifacts.path(&digest)).map_or(0, |it| it.len());
            let kind = it.kind.as_str().to_owned();
            Some(Artifact { digest, name: it.text.clone(), kind, bytes })
        });
        kept.collect()
    }

    /// Signs the packet, keeps it and its envelope under their digests, and returns its name.
    pub(crate) fn seal(&self, packet: &Packet) -> Result<PacketRef> {
        let unwritable = |e| Error::Invalid(format!("a packet cannot be written: {e}"));
        let text = packet.canonical().map_err(unwritable)?;
        let statement = packet_statement(packet).map_err(unwritable)?;
        let envelope = self.keys().signer()?.seal(&statement.bytes());
        let digest = self.artifacts().put(text.as_bytes())?;
        let envelope = self.artifacts().put(envelope.to_line().as_bytes())?;
        Ok(PacketRef {
            digest,
            commit: packet.commit.clone(),
            tree: packet.tree.clone(),
            status: packet.status(),
            envelope: Some(envelope),
        })
    }

    /// Returns the packet with this digest.
    pub(crate) fn read_packet(&self, digest: &Digest) -> Result<Packet> {
        let bytes = self.artifacts().read(digest)?;
        if Digest::of(&bytes) != *digest {
            return Err(Error::Invalid(format!(
                "packet `{digest}` was changed on disk; `mission fsck` says more"
            )));
        }
        serde_json::from_slice(&bytes)
            .map_err(|e| Error::Invalid(format!("packet `{digest}` cannot be read: {e}")))
    }

    /// Returns the newest packet of each gate, in the gates' order.
    ///
    /// # Errors
    /// An unknown ticket, or a packet that was changed on disk.
    pub async fn packets(&self, key: &TicketKey, gate: Option<&str>) -> Result<Vec<PacketDoc>> {
        let (ticket, _) = self.ticket(key).await?;
        let mut docs = Vec::new();
        let wanted = |it: &&Gate| gate.is_none_or(|gate| it.rule.id.as_str() == gate);
        for gate in ticket.gates.iter().filter(wanted) {
            let Some(name) = &gate.packet else { continue };
            // What is shown is what was signed.
            let (packet, signature) = match self.open_packet(name)? {
                Opened::Signed(verified) => {
                    let key = verified.key.to_string();
                    (verified.statement.predicate, json!({"state": "verified", "key": key}))
                }
                Opened::Unsigned => {
                    let packet = serde_json::to_value(self.read_packet(&name.digest)?)
                        .map_err(|e| Error::Invalid(format!("a packet cannot be shown: {e}")))?;
                    (packet, json!({"state": "unsigned"}))
                }
            };
            let mut doc = packet;
            doc["signature"] = signature;
            doc["digest"] = name.digest.to_string().into();
            doc["status"] = name.status.as_str().into();
            docs.push(doc);
        }
        Ok(docs)
    }
}

/// Returns the decisions on other gates that hold now.
fn held_signoffs(ticket: &Ticket, gate: &Gate) -> Vec<HeldSignOff> {
    let others = ticket.gates.iter().filter(|it| it.required && it.rule.id != gate.rule.id);
    let held = others.flat_map(|it| {
        let fresh = it.signoffs.iter().filter(|signed| signed.fresh && signed.round == it.round);
        fresh.map(|signed| HeldSignOff {
            gate: it.rule.id.clone(),
            verdict: signed.verdict,
            principal: signed.principal.to_string(),
            independence: signed.independence,
            commit: signed.commit.clone(),
            packet: signed.packet.clone(),
            reason: signed.reason.clone(),
            at: signed.at,
        })
    });
    held.collect()
}

/// Returns how long an attempt took from claim to end.
fn wall_ms(attempt: &Attempt) -> Option<u64> {
    let end = attempt.end.as_ref()?.at;
    u64::try_from(end.duration_since(attempt.started_at).as_millis()).ok()
}

/// Returns the commands that the evidence claims; of the same command the last claim counts.
pub(crate) fn claimed_commands<'a>(
    evidence: impl Iterator<Item = &'a Evidence>,
) -> Vec<CommandEvidence> {
    let mut commands: Vec<CommandEvidence> = Vec::new();
    for claim in evidence.filter_map(|it| it.command.as_ref()) {
        commands.retain(|it| it.run != claim.run);
        commands.push(CommandEvidence::claimed(&claim.run, claim.exit_code));
    }
    commands
}

/// Returns what of the work was sent away, from the records of guarded commands alone: what a lane says of it is nothing.
fn ships(ticket: &Ticket) -> Ships {
    let mut ships = Ships::default();
    for effect in [Effect::Push, Effect::Deploy, Effect::Restart] {
        let (shipped, approval) = ticket.shipped(effect);
        let word = match shipped {
            Shipped::None => Shipping::None,
            Shipped::Requested => Shipping::Requested,
            Shipped::Approved => Shipping::Approved,
            Shipped::Done => Shipping::Done,
        };
        match effect {
            Effect::Push => ships.push = word,
            Effect::Restart => ships.restart = word,
            Effect::Deploy | Effect::Other => ships.deploy = word,
        }
        ships.approvals.extend(approval.map(|it| Permitted {
            approval: it.id.to_string(),
            effect: effect.as_str().to_owned(),
            command: String::from_utf8_lossy(&masked(it.line().as_bytes())).into_owned(),
            by: it.answer.as_ref().map(|it| it.by.to_string()),
            exit_code: it.ran.as_ref().and_then(|it| it.exit_code),
        }));
    }
    ships
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_hides_no_secret_and_a_picture_stays_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::of(home.path());
        let kept = |bytes: &[u8]| {
            let path = home.path().join("file");
            std::fs::write(&path, bytes).unwrap();
            let file = File::open(&path).unwrap();
            artifacts.read(&keep_masked(&artifacts, file).unwrap()).unwrap()
        };
        let log = b"one.rs\0two.rs\0\nDB_PASSWORD=correcthorse\n";
        assert_eq!(kept(log), b"one.rs\0two.rs\0\nDB_PASSWORD=[masked: DB_PASSWORD]\n");
        for beginning in [&b"\x89PNG\r\n\x1a\n"[..], b"%PDF-1.7\n", b"\0\0\0\x20ftypisom"] {
            let picture = [beginning, log].concat();
            assert_eq!(kept(&picture), picture);
        }
        assert_eq!(kept(b"%PDF- KEY=correcthorse"), b"%PDF- KEY=[masked: KEY]");
    }
}
