//! Moves the default branch to exactly the tested commit, or says why not. Never by force.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mission_domain::ids::Commit;

use crate::Result;
use crate::git::Git;
use crate::git::changes::FileStatus;
use crate::git::read::hash;
use crate::git::refs::{Swap, WorkingCopy};
use crate::names::branch_name;

/// What to land where.
#[derive(Debug, Clone)]
pub struct Land<'a> {
    /// The project's repository; it must have the commit (see [`crate::merge::preview`]).
    pub project: &'a Path,
    /// The default branch.
    pub branch: &'a str,
    /// Where the branch was when the commit was tested.
    pub base: &'a Commit,
    /// The tested commit.
    pub commit: &'a Commit,
    /// The home of the person whose working copy is updated, for their filters and line endings; hooks never run.
    pub home: Option<&'a Path>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Landing {
    /// The branch is at the tested commit.
    Landed {
        /// The working copy that was updated with it, where the branch is checked out.
        checkout: Option<PathBuf>,
    },
    /// The branch contained the commit already.
    AlreadyThere,
    /// The branch is elsewhere than when the commit was tested: test again.
    BaseMoved {
        /// Where it is.
        now: Commit,
    },
    /// The branch is checked out, and uncommitted changes or untracked files are in the way. Nothing was touched.
    Overlaps {
        /// The working copy.
        checkout: PathBuf,
        /// Their paths.
        files: Vec<String>,
    },
    /// Git could not update the working copy where the branch is checked out. What it had written was taken back.
    Refused {
        /// What git said.
        why: String,
    },
    /// Somebody is using the working copy at this moment. Nothing was touched; try again.
    Busy {
        /// What git said.
        why: String,
    },
}

/// Lands the commit.
///
/// # Errors
/// [`crate::Error::NoSuchCommit`] where the project does not have the branch or the commit.
pub async fn land(what: &Land<'_>) -> Result<Landing> {
    let project = Git::at(what.project);
    project.resolve(hash(what.commit)?).await?;
    let now = project.branch(what.branch).await?;
    if project.is_ancestor(what.commit, &now).await? {
        return Ok(Landing::AlreadyThere);
    }
    if now != *what.base || !project.is_ancestor(&now, what.commit).await? {
        return Ok(Landing::BaseMoved { now });
    }
    let full = format!("refs/heads/{}", branch_name(what.branch)?);
    let copies = project.working_copies().await?;
    let holds = |copy: &&WorkingCopy| copy.branch.as_deref() == Some(&full) && copy.path.is_dir();
    let detached = copies.iter().filter(|copy| copy.branch.is_none() && copy.path.is_dir());
    for copy in detached {
        if is_rebasing(&copy.path, &full).await? {
            let why = format!("`{}` is being rebased in `{}`", what.branch, copy.path.display());
            return Ok(Landing::Busy { why });
        }
    }
    match copies.iter().find(holds) {
        Some(copy) => in_working_copy(what, &copy.path, &now).await,
        None => match project.swap_ref(&full, what.commit, Some(&now)).await? {
            Swap::Done => Ok(Landing::Landed { checkout: None }),
            Swap::Moved { now: Some(now) } => Ok(Landing::BaseMoved { now }),
            Swap::Moved { now: None } => {
                project.branch(what.branch).await.map(|now| Landing::BaseMoved { now })
            }
        },
    }
}

/// Returns whether somebody rebases the branch with this full name in the detached working copy at `path`. Git puts a branch
/// back where it was when its rebase is given up, and what landed meanwhile would be gone from it.
async fn is_rebasing(path: &Path, full: &str) -> Result<bool> {
    let folder = Git::at(path).text(&["rev-parse", "--absolute-git-dir"]).await?;
    // Where git itself looks before it moves a branch: `git help rebase`, "--apply" and "--merge".
    let names = ["rebase-merge/head-name", "rebase-apply/head-name"];
    let is_it = |name: &str| {
        let branch = std::fs::read_to_string(Path::new(folder.trim_end()).join(name));
        branch.is_ok_and(|it| it.trim_end() == full)
    };
    Ok(names.into_iter().any(is_it))
}

