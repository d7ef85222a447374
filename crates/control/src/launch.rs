//! From a claim to a running lane: working copy, folder, token, brief, environment, launch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mission_domain::ids::{AttemptId, Commit, MessageId, RoleId, TicketKey};
use mission_domain::plan::{Action, principal_of};
use mission_domain::principal::Principal;
use mission_domain::rules::{Driver, EvidenceKind, Permission, Runtime};
use mission_domain::ticket::{Attempt, Command, EndClass, Ticket, quoted};
use mission_evidence::checks::CheckEnv;
use mission_evidence::git::Git;
use mission_evidence::workspace::{Identity, Workspace};
use mission_runtime::LaunchSpec;
use mission_runtime::spec::{Access, Budget, Limits, TmuxPlace};

use crate::brief::Brief;
use crate::error::{Error, Result};
use crate::execute::Control;
use crate::projects::{Project, tip};
use crate::session;

/// Where agents keep their own settings, sessions and sign-in below the person's home. Each may use its own, and no other.
const AGENT_SETTINGS: [(&str, &[&str]); 5] = [
    ("codex", &[".codex", ".config/codex"]),
    ("claude", &[".claude", ".claude.json", ".config/claude"]),
    ("gemini", &[".gemini"]),
    (
        "opencode",
        &[".config/opencode", ".local/share/opencode", ".local/state/opencode", ".cache/opencode"],
    ),
    ("hermes", &[".hermes"]),
];

/// Room that a lane needs to begin: brief, journal, and a small working copy.
const LEAST_ROOM: u64 = 4 << 20;

