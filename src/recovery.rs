//! What an earlier run that was killed has left to do: BYE for its dialogs, and the outcome of its payments and refunds.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use backends::store::{INTERRUPTED, Interrupted, PaymentRow, PaymentState, Recovery, Store, Write};
use edge::SignallingHandle;
use jiff::{SignedDuration, Timestamp};
use metrics::gauge;
use sip::DialogRecord;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::services::Cashier;

/// Longest between two readings of one payment.
const SELDOM: SignedDuration = SignedDuration::from_hours(1);
/// How often payments without a known outcome are asked for.
const EVERY: Duration = Duration::from_secs(30);

/// What is said of each open payment where no processor is configured.
const NOBODY_READS: &str = "an open payment is read by nobody: look it up where it was taken and settle it by hand, or set \
                            capture.enabled, capture.by and processor.kind back until it is read";

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

/// Shows the payments and refunds whose outcome is not known, and reads them again and again until the processor says.
/// Never submits or charges anything; a refund that the processor knows nothing of is asked for again, under its key. Those
/// of an `earlier` run, which no call looks after, are read at once; without a `cashier` none is, and each is named once.
pub(crate) async fn resolve_payments(
    store: Store,
    cashier: Option<Cashier>,
    earlier: Vec<PaymentRow>,
    stop: CancellationToken,
) {
    let earlier = earlier.iter().map(|row| row.payment).collect();
    let mut watch = Watch { store, cashier, earlier, read_at: BTreeMap::new() };
    let mut beat = tokio::time::interval(EVERY);
    while stop.run_until_cancelled(beat.tick()).await.is_some() {
        watch.look().await;
    }
}

/// Looks after open payments.
struct Watch {
    store: Store,
    cashier: Option<Cashier>,
    earlier: BTreeSet<Uuid>,
    /// When each was read last.
    read_at: BTreeMap<Uuid, Timestamp>,
}

impl Watch {
    async fn look(&mut self) {
        let open = match self.store.open_payments().await {
            Ok(open) => open,
            Err(error) => {
                tracing::error!(%error, "the store does not say which payments are open; it is asked again");
                return;
            }
        };
        show(&open, Timestamp::now());
        let longest = self.cashier.as_ref().map_or(gate::LONGEST_CAPTURE, Cashier::longest);
        self.read_at.retain(|payment, _| open.iter().any(|row| row.payment == *payment));
        for row in open {
            let (payment, now) = (row.payment, Timestamp::now());
            let is_left = self.earlier.contains(&payment) || is_stale(&row, longest, now);
            let last = self.read_at.get(&payment).copied();
            match &self.cashier {
                Some(cashier) if is_left && last.is_none_or(|last| is_due(&row, last, now)) => {
                    self.read_at.insert(payment, now);
                    resolve(cashier, row, now).await;
                }
                None if is_left && last.is_none() => {
                    self.read_at.insert(payment, now);
                    tracing::error!(%payment, state = row.state.name(), processor = row.processor, "{NOBODY_READS}");
                }
                Some(_) | None => {}
            }
        }
    }
}

/// Shows how many payments of each open state there are, and how long the oldest has been so.
fn show(open: &[PaymentRow], now: Timestamp) {
    for state in PaymentState::OPEN {
        let of_state = open.iter().filter(|row| row.state == state);
        let oldest = of_state.clone().map(PaymentRow::since).min().unwrap_or(now);
        gauge!("tonegate_payments_open", "state" => state.name()).set(of_state.count() as f64);
        let age = now.duration_since(oldest).as_secs_f64().max(0.0);
        gauge!("tonegate_payments_open_oldest_seconds", "state" => state.name()).set(age);
    }
}

