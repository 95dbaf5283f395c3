//! Card payments: rows in the store, captures in the vault, outcomes at the processor.

use backends::{
    carrier::CarrierError,
    store::{PaymentRow, PaymentState as Kept, Receipt, StoreError, Write},
};
use book::{AccountId, ExternalId};
use call::{
    CallId,
    api::{AccountType, Method, Postal},
    carrier::CarrierCommand,
    port::{Failure, PaymentState, Reply, Terms},
};
use dialogue::PersonName;
use gate::wire::{self, Held, Holder, Open};
use jiff::Timestamp;
use rules::money::Money;
use uuid::Uuid;

use super::Backends;
use crate::health::host;

/// Most letters of the name that a bank account is held under.
const HOLDER_LETTERS: usize = 40;

impl Backends {
    /// Names a payment, unless another call's of the account may yet be made: nobody is to key a card for nothing.
    pub(super) async fn name_payment(&self, call: CallId, account: AccountId) -> Reply {
        match self.store.has_open_payment(account, call.uuid()).await {
            Ok(false) => {
                let is_vault_hardened = self.vault.as_ref().is_some_and(|vault| vault.identity().is_some());
                Reply::PaymentNamed { payment: Uuid::new_v4(), host: host::look(is_vault_hardened).await }
            }
            Ok(true) => {
                tracing::warn!(%call, "another payment of the account has no known outcome yet");
                Reply::Failed(Failure::PaymentOpen)
            }
            Err(error) => {
                tracing::error!(%call, %error, "the store does not say what was paid");
                Reply::Failed(Failure::Unavailable)
            }
        }
    }

    pub(super) async fn open_payment(
        &self,
        call: CallId,
        payment: Uuid,
        amount: Money,
        account: AccountId,
        arrangement: Option<ExternalId>,
        method: Method,
    ) -> Reply {
        let processor = match (&self.cashier, &self.carrier) {
            (Some(cashier), _) => cashier.taker().to_owned(),
            (None, Some(carrier)) => carrier.carrier().name().to_owned(),
            (None, None) => return Reply::Failed(Failure::Unavailable),
        };
        let row = PaymentRow {
            payment,
            call: call.uuid(),
            account,
            arrangement,
            amount,
            state: Kept::Submitted,
            opened_at: Timestamp::now(),
            method: method.recorded(),
            processor,
            charge: None,
            refund: None,
        };
        stored(self.store.write(Write::PaymentOpened(Box::new(row))).await)
    }

    /// Marks a row whose outcome is not known. A known one comes with the payment's record and is made durable in one piece
    /// with it.
    pub(super) async fn mark_payment(&self, payment: Uuid, state: PaymentState) -> Reply {
        match state {
            PaymentState::Approved | PaymentState::Declined | PaymentState::Abandoned | PaymentState::HandedOn => {
                Reply::Stored
            }
            PaymentState::Submitted | PaymentState::Tokenised | PaymentState::Charging | PaymentState::Unknown => {
                let (state, at) = (state.into(), Timestamp::now());
                stored(self.store.write(Write::PaymentState { payment, state, at }).await)
            }
        }
    }

