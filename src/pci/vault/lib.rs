//! The card vault: the one process that holds a card or a bank account, from its first key to the processor's answer.
//!
//! ```text
//! control socket ─▶ server ─▶ session ─▶ entry (fields, keys, timers; card) ─▶ sealed card
//! capture socket ─▶   │          └─────▶ submission (TLS) ◀─ request of the processor ◀─┘
//!                     └─▶ signed wipe records             └─▶ answer ─▶ outcome
//! ```
//!
//! [`entry`], [`card`], [`processor`] and [`answer`] are pure; [`sealed`] is the memory; [`server`], [`session`] and
//! [`submission`] touch sockets, which other processes made; [`settings`] reads what the command line names;
//! [`hardening`] takes away everything else. A card cannot be printed, cloned, compared, serialised, sent out or read
//! outside this crate. This compiles, and nothing of what follows does:
//!
//! ```
//! let card = vault::sealed::SealedCard::new().unwrap();
//! assert!(card.last_four().is_none());
//! ```
//! ```compile_fail,E0277
//! fn print(card: &vault::sealed::SealedCard) -> String { format!("{card:?}") }
//! ```
//! ```compile_fail,E0277
//! fn print(card: &vault::sealed::SealedCard) -> String { format!("{card}") }
//! ```
//! ```compile_fail,E0599
//! fn copy(card: &vault::sealed::SealedCard) -> vault::sealed::SealedCard { vault::sealed::SealedCard::clone(card) }
//! ```
//! ```compile_fail,E0369
//! fn same(one: &vault::sealed::SealedCard, two: &vault::sealed::SealedCard) -> bool { one == two }
//! ```
//! ```compile_fail,E0369
//! fn same(one: &vault::sealed::Sealed, two: &vault::sealed::Sealed) -> bool { one == two }
//! ```
//! ```compile_fail,E0277
//! fn serialise(card: &vault::sealed::SealedCard) -> Vec<u8> { borsh::to_vec(card).unwrap() }
//! ```
//! ```compile_fail,E0277
//! fn send_out(card: vault::sealed::SealedCard) { std::thread::spawn(move || drop(card)); }
//! ```
//! ```compile_fail,E0624
//! fn read(card: &vault::sealed::SealedCard) -> &str { card.expose(gate::wire::Step::Number) }
//! ```
//! ```compile_fail,E0616
//! fn read(card: &vault::sealed::SealedCard) -> &vault::sealed::Sealed { &card.0 }
//! ```

pub mod answer;
pub mod card;
pub mod entry;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
#[path = "../../../fuzz/pci/vault.rs"]
pub mod fuzzing;
pub mod hardening;
pub mod processor;
pub mod sealed;
pub mod server;
pub mod session;
pub mod settings;
pub mod submission;
