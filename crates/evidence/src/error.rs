//! What can go wrong while observing: each variant is one that a caller treats differently.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why something could not be observed or done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Git said no.
    #[error("`{command}` failed ({}): {stderr}", code.map_or("by a signal".into(), |code| format!("exit code {code}")))]
    Git {
        /// The command as it was given, without its environment.
        command: String,
        /// The exit code, unless a signal ended it.
        code: Option<i32>,
        /// The last lines of its error output.
        stderr: String,
    },
    /// Git took too long and was killed.
    #[error("`{command}` took longer than {limit:?} and was stopped")]
    GitTimedOut {
        /// The command as it was given.
        command: String,
        /// The limit that it broke.
        limit: Duration,
    },
    /// Git is not installed, or cannot be started.
    #[error("git cannot be started: {0}; install git 2.38 or newer")]
    GitMissing(#[source] std::io::Error),
    /// The directory is no repository.
    #[error(
        "there is no git repository at `{}`. If it was moved, `mission project remove KEY` (its tickets stay) and then `mission init` in its new place; \
         if it is away for a while, bring it back",
        path.display()
    )]
    NotARepository {
        /// The directory.
        path: PathBuf,
    },
    /// The repository has no commit yet.
    #[error("the repository `{}` has no commits yet; make a first commit", path.display())]
    NoCommits {
        /// The repository.
        path: PathBuf,
    },
    /// The repository has commits, and no branch of this name.
    #[error(
        "the repository has no branch `{branch}`. If it was renamed, commit `default_branch = \"NEW NAME\"` under `[project]` in `mission.toml` \
         and run `mission init` there; if it was deleted, `git branch {branch} COMMIT` brings it back"
    )]
    NoSuchBranch {
        /// Its name.
        branch: String,
    },
    /// No commit has this name.
    #[error("the repository has no commit `{name}`")]
    NoSuchCommit {
        /// What was looked for.
        name: String,
    },
    /// Git answered in a way that cannot be read.
    #[error("git's answer to `{command}` cannot be read: {why}")]
    Unreadable {
        /// The command as it was given.
        command: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// A name that must not become a path or a ref.
    #[error("`{name}` cannot be used as a name here: {why}")]
    BadName {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A workspace that was tampered with, so that nothing is read from it.
    #[error("the workspace `{}` is refused: {why}; look at it, then restore or remove it", path.display())]
    Tampered {
        /// The workspace.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// A directory that should not be there yet, or holds something else.
    #[error("`{}` exists already; remove it or choose another place", path.display())]
    Exists {
        /// The directory.
        path: PathBuf,
    },
    /// A checkout is not what its commit says.
    #[error("the checkout of `{commit}` is not clean: {files:?}")]
    NotClean {
        /// The commit.
        commit: String,
        /// The files that differ, at most ten.
        files: Vec<String>,
    },
    /// A set-up command did not succeed.
    #[error("the set-up command `{command}` {how}; its log is `{}`", log.display())]
    Setup {
        /// The command line.
        command: String,
        /// How it ended.
        how: String,
        /// Its output.
        log: PathBuf,
    },
    /// A command could not be run confined.
    #[error("{0}")]
    Sandbox(#[from] mission_sandbox::Error),
    /// A screenshot could not be made.
    #[error("no screenshot: {why}")]
    Screenshot {
        /// What happened and what to do.
        why: String,
    },
    /// The preview did not come up.
    #[error("the preview did not start: {why}")]
    Preview {
        /// What happened and what to do.
        why: String,
    },
    /// A picture could not be read or written.
    #[error("a picture cannot be read: {why}")]
    Picture {
        /// What the reader said.
        why: String,
    },
    /// A key that cannot be used.
    #[error("the key `{}` cannot be used: {why}", path.display())]
    Key {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// A file or directory could not be used.
    #[error("cannot {what} `{}`: {source}", path.display())]
    Io {
        /// A verb, like `write`.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Returns a function that names what was done to `path` when it failed.
pub(crate) fn io<'a>(
    what: &'static str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> Error + 'a {
    move |source| Error::Io { what, path: path.to_path_buf(), source }
}
