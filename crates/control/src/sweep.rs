//! The operator: what the sweep proposes, each by a named rule, with its record and its undo; and workspaces.

use std::path::PathBuf;

use mission_domain::doc::OperatorActDoc;
use mission_domain::home::{Act, HomeCommand};
use mission_domain::ids::{AttemptId, OperatorActId, TicketKey};
use mission_domain::plan::{Action, held_by};
use mission_domain::principal::Principal;
use mission_domain::ticket::{Command, Owed, Ticket};
use mission_evidence::git::Git;
use mission_evidence::workspace::Identity;
use mission_runtime::protocol::ToRunner;
use mission_store::{Projection, ProjectionFilter, ProjectionKind};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::execute::Control;

/// A rule of the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The last blocker ended, or the moment came.
    ReleaseWaiting,
    /// A fault that was not the ticket's has ended.
    RequeueRuntimeFault,
    /// An attempt showed no sign of life within its lease.
    LostAttempt,
    /// A message is queued and its lane was never told, or nobody can take it any more.
    UndeliveredMessage,
    /// The branch moved after a sign-off.
    StaleSignoff,
    /// A process of an attempt that is over.
    OrphanProcess,
    /// A working copy of nobody.
    OrphanWorkspace,
    /// All tickets of a campaign ended.
    CampaignComplete,
    /// Tickets wait for a lane that cannot take them.
    StuckLane,
}

impl Rule {
    /// Returns the rule's id.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReleaseWaiting => "release-waiting",
            Self::RequeueRuntimeFault => mission_domain::plan::REQUEUE,
            Self::LostAttempt => "lost-attempt",
            Self::UndeliveredMessage => "undelivered-message",
            Self::StaleSignoff => "stale-signoff",
            Self::OrphanProcess => "orphan-process",
            Self::OrphanWorkspace => "orphan-workspace",
            Self::CampaignComplete => "campaign-complete",
            Self::StuckLane => "stuck-lane",
        }
    }
}

/// One thing that the sweep would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Correction {
    /// The rule.
    pub rule: Rule,
    /// The ticket, if it is about one.
    pub ticket: Option<TicketKey>,
    /// What it saw: the same cause fires once.
    pub cause: String,
    /// What it does, in words.
    pub would: String,
    #[serde(skip)]
    deed: Deed,
}

/// How a correction is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Deed {
    Plan(Box<Action>),
    PushTurns(TicketKey),
    LookAtHead(TicketKey),
    EndLane(AttemptId),
    RemoveWorkspace(TicketKey),
    RemoveCopy(PathBuf),
    Tell,
}

/// One working copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkspaceEntry {
    /// The ticket; nothing for a copy that belongs to none.
    pub ticket: Option<TicketKey>,
    /// Where it is.
    pub path: String,
    /// Its branch; nothing for a disposable copy.
    pub branch: Option<String>,
    /// How much disk it uses.
    pub bytes: u64,
    /// Paths with uncommitted changes.
    pub dirty: Vec<String>,
    /// The ticket's state.
    pub state: Option<String>,
    /// Whether `clean` removes it.
    pub removable: bool,
    /// Why, or why not.
    pub why: String,
}

/// Returns what goes on the operator's record for a planned action, if a rule is behind it.
pub(crate) fn act_of(action: &Action) -> Option<Act> {
    let (rule, ticket, cause, did) = told(action)?;
    let undoable = !matches!(rule, Rule::LostAttempt | Rule::UndeliveredMessage);
    Some(Act { rule: rule.as_str().into(), ticket: Some(ticket), cause, did, undoable })
}

