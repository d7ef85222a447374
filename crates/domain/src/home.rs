//! What is true of the whole home rather than of one ticket: projects, breakers, paused lanes, outages.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::access::{Access, AccessNote};
use crate::ids::{AttemptId, OperatorActId, ProjectKey, RoleId, RuntimeId, TicketKey, Timestamp};
use crate::sessions::{Keeper, Kept, Returned};
use crate::spending::Scope;
use crate::ticket::{EndClass, Stamp};

/// The first time a breaker stays open, in seconds; each further one is twice as long.
const BREAKER_BASE_S: i64 = 60;

/// The longest time a breaker stays open, in seconds.
const BREAKER_MOST_S: i64 = 1_800;

/// What is true of the whole home. Built by `apply_home` alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Home {
    /// Its projects.
    pub projects: BTreeMap<ProjectKey, Project>,
    /// Runtimes that were paused because failures were theirs.
    pub breakers: BTreeMap<RuntimeId, Breaker>,
    /// Lanes that a person paused, as `PROJECT/ROLE`.
    pub paused: BTreeSet<String>,
    /// Why dispatch as a whole rests, and until when.
    pub outage: Option<(String, Timestamp)>,
    /// Budgets of a day that are used up or nearly so, by the name of their scope.
    #[serde(default)]
    pub budgets: BTreeMap<String, BudgetMark>,
    /// Up to when each schedule was looked after, by its name like `MC/nightly-audit`.
    #[serde(default)]
    pub schedules: BTreeMap<String, ScheduleMark>,
    /// The sessions that each lane keeps, by its name like `MC/coder/codex`, the one that rested least last.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sessions: BTreeMap<String, Vec<Kept>>,
    /// Up to when everybody has seen what changed, by their principal like `person:ada`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seen: BTreeMap<String, Seen>,
    /// The last changes of who may come in, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<AccessNote>,
    /// Whether the demo made this home, which alone accepts its scripted person.
    pub demo: bool,
    /// How many acts the operator has on record.
    pub acts: u64,
}

/// Up to when somebody has seen what changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// In all projects.
    pub all: Option<Timestamp>,
    /// In one project, where they looked at that alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub projects: BTreeMap<ProjectKey, Timestamp>,
}

/// One repository with its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Where its repository is.
    pub path: String,
    /// Whether a person agreed to run its commands.
    pub trusted: bool,
}

/// What pauses a runtime when failures are not the ticket's fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// What was wrong.
    pub class: EndClass,
    /// In words.
    pub why: String,
    /// When one trial is allowed.
    pub until: Timestamp,
    /// How often in a row it opened.
    pub times: u32,
    /// When it opened first in that row; nothing where it did so before this was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// What was said of a budget of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetMark {
    /// Whose budget it is.
    pub scope: Scope,
    /// When its day ends.
    pub until: Timestamp,
    /// Whether all of it is used, so that nothing starts; else people were warned.
    pub is_spent: bool,
    /// What was used of what, in words.
    pub text: String,
}

/// How far a schedule was looked after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleMark {
    /// Its project.
    pub project: ProjectKey,
    /// Its name there.
    pub schedule: String,
    /// The cron line that was read, and the zone of its clocks.
    pub cron: String,
    /// The zone.
    pub time_zone: String,
    /// What came due up to this moment has been filed or skipped, or came before the schedule was there.
    pub handled: Timestamp,
    /// The ticket that was filed last: while it is open no other one is.
    pub ticket: Option<TicketKey>,
    /// The last time that it was due.
    pub last: Option<ScheduledRun>,
    /// Whether it is there no more: should it come back, its ticket may still be open.
    #[serde(default)]
    pub is_dropped: bool,
}

/// What became of a schedule when it was due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledRun {
    /// When it was due.
    pub due: Timestamp,
    /// When it was looked after.
    pub at: Timestamp,
    /// Why no ticket was filed; nothing where one was.
    pub skipped: Option<String>,
    /// Whether it stands for runs that were missed.
    pub caught_up: bool,
}