impl Control {
    /// Gives the ticket to a lane and starts it.
    pub(crate) async fn claim(&self, action: Action) -> Result<()> {
        let Action::Claim { ticket: key, gate, role, runtime, identity, purpose, warm } = action
        else {
            return Ok(());
        };
        let project = self.project(key.project()).await?;
        if self.look_at_runtimes(&project) {
            // Planned on what is no longer so: the next plan knows better.
            return Ok(());
        }
        let (ticket, _) = self.ticket(&key).await?;
        if self.has_moved_unseen(&ticket, &project).await && self.head_moved(&ticket).await? {
            return Ok(());
        }
        self.needs_room()?;
        let Some(configured) = project.rules.runtimes.get(&runtime).cloned() else {
            return Err(Error::Missing(format!(
                "runtime `{runtime}` in project `{}`",
                project.key
            )));
        };
        let attempt = self.new_attempt_id().await?;
        let principal = principal_of(&role, &runtime);
        let command = Command::Claim {
            attempt,
            gate,
            role,
            runtime,
            identity,
            model: configured.model.clone(),
            purpose,
            principal,
            warm,
        };
        match self.execute(&key, command, &Principal::Controller).await {
            Ok(_) => self.launch_or_end(&key, attempt).await,
            // Somebody else got the session meanwhile: the next plan knows better.
            Err(Error::RejectedByHome(why)) => tracing::debug!("{key} is claimed anew: {why}"),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// An attempt that could write neither its brief nor its journal would die of it, and pay with one of the ticket's attempts.
    fn needs_room(&self) -> Result<()> {
        match mission_evidence::checks::free_bytes(self.paths().root()) {
            Some(free) if free < LEAST_ROOM => Err(Error::File {
                what: format!("start a lane with {free} bytes left on the disk of the home"),
                source: std::io::ErrorKind::StorageFull.into(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Ends an attempt that cannot speak for itself.
    pub(crate) async fn end(
        &self,
        key: &TicketKey,
        attempt: AttemptId,
        class: EndClass,
        summary: String,
    ) {
        if let Err(error) = self.try_end(key, attempt, class, summary).await {
            tracing::warn!("the end of {attempt} is not on record: {}", error.in_full());
        }
    }

    /// As `end`, for somebody who can try again.
    pub(crate) async fn try_end(
        &self,
        key: &TicketKey,
        attempt: AttemptId,
        class: EndClass,
        summary: String,
    ) -> Result<()> {
        let (ticket, _) = self.ticket(key).await?;
        let Some(epoch) = ticket.attempt(attempt).map(|it| it.epoch) else { return Ok(()) };
        let command = Command::EndAttempt { attempt, epoch, class, summary };
        self.execute(key, command, &Principal::Controller).await.map(drop)
    }

    /// Makes what the attempt needs and has it started.
    pub(crate) async fn launch(&self, key: &TicketKey, id: AttemptId) -> Result<()> {
        let (ticket, _) = self.ticket(key).await?;
        let project = self.project(key.project()).await?;
        let Some(attempt) = ticket.live_attempt().filter(|it| it.id == id).cloned() else {
            return Ok(());
        };
        let runtime = project.rules.runtimes.get(&attempt.runtime).cloned();
        let runtime =
            runtime.ok_or_else(|| Error::Missing(format!("runtime `{}`", attempt.runtime)))?;
        // What sets a workspace up writes its log there already.
        let lane_dir = self.paths().lane(id);
        make_private(&lane_dir)?;
        make_private(&lane_dir.join("tmp"))?;
        make_private(&lane_dir.join("evidence"))?;
        let cwd = self.working_copy(&ticket, &attempt, &project).await?;
        let (ticket, _) = self.ticket(key).await?;
        let messages: Vec<MessageId> = ticket.queued_for(&attempt.role).map(|it| it.id).collect();
        let brief = self.brief(&ticket, &attempt, &project).await?;
        let brief_file = lane_dir.join("brief.md");
        std::fs::write(&brief_file, &brief)
            .map_err(Error::file(format!("write `{}`", brief_file.display())))?;
        match runtime.driver {
            // A person reads the brief in Needs you; elsewhere it is fetched through the API.
            Driver::Person | Driver::External => return Ok(()),
            Driver::Exec | Driver::Tmux | Driver::Codex | Driver::Claude | Driver::Acp => {}
        }
        if !project.rules.setup.before_run.is_empty() {
            self.set_up(&project, &cwd, &project.rules.setup.before_run, &lane_dir).await?;
        }
        let env = self.environment(&ticket, &attempt, &runtime, &lane_dir).await?;
        let spec = self.spec(&ticket, &attempt, &project, &runtime, cwd, env, messages);
        // All this may have taken longer than a lease: the program gets a whole one to show its first sign of life.
        self.renew(key, attempt.epoch);
        self.start_lane(spec)
    }

    #[expect(clippy::too_many_arguments, reason = "a launch is made of all of these")]
    fn spec(
        &self,
        ticket: &Ticket,
        attempt: &Attempt,
        project: &Project,
        runtime: &Runtime,
        cwd: PathBuf,
        env: BTreeMap<String, String>,
        brief_messages: Vec<MessageId>,
    ) -> LaunchSpec {
        let session = session::wanted(ticket, attempt, &project.rules, &cwd);
        let lane_dir = self.paths().lane(attempt.id);
        let options = self.options();
        let is_tmux = runtime.driver == Driver::Tmux;
        let mut read_only = vec![project.objects.clone()];
        let commands = runtime.command.iter().map(PathBuf::from).filter(|it| it.is_absolute());
        read_only.extend(commands);
        // The rest of the lane's folder is the shim's: its records, and the guards on the PATH.
        let mut writable = vec![lane_dir.join("tmp"), lane_dir.join("evidence"), cwd.clone()];
        read_only.push(lane_dir.clone());
        if let Some(home) = env.get("HOME").map(PathBuf::from) {
            let own = own_settings(runtime).iter().map(|it| home.join(it));
            writable.extend(own.filter(|it| it.exists()));
        }
        let own = session::SETTINGS_VARIABLES.iter().filter_map(|it| env.get(*it));
        writable.extend(own.map(PathBuf::from).filter(|it| it.exists()));
        LaunchSpec {
            attempt: attempt.id,
            epoch: attempt.epoch,
            ticket: ticket.key.clone(),
            role: attempt.role.clone(),
            gate: attempt.gate.clone(),
            runtime: attempt.runtime.clone(),
            driver: session::driver(runtime.driver),
            command: runtime.command.clone(),
            cwd,
            env,
            brief_file: lane_dir.join("brief.md"),
            lane_dir,
            brief_messages,
            limits: Limits {
                wall_s: wall(ticket, attempt, runtime),
                memory_bytes: runtime.limits.memory_bytes,
                stall_s: runtime.limits.stall_s,
                budget: budget(ticket, attempt, project, runtime),
            },
            tmux: is_tmux.then(|| TmuxPlace {
                socket: self.paths().tmux(),
                session: format!("mc-{}", ticket.key),
                window: attempt.id.to_string(),
            }),
            mission_exe: options.exe,
            access: Access { read_only, writable, confined: options.confine },
            session,
        }
    }

    async fn environment(
        &self,
        ticket: &Ticket,
        attempt: &Attempt,
        runtime: &Runtime,
        lane_dir: &Path,
    ) -> Result<BTreeMap<String, String>> {
        let allowed = runtime.env_allow.iter();
        let mut env: BTreeMap<String, String> =
            allowed.filter_map(|it| Some((it.clone(), std::env::var(it).ok()?))).collect();
        env.extend(runtime.env_set.clone());
        let bin = lane_dir.join("bin");
        make_private(&bin)?;
        let link = bin.join("mission");
        if !link.exists() {
            std::os::unix::fs::symlink(self.options().exe, &link)
                .map_err(Error::file(format!("link `{}`", link.display())))?;
        }
        self.stand_guard(ticket, &bin, lane_dir).await?;
        let path = env.get("PATH").cloned().unwrap_or_else(|| "/usr/bin:/bin".into());
        env.insert("PATH".into(), format!("{}:{path}", bin.display()));
        let tmp = lane_dir.join("tmp").display().to_string();
        // The person's own caches are not a lane's to write.
        for (name, folder) in [("XDG_CACHE_HOME", "cache"), ("npm_config_cache", "cache/npm")] {
            env.entry(name.to_owned()).or_insert_with(|| format!("{tmp}/{folder}"));
        }
        env.insert("TMPDIR".into(), tmp);
        let token = self.attempt_token(ticket, attempt).await?;
        let set = [
            ("MISSION_URL", self.options().url.unwrap_or_default()),
            ("MISSION_TICKET", ticket.key.to_string()),
            ("MISSION_GATE", attempt.gate.to_string()),
            ("MISSION_ROLE", attempt.role.to_string()),
            ("MISSION_ATTEMPT", attempt.id.to_string()),
            ("MISSION_BRIEF", lane_dir.join("brief.md").display().to_string()),
            ("MISSION_LANE_DIR", lane_dir.display().to_string()),
            ("MISSION_TOKEN", token),
            ("GIT_TERMINAL_PROMPT", "0".into()),
            ("GIT_CONFIG_GLOBAL", "/dev/null".into()),
        ];
        env.extend(set.map(|(name, value)| (name.to_owned(), value)));
        Ok(env)
    }

    /// Puts a guard on the lane's PATH in front of each program that the ticket's policy names.
    async fn stand_guard(&self, ticket: &Ticket, bin: &Path, lane_dir: &Path) -> Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let project = self.project(ticket.key.project()).await?;
        let Some(policy) = project.rules.policy(ticket.policy.as_deref()) else { return Ok(()) };
        let file = lane_dir.join("guard.json");
        let text = serde_json::to_vec(policy)
            .map_err(|e| Error::Invalid(format!("the policy cannot be written: {e}")))?;
        let failed = |path: &Path| Error::file(format!("write `{}`", path.display()));
        std::fs::write(&file, text).map_err(failed(&file))?;
        let word = |path: &Path| quoted(&path.display().to_string());
        for program in policy.guarded_programs() {
            let Ok(name) = mission_evidence::names::directory_name(&program) else { continue };
            if name == "mission" || name == "sh" {
                // What the guards themselves need cannot be guarded.
                continue;
            }
            let (guard, exe) = (bin.join(name), bin.join("mission"));
            let script = format!(
                "#!/bin/sh\nexec {} lane-guard {} {} -- \"$@\"\n",
                word(&exe),
                word(&file),
                quoted(name)
            );
            std::fs::write(&guard, script).map_err(failed(&guard))?;
            std::fs::set_permissions(&guard, std::fs::Permissions::from_mode(0o700))
                .map_err(failed(&guard))?;
        }
        Ok(())
    }

    /// Returns the folder that the attempt works in: the ticket's workspace for a role that may write, else a disposable copy.
    async fn working_copy(
        &self,
        ticket: &Arc<Ticket>,
        attempt: &Attempt,
        project: &Project,
    ) -> Result<PathBuf> {
        let key = &ticket.key;
        if permission(project, &attempt.role) == Permission::Write {
            self.workspace(ticket, attempt, project).await?;
            return Ok(self.paths().workspace(key));
        }
        let commit = match &ticket.head {
            Some(head) => head.commit.clone(),
            None => tip(project).await?,
        };
        let dir = self.paths().copy(key, attempt.id);
        if !dir.join(".git").exists() {
            let scratch = self.scratch()?;
            let made = scratch.path().join("copy");
            mission_evidence::snapshot::detached_copy(&project.path, &commit, &made).await?;
            put_in_place(&made, &dir)?;
        }
        Ok(dir)
    }

    /// Makes the ticket's workspace where there is none, and shows the lane who it is and where the base is.
    async fn workspace(
        &self,
        ticket: &Arc<Ticket>,
        attempt: &Attempt,
        project: &Project,
    ) -> Result<()> {
        let workspace = self.workspace_of(&ticket.key, project);
        let identity = Identity::lane(attempt.role.as_str(), attempt.runtime.as_str());
        let branch = &project.rules.default_branch;
        let tip = tip(project).await?;
        if self.is_from_before_it_landed(ticket, project, &workspace).await? {
            self.remove_workspace(&ticket.key).await?;
        }
        let is_there = workspace.exists();
        if is_there {
            workspace.identify(&identity).await?;
            workspace.refresh_base(branch, &tip).await?;
            self.credit_the_dead(ticket, attempt, project, &workspace).await?;
            if ticket.workspace.as_ref().is_some_and(|it| it.present) {
                return Ok(());
            }
        } else {
            let start = ticket.head.as_ref().map_or_else(|| tip.clone(), |it| it.commit.clone());
            let scratch = self.scratch()?;
            let made = scratch.path().join("workspace");
            let new = Workspace::at(&project.path, ticket.key.clone(), made.clone());
            new.create(branch, &tip, &start, &identity).await?;
            put_in_place(&made, &workspace.dir)?;
        }
        // One that is there and not on record was made when the server died: its set-up may not have ended.
        let after_create = &project.rules.setup.after_create;
        if !after_create.is_empty() {
            self.set_up(project, &workspace.dir, after_create, &self.paths().lane(attempt.id))
                .await?;
        }
        let command = Command::MakeWorkspace { branch: ticket.key.branch(), base: tip };
        self.execute(&ticket.key, command, &Principal::Controller).await?;
        Ok(())
    }

    /// Returns whether the working copy is what an earlier round left, whose work has landed: a new one begins where that is.
    async fn is_from_before_it_landed(
        &self,
        ticket: &Ticket,
        project: &Project,
        workspace: &Workspace,
    ) -> Result<bool> {
        if ticket.landed_before.is_none() || ticket.head.is_some() || !workspace.exists() {
            return Ok(false);
        }
        let Some(commit) = workspace.fetch_back().await? else { return Ok(false) };
        Ok(self.left_out(ticket, project, &commit).await?.is_some())
    }

    /// Counts attempts that ended without delivering among the authors where they left something in the workspace.
    async fn credit_the_dead(
        &self,
        ticket: &Ticket,
        next: &Attempt,
        project: &Project,
        workspace: &Workspace,
    ) -> Result<()> {
        let writes = |it: &&Attempt| {
            it.id != next.id
                && it.process.is_some()
                && permission(project, &it.role) == Permission::Write
        };
        let has_delivered =
            |it: &&Attempt| it.end.as_ref().is_some_and(|end| end.class == EndClass::Reported);
        let before = ticket.attempts.iter().rev().filter(writes);
        let dead: Vec<_> =
            before.take_while(|it| !has_delivered(it)).flat_map(Attempt::workers).collect();
        if dead.is_empty() {
            return Ok(());
        }
        let state = workspace.state().await?;
        let known = ticket.head.as_ref().map(|it| &it.commit);
        let known = known.or(ticket.workspace.as_ref().map(|it| &it.base));
        if state.branch.as_ref() != known || !state.dirty.is_empty() {
            let command = Command::Credit { contributors: dead };
            self.execute(&ticket.key, command, &Principal::Controller).await?;
        }
        Ok(())
    }

    pub(crate) fn workspace_of(&self, key: &TicketKey, project: &Project) -> Workspace {
        Workspace::at(&project.path, key.clone(), self.paths().workspace(key))
    }

    async fn set_up(&self, project: &Project, dir: &Path, line: &str, lane: &Path) -> Result<()> {
        let limit = std::time::Duration::from_secs(project.rules.setup.timeout_s);
        // What prepares a workspace fetches what the checks then find there.
        let network = mission_sandbox::Network::Allowed;
        let env = CheckEnv { network, ..self.check_env(lane.join("tmp"), project) };
        let log = lane.join("setup.log");
        Ok(mission_evidence::setup::run_setup(dir, line, &env, limit, &log).await?)
    }

    /// Returns the environment that checks and set-up commands run in: ours, less everything that is not on the list.
    pub(crate) fn check_env(&self, tmp: PathBuf, project: &Project) -> CheckEnv {
        let allowed = ["PATH", "HOME", "LANG", "LC_ALL", "TERM", "CARGO_HOME", "RUSTUP_HOME"];
        let vars =
            allowed.iter().filter_map(|it| Some(((*it).to_owned(), std::env::var(it).ok()?)));
        CheckEnv {
            env: vars.collect(),
            tmp,
            read: vec![project.objects.clone(), self.options().exe],
            write: Vec::new(),
            network: match project.rules.network {
                true => mission_sandbox::Network::Allowed,
                false => mission_sandbox::Network::Refused,
            },
        }
    }

    async fn brief(&self, ticket: &Ticket, attempt: &Attempt, project: &Project) -> Result<String> {
        let Some(gate) = ticket.gate(&attempt.gate) else { return Ok(String::new()) };
        let role = project.rules.roles.get(&attempt.role);
        let instructions = match role {
            Some(role) => instructions(project, &role.instructions).await?,
            None => String::new(),
        };
        let plan = self.delivered_text(ticket, EvidenceKind::Plan);
        let direction = self.delivered_text(ticket, EvidenceKind::Direction);
        let mut judged: Vec<(String, String)> =
            direction.map(|it| ("The design direction".to_owned(), it)).into_iter().collect();
        judged.extend(self.delivered_summaries(ticket, gate));
        let brief = Brief {
            ticket,
            gate,
            attempt,
            role,
            rules: &project.rules,
            instructions,
            messages: ticket.queued_for(&attempt.role).collect(),
            plan,
            judged,
        };
        Ok(brief.text())
    }

    /// Returns the newest delivered text of `kind`, from its artifact.
    fn delivered_text(&self, ticket: &Ticket, kind: EvidenceKind) -> Option<String> {
        let evidence = ticket.attempts.iter().rev().flat_map(|it| it.evidence.iter().rev());
        let digest = evidence.filter(|it| it.kind == kind).find_map(|it| it.artifact.clone())?;
        let bytes = self.artifacts().read(&digest).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn delivered_summaries(
        &self,
        ticket: &Ticket,
        gate: &mission_domain::ticket::Gate,
    ) -> Vec<(String, String)> {
        let judged = gate.rule.judges.iter().filter_map(|id| {
            let attempt = ticket.attempts.iter().rev().find(|it| it.gate == *id)?;
            match &attempt.report {
                Some(mission_domain::ticket::Report::Done { summary }) => {
                    Some((format!("What {} says of {id} (a claim)", attempt.role), summary.clone()))
                }
                Some(_) | None => None,
            }
        });
        judged.collect()
    }
}

/// Returns how many seconds the attempt may take: the least of what its runtime and its gate give it.
fn wall(ticket: &Ticket, attempt: &Attempt, runtime: &Runtime) -> Option<u64> {
    let gate = ticket.gate(&attempt.gate).and_then(|it| it.rule.timeout_s);
    [runtime.limits.wall_s, gate].into_iter().flatten().min()
}

/// Returns what the attempt may use: the runtime's limits, and what its ticket's budget leaves.
fn budget(ticket: &Ticket, attempt: &Attempt, project: &Project, runtime: &Runtime) -> Budget {
    let left = ticket.budget_left(&project.rules.budget.ticket, attempt.started_at);
    // A limit of nothing is none: the least is 1, which the first answer uses up.
    let least =
        |a: Option<u64>, b: Option<u64>| [a, b].into_iter().flatten().min().map(|it| it.max(1));
    Budget {
        tokens: least(runtime.limits.tokens, left.tokens),
        cost_micros: least(runtime.limits.cost_micros, left.cost_micros),
        wall_s: least(None, left.wall_s),
    }
}

/// Returns where the agent behind `runtime` keeps its settings: known by its name, or by its program's.
fn own_settings(runtime: &Runtime) -> &'static [&'static str] {
    let programs = || runtime.command.iter().filter_map(|it| Path::new(it).file_name()?.to_str());
    let is_it = |name: &str| {
        let mut programs = programs();
        runtime.id.as_str() == name
            || programs.any(|it| it.strip_suffix("-acp").unwrap_or(it) == name)
    };
    AGENT_SETTINGS.iter().find(|it| is_it(it.0)).map_or(&[], |it| it.1)
}

/// Returns what the role may do; an unknown one may only read.
pub(crate) fn permission(project: &Project, role: &RoleId) -> Permission {
    project.rules.roles.get(role).map_or(Permission::Read, |it| it.permission)
}

/// Returns the role's instructions: inline, or the file on the default branch that they name.
async fn instructions(project: &Project, text: &str) -> Result<String> {
    let Some(path) = mission_domain::config::instructions_path(text) else {
        return Ok(text.to_owned());
    };
    let commit: &Commit = &project.tip;
    let bytes = Git::at(&project.path).show_file(commit, path).await?;
    Ok(bytes.map_or_else(String::new, |it| String::from_utf8_lossy(&it).into_owned()))
}

/// Moves a working copy that is whole to where it is looked for: one that is half made is never found there.
fn put_in_place(made: &Path, dir: &Path) -> Result<()> {
    if dir.join(".git").exists() {
        return Err(Error::Invalid(format!(
            "a working copy was put at `{}` by somebody else meanwhile; it is left as it is",
            dir.display()
        )));
    }
    // What is there without being a clone is the rest of a removal that was cut off.
    let rest = if dir.exists() { std::fs::remove_dir_all(dir) } else { Ok(()) };
    let moved = rest.and_then(|()| std::fs::rename(made, dir));
    moved.map_err(Error::file(format!("put a working copy at `{}`", dir.display())))
}

/// Makes a folder that only its owner can look into.
pub(crate) fn make_private(dir: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(Error::file(format!("make `{}`", dir.display())))
}
