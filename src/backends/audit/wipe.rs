//! Wipe records of the vault in the chain: by which key a vault signs, what it has signed, and whether that holds.

use gate::wire::{WipeCause, WipeRecord};
use jiff::Timestamp;
use ring::signature::{ED25519, UnparsedPublicKey};
use uuid::Uuid;

use super::{Details, Entry, Hash, Kind, NO_CALL, from_hex, to_hex};

impl Entry {
    /// That a vault is ready: the SHA-256 of its executable, and the key that it signs with until it ends.
    #[must_use]
    pub fn vault_started(at: Timestamp, build: &Hash, wipe_key: &Hash) -> Self {
        let details = Details::new().hash("build", build).hash("wipe_key", wipe_key);
        Self { call: NO_CALL, at, kind: Kind::VaultStarted, details }
    }
}

/// All that a vault has signed, and its signature.
pub(super) fn details(record: &WipeRecord) -> Details {
    Details::new()
        .id("capture", Uuid::from_bytes(record.capture))
        .text("cause", record.cause.name())
        .count("sequence", record.sequence)
        .count("unix_millis", record.unix_millis)
        .hex("signature", &to_hex(&record.signature))
}

/// The keys by which vaults of a chain have signed so far.
#[derive(Default)]
pub(super) struct Vaults(Vec<Hash>);

impl Vaults {
    /// Takes what a record says of vaults: whether a signature in it holds. One of a time before keys were recorded is not
    /// judged.
    pub(super) fn take(&mut self, kind: Kind, details: &Details) -> bool {
        if kind == Kind::VaultStarted {
            self.0.extend(details.text_of("wipe_key").and_then(from_hex));
        }
        let is_judged = kind == Kind::CardWiped && details.text_of("cause").is_some();
        !is_judged || wiped(details).is_some_and(|record| self.signed(&record))
    }

    fn signed(&self, record: &WipeRecord) -> bool {
        let holds =
            |key: &Hash| UnparsedPublicKey::new(&ED25519, key).verify(&record.signed_bytes(), &record.signature);
        self.0.iter().rev().any(|key| holds(key).is_ok())
    }
}

/// The record that these details are of.
fn wiped(details: &Details) -> Option<WipeRecord> {
    let signature = details.text_of("signature").filter(|text| text.len() == 128)?;
    let (first, second) = signature.split_at_checked(64)?;
    let signature = [from_hex(first)?, from_hex(second)?].concat().try_into().ok()?;
    Some(WipeRecord {
        capture: details.uuid("capture")?.into_bytes(),
        cause: WipeCause::named(details.text_of("cause")?)?,
        sequence: details.count_of("sequence")?,
        unix_millis: details.count_of("unix_millis")?,
        signature,
    })
}

#[cfg(test)]
mod tests {
    use ring::{
        rand::SystemRandom,
        signature::{Ed25519KeyPair, KeyPair},
    };

    use super::*;

    #[test]
    fn every_field_that_a_vault_signs_is_held_to_its_signature() {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap();
        let public: Hash = key.public_key().as_ref().try_into().unwrap();
        let mut record = WipeRecord {
            capture: [7; 16],
            cause: WipeCause::Closed,
            sequence: 3,
            unix_millis: 1_764_414_754_000,
            signature: [0; 64],
        };
        record.signature = key.sign(&record.signed_bytes()).as_ref().try_into().unwrap();
        let started = Entry::vault_started(Timestamp::UNIX_EPOCH, &[1; 32], &public);
        let judged = |record: &WipeRecord, is_known: bool| {
            let mut vaults = Vaults::default();
            assert!(!is_known || vaults.take(started.kind, &started.details));
            vaults.take(Kind::CardWiped, &details(record))
        };
        assert!(judged(&record, true) && !judged(&record, false), "by a key that is in the chain");
        let mut changed = [record; 5];
        changed[0].capture[15] ^= 1;
        changed[1].cause = WipeCause::Answered;
        changed[2].sequence += 1;
        changed[3].unix_millis += 1;
        changed[4].signature[63] ^= 1;
        for record in &changed {
            assert!(!judged(record, true), "{record:?}");
        }
        let before = Details::new().id("capture", Uuid::nil()).hex("signature", &"ab".repeat(64));
        assert!(Vaults::default().take(Kind::CardWiped, &before), "of a time before keys were recorded");
    }
}