fn told(action: &Action) -> Option<(Rule, TicketKey, String, String)> {
    Some(match action {
        Action::Release { ticket, blocker, how, by } => (
            Rule::ReleaseWaiting,
            ticket.clone(),
            format!("{blocker} is {how}"),
            match by.iter().filter(|it| *it != ticket).map(ToString::to_string).collect::<Vec<_>>()
            {
                by if by.is_empty() => format!("{ticket} no longer waits for {blocker}"),
                by => format!("{ticket} waits for {} instead of {blocker}", by.join(", ")),
            },
        ),
        Action::Wake { ticket } => (
            Rule::ReleaseWaiting,
            ticket.clone(),
            "its time has come".into(),
            format!("{ticket} no longer waits for a time"),
        ),
        Action::Expire { ticket, attempt, .. } => (
            Rule::LostAttempt,
            ticket.clone(),
            format!("{attempt} showed no sign of life within its lease"),
            format!("{attempt} is ended as lost"),
        ),
        Action::EndChild { campaign, child, how } => (
            Rule::CampaignComplete,
            campaign.clone(),
            format!("{child} is {how}"),
            format!("{campaign} counts {child} as {how}"),
        ),
        Action::Requeue { ticket, cause } => (
            Rule::RequeueRuntimeFault,
            ticket.clone(),
            cause.clone(),
            format!("{ticket} is tried once more"),
        ),
        Action::GiveUp { ticket, messages } => (
            Rule::UndeliveredMessage,
            ticket.clone(),
            format!("{ticket} ended with {} queued", messages.len()),
            "they are shown as undeliverable".into(),
        ),
        Action::Claim { .. }
        | Action::HandOver { .. }
        | Action::Observe { .. }
        | Action::Check { .. }
        | Action::Land { .. }
        | Action::Finish { .. }
        | Action::RunApproved { .. }
        | Action::LoseApproved { .. }
        | Action::ExpireApproval { .. }
        | Action::TimeOut { .. }
        | Action::PauseDispatch { .. }
        | Action::ResumeDispatch
        | Action::MarkBudget { .. }
        | Action::SetSchedule { .. }
        | Action::RunSchedule { .. }
        | Action::SkipSchedule { .. }
        | Action::DropSchedule { .. }
        | Action::FreeBudget { .. } => return None,
    })
}

/// Begins the reason why a workspace of an ended ticket does not go by itself.
pub(crate) const UNKEPT: &str = "what is unfinished in it cannot be kept";

impl Control {
    /// Returns what the sweep does; with `dry_run` it is only said. Both print the same.
    ///
    /// # Errors
    /// What the store or git said.
    pub async fn sweep(&self, dry_run: bool) -> Result<Vec<Correction>> {
        if !self.inner.is_resident.load(std::sync::atomic::Ordering::Acquire) {
            // No server holds the tickets in memory.
            self.load_fleet().await?;
        }
        let mut corrections = self.corrections().await?;
        for correction in corrections.iter_mut().filter(|_| !dry_run) {
            // One that cannot be made stands in the way of no other.
            if let Err(error) = self.correct(correction).await {
                let text = error.in_full();
                tracing::warn!("{} was not corrected: {text}", correction.cause);
                correction.would = format!("nothing was done: {text}");
            }
        }
        Ok(corrections)
    }

    async fn corrections(&self) -> Result<Vec<Correction>> {
        for project in self.projects(None).await {
            self.look_at_runtimes(&project);
        }
        let mut all = self.planned_corrections();
        let tickets: Vec<_> = self.fleet().tickets.values().cloned().collect();
        for ticket in tickets.iter().filter(|it| !it.is_ended()) {
            all.extend(self.correction_of(ticket).await?);
        }
        all.extend(self.orphan_lanes().await?);
        all.extend(self.orphan_workspaces().await?);
        all.extend(self.stuck_lanes());
        let known: Vec<OperatorActDoc> = self.operator_log().await?;
        let is_new = |it: &Correction| {
            let ticket = it.ticket.as_ref().map(ToString::to_string);
            let same = |act: &OperatorActDoc| {
                act.rule == it.rule.as_str() && act.ticket == ticket && act.cause == it.cause
            };
            matches!(it.deed, Deed::Plan(_)) || !known.iter().any(same)
        };
        all.retain(is_new);
        Ok(all)
    }

    fn planned_corrections(&self) -> Vec<Correction> {
        let (actions, _) = self.fleet().plan(self.now());
        let correction = |action: Action| {
            let (rule, ticket, cause, would) = told(&action)?;
            let deed = Deed::Plan(Box::new(action));
            Some(Correction { rule, ticket: Some(ticket), cause, would, deed })
        };
        actions.into_iter().filter_map(correction).collect()
    }

