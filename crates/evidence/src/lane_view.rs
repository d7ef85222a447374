//! Looks into a lane's clone without obeying it. A lane may have written anything into its `.git`: hooks, filters,
//! `fsmonitor`, links to other repositories. So git never runs with that directory: its refs are read here as plain
//! files, and its objects and working copy are used from a git directory of our own with our own settings.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mission_domain::ids::Commit;

use crate::aside::refuse_odd_rules;
use crate::error::io;
use crate::git::Git;
use crate::git::read::{hash, split_nul};
use crate::private_clone::{Source, alternates, make_git_dir};
use crate::{Error, Result, plain};

/// How long one call of git may take over a working copy that a lane made.
const LOOK_LIMIT: Duration = Duration::from_secs(30);

/// The most refs and the longest ref file that are read.
const MOST_REFS: usize = 10_000;
const MOST_REF_BYTES: u64 = 4 << 20;

/// The most stashes that are kept one by one.
const MOST_STASHES: usize = 1_000;

/// A trusted look at one lane's clone. Its own git directory is removed with it.
pub(crate) struct LaneView {
    dir: PathBuf,
    own: tempfile::TempDir,
    /// Full ref names with their commits, `HEAD` not among them.
    pub(crate) refs: BTreeMap<String, Commit>,
    /// What `HEAD` says.
    pub(crate) head: LaneHead,
}

/// What a lane's `HEAD` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LaneHead {
    /// The full name of a ref, which may not exist.
    Ref(String),
    /// A commit without a branch.
    Detached(Commit),
}

impl LaneHead {
    fn commit<'a>(&'a self, refs: &'a BTreeMap<String, Commit>) -> Option<&'a Commit> {
        match self {
            Self::Ref(name) => refs.get(name),
            Self::Detached(commit) => Some(commit),
        }
    }
}

/// Returns the commit that the `HEAD` of the clone in `dir` leads to, from its files alone.
pub(crate) fn peek_head(dir: &Path) -> Result<Option<Commit>> {
    let tampered = |why: String| Error::Tampered { path: dir.into(), why };
    let dot_git = dir.join(".git");
    check_directories(&dot_git).map_err(tampered)?;
    let (refs, head) = read_refs(&dot_git).map_err(tampered)?;
    Ok(head.commit(&refs).cloned())
}

impl LaneView {
    /// Looks at the clone in `dir`, which may borrow objects from `project` and from nowhere else.
    ///
    /// # Errors
    /// [`Error::Tampered`] where its `.git` is not as it was made.
    pub(crate) async fn open(dir: &Path, project: &Path) -> Result<Self> {
        let source = Source::of(project).await?;
        let dot_git = dir.join(".git");
        let tampered = |why: String| Error::Tampered { path: dir.into(), why };
        check_layout(&dot_git, &source).map_err(tampered)?;
        let (refs, head) = read_refs(&dot_git).map_err(tampered)?;
        let own = tempfile::Builder::new().prefix("mission-view-").tempdir();
        let own = own.map_err(io("make", Path::new("a temporary directory")))?;
        let borrowed = [dot_git.join("objects"), source.objects.clone()];
        let borrowed = borrowed.each_ref().map(PathBuf::as_path);
        make_git_dir(own.path(), &source, true, &borrowed)?;
        Ok(Self { dir: dir.into(), own, refs, head })
    }

    /// Returns the commit that `HEAD` leads to, if any.
    pub(crate) fn head_commit(&self) -> Option<&Commit> {
        self.head.commit(&self.refs)
    }

    /// Returns what the lane put aside with `git stash`, oldest first. Git names the newest by a ref; the others stand in
    /// its log alone. What is named there without being there is left out.
    pub(crate) async fn stashes(&self) -> Result<Vec<Commit>> {
        let tampered = |why: String| Error::Tampered { path: self.dir.clone(), why };
        let log = read_plain(&self.dir.join(".git"), "logs/refs/stash").map_err(tampered)?;
        let log = log.unwrap_or_default();
        let mut named: Vec<Commit> = Vec::new();
        let lines = log.lines().filter_map(|line| as_commit(line.split(' ').nth(1)?));
        for commit in lines.chain(self.refs.get("refs/stash").cloned()) {
            if !named.contains(&commit) {
                named.push(commit);
            }
            if named.len() > MOST_STASHES {
                return Err(tampered(format!("it has more than {MOST_STASHES} stashes")));
            }
        }
        let bare = Git::at(self.bare());
        let mut found = Vec::new();
        for commit in named {
            found.extend(bare.try_resolve(hash(&commit)?).await?);
        }
        Ok(found)
    }

