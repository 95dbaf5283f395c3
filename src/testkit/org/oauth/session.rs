//! Sessions: opaque tokens that die when they are not used for a while.

use std::{collections::HashMap, time::Duration};

use axum::http::HeaderMap;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use rand::Rng;

use crate::{failure::Failure, world::ORG};

/// Most sessions at once; the one that was not used for longest goes.
const MOST: usize = 1_000;

/// Tokens, and when each was used last.
pub(crate) struct Sessions {
    used: HashMap<String, Timestamp>,
    idle: SignedDuration,
}

impl Sessions {
    pub(crate) fn new(idle: Duration) -> Self {
        Self { used: HashMap::new(), idle: SignedDuration::try_from(idle).unwrap_or(SignedDuration::MAX) }
    }

    /// A new token: the org's id of 15 characters, `!`, and a text.
    pub(crate) fn open(&mut self, now: Timestamp) -> String {
        if self.used.len() >= MOST
            && let Some(oldest) = self.used.iter().min_by_key(|(_, used)| **used)
        {
            let oldest = oldest.0.clone();
            self.used.remove(&oldest);
        }
        let token = format!("{}!{}", &ORG[..15], URL_SAFE_NO_PAD.encode(random::<72>()));
        self.used.insert(token.clone(), now);
        token
    }

    /// Ends every session.
    pub(crate) fn expire(&mut self) {
        self.used.clear();
    }

    /// Whether a request comes with a live session, which it keeps alive.
    pub(crate) fn check(&mut self, headers: &HeaderMap, now: Timestamp) -> Result<(), Failure> {
        let header = headers.get("authorization").and_then(|value| value.to_str().ok());
        let token = header
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer") || scheme.eq_ignore_ascii_case("OAuth"));
        if header.is_some() && token.is_none() {
            return Err(Failure::new(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE"));
        }
        let idle = self.idle;
        self.used.retain(|_, used| now.duration_since(*used) < idle);
        match token.and_then(|(_, token)| self.used.get_mut(token.trim())) {
            Some(used) => {
                *used = now;
                Ok(())
            }
            None => Err(Failure::new(401, "INVALID_SESSION_ID", "Session expired or invalid")),
        }
    }
}

/// Bytes that nobody guesses.
pub(super) fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    rand::rng().fill(&mut bytes[..]);
    bytes
}
