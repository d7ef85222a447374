//! What changed between two commits, and what differs in a working copy.

use mission_domain::ids::Commit;
use serde::{Deserialize, Serialize};

use super::read::{hash, split_nul};
use super::{Asked, Git};
use crate::{Error, Result};

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileStatus {
    /// It is new.
    Added,
    /// Its content or mode changed.
    Modified,
    /// It is gone.
    Deleted,
    /// It came from `old_path`.
    Renamed,
    /// It was copied from `old_path`.
    Copied,
    /// It became another kind of thing: a link, a submodule.
    TypeChanged,
}

/// One changed file, as git counts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ChangedFile {
    /// Where it is now, or was.
    pub path: String,
    /// Where it came from, for renames and copies.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub old_path: Option<String>,
    /// What happened to it.
    pub status: FileStatus,
    /// Lines added; 0 for binary files.
    pub added: u64,
    /// Lines removed; 0 for binary files.
    pub removed: u64,
    /// Whether git takes it for binary.
    pub binary: bool,
    /// Git's mode of it after the change, like `100644`; none where it is gone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mode: Option<String>,
    /// Git's mode of it before the change; none where it is new.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub old_mode: Option<String>,
    /// Where a symbolic link leads, or the commit that a submodule stands at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<String>,
    /// The same before the change.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub old_target: Option<String>,
}

/// A diff as text, cut where it was longer than asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffText {
    /// The unified diff; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// Whether more was there.
    pub is_cut: bool,
}

/// Keeps git from running anything that attributes or settings name while it compares, from leaving out submodules, and
/// from another form than the known one.
pub(crate) const PLAIN: [&str; 7] = [
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--ignore-submodules=none",
    "--submodule=short",
    "--src-prefix=a/",
    "--dst-prefix=b/",
];

/// Git's modes of what is no file: a symbolic link, and a submodule.
const LINK: &str = "120000";
const SUBMODULE: &str = "160000";

/// No path on Linux is longer, in bytes.
const MOST_TARGET: u64 = 4_096;

/// So many links are read: each is a process. Of the others it is not said where they lead.
const MOST_LINKS: usize = 200;

impl Git {
    /// Returns the files that differ between two commits, renames found, in path order.
    pub async fn changed_files(&self, base: &Commit, head: &Commit) -> Result<Vec<ChangedFile>> {
        let args = ["diff-tree", "-r", "-M", "-z", "--raw", "--no-abbrev", "--numstat"];
        let args = [args.as_slice(), &PLAIN, &[hash(base)?, hash(head)?, "--"]].concat();
        let bytes = self.run(&args).await?;
        let mut files = read_changes(&bytes).ok_or_else(|| Error::Unreadable {
            command: "git diff-tree".into(),
            why: "its list of files is not in the known form".into(),
        })?;
        // Until here it is the object's name: of a submodule the commit, of a link the text that says where it leads.
        let sides = files
            .iter_mut()
            .flat_map(|it| [(&it.mode, &mut it.target), (&it.old_mode, &mut it.old_target)]);
        let links = sides.filter(|(mode, _)| mode.as_deref() == Some(LINK));
        for (n, (_, target)) in links.enumerate() {
            let Some(blob) = target.take().filter(|_| n < MOST_LINKS) else { continue };
            let asked = Asked { cut_at: Some(MOST_TARGET), ..Asked::default() };
            let text = self.run_with(&["cat-file", "blob", &blob], asked).await?;
            *target = Some(String::from_utf8_lossy(&text).into_owned());
        }
        Ok(files)
    }

    /// Returns the diff between two commits, at most `most` bytes of it.
    pub async fn diff_text(&self, base: &Commit, head: &Commit, most: u64) -> Result<DiffText> {
        let args = [["diff", "-M"].as_slice(), &PLAIN, &[hash(base)?, hash(head)?, "--"]].concat();
        self.text_up_to(&args, most).await
    }

    async fn text_up_to(&self, args: &[&str], most: u64) -> Result<DiffText> {
        let asked = Asked { cut_at: Some(most.saturating_add(1)), ..Asked::default() };
        let mut bytes = self.run_with(args, asked).await?;
        let is_cut = bytes.len() as u64 > most;
        bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(DiffText { text: String::from_utf8_lossy(&bytes).into_owned(), is_cut })
    }

