//! Header fields: their names, their store, and the values with a grammar of their own.

mod name;
mod name_addr;
mod store;
mod via;

pub use name::HeaderName;
pub use name_addr::NameAddr;
pub use store::Headers;
pub use via::Via;
pub(crate) use via::{DEFAULT_PORT, MAGIC_COOKIE};
