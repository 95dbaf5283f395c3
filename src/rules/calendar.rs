//! Business days: weekends, the federal holidays of the United States and a book's own closed days.

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan};
use serde::{Deserialize, Serialize};

/// Most days a date is moved in search of a business day, so that a calendar closed for ever cannot hang a call.
const MOST_DAYS_MOVED: i32 = 31;

/// Where a due date goes that falls on a day without banking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BusinessDayRule {
    /// The next business day.
    #[default]
    Following,
    /// The next business day, or the one before where the next would be in another month.
    ModifiedFollowing,
    /// The business day before.
    Preceding,
}

/// Which days are closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    federal: bool,
    closed: BTreeSet<Date>,
}

impl Calendar {
    /// Weekends and the eleven federal holidays (5 U.S.C. 6103); one on a Sunday is kept on the Monday, as the
    /// Federal Reserve keeps it.
    #[must_use]
    pub const fn united_states() -> Self {
        Self { federal: true, closed: BTreeSet::new() }
    }

    /// Weekends alone.
    #[must_use]
    pub const fn weekends() -> Self {
        Self { federal: false, closed: BTreeSet::new() }
    }

    /// The same calendar with more closed days.
    #[must_use]
    pub fn with_closed(mut self, days: impl IntoIterator<Item = Date>) -> Self {
        self.closed.extend(days);
        self
    }

    /// Whether banks work on this day.
    #[must_use]
    pub fn is_business_day(&self, day: Date) -> bool {
        let is_weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        let is_holiday = self.federal && is_federal_holiday(day);
        !is_weekend && !is_holiday && !self.closed.contains(&day)
    }

    /// The day a payment nominally due on `day` is due by the rule.
    #[must_use]
    pub fn adjust(&self, day: Date, rule: BusinessDayRule) -> Date {
        match rule {
            BusinessDayRule::Following => self.nearest(day, 1),
            BusinessDayRule::Preceding => self.nearest(day, -1),
            BusinessDayRule::ModifiedFollowing => {
                let next = self.nearest(day, 1);
                if next.month() == day.month() { next } else { self.nearest(day, -1) }
            }
        }
    }

    fn nearest(&self, day: Date, step: i32) -> Date {
        (0..=MOST_DAYS_MOVED)
            .map(|moved| day.saturating_add(Span::new().days(moved * step)))
            .find(|&candidate| self.is_business_day(candidate))
            .unwrap_or(day)
    }
}

fn is_federal_holiday(day: Date) -> bool {
    let kept_from_sunday = day.weekday() == Weekday::Monday && is_fixed_holiday(day.saturating_sub(1.day()));
    is_fixed_holiday(day) || kept_from_sunday || is_floating_holiday(day)
}

fn is_fixed_holiday(day: Date) -> bool {
    matches!((day.month(), day.day()), (1, 1) | (6, 19) | (7, 4) | (11, 11) | (12, 25))
}

/// The holidays set by a weekday: Martin Luther King, Washington, Memorial, Labor, Columbus and Thanksgiving days.
fn is_floating_holiday(day: Date) -> bool {
    let nth = (day.day() - 1) / 7 + 1;
    let is_last = day.day() + 7 > day.days_in_month();
    match (day.month(), day.weekday()) {
        (1 | 2, Weekday::Monday) => nth == 3,
        (5, Weekday::Monday) => is_last,
        (9, Weekday::Monday) => nth == 1,
        (10, Weekday::Monday) => nth == 2,
        (11, Weekday::Thursday) => nth == 4,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn the_federal_holidays_of_2027_are_closed() {
        let holidays = [
            date(2027, 1, 1),
            date(2027, 1, 18),
            date(2027, 2, 15),
            date(2027, 5, 31),
            date(2027, 7, 5), // the fourth is a Sunday
            date(2027, 9, 6),
            date(2027, 10, 11),
            date(2027, 11, 11),
            date(2027, 11, 25),
        ];
        let calendar = Calendar::united_states();
        let weekdays_closed: Vec<Date> = (0..365)
            .map(|day| date(2027, 1, 1).saturating_add(Span::new().days(day)))
            .filter(|day| !calendar.is_business_day(*day) && Calendar::weekends().is_business_day(*day))
            .collect();
        assert_eq!(weekdays_closed, holidays);
    }

    #[test]
    fn a_date_moves_by_its_rule() {
        let calendar = Calendar::united_states();
        let sunday = date(2027, 1, 31);
        assert_eq!(calendar.adjust(sunday, BusinessDayRule::Following), date(2027, 2, 1));
        assert_eq!(calendar.adjust(sunday, BusinessDayRule::ModifiedFollowing), date(2027, 1, 29));
        assert_eq!(calendar.adjust(sunday, BusinessDayRule::Preceding), date(2027, 1, 29));
        assert_eq!(calendar.adjust(date(2027, 2, 2), BusinessDayRule::Following), date(2027, 2, 2));
    }

    #[test]
    fn a_calendar_closed_for_ever_leaves_the_date() {
        let days = (0..90).map(|day| date(2027, 1, 1).saturating_add(Span::new().days(day)));
        let calendar = Calendar::weekends().with_closed(days);
        assert_eq!(calendar.adjust(date(2027, 2, 1), BusinessDayRule::Following), date(2027, 2, 1));
    }
}
