//! A project with one commit, and what a person or a lane does in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use mission_domain::ids::{Commit, TicketKey, Timestamp};
use mission_evidence::git::Git;
use mission_evidence::workspace::{Identity, Workspace};

/// A temporary directory with a project's repository in `project`.
pub(crate) struct Place {
    root: tempfile::TempDir,
}

impl Place {
    /// A repository without commits.
    pub(crate) fn empty() -> Self {
        let place = Self { root: tempfile::tempdir().expect("a temporary directory") };
        fs::create_dir(place.project()).expect("a new directory");
        place.git(&["init", "-q", "-b", "main"]);
        place
    }

    /// A repository with one commit of `a.txt` and `b.txt`.
    pub(crate) fn new() -> Self {
        let place = Self::empty();
        place.write("a.txt", "one\ntwo\nthree\n");
        place.write("b.txt", "b\n");
        place.commits("first");
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.path("project")
    }

    /// What evidence sees of the project.
    pub(crate) fn seen(&self) -> Git {
        Git::at(self.project())
    }

    #[track_caller]
    pub(crate) fn write(&self, name: &str, text: &str) {
        write(&self.project().join(name), text);
    }

    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        git_in(&self.project(), args)
    }

    /// A person commits everything.
    #[track_caller]
    pub(crate) fn commits(&self, message: &str) -> Commit {
        commit_in(&self.project(), message)
    }

    pub(crate) fn main(&self) -> Commit {
        Commit::new(self.git(&["rev-parse", "main"]))
    }

    /// The workspace of MC-7, made at the tip of `main`.
    pub(crate) async fn workspace(&self) -> Workspace {
        let workspace = Workspace::at(self.project(), ticket(), self.path("workspaces/MC-7"));
        let main = self.main();
        workspace.create("main", &main, &main, &coder()).await.expect("a workspace");
        workspace
    }

    /// Everything reachable below the project's refs and the branch that is checked out, to prove that nothing moved.
    pub(crate) fn refs(&self) -> String {
        let heads = self.git(&["for-each-ref", "refs/heads", "refs/tags", "refs/remotes"]);
        format!("{heads}\n{}", fs::read_to_string(self.project().join(".git/HEAD")).expect("HEAD"))
    }
}

pub(crate) fn ticket() -> TicketKey {
    "MC-7".parse().expect("a key")
}

pub(crate) fn coder() -> Identity {
    Identity::lane("coder", "codex")
}

pub(crate) fn noon() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().expect("a time")
}

#[track_caller]
pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("its directory");
    fs::write(path, text).expect("a file");
}

/// Runs git as a person or a lane would, with the repository's own settings in force.
#[expect(clippy::disallowed_methods, reason = "plays the person and the lane")]
pub(crate) fn try_git(dir: &Path, args: &[&str]) -> Output {
    let mut command = std::process::Command::new("git");
    command.args(args).current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null");
    for (name, value) in [("NAME", "Ada"), ("EMAIL", "ada@example.com")] {
        if !dir.ends_with("MC-7") {
            command.env(format!("GIT_AUTHOR_{name}"), value);
            command.env(format!("GIT_COMMITTER_{name}"), value);
        }
    }
    command.output().expect("git starts")
}

#[track_caller]
pub(crate) fn git_in(dir: &Path, args: &[&str]) -> String {
    let output = try_git(dir, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}

#[track_caller]
pub(crate) fn commit_in(dir: &Path, message: &str) -> Commit {
    git_in(dir, &["add", "-A"]);
    git_in(dir, &["commit", "-q", "--allow-empty", "-m", message]);
    Commit::new(git_in(dir, &["rev-parse", "HEAD"]))
}
