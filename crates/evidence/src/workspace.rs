//! A ticket's private working copy: made from the project's repository, looked at without obeying it, brought back
//! by us and never pushed by the lane. What is kept before it goes is in [`crate::snapshot`].

use std::fs;
use std::path::{Path, PathBuf};

use mission_domain::ids::{Commit, TicketKey};

use crate::error::io;
use crate::git::Git;
use crate::git::read::hash;
use crate::lane_view::{LaneHead, LaneView, peek_head};
use crate::names::branch_name;
use crate::private_clone::{Source, private_clone, replace_file};
use crate::{Error, Result};

/// Where one ticket is worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// The project's repository.
    pub project: PathBuf,
    /// The ticket.
    pub ticket: TicketKey,
    /// The working copy's top directory.
    pub dir: PathBuf,
}

/// Who commits in a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Like `coder (codex)`.
    pub name: String,
    /// An address; it need not exist.
    pub email: String,
}

impl Identity {
    /// Names role and runtime as a git identity: `coder (codex)`.
    pub fn lane(role: &str, runtime: &str) -> Self {
        Self { name: format!("{role} ({runtime})"), email: format!("{role}@mission.invalid") }
    }
}

/// What a workspace holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceState {
    /// The commit that is checked out.
    pub head: Option<Commit>,
    /// The commit of the ticket's branch.
    pub branch: Option<Commit>,
    /// Whether the ticket's branch is the one that is checked out.
    pub is_on_branch: bool,
    /// Paths that differ from `head`, untracked ones included, ignored ones not.
    pub dirty: Vec<String>,
}

impl Workspace {
    /// Names the workspace of `ticket` at `dir`; touches nothing.
    pub fn at(project: impl Into<PathBuf>, ticket: TicketKey, dir: impl Into<PathBuf>) -> Self {
        Self { project: project.into(), ticket, dir: dir.into() }
    }

    /// Makes the working copy: the ticket's branch at `start`, the branch `base_branch` at `base`, no remotes.
    ///
    /// `base` is also kept alive in the project by a ref: this clone borrows the project's objects.
    ///
    /// # Errors
    /// [`Error::Exists`] where `dir` is not empty; [`Error::NoSuchCommit`]. What was made is removed again.
    pub async fn create(
        &self,
        base_branch: &str,
        base: &Commit,
        start: &Commit,
        identity: &Identity,
    ) -> Result<()> {
        let project = Git::at(&self.project);
        project.resolve(hash(start)?).await?;
        if base != start {
            project.resolve(hash(base)?).await?;
        }
        branch_name(base_branch)?;
        let source = private_clone(&self.project, &self.dir).await?;
        self.write_settings(&source, identity)?;
        let made = self.fill(base_branch, base, start).await;
        if made.is_err() {
            let _ = fs::remove_dir_all(&self.dir);
        }
        made
    }

    async fn fill(&self, base_branch: &str, base: &Commit, start: &Commit) -> Result<()> {
        let git = Git::at(&self.dir);
        let branch = self.ticket.branch();
        git.run(&["checkout", "--quiet", "--no-track", "-b", &branch, hash(start)?, "--"]).await?;
        self.refresh_base(base_branch, base).await
    }

    /// Rewrites the clone's settings: `identity` for commits, and nothing that a lane put there.
    pub async fn identify(&self, identity: &Identity) -> Result<()> {
        self.write_settings(&Source::of(&self.project).await?, identity)
    }

    fn write_settings(&self, source: &Source, identity: &Identity) -> Result<()> {
        let dot_git = self.dir.join(".git");
        self.must_be_a_directory(&dot_git)?;
        let quoted = |text: &str| {
            let text: String = text.chars().filter(|c| !c.is_control()).collect();
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
        };
        let (name, email) = (quoted(&identity.name), quoted(&identity.email));
        let user = format!("[user]\n\tname = {name}\n\temail = {email}\n");
        replace_file(&dot_git.join("config"), source.settings(false, &user).as_bytes())
    }

