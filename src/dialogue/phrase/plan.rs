//! An offer as it is said: amount, count and first date.

use std::fmt;

use jiff::civil::Date;
use rules::arrangement::{Frequency, Offer, Split};
use rules::calendar::Calendar;
use rules::money::Money;

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
    pub fn first_payment(&self) -> Option<Money> {
        self.offer.split().map(|split| split.first())
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Plan(..)")
    }
}

/// "six monthly payments of about fifty dollars": an offer as it is first told. Before it is agreed to, [`read_back`] says
/// when the first is due, and names every part to the cent.
pub(super) fn outline(plan: &Plan) -> String {
    match plan.offer.split() {
        Some(Split { count, larger_count, smaller, .. }) if count > 1 => {
            let about = if larger_count > 0 || smaller != rounded(smaller) { "about " } else { "" };
            let (payments, every) = rhythm(plan, count);
            format!("{payments} of {about}{}{every}", spoken::money(rounded(smaller)))
        }
        Some(_) | None => single(plan),
    }
}

/// The sentence that the caller agrees to or not. A plan is always for the whole balance, which was told before.
pub(super) fn read_back(plan: &Plan) -> String {
    match plan.offer.split() {
        Some(split) if split.count > 1 => {
            let (payments, every) = rhythm(plan, split.count);
            let first = first_due(plan);
            format!("You make {payments}{every}, the first {first}: {}. That pays your balance.", parts(split))
        }
        Some(_) | None => format!("You make {}. That pays your balance.", single(plan)),
    }
}

/// "four of fifty dollars and four cents, then eight of one cent less": the larger parts are larger by the least amount
/// there is.
fn parts(split: Split) -> String {
    let Split { larger, larger_count, smaller, count } = split;
    if larger_count == 0 {
        return format!("{} each", spoken::money(smaller));
    }
    let less = Money::new(larger.minor() - smaller.minor(), larger.currency());
    format!(
        "{} of {}, then {} of {} less",
        spoken::cardinal(u64::from(larger_count)),
        spoken::money(larger),
        spoken::cardinal(u64::from(count - larger_count)),
        spoken::money(less)
    )
}

/// "one payment of fifty dollars, today"
fn single(plan: &Plan) -> String {
    let amount = plan.offer.split().map_or(plan.offer.total, |split| split.first());
    format!("one payment of {}, {}", spoken::money(amount), first_due(plan))
}

/// "six monthly payments", and how often where that is no word before it.
fn rhythm(plan: &Plan, count: u16) -> (String, &'static str) {
    let count = spoken::cardinal(u64::from(count));
    match plan.offer.frequency {
        None => (format!("{count} payments"), ""),
        Some(Frequency::Monthly) => (format!("{count} monthly payments"), ""),
        Some(Frequency::Biweekly) => (format!("{count} payments"), ", one every two weeks"),
        Some(Frequency::Weekly) => (format!("{count} weekly payments"), ""),
    }
}

fn first_due(plan: &Plan) -> String {
    if plan.first_due == plan.offer.made_on {
        "today".to_owned()
    } else {
        format!("on {}", spoken::day_and_month(plan.first_due))
    }
}

/// To the nearest whole unit; what is below one stays as it is.
fn rounded(amount: Money) -> Money {
    let unit = amount.currency().units_per_major();
    if amount.minor() < unit {
        return amount;
    }
    Money::new((amount.minor() + unit / 2) / unit * unit, amount.currency())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use rules::calendar::BusinessDayRule;
    use rules::money::Currency;

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
        assert_eq!(outline(&monthly), "six monthly payments of fifty dollars");
        assert_eq!(
            read_back(&monthly),
            "You make six monthly payments, the first on December seventh: fifty dollars each. That pays your balance.",
            "the fifth is a Saturday"
        );
        let biweekly = plan(30_000, 6, Some(Frequency::Biweekly), date(2026, 11, 20));
        assert_eq!(outline(&biweekly), "six payments of fifty dollars, one every two weeks");
        assert_eq!(
            read_back(&biweekly),
            "You make six payments, one every two weeks, the first today: fifty dollars each. That pays your balance."
        );
    }

    #[test]
    fn a_single_payment_is_told_with_its_day() {
        let single = plan(30_000, 1, None, date(2026, 11, 20));
        assert_eq!(outline(&single), "one payment of three hundred dollars, today");
        assert_eq!(read_back(&single), "You make one payment of three hundred dollars, today. That pays your balance.");
    }

    #[test]
    fn uneven_parts_are_read_back_to_the_cent() {
        let weekly = plan(100_001, 3, Some(Frequency::Weekly), date(2026, 11, 20));
        assert_eq!(
            read_back(&weekly),
            "You make three weekly payments, the first today: two of three hundred thirty three dollars and thirty four \
             cents, then one of one cent less. That pays your balance."
        );
    }

    #[test]
    fn an_offer_is_outlined_in_whole_dollars_and_says_about() {
        let outlined = |minor, count| outline(&plan(minor, count, Some(Frequency::Monthly), date(2026, 12, 7)));
        assert_eq!(outlined(100_001, 3), "three monthly payments of about three hundred thirty three dollars");
        assert_eq!(outlined(20_301, 2), "two monthly payments of about one hundred two dollars");
        assert_eq!(outlined(20_300, 2), "two monthly payments of about one hundred two dollars", "even, and not whole");
        assert_eq!(outlined(101, 2), "two monthly payments of about fifty cents");
    }
}
