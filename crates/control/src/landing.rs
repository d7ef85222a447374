//! The queue of the default branch. Each candidate is tested on the merged result of those before it; what was tested is
//! what lands, by compare-and-swap and never by force. A candidate that fails goes back with its log, and those behind it
//! are tested again.

use std::sync::Arc;
use std::time::Duration;

use mission_domain::ids::{Commit, GateId, ProjectKey, TicketKey};
use mission_domain::principal::Principal;
use mission_domain::rules::{FINAL_VALIDATION, LandMode};
use mission_domain::ticket::{BlockCode, Command, Observation, Owed, Ticket};
use mission_evidence::git::Git;
use mission_evidence::land::{Land, Landing, land};
use mission_evidence::merge::{Merge, MergeMode, Preview, preview};

use crate::error::{Error, Result};
use crate::execute::Control;
use crate::projects::Project;

/// How often landing is tried again while somebody uses the working copy.
const BUSY_TRIES: u32 = 20;

/// The most candidates that are tested at once, each on those before it. Every failure halves the window down to one,
/// every landing widens it by one.
const WINDOW: usize = 4;

/// How often the queue is built anew before the dispatcher gets to do something else.
const ROUNDS: usize = 16;

/// One ticket in the queue.
struct Candidate {
    ticket: Arc<Ticket>,
    /// What the default branch holds once all before it have landed.
    onto: Commit,
    /// What landing it makes of that, where that was not tested yet.
    untested: Option<Preview>,
}

/// Whether there is more to be done for the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Queue {
    Empty,
    Changed,
}

/// Keeps the dispatcher from beginning something else for these tickets.
struct Busy<'c> {
    control: &'c Control,
    keys: Vec<TicketKey>,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut fleet = self.control.fleet();
        for key in &self.keys {
            fleet.busy.remove(key);
        }
    }
}

impl Control {
    /// Lands `key` and what else of its project is ready, in the order in which it got ready.
    pub(crate) async fn land(&self, key: &TicketKey) -> Result<()> {
        // One queue at a time: the next one tests on what this one leaves.
        let _turn = self.inner.landing_turn.lock().await;
        let project = self.project(key.project()).await?;
        for _ in 0..ROUNDS {
            if self.land_some(&project, key).await? == Queue::Empty {
                break;
            }
        }
        Ok(())
    }

    /// Tests and lands the first of the queue, as far as they go.
    async fn land_some(&self, project: &Project, key: &TicketKey) -> Result<Queue> {
        let mut queue = self.landable(project, key).await?;
        queue.truncate(self.window(&project.key));
        if queue.is_empty() {
            return Ok(Queue::Empty);
        }
        let _busy = self.make_busy(&queue, key);
        let Some(candidates) = self.line_up(project, queue).await? else {
            return Ok(Queue::Changed);
        };
        let tests = candidates.iter().map(|it| self.test(project, it));
        let tested = futures::future::join_all(tests).await;
        for (candidate, seen) in candidates.iter().zip(tested) {
            let is_ready = match seen {
                None => true,
                Some(seen) => self.take_tested(candidate, seen).await?,
            };
            if !is_ready {
                self.narrow(&project.key);
                return Ok(Queue::Changed);
            }
            if !self.land_one(project, candidate).await? {
                return Ok(Queue::Changed);
            }
            self.widen(&project.key);
        }
        Ok(Queue::Changed)
    }

    /// Returns the tickets of the project that are to be landed now, in the order in which they got ready.
    async fn landable(&self, project: &Project, key: &TicketKey) -> Result<Vec<Arc<Ticket>>> {
        let now = self.now();
        let mut queue: Vec<Arc<Ticket>> = {
            let fleet = self.fleet();
            let of_project = fleet.tickets.values().filter(|it| *it.key.project() == project.key);
            let is_free = |it: &&Arc<Ticket>| it.key == *key || !fleet.busy.contains(&it.key);
            of_project.filter(is_free).cloned().collect()
        };
        if !queue.iter().any(|it| it.key == *key) {
            queue.push(self.ticket(key).await?.0);
        }
        queue.retain(|it| it.owed(now) == Owed::Land);
        queue.sort_by(|a, b| (a.since, &a.key).cmp(&(b.since, &b.key)));
        Ok(queue)
    }

