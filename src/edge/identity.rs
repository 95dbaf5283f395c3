//! This process's certificate for DTLS-SRTP.

use dtls::Identity;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

/// Makes a key on P-256 and a certificate that it signs itself. Both live as long as the process and are never written
/// anywhere; peers know the certificate by the fingerprint in the SIP messages, so that its name says nothing.
///
/// # Errors
/// Where the key cannot be made or used.
pub fn make_identity() -> Result<Identity, IdentityError> {
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, "tonegate");
    let certificate = parameters.self_signed(&key)?;
    Ok(Identity::new(certificate.der().to_vec(), key.serialize_der())?)
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It cannot be made.
    #[error("the certificate for DTLS cannot be made: {0}")]
    Make(#[from] rcgen::Error),
    /// It cannot be used.
    #[error("the certificate for DTLS cannot be used: {0}")]
    Use(#[from] dtls::IdentityError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_has_its_own() {
        let (one, other) = (make_identity().unwrap(), make_identity().unwrap());
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert_eq!(one.fingerprint().digest.len(), 32);
    }
}
