//! A store that breaks on order: it delegates to the real one, and fails or ends the world before, inside or after a change.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use mission_domain::doc::EventDoc;
use mission_domain::ids::{Epoch, ProjectKey, TicketKey, Timestamp, Version};
use mission_store::{
    Appended, Change, Error, EventFilter, Idempotency, Lease, Projection, ProjectionFilter,
    ProjectionKind, Replayed, Result, Secret, SecretKind, Store, Stream, TicketFilter, TicketRow,
    Verification, simulation,
};
use tokio::sync::{Notify, watch};

/// The places inside a commit at which the process can end.
pub(crate) const POINTS: [&str; 3] =
    ["append.before_insert", "append.before_commit", "append.after_commit"];

/// What goes wrong at the next change that somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The process dies before anything is sent.
    CrashBefore,
    /// It dies while the writer commits, at the place of this name.
    CrashAt(&'static str),
    /// It dies after the commit, before anybody is told.
    CrashAfter,
    /// The store says that it cannot, and did nothing.
    Refused,
    /// The store says that it cannot, and did it.
    AnswerLost,
    /// It says so, did it or did not, and then cannot even be read.
    Outage(bool),
}

tokio::task_local! {
    /// The request that is being answered: its idempotency key, if it has one, and whose it is.
    pub(crate) static REQUEST: Option<(String, String)>;
}

/// What outlives the process: what was acknowledged, and what is to go wrong.
#[derive(Debug, Default)]
pub(crate) struct World {
    armed: Mutex<Option<Fault>>,
    has_crashed: AtomicBool,
    crash: Notify,
    ledger: Mutex<Vec<(u64, String)>>,
    is_touched: AtomicBool,
    is_away: AtomicBool,
    /// The stream whose next changes take long, until somebody lets them.
    slow: watch::Sender<Option<Stream>>,
    /// How many of them were sent.
    slowed: watch::Sender<u64>,
    ends: Mutex<BTreeMap<Fault, u64>>,
}

impl World {
    /// Lets the next change that somebody waits for go wrong, or ends what went wrong.
    pub(crate) fn arm(&self, fault: Option<Fault>) {
        self.is_away.store(false, Ordering::SeqCst);
        *lock(&self.armed) = fault;
    }

    /// Lets nothing be read or written, or everything again.
    pub(crate) fn goes_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    /// Lets changes of `stream` take until this is called again.
    pub(crate) fn slows(&self, stream: Option<Stream>) {
        self.slow.send_replace(stream);
    }

    /// Waits until there is such a change.
    pub(crate) async fn is_slow(&self) {
        let _ = self.slowed.subscribe().wait_for(|it| *it > 0).await;
    }

    async fn takes_its_time(&self, change: &Change) {
        let is_slow = |slow: &Option<Stream>| {
            slow.as_ref().is_some_and(|it| change.writes.iter().any(|write| write.stream == *it))
        };
        if is_slow(&self.slow.borrow()) {
            self.slowed.send_modify(|it| *it += 1);
        }
        // The sender is ours: it is not gone.
        let _ = self.slow.subscribe().wait_for(|slow| !is_slow(slow)).await;
    }

    /// Waits for the end of the process.
    pub(crate) async fn ends(&self) {
        while !self.has_crashed.load(Ordering::SeqCst) {
            self.crash.notified().await;
        }
    }

    /// Begins the next life of the process.
    pub(crate) fn revive(&self) {
        self.has_crashed.store(false, Ordering::SeqCst);
        self.is_touched.store(true, Ordering::SeqCst);
        self.arm(None);
        simulation::live();
    }

    /// Returns `seq` and hash of every event that was acknowledged.
    pub(crate) fn acknowledged(&self) -> Vec<(u64, String)> {
        lock(&self.ledger).clone()
    }

    /// Returns whether a change was sent since somebody asked this last.
    pub(crate) fn was_touched(&self) -> bool {
        self.is_touched.swap(false, Ordering::SeqCst)
    }

    /// Returns how often the process died of what.
    pub(crate) fn ends_of(&self) -> BTreeMap<Fault, u64> {
        lock(&self.ends).clone()
    }

    fn ends_now(&self, of: Fault) {
        *lock(&self.ends).entry(of).or_default() += 1;
        self.has_crashed.store(true, Ordering::SeqCst);
        self.crash.notify_one();
    }