    /// Returns a git with our own directory and settings and the lane's working copy.
    pub(crate) fn git(&self) -> Git {
        let index = self.own.path().join("index");
        let git = Git::at(&self.dir).with_git_dir(self.own.path()).time_limit(LOOK_LIMIT);
        git.with_env("GIT_INDEX_FILE", index)
    }

    /// Returns the bare repository that sees the lane's objects.
    pub(crate) fn bare(&self) -> &Path {
        self.own.path()
    }

    /// Makes our own index show `base` and returns the paths that differ from it or are untracked; ignored ones are
    /// not listed. Every file is compared by content: the lane's own index could claim that nothing changed.
    pub(crate) async fn dirty_paths(&self, base: Option<&Commit>) -> Result<Vec<Vec<u8>>> {
        let top = self.dir.clone();
        let looked = tokio::task::spawn_blocking(move || refuse_odd_rules(&top)).await;
        looked.expect("a walk does not panic, and nobody aborts it")?;
        let git = self.git();
        match base {
            Some(base) => git.run(&["read-tree", hash(base)?]).await?,
            None => git.run(&["read-tree", "--empty"]).await?,
        };
        // The index has no file times yet; without this every file would count as modified.
        let _ = git.output(&["update-index", "-q", "--refresh"], Default::default()).await?;
        let args = ["ls-files", "-z", "--modified", "--deleted", "--others", "--exclude-standard"];
        let bytes = git.run(&[args.as_slice(), &["--deduplicate"]].concat()).await?;
        let mut paths = BTreeSet::new();
        for path in bytes.split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
            match path.strip_suffix(b"/") {
                // Git names a repository inside the working copy by its directory and looks no further.
                Some(nested) => {
                    files_beneath(&self.dir, Path::new(OsStr::from_bytes(nested)), &mut paths)?
                }
                None => drop(paths.insert(path.to_vec())),
            }
        }
        Ok(paths.into_iter().collect())
    }

    /// Returns the paths in our own index.
    pub(crate) async fn listed(&self) -> Result<BTreeSet<Vec<u8>>> {
        let bytes = self.git().run(&["ls-files", "-z", "--cached"]).await?;
        let paths = bytes.split(|byte| *byte == 0).filter(|path| !path.is_empty());
        Ok(paths.map(<[u8]>::to_vec).collect())
    }

    /// Brings `commit` with all it needs into `project`, as the ref `name` beneath `refs/mission/`. Objects are
    /// checked on the way in.
    pub(crate) async fn hand_over(
        &self,
        project: &Path,
        commit: &Commit,
        name: &str,
    ) -> Result<()> {
        hand_over(self.bare(), project, commit, name).await
    }

    /// Makes texts of paths for a person.
    pub(crate) fn shown(paths: &[Vec<u8>]) -> Vec<String> {
        paths.iter().flat_map(|path| split_nul(path).collect::<Vec<_>>()).collect()
    }
}

/// Adds the files and links beneath `top/inside`, without the insides of any `.git` and without following links.
fn files_beneath(top: &Path, inside: &Path, paths: &mut BTreeSet<Vec<u8>>) -> Result<()> {
    let mut dirs = vec![inside.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        let full = top.join(&dir);
        let entries = plain::entries(top, &dir).map_err(io("read", &full))?;
        for entry in entries.into_iter().flatten() {
            let entry = entry.map_err(io("read", &full))?;
            let kind = entry.file_type().map_err(io("read", &full))?;
            let path = dir.join(entry.file_name());
            if entry.file_name().eq_ignore_ascii_case(".git") {
                continue;
            }
            if kind.is_dir() {
                dirs.push(path);
            } else if kind.is_file() || kind.is_symlink() {
                paths.insert(path.into_os_string().into_vec());
            }
        }
    }
    Ok(())
}

/// Brings `commit` from the bare repository or clone `from` into `project`, as the ref `name` beneath `refs/mission/`.
pub(crate) async fn hand_over(
    from: &Path,
    project: &Path,
    commit: &Commit,
    name: &str,
) -> Result<()> {
    let give = "refs/mission/give";
    Git::at(from).set_mission_ref(give, commit).await?;
    let from = from.display().to_string();
    let refspec = format!("+{give}:{name}");
    let args = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"];
    let args =
        [args.as_slice(), &["--no-recurse-submodules", "--refmap=", &from, &refspec]].concat();
    Git::at(project).run(&args).await?;
    Ok(())
}

/// Returns why `.git` is not as it was made, if so.
fn check_layout(dot_git: &Path, source: &Source) -> std::result::Result<(), String> {
    check_directories(dot_git)?;
    check_objects(dot_git, source)
}

