//! What nobody asked for and must happen all the same: dispatch, observe, check, land, expire, release.
//! Pure: the plan of an unchanged fleet, once carried out, is empty.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::home::{Home, lane_name};
use crate::ids::{
    ApprovalId, AttemptId, Epoch, GateId, MessageId, ProjectKey, RoleId, RuntimeId, TicketKey,
    Timestamp,
};
use crate::principal::{Contributor, Identity, Principal};
use crate::rules::{Driver, Role, Rules};
use crate::sessions::{Start, Wanted, Warm};
use crate::spending::{Scope, Spending};
use crate::ticket::{
    ApprovalState, BlockCode, EndHow, MessageState, Owed, Purpose, Rejection, Ticket,
};

mod day;
mod held;
mod schedules;

pub use day::{Standing, standings};
pub use held::{held_by, held_elsewhere};

/// Deaths within [`OUTAGE_WINDOW_S`] that make an outage, if at least half of the workers died.
const OUTAGE_DEATHS: usize = 5;

/// How far back deaths are counted, and how long dispatch rests after an outage, in seconds.
const OUTAGE_WINDOW_S: i64 = 60;

/// How long a check that could not be run rests before it is tried once more, in seconds.
const TRY_AGAIN_S: i64 = 60;

/// The operator's rule that lets a ticket go on after a fault that was not its own.
pub const REQUEUE: &str = "requeue-runtime-fault";

/// What the plan looks at.
#[derive(Debug, Clone, Copy)]
pub struct Fleet<'a> {
    /// All tickets that have not ended, and ended ones that an open one is linked to.
    pub tickets: &'a BTreeMap<TicketKey, Arc<Ticket>>,
    /// The projects that can be worked now.
    pub projects: &'a BTreeMap<ProjectKey, ProjectFacts>,
    /// What is true of the whole home.
    pub home: &'a Home,
    /// Until when each live attempt holds its lease. Attempts of people have none.
    pub leases: &'a BTreeMap<TicketKey, Timestamp>,
    /// What the attempts of the last day used; nothing while that is not known yet.
    pub spending: Option<&'a Spending>,
    /// Tickets that something is being done for at this moment.
    pub busy: &'a BTreeSet<TicketKey>,
    /// The time.
    pub now: Timestamp,
}

/// A project with its rules and what its runtimes turned out to be.
#[derive(Debug, Clone)]
pub struct ProjectFacts {
    /// The rules in force.
    pub rules: Arc<Rules>,
    /// Whether its commands may be run.
    pub trusted: bool,
    /// What is behind each runtime that was found; a missing one cannot be used.
    pub identities: BTreeMap<RuntimeId, Option<Identity>>,
}