    fn make_busy(&self, queue: &[Arc<Ticket>], key: &TicketKey) -> Busy<'_> {
        let others = queue.iter().map(|it| it.key.clone()).filter(|it| it != key);
        let keys: Vec<TicketKey> = others.collect();
        self.fleet().busy.extend(keys.iter().cloned());
        Busy { control: self, keys }
    }

    /// Makes the merge of each candidate on those before it; nothing where a branch moved meanwhile.
    async fn line_up(
        &self,
        project: &Project,
        queue: Vec<Arc<Ticket>>,
    ) -> Result<Option<Vec<Candidate>>> {
        let mut onto = Git::at(&project.path).branch(&project.rules.default_branch).await?;
        let mut candidates = Vec::new();
        for ticket in queue {
            if self.head_moved(&ticket).await? {
                return Ok(None);
            }
            let (head, tested) = (ticket.head.clone(), self.tested_merge(&ticket)?);
            let (untested, next) = match (tested, head) {
                (Some((base, commit)), _) if base == onto => (None, commit),
                // Nothing was merged: the default branch held the work already.
                (None, _) | (Some(_), None) => (None, onto.clone()),
                (Some(_), Some(head)) => {
                    let merged = self.merge(&ticket, project, &onto, &head.commit).await?;
                    let next = match &merged {
                        Preview::Ready { commit, .. } => commit.clone(),
                        Preview::AlreadyThere
                        | Preview::Conflict { .. }
                        | Preview::NotPossible { .. } => onto.clone(),
                    };
                    (Some(merged), next)
                }
            };
            let before = std::mem::replace(&mut onto, next);
            candidates.push(Candidate { ticket, onto: before, untested });
        }
        Ok(Some(candidates))
    }

    async fn test(&self, project: &Project, it: &Candidate) -> Option<Result<Observation>> {
        let merged = it.untested.clone()?;
        let gate = it.ticket.gate(&GateId::new(FINAL_VALIDATION))?;
        Some(self.validate_merge(&it.ticket, gate, project, &it.onto, Some(merged)).await)
    }

    /// Puts on record what testing a candidate came to, and returns whether it may still land. All before it have landed.
    async fn take_tested(&self, it: &Candidate, seen: Result<Observation>) -> Result<bool> {
        let (key, gate) = (&it.ticket.key, GateId::new(FINAL_VALIDATION));
        let on = it.ticket.head.as_ref().map(|it| it.commit.clone());
        let command = match seen {
            Ok(seen) => Command::Check { gate, on, seen: Box::new(seen) },
            Err(error) => Command::FailToRun { gate, cause: error.in_full() },
        };
        let moved = Command::MoveBase { base: it.onto.clone() };
        for command in [moved, command] {
            if !self.is_granted(key, command).await? {
                return Ok(false);
            }
        }
        Ok(self.ticket(key).await?.0.owed(self.now()) == Owed::Land)
    }

    /// Moves the default branch to what was tested, and returns whether it is there.
    async fn land_one(&self, project: &Project, it: &Candidate) -> Result<bool> {
        let key = &it.ticket.key;
        // A verdict may have been taken back while the tests ran.
        let (ticket, _) = self.ticket(key).await?;
        if ticket.owed(self.now()) != Owed::Land || !ticket.every_signoff_is_fresh() {
            return Ok(false);
        }
        let command = match self.tested_merge(&ticket)? {
            None => {
                let head = ticket.head.as_ref().map(|it| it.commit.clone());
                let commit = head.ok_or_else(|| Error::Missing("commit to land".into()))?;
                Command::RecordLanding { commit }
            }
            Some((base, commit)) => self.move_branch(project, base, commit).await?,
        };
        let is_landed = matches!(command, Command::RecordLanding { .. });
        Ok(self.is_granted(key, command).await? && is_landed)
    }

    /// Carries out the controller's command; a refusal means that the ticket went elsewhere meanwhile.
    async fn is_granted(&self, key: &TicketKey, command: Command) -> Result<bool> {
        match self.execute(key, command, &Principal::Controller).await {
            Ok(_) => Ok(true),
            Err(Error::Rejected(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn window(&self, project: &ProjectKey) -> usize {
        let windows = self.inner.windows.lock().expect("nobody panics while holding it");
        windows.get(project).copied().unwrap_or(WINDOW)
    }

    fn narrow(&self, project: &ProjectKey) {
        let half = (self.window(project) / 2).max(1);
        self.set_window(project, half);
    }

    fn widen(&self, project: &ProjectKey) {
        let more = (self.window(project) + 1).min(WINDOW);
        self.set_window(project, more);
    }

    fn set_window(&self, project: &ProjectKey, size: usize) {
        let mut windows = self.inner.windows.lock().expect("nobody panics while holding it");
        windows.insert(project.clone(), size);
    }

    pub(crate) async fn merge(
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
        if let Some(merge) = packet.merge {
            return Ok(Some((merge.base, merge.commit)));
        }
        // Packets from before the field was there keep it in a file.
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
}