fn check_directories(dot_git: &Path) -> std::result::Result<(), String> {
    for name in ["", "objects", "objects/info", "objects/pack", "refs", "refs/heads"] {
        let path = dot_git.join(name);
        let meta = fs::symlink_metadata(&path);
        let is_optional = matches!(name, "objects/pack" | "refs/heads");
        match meta {
            Ok(meta) if meta.is_dir() => {}
            Err(error) if is_optional && error.kind() == std::io::ErrorKind::NotFound => {}
            Ok(_) => return Err(format!("`.git/{name}` is not a directory")),
            Err(error) => return Err(format!("`.git/{name}` cannot be read: {error}")),
        }
    }
    for name in ["commondir", "gitdir", "objects/info/http-alternates", "reftable"] {
        if fs::symlink_metadata(dot_git.join(name)).is_ok() {
            return Err(format!("`.git/{name}` does not belong there"));
        }
    }
    Ok(())
}

fn check_objects(dot_git: &Path, source: &Source) -> std::result::Result<(), String> {
    let wanted = alternates(&[&source.objects]).map_err(|error| error.to_string())?;
    let found = read_plain(dot_git, "objects/info/alternates")?.unwrap_or_default();
    if found != wanted {
        return Err("`.git/objects/info/alternates` borrows from elsewhere".into());
    }
    if read_plain(dot_git, "shallow")?.unwrap_or_default() != source.shallow {
        return Err("`.git/shallow` cuts the history off elsewhere".into());
    }
    for dir in ["objects", "objects/pack", "objects/info"] {
        let Ok(entries) = fs::read_dir(dot_git.join(dir)) else { continue };
        for entry in entries {
            let entry = entry.map_err(|error| error.to_string())?;
            if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                return Err(format!("`.git/{dir}/{}` is a link", entry.file_name().display()));
            }
        }
    }
    Ok(())
}

type Refs = (BTreeMap<String, Commit>, LaneHead);

fn read_refs(dot_git: &Path) -> std::result::Result<Refs, String> {
    let mut refs = BTreeMap::new();
    let packed = read_plain(dot_git, "packed-refs")?.unwrap_or_default();
    for line in packed.lines().filter(|line| !line.starts_with(['#', '^'])) {
        if let Some((commit, name)) = line.split_once(' ') {
            refs.extend(as_commit(commit).map(|commit| (name.to_string(), commit)));
        }
    }
    collect_loose(dot_git, "refs", &mut refs)?;
    let head = read_plain(dot_git, "HEAD")?.ok_or("`.git/HEAD` is missing")?;
    let head = match head.trim().strip_prefix("ref:") {
        Some(name) => LaneHead::Ref(name.trim().to_string()),
        None => LaneHead::Detached(as_commit(head.trim()).ok_or("`.git/HEAD` names no commit")?),
    };
    Ok((refs, head))
}

fn collect_loose(
    dot_git: &Path,
    name: &str,
    refs: &mut BTreeMap<String, Commit>,
) -> std::result::Result<(), String> {
    let mut dirs = vec![name.to_string()];
    while let Some(dir) = dirs.pop() {
        let entries =
            plain::entries(dot_git, Path::new(&dir)).map_err(|error| error.to_string())?;
        for entry in entries.ok_or_else(|| format!("`.git/{dir}` is not a directory"))? {
            let entry = entry.map_err(|error| error.to_string())?;
            let name = format!("{dir}/{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().map_err(|error| error.to_string())?;
            if kind.is_symlink() {
                return Err(format!("`.git/{name}` is a link"));
            }
            if kind.is_dir() {
                dirs.push(name);
            } else {
                let text = read_plain(dot_git, Path::new(&dir).join(entry.file_name()))?;
                refs.extend(text.as_deref().and_then(as_commit).map(|commit| (name, commit)));
            }
            if refs.len() > MOST_REFS || dirs.len() > MOST_REFS {
                return Err(format!("it has more than {MOST_REFS} refs"));
            }
        }
    }
    Ok(())
}

/// Reads a file in `dot_git` that must be a plain one of sensible size; `None` where it is missing.
fn read_plain(
    dot_git: &Path,
    inside: impl AsRef<Path>,
) -> std::result::Result<Option<String>, String> {
    let inside = inside.as_ref();
    let shown = inside.file_name().unwrap_or_default().display();
    match plain::read(dot_git, inside, MOST_REF_BYTES + 1) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("`{shown}` cannot be read: {error}")),
        Ok(None) => Err(format!("`{shown}` is not a plain file")),
        Ok(Some(bytes)) if bytes.len() as u64 > MOST_REF_BYTES => {
            Err(format!("`{shown}` is too large"))
        }
        Ok(Some(bytes)) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
    }
}

fn as_commit(text: &str) -> Option<Commit> {
    let commit = Commit::new(text.trim().to_ascii_lowercase());
    hash(&commit).is_ok().then_some(commit)
}
