//! What may still be paid in a call: one payment at a time, none after one whose outcome is unknown, and no more than is owed.

use rules::money::Money;

use super::super::Call;
use super::{Payment, Settled};

impl Call {
    /// Whether a payment may be begun: none is under way, and of each that was it is known what became of it.
    pub(super) fn may_pay(&self) -> bool {
        let is_unknown = |payment: &Payment| matches!(payment.outcome, Some(Settled::Unknown));
        !self.is_paying() && !self.payments().any(is_unknown)
    }

    /// Whether a payment is under way: its outcome is not known yet, or the caller is still muted for it.
    pub(in super::super) fn is_paying(&self) -> bool {
        self.payment.as_ref().is_some_and(|payment| payment.is_open() || payment.is_running())
    }

    /// Whether so much is owed, in minor units of the account's currency: the balance, less what was or may have been taken
    /// in this call.
    pub(super) fn is_owed(&self, amount_minor: i64) -> bool {
        self.owed().is_some_and(|owed| (1..=owed.minor()).contains(&amount_minor))
    }

    fn owed(&self) -> Option<Money> {
        let balance = self.matter.account()?.balance;
        let is_taken = |payment: &&Payment| payment.outcome.as_ref().is_some_and(Settled::is_taken);
        self.payments().filter(is_taken).try_fold(balance, |owed, payment| owed.checked_sub(payment.amount).ok())
    }

    /// The payments of this call, the newest first.
    pub(super) fn payments(&self) -> impl Iterator<Item = &Payment> {
        self.payment.iter().chain(&self.past)
    }
}
