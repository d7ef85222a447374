//! The one way to change a ticket or the home: load, decide, append, take in.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use mission_domain::doc::EventDoc;
use mission_domain::home::{HomeCommand, apply_home, decide_home};
use mission_domain::ids::{AttemptId, MessageId, ProjectKey, TicketKey, Timestamp, Version};
use mission_domain::principal::Principal;
use mission_domain::rules::Rules;
use mission_domain::ticket::{
    Command, Context, EndClass, Event, RETRY_BASE_MS, Stamp, Ticket, apply, decide,
};
use mission_runtime::RunnerClient;
use mission_store::{Change, ProjectionKind, Store, Stream, Write};
use tokio::sync::{Notify, Semaphore, broadcast};

use crate::Options;
use crate::again::streams_of;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::fleet::Fleet;
use crate::paths::HomePaths;
use crate::projects::Project;
use crate::session;
use crate::write::{home_write, ticket_write};

/// How often a busy ticket is decided on again before the caller is told of the conflict.
const MAX_TRIES: u32 = 8;

/// How many events a slow reader may lag behind before it reads them from the store instead.
const EVENTS_KEPT: usize = 4096;

/// The controller of one home. Clones are the same controller.
#[derive(Clone)]
pub struct Control {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) paths: HomePaths,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: Mutex<Options>,
    pub(crate) fleet: Mutex<Fleet>,
    /// Whether `fleet` is complete: a one-shot command reads from the store instead.
    pub(crate) is_resident: std::sync::atomic::AtomicBool,
    pub(crate) projects: Mutex<BTreeMap<ProjectKey, Arc<Project>>>,
    pub(crate) nudge: Notify,
    pub(crate) unsure: Mutex<crate::again::Unsure>,
    pub(crate) events: broadcast::Sender<Arc<EventDoc>>,
    pub(crate) runner: Mutex<Option<RunnerClient>>,
    pub(crate) checks: Semaphore,
    pub(crate) home_turn: tokio::sync::Mutex<()>,
    /// The turn to change who may come in: what was read of doors still holds when one is made or ended.
    pub(crate) doors_turn: tokio::sync::Mutex<()>,
    /// The turn to take a message back from a lane at work: until it is on record nobody gives the lane its words again.
    pub(crate) words_turn: tokio::sync::Mutex<()>,
    /// The turn to file a ticket: each takes the next number, and nobody loses a race to a neighbour of the same process.
    pub(crate) filing_turn: tokio::sync::Mutex<()>,
    /// Each project's turn to land: whoever lands there holds it.
    pub(crate) landing_turns: Mutex<BTreeMap<ProjectKey, Arc<tokio::sync::Mutex<()>>>>,
    /// How many candidates of a project's queue are tested at once.
    pub(crate) windows: Mutex<BTreeMap<ProjectKey, usize>>,
    pub(crate) next_attempt: AtomicU64,
    pub(crate) next_message: AtomicU64,
    /// What lanes said and nobody has taken in yet.
    pub(crate) unheard: Mutex<crate::hearing::Unheard>,
    pub(crate) tasks: Mutex<tokio::task::JoinSet<()>>,
    pub(crate) is_stopping: std::sync::atomic::AtomicBool,
    /// Until when each session is held for somebody: nothing where they are connected.
    pub(crate) hands: Mutex<BTreeMap<AttemptId, Option<std::time::Instant>>>,
}

