//! The closest offer to what a person asked for, and why the ask itself was refused.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::bounds::{Bounds, BoundsError, Frequency};
use super::offer::Offer;
use super::search::{Distance, Search};
use crate::calendar::Calendar;
use crate::money::Money;

/// How much at a time a person wants to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// All of it in one payment.
    Full,
    /// This much each time.
    Amount(Money),
    /// In this many payments.
    Instalments(u16),
}

/// What a person asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// How much at a time.
    pub wish: Wish,
    /// How often; understood as monthly where it was not said.
    pub frequency: Option<Frequency>,
    /// When first; as soon as possible where it was not said.
    pub first: Option<Date>,
}

/// Why an ask cannot be taken as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why", deny_unknown_fields)]
pub enum Objection {
    /// The payments are smaller than the least one.
    PaymentTooSmall {
        /// The least instalment.
        least: Money,
    },
    /// The first payment is smaller than the least one.
    FirstPaymentTooSmall {
        /// The least first instalment.
        least: Money,
    },
    /// There would be too many payments.
    TooManyInstalments {
        /// The most there may be.
        most: u16,
        /// What each would then be at least.
        least: Money,
    },
    /// That frequency is not on offer.
    FrequencyNotOffered,
    /// The first payment would be in the past.
    FirstInThePast,
    /// The first payment would be too late.
    FirstTooLate {
        /// The last day for it, before the business-day rule.
        latest: Date,
    },
    /// The last payment would be too late.
    TooLong {
        /// The last day for it.
        latest: Date,
    },
    /// A plan for this total needs a person's approval.
    NeedsApproval,
    /// The total does not divide into such payments.
    Uneven,
}

/// How an offer relates to the ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// It is what was asked for.
    AsAsked,
    /// It is the closest there is, for these reasons; at least one.
    Closest(Vec<Objection>),
}

/// An offer in answer to an ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The offer: within the bounds.
    pub offer: Offer,
    /// How it relates to the ask.
    pub fit: Fit,
    /// The next closest offer of another size or frequency, where there is one.
    pub next: Option<Offer>,
}

/// Why there is no offer at all. A person must take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The strategy contradicts itself.
    #[error("the strategy's bounds cannot be used: {0}")]
    Bounds(BoundsError),
    /// The balance is nothing or a credit.
    #[error("there is nothing to arrange")]
    NothingOwed,
    /// The ask or the balance is in another currency than the strategy.
    #[error("the amounts are not in the strategy's currency")]
    CurrencyMismatch,
    /// A person must approve it first; nothing may be promised.
    #[error("a person must approve this")]
    NeedsApproval,
    /// No arrangement satisfies the bounds.
    #[error("no arrangement satisfies the strategy's bounds")]
    NothingFeasible,
    /// The settlement is lower than the strategy goes.
    #[error("the settlement is below the strategy's floor")]
    BelowSettlementFloor,
}

/// Finds the offer within `bounds` that is closest to `ask`, among every number of instalments, every frequency and
/// every first date.
///
/// An ask that is within the bounds is taken as it is. Otherwise the smallest distance wins, compared in this order:
/// the difference of the monthly equivalents (52/12 weeks and 26/12 fortnights a month, exact), whether the frequency
/// differs, the days between the first dates, more instalments before fewer, then monthly before biweekly before
/// weekly and the earlier first date. So equal input gives an equal offer.
///
/// # Errors
/// [`Refusal`] where nothing may be offered on the call.
pub fn closest(
    total: Money,
    bounds: &Bounds,
    ask: &Ask,
    today: Date,
    calendar: &Calendar,
) -> Result<Proposal, Refusal> {
    bounds.check().map_err(Refusal::Bounds)?;
    let search = Search { total, bounds, ask: *ask, today, calendar };
    search.check()?;
    let mut candidates: Vec<(Distance, Offer)> =
        search.candidates().map(|offer| (search.distance(&offer), offer)).collect();
    candidates.sort_by_key(|(distance, _)| *distance);
    let mut offers = candidates.into_iter().map(|(_, offer)| offer);
    let offer = offers.next().ok_or(Refusal::NothingFeasible)?;
    let fit = if search.is_as_asked(&offer) { Fit::AsAsked } else { Fit::Closest(search.objections()) };
    Ok(Proposal { offer, fit, next: offers.next() })
}

#[cfg(test)]
mod tests {
    use super::super::bounds::tests::six_months;
    use super::*;
    use crate::money::Currency;
    use jiff::Span;
    use jiff::civil::date;

