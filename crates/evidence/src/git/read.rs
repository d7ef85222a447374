//! Reads commits, trees and files; changes nothing.

use std::path::PathBuf;

use globset::GlobSet;
use mission_domain::ids::{Commit, Digest, Timestamp, Tree};

use super::changes::PLAIN;
use super::{Asked, Git};
use crate::{Error, Result};

/// The most bytes of one file that are read from a commit.
pub const MOST_FILE_BYTES: u64 = 16 << 20;

/// The most bytes of a patch that are read.
const MOST_PATCH_BYTES: u64 = 4 << 20;

/// One commit and who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitLine {
    /// Its hash.
    pub commit: Commit,
    /// Its author's name and address.
    pub author: (String, String),
    /// Its committer's name and address.
    pub committer: (String, String),
    /// When it was authored.
    pub at: Option<Timestamp>,
    /// The first line of its message.
    pub subject: String,
}

/// Returns the hash where it is one: what was read from elsewhere must not become an option or an expression.
pub(crate) fn hash(commit: &Commit) -> Result<&str> {
    let text = commit.as_str();
    let is_hash = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
    let bad = || Error::NoSuchCommit { name: text.chars().take(80).collect() };
    is_hash.then_some(text).ok_or_else(bad)
}

impl Git {
    /// Returns the commit that is checked out.
    ///
    /// # Errors
    /// [`Error::NoCommits`] in a repository without any, [`Error::NotARepository`].
    pub async fn head(&self) -> Result<Commit> {
        if let Some(commit) = self.try_resolve("HEAD").await? {
            return Ok(commit);
        }
        Err(Error::NoCommits { path: self.dir().into() })
    }

    /// Returns the commit that `name` (branch, tag, hash, ref) stands for.
    ///
    /// # Errors
    /// [`Error::NoCommits`] where the repository has none at all, else [`Error::NoSuchCommit`].
    pub async fn resolve(&self, name: &str) -> Result<Commit> {
        if let Some(commit) = self.try_resolve(name).await? {
            return Ok(commit);
        }
        let any = self.text(&["for-each-ref", "--count=1", "--format=%(objectname)"]).await?;
        if any.is_empty() && self.try_resolve("HEAD").await?.is_none() {
            return Err(Error::NoCommits { path: self.dir().into() });
        }
        Err(Error::NoSuchCommit { name: name.chars().take(80).collect() })
    }

