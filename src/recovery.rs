//! What an earlier run that was killed has left to do: BYE for its dialogs, and the outcome of its payments.

use std::sync::Arc;

use backends::{
    processor::{Processor, Reading},
    store::{INTERRUPTED, Interrupted, PaymentRow, PaymentState, Recovery, Store, Write},
};
use book::{
    ExternalId, PaymentTransaction,
    record::{Card, PaymentMethod, PaymentStatus},
};
use edge::SignallingHandle;
use jiff::{SignedDuration, Timestamp};
use sip::DialogRecord;
use tokio_util::sync::CancellationToken;

use crate::services::resolved;

/// Longest a submission takes once its outcome counts as unknown: the vault's handshake and answer deadlines, doubled.
const SUBMISSION: SignedDuration = SignedDuration::from_secs(60);
/// How often payments without a known outcome are asked for.
const EVERY: std::time::Duration = std::time::Duration::from_secs(30);

/// Ends the dialogs of an earlier run.
pub(crate) async fn hang_up(recovery: &Recovery, signalling: &SignallingHandle, store: &Store) {
    for Interrupted { call, trunk } in &recovery.interrupted {
        tracing::warn!(%call, "the call was interrupted; its attempt says so");
        let labels = [("trunk", trunk.clone()), ("reason", INTERRUPTED.to_owned())];
        metrics::counter!("tonegate_calls_ended_total", &labels).increment(1);
    }
    for dialog in &recovery.dialogs {
        match serde_json::from_str::<DialogRecord>(&dialog.journal) {
            Ok(record) => match signalling.restore_and_hang_up(record).await {
                Ok(_) => tracing::info!(call = %dialog.call, "BYE is sent for an interrupted call"),
                Err(error) => tracing::error!(call = %dialog.call, %error, "no BYE can be sent"),
            },
            Err(_) => tracing::error!(call = %dialog.call, "the dialog journal cannot be read; no BYE can be sent"),
        }
        if let Err(error) = store.write(Write::DialogRemoved { call: dialog.call }).await {
            tracing::error!(call = %dialog.call, %error, "the dialog stays in the journal");
        }
    }
}

/// Asks the processor for payments whose outcome is not known, again and again, until it says. Never submits anything.
pub(crate) async fn resolve_payments(store: Store, processor: Arc<Processor>, stop: CancellationToken) {
    let mut beat = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = beat.tick() => {}
        }
        let open = store.open_payments().await.unwrap_or_default();
        for row in open.iter().filter(|row| is_stale(row)) {
            resolve(&store, &processor, row).await;
        }
    }
}

/// Whether no call can still be waiting for it: a capture never takes so long.
fn is_stale(row: &PaymentRow) -> bool {
    let age = Timestamp::now().duration_since(row.opened_at);
    match row.state {
        PaymentState::Unknown => age > SUBMISSION,
        PaymentState::Submitted | PaymentState::Approved | PaymentState::Declined | PaymentState::Abandoned => {
            age > SignedDuration::try_from(gate::LONGEST_CAPTURE).unwrap_or_default()
        }
    }
}

async fn resolve(store: &Store, processor: &Processor, row: &PaymentRow) {
    let Ok(found) = processor.read(row.payment).await else { return };
    // By now no submission can be on its way: what the processor does not know was never charged.
    let (state, card) = match found {
        Reading::Absent => (call::port::PaymentState::Abandoned, None),
        Reading::Approved(_) | Reading::Declined(_) => resolved(&found),
    };
    let (kept, status) = match state {
        call::port::PaymentState::Approved => (PaymentState::Approved, PaymentStatus::Succeeded),
        call::port::PaymentState::Declined => (PaymentState::Declined, PaymentStatus::Failed),
        call::port::PaymentState::Abandoned => (PaymentState::Abandoned, PaymentStatus::Failed),
        call::port::PaymentState::Submitted | call::port::PaymentState::Unknown => return,
    };
    let at = Timestamp::now();
    let record = PaymentTransaction {
        external_id: ExternalId::payment(row.payment),
        payment: row.payment,
        call: row.call,
        attempt: ExternalId::attempt(row.call),
        account: row.account.clone(),
        arrangement: row.arrangement.clone(),
        amount: row.amount,
        method: PaymentMethod::CardKeyed,
        status,
        failure: (status == PaymentStatus::Failed).then(|| "resolved_later".to_owned()),
        card: card.as_ref().and_then(|card| Card::new(card.brand.name(), card.last_four.as_str()).ok()),
        token: card.as_ref().map(|card| card.token.as_str().to_owned()),
        processed_at: Some(at),
    };
    let writes =
        vec![Write::PaymentState { payment: row.payment, state: kept, at }, Write::Record(Box::new(record.into()))];
    match store.write(writes).await {
        Ok(_) => tracing::info!(payment = %row.payment, "the outcome of a payment is known now"),
        Err(error) => tracing::error!(payment = %row.payment, %error, "an outcome could not be made durable"),
    }
}
