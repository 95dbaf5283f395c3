//! Charging by token, and reading what an earlier run left: does what [`Settlement`] says, with the store and the
//! processor, and decides nothing.

mod refund;
mod turn;

use std::{sync::Arc, time::Duration};

use backends::{
    audit::{Details, Entry, Kind},
    processor::{Charge, Charging, Processor, ProcessorError, Reading, Receipt, Sought},
    store::{ChargeRow, DECLINED, PaymentRow, PaymentState as Kept, Store, StoreError, Write},
};
use book::{
    ExternalId, PaymentTransaction,
    record::{Card, PaymentStatus},
};
use call::{
    carrier::Carrier,
    port::{PaidCard, PaymentState},
    settlement::{Effect, Settlement, Verdict},
};
use gate::wire::Held;
use jiff::Timestamp;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use uuid::Uuid;

use self::turn::Turns;

/// How long an outcome may take to be durable before the caller is told it all the same. It is read again then.
const PATIENCE: Duration = Duration::from_secs(8);

/// Longest that a submission by the vault, or a charge, can be on its way: the vault's handshake and answer deadlines, 65 s at
/// most, and [`call::settlement::LONGEST`], doubled.
const SUBMISSION: Duration = Duration::from_secs(190);

/// Charges, reads and refunds.
#[derive(Clone)]
pub(crate) struct Cashier {
    store: Store,
    processor: Arc<Processor>,
    /// The carrier whose connector submits to this processor: then it is only read, and gives back.
    carrier: Option<Carrier>,
    /// Who looks after the refund of a payment.
    refunds: Turns,
}

/// How a payment ended, and with what.
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    pub(crate) held: Option<Held>,
}

impl Outcome {
    /// As a call knows it.
    pub(crate) fn told(&self) -> (PaymentState, Option<PaidCard>) {
        let card = self.held.map(|Held { brand, last_four, token }| PaidCard { token, brand, last_four });
        (self.verdict.state(), card)
    }
}

impl Cashier {
    pub(crate) fn new(store: Store, processor: Arc<Processor>) -> Self {
        Self { store, processor, carrier: None, refunds: Turns::default() }
    }

    /// For payments that a carrier takes and submits to this processor, under the ids that it was given.
    pub(crate) fn behind(store: Store, processor: Arc<Processor>, carrier: Carrier) -> Self {
        Self { store, processor, carrier: Some(carrier), refunds: Turns::default() }
    }

