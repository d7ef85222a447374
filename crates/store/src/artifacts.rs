//! Large things by their SHA-256, as files of the home. Calls block: use a blocking thread.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use mission_domain::ids::Digest;
use sha2::Digest as _;

use crate::{Error, Result, crashpoint, durable};

/// How much of a file is held at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// Tells apart what this process writes at the same time.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The folder `artifacts/` of a home: one file per content, `ab/cdef…`.
#[derive(Debug, Clone)]
pub struct Artifacts {
    folder: PathBuf,
}

/// What is wrong with a kept artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// It is not there.
    Missing,
    /// Its content has this digest instead.
    Altered(Digest),
}

impl Artifacts {
    /// Names the artifacts of `home`; the folder appears with the first one.
    pub fn of(home: &Path) -> Self {
        Self { folder: home.join("artifacts") }
    }

    /// Returns where the content of `digest` is kept, whether or not it is there.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        let (first, rest) = digest.hex().split_at(2);
        self.folder.join(first).join(rest)
    }

    /// Keeps `bytes` durably and returns their digest; what is there already is not written again.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest> {
        self.put_from(bytes)
    }

    /// Keeps the content of the file at `path`.
    pub fn put_file(&self, path: &Path) -> Result<Digest> {
        let file = File::open(path).map_err(|problem| not_found(&path.display(), problem))?;
        self.put_from(file)
    }

    /// Keeps what `source` gives until its end.
    pub fn put_from(&self, source: impl Read) -> Result<Digest> {
        self.store(source).map_err(Error::of_file)
    }

    fn store(&self, source: impl Read) -> io::Result<Digest> {
        create_folder(&self.folder)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let partial = durable::beside(&self.folder.join(format!("{number}")));
        let kept = self.store_through(source, &partial);
        if kept.is_err() {
            // It may not have been made; what stays behind is swept by `remove_partial`.
            let _ = std::fs::remove_file(&partial);
        }
        kept
    }

    fn store_through(&self, source: impl Read, partial: &Path) -> io::Result<Digest> {
        let mut open = OpenOptions::new();
        let file = open.write(true).create(true).truncate(true).mode(0o600).open(partial)?;
        let digest = copy(source, file)?;
        let path = self.path(&digest);
        if path.exists() {
            std::fs::remove_file(partial)?;
            return Ok(digest);
        }
        let folder = path.parent().unwrap_or(&self.folder);
        create_folder(folder)?;
        crashpoint!("artifact.before_rename");
        durable::put_in_place(partial, &path)?;
        // The folder may be new as well.
        durable::sync_folder_of(folder)?;
        crashpoint!("artifact.after_rename");
        Ok(digest)
    }

    /// Opens an artifact for reading.
    pub fn open(&self, digest: &Digest) -> Result<File> {
        File::open(self.path(digest)).map_err(|problem| not_found(digest, problem))
    }

    /// Returns an artifact's content, after a look at its digest.
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(digest)?.read_to_end(&mut bytes).map_err(Error::unavailable)?;
        if Digest::of(&bytes) == *digest {
            return Ok(bytes);
        }
        Err(Error::Corrupt(format!("the artifact `{digest}` was altered")))
    }

    /// Returns what is wrong with an artifact, if anything.
    pub fn verify(&self, digest: &Digest) -> Result<Option<Damage>> {
        let file = match self.open(digest) {
            Ok(file) => file,
            Err(Error::Missing(_)) => return Ok(Some(Damage::Missing)),
            Err(other) => return Err(other),
        };
        let found = copy(file, io::sink()).map_err(Error::unavailable)?;
        Ok((found != *digest).then_some(Damage::Altered(found)))
    }

    /// Returns every digest that is kept, with its size in bytes, sorted.
    pub fn list(&self) -> Result<Vec<(Digest, u64)>> {
        let mut found = Vec::new();
        for (path, is_folder, _) in entries(&self.folder)? {
            if is_folder {
                found.extend(entries(&path)?.into_iter().filter_map(named));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Removes an artifact and returns its size in bytes, 0 where it was not there.
    pub fn remove(&self, digest: &Digest) -> Result<u64> {
        let path = self.path(digest);
        let size = match path.metadata() {
            Ok(metadata) => metadata.len(),
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(problem) => return Err(Error::unavailable(problem)),
        };
        std::fs::remove_file(&path).map_err(Error::unavailable)?;
        Ok(size)
    }

    /// Removes what a crash left half-written; nothing may be written meanwhile. Returns how many.
    pub fn remove_partial(&self) -> Result<usize> {
        let entries = entries(&self.folder)?;
        let partial = entries.into_iter().filter(|(path, is_folder, _)| {
            !is_folder && path.extension().is_some_and(|extension| extension == "partial")
        });
        let mut removed = 0;
        for (path, ..) in partial {
            std::fs::remove_file(path).map_err(Error::unavailable)?;
            removed += 1;
        }
        Ok(removed)
    }
}

fn not_found(what: &dyn std::fmt::Display, problem: io::Error) -> Error {
    match problem.kind() {
        io::ErrorKind::NotFound => Error::Missing(what.to_string()),
        _ => Error::unavailable(problem),
    }
}

fn create_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Copies all of `source` and returns its digest.
fn copy(mut source: impl Read, mut into: impl Write) -> io::Result<Digest> {
    let mut sha = sha2::Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = source.read(&mut chunk)?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        sha.update(bytes);
        into.write_all(bytes)?;
    }
    into.flush()?;
    let hex: String = sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    hex.parse().map_err(io::Error::other)
}

/// Path, whether it is a folder, and size of everything in `folder`; nothing where there is none. What goes meanwhile, as
/// what is written does when it gets its name, is left out.
fn entries(folder: &Path) -> Result<Vec<(PathBuf, bool, u64)>> {
    let read = match std::fs::read_dir(folder) {
        Ok(read) => read,
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(problem) => return Err(Error::unavailable(problem)),
    };
    let entry = |entry: io::Result<std::fs::DirEntry>| {
        let entry = entry?;
        match entry.metadata() {
            Ok(metadata) => Ok(Some((entry.path(), metadata.is_dir(), metadata.len()))),
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(problem) => Err(problem),
        }
    };
    read.filter_map(|it| entry(it).transpose())
        .collect::<io::Result<_>>()
        .map_err(Error::unavailable)
}

fn named((path, _, size): (PathBuf, bool, u64)) -> Option<(Digest, u64)> {
    let rest = path.file_name()?.to_str()?;
    let first = path.parent()?.file_name()?.to_str()?;
    let digest = format!("{first}{rest}").parse().ok()?;
    Some((digest, size))
}
