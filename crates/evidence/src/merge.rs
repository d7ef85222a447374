//! Makes the commit that would land, in a scratch repository: nobody's checkout is touched.

use std::path::Path;

use mission_domain::ids::{Commit, TicketKey, Timestamp, Tree};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::io;
use crate::git::read::hash;
use crate::git::{Asked, Git};
use crate::lane_view::hand_over;
use crate::private_clone::private_clone;
use crate::snapshot::as_mission;

/// How a ticket's commits reach the default branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MergeMode {
    /// By a merge commit, always.
    Merge,
    /// Each commit again on top of the base.
    Rebase,
    /// As they are; the base must not have moved.
    FastForward,
}

/// What would land.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preview {
    /// This commit, which the project now has as [`landing_ref`].
    Ready {
        /// The commit.
        commit: Commit,
        /// Its tree.
        tree: Tree,
    },
    /// Nothing: the base contains the head already.
    AlreadyThere,
    /// The two changes contradict each other in these files.
    Conflict {
        /// Their paths.
        files: Vec<String>,
    },
    /// The mode does not allow it; the text says why and what to do.
    NotPossible {
        /// For a person.
        why: String,
    },
}

/// What to merge into what.
#[derive(Debug, Clone)]
pub struct Merge<'a> {
    /// The project's repository.
    pub project: &'a Path,
    /// The ticket whose work it is.
    pub ticket: &'a TicketKey,
    /// The default branch's commit.
    pub base: &'a Commit,
    /// The ticket's commit.
    pub head: &'a Commit,
    /// What the work is counted from, where that is known: what the base lacks of it would come along.
    pub from: Option<&'a Commit>,
    /// How.
    pub mode: MergeMode,
    /// The merge commit's message.
    pub message: &'a str,
    /// The time that new commits bear.
    pub at: Timestamp,
    /// Where scratch directories may be made.
    pub scratch: &'a Path,
}

/// Returns the ref in a project that holds the commit about to land for `ticket`.
pub fn landing_ref(ticket: &TicketKey) -> String {
    format!("refs/mission/landing/{}", ticket.branch())
}

/// Makes the commit that would land and brings it into the project as [`landing_ref`].
pub async fn preview(merge: &Merge<'_>) -> Result<Preview> {
    let project = Git::at(merge.project);
    if project.is_ancestor(merge.head, merge.base).await? {
        return Ok(Preview::AlreadyThere);
    }
    if let Some(from) = merge.from
        && from != merge.base
        && !project.is_ancestor(from, merge.base).await?
    {
        return Ok(Preview::NotPossible {
            why: format!(
                "the work is counted from {}, which the default branch does not hold, and landing would bring that along: \
                 bring the ticket up to date",
                from.short()
            ),
        });
    }
    let scratch = tempfile::Builder::new().prefix("merge-").tempdir_in(merge.scratch);
    let scratch = scratch.map_err(io("make a directory in", merge.scratch))?;
    private_clone(merge.project, scratch.path()).await?;
    let git = Git::at(scratch.path());
    let is_straight = git.is_ancestor(merge.base, merge.head).await?;
    let made = match merge.mode {
        MergeMode::Merge => merged(&git, merge).await?,
        MergeMode::FastForward if !is_straight => Made::NotPossible(
            "the default branch moved on, and this project lands by fast-forward only: bring the ticket up to date",
        ),
        MergeMode::Rebase if !is_straight => rebased(&git, merge).await?,
        MergeMode::FastForward | MergeMode::Rebase => Made::Commit(merge.head.clone()),
    };
    match made {
        Made::Commit(commit) if commit == *merge.base => Ok(Preview::AlreadyThere),
        Made::Commit(commit) => {
            let tree = git.tree_of(&commit).await?;
            let name = landing_ref(merge.ticket);
            hand_over(scratch.path(), merge.project, &commit, &name).await?;
            Ok(Preview::Ready { commit, tree })
        }
        Made::Conflict(files) => Ok(Preview::Conflict { files }),
        Made::NotPossible(why) => Ok(Preview::NotPossible { why: why.into() }),
    }
}

enum Made {
    Commit(Commit),
    Conflict(Vec<String>),
    NotPossible(&'static str),
}

enum Merged {
    Tree(String),
    Conflict(Vec<String>),
}

/// Merges two commits to a tree.
async fn merge_trees(git: &Git, ours: &Commit, theirs: &Commit) -> Result<Merged> {
    let args = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages"];
    let args = [&args[..], &[hash(ours)?, hash(theirs)?]].concat();
    let output = git.output(&args, Asked::default()).await?;
    let mut parts = crate::git::read::split_nul(&output.stdout);
    match (output.status.code(), parts.next()) {
        (Some(0), Some(tree)) => Ok(Merged::Tree(tree.trim().to_string())),
        (Some(1), Some(_)) => Ok(Merged::Conflict(parts.collect())),
        (Some(_) | None, Some(_) | None) => Err(git.refusal(&args, &output)),
    }
}

async fn merged(git: &Git, merge: &Merge<'_>) -> Result<Made> {
    let tree = match merge_trees(git, merge.base, merge.head).await? {
        Merged::Tree(tree) => tree,
        Merged::Conflict(files) => return Ok(Made::Conflict(files)),
    };
    let (base, head) = (hash(merge.base)?, hash(merge.head)?);
    let args = ["commit-tree", &tree, "-p", base, "-p", head, "-m", merge.message];
    let commit = as_mission(git.clone(), merge.at).text(&args).await?;
    Ok(Made::Commit(Commit::new(commit)))
}

async fn rebased(git: &Git, merge: &Merge<'_>) -> Result<Made> {
    if git.has_merges(merge.base, merge.head).await? {
        return Ok(Made::NotPossible(
            "the ticket's branch holds merge commits, which a rebase would lose: use `land = \"merge\"`",
        ));
    }
    let mut onto = merge.base.clone();
    for line in git.commits_between(merge.base, merge.head).await? {
        let commit = &line.commit;
        let Some(parent) = git.try_resolve(&format!("{}^", hash(commit)?)).await? else {
            return Ok(Made::NotPossible(
                "the ticket's branch shares no history with the default branch",
            ));
        };
        // The same files as `onto`, put beside `commit` on its parent: so git takes that for what the two have in common. (It can
        // be told so outright from version 2.40 on.)
        let files = git.tree_of(&onto).await?;
        let beside = ["commit-tree", files.as_str(), "-p", hash(&parent)?, "-m", "beside"];
        let beside = Commit::new(as_mission(git.clone(), merge.at).text(&beside).await?);
        let tree = match merge_trees(git, &beside, commit).await? {
            Merged::Tree(tree) => tree,
            Merged::Conflict(files) => return Ok(Made::Conflict(files)),
        };
        // A change that the base has already would be an empty commit.
        if files.as_str() == tree {
            continue;
        }
        let message = git.run(&["log", "-1", "--format=%B", hash(commit)?]).await?;
        let (name, email) = line.author;
        let mut author = as_mission(git.clone(), merge.at)
            .with_env("GIT_AUTHOR_NAME", name)
            .with_env("GIT_AUTHOR_EMAIL", email);
        if let Some(at) = line.at {
            author = author.with_env("GIT_AUTHOR_DATE", format!("{} +0000", at.as_second()));
        }
        let asked = Asked { input: &message, ..Asked::default() };
        let args = ["commit-tree", &tree, "-p", hash(&onto)?, "-F", "-"];
        let made = author.run_with(&args, asked).await?;
        onto = Commit::new(String::from_utf8_lossy(&made).trim());
    }
    Ok(Made::Commit(onto))
}