/// Returns a schedule's name, like `MC/nightly-audit`.
pub fn schedule_name(project: &ProjectKey, schedule: &str) -> String {
    format!("{project}/{schedule}")
}

impl Home {
    /// Returns what holds a lane at `now` because its day's budget is used up, its own or its project's.
    pub fn spent_budget(
        &self,
        project: &ProjectKey,
        role: &RoleId,
        now: Timestamp,
    ) -> Option<&BudgetMark> {
        let of = |role: Option<&RoleId>| {
            let scope = Scope { project: project.clone(), role: role.cloned() };
            self.budgets.get(&scope.to_string())
        };
        [of(None), of(Some(role))].into_iter().flatten().find(|it| it.is_spent && it.until > now)
    }
}

/// A request to change the home. It may be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the events, and named alike")]
pub enum HomeCommand {
    /// Register a repository.
    AddProject { key: ProjectKey, path: String, trusted: bool },
    /// Forget a repository; its tickets and its files stay.
    RemoveProject { key: ProjectKey },
    /// A runtime failed by its own fault.
    OpenBreaker { runtime: RuntimeId, class: EndClass, why: String },
    /// A runtime did its work.
    CloseBreaker { runtime: RuntimeId },
    /// Let a lane take no more work.
    PauseLane { project: ProjectKey, role: RoleId },
    /// Let a lane take work again.
    ResumeLane { project: ProjectKey, role: RoleId },
    /// Too many workers died at once.
    PauseDispatch { why: String, until: Timestamp },
    /// Dispatch goes on.
    ResumeDispatch,
    /// Most of a budget of a day is used, or all of it.
    MarkBudget { scope: Scope, until: Timestamp, is_spent: bool, text: String },
    /// A budget of a day was raised, or its day is over.
    FreeBudget { scope: Scope, why: String },
    /// Look after a schedule from now on, or from now on as it reads now.
    SetSchedule { project: ProjectKey, schedule: String, cron: String, time_zone: String },
    /// A ticket is filed for a schedule that is due.
    RunSchedule {
        project: ProjectKey,
        schedule: String,
        due: Timestamp,
        ticket: TicketKey,
        caught_up: bool,
    },
    /// No ticket is filed for a schedule that is due.
    SkipSchedule { project: ProjectKey, schedule: String, due: Timestamp, why: String },
    /// A schedule is there no more.
    DropSchedule { project: ProjectKey, schedule: String },
    /// An attempt goes on with a session that its lane keeps.
    LendSession { keeper: Keeper, id: String, attempt: AttemptId },
    /// An attempt that had a session has ended.
    KeepSession { keeper: Keeper, returned: Box<Returned> },
    /// Mark this home as the demo's.
    MarkDemo,
    /// Note up to when somebody has seen what changed, in one project or in all.
    MarkSeen { who: String, project: Option<ProjectKey>, until: Timestamp },
    /// Who may come in is about to change.
    RecordAccess { access: Access },
    /// The operator acted by a rule.
    RecordAct { act: Act },
    /// An act was undone.
    UndoAct { id: OperatorActId },
}

/// One thing the operator did by a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// The rule.
    pub rule: String,
    /// The ticket, if it is about one.
    pub ticket: Option<TicketKey>,
    /// What it saw.
    pub cause: String,
    /// What it did.
    pub did: String,
    /// Whether it can be undone.
    pub undoable: bool,
}