    /// By what name rows say who takes their payments.
    pub(crate) fn taker(&self) -> &'static str {
        self.carrier.map_or_else(|| self.processor.name(), Carrier::name)
    }

    /// Longest that anything of a payment can be on its way once its row is open. A carrier has the row before the first
    /// key, the vault after the last.
    pub(crate) fn longest(&self) -> Duration {
        if self.carrier.is_some() { gate::LONGEST_CAPTURE + SUBMISSION } else { SUBMISSION }
    }

    /// When a payment is charged. What a carrier submits is, whatever else the processor can do.
    fn charging(&self) -> Charging {
        if self.carrier.is_some() { Charging::AtOnce } else { self.processor.charging() }
    }

    /// The processor.
    pub(crate) fn processor(&self) -> &Processor {
        &self.processor
    }

    /// Charges what the vault has brought. Runs to its end even where the call does not wait.
    pub(crate) async fn charge(&self, payment: Uuid, held: Held) -> Outcome {
        let nothing = Outcome { verdict: Verdict::Failed, held: Some(held) };
        let Ok(Some(row)) = self.store.payment(payment).await else { return nothing };
        // A row is charged once; what has been begun is only read.
        if row.state != Kept::Submitted || row.charge.is_some() {
            tracing::error!(%payment, "a payment that is under way is not charged again");
            return Outcome { verdict: Verdict::Unknown, ..nothing };
        }
        let row = PaymentRow { charge: Some(ChargeRow::of(&held)), ..row };
        let now = Instant::now().into_std();
        let settlement = match self.charging() {
            Charging::ByToken => Settlement::charging(now),
            Charging::Elsewhere => Settlement::handing_on(now),
            Charging::AtOnce => Settlement::abandoning(now),
        };
        self.drive(settlement, row).await
    }

    /// What became of a submission whose outcome the vault did not tell. `None` where nothing can be learnt.
    pub(crate) async fn resolve(&self, payment: Uuid) -> Option<(PaymentState, Option<PaidCard>)> {
        let row = self.store.payment(payment).await.ok()??;
        if self.charging() != Charging::AtOnce && row.charge.is_none() {
            // Without a token nothing was charged, and without the vault's word none will come.
            return Some((PaymentState::Abandoned, None));
        }
        match self.processor.read(sought(&row)).await {
            Ok(Reading::Approved(receipt)) => {
                let held = row.charge.as_ref().and_then(ChargeRow::held).or(receipt.held);
                Some(Outcome { verdict: Verdict::Approved, held }.told())
            }
            Ok(Reading::Declined(_)) => Some((PaymentState::Declined, None)),
            // A submission may still be on its way; it is asked for again later.
            Ok(Reading::Pending | Reading::Absent) => Some((PaymentState::Unknown, None)),
            Err(error) => {
                tracing::warn!(%payment, %error, "the processor does not say what became of a payment");
                None
            }
        }
    }

    /// What is to be done for a row that no call looks after, if anything can be. `absence_is_final` says that no request
    /// of it can be on its way any more.
    pub(crate) async fn recover(&self, row: PaymentRow, absence_is_final: bool) -> Option<Outcome> {
        if !self.is_its_own(&row) {
            return None;
        }
        let now = Instant::now().into_std();
        let settlement = match (row.state, self.charging(), &row.charge) {
            (Kept::Submitted | Kept::Unknown, Charging::AtOnce, None) => Settlement::reading(now, absence_is_final),
            (Kept::Charging | Kept::Unknown, _, Some(_)) => Settlement::reading(now, absence_is_final),
            // Whoever charges by token has charged nothing without one.
            (Kept::Submitted | Kept::Unknown, Charging::ByToken | Charging::Elsewhere, None) if absence_is_final => {
                Settlement::abandoning(now)
            }
            (Kept::Tokenised, _, _) => Settlement::abandoning(now),
            _ => return None,
        };
        Some(self.drive(settlement, row).await)
    }

    /// Whether a payment that is open can be read here.
    fn is_its_own(&self, row: &PaymentRow) -> bool {
        let is_its_own = row.processor == self.taker();
        if !is_its_own {
            tracing::error!(payment = %row.payment, processor = row.processor, "an open payment is another processor's: set processor.kind back until it is read");
        }
        is_its_own
    }

    /// What was charged: of a row that was charged at once only the processor knows.
    async fn held(&self, row: &PaymentRow) -> Option<Held> {
        let kept = row.charge.as_ref().and_then(ChargeRow::held);
        match kept {
            Some(held) => Some(held),
            None => match self.processor.read(sought(row)).await {
                Ok(Reading::Approved(receipt)) => receipt.held,
                Ok(Reading::Declined(_) | Reading::Pending | Reading::Absent) | Err(_) => None,
            },
        }
    }

    async fn drive(&self, mut settlement: Settlement, mut row: PaymentRow) -> Outcome {
        let mut held = row.charge.as_ref().and_then(ChargeRow::held);
        loop {
            if let Some(verdict) = settlement.verdict() {
                return Outcome { verdict, held };
            }
            let due = settlement.poll_timeout().map_or_else(|| Instant::now() + PATIENCE, Instant::from_std);
            match settlement.poll_output() {
                Some(Effect::Keep(state)) => settlement.handle_kept(self.is_kept(&row, state, held).await),
                Some(effect @ (Effect::Charge | Effect::Read)) => {
                    let Ok(answer) = timeout_at(due, self.ask(effect, &row)).await else {
                        settlement.handle_timeout(Instant::now().into_std());
                        continue;
                    };
                    if let Ok(Reading::Approved(receipt)) = answer {
                        held = held.or(receipt.held);
                        note(&mut row, receipt);
                    }
                    let answer = answer.map_or_else(ProcessorError::answer, Reading::answer);
                    settlement.handle_answer(Instant::now().into_std(), answer);
                }
                None => {
                    sleep_until(due).await;
                    settlement.handle_timeout(Instant::now().into_std());
                }
            }
        }
    }

    async fn ask(&self, effect: Effect, row: &PaymentRow) -> Result<Reading, ProcessorError> {
        let charge = row.charge.as_ref();
        let answer = match (effect, charge, charge.and_then(ChargeRow::held)) {
            (Effect::Charge, Some(charge), Some(held)) => {
                let charge = Charge { payment: row.payment, key: charge.key, held, amount: row.amount };
                self.processor.charge(charge).await
            }
            (Effect::Charge, _, _) => Err(ProcessorError::Unsupported),
            (Effect::Read | Effect::Keep(_), _, _) => self.processor.look(sought(row)).await,
        };
        if let Err(error) = &answer {
            tracing::warn!(payment = %row.payment, %error, ?effect, "the processor does not say what became of a payment");
        }
        answer
    }

    async fn is_kept(&self, row: &PaymentRow, state: PaymentState, held: Option<Held>) -> bool {
        let kept = self.keep(row, state, held).await;
        if let Err(error) = &kept {
            tracing::error!(payment = %row.payment, %error, "how far a payment is could not be made durable");
        }
        kept.is_ok()
    }

    /// Makes a step durable: on the way at once or not at all, at the end with the payment's record.
    async fn keep(&self, row: &PaymentRow, state: PaymentState, held: Option<Held>) -> Result<(), StoreError> {
        let (payment, at) = (row.payment, Timestamp::now());
        let step = match &row.charge {
            Some(charge) => Write::PaymentCharge { payment, charge: Box::new(charge.clone()), state: state.into(), at },
            None => Write::PaymentState { payment, state: state.into(), at },
        };
        let (status, failure, outcome) = match state {
            PaymentState::Submitted | PaymentState::Tokenised | PaymentState::Charging => {
                return self.store.write(step).await.map(drop);
            }
            // As it was: said once.
            PaymentState::Unknown if row.state == Kept::Unknown => return Ok(()),
            PaymentState::Unknown => (PaymentStatus::Pending, None, "unknown"),
            PaymentState::HandedOn => (PaymentStatus::Initiated, None, "handed_on"),
            PaymentState::Approved => (PaymentStatus::Succeeded, None, "approved"),
            PaymentState::Declined => (PaymentStatus::Failed, Some(DECLINED), "declined"),
            PaymentState::Abandoned => (PaymentStatus::Failed, Some("not_charged"), "not_charged"),
        };
        let record = record(row, status, failure, held);
        let kind = if state == PaymentState::Unknown { Kind::PaymentUnknown } else { Kind::PaymentResolved };
        self.persist(vec![step, Write::Record(Box::new(record.into())), audit(row, kind, outcome)]).await
    }

    async fn persist(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        timeout(PATIENCE, self.store.persist(writes)).await.unwrap_or(Err(StoreError::Stalled)).map(drop)
    }
}

