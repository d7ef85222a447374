//! Works out what rows are made by: the digest of the sources that turn events into rows. No constant that somebody has to remember.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where the rules and the documents are, and what spells them out as rows.
const SOURCES: [&str; 6] = [
    "../domain/src",
    "../store/src/change.rs",
    "../store/src/prepare.rs",
    "../store/src/record.rs",
    "src/rows.rs",
    "src/write.rs",
];

fn main() -> io::Result<()> {
    let mut files = Vec::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
        collect(Path::new(source), &mut files)?;
    }
    files.sort();
    println!("cargo::rustc-env=MISSION_ROWS_SHAPE={:016x}", digest(&files)?);
    Ok(())
}

/// Adds the sources at or under `at`, without those of tests.
fn collect(at: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let is_test = at.file_stem().is_some_and(|it| it == "tests");
    if is_test {
        return Ok(());
    }
    if at.is_dir() {
        for entry in fs::read_dir(at)? {
            collect(&entry?.path(), files)?;
        }
    } else if at.extension().is_some_and(|it| it == "rs") {
        files.push(at.to_owned());
    }
    Ok(())
}

/// FNV-1a over names and contents: it tells versions apart and has nobody to withstand.
fn digest(files: &[PathBuf]) -> io::Result<u64> {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for file in files {
        let name = file.to_string_lossy();
        for byte in name.bytes().chain([0]).chain(fs::read(file)?).chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    Ok(hash)
}