    /// Returns the commit that `name` stands for, if any.
    pub async fn try_resolve(&self, name: &str) -> Result<Option<Commit>> {
        let wanted = format!("{name}^{{commit}}");
        let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted];
        let output = self.output(&args, Asked::default()).await?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_string();
        match output.status.code() {
            Some(0) if !text.is_empty() => Ok(Some(Commit::new(text))),
            Some(0 | 1) => Ok(None),
            Some(128) if !self.refusal(&args, &output).is_not_a_repository() => Ok(None),
            Some(_) | None => Err(self.refusal(&args, &output)),
        }
    }

    /// Returns the tree of `commit`.
    pub async fn tree_of(&self, commit: &Commit) -> Result<Tree> {
        let wanted = format!("{}^{{tree}}", hash(commit)?);
        Ok(Tree::new(self.text(&["rev-parse", "--verify", "--end-of-options", &wanted]).await?))
    }

    /// Returns the best common ancestor, or `None` where the histories share nothing.
    pub async fn merge_base(&self, one: &Commit, other: &Commit) -> Result<Option<Commit>> {
        let args = ["merge-base", hash(one)?, hash(other)?];
        let output = self.output(&args, Asked::default()).await?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_string();
        match output.status.code() {
            Some(0) => Ok(Some(Commit::new(text))),
            Some(1) => Ok(None),
            Some(_) | None => Err(self.refusal(&args, &output)),
        }
    }

    /// Returns whether `descendant` contains `ancestor`; a commit contains itself.
    pub async fn is_ancestor(&self, ancestor: &Commit, descendant: &Commit) -> Result<bool> {
        self.is(&["merge-base", "--is-ancestor", hash(ancestor)?, hash(descendant)?]).await
    }

    /// Returns the commits that `head` has and `base` has not, oldest first.
    pub async fn commits_between(&self, base: &Commit, head: &Commit) -> Result<Vec<CommitLine>> {
        let range = format!("{}..{}", hash(base)?, hash(head)?);
        let format = "--format=%H%x00%an%x00%ae%x00%cn%x00%ce%x00%aI%x00%s%x00";
        let args = ["log", "--reverse", "--topo-order", "--no-decorate", format, &range, "--"];
        let bytes = self.run(&args).await?;
        let text = String::from_utf8_lossy(&bytes);
        let fields: Vec<&str> = text.split('\0').collect();
        let line = |f: &[&str]| match f {
            [commit, an, ae, cn, ce, at, subject] => Some(CommitLine {
                commit: Commit::new(commit.trim()),
                author: ((*an).into(), (*ae).into()),
                committer: ((*cn).into(), (*ce).into()),
                at: at.parse().ok(),
                subject: (*subject).into(),
            }),
            _ => None,
        };
        Ok(fields.chunks(7).filter_map(line).collect())
    }

    /// Returns whether a commit between `base` and `head` has more than one parent.
    pub async fn has_merges(&self, base: &Commit, head: &Commit) -> Result<bool> {
        let range = format!("{}..{}", hash(base)?, hash(head)?);
        Ok(!self.text(&["rev-list", "--merges", "--max-count=1", &range]).await?.is_empty())
    }

    /// Returns the bytes of `path` in `commit`, or `None` where it is no file there. At most 16 MiB.
    pub async fn show_file(&self, commit: &Commit, path: &str) -> Result<Option<Vec<u8>>> {
        let wanted = format!("{}:{}", hash(commit)?, path.trim_start_matches("./"));
        let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted];
        let found = self.output(&args, Asked::default()).await?;
        if !found.status.success() {
            return Ok(None);
        }
        let blob = String::from_utf8_lossy(&found.stdout).trim().to_string();
        if self.text(&["cat-file", "-t", &blob]).await? != "blob" {
            return Ok(None);
        }
        let asked = Asked { cut_at: Some(MOST_FILE_BYTES), ..Asked::default() };
        self.run_with(&["cat-file", "blob", &blob], asked).await.map(Some)
    }

    /// Returns the paths in `commit` that match `globs`; all where `globs` is `None`.
    pub async fn list_files(
        &self,
        commit: &Commit,
        globs: Option<&GlobSet>,
    ) -> Result<Vec<String>> {
        let bytes = self.run(&["ls-tree", "-r", "-z", "--name-only", hash(commit)?]).await?;
        let paths = split_nul(&bytes);
        Ok(paths.filter(|path| globs.is_none_or(|globs| globs.is_match(path))).collect())
    }

    /// Returns what identifies the change from `base` to `head` over rebases, or `None` where nothing changed.
    pub async fn patch_id(&self, base: &Commit, head: &Commit) -> Result<Option<Digest>> {
        let (base, head) = (hash(base)?, hash(head)?);
        let how = ["diff", "--no-renames", "--full-index", "--binary"];
        let args = [how.as_slice(), &PLAIN, &[base, head, "--"]].concat();
        let patch = self.run(&args).await?;
        let asked = Asked { input: &patch, ..Asked::default() };
        let answer = self.run_with(&["patch-id", "--stable"], asked).await?;
        let answer = String::from_utf8_lossy(&answer);
        Ok(answer.split_whitespace().next().map(|id| Digest::of(id.as_bytes())))
    }

    /// Returns the change from `base` to `head` as a unified diff with `context` lines around each change, renames found.
    /// At most 4 MiB; what is longer is cut.
    pub async fn patch(&self, base: &Commit, head: &Commit, context: u32) -> Result<Vec<u8>> {
        let context = format!("--unified={context}");
        let how = ["diff", "--find-renames", &context];
        let args = [how.as_slice(), &PLAIN, &[hash(base)?, hash(head)?, "--"]].concat();
        let asked = Asked { cut_at: Some(MOST_PATCH_BYTES), ..Asked::default() };
        self.run_with(&args, asked).await
    }

    /// Returns where the repository of `dir`, or of the nearest directory above it, has its top.
    pub async fn find(dir: impl Into<PathBuf>) -> Result<PathBuf> {
        let git = Self::at(dir).with_env("GIT_CEILING_DIRECTORIES", "");
        let output = git.output(&["rev-parse", "--show-toplevel"], Asked::default()).await?;
        if output.status.success() {
            return Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end()));
        }
        // A bare repository has no working copy; its own directory is its top.
        Ok(PathBuf::from(git.text(&["rev-parse", "--absolute-git-dir"]).await?))
    }

    /// Returns the object that `name` stands for, like `COMMIT:PATH`; nothing where there is none.
    pub(crate) async fn object_at(&self, name: &str) -> Result<Option<String>> {
        let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", name];
        let output = self.output(&args, Asked::default()).await?;
        let object = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(output.status.success().then_some(object))
    }

    /// Returns the directory that holds the repository's objects, resolved.
    pub async fn objects_dir(&self) -> Result<PathBuf> {
        let path = self.text(&["rev-parse", "--git-path", "objects"]).await?;
        let path = self.dir().join(path);
        path.canonicalize().map_err(crate::error::io("find", &path))
    }
}

impl Error {
    pub(crate) fn is_not_a_repository(&self) -> bool {
        matches!(self, Self::NotARepository { .. })
    }
}

/// Splits git's `-z` output into texts; bytes that are not UTF-8 become replacement characters.
pub(crate) fn split_nul(bytes: &[u8]) -> impl Iterator<Item = String> {
    let parts = bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty());
    parts.map(|part| String::from_utf8_lossy(part).into_owned())
}
