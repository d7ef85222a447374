//! Days in a time zone: where each begins and ends. Zones come from the database that is compiled in, so that nothing is read.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::ids::Timestamp;

/// The zone of projects that name none.
pub const UTC: &str = "UTC";

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Returns the zone with this name of the IANA database, like `Europe/Berlin`.
pub fn zone(name: &str) -> Option<TimeZone> {
    if name == UTC { Some(TimeZone::UTC) } else { ZONES.get(name).ok() }
}

/// Returns the named zone; a name that is none is taken as UTC (`config` refuses it).
pub fn zone_or_utc(name: &str) -> TimeZone {
    zone(name).unwrap_or(TimeZone::UTC)
}

/// One day of a calendar: 23 to 25 hours long where clocks change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// Its first moment.
    pub start: Timestamp,
    /// The first moment of the next one.
    pub end: Timestamp,
}

impl Day {
    /// Returns the day that `now` lies in.
    pub fn of(now: Timestamp, zone: &TimeZone) -> Self {
        let now = now.to_zoned_datetime(zone.clone());
        let start = now.start_of_day().map_or_else(|_| now.timestamp(), |it| it.timestamp());
        let next = now.tomorrow().and_then(|it| it.start_of_day());
        // The last day that can be written has no next one.
        let end = next.map_or(Timestamp::MAX, |it| it.timestamp());
        Self { start, end }
    }
}

/// Returns a moment as the clocks of `zone` show it, with the zone's name: `00:00 (Europe/Berlin)`.
pub fn clock(at: Timestamp, zone: &TimeZone) -> String {
    let name = zone.iana_name().unwrap_or(UTC);
    format!("{} ({name})", at.to_zoned_datetime(zone.clone()).strftime("%H:%M"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_as_long_as_the_clocks_of_its_zone_make_it() {
        let berlin = zone("Europe/Berlin").expect("a zone");
        let hours = |now: &str| {
            let day = Day::of(now.parse().expect("a moment"), &berlin);
            (day.start.to_string(), day.end.duration_since(day.start).as_hours())
        };
        assert_eq!(hours("2026-03-29T12:00:00Z"), ("2026-03-28T23:00:00Z".into(), 23));
        assert_eq!(hours("2026-10-25T12:00:00Z"), ("2026-10-24T22:00:00Z".into(), 25));
        assert_eq!(hours("2026-07-01T21:59:59Z"), ("2026-06-30T22:00:00Z".into(), 24));
        assert!(zone("Europe/Atlantis").is_none());
        let end = "2026-06-30T22:00:00Z".parse().expect("a moment");
        assert_eq!(clock(end, &berlin), "00:00 (Europe/Berlin)");
    }
}
