//! Proves that the record is whole: the chains, projections = replay, artifacts = digests, nothing left behind.

use std::collections::BTreeSet;

use mission_domain::ids::{Digest, TicketKey, Version};
use mission_domain::ticket::{Event, Stamp, Ticket};
use mission_store::Stream;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::execute::Control;
use crate::rows::{home_told, ticket_told};
use crate::write::untagged;

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FsckFinding {
    /// `chain`, `projection`, `packet`, `artifact`, `process` or `workspace`.
    pub kind: String,
    /// What was found, and what to do.
    pub text: String,
}

/// What fsck looked at and found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FsckReport {
    /// Events whose hashes were computed again.
    pub events: u64,
    /// Tickets that were replayed.
    pub tickets: u64,
    /// Artifacts that were read.
    pub artifacts: u64,
    /// How many tickets, the home counted like one, have rows that an earlier version wrote: they are no damage, and the
    /// next `mission up` writes them anew.
    #[serde(default)]
    pub older_rows: u64,
    /// Everything that is wrong; empty is clean.
    pub findings: Vec<FsckFinding>,
    #[serde(skip)]
    rows_are_older: bool,
}

impl Control {
    /// Proves that the record is whole.
    ///
    /// # Errors
    /// What the store said; what is wrong with the record is no error but a finding.
    pub async fn fsck(&self) -> Result<FsckReport> {
        let rows_are_older = self.rows_are_older().await?;
        let mut report = FsckReport { rows_are_older, ..FsckReport::default() };
        let verified = self.store().verify().await?;
        report.events = verified.events;
        for finding in verified.findings {
            let at = finding.seq.map_or_else(String::new, |seq| format!("event {seq}: "));
            report.find("chain", format!("{at}{}", finding.what));
        }
        for stream in self.store().streams().await? {
            match &stream {
                Stream::Home => self.check_home(&mut report).await?,
                Stream::Ticket(key) => self.check_ticket(key, &mut report).await?,
            }
        }
        self.check_artifacts(&mut report)?;
        self.check_leftovers(&mut report).await?;
        Ok(report)
    }

    async fn check_ticket(&self, key: &TicketKey, report: &mut FsckReport) -> Result<()> {
        report.tickets += 1;
        let stream = Stream::Ticket(key.clone());
        let (kept, version) = self.store().load(&stream).await?;
        let docs = self.store().replayable(&stream).await?;
        let (ticket, events) = match ticket_told(key, &docs) {
            Ok(told) => told,
            Err(problem) => {
                report.find("chain", problem);
                return Ok(());
            }
        };
        self.check_packets(key, &events, report)?;
        if version != Version(docs.len() as u64) {
            report.find(
                "projection",
                format!("{key} is at version {} after {} events", version.0, docs.len()),
            );
        }
        report.differ(self.ticket_differs(&ticket, &kept, version).await?);
        Ok(())
    }

    /// Every packet that was ever sealed must be there, and be what was signed then.
    fn check_packets(
        &self,
        key: &TicketKey,
        events: &[(Event, Stamp)],
        report: &mut FsckReport,
    ) -> Result<()> {
        let trusted = match self.keys().trusted() {
            Ok(trusted) => trusted,
            Err(error) => {
                report.find("packet", error.to_string());
                return Ok(());
            }
        };
        for (event, _) in events {
            let Event::PacketSealed { gate, packet } = event else { continue };
            if let Err(error) = self.open_with(packet, &trusted) {
                report.find("packet", format!("{gate} of {key}: {error}"));
            }
        }
        Ok(())
    }

    async fn check_home(&self, report: &mut FsckReport) -> Result<()> {
        let (kept, _) = self.store().load(&Stream::Home).await?;
        match home_told(&self.store().replayable(&Stream::Home).await?) {
            Ok(told) => report.differ(self.home_differs(&told, &kept).await?),
            Err(problem) => report.find("chain", problem),
        }
        Ok(())
    }

    fn check_artifacts(&self, report: &mut FsckReport) -> Result<()> {
        let artifacts = self.artifacts();
        for (digest, _) in artifacts.list()? {
            report.artifacts += 1;
            if let Some(damage) = artifacts.verify(&digest)? {
                report.find("artifact", format!("`{digest}` is not its content: {damage:?}"));
            }
        }
        Ok(())
    }

