//! Payment arrangements: what a strategy allows, the closest offer to what a person asked for, and its dates.
//!
//! ```text
//! Ask ──▶ closest(total, bounds, ask, today, calendar) ──▶ Proposal { offer, fit, next }  or  Refusal
//!                                                           └─▶ offer.schedule(calendar): exact parts, due dates
//! ```

mod bounds;
mod closest;
mod offer;
#[cfg(test)]
mod oracle;
mod search;
mod settlement;

pub use bounds::{Bounds, BoundsError, Frequency, SettlementBounds};
pub use closest::{Ask, Fit, Objection, Proposal, Refusal, Wish, closest};
pub use offer::{Instalment, Offer, Split, split};
pub use settlement::{Settlement, settle};

/// Most counter-offers in one talk; after them a person takes over.
pub const MAX_COUNTER_OFFERS: u8 = 3;