/// A row as it is read at the processor.
fn sought(row: &PaymentRow) -> Sought {
    let reference = row.charge.as_ref().and_then(ChargeRow::reference);
    Sought { payment: row.payment, reference, amount: row.amount, opened_at: row.opened_at }
}

/// Keeps the processor's own name for a payment: it is read and refunded by it.
fn note(row: &mut PaymentRow, receipt: Receipt) {
    if let (Some(charge), Some(reference)) = (&mut row.charge, receipt.reference) {
        charge.reference = Some(reference.as_str().to_owned());
    }
}

/// What may be known of a card or an account, once it has paid.
#[derive(Default)]
pub(super) struct Seen {
    /// Brand and last four.
    pub(super) card: Option<Card>,
    /// The processor's token.
    pub(super) token: Option<String>,
}

fn record(row: &PaymentRow, status: PaymentStatus, failure: Option<&str>, held: Option<Held>) -> PaymentTransaction {
    let seen = held.filter(|_| status != PaymentStatus::Failed).map_or_else(Seen::default, |held| Seen {
        card: Card::new(held.brand.name(), held.last_four.as_str()).ok(),
        token: Some(held.token.as_str().to_owned()),
    });
    transaction(row, status, failure, seen)
}

/// What the account book is told: token, brand, last four, result and amount, and nothing else of a card.
pub(super) fn transaction(
    row: &PaymentRow,
    status: PaymentStatus,
    failure: Option<&str>,
    seen: Seen,
) -> PaymentTransaction {
    PaymentTransaction {
        external_id: ExternalId::payment(row.payment),
        payment: row.payment,
        call: row.call,
        attempt: ExternalId::attempt(row.call),
        account: row.account.clone(),
        arrangement: row.arrangement.clone(),
        amount: row.amount,
        method: row.method,
        status,
        failure: failure.map(str::to_owned),
        card: seen.card,
        token: seen.token,
        processed_at: Some(Timestamp::now()),
    }
}

pub(super) fn audit(row: &PaymentRow, kind: Kind, outcome: &str) -> Write {
    let details = Details::new().id("payment", row.payment).text("outcome", outcome);
    Write::Audit(Entry { call: row.call, at: Timestamp::now(), kind, details })
}

#[cfg(test)]
mod tests;