async fn in_working_copy(what: &Land<'_>, path: &Path, now: &Commit) -> Result<Landing> {
    let mut git = Git::at(path);
    if let Some(home) = what.home {
        git = git.with_user_settings(home);
    }
    let files = overlaps(&git, now, what.commit).await?;
    if !files.is_empty() {
        return Ok(Landing::Overlaps { checkout: path.into(), files });
    }
    let args = ["merge", "--quiet", "--ff-only", "--no-autostash", "--no-overwrite-ignore"];
    let args = [args.as_slice(), &["--no-verify-signatures", hash(what.commit)?]].concat();
    let output = git.output(&args, Default::default()).await?;
    let reached = git.head().await?;
    if reached == *what.commit {
        if git.branch(what.branch).await? == *now {
            // Somebody checked another branch out at this moment, and that one went along.
            return Ok(Landing::Busy { why: format!("`{}` was left meanwhile", what.branch) });
        }
        return Ok(Landing::Landed { checkout: Some(path.into()) });
    }
    if reached != *now {
        return Ok(Landing::BaseMoved { now: reached });
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let is_locked = said.contains(".lock") && said.contains("File exists");
    if is_locked || said.contains("unmerged") || said.contains("not concluded") {
        let why = said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().to_string();
        return Ok(Landing::Busy { why });
    }
    let named = |line: &str| line.strip_prefix('\t').map(String::from);
    let files: Vec<String> = said.lines().filter_map(named).collect();
    if said.contains("would be overwritten") && !files.is_empty() {
        return Ok(Landing::Overlaps { checkout: path.into(), files });
    }
    take_back(&git, now, what.commit).await?;
    Ok(Landing::Refused { why: git.refusal(&args, &output).to_string() })
}

/// Takes back what git wrote of `commit` before it gave up: none of these paths held anything of a person's own, and what is there
/// now is what the landing would have brought. Anything else is left as it is.
async fn take_back(git: &Git, now: &Commit, commit: &Commit) -> Result<()> {
    for file in git.changed_files(now, commit).await? {
        let path = file.path.as_str();
        let at = |of: &Commit| format!("{}:{path}", of.as_str());
        let brought = git.object_at(&at(commit)).await?;
        let there = git.output(&["hash-object", "--", path], Default::default()).await?;
        let there = String::from_utf8_lossy(&there.stdout).trim().to_owned();
        if there.is_empty() || brought.as_deref() != Some(there.as_str()) {
            continue;
        }
        if git.object_at(&at(now)).await?.is_none() {
            // It was not there before: the look for what is in the way saw that.
            let gone = std::fs::remove_file(git.dir().join(path));
            gone.map_err(crate::error::io("remove", Path::new(path)))?;
            continue;
        }
        // Where this fails too, git's words about the landing say why.
        let back = ["restore", "--source", hash(now)?, "--staged", "--worktree", "--", path];
        let _ = git.output(&back, Default::default()).await?;
    }
    Ok(())
}

/// Returns the paths that the landing would change and that hold something uncommitted, untracked or ignored.
async fn overlaps(git: &Git, now: &Commit, commit: &Commit) -> Result<Vec<String>> {
    let mut touched = BTreeSet::new();
    let mut in_the_way = BTreeSet::new();
    for file in git.changed_files(now, commit).await? {
        let is_new =
            matches!(file.status, FileStatus::Added | FileStatus::Renamed | FileStatus::Copied);
        // Also an ignored file would be lost under a new one, and git's status does not list it.
        if is_new
            && std::fs::symlink_metadata(git.dir().join(&file.path)).is_ok_and(|m| !m.is_dir())
        {
            in_the_way.insert(file.path.clone());
        }
        touched.extend(file.old_path);
        touched.insert(file.path);
    }
    let dirty = git.dirty_paths().await?;
    let hits = |path: &String| {
        let beneath =
            |a: &str, b: &str| a.strip_prefix(b).is_some_and(|rest| rest.starts_with('/'));
        touched.iter().any(|t| t == path || beneath(t, path) || beneath(path, t))
    };
    in_the_way.extend(dirty.into_iter().filter(hits));
    Ok(in_the_way.into_iter().collect())
}