/// Something that Mission Control does by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Give the ticket to a lane.
    Claim {
        /// The ticket.
        ticket: TicketKey,
        /// The gate.
        gate: GateId,
        /// The role.
        role: RoleId,
        /// The first healthy and eligible runtime.
        runtime: RuntimeId,
        /// What really runs behind it.
        identity: Option<Identity>,
        /// What for.
        purpose: Purpose,
        /// How it comes to its session, where the runtime keeps some.
        warm: Option<Box<Warm>>,
    },
    /// Ask a person to decide, since no runtime is independent enough.
    HandOver {
        /// The ticket.
        ticket: TicketKey,
        /// The gate.
        gate: GateId,
        /// Why.
        why: String,
    },
    /// Look at a delivery.
    Observe {
        /// The ticket.
        ticket: TicketKey,
        /// The attempt that delivered.
        attempt: AttemptId,
    },
    /// Run a gate of the controller's own.
    Check {
        /// The ticket.
        ticket: TicketKey,
        /// The gate.
        gate: GateId,
    },
    /// Land the work.
    Land {
        /// The ticket.
        ticket: TicketKey,
    },
    /// Finish a ticket whose gates all passed. Rule `campaign-complete` for a campaign.
    Finish {
        /// The ticket.
        ticket: TicketKey,
    },
    /// End an attempt whose lease ran out. Rule `lost-attempt`.
    Expire {
        /// The ticket.
        ticket: TicketKey,
        /// The attempt.
        attempt: AttemptId,
        /// Its lease.
        epoch: Epoch,
    },
    /// End an attempt of a lane elsewhere that used up the time that its rules give it.
    TimeOut {
        /// The ticket.
        ticket: TicketKey,
        /// The attempt.
        attempt: AttemptId,
        /// Its lease.
        epoch: Epoch,
        /// How long that was, and which line says so.
        why: String,
    },
    /// A blocker ended. Rule `release-waiting`.
    Release {
        /// The ticket that waits.
        ticket: TicketKey,
        /// The ticket that ended.
        blocker: TicketKey,
        /// How.
        how: EndHow,
        /// What replaced it, as far as that does not wait for this ticket in turn.
        by: Vec<TicketKey>,
    },
    /// The moment came. Rule `release-waiting`.
    Wake {
        /// The ticket.
        ticket: TicketKey,
    },
    /// Tell a campaign that a child ended. Rule `campaign-complete`.
    EndChild {
        /// The campaign.
        campaign: TicketKey,
        /// The child.
        child: TicketKey,
        /// How.
        how: EndHow,
    },
    /// Let a ticket go on that a runtime's fault blocked. Rule `requeue-runtime-fault`.
    Requeue {
        /// The ticket.
        ticket: TicketKey,
        /// What had blocked it.
        cause: String,
    },
    /// Messages that nobody can take any more. Rule `undelivered-message`.
    GiveUp {
        /// The ticket, which has ended.
        ticket: TicketKey,
        /// The messages.
        messages: Vec<MessageId>,
    },
    /// Run a command that a person approved.
    RunApproved {
        /// The ticket.
        ticket: TicketKey,
        /// The approval.
        approval: ApprovalId,
    },
    /// Whoever ran an approved command is gone, and nobody knows whether it ran.
    LoseApproved {
        /// The ticket.
        ticket: TicketKey,
        /// The approval.
        approval: ApprovalId,
    },
    /// A request that nobody answered in time.
    ExpireApproval {
        /// The ticket.
        ticket: TicketKey,
        /// The approval.
        approval: ApprovalId,
    },
    /// Let dispatch rest: too many workers died at once.
    PauseDispatch {
        /// The notice.
        why: String,
        /// Until when.
        until: Timestamp,
    },
    /// The rest is over.
    ResumeDispatch,
    /// Say that most of a budget of a day is used, or all of it.
    MarkBudget {
        /// Whose.
        scope: Scope,
        /// When its day ends.
        until: Timestamp,
        /// Whether all of it is used.
        is_spent: bool,
        /// What was used of what.
        text: String,
    },
    /// Look after a schedule from now on.
    SetSchedule {
        /// Its project.
        project: ProjectKey,
        /// Its name there.
        schedule: String,
        /// Its cron line.
        cron: String,
        /// The zone of its clocks.
        time_zone: String,
    },
    /// File the ticket of a schedule.
    RunSchedule {
        /// Its project.
        project: ProjectKey,
        /// Its name there.
        schedule: String,
        /// When it came due.
        due: Timestamp,
        /// Whether it stands for runs that were missed.
        caught_up: bool,
    },
    /// File none, and say why.
    SkipSchedule {
        /// Its project.
        project: ProjectKey,
        /// Its name there.
        schedule: String,
        /// When it came due.
        due: Timestamp,
        /// Why.
        why: String,
    },
    /// Look after a schedule no more: it is not there.
    DropSchedule {
        /// Its project.
        project: ProjectKey,
        /// Its name there.
        schedule: String,
    },
    /// A budget of a day was raised, or its day is over.
    FreeBudget {
        /// Whose.
        scope: Scope,
        /// Which of the two.
        why: String,
    },
}

impl Action {
    /// Returns the ticket that it changes, where it changes one.
    pub fn ticket(&self) -> Option<&TicketKey> {
        match self {
            Self::Claim { ticket, .. }
            | Self::Observe { ticket, .. }
            | Self::HandOver { ticket, .. }
            | Self::Check { ticket, .. }
            | Self::Land { ticket }
            | Self::Finish { ticket }
            | Self::Expire { ticket, .. }
            | Self::TimeOut { ticket, .. }
            | Self::Release { ticket, .. }
            | Self::Wake { ticket }
            | Self::Requeue { ticket, .. }
            | Self::GiveUp { ticket, .. }
            | Self::RunApproved { ticket, .. }
            | Self::LoseApproved { ticket, .. }
            | Self::ExpireApproval { ticket, .. } => Some(ticket),
            Self::EndChild { campaign, .. } => Some(campaign),
            Self::PauseDispatch { .. }
            | Self::ResumeDispatch
            | Self::MarkBudget { .. }
            | Self::FreeBudget { .. }
            | Self::SetSchedule { .. }
            | Self::RunSchedule { .. }
            | Self::SkipSchedule { .. }
            | Self::DropSchedule { .. } => None,
        }
    }
}

