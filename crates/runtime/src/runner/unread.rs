//! What a dead shim had not read of its program's output. A pipe keeps it for as long as anybody holds an end, and whoever holds the
//! writing end can be asked for the pipe through `/proc/PID/fd`.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::proc_tree::Process;

/// The pipes of a program's output, by inode; none for those that nobody was found to hold.
#[derive(Debug)]
pub(crate) struct Unread(BTreeMap<u64, Option<File>>);

impl Unread {
    /// Nothing is open yet of `pipes`, given by their inodes.
    pub(crate) fn of(pipes: Vec<u64>) -> Self {
        Self(pipes.into_iter().map(|pipe| (pipe, None)).collect())
    }

    /// Opens what `holders` hold of the pipes. From here on what is in them stays, whatever becomes of the holders.
    pub(crate) fn reach(&mut self, holders: &[Process]) {
        for holder in holders {
            if self.0.values().all(Option::is_some) {
                return;
            }
            let fds = std::fs::read_dir(format!("/proc/{}/fd", holder.pid));
            for fd in fds.into_iter().flatten().flatten() {
                let held = std::fs::read_link(fd.path()).ok().and_then(|target| inode(&target));
                if let Some(pipe) = held.and_then(|held| self.0.get_mut(&held))
                    && pipe.is_none()
                {
                    *pipe = open(&fd.path()).ok();
                }
            }
        }
    }

    /// Puts what the pipes hold at the end of the journal at `path` and says what came of it.
    pub(crate) fn keep(self, path: &Path) -> String {
        if self.0.is_empty() {
            return "output that it had not read is not to be had".to_owned();
        }
        let is_whole = self.0.values().all(Option::is_some);
        let mut rest = Vec::new();
        for mut pipe in self.0.into_values().flatten() {
            read_all(&mut pipe, &mut rest);
        }
        if rest.is_empty() && !is_whole {
            return "output that it had not read is lost: its pipes were gone".to_owned();
        }
        let journal = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        match journal.and_then(|mut file| file.write_all(&rest)) {
            Ok(()) if rest.is_empty() => "it had read all output".to_owned(),
            Ok(()) => format!("{} bytes of output that it had not read were kept", rest.len()),
            Err(e) => format!("{} bytes of output could not be kept: {e}", rest.len()),
        }
    }
}

/// Reads what is there without waiting for more: a holder that could not be ended keeps the pipe open.
fn read_all(pipe: &mut File, rest: &mut Vec<u8>) {
    let mut buffer = [0; 64 * 1024];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => rest.extend_from_slice(&buffer[..length]),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Reads `pipe:[4711]`.
fn inode(target: &Path) -> Option<u64> {
    target.to_str()?.strip_prefix("pipe:[")?.strip_suffix(']')?.parse().ok()
}

/// The reading end of the pipe whose writing end is shown at `path`.
fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc_tree::process;

    #[test]
    fn what_nobody_reads_any_more_is_taken_from_the_writers_end() {
        let temp = tempfile::tempdir().unwrap();
        let journal = temp.path().join("journal");
        std::fs::write(&journal, "read before; ").unwrap();
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"last words").unwrap();
        let pipe = nix::sys::stat::fstat(&reader).unwrap().st_ino;
        drop(reader);
        let mut unread = Unread::of(vec![pipe]);
        unread.reach(&[process(std::process::id().cast_signed()).unwrap()]);
        drop(writer);
        assert_eq!(unread.keep(&journal), "10 bytes of output that it had not read were kept");
        assert_eq!(std::fs::read_to_string(journal).unwrap(), "read before; last words");
    }

    #[test]
    fn a_pipe_that_nobody_holds_is_said_to_be_lost() {
        let mut unread = Unread::of(vec![u64::MAX]);
        unread.reach(&[process(std::process::id().cast_signed()).unwrap()]);
        let told = unread.keep(Path::new("/nowhere/journal"));
        assert_eq!(told, "output that it had not read is lost: its pipes were gone");
    }
}
