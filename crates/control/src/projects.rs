//! The repositories of a home: their rules from the default branch, and what is behind their runtimes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mission_domain::agents::AGENTS;
use mission_domain::config::{self, Found, Source};
use mission_domain::doc::ProjectDoc;
use mission_domain::home::HomeCommand;
use mission_domain::ids::{Commit, Digest, ProjectKey, RoleId, RuntimeId};
use mission_domain::plan::ProjectFacts;
use mission_domain::principal::Principal;
use mission_domain::rules::Rules;
use mission_evidence::git::Git;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::execute::Control;
use crate::identity::{find_program, identity};

/// One repository with the rules in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// Its key.
    pub key: ProjectKey,
    /// Where its repository is.
    pub path: PathBuf,
    /// Where its objects are: in a linked working tree those are another folder's, with its refs beside them.
    pub objects: PathBuf,
    /// The tip of the default branch that the rules were read from.
    pub tip: Commit,
    /// The home's own settings that they were read with.
    pub settings: Digest,
    /// The rules in force.
    pub rules: Arc<Rules>,
    /// Their digest.
    pub digest: Digest,
    /// Where each runtime comes from: `mission.toml` or `config.toml` with a line, or `built-in`.
    pub from: BTreeMap<RuntimeId, String>,
    /// What is wrong with the newest version, while these stay in force.
    pub problem: Option<String>,
    /// Something a person should know.
    pub notice: Option<String>,
}

impl Control {
    /// Returns the project with its rules as its default branch has them now; the last good ones where those are broken.
    ///
    /// # Errors
    /// [`Error::Rules`] where no version was ever good; [`Error::RejectedByHome`] for an unknown key.
    pub async fn project(&self, key: &ProjectKey) -> Result<Arc<Project>> {
        let path = {
            let fleet = self.fleet();
            let known = fleet.home.projects.get(key);
            let unknown = || mission_domain::home::HomeRejection::UnknownProject(key.clone());
            PathBuf::from(&known.ok_or_else(unknown)?.path)
        };
        let held = self.projects_held().get(key).cloned().or_else(|| self.cached(key));
        let settings = self.settings_digest();
        if let Some(held) = held.as_ref().filter(|it| it.settings == settings && it.path == path)
            && tip(held).await.is_ok_and(|it| it == held.tip)
        {
            self.hold(held.clone());
            return Ok(held.clone());
        }
        let project = Arc::new(self.read_project(key, &path, held.as_deref()).await?);
        self.cache(&project);
        self.hold(project.clone());
        Ok(project)
    }

    /// Returns the project's rules in force.
    ///
    /// # Errors
    /// As for `project`.
    pub async fn rules(&self, key: &ProjectKey) -> Result<Arc<Rules>> {
        Ok(self.project(key).await?.rules.clone())
    }