/// Returns everything to be done now, most urgent work first.
pub fn plan(fleet: &Fleet<'_>) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut queue = Vec::new();
    for ticket in fleet.tickets.values().filter(|it| !fleet.busy.contains(&it.key)) {
        links(fleet, ticket, &mut actions);
        approvals(fleet, ticket, &mut actions);
        if ticket.is_ended() || expire(fleet, ticket, &mut actions) {
            continue;
        }
        if let Some(requeue) = requeue(fleet, ticket) {
            actions.push(requeue);
            continue;
        }
        match ticket.owed(fleet.now) {
            Owed::Nothing | Owed::RetryAt(_) => {}
            Owed::Dispatch { gate, role, purpose } => {
                queue.push(Queued { ticket, gate, role, purpose });
            }
            Owed::Observe { attempt } => {
                actions.push(Action::Observe { ticket: ticket.key.clone(), attempt });
            }
            Owed::Check { gate } => {
                if is_trusted(fleet, ticket) {
                    actions.push(Action::Check { ticket: ticket.key.clone(), gate });
                }
            }
            Owed::Land => {
                // The moved base is tested again, which runs the project's commands.
                if is_trusted(fleet, ticket) {
                    actions.push(Action::Land { ticket: ticket.key.clone() });
                }
            }
            Owed::Finish => actions.push(Action::Finish { ticket: ticket.key.clone() }),
        }
    }
    schedules::due(fleet, &mut actions);
    let budgets = day::Budgets::of(fleet);
    budgets.changes(fleet, &mut actions);
    match outage(fleet) {
        Some(pause) => actions.push(pause),
        None => dispatch(fleet, queue, &budgets, &mut actions),
    }
    actions
}

/// Returns the next moment at which the plan may change by time alone. What something is being done for comes due when that is over.
pub fn next_moment(fleet: &Fleet<'_>) -> Option<Timestamp> {
    let of_ticket = |ticket: &Arc<Ticket>| {
        // Only a gate that is tried again can come due: few are, and only theirs is worked out.
        let tried_again = ticket.active_gate().filter(|it| it.retry_at.is_some());
        let retry = tried_again.and_then(|_| match ticket.owed(fleet.now) {
            Owed::RetryAt(at) => Some(at),
            Owed::Nothing
            | Owed::Dispatch { .. }
            | Owed::Observe { .. }
            | Owed::Check { .. }
            | Owed::Land
            | Owed::Finish => None,
        });
        let waits = ticket.not_before.filter(|_| ticket.parked.is_none() && !ticket.is_ended());
        let again = try_again_at(ticket).map(|it| it.0);
        let open = ticket.approvals.iter().filter(|it| it.is_open() && !ticket.is_ended());
        let expires = open.map(|it| it.expires_at).min();
        let time_is_up = time_limit(fleet, ticket).map(|it| it.0);
        retry.into_iter().chain(waits).chain(again).chain(expires).chain(time_is_up).min()
    };
    let is_free = |key: &TicketKey| !fleet.busy.contains(key);
    let tickets = fleet.tickets.values().filter(|it| is_free(&it.key)).filter_map(of_ticket);
    let leases = fleet.leases.iter().filter(|it| is_free(it.0)).map(|it| *it.1);
    let breakers = fleet.home.breakers.values().map(|it| it.until);
    let outage = fleet.home.outage.as_ref().map(|it| it.1);
    let budgets = day::Budgets::of(fleet).next_moment(fleet);
    let budgets = budgets.into_iter().chain(schedules::next_moment(fleet));
    let moments = tickets
        .chain(budgets)
        .chain(leases)
        .chain(breakers.filter(|it| *it > fleet.now))
        .chain(outage);
    moments.min()
}

