//! Signing the head of the chain.

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use super::Hash;

/// What is signed begins with this, so that the key's signatures cannot be taken for anything else.
const PURPOSE: &[u8] = b"tonegate audit head 1\0";

/// The key file cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit key is not an Ed25519 private key in PKCS #8 (DER)")]
pub struct SignerError;

/// An Ed25519 key (RFC 8032) for the head of the chain.
pub struct Signer(Ed25519KeyPair);

impl Signer {
    /// Reads a key in PKCS #8 (RFC 8410), as DER.
    ///
    /// # Errors
    /// [`SignerError`] where it is no such key.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, SignerError> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Self).map_err(|_| SignerError)
    }

    /// The public key, 32 bytes, with which anybody can verify.
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    pub(super) fn sign(&self, sequence: i64, hash: &Hash) -> Vec<u8> {
        self.0.sign(&message(sequence, hash)).as_ref().to_vec()
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Signer").finish_non_exhaustive()
    }
}

/// Whether the head was signed by the owner of the public key.
pub(super) fn is_signed(public_key: &[u8], sequence: i64, hash: &Hash, signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public_key).verify(&message(sequence, hash), signature).is_ok()
}

fn message(sequence: i64, hash: &Hash) -> Vec<u8> {
    [PURPOSE, &sequence.to_be_bytes(), hash].concat()
}
