//! The card vault: the one process that holds a card, from its first key to the processor's answer.
//!
//! ```text
//! control socket ─▶ server ─▶ session ─▶ entry (fields, keys, timers) ─▶ sealed card
//! capture socket ─▶   │          └─────▶ submission (TLS) ◀─ request ◀──────┘
//!                     └─▶ witness (signed wipe records)   └─▶ answer ─▶ outcome
//! ```
//!
//! [`entry`], [`card`], [`request`] and [`answer`] are pure; [`sealed`] is the memory; [`server`], [`session`] and
//! [`submission`] touch sockets, which other processes made; [`hardening`] takes away everything else. A card cannot be
//! printed, cloned, compared or read outside this crate:
//!
//! ```compile_fail
//! fn print(card: &vault::sealed::SealedCard) -> String { format!("{card:?}") }
//! ```
//! ```compile_fail
//! fn copy(card: &vault::sealed::SealedCard) -> vault::sealed::SealedCard { card.clone() }
//! ```
//! ```compile_fail
//! fn same(one: &vault::sealed::Sealed<4>, two: &vault::sealed::Sealed<4>) -> bool { one == two }
//! ```
//! ```compile_fail
//! fn read(card: &vault::sealed::SealedCard) -> &[u8] { card.number.expose() }
//! ```

pub mod answer;
pub mod card;
pub mod entry;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod hardening;
pub mod options;
pub mod request;
pub mod sealed;
pub mod server;
pub mod session;
pub mod submission;
pub mod witness;