/// Something that happened to the home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "body", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are those of the home, and named alike")]
pub enum HomeEvent {
    /// A repository was registered, or its path or trust changed.
    ProjectAdded { key: ProjectKey, path: String, trusted: bool },
    /// A repository was forgotten.
    ProjectRemoved { key: ProjectKey },
    /// A runtime is paused; `since` is when it first was, of times in a row.
    BreakerOpened {
        runtime: RuntimeId,
        class: EndClass,
        why: String,
        until: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Timestamp>,
    },
    /// A runtime may work again.
    BreakerClosed { runtime: RuntimeId },
    /// A lane takes no more work.
    LanePaused { project: ProjectKey, role: RoleId },
    /// A lane takes work again.
    LaneResumed { project: ProjectKey, role: RoleId },
    /// Dispatch as a whole rests.
    DispatchPaused { why: String, until: Timestamp },
    /// Dispatch goes on.
    DispatchResumed {},
    /// Most of a budget of a day is used.
    DayBudgetNearlySpent { scope: Scope, until: Timestamp, text: String },
    /// A budget of a day is used up: nothing starts, and what runs ends with its turn.
    DayBudgetSpent { scope: Scope, until: Timestamp, text: String },
    /// A budget of a day was raised, or its day is over.
    DayBudgetFree { scope: Scope, why: String },
    /// A schedule is looked after from now on.
    ScheduleSet { project: ProjectKey, schedule: String, cron: String, time_zone: String },
    /// A ticket was filed for a schedule.
    ScheduleRan {
        project: ProjectKey,
        schedule: String,
        due: Timestamp,
        ticket: TicketKey,
        caught_up: bool,
    },
    /// A schedule was due and no ticket was filed.
    ScheduleSkipped { project: ProjectKey, schedule: String, due: Timestamp, why: String },
    /// A schedule is there no more.
    ScheduleDropped { project: ProjectKey, schedule: String },
    /// An attempt goes on with a session that its lane keeps.
    SessionLent { keeper: Keeper, id: String, attempt: AttemptId },
    /// A lane keeps the session that `attempt` was in; `gone` is one that its program did not know any more.
    SessionKept { keeper: Keeper, attempt: AttemptId, session: Box<Kept>, gone: Option<String> },
    /// This home is the demo's.
    DemoMarked {},
    /// Somebody has seen what changed.
    DigestSeen { who: String, project: Option<ProjectKey>, until: Timestamp },
    /// Who may come in has changed.
    AccessChanged { access: Access },
    /// The operator acted.
    OperatorActed { id: OperatorActId, act: Act },
    /// An act was undone.
    OperatorUndone { id: OperatorActId },
}

/// A lawful "no" about the home.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its variant means")]
pub enum HomeRejection {
    #[error(
        "project key `{key}` belongs to `{path}` in this home. Give this repository another `key` in its `mission.toml`"
    )]
    KeyTaken { key: ProjectKey, path: String },
    #[error("there is no project `{0}` in this home. `mission init` in its repository adds one")]
    UnknownProject(ProjectKey),
    #[error("lane `{0}` is paused already")]
    AlreadyPaused(String),
    #[error("lane `{0}` is not paused")]
    NotPaused(String),
    #[error("the session of `{keeper}` is at work in `{by}`; another one is begun")]
    SessionTaken { keeper: String, by: AttemptId },
    #[error("`{keeper}` does not keep that session any more; another one is begun")]
    SessionGone { keeper: String },
}

impl HomeRejection {
    /// Returns the stable code that documents and logs carry.
    pub fn code(&self) -> &'static str {
        match self {
            Self::KeyTaken { .. } => "key_taken",
            Self::UnknownProject(_) => "unknown_project",
            Self::AlreadyPaused(_) => "already_paused",
            Self::NotPaused(_) => "not_paused",
            Self::SessionTaken { .. } => "session_taken",
            Self::SessionGone { .. } => "session_gone",
        }
    }
}

