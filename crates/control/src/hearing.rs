//! How the runner is heard: a sign of life counts at once, whatever the store can keep of it now, and what one lane says, in
//! its order, holds up no other lane. What the words mean stands with the lanes.

use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::MutexGuard;
use std::time::Duration;

use futures::FutureExt as _;
use mission_domain::ids::{AttemptId, Epoch, TicketKey, Timestamp};
use mission_runtime::protocol::FromRunner;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::error::Error;
use crate::execute::Control;
use crate::fleet::Fleet;
use crate::write::LEASE_S;

/// The wait before a lane's word is taken in again that the store had no room for.
const HEAR_AGAIN: Duration = Duration::from_millis(500);

/// A lease is renewed when less than this is left, in seconds.
const RENEW_BELOW_S: i64 = 45;

/// What lanes said and nobody has taken in yet, in the order of each. A lane is in here for as long as somebody takes in what it
/// said. It holds no more than the runner, which keeps each word until it is acknowledged.
pub(crate) type Unheard = BTreeMap<AttemptId, VecDeque<FromRunner>>;

impl Control {
    /// Takes in what the runner says until it is gone for good.
    pub(crate) async fn hear_runner(self, mut frames: mpsc::Receiver<FromRunner>) {
        let mut hearers = JoinSet::new();
        while let Some(frame) = frames.recv().await {
            while hearers.try_join_next().is_some() {}
            let Some(id) = speaker(&frame) else {
                self.take_word(frame).await;
                continue;
            };
            self.sign_of_life(id);
            let is_word = !matches!(frame, FromRunner::Alive { .. });
            if is_word && self.waits_to_be_heard(id, frame) {
                hearers.spawn(self.clone().hear_lane(id));
            }
        }
        while hearers.join_next().await.is_some() {}
    }

    fn unheard(&self) -> MutexGuard<'_, Unheard> {
        self.inner.unheard.lock().expect("nobody panics while holding what is unheard")
    }

    /// Puts a word behind those of its lane, and returns whether nobody hears that lane yet.
    fn waits_to_be_heard(&self, id: AttemptId, frame: FromRunner) -> bool {
        let mut unheard = self.unheard();
        let is_new = !unheard.contains_key(&id);
        unheard.entry(id).or_default().push_back(frame);
        is_new
    }

    /// Takes in the words of one lane until none is left.
    async fn hear_lane(self, id: AttemptId) {
        while let Some(word) = self.next_word(id) {
            // A lane whose word nobody gets to the end of is heard further.
            if AssertUnwindSafe(self.take_word(word)).catch_unwind().await.is_err() {
                tracing::error!(
                    "a word of {id} had no effect: it led into a fault of this program"
                );
            }
        }
    }

    fn next_word(&self, id: AttemptId) -> Option<FromRunner> {
        let mut unheard = self.unheard();
        let word = unheard.get_mut(&id)?.pop_front();
        if word.is_none() {
            unheard.remove(&id);
        }
        word
    }

    async fn take_word(&self, frame: FromRunner) {
        while let Err(error) = self.hear(frame.clone()).await {
            if is_final(&error) || self.is_stopping() {
                tracing::warn!("a lane's word had no effect: {}", error.in_full());
                return;
            }
            // The runner says it again only to another server; what comes after it waits, so that nothing is skipped.
            tracing::warn!("a lane's word waits: {}", error.in_full());
            tokio::time::sleep(HEAR_AGAIN).await;
        }
    }

    fn sign_of_life(&self, id: AttemptId) {
        let held = lease_of(&self.fleet(), id);
        if let Some((key, epoch)) = held {
            self.renew(&key, epoch);
        }
    }

    /// Lets the lease of a ticket hold on. What is planned looks at the memory; the store learns of it as soon as it can.
    pub(crate) fn renew(&self, key: &TicketKey, epoch: Epoch) {
        let now = self.now();
        let soon = now + jiff::SignedDuration::from_secs(RENEW_BELOW_S);
        let until = {
            let mut fleet = self.fleet();
            if fleet.leases.get(key).is_none_or(|until| *until >= soon) {
                return;
            }
            fleet.hold_lease(key, now)
        };
        let (control, key) = (self.clone(), key.clone());
        self.spawn(async move {
            if let Err(error) = control.store().renew(&key, epoch, until).await {
                tracing::debug!("the lease of {key} is not on record: {error}");
            }
        });
    }

    /// Lets the leases hold of lanes that said something nobody could take in yet: they live, or came to an end that must be
    /// heard first.
    pub(crate) fn hold_unheard(&self, fleet: &mut Fleet, now: Timestamp) {
        for id in self.unheard().keys() {
            if let Some((key, _)) = lease_of(fleet, *id) {
                fleet.hold_lease(&key, now);
            }
        }
    }

    /// Lets every lease hold: nobody was here to hear a sign of life.
    pub(crate) fn was_away(&self, now: Timestamp) {
        tracing::info!("this process was stopped or asleep; the lanes are waited for again");
        self.fleet().hold_leases(now);
    }
}