    pub(super) fn open_capture(
        &self,
        capture: Uuid,
        payment: Uuid,
        amount: Money,
        terms: &Terms,
        holder: Option<&PersonName>,
    ) -> Reply {
        let Some(vault) = &self.vault else { return Reply::Failed(Failure::Unavailable) };
        let today = Timestamp::now().to_zoned(self.time_zone.load().as_ref().clone()).date();
        let amount_minor = u64::try_from(amount.minor());
        let currency = wire::Currency::parse(amount.currency().code());
        let (Ok(amount_minor), Ok(currency), Some(holder)) = (amount_minor, currency, holder_of(holder)) else {
            return Reply::Failed(Failure::Unavailable);
        };
        let open = Open {
            capture: capture.into_bytes(),
            payment: payment.into_bytes(),
            method: method(terms),
            amount_minor,
            currency,
            brands: terms.brands,
            postal: postal(terms.postal),
            year: today.year().unsigned_abs(),
            month: today.month().unsigned_abs(),
            holder,
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

    pub(super) async fn command_carrier(
        &self,
        call: CallId,
        capture: Uuid,
        carrier_call: &str,
        command: &CarrierCommand,
    ) -> Reply {
        let Some(carrier) = &self.carrier else { return Reply::Failed(Failure::Unavailable) };
        match carrier.obey(call.uuid(), capture, carrier_call, command).await {
            Ok(()) => Reply::Carried,
            Err(error) => {
                tracing::warn!(%call, %error, "the carrier does not carry a command out");
                Reply::Failed(failure(error))
            }
        }
    }

    /// Charges what the processor keeps. Goes on where the call ends meanwhile.
    pub(super) async fn charge_payment(&self, payment: Uuid, held: Held) -> Reply {
        let Some(cashier) = self.cashier.clone() else { return Reply::Failed(Failure::Unavailable) };
        match tokio::spawn(async move { cashier.charge(payment, held).await }).await {
            Ok(outcome) => {
                let (state, card) = outcome.told();
                Reply::Resolved(state, card)
            }
            Err(_) => Reply::Failed(Failure::Unavailable),
        }
    }

    pub(super) async fn resolve_payment(&self, payment: Uuid) -> Reply {
        let Some(cashier) = &self.cashier else { return Reply::Failed(Failure::Unavailable) };
        match cashier.resolve(payment).await {
            Some((state, card)) => Reply::Resolved(state, card),
            None => Reply::Failed(Failure::Unavailable),
        }
    }
}

/// What the failure of a command means for its payment: what may have been carried out is late, and not refused.
const fn failure(error: CarrierError) -> Failure {
    if error.is_unclear() { Failure::Late } else { Failure::Unavailable }
}

/// The name that a bank account is held under, in the letters that a processor is sent; others are left out.
fn holder_of(person: Option<&PersonName>) -> Option<Holder> {
    let is_sent = |letter: &char| letter.is_ascii_alphabetic() || " .'-".contains(*letter);
    let name: String = person.map_or("", PersonName::as_str).chars().filter(is_sent).take(HOLDER_LETTERS).collect();
    Holder::parse(name.trim()).ok()
}

const fn method(terms: &Terms) -> wire::Method {
    match (terms.method, terms.account_type) {
        (Method::Card, _) => wire::Method::Card,
        (Method::BankAccount, AccountType::ConsumerChecking) => wire::Method::Checking,
        (Method::BankAccount, AccountType::ConsumerSavings) => wire::Method::Savings,
        (Method::BankAccount, AccountType::CommercialChecking) => wire::Method::BusinessChecking,
    }
}

const fn postal(postal: Postal) -> wire::Postal {
    match postal {
        Postal::None => wire::Postal::None,
        Postal::Us => wire::Postal::Us,
        Postal::Canada => wire::Postal::Canada,
        Postal::UnitedKingdom => wire::Postal::UnitedKingdom,
    }
}

fn stored(result: Result<Receipt, StoreError>) -> Reply {
    match result {
        Ok(_) => Reply::Stored,
        Err(StoreError::PaymentOpen) => {
            tracing::warn!("another payment of the account has no known outcome yet");
            Reply::Failed(Failure::PaymentOpen)
        }
        Err(error) => {
            tracing::error!(%error, "a payment's row could not be made durable");
            Reply::Failed(Failure::NotDurable)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_surely_not_carried_out_is_refused() {
        for (error, expected) in [
            (CarrierError::Silent, Failure::Late),
            (CarrierError::Malformed, Failure::Late),
            (CarrierError::Refused(408), Failure::Late),
            (CarrierError::Refused(500), Failure::Late),
            (CarrierError::Refused(503), Failure::Late),
            (CarrierError::Refused(400), Failure::Unavailable),
            (CarrierError::Refused(429), Failure::Unavailable),
            (CarrierError::Unreached, Failure::Unavailable),
            (CarrierError::Open, Failure::Unavailable),
            (CarrierError::Unknown, Failure::Unavailable),
        ] {
            assert_eq!(failure(error), expected, "{error}");
        }
    }
}
