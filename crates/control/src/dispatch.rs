//! The unasked loop: wakes on a nudge or at the next moment, plans, and carries out. Sleeps while nothing changes.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt as _;
use mission_domain::home::{Act, HomeCommand};
use mission_domain::ids::{TicketKey, Timestamp};
use mission_domain::plan::Action;
use mission_domain::principal::Principal;
use mission_domain::ticket::{Command, EndClass, Kind, Ticket};
use mission_runtime::RunnerClient;
use mission_runtime::protocol::ToRunner;
use mission_store::Stream;

use crate::error::{Error, Result};
use crate::execute::Control;
use crate::stumble::AFTER_FAILURE;

/// The longest sleep, so that a clock that was set is noticed, in seconds.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// Whoever looks so much later than they meant to was stopped or suspended meanwhile, and heard nothing.
const OVERSLEPT: Duration = Duration::from_secs(15);

/// How deep campaigns lie in one another, at most, where an end is told upwards at once.
const LINK_ROUNDS: usize = 64;

impl Control {
    /// Becomes resident: brings the rows up to date, loads the fleet, finds its lanes again, and starts to dispatch.
    ///
    /// # Errors
    /// What the store or the runner said.
    pub async fn start(&self) -> Result<()> {
        self.empty_scratch().await;
        let renewed = self.renew_rows().await?;
        if renewed > 0 {
            tracing::info!(renewed, "rows of an earlier version were written anew from the events");
        }
        // Each attempt had a token of its own, each sign-in a code.
        let gone = self.store().drop_expired_secrets(self.now()).await?;
        tracing::debug!(gone, "secrets that had run out were dropped");
        self.load_fleet().await?;
        self.release_lanes();
        let exe = self.options().exe;
        let dir = self.paths().runner();
        let (client, frames) = RunnerClient::connect_or_spawn(&dir, &exe).await?;
        *self.inner.runner.lock().expect("nobody panics while holding the runner") = Some(client);
        self.spawn(self.clone().hear_runner(frames));
        self.spawn(self.clone().dispatch());
        let control = self.clone();
        self.spawn(async move { control.sweep_at_start().await });
        Ok(())
    }

    /// Stops dispatching and waits for what is under way, at most 8 s. Lanes go on unless `stop_lanes`.
    pub async fn stop(&self, stop_lanes: bool) {
        self.inner.is_stopping.store(true, Ordering::Release);
        self.nudge();
        if stop_lanes {
            self.stop_all_lanes().await;
        }
        let _ = self.send_to_runner(ToRunner::Shutdown { stop_lanes });
        let mut tasks = std::mem::take(
            &mut *self.inner.tasks.lock().expect("nobody panics while holding the tasks"),
        );
        let drain = async { while tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_secs(2), drain).await;
        tasks.abort_all();
        self.store().close().await;
    }

    async fn stop_all_lanes(&self) {
        let live: Vec<(TicketKey, _)> = {
            let fleet = self.fleet();
            let live = fleet.tickets.values().filter_map(|it| Some((it, it.live_attempt()?)));
            live.map(|(ticket, it)| (ticket.key.clone(), it.id)).collect()
        };
        for (key, attempt) in live {
            self.end(&key, attempt, EndClass::Stopped, "the server was stopped".into()).await;
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.inner.is_stopping.load(Ordering::Acquire)
    }

    /// Runs `work` beside everything else; it is waited for when the controller stops.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.inner.tasks.lock().expect("nobody panics while holding the tasks");
        while let Some(ended) = tasks.try_join_next() {
            if let Err(error) = ended {
                tracing::error!("something that ran beside failed: {error}");
            }
        }
        tasks.spawn(work);
    }

    /// Takes the whole fleet into memory, as `start` does before it looks for its lanes.
    ///
    /// # Errors
    /// What the store said.
    pub async fn load_fleet(&self) -> Result<()> {
        let open = self.store().open_tickets().await?;
        let leases = self.store().leases().await?;
        let now = self.now();
        let mut linked = Vec::new();
        {
            let mut fleet = self.fleet();
            for (key, aggregate, version) in open {
                let ticket: Ticket = serde_json::from_str(&aggregate).map_err(|e| {
                    Error::Invalid(format!(
                        "the record of `{key}` is broken: {e}. `mission fsck` says more"
                    ))
                })?;
                linked.extend(ticket.blockers.keys().chain(ticket.children.keys()).cloned());
                fleet.put(Arc::new(ticket), version);
            }
            // The lanes had no chance to show a sign of life while the server was away.
            let fresh = now + jiff::SignedDuration::from_secs(crate::write::LEASE_S);
            for lease in leases {
                let until = lease.until.max(fresh);
                let live = fleet.tickets.get(&lease.ticket).and_then(|it| it.live_attempt());
                if live.is_none_or(mission_domain::ticket::Attempt::runs_here) {
                    fleet.leases.insert(lease.ticket, until);
                }
            }
        }
        self.hold_tickets(linked).await;
        for key in self.home().projects.keys() {
            if let Err(error) = self.project(key).await {
                tracing::warn!("project {key} cannot be worked: {}", error.in_full());
            }
        }
        self.inner.is_resident.store(true, Ordering::Release);
        Ok(())
    }

