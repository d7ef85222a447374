//! One controller per home: whoever holds the lock on `mission.lock`.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::{Error, Result};

/// The lock on a home. It ends with this value, or with the process, however that ends.
#[derive(Debug)]
pub(crate) struct HomeLock {
    _file: File,
}

impl HomeLock {
    /// Takes the lock of `home`, or says who has it. The home is made where there is none.
    pub(crate) fn take(home: &Path) -> Result<Self> {
        let mut folder = DirBuilder::new();
        folder.recursive(true).mode(0o700).create(home).map_err(Error::unavailable)?;
        let mut open = OpenOptions::new();
        open.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = open.open(home.join("mission.lock")).map_err(Error::unavailable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked { by: holder(&mut file) }),
            Err(TryLockError::Error(problem)) => return Err(Error::unavailable(problem)),
        }
        write_pid(&mut file).map_err(Error::unavailable)?;
        Ok(Self { _file: file })
    }
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => format!("process {}", text.trim()),
        // It was taken this very moment.
        Ok(_) | Err(_) => "another process".into(),
    }
}
