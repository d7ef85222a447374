//! When schedules are due: cron lines on the clocks of a zone, what was missed and what comes next. What is filed then is not said here.
//!
//! A time of day that clocks skip comes with the first moment after the gap, and one that they show twice comes once. A line that
//! names no single time of day, like `*/15 * * * *`, follows the clocks as they are.

use std::cmp::Ordering;

use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::{CivilDate, CivilDateTime, CivilTime, Cron, CronDateTime, Resolution, Weekday};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, ZonedDateTime};

use crate::ids::Timestamp;

/// Returns what is wrong with a cron line, if anything: also that it never comes due, like one for the 30th of February.
pub fn fault(cron: &str) -> Option<String> {
    match parsed(cron) {
        Err(
            CronError::ComponentError(why)
            | CronError::InvalidPattern(why)
            | CronError::IllegalCharacters(why),
        ) => Some(format!("cannot be read ({})", why.trim_end_matches('.'))),
        Err(error) => Some(format!("cannot be read ({error})")),
        Ok(_) if next(cron, &TimeZone::UTC, Timestamp::UNIX_EPOCH).is_none() => {
            Some("fits no day of the calendar".into())
        }
        Ok(_) => None,
    }
}

/// Returns the first moment after `after` at which `cron` is due.
pub fn next(cron: &str, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let from = Local(after.to_zoned_datetime(zone.clone()));
    let found = parsed(cron).ok()?.find_next_occurrence(&from, false).ok()?;
    Some(found.0.timestamp())
}

/// Returns the last moment after `after` and up to `until` at which `cron` was due, and whether it was the only one.
pub fn due(
    cron: &str,
    zone: &TimeZone,
    after: Timestamp,
    until: Timestamp,
) -> Option<(Timestamp, bool)> {
    let first = next(cron, zone, after).filter(|it| *it <= until)?;
    let from = Local(until.to_zoned_datetime(zone.clone()));
    let last = parsed(cron).ok()?.find_previous_occurrence(&from, true).ok()?;
    let last = last.0.timestamp().max(first);
    Some((last, last == first))
}

fn parsed(cron: &str) -> Result<Cron, CronError> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed);
    parser.build().parse(cron)
}

/// A moment on the clocks of its zone.
#[derive(Debug, Clone)]
struct Local(ZonedDateTime);

impl CronDateTime for Local {
    fn to_civil(&self) -> CivilDateTime {
        let it = self.0.datetime();
        let part = |value: i8| u32::from(value.unsigned_abs());
        let date = CivilDate::from_ymd_opt(it.year().into(), part(it.month()), part(it.day()));
        let time = CivilTime::from_hms_opt(part(it.hour()), part(it.minute()), part(it.second()));
        let (date, time) = date.zip(time).expect("a moment has a date and a time of day");
        CivilDateTime::new(date, time)
    }

    fn civil_weekday(&self) -> Weekday {
        let days = self.0.weekday().to_sunday_zero_offset();
        Weekday::from_days_from_sunday(days.unsigned_abs().into())
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let local = civil_time(civil).ok_or(CronError::InvalidDate)?;
        let ambiguous = self.0.time_zone().to_ambiguous_zoned_datetime(local);
        let or_wrong = |it: Result<ZonedDateTime, jiff::Error>| {
            it.map(Self).map_err(|_| CronError::InvalidTime)
        };
        Ok(match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => Resolution::Gap,
            AmbiguousOffset::Unambiguous { .. } => {
                Resolution::Single(or_wrong(ambiguous.unambiguous())?)
            }
            AmbiguousOffset::Fold { .. } => {
                let earlier = or_wrong(ambiguous.clone().earlier())?;
                Resolution::Ambiguous(earlier, or_wrong(ambiguous.later())?)
            }
        })
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(SignedDuration::from_secs(seconds)).ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.timestamp().cmp(&other.0.timestamp())
    }
}

