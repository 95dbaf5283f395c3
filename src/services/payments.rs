//! Card payments: rows in the store, captures in the vault, outcomes at the processor.

use backends::{
    processor::Reading,
    store::{PaymentRow, PaymentState as Kept, Write},
};
use book::{AccountId, ExternalId};
use call::{
    CallId,
    port::{Failure, PaidCard, PaymentState, Reply},
};
use gate::wire::{Approval, Brands, Open};
use jiff::Timestamp;
use rules::money::Money;
use uuid::Uuid;

use super::Backends;

/// What every capture is opened with.
#[derive(Clone, Debug)]
pub(crate) struct CaptureTerms {
    /// The brands that are taken.
    pub(crate) brands: Brands,
    /// Whether the postal code is asked for.
    pub(crate) postal: bool,
}

impl Backends {
    pub(super) async fn open_payment(
        &self,
        call: CallId,
        payment: Uuid,
        amount: Money,
        account: AccountId,
        arrangement: Option<ExternalId>,
    ) -> Reply {
        let row = PaymentRow {
            payment,
            call: call.uuid(),
            account,
            arrangement,
            amount,
            state: Kept::Submitted,
            opened_at: Timestamp::now(),
        };
        stored(self.store.write(Write::PaymentOpened(Box::new(row))).await)
    }

    pub(super) async fn mark_payment(&self, payment: Uuid, state: PaymentState) -> Reply {
        let state = match state {
            PaymentState::Submitted => Kept::Submitted,
            PaymentState::Approved => Kept::Approved,
            PaymentState::Declined => Kept::Declined,
            PaymentState::Abandoned => Kept::Abandoned,
            PaymentState::Unknown => Kept::Unknown,
        };
        stored(self.store.write(Write::PaymentState { payment, state, at: Timestamp::now() }).await)
    }

    pub(super) fn open_capture(&self, capture: Uuid, payment: Uuid, amount: Money) -> Reply {
        let Some(vault) = &self.vault else { return Reply::Failed(Failure::Unavailable) };
        let today = Timestamp::now().to_zoned(self.time_zone.load().as_ref().clone()).date();
        let amount_minor = u64::try_from(amount.minor());
        let currency = gate::wire::Currency::parse(amount.currency().code());
        let (Ok(amount_minor), Ok(currency)) = (amount_minor, currency) else {
            return Reply::Failed(Failure::Unavailable);
        };
        let open = Open {
            capture: capture.into_bytes(),
            payment: payment.into_bytes(),
            amount_minor,
            currency,
            year: today.year().unsigned_abs(),
            month: today.month().unsigned_abs(),
            postal: self.terms.postal,
            brands: self.terms.brands,
        };
        match vault.open(open) {
            Ok(socket) => Reply::CaptureOpened(socket),
            Err(error) => {
                tracing::error!(%error, "the vault opens no capture");
                Reply::Failed(Failure::Unavailable)
            }
        }
    }

    pub(super) async fn connect_processor(&self, capture: Uuid) -> Reply {
        let Some(vault) = &self.vault else { return Reply::Failed(Failure::Unavailable) };
        match vault.connect(capture.into_bytes()).await {
            Ok(()) => Reply::Connected,
            Err(error) => {
                tracing::error!(%error, "the vault gets no connection to the processor");
                Reply::Failed(Failure::Unavailable)
            }
        }
    }

    pub(super) async fn resolve_payment(&self, payment: Uuid) -> Reply {
        let Some(processor) = &self.processor else { return Reply::Failed(Failure::Unavailable) };
        match processor.read(payment).await {
            Ok(reading) => {
                let (state, card) = resolved(&reading);
                Reply::Resolved(state, card)
            }
            Err(error) => {
                tracing::warn!(%error, "the processor does not say what became of a payment");
                Reply::Failed(Failure::Unavailable)
            }
        }
    }
}

/// What the processor's word means here.
pub(crate) fn resolved(reading: &Reading) -> (PaymentState, Option<PaidCard>) {
    match *reading {
        Reading::Approved(Approval { token, brand, last_four, authorisation: _ }) => {
            (PaymentState::Approved, Some(PaidCard { token, brand, last_four }))
        }
        Reading::Declined(_) => (PaymentState::Declined, None),
        // A submission may still be on its way; it is asked for again later.
        Reading::Absent => (PaymentState::Unknown, None),
    }
}

fn stored(result: Result<backends::store::Receipt, backends::store::StoreError>) -> Reply {
    match result {
        Ok(_) => Reply::Stored,
        Err(error) => {
            tracing::error!(%error, "a payment's row could not be made durable");
            Reply::Failed(Failure::NotDurable)
        }
    }
}