    async fn correction_of(&self, ticket: &Ticket) -> Result<Vec<Correction>> {
        let mut all = Vec::new();
        let key = &ticket.key;
        let unpushed = Self::unpushed(ticket);
        if !unpushed.is_empty() {
            all.push(Correction {
                rule: Rule::UndeliveredMessage,
                ticket: Some(key.clone()),
                cause: format!("{} queued for a lane at work", list(&unpushed)),
                would: "the lane is told again".into(),
                deed: Deed::PushTurns(key.clone()),
            });
        }
        let is_busy = self.fleet().busy.contains(key) || ticket.live_attempt().is_some();
        if !is_busy
            && ticket.head.is_some()
            && ticket.workspace.as_ref().is_some_and(|it| it.present)
        {
            let project = self.project(key.project()).await?;
            if let Some((head, change)) = self.fetched_head(ticket, &project).await? {
                all.push(Correction {
                    rule: Rule::StaleSignoff,
                    ticket: Some(key.clone()),
                    cause: format!("the branch moved to {} ({change})", head.commit.short()),
                    would: "sign-offs on the old head go stale".into(),
                    deed: Deed::LookAtHead(key.clone()),
                });
            } else if self.lost_base(ticket, &project).await?.is_some() {
                let base = ticket.head.as_ref().map_or("", |it| it.base.short());
                all.push(Correction {
                    rule: Rule::StaleSignoff,
                    ticket: Some(key.clone()),
                    cause: format!(
                        "the default branch no longer holds {base}, which it is based on"
                    ),
                    would: "its sign-offs go stale".into(),
                    deed: Deed::LookAtHead(key.clone()),
                });
            }
        }
        Ok(all)
    }

    async fn orphan_lanes(&self) -> Result<Vec<Correction>> {
        let mut all = Vec::new();
        for attempt in folder_ids(&self.paths().lanes()) {
            let lane = self.paths().lane(attempt);
            let files = mission_runtime::LaneFiles::new(&lane);
            let card = mission_runtime::ProcessCard::read(&files.shim());
            let is_alive = card
                .is_some_and(|it| mission_runtime::proc_tree::is_alive(it.pid, it.pid_start_time));
            let key = if is_alive { self.key_of(attempt).await? } else { None };
            let is_live = match &key {
                Some(key) => {
                    self.ticket(key).await?.0.live_attempt().is_some_and(|it| it.id == attempt)
                }
                None => !is_alive,
            };
            if is_alive && !is_live {
                all.push(Correction {
                    rule: Rule::OrphanProcess,
                    ticket: key,
                    cause: format!("{attempt} is over and its process still runs"),
                    would: format!("the process of {attempt} is ended"),
                    deed: Deed::EndLane(attempt),
                });
            }
        }
        Ok(all)
    }

    /// Returns processes and working copies that belong to nobody any more.
    pub(crate) async fn leftovers(&self) -> Result<Vec<Correction>> {
        let mut all = self.orphan_lanes().await?;
        all.extend(self.orphan_workspaces().await?);
        Ok(all)
    }

    async fn orphan_workspaces(&self) -> Result<Vec<Correction>> {
        let all = self.workspaces().await?.into_iter().filter(|it| it.removable);
        let correction = |entry: WorkspaceEntry| Correction {
            rule: Rule::OrphanWorkspace,
            cause: format!("{}: {}", entry.path, entry.why),
            would: format!("`{}` is removed, what is unfinished in it is kept", entry.path),
            deed: match (&entry.ticket, &entry.branch) {
                (Some(ticket), Some(_)) => Deed::RemoveWorkspace(ticket.clone()),
                (Some(_) | None, _) => Deed::RemoveCopy(entry.path.clone().into()),
            },
            ticket: entry.ticket,
        };
        Ok(all.map(correction).collect())
    }

    fn stuck_lanes(&self) -> Vec<Correction> {
        let now = self.now();
        let fleet = self.fleet();
        let view = fleet.view(now);
        let long = jiff::SignedDuration::from_mins(5);
        let stuck = fleet.tickets.values().filter_map(|ticket| {
            let Owed::Dispatch { role, .. } = ticket.owed(now) else { return None };
            let why = held_by(&view, ticket).filter(|it| !it.starts_with("all slots"))?;
            (now.duration_since(ticket.since) > long).then(|| Correction {
                rule: Rule::StuckLane,
                ticket: Some(ticket.key.clone()),
                cause: format!("{role} cannot take {}: {why}", ticket.key),
                would: "a person is told".into(),
                deed: Deed::Tell,
            })
        });
        stuck.collect()
    }