struct Queued<'a> {
    ticket: &'a Ticket,
    gate: GateId,
    role: RoleId,
    purpose: Purpose,
}

fn is_trusted(fleet: &Fleet<'_>, ticket: &Ticket) -> bool {
    fleet.projects.get(ticket.key.project()).is_some_and(|it| it.trusted)
}

/// What is to be done about guarded commands: run what was approved, once, and end what came to nothing.
fn approvals(fleet: &Fleet<'_>, ticket: &Ticket, actions: &mut Vec<Action>) {
    let runs = ticket.command_under_way().map(|it| it.id);
    for it in &ticket.approvals {
        let (ticket_key, approval) = (ticket.key.clone(), it.id);
        match it.state {
            // One at a time, each beside nothing else of its ticket.
            ApprovalState::Approved
                if runs == Some(it.id) && ticket.parked.is_none() && !ticket.is_ended() =>
            {
                actions.push(Action::RunApproved { ticket: ticket_key, approval });
            }
            // Whoever runs it keeps the ticket busy: this one is nobody's any more.
            ApprovalState::Running => {
                actions.push(Action::LoseApproved { ticket: ticket_key, approval });
            }
            ApprovalState::Requested if it.expires_at <= fleet.now && !ticket.is_ended() => {
                actions.push(Action::ExpireApproval { ticket: ticket_key, approval });
            }
            ApprovalState::Requested
            | ApprovalState::Approved
            | ApprovalState::Ran
            | ApprovalState::Denied
            | ApprovalState::Expired
            | ApprovalState::Void => {}
        }
    }
}

/// What a ticket owes those that it is linked to, and they to it.
fn links(fleet: &Fleet<'_>, ticket: &Ticket, actions: &mut Vec<Action>) {
    let key = &ticket.key;
    let ended = |other: &TicketKey| fleet.tickets.get(other).and_then(|it| it.end_how());
    if !ticket.is_ended() {
        for blocker in ticket.blockers.iter().filter(|it| it.1.is_none()).map(|it| it.0) {
            if let Some(how) = ended(blocker) {
                let by = replaced_by(fleet, blocker, key);
                let (ticket, blocker) = (key.clone(), blocker.clone());
                actions.push(Action::Release { ticket, blocker, how, by });
            }
        }
        if ticket.not_before.is_some_and(|at| at <= fleet.now) && ticket.parked.is_none() {
            actions.push(Action::Wake { ticket: key.clone() });
        }
        for child in ticket.children.iter().filter(|it| it.1.is_none()).map(|it| it.0) {
            if let Some(how) = ended(child) {
                let (campaign, child) = (key.clone(), child.clone());
                actions.push(Action::EndChild { campaign, child, how });
            }
        }
        return;
    }
    let queued = ticket.messages.iter().filter(|it| it.state == MessageState::Queued);
    let messages: Vec<_> = queued.map(|it| it.id).collect();
    if !messages.is_empty() {
        actions.push(Action::GiveUp { ticket: key.clone(), messages });
    }
}

/// Returns what replaced `blocker`, without those that wait for `waiting` in turn: two would wait for each other for ever.
fn replaced_by(fleet: &Fleet<'_>, blocker: &TicketKey, waiting: &TicketKey) -> Vec<TicketKey> {
    let ended = fleet.tickets.get(blocker).and_then(|it| it.ended.as_ref());
    let by = ended.map_or(&[][..], |it| it.by.as_slice()).iter();
    by.filter(|it| *it == waiting || !waits_for(fleet, it, waiting)).cloned().collect()
}

/// Returns whether `from` waits for `to`, over any number of tickets. A campaign waits for its children.
fn waits_for(fleet: &Fleet<'_>, from: &TicketKey, to: &TicketKey) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(key) = next.pop() {
        if key == to {
            return true;
        }
        if seen.insert(key)
            && let Some(ticket) = fleet.tickets.get(key)
        {
            let open = ticket.blockers.iter().chain(&ticket.children);
            next.extend(open.filter(|it| it.1.is_none()).map(|it| it.0));
        }
    }
    false
}

