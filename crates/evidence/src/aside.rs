//! What lies in a working copy beside its tree: files that git ignores, and repositories inside. Their content is in no
//! commit, so they are named for a person and told apart by what the file system says of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use mission_domain::ids::Digest;

use crate::error::io;
use crate::{Error, Result, plain};

/// The most files beside a tree that are looked at. A large `node_modules` has some hundred thousand.
const MOST_FILES: usize = 1_000_000;

/// The most that are named to a person, and the most of one file's content that is shown, in bytes.
const MOST_NAMED: usize = 200;
const MOST_SHOWN: usize = 64 << 10;

/// The files in a working copy that are in no tree.
pub(crate) struct Aside {
    top: PathBuf,
    /// Changes with every file that is written, added, removed, renamed, or given other rights. Nobody can turn back the
    /// time at which the file system saw that (`ctime`), so that the content need not be read.
    pub(crate) mark: Digest,
    /// Their paths beneath the top with their sizes, without the insides of repositories.
    files: Vec<(PathBuf, u64)>,
    /// The folders that git would take for repositories of their own.
    pub(crate) repositories: BTreeSet<PathBuf>,
    /// The links that lead out of the working copy, each with where it leads.
    pub(crate) outward: Vec<(PathBuf, PathBuf)>,
}

impl Aside {
    /// Looks at everything in `top` but its own `.git` and the `listed` paths.
    ///
    /// # Errors
    /// What the file system said, or more than a million files.
    pub(crate) fn of(top: &Path, listed: &BTreeSet<Vec<u8>>) -> Result<Self> {
        let (mut marks, mut found) = (Vec::new(), Vec::new());
        let (mut repositories, mut outward) = (BTreeSet::new(), Vec::new());
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let full = top.join(&folder);
            let is_own = folder.as_os_str().is_empty() || folder.ends_with(".git");
            if !is_own && is_repository(&full) {
                repositories.insert(folder.clone());
            }
            // What has become a link since its folder was read is not looked into.
            let entries = plain::entries(top, &folder).map_err(io("read", &full))?;
            for entry in entries.into_iter().flatten() {
                let entry = entry.map_err(io("read", &full))?;
                let path = folder.join(entry.file_name());
                let meta = match entry.metadata() {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                    other => other.map_err(io("read", &top.join(&path)))?,
                };
                if meta.is_symlink() {
                    outward.extend(leads_out(top, &path).map(|it| (path.clone(), it)));
                }
                if meta.is_dir() {
                    folders.extend(Some(path).filter(|it| it.as_os_str() != ".git"));
                } else if !listed.contains(path.as_os_str().as_bytes()) {
                    let mark =
                        (meta.ino(), meta.mode(), meta.size(), meta.ctime(), meta.ctime_nsec());
                    marks.push(format!("{mark:?} {path:?}"));
                    found.push((path, meta.size()));
                }
                if marks.len() > MOST_FILES {
                    let why = format!("more than {MOST_FILES} files there are in no commit");
                    return Err(Error::Tampered { path: top.into(), why });
                }
            }
        }
        marks.sort_unstable();
        let inside = |path: &Path| path.ancestors().any(|it| repositories.contains(it));
        let mut files: Vec<_> = found.into_iter().filter(|(path, _)| !inside(path)).collect();
        files.sort_unstable();
        let mark = Digest::of(marks.join("\n").as_bytes());
        Ok(Self { top: top.into(), mark, files, repositories, outward })
    }

    /// Returns it as a text for a person, with the content of the files that are or lie beneath one of `named`.
    pub(crate) fn told(&self, named: &[PathBuf]) -> String {
        let mut text = String::new();
        if !self.repositories.is_empty() {
            text.push_str(
                "\nRepositories of their own in there. Nobody looked at what git obeys in them:\n",
            );
            for path in &self.repositories {
                let _ = writeln!(text, "  {}", path.display());
            }
        }
        if self.files.is_empty() {
            return text;
        }
        let bytes: u64 = self.files.iter().map(|it| it.1).sum();
        let _ = writeln!(
            text,
            "\nBeside it {} files that git ignores, {bytes} bytes, of which the difference shows nothing:",
            self.files.len()
        );
        let is_named = |path: &Path| named.iter().any(|it| self.top.join(path).starts_with(it));
        let (mut first, rest): (Vec<_>, Vec<_>) = self.files.iter().partition(|it| is_named(&it.0));
        let shown = first.len().min(MOST_NAMED);
        first.extend(rest);
        for (path, size) in first.iter().take(MOST_NAMED) {
            let _ = writeln!(text, "  {}  {size} bytes", path.display());
        }
        if first.len() > MOST_NAMED {
            let _ = writeln!(text, "  … and {} more", first.len() - MOST_NAMED);
        }
        for (path, _) in first.iter().take(shown) {
            let _ = writeln!(text, "\n{} (ignored by git, named by the command):", path.display());
            text.push_str(&content(&self.top, path));
        }
        text
    }
}

/// Returns where the link `top/path` leads, if that is not in `top`; the link's own words where nothing is there.
fn leads_out(top: &Path, path: &Path) -> Option<PathBuf> {
    let link = top.join(path);
    let target = link.canonicalize().or_else(|_| {
        let folder = link.parent().unwrap_or(top);
        fs::read_link(&link).map(|it| plainly(&folder.join(it)))
    });
    let real = top.canonicalize().unwrap_or_else(|_| top.to_path_buf());
    target.ok().filter(|it| !it.starts_with(&real))
}

/// Returns `path` without `.` and `..`, from its words alone.
pub fn plainly(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut at, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(at.pop()),
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => at.push(part),
        }
        at
    })
}

/// Refuses a working copy in which a file that git reads while it looks is none: to open a pipe waits for ever.
pub(crate) fn refuse_odd_rules(top: &Path) -> Result<()> {
    const RULES: [&str; 3] = [".gitignore", ".gitattributes", ".gitmodules"];
    let mut folders = vec![top.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let is_rule = RULES.iter().any(|it| entry.file_name() == *it);
            if is_rule && !kind.is_file() && !kind.is_symlink() && !kind.is_dir() {
                let why = format!("`{}` is no plain file", entry.path().display());
                return Err(Error::Tampered { path: top.into(), why });
            }
            if kind.is_dir() && entry.file_name() != ".git" {
                folders.push(entry.path());
            }
        }
    }
    Ok(())
}

/// Returns the content of a plain text file, or a word that says why it is not shown.
fn content(top: &Path, path: &Path) -> String {
    // One byte more than is shown tells that there is more.
    match plain::read(top, path, MOST_SHOWN as u64 + 1) {
        Ok(None) => "(no plain file)\n".into(),
        Ok(Some(bytes)) if bytes.contains(&0) => "(no text)\n".into(),
        Ok(Some(bytes)) if bytes.len() > MOST_SHOWN => "(too long to show)\n".into(),
        Ok(Some(bytes)) => format!("{}\n", String::from_utf8_lossy(&bytes).trim_end()),
        Err(error) => format!("(cannot be read: {error})\n"),
    }
}

/// Returns whether git would take `folder` for a repository, bare or with a working copy.
pub(crate) fn is_repository(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).symlink_metadata().is_ok();
    has(".git") || ["HEAD", "objects", "refs"].into_iter().all(has)
}