    async fn correct(&self, correction: &Correction) -> Result<()> {
        match &correction.deed {
            Deed::Plan(action) => match self.carry_out((**action).clone()).await {
                Ok(()) | Err(Error::Rejected(_)) => return Ok(()),
                Err(error) => return Err(error),
            },
            Deed::PushTurns(key) => {
                let (ticket, _) = self.ticket(key).await?;
                self.push_turns(&ticket);
            }
            Deed::LookAtHead(key) => {
                let (ticket, _) = self.ticket(key).await?;
                self.head_moved(&ticket).await?;
            }
            Deed::EndLane(attempt) => {
                let by = Rule::OrphanProcess.as_str().to_owned();
                let lane_dir = self.paths().lane(*attempt);
                self.send_to_runner(ToRunner::Adopt {
                    attempt: *attempt,
                    lane_dir,
                    after_record: 0,
                })?;
                self.send_to_runner(ToRunner::Stop { attempt: *attempt, grace_ms: 1_000, by })?;
            }
            Deed::RemoveWorkspace(key) => self.remove_workspace(key).await?,
            Deed::RemoveCopy(path) => remove_copy(path).await?,
            Deed::Tell => {}
        }
        let act = Act {
            rule: correction.rule.as_str().into(),
            ticket: correction.ticket.clone(),
            cause: correction.cause.clone(),
            did: correction.would.clone(),
            undoable: matches!(correction.deed, Deed::RemoveWorkspace(_)),
        };
        self.execute_home(HomeCommand::RecordAct { act }, &Principal::Controller).await
    }

    /// Clean checkouts that a crash left are of no use to anybody.
    pub(crate) async fn empty_scratch(&self) {
        let scratch = self.paths().scratch();
        if scratch.exists()
            && let Err(error) = tokio::fs::remove_dir_all(&scratch).await
        {
            tracing::warn!("`{}` is not emptied: {error}", scratch.display());
        }
    }

    /// What a crash may have left is put right as soon as the lanes had time to answer.
    pub(crate) async fn sweep_at_start(&self) {
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        if self.is_stopping() {
            return;
        }
        if let Err(error) = self.sweep(false).await {
            tracing::warn!("the sweep at the start did not finish: {}", error.in_full());
        }
    }

    /// Returns everything the operator did, newest first.
    ///
    /// # Errors
    /// What the store said.
    pub async fn operator_log(&self) -> Result<Vec<OperatorActDoc>> {
        let filter = ProjectionFilter {
            newest_first: true,
            limit: Some(1_000),
            ..ProjectionFilter::of(ProjectionKind::OperatorAct)
        };
        let rows = self.store().projections(&filter).await?;
        Ok(rows.iter().filter_map(|it| serde_json::from_str(&it.doc).ok()).collect())
    }

    /// Takes an act of the operator back: a released or requeued ticket is set aside, a removed workspace comes back.
    ///
    /// # Errors
    /// An unknown act, one that cannot be undone, or was.
    pub async fn undo(&self, id: OperatorActId, by: &Principal) -> Result<OperatorActDoc> {
        let row = self.store().projection(ProjectionKind::OperatorAct, &id.to_string()).await?;
        let row = row.ok_or_else(|| Error::Missing(format!("act `{id}` of the operator")))?;
        let mut doc: OperatorActDoc = serde_json::from_str(&row.doc)
            .map_err(|e| Error::Invalid(format!("the record of `{id}` is broken: {e}")))?;
        if doc.undone || !doc.undoable {
            let why = if doc.undone { "was undone already" } else { "cannot be undone" };
            return Err(Error::Invalid(format!("`{id}` ({}) {why}", doc.did)));
        }
        if let Some(key) = doc.ticket.as_deref().and_then(|it| it.parse::<TicketKey>().ok()) {
            if doc.rule == Rule::OrphanWorkspace.as_str() {
                self.restore_workspace(&key).await?;
            } else {
                self.execute(&key, Command::Park, by).await?;
            }
        }
        doc.undone = true;
        doc.undoable = false;
        let undone = Projection {
            kind: ProjectionKind::OperatorAct,
            id: id.to_string(),
            ticket: row.ticket,
            state: "undone".into(),
            ord: id.0,
            doc: serde_json::to_string(&doc).unwrap_or_default(),
        };
        self.execute_home_with(HomeCommand::UndoAct { id }, by, vec![undone]).await?;
        Ok(doc)
    }

