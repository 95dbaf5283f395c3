//! The search behind `closest`: which offers there are, how far each is from the ask, and what is wrong with the ask.

use std::cmp::{Ordering, Reverse};

use jiff::civil::Date;
use jiff::{Span, Unit};

use super::bounds::{Bounds, Frequency};
use super::closest::{Ask, Objection, Refusal, Wish};
use super::offer::{Offer, split};
use crate::calendar::Calendar;
use crate::money::Money;

/// One search: the question and everything it is judged by.
pub(super) struct Search<'a> {
    pub(super) total: Money,
    pub(super) bounds: &'a Bounds,
    pub(super) ask: Ask,
    pub(super) today: Date,
    pub(super) calendar: &'a Calendar,
}

/// How far an offer is from the ask; less is closer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Distance {
    is_not_as_asked: bool,
    monthly: Ratio,
    frequency_differs: bool,
    first_days: u32,
    instalments: Reverse<u16>,
    frequency: Option<Frequency>,
    first: Date,
}

impl Search<'_> {
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let asked_currency = match self.ask.wish {
            Wish::Amount(amount) => amount.currency(),
            Wish::Full | Wish::Instalments(_) => self.total.currency(),
        };
        if self.total.currency() != self.bounds.currency() || asked_currency != self.bounds.currency() {
            return Err(Refusal::CurrencyMismatch);
        }
        if !self.total.is_positive() {
            return Err(Refusal::NothingOwed);
        }
        if self.asked_instalments() > 1 && self.needs_approval() {
            return Err(Refusal::NeedsApproval);
        }
        Ok(())
    }

    /// The best first date of every size and frequency within the bounds.
    pub(super) fn candidates(&self) -> impl Iterator<Item = Offer> + '_ {
        let plans = (2..=self.bounds.max_instalments)
            .flat_map(|count| self.bounds.frequencies.iter().map(move |&frequency| (count, Some(frequency))));
        std::iter::once((1, None)).chain(plans).filter_map(|(count, frequency)| self.nearest_first(count, frequency))
    }

    /// The offer of this size and frequency whose first date is nearest to the wished one; the earlier of two.
    fn nearest_first(&self, count: u16, frequency: Option<Frequency>) -> Option<Offer> {
        let last = i64::from(self.bounds.max_days_to_first);
        let wished = self.ask.first.map_or(0, |first| days_between(self.today, first)).clamp(0, last);
        (0..=last)
            .flat_map(|away| [wished - away, wished + away])
            .filter(|day| (0..=last).contains(day))
            .map(|day| self.offer(count, frequency, self.today.saturating_add(Span::new().days(day))))
            .find(|offer| offer.is_within(self.bounds, self.calendar))
    }

    pub(super) fn offer(&self, instalments: u16, frequency: Option<Frequency>, first: Date) -> Offer {
        let business_days = self.bounds.business_days;
        Offer { total: self.total, instalments, frequency, first, made_on: self.today, business_days }
    }

    pub(super) fn distance(&self, offer: &Offer) -> Distance {
        let wished = self.ask.first.unwrap_or(self.today);
        Distance {
            is_not_as_asked: !self.is_as_asked(offer),
            monthly: self.monthly_difference(offer),
            frequency_differs: self.frequency_differs(offer),
            first_days: u32::try_from(days_between(wished, offer.first).abs()).unwrap_or(u32::MAX),
            instalments: Reverse(offer.instalments),
            frequency: offer.frequency,
            first: offer.first,
        }
    }

    /// |total·k/(12·n) − asked·j/(12·m)| with k and j payments a year.
    fn monthly_difference(&self, offer: &Offer) -> Ratio {
        let asked_per_year = i128::from(self.ask.frequency.unwrap_or(Frequency::Monthly).per_year());
        let single = i128::from(Frequency::Monthly.per_year());
        let (asked, asked_parts, asked_per_year) = match self.ask.wish {
            Wish::Amount(amount) if amount.minor() < self.total.minor() => (amount.minor(), 1, asked_per_year),
            Wish::Instalments(count) if count > 1 => (self.total.minor(), i128::from(count), asked_per_year),
            Wish::Full | Wish::Amount(_) | Wish::Instalments(_) => (self.total.minor(), 1, single),
        };
        let per_year = offer.frequency.map_or(single, |frequency| i128::from(frequency.per_year()));
        let parts = i128::from(offer.instalments);
        let difference =
            i128::from(self.total.minor()) * per_year * asked_parts - i128::from(asked) * asked_per_year * parts;
        Ratio { numerator: difference.unsigned_abs(), denominator: (12 * parts * asked_parts).unsigned_abs() }
    }

    pub(super) fn is_as_asked(&self, offer: &Offer) -> bool {
        let is_size = match self.ask.wish {
            Wish::Full => offer.instalments == 1,
            Wish::Instalments(count) => offer.instalments == count,
            Wish::Amount(amount) if amount.minor() >= self.total.minor() => offer.instalments == 1,
            Wish::Amount(amount) => offer.split().is_some_and(|split| split.parts().any(|part| part == amount)),
        };
        let is_first = self.ask.first.is_none_or(|first| offer.first == first);
        is_size && is_first && !self.frequency_differs(offer)
    }

    fn frequency_differs(&self, offer: &Offer) -> bool {
        self.ask.frequency.zip(offer.frequency).is_some_and(|(asked, offered)| asked != offered)
    }

    fn needs_approval(&self) -> bool {
        self.bounds.approval_over.is_some_and(|limit| self.total.minor() > limit.minor())
    }

    /// How many payments the ask means, a smaller last one counted.
    fn asked_instalments(&self) -> u64 {
        match self.ask.wish {
            Wish::Full => 1,
            Wish::Instalments(count) => u64::from(count),
            Wish::Amount(amount) => self.total.minor().unsigned_abs().div_ceil(amount.minor().max(1).unsigned_abs()),
        }
    }

    /// Every reason why the ask is outside the bounds.
    pub(super) fn objections(&self) -> Vec<Objection> {
        let mut found: Vec<Objection> = self.size_objections();
        found.extend(self.time_objections());
        if found.is_empty() {
            found.push(Objection::Uneven);
        }
        found
    }

    fn size_objections(&self) -> Vec<Objection> {
        let (bounds, count) = (self.bounds, self.asked_instalments());
        let payment = match self.ask.wish {
            Wish::Amount(amount) => amount.minor().min(self.total.minor()),
            Wish::Full | Wish::Instalments(_) => self.total.minor() / i64::try_from(count.max(1)).unwrap_or(i64::MAX),
        };
        let below = |least: Money| payment < least.minor().min(self.total.minor());
        let most = bounds.max_instalments;
        let least = split(self.total, most).map_or(self.total, |split| split.first());
        let is_refused =
            self.ask.frequency.is_some_and(|frequency| count > 1 && !bounds.frequencies.contains(&frequency));
        let checks = [
            (below(bounds.min_payment), Objection::PaymentTooSmall { least: bounds.min_payment }),
            (below(bounds.min_first_payment), Objection::FirstPaymentTooSmall { least: bounds.min_first_payment }),
            (count > u64::from(most), Objection::TooManyInstalments { most, least }),
            (is_refused, Objection::FrequencyNotOffered),
            (count > 1 && self.needs_approval(), Objection::NeedsApproval),
        ];
        checks.into_iter().filter_map(|(is_broken, objection)| is_broken.then_some(objection)).collect()
    }

    fn time_objections(&self) -> Vec<Objection> {
        let latest = |days: u16| self.today.saturating_add(Span::new().days(i64::from(days)));
        let first = self.ask.first.unwrap_or(self.today);
        let (latest_first, latest_last) = (latest(self.bounds.max_days_to_first), latest(self.bounds.max_total_days));
        let asked_last = u16::try_from(self.asked_instalments()).ok().filter(|count| *count > 0).map(|count| {
            let frequency = (count > 1).then_some(self.ask.frequency.unwrap_or(Frequency::Monthly));
            self.offer(count, frequency, first).last_due(self.calendar)
        });
        let is_first_late = self.offer(1, None, first).due(0, self.calendar) > latest_first;
        let checks = [
            (first < self.today, Objection::FirstInThePast),
            (is_first_late, Objection::FirstTooLate { latest: latest_first }),
            (asked_last.is_none_or(|last| last > latest_last), Objection::TooLong { latest: latest_last }),
        ];
        checks.into_iter().filter_map(|(is_broken, objection)| is_broken.then_some(objection)).collect()
    }
}

/// A fraction that is not negative, compared exactly.
#[derive(Clone, Copy, Debug)]
struct Ratio {
    numerator: u128,
    denominator: u128,
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.numerator * other.denominator).cmp(&(other.numerator * self.denominator))
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ratio {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ratio {}

fn days_between(from: Date, to: Date) -> i64 {
    from.until((Unit::Day, to)).map_or(0, |span| i64::from(span.get_days()))
}