/// Returns the events that follow from `command`, or why it is refused. No events: nothing new.
///
/// # Errors
/// A [`HomeRejection`] that names the rule.
pub fn decide_home(
    home: &Home,
    command: HomeCommand,
    now: Timestamp,
) -> Result<Vec<HomeEvent>, HomeRejection> {
    if says_nothing_new(home, &command, now) {
        return Ok(Vec::new());
    }
    let event = match command {
        HomeCommand::AddProject { key, path, trusted } => match home.projects.get(&key) {
            Some(known) if known.path != path => {
                return Err(HomeRejection::KeyTaken { key, path: known.path.clone() });
            }
            Some(_) | None => HomeEvent::ProjectAdded { key, path, trusted },
        },
        HomeCommand::RemoveProject { key } => {
            if !home.projects.contains_key(&key) {
                return Err(HomeRejection::UnknownProject(key));
            }
            HomeEvent::ProjectRemoved { key }
        }
        HomeCommand::OpenBreaker { runtime, class, why } => {
            let times = home.breakers.get(&runtime).map_or(0, |it| it.times);
            let wait = (BREAKER_BASE_S << times.min(6)).min(BREAKER_MOST_S);
            let until = now + jiff::SignedDuration::from_secs(wait);
            let since = home.breakers.get(&runtime).map_or(Some(now), |it| it.since);
            HomeEvent::BreakerOpened { runtime, class, why, until, since }
        }
        HomeCommand::CloseBreaker { runtime } => HomeEvent::BreakerClosed { runtime },
        HomeCommand::PauseLane { project, role } => {
            let lane = lane_name(&project, &role);
            if home.paused.contains(&lane) {
                return Err(HomeRejection::AlreadyPaused(lane));
            }
            HomeEvent::LanePaused { project, role }
        }
        HomeCommand::ResumeLane { project, role } => {
            let lane = lane_name(&project, &role);
            if !home.paused.contains(&lane) {
                return Err(HomeRejection::NotPaused(lane));
            }
            HomeEvent::LaneResumed { project, role }
        }
        HomeCommand::PauseDispatch { why, until } => HomeEvent::DispatchPaused { why, until },
        HomeCommand::ResumeDispatch => HomeEvent::DispatchResumed {},
        HomeCommand::MarkBudget { scope, until, is_spent: true, text } => {
            HomeEvent::DayBudgetSpent { scope, until, text }
        }
        HomeCommand::MarkBudget { scope, until, is_spent: false, text } => {
            HomeEvent::DayBudgetNearlySpent { scope, until, text }
        }
        HomeCommand::FreeBudget { scope, why } => HomeEvent::DayBudgetFree { scope, why },
        HomeCommand::SetSchedule { project, schedule, cron, time_zone } => {
            HomeEvent::ScheduleSet { project, schedule, cron, time_zone }
        }
        HomeCommand::RunSchedule { project, schedule, due, ticket, caught_up } => {
            HomeEvent::ScheduleRan { project, schedule, due, ticket, caught_up }
        }
        HomeCommand::SkipSchedule { project, schedule, due, why } => {
            HomeEvent::ScheduleSkipped { project, schedule, due, why }
        }
        HomeCommand::DropSchedule { project, schedule } => {
            HomeEvent::ScheduleDropped { project, schedule }
        }
        HomeCommand::LendSession { keeper, id, attempt } => home.lend(keeper, id, attempt)?,
        HomeCommand::KeepSession { keeper, returned } => {
            return Ok(home.keep(keeper, *returned).into_iter().collect());
        }
        HomeCommand::MarkDemo => HomeEvent::DemoMarked {},
        HomeCommand::MarkSeen { who, project, until } => {
            HomeEvent::DigestSeen { who, project, until: until.min(now) }
        }
        HomeCommand::RecordAccess { access } => HomeEvent::AccessChanged { access },
        HomeCommand::RecordAct { act } => {
            HomeEvent::OperatorActed { id: OperatorActId(home.acts + 1), act }
        }
        HomeCommand::UndoAct { id } => HomeEvent::OperatorUndone { id },
    };
    Ok(vec![event])
}

