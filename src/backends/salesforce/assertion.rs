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

use super::{SalesforceError, read};

/// How long it holds: Salesforce takes no more than five minutes, and clocks differ.
const LIFETIME: Duration = Duration::from_secs(180);
/// The setting that names the key.
const KEY: &str = "book.key_file";
/// What is wrong with a key in the wrong clothes.
const PKCS1: &str = "it is PKCS #1, and must be PKCS #8: openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW";
const ENCRYPTED: &str = "the key is encrypted, and nobody asks for its password: openssl pkcs8 -in OLD -out NEW";
const NO_KEY: &str = "it must be a PEM file with an RSA key, PKCS #8";
const WEAK: &str = "it must be an RSA key of 2,048 bits or more";

/// The key that signs.
pub(super) struct SigningKey(RsaKeyPair);

impl SigningKey {
    /// Reads an RSA key of 2,048 bits or more.
    ///
    /// # Errors
    /// [`SalesforceError::File`] says what is wrong with it.
    pub(super) fn read(path: &Path) -> Result<Self, SalesforceError> {
        let text = read(KEY, path)?;
        let has = |kind: &str| String::from_utf8_lossy(&text).contains(&format!("-----BEGIN {kind}-----"));
        let other = match () {
            () if has("RSA PRIVATE KEY") => PKCS1,
            () if has("ENCRYPTED PRIVATE KEY") => ENCRYPTED,
            () => NO_KEY,
        };
        let key = PrivatePkcs8KeyDer::from_pem_slice(&text).map_err(|_| SalesforceError::file(KEY, path, &other))?;
        RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).map(Self).map_err(|_| SalesforceError::file(KEY, path, &WEAK))
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
