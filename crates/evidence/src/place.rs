//! What is there at one moment in a lane's working copy: its commit, the tree of everything in it, and what git would
//! obey there. Compared before a command is run for a person who saw it some time ago.

use std::fs;
use std::path::{Path, PathBuf};

use mission_domain::ids::{Commit, Digest, Tree};

pub use crate::aside::plainly;
use crate::aside::{Aside, is_repository};
use crate::error::io;
use crate::git::changes::PLAIN;
use crate::git::read::hash;
use crate::git::{Asked, Git};
use crate::lane_view::LaneView;
use crate::{Result, plain};

/// The longest difference that is kept for a person to read, in bytes.
const MOST_DIFF: u64 = 1 << 20;

/// The most that is read of the settings of a clone, in bytes.
const MOST_SETTINGS: u64 = 1 << 20;

/// How many other branches are named, and of how many the difference is shown.
const MOST_REFS: usize = 100;
const MOST_SHOWN_REFS: usize = 5;

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
        let mut obeyed = obeyed(dir, Path::new(".git")).await?;
        for inside in &aside.repositories {
            let found = obeyed_inside(dir, inside).await?;
            obeyed.extend(found.iter().map(|it| format!("{it} in `{}`", inside.display())));
        }
        // What a command sends away may be any branch there.
        let refs = format!("{}\n{:?}\n{:?}", aside.mark, view.head, view.refs);
        let place = Place { head, tree, aside: Digest::of(refs.as_bytes()), obeyed };
        Ok(Self { place, view, aside })
    }

    /// Returns the folders in there that git would take for repositories of their own.
    pub fn repositories(&self) -> impl Iterator<Item = &Path> {
        self.aside.repositories.iter().map(PathBuf::as_path)
    }

    /// Returns the links in there that lead out, each with where it leads.
    pub fn outward(&self) -> &[(PathBuf, PathBuf)] {
        &self.aside.outward
    }

    /// Returns the difference between `base` and everything there as a text for a person, cut where it is long. It ends
    /// with what is not in it: other branches, with the difference of those that `words` name, and what is in no tree, with
    /// the content of what is among `named`.
    ///
    /// # Errors
    /// A base that is not there, or what git said.
    pub async fn difference(
        &self,
        base: &Commit,
        words: &[String],
        named: &[PathBuf],
    ) -> Result<Vec<u8>> {
        let mut text = self.against(base, self.place.tree.as_str()).await?;
        text.extend(self.others(base, words).await?);
        text.extend_from_slice(self.aside.told(named).as_bytes());
        Ok(text)
    }

    async fn against(&self, base: &Commit, other: &str) -> Result<Vec<u8>> {
        let asked = Asked { cut_at: Some(MOST_DIFF), ..Asked::default() };
        let args = ["diff-tree", "-r", "-p", "--stat"];
        let args = [args.as_slice(), &PLAIN, &[hash(base)?, other, "--"]].concat();
        Git::at(self.view.bare()).run_with(&args, asked).await
    }

    /// Tells of the branches, tags and named commits that are not what is checked out.
    async fn others(&self, base: &Commit, words: &[String]) -> Result<Vec<u8>> {
        let head = self.place.head.as_ref();
        let others: Vec<_> = self.view.refs.iter().filter(|it| Some(it.1) != head).collect();
        let sources: Vec<&str> = words.iter().map(|it| source(it)).collect();
        let mut text = Vec::new();
        if !others.is_empty() {
            text.extend_from_slice(b"\nBranches and tags there that are another commit:\n");
        }
        for (name, commit) in others.iter().take(MOST_REFS) {
            text.extend_from_slice(format!("  {name}  {}\n", commit.short()).as_bytes());
        }
        let is_named = |name: &str| sources.iter().any(|it| names_ref(it, name));
        let refs =
            others.iter().filter(|it| is_named(it.0)).map(|it| (it.0.as_str(), it.1.clone()));
        let is_hash = |it: &&&str| it.len() >= 7 && it.bytes().all(|it| it.is_ascii_hexdigit());
        let hashes = sources.iter().filter(is_hash).map(|it| (*it, Commit::new(*it)));
        for (name, commit) in refs.chain(hashes).take(MOST_SHOWN_REFS) {
            let told = self.against(base, &format!("{commit}^{{commit}}")).await;
            text.extend_from_slice(format!("\n{name}, named by the command:\n").as_bytes());
            text.extend(told.unwrap_or_else(|error| format!("({error})\n").into_bytes()));
        }
        Ok(text)
    }
}

