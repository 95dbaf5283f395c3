//! An offer as it is said: amount, count and first date.

use std::fmt;

use jiff::civil::Date;
use rules::arrangement::{Frequency, Offer, Split};
use rules::calendar::Calendar;

use crate::spoken;

/// An offer with the day its first payment is due.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The offer, as the negotiation made it.
    pub offer: Offer,
    /// The day the first payment is due, after the business-day rule.
    pub first_due: Date,
}

impl Plan {
    /// Takes an offer and finds its first due date.
    #[must_use]
    pub fn new(offer: Offer, calendar: &Calendar) -> Self {
        Self { offer, first_due: offer.due(0, calendar) }
    }

    /// What the first payment is; `None` only for an offer that no strategy allows.
    #[must_use]
    pub fn first_payment(&self) -> Option<rules::money::Money> {
        self.offer.split().map(|split| split.first())
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Plan(..)")
    }
}

/// "six payments of about fifty dollars, one each month, the first on December first": an offer as it is first told. Before
/// it is agreed to, [`read_back`] names every part to the cent.
pub(super) fn outline(plan: &Plan) -> String {
    let amount = match plan.offer.split() {
        Some(Split { count, larger_count, smaller, .. }) if count > 1 && larger_count > 0 => {
            format!("{} of about {}", self::count(plan), spoken::money(smaller))
        }
        Some(_) | None => payments(plan),
    };
    format!("{amount}, {}", timing(plan))
}

/// "six payments"
pub(super) fn count(plan: &Plan) -> String {
    let count = plan.offer.split().map_or(1, |split| split.count);
    format!("{} {}", spoken::cardinal(u64::from(count)), if count == 1 { "payment" } else { "payments" })
}

/// The sentence that the caller agrees to or not.
pub(super) fn read_back(plan: &Plan) -> String {
    let total = spoken::money(plan.offer.total);
    format!("You pay {}, {}. That is {total} in all.", payments(plan), timing(plan))
}

/// "six payments of fifty dollars"
pub(super) fn payments(plan: &Plan) -> String {
    let Some(split) = plan.offer.split() else { return spoken::money(plan.offer.total) };
    let Split { larger, larger_count, smaller, count } = split;
    match (count, larger_count) {
        (1, _) => format!("one payment of {}", spoken::money(split.first())),
        (_, 0) => group(count, &spoken::money(smaller)),
        _ => format!(
            "{}, and then {}",
            group(larger_count, &spoken::money(larger)),
            group(count - larger_count, &spoken::money(smaller))
        ),
    }
}

fn group(count: u16, amount: &str) -> String {
    let payments = if count == 1 { "payment" } else { "payments" };
    format!("{} {payments} of {amount}", spoken::cardinal(u64::from(count)))
}

fn timing(plan: &Plan) -> String {
    let first = if plan.first_due == plan.offer.made_on {
        "today".to_owned()
    } else {
        format!("on {}", spoken::day_and_month(plan.first_due))
    };
    match plan.offer.frequency {
        None => first,
        Some(Frequency::Monthly) => format!("one each month, the first {first}"),
        Some(Frequency::Biweekly) => format!("one every two weeks, the first {first}"),
        Some(Frequency::Weekly) => format!("one each week, the first {first}"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use rules::calendar::BusinessDayRule;
    use rules::money::{Currency, Money};

    use super::*;

    fn plan(minor: i64, instalments: u16, frequency: Option<Frequency>, first: Date) -> Plan {
        let total = Money::new(minor, Currency::USD);
        let offer = Offer {
            total,
            instalments,
            frequency,
            first,
            made_on: date(2026, 11, 20),
            business_days: BusinessDayRule::Following,
        };
        Plan::new(offer, &Calendar::united_states())
    }

    #[test]
    fn a_plan_names_amount_count_and_first_date() {
        let monthly = plan(30_000, 6, Some(Frequency::Monthly), date(2026, 12, 5));
        assert_eq!(
            outline(&monthly),
            "six payments of fifty dollars, one each month, the first on December seventh",
            "the fifth is a Saturday"
        );
        assert_eq!(
            read_back(&plan(30_000, 1, None, date(2026, 11, 20))),
            "You pay one payment of three hundred dollars, today. That is three hundred dollars \
             in all."
        );
    }

    #[test]
    fn uneven_parts_are_both_named() {
        let weekly = plan(100_000, 3, Some(Frequency::Weekly), date(2026, 11, 20));
        assert_eq!(
            payments(&weekly),
            "one payment of three hundred thirty three dollars and thirty four cents, and then two payments of three \
             hundred thirty three dollars and thirty three cents"
        );
    }
}