/// Returns the same on our own clocks; nothing beyond the years that those can show.
fn civil_time(it: CivilDateTime) -> Option<DateTime> {
    let part = |value: u32| i8::try_from(value).ok();
    let (date, time) = (it.date(), it.time());
    DateTime::new(
        i16::try_from(date.year()).ok()?,
        part(date.month())?,
        part(date.day())?,
        part(time.hour())?,
        part(time.minute())?,
        part(time.second())?,
        0,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::day;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    /// The next moments after `after`, as the clocks of `zone` show them.
    fn coming(cron: &str, zone: &str, after: &str, many: usize) -> Vec<String> {
        let zone = day::zone(zone).expect("a zone");
        let mut now = at(after);
        let step = |_| {
            now = next(cron, &zone, now).expect("it comes again");
            now.to_zoned_datetime(zone.clone()).strftime("%d %H:%M %Z").to_string()
        };
        (0..many).map(step).collect()
    }

    #[test]
    fn a_time_of_day_that_the_clocks_skip_comes_with_the_first_moment_after_it() {
        let told = coming("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", 3);
        assert_eq!(told, ["28 02:30 CET", "29 03:00 CEST", "30 02:30 CEST"]);
    }

    #[test]
    fn a_time_of_day_that_the_clocks_show_twice_comes_once() {
        let told = coming("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(told, ["25 02:30 CEST", "26 02:30 CET"]);
        let told = coming("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2);
        assert_eq!(told, ["01 01:30 EDT", "02 01:30 EST"]);
    }

    #[test]
    fn what_comes_every_so_often_follows_the_clocks_as_they_are() {
        let gap = coming("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:20:00Z", 3);
        assert_eq!(gap, ["29 01:30 CET", "29 03:00 CEST", "29 03:30 CEST"]);
        let twice = coming("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:20:00Z", 5);
        assert_eq!(
            twice,
            ["25 02:30 CEST", "25 02:00 CET", "25 02:30 CET", "25 03:00 CET", "25 03:30 CET"]
        );
    }

    #[test]
    fn of_all_that_was_missed_the_last_one_is_due() {
        let utc = TimeZone::UTC;
        let due = |after, until| due("0 2 * * *", &utc, at(after), at(until));
        assert_eq!(due("2026-03-01T02:00:00Z", "2026-03-02T01:59:59Z"), None);
        let one = Some((at("2026-03-02T02:00:00Z"), true));
        assert_eq!(due("2026-03-01T02:00:00Z", "2026-03-02T02:00:00Z"), one);
        let many = Some((at("2026-03-09T02:00:00Z"), false));
        assert_eq!(due("2026-03-01T02:00:00Z", "2026-03-09T17:00:00Z"), many);
    }

    #[test]
    fn words_and_weekdays_are_understood_and_nonsense_is_named() {
        assert_eq!(coming("@monthly", "UTC", "2026-03-05T00:00:00Z", 1), ["01 00:00 UTC"]);
        assert_eq!(coming("0 9 * * mon-fri", "UTC", "2026-03-06T09:00:00Z", 1), ["09 09:00 UTC"]);
        assert_eq!(coming("0 9 * * 7", "UTC", "2026-03-06T09:00:00Z", 1), ["08 09:00 UTC"]);
        assert_eq!(fault("0 0 30 2 *").as_deref(), Some("fits no day of the calendar"));
        assert!(fault("0 0 * * * *").is_some() && fault("often").is_some());
        assert_eq!(fault("0 0 29 2 *"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Whoever looks back from any moment finds what whoever looked ahead was promised, clocks that change included.
        #[test]
        fn looking_back_and_looking_ahead_agree(
            hours in 0..24 * 400_i64,
            minute in 0..60_u32,
            cron in prop::sample::select(vec!["30 2 * * *", "*/20 * * * *", "15 0 * * 0", "0 1,2,3 * * *", "@daily"]),
            zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
        ) {
            let zone = day::zone(zone).expect("a zone");
            let after = at("2026-01-01T00:00:00Z") + SignedDuration::from_mins(hours * 60 + i64::from(minute));
            let first = next(cron, &zone, after).expect("it comes");
            prop_assert!(first > after);
            prop_assert_eq!(due(cron, &zone, after, first), Some((first, true)));
            let before = first - SignedDuration::from_secs(1);
            prop_assert_eq!(due(cron, &zone, after, before), None);
        }
    }
}
