//! Which day's ledger is held against the account book, and when: each day once, at a time of day.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A day that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Its date.
    pub date: Date,
    /// Its first moment.
    pub since: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

/// The day to look at: yesterday in `zone`, from `at` on, unless it was the last that was looked at.
#[must_use]
pub fn due(now: Timestamp, at: Time, zone: &TimeZone, last: Option<Date>) -> Option<Day> {
    let now = now.to_zoned(zone.clone());
    let (today, date) = (now.date(), now.date().yesterday().ok()?);
    if now.time() < at || last.is_some_and(|last| last >= date) {
        return None;
    }
    // A day may begin at one o'clock, and be 23 or 25 hours long.
    let first = |date: Date| date.to_zoned(zone.clone()).ok().map(|first| first.timestamp());
    let until = first(today).or_else(|| first(date)?.checked_add(24.hours()).ok())?;
    Some(Day { date, since: first(date)?, until })
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};

    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("America/New_York").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn yesterday_is_due_once_from_its_time_on() {
        let at_four = time(4, 0, 0, 0);
        let yesterday =
            Day { date: date(2026, 11, 29), since: at("2026-11-29T05:00:00Z"), until: at("2026-11-30T05:00:00Z") };
        for (now, last, expected) in [
            ("2026-11-30T08:59:59Z", None, None),
            ("2026-11-30T09:00:00Z", None, Some(yesterday)),
            ("2026-11-30T09:00:00Z", Some(date(2026, 11, 28)), Some(yesterday)),
            ("2026-11-30T09:00:00Z", Some(date(2026, 11, 29)), None),
            ("2026-12-01T04:59:59Z", None, Some(yesterday)),
            ("2026-12-01T05:00:00Z", None, None),
        ] {
            assert_eq!(due(at(now), at_four, &zone(), last), expected, "{now} after {last:?}");
        }
    }

    #[test]
    fn a_day_on_which_the_clock_is_set_is_as_long_as_it_is() {
        for (now, hours) in [("2026-11-02T12:00:00Z", 25), ("2026-03-09T12:00:00Z", 23)] {
            let day = due(at(now), time(0, 0, 0, 0), &zone(), None).unwrap();
            assert_eq!(day.until.duration_since(day.since).as_hours(), hours, "{now}");
        }
    }
}
