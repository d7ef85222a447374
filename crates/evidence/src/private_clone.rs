//! Makes a repository that borrows another's objects and has its own refs, settings and no remotes: what
//! `git clone --shared --no-checkout` leaves once its remote is removed, in one process.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::io;
use crate::git::Git;
use crate::{Error, Result};

/// Makes one at `dir`, which must be missing or empty, and returns the objects directory that it borrows.
pub(crate) async fn private_clone(source: &Path, dir: &Path) -> Result<PathBuf> {
    let objects = Git::at(source).objects_dir().await?;
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::Exists { path: dir.into() });
    }
    fs::create_dir_all(dir).map_err(io("make", dir))?;
    let format = object_format(source).await?;
    let format = format!("--object-format={format}");
    Git::at(dir).run(&["init", "--quiet", "--template=", &format, "--initial-branch=main"]).await?;
    let info = dir.join(".git/objects/info");
    fs::create_dir_all(&info).map_err(io("make", &info))?;
    borrow(&info, &[&objects])?;
    let hooks = dir.join(".git/hooks");
    fs::create_dir_all(&hooks).map_err(io("make", &hooks))?;
    Ok(objects)
}

/// Makes `info`'s repository borrow these objects directories.
pub(crate) fn borrow(info: &Path, objects: &[&Path]) -> Result<()> {
    let path = info.join("alternates");
    fs::write(&path, alternates(objects)?).map_err(io("write", &path))
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

/// Returns `sha1` or `sha256`.
pub(crate) async fn object_format(repo: &Path) -> Result<String> {
    Git::at(repo).text(&["rev-parse", "--show-object-format"]).await
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
