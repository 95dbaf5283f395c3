//! The gate every caller's audio passes, and card capture on the gateway's side.

pub mod wire;