    fn projects_held(&self) -> std::sync::MutexGuard<'_, BTreeMap<ProjectKey, Arc<Project>>> {
        self.inner.projects.lock().expect("nobody panics while holding the projects")
    }

    fn hold(&self, project: Arc<Project>) {
        let is_new = {
            let mut held = self.projects_held();
            let old = held.insert(project.key.clone(), project.clone());
            old.is_none_or(|old| !Arc::ptr_eq(&old, &project))
        };
        if is_new {
            let facts = self.facts(&project);
            self.fleet().put_facts(&project.key, facts, self.now());
            // What held the dispatcher may be allowed now.
            self.nudge();
        }
    }

    /// Looks again at what is behind the project's runtimes; returns whether a program came, went or became another.
    pub(crate) fn look_at_runtimes(&self, project: &Project) -> bool {
        let facts = self.facts(project);
        let mut fleet = self.fleet();
        // Where the rules have moved meanwhile, their own facts are in.
        let same_rules = |it: &&ProjectFacts| Arc::ptr_eq(&it.rules, &project.rules);
        let known = fleet.projects.get(&project.key).filter(same_rules);
        if known.is_none_or(|it| it.identities == facts.identities) {
            return false;
        }
        fleet.put_facts(&project.key, facts, self.now());
        drop(fleet);
        self.nudge();
        true
    }

    fn facts(&self, project: &Project) -> ProjectFacts {
        let trusted = self.fleet().home.projects.get(&project.key).is_some_and(|it| it.trusted);
        let identities =
            project.rules.runtimes.values().filter_map(|runtime| {
                Some((runtime.id.clone(), identity(runtime, &project.path)?))
            });
        ProjectFacts { rules: project.rules.clone(), trusted, identities: identities.collect() }
    }

    async fn read_project(
        &self,
        key: &ProjectKey,
        path: &Path,
        last: Option<&Project>,
    ) -> Result<Project> {
        let git = Git::at(path);
        let mut branch = match last {
            Some(last) => last.rules.default_branch.clone(),
            None => default_branch(&git).await?,
        };
        let home_text = self.settings_text();
        let mut tip = git.branch(&branch).await?;
        let mut text = rules_text(&git, &tip).await?;
        // The file may name another default branch than the one it was found on.
        let named = config_default_branch(&text);
        if let Some(named) = named.filter(|it| *it != branch)
            && git.has_branch(&named).await?
        {
            branch = named;
            tip = git.branch(&branch).await?;
            text = rules_text(&git, &tip).await?;
        }
        let folder = path.file_name().map_or("mission", |it| it.to_str().unwrap_or("mission"));
        let found = found(Some(branch.clone()));
        let home = home_text.as_ref().ok().and_then(Option::as_deref);
        let home = home.map(|text| Source { name: "config.toml", text });
        let own = text.as_ref().ok().and_then(Option::as_deref);
        let own = own.map(|text| Source { name: "mission.toml", text });
        let read = match (&home_text, &text) {
            (Ok(_), Ok(_)) => config::rules(folder, home, own, &found).map_err(|problems| {
                problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
            }),
            (Err(why), _) | (_, Err(why)) => Err(why.clone()),
        };
        let notice = notice(path, &text);
        let settings = self.settings_digest();
        let objects = git.objects_dir().await?;
        let (key, path) = (key.clone(), path.to_path_buf());
        match (read, last) {
            (Ok(mut rules), _) => {
                rules.key = key.clone();
                rules.default_branch = branch;
                rules.instructions = instruction_digests(&git, &tip, &rules).await?;
                let from = |id: &RuntimeId| {
                    config::explain(&format!("runtime.{id}"), folder, home, own, &found)
                };
                let known = |id: &RuntimeId| Some((id.clone(), from(id)?.from));
                let from = rules.runtimes.keys().filter_map(known).collect();
                let (digest, rules, problem) = (rules.digest(), Arc::new(rules), None);
                Ok(Project {
                    key,
                    path,
                    objects,
                    tip,
                    settings,
                    rules,
                    digest,
                    from,
                    problem,
                    notice,
                })
            }
            (Err(problem), Some(last)) => {
                let (digest, rules) = (last.digest.clone(), last.rules.clone());
                let (from, problem) = (last.from.clone(), Some(problem));
                Ok(Project {
                    key,
                    path,
                    objects,
                    tip,
                    settings,
                    rules,
                    digest,
                    from,
                    problem,
                    notice,
                })
            }
            (Err(problem), None) => Err(Error::Rules(format!(
                "the rules of `{key}` cannot be read, and there is no earlier version: {problem}"
            ))),
        }
    }

    /// Returns the home's own settings, nothing where it has none, or why they cannot be read: that is not the same.
    pub(crate) fn settings_text(&self) -> std::result::Result<Option<String>, String> {
        match std::fs::read_to_string(self.paths().config()) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("the home's config.toml cannot be read: {error}")),
        }
    }

    fn settings_digest(&self) -> Digest {
        let text = self.settings_text().map(Option::unwrap_or_default);
        Digest::of(text.unwrap_or_else(|why| why).as_bytes())
    }

    fn cache_file(&self, key: &ProjectKey) -> PathBuf {
        self.paths().root().join("rules").join(format!("{key}.json"))
    }

    /// Returns what was read last by any process of this home; a broken file is read again from git.
    fn cached(&self, key: &ProjectKey) -> Option<Arc<Project>> {
        let bytes = std::fs::read(self.cache_file(key)).ok()?;
        serde_json::from_slice(&bytes).ok().map(Arc::new)
    }

    fn cache(&self, project: &Project) {
        let file = self.cache_file(&project.key);
        let temporary = file.with_extension(format!("{}.tmp", std::process::id()));
        let written = file.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| {
            let bytes = serde_json::to_vec(project).unwrap_or_default();
            std::fs::write(&temporary, bytes)?;
            std::fs::rename(&temporary, &file)
        });
        if let Err(error) = written {
            tracing::debug!("the rules of {} are not cached: {error}", project.key);
        }
    }

    /// Registers the repository at `path` and returns its project.
    ///
    /// # Errors
    /// A repository without commits, broken rules, or a key that another repository has.
    pub async fn add_project(
        &self,
        path: &Path,
        trusted: bool,
        by: &Principal,
    ) -> Result<Arc<Project>> {
        let top = Git::find(path).await?;
        let git = Git::at(&top);
        let branch = default_branch(&git).await?;
        let tip = git.branch(&branch).await?;
        let text = rules_text(&git, &tip).await?.map_err(Error::Rules)?;
        // A file that is only in the working copy is not in force, yet its key is the one the person chose.
        let working = std::fs::read_to_string(top.join("mission.toml")).ok();
        let home_text = self.settings_text().map_err(Error::Rules)?;
        let folder = top.file_name().map_or("mission", |it| it.to_str().unwrap_or("mission"));
        let rules = config::rules(
            folder,
            home_text.as_deref().map(|text| Source { name: "config.toml", text }),
            text.as_deref()
                .or(working.as_deref())
                .map(|text| Source { name: "mission.toml", text }),
            &found(Some(branch)),
        );
        let rules = rules.map_err(|problems| {
            let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
            Error::Rules(lines.join("\n"))
        })?;
        let (key, path) = (rules.key.clone(), top.display().to_string());
        self.execute_home(HomeCommand::AddProject { key: key.clone(), path, trusted }, by).await?;
        self.projects_held().remove(&key);
        let project = self.project(&key).await?;
        let facts = self.facts(&project);
        self.fleet().put_facts(&key, facts, self.now());
        self.nudge();
        Ok(project)
    }

    /// Returns all projects as documents; one whose repository cannot be read says why.
    pub async fn project_docs(&self) -> Vec<ProjectDoc> {
        let known = self.home().projects;
        let mut docs = Vec::new();
        for (key, entry) in known {
            docs.push(match self.project(&key).await {
                Ok(project) => ProjectDoc {
                    key: key.to_string(),
                    path: entry.path,
                    default_branch: project.rules.default_branch.clone(),
                    workflow: project.rules.workflow.to_string(),
                    checks: project.rules.checks.iter().map(|it| it.run.clone()).collect(),
                    trusted: entry.trusted,
                    policy_digest: project.digest.to_string(),
                    config_problem: project.problem.clone(),
                    notice: project.notice.clone(),
                },
                Err(error) => ProjectDoc {
                    key: key.to_string(),
                    path: entry.path,
                    default_branch: String::new(),
                    workflow: String::new(),
                    checks: Vec::new(),
                    trusted: entry.trusted,
                    policy_digest: String::new(),
                    config_problem: Some(error.in_full()),
                    notice: None,
                },
            });
        }
        docs
    }
}