    /// Returns all working copies with their disk use, and what `clean` would do with each.
    ///
    /// # Errors
    /// What the store said.
    pub async fn workspaces(&self) -> Result<Vec<WorkspaceEntry>> {
        let mut all = Vec::new();
        let folder = self.paths().workspaces();
        for name in folder_names(&folder) {
            let path = folder.join(&name);
            let bytes = disk_use(&path);
            let entry = match name.split_once('.') {
                _ if name == "scratch" => continue,
                Some((ticket, attempt)) => self.copy_entry(ticket, attempt, &path, bytes).await?,
                None => self.workspace_entry(&name, &path, bytes).await?,
            };
            all.push(entry);
        }
        Ok(all)
    }

    async fn copy_entry(
        &self,
        ticket: &str,
        attempt: &str,
        path: &std::path::Path,
        bytes: u64,
    ) -> Result<WorkspaceEntry> {
        let ticket: Option<TicketKey> = ticket.parse().ok();
        let id: Option<AttemptId> = attempt.parse().ok();
        let is_live = match (&ticket, id) {
            (Some(key), Some(id)) => match self.ticket(key).await {
                Ok((ticket, _)) => ticket.live_attempt().is_some_and(|it| it.id == id),
                Err(_) => false,
            },
            (Some(_) | None, _) => false,
        };
        Ok(WorkspaceEntry {
            ticket,
            path: path.display().to_string(),
            branch: None,
            bytes,
            dirty: Vec::new(),
            state: None,
            removable: !is_live,
            why: if is_live { "its attempt is at work" } else { "its attempt is over" }.into(),
        })
    }

    async fn workspace_entry(
        &self,
        name: &str,
        path: &std::path::Path,
        bytes: u64,
    ) -> Result<WorkspaceEntry> {
        let key: Option<TicketKey> = name.parse().ok();
        let ticket = match &key {
            Some(key) => self.ticket(key).await.ok().map(|it| it.0),
            None => None,
        };
        let (mut dirty, mut unkept) = (Vec::new(), None);
        if let Some(ticket) = &ticket
            && let Ok(project) = self.project(ticket.key.project()).await
        {
            match self.workspace_of(&ticket.key, &project).state().await {
                Ok(state) => dirty = state.dirty,
                Err(error) => unkept = Some(Error::from(error).in_full()),
            }
        }
        let (removable, why) = match &ticket {
            Some(ticket) if self.lane_at_work(ticket).is_some() => {
                (false, "a lane is at work there".to_owned())
            }
            Some(ticket) if ticket.is_ended() => match unkept {
                None => (true, "its ticket has ended".to_owned()),
                Some(why) => {
                    (false, format!("{UNKEPT}: {why}. Look at it and remove the folder yourself"))
                }
            },
            Some(_) => (false, "its ticket is open".to_owned()),
            None => (false, "no ticket has this name; it is not ours to remove".to_owned()),
        };
        Ok(WorkspaceEntry {
            branch: key.as_ref().map(TicketKey::branch),
            ticket: key.filter(|_| ticket.is_some()),
            path: path.display().to_string(),
            bytes,
            dirty,
            state: ticket.map(|it| it.state().as_str().to_owned()),
            removable,
            why,
        })
    }

    /// Removes what `workspaces` calls removable, after keeping what is unfinished; with `dry_run` it is only said.
    ///
    /// # Errors
    /// What the store or the file system said of all of them. One that cannot go says why and keeps no other from going.
    pub async fn clean_workspaces(&self, dry_run: bool) -> Result<Vec<WorkspaceEntry>> {
        let all = self.workspaces().await?.into_iter();
        let mut entries: Vec<_> =
            all.filter(|it| it.removable || it.why.starts_with(UNKEPT)).collect();
        for entry in entries.iter_mut().filter(|it| !dry_run && it.removable) {
            let removed = match (&entry.ticket, &entry.branch) {
                (Some(ticket), Some(_)) => self.remove_workspace(ticket).await,
                (Some(_) | None, _) => remove_copy(std::path::Path::new(&entry.path)).await,
            };
            if let Err(error) = removed {
                entry.removable = false;
                entry.why = format!("{UNKEPT}: {}", error.in_full());
            }
        }
        Ok(entries)
    }

