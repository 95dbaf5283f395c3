//! An offer, its exact parts and its due dates.

use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::bounds::{Bounds, Frequency};
use crate::calendar::{BusinessDayRule, Calendar};
use crate::money::Money;

/// A total in equal parts: their sum is exact and no two differ by more than one minor unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// The larger part; the first `larger_count` parts have it.
    pub larger: Money,
    /// How many parts are larger; 0 where all are equal.
    pub larger_count: u16,
    /// The other parts.
    pub smaller: Money,
    /// How many parts there are in all.
    pub count: u16,
}

impl Split {
    /// The first part, which no other exceeds.
    #[must_use]
    pub fn first(&self) -> Money {
        if self.larger_count > 0 { self.larger } else { self.smaller }
    }

    /// The parts in order.
    pub fn parts(&self) -> impl Iterator<Item = Money> + use<> {
        let Self { larger, larger_count, smaller, count } = *self;
        (0..count).map(move |index| if index < larger_count { larger } else { smaller })
    }
}

/// Splits a total into `count` parts. `None` where a part would be empty or the count is zero.
#[must_use]
pub fn split(total: Money, count: u16) -> Option<Split> {
    if count == 0 || total.minor() < i64::from(count) {
        return None;
    }
    let (quotient, remainder) = (total.minor() / i64::from(count), total.minor() % i64::from(count));
    let part = |minor| Money::new(minor, total.currency());
    let larger_count = u16::try_from(remainder).ok()?;
    Some(Split { larger: part(quotient + i64::from(remainder > 0)), larger_count, smaller: part(quotient), count })
}

/// One payment of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instalment {
    /// The day it is due, a business day unless it is the day of the talk.
    pub due: Date,
    /// What is due.
    pub amount: Money,
}

/// An arrangement that may be agreed: so many equal parts, so often, from a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// What is paid in all.
    pub total: Money,
    /// In how many parts, at least one.
    pub instalments: u16,
    /// How often; `None` for a single payment.
    pub frequency: Option<Frequency>,
    /// The first payment's nominal date, before the business-day rule; the anchor of the others.
    pub first: Date,
    /// The day of the talk.
    pub made_on: Date,
    /// The business-day rule of the strategy.
    pub business_days: BusinessDayRule,
}

impl Offer {
    /// The exact parts; `None` only for an offer that no strategy allows.
    #[must_use]
    pub fn split(&self) -> Option<Split> {
        split(self.total, self.instalments)
    }

    /// Every payment with its due date, in order.
    #[must_use]
    pub fn schedule(&self, calendar: &Calendar) -> Vec<Instalment> {
        let Some(split) = self.split() else { return Vec::new() };
        (0..).zip(split.parts()).map(|(index, amount)| Instalment { due: self.due(index, calendar), amount }).collect()
    }

    /// The due date of the payment with this index, counted from 0. A payment on the day of the talk stays there,
    /// because it is taken in the talk; no other date is moved before that day.
    #[must_use]
    pub fn due(&self, index: u16, calendar: &Calendar) -> Date {
        let nominal = self.nominal(index);
        if nominal == self.made_on {
            return nominal;
        }
        let due = calendar.adjust(nominal, self.business_days);
        if due < self.made_on { calendar.adjust(nominal, BusinessDayRule::Following) } else { due }
    }

    /// The due date of the last payment.
    #[must_use]
    pub fn last_due(&self, calendar: &Calendar) -> Date {
        self.due(self.instalments.saturating_sub(1), calendar)
    }

    /// Whether the bounds allow this offer without a person's approval.
    #[must_use]
    pub fn is_within(&self, bounds: &Bounds, calendar: &Calendar) -> bool {
        self.is_amount_within(bounds) && self.is_time_within(bounds, calendar)
    }

    fn is_amount_within(&self, bounds: &Bounds) -> bool {
        let Some(split) = self.split() else { return false };
        let total = self.total.minor();
        let is_plan = self.instalments > 1;
        let needs_approval = is_plan && bounds.approval_over.is_some_and(|limit| total > limit.minor());
        let is_offered = match self.frequency {
            Some(frequency) => is_plan && bounds.frequencies.contains(&frequency),
            None => !is_plan,
        };
        self.total.currency() == bounds.currency()
            && self.instalments <= bounds.max_instalments
            && is_offered
            && !needs_approval
            && split.smaller.minor() >= bounds.min_payment.minor().min(total)
            && split.first().minor() >= bounds.min_first_payment.minor().min(total)
    }

