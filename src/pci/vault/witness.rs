//! Signs what was wiped, with a key that is made at start and never leaves this process.

use std::time::SystemTime;

use gate::wire::{CaptureName, WipeCause, WipeRecord};
use ring::{
    error::Unspecified,
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};

/// The signer of wipe records.
pub struct Witness {
    key: Ed25519KeyPair,
    sequence: u64,
}

impl Witness {
    /// Makes the key.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn new() -> Result<Self, Unspecified> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())?;
        let key = Ed25519KeyPair::from_pkcs8(document.as_ref()).map_err(|_| Unspecified)?;
        Ok(Self { key, sequence: 0 })
    }

    /// The key that verifies the records.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.key.public_key().as_ref());
        bytes
    }

    /// The record that nothing of `capture` is left. Made only by the session that has just wiped it.
    pub fn attest(&mut self, capture: CaptureName, cause: WipeCause, at: SystemTime) -> WipeRecord {
        self.sequence += 1;
        let millis = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let unix_millis = u64::try_from(millis).unwrap_or(u64::MAX);
        let mut record = WipeRecord { capture, cause, sequence: self.sequence, unix_millis, signature: [0; 64] };
        let signature = self.key.sign(&record.signed_bytes());
        record.signature.copy_from_slice(signature.as_ref());
        record
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_record_verifies_until_a_field_is_changed() {
        let mut witness = Witness::new().unwrap();
        let key = UnparsedPublicKey::new(&ED25519, witness.public_key());
        let mut record = witness.attest([4; 16], WipeCause::Closed, SystemTime::UNIX_EPOCH);
        assert!(key.verify(&record.signed_bytes(), &record.signature).is_ok());
        record.cause = WipeCause::Answered;
        assert!(key.verify(&record.signed_bytes(), &record.signature).is_err());
        assert_eq!(witness.attest([4; 16], WipeCause::Closed, SystemTime::UNIX_EPOCH).sequence, 2);
    }
}