    /// Shows the lane the newest `base` as its local branch `base_branch`, and keeps it alive in the project. The
    /// ticket's own branch and the files stay as they are. Only while no attempt runs.
    pub async fn refresh_base(&self, base_branch: &str, base: &Commit) -> Result<()> {
        let mut dir = self.dir.join(".git/refs/heads");
        self.must_be_a_directory(&dir)?;
        let base_branch = branch_name(base_branch)?;
        if base_branch == self.ticket.branch() {
            return Ok(());
        }
        let (parents, leaf) = base_branch.rsplit_once('/').unwrap_or(("", base_branch));
        for part in parents.split('/').filter(|part| !part.is_empty()) {
            dir.push(part);
            if fs::symlink_metadata(&dir).is_err() {
                fs::create_dir(&dir).map_err(io("make", &dir))?;
            }
            self.must_be_a_directory(&dir)?;
        }
        Git::at(&self.project).set_mission_ref(&self.base_ref(), base).await?;
        replace_file(&dir.join(leaf), format!("{}\n", hash(base)?).as_bytes())
    }

    /// Looks at the working copy. Compares every file by content; obeys no setting of the lane.
    ///
    /// # Errors
    /// [`Error::Tampered`] where its `.git` is not as it was made.
    pub async fn state(&self) -> Result<WorkspaceState> {
        let view = self.view().await?;
        let head = view.head_commit().cloned();
        let dirty = LaneView::shown(&view.dirty_paths(head.as_ref()).await?);
        let name = self.lane_branch();
        let branch = view.refs.get(&name).cloned();
        Ok(WorkspaceState { head, branch, is_on_branch: view.head == LaneHead::Ref(name), dirty })
    }

    /// Returns the commit that is checked out, reading a few small files and starting no process.
    ///
    /// # Errors
    /// [`Error::Tampered`] where its `.git` is not as it was made.
    pub fn head(&self) -> Result<Option<Commit>> {
        peek_head(&self.dir)
    }

    /// Brings the ticket's branch into the project as [`Workspace::fetched_ref`] and returns its commit; `None`
    /// where the lane has deleted the branch. Objects are checked on their way in. What was fetched before and is no
    /// longer on the branch, since somebody wrote its history anew, stays beneath `refs/mission/replaced/`: it was
    /// delivered, and judged perhaps.
    ///
    /// # Errors
    /// [`Error::Tampered`]; [`Error::Git`] where objects are broken or missing.
    pub async fn fetch_back(&self) -> Result<Option<Commit>> {
        let view = self.view().await?;
        let Some(commit) = view.refs.get(&self.lane_branch()) else { return Ok(None) };
        self.keep_replaced(&view, commit).await?;
        view.hand_over(&self.project, commit, &self.fetched_ref()).await?;
        Ok(Some(commit.clone()))
    }

    /// Returns the ref in the project that holds what was last fetched: `refs/mission/heads/mc/7`.
    pub fn fetched_ref(&self) -> String {
        fetched_ref(&self.ticket)
    }

    /// Returns the directories outside `dir` that the lane must be able to read: the objects that it borrows.
    pub async fn borrowed(&self) -> Result<Vec<PathBuf>> {
        Ok(vec![Git::at(&self.project).objects_dir().await?])
    }

    /// Returns whether there is a working copy.
    pub fn exists(&self) -> bool {
        fs::symlink_metadata(self.dir.join(".git")).is_ok()
    }

    pub(crate) async fn view(&self) -> Result<LaneView> {
        LaneView::open(&self.dir, &self.project).await
    }

    pub(crate) fn lane_branch(&self) -> String {
        format!("refs/heads/{}", self.ticket.branch())
    }

    pub(crate) fn base_ref(&self) -> String {
        format!("refs/mission/base/{}", self.ticket.branch())
    }

    /// Refuses to write through a link that a lane put in the way.
    fn must_be_a_directory(&self, path: &Path) -> Result<()> {
        let mut at = self.dir.clone();
        let inside = path.strip_prefix(&self.dir).unwrap_or(path);
        for part in inside.components() {
            at.push(part);
            if !fs::symlink_metadata(&at).is_ok_and(|meta| meta.is_dir()) {
                let why = format!("`{}` is not a directory", inside.display());
                return Err(Error::Tampered { path: self.dir.clone(), why });
            }
        }
        Ok(())
    }
}

/// Returns the ref in a project that holds the fetched branch of `ticket`.
pub fn fetched_ref(ticket: &TicketKey) -> String {
    format!("refs/mission/heads/{}", ticket.branch())
}