/// Returns when a ticket that Mission Control's own failure blocks is tried again, once per cause.
fn try_again_at(ticket: &Ticket) -> Option<(Timestamp, String)> {
    let block = ticket.blocked.as_ref().filter(|it| it.code == BlockCode::CouldNotRun)?;
    let cause = block.text.clone();
    let is_new = !ticket.corrected.contains(&format!("{REQUEUE}: {cause}"));
    let is_held = ticket.parked.is_some() || ticket.is_waiting() || ticket.is_ended();
    let at = block.at + jiff::SignedDuration::from_secs(TRY_AGAIN_S);
    (is_new && !is_held).then_some((at, cause))
}

fn requeue(fleet: &Fleet<'_>, ticket: &Ticket) -> Option<Action> {
    let (at, cause) = try_again_at(ticket)?;
    (at <= fleet.now).then(|| Action::Requeue { ticket: ticket.key.clone(), cause })
}

fn expire(fleet: &Fleet<'_>, ticket: &Ticket, actions: &mut Vec<Action>) -> bool {
    let Some(live) = ticket.live_attempt() else { return false };
    if fleet.leases.get(&ticket.key).is_some_and(|until| *until <= fleet.now) {
        let (attempt, epoch) = (live.id, live.epoch);
        actions.push(Action::Expire { ticket: ticket.key.clone(), attempt, epoch });
    }
    if let Some((_, why)) = time_limit(fleet, ticket).filter(|it| it.0 <= fleet.now) {
        let (attempt, epoch) = (live.id, live.epoch);
        actions.push(Action::TimeOut { ticket: ticket.key.clone(), attempt, epoch, why });
    }
    true
}

/// Returns when the time of a lane elsewhere is up, and which line says so. Nobody here sees whether it still works; the time of a
/// lane of ours is kept by its shim, and people take as long as they take.
fn time_limit(fleet: &Fleet<'_>, ticket: &Ticket) -> Option<(Timestamp, String)> {
    let live = ticket.live_attempt().filter(|it| !it.runs_here() && !it.is_persons())?;
    let rules = &fleet.projects.get(ticket.key.project())?.rules;
    let runtime = rules.runtimes.get(&live.runtime).and_then(|it| it.limits.wall_s);
    let gate = ticket.gate(&live.gate).and_then(|it| it.rule.timeout_s);
    let runtime = runtime.map(|it| (it, format!("`limits.wall` of runtime `{}`", live.runtime)));
    let gate = gate.map(|it| (it, format!("`timeout` of gate `{}`", live.gate)));
    let (seconds, line) = runtime.into_iter().chain(gate).min_by_key(|it| it.0)?;
    let time = jiff::SignedDuration::from_secs(seconds.cast_signed());
    let why = format!("nothing was reported within {time:#}: {line} gives it no longer");
    Some((live.started_at.checked_add(time).ok()?, why))
}

/// Returns the pause that an outage calls for, or its end.
fn outage(fleet: &Fleet<'_>) -> Option<Action> {
    if let Some((_, until)) = &fleet.home.outage {
        return (*until <= fleet.now).then_some(Action::ResumeDispatch);
    }
    let since = fleet.now - jiff::SignedDuration::from_secs(OUTAGE_WINDOW_S);
    let (mut dead, mut alive) = (0, 0);
    for attempt in fleet.tickets.values().flat_map(|it| it.attempts.iter().rev().take(4)) {
        match &attempt.end {
            None => alive += 1,
            Some(end) if end.at >= since && end.class.is_death() => dead += 1,
            Some(_) => {}
        }
    }
    (dead >= OUTAGE_DEATHS && dead >= alive).then(|| Action::PauseDispatch {
        why: format!("{dead} workers died within a minute, {alive} are alive; dispatch rests"),
        until: fleet.now + jiff::SignedDuration::from_secs(OUTAGE_WINDOW_S),
    })
}

