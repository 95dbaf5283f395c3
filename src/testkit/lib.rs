//! Development only: softphone, debtor, bots.

pub mod bot;
pub mod debtor;
pub mod gateway;
pub mod interface;
pub mod matcher;
mod ports;
pub mod softphone;
