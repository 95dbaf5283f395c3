//! From what a caller asks for to an arrangement that was read back and agreed to.

use std::fmt;

use jiff::civil::Date;
use rules::arrangement::{Ask, Bounds, Fit, MAX_COUNTER_OFFERS, Wish, closest};
use rules::calendar::Calendar;
use rules::money::Money;

use crate::phrase::Plan;

/// What the caller wants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// More time, and no figure.
    MoreTime,
    /// Terms with a figure.
    Terms(Ask),
}

impl fmt::Debug for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::MoreTime => "MoreTime",
            Self::Terms(_) => "Terms(..)",
        })
    }
}

/// What is offered in answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferAnswer {
    /// The plan is what was asked for.
    AsAsked(Plan),
    /// The plan is the closest to it that may be agreed.
    Closest(Plan),
    /// Nothing may be offered: a person must take over.
    Refer,
}

/// Why a plan may not be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAgreed {
    /// It is not the plan that was offered last.
    #[error("the plan is not the one that was offered last")]
    NotOffered,
    /// Its read-back was not played to its end.
    #[error("the plan was not read back")]
    NotReadBack,
}

/// A plan that was offered inside the bounds, read back, and agreed to after that. Only [`Negotiation::agree`]
/// makes one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Agreed(Plan);

impl Agreed {
    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.0
    }
}

impl fmt::Debug for Agreed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Agreed(..)")
    }
}

/// The negotiation of one call, for the collector and for bots alike.
///
/// `ask` → `read_back_played` → `agree`: each step needs the one before, and a new ask starts over.
pub struct Negotiation {
    total: Money,
    bounds: Bounds,
    today: Date,
    calendar: Calendar,
    counter_offers: u8,
    offered: Option<Plan>,
    is_read_back: bool,
}

impl Negotiation {
    /// A negotiation about `total` inside the strategy's `bounds`, on the day of the talk where the caller is.
    #[must_use]
    pub fn new(total: Money, bounds: Bounds, today: Date, calendar: Calendar) -> Self {
        Self { total, bounds, today, calendar, counter_offers: 0, offered: None, is_read_back: false }
    }

    /// Answers an ask with the closest offer. Asks beyond the third closest offer, and asks that no offer answers,
    /// are referred to a person.
    pub fn ask(&mut self, wanted: Wanted) -> OfferAnswer {
        self.offered = None;
        self.is_read_back = false;
        let ask = self.terms(wanted);
        let Ok(proposal) = closest(self.total, &self.bounds, &ask, self.today, &self.calendar) else {
            return OfferAnswer::Refer;
        };
        let plan = Plan::new(proposal.offer, &self.calendar);
        let answer = match (wanted, proposal.fit) {
            (Wanted::Terms(_), Fit::AsAsked) => OfferAnswer::AsAsked(plan),
            (Wanted::MoreTime, Fit::AsAsked) | (_, Fit::Closest(_)) if self.counter_offers < MAX_COUNTER_OFFERS => {
                self.counter_offers += 1;
                OfferAnswer::Closest(plan)
            }
            (_, Fit::AsAsked | Fit::Closest(_)) => return OfferAnswer::Refer,
        };
        self.offered = Some(plan);
        answer
    }

    /// The read-back of this plan was proven played to its end.
    pub fn read_back_played(&mut self, plan: &Plan) {
        self.is_read_back |= self.offered.as_ref() == Some(plan);
    }

    /// The caller agreed to this plan after its read-back.
    ///
    /// # Errors
    /// [`NotAgreed`] where the plan is not the one offered last, or was not read back.
    pub fn agree(&mut self, plan: &Plan) -> Result<Agreed, NotAgreed> {
        if self.offered.as_ref() != Some(plan) {
            return Err(NotAgreed::NotOffered);
        }
        if self.is_read_back { Ok(Agreed(*plan)) } else { Err(NotAgreed::NotReadBack) }
    }

    /// Someone who only wants time is offered about half of the instalments there may be, which leaves room to
    /// come nearer to a figure that is named later.
    fn terms(&self, wanted: Wanted) -> Ask {
        match wanted {
            Wanted::Terms(ask) => ask,
            Wanted::MoreTime => {
                let instalments = self.bounds.max_instalments.div_ceil(2).max(2).min(self.bounds.max_instalments);
                Ask { wish: Wish::Instalments(instalments.max(1)), frequency: None, first: None }
            }
        }
    }
}