/// Returns what a word of a command names in the repository: the source of `+source:target`.
fn source(word: &str) -> &str {
    let word = word.trim_start_matches('+');
    word.split_once(':').map_or(word, |it| it.0)
}

/// Returns whether `word` names the ref with the full name `name`, as git would read it.
fn names_ref(word: &str, name: &str) -> bool {
    let short = ["", "refs/", "refs/heads/", "refs/tags/", "refs/remotes/"];
    // `main~2` and `main^{tree}` are of `main`.
    let word = word.split(['~', '^', '@']).next().unwrap_or_default();
    !word.is_empty() && short.iter().any(|it| name.strip_prefix(it) == Some(word))
}

/// Returns what git would obey in a repository that lies inside, its address and the examples of hooks left out.
async fn obeyed_inside(top: &Path, folder: &Path) -> Result<Vec<String>> {
    let own = folder.join(".git");
    let has_own = fs::symlink_metadata(top.join(&own)).is_ok();
    let dot_git = if has_own { own } else { folder.to_path_buf() };
    let full = top.join(&dot_git);
    if !fs::symlink_metadata(&full).is_ok_and(|it| it.is_dir()) {
        return Ok(vec![".git is no folder, and leads elsewhere".into()]);
    }
    if fs::symlink_metadata(full.join("config")).is_err() {
        return Ok(Vec::new());
    }
    let mut found = obeyed(top, &dot_git).await?;
    let is_address = |it: &str| {
        it.starts_with("the setting remote.") && (it.ends_with(".url") || it.ends_with(".fetch"))
    };
    found.retain(|it| !it.ends_with(".sample") && !is_address(it));
    Ok(found)
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

/// Returns what git would obey in `dot_git` beneath `top` and Mission Control did not put there.
async fn obeyed(top: &Path, dot_git: &Path) -> Result<Vec<String>> {
    let mut found = settings(top, &dot_git.join("config")).await?;
    for name in ["config.worktree", "info/attributes"] {
        if fs::symlink_metadata(top.join(dot_git).join(name)).is_ok() {
            found.push(format!(".git/{name}"));
        }
    }
    let hooks = dot_git.join("hooks");
    let full = top.join(&hooks);
    let failed = io("read", &full);
    match plain::entries(top, &hooks) {
        Ok(Some(entries)) => {
            let names = entries.map(|it| it.map(|it| it.file_name()));
            let names = names.collect::<std::io::Result<Vec<_>>>().map_err(failed)?;
            found.extend(names.iter().map(|name| format!("the hook {}", name.display())));
        }
        // The names of what lies elsewhere are nobody's to tell.
        Ok(None) => found.push(".git/hooks, which is no folder".into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    found.sort();
    Ok(found)
}

/// Returns the settings in `config` beneath `top` that are not [`HARMLESS`]. Files that it includes are not read: to include
/// is one.
async fn settings(top: &Path, config: &Path) -> Result<Vec<String>> {
    let full = top.join(config);
    let text = match plain::read(top, config, MOST_SETTINGS + 1).map_err(io("read", &full))? {
        None => return Ok(vec![".git/config is no plain file".into()]),
        Some(text) if text.len() as u64 > MOST_SETTINGS => {
            return Ok(vec![".git/config is too large".into()]);
        }
        Some(text) => text,
    };
    let neutral = tempfile::tempdir().map_err(io("make", Path::new("a temporary directory")))?;
    let copy: PathBuf = neutral.path().join("config");
    fs::write(&copy, text).map_err(io("write", &copy))?;
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
