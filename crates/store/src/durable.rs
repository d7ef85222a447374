//! Files that are there whole or not at all, and still there after a power cut.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Returns a name beside `path` for what is not whole yet.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.partial", std::process::id()));
    path.with_file_name(name)
}

/// Gives the whole file `partial` its name `path`, readable by its owner only.
pub(crate) fn put_in_place(partial: &Path, path: &Path) -> io::Result<()> {
    let file = File::open(partial)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.sync_all()?;
    std::fs::rename(partial, path)?;
    sync_folder_of(path)
}

/// Makes the names in the folder of `path` last.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