impl fmt::Debug for Negotiation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Negotiation").field("counter_offers", &self.counter_offers).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;
    use rules::arrangement::Frequency;
    use rules::calendar::BusinessDayRule;
    use rules::money::Currency;

    use super::*;

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::USD)
    }

    fn bounds() -> Bounds {
        Bounds {
            min_payment: usd(5_000),
            min_first_payment: usd(5_000),
            max_instalments: 6,
            frequencies: vec![Frequency::Monthly],
            max_days_to_first: 30,
            max_total_days: 210,
            business_days: BusinessDayRule::Following,
            approval_over: None,
            settlement: None,
        }
    }

    fn negotiation(bounds: Bounds) -> Negotiation {
        Negotiation::new(usd(60_000), bounds, date(2026, 11, 20), Calendar::united_states())
    }

    fn wanted(wish: Wish) -> Wanted {
        Wanted::Terms(Ask { wish, frequency: None, first: None })
    }

    fn offered(answer: OfferAnswer) -> Plan {
        match answer {
            OfferAnswer::AsAsked(plan) | OfferAnswer::Closest(plan) => plan,
            OfferAnswer::Refer => panic!("an offer was expected"),
        }
    }

    #[test]
    fn an_ask_inside_the_bounds_is_taken_as_it_is() {
        let answer = negotiation(bounds()).ask(wanted(Wish::Instalments(4)));
        let OfferAnswer::AsAsked(plan) = answer else { panic!("{answer:?}") };
        assert_eq!((plan.offer.instalments, plan.first_payment()), (4, Some(usd(15_000))));
    }

    #[test]
    fn more_time_leaves_room_to_come_nearer() {
        let plan = offered(negotiation(bounds()).ask(Wanted::MoreTime));
        assert_eq!(plan.offer.instalments, 3);
        let only_one = Bounds { max_instalments: 1, ..bounds() };
        assert_eq!(offered(negotiation(only_one).ask(Wanted::MoreTime)).offer.instalments, 1);
    }

    #[test]
    fn the_fourth_counter_offer_is_referred_but_an_ask_inside_the_bounds_is_not() {
        let mut negotiation = negotiation(bounds());
        let low = wanted(Wish::Amount(usd(1_000)));
        for _ in 0..MAX_COUNTER_OFFERS {
            assert!(matches!(negotiation.ask(low), OfferAnswer::Closest(_)));
        }
        assert_eq!(negotiation.ask(low), OfferAnswer::Refer);
        assert!(matches!(negotiation.ask(wanted(Wish::Instalments(6))), OfferAnswer::AsAsked(_)));
    }

    #[test]
    fn what_a_person_must_approve_is_referred() {
        let mut negotiation = negotiation(Bounds { approval_over: Some(usd(50_000)), ..bounds() });
        assert_eq!(negotiation.ask(wanted(Wish::Instalments(4))), OfferAnswer::Refer);
        let mut contradictory = self::negotiation(Bounds { frequencies: Vec::new(), ..bounds() });
        assert_eq!(contradictory.ask(Wanted::MoreTime), OfferAnswer::Refer);
    }

    #[test]
    fn an_agreement_needs_the_last_offer_and_its_read_back() {
        let mut negotiation = negotiation(bounds());
        let first = offered(negotiation.ask(wanted(Wish::Instalments(4))));
        assert_eq!(negotiation.agree(&first), Err(NotAgreed::NotReadBack));
        negotiation.read_back_played(&first);
        assert_eq!(negotiation.agree(&first).map(|agreed| *agreed.plan()), Ok(first));
        let second = offered(negotiation.ask(wanted(Wish::Instalments(5))));
        assert_eq!(negotiation.agree(&first), Err(NotAgreed::NotOffered));
        negotiation.read_back_played(&first);
        assert_eq!(negotiation.agree(&second), Err(NotAgreed::NotReadBack));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_offer_is_inside_the_bounds(asks in prop::collection::vec((1_i64..100_000, 1_u16..30, 0_u8..3), 1..8)) {
            let mut negotiation = negotiation(bounds());
            let mut counter_offers = 0;
            for (minor, count, kind) in asks {
                let wish = match kind {
                    0 => Wish::Amount(usd(minor)),
                    1 => Wish::Instalments(count),
                    _ => Wish::Full,
                };
                match negotiation.ask(wanted(wish)) {
                    OfferAnswer::Refer => prop_assert_eq!(counter_offers, MAX_COUNTER_OFFERS),
                    OfferAnswer::AsAsked(plan) => prop_assert!(plan.offer.is_within(&bounds(), &Calendar::united_states())),
                    OfferAnswer::Closest(plan) => {
                        counter_offers += 1;
                        prop_assert!(plan.offer.is_within(&bounds(), &Calendar::united_states()));
                    }
                }
            }
            prop_assert!(counter_offers <= MAX_COUNTER_OFFERS);
        }
    }
}
