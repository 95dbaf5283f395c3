//! Sockets and drivers: SIP, RTP and the media threads, and the calls on them.
//!
//! Nothing here decides: [`sip::Endpoint`], [`call::Leg`] and [`call::Call`] do, and this crate carries out.

mod agreement;
mod driver;
mod identity;
mod last_words;
pub mod ports;
mod registry;
#[cfg(feature = "sabotage")]
mod sabotage;
mod services;
pub mod shard;
pub mod signalling;
mod switchboard;

pub use identity::{IdentityError, make_identity};
pub use registry::{AskError, Registry, Summary};
pub use services::{Bot, Mail, Mailbox, Pending, Recognition, Services, Sink};
pub use shard::{LegHandle, LegSender, ShardConfig, ShardPool, TickReader, Ticks};
pub use signalling::{ConnectionLimits, SignallingConfig, SignallingHandle};
pub use sip::Availability;
pub use switchboard::{Route, Routing, Switchboard};
