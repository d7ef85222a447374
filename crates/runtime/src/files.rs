//! The files of a lane: their names, and how they are written so that a crash leaves the old or the new one.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mission_domain::ids::Digest;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The longest path that a unix socket can have, its closing zero left out.
const SOCKET_PATH_BYTES: usize = 107;

/// Names the files of one lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneFiles(PathBuf);

impl LaneFiles {
    /// The files in `lane_dir`.
    pub fn new(lane_dir: &Path) -> Self {
        Self(lane_dir.to_owned())
    }

    /// Returns the folder.
    pub fn dir(&self) -> &Path {
        &self.0
    }

    /// The launch specification, 0600.
    pub fn spec(&self) -> PathBuf {
        self.0.join("spec.json")
    }

    /// Who the shim is and where it listens: [`ProcessCard`].
    pub fn shim(&self) -> PathBuf {
        self.0.join("shim.json")
    }

    /// What the shim says on its error stream.
    pub fn shim_log(&self) -> PathBuf {
        self.0.join("shim.log")
    }

    /// Raw bytes of the program's output.
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    /// When the journal grew: [`crate::times::Times`].
    pub fn times(&self) -> PathBuf {
        self.0.join("journal.times")
    }

    /// The frames of a session, both ways, for the drivers that speak a protocol.
    pub fn frames(&self) -> PathBuf {
        self.0.join("frames.log")
    }

    /// Numbered records.
    pub fn records(&self) -> PathBuf {
        self.0.join("records.jsonl")
    }

    /// How the attempt ended.
    pub fn exit(&self) -> PathBuf {
        self.0.join("exit.json")
    }

    /// There while everything in the lane is held still: [`crate::still::Still`].
    pub fn still(&self) -> PathBuf {
        self.0.join("still")
    }

    /// A folder with one entry, `mission`, for the child's PATH.
    pub fn bin(&self) -> PathBuf {
        self.0.join("bin")
    }
}

/// Who a process is, and where it listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessCard {
    /// Its process id.
    pub pid: i32,
    /// Its start in clock ticks since boot: tells it from a later process with the same id.
    pub pid_start_time: u64,
    /// Its socket.
    pub socket: PathBuf,
}

impl ProcessCard {
    /// Reads the card at `path`; none when there is none or it is not whole.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Writes the card to `path`.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec(self).map_err(Error::unreadable("a process card"))?;
        replace_for_now(path, &text)
    }
}

/// Makes `dir` and its parents; `dir` itself is open to its owner only.
pub(crate) fn private_dir(dir: &Path) -> Result<()> {
    if let Some(parent) = dir.parent() {
        std::fs::create_dir_all(parent).map_err(Error::file(parent))?;
    }
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(Error::file(dir)(e)),
    }
}

/// Keeps 16 KiB for a later [`replace`] of `path`: a disk that has become full meanwhile has them still.
pub(crate) fn reserve(path: &Path) -> Result<()> {
    let draft = path.with_extension("draft");
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft);
    file.and_then(|mut file| file.write_all(&[0; 16 * 1024])).map_err(Error::file(draft))
}

/// Puts `bytes` at `path` so that a crash leaves the old file or the new one, never a part. Mode 0600.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    put(path, bytes, true)
}

/// As [`replace`], for what only processes of now need: a power failure may lose it.
pub(crate) fn replace_for_now(path: &Path, bytes: &[u8]) -> Result<()> {
    put(path, bytes, false)
}

fn put(path: &Path, bytes: &[u8], is_durable: bool) -> Result<()> {
    let draft = path.with_extension("draft");
    let write = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(bytes)?;
        if !is_durable {
            return std::fs::rename(&draft, path);
        }
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        sync_dir(path)
    };
    write().map_err(Error::file(path))
}

