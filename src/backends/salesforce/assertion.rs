//! The assertion of a sign-in: a JSON Web Token (RFC 7519), signed with RS256 (RFC 7518 §3.3).

use std::{path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde_json::json;

use super::SalesforceError;

/// How long it holds: Salesforce takes no more than five minutes, and clocks differ.
const LIFETIME: Duration = Duration::from_secs(180);
/// What is wrong where the key cannot be used.
const KEY: &str = "book.key_file: it must be a PEM file with an RSA key of 2,048 bits or more, PKCS #8";

/// The key that signs.
pub(super) struct SigningKey(RsaKeyPair);

impl SigningKey {
    /// Reads an RSA key of 2,048 bits or more.
    ///
    /// # Errors
    /// [`SalesforceError::Setting`].
    pub(super) fn read(path: &Path) -> Result<Self, SalesforceError> {
        let unusable = SalesforceError::Setting(KEY);
        let key = PrivatePkcs8KeyDer::from_pem_file(path).map_err(|_| unusable.clone())?;
        RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).map(Self).map_err(|_| unusable)
    }

    /// Says at `now` that `username` may use the app `client_id` at `audience`.
    ///
    /// # Errors
    /// [`SalesforceError::Setting`] where the key cannot sign.
    pub(super) fn assertion(
        &self,
        client_id: &str,
        username: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<String, SalesforceError> {
        let expires = now.as_second().saturating_add(LIFETIME.as_secs() as i64);
        let claims = json!({"iss": client_id, "sub": username, "aud": audience, "exp": expires});
        let encoded = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encoded(&json!({"alg": "RS256"})), encoded(&claims));
        let mut signature = vec![0; self.0.public().modulus_len()];
        let made = self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature);
        made.map_err(|_| SalesforceError::Setting(KEY))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&signature)))
    }
}
