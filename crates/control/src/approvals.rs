//! Guarded commands: what a lane asks for, looked at where it would run; a person's answer; and the one run of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mission_domain::doc::ApprovalDoc;
use mission_domain::guard::GIT_VALUES;
use mission_domain::ids::{ApprovalId, Digest, TicketKey};
use mission_domain::principal::Principal;
use mission_domain::rules::Permission;
use mission_domain::ticket::{
    Approval, Asked, Attempt, Command, Ran, Rejection, Seen, Ticket, VoidCode, approval_doc,
};
use mission_evidence::place::{Look, Place, plainly, remotes, repository_between};
use mission_sandbox::{Access, Confined, Exit, Limits, Network, Outcome};
use mission_store::{ProjectionFilter, ProjectionKind};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::execute::Control;
use crate::launch::permission;
use crate::packets::{keep_masked, masked, own_environment};
use crate::projects::Project;

/// How long a command that a person approved may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(30 * 60);

/// How much of its output is kept, in bytes.
const COMMAND_OUTPUT: u64 = 16 << 20;

/// What git is told whatever a working copy says: nothing of a lane's is executed.
const GIT_SAYS: [(&str, &str); 6] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.sshCommand", "ssh"),
    ("protocol.ext.allow", "never"),
    ("submodule.recurse", "false"),
    ("safe.bareRepository", "explicit"),
];

/// What every process may write to.
const SHARED: &str = "/dev/shm";

/// Options of git that say where it works.
const GIT_FOLDERS: [&str; 3] = ["-C", "--git-dir", "--work-tree"];

/// What a lane says that it wants run: the words of a record.
#[derive(Debug, Deserialize)]
pub(crate) struct Wish {
    /// The exact words.
    argv: Vec<String>,
    /// Where; the top of the working copy where left out.
    #[serde(default)]
    cwd: Option<PathBuf>,
}

/// Why a command is not run, with its code.
type Refused = (VoidCode, String);

impl Control {
    /// Looks at what a lane asks for where it would run. What is refused here is void from the start.
    pub(crate) async fn asked(&self, ticket: &Ticket, attempt: &Attempt, wish: Wish) -> Asked {
        let argv = wish.argv;
        let top = match self.project(ticket.key.project()).await {
            Ok(project) => self.place_of(ticket, attempt, &project),
            Err(error) => return void(argv, wish.cwd, (VoidCode::CouldNotRun, error.in_full())),
        };
        let cwd = wish.cwd.clone().unwrap_or_else(|| top.clone());
        let is_empty = argv.first().is_none_or(String::is_empty);
        let has_nul = argv.iter().any(|it| it.contains('\0'));
        if is_empty || has_nul {
            let why = "it names no command".to_owned();
            return void(argv, wish.cwd, (VoidCode::CouldNotRun, why));
        }
        match self.look_at_place(ticket, &top, &cwd, &argv).await {
            Err(refused) => void(argv, wish.cwd, refused),
            Ok((cwd, look)) => Asked {
                diff: self.difference(ticket, &look, &argv, &cwd).await,
                seen: told(look.place),
                argv,
                cwd: cwd.display().to_string(),
                refused: None,
            },
        }
    }

    /// Returns the working copy of an attempt.
    fn place_of(&self, ticket: &Ticket, attempt: &Attempt, project: &Project) -> PathBuf {
        match permission(project, &attempt.role) {
            Permission::Write => self.paths().workspace(&ticket.key),
            Permission::Read => self.paths().copy(&ticket.key, attempt.id),
        }
    }

    /// Returns the real folder and what is there, or why nothing is run there.
    async fn look_at_place(
        &self,
        ticket: &Ticket,
        top: &Path,
        cwd: &Path,
        argv: &[String],
    ) -> std::result::Result<(PathBuf, Look), Refused> {
        let gone = |path: &Path| {
            let why = format!("`{}` is not there", path.display());
            move |_: std::io::Error| (VoidCode::CwdChanged, why)
        };
        let top = top.canonicalize().map_err(gone(top))?;
        let cwd = cwd.canonicalize().map_err(gone(cwd))?;
        // Git would take the nearest one, whose commits and settings nobody saw.
        for folder in std::iter::once(cwd.clone()).chain(elsewhere(argv, &cwd)) {
            let folder = folder.canonicalize().map_err(gone(&folder))?;
            if !folder.starts_with(&top) {
                let why = format!("`{}` is not in the lane's own working copy", folder.display());
                return Err((VoidCode::Outside, why));
            }
            if let Some(other) = repository_between(&folder, &top) {
                let why = format!("`{}` is a repository of its own", other.display());
                return Err((VoidCode::ConfigChanged, why));
            }
        }
        let failed = |e: Error| (VoidCode::CouldNotRun, e.in_full());
        let project = self.project(ticket.key.project()).await.map_err(failed)?;
        let look = Look::at(&top, &project.path).await.map_err(|e| failed(e.into()))?;
        // Whatever the words are: a script may call git as well.
        let obeyed = &look.place.obeyed;
        if !obeyed.is_empty() {
            let why = format!("the lane changed what git obeys there: {}", obeyed.join(", "));
            return Err((VoidCode::ConfigChanged, why));
        }
        self.leads_nowhere_else(&top, &look, argv)?;
        Ok((cwd, look))
    }

