//! The words, glyphs and ages that all output shares.

use mission_domain::ids::Timestamp;
pub(crate) use mission_domain::told::{gate, plain, principal, short};

use jiff::tz::TimeZone;

use super::Tone;

/// Returns the glyph and tone of a ticket's state; `is_owed` says that a person owes it.
pub(crate) fn state(word: &str, is_owed: bool) -> (&'static str, Tone) {
    let (glyph, tone) = match word {
        "parked" => ("◌", Tone::Quiet),
        "waiting" => ("◷", Tone::Quiet),
        "todo" => ("○", Tone::Plain),
        "active" => ("●", Tone::Live),
        "in_review" => ("◐", Tone::Plain),
        "needs_input" => ("?", Tone::Plain),
        "blocked" => ("■", Tone::Bad),
        "done" => ("✓", Tone::Good),
        "cancelled" => ("✗", Tone::Quiet),
        "superseded" => ("↷", Tone::Quiet),
        _ => ("·", Tone::Plain),
    };
    (glyph, if is_owed { Tone::You } else { tone })
}

/// Returns the glyph and tone of a gate's outcome.
pub(crate) fn outcome(word: &str, is_owed: bool) -> (&'static str, Tone) {
    let (glyph, tone) = match word {
        "active" => ("●", Tone::Live),
        "passed" => ("✓", Tone::Good),
        "changes_requested" => ("↩", Tone::Warn),
        "failed" => ("✗", Tone::Bad),
        "waived" => ("~", Tone::Warn),
        "not_required" => ("–", Tone::Quiet),
        "stale" => ("!", Tone::Warn),
        "could_not_run" => ("∅", Tone::Bad),
        _ => ("○", Tone::Quiet),
    };
    (glyph, if is_owed { Tone::You } else { tone })
}

/// Returns the tone of a result: of a check, a packet, a verdict, a message.
pub(crate) fn result(word: &str) -> Tone {
    match word {
        "verified" | "pass" | "fixed" | "processed" | "closed" => Tone::Good,
        "refuted" | "fail" | "could_not_run" | "undeliverable" => Tone::Bad,
        "changes" | "waive" | "partial" | "disputed" | "open" | "half_open" => Tone::Warn,
        "delivered" | "busy" | "starting" => Tone::Live,
        "withdrawn" | "claimed" | "not_rerun" | "ended" => Tone::Quiet,
        _ => Tone::Plain,
    }
}

/// Returns `n` with its word, in the plural where it is not one.
pub(crate) fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// Returns a span of seconds: `38 s`, `2 h 14 min`, `3 d`.
pub(crate) fn lasted(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match seconds {
        ..0 => "0 s".into(),
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min"),
        3_600..36_000 if minutes % 60 > 0 => format!("{hours} h {} min", minutes % 60),
        3_600..172_800 => format!("{hours} h"),
        _ => format!("{} d", hours / 24),
    }
}

/// Returns an age for a column: `now`, `38 min`, `2 h`, `3 d`.
pub(crate) fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(at.as_second());
    match seconds {
        ..5 => "now".into(),
        5..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Returns how long ago `at` was: `just now`, `2 h ago`; a time to come is `in 2 h`.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(at.as_second());
    match seconds {
        ..-4 => format!("in {}", lasted(-seconds)),
        -4..5 => "just now".into(),
        _ => format!("{} ago", age(at, now)),
    }
}

/// Returns a moment on this machine's clock: `23:34`, on another day than `now` `2026-11-28 23:34`.
pub(crate) fn clock(at: Timestamp, now: Timestamp) -> String {
    clock_in(&TimeZone::system(), at, now)
}

/// Returns a moment as [`clock`] does, in `zone`.
pub(crate) fn clock_in(zone: &TimeZone, at: Timestamp, now: Timestamp) -> String {
    let (at, now) = (zone.to_datetime(at), zone.to_datetime(now));
    let form = if at.date() == now.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    at.strftime(form).to_string()
}

/// Returns who owes an action, from `role:qa`; of a time, when it comes.
pub(crate) fn owed_by(who: &str, now: Timestamp) -> String {
    match who.split_once(':') {
        Some(("time", at)) => at.parse().map_or_else(|_| at.to_owned(), |at| clock(at, now)),
        Some((_, name)) => name.to_owned(),
        None => who.to_owned(),
    }
}

/// Returns bytes as people read them: `7.9 GiB`.
pub(crate) fn bytes(n: u64) -> String {
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;
    match n {
        GIB.. => format!("{}.{} GiB", n / GIB, (n % GIB) * 10 / GIB),
        MIB.. => format!("{}.{} MiB", n / MIB, (n % MIB) * 10 / MIB),
        KIB.. => format!("{} KiB", n / KIB),
        _ => format!("{n} B"),
    }
}
