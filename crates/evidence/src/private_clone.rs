//! Makes a repository that borrows another's objects and has its own refs, settings and no remotes: what
//! `git clone --shared --no-checkout` leaves once its remote is removed, without starting git for it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::io;
use crate::git::Git;
use crate::{Error, Result};

/// What a clone takes from its source.
pub(crate) struct Source {
    /// The source's objects directory, resolved.
    pub(crate) objects: PathBuf,
    /// `sha1` or `sha256`.
    pub(crate) format: String,
    /// Where the source's own history is cut off, as git writes it; empty where it is whole.
    pub(crate) shallow: String,
}

impl Source {
    /// Asks `repo` for them.
    pub(crate) async fn of(repo: &Path) -> Result<Self> {
        let args = ["rev-parse", "--show-object-format", "--git-path", "objects"];
        let args = [args.as_slice(), &["--git-path", "shallow"]].concat();
        let answer = Git::at(repo).text(&args).await?;
        let mut lines = answer.lines();
        let mut line = || lines.next().unwrap_or_default();
        let (format, objects, shallow) = (line().to_string(), repo.join(line()), repo.join(line()));
        let objects = objects.canonicalize().map_err(io("find", &objects))?;
        let shallow = fs::read_to_string(shallow).unwrap_or_default();
        Ok(Self { objects, format, shallow })
    }

    /// Returns the settings of a repository with these objects, and `more`.
    pub(crate) fn settings(&self, is_bare: bool, more: &str) -> String {
        let (version, extension) = match self.format.as_str() {
            "sha1" => (0, String::new()),
            other => (1, format!("[extensions]\n\tobjectFormat = {other}\n")),
        };
        format!(
            "[core]\n\trepositoryformatversion = {version}\n\tfilemode = true\n\tbare = {is_bare}\n\
             \tlogallrefupdates = true\n{extension}[commit]\n\tgpgSign = false\n[gc]\n\tauto = 0\n{more}"
        )
    }
}

/// Makes one at `dir`, which must be missing or empty.
pub(crate) async fn private_clone(source: &Path, dir: &Path) -> Result<Source> {
    let source = Source::of(source).await?;
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::Exists { path: dir.into() });
    }
    make_git_dir(&dir.join(".git"), &source, false, &[&source.objects])?;
    Ok(source)
}

/// Writes an empty git directory, after the source's ways, that borrows these objects directories.
pub(crate) fn make_git_dir(
    dir: &Path,
    source: &Source,
    is_bare: bool,
    objects: &[&Path],
) -> Result<()> {
    for name in ["objects/info", "objects/pack", "refs/heads", "refs/tags", "hooks", "info"] {
        let path = dir.join(name);
        fs::create_dir_all(&path).map_err(io("make", &path))?;
    }
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::write(&path, text).map_err(io("write", &path))
    };
    write("objects/info/alternates", &alternates(objects)?)?;
    write("config", &source.settings(is_bare, ""))?;
    if !source.shallow.is_empty() {
        write("shallow", &source.shallow)?;
    }
    write("HEAD", "ref: refs/heads/main\n")
}

/// Returns the content of an `alternates` file.
pub(crate) fn alternates(objects: &[&Path]) -> Result<String> {
    let line = |path: &&Path| {
        let text = path.display().to_string();
        let is_plain = !text.contains('\n') && !text.starts_with('#') && !text.starts_with('"');
        let bad =
            Error::BadName { name: text.clone(), why: "git cannot borrow objects from this path" };
        if is_plain { Ok(format!("{text}\n")) } else { Err(bad) }
    };
    objects.iter().map(line).collect()
}

/// Writes `bytes` to `path` in one step: a reader sees the old or the new file, and a link at `path` is replaced,
/// never followed.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let write = || {
        let mut file = tempfile::Builder::new().prefix(".mission-").tempfile_in(dir)?;
        file.write_all(bytes)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(io("write", path))
}
