//! Branches and refs: looked up, moved by compare-and-swap, removed.

use std::path::PathBuf;

use mission_domain::ids::Commit;

use super::read::hash;
use super::{Asked, Git};
use crate::names::branch_name;
use crate::{Error, Result};

/// Refuses to move or remove by force what is not ours.
fn ours(name: &str) -> Result<&str> {
    let why = "only refs beneath `refs/mission/` are Mission Control's";
    let bad = || Error::BadName { name: name.into(), why };
    name.starts_with("refs/mission/").then_some(name).ok_or_else(bad)
}

/// What became of a compare-and-swap.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Swap {
    /// The ref is at the new commit.
    Done,
    /// The ref was not where it was expected; it was left alone.
    Moved {
        /// Where it is; `None` where it does not exist.
        now: Option<Commit>,
    },
}

/// A working copy of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkingCopy {
    /// Its top directory.
    pub path: PathBuf,
    /// The full name of the branch that is checked out, unless detached.
    pub branch: Option<String>,
}

impl Git {
    /// Returns the branch that `HEAD` names, also where it has no commit yet; `None` where detached.
    pub async fn current_branch(&self) -> Result<Option<String>> {
        let args = ["symbolic-ref", "--quiet", "--short", "HEAD"];
        let output = self.output(&args, Asked::default()).await?;
        match output.status.code() {
            Some(0) => Ok(Some(String::from_utf8_lossy(&output.stdout).trim().to_string())),
            Some(1) => Ok(None),
            Some(_) | None => Err(self.refusal(&args, &output)),
        }
    }

    /// Returns whether the branch exists.
    pub async fn has_branch(&self, branch: &str) -> Result<bool> {
        let name = format!("refs/heads/{}", branch_name(branch)?);
        Ok(self.ref_at(&name).await?.is_some())
    }

    /// Returns the commit of a branch.
    ///
    /// # Errors
    /// [`crate::Error::NoCommits`] in an empty repository, [`crate::Error::NoSuchBranch`] where there is no such branch.
    pub async fn branch(&self, branch: &str) -> Result<Commit> {
        let named = self.resolve(&format!("refs/heads/{}", branch_name(branch)?)).await;
        named.map_err(|error| match error {
            Error::NoSuchCommit { .. } => Error::NoSuchBranch { branch: branch.into() },
            other => other,
        })
    }

    /// Returns where the ref with this full name is, if it exists.
    pub async fn ref_at(&self, name: &str) -> Result<Option<Commit>> {
        self.try_resolve(name).await
    }

    /// Returns the refs beneath `prefix` with their commits, in name order.
    pub async fn refs_under(&self, prefix: &str) -> Result<Vec<(String, Commit)>> {
        let format = "--format=%(objectname) %(refname)";
        let text = self.text(&["for-each-ref", format, prefix]).await?;
        let line = |line: &str| {
            let (commit, name) = line.split_once(' ')?;
            Some((name.to_string(), Commit::new(commit)))
        };
        Ok(text.lines().filter_map(line).collect())
    }

    /// Moves the ref `name` from `old` (`None`: it must not exist) to `new`, or leaves it alone.
    pub async fn swap_ref(&self, name: &str, new: &Commit, old: Option<&Commit>) -> Result<Swap> {
        let new = hash(new)?;
        let none = "0".repeat(new.len());
        let expected = match old {
            Some(old) => hash(old)?,
            None => &none,
        };
        let args = ["update-ref", "--no-deref", "-m", "mission", name, new, expected];
        let output = self.output(&args, Asked::default()).await?;
        if output.status.success() {
            return Ok(Swap::Done);
        }
        let now = self.ref_at(name).await?;
        if now.as_ref() == old {
            return Err(self.refusal(&args, &output));
        }
        Ok(Swap::Moved { now })
    }

    /// Sets the ref `name` to `new` wherever it was. Only for refs beneath `refs/mission/`, which are ours.
    pub(crate) async fn set_mission_ref(&self, name: &str, new: &Commit) -> Result<()> {
        // It is mostly there already: a ref in a file of its own is what it says, and no git has to be started for it.
        let file = self.dir.join(".git").join(ours(name)?);
        if std::fs::read_to_string(file).is_ok_and(|it| it.trim() == new.as_str()) {
            return Ok(());
        }
        self.run(&["update-ref", "--no-deref", "-m", "mission", ours(name)?, hash(new)?]).await?;
        Ok(())
    }

    /// Removes the ref `name` where it is at `old`. Only for refs beneath `refs/mission/`, which are ours.
    pub async fn drop_mission_ref(&self, name: &str, old: &Commit) -> Result<()> {
        self.run(&["update-ref", "--no-deref", "-d", ours(name)?, hash(old)?]).await?;
        Ok(())
    }

    /// Returns the main and the linked working copies; a bare repository itself is none.
    pub async fn working_copies(&self) -> Result<Vec<WorkingCopy>> {
        let bytes = self.run(&["worktree", "list", "--porcelain", "-z"]).await?;
        let text = String::from_utf8_lossy(&bytes);
        let copy = |record: &str| {
            let field = |name: &str| {
                record.split('\0').find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
            };
            let has = |name: &str| record.split('\0').any(|line| line == name);
            let path = PathBuf::from(field("worktree")?);
            let branch = field("branch").map(String::from);
            (!has("bare")).then_some(WorkingCopy { path, branch })
        };
        Ok(text.split("\0\0").filter_map(copy).collect())
    }
}
