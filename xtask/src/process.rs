//! Starts the programs that the tasks need: cargo, git, the package manager and the `mission` binary.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The folder of the workspace's root `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// A command for `program` that runs in the workspace's root with its standard input closed.
#[expect(clippy::disallowed_methods, reason = "the tasks start developer tools, never an agent")]
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// A command for the cargo that built this program.
pub(crate) fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// What `command` printed on its standard output; an error when it cannot start or exits non-zero.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = name_of(command);
    let output = command.output().with_context(|| format!("cannot start `{name}`"))?;
    if !output.status.success() {
        bail!(
            "`{name}` failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs `command` with its output on this terminal; whether it exited with code 0.
pub(crate) fn passes(command: &mut Command) -> Result<bool> {
    let name = name_of(command);
    Ok(command.status().with_context(|| format!("cannot start `{name}`"))?.success())
}

/// Like [`passes`], and returns what the command wrote to its standard error from the first line that
/// contains `from` on.
pub(crate) fn passes_and_tells(command: &mut Command, from: &str) -> Result<(bool, Vec<String>)> {
    let name = name_of(command);
    let mut child =
        command.stderr(Stdio::piped()).spawn().with_context(|| format!("cannot start `{name}`"))?;
    let mut told = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            writeln!(std::io::stderr(), "{line}")?;
            if !told.is_empty() || line.contains(from) {
                told.push(line);
            }
        }
    }
    Ok((child.wait()?.success(), told))
}

/// The first file called `program` in the folders of `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn name_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_an_error_that_carries_its_words() {
        let error =
            output(command("sh").args(["-c", "echo why >&2; exit 3"])).expect_err("exit code 3");
        assert!(error.to_string().contains("why"), "{error}");
    }

    #[test]
    fn the_closing_lines_start_where_the_summary_starts() {
        let mut shell = command("sh");
        shell.args(["-c", "echo one >&2; echo '  Summary two' >&2; echo three >&2; exit 1"]);
        let (passed, told) = passes_and_tells(&mut shell, "Summary").expect("sh runs");
        assert!(!passed);
        assert_eq!(told, ["  Summary two", "three"]);
    }

    #[test]
    fn programs_are_found_on_the_path_and_only_there() {
        assert!(find("sh").is_some());
        assert_eq!(find("no-program-has-this-name"), None);
    }
}
