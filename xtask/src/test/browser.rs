//! The stories of `tests/browser/`: installs their two packages by the lock file and runs them with Node's own test runner.
//! Those with real agents have a stage of their own, and nothing beside them.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::process;

/// The packages that the lock file pins, and that must be there once it is installed.
const PACKAGES: [&str; 2] = ["playwright-core", "axe-core"];

/// The files that hold stories.
const FILES: [&str; 2] = ["browser.test.js", "agents.test.js"];

/// Returns where the stories are.
pub(crate) fn folder() -> PathBuf {
    process::root().join("tests/browser")
}

/// Installs what is missing and runs every story against `mission`, with `mission-testkit` beside it; whether all passed, and the runner's closing lines.
pub(super) fn run(mission: &Path) -> Result<(bool, Vec<String>)> {
    install()?;
    let mut node = process::command("node");
    node.args(["--test", "--test-reporter=spec", "--test-reporter-destination=stderr"]);
    node.arg("--test-concurrency=1").args(FILES).current_dir(folder()).env("MISSION_BIN", mission);
    let (passed, told) = process::passes_and_tells(&mut node, "ℹ tests ")?;
    // A runner that found no story exits well and says so in its numbers alone.
    let count = told.first().and_then(|line| line.split("ℹ tests ").nth(1)?.trim().parse().ok());
    match count {
        None | Some(0_u32) => bail!("the browser's runner ran no story"),
        Some(_) => Ok((passed, told.into_iter().take(4).collect())),
    }
}

/// Installs their packages unless they are there.
pub(crate) fn install() -> Result<()> {
    let is_here = |package: &str| folder().join("node_modules").join(package).is_dir();
    if PACKAGES.iter().all(|package| is_here(package)) && is_fresh() {
        return Ok(());
    }
    let mut npm = process::command("npm");
    npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(folder());
    if !process::passes(&mut npm)? {
        bail!(
            "`npm ci` in tests/browser failed: the browser's stories cannot run without their packages"
        );
    }
    match PACKAGES.into_iter().find(|package| !is_here(package)) {
        Some(package) => bail!("`npm ci` did not install `{package}`"),
        None => Ok(()),
    }
}

/// Whether what is installed is not older than the lock file.
fn is_fresh() -> bool {
    let changed = |path: PathBuf| std::fs::metadata(path).and_then(|it| it.modified()).ok();
    let installed = changed(folder().join("node_modules/.package-lock.json"));
    let locked = changed(folder().join("package-lock.json"));
    installed.is_some() && installed >= locked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_pins_both_packages_by_their_digest_and_names_no_host() {
        let lock =
            std::fs::read_to_string(folder().join("package-lock.json")).expect("a lock file");
        for package in PACKAGES {
            let entry = lock.split(&format!("node_modules/{package}")).nth(1).expect("an entry");
            assert!(entry.contains("\"integrity\": \"sha512-"), "{package}");
        }
        assert!(!lock.contains("://"), "a host stands in the lock file");
    }
}
