//! Replay ids: places in a topic, known to the org alone.

use std::fmt;

/// Longest replay id that is taken, in bytes. Those of 8 and 10 have been seen.
const MOST_BYTES: usize = 256;

/// The bytes are no replay id: none, or far too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a replay id has 1 to {MOST_BYTES} bytes")]
pub struct InvalidReplayId;

/// A place in a topic. Its bytes mean nothing here, and nothing is to be counted or compared with them.
#[derive(Clone, PartialEq, Eq)]
pub struct ReplayId(Vec<u8>);

impl ReplayId {
    /// Takes the bytes as they are.
    ///
    /// # Errors
    /// [`InvalidReplayId`].
    pub fn new(bytes: Vec<u8>) -> Result<Self, InvalidReplayId> {
        if (1..=MOST_BYTES).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(InvalidReplayId) }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ReplayId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ReplayId(")?;
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))?;
        formatter.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_will_do_but_none_or_too_many() {
        for length in [1, 8, 10, MOST_BYTES] {
            assert_eq!(ReplayId::new(vec![0xA7; length]).unwrap().as_bytes(), vec![0xA7; length]);
        }
        for length in [0, MOST_BYTES + 1] {
            assert_eq!(ReplayId::new(vec![0; length]), Err(InvalidReplayId));
        }
        assert_eq!(format!("{:?}", ReplayId::new(vec![0, 0xA7]).unwrap()), "ReplayId(00a7)");
    }
}