    /// Holds the tickets that an open one waits for: one that ended while nobody was linked to it was forgotten.
    pub(crate) async fn hold_linked(&self, ticket: &Ticket) {
        let is_resident = self.inner.is_resident.load(Ordering::Acquire);
        if is_resident && !ticket.is_ended() {
            let open = ticket.blockers.iter().chain(&ticket.children);
            let open = open.filter(|it| it.1.is_none()).map(|it| it.0.clone());
            self.hold_tickets(open.collect()).await;
        }
    }

    pub(crate) async fn hold_tickets(&self, keys: Vec<TicketKey>) {
        for key in keys {
            let is_held = self.fleet().tickets.contains_key(&key);
            if is_held {
                continue;
            }
            match self.read_ticket(&key).await {
                Ok((ticket, version)) => {
                    self.fleet().put(ticket, version);
                    self.nudge();
                }
                Err(Error::NoTicket(_)) => {}
                Err(error) => {
                    tracing::warn!("{key} is waited for and not known: {}", error.in_full());
                    self.hold_later(key);
                }
            }
        }
    }

    async fn dispatch(self) {
        let mut due = self.now();
        while !self.is_stopping() {
            let looked_at = self.now();
            let sleep = self.round(due).await;
            due = looked_at + sleep;
            let nudged = self.inner.nudge.notified();
            tokio::select! {
                () = nudged => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// Returns what is to be done now.
    pub fn planned(&self) -> Vec<Action> {
        self.plan(self.now()).0
    }

    /// Returns what is to be done now besides what is under way for `busy`.
    pub fn planned_beside(&self, busy: &TicketKey) -> Vec<Action> {
        let _busy = self.keep_busy(std::iter::once(busy));
        self.planned()
    }

    fn plan(&self, now: Timestamp) -> (Vec<Action>, Option<Timestamp>) {
        let mut fleet = self.fleet();
        fleet.forget_ended();
        self.hold_unheard(&mut fleet, now);
        fleet.plan(now)
    }

    /// Plans once, carries out, and returns how long nothing is to be done. `due` is the moment by which it was meant to.
    async fn round(&self, due: Timestamp) -> Duration {
        if !self.catch_up().await {
            return AFTER_FAILURE;
        }
        if let Err(error) = self.know_spending().await {
            tracing::warn!("what was used today is not known yet: {}", error.in_full());
            return AFTER_FAILURE;
        }
        let now = self.now();
        if now > due + OVERSLEPT {
            self.was_away(now);
        }
        let (actions, next) = self.plan(now);
        for action in actions {
            if self.is_stopping() {
                break;
            }
            self.begin(action).await;
        }
        self.end_turns();
        next.map_or(LONGEST_SLEEP, |at| until(now, at))
    }

    /// Carries out one action: short ones at once, long ones beside the loop with the ticket marked busy.
    async fn begin(&self, action: Action) {
        match action {
            Action::Claim { ref ticket, .. } => {
                let key = ticket.clone();
                // The project's rules may have moved with a landing.
                self.beside(key, move |control| async move { control.claim(action).await });
            }
            Action::Observe { ticket, attempt } => {
                self.beside(ticket.clone(), move |control| async move {
                    control.observe(&ticket, attempt).await
                });
            }
            Action::Check { ticket, gate } => {
                self.beside(ticket.clone(), move |control| async move {
                    control.check(&ticket, &gate).await
                });
            }
            Action::Land { ticket } => {
                self.beside(
                    ticket.clone(),
                    move |control| async move { control.land(&ticket).await },
                );
            }
            Action::RunApproved { ticket, approval } => {
                self.beside(ticket.clone(), move |control| async move {
                    control.run_approved(&ticket, approval).await
                });
            }
            quick @ (Action::HandOver { .. }
            | Action::Finish { .. }
            | Action::Expire { .. }
            | Action::TimeOut { .. }
            | Action::Release { .. }
            | Action::Wake { .. }
            | Action::EndChild { .. }
            | Action::Requeue { .. }
            | Action::GiveUp { .. }
            | Action::LoseApproved { .. }
            | Action::ExpireApproval { .. }
            | Action::PauseDispatch { .. }
            | Action::ResumeDispatch
            | Action::MarkBudget { .. }
            | Action::FreeBudget { .. }
            | Action::SetSchedule { .. }
            | Action::RunSchedule { .. }
            | Action::SkipSchedule { .. }
            | Action::DropSchedule { .. }) => {
                let done = self.carry_out(quick.clone()).await;
                match (done, quick.ticket()) {
                    (Ok(()) | Err(Error::Rejected(_) | Error::RejectedByHome(_)), key) => {
                        key.into_iter().for_each(|key| self.forget_stumble(key));
                    }
                    (Err(error), Some(key)) => {
                        // The others go on meanwhile.
                        self.beside(key.clone(), |_| async move { Err(error) });
                    }
                    (Err(error), None) => {
                        tracing::warn!("{quick:?} failed: {}", error.in_full());
                        tokio::time::sleep(AFTER_FAILURE).await;
                        self.nudge();
                    }
                }
            }
        }
    }

    /// Runs long work for a ticket beside the loop; nothing else is begun for it meanwhile.
    fn beside<F>(&self, key: TicketKey, work: impl FnOnce(Self) -> F)
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        self.fleet().busy.insert(key.clone());
        let control = self.clone();
        let work = AssertUnwindSafe(work(self.clone())).catch_unwind();
        self.spawn(async move {
            // Whoever panicked held nothing that others see half-done: what is shared is locked, and a poisoned lock tells.
            let done = work.await.unwrap_or_else(|_| Err(Error::Fault));
            match done {
                Ok(()) | Err(Error::Rejected(_)) => control.forget_stumble(&key),
                Err(error) => {
                    let wait = control.note_stumble(&key, &error);
                    tracing::warn!("work on {key} failed and is tried again: {}", error.in_full());
                    tokio::time::sleep(wait).await;
                }
            }
            control.fleet().busy.remove(&key);
            control.nudge();
        });
    }

    /// Carries out what the end of a ticket owes to others, where no server does so: waits are released, campaigns told and ended.
    ///
    /// # Errors
    /// What the store said.
    pub async fn settle_links(&self) -> Result<()> {
        self.load_fleet().await?;
        let is_link = |it: &Action| match it {
            Action::Release { .. } | Action::EndChild { .. } | Action::Wake { .. } => true,
            Action::Finish { ticket } => {
                self.fleet().tickets.get(ticket).is_some_and(|it| it.kind == Kind::Campaign)
            }
            _ => false,
        };
        // A campaign in a campaign takes a round more each.
        for _ in 0..LINK_ROUNDS {
            let planned = self.planned();
            let owed: Vec<_> = planned.into_iter().filter(is_link).collect();
            if owed.is_empty() {
                break;
            }
            for action in owed {
                match self.carry_out(action).await {
                    Ok(()) | Err(Error::Rejected(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Carries out one action to its end, also one that takes git or a process. A claim, which starts a lane, is left alone.
    ///
    /// # Errors
    /// As `carry_out`, or what git and the file system said.
    pub async fn work_off(&self, action: Action) -> Result<()> {
        match action {
            Action::Observe { ticket, attempt } => {
                let _busy = self.keep_busy(std::iter::once(&ticket));
                self.observe(&ticket, attempt).await
            }
            Action::Check { ticket, gate } => {
                let _busy = self.keep_busy(std::iter::once(&ticket));
                self.check(&ticket, &gate).await
            }
            Action::Land { ticket } => {
                let _busy = self.keep_busy(std::iter::once(&ticket));
                self.land(&ticket).await
            }
            other => self.carry_out(other).await,
        }
    }

    /// Carries out a short action; those that take a process or git are left alone. Those of an operator's rule are on its record.
    ///
    /// # Errors
    /// A rejection where it is not owed any more, or what the store said.
    pub async fn carry_out(&self, action: Action) -> Result<()> {
        let by = Principal::Controller;
        let act = crate::sweep::act_of(&action);
        let (key, command) = match action {
            Action::HandOver { ticket, gate, why } => (ticket, Command::HandOver { gate, why }),
            Action::Finish { ticket } => return self.finish(&ticket, act).await,
            Action::Expire { ticket, attempt, epoch } => {
                let until = self.fleet().leases.get(&ticket).copied();
                if until.is_some_and(|until| until > self.now()) {
                    // It was heard since that was planned.
                    return Ok(());
                }
                let summary = "no sign of life within its lease".to_owned();
                let class = EndClass::Lost;
                (ticket, Command::EndAttempt { attempt, epoch, class, summary })
            }
            Action::TimeOut { ticket, attempt, epoch, why: summary } => {
                let class = EndClass::TimedOut;
                (ticket, Command::EndAttempt { attempt, epoch, class, summary })
            }
            Action::Release { ticket, blocker, how, by } => {
                (ticket, Command::Release { blocker, how, by })
            }
            Action::Wake { ticket } => (ticket, Command::Wake),
            Action::EndChild { campaign, child, how } => {
                let done = self
                    .execute_noted(&campaign, Command::EndChild { child, how }, &by, act)
                    .await?;
                if done.owed(self.now()) == mission_domain::ticket::Owed::Finish {
                    self.finish(&campaign, None).await?;
                }
                return Ok(());
            }
            Action::Requeue { ticket, cause } => {
                let rule = "requeue-runtime-fault".to_owned();
                (ticket, Command::Correct { rule, cause })
            }
            Action::GiveUp { ticket, messages } => {
                let why = "the ticket ended before anybody could take it".to_owned();
                (ticket, Command::GiveUpMessages { ids: messages, why })
            }
            Action::RunSchedule { project, schedule, due, caught_up } => {
                return self.run_schedule(&project, &schedule, due, caught_up).await;
            }
            Action::LoseApproved { ticket, approval } => {
                (ticket, Command::LoseApproved { approval })
            }
            Action::ExpireApproval { ticket, approval } => {
                let message = self.new_message_id().await?;
                (ticket, Command::ExpireApproval { approval, message })
            }
            other => {
                return match at_home(other) {
                    Some(command) => self.execute_home(command, &by).await,
                    None => Ok(()),
                };
            }
        };
        self.execute_noted(&key, command, &by, act).await.map(drop)
    }

    async fn finish(&self, key: &TicketKey, act: Option<Act>) -> Result<()> {
        let command = Command::Finish;
        self.execute_noted(key, command, &Principal::Controller, act).await.map(drop)
    }

    /// Snapshots what is unfinished, soon, and removes the workspace of a ticket that has ended. While a lane still works there
    /// nothing is done: its end brings it here again.
    pub(crate) fn clean_up_later(&self, key: &TicketKey) {
        let (control, key) = (self.clone(), key.clone());
        self.spawn(async move {
            let cleaned = async {
                let (ticket, _) = control.ticket(&key).await?;
                if ticket.is_ended() && control.lane_at_work(&ticket).is_none() {
                    control.remove_workspace(&key).await?;
                }
                Result::Ok(())
            };
            if let Err(error) = cleaned.await {
                tracing::warn!("the workspace of {key} is still there: {}", error.in_full());
            }
        });
    }

    /// Returns whether the store knows the ticket at all.
    pub(crate) async fn exists(&self, key: &TicketKey) -> Result<bool> {
        match self.store().load(&Stream::Ticket(key.clone())).await {
            Ok(_) => Ok(true),
            Err(mission_store::Error::Missing(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Returns what an action does to the home, where it does something to that alone.
fn at_home(action: Action) -> Option<HomeCommand> {
    Some(match action {
        Action::PauseDispatch { why, until } => HomeCommand::PauseDispatch { why, until },
        Action::ResumeDispatch => HomeCommand::ResumeDispatch,
        Action::MarkBudget { scope, until, is_spent, text } => {
            HomeCommand::MarkBudget { scope, until, is_spent, text }
        }
        Action::FreeBudget { scope, why } => HomeCommand::FreeBudget { scope, why },
        Action::SetSchedule { project, schedule, cron, time_zone } => {
            HomeCommand::SetSchedule { project, schedule, cron, time_zone }
        }
        Action::SkipSchedule { project, schedule, due, why } => {
            HomeCommand::SkipSchedule { project, schedule, due, why }
        }
        Action::DropSchedule { project, schedule } => {
            HomeCommand::DropSchedule { project, schedule }
        }
        Action::Claim { .. }
        | Action::Observe { .. }
        | Action::Check { .. }
        | Action::RunApproved { .. }
        | Action::Land { .. }
        | Action::HandOver { .. }
        | Action::Finish { .. }
        | Action::Expire { .. }
        | Action::TimeOut { .. }
        | Action::Release { .. }
        | Action::Wake { .. }
        | Action::EndChild { .. }
        | Action::Requeue { .. }
        | Action::GiveUp { .. }
        | Action::RunSchedule { .. }
        | Action::LoseApproved { .. }
        | Action::ExpireApproval { .. } => return None,
    })
}

fn until(now: Timestamp, at: Timestamp) -> Duration {
    let wait = at.duration_since(now);
    let wait = Duration::try_from(wait).unwrap_or(Duration::ZERO);
    // A millisecond more: the moment itself has then come.
    (wait + Duration::from_millis(1)).min(LONGEST_SLEEP)
}
