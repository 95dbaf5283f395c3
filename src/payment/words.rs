//! What the words are made of: enums of closed lists, and texts of fixed formats.

use thiserror::Error;

/// A text is not of the format that it was to be read as. Names neither text nor format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("text not of its format")]
pub struct FormatError;

/// Declares an enum that travels as one byte, its place in the list, and the stable name of each value.
macro_rules! named {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident $label:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, borsh::BorshSerialize, borsh::BorshDeserialize)]
        pub enum $name { $($(#[$inner])* $variant,)+ }

        impl $name {
            /// Every value, in the order of the wire's codes.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stable name in records, labels and interfaces.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }

            /// The value of this name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }
    };
}

/// Declares a printable text of `$least` to `$most` ASCII bytes that pass `$valid`. It travels in a slot of `$most` bytes,
/// filled with zeros.
macro_rules! text {
    ($(#[$outer:meta])* $name:ident, $least:literal..=$most:literal, $valid:expr) => {
        $(#[$outer])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, borsh::BorshSerialize)]
        pub struct $name([u8; $most]);

        impl $name {
            /// Reads the text.
            ///
            /// # Errors
            /// Where it is not of the format.
            pub fn parse(text: &str) -> Result<Self, crate::FormatError> {
                let (bytes, valid): (_, fn(&[u8]) -> bool) = (text.as_bytes(), $valid);
                let mut slot = [0; $most];
                if !($least..=$most).contains(&bytes.len()) || !valid(bytes) {
                    return Err(crate::FormatError);
                }
                slot[..bytes.len()].copy_from_slice(bytes);
                Ok(Self(slot))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                std::str::from_utf8(&self.0).unwrap_or("\0").trim_end_matches('\0')
            }
        }

        impl borsh::BorshDeserialize for $name {
            fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
                let slot = Self(borsh::BorshDeserialize::deserialize_reader(reader)?);
                let text = Self::parse(slot.as_str()).ok().filter(|text| *text == slot);
                text.ok_or(borsh::io::ErrorKind::InvalidData.into())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}
