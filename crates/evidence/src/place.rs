//! What is there at one moment in a lane's working copy: its commit, the tree of everything in it, and what git would
//! obey there. Compared before a command is run for a person who saw it some time ago.

use std::fs;
use std::path::{Path, PathBuf};

use mission_domain::ids::{Commit, Digest, Tree};

use crate::Result;
use crate::aside::{Aside, is_repository};
use crate::error::io;
use crate::git::read::hash;
use crate::git::{Asked, Git};
use crate::lane_view::LaneView;

/// The longest difference that is kept for a person to read, in bytes.
const MOST_DIFF: u64 = 1 << 20;

/// Settings that a clone was made with, or that harm nobody: who commits, and which branch follows which.
const HARMLESS: [&str; 8] = [
    "core.repositoryformatversion",
    "core.filemode",
    "core.bare",
    "core.logallrefupdates",
    "commit.gpgsign",
    "gc.auto",
    "extensions.objectformat",
    "init.defaultbranch",
];

/// A lane's working copy at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The commit that is checked out.
    pub head: Option<Commit>,
    /// The tree of all files, uncommitted and untracked ones included, ignored ones not.
    pub tree: Tree,
    /// A mark of every file that is not in the tree.
    pub aside: Digest,
    /// What a lane put where git would obey it: settings, hooks, attributes.
    pub obeyed: Vec<String>,
}

/// One look at a working copy: what it tells later is of the same moment.
pub struct Look {
    /// What was seen.
    pub place: Place,
    view: LaneView,
    aside: Aside,
}

impl Look {
    /// Looks at the working copy in `dir`, which borrows from `project`. Obeys nothing in it.
    ///
    /// # Errors
    /// [`crate::Error::Tampered`] where its `.git` is not as it was made.
    pub async fn at(dir: &Path, project: &Path) -> Result<Self> {
        let view = LaneView::open(dir, project).await?;
        let head = view.head_commit().cloned();
        let tree = working_tree(&view, head.as_ref()).await?;
        let (top, listed) = (dir.to_path_buf(), view.listed().await?);
        let aside = tokio::task::spawn_blocking(move || Aside::of(&top, &listed)).await;
        let aside = aside.expect("a walk does not panic, and nobody aborts it")?;
        let obeyed = obeyed(&dir.join(".git")).await?;
        let place = Place { head, tree, aside: aside.mark.clone(), obeyed };
        Ok(Self { place, view, aside })
    }

    /// Returns the difference between `base` and everything there as a text for a person, cut where it is long. It ends
    /// with what is in no tree: the names, and the content of those among `named`.
    ///
    /// # Errors
    /// A base that is not there, or what git said.
    pub async fn difference(&self, base: &Commit, named: &[PathBuf]) -> Result<Vec<u8>> {
        let asked = Asked { cut_at: Some(MOST_DIFF), ..Asked::default() };
        let args = ["diff-tree", "-r", "-p", "--no-color", "--no-ext-diff", "--no-textconv"];
        let tree = self.place.tree.as_str();
        let args = [args.as_slice(), &["--stat", hash(base)?, tree, "--"]].concat();
        let mut text = Git::at(self.view.bare()).run_with(&args, asked).await?;
        text.extend_from_slice(self.aside.told(named).as_bytes());
        Ok(text)
    }
}

/// Returns the nearest folder between `inside` and `top`, `top` not included, that git would take for a repository of its
/// own.
pub fn repository_between(inside: &Path, top: &Path) -> Option<PathBuf> {
    let mut between = inside.ancestors().take_while(|it| *it != top);
    between.find(|it| is_repository(it)).map(Path::to_path_buf)
}

/// Writes the tree of everything in the working copy into our own git directory.
async fn working_tree(view: &LaneView, head: Option<&Commit>) -> Result<Tree> {
    let dirty = view.dirty_paths(head).await?;
    let git = view.git();
    if !dirty.is_empty() {
        let mut input = dirty.join(&0);
        input.push(0);
        let asked = Asked { input: &input, ..Asked::default() };
        git.run_with(&["update-index", "-z", "--add", "--remove", "--stdin"], asked).await?;
    }
    Ok(Tree::new(git.text(&["write-tree"]).await?))
}

/// Returns what git would obey in `dot_git` and Mission Control did not put there.
async fn obeyed(dot_git: &Path) -> Result<Vec<String>> {
    let mut found = settings(&dot_git.join("config")).await?;
    for name in ["config.worktree", "info/attributes"] {
        if fs::symlink_metadata(dot_git.join(name)).is_ok() {
            found.push(format!(".git/{name}"));
        }
    }
    let hooks = dot_git.join("hooks");
    match fs::read_dir(&hooks) {
        Ok(entries) => {
            for entry in entries {
                let name = entry.map_err(io("read", &hooks))?.file_name();
                found.push(format!("the hook {}", name.display()));
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(io("read", &hooks)(error)),
    }
    found.sort();
    Ok(found)
}

/// Returns the settings in `config` that are not [`HARMLESS`]. Files that it includes are not read: to include is one.
async fn settings(config: &Path) -> Result<Vec<String>> {
    let meta = fs::symlink_metadata(config).map_err(io("read", config))?;
    if !meta.is_file() {
        return Ok(vec![".git/config is no plain file".into()]);
    }
    let neutral = tempfile::tempdir().map_err(io("make", Path::new("a temporary directory")))?;
    let copy: PathBuf = neutral.path().join("config");
    fs::copy(config, &copy).map_err(io("read", config))?;
    let file = copy.display().to_string();
    let args = ["config", "--file", &file, "--no-includes", "--name-only", "--null", "--list"];
    let names = Git::at(neutral.path()).run(&args).await?;
    let names = String::from_utf8_lossy(&names).into_owned();
    let is_harmless = |name: &str| {
        let name = name.to_ascii_lowercase();
        HARMLESS.contains(&name.as_str())
            || name.starts_with("user.")
            || (name.starts_with("branch.") && !name.ends_with("remote"))
    };
    let others = names.split('\0').filter(|it| !it.is_empty() && !is_harmless(it));
    Ok(others.map(|it| format!("the setting {it}")).collect())
}

/// Returns the addresses that the project's own repository gives its remotes, as settings: a person's push from a
/// working copy without remotes goes where theirs would.
///
/// # Errors
/// What git said.
pub async fn remotes(project: &Path) -> Result<Vec<(String, String)>> {
    let args = ["config", "--local", "--null", "--get-regexp", r"^remote\..*\.(url|pushurl)$"];
    let output = Git::at(project).output(&args, Asked::default()).await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let pairs = text.split('\0').filter_map(|it| it.split_once('\n'));
    Ok(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}