    /// Returns which commits of `base..old` became which of `base..new`, as `git range-diff` tells it, at most `most` bytes
    /// of it. Where the work was rebased in between, this is the change of the work alone.
    pub async fn range_diff(
        &self,
        base: &Commit,
        old: &Commit,
        new: &Commit,
        most: u64,
    ) -> Result<DiffText> {
        let ends = [hash(base)?, hash(old)?, hash(new)?];
        let args = [["range-diff"].as_slice(), &PLAIN, &ends].concat();
        self.text_up_to(&args, most).await
    }

    /// Returns the paths that differ from what is checked out, untracked ones included, ignored ones not. For
    /// repositories that a person owns; a lane's workspace is looked at through [`crate::workspace`].
    pub async fn dirty_paths(&self) -> Result<Vec<String>> {
        let args = ["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames"];
        let bytes = self.run(&[args.as_slice(), &["--ignore-submodules=all"]].concat()).await?;
        Ok(split_nul(&bytes).filter_map(|entry| entry.get(3..).map(String::from)).collect())
    }

    /// Returns whether anything differs from what is checked out.
    pub async fn is_dirty(&self) -> Result<bool> {
        Ok(!self.dirty_paths().await?.is_empty())
    }
}

/// Reads `--raw --numstat -z`: first all raw entries, then the counts in the same order.
fn read_changes(bytes: &[u8]) -> Option<Vec<ChangedFile>> {
    let mut fields = bytes.split(|byte| *byte == 0).map(|f| String::from_utf8_lossy(f)).peekable();
    let mut files = Vec::new();
    while fields.peek().is_some_and(|field| field.starts_with(':')) {
        let raw = fields.next()?.into_owned();
        let [old_mode, mode, old_object, object, status] =
            raw.strip_prefix(':')?.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let there = |mode: &str| (mode != "000000").then(|| mode.to_owned());
        let points =
            |mode, object: &str| [LINK, SUBMODULE].contains(&mode).then(|| object.to_owned());
        let (old_target, target) = (points(old_mode, old_object), points(mode, object));
        let (old_mode, mode) = (there(old_mode), there(mode));
        let status = match status.chars().next()? {
            'A' => FileStatus::Added,
            'M' => FileStatus::Modified,
            'D' => FileStatus::Deleted,
            'R' => FileStatus::Renamed,
            'C' => FileStatus::Copied,
            'T' => FileStatus::TypeChanged,
            _ => return None,
        };
        let first = fields.next()?.into_owned();
        let (old_path, path) = match status {
            FileStatus::Renamed | FileStatus::Copied => (Some(first), fields.next()?.into_owned()),
            FileStatus::Added
            | FileStatus::Modified
            | FileStatus::Deleted
            | FileStatus::TypeChanged => (None, first),
        };
        files.push(ChangedFile {
            path,
            old_path,
            status,
            added: 0,
            removed: 0,
            binary: false,
            mode,
            old_mode,
            target,
            old_target,
        });
    }
    for file in &mut files {
        let counts = fields.next()?;
        let mut parts = counts.splitn(3, '\t');
        let (added, removed) = (parts.next()?, parts.next()?);
        file.binary = added == "-";
        file.added = added.parse().unwrap_or(0);
        file.removed = removed.parse().unwrap_or(0);
        if file.old_path.is_some() {
            // A rename's counts are followed by both its paths.
            fields.next()?;
            fields.next()?;
        }
    }
    Some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_entries_and_counts_are_joined() {
        let bytes = b":100644 100644 a b M\0x y\0:100644 100644 a b R090\0old\0new\0:000000 100644 0 b A\0p.png\0\
                      3\t1\tx y\x001\t1\t\0old\0new\0-\t-\tp.png\0";
        let files = read_changes(bytes).expect("readable");
        let seen: Vec<_> = files.iter().map(|f| (f.path.as_str(), f.added, f.removed)).collect();
        assert_eq!(seen, [("x y", 3, 1), ("new", 1, 1), ("p.png", 0, 0)]);
        assert_eq!(files[1].old_path.as_deref(), Some("old"));
        assert!(files[2].binary);
    }

    #[test]
    fn a_truncated_answer_is_refused_and_never_a_shorter_list() {
        assert_eq!(read_changes(b":100644 100644 a b M\0x\0"), None);
        assert_eq!(read_changes(b":100644 100644 a b M\0"), None);
        assert_eq!(read_changes(b""), Some(Vec::new()));
    }
}
