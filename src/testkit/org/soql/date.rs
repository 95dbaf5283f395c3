//! Date literals ("Date Formats and Date Literals"), in UTC: the org's user lives there. Weeks begin on Sunday.

use jiff::{
    Span, Timestamp,
    civil::{Date, Weekday},
    tz::TimeZone,
};

/// Some days in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Range {
    /// One of the calendar.
    Day(Date),
    /// Days from today, the last one included.
    Days(i64, i64),
    /// The week so many weeks from this one.
    Week(i64),
    /// The month so many months from this one.
    Month(i64),
    /// The year so many years from this one.
    Year(i64),
}

/// Most days that a literal may name: no calendar ends before.
const MOST_DAYS: i64 = 100_000;

impl Range {
    /// A literal by its name, and the number behind its colon.
    pub(super) fn named(name: &str, number: Option<i64>) -> Option<Self> {
        let days = number.filter(|days| (0..=MOST_DAYS).contains(days));
        let range = match (name.to_ascii_uppercase().as_str(), number) {
            ("TODAY", None) => Self::Days(0, 0),
            ("YESTERDAY", None) => Self::Days(-1, -1),
            ("TOMORROW", None) => Self::Days(1, 1),
            ("LAST_WEEK", None) => Self::Week(-1),
            ("THIS_WEEK", None) => Self::Week(0),
            ("NEXT_WEEK", None) => Self::Week(1),
            ("LAST_MONTH", None) => Self::Month(-1),
            ("THIS_MONTH", None) => Self::Month(0),
            ("NEXT_MONTH", None) => Self::Month(1),
            ("LAST_YEAR", None) => Self::Year(-1),
            ("THIS_YEAR", None) => Self::Year(0),
            ("NEXT_YEAR", None) => Self::Year(1),
            ("LAST_90_DAYS", None) => Self::Days(-90, 0),
            ("NEXT_90_DAYS", None) => Self::Days(1, 90),
            ("LAST_N_DAYS", Some(_)) => Self::Days(-days?, 0),
            ("NEXT_N_DAYS", Some(_)) => Self::Days(1, days?),
            ("N_DAYS_AGO", Some(_)) => Self::Days(-days?, -days?),
            _ => return None,
        };
        Some(range)
    }

    /// Whether it depends on the day.
    pub(super) const fn is_relative(self) -> bool {
        !matches!(self, Self::Day(_))
    }

    /// Its first day, and the one after its last.
    pub(super) fn days(self, now: Timestamp) -> Option<(Date, Date)> {
        let today = now.to_zoned(TimeZone::UTC).date();
        let day = |days: i64| today.checked_add(Span::new().try_days(days).ok()?).ok();
        let (first, length) = match self {
            Self::Day(day) => (day, Span::new().days(1)),
            Self::Days(first, last) => return Some((day(first)?, day(last.checked_add(1)?)?)),
            Self::Week(weeks) => {
                let since = i64::from(today.weekday().since(Weekday::Sunday));
                (day(weeks * 7 - since)?, Span::new().days(7))
            }
            Self::Month(months) => {
                (today.first_of_month().checked_add(Span::new().months(months)).ok()?, Span::new().months(1))
            }
            Self::Year(years) => {
                (today.first_of_year().checked_add(Span::new().years(years)).ok()?, Span::new().years(1))
            }
        };
        Some((first, first.checked_add(length).ok()?))
    }
}
