//! The limits that a shim keeps by itself: wall time, stall, memory. Pure: time and use come in, a cause comes out.

use std::time::{Duration, Instant};

use crate::record::StopCause;
use crate::spec::Limits;

/// How often resident memory is looked at, while there is a limit.
const MEMORY_EVERY: Duration = Duration::from_millis(500);

/// A tree that uses less than this share of a core is taken as doing nothing.
const IDLE_SHARE: f64 = 0.01;

/// The kernel's clock ticks per second in `/proc`: 100 on every Linux.
pub(crate) const TICKS_PER_SECOND: u64 = 100;

/// What a process tree uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TreeUse {
    /// Processor time, in clock ticks.
    pub(crate) cpu_ticks: u64,
    /// Resident bytes.
    pub(crate) rss_bytes: u64,
}

/// Watches one attempt.
#[derive(Debug)]
pub(crate) struct Watch {
    wall_at: Option<Instant>,
    /// When the budget's time is used up, and how much that is in seconds.
    budget_at: Option<(Instant, u64)>,
    stall: Option<Duration>,
    memory: Option<u64>,
    pub(crate) last_progress: Instant,
    look_at: Instant,
    looked: (Instant, u64),
}

impl Watch {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        let mut watch = Self {
            wall_at: limits.wall().and_then(|wall| now.checked_add(wall)),
            budget_at: limits
                .budget
                .wall_s
                .and_then(|s| Some((now.checked_add(Duration::from_secs(s))?, s))),
            stall: limits.stall(),
            memory: limits.memory_bytes,
            last_progress: now,
            look_at: now,
            looked: (now, 0),
        };
        watch.look_at = now + watch.interval();
        watch
    }

    /// Notes output or a report.
    pub(crate) fn progress(&mut self, now: Instant) {
        self.last_progress = now;
    }

    /// Returns when [`Self::check`] should be asked again; none without limits.
    pub(crate) fn due(&self) -> Option<Instant> {
        let look = (self.stall.is_some() || self.memory.is_some()).then_some(self.look_at);
        [self.wall_at, self.budget_at.map(|it| it.0), look].into_iter().flatten().min()
    }

    /// Returns why the attempt must end at `now`, if it must. `look` is asked only when it is time to look.
    pub(crate) fn check(
        &mut self,
        now: Instant,
        look: impl FnOnce() -> TreeUse,
    ) -> Option<StopCause> {
        if self.wall_at.is_some_and(|at| at <= now) {
            return Some(StopCause::WallLimit);
        }
        if let Some((_, seconds)) = self.budget_at.filter(|it| it.0 <= now) {
            return Some(StopCause::BudgetSpent { what: format!("all of its {seconds} s") });
        }
        if (self.stall.is_none() && self.memory.is_none()) || self.look_at > now {
            return None;
        }
        let used = look();
        let (before, ticks) = self.looked;
        let passed = now.duration_since(before).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a difference of clock ticks is small")]
        let worked = used.cpu_ticks.abs_diff(ticks) as f64 / TICKS_PER_SECOND as f64;
        if worked > passed * IDLE_SHARE {
            self.last_progress = now;
        }
        self.looked = (now, used.cpu_ticks);
        self.look_at = now + self.interval();
        let is_stalled =
            self.stall.is_some_and(|stall| now.duration_since(self.last_progress) >= stall);
        match self.memory {
            Some(limit) if used.rss_bytes > limit => {
                Some(StopCause::MemoryLimit { used_bytes: used.rss_bytes })
            }
            Some(_) | None => is_stalled.then_some(StopCause::Stall),
        }
    }

    /// Between 100 ms and 10 s, an eighth of the stall limit.
    fn interval(&self) -> Duration {
        let stall =
            self.stall.map(|s| (s / 8).clamp(Duration::from_millis(100), Duration::from_secs(10)));
        let memory = self.memory.map(|_| MEMORY_EVERY);
        [stall, memory].into_iter().flatten().min().unwrap_or(MEMORY_EVERY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn used(cpu_ticks: u64, rss_bytes: u64) -> TreeUse {
        TreeUse { cpu_ticks, rss_bytes }
    }

    #[test]
    fn a_silent_tree_that_computes_is_not_stalled_and_an_idle_one_is() {
        let start = Instant::now();
        let limits = Limits { stall_s: Some(8), ..Limits::default() };
        let mut watch = Watch::new(&limits, start);
        for second in 1..20 {
            assert_eq!(watch.check(start + secs(second), || used(second * 50, 0)), None);
        }
        assert_eq!(watch.check(start + secs(26), || used(950, 0)), None);
        assert_eq!(watch.check(start + secs(27), || used(950, 0)), Some(StopCause::Stall));
    }

    #[test]
    fn output_puts_the_stall_off() {
        let start = Instant::now();
        let mut watch = Watch::new(&Limits { stall_s: Some(8), ..Limits::default() }, start);
        watch.progress(start + secs(7));
        assert_eq!(watch.check(start + secs(14), || used(0, 0)), None);
        assert_eq!(watch.check(start + secs(15), || used(0, 0)), Some(StopCause::Stall));
    }

    #[test]
    fn a_budgets_time_is_a_cause_of_its_own() {
        let start = Instant::now();
        let budget = crate::spec::Budget { wall_s: Some(5), ..Default::default() };
        let mut watch = Watch::new(&Limits { budget, ..Limits::default() }, start);
        assert_eq!(watch.due(), Some(start + secs(5)));
        assert_eq!(watch.check(start + secs(4), || unreachable!("nothing to look at")), None);
        let spent = watch.check(start + secs(5), || unreachable!("nothing to look at"));
        assert_eq!(spent, Some(StopCause::BudgetSpent { what: "all of its 5 s".into() }));
    }

    #[test]
    fn wall_and_memory_limits_hold() {
        let start = Instant::now();
        let mut watch = Watch::new(&Limits { wall_s: Some(5), ..Limits::default() }, start);
        assert_eq!(watch.due(), Some(start + secs(5)));
        assert_eq!(watch.check(start + secs(4), || unreachable!("no limit needs a look")), None);
        assert_eq!(watch.check(start + secs(5), || used(0, 0)), Some(StopCause::WallLimit));
        let mut watch = Watch::new(&Limits { memory_bytes: Some(10), ..Limits::default() }, start);
        assert_eq!(watch.check(start + secs(1), || used(0, 10)), None);
        let over = Some(StopCause::MemoryLimit { used_bytes: 11 });
        assert_eq!(watch.check(start + secs(2), || used(0, 11)), over);
        assert_eq!(Watch::new(&Limits::default(), start).due(), None);
    }
}