impl Control {
    /// Opens the controller of a home over its store. Starts nothing: see `start`.
    ///
    /// # Errors
    /// What the store or the file system said.
    pub async fn open(
        paths: HomePaths,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> Result<Self> {
        paths.create().map_err(Error::file(format!("make `{}`", paths.root().display())))?;
        let checks = Semaphore::new(options.checks_at_once.max(1));
        let control = Self {
            inner: Arc::new(Inner {
                paths,
                store,
                clock,
                options: Mutex::new(options),
                fleet: Mutex::new(Fleet::default()),
                is_resident: std::sync::atomic::AtomicBool::new(false),
                projects: Mutex::new(BTreeMap::new()),
                nudge: Notify::new(),
                unsure: Mutex::default(),
                events: broadcast::channel(EVENTS_KEPT).0,
                runner: Mutex::new(None),
                checks,
                home_turn: tokio::sync::Mutex::new(()),
                doors_turn: tokio::sync::Mutex::new(()),
                words_turn: tokio::sync::Mutex::new(()),
                filing_turn: tokio::sync::Mutex::new(()),
                hands: Mutex::default(),
                landing_turns: Mutex::new(BTreeMap::new()),
                windows: Mutex::new(BTreeMap::new()),
                next_attempt: AtomicU64::new(0),
                next_message: AtomicU64::new(0),
                unheard: Mutex::default(),
                tasks: Mutex::new(tokio::task::JoinSet::new()),
                is_stopping: std::sync::atomic::AtomicBool::new(false),
            }),
        };
        control.load_home().await?;
        Ok(control)
    }

    pub(crate) async fn load_home(&self) -> Result<()> {
        match self.inner.store.load(&Stream::Home).await {
            Ok((aggregate, version)) => {
                let home = serde_json::from_str(&aggregate)
                    .map_err(|e| Error::Invalid(format!("the home's record is broken: {e}")))?;
                let mut fleet = self.fleet();
                fleet.home = home;
                fleet.home_version = version;
                Ok(())
            }
            Err(mission_store::Error::Missing(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the store, for readers.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.inner.store
    }

    /// Returns where things are in this home.
    pub fn paths(&self) -> &HomePaths {
        &self.inner.paths
    }

    /// Returns the present moment.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Returns a stream of all events from now on; a reader that lags reads the rest from the store.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<EventDoc>> {
        self.inner.events.subscribe()
    }

    pub(crate) fn fleet(&self) -> MutexGuard<'_, Fleet> {
        self.inner.fleet.lock().expect("nobody panics while holding the fleet")
    }

    pub(crate) fn options(&self) -> Options {
        self.inner.options.lock().expect("nobody panics while holding the options").clone()
    }

    /// Tells the controller the URL at which lanes reach the server.
    pub fn set_url(&self, url: String) {
        self.inner.options.lock().expect("nobody panics while holding the options").url = Some(url);
    }

    /// Lets the dispatcher look again. Carries no data: a missed one costs time, never correctness.
    pub(crate) fn nudge(&self) {
        self.inner.nudge.notify_one();
    }

    /// Returns an attempt id that nobody has yet; the store refuses one that somebody else took.
    pub(crate) async fn new_attempt_id(&self) -> Result<AttemptId> {
        Ok(AttemptId(self.count(&self.inner.next_attempt, ProjectionKind::Attempt).await?))
    }

    /// Returns a message id that nobody has yet.
    pub(crate) async fn new_message_id(&self) -> Result<MessageId> {
        Ok(MessageId(self.count(&self.inner.next_message, ProjectionKind::Message).await?))
    }

    async fn count(&self, counter: &AtomicU64, kind: ProjectionKind) -> Result<u64> {
        if counter.load(Ordering::Acquire) == 0 {
            let last = self.inner.store.last_ord(kind).await?;
            counter.fetch_max(last, Ordering::AcqRel);
        }
        Ok(counter.fetch_add(1, Ordering::AcqRel) + 1)
    }

    /// Returns the ticket as it is now, with its version.
    ///
    /// # Errors
    /// [`Error::NoTicket`], or what the store said.
    pub async fn ticket(&self, key: &TicketKey) -> Result<(Arc<Ticket>, Version)> {
        let held = {
            let fleet = self.fleet();
            fleet.tickets.get(key).cloned().zip(fleet.versions.get(key).copied())
        };
        match held {
            Some(held) => Ok(held),
            None => self.read_ticket(key).await,
        }
    }

    pub(crate) async fn read_ticket(&self, key: &TicketKey) -> Result<(Arc<Ticket>, Version)> {
        let loaded = self.inner.store.load(&Stream::Ticket(key.clone())).await;
        let (aggregate, version) = loaded.map_err(|error| match error {
            mission_store::Error::Missing(_) => Error::NoTicket(key.clone()),
            other => other.into(),
        })?;
        let ticket = serde_json::from_str(&aggregate).map_err(|e| {
            Error::Invalid(format!(
                "the record of `{key}` is broken: {e}. `mission fsck` says more"
            ))
        })?;
        Ok((Arc::new(ticket), version))
    }

    /// Carries out `command` and returns the ticket as it left it.
    ///
    /// # Errors
    /// A rejection that names its rule, or what the store said.
    pub async fn execute(
        &self,
        key: &TicketKey,
        command: Command,
        by: &Principal,
    ) -> Result<Arc<Ticket>> {
        self.execute_noted(key, command, by, None).await
    }

    /// Like `execute`, with an operator's act on record in the same transaction.
    pub(crate) async fn execute_noted(
        &self,
        key: &TicketKey,
        command: Command,
        by: &Principal,
        act: Option<mission_domain::home::Act>,
    ) -> Result<Arc<Ticket>> {
        let rules = self.rules(key.project()).await?;
        let mut tries = 1;
        loop {
            let (before, seen) =
                if tries == 1 { self.ticket(key).await? } else { self.read_ticket(key).await? };
            let now = self.now();
            let events = decide(&before, command.clone(), &self.context(by, &rules, now))?;
            if events.is_empty() {
                return Ok(before);
            }
            let stamp = Stamp { at: now, by: by.clone() };
            let mut after = (*before).clone();
            events.iter().for_each(|event| apply(&mut after, event, &stamp));
            let write = ticket_write(seen, &after, &events, &stamp);
            let act = act.clone().map(|act| HomeCommand::RecordAct { act });
            let moved = act.or_else(|| self.breaker_moved(&after, &events)).into_iter();
            let moved: Vec<_> = moved.chain(session::moved(&after, &events)).collect();
            let appended = match moved.is_empty() {
                true => self.append(vec![write]).await,
                false => self.append_with_home(write, moved).await,
            };
            match appended {
                Ok(()) => {
                    let after = Arc::new(after);
                    let version = Version(seen.0 + events.len() as u64);
                    self.take_in(after.clone(), version, &events).await;
                    return Ok(after);
                }
                Err(Error::Store(mission_store::Error::Conflict { .. })) if tries < MAX_TRIES => {
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the context that commands are decided in.
    pub(crate) fn context<'a>(
        &self,
        by: &'a Principal,
        rules: &'a Rules,
        now: Timestamp,
    ) -> Context<'a> {
        let base = self.options().retry_base_ms;
        Context {
            now,
            by,
            rules,
            demo: self.fleet().home.demo,
            jitter: self.inner.clock.spread(),
            retry_base_ms: if base == 0 { RETRY_BASE_MS } else { base },
        }
    }

    /// Returns how the end of an attempt moves the breaker of its runtime.
    fn breaker_moved(&self, after: &Ticket, events: &[Event]) -> Option<HomeCommand> {
        events.iter().find_map(|event| {
            let Event::AttemptEnded { attempt, end, .. } = event else { return None };
            let (runtime, class) = (after.attempt(*attempt)?.runtime.clone(), end.class);
            let is_good = matches!(class, EndClass::Reported | EndClass::Asked);
            if class.is_runtime_fault() {
                return Some(HomeCommand::OpenBreaker { runtime, class, why: end.summary.clone() });
            }
            let has_breaker = self.fleet().home.breakers.contains_key(&runtime);
            (is_good && has_breaker).then_some(HomeCommand::CloseBreaker { runtime })
        })
    }

    /// Appends `write` together with what `commands` do to the home: nobody sees the one without the other.
    async fn append_with_home(&self, write: Write, commands: Vec<HomeCommand>) -> Result<()> {
        let _turn = self.inner.home_turn.lock().await;
        // A session that was lent unseen would never be given back.
        self.sure_of_home().await?;
        let home = self.home_parts(commands, &Principal::Controller)?;
        let Some((home_write, home, version)) = home else { return self.append(vec![write]).await };
        self.append(vec![write, home_write]).await?;
        let mut fleet = self.fleet();
        fleet.home = home;
        fleet.home_version = version;
        Ok(())
    }

    /// Appends `writes`, all or none, and tells everybody who listens.
    pub(crate) async fn append(&self, writes: Vec<Write>) -> Result<()> {
        if writes.iter().any(|it| it.stream == Stream::Home && it.seen == Version(0)) {
            // The first that is written of a home: all its rows are of this version.
            self.inner.store.keep_shape(crate::rows::SHAPE).await?;
        }
        let change = Change { writes, idempotency: None };
        let streams = streams_of(&change);
        let appended = match self.inner.store.append(change).await {
            Ok(appended) => appended,
            Err(error) => {
                self.look_again(&streams).await;
                if self.is_unsure() {
                    self.nudge();
                }
                return Err(error.into());
            }
        };
        for event in appended.events {
            // Nobody listening is no failure.
            let _ = self.inner.events.send(Arc::new(event));
        }
        Ok(())
    }

    /// Takes a changed ticket into the fleet with those that it waits for, and lets what follows from it happen.
    pub(crate) async fn take_in(&self, ticket: Arc<Ticket>, version: Version, events: &[Event]) {
        if !self.inner.is_resident.load(Ordering::Acquire) {
            return;
        }
        let now = self.now();
        {
            let mut fleet = self.fleet();
            for event in events {
                match event {
                    Event::Claimed(claimed)
                        if ticket
                            .attempt(claimed.attempt)
                            .is_none_or(mission_domain::ticket::Attempt::runs_here) =>
                    {
                        let until = now + jiff::SignedDuration::from_secs(crate::write::LEASE_S);
                        fleet.leases.insert(ticket.key.clone(), until);
                    }
                    Event::AttemptEnded { attempt, .. } => {
                        fleet.launches.remove(attempt);
                        fleet.leases.remove(&ticket.key);
                    }
                    _ => {}
                }
                fleet.hear_version(&ticket, event);
                if let Some(spending) = &mut fleet.spending {
                    spending.note(&ticket.key, event, ticket.updated_at);
                }
            }
            fleet.put(ticket.clone(), version);
        }
        for event in events {
            self.follow_up(&ticket, event);
        }
        self.nudge();
        self.hold_linked(&ticket).await;
    }

    /// What the world owes an event: lanes stopped, turns given.
    fn follow_up(&self, ticket: &Arc<Ticket>, event: &Event) {
        match event {
            Event::AttemptEnded { attempt, end, .. } => {
                let by_record = matches!(end.class, EndClass::Reported | EndClass::Asked);
                self.after_attempt(ticket, *attempt, end.class, by_record);
            }
            Event::Reported { attempt, .. } => self.stop_after_report(ticket, *attempt),
            // What was said while the lane was being started is in no brief; what the brief holds is not taken twice.
            Event::MessageQueued { .. } | Event::Began { .. } => self.push_turns(ticket),
            // An agent that reported was left running for what waited for it.
            Event::MessagesWithdrawn { .. } => {
                let told = ticket.live_attempt().filter(|it| it.report.is_some());
                told.into_iter().for_each(|it| self.stop_after_report(ticket, it.id));
            }
            Event::Finished {} | Event::Cancelled { .. } | Event::Superseded { .. } => {
                self.clean_up_later(&ticket.key);
            }
            _ => {}
        }
    }

    /// Carries out a command on the home.
    ///
    /// # Errors
    /// A rejection that names its rule, or what the store said.
    pub async fn execute_home(&self, command: HomeCommand, by: &Principal) -> Result<()> {
        self.execute_home_with(command, by, Vec::new()).await
    }

    /// Like `execute_home`, with rows that pages read in the same transaction.
    pub(crate) async fn execute_home_with(
        &self,
        command: HomeCommand,
        by: &Principal,
        rows: Vec<mission_store::Projection>,
    ) -> Result<()> {
        let _turn = self.inner.home_turn.lock().await;
        let mut tries = 1;
        loop {
            let Some((mut write, home, version)) = self.home_part(command.clone(), by)? else {
                return Ok(());
            };
            write.projections.extend(rows.iter().cloned());
            match self.append(vec![write]).await {
                Ok(()) => {
                    let mut fleet = self.fleet();
                    fleet.home = home;
                    fleet.home_version = version;
                    drop(fleet);
                    self.nudge();
                    return Ok(());
                }
                Err(Error::Store(mission_store::Error::Conflict { .. })) if tries < MAX_TRIES => {
                    tries += 1;
                    self.load_home().await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Decides a home command and returns what to write and what the home is then. Hold `home_turn`.
    pub(crate) fn home_part(
        &self,
        command: HomeCommand,
        by: &Principal,
    ) -> Result<Option<(Write, mission_domain::home::Home, Version)>> {
        self.home_parts(vec![command], by)
    }

    /// As `home_part`, for several commands, one after another.
    fn home_parts(
        &self,
        commands: Vec<HomeCommand>,
        by: &Principal,
    ) -> Result<Option<(Write, mission_domain::home::Home, Version)>> {
        let (mut home, seen) = {
            let fleet = self.fleet();
            (fleet.home.clone(), fleet.home_version)
        };
        let now = self.now();
        let stamp = Stamp { at: now, by: by.clone() };
        let mut events = Vec::new();
        for command in commands {
            let new = decide_home(&home, command, now)?;
            new.iter().for_each(|event| apply_home(&mut home, event, &stamp));
            events.extend(new);
        }
        if events.is_empty() {
            return Ok(None);
        }
        let write = home_write(seen, &home, &events, &stamp);
        Ok(Some((write, home, Version(seen.0 + events.len() as u64))))
    }

    /// Returns what is true of the whole home.
    pub fn home(&self) -> mission_domain::home::Home {
        self.fleet().home.clone()
    }
}