/// Returns the digests of the files that roles name as their instructions; a missing file has none.
async fn instruction_digests(
    git: &Git,
    tip: &Commit,
    rules: &Rules,
) -> Result<BTreeMap<RoleId, Digest>> {
    let mut digests = BTreeMap::new();
    for role in rules.roles.values() {
        let Some(path) = config::instructions_path(&role.instructions) else { continue };
        if let Some(bytes) = git.show_file(tip, path).await? {
            digests.insert(role.id.clone(), Digest::of(&bytes));
        }
    }
    Ok(digests)
}

/// Returns the agents and tools that are on the PATH now.
pub fn programs_on_path() -> Vec<String> {
    let there = |name: &&str| find_program(name).is_some();
    AGENTS.iter().map(|it| it.program).filter(there).map(str::to_owned).collect()
}

pub(crate) fn found(default_branch: Option<String>) -> Found {
    Found { default_branch, programs: programs_on_path(), checks: Vec::new() }
}

/// Returns the branch that work lands on, where no rules say it: `main`, `master`, or the one that is checked out.
async fn default_branch(git: &Git) -> Result<String> {
    for name in ["main", "master"] {
        if git.has_branch(name).await? {
            return Ok(name.into());
        }
    }
    // Tells apart a repository without commits from a detached one.
    git.head().await?;
    let current = git.current_branch().await?;
    current.ok_or_else(|| {
        Error::Invalid(
            "this repository has neither `main` nor `master`, and no branch is checked out. Name one as `default_branch` in `mission.toml` on it".into(),
        )
    })
}

