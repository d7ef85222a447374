//! Finds the repository that somebody stands in, by reading files: no git is started.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A repository with a working copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repository {
    /// Its top folder, without symbolic links.
    pub(crate) root: PathBuf,
    /// Where git keeps it.
    git_dir: PathBuf,
}

/// Returns the repository around `dir`; none outside one.
pub(crate) fn around(dir: &Path) -> Option<Repository> {
    let dir = dir.canonicalize().ok()?;
    let root = dir.ancestors().find(|it| it.join(".git").exists())?;
    let dot_git = root.join(".git");
    let git_dir = if dot_git.is_dir() { dot_git } else { linked(root, &dot_git)? };
    Some(Repository { root: root.to_owned(), git_dir })
}

/// Reads a `.git` file (`gitdir: PATH`), as linked working copies have.
fn linked(root: &Path, file: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(file).ok()?;
    let path = text.strip_prefix("gitdir:")?.trim();
    Some(root.join(path))
}

/// Returns the repository around `dir` as one that can be registered: with a working copy and a commit.
pub(crate) fn to_register(dir: &Path) -> Result<Repository, Failure> {
    let shown = dir.display();
    let Some(repository) = around(dir) else {
        if is_bare(dir) {
            let text =
                format!("`{shown}` is a bare repository: there is no working copy to land work in");
            return Err(Failure::usage(text).hint("clone it, and register the clone"));
        }
        let text = format!("`{shown}` is not inside a git repository");
        return Err(Failure::usage(text)
            .hint("go to your repository, or make one with `git init` and a first commit"));
    };
    if !repository.has_commits() {
        let text = format!(
            "`{}` has no commits yet: there is nothing that work could start from",
            repository.root.display()
        );
        return Err(Failure::usage(text).hint("make a first commit, then repeat `mission init`"));
    }
    Ok(repository)
}

fn is_bare(dir: &Path) -> bool {
    let whole = |it: &&Path| {
        it.join("HEAD").is_file() && it.join("objects").is_dir() && it.join("refs").is_dir()
    };
    dir.ancestors().find(whole).is_some()
}

impl Repository {
    /// Returns the folder's name, from which a project's key is made.
    pub(crate) fn folder_name(&self) -> String {
        self.root
            .file_name()
            .map_or_else(|| "project".into(), |it| it.to_string_lossy().into_owned())
    }

    /// Returns where refs and objects are: linked working copies share them with the first one.
    fn common_dir(&self) -> PathBuf {
        let text = std::fs::read_to_string(self.git_dir.join("commondir"));
        text.map_or_else(|_| self.git_dir.clone(), |it| self.git_dir.join(it.trim()))
    }

    /// Returns the branch that the first working copy is on; none where no branch is.
    pub(crate) fn branch(&self) -> Option<String> {
        let head = std::fs::read_to_string(self.common_dir().join("HEAD")).ok()?;
        head.strip_prefix("ref: refs/heads/").map(|it| it.trim().to_owned())
    }

    /// Returns the branch that work lands on, as far as files tell: the remote's, else `main` or `master`, else the current one.
    pub(crate) fn default_branch(&self) -> Option<String> {
        let remote =
            std::fs::read_to_string(self.common_dir().join("refs/remotes/origin/HEAD")).ok();
        let remote = remote.and_then(|it| {
            it.strip_prefix("ref: refs/remotes/origin/").map(|it| it.trim().to_owned())
        });
        let usual = ["main", "master"].map(String::from);
        let known = remote.into_iter().chain(usual).find(|it| self.has_branch(it));
        known.or_else(|| self.branch())
    }

    fn has_branch(&self, name: &str) -> bool {
        let common = self.common_dir();
        let packed = std::fs::read_to_string(common.join("packed-refs")).unwrap_or_default();
        let full = format!("refs/heads/{name}");
        common.join(&full).is_file()
            || packed.lines().any(|it| it.split(' ').nth(1) == Some(full.as_str()))
    }

    /// Returns whether there is any commit, however refs are kept.
    fn has_commits(&self) -> bool {
        let common = self.common_dir();
        let packed = std::fs::read_to_string(common.join("packed-refs")).unwrap_or_default();
        let is_packed =
            packed.lines().any(|line| !line.starts_with('#') && !line.trim().is_empty());
        is_packed
            || common.join("reftable").is_dir()
            || has_file(&common.join("refs/heads"), 16)
            || is_detached(&common)
    }
}

fn is_detached(common: &Path) -> bool {
    std::fs::read_to_string(common.join("HEAD"))
        .is_ok_and(|it| !it.starts_with("ref:") && it.trim().len() >= 40)
}

/// Returns whether a file is somewhere below `dir`, at most `depth` folders down.
fn has_file(dir: &Path, depth: u8) -> bool {
    let Ok(entries) = std::fs::read_dir(dir) else { return false };
    entries.flatten().any(|it| {
        let path = it.path();
        path.is_file() || (depth > 0 && path.is_dir() && has_file(&path, depth - 1))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::failure::Exit;

    fn made(commits: bool) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        let git = dir.path().join(".git");
        for inner in ["objects", "refs/heads/feature"] {
            fs::create_dir_all(git.join(inner)).expect("made");
        }
        fs::write(git.join("HEAD"), "ref: refs/heads/feature/x\n").expect("written");
        if commits {
            fs::write(git.join("refs/heads/feature/x"), "0".repeat(40)).expect("written");
        }
        dir
    }

    #[test]
    fn the_repository_is_found_from_a_folder_inside_it() {
        let dir = made(true);
        fs::create_dir_all(dir.path().join("a/b")).expect("made");
        let repository = to_register(&dir.path().join("a/b")).expect("found");
        assert_eq!(repository.root, dir.path().canonicalize().expect("there"));
        assert_eq!(repository.branch().as_deref(), Some("feature/x"));
        assert_eq!(repository.default_branch().as_deref(), Some("feature/x"));
        fs::write(dir.path().join(".git/packed-refs"), "# x\n00 refs/heads/main\n")
            .expect("written");
        assert_eq!(repository.default_branch().as_deref(), Some("main"));
    }

    #[test]
    fn a_linked_working_copy_is_found_through_its_file() {
        let dir = made(true);
        let linked = tempfile::tempdir().expect("a folder");
        let own = dir.path().join(".git/worktrees/w");
        fs::create_dir_all(&own).expect("made");
        fs::write(own.join("commondir"), "../..\n").expect("written");
        fs::write(linked.path().join(".git"), format!("gitdir: {}\n", own.display()))
            .expect("written");
        let repository = to_register(linked.path()).expect("found");
        assert_eq!(repository.branch().as_deref(), Some("feature/x"));
    }

    #[test]
    fn what_cannot_be_registered_is_named() {
        let refused = |dir: &Path| to_register(dir).expect_err("refused");
        let empty = made(false);
        assert!(refused(empty.path()).text.contains("has no commits yet"));
        let bare = empty.path().join(".git");
        let plain = tempfile::tempdir().expect("a folder");
        fs::rename(&bare, plain.path().join("it.git")).expect("moved");
        assert!(refused(&plain.path().join("it.git")).text.contains("bare repository"));
        let failure = refused(plain.path());
        assert!(failure.text.contains("not inside a git repository"));
        assert_eq!(failure.exit, Exit::Usage);
    }
}
