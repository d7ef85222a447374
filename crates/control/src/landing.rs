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

/// How long until it is tried again.
const BUSY_WAIT: Duration = Duration::from_millis(250);

/// The most candidates that are tested at once, each on those before it. Every failure halves the window down to one,
/// every landing widens it by one.
const WINDOW: usize = 4;

/// How often the queue is built anew before the dispatcher gets to do something else.
const ROUNDS: usize = 16;

/// One ticket in the queue.
struct Candidate<'c> {
    /// One that waits for its turn is busy already, and stays so.
    _busy: Busy<'c>,
    ticket: Arc<Ticket>,
    /// What the default branch holds once all before it have landed.
    onto: Commit,
    lands: Lands,
}

/// What landing a candidate comes to.
enum Lands {
    /// Nothing: the default branch holds this commit by then, which has its work.
    There(Commit),
    /// A commit that was tested on just that before.
    Tested,
    /// This, which is to be tested first.
    Untested(Preview),
}

/// Keeps the dispatcher from beginning something else for these tickets.
pub(crate) struct Busy<'c> {
    control: &'c Control,
    keys: Vec<TicketKey>,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut fleet = self.control.fleet();
        for key in &self.keys {
            fleet.busy.remove(key);
        }
        drop(fleet);
        // What comes due by time alone was not looked at meanwhile.
        self.control.nudge();
    }
}

/// Tells whoever holds the turn that this ticket waits for nothing else, and may be landed with the others.
struct Waiting<'c> {
    control: &'c Control,
    key: &'c TicketKey,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.control.fleet().waiting_to_land.remove(self.key);
    }
}

impl Control {
    /// Lands `key` and what else of its project is ready, in the order in which it got ready.
    pub(crate) async fn land(&self, key: &TicketKey) -> Result<()> {
        self.fleet().waiting_to_land.insert(key.clone());
        let _waiting = Waiting { control: self, key };
        let turn = self.landing_turn(key.project());
        for _ in 0..ROUNDS {
            if self.is_stopping() || self.ticket(key).await?.0.owed(self.now()) != Owed::Land {
                break;
            }
            // One at a time in a project, and between two rounds it is another's turn.
            let _turn = turn.lock().await;
            self.land_some(key).await?;
        }
        Ok(())
    }

