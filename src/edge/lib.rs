//! Sockets and drivers: SIP, RTP and the media threads.

pub mod ports;
pub mod shard;
pub mod signalling;
