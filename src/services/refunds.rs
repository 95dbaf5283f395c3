//! Refunds that an operator asks for.

use std::sync::Arc;

use backends::store::Store;
use uuid::Uuid;

use super::{Backends, Cashier};
use crate::api::{Given, RefundRefusal, Refunding, Refunds};

/// [`Refunds`] over the parts.
pub(crate) struct Desk(pub(crate) Arc<Backends>);

impl Refunds for Desk {
    fn refund(&self, payment: Uuid, bearer: &str) -> Refunding {
        let (store, cashier, bearer) = (self.0.store.clone(), self.0.cashier.clone(), bearer.to_owned());
        Box::pin(async move {
            // Begun, it is brought to its end, whoever still waits.
            let refunding = tokio::spawn(async move { refund(&store, cashier, payment, &bearer).await });
            refunding.await.unwrap_or(Err(RefundRefusal::Unavailable))
        })
    }

    fn is_refunding(&self, payment: Uuid) -> bool {
        self.0.cashier.as_ref().is_some_and(|cashier| cashier.is_refunding(payment))
    }
}

/// Where this gateway has no processor, nothing was made with it; that is no word on whether there is such a payment.
async fn refund(store: &Store, cashier: Option<Cashier>, payment: Uuid, bearer: &str) -> Result<Given, RefundRefusal> {
    match cashier {
        Some(cashier) => cashier.refund(payment, bearer).await,
        None => match store.payment(payment).await {
            Ok(Some(_)) => Err(RefundRefusal::NotPaid),
            Ok(None) => Err(RefundRefusal::NoPayment),
            Err(_) => Err(RefundRefusal::Unavailable),
        },
    }
}

#[cfg(test)]
mod tests {
    use backends::store::{PaymentRow, PaymentState, StoreOptions, Write};
    use book::record::PaymentMethod;
    use jiff::Timestamp;
    use rules::money::{Currency, Money};

    use super::*;

    #[tokio::test]
    async fn without_a_processor_a_payment_is_not_denied() {
        let directory = tempfile::tempdir().unwrap();
        let options = StoreOptions { least_free: 0, ..StoreOptions::at(directory.path().join("store.db")) };
        let (store, _) = Store::open(options, Timestamp::now()).unwrap();
        let payment = Uuid::from_u128(1);
        let row = PaymentRow {
            payment,
            call: Uuid::from_u128(2),
            account: book::AccountId::parse("CA-1001").unwrap(),
            arrangement: None,
            amount: Money::new(4_200, Currency::USD),
            state: PaymentState::Submitted,
            opened_at: Timestamp::now(),
            method: PaymentMethod::CardKeyed,
            processor: "stripe".to_owned(),
            charge: None,
            refund: None,
        };
        store.write(Write::PaymentOpened(Box::new(row))).await.unwrap();
        assert_eq!(refund(&store, None, payment, "desk").await, Err(RefundRefusal::NotPaid));
        assert_eq!(refund(&store, None, Uuid::from_u128(3), "desk").await, Err(RefundRefusal::NoPayment));
    }
}
