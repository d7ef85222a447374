//! One schedule: what everybody does, step by step, and what goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use mission_control::{Error, Result};
use mission_domain::doc::EventDoc;
use mission_domain::ids::{AttemptId, TicketKey, Version};
use mission_domain::plan::Action;
use mission_domain::ticket::Ticket;
use mission_store::EventFilter;

use crate::chance::Chance;
use crate::client::{self, Asked};
use crate::fault::{Fault, POINTS, World};
use crate::landing::Theme;
use crate::life::Life;
use crate::outside::Outside;
use crate::stage::{self, StageClock};
use crate::work::Work;

/// How many steps a schedule has.
const STEPS: u64 = 60;

/// How often something goes wrong at a change: once in so many.
const FAULTS: u64 = 8;

/// How often a crash leaves the files byte by byte: once in so many.
const IMAGES: u64 = 4;

/// What the schedules were made of.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) crashes: u64,
    /// Deaths before a change was sent, at each of `POINTS` inside it, and after it.
    pub(crate) before: u64,
    pub(crate) inside: [u64; POINTS.len()],
    pub(crate) after: u64,
    pub(crate) images: u64,
    /// Moments at which the clock was set.
    pub(crate) jumps: u64,
    pub(crate) events: u64,
    pub(crate) claims: u64,
    pub(crate) landings: u64,
    /// Gates whose sign-offs no longer held, because something newer came.
    pub(crate) staled: u64,
    /// Messages that were taken back from a turn that died.
    pub(crate) redelivered: u64,
    pub(crate) fenced: u64,
    pub(crate) replayed: u64,
    /// Tickets that a schedule filed, and runs of it that were skipped.
    pub(crate) scheduled: [u64; 2],
    /// Attempts that went on with a session that their lane kept.
    pub(crate) sessions: u64,
}

impl Tally {
    fn counts(&mut self, world: &World) {
        for (fault, times) in world.ends_of() {
            match fault {
                Fault::CrashBefore => self.before += times,
                Fault::CrashAfter => self.after += times,
                Fault::CrashAt(point) => {
                    let at = POINTS.iter().position(|it| *it == point).expect("a known point");
                    self.inside[at] += times;
                }
                Fault::Refused | Fault::AnswerLost | Fault::Outage(_) => {}
            }
        }
    }
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

/// What a process that died leaves to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// The files byte by byte as they were at that moment.
    Image,
    /// The files after its connections were closed, which is quicker.
    Files,
}

impl Leaves {
    fn either(chance: &mut Chance) -> Self {
        if chance.one_in(IMAGES) { Self::Image } else { Self::Files }
    }
}

/// One schedule under way.
pub(crate) struct Play {
    theme: Theme,
    pub(crate) home: PathBuf,
    pub(crate) clock: Arc<StageClock>,
    pub(crate) world: Arc<World>,
    life: Option<Life>,
    pub(crate) outside: Outside,
    pub(crate) asked: Vec<Asked>,
    /// What is done for a ticket beside the loop; gone with the process.
    pub(crate) works: BTreeMap<TicketKey, Work>,
    /// A claim that was planned a while ago and comes now; gone with the process.
    pub(crate) late: Option<Action>,
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
            theme: Theme::of(seed),
            home,
            clock,
            world,
            life,
            outside,
            asked: Vec::new(),
            works: BTreeMap::new(),
            late: None,
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
        play.tally.counts(&play.world);
        play.tally
    }

    fn step(&mut self, step: u64, chance: &mut Chance) {
        self.clock.moves(i64::try_from(chance.below(4_000)).expect("milliseconds"));
        match self.theme {
            Theme::Everything if step < 3 => self.files(chance),
            Theme::Everything => self.anything(chance),
            Theme::Landing if step < 1 => self.files_to_land(chance),
            Theme::Landing => self.towards_landing(chance),
        }
    }

    fn files(&mut self, chance: &mut Chance) {
        let (known, campaigns) = (self.keys(), self.campaigns.clone());
        let key = self.request_key();
        let filing = client::filing(&key, &known, &campaigns, chance);
        self.asks(filing, chance);
    }

    /// Anybody does anything.
    pub(crate) fn anything(&mut self, chance: &mut Chance) {
        match chance.below(100) {
            0..=4 => self.files(chance),
            5..=37 => self.plans(chance),
            38..=62 => self.lane_works(chance),
            63..=68 => self.lane_misbehaves(chance),
            69..=78 => self.finishes_work(chance),
            79..=88 => self.somebody_asks(chance),
            89 | 90 => {
                self.tally.jumps += 1;
                self.clock.moves(chance.pick(&[-300_000, -5_000, 61_000, 61_000, 3_600_000]));
            }
            91 => self.somebody_commits(chance),
            92 => self.looks_at_head(chance),
            93 | 94 => self.many_at_once(chance),
            95 => self.rogue(chance),
            96 => self.asks_again(chance),
            97 => self.sweeps(),
            _ => self.dies(Leaves::either(chance)),
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
    pub(crate) fn dies(&mut self, leaves: Leaves) {
        self.tally.crashes += 1;
        self.works.clear();
        self.late = None;
        self.sent.clear();
        // The copy is made while everything is open: a process that ends would tidy up.
        let image = (leaves == Leaves::Image).then(|| stage::image(&self.home));
        if let Some(life) = self.life.take() {
            life.dies();
        }
        if let Some(image) = image {
            self.tally.images += 1;
            stage::remove(&std::mem::replace(&mut self.home, image));
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
                self.dies(Leaves::either(chance));
                Outcome::Crashed
            }
            Some(answer) => told(&answer.map(drop)),
        }
    }

    /// The controller looks at what it could not look at before, as it does by itself soon.
    pub(crate) fn catches_up(&mut self) {
        let control = self.life().control();
        assert!(self.life().look(control.catch_up()), "the store is there again");
    }

    /// A reader that looks between the steps, and goes on behind what it saw.
    pub(crate) fn reads(&mut self) {
        if !self.world.was_touched() {
            return;
        }
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
            self.tally.landings += u64::from(doc.kind == "landed");
            self.tally.staled += u64::from(doc.kind == "staled");
            self.tally.redelivered += u64::from(doc.kind == "messages_requeued");
            self.log.push(doc);
        }
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        if std::env::var_os("MISSION_SIM_STORY").is_some() {
            self.log.iter().for_each(tell);
        }
        if let Some(life) = self.life.take() {
            life.dies();
        }
        stage::remove(&self.home);
    }
}

/// Writes one line of the story.
fn tell(doc: &EventDoc) {
    let (seq, ticket, kind, by) = (doc.seq, doc.ticket.as_deref(), &doc.kind, &doc.principal);
    eprintln!("{seq:>4} {:6} {kind} by {by}: {}", ticket.unwrap_or("home"), doc.body);
}

/// Returns what goes wrong at the next change, if anything.
pub(crate) fn fault(chance: &mut Chance) -> Option<Fault> {
    if !chance.one_in(FAULTS) {
        return None;
    }
    Some(match chance.below(9) {
        0 => Fault::CrashBefore,
        1..=4 => Fault::CrashAt(chance.pick(&POINTS)),
        5 => Fault::CrashAfter,
        6 => Fault::AnswerLost,
        7 => Fault::Outage(chance.one_in(2)),
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
