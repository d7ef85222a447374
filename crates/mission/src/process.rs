//! The few programs that the command line itself starts: git for `init --commit`, and what a lane wants recorded.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns a command for `program`.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line's own children, all of them named in this file's callers"
)]
pub(crate) fn command(program: &str) -> Command {
    Command::new(program)
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

/// Returns one word of a shell line: as it is where that is safe, else in single quotes.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
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
