//! What may be known of a card outside the vault: brand, last four, token. All printable by design.

use std::fmt;

use super::{WireError, coded};

coded! {
    /// A card network, or the canaries that a leak search keys.
    pub enum Brand {
        /// Visa.
        Visa = 1,
        /// Mastercard.
        Mastercard = 2,
        /// American Express.
        Amex = 3,
        /// Discover.
        Discover = 4,
        /// Diners Club.
        Diners = 5,
        /// JCB.
        Jcb = 6,
        /// `UnionPay`.
        UnionPay = 7,
        /// No network's: numbers under a prefix that none can be assigned, taken only by a vault started with `--canary`.
        Canary = 8,
    }
}

impl Brand {
    /// The name in requests, records and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Visa => "visa",
            Self::Mastercard => "mastercard",
            Self::Amex => "amex",
            Self::Discover => "discover",
            Self::Diners => "diners",
            Self::Jcb => "jcb",
            Self::UnionPay => "unionpay",
            Self::Canary => "canary",
        }
    }

    /// The brand of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|brand| brand.name() == name)
    }

    const fn bit(self) -> u16 {
        1 << (self as u8 - 1)
    }
}

/// The brands that a payment takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brands(u16);

impl Brands {
    const MASK: u16 = (1 << Brand::ALL.len()) - 1;

    /// Every brand.
    #[must_use]
    pub const fn all() -> Self {
        Self(Self::MASK)
    }

    /// No brand yet.
    #[must_use]
    pub const fn none() -> Self {
        Self(0)
    }

    /// These and `brand`.
    #[must_use]
    pub const fn with(self, brand: Brand) -> Self {
        Self(self.0 | brand.bit())
    }

    /// Whether `brand` is among them.
    #[must_use]
    pub const fn contains(self, brand: Brand) -> bool {
        self.0 & brand.bit() != 0
    }

    pub(super) const fn bits(self) -> u16 {
        self.0
    }

    pub(super) fn from_bits(bits: u16) -> Result<Self, WireError> {
        if bits & !Self::MASK == 0 { Ok(Self(bits)) } else { Err(WireError::Value) }
    }
}

/// Declares a printable value of exactly `$length` ASCII bytes that pass `$valid`.
macro_rules! text {
    ($(#[$outer:meta])* $name:ident, $length:literal, $valid:expr) => {
        $(#[$outer])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            /// Bytes of the text.
            pub const LENGTH: usize = $length;

            /// Reads the text.
            ///
            /// # Errors
            /// [`WireError::Value`] where it is not of the format.
            pub fn parse(text: &str) -> Result<Self, WireError> {
                Self::from_bytes(text.as_bytes().try_into().map_err(|_| WireError::Value)?)
            }

            pub(super) fn from_bytes(bytes: [u8; $length]) -> Result<Self, WireError> {
                let valid: fn(&[u8; $length]) -> bool = $valid;
                if valid(&bytes) { Ok(Self(bytes)) } else { Err(WireError::Value) }
            }

            pub(super) const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                std::str::from_utf8(&self.0).unwrap_or_default()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

text! {
    /// The last four digits of a card: the one truncation that this system knows (no BIN beside it).
    LastFour, 4, |bytes| bytes.iter().all(u8::is_ascii_digit)
}

text! {
    /// The processor's name for a card: `tok_` and 24 letters or digits of base 32. A run of twelve or more digits is
    /// refused, so that no card number passes for a token.
    Token, 28, |bytes| bytes.starts_with(b"tok_") && bytes[4..].iter().all(is_base32) && longest_digits(bytes) < 12
}

text! {
    /// The issuer's authorisation code: six letters or digits (ISO 8583 field 38).
    Authorisation, 6, |bytes| bytes.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

text! {
    /// An ISO 4217 currency code.
    Currency, 3, |bytes| bytes.iter().all(u8::is_ascii_uppercase)
}

fn is_base32(byte: &u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'2'..=b'7')
}

fn longest_digits(bytes: &[u8]) -> usize {
    bytes.split(|byte| !byte.is_ascii_digit()).map(<[u8]>::len).max().unwrap_or(0)
}
