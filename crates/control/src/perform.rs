//! The gates that Mission Control works itself: re-run, recompute, test the merge.

use std::sync::Arc;

use mission_domain::ids::{Commit, GateId, TicketKey};
use mission_domain::principal::Principal;
use mission_domain::rules::{FINAL_VALIDATION, LandMode};
use mission_domain::ticket::{
    BlockCode, ChangeKind, Command, Gate, Head, Kind, Observation, Ticket,
};
use mission_evidence::git::Git;
use mission_evidence::merge::Preview;
use mission_evidence::packet::{Artifact, Packet, TestedMerge};

use crate::checks::{Wanted, answers, wanted};
use crate::error::{Error, Result};
use crate::execute::Control;
use crate::landing::some;
use crate::projects::Project;
use crate::touched::touched;

impl Control {
    /// Runs a gate of the controller's own.
    pub(crate) async fn check(&self, key: &TicketKey, gate: &GateId) -> Result<()> {
        let (ticket, _) = self.ticket(key).await?;
        let Some(gate) = ticket.gate(gate).cloned() else { return Ok(()) };
        if self.head_moved(&ticket).await? {
            return Ok(());
        }
        let on = ticket.head.as_ref().map(|it| it.commit.clone());
        let seen = if ticket.kind == Kind::Campaign {
            self.sealed(self.new_packet(&ticket, &gate, None), None)
        } else if gate.rule.id.as_str() == FINAL_VALIDATION {
            self.final_validation(&ticket, &gate).await
        } else {
            self.validation(&ticket, &gate).await
        };
        let id = gate.rule.id;
        let command = match seen {
            Ok(seen) => Command::Check { gate: id, on, seen: Box::new(seen) },
            Err(error) => Command::FailToRun { gate: id, cause: error.in_full() },
        };
        match self.execute(key, command, &Principal::Controller).await {
            // The ticket went elsewhere meanwhile; what it owes now is planned anew.
            Ok(_) | Err(Error::Rejected(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn sealed(&self, packet: Packet, block: Option<(BlockCode, String)>) -> Result<Observation> {
        Ok(Observation {
            head: None,
            contributors: Vec::new(),
            packet: self.seal(&packet)?,
            missing: Vec::new(),
            findings: Vec::new(),
            answers: Vec::new(),
            block,
            ask_person: None,
        })
    }

    /// Re-runs every claimed command and every project check in a clean checkout of the head.
    async fn validation(&self, ticket: &Arc<Ticket>, gate: &Gate) -> Result<Observation> {
        let project = self.project(ticket.key.project()).await?;
        let mut packet = self.new_packet(ticket, gate, None);
        let Some(head) = ticket.head.clone() else {
            return self.sealed(packet, None);
        };
        packet.files = Git::at(&project.path).changed_files(&head.base, &head.commit).await?;
        let wanted = wanted(ticket, &project);
        let checked = self.run_checks(&project, &head.commit, Some(&head.base), wanted).await?;
        if let Some(cause) = checked.could_not_run {
            return Err(Error::Invalid(cause));
        }
        let answers = answers(ticket, &checked.commands, &head.commit);
        packet.commands = checked.commands;
        packet.findings = checked.findings.clone();
        self.name_logs(&mut packet);
        let block = checked.pre_existing.map(|text| (BlockCode::PreExisting, text));
        let mut seen = self.sealed(packet, block)?;
        seen.findings = checked.findings;
        seen.answers = answers;
        Ok(seen)
    }

    /// Shows that every sign-off is fresh, and tests the merged result.
    async fn final_validation(&self, ticket: &Arc<Ticket>, gate: &Gate) -> Result<Observation> {
        let project = self.project(ticket.key.project()).await?;
        let tip = Git::at(&project.path).branch(&project.rules.default_branch).await?;
        let merged = match &ticket.head {
            Some(head) if project.rules.land != LandMode::Never => {
                Some(self.merge(ticket, &project, &tip, &head.commit).await?)
            }
            Some(_) | None => None,
        };
        self.validate_merge(ticket, gate, &project, &tip, merged).await
    }

    /// Tests what landing on `onto` would make of the ticket's work.
    pub(crate) async fn validate_merge(
        &self,
        ticket: &Arc<Ticket>,
        gate: &Gate,
        project: &Project,
        onto: &Commit,
        merged: Option<Preview>,
    ) -> Result<Observation> {
        let mut packet = self.new_packet(ticket, gate, None);
        let Some(head) = ticket.head.clone() else {
            if ticket.landed_before.is_some() {
                // A person waived what a new round would have added.
                return self.sealed(packet, None);
            }
            let text = "nothing was committed, so there is nothing to land".to_owned();
            return self.sealed(packet, Some((BlockCode::MergeConflict, text)));
        };
        let git = Git::at(&project.path);
        packet.files = git.changed_files(&head.base, &head.commit).await?;
        packet.risk = self.delivered_risk(ticket);
        let ruling = touched(&project.rules, &packet.files);
        let asked = |notes: Vec<String>| asked(&ruling, project, notes);
        let (commit, tree) = match merged {
            Some(Preview::Ready { commit, tree }) => (commit, tree),
            None => {
                return Ok(Observation { ask_person: asked(vec![]), ..self.sealed(packet, None)? });
            }
            Some(Preview::AlreadyThere) => return self.sealed(packet, None),
            Some(Preview::Conflict { files }) => {
                let branch = &project.rules.default_branch;
                let text = format!("the work contradicts {branch} in {}", some(&files));
                return self.sealed(packet, Some((BlockCode::MergeConflict, text)));
            }
            Some(Preview::NotPossible { why }) => {
                return self.sealed(packet, Some((BlockCode::MergeConflict, why)));
            }
        };
        // What landing changes is counted from where it lands, as the merge is.
        packet.files = git.changed_files(onto, &commit).await?;
        packet.base = Some(onto.clone());
        let wanted = project.rules.checks.iter().map(|it| Wanted {
            run: it.run.clone(),
            claimed: None,
            advisory: it.advisory,
            is_projects: true,
        });
        let checked = self.run_checks(project, &commit, Some(onto), wanted.collect()).await?;
        if let Some(cause) = checked.could_not_run {
            return Err(Error::Invalid(cause));
        }
        packet.commands = checked.commands;
        packet.findings = checked.findings.clone();
        packet.merge = Some(TestedMerge { base: onto.clone(), commit, tree });
        self.name_logs(&mut packet);
        let block = checked.pre_existing.map(|text| (BlockCode::PreExisting, text));
        let mut seen = self.sealed(packet, block)?;
        seen.findings = checked.findings;
        seen.ask_person = asked(checked.notes);
        Ok(seen)
    }

    /// Returns the risk as the newest delivery states it. What Mission Control sealed itself repeats an earlier one, maybe of a round
    /// that is over.
    fn delivered_risk(&self, ticket: &Ticket) -> Option<String> {
        let gates = ticket.gates.iter().rev().filter_map(|it| it.packet.as_ref());
        let packets = gates.filter_map(|it| self.read_packet(&it.digest).ok());
        packets.filter(|it| it.attempt.is_some()).find_map(|it| it.risk)
    }

    fn name_logs(&self, packet: &mut Packet) {
        let artifacts = self.artifacts();
        for command in &packet.commands {
            let Some(digest) = command.log.clone() else { continue };
            let bytes = std::fs::metadata(artifacts.path(&digest)).map_or(0, |it| it.len());
            let (name, kind) = (format!("log of {}", command.run), "log".to_owned());
            packet.artifacts.push(Artifact { digest, name, kind, bytes });
        }
    }

    /// Returns whether the workspace may be at another commit than the one on record: whoever works next could write that
    /// history anew before anybody took it in. Starts no process; what cannot be told is told by the look itself.
    pub(crate) async fn has_moved_unseen(&self, ticket: &Ticket, project: &Project) -> bool {
        let is_there = ticket.workspace.as_ref().is_some_and(|it| it.present);
        let known = ticket.head.as_ref().map(|it| &it.commit);
        let Some(known) = known.filter(|_| is_there) else { return false };
        let workspace = self.workspace_of(&ticket.key, project);
        workspace.head().is_ok_and(|it| it.is_some_and(|it| it != *known))
    }

    /// Looks whether the branch moved outside of any delivery, or the default branch lost what it is based on, and records
    /// it: sign-offs on what was there go stale.
    pub(crate) async fn head_moved(&self, ticket: &Ticket) -> Result<bool> {
        if ticket.head.is_none() || ticket.live_attempt().is_some() {
            return Ok(false);
        }
        let project = self.project(ticket.key.project()).await?;
        let (head, change, contributors) = match self.fetched_head(ticket, &project).await? {
            Some((head, change)) => (head, change, self.with_stranger(ticket)),
            None => match self.lost_base(ticket, &project).await? {
                Some(head) => (head, ChangeKind::Base, ticket.contributors.clone()),
                None => return Ok(false),
            },
        };
        let command = Command::ObserveHead { head, change, contributors };
        self.execute(&ticket.key, command, &Principal::Controller).await?;
        Ok(true)
    }

    /// Returns the head as it is counted now, where the default branch no longer holds what the work was counted from.
    pub(crate) async fn lost_base(
        &self,
        ticket: &Ticket,
        project: &Project,
    ) -> Result<Option<Head>> {
        let Some(head) = &ticket.head else { return Ok(None) };
        let git = Git::at(&project.path);
        let tip = git.branch(&project.rules.default_branch).await?;
        if head.base == tip || git.is_ancestor(&head.base, &tip).await? {
            return Ok(None);
        }
        self.head_at(&head.commit, project).await.map(Some)
    }

    /// Returns the contributors with somebody unknown among them: the branch moved outside of any attempt.
    pub(crate) fn with_stranger(
        &self,
        ticket: &Ticket,
    ) -> Vec<mission_domain::principal::Contributor> {
        let mut all = ticket.contributors.clone();
        let principal = Principal::Person(self.owner());
        let stranger = mission_domain::principal::Contributor { principal, identity: None };
        if !all.contains(&stranger) {
            all.push(stranger);
        }
        all
    }
}

/// Returns why a person must decide before this lands, whatever the workflow says.
fn asked(ruling: &[String], project: &Project, mut notes: Vec<String>) -> Option<String> {
    if !ruling.is_empty() {
        let files = ruling.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
        notes.insert(0, format!("the work touches what decides about it: {files}"));
    }
    if project.rules.checks.iter().all(|it| it.advisory) {
        notes.push("the project requires no check, so only what the author chose was run".into());
    }
    (!notes.is_empty()).then(|| notes.join("; "))
}