    /// Keeps what is dirty, untracked or unmerged in a ticket's workspace under a ref, and leaves the workspace.
    pub(crate) async fn keep_work(&self, key: &TicketKey) {
        let kept = async {
            let project = self.project(key.project()).await?;
            let workspace = self.workspace_of(key, &project);
            if workspace.exists() {
                let tip = Git::at(&project.path).branch(&project.rules.default_branch).await?;
                workspace.snapshot(&tip, self.now()).await?;
            }
            Result::Ok(())
        };
        if let Err(error) = kept.await {
            tracing::warn!("the work of {key} is not kept yet: {}", error.in_full());
        }
    }

    /// Keeps what is unfinished under a ref and removes the workspace.
    pub(crate) async fn remove_workspace(&self, key: &TicketKey) -> Result<()> {
        let project = self.project(key.project()).await?;
        let workspace = self.workspace_of(key, &project);
        if !workspace.dir.exists() {
            return Ok(());
        }
        if let Some(attempt) = self.lane_at_work(&self.ticket(key).await?.0) {
            return Err(Error::Invalid(format!(
                "{attempt} is still at work in the workspace of `{key}`: wait for its end"
            )));
        }
        let tip = Git::at(&project.path).branch(&project.rules.default_branch).await?;
        let snapshot = match workspace.remove(&tip, self.now()).await {
            // Somebody else removed it at this very moment.
            Err(_) if !workspace.dir.exists() => return Ok(()),
            answer => answer?,
        };
        let names: Vec<_> = snapshot.kept.iter().map(|it| it.name.clone()).collect();
        let kept = (!names.is_empty()).then(|| names.join(", "));
        self.execute(key, Command::RemoveWorkspace { kept }, &Principal::Controller).await?;
        Ok(())
    }

    /// Makes a ticket's workspace again from what was kept last.
    ///
    /// # Errors
    /// Nothing was kept, or the workspace is there.
    pub async fn restore_workspace(&self, key: &TicketKey) -> Result<WorkspaceEntry> {
        let project = self.project(key.project()).await?;
        let workspace = self.workspace_of(key, &project);
        if workspace.exists() {
            return Err(Error::Invalid(format!("the workspace of `{key}` is there")));
        }
        let kept = workspace.kept().await?.pop();
        let kept = kept.ok_or_else(|| Error::Missing(format!("kept work of `{key}`")))?;
        let branch = &project.rules.default_branch;
        let tip = Git::at(&project.path).branch(branch).await?;
        let identity = Identity::lane("restored", "person");
        workspace.restore(&kept, branch, &tip, &identity).await?;
        let command = Command::MakeWorkspace { branch: key.branch(), base: tip };
        self.execute(key, command, &Principal::Controller).await?;
        let path = workspace.dir.clone();
        self.workspace_entry(&key.to_string(), &path, disk_use(&path)).await
    }
}

/// Removes a disposable copy. One that is gone is fine: whoever ended its attempt removes it too.
async fn remove_copy(path: &std::path::Path) -> Result<()> {
    match tokio::fs::remove_dir_all(path).await {
        Err(_) if !path.exists() => Ok(()),
        removed => removed.map_err(Error::file(format!("remove `{}`", path.display()))),
    }
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn folder_names(folder: &std::path::Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> =
        entries.flatten().filter_map(|it| it.file_name().into_string().ok()).collect();
    names.sort();
    names
}

pub(crate) fn folder_ids(folder: &std::path::Path) -> Vec<AttemptId> {
    folder_names(folder).iter().filter_map(|it| it.parse().ok()).collect()
}

fn disk_use(path: &std::path::Path) -> u64 {
    let Ok(meta) = std::fs::symlink_metadata(path) else { return 0 };
    if !meta.is_dir() {
        return meta.len();
    }
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    entries.flatten().map(|it| disk_use(&it.path())).sum()
}