    fn is_time_within(&self, bounds: &Bounds, calendar: &Calendar) -> bool {
        let latest = |days: u16| self.made_on.saturating_add(Span::new().days(i64::from(days)));
        self.first >= self.made_on
            && self.business_days == bounds.business_days
            && self.due(0, calendar) <= latest(bounds.max_days_to_first)
            && self.last_due(calendar) <= latest(bounds.max_total_days)
    }

    /// Months keep the anchor day: 31 January, 28 February, 31 March.
    fn nominal(&self, index: u16) -> Date {
        let step = i64::from(index);
        let span = match self.frequency {
            Some(Frequency::Monthly) => Span::new().months(step),
            Some(Frequency::Biweekly) => Span::new().days(14 * step),
            Some(Frequency::Weekly) => Span::new().days(7 * step),
            None => Span::new(),
        };
        self.first.saturating_add(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::USD)
    }

    fn offer(instalments: u16, frequency: Frequency, first: Date, made_on: Date) -> Offer {
        let business_days = BusinessDayRule::Following;
        Offer { total: usd(100_000), instalments, frequency: Some(frequency), first, made_on, business_days }
    }

    fn dues(offer: &Offer) -> Vec<Date> {
        offer.schedule(&Calendar::united_states()).iter().map(|instalment| instalment.due).collect()
    }

    #[test]
    fn a_thousand_in_three_is_exact() {
        let parts: Vec<Money> = split(usd(100_000), 3).unwrap().parts().collect();
        assert_eq!(parts, [usd(33_334), usd(33_333), usd(33_333)]);
        assert_eq!(split(usd(2), 3), None);
        assert_eq!(split(usd(100), 0), None);
    }

    #[test]
    fn months_keep_their_anchor_day() {
        let plan = offer(4, Frequency::Monthly, date(2027, 1, 31), date(2027, 1, 5));
        // 31 January and 28 February are Sundays; 31 March is open.
        assert_eq!(dues(&plan), [date(2027, 2, 1), date(2027, 3, 1), date(2027, 3, 31), date(2027, 4, 30)]);
    }

    #[test]
    fn a_weekly_plan_from_thanksgiving_moves_only_the_holiday() {
        let plan = offer(4, Frequency::Weekly, date(2026, 11, 26), date(2026, 11, 20));
        assert_eq!(dues(&plan), [date(2026, 11, 27), date(2026, 12, 3), date(2026, 12, 10), date(2026, 12, 17)]);
    }

    #[test]
    fn a_payment_in_the_talk_stays_on_its_saturday() {
        let saturday = date(2026, 11, 21);
        let plan = offer(2, Frequency::Weekly, saturday, saturday);
        assert_eq!(dues(&plan), [saturday, date(2026, 11, 30)]);
    }

    #[test]
    fn preceding_never_moves_before_the_talk() {
        let saturday = date(2026, 11, 21);
        let business_days = BusinessDayRule::Preceding;
        let plan = Offer { business_days, ..offer(2, Frequency::Weekly, date(2026, 11, 22), saturday) };
        assert_eq!(dues(&plan), [date(2026, 11, 23), date(2026, 11, 27)]);
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_total_and_differ_by_at_most_one(total in 1_i64..10_000_000, count in 1_u16..200) {
            let Some(split) = split(usd(total), count) else {
                prop_assert!(total < i64::from(count));
                return Ok(());
            };
            let parts: Vec<i64> = split.parts().map(|part| part.minor()).collect();
            prop_assert_eq!(parts.iter().sum::<i64>(), total);
            prop_assert_eq!(parts.len(), usize::from(count));
            prop_assert!(parts.windows(2).all(|pair| pair[0] >= pair[1]) && parts[0] - parts[parts.len() - 1] <= 1);
            prop_assert_eq!(split.first().minor(), parts[0]);
        }
    }
}
