//! Who may ask: bearers of configured tokens with a role, and bots with a token for their own call alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::config::{ApiToken, Problem, Role};

/// Who a request is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bearer {
    /// The bearer of a configured token.
    Person {
        /// Its name in the configuration.
        name: String,
        /// What it may do.
        role: Role,
    },
    /// The bot of one call.
    Bot {
        /// That call.
        call: Uuid,
    },
}

impl Bearer {
    /// The name in the audit log.
    #[must_use]
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Person { name, .. } => name,
            Self::Bot { .. } => "bot",
        }
    }

    /// The role in the audit log.
    #[must_use]
    pub(crate) fn role(&self) -> &'static str {
        match self {
            Self::Person { role: Role::Operator, .. } => "operator",
            Self::Person { role: Role::Auditor, .. } => "auditor",
            Self::Bot { .. } => "bot",
        }
    }
}

/// The keys that tell valid tokens. Tokens themselves are kept as tags under a key of this process, so comparing
/// takes the same time whatever was presented.
pub(crate) struct Bearers {
    key: hmac::Key,
    people: Vec<(String, Role, hmac::Tag)>,
}

impl Bearers {
    /// Reads every configured token.
    ///
    /// # Errors
    /// Every secret that cannot be had or is used twice, as problems of the configuration.
    pub(crate) fn read(tokens: &[ApiToken]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut secrets = Vec::new();
        for token in tokens {
            match token.secret.read() {
                Ok(secret) => secrets.push((token.name.clone(), token.role, secret)),
                Err(error) => {
                    problems.push(Problem::of("api.token[].secret", format!("token {:?}: {error}", token.name)));
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Self::new(secrets)
            .ok_or_else(|| vec![Problem::of("api.token[]", "the system has no randomness to key them with")])
    }

    fn new(secrets: Vec<(String, Role, SecretString)>) -> Option<Self> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok()?;
        let tag = |secret: &SecretString| hmac::sign(&key, &labelled("person", secret.expose_secret()));
        let people = secrets.into_iter().map(|(name, role, secret)| (name, role, tag(&secret))).collect();
        Some(Self { key, people })
    }

    /// The token that lets a bot reach its own call, for the stream's `customParameters`.
    #[must_use]
    pub(crate) fn for_bot(&self, call: Uuid) -> SecretString {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, &labelled("bot", &call.to_string()))).into()
    }

    /// Whose token this is. A bot's is looked at only where the request is about a call.
    #[must_use]
    pub(crate) fn identify(&self, presented: &str, call: Option<Uuid>) -> Option<Bearer> {
        let presented_bytes = labelled("person", presented);
        let mut found = None;
        for (name, role, tag) in &self.people {
            if hmac::verify(&self.key, &presented_bytes, tag.as_ref()).is_ok() {
                found = Some(Bearer::Person { name: name.clone(), role: *role });
            }
        }
        found.or_else(|| self.bot(presented, call?))
    }

    /// Whether a secret is the one that is expected. Takes the same time whatever was presented.
    #[must_use]
    pub(crate) fn are_equal(&self, presented: &str, expected: &SecretString) -> bool {
        let tag = hmac::sign(&self.key, &labelled("account", expected.expose_secret()));
        hmac::verify(&self.key, &labelled("account", presented), tag.as_ref()).is_ok()
    }

    fn bot(&self, presented: &str, call: Uuid) -> Option<Bearer> {
        let tag = URL_SAFE_NO_PAD.decode(presented).ok()?;
        hmac::verify(&self.key, &labelled("bot", &call.to_string()), &tag).ok()?;
        Some(Bearer::Bot { call })
    }
}

/// Keeps the two kinds of token apart under one key.
fn labelled(kind: &str, text: &str) -> Vec<u8> {
    format!("{kind}:{text}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearers() -> Bearers {
        let people = [("desk", Role::Operator, "operator-token-1"), ("eye", Role::Auditor, "auditor-token-12")];
        Bearers::new(people.map(|(name, role, secret)| (name.to_owned(), role, secret.into())).into()).unwrap()
    }

    #[test]
    fn a_configured_token_is_its_bearer_for_every_call() {
        let desk = Bearer::Person { name: "desk".into(), role: Role::Operator };
        assert_eq!(bearers().identify("operator-token-1", None), Some(desk.clone()));
        assert_eq!(bearers().identify("operator-token-1", Some(Uuid::nil())), Some(desk));
    }

    #[test]
    fn a_bots_token_reaches_its_own_call_alone() {
        let bearers = bearers();
        let (own, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let token = bearers.for_bot(own);
        assert_eq!(bearers.identify(token.expose_secret(), Some(own)), Some(Bearer::Bot { call: own }));
        assert_eq!(bearers.identify(token.expose_secret(), Some(other)), None);
        assert_eq!(bearers.identify(token.expose_secret(), None), None);
    }

    #[test]
    fn a_bots_token_dies_with_the_process() {
        let token = bearers().for_bot(Uuid::nil());
        assert_eq!(bearers().identify(token.expose_secret(), Some(Uuid::nil())), None);
    }

    #[test]
    fn what_was_never_given_out_is_nobodys() {
        for presented in ["", "operator-token-2", "operator-token-", "bot:", "AAAA", "\u{0}"] {
            assert_eq!(bearers().identify(presented, Some(Uuid::nil())), None, "{presented:?}");
        }
    }
}
