//! What pages look up beside documents: settings with their origin, patches, sessions, invitations.

use mission_domain::config::{self, Setting, Source};
use mission_domain::ids::{Commit, ProjectKey, Timestamp};
use mission_domain::principal::{self, Principal};
use mission_evidence::git::Git;
use mission_evidence::git::read::MOST_FILE_BYTES;
use mission_store::SecretKind;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::execute::Control;
use crate::home::{Caller, TokenRole, hash};
use crate::projects::{found, rules_text};

/// How long an invitation holds, in seconds.
const INVITATION_S: i64 = 86_400;

/// One signed-in browser, never its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionDoc {
    /// What ends it: the beginning of its secret's digest.
    pub id: String,
    /// Who is signed in.
    pub principal: String,
    /// What they may do.
    pub role: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

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

/// How many characters of a digest name a session.
const ID_CHARS: usize = 12;

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

    /// Returns the change between two commits of a project as a unified diff, at most 4 MiB of it.
    ///
    /// # Errors
    /// An unknown project, or commits that the repository does not have.
    pub async fn patch(&self, key: &ProjectKey, base: &Commit, head: &Commit) -> Result<Vec<u8>> {
        const CONTEXT: u32 = 3;
        let project = self.project(key).await?;
        Ok(Git::at(&project.path).patch(base, head, CONTEXT).await?)
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
        let commits = git.range_diff(base, old, new, RANGE_DIFF).await?;
        // On another base the difference of the two is mostly other people's work.
        let is_rebased = !git.is_ancestor(base, old).await?;
        let patch = if is_rebased { None } else { Some(self.patch(key, old, new).await?) };
        Ok(BetweenRounds { commits: commits.text, is_cut: commits.is_cut, patch })
    }

    /// Returns every signed-in browser, the newest first.
    ///
    /// # Errors
    /// What the store said.
    pub async fn sessions(&self) -> Result<Vec<SessionDoc>> {
        let now = self.now();
        let all = self.store().secrets(SecretKind::Session).await?.into_iter();
        let live = all.filter(|it| it.expires_at.is_none_or(|at| at > now));
        let mut docs: Vec<SessionDoc> = live
            .map(|it| SessionDoc {
                id: it.hash.chars().take(ID_CHARS).collect(),
                principal: it.principal,
                role: it.role,
                created_at: it.created_at,
                expires_at: it.expires_at,
            })
            .collect();
        docs.sort_by_key(|it| std::cmp::Reverse(it.created_at));
        Ok(docs)
    }

    /// Returns the name under which `sessions` lists the session of `secret`.
    pub fn session_id(secret: &str) -> String {
        hash(secret).chars().take(ID_CHARS).collect()
    }

    /// Signs a browser out. Everybody may end their own sessions, an owner all.
    ///
    /// # Errors
    /// There is none of that name, or it is somebody else's.
    pub async fn end_session(&self, id: &str, by: &Caller) -> Result<()> {
        let all = self.store().secrets(SecretKind::Session).await?;
        let found = all.into_iter().find(|it| id.len() == ID_CHARS && it.hash.starts_with(id));
        let found = found.ok_or_else(|| Error::Missing(format!("session `{id}`")))?;
        if by.role != TokenRole::Owner && found.principal != by.principal.to_string() {
            return Err(Error::Missing(format!("session `{id}` of yours")));
        }
        self.store().drop_secret(SecretKind::Session, &found.hash).await?;
        Ok(())
    }

    /// Returns a one-time code with which `name` signs in as a person of this home, good for a day.
    ///
    /// # Errors
    /// A caller who is no owner, an unknown role, or a name that is none.
    pub async fn invite(&self, name: &str, role: &str, by: &Caller) -> Result<String> {
        if by.role != TokenRole::Owner || !by.principal.is_person() {
            return Err(mission_domain::ticket::Rejection::NotAPerson(by.principal.clone()).into());
        }
        let role = match TokenRole::read(role) {
            Some(role @ (TokenRole::Viewer | TokenRole::Operator | TokenRole::Owner)) => role,
            Some(TokenRole::Attempt(_)) | None => {
                let text = format!("`{role}` is no role; choose viewer, operator or owner");
                return Err(Error::Invalid(text));
            }
        };
        principal::check_person(name).map_err(Error::Invalid)?;
        let is_word = |it: &str| it.eq_ignore_ascii_case(name);
        let home = self.home();
        let mut rules = Vec::new();
        for key in home.projects.keys() {
            rules.push(self.project(key).await?.rules.clone());
        }
        let lanes = rules.iter().flat_map(|it| {
            it.roles.keys().map(|it| it.as_str()).chain(it.runtimes.keys().map(|it| it.as_str()))
        });
        if lanes.into_iter().any(is_word) {
            let text = format!("a role or runtime is called `{name}`; choose another name");
            return Err(Error::Invalid(text));
        }
        if self.is_person(name).await? {
            let text = format!(
                "there is a person `{name}` already, and whoever took this link would act under that name. Choose another \
                 name; where it is the same person anew, end their sessions and tokens first"
            );
            return Err(Error::Invalid(text));
        }
        let principal = Principal::Person(name.into());
        let (kind, life) = (SecretKind::SignIn, Some(INVITATION_S));
        self.new_secret(kind, &principal, role, None, "invitation", life).await
    }

    /// Returns whether somebody signs in, is invited or has a token under this name, however it is written.
    async fn is_person(&self, name: &str) -> Result<bool> {
        if self.owner().eq_ignore_ascii_case(name) {
            return Ok(true);
        }
        let now = self.now();
        for kind in [SecretKind::Session, SecretKind::SignIn, SecretKind::Token] {
            let all = self.store().secrets(kind).await?.into_iter();
            let mut live = all.filter(|it| it.expires_at.is_none_or(|at| at > now));
            let is_theirs = |it: &str| {
                it.strip_prefix("person:").is_some_and(|it| it.eq_ignore_ascii_case(name))
            };
            if live.any(|it| is_theirs(&it.principal)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
