//! A clean checkout of exactly one commit, for checks: no work of anybody is in it but the commit's.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use mission_domain::ids::{Commit, Tree};

use crate::error::io;
use crate::git::read::split_nul;
use crate::git::{Asked, Git};
use crate::private_clone::{Source, make_git_dir};
use crate::snapshot::detached_copy;
use crate::{Error, Result};

/// What became of the tracked files of a checkout.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Files whose content, mode or kind is another, or that are gone.
    pub changed: Vec<String>,
    /// Files that were written, or put in another's place, and are as they were.
    pub touched: Vec<String>,
}

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
    stamps: BTreeMap<Vec<u8>, Stamp>,
}

/// What changes whenever a file is written or put in another's place. The time of its last change cannot be set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    mode: u32,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// Looks at the file or link at `path`; directories have none.
    fn of(path: &Path) -> Option<Self> {
        let meta = std::fs::symlink_metadata(path).ok().filter(|it| !it.is_dir())?;
        Some(Self {
            inode: meta.ino(),
            size: meta.size(),
            mode: meta.mode(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }
}

fn at(dir: &Path, path: &[u8]) -> PathBuf {
    dir.join(OsStr::from_bytes(path))
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
        // Our own look at the files, out of the reach of whatever runs there.
        make_git_dir(&scratch.path().join("own"), &Source::of(repo).await?, false, &[&borrowed])?;
        let tracked = git.run(&["ls-files", "-z"]).await?;
        let paths = tracked.split(|byte| *byte == 0).filter(|path| !path.is_empty());
        let stamp = |path: &[u8]| Some((path.to_vec(), Stamp::of(&at(&dir, path))?));
        let stamps = paths.filter_map(stamp).collect();
        Ok(Self { scratch, borrowed, commit, tree, stamps })
    }

    /// Returns which tracked files were written since the checkout was made. New files do not count: builds make them.
    ///
    /// # Errors
    /// What git said.
    pub async fn written(&self) -> Result<Written> {
        let dir = self.dir();
        let is_other =
            |(path, stamp): &(&Vec<u8>, &Stamp)| Stamp::of(&at(&dir, path)) != Some(**stamp);
        let written = self.stamps.iter().filter(is_other);
        let written: Vec<String> = written.flat_map(|(path, _)| split_nul(path)).collect();
        if written.is_empty() {
            return Ok(Written::default());
        }
        // A new index knows no times, so that every file is compared by its content.
        let git = Git::at(&dir).with_git_dir(self.scratch.path().join("own"));
        git.run(&["read-tree", crate::git::read::hash(&self.commit)?]).await?;
        let _ = git.output(&["update-index", "-q", "--refresh"], Asked::default()).await?;
        let list = ["ls-files", "-z", "--modified", "--deleted", "--deduplicate"];
        let changed: Vec<String> = split_nul(&git.run(&list).await?).collect();
        let touched = written.into_iter().filter(|path| !changed.contains(path)).collect();
        Ok(Written { changed, touched })
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
