//! Packets: built from what was observed, kept as artifacts under their own digest, read back for every door.

use mission_domain::ids::{Digest, RoleId, TicketKey};
use mission_domain::rules::EvidenceKind;
use mission_domain::ticket::{Attempt, Evidence, Gate, PacketRef, Report, Ticket};
use mission_evidence::packet::{Artifact, CommandEvidence, Packet, Ships};
use mission_store::artifacts::Artifacts;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::execute::Control;

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
            ships: Ships::default(),
            artifacts: self.artifacts_of(evidence()),
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

    /// Keeps the packet under its digest and returns its name.
    pub(crate) fn seal(&self, packet: &Packet) -> Result<PacketRef> {
        let text = packet
            .canonical()
            .map_err(|e| Error::Invalid(format!("a packet cannot be written: {e}")))?;
        let digest = self.artifacts().put(text.as_bytes())?;
        Ok(PacketRef {
            digest,
            commit: packet.commit.clone(),
            tree: packet.tree.clone(),
            status: packet.status(),
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
            let packet = self.read_packet(&name.digest)?;
            let mut doc = serde_json::to_value(&packet)
                .map_err(|e| Error::Invalid(format!("a packet cannot be shown: {e}")))?;
            doc["digest"] = name.digest.to_string().into();
            doc["status"] = name.status.as_str().into();
            docs.push(doc);
        }
        Ok(docs)
    }
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
