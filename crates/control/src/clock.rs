//! The one clock of the controller, and what spreads retries; tests bring their own.

use mission_domain::ids::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Returns the present moment.
    fn now(&self) -> Timestamp;

    /// Returns a number from 0 to 1 that spreads what would come at one moment.
    fn spread(&self) -> f64 {
        let mut bytes = [0u8; 4];
        // Without randomness retries are merely less spread.
        let _ = getrandom::fill(&mut bytes);
        f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else asks")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
