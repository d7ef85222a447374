//! Keeps what a workspace holds and nothing else does, before it goes, and brings it back.

use std::fs;
use std::path::{Path, PathBuf};

use mission_domain::ids::{Commit, TicketKey, Timestamp};

use crate::Result;
use crate::error::io;
use crate::git::read::hash;
use crate::git::{Asked, Git};
use crate::lane_view::LaneView;
use crate::private_clone::private_clone;
use crate::workspace::{Identity, Workspace, fetched_ref};

/// Begins the message of a commit that holds uncommitted work.
const MARK: &str = "mission: uncommitted work kept from";

/// One kept state of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The ref in the project's repository, `refs/mission/kept/mc/7/<n>`.
    pub name: String,
    /// Its number, from 1, per ticket.
    pub number: u32,
    /// The commit.
    pub commit: Commit,
}

/// What a snapshot found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// The refs that were made; empty where nothing was at risk.
    pub kept: Vec<Kept>,
    /// The paths that were dirty or untracked.
    pub dirty: Vec<String>,
}

impl Workspace {
    /// Keeps in the project's repository what is dirty, untracked, stashed or not merged into `landed` (the default branch)
    /// and not kept yet; what was checked out comes last. The working copy and its index stay untouched; ignored files are
    /// not kept.
    pub async fn snapshot(&self, landed: &Commit, at: Timestamp) -> Result<Snapshot> {
        let view = self.view().await?;
        let head = view.head_commit().cloned();
        let dirty = view.dirty_paths(head.as_ref()).await?;
        let mut snapshot = Snapshot { kept: Vec::new(), dirty: LaneView::shown(&dirty) };
        let held: Vec<Commit> = self.kept().await?.into_iter().map(|it| it.commit).collect();
        // No branch ever grows from a stash.
        for stash in view.stashes().await?.into_iter().filter(|it| !held.contains(it)) {
            snapshot.kept.push(self.keep(&view, &stash).await?);
        }
        let branches = view.refs.iter().filter(|(name, _)| name.starts_with("refs/heads/"));
        let branches = branches.map(|(_, commit)| commit).filter(|it| Some(*it) != head.as_ref());
        let mut wanted: Vec<Commit> = branches.cloned().collect();
        if !dirty.is_empty() {
            wanted.push(self.commit_dirty(&view, head.as_ref(), &dirty, at).await?);
        }
        wanted.extend(head);
        for commit in wanted {
            if !self.is_safe(&view, &commit, landed).await? {
                snapshot.kept.push(self.keep(&view, &commit).await?);
            }
        }
        Ok(snapshot)
    }

    /// Keeps what is at risk and then removes the working copy. Where keeping fails, nothing is removed.
    pub async fn remove(&self, landed: &Commit, at: Timestamp) -> Result<Snapshot> {
        let snapshot = self.snapshot(landed, at).await?;
        fs::remove_dir_all(&self.dir).map_err(io("remove", &self.dir))?;
        let project = Git::at(&self.project);
        if let Some(base) = project.ref_at(&self.base_ref()).await? {
            project.drop_mission_ref(&self.base_ref(), &base).await?;
        }
        Ok(snapshot)
    }

    /// Returns all kept states of this ticket, oldest first.
    pub async fn kept(&self) -> Result<Vec<Kept>> {
        kept(&Git::at(&self.project), &self.ticket).await
    }

    /// Makes the working copy again from a kept state: its commits on the ticket's branch, what was uncommitted as
    /// uncommitted changes. `dir` must be missing or empty.
    pub async fn restore(
        &self,
        kept: &Kept,
        base_branch: &str,
        base: &Commit,
        identity: &Identity,
    ) -> Result<()> {
        self.create(base_branch, base, &kept.commit, identity).await?;
        let git = Git::at(&self.dir);
        let subject = git.text(&["log", "-1", "--format=%s", hash(&kept.commit)?]).await?;
        let parent = git.try_resolve(&format!("{}^", hash(&kept.commit)?)).await?;
        if let (true, Some(parent)) = (subject.starts_with(MARK), parent) {
            git.run(&["reset", "--quiet", "--mixed", hash(&parent)?, "--"]).await?;
        }
        Ok(())
    }