    const TODAY: Date = date(2026, 11, 23);

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::USD)
    }

    fn ask(wish: Wish) -> Ask {
        Ask { wish, frequency: None, first: None }
    }

    fn propose(total: i64, bounds: &Bounds, ask: &Ask) -> Result<Proposal, Refusal> {
        closest(usd(total), bounds, ask, TODAY, &Calendar::united_states())
    }

    #[test]
    fn less_than_the_least_gets_the_longest_plan() {
        let proposal = propose(100_000, &six_months(), &ask(Wish::Amount(usd(5_000)))).unwrap();
        assert_eq!((proposal.offer.instalments, proposal.offer.split().unwrap().first()), (6, usd(16_667)));
        let Fit::Closest(why) = proposal.fit else { panic!("50.00 is not on offer") };
        assert!(why.contains(&Objection::PaymentTooSmall { least: usd(10_000) }));
        assert!(why.contains(&Objection::TooManyInstalments { most: 6, least: usd(16_667) }));
        assert_eq!(proposal.next.unwrap().instalments, 5);
    }

    #[test]
    fn an_ask_within_the_bounds_is_taken_as_it_is() {
        let proposal = propose(100_000, &six_months(), &ask(Wish::Amount(usd(25_000)))).unwrap();
        assert_eq!((proposal.offer.instalments, proposal.fit), (4, Fit::AsAsked));
        let proposal = propose(100_000, &six_months(), &ask(Wish::Instalments(3))).unwrap();
        assert_eq!((proposal.offer.instalments, proposal.fit), (3, Fit::AsAsked));
        // One part of an uneven split is what was asked for.
        let proposal = propose(100_000, &six_months(), &ask(Wish::Amount(usd(33_333)))).unwrap();
        assert_eq!((proposal.offer.instalments, proposal.fit), (3, Fit::AsAsked));
    }

    #[test]
    fn an_uneven_ask_is_rounded_to_the_nearest_plan() {
        let proposal = propose(100_000, &six_months(), &ask(Wish::Amount(usd(30_000)))).unwrap();
        assert_eq!((proposal.offer.instalments, proposal.fit), (3, Fit::Closest(vec![Objection::Uneven])));
    }

    #[test]
    fn a_balance_under_the_minimum_is_paid_at_once() {
        let proposal = propose(8_000, &six_months(), &ask(Wish::Instalments(2))).unwrap();
        assert_eq!((proposal.offer.instalments, proposal.offer.total), (1, usd(8_000)));
    }

    #[test]
    fn a_late_first_date_is_brought_forward() {
        let late = Ask { first: Some(date(2027, 1, 15)), ..ask(Wish::Full) };
        let proposal = propose(100_000, &six_months(), &late).unwrap();
        assert_eq!(proposal.offer.first, date(2026, 12, 23));
        assert_eq!(proposal.fit, Fit::Closest(vec![Objection::FirstTooLate { latest: date(2026, 12, 23) }]));
    }

    #[test]
    fn a_frequency_not_on_offer_keeps_the_monthly_burden() {
        let weekly = Ask { frequency: Some(Frequency::Weekly), ..ask(Wish::Amount(usd(6_000))) };
        // 60.00 a week is 260.00 a month: four payments of 250.00.
        let proposal = propose(100_000, &six_months(), &weekly).unwrap();
        assert_eq!((proposal.offer.instalments, proposal.offer.frequency), (4, Some(Frequency::Monthly)));
        let Fit::Closest(why) = proposal.fit else { panic!("weekly is not on offer") };
        assert!(why.contains(&Objection::FrequencyNotOffered));
    }

    #[test]
    fn plans_over_the_threshold_go_to_a_person_but_payment_in_full_does_not() {
        let bounds = Bounds { approval_over: Some(usd(50_000)), ..six_months() };
        assert_eq!(propose(100_000, &bounds, &ask(Wish::Instalments(2))), Err(Refusal::NeedsApproval));
        assert_eq!(propose(100_000, &bounds, &ask(Wish::Full)).unwrap().fit, Fit::AsAsked);
    }

    #[test]
    fn questions_without_an_answer_are_refused_by_name() {
        let euro = Money::new(5_000, Currency::parse("EUR").unwrap());
        assert_eq!(propose(0, &six_months(), &ask(Wish::Full)), Err(Refusal::NothingOwed));
        assert_eq!(propose(100, &six_months(), &ask(Wish::Amount(euro))), Err(Refusal::CurrencyMismatch));
        let broken = Bounds { max_instalments: 0, ..six_months() };
        assert_eq!(propose(100, &broken, &ask(Wish::Full)), Err(Refusal::Bounds(BoundsError::MaxInstalments)));
        let closed = (0..80).map(|day| TODAY.saturating_add(Span::new().days(day)));
        let calendar = Calendar::weekends().with_closed(closed);
        let at_once = closest(usd(100), &six_months(), &ask(Wish::Full), TODAY, &calendar).unwrap();
        assert_eq!(at_once.offer.first, TODAY);
    }
}
