//! `closest` against a search of everything, written plainly and from the definition.

use jiff::Span;
use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::search::Search;
use super::{Ask, Bounds, Fit, Frequency, Offer, Wish, closest};
use crate::calendar::{BusinessDayRule, Calendar};
use crate::money::{Currency, Money};

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn some_bounds() -> impl Strategy<Value = Bounds> {
    let frequencies = proptest::sample::subsequence(Frequency::ALL.to_vec(), 1..=3);
    let rules = prop_oneof![
        Just(BusinessDayRule::Following),
        Just(BusinessDayRule::ModifiedFollowing),
        Just(BusinessDayRule::Preceding)
    ];
    let approval = proptest::option::of(1_i64..200_000);
    (1_i64..20_000, 0_i64..40_000, 1_u16..13, frequencies, 0_u16..25, 0_u16..300, rules, approval).prop_map(
        |(min_payment, min_first, max_instalments, frequencies, to_first, beyond, business_days, approval)| Bounds {
            min_payment: usd(min_payment),
            min_first_payment: usd(min_first),
            max_instalments,
            frequencies,
            max_days_to_first: to_first,
            max_total_days: to_first + beyond,
            business_days,
            approval_over: approval.map(usd),
            settlement: None,
        },
    )
}

fn some_ask() -> impl Strategy<Value = Ask> {
    let wish = prop_oneof![
        Just(Wish::Full),
        (-10_i64..200_000).prop_map(|minor| Wish::Amount(usd(minor))),
        (0_u16..20).prop_map(Wish::Instalments)
    ];
    let frequency = proptest::option::of(proptest::sample::select(Frequency::ALL.to_vec()));
    (wish, frequency, proptest::option::of(-5_i64..60)).prop_map(|(wish, frequency, first)| {
        let first = first.map(|day| today().saturating_add(Span::new().days(day)));
        Ask { wish, frequency, first }
    })
}

fn today() -> Date {
    date(2026, 12, 18)
}

/// Every offer within the bounds, by trying all of them and looking at the finished schedule.
fn everything(search: &Search<'_>) -> Vec<Offer> {
    let mut found = Vec::new();
    for count in 1..=search.bounds.max_instalments {
        for frequency in [None, Some(Frequency::Monthly), Some(Frequency::Biweekly), Some(Frequency::Weekly)] {
            for day in 0..=i64::from(search.bounds.max_days_to_first) {
                let first = search.today.saturating_add(Span::new().days(day));
                let offer = search.offer(count, frequency, first);
                if is_allowed(search, &offer) {
                    found.push(offer);
                }
            }
        }
    }
    found
}

fn is_allowed(search: &Search<'_>, offer: &Offer) -> bool {
    let schedule = offer.schedule(search.calendar);
    let (bounds, total) = (search.bounds, search.total.minor());
    let days = |to: Date| (to - search.today).get_days();
    let (Some(first), Some(last)) = (schedule.first(), schedule.last()) else { return false };
    (offer.instalments == 1) == offer.frequency.is_none()
        && offer.frequency.is_none_or(|frequency| bounds.frequencies.contains(&frequency))
        && schedule.iter().map(|instalment| instalment.amount.minor()).sum::<i64>() == total
        && schedule.iter().all(|instalment| instalment.amount.minor() >= bounds.min_payment.minor().min(total))
        && first.amount.minor() >= bounds.min_first_payment.minor().min(total)
        && days(first.due) <= i32::from(bounds.max_days_to_first)
        && days(last.due) <= i32::from(bounds.max_total_days)
        && (schedule.len() == 1 || bounds.approval_over.is_none_or(|limit| total <= limit.minor()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_allowed_offer_is_closer(total in 1_i64..300_000, bounds in some_bounds(), ask in some_ask()) {
        let calendar = Calendar::united_states();
        let search = Search { total: usd(total), bounds: &bounds, ask, today: today(), calendar: &calendar };
        let Ok(proposal) = closest(usd(total), &bounds, &ask, today(), &calendar) else {
            // Payment in full on the day is always possible, so only approval can refuse.
            prop_assert!(bounds.approval_over.is_some_and(|limit| total > limit.minor()));
            return Ok(());
        };
        let all = everything(&search);
        let best = all.iter().min_by_key(|offer| search.distance(offer)).copied();
        prop_assert_eq!(best, Some(proposal.offer));
        prop_assert!(proposal.offer.is_within(&bounds, &calendar));
        prop_assert_eq!(proposal.fit == Fit::AsAsked, all.iter().any(|offer| search.is_as_asked(offer)));
        if let Some(next) = proposal.next {
            prop_assert!(all.contains(&next) && search.distance(&next) >= search.distance(&proposal.offer));
            prop_assert!((next.instalments, next.frequency) != (proposal.offer.instalments, proposal.offer.frequency));
        }
    }
}
