//! What pages look up beside documents: settings with their origin, and patches.

use mission_domain::config::{self, Setting, Source};
use mission_domain::ids::{Commit, ProjectKey};
use mission_evidence::git::Git;
use mission_evidence::git::read::MOST_FILE_BYTES;

use crate::error::{Error, Result};
use crate::execute::Control;
use crate::projects::{found, rules_text};

/// What became of the work between two rounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BetweenRounds {
    /// Which commit became which, as `git range-diff` tells it.
    pub commits: String,
    /// Whether it was longer.
    pub is_cut: bool,
    /// The difference of the two commits; nothing where the work was put on another base in between.
    pub patch: Option<Vec<u8>>,
}

/// The most of a range-diff that is shown, in bytes.
const RANGE_DIFF: u64 = 256 << 10;

/// How many lines around a change are shown.
const CONTEXT: u32 = 3;

impl Control {
    /// Returns every setting in force in a project, with where each comes from.
    ///
    /// # Errors
    /// An unknown project, or a repository that cannot be read.
    pub async fn settings(&self, key: &ProjectKey) -> Result<Vec<Setting>> {
        let project = self.project(key).await?;
        let git = Git::at(&project.path);
        let text = rules_text(&git, &project.tip).await?.ok().flatten();
        let home = self.settings_text().map_err(Error::Rules)?;
        let name = self.paths().config().display().to_string();
        let folder = project.path.file_name().and_then(|it| it.to_str()).unwrap_or("mission");
        Ok(config::settings(
            folder,
            home.as_deref().map(|text| Source { name: &name, text }),
            text.as_deref().map(|text| Source { name: "mission.toml", text }),
            &found(Some(project.rules.default_branch.clone())),
        ))
    }

    /// Returns what `head` changed since it parted from `base`, as a unified diff, at most 4 MiB of it: what came upon `base`
    /// meanwhile is other people's work.
    ///
    /// # Errors
    /// An unknown project, or commits that the repository does not have.
    pub async fn patch(&self, key: &ProjectKey, base: &Commit, head: &Commit) -> Result<Vec<u8>> {
        let git = Git::at(&self.project(key).await?.path);
        let parted = git.merge_base(base, head).await?;
        Ok(git.patch(parted.as_ref().unwrap_or(base), head, CONTEXT).await?)
    }

    /// Returns a file of a commit; nothing where there is none, or it is larger than 16 MiB.
    ///
    /// # Errors
    /// An unknown project, or a commit that the repository does not have.
    pub async fn file_at(
        &self,
        key: &ProjectKey,
        commit: &Commit,
        path: &str,
    ) -> Result<Option<Vec<u8>>> {
        let project = self.project(key).await?;
        let bytes = Git::at(&project.path).show_file(commit, path).await?;
        Ok(bytes.filter(|it| (it.len() as u64) < MOST_FILE_BYTES))
    }

    /// Returns what became of the work between two rounds that are both based on `base` or on something before it.
    ///
    /// # Errors
    /// An unknown project, or commits that the repository does not have any more.
    pub async fn between_rounds(
        &self,
        key: &ProjectKey,
        base: &Commit,
        old: &Commit,
        new: &Commit,
    ) -> Result<BetweenRounds> {
        let project = self.project(key).await?;
        let git = Git::at(&project.path);
        let parted = git.merge_base(base, new).await?;
        let base = parted.as_ref().unwrap_or(base);
        let commits = git.range_diff(base, old, new, RANGE_DIFF).await?;
        // On another base the difference of the two is mostly other people's work.
        let is_rebased = !git.is_ancestor(base, old).await?;
        let patch = if is_rebased { None } else { Some(git.patch(old, new, CONTEXT).await?) };
        Ok(BetweenRounds { commits: commits.text, is_cut: commits.is_cut, patch })
    }
}