    fn landing_turn(&self, project: &ProjectKey) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.inner.landing_turns.lock().expect("nobody panics while holding it");
        turns.entry(project.clone()).or_default().clone()
    }

    /// Tests and lands the first of the queue, as far as they go.
    async fn land_some(&self, key: &TicketKey) -> Result<()> {
        // The rules may have moved with a landing.
        let project = self.project(key.project()).await?;
        let queue = self.landable(&project, key).await?;
        if !queue.iter().any(|it| it.key == *key) {
            return Ok(());
        }
        let candidates = self.line_up(&project, queue, key).await?;
        let tests = candidates.iter().map(|it| self.test(&project, it));
        let tested = futures::future::join_all(tests).await;
        for (candidate, seen) in candidates.iter().zip(tested) {
            let is_ready = match seen {
                None => true,
                Some(seen) => self.take_tested(candidate, seen).await?,
            };
            if !is_ready {
                self.narrow(&project.key);
                return Ok(());
            }
            if !self.land_one(&project, candidate).await? {
                return Ok(());
            }
            self.widen(&project.key);
        }
        Ok(())
    }

    /// Returns the tickets of the project that are to be landed now, in the order in which they got ready.
    async fn landable(&self, project: &Project, key: &TicketKey) -> Result<Vec<Arc<Ticket>>> {
        let now = self.now();
        let mut queue: Vec<Arc<Ticket>> = {
            let fleet = self.fleet();
            let of_project = fleet.tickets.values().filter(|it| *it.key.project() == project.key);
            let is_free = |it: &&Arc<Ticket>| {
                it.key == *key
                    || !fleet.busy.contains(&it.key)
                    || fleet.waiting_to_land.contains(&it.key)
            };
            of_project.filter(is_free).cloned().collect()
        };
        if !queue.iter().any(|it| it.key == *key) {
            queue.push(self.ticket(key).await?.0);
        }
        queue.retain(|it| it.owed(now) == Owed::Land);
        queue.sort_by(|a, b| (a.since, &a.key).cmp(&(b.since, &b.key)));
        Ok(queue)
    }

    /// Keeps those of `keys` busy that are not yet.
    pub(crate) fn keep_busy<'k>(&self, keys: impl Iterator<Item = &'k TicketKey>) -> Busy<'_> {
        let mut fleet = self.fleet();
        let keys = keys.filter(|it| fleet.busy.insert((*it).clone())).cloned().collect();
        drop(fleet);
        Busy { control: self, keys }
    }

    /// Finds out for the first of the queue, as many as are tested at once, what each comes to once those before it have
    /// landed. One that cannot be looked at stands in nobody's way: it is left out, and told of when it is its own turn.
    async fn line_up(
        &self,
        project: &Project,
        queue: Vec<Arc<Ticket>>,
        key: &TicketKey,
    ) -> Result<Vec<Candidate<'_>>> {
        let window = self.window(&project.key);
        let tip = Git::at(&project.path).branch(&project.rules.default_branch).await?;
        let mut onto = tip.clone();
        let mut candidates = Vec::new();
        for ticket in queue {
            let _busy = self.keep_busy(std::iter::once(&ticket.key));
            let tested = match self.tested_merge(&ticket) {
                Ok(tested) => tested,
                Err(error) if ticket.key == *key => {
                    let (code, text) = (BlockCode::LandBlocked, error.in_full());
                    self.is_granted(key, Command::BlockLanding { code, text }).await?;
                    continue;
                }
                Err(_) => continue,
            };
            let ahead = self.look_ahead(project, &ticket, tested, &tip, &onto).await;
            let (lands, next) = match ahead {
                Ok(Some(found)) => found,
                Ok(None) => continue,
                Err(
                    error @ (Error::Missing(_)
                    | Error::Evidence(mission_evidence::Error::Tampered { .. })),
                ) if ticket.key == *key => {
                    // Only a person mends that.
                    let (code, text) = (BlockCode::LandBlocked, error.in_full());
                    self.is_granted(key, Command::BlockLanding { code, text }).await?;
                    continue;
                }
                Err(error) if ticket.key == *key => return Err(error),
                Err(error) => {
                    tracing::warn!("{} is left out of the queue: {}", ticket.key, error.in_full());
                    continue;
                }
            };
            let before = std::mem::replace(&mut onto, next);
            let holds_rules = |it: &String| project.rules.holds_rules(it);
            let paths = ticket.head.iter().flat_map(|it| &it.paths);
            let is_last = paths.into_iter().any(holds_rules);
            candidates.push(Candidate { _busy, ticket, onto: before, lands });
            // What comes behind a change of the rules is tested by those that it brings.
            if is_last || candidates.len() == window {
                break;
            }
        }
        Ok(candidates)
    }

    /// Returns what landing `ticket` on `onto` comes to and leaves; nothing where its branch moved meanwhile.
    async fn look_ahead(
        &self,
        project: &Project,
        ticket: &Ticket,
        tested: Option<(Commit, Commit)>,
        tip: &Commit,
        onto: &Commit,
    ) -> Result<Option<(Lands, Commit)>> {
        if self.head_moved(ticket).await? {
            return Ok(None);
        }
        let git = Git::at(&project.path);
        let before = match &ticket.landed_before {
            Some(landed) if git.is_ancestor(landed, onto).await? => Some(landed.clone()),
            Some(_) | None => None,
        };
        let Some(known) = &ticket.head else {
            let nothing = || Error::Missing("commit to land".into());
            return Ok(Some((Lands::There(before.ok_or_else(nothing)?), onto.clone())));
        };
        let head = known.commit.clone();
        if let Some((base, commit)) = tested {
            // The process ended after the branch moved and before that was on record.
            if git.is_ancestor(&commit, tip).await? {
                return Ok(Some((Lands::There(commit), onto.clone())));
            }
            if base == *onto {
                return Ok(Some((Lands::Tested, commit)));
            }
        }
        let merged = self.merge(ticket, project, onto, &head).await?;
        Ok(Some(match merged {
            Preview::Ready { ref commit, .. } => {
                let commit = commit.clone();
                (Lands::Untested(merged), commit)
            }
            Preview::AlreadyThere => {
                let is_in = git.is_ancestor(&head, onto).await?;
                let adds_nothing = !is_in || head == known.base;
                let commit = match before.filter(|_| adds_nothing) {
                    // What an earlier round landed as stays true.
                    Some(landed) => landed,
                    None if is_in => head,
                    None => onto.clone(),
                };
                (Lands::There(commit), onto.clone())
            }
            Preview::Conflict { .. } | Preview::NotPossible { .. } => {
                (Lands::Untested(merged), onto.clone())
            }
        }))
    }

    async fn test(&self, project: &Project, it: &Candidate<'_>) -> Option<Result<Observation>> {
        let Lands::Untested(merged) = &it.lands else { return None };
        let gate = it.ticket.gate(&GateId::new(FINAL_VALIDATION))?;
        Some(self.validate_merge(&it.ticket, gate, project, &it.onto, Some(merged.clone())).await)
    }

    /// Puts on record what testing a candidate came to, and returns whether it may still land. All before it have landed.
    async fn take_tested(&self, it: &Candidate<'_>, seen: Result<Observation>) -> Result<bool> {
        let (key, gate) = (&it.ticket.key, GateId::new(FINAL_VALIDATION));
        let on = it.ticket.head.as_ref().map(|it| it.commit.clone());
        let command = match seen {
            Ok(seen) => Command::Check { gate, on, seen: Box::new(seen) },
            Err(error) => Command::FailToRun { gate, cause: error.in_full() },
        };
        let moved = Command::MoveBase { base: it.onto.clone() };
        let is_on_record =
            self.is_granted(key, moved).await? && self.is_granted(key, command).await?;
        let is_owed = self.ticket(key).await?.0.owed(self.now()) == Owed::Land;
        if is_owed && !is_on_record {
            // It would be tried for ever.
            let code = BlockCode::LandBlocked;
            let text = "the test of the merge cannot be put on record".to_owned();
            self.is_granted(key, Command::BlockLanding { code, text }).await?;
        }
        Ok(is_owed && is_on_record)
    }

    /// Moves the default branch to what was tested, and returns whether it is there.
    async fn land_one(&self, project: &Project, it: &Candidate<'_>) -> Result<bool> {
        let key = &it.ticket.key;
        for _ in 0..BUSY_TRIES {
            // Somebody may have spoken or committed while the tests ran, or while the working copy was in use.
            let (ticket, _) = self.ticket(key).await?;
            if ticket.owed(self.now()) != Owed::Land
                || !ticket.every_signoff_is_fresh()
                || self.head_moved(&ticket).await?
            {
                return Ok(false);
            }
            let command = match (&it.lands, self.tested_merge(&ticket)?) {
                (Lands::There(commit), _) => {
                    let git = Git::at(&project.path);
                    let tip = git.branch(&project.rules.default_branch).await?;
                    let is_there = git.is_ancestor(commit, &tip).await?;
                    is_there.then(|| Command::RecordLanding { commit: commit.clone() })
                }
                (Lands::Tested | Lands::Untested(_), Some((base, commit))) => {
                    match self.move_branch(project, base, commit).await? {
                        Some(command) => Some(command),
                        None => {
                            tokio::time::sleep(BUSY_WAIT).await;
                            continue;
                        }
                    }
                }
                (Lands::Tested | Lands::Untested(_), None) => None,
            };
            let Some(command) = command else { return Ok(false) };
            let is_landed = matches!(command, Command::RecordLanding { .. });
            return Ok(self.is_granted(key, command).await? && is_landed);
        }
        let code = BlockCode::LandBlocked;
        let text = format!("somebody is using the working copy `{}`", project.path.display());
        self.is_granted(key, Command::BlockLanding { code, text }).await?;
        Ok(false)
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
            from: ticket.head.as_ref().map(|it| &it.base),
            mode,
            message: &message,
            at: self.now(),
            scratch: &scratch,
        })
        .await?)
    }

    /// Moves the default branch from `base` to `commit`; nothing where somebody uses the working copy at this moment.
    async fn move_branch(
        &self,
        project: &Project,
        base: Commit,
        commit: Commit,
    ) -> Result<Option<Command>> {
        let home = std::env::var_os("HOME").map(std::path::PathBuf::from);
        let what = Land {
            project: &project.path,
            branch: &project.rules.default_branch,
            base: &base,
            commit: &commit,
            home: home.as_deref(),
        };
        Ok(match land(&what).await? {
            Landing::Landed { .. } | Landing::AlreadyThere => {
                Some(Command::RecordLanding { commit })
            }
            Landing::BaseMoved { now } => Some(Command::MoveBase { base: now }),
            Landing::Overlaps { checkout, files } => Some(Command::BlockLanding {
                code: BlockCode::LandBlocked,
                text: format!(
                    "uncommitted changes in {} stand in the way of landing in `{}`",
                    some(&files),
                    checkout.display()
                ),
            }),
            Landing::Refused { why } => Some(Command::BlockLanding {
                code: BlockCode::LandBlocked,
                text: format!(
                    "git could not update the working copy that the work lands in: {why}"
                ),
            }),
            Landing::Busy { .. } => None,
        })
    }

    /// Returns base and commit of the merge that final validation tested for the present head, if there was one to test.
    fn tested_merge(&self, ticket: &Ticket) -> Result<Option<(Commit, Commit)>> {
        let gate = ticket.gates.iter().find(|it| it.rule.id.as_str() == FINAL_VALIDATION);
        let Some(named) = gate.and_then(|it| it.packet.as_ref()) else {
            return Err(Error::Missing("packet of the final validation".into()));
        };
        let packet = self.read_packet(&named.digest)?;
        let head = ticket.head.as_ref().map(|it| &it.commit);
        let merge = packet.merge.filter(|_| packet.commit.as_ref() == head);
        Ok(merge.map(|it| (it.base, it.commit)))
    }
}

/// Names files for a sentence: the first twenty, and how many more there are.
pub(crate) fn some(files: &[String]) -> String {
    const SHOWN: usize = 20;
    let shown = files.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match files.len().checked_sub(SHOWN) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}
