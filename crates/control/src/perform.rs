//! The gates that Mission Control works itself, and landing: re-run, recompute, merge, move the branch.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mission_domain::ids::{Commit, GateId, TicketKey};
use mission_domain::principal::Principal;
use mission_domain::rules::{FINAL_VALIDATION, LandMode};
use mission_domain::ticket::{
    BlockCode, Command, FindingAnswer, FindingState, Gate, Kind, NewFinding, Observation, Owed,
    Ticket,
};
use mission_evidence::checkout::Checkout;
use mission_evidence::checks::{CheckOutcome, CheckResult, run_check};
use mission_evidence::git::Git;
use mission_evidence::land::{Land, Landing, land};
use mission_evidence::merge::{Merge, MergeMode, Preview, preview};
use mission_evidence::packet::{Artifact, CommandEvidence, Packet};
use mission_sandbox::Limits;

use crate::error::{Error, Result};
use crate::execute::Control;
use crate::projects::Project;

/// How long one check may take.
const CHECK_LIMIT: Duration = Duration::from_secs(30 * 60);

/// How much of a check's output is kept, in bytes.
const CHECK_OUTPUT: u64 = 16 << 20;

/// How often landing is tried again while somebody uses the working copy.
const BUSY_TRIES: u32 = 20;

/// One command to run again.
struct Wanted {
    run: String,
    claimed: Option<i32>,
    advisory: bool,
}

