//! Giving payments back: does what [`Refunding`] says, with the store and the processor, and decides nothing.

use backends::{
    audit::{Details, Entry, Kind},
    processor::{ProcessorError, Refund, Refunded},
    store::{ChargeRow, PaymentRow, PaymentState as Kept, StoreError, Write},
};
use book::record::PaymentStatus;
use call::{
    refunding::{Durability, Effect, Refunding, Verdict},
    settlement::LONGEST,
};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Uuid;

use super::{Cashier, PATIENCE, record, turn::Turn};
use crate::api::{Given, RefundRefusal};

impl Cashier {
    /// Refunds the whole of a payment, under a key that is durable before it is used. Where one has begun already, it is
    /// read and goes on.
    ///
    /// # Errors
    /// Nothing is refunded; or, [`RefundRefusal::Unavailable`], it is not known: it is looked after, and asked again it is
    /// refunded once.
    pub(crate) async fn refund(&self, payment: Uuid, bearer: &str) -> Result<Given, RefundRefusal> {
        self.refundable(payment).await?;
        let turn = match self.refunds.take(payment) {
            Ok(turn) => turn,
            Err(taken) => {
                let begins = taken.begins().await;
                return if begins { Ok(Given::Pending) } else { Err(RefundRefusal::Unavailable) };
            }
        };
        // Whoever had the turn before may have moved it.
        let row = self.refundable(payment).await?;
        if row.state == Kept::Refunded {
            return Ok(Given::Back);
        }
        match self.give_back(&turn, row, Some(bearer)).await {
            Verdict::Refunded => Ok(Given::Back),
            Verdict::Pending => Ok(Given::Pending),
            Verdict::Refused => Err(RefundRefusal::Refused),
            Verdict::Open => Err(RefundRefusal::Unavailable),
            Verdict::NotBegun => Err(RefundRefusal::NotBegun),
        }
    }

    /// Whether a refund is under way that is durably asked for.
    pub(crate) fn is_refunding(&self, payment: Uuid) -> bool {
        self.refunds.has_begun(payment)
    }

    /// Goes on with a refund that was left open, unless somebody looks after it.
    pub(crate) async fn resume_refund(&self, row: &PaymentRow) {
        let Some(turn) = self.refunds.take(row.payment).ok().filter(|_| self.is_its_own(row)) else { return };
        // It may have been settled since the row was read.
        let Ok(row) = self.refundable(row.payment).await else { return };
        if row.state == Kept::Refunding {
            self.give_back(&turn, row, None).await;
        }
    }

    /// A payment that is made with this processor, whatever became of its refund.
    async fn refundable(&self, payment: Uuid) -> Result<PaymentRow, RefundRefusal> {
        let row = self.store.payment(payment).await.map_err(|error| unavailable(payment, &error))?;
        let row = row.ok_or(RefundRefusal::NoPayment)?;
        if row.processor != self.taker() {
            return Err(RefundRefusal::NotPaid);
        }
        match row.state {
            Kept::Approved | Kept::Refunding | Kept::Refunded => Ok(row),
            Kept::Submitted | Kept::Tokenised | Kept::Charging | Kept::Unknown => Err(RefundRefusal::Open),
            Kept::HandedOn | Kept::Declined | Kept::Abandoned => Err(RefundRefusal::NotPaid),
        }
    }

    async fn give_back(&self, turn: &Turn, mut row: PaymentRow, bearer: Option<&str>) -> Verdict {
        let now = Instant::now().into_std();
        let mut refunding = match row.refund {
            Some(refund) => Refunding::resuming(now, is_over(refund.asked_at, Timestamp::now())),
            None => Refunding::asking(now),
        };
        loop {
            if row.refund.is_some() {
                turn.begin();
            }
            if let Some(verdict) = refunding.verdict() {
                return verdict;
            }
            let due = refunding.poll_timeout().map_or_else(|| Instant::now() + PATIENCE, Instant::from_std);
            match refunding.poll_output() {
                Some(Effect::Intend) => refunding.handle_kept(self.intended(&mut row, bearer).await),
                Some(Effect::Keep(verdict)) => refunding.handle_kept(self.told(&row, verdict, bearer).await),
                Some(effect @ (Effect::Ask | Effect::Read)) => {
                    let Ok(answer) = timeout_at(due, self.ask_refund(effect, &row)).await else {
                        refunding.handle_timeout(Instant::now().into_std());
                        continue;
                    };
                    let answer = answer.map_or_else(ProcessorError::of_refund, Refunded::answer);
                    refunding.handle_answer(Instant::now().into_std(), answer);
                }
                None => {
                    sleep_until(due).await;
                    refunding.handle_timeout(Instant::now().into_std());
                }
            }
        }
    }