/// Gives free slots to queued tickets: by priority, then to the campaign and project that has least, then by age.
fn dispatch(
    fleet: &Fleet<'_>,
    mut queue: Vec<Queued<'_>>,
    budgets: &day::Budgets,
    actions: &mut Vec<Action>,
) {
    if fleet.home.outage.is_some() || queue.is_empty() {
        return;
    }
    let mut running = Running::of(fleet);
    let mut lent = Vec::new();
    // A lane without a slot or a runtime is found once, not by each of the thousands that may wait for it.
    let mut lanes: BTreeMap<&ProjectKey, BTreeMap<RoleId, bool>> = BTreeMap::new();
    queue.retain(|it| {
        let roles = lanes.entry(it.ticket.key.project()).or_default();
        if let Some(known) = roles.get(&it.role) {
            return *known;
        }
        let is_held = budgets.hold(fleet, it.ticket.key.project(), &it.role);
        let can = running.has_slot(fleet, it)
            && has_runtime(fleet, it, &running)
            && (!is_held || takes_person(fleet, it));
        roles.insert(it.role.clone(), can);
        can
    });
    queue.sort_by_cached_key(|it| {
        let share = running.share(it.ticket);
        (it.ticket.priority, share, it.ticket.since, it.ticket.key.clone())
    });
    for queued in queue {
        if !running.has_slot(fleet, &queued) {
            continue;
        }
        match choose(fleet, &queued, &running) {
            Choice::Runtime(runtime, identity) => {
                let by_person = driver_of(fleet, queued.ticket, &runtime) == Some(Driver::Person);
                if !by_person && budgets.hold(fleet, queued.ticket.key.project(), &queued.role) {
                    continue;
                }
                running.add(queued.ticket, &queued.role, &runtime, by_person);
                let warm = warm(fleet, &queued, &runtime, identity.as_ref(), &mut lent);
                actions.push(Action::Claim {
                    ticket: queued.ticket.key.clone(),
                    gate: queued.gate,
                    role: queued.role,
                    runtime,
                    identity,
                    purpose: queued.purpose,
                    warm,
                });
            }
            Choice::Person(why) => {
                let ticket = queued.ticket.key.clone();
                actions.push(Action::HandOver { ticket, gate: queued.gate, why });
            }
            Choice::Nobody(_) => {}
        }
    }
}

/// Returns how the attempt comes to its session; one that is kept goes to one attempt of a plan.
fn warm(
    fleet: &Fleet<'_>,
    queued: &Queued<'_>,
    runtime: &RuntimeId,
    identity: Option<&Identity>,
    lent: &mut Vec<String>,
) -> Option<Box<Warm>> {
    let rules = fleet.projects.get(queued.ticket.key.project())?.rules.as_ref();
    let wanted = Wanted {
        rules,
        ticket: &queued.ticket.key,
        role: rules.roles.get(&queued.role)?,
        runtime: rules.runtimes.get(runtime)?,
        identity,
        purpose: queued.purpose,
    };
    let warm = fleet.home.warm(&wanted, fleet.now, lent)?;
    if let Start::Carried { id, .. } = &warm.start {
        lent.push(id.clone());
    }
    Some(Box::new(warm))
}

/// What runs now, counted by lane, runtime, and share of campaign and project.
struct Running {
    lanes: BTreeMap<String, u32>,
    runtimes: BTreeMap<RuntimeId, u32>,
    shares: BTreeMap<String, u32>,
}

impl Running {
    fn of(fleet: &Fleet<'_>) -> Self {
        let mut running =
            Self { lanes: BTreeMap::new(), runtimes: BTreeMap::new(), shares: BTreeMap::new() };
        for ticket in fleet.tickets.values() {
            if let Some(live) = ticket.live_attempt() {
                running.add(ticket, &live.role, &live.runtime, live.is_persons());
            }
        }
        running
    }

    fn add(&mut self, ticket: &Ticket, role: &RoleId, runtime: &RuntimeId, by_person: bool) {
        *self.shares.entry(share_name(ticket)).or_default() += 1;
        *self.runtimes.entry(runtime.clone()).or_default() += 1;
        if !by_person {
            *self.lanes.entry(lane_name(ticket.key.project(), role)).or_default() += 1;
        }
    }

    fn has_slot(&self, fleet: &Fleet<'_>, queued: &Queued<'_>) -> bool {
        let project = queued.ticket.key.project();
        let Some(role) = role_of(fleet, project, &queued.role) else { return false };
        let lane = lane_name(project, &queued.role);
        is_trusted(fleet, queued.ticket)
            && !fleet.home.paused.contains(&lane)
            && self.lanes.get(&lane).copied().unwrap_or(0) < role.slots
    }

