//! Development only: softphone, debtor, bots.

pub mod gateway;
pub mod interface;