    async fn ask_refund(&self, effect: Effect, row: &PaymentRow) -> Result<Refunded, ProcessorError> {
        let (payment, amount) = (row.payment, row.amount);
        let reference = row.charge.as_ref().and_then(ChargeRow::reference);
        let key = row.refund.ok_or(ProcessorError::Unsupported)?.key;
        let refund = Refund { payment, reference, key, amount };
        let answer = match effect {
            Effect::Ask => self.processor.refund(refund).await,
            Effect::Read | Effect::Intend | Effect::Keep(_) => self.processor.find_refund(refund).await,
        };
        if let Err(error) = &answer {
            tracing::warn!(%payment, %error, ?effect, "the processor does not say what became of a refund");
        }
        answer
    }

    /// Makes durable that a refund is asked for and by whom, and takes up the key that is kept: it may be an earlier one.
    async fn intended(&self, row: &mut PaymentRow, bearer: Option<&str>) -> Durability {
        let (payment, at) = (row.payment, Timestamp::now());
        let intent = Write::PaymentRefund { payment, key: Uuid::new_v4(), at };
        let asked = bearer.map(|_| entry(row, Kind::RefundAsked, None, bearer));
        if let Err(error) = self.store.write(std::iter::once(intent).chain(asked).collect::<Vec<_>>()).await {
            tracing::error!(%payment, %error, "that a refund is asked for could not be made durable");
            return unwritten(&error);
        }
        match self.store.payment(payment).await {
            Ok(Some(kept)) if kept.state == Kept::Refunding && kept.refund.is_some() => {
                *row = kept;
                Durability::Durable
            }
            Ok(_) => Durability::Unclear,
            Err(error) => {
                tracing::error!(%payment, %error, "the key of a refund cannot be read");
                Durability::Unclear
            }
        }
    }

    /// Makes durable what came of a refund, for book and auditor.
    async fn told(&self, row: &PaymentRow, verdict: Verdict, bearer: Option<&str>) -> Durability {
        let payment = row.payment;
        let outcome = match verdict {
            Verdict::Refunded => {
                let record = record(row, PaymentStatus::Refunded, None, self.held(row).await);
                Write::Record(Box::new(record.into()))
            }
            Verdict::Refused => Write::PaymentRefundRefused { payment, at: Timestamp::now() },
            // There is nothing to be told of these yet.
            Verdict::Pending | Verdict::Open | Verdict::NotBegun => return Durability::Durable,
        };
        let told = entry(row, Kind::PaymentRefunded, Some(verdict), bearer);
        match self.persist(vec![outcome, told]).await {
            Ok(()) => {
                tracing::info!(%payment, outcome = label(verdict), "a refund is over");
                Durability::Durable
            }
            Err(error) => {
                tracing::error!(%payment, %error, "what came of a refund could not be made durable");
                Durability::Unclear
            }
        }
    }
}

/// What a write that failed has left.
pub(super) const fn unwritten(error: &StoreError) -> Durability {
    match error {
        StoreError::Stalled | StoreError::Closed => Durability::Unclear,
        StoreError::InUse
        | StoreError::Newer
        | StoreError::Damaged
        | StoreError::File(_)
        | StoreError::Busy
        | StoreError::Full
        | StoreError::Failed(_)
        | StoreError::Refused
        | StoreError::PaymentOpen => Durability::Absent,
    }
}

/// Whether no request that was intended at a moment can be on its way any more: a refund takes [`LONGEST`] at most, and as
/// long again is left to the network.
fn is_over(asked_at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(asked_at) > SignedDuration::try_from(LONGEST * 2).unwrap_or(SignedDuration::MAX)
}

fn unavailable(payment: Uuid, error: &StoreError) -> RefundRefusal {
    tracing::error!(%payment, %error, "the row of a payment cannot be read");
    RefundRefusal::Unavailable
}

fn entry(row: &PaymentRow, kind: Kind, outcome: Option<Verdict>, bearer: Option<&str>) -> Write {
    let details = Details::new().id("payment", row.payment);
    let details = outcome.into_iter().fold(details, |details, verdict| details.text("outcome", label(verdict)));
    let details = bearer.into_iter().fold(details, |details, bearer| details.text("bearer", bearer));
    Write::Audit(Entry { call: row.call, at: Timestamp::now(), kind, details })
}

/// What a refund is called in the log and the audit chain.
const fn label(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Refunded => "refunded",
        Verdict::Refused => "refused",
        Verdict::Pending => "pending",
        Verdict::Open => "open",
        Verdict::NotBegun => "not_begun",
    }
}