/// Makes a rename in the folder of `path` durable.
pub(crate) fn sync_dir(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

/// Returns where a socket called `name` of the folder `dir` goes: there when the path is short enough, else in a folder
/// of this user's own under `$XDG_RUNTIME_DIR` or `/tmp`, named after the digest of the long path.
pub(crate) fn socket_path(dir: &Path, name: &str) -> Result<PathBuf> {
    let wanted = dir.join(name);
    if wanted.as_os_str().len() <= SOCKET_PATH_BYTES {
        return Ok(wanted);
    }
    let digest = Digest::of(wanted.as_os_str().as_encoded_bytes());
    Ok(short_folder()?.join(format!("{}.sock", &digest.hex()[..16])))
}

/// Returns where the only socket of the folder `dir`, which is made, goes; like [`socket_path`], but where the path is too long in a
/// folder of its own there: whoever may write beside this socket may write beside no other.
pub(crate) fn own_socket_path(dir: &Path) -> Result<PathBuf> {
    let wanted = dir.join("s");
    let wanted = if wanted.as_os_str().len() <= SOCKET_PATH_BYTES {
        wanted
    } else {
        let digest = Digest::of(wanted.as_os_str().as_encoded_bytes());
        short_folder()?.join(&digest.hex()[..16]).join("s")
    };
    wanted.parent().map_or(Ok(()), private_dir)?;
    Ok(wanted)
}

/// Returns this user's own folder with a short path, under `$XDG_RUNTIME_DIR` or `/tmp`.
fn short_folder() -> Result<PathBuf> {
    let user = nix::unistd::geteuid();
    let bases = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let bases = bases.into_iter().filter(|b| b.is_dir()).chain([PathBuf::from("/tmp")]);
    let folders = bases.map(|base| base.join(format!("mission-{user}")));
    let short = |folder: &PathBuf| folder.as_os_str().len() + 22 <= SOCKET_PATH_BYTES;
    let folder = folders.into_iter().find(short).unwrap_or_else(|| "/tmp/mission".into());
    private_dir(&folder)?;
    let seen = std::fs::symlink_metadata(&folder).map_err(Error::file(&folder))?;
    let is_ours = seen.is_dir() && seen.uid() == user.as_raw();
    if !is_ours || seen.permissions().mode() & 0o077 != 0 {
        let text = format!("`{}` is not a folder of this user alone", folder.display());
        return Err(Error::BadSpec(format!("{text}: remove it, or set XDG_RUNTIME_DIR")));
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_too_long_for_a_socket_falls_back_to_a_private_short_folder() {
        let temp = tempfile::tempdir().unwrap();
        let short = socket_path(temp.path(), "shim.sock").unwrap();
        assert_eq!(short, temp.path().join("shim.sock"));
        let deep = temp.path().join("x".repeat(120));
        let fallback = socket_path(&deep, "shim.sock").unwrap();
        assert!(fallback.as_os_str().len() <= SOCKET_PATH_BYTES);
        assert_eq!(fallback, socket_path(&deep, "shim.sock").unwrap());
        assert_ne!(fallback, socket_path(&deep, "other.sock").unwrap());
    }

    #[test]
    fn whoever_may_write_beside_a_socket_of_its_own_may_write_beside_no_other() {
        let temp = tempfile::tempdir().unwrap();
        let lane = temp.path().join("A-1");
        let own = own_socket_path(&lane.join("codex")).unwrap();
        assert_eq!(own.parent(), Some(lane.join("codex").as_path()));
        let deep = |name: &str| temp.path().join(name.repeat(120)).join("codex");
        let (one, other) =
            (own_socket_path(&deep("x")).unwrap(), own_socket_path(&deep("y")).unwrap());
        assert!(one.as_os_str().len() <= SOCKET_PATH_BYTES);
        assert_ne!(one.parent(), other.parent());
        let shim = socket_path(&deep("x"), "shim.sock").unwrap();
        assert!(!shim.starts_with(one.parent().unwrap()), "{}", shim.display());
        std::fs::remove_dir(one.parent().unwrap()).unwrap();
        std::fs::remove_dir(other.parent().unwrap()).unwrap();
    }
}
