//! The real programs over real sockets: `tonegate serve` with its vault and sandbox processor, against independent peers.
//!
//! Every test starts what it needs on free ports in a directory of its own, waits with a bound, and stops only what it started.

mod assignments;
mod bot;
mod caller;
mod calls;
mod certificate;
mod client;
mod controls;
mod crash;
mod echo;
mod leaks;
mod operations;
mod plant;
mod prove;
mod recording;
mod salesforce;
mod signalling;
mod softphone;
mod spoken;
mod srtp;
mod tones;
mod transfer;
mod trouble;
