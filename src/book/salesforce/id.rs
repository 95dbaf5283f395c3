//! Ids of records: 15 characters in which case counts, or the same with three more that say the case.
//!
//! The suffix is a checksum of a kind: each of its characters says which of five are capital letters (Salesforce help,
//! 000385585).

use std::fmt;

/// The characters of a suffix by the five bits that they stand for.
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
const BLOCK: usize = 5;
const SHORT: usize = 15;
const LONG: usize = 18;

/// The text is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecordId {
    /// Neither 15 nor 18 characters.
    #[error("an id has 15 or 18 characters")]
    Length,
    /// Something but a letter or a digit.
    #[error("an id has letters and digits only")]
    Character,
    /// The last three characters do not fit the others: case was lost on the way, or a character is wrong.
    #[error("the last three characters do not fit the others")]
    Suffix,
}

/// The id of a record, of 18 characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId([u8; LONG]);

impl RecordId {
    /// Checks an id of 15 or 18 characters.
    ///
    /// # Errors
    /// [`InvalidRecordId`] where it is none.
    pub fn parse(text: &str) -> Result<Self, InvalidRecordId> {
        let bytes = text.as_bytes();
        if !matches!(bytes.len(), SHORT | LONG) {
            return Err(InvalidRecordId::Length);
        }
        if !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return Err(InvalidRecordId::Character);
        }
        let (short, given) = bytes.split_at(SHORT);
        let mut id = [0; LONG];
        id[..SHORT].copy_from_slice(short);
        for (place, block) in short.chunks(BLOCK).enumerate() {
            id[SHORT + place] = suffix(block);
        }
        if given.is_empty() || given.eq_ignore_ascii_case(&id[SHORT..]) {
            Ok(Self(id))
        } else {
            Err(InvalidRecordId::Suffix)
        }
    }

    /// The 18 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The first three characters, which say of what object it is.
    #[must_use]
    pub fn key_prefix(&self) -> &str {
        self.as_str().get(..3).unwrap_or_default()
    }
}

fn suffix(block: &[u8]) -> u8 {
    let bits = block.iter().enumerate().map(|(place, byte)| usize::from(byte.is_ascii_uppercase()) << place);
    SUFFIX[bits.sum::<usize>()]
}

/// An id names a person's record: it does not show itself.
impl fmt::Debug for RecordId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RecordId({}..)", self.key_prefix())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_published_example_has_its_suffix() {
        // Salesforce help, 000385585.
        assert_eq!(RecordId::parse("0013000000G4h8m").unwrap().as_str().len(), LONG);
        for (short, long) in [("a0B5g00000Ab1cD", "a0B5g00000Ab1cDEAR"), ("001000000000000", "001000000000000AAA")] {
            assert_eq!(RecordId::parse(short).unwrap().as_str(), long);
        }
    }

    #[test]
    fn what_is_no_id_is_told_why() {
        for (text, why) in [
            ("", InvalidRecordId::Length),
            ("0013000000G4h8", InvalidRecordId::Length),
            ("0013000000G4h8'", InvalidRecordId::Character),
            ("0013000000G4h\u{e9}", InvalidRecordId::Character),
            ("001000000000000AAB", InvalidRecordId::Suffix),
        ] {
            assert_eq!(RecordId::parse(text), Err(why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn both_lengths_are_the_same_id_and_a_lost_case_is_seen(short in "[0-9A-Za-z]{15}") {
            let id = RecordId::parse(&short).unwrap();
            prop_assert_eq!(RecordId::parse(id.as_str()), Ok(id));
            let lowered = format!("{}{}", short.to_lowercase(), &id.as_str()[SHORT..]);
            let is_same = short == short.to_lowercase();
            prop_assert_eq!(RecordId::parse(&lowered).is_ok(), is_same);
        }
    }
}
