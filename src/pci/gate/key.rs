//! A decoded key inside the gate, before it is known where it may go.

use zeroize::Zeroize;

/// One key by its symbol: a digit, star, hash or A to D. Never printed, cloned or compared outside the gate.
pub(crate) struct Key(u8);

impl Key {
    /// By their codes (RFC 4733 §3.2).
    pub(crate) const SYMBOLS: &[u8; 16] = b"0123456789*#ABCD";

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::SYMBOLS.get(usize::from(code)).copied().map(Self)
    }

    pub(crate) fn from_symbol(symbol: u8) -> Option<Self> {
        let symbol = symbol.to_ascii_uppercase();
        Self::SYMBOLS.contains(&symbol).then_some(Self(symbol))
    }

    pub(crate) fn symbol(&self) -> u8 {
        self.0
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    pub(crate) fn duplicate(&self) -> Self {
        Self(self.0)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
