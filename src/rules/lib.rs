//! The call decision, the arithmetic of arrangements, and what no text may hold of a card.
//!
//! Everything here is pure: the date is an argument, money is counted in integer minor units, and equal input
//! gives equal output, so that a decision can be replayed from its record.

pub mod account_data;
pub mod arrangement;
pub mod calendar;
pub mod contact;
pub mod money;
pub mod recording;
