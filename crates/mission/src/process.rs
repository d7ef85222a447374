//! The few programs that the command line itself starts: git for `init --commit`, and what a lane wants recorded.

pub(crate) use mission_domain::ticket::quoted;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Exit, Failure};

/// Returns a command for `program`.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line's own children, all of them named in this file's callers"
)]
pub(crate) fn command(program: &str) -> Command {
    Command::new(program)
}

/// Runs git in `root`: what it printed, or what it said when it refused.
pub(crate) fn git(root: &Path, args: &[&str]) -> Result<Result<String, String>, Failure> {
    let mut command = command("git");
    command.arg("-C").arg(root).args(args).stdin(Stdio::null());
    // A hook or a wrapper may have set these for another repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    let output = command.output();
    let output = output.map_err(|e| {
        let text = format!("git cannot be started: {e}");
        Failure::new(Exit::No, "no_git", text).hint("install git, then repeat")
    })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    Ok(if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) })
}

/// Returns where `program` is on the PATH: a file that may be executed.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        let path = PathBuf::from(program);
        return is_executable(&path).then_some(path);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|it| is_executable(it))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

/// Returns the shell line for what was typed after `--`: one word is a line already, more are quoted and joined.
pub(crate) fn shell_line(words: &[String]) -> String {
    match words {
        [line] => line.clone(),
        words => words.iter().map(|it| quoted(it)).collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_the_shell_line_that_means_the_same() {
        let line = |words: &[&str]| {
            shell_line(&words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(line(&["npm ci && npm test"]), "npm ci && npm test");
        assert_eq!(
            line(&["cargo", "test", "--", "a b", "it's", ""]),
            r"cargo test -- 'a b' 'it'\''s' ''"
        );
        assert_eq!(line(&["echo", "$HOME", "~"]), "echo '$HOME' '~'");
    }
}