/// Returns the text of the default branch's `mission.toml`, nothing where it has none, or why it cannot be read.
pub(crate) async fn rules_text(
    git: &Git,
    tip: &Commit,
) -> Result<std::result::Result<Option<String>, String>> {
    let bytes = git.show_file(tip, "mission.toml").await?;
    let text = bytes.map(|it| config::text("mission.toml", it)).transpose();
    Ok(text.map_err(|problem| problem.to_string()))
}

fn config_default_branch(text: &std::result::Result<Option<String>, String>) -> Option<String> {
    let table: toml::Table = text.as_ref().ok()?.as_ref()?.parse().ok()?;
    Some(table.get("project")?.get("default_branch")?.as_str()?.to_owned())
}

/// Says when a working copy's file is not the one in force.
fn notice(path: &Path, committed: &std::result::Result<Option<String>, String>) -> Option<String> {
    let working = std::fs::read_to_string(path.join("mission.toml")).ok();
    match (working, committed) {
        (Some(_), Ok(None)) => Some(
            "the working copy's mission.toml is not in force: the default branch has none, so the built-ins apply. Commit it there".into(),
        ),
        (Some(working), Ok(Some(committed))) if working != *committed => Some(
            "the working copy's mission.toml differs from the default branch's, which is the one in force".into(),
        ),
        (Some(_) | None, _) => None,
    }
}

/// Returns the tip of the project's default branch now. Git is only started where the repository's files do not tell it
/// at a look: a lane waits for this.
pub(crate) async fn tip(project: &Project) -> Result<Commit> {
    let branch = &project.rules.default_branch;
    match project.objects.parent().and_then(|it| quick_tip(it, branch)) {
        Some(tip) => Ok(tip),
        None => Ok(Git::at(&project.path).branch(branch).await?),
    }
}

/// Returns a branch's tip from the files in the folder that holds a repository's refs, starting no process; nothing where that
/// takes more than a look.
fn quick_tip(git_dir: &Path, branch: &str) -> Option<Commit> {
    let name = format!("refs/heads/{branch}");
    let loose = std::fs::read_to_string(git_dir.join(&name)).ok();
    if let Some(text) = loose {
        let hash = text.trim();
        let is_hash =
            matches!(hash.len(), 40 | 64) && hash.bytes().all(|it| it.is_ascii_hexdigit());
        return is_hash.then(|| Commit::new(hash));
    }
    let packed = std::fs::read_to_string(git_dir.join("packed-refs")).ok()?;
    let line = packed.lines().find(|line| line.split(' ').nth(1) == Some(name.as_str()))?;
    line.split(' ').next().map(Commit::new)
}
