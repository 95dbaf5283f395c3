//! What a carrier tells of a payment that its call has left: the outcome that nobody knew is kept, and the account book told.

use backends::{
    audit::Kind,
    store::{DECLINED, PaymentRow, PaymentState as Kept, Write},
};
use book::{
    PaymentTransaction,
    record::{Card, PaymentStatus},
};
use call::carrier::{CarrierEnd, CarrierReceipt};
use gate::wire::Brand;
use uuid::Uuid;

use super::{
    Backends,
    charge::{Seen, audit, transaction},
};

impl Backends {
    /// How a payment ended that the carrier took. Whether that was not known before, and is now.
    pub(crate) async fn carrier_ended(&self, call: Uuid, payment: Uuid, end: &CarrierEnd) -> bool {
        let (Some(link), Ok(Some(row))) = (&self.carrier, self.store.payment(payment).await) else { return false };
        if !takes(row.state, end) || row.call != call || row.processor != link.carrier().name() {
            return false;
        }
        let (outcome, record) = match end {
            CarrierEnd::Paid(receipt) => {
                let seen = Seen { card: card(receipt), token: None };
                ("approved", transaction(&row, PaymentStatus::Succeeded, None, seen))
            }
            CarrierEnd::Declined => (DECLINED, failed(&row, DECLINED)),
            CarrierEnd::Cancelled => ("cancelled", failed(&row, "cancelled")),
            CarrierEnd::Failed(reason) => (*reason, failed(&row, reason)),
            CarrierEnd::Unknown => return false,
        };
        let writes = vec![Write::Record(Box::new(record.into())), audit(&row, Kind::PaymentResolved, outcome)];
        match self.store.persist(writes).await {
            Ok(_) => {
                tracing::info!(%payment, outcome, "the carrier tells of a payment whose call is over");
                true
            }
            Err(error) => {
                tracing::error!(%payment, %error, "what the carrier told of a payment could not be made durable");
                false
            }
        }
    }
}

/// Whether a row takes the carrier's word: where its outcome is not known, and where what was given up is paid all the same.
fn takes(state: Kept, end: &CarrierEnd) -> bool {
    match state {
        Kept::Submitted | Kept::Unknown => true,
        Kept::Abandoned => matches!(end, CarrierEnd::Paid(_)),
        Kept::Tokenised
        | Kept::Charging
        | Kept::HandedOn
        | Kept::Approved
        | Kept::Declined
        | Kept::Refunding
        | Kept::Refunded => false,
    }
}

fn failed(row: &PaymentRow, why: &str) -> PaymentTransaction {
    transaction(row, PaymentStatus::Failed, Some(why), Seen::default())
}

fn card(receipt: &CarrierReceipt) -> Option<Card> {
    Card::new(receipt.brand.map_or("other", Brand::name), receipt.last_four.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use gate::wire::LastFour;

    use super::*;

    #[test]
    fn what_was_given_up_is_paid_where_the_carrier_says_so_and_what_is_known_stays() {
        let last_four = LastFour::parse("1111").unwrap();
        let paid = CarrierEnd::Paid(CarrierReceipt { confirmation: None, brand: None, last_four });
        for (state, takes_paid, takes_failed) in [
            (Kept::Submitted, true, true),
            (Kept::Unknown, true, true),
            (Kept::Abandoned, true, false),
            (Kept::Approved, false, false),
            (Kept::Declined, false, false),
            (Kept::Refunding, false, false),
            (Kept::Refunded, false, false),
        ] {
            let taken = (takes(state, &paid), takes(state, &CarrierEnd::Failed("hung_up")));
            assert_eq!(taken, (takes_paid, takes_failed), "{state:?}");
        }
    }
}