    async fn end(&self, of: Fault) -> ! {
        self.ends_now(of);
        std::future::pending().await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The real store, in a world where things go wrong.
pub(crate) struct FaultyStore {
    pub(crate) real: Arc<dyn Store>,
    pub(crate) world: Arc<World>,
}

fn cannot() -> Error {
    Error::unavailable("no space left on device")
}

impl FaultyStore {
    /// Returns the store to read from, unless it is away.
    fn here(&self) -> Result<&Arc<dyn Store>> {
        if self.world.is_away.load(Ordering::SeqCst) { Err(cannot()) } else { Ok(&self.real) }
    }

    async fn broken(&self, change: Change, fault: Fault) -> Result<Appended> {
        match fault {
            Fault::CrashBefore => self.world.end(fault).await,
            Fault::Refused => Err(cannot()),
            Fault::AnswerLost => {
                self.real.append(change).await?;
                Err(cannot())
            }
            Fault::Outage(is_done) => {
                if is_done {
                    self.real.append(change).await?;
                }
                self.world.is_away.store(true, Ordering::SeqCst);
                Err(cannot())
            }
            Fault::CrashAfter => {
                // A change that is refused was answered: the caller did not wait for a commit.
                self.real.append(change).await?;
                self.world.end(fault).await
            }
            Fault::CrashAt(point) => {
                let world = self.world.clone();
                simulation::end_at(point, move || world.ends_now(fault));
                let answer = self.real.append(change).await;
                // A change that is refused does not come as far as that.
                simulation::live();
                answer
            }
        }
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn append(&self, mut change: Change) -> Result<Appended> {
        self.world.is_touched.store(true, Ordering::SeqCst);
        self.world.takes_its_time(&change).await;
        let request = REQUEST.try_with(Clone::clone);
        if let Ok(Some((key, principal))) = &request {
            let answer = serde_json::Value::Null;
            let (key, principal) = (key.clone(), principal.clone());
            change.idempotency = Some(Idempotency { key, principal, answer });
        }
        let fault = request.ok().and_then(|_| lock(&self.world.armed).take());
        let appended = match fault {
            Some(fault) => self.broken(change, fault).await,
            None => self.here()?.append(change).await,
        };
        self.world.is_touched.store(true, Ordering::SeqCst);
        let appended = appended?;
        let told = appended.events.iter().map(|it| (it.seq, it.hash.clone()));
        lock(&self.world.ledger).extend(told);
        Ok(appended)
    }

    async fn load(&self, stream: &Stream) -> Result<(String, Version)> {
        self.here()?.load(stream).await
    }

    async fn open_tickets(&self) -> Result<Vec<(TicketKey, String, Version)>> {
        self.here()?.open_tickets().await
    }

    async fn list(&self, filter: &TicketFilter) -> Result<Vec<TicketRow>> {
        self.here()?.list(filter).await
    }

    async fn rows(&self, filter: &TicketFilter) -> Result<String> {
        self.real.rows(filter).await
    }

    async fn views(&self, filter: &TicketFilter) -> Result<Vec<String>> {
        self.here()?.views(filter).await
    }

    async fn view(&self, key: &TicketKey) -> Result<String> {
        self.here()?.view(key).await
    }

    async fn projection(&self, kind: ProjectionKind, id: &str) -> Result<Option<Projection>> {
        self.here()?.projection(kind, id).await
    }

    async fn projections(&self, filter: &ProjectionFilter) -> Result<Vec<Projection>> {
        self.here()?.projections(filter).await
    }

    async fn last_number(&self, project: &ProjectKey) -> Result<u32> {
        self.here()?.last_number(project).await
    }

    async fn last_ord(&self, kind: ProjectionKind) -> Result<u64> {
        self.here()?.last_ord(kind).await
    }

    async fn events(&self, filter: &EventFilter) -> Result<Vec<EventDoc>> {
        self.here()?.events(filter).await
    }

    async fn watermark(&self) -> Result<u64> {
        self.here()?.watermark().await
    }

    async fn renew(&self, ticket: &TicketKey, epoch: Epoch, until: Timestamp) -> Result<bool> {
        self.here()?.renew(ticket, epoch, until).await
    }

    async fn leases(&self) -> Result<Vec<Lease>> {
        self.here()?.leases().await
    }

    async fn put_secret(&self, secret: &Secret) -> Result<()> {
        self.real.put_secret(secret).await
    }

    async fn secret(&self, kind: SecretKind, hash: &str) -> Result<Option<Secret>> {
        self.real.secret(kind, hash).await
    }

    async fn take_secret(&self, kind: SecretKind, hash: &str) -> Result<Option<Secret>> {
        self.real.take_secret(kind, hash).await
    }

    async fn secrets(&self, kind: SecretKind) -> Result<Vec<Secret>> {
        self.real.secrets(kind).await
    }

    async fn drop_secret(&self, kind: SecretKind, hash: &str) -> Result<bool> {
        self.real.drop_secret(kind, hash).await
    }

    async fn drop_expired_secrets(&self, now: Timestamp) -> Result<u64> {
        self.real.drop_expired_secrets(now).await
    }

    async fn verify(&self) -> Result<Verification> {
        self.real.verify().await
    }

    async fn replayable(&self, stream: &Stream) -> Result<Vec<EventDoc>> {
        self.here()?.replayable(stream).await
    }

    async fn streams(&self) -> Result<Vec<Stream>> {
        self.real.streams().await
    }

    async fn rebuild(&self, replayed: Vec<Replayed>) -> Result<Vec<Stream>> {
        self.here()?.rebuild(replayed).await
    }

    async fn shape(&self) -> Result<Option<String>> {
        self.real.shape().await
    }

    async fn keep_shape(&self, shape: &str) -> Result<()> {
        self.real.keep_shape(shape).await
    }

    async fn backup(&self, to: &Path) -> Result<()> {
        self.real.backup(to).await
    }

    async fn close(&self) {
        self.real.close().await;
    }
}
