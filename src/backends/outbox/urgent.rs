//! What forbids further talk goes at once, whatever else is on its way.

use std::collections::BTreeSet;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{LONGEST_SLEEP, MOST_LANES, Outbox, Round};
use crate::store::{OutboxBatch, StoreError};

impl Outbox {
    /// Waits for an answer, and meanwhile delivers flags as they come, but those that are `under_way`. What of them was begun is
    /// ended before.
    pub(super) async fn with_flags<T>(&self, under_way: &BTreeSet<i64>, answer: impl Future<Output = T>) -> T {
        let over = CancellationToken::new();
        let answered = async {
            let answered = answer.await;
            over.cancel();
            answered
        };
        tokio::join!(answered, self.flags_until(&over, under_way)).0
    }

    async fn flags_until(&self, over: &CancellationToken, under_way: &BTreeSet<i64>) {
        loop {
            tokio::select! {
                () = over.cancelled() => return,
                () = self.store.outbox_changed() => {}
                // Flags that failed are due again.
                () = tokio::time::sleep(LONGEST_SLEEP) => {}
            }
            if let Err(error) = self.new_flags(under_way).await {
                tracing::warn!(%error, "flags wait for what goes before them");
            }
        }
    }

    async fn new_flags(&self, under_way: &BTreeSet<i64>) -> Result<Round, StoreError> {
        let now = Timestamp::now();
        let mut flags = self.store.outbox_flags(now, MOST_LANES).await?;
        flags.retain(|batch| entries(batch).all(|entry| !under_way.contains(&entry)));
        self.batches(flags, now).await
    }
}

/// What is in a batch, by its numbers.
pub(super) fn entries(batch: &OutboxBatch) -> impl Iterator<Item = i64> {
    batch.entries().iter().map(|entry| entry.entry)
}
