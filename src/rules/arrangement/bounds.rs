//! What a strategy allows.

use serde::{Deserialize, Serialize};

use crate::calendar::BusinessDayRule;
use crate::money::{BasisPoints, Currency, Money};

/// Most instalments any strategy may allow: ten years of months.
const MOST_INSTALMENTS: u16 = 120;
/// Most days any strategy may allow until the first payment.
const MOST_DAYS_TO_FIRST: u16 = 366;
/// Most days any strategy may allow from the talk to the last payment: ten years.
const MOST_TOTAL_DAYS: u16 = 3_660;

/// How often instalments fall due, in the order in which ties are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frequency {
    /// Every month on the anchor day, or on the month's last day where it has no such day.
    Monthly,
    /// Every fourteen days.
    Biweekly,
    /// Every seven days.
    Weekly,
}

impl Frequency {
    /// Every frequency.
    pub const ALL: [Self; 3] = [Self::Monthly, Self::Biweekly, Self::Weekly];

    /// Payments in a year: 12, 26 or 52.
    #[must_use]
    pub const fn per_year(self) -> u32 {
        match self {
            Self::Monthly => 12,
            Self::Biweekly => 26,
            Self::Weekly => 52,
        }
    }

    /// The frequency's name in files and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Monthly => "monthly",
            Self::Biweekly => "biweekly",
            Self::Weekly => "weekly",
        }
    }

    /// The frequency of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|frequency| frequency.name() == name)
    }
}

/// How far a strategy goes in settling a debt for less than is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettlementBounds {
    /// The least share of the balance.
    pub floor: BasisPoints,
    /// Below this share a person must approve.
    pub approval_under: BasisPoints,
    /// Days for which a settlement offer holds.
    pub valid_days: u16,
}

/// The limits within which arrangements may be agreed on a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The least instalment. A balance below it may still be paid whole.
    pub min_payment: Money,
    /// The least first instalment.
    pub min_first_payment: Money,
    /// The most instalments; 1 allows only a single payment.
    pub max_instalments: u16,
    /// The frequencies on offer, at least one.
    pub frequencies: Vec<Frequency>,
    /// The most days from the talk to the first due date; 0 asks for it at once.
    pub max_days_to_first: u16,
    /// The most days from the talk to the last due date.
    pub max_total_days: u16,
    /// Where a due date without banking goes.
    pub business_days: BusinessDayRule,
    /// Plans for more than this total need a person's approval; single payments never do.
    pub approval_over: Option<Money>,
    /// Settlements, where the strategy has any.
    pub settlement: Option<SettlementBounds>,
}

/// Why bounds contradict themselves. An account with such bounds gets no arrangement talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundsError {
    /// No frequency is on offer.
    #[error("frequencies is empty: name at least one of monthly, biweekly, weekly")]
    NoFrequency,
    /// The same frequency twice.
    #[error("frequencies names one frequency twice")]
    RepeatedFrequency,
    /// A least payment of nothing, or less.
    #[error("min_payment must be more than zero")]
    MinPayment,
    /// A first payment below zero.
    #[error("min_first_payment must not be negative")]
    MinFirstPayment,
    /// None, or more than ten years of months.
    #[error("max_instalments must be from 1 to 120")]
    MaxInstalments,
    /// More than a year.
    #[error("max_days_to_first must be at most 366")]
    MaxDaysToFirst,
    /// Shorter than the wait for the first payment, or more than ten years.
    #[error("max_total_days must be at least max_days_to_first and at most 3660")]
    MaxTotalDays,
    /// Amounts in different currencies.
    #[error("all amounts of a strategy must be in one currency")]
    CurrencyMismatch,
    /// Shares above the whole, or approval below the floor.
    #[error("settlement shares must satisfy floor <= approval_under <= 100 %, with floor above zero")]
    Settlement,
}

impl Bounds {
    /// The currency of every amount here.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.min_payment.currency()
    }

    /// Whether the bounds can be meant.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self) -> Result<(), BoundsError> {
        let mut sorted = self.frequencies.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let problems = [
            (self.frequencies.is_empty(), BoundsError::NoFrequency),
            (sorted.len() != self.frequencies.len(), BoundsError::RepeatedFrequency),
            (!self.min_payment.is_positive(), BoundsError::MinPayment),
            (self.min_first_payment.minor() < 0, BoundsError::MinFirstPayment),
            (!(1..=MOST_INSTALMENTS).contains(&self.max_instalments), BoundsError::MaxInstalments),
            (self.max_days_to_first > MOST_DAYS_TO_FIRST, BoundsError::MaxDaysToFirst),
            (!(self.max_days_to_first..=MOST_TOTAL_DAYS).contains(&self.max_total_days), BoundsError::MaxTotalDays),
            (!self.is_one_currency(), BoundsError::CurrencyMismatch),
            (!self.settlement.is_none_or(|settlement| settlement.is_ordered()), BoundsError::Settlement),
        ];
        problems.into_iter().find(|(is_wrong, _)| *is_wrong).map_or(Ok(()), |(_, error)| Err(error))
    }

    fn is_one_currency(&self) -> bool {
        let approval = self.approval_over.unwrap_or(self.min_payment);
        [self.min_first_payment, approval].iter().all(|amount| amount.currency() == self.currency())
    }
}

impl SettlementBounds {
    fn is_ordered(&self) -> bool {
        self.floor > BasisPoints(0) && self.floor <= self.approval_under && self.approval_under <= BasisPoints::WHOLE
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The sample bounds of the tests: 100.00 least, 6 monthly instalments, 30 days to the first.
    pub(in crate::arrangement) fn six_months() -> Bounds {
        Bounds {
            min_payment: Money::new(10_000, Currency::USD),
            min_first_payment: Money::new(10_000, Currency::USD),
            max_instalments: 6,
            frequencies: vec![Frequency::Monthly],
            max_days_to_first: 30,
            max_total_days: 210,
            business_days: BusinessDayRule::Following,
            approval_over: None,
            settlement: None,
        }
    }

    #[test]
    fn contradictions_are_named() {
        type Spoil = fn(&mut Bounds);
        let cases: [(Spoil, BoundsError); 7] = [
            (|bounds| bounds.frequencies.clear(), BoundsError::NoFrequency),
            (|bounds| bounds.frequencies.push(Frequency::Monthly), BoundsError::RepeatedFrequency),
            (|bounds| bounds.min_payment = Money::zero(Currency::USD), BoundsError::MinPayment),
            (|bounds| bounds.max_instalments = 0, BoundsError::MaxInstalments),
            (|bounds| bounds.max_total_days = 29, BoundsError::MaxTotalDays),
            (
                |bounds| bounds.approval_over = Currency::parse("EUR").ok().map(|euro| Money::new(1, euro)),
                BoundsError::CurrencyMismatch,
            ),
            (
                |bounds| {
                    bounds.settlement = Some(SettlementBounds {
                        floor: BasisPoints(7_000),
                        approval_under: BasisPoints(6_000),
                        valid_days: 5,
                    });
                },
                BoundsError::Settlement,
            ),
        ];
        assert_eq!(six_months().check(), Ok(()));
        for (spoil, error) in cases {
            let mut bounds = six_months();
            spoil(&mut bounds);
            assert_eq!(bounds.check(), Err(error));
        }
    }
}
