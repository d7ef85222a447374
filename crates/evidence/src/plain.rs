//! Files and folders in places that a lane can change at any moment: what was looked at is what is read, and no link leads
//! elsewhere, neither the last part of a path nor one before it.

use std::fs::{self, File, ReadDir};
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open as open_at_path, openat};
use nix::sys::stat::Mode;

/// Opens the plain file at `inside` beneath `top`; `None` where there is something else: a link, a pipe, a folder, or a
/// path that leads through a link. Never waits for a writer. Where `top` itself is, is taken as it is.
///
/// # Errors
/// What the system said, [`io::ErrorKind::NotFound`] among it.
pub fn open(top: &Path, inside: &Path) -> io::Result<Option<File>> {
    // Without O_NONBLOCK to open a pipe waits for ever.
    let Some(file) = walk(top, inside, OFlag::O_NONBLOCK | OFlag::O_NOCTTY)? else {
        return Ok(None);
    };
    let file = File::from(file);
    Ok(file.metadata()?.is_file().then_some(file))
}

/// Reads the first `most` bytes of what [`open`] opens.
///
/// # Errors
/// As [`open`].
pub fn read(top: &Path, inside: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = open(top, inside)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Returns what is in the folder at `inside` beneath `top`; `None` where there is something else, as for [`open`]. Of the
/// entries the names are good for a new path, and not their own paths.
///
/// # Errors
/// As [`open`].
pub(crate) fn entries(top: &Path, inside: &Path) -> io::Result<Option<ReadDir>> {
    let Some(folder) = walk(top, inside, OFlag::O_DIRECTORY)? else { return Ok(None) };
    fs::read_dir(format!("/proc/self/fd/{}", folder.as_raw_fd())).map(Some)
}

/// Opens one part of the path after another, each from the folder before it.
fn walk(top: &Path, inside: &Path, last: OFlag) -> io::Result<Option<OwnedFd>> {
    let always = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut parts = inside.components().peekable();
    let flags = |is_last: bool| always | if is_last { last } else { OFlag::O_DIRECTORY };
    let mut at = open_at_path(top, flags(parts.peek().is_none()), Mode::empty());
    while let Some(part) = parts.next() {
        let Component::Normal(name) = part else { return Ok(None) };
        let Some(folder) = there(at)? else { return Ok(None) };
        at = openat(&folder, name, flags(parts.peek().is_none()), Mode::empty());
    }
    there(at)
}

/// Returns what was opened; `None` where there is a link, no folder on the way, or a socket.
fn there(opened: nix::Result<OwnedFd>) -> io::Result<Option<OwnedFd>> {
    match opened {
        Ok(it) => Ok(Some(it)),
        Err(Errno::ELOOP | Errno::ENOTDIR | Errno::ENXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