/// Whether no call can still be waiting for it: neither a capture nor a charge takes so long.
fn is_stale(row: &PaymentRow, longest: Duration, now: Timestamp) -> bool {
    let age = now.duration_since(row.since());
    match row.state {
        PaymentState::Submitted => age > signed(gate::LONGEST_CAPTURE.max(longest)),
        PaymentState::Tokenised
        | PaymentState::Charging
        | PaymentState::Unknown
        | PaymentState::HandedOn
        | PaymentState::Approved
        | PaymentState::Declined
        | PaymentState::Abandoned
        | PaymentState::Refunding
        | PaymentState::Refunded => age > signed(longest),
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// Whether it is time to read it again: the longer it is open, the more seldom.
fn is_due(row: &PaymentRow, last: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(row.since());
    now.duration_since(last) >= (age / 10).min(SELDOM)
}

async fn resolve(cashier: &Cashier, row: PaymentRow, now: Timestamp) {
    let payment = row.payment;
    if row.state == PaymentState::Refunding {
        return cashier.resume_refund(&row).await;
    }
    let absence_is_final = now.duration_since(row.opened_at) > signed(cashier.longest());
    let Some(outcome) = cashier.recover(row, absence_is_final).await else { return };
    let state = outcome.told().0;
    if state != call::port::PaymentState::Unknown {
        tracing::info!(%payment, ?state, "the outcome of a payment is known now");
    }
}

#[cfg(test)]
mod tests {
    use backends::store::{RefundRow, StoreOptions};

    use super::*;

    fn row(payment: u128, state: PaymentState) -> PaymentRow {
        PaymentRow {
            payment: Uuid::from_u128(payment),
            call: Uuid::from_u128(2),
            account: book::AccountId::parse("CA-1001").unwrap(),
            arrangement: None,
            amount: rules::money::Money::new(1, rules::money::Currency::USD),
            state,
            opened_at: Timestamp::UNIX_EPOCH,
            method: book::record::PaymentMethod::CardKeyed,
            processor: "stripe".to_owned(),
            charge: None,
            refund: None,
        }
    }

    fn after(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn open_payments_are_shown_by_state_with_the_age_of_the_oldest() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // A payment of long ago that is given back since a minute.
        let refund = RefundRow { key: Uuid::from_u128(9), since: after(940), asked_at: after(990) };
        let refunding = PaymentRow { refund: Some(refund), ..row(3, PaymentState::Refunding) };
        let younger = PaymentRow { opened_at: after(600), ..row(2, PaymentState::Unknown) };
        metrics::with_local_recorder(&recorder, || {
            show(&[row(1, PaymentState::Unknown), younger, refunding], after(1_000));
        });
        let shown = handle.render();
        for (state, count, age) in
            [("submitted", 0, 0), ("tokenised", 0, 0), ("charging", 0, 0), ("unknown", 2, 1_000), ("refunding", 1, 60)]
        {
            for (name, value) in [("tonegate_payments_open", count), ("tonegate_payments_open_oldest_seconds", age)] {
                let line = format!("{name}{{state=\"{state}\"}} {value}\n");
                assert!(shown.contains(&line), "{line} is missing:\n{shown}");
            }
        }
    }

    #[tokio::test]
    async fn without_a_processor_open_payments_are_shown_all_the_same() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let _local = metrics::set_default_local_recorder(&recorder);
        let directory = tempfile::tempdir().unwrap();
        let options = StoreOptions { least_free: 0, ..StoreOptions::at(directory.path().join("store.db")) };
        let (store, _) = Store::open(options, Timestamp::now()).unwrap();
        store.write(Write::PaymentOpened(Box::new(row(1, PaymentState::Submitted)))).await.unwrap();
        let charging = Write::PaymentState { payment: Uuid::from_u128(1), state: PaymentState::Charging, at: after(1) };
        store.write(charging).await.unwrap();
        let mut watch = Watch { store, cashier: None, earlier: BTreeSet::new(), read_at: BTreeMap::new() };
        watch.look().await;
        let shown = recorder.handle().render();
        assert!(shown.contains("tonegate_payments_open{state=\"charging\"} 1\n"), "{shown}");
        assert_eq!(watch.read_at.len(), 1, "it was named");
    }

    #[test]
    fn what_is_long_open_is_read_more_seldom() {
        let row = row(1, PaymentState::Unknown);
        for (age, pause, due) in
            [(300, 30, true), (3_600, 300, false), (3_600, 360, true), (864_000, 3_599, false), (864_000, 3_600, true)]
        {
            assert_eq!(is_due(&row, after(age - pause), after(age)), due, "{age} s old, read {pause} s ago");
        }
        let [vault, carrier] = [190, 790].map(Duration::from_secs);
        assert!(!is_stale(&row, vault, after(60)) && is_stale(&row, vault, after(300)));
        assert!(!is_stale(&row, carrier, after(300)) && is_stale(&row, carrier, after(800)));
    }
}
