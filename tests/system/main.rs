//! The real programs over real sockets: `tonegate serve` with its vault and sandbox processor, against independent peers.
//!
//! Every test starts what it needs on free ports in a directory of its own, waits with a bound, and stops only what it started.

mod bot;
mod caller;
mod calls;
mod certificate;
mod client;
mod crash;
mod echo;
mod leaks;
mod operations;
mod plant;
mod recording;
mod signalling;
mod softphone;
mod srtp;
mod trouble;
