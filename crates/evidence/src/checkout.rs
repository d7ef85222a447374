//! A clean checkout of exactly one commit, for checks: no work of anybody is in it but the commit's.

use std::path::{Path, PathBuf};

use mission_domain::ids::{Commit, Tree};

use crate::error::io;
use crate::git::Git;
use crate::snapshot::detached_copy;
use crate::{Error, Result};

/// A scratch directory with one commit checked out; removed when dropped.
#[derive(Debug)]
pub struct Checkout {
    scratch: tempfile::TempDir,
    /// The objects directory that it borrows: a check that uses git must be able to read it.
    pub borrowed: PathBuf,
    /// The commit.
    pub commit: Commit,
    /// Its tree.
    pub tree: Tree,
}

impl Checkout {
    /// Checks `commit` of `repo` out in a new directory beneath `parent`, and proves that it is that and nothing else.
    ///
    /// # Errors
    /// [`Error::NoSuchCommit`], [`Error::NotClean`], or what git said.
    pub async fn make(repo: &Path, commit: &Commit, parent: &Path) -> Result<Self> {
        let project = Git::at(repo);
        let commit = project.resolve(crate::git::read::hash(commit)?).await?;
        let scratch = tempfile::Builder::new().prefix("checkout-").tempdir_in(parent);
        let scratch = scratch.map_err(io("make a directory in", parent))?;
        let dir = scratch.path().join("tree");
        let borrowed = detached_copy(repo, &commit, &dir).await?;
        let git = Git::at(&dir);
        let answer = git.text(&["rev-parse", "--verify", "HEAD"]).await?;
        let (head, tree) = (Commit::new(answer), git.tree_of(&commit).await?);
        let mut files = git.dirty_paths().await?;
        if head != commit || !files.is_empty() {
            files.truncate(10);
            return Err(Error::NotClean { commit: commit.to_string(), files });
        }
        std::fs::create_dir(scratch.path().join("tmp")).map_err(io("make", scratch.path()))?;
        Ok(Self { scratch, borrowed, commit, tree })
    }

    /// Returns the checkout's top directory.
    pub fn dir(&self) -> PathBuf {
        self.scratch.path().join("tree")
    }

    /// Returns a directory for temporary files, beside the checkout and removed with it.
    pub fn tmp(&self) -> PathBuf {
        self.scratch.path().join("tmp")
    }
}
