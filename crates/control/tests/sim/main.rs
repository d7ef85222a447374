//! Crash schedules in simulation: the real controller and the real SQLite in a world where everything fails, thousands of times.
//!
//! `MISSION_SIM_SCHEDULES=N` plays N schedules, `MISSION_SIM_SEED=S` begins at seed S, `MISSION_SIM_STORY=1` tells what happened
//! in them. A failing seed is printed: it belongs into `tests/sim-seeds.txt`, whose seeds are played first. What a crash inside a commit leaves depends on the machine's
//! threads as well; each kept seed is therefore played several times.

mod chance;
mod client;
mod end;
mod fault;
mod hearing;
mod landing;
mod laws;
mod life;
mod outside;
mod play;
mod runner;
mod scheduled;
mod sessions;
mod stage;
mod work;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use mission_domain::mutants;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use play::{Play, Tally};

/// Seeds that failed once.
const KEPT: &str = include_str!("../sim-seeds.txt");

/// How often each of them is played.
const KEPT_TIMES: usize = 3;

/// From how many schedules on each thing must have happened.
const ENOUGH: u64 = 100;

/// How many schedules a mutant may survive: each was noticed within a hundred, most within ten.
const MUTANT_SCHEDULES: u64 = 500;

fn schedules() -> u64 {
    let asked = std::env::var("MISSION_SIM_SCHEDULES").ok().and_then(|it| it.parse().ok());
    let is_long = std::env::var_os("MISSION_TEST_LONG").is_some();
    asked.unwrap_or(match (is_long, cfg!(debug_assertions)) {
        (true, _) => 1_000_000,
        (false, true) => 200,
        (false, false) => 10_000,
    })
}

fn first_seed() -> u64 {
    std::env::var("MISSION_SIM_SEED").ok().and_then(|it| it.parse().ok()).unwrap_or(1)
}

fn kept_seeds() -> impl Iterator<Item = u64> {
    let seeds = KEPT.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#'));
    seeds.map(|it| it.split_whitespace().next().unwrap_or(it).parse().expect("a seed"))
}

/// Plays one schedule in this thread, and says what broke.
fn play(seed: u64) -> Result<Tally, String> {
    catch_unwind(AssertUnwindSafe(|| Play::whole(seed))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
        text.unwrap_or_else(|| "it panicked".into())
    })
}

/// Keeps this thread, and all that it starts, on one core: a schedule waits for its database thousands of times, and waking
/// another core takes longer than most answers.
fn stay_on(nth: usize) {
    let this_thread = Pid::from_raw(0);
    let Ok(allowed) = sched_getaffinity(this_thread) else { return };
    let is_allowed = |core: &usize| allowed.is_set(*core).unwrap_or(false);
    let Some(core) = (0..CpuSet::count()).filter(is_allowed).nth(nth) else { return };
    let mut only = CpuSet::new();
    // Where it cannot be, the schedules take longer and mean the same.
    let _ = only.set(core).and_then(|()| sched_setaffinity(this_thread, &only));
}

/// Plays all `seeds` on every core under the rules less `removed`, until one breaks a law; returns what was played, and that one.
fn play_all(seeds: &[u64], removed: Option<&'static str>) -> (u64, Tally, Option<(u64, String)>) {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let found = Mutex::new((0, Tally::default(), None));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for core in 0..cores {
            let (next, stop, found) = (&next, &stop, &found);
            scope.spawn(move || {
                stay_on(core);
                mutants::remove(removed);
                let take = || seeds.get(next.fetch_add(1, Ordering::SeqCst));
                while let Some(seed) = take().filter(|_| !stop.load(Ordering::SeqCst)) {
                    let played = play(*seed);
                    stop.fetch_or(played.is_err(), Ordering::SeqCst);
                    let mut found = found.lock().expect("nobody panics here");
                    found.0 += 1;
                    match played {
                        Ok(tally) => found.1.add(tally),
                        Err(why) => found.2 = found.2.take().or(Some((*seed, why))),
                    }
                }
            });
        }
    });
    found.into_inner().expect("nobody panics here")
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.crashes += other.crashes;
        self.before += other.before;
        self.inside.iter_mut().zip(other.inside).for_each(|(sum, it)| *sum += it);
        self.after += other.after;
        self.images += other.images;
        self.jumps += other.jumps;
        self.events += other.events;
        self.claims += other.claims;
        self.landings += other.landings;
        self.staled += other.staled;
        self.redelivered += other.redelivered;
        self.fenced += other.fenced;
        self.replayed += other.replayed;
        self.scheduled.iter_mut().zip(other.scheduled).for_each(|(sum, it)| *sum += it);
        self.sessions += other.sessions;
    }
}

