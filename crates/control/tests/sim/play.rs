//! One schedule: what everybody does, step by step, and what goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use mission_control::{Error, Result};
use mission_domain::doc::EventDoc;
use mission_domain::ids::{AttemptId, TicketKey, Version};
use mission_domain::ticket::Ticket;
use mission_store::EventFilter;

use crate::chance::Chance;
use crate::client::{self, Asked};
use crate::fault::{Fault, World};
use crate::life::Life;
use crate::outside::Outside;
use crate::stage::{self, StageClock};
use crate::work::Work;

/// How many steps a schedule has.
const STEPS: u64 = 60;

/// How often something goes wrong at a change: once in so many.
const FAULTS: u64 = 8;

/// What the schedules were made of.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) crashes: u64,
    pub(crate) events: u64,
    pub(crate) claims: u64,
    pub(crate) landings: u64,
    pub(crate) fenced: u64,
    pub(crate) replayed: u64,
}

/// What came of one change.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is done, and somebody was told.
    Done,
    /// The request had been answered before.
    Replayed,
    /// It was refused by a rule.
    Refused,
    /// The store said that it cannot; whether it did is unknown.
    Unknown,
    /// The process died over it.
    Crashed,
}

/// One schedule under way.
pub(crate) struct Play {
    pub(crate) home: PathBuf,
    pub(crate) clock: Arc<StageClock>,
    pub(crate) world: Arc<World>,
    life: Option<Life>,
    pub(crate) outside: Outside,
    pub(crate) asked: Vec<Asked>,
    /// What is done for a ticket beside the loop; gone with the process.
    pub(crate) works: BTreeMap<TicketKey, Work>,
    /// Records that were sent in this life of the process.
    pub(crate) sent: BTreeMap<AttemptId, u64>,
    /// What a reader saw that looked again and again.
    pub(crate) log: Vec<EventDoc>,
    pub(crate) known: BTreeSet<TicketKey>,
    pub(crate) campaigns: Vec<TicketKey>,
    pub(crate) tally: Tally,
}

impl Play {
    /// Plays the schedule of `seed`; panics where a law is broken.
    pub(crate) fn whole(seed: u64) -> Tally {
        let home = stage::new_home();
        let (clock, world) = (Arc::new(StageClock::new()), Arc::new(World::default()));
        let life = Some(Life::begin(&home, &clock, &world));
        let (outside, tally) = (Outside::default(), Tally::default());
        let mut play = Self {
            home,
            clock,
            world,
            life,
            outside,
            asked: Vec::new(),
            works: BTreeMap::new(),
            sent: BTreeMap::new(),
            log: Vec::new(),
            known: BTreeSet::new(),
            campaigns: Vec::new(),
            tally,
        };
        for step in 0..STEPS {
            let mut chance = Chance::of(seed, step);
            play.step(step, &mut chance);
            play.reads();
        }
        play.ends();
        play.tally
    }

    fn step(&mut self, step: u64, chance: &mut Chance) {
        self.clock.moves(i64::try_from(chance.below(4_000)).expect("milliseconds"));
        match chance.below(if step < 3 { 5 } else { 100 }) {
            0..=4 => {
                let (known, campaigns) = (self.keys(), self.campaigns.clone());
                let key = self.request_key();
                let filing = client::filing(&key, &known, &campaigns, chance);
                self.asks(filing, chance);
            }
            5..=37 => self.plans(chance),
            38..=62 => self.lane_works(chance),
            63..=68 => self.lane_misbehaves(chance),
            69..=78 => self.finishes_work(chance),
            79..=88 => self.somebody_asks(chance),
            89 | 90 => {
                self.clock.moves(chance.pick(&[-300_000, -5_000, 61_000, 61_000, 3_600_000]))
            }
            91 => self.somebody_commits(chance),
            92 => self.looks_at_head(chance),
            93 | 94 => self.many_at_once(chance),
            95 => self.rogue(chance),
            96 => self.asks_again(chance),
            97 => self.sweeps(),
            _ => self.dies(),
        }
    }

    /// Returns the process, which is alive between two steps.
    pub(crate) fn life(&self) -> &Life {
        self.life.as_ref().expect("the process is alive")
    }

    /// Returns all tickets that a reader has seen.
    pub(crate) fn keys(&self) -> Vec<TicketKey> {
        self.known.iter().cloned().collect()
    }

    /// Returns the ticket as the controller has it.
    pub(crate) fn ticket(&self, key: &TicketKey) -> (Arc<Ticket>, Version) {
        let control = self.life().control();
        self.life().look(control.ticket(key)).expect("a ticket that was filed")
    }

    /// Returns a key that nobody has used, which is also a text that nobody else says.
    pub(crate) fn request_key(&mut self) -> String {
        format!("k{}", self.outside.name())
    }

    /// kill -9, and the next life.
    pub(crate) fn dies(&mut self) {
        self.tally.crashes += 1;
        self.works.clear();
        self.sent.clear();
        if let Some(life) = self.life.take() {
            life.dies();
        }
        self.life = Some(Life::begin(&self.home, &self.clock, &self.world));
    }

    /// Lets somebody change something, perhaps with a fault, and says what they learn of it.
    pub(crate) fn change<T>(
        &mut self,
        request: Option<(String, String)>,
        chance: &mut Chance,
        work: impl Future<Output = Result<T>>,
    ) -> Outcome {
        self.world.arm(fault(chance));
        let answer = self.life().ask(request, work);
        self.world.arm(None);
        match answer {
            None => {
                self.dies();
                Outcome::Crashed
            }
            Some(answer) => told(&answer.map(drop)),
        }
    }

    /// A reader that looks between the steps, and goes on behind what it saw.
    pub(crate) fn reads(&mut self) {
        let after = self.log.last().map_or(0, |it| it.seq);
        let store = self.life().store();
        let filter = EventFilter { after, ..EventFilter::default() };
        let new = self.life().look(store.events(&filter)).expect("the log can be read");
        for (doc, seq) in new.into_iter().zip(after + 1..) {
            assert_eq!(doc.seq, seq, "the reader missed an event");
            if doc.kind == "opened" {
                let key: TicketKey =
                    doc.ticket.as_deref().unwrap_or_default().parse().expect("a key");
                if doc.body["kind"] == "campaign" {
                    self.campaigns.push(key.clone());
                }
                self.known.insert(key);
            }
            self.log.push(doc);
        }
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        if let Some(life) = self.life.take() {
            life.dies();
        }
        // A folder that stays only takes room until the end.
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

/// Returns what goes wrong at the next change, if anything.
pub(crate) fn fault(chance: &mut Chance) -> Option<Fault> {
    if !chance.one_in(FAULTS) {
        return None;
    }
    Some(match chance.below(8) {
        0 => Fault::CrashBefore,
        1..=3 => Fault::CrashInside(chance.below(40)),
        4 | 5 => Fault::CrashAfter,
        6 => Fault::AnswerLost,
        _ => Fault::Refused,
    })
}

/// Says what somebody learns from an answer; panics at one that must not be.
pub(crate) fn told(answer: &Result<()>) -> Outcome {
    match answer {
        Ok(()) => Outcome::Done,
        Err(Error::Store(mission_store::Error::Replayed { .. })) => Outcome::Replayed,
        Err(Error::Store(mission_store::Error::Unavailable(_))) => Outcome::Unknown,
        Err(
            Error::Rejected(_)
            | Error::RejectedByHome(_)
            | Error::Invalid(_)
            | Error::NoTicket(_)
            | Error::Missing(_),
        ) => Outcome::Refused,
        Err(other) => panic!("nobody should hear this: {other:?}"),
    }
}