/// What the checks of one commit came to.
struct Checked {
    commands: Vec<CommandEvidence>,
    findings: Vec<NewFinding>,
    pre_existing: Option<String>,
    could_not_run: Option<String>,
}

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
        let mut packet = self.new_packet(ticket, gate, None);
        let Some(head) = ticket.head.clone() else {
            let text = "nothing was committed, so there is nothing to land".to_owned();
            return self.sealed(packet, Some((BlockCode::MergeConflict, text)));
        };
        let git = Git::at(&project.path);
        packet.files = git.changed_files(&head.base, &head.commit).await?;
        packet.risk = self.delivered_risk(ticket);
        let tip = git.branch(&project.rules.default_branch).await?;
        packet.base = Some(tip.clone());
        if project.rules.land == LandMode::Never {
            return self.sealed(packet, None);
        }
        let merged = self.merge(ticket, &project, &tip, &head.commit).await?;
        let merged = match merged {
            Preview::Ready { commit, .. } => commit,
            Preview::AlreadyThere => return self.sealed(packet, None),
            Preview::Conflict { files } => {
                let branch = &project.rules.default_branch;
                let text = format!("the work contradicts {branch} in {}", files.join(", "));
                return self.sealed(packet, Some((BlockCode::MergeConflict, text)));
            }
            Preview::NotPossible { why } => {
                return self.sealed(packet, Some((BlockCode::MergeConflict, why)));
            }
        };
        let wanted = project.rules.checks.iter().map(|it| Wanted {
            run: it.run.clone(),
            claimed: None,
            advisory: it.advisory,
        });
        let checked = self.run_checks(&project, &merged, Some(&tip), wanted.collect()).await?;
        if let Some(cause) = checked.could_not_run {
            return Err(Error::Invalid(cause));
        }
        packet.commands = checked.commands;
        packet.findings = checked.findings.clone();
        packet.artifacts.push(self.merge_note(&tip, &merged)?);
        self.name_logs(&mut packet);
        let block = checked.pre_existing.map(|text| (BlockCode::PreExisting, text));
        let mut seen = self.sealed(packet, block)?;
        seen.findings = checked.findings;
        Ok(seen)
    }

    /// Keeps in the packet which merge was tested on which base: landing moves the branch to exactly that.
    fn merge_note(&self, base: &Commit, merged: &Commit) -> Result<Artifact> {
        let text = format!("{base} {merged}");
        let digest = self.artifacts().put(text.as_bytes())?;
        let (kind, bytes) = ("merge".to_owned(), text.len() as u64);
        Ok(Artifact { digest, name: "the tested merge: base, commit".into(), kind, bytes })
    }

    fn delivered_risk(&self, ticket: &Ticket) -> Option<String> {
        let gates = ticket.gates.iter().rev().filter_map(|it| it.packet.as_ref());
        gates.filter_map(|it| self.read_packet(&it.digest).ok()).find_map(|it| it.risk)
    }

    async fn merge(
        &self,
        ticket: &Ticket,
        project: &Project,
        tip: &Commit,
        head: &Commit,
    ) -> Result<Preview> {
        let mode = match project.rules.land {
            LandMode::Merge | LandMode::Never => MergeMode::Merge,
            LandMode::Rebase => MergeMode::Rebase,
            LandMode::FastForward => MergeMode::FastForward,
        };
        let scratch = self.scratch_dir()?;
        let message = format!("{} {}", ticket.key, ticket.title);
        Ok(preview(&Merge {
            project: &project.path,
            ticket: &ticket.key,
            base: tip,
            head,
            mode,
            message: &message,
            at: self.now(),
            scratch: &scratch,
        })
        .await?)
    }

    /// Runs `wanted` at `commit`, and what fails again on `base`.
    async fn run_checks(
        &self,
        project: &Project,
        commit: &Commit,
        base: Option<&Commit>,
        wanted: Vec<Wanted>,
    ) -> Result<Checked> {
        let mut done = Checked {
            commands: Vec::new(),
            findings: Vec::new(),
            pre_existing: None,
            could_not_run: None,
        };
        for wanted in wanted {
            let mut seen = self.run_again(project, commit, &wanted).await?;
            let why = match (&seen.result, &seen.outcome) {
                (CheckResult::Verified | CheckResult::NotRerun, _) => None,
                (CheckResult::CouldNotRun, Some(CheckOutcome::CouldNotRun { why })) => {
                    done.could_not_run = Some(format!("`{}`: {why}", wanted.run));
                    None
                }
                (CheckResult::CouldNotRun, _) => {
                    done.could_not_run = Some(format!("`{}` could not be run", wanted.run));
                    None
                }
                (CheckResult::Refuted, _) => Some(story(&seen)),
            };
            if let Some(why) = why.filter(|_| !wanted.advisory) {
                let fails_on_base = match base {
                    Some(base) => {
                        let again =
                            Wanted { run: wanted.run.clone(), claimed: None, advisory: false };
                        let before = self.run_again(project, base, &again).await?;
                        seen.base_exit_code = before.exit_code;
                        before.result == CheckResult::Refuted
                    }
                    None => false,
                };
                if fails_on_base && wanted.claimed.is_none_or(|code| code != 0) {
                    let text = format!(
                        "`{}` fails on the base as well, so the failure is pre-existing: {why}",
                        wanted.run
                    );
                    done.pre_existing.get_or_insert(text);
                } else {
                    done.findings.push(NewFinding {
                        file: None,
                        line: None,
                        text: why,
                        command: Some(wanted.run.clone()),
                    });
                }
            }
            done.commands.push(seen);
        }
        Ok(done)
    }

    async fn run_again(
        &self,
        project: &Project,
        commit: &Commit,
        wanted: &Wanted,
    ) -> Result<CommandEvidence> {
        let _turn = self.inner.checks.acquire().await;
        let scratch = self.scratch_dir()?;
        let checkout = Checkout::make(&project.path, commit, &scratch).await?;
        let env = self.check_env(checkout.tmp(), project);
        let log = checkout.tmp().join("check.log");
        let limits = Limits {
            wall: Some(CHECK_LIMIT),
            memory_bytes: None,
            output_bytes: Some(CHECK_OUTPUT),
        };
        let run = run_check(&checkout.dir(), &wanted.run, &env, limits, &log).await;
        if let (Some(_), true) = (&run.log_digest, log.exists()) {
            self.artifacts().put_file(&log)?;
        }
        Ok(CommandEvidence::seen(&run, wanted.claimed, wanted.advisory))
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

    /// Lands the tested commit, or says what stands in the way.
    pub(crate) async fn land(&self, key: &TicketKey) -> Result<()> {
        // One landing at a time: the next one tests on what this one leaves.
        let _turn = self.inner.landing_turn.lock().await;
        let (ticket, _) = self.ticket(key).await?;
        if ticket.owed(self.now()) != Owed::Land {
            // Somebody spoke up between the plan and this turn.
            return Ok(());
        }
        let project = self.project(key.project()).await?;
        if self.head_moved(&ticket).await? {
            return Ok(());
        }
        let tested = self.tested_merge(&ticket)?;
        let command = match tested {
            None => {
                // Nothing was merged: the default branch holds the work already.
                let head = ticket.head.as_ref().map(|it| it.commit.clone());
                let commit = head.ok_or_else(|| Error::Missing("commit to land".into()))?;
                Command::RecordLanding { commit }
            }
            Some((base, commit)) => self.move_branch(&project, base, commit).await?,
        };
        match self.execute(key, command, &Principal::Controller).await {
            Ok(_) | Err(Error::Rejected(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn move_branch(
        &self,
        project: &Project,
        base: Commit,
        commit: Commit,
    ) -> Result<Command> {
        let home = std::env::var_os("HOME").map(std::path::PathBuf::from);
        let what = Land {
            project: &project.path,
            branch: &project.rules.default_branch,
            base: &base,
            commit: &commit,
            home: home.as_deref(),
        };
        for _ in 0..BUSY_TRIES {
            return Ok(match land(&what).await? {
                Landing::Landed { .. } | Landing::AlreadyThere => Command::RecordLanding { commit },
                Landing::BaseMoved { now } => Command::MoveBase { base: now },
                Landing::Overlaps { files } => Command::BlockLanding {
                    code: BlockCode::LandBlocked,
                    text: format!(
                        "uncommitted changes in {} stand in the way of landing in `{}`",
                        files.join(", "),
                        project.path.display()
                    ),
                },
                Landing::Busy { .. } => {
                    tokio::time::sleep(Duration::from_millis(250)).await;
                    continue;
                }
            });
        }
        Ok(Command::BlockLanding {
            code: BlockCode::LandBlocked,
            text: format!("somebody is using the working copy `{}`", project.path.display()),
        })
    }

    /// Returns base and commit of the merge that final validation tested.
    fn tested_merge(&self, ticket: &Ticket) -> Result<Option<(Commit, Commit)>> {
        let gate = ticket.gates.iter().find(|it| it.rule.id.as_str() == FINAL_VALIDATION);
        let Some(name) = gate.and_then(|it| it.packet.as_ref()) else {
            return Err(Error::Missing("packet of the final validation".into()));
        };
        let packet = self.read_packet(&name.digest)?;
        let Some(note) = packet.artifacts.iter().find(|it| it.kind == "merge") else {
            return Ok(None);
        };
        let bytes = self.artifacts().read(&note.digest)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (base, commit) = text
            .split_once(' ')
            .ok_or_else(|| Error::Invalid("the record of the tested merge is broken".into()))?;
        Ok(Some((Commit::new(base), Commit::new(commit))))
    }

    /// Looks whether the branch moved outside of any delivery, and records it: sign-offs on the old head go stale.
    pub(crate) async fn head_moved(&self, ticket: &Ticket) -> Result<bool> {
        if ticket.head.is_none() || ticket.live_attempt().is_some() {
            return Ok(false);
        }
        let project = self.project(ticket.key.project()).await?;
        let Some((head, change)) = self.fetched_head(ticket, &project).await? else {
            return Ok(false);
        };
        let contributors = self.with_stranger(ticket);
        let command = Command::ObserveHead { head, change, contributors };
        self.execute(&ticket.key, command, &Principal::Controller).await?;
        Ok(true)
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

/// Returns everything that must be run again: claims, project checks, and what the controller's findings ask for.
fn wanted(ticket: &Ticket, project: &Project) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    let writes = |it: &&mission_domain::ticket::Attempt| {
        let has_reported = it
            .end
            .as_ref()
            .is_some_and(|it| it.class == mission_domain::ticket::EndClass::Reported);
        has_reported && it.purpose == mission_domain::ticket::Purpose::Deliver
    };
    let delivered = ticket.attempts.iter().rev().find(|it| writes(it));
    let claims =
        crate::packets::claimed_commands(delivered.into_iter().flat_map(|it| it.evidence.iter()));
    for claim in claims {
        wanted.push(Wanted { run: claim.run, claimed: claim.claimed, advisory: false });
    }
    let mut known: BTreeSet<String> = wanted.iter().map(|it| it.run.clone()).collect();
    for check in &project.rules.checks {
        if known.insert(check.run.clone()) {
            let (run, advisory) = (check.run.clone(), check.advisory);
            wanted.push(Wanted { run, claimed: None, advisory });
        }
    }
    let open = ticket.findings.iter().filter(|it| it.state == FindingState::Open);
    for command in open.filter_map(|it| it.what.command.clone()) {
        if known.insert(command.clone()) {
            wanted.push(Wanted { run: command, claimed: None, advisory: false });
        }
    }
    let is_advisory =
        |run: &str| project.rules.checks.iter().any(|it| it.advisory && it.run == run);
    for it in &mut wanted {
        it.advisory = is_advisory(&it.run);
    }
    wanted
}

/// A finding that the controller wrote answers itself when its command passes.
fn answers(ticket: &Ticket, commands: &[CommandEvidence], commit: &Commit) -> Vec<FindingAnswer> {
    let passes =
        |run: &str| commands.iter().any(|it| it.run == run && it.result == CheckResult::Verified);
    let open = ticket.findings.iter().filter(|it| it.state == FindingState::Open);
    let answered = open.filter(|it| it.what.command.as_deref().is_some_and(passes));
    answered
        .map(|it| FindingAnswer {
            finding: it.id,
            state: FindingState::Fixed,
            text: format!("the command passes at {}", commit.short()),
        })
        .collect()
}

/// Says in one sentence what was claimed and what was seen.
fn story(seen: &CommandEvidence) -> String {
    let claimed = match seen.claimed {
        Some(code) => format!("claimed exit code {code}; "),
        None => String::new(),
    };
    let tests = match &seen.tests {
        Some(tests) => format!(", {} of {} tests failed", tests.failed, tests.executed),
        None => String::new(),
    };
    let ended = match &seen.outcome {
        Some(CheckOutcome::Passed) if seen.tests.is_some_and(|it| it.executed == 0) => {
            "exit code 0 and not one test executed".to_owned()
        }
        Some(CheckOutcome::Passed) => "exit code 0".to_owned(),
        Some(CheckOutcome::Failed { exit_code }) => format!("exit code {exit_code}"),
        Some(CheckOutcome::Died { signal }) => format!("died by signal {signal}"),
        Some(CheckOutcome::OverMemory) => "used more memory than it may".to_owned(),
        Some(CheckOutcome::TimedOut) => "ran out of time".to_owned(),
        Some(CheckOutcome::CouldNotRun { why }) => why.clone(),
        None => "was not run".to_owned(),
    };
    format!("`{}`: {claimed}re-run in a clean checkout: {ended}{tests}", seen.run)
}
