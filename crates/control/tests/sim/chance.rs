//! Chance that can be told again: what is drawn for a step depends on the seed and the step alone.

/// A stream of numbers for one step of one schedule.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// Returns the stream of `step` in the schedule of `seed`.
    pub(crate) fn of(seed: u64, step: u64) -> Self {
        let mut chance = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ step.rotate_left(32));
        chance.next();
        chance.next();
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// Returns whether one of `out_of` falls on us.
    pub(crate) fn one_in(&mut self, out_of: u64) -> bool {
        self.below(out_of) == 0
    }

    /// Returns one of `from`, which is not empty.
    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let at = self.below(from.len() as u64);
        from[usize::try_from(at).expect("an index")].clone()
    }

    /// Returns one of `from`, if there is one.
    pub(crate) fn any<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| self.pick(from))
    }
}
