//! Signed assertions: who signs in by a key that the org knows the certificate of.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde::Deserialize;
use webpki::EndEntityCert;

use super::Refused;
use crate::world::World;

/// How far ahead an assertion may end. Sources name three minutes and five; the longer is taken.
const MOST_AHEAD: i64 = 300;

/// An app that may sign in: an External Client App, or a Connected App.
#[derive(Clone, Debug)]
pub struct App {
    /// Its consumer key.
    pub consumer_key: String,
    /// Its consumer secret, where it may sign in by that alone.
    pub consumer_secret: Option<String>,
    /// The certificate that was uploaded to it, in PEM: an assertion is signed with its key.
    pub certificate: Option<String>,
    /// The users that are approved beforehand.
    pub users: Vec<String>,
    /// Its scopes. Assertions need `api` and `refresh_token`.
    pub scopes: Vec<String>,
}

#[derive(Deserialize)]
struct Head {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: f64,
}

/// The scopes that an assertion is worth.
pub(super) fn check(world: &World, assertion: &str) -> Result<String, Refused> {
    let unread = || Refused("invalid_grant", "invalid assertion");
    let (signed, signature) = assertion.rsplit_once('.').ok_or_else(unread)?;
    let (head, claims) = signed.split_once('.').ok_or_else(unread)?;
    let head: Head = part(head).ok_or_else(unread)?;
    let claims: Claims = part(claims).ok_or_else(unread)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| unread())?;
    let app = world.apps.iter().find(|app| app.consumer_key == claims.iss);
    let app = app.ok_or(Refused("invalid_client_id", "client identifier invalid"))?;
    if head.alg != "RS256" || !is_signed(app, signed.as_bytes(), &signature) {
        return Err(unread());
    }
    if claims.aud.trim_end_matches('/') != world.login_url {
        return Err(Refused("invalid_grant", "Audience validation failed"));
    }
    let ahead = claims.exp - world.now().as_second() as f64;
    if !(0.0..=MOST_AHEAD as f64).contains(&ahead) {
        return Err(Refused("invalid_grant", "expired authorization code"));
    }
    if !app.users.contains(&claims.sub) {
        return Err(Refused("invalid_grant", "user hasn't approved this consumer"));
    }
    if !["api", "refresh_token"].iter().all(|wanted| app.scopes.iter().any(|scope| scope == wanted)) {
        return Err(Refused("invalid_request", "the app's scopes lack api or refresh_token"));
    }
    Ok(app.scopes.join(" "))
}

fn part<T: for<'a> Deserialize<'a>>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

fn is_signed(app: &App, message: &[u8], signature: &[u8]) -> bool {
    let certificate = app.certificate.as_ref().and_then(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).ok());
    certificate.is_some_and(|der| {
        let algorithm = webpki::ring::RSA_PKCS1_2048_8192_SHA256;
        EndEntityCert::try_from(&der).is_ok_and(|leaf| leaf.verify_signature(algorithm, message, signature).is_ok())
    })
}
