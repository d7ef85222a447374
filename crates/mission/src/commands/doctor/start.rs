//! Starts a program for real, only to ask which version it is: an empty environment, a home of its own, no network, and not for long.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mission_domain::agents::number;
use mission_sandbox::{Access, Confined, Exit, Limits, Network};

/// How long a program may take for its version. Those that are scripts take some seconds, and more on a machine under load.
pub(super) const LIMIT: Duration = Duration::from_secs(20);

/// How much of what it says is read, in bytes.
const MOST_OUTPUT: u64 = 16 * 1024;

/// How much of a line is shown, in characters.
const LINE: usize = 100;

/// What became of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It started and said this.
    Version(String),
    /// It started, ended well and said nothing.
    Nothing,
    /// It could not be started, or ended badly: what was seen.
    Broken(String),
    /// It ended without a word, and what it had started ran on.
    Forks,
    /// It did not end in time.
    TooSlow,
}

/// Starts `program` with `flag`.
pub(super) async fn ask(program: &Path, flag: &str) -> Answer {
    match started(program, flag).await {
        Ok(answer) => answer,
        Err(error) => Answer::Broken(format!("it cannot be asked: {error:#}")),
    }
}

async fn started(program: &Path, flag: &str) -> anyhow::Result<Answer> {
    let own = tempfile::Builder::new().prefix("mission-doctor-").tempdir()?;
    let home = own.path().display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let env = [("PATH", path.as_str()), ("HOME", &home), ("TMPDIR", &home), ("LANG", "C.UTF-8")];
    let env: BTreeMap<String, String> =
        env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let what = Confined {
        program: PathBuf::from(program),
        args: vec![flag.to_owned()],
        cwd: own.path().to_owned(),
        env,
        access: Access::Unrestricted,
        limits: Limits { wall: Some(LIMIT), output_bytes: Some(MOST_OUTPUT), memory_bytes: None },
        network: Network::Refused,
    };
    let log = own.path().join("said");
    let outcome = mission_sandbox::run(what, &log).await?;
    let said = std::fs::read(&log).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let is_silent = said.trim().is_empty() && matches!(outcome.exit, Exit::Exited(_));
    if is_silent && outcome.killed_leftovers > 0 {
        return Ok(Answer::Forks);
    }
    Ok(answer(&outcome.exit, &said))
}

fn answer(exit: &Exit, said: &str) -> Answer {
    let lines = || said.lines().map(str::trim).filter(|it| !it.is_empty());
    let short = |line: &str| line.chars().take(LINE).collect::<String>();
    match exit {
        // Some warn of something first.
        Exit::Exited(0) => lines()
            .find(|it| number(it).is_some())
            .or_else(|| lines().next())
            .map_or(Answer::Nothing, |it| Answer::Version(short(it))),
        Exit::Exited(code) => {
            let last =
                lines().next_back().map_or_else(String::new, |it| format!(": {}", short(it)));
            Answer::Broken(format!("it ends with exit code {code}{last}"))
        }
        Exit::Signalled(signal) => Answer::Broken(format!("it dies by signal {signal}")),
        Exit::NotStarted(why) => Answer::Broken(why.clone()),
        Exit::TimedOut => Answer::TooSlow,
    }
}

/// Returns the first number with a dot in `version`, as its two parts.
pub(super) fn numbers(version: &str) -> Option<(u32, u32)> {
    version.split(|c: char| !c.is_ascii_digit() && c != '.').find_map(|word| {
        let mut parts = word.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_first_line_with_one_and_a_failure_is_told_by_its_last() {
        let said = "\n codex-cli 0.169.0 \nmore";
        assert_eq!(answer(&Exit::Exited(0), said), Answer::Version("codex-cli 0.169.0".into()));
        let warned = "WARNING: no aliases\ncodex-cli 0.169.0\n";
        assert_eq!(answer(&Exit::Exited(0), warned), Answer::Version("codex-cli 0.169.0".into()));
        assert_eq!(answer(&Exit::Exited(0), "hello\nyou\n"), Answer::Version("hello".into()));
        assert_eq!(answer(&Exit::Exited(0), " \n"), Answer::Nothing);
        let said = "stack\nenv: 'node': No such file or directory\n";
        let told = "it ends with exit code 127: env: 'node': No such file or directory";
        assert_eq!(answer(&Exit::Exited(127), said), Answer::Broken(told.into()));
        assert_eq!(answer(&Exit::TimedOut, "x"), Answer::TooSlow);
    }

    #[test]
    fn versions_are_read_as_programs_write_them() {
        assert_eq!(numbers("tmux 3.3a"), Some((3, 3)));
        assert_eq!(numbers("git version 2.39.5"), Some((2, 39)));
        assert_eq!(numbers("tmux next-3.6"), Some((3, 6)));
        assert_eq!(numbers("unknown"), None);
    }
}
