//! Rules that a test can take away, to prove that the tests would notice. Without the feature `mutants` no rule can go.

#[cfg(feature = "mutants")]
use std::cell::Cell;

/// The rules that can be taken away, each at exactly one place.
pub const RULES: [&str; 6] =
    ["epoch", "lease-epoch", "idempotency", "staling", "freshness", "session"];

#[cfg(feature = "mutants")]
thread_local! {
    static REMOVED: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Returns whether `rule` is taken away in this thread.
#[cfg(feature = "mutants")]
pub fn is_removed(rule: &str) -> bool {
    REMOVED.get() == Some(rule)
}

/// Returns `false`: every rule holds.
#[cfg(not(feature = "mutants"))]
pub const fn is_removed(_rule: &str) -> bool {
    false
}

/// Takes `rule` away in this thread, or none any more.
#[cfg(feature = "mutants")]
pub fn remove(rule: Option<&'static str>) {
    REMOVED.set(rule);
}
