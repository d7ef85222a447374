//! Schedules that are about landing: short tickets, whose gates get passed quickly, while somebody commits behind the sign-offs.

use mission_domain::ids::TicketKey;
use mission_domain::ticket::{Stage, State};

use crate::chance::Chance;
use crate::client;
use crate::play::Play;

/// What a schedule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    /// Anybody does anything, with many tickets of every kind.
    Everything,
    /// Few tickets go all the way, and are disturbed on it.
    Landing,
}

impl Theme {
    /// Returns what the schedule of `seed` is about.
    pub(crate) fn of(seed: u64) -> Self {
        if Chance::of(seed, u64::MAX).one_in(2) { Self::Landing } else { Self::Everything }
    }
}

impl Play {
    /// Somebody files a ticket of a short workflow.
    pub(crate) fn files_to_land(&mut self, chance: &mut Chance) {
        let key = self.request_key();
        let filing = client::short_filing(&key, chance);
        self.asks(filing, chance);
    }

    /// A ticket goes on, somebody commits behind a sign-off, or anything else happens.
    pub(crate) fn towards_landing(&mut self, chance: &mut Chance) {
        match chance.below(20) {
            0..=2 => self.anything(chance),
            3 | 4 => self.commits_behind_a_sign_off(chance),
            _ => self.goes_on(chance),
        }
    }

    /// Whatever a ticket waits for is done, the nearest to its landing first.
    fn goes_on(&mut self, chance: &mut Chance) {
        if !self.works.is_empty() && !chance.one_in(4) {
            return self.finishes_work(chance);
        }
        let open: Vec<_> =
            self.keys().into_iter().filter(|it| !self.ticket(it).0.is_ended()).collect();
        if open.is_empty() {
            return self.files_to_land(chance);
        }
        let is_stuck = |it: &State| {
            matches!(it, State::InReview | State::NeedsInput | State::Blocked | State::Parked)
        };
        if let Some(key) = open.iter().find(|it| is_stuck(&self.ticket(it).0.state())) {
            let (ticket, _) = self.ticket(key);
            let asked = client::help(&self.request_key(), &ticket);
            return self.asks(asked, chance);
        }
        if chance.one_in(3) { self.plans(chance) } else { self.lane_works(chance) }
    }

    /// Somebody commits on a branch whose last state was signed off.
    fn commits_behind_a_sign_off(&mut self, chance: &mut Chance) {
        let is_signed = |key: &TicketKey| {
            let (ticket, _) = self.ticket(key);
            let of_head = |it: &Option<_>| *it == ticket.head.as_ref().map(|it| it.commit.clone());
            let mut passed = ticket.gates.iter().filter(|it| it.stage == Stage::Passed);
            !ticket.is_ended()
                && ticket.head.is_some()
                && passed.any(|it| it.signoffs.iter().any(|it| it.fresh && of_head(&it.commit)))
        };
        let signed: Vec<_> =
            self.outside.branches.keys().filter(|it| is_signed(it)).cloned().collect();
        let Some(key) = chance.any(&signed) else { return self.goes_on(chance) };
        self.outside.commits(&key, chance);
        if chance.one_in(2) {
            self.observes_head(&key, chance);
        }
    }
}