/// Returns whether what `command` asks for is so already.
fn says_nothing_new(home: &Home, command: &HomeCommand, now: Timestamp) -> bool {
    match command {
        HomeCommand::AddProject { key, path, trusted } => {
            let known = home.projects.get(key).filter(|it| it.path == *path);
            known.is_some_and(|it| it.trusted || !trusted)
        }
        // Deaths of attempts that began before it opened say nothing new.
        HomeCommand::OpenBreaker { runtime, .. } => {
            home.breakers.get(runtime).is_some_and(|it| it.until > now)
        }
        HomeCommand::CloseBreaker { runtime } => !home.breakers.contains_key(runtime),
        HomeCommand::PauseDispatch { .. } => home.outage.is_some(),
        HomeCommand::ResumeDispatch => home.outage.is_none(),
        HomeCommand::MarkBudget { scope, until, is_spent, .. } => {
            let known = home.budgets.get(&scope.to_string());
            known.is_some_and(|it| it.until == *until && it.is_spent >= *is_spent)
        }
        HomeCommand::FreeBudget { scope, .. } => !home.budgets.contains_key(&scope.to_string()),
        HomeCommand::SetSchedule { project, schedule, cron, time_zone } => {
            let known = home.schedules.get(&schedule_name(project, schedule));
            let is_same = |it: &ScheduleMark| it.cron == *cron && it.time_zone == *time_zone;
            known.is_some_and(|it| !it.is_dropped && is_same(it))
        }
        HomeCommand::RunSchedule { project, schedule, due, .. }
        | HomeCommand::SkipSchedule { project, schedule, due, .. } => {
            !is_due(home, project, schedule, *due)
        }
        HomeCommand::DropSchedule { project, schedule } => {
            let known = home.schedules.get(&schedule_name(project, schedule));
            known.is_none_or(|it| it.is_dropped)
        }
        // Whoever saw more already has not unseen it: a page that was made before is late.
        HomeCommand::MarkSeen { who, project, until } => {
            home.seen_until(who, project.as_ref()).is_some_and(|it| it >= (*until).min(now))
        }
        HomeCommand::RemoveProject { .. }
        | HomeCommand::PauseLane { .. }
        | HomeCommand::ResumeLane { .. }
        | HomeCommand::LendSession { .. }
        | HomeCommand::KeepSession { .. }
        | HomeCommand::MarkDemo
        | HomeCommand::RecordAccess { .. }
        | HomeCommand::RecordAct { .. }
        | HomeCommand::UndoAct { .. } => false,
    }
}

/// Returns whether nobody looked after what came due then: it happens once.
fn is_due(home: &Home, project: &ProjectKey, schedule: &str, due: Timestamp) -> bool {
    home.schedules.get(&schedule_name(project, schedule)).is_some_and(|it| it.handled < due)
}