    /// Refuses what a person could not have looked at: a repository inside that git could be led into, a link or a word that
    /// leads to where lanes write.
    fn leads_nowhere_else(
        &self,
        top: &Path,
        look: &Look,
        argv: &[String],
    ) -> std::result::Result<(), Refused> {
        let calls_git = argv.iter().any(|it| it.to_ascii_lowercase().contains("git"));
        if let Some(inside) = look.repositories().next().filter(|_| calls_git) {
            let why = format!(
                "`{}` is a repository of its own, and git could be led into it",
                inside.display()
            );
            return Err((VoidCode::ConfigChanged, why));
        }
        let home = self.paths().root();
        let home = home.canonicalize().unwrap_or_else(|_| home.to_path_buf());
        let is_lanes =
            |it: &Path| it.starts_with(SHARED) || (it.starts_with(&home) && !it.starts_with(top));
        if let Some((link, target)) = look.outward().iter().find(|it| is_lanes(&it.1)) {
            let (link, target) = (link.display(), target.display());
            let why = format!("`{link}` leads to `{target}`, which nobody looked at");
            return Err((VoidCode::Outside, why));
        }
        let (home, top) = (home.display().to_string(), top.display().to_string());
        let is_here = |rest: &str| {
            let goes_on = |it: char| it.is_alphanumeric() || "-_.".contains(it);
            rest.strip_prefix(&top).is_some_and(|it| !it.starts_with(goes_on))
        };
        let names_lanes = |it: &&String| {
            it.contains(SHARED) || it.match_indices(&home).any(|(at, _)| !is_here(&it[at..]))
        };
        if let Some(word) = argv.iter().find(names_lanes) {
            let why = format!("`{word}` names a place that lanes can write to");
            return Err((VoidCode::Outside, why));
        }
        Ok(())
    }

    /// Keeps the difference to the base as a text for a person; one that cannot be told is left out.
    async fn difference(
        &self,
        ticket: &Ticket,
        look: &Look,
        argv: &[String],
        cwd: &Path,
    ) -> Option<Digest> {
        let project = self.project(ticket.key.project()).await.ok()?;
        let base = match (&ticket.head, &ticket.workspace) {
            (Some(head), _) => head.base.clone(),
            (None, Some(workspace)) => workspace.base.clone(),
            (None, None) => project.tip.clone(),
        };
        let text = look.difference(&base, argv, &named(argv, cwd)).await;
        let text = text.inspect_err(|e| tracing::debug!("no difference for {}: {e}", ticket.key));
        self.artifacts().put(&masked(&text.ok()?)).ok()
    }