impl Fleet {
    /// Lets every lease hold from `now` on: the lanes had no chance to show a sign of life before.
    pub(crate) fn hold_leases(&mut self, now: Timestamp) {
        let keys: Vec<_> = self.leases.keys().cloned().collect();
        for key in &keys {
            self.hold_lease(key, now);
        }
    }

    /// Lets the lease of a ticket hold from `now` on, and returns until when.
    fn hold_lease(&mut self, key: &TicketKey, now: Timestamp) -> Timestamp {
        let fresh = now + jiff::SignedDuration::from_secs(LEASE_S);
        let until = self.leases.entry(key.clone()).or_insert(fresh);
        *until = fresh.max(*until);
        *until
    }
}

/// Returns whose lease a live attempt holds, and under which number. Those of people have none that ends.
fn lease_of(fleet: &Fleet, id: AttemptId) -> Option<(TicketKey, Epoch)> {
    let mut live = fleet.tickets.values().filter_map(|it| Some((&it.key, it.live_attempt()?)));
    let (key, attempt) = live.find(|it| it.1.id == id)?;
    fleet.leases.contains_key(key).then(|| (key.clone(), attempt.epoch))
}

/// Returns the lane that a frame is of.
fn speaker(frame: &FromRunner) -> Option<AttemptId> {
    match frame {
        FromRunner::Started { attempt, .. }
        | FromRunner::StartFailed { attempt, .. }
        | FromRunner::Record { attempt, .. }
        | FromRunner::Exited { attempt, .. }
        | FromRunner::ShimLost { attempt, .. }
        | FromRunner::TurnRefused { attempt, .. }
        | FromRunner::Alive { attempt, .. } => Some(*attempt),
        FromRunner::Hello { .. } | FromRunner::Pong | FromRunner::Unknown => None,
    }
}

/// Returns whether the same word will never have an effect. Everything else passes: a full disk, a lost database, a race with
/// others, a repository that is being moved or has no default branch for a moment, a git that cannot be started. A lane cannot be
/// told to say it again, so it is tried here until it is heard.
fn is_final(error: &Error) -> bool {
    use mission_store::Error as E;
    match error {
        Error::Rejected(_)
        | Error::RejectedByHome(_)
        | Error::NoTicket(_)
        | Error::Missing(_)
        | Error::Invalid(_)
        | Error::Fault => true,
        Error::Store(error) => match error {
            E::Missing(_)
            | E::Taken(_)
            | E::Replayed { .. }
            | E::StaleEpoch { .. }
            | E::TooLarge { .. }
            | E::Invalid(_)
            | E::Corrupt(_) => true,
            E::Conflict { .. } | E::Full(_) | E::Locked { .. } | E::Unavailable(_) => false,
        },
        Error::Rules(_) | Error::Evidence(_) | Error::Runtime(_) | Error::File { .. } => false,
    }
}