/// Moves the home to where `event` says it is.
pub fn apply_home(home: &mut Home, event: &HomeEvent, stamp: &Stamp) {
    match event.clone() {
        HomeEvent::ProjectAdded { key, path, trusted } => {
            home.projects.insert(key, Project { path, trusted });
        }
        HomeEvent::ProjectRemoved { key } => home.project_removed(&key),
        HomeEvent::BreakerOpened { runtime, class, why, until, since } => {
            let times = home.breakers.get(&runtime).map_or(0, |it| it.times) + 1;
            home.breakers.insert(runtime, Breaker { class, why, until, times, since });
        }
        HomeEvent::BreakerClosed { runtime } => {
            home.breakers.remove(&runtime);
        }
        HomeEvent::LanePaused { project, role } => {
            home.paused.insert(lane_name(&project, &role));
        }
        HomeEvent::LaneResumed { project, role } => {
            home.paused.remove(&lane_name(&project, &role));
        }
        HomeEvent::DispatchPaused { why, until } => home.outage = Some((why, until)),
        HomeEvent::DispatchResumed {} => home.outage = None,
        HomeEvent::DayBudgetNearlySpent { scope, until, text } => {
            let mark = BudgetMark { scope, until, is_spent: false, text };
            home.budgets.insert(mark.scope.to_string(), mark);
        }
        HomeEvent::DayBudgetSpent { scope, until, text } => {
            let mark = BudgetMark { scope, until, is_spent: true, text };
            home.budgets.insert(mark.scope.to_string(), mark);
        }
        HomeEvent::DayBudgetFree { scope, .. } => {
            home.budgets.remove(&scope.to_string());
        }
        HomeEvent::ScheduleSet { project, schedule, cron, time_zone } => {
            let name = schedule_name(&project, &schedule);
            let (ticket, last) =
                home.schedules.remove(&name).map_or((None, None), |it| (it.ticket, it.last));
            let handled = stamp.at;
            let is_dropped = false;
            let mark = ScheduleMark {
                project,
                schedule,
                cron,
                time_zone,
                handled,
                ticket,
                last,
                is_dropped,
            };
            home.schedules.insert(name, mark);
        }
        HomeEvent::ScheduleRan { project, schedule, due, ticket, caught_up } => {
            if let Some(mark) = home.schedules.get_mut(&schedule_name(&project, &schedule)) {
                mark.ticket = Some(ticket);
                mark.handled = due;
                mark.last = Some(ScheduledRun { due, at: stamp.at, skipped: None, caught_up });
            }
        }
        HomeEvent::ScheduleSkipped { project, schedule, due, why } => {
            if let Some(mark) = home.schedules.get_mut(&schedule_name(&project, &schedule)) {
                mark.handled = due;
                let (at, skipped) = (stamp.at, Some(why));
                mark.last = Some(ScheduledRun { due, at, skipped, caught_up: false });
            }
        }
        HomeEvent::ScheduleDropped { project, schedule } => {
            if let Some(mark) = home.schedules.get_mut(&schedule_name(&project, &schedule)) {
                mark.is_dropped = true;
            }
        }
        HomeEvent::SessionLent { keeper, id, attempt } => home.session_lent(&keeper, &id, attempt),
        HomeEvent::SessionKept { keeper, session, gone, .. } => {
            home.session_kept(&keeper, *session, gone.as_deref());
        }
        HomeEvent::DemoMarked {} => home.demo = true,
        HomeEvent::DigestSeen { who, project, until } => home.digest_seen(who, project, until),
        HomeEvent::AccessChanged { access } => home.access_changed(access, stamp),
        HomeEvent::OperatorActed { id, .. } => home.acts = home.acts.max(id.0),
        HomeEvent::OperatorUndone { .. } => {}
    }
}

impl Home {
    /// Returns up to when `who`, a principal, has seen what changed in `project`, or in all projects.
    pub fn seen_until(&self, who: &str, project: Option<&ProjectKey>) -> Option<Timestamp> {
        let seen = self.seen.get(who)?;
        seen.all.max(project.and_then(|it| seen.projects.get(it)).copied())
    }

    fn project_removed(&mut self, key: &ProjectKey) {
        self.projects.remove(key);
        // Another repository may come under that key: what was said in this one does not go there, and nobody has seen what changes there.
        self.sessions.retain(|keeper, _| !keeper.starts_with(&format!("{key}/")));
        self.seen.values_mut().for_each(|it| it.projects.retain(|project, _| project != key));
    }

    fn digest_seen(&mut self, who: String, project: Option<ProjectKey>, until: Timestamp) {
        let seen = self.seen.entry(who).or_default();
        match project {
            Some(project) => {
                seen.projects.insert(project, until);
            }
            None => {
                seen.all = Some(until);
                seen.projects.retain(|_, it| *it > until);
            }
        }
    }
}

/// Returns a lane's name, like `MC/coder`.
pub fn lane_name(project: &ProjectKey, role: &RoleId) -> String {
    format!("{project}/{role}")
}

#[cfg(test)]
mod tests;
