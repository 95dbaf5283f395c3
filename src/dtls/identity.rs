//! This side's certificate, and how its handshakes go.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Config, Dtls, DtlsCertificate};
use thiserror::Error;

use crate::provider::provider;
use crate::{Fingerprint, association};

/// Before a flight is sent again for the first time; then twice as long each time (RFC 6347 §4.2.4.1 has a second, which
/// a caller would hear as silence).
const RETRANSMISSION: Duration = Duration::from_millis(400);
/// Times a flight is sent again: more than the deadline leaves room for.
const RETRIES: usize = 8;

/// A certificate with its key, and the handshake's settings. One for all calls of a process; never printed.
pub struct Identity {
    config: Arc<Config>,
    certificate: DtlsCertificate,
    fingerprint: Fingerprint,
}

/// A certificate or a key that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// The key is none on P-256 in PKCS #8, or there is no certificate.
    #[error("the certificate's key cannot be used")]
    Key,
    /// The cryptography does not compute what it should.
    #[error("the cryptography of DTLS fails its own test")]
    Provider,
}

impl Identity {
    /// From a certificate in DER and its key on P-256 in PKCS #8.
    ///
    /// # Errors
    /// Where they cannot be used.
    pub fn new(certificate: Vec<u8>, private_key: Vec<u8>) -> Result<Self, IdentityError> {
        let provider = provider();
        provider.key_provider.load_private_key(&private_key).map_err(|_| IdentityError::Key)?;
        if certificate.is_empty() {
            return Err(IdentityError::Key);
        }
        let config = Config::builder()
            .with_crypto_provider(provider)
            .dtls13_cipher_suites(&[])
            .max_queue_rx(association::MAX_WAITING)
            .handshake_timeout(association::DEADLINE)
            .flight_start_rto(RETRANSMISSION)
            .flight_retries(RETRIES)
            .build()
            .map_err(|_| IdentityError::Provider)?;
        let fingerprint = Fingerprint::of(&certificate);
        Ok(Self { config: Arc::new(config), certificate: DtlsCertificate { certificate, private_key }, fingerprint })
    }

    /// What session descriptions say of it.
    #[must_use]
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    pub(super) fn open(&self, is_active: bool, now: Instant) -> Dtls {
        let mut dtls = Dtls::new_12(Arc::clone(&self.config), self.certificate.clone(), now);
        dtls.set_active(is_active);
        dtls
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Identity").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}
