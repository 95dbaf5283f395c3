//! Services behind a call: stores, speech, bots, the vault link.