    /// Returns the approvals that `filter` selects, oldest first.
    ///
    /// # Errors
    /// What the store said.
    pub async fn approvals(&self, ticket: Option<TicketKey>) -> Result<Vec<ApprovalDoc>> {
        let filter = ProjectionFilter { ticket, ..ProjectionFilter::of(ProjectionKind::Approval) };
        let rows = self.store().projections(&filter).await?;
        let read = |row: mission_store::Projection| {
            serde_json::from_str(&row.doc).map_err(|e| {
                Error::Invalid(format!("approval `{}` is broken on record: {e}", row.id))
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// Returns one approval.
    ///
    /// # Errors
    /// There is none of that id.
    pub async fn approval(&self, id: ApprovalId) -> Result<ApprovalDoc> {
        let (ticket, approval) = self.approval_of(id).await?;
        Ok(approval_doc(&ticket, &approval))
    }

    /// Returns what a person can look at before they answer: the difference to the base, what git ignores there, and the
    /// repositories inside, as it was when the lane asked.
    ///
    /// # Errors
    /// There is no such approval, or nothing could be kept of it.
    pub async fn approval_difference(&self, id: ApprovalId) -> Result<Vec<u8>> {
        let (_, approval) = self.approval_of(id).await?;
        let none = || Error::Missing(format!("the difference that belongs to approval `{id}`"));
        Ok(self.artifacts().read(&approval.asked.diff.ok_or_else(none)?)?)
    }

    async fn approval_of(&self, id: ApprovalId) -> Result<(std::sync::Arc<Ticket>, Approval)> {
        let none = || Error::Missing(format!("approval `{id}`"));
        let key = self.key_of(id.attempt).await?.ok_or_else(none)?;
        let (ticket, _) = self.ticket(&key).await?;
        let approval = ticket.approval(id).cloned().ok_or_else(none)?;
        Ok((ticket, approval))
    }

    /// Permits a guarded command, once. Mission Control runs it next.
    ///
    /// # Errors
    /// Somebody asks who is no person, or it is answered, expired or void already.
    pub async fn approve(&self, id: ApprovalId, by: &Principal) -> Result<ApprovalDoc> {
        let (ticket, _) = self.approval_of(id).await?;
        self.execute(&ticket.key, Command::Approve { approval: id }, by).await?;
        self.approval(id).await
    }

    /// Refuses a guarded command, and tells the lane why.
    ///
    /// # Errors
    /// As [`Control::approve`], or no reason.
    pub async fn deny(
        &self,
        id: ApprovalId,
        reason: String,
        by: &Principal,
    ) -> Result<ApprovalDoc> {
        let (ticket, _) = self.approval_of(id).await?;
        let message = self.new_message_id().await?;
        let command = Command::Deny { approval: id, reason, message };
        self.execute(&ticket.key, command, by).await?;
        self.approval(id).await
    }

    /// Runs what a person approved, if the place is still as they saw it. The start is on record before anything runs:
    /// whatever happens, it is not run a second time for this yes.
    pub(crate) async fn run_approved(&self, key: &TicketKey, id: ApprovalId) -> Result<()> {
        let (ticket, _) = self.ticket(key).await?;
        let Some(approval) = ticket.approval(id).cloned() else { return Ok(()) };
        let attempt = ticket.attempt(approval.attempt).ok_or(Rejection::UnknownApproval(id))?;
        let project = self.project(key.project()).await?;
        let top = self.place_of(&ticket, attempt, &project);
        let cwd = PathBuf::from(&approval.asked.cwd);
        let argv = &approval.asked.argv;
        // What is seen is what runs: nothing of the lane may change it in between, nor while it runs.
        let held = self.hold_lanes(&ticket).await?;
        let seen = match &held {
            Ok(_) => self.look_at_place(&ticket, &top, &cwd, argv).await,
            Err(error) => Err((VoidCode::CouldNotRun, error.in_full())),
        };
        let seen = seen.and_then(|it| same_folder(it, &cwd));
        let message = self.new_message_id().await?;
        let begin = Command::BeginApproved { approval: id, place: seen.clone(), message };
        let ticket = self.execute(key, begin, &Principal::Controller).await?;
        let runs = ticket
            .approval(id)
            .is_some_and(|it| it.state == mission_domain::ticket::ApprovalState::Running);
        let (true, Ok(before)) = (runs, seen) else { return Ok(()) };
        let mut ran = self.run_command(&approval, cwd.clone(), &project).await;
        // What git ignores is what commands leave behind: that it changed meanwhile says nothing.
        let after = self.look_at_place(&ticket, &top, &cwd, argv).await;
        let after = after.map(|(_, it)| Seen { aside: before.aside.clone(), ..told(it.place) });
        drop(held);
        if after.ok() != Some(before) {
            ran.ended.push_str("; the files there changed while it ran");
        }
        let message = self.new_message_id().await?;
        let end = Command::EndApproved { approval: id, ran: Box::new(ran), message };
        self.execute(key, end, &Principal::Controller).await.map(drop)
    }

    /// Runs the exact words in the person's own environment and keeps what they print.
    async fn run_command(&self, approval: &Approval, cwd: PathBuf, project: &Project) -> Ran {
        let argv = &approval.asked.argv;
        let (program, args) = argv.split_first().map_or(("", &[][..]), |it| (it.0.as_str(), it.1));
        let env = persons_environment(project).await;
        let what = Confined {
            program: PathBuf::from(program),
            args: args.to_vec(),
            cwd,
            env,
            access: Access::Unrestricted,
            limits: Limits {
                wall: Some(COMMAND_LIMIT),
                memory_bytes: None,
                output_bytes: Some(COMMAND_OUTPUT),
            },
            network: Network::Allowed,
        };
        let scratch = self.scratch();
        let outcome = match &scratch {
            Ok(scratch) => {
                let log = scratch.path().join("output");
                let outcome = mission_sandbox::run(what, &log).await.map_err(|e| e.to_string());
                let kept = |it: &Self, log| keep_masked(&it.artifacts(), log).ok();
                outcome.map(|it| (it, File::open(&log).ok().and_then(|log| kept(self, log))))
            }
            Err(error) => Err(error.in_full()),
        };
        let at = self.now();
        match outcome {
            Ok((outcome, output)) => Ran {
                exit_code: match outcome.exit {
                    Exit::Exited(code) => Some(code),
                    Exit::Signalled(_) | Exit::TimedOut | Exit::NotStarted(_) => None,
                },
                ended: ended(&outcome),
                output,
                wall_ms: u64::try_from(outcome.wall.as_millis()).unwrap_or(u64::MAX),
                at,
            },
            Err(why) => {
                let ended = format!("it could not be started: {why}");
                Ran { exit_code: None, ended, output: None, wall_ms: 0, at }
            }
        }
    }
}

/// Refuses a path that leads to another folder than the one that was asked for.
fn same_folder((cwd, look): (PathBuf, Look), asked: &Path) -> std::result::Result<Seen, Refused> {
    if cwd == asked {
        return Ok(told(look.place));
    }
    let why = format!("`{}` leads to `{}` now", asked.display(), cwd.display());
    Err((VoidCode::CwdChanged, why))
}

/// Returns what is put on record of a place.
fn told(place: Place) -> Seen {
    Seen { head: place.head, tree: Some(place.tree), aside: Some(place.aside) }
}

/// Returns the paths that the words of a command may mean, whether or not they are there.
fn named(argv: &[String], cwd: &Path) -> Vec<PathBuf> {
    let words = argv.iter().flat_map(|it| [Some(it.as_str()), it.split_once('=').map(|it| it.1)]);
    words.flatten().filter(|it| !it.is_empty()).map(|it| plainly(&cwd.join(it))).collect()
}

/// Returns the folders that a git command works in by its own options, besides `cwd`.
fn elsewhere(argv: &[String], cwd: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let is_git = |it: &String| Path::new(it).file_name().is_some_and(|it| it == "git");
    let Some(git) = argv.iter().position(is_git) else { return folders };
    let (mut at, mut words) = (cwd.to_path_buf(), argv.iter().skip(git + 1));
    while let Some(word) = words.next().filter(|it| it.starts_with('-')) {
        let (option, value) = match word.split_once('=') {
            Some((option, value)) => (option, Some(value)),
            None if GIT_VALUES.contains(&word.as_str()) => {
                (word.as_str(), words.next().map(String::as_str))
            }
            None => continue,
        };
        let Some(value) = value.filter(|_| GIT_FOLDERS.contains(&option)) else { continue };
        let folder = at.join(value);
        // Several `-C` follow one another; the others are read from where those lead.
        if option == "-C" {
            at.clone_from(&folder);
        }
        folders.push(folder);
    }
    folders
}

/// Returns a request that comes to nothing.
fn void(argv: Vec<String>, cwd: Option<PathBuf>, refused: Refused) -> Asked {
    let cwd = cwd.map_or_else(String::new, |it| it.display().to_string());
    Asked { argv, cwd, seen: Seen::default(), diff: None, refused: Some(refused) }
}

/// Returns our own environment without what is Mission Control's. Git is told to obey nothing of the lane's, and where
/// the project's own remotes are: the lane's clone has none.
async fn persons_environment(project: &Project) -> BTreeMap<String, String> {
    let mut env: BTreeMap<String, String> =
        own_environment().into_iter().filter(|it| !it.0.starts_with("MISSION_")).collect();
    let mut settings: Vec<(String, String)> =
        GIT_SAYS.iter().map(|it| (it.0.to_owned(), it.1.to_owned())).collect();
    settings.extend(remotes(&project.path).await.unwrap_or_default());
    env.insert("GIT_TERMINAL_PROMPT".into(), "0".into());
    env.insert("GIT_CONFIG_COUNT".into(), settings.len().to_string());
    for (number, (key, value)) in settings.into_iter().enumerate() {
        env.insert(format!("GIT_CONFIG_KEY_{number}"), key);
        env.insert(format!("GIT_CONFIG_VALUE_{number}"), value);
    }
    env
}

fn ended(outcome: &Outcome) -> String {
    match &outcome.exit {
        Exit::Exited(code) => format!("exit code {code}"),
        Exit::Signalled(signal) => format!("ended by signal {signal}"),
        Exit::TimedOut => format!("ended after {} minutes", COMMAND_LIMIT.as_secs() / 60),
        Exit::NotStarted(why) => format!("it could not be started: {why}"),
    }
}
