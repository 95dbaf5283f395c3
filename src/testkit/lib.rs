//! Development only: softphone, debtor, bots, a bad network.

pub mod bot;
pub mod carrier;
pub mod debtor;
pub mod gateway;
pub mod https;
pub mod interface;
pub mod likeness;
pub mod line;
pub mod matcher;
mod ports;
pub mod relay;
pub mod softphone;
pub mod speech;
pub mod stripe;
pub mod tokeniser;
pub mod twilio;
