//! Turns at the refund of a payment: one at a time, so that what comes of it is written once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;
use uuid::Uuid;

/// The payments whose refund somebody looks after now, and whether it is durable that it is asked for. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<BTreeMap<Uuid, watch::Sender<bool>>>>);

/// A turn at one payment, given back where it is dropped.
pub(super) struct Turn {
    turns: Turns,
    payment: Uuid,
}

/// Somebody else's turn.
pub(super) struct Taken(watch::Receiver<bool>);

impl Turns {
    /// A turn.
    ///
    /// # Errors
    /// [`Taken`] where somebody has one at this payment.
    pub(super) fn take(&self, payment: Uuid) -> Result<Turn, Taken> {
        let mut held = self.held();
        if let Some(begun) = held.get(&payment) {
            return Err(Taken(begun.subscribe()));
        }
        held.insert(payment, watch::Sender::new(false));
        Ok(Turn { turns: self.clone(), payment })
    }

    /// Whether somebody looks after a refund that is durably asked for.
    pub(super) fn has_begun(&self, payment: Uuid) -> bool {
        self.held().get(&payment).is_some_and(|begun| *begun.borrow())
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Uuid, watch::Sender<bool>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// It is durable that the refund is asked for.
    pub(super) fn begin(&self) {
        if let Some(begun) = self.turns.held().get(&self.payment) {
            begun.send_replace(true);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.held().remove(&self.payment);
    }
}

impl Taken {
    /// Whether it comes to be durable that the refund is asked for.
    pub(super) async fn begins(mut self) -> bool {
        self.0.wait_for(|has_begun| *has_begun).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_has_a_turn_at_a_payment_until_it_is_dropped() {
        let (turns, one, other) = (Turns::default(), Uuid::from_u128(1), Uuid::from_u128(2));
        let first = turns.take(one).ok();
        assert!(first.is_some() && turns.take(one).is_err() && turns.clone().take(other).is_ok());
        let waiting = turns.take(one).err().expect("somebody else's");
        drop(first);
        assert!(!waiting.begins().await, "it came to nothing");
        assert!(turns.take(one).is_ok());
    }

    #[tokio::test]
    async fn who_comes_second_learns_that_it_has_begun() {
        let (turns, one) = (Turns::default(), Uuid::from_u128(1));
        let first = turns.take(one).ok().expect("a turn");
        let waiting = turns.take(one).err().expect("somebody else's");
        assert!(!turns.has_begun(one));
        first.begin();
        assert!(turns.has_begun(one));
        drop(first);
        assert!(waiting.begins().await && !turns.has_begun(one));
    }
}