    /// Returns whether `commit` is already held by the project.
    async fn is_safe(&self, view: &LaneView, commit: &Commit, landed: &Commit) -> Result<bool> {
        let project = Git::at(&self.project);
        let known = project.ref_at(&fetched_ref(&self.ticket)).await?;
        let kept = self.kept().await?.into_iter().map(|kept| kept.commit);
        let bare = Git::at(view.bare());
        for holder in [Some(landed.clone()), known].into_iter().flatten().chain(kept) {
            if bare.is_ancestor(commit, &holder).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Keeps what was fetched last where the branch, now at `new`, no longer holds it.
    pub(crate) async fn keep_replaced(&self, view: &LaneView, new: &Commit) -> Result<()> {
        let project = Git::at(&self.project);
        let Some(old) = project.ref_at(&self.fetched_ref()).await? else { return Ok(()) };
        if old == *new {
            return Ok(());
        }
        let replaced = numbered(&project, &replaced_prefix(&self.ticket)).await?;
        let bare = Git::at(view.bare());
        for holder in replaced.iter().map(|it| &it.commit).chain([new]) {
            if bare.is_ancestor(&old, holder).await? {
                return Ok(());
            }
        }
        let name = next_name(&replaced, &replaced_prefix(&self.ticket)).0;
        project.set_mission_ref(&name, &old).await
    }

    async fn keep(&self, view: &LaneView, commit: &Commit) -> Result<Kept> {
        let (name, number) = next_name(&self.kept().await?, &kept_prefix(&self.ticket));
        view.hand_over(&self.project, commit, &name).await?;
        Ok(Kept { name, number, commit: commit.clone() })
    }

    /// Makes a commit of the dirty paths on top of `head`, in our own git directory.
    async fn commit_dirty(
        &self,
        view: &LaneView,
        head: Option<&Commit>,
        dirty: &[Vec<u8>],
        at: Timestamp,
    ) -> Result<Commit> {
        let git = view.git();
        let mut input = dirty.join(&0);
        input.push(0);
        let asked = Asked { input: &input, ..Asked::default() };
        git.run_with(&["update-index", "-z", "--add", "--remove", "--stdin"], asked).await?;
        let tree = git.text(&["write-tree"]).await?;
        let message = format!("{MARK} {}\n", self.ticket);
        let mut args = vec!["commit-tree", &tree, "-m", &message];
        if let Some(head) = head {
            args.extend(["-p", hash(head)?]);
        }
        Ok(Commit::new(as_mission(git, at).text(&args).await?))
    }
}

/// Returns all kept states of `ticket` in `project`, oldest first.
pub async fn kept(project: &Git, ticket: &TicketKey) -> Result<Vec<Kept>> {
    numbered(project, &kept_prefix(ticket)).await
}

async fn numbered(project: &Git, prefix: &str) -> Result<Vec<Kept>> {
    let state = |(name, commit): (String, Commit)| {
        let number = name.strip_prefix(prefix)?.parse().ok()?;
        Some(Kept { name, number, commit })
    };
    let refs = project.refs_under(prefix).await?;
    let mut kept: Vec<Kept> = refs.into_iter().filter_map(state).collect();
    kept.sort_by_key(|kept| kept.number);
    Ok(kept)
}

/// Makes a disposable copy of `commit` at `dir` for a role that only reads: detached, no remotes, no branches. Returns
/// the objects directory that it borrows, which whoever uses git there must be able to read.
pub async fn detached_copy(repo: &Path, commit: &Commit, dir: &Path) -> Result<PathBuf> {
    let source = private_clone(repo, dir).await?;
    let checked_out =
        Git::at(dir).run(&["checkout", "--quiet", "--detach", hash(commit)?, "--"]).await;
    if checked_out.is_err() {
        let _ = fs::remove_dir_all(dir);
    }
    checked_out.map(|_| source.objects)
}

/// Returns the ref after the newest of `all`, with its number.
fn next_name(all: &[Kept], prefix: &str) -> (String, u32) {
    let number = all.last().map_or(0, |last| last.number) + 1;
    (format!("{prefix}{number}"), number)
}

/// What was fetched and then written anew on the ticket's branch.
fn replaced_prefix(ticket: &TicketKey) -> String {
    format!("refs/mission/replaced/{}/", ticket.branch())
}

fn kept_prefix(ticket: &TicketKey) -> String {
    format!("refs/mission/kept/{}/", ticket.branch())
}

/// Makes commits of `git` Mission Control's own, at `at`.
pub(crate) fn as_mission(git: Git, at: Timestamp) -> Git {
    let seconds = format!("{} +0000", at.as_second());
    let (name, email) = ("Mission Control", "mission@mission.invalid");
    git.with_env("GIT_AUTHOR_NAME", name)
        .with_env("GIT_AUTHOR_EMAIL", email)
        .with_env("GIT_AUTHOR_DATE", seconds.clone())
        .with_env("GIT_COMMITTER_NAME", name)
        .with_env("GIT_COMMITTER_EMAIL", email)
        .with_env("GIT_COMMITTER_DATE", seconds)
}
