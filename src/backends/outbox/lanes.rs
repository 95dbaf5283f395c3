//! What is on its way to the account book: of each lane one delivery, each for as long as it takes.

use std::collections::BTreeSet;
use std::pin::Pin;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::{MOST_LANES, Round};
use crate::store::StoreError;

/// Deliveries that have begun and are not over.
#[derive(Default)]
pub(super) struct Lanes<'a> {
    deliveries: FuturesUnordered<Pin<Box<dyn Future<Output = Ended> + Send + 'a>>>,
    taken: BTreeSet<String>,
    /// How many deliveries there are of each kind.
    counts: [usize; 4],
}

/// What is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Flags of an account.
    Flags,
    /// The records of a call, or one record.
    Call,
    /// All that may go in one piece.
    Backlog,
    /// Nothing: jobs that an earlier run left behind are ended.
    Jobs,
}

struct Ended {
    kind: Kind,
    lanes: Vec<String>,
    round: Result<Round, StoreError>,
}

impl<'a> Lanes<'a> {
    /// Adds a delivery, which holds its lanes until it is over.
    pub(super) fn begin(
        &mut self,
        kind: Kind,
        lanes: Vec<String>,
        delivery: impl Future<Output = Result<Round, StoreError>> + Send + 'a,
    ) {
        self.counts[kind as usize] += 1;
        self.taken.extend(lanes.iter().cloned());
        self.deliveries.push(Box::pin(async move { Ended { kind, lanes, round: delivery.await } }));
    }

    /// What came of the delivery that ends next; `None` where there is none.
    pub(super) async fn next(&mut self) -> Option<Result<Round, StoreError>> {
        let Ended { kind, lanes, round } = self.deliveries.next().await?;
        self.counts[kind as usize] -= 1;
        for lane in lanes {
            self.taken.remove(&lane);
        }
        Some(round)
    }

    /// How many more may begin side by side.
    pub(super) const fn free(&self, kind: Kind) -> usize {
        let most = match kind {
            Kind::Flags | Kind::Call => MOST_LANES,
            Kind::Backlog | Kind::Jobs => 1,
        };
        most.saturating_sub(self.counts[kind as usize])
    }

    /// The lanes that deliveries hold.
    pub(super) const fn taken(&self) -> &BTreeSet<String> {
        &self.taken
    }
}