#[test]
fn no_schedule_of_crashes_breaks_a_promise() {
    let began = Instant::now();
    let first = first_seed();
    let mut seeds: Vec<u64> =
        kept_seeds().flat_map(|it| std::iter::repeat_n(it, KEPT_TIMES)).collect();
    seeds.extend(first..first + schedules());
    let (played, tally, broken) = play_all(&seeds, None);
    let seconds = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = played as f64 / seconds;
    eprintln!("{played} schedules from seed {first} in {seconds:.1} s ({rate:.0}/s): {tally:?}");
    if let Some((seed, why)) = broken {
        panic!(
            "seed {seed} breaks a promise: {why}\nMISSION_SIM_SEED={seed} MISSION_SIM_SCHEDULES=1 plays it again"
        );
    }
    // Schedules in which nothing happens prove nothing; a few that are played again may be any.
    let least = played;
    if least < ENOUGH {
        return;
    }
    assert!(tally.crashes > 2 * least && tally.images > least, "{tally:?}");
    assert!(tally.before > least / 4 && tally.after > least / 4, "{tally:?}");
    // Each named place inside a commit was reached.
    assert!(tally.inside.iter().all(|it| *it > least / 2), "{tally:?}");
    assert!(tally.events > 20 * least && tally.claims > least, "{tally:?}");
    assert!(tally.landings > least / 8 && tally.staled > least / 4, "{tally:?}");
    assert!(tally.fenced > least && tally.jumps > least / 4, "{tally:?}");
    assert!(tally.scheduled.iter().all(|it| *it > least / 8), "{tally:?}");
    assert!(tally.sessions > least / 4, "{tally:?}");
    assert!(tally.replayed > least / 4 && tally.redelivered > least / 100, "{tally:?}");
}

/// Takes one rule away and expects that a schedule breaks a promise.
fn is_noticed(rule: &'static str) {
    assert!(mutants::RULES.contains(&rule));
    std::panic::set_hook(Box::new(|_| ()));
    let seeds: Vec<u64> = (1..=MUTANT_SCHEDULES).collect();
    let (played, _, broken) = play_all(&seeds, Some(rule));
    let _ = std::panic::take_hook();
    let (seed, why) = broken.unwrap_or_else(|| panic!("without `{rule}` {played} schedules pass"));
    eprintln!("without `{rule}`, schedule {played} (seed {seed}) breaks a promise: {why}");
}

#[test]
fn without_the_epoch_predicate_a_promise_breaks() {
    is_noticed("epoch");
}

#[test]
fn without_the_epoch_predicate_of_the_store_a_promise_breaks() {
    is_noticed("lease-epoch");
}

#[test]
fn without_the_idempotency_key_a_promise_breaks() {
    is_noticed("idempotency");
}

#[test]
fn without_the_staling_of_a_sign_off_by_a_commit_a_promise_breaks() {
    is_noticed("staling");
}

#[test]
fn without_the_freshness_of_a_sign_off_a_promise_breaks() {
    is_noticed("freshness");
}

#[test]
fn without_the_lending_of_a_session_to_one_attempt_a_promise_breaks() {
    is_noticed("session");
}