    /// Every digest that a ticket names must be kept; nothing may run or lie around for nobody.
    async fn check_leftovers(&self, report: &mut FsckReport) -> Result<()> {
        let artifacts = self.artifacts();
        for ticket in self.all_tickets().await? {
            for digest in named_digests(&ticket) {
                if !artifacts.path(&digest).exists() {
                    report.find("artifact", format!("`{digest}` of {} is missing", ticket.key));
                }
            }
        }
        let unkept = |it: &crate::WorkspaceEntry| it.why.starts_with(crate::sweep::UNKEPT);
        for entry in self.workspaces().await?.into_iter().filter(unkept) {
            report.find("workspace", format!("{}: {}", entry.path, entry.why));
        }
        for correction in self.leftovers().await? {
            let kind = match correction.rule {
                crate::Rule::OrphanProcess => "process",
                _ => "workspace",
            };
            report.find(
                kind,
                format!("{}; `mission operator sweep` puts it right", correction.cause),
            );
        }
        Ok(())
    }

    async fn all_tickets(&self) -> Result<Vec<Ticket>> {
        let mut all = Vec::new();
        for stream in self.store().streams().await? {
            if let Stream::Ticket(_) = stream
                && let Ok((aggregate, _)) = self.store().load(&stream).await
                && let Ok(ticket) = serde_json::from_str(&aggregate)
            {
                all.push(ticket);
            }
        }
        Ok(all)
    }

    /// Returns artifacts that no ticket names, with their size; `collect` removes them unless `dry_run`.
    ///
    /// # Errors
    /// What the store or the file system said.
    pub async fn gc(&self, dry_run: bool) -> Result<Vec<(Digest, u64)>> {
        let artifacts = self.artifacts();
        let mut named = BTreeSet::new();
        for stream in self.store().streams().await? {
            for doc in self.store().replayable(&stream).await? {
                let body = doc.body.to_string();
                named.extend(digests_in(&body));
                let Ok(Event::PacketSealed { packet, .. }) = untagged(&doc.kind, &doc.body) else {
                    continue;
                };
                // A packet names pictures, logs and files of its own.
                if let Ok(bytes) = artifacts.read(&packet.digest) {
                    named.extend(digests_in(&String::from_utf8_lossy(&bytes)));
                }
            }
        }
        let unused: Vec<_> =
            artifacts.list()?.into_iter().filter(|it| !named.contains(&it.0)).collect();
        for (digest, _) in unused.iter().filter(|_| !dry_run) {
            artifacts.remove(digest)?;
        }
        Ok(unused)
    }
}

/// Returns every digest in `text`, wherever it stands: what the record mentions in any way is kept, so that a new place for one
/// cannot be forgotten here.
fn digests_in(text: &str) -> impl Iterator<Item = Digest> {
    text.split("sha256:").skip(1).filter_map(|it| it.get(..64)?.parse().ok())
}

/// Returns the artifacts that the ticket as it is now points to: each must be there.
fn named_digests(ticket: &Ticket) -> Vec<Digest> {
    let evidence = ticket.attempts.iter().flat_map(|it| it.evidence.iter());
    let evidence = evidence.filter_map(|it| it.artifact.clone());
    let recordings = ticket.attempts.iter().filter_map(|it| it.recording.clone());
    let packets = ticket.gates.iter().filter_map(|it| it.packet.as_ref());
    let packets = packets.flat_map(|it| [Some(it.digest.clone()), it.envelope.clone()]).flatten();
    let signed = ticket.gates.iter().flat_map(|it| it.signoffs.iter());
    let approvals = ticket.approvals.iter();
    let approvals = approvals
        .flat_map(|it| [it.asked.diff.clone(), it.ran.as_ref().and_then(|ran| ran.output.clone())]);
    evidence
        .chain(approvals.flatten())
        .chain(recordings)
        .chain(packets)
        .chain(signed.filter_map(|it| it.packet.clone()))
        .collect()
}

impl FsckReport {
    fn find(&mut self, kind: &str, text: String) {
        self.findings.push(FsckFinding { kind: kind.into(), text });
    }

    /// Notes that rows of a ticket differ from what its events tell, each in its own way: damage, unless another version wrote them.
    fn differ(&mut self, how: Vec<String>) {
        if self.rows_are_older {
            self.older_rows += u64::from(!how.is_empty());
            return;
        }
        how.into_iter().for_each(|it| self.find("projection", it));
    }
}
