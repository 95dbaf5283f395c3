//! Settling a debt for less than is owed.

use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::bounds::Bounds;
use super::closest::Refusal;
use crate::money::{BasisPoints, Money};

/// A settlement that the strategy allows without a person's approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// What closes the debt.
    pub amount: Money,
    /// The part of the balance that is then forgiven.
    pub forgiven: Money,
    /// The last day of the offer.
    pub valid_until: Date,
}

/// The settlement of `balance` at a share of it, rounded half up to the minor unit.
///
/// # Errors
/// [`Refusal::BelowSettlementFloor`] under the strategy's floor or where it has no settlements,
/// [`Refusal::NeedsApproval`] between the floor and the share that needs none.
pub fn settle(balance: Money, share: BasisPoints, bounds: &Bounds, today: Date) -> Result<Settlement, Refusal> {
    bounds.check().map_err(Refusal::Bounds)?;
    if balance.currency() != bounds.currency() {
        return Err(Refusal::CurrencyMismatch);
    }
    if !balance.is_positive() {
        return Err(Refusal::NothingOwed);
    }
    let limits = bounds.settlement.ok_or(Refusal::BelowSettlementFloor)?;
    if share < limits.floor || share > BasisPoints::WHOLE {
        return Err(Refusal::BelowSettlementFloor);
    }
    if share < limits.approval_under {
        return Err(Refusal::NeedsApproval);
    }
    let amount = balance.share(share).map_err(|_| Refusal::NothingFeasible)?;
    let forgiven = balance.checked_sub(amount).map_err(|_| Refusal::NothingFeasible)?;
    Ok(Settlement {
        amount,
        forgiven,
        valid_until: today.saturating_add(Span::new().days(i64::from(limits.valid_days))),
    })
}

#[cfg(test)]
mod tests {
    use super::super::bounds::{SettlementBounds, tests::six_months};
    use super::*;
    use crate::money::Currency;
    use jiff::civil::date;

    fn bounds() -> Bounds {
        let (floor, approval_under) = (BasisPoints(5_000), BasisPoints(7_000));
        Bounds { settlement: Some(SettlementBounds { floor, approval_under, valid_days: 14 }), ..six_months() }
    }

    #[test]
    fn a_share_between_floor_and_threshold_needs_a_person() {
        let (balance, today) = (Money::new(123_456, Currency::USD), date(2026, 11, 23));
        let settled = settle(balance, BasisPoints(7_000), &bounds(), today).unwrap();
        assert_eq!((settled.amount.minor(), settled.forgiven.minor()), (86_419, 37_037));
        assert_eq!(settled.valid_until, date(2026, 12, 7));
        assert_eq!(settle(balance, BasisPoints(6_000), &bounds(), today), Err(Refusal::NeedsApproval));
        assert_eq!(settle(balance, BasisPoints(4_999), &bounds(), today), Err(Refusal::BelowSettlementFloor));
        assert_eq!(settle(balance, BasisPoints(9_000), &six_months(), today), Err(Refusal::BelowSettlementFloor));
    }
}
