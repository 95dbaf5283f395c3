//! Bytes that are wiped.

use std::fmt;
use std::ops::Deref;

use zeroize::Zeroizing;

/// A body, or a whole message of a stream. It may hold a keyed digit (INFO), so it cannot be printed and is wiped when
/// dropped.
pub struct WipedBytes(Zeroizing<Vec<u8>>);

impl WipedBytes {
    /// Takes a copy of the bytes.
    pub(crate) fn copied(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }
}

impl Deref for WipedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for WipedBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.0.len())
    }
}
