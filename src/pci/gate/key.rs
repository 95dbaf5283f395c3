//! A decoded key inside the gate, before it is known where it may go.

use zeroize::Zeroize;

use crate::wire::Keypress;

/// One key as a number from 0 to 15 (RFC 4733 §3.2: digits, star, hash, A to D). Never printed, cloned or compared
/// outside the gate.
pub(crate) struct Key(u8);

impl Key {
    pub(crate) const SYMBOLS: &[u8; 16] = b"0123456789*#ABCD";

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        (code < 16).then_some(Self(code))
    }

    pub(crate) fn from_symbol(symbol: u8) -> Option<Self> {
        let symbol = symbol.to_ascii_uppercase();
        let code = Self::SYMBOLS.iter().position(|&known| known == symbol)?;
        u8::try_from(code).ok().map(Self)
    }

    pub(crate) fn symbol(&self) -> u8 {
        Self::SYMBOLS[usize::from(self.0 & 15)]
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// The same key for the vault. A to D are no card's.
    pub(crate) fn into_keypress(self) -> Option<Keypress> {
        Keypress::new(self.symbol())
    }

    pub(crate) fn duplicate(&self) -> Self {
        Self(self.0)
    }
}

impl Zeroize for Key {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