    fn share(&self, ticket: &Ticket) -> u32 {
        self.shares.get(&share_name(ticket)).copied().unwrap_or(0)
    }
}

fn share_name(ticket: &Ticket) -> String {
    let parent = ticket.parent.as_ref();
    parent.map_or_else(|| ticket.key.project().to_string(), ToString::to_string)
}

fn role_of<'a>(fleet: &Fleet<'a>, project: &ProjectKey, role: &RoleId) -> Option<&'a Role> {
    fleet.projects.get(project).and_then(|it| it.rules.roles.get(role))
}

fn driver_of(fleet: &Fleet<'_>, ticket: &Ticket, runtime: &RuntimeId) -> Option<Driver> {
    let rules = &fleet.projects.get(ticket.key.project())?.rules;
    rules.runtimes.get(runtime).map(|it| it.driver)
}

/// Returns whether people work for the lane of a queued ticket: what they do costs nothing.
fn takes_person(fleet: &Fleet<'_>, queued: &Queued<'_>) -> bool {
    let role = role_of(fleet, queued.ticket.key.project(), &queued.role);
    let mut runtimes = role.into_iter().flat_map(|it| &it.runtimes);
    runtimes.any(|it| driver_of(fleet, queued.ticket, it) == Some(Driver::Person))
}

/// Who takes a queued ticket.
enum Choice {
    Runtime(RuntimeId, Option<Identity>),
    Person(String),
    Nobody(String),
}

/// Returns whether the lane of a queued ticket has a runtime that could work at all, whoever is independent enough.
fn has_runtime(fleet: &Fleet<'_>, queued: &Queued<'_>, running: &Running) -> bool {
    let (gate, role) = (queued.gate.clone(), queued.role.clone());
    let any = Queued { ticket: queued.ticket, gate, role, purpose: Purpose::Deliver };
    !matches!(choose(fleet, &any, running), Choice::Nobody(_))
}

/// Returns the first healthy and eligible runtime of the role, else why there is none.
fn choose(fleet: &Fleet<'_>, queued: &Queued<'_>, running: &Running) -> Choice {
    let project = queued.ticket.key.project();
    let facts = fleet.projects.get(project);
    let (Some(facts), Some(role)) = (facts, role_of(fleet, project, &queued.role)) else {
        return Choice::Nobody(format!("project {project} has no role {}", queued.role));
    };
    let mut too_close = None;
    let mut unusable = Vec::new();
    for id in &role.runtimes {
        let Some(runtime) = facts.rules.runtimes.get(id) else { continue };
        match runtime.driver {
            Driver::External => {
                unusable.push(format!("{id} takes its work itself"));
                continue;
            }
            Driver::Exec
            | Driver::Tmux
            | Driver::Person
            | Driver::Codex
            | Driver::Claude
            | Driver::Acp => {}
        }
        let Some(identity) = facts.identities.get(id) else {
            unusable.push(format!("{id} was not found on this machine"));
            continue;
        };
        if let Some(breaker) = fleet.home.breakers.get(id) {
            let trial_runs = running.runtimes.get(id).copied().unwrap_or(0) > 0;
            if breaker.until > fleet.now || trial_runs {
                unusable.push(format!("{id} is paused: {}", breaker.why));
                continue;
            }
        }
        let principal = principal_of(&queued.role, id);
        let who = Contributor { principal, identity: identity.clone() };
        match queued.purpose {
            Purpose::Deliver => {}
            Purpose::Review | Purpose::Judge => {
                if let Err(refusal) = queued.ticket.independence(&queued.gate, &who) {
                    too_close = Some(refusal);
                    continue;
                }
            }
        }
        return Choice::Runtime(id.clone(), identity.clone());
    }
    match too_close {
        Some(refusal) if unusable.is_empty() => Choice::Person(said(&refusal)),
        Some(_) | None => Choice::Nobody(unusable.join("; ")),
    }
}

fn said(refusal: &Rejection) -> String {
    format!("no independent runtime is configured ({refusal})")
}

/// Returns the principal that a lane acts as.
pub fn principal_of(role: &RoleId, runtime: &RuntimeId) -> Principal {
    Principal::Lane { role: role.clone(), runtime: runtime.clone() }
}
