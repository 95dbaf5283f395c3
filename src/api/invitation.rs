//! What a bot is told at the start of its stream, so that it can reach its own call.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;
use uuid::Uuid;

use super::Bearers;
use crate::config::Api;

/// The stream's `customParameters`: what the configuration says, the call's id, where `/v1` is and the token that
/// reaches this call alone. They go to the bot and nowhere else.
#[must_use]
pub(crate) fn invitation(
    bearers: &Bearers,
    base: &str,
    call: Uuid,
    configured: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut parameters = configured.clone();
    parameters.insert("tonegate_call".to_owned(), call.to_string());
    parameters.insert("tonegate_api".to_owned(), format!("{base}/v1/calls/{call}"));
    parameters.insert("tonegate_token".to_owned(), bearers.for_bot(call).expose_secret().to_owned());
    parameters
}

/// The address that bots are told: the configured one, or where the listener is bound.
#[must_use]
pub(crate) fn base_url(api: &Api, bound: std::net::SocketAddr) -> String {
    let scheme = if api.certificate.is_some() { "https" } else { "http" };
    api.public_url.as_ref().map_or_else(|| format!("{scheme}://{bound}"), |url| url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Bearer;

    #[test]
    fn a_bot_is_told_where_its_call_is_and_how_to_reach_it() {
        let bearers = Bearers::read(&[]).unwrap();
        let call = Uuid::from_u128(5);
        let api = Api { public_url: Some("https://gateway.example.com/".into()), ..Api::default() };
        let base = base_url(&api, "127.0.0.1:8080".parse().unwrap());
        let configured = BTreeMap::from([("campaign".to_owned(), "spring".to_owned())]);
        let told = invitation(&bearers, &base, call, &configured);
        assert_eq!(told["campaign"], "spring");
        assert_eq!(told["tonegate_api"], format!("https://gateway.example.com/v1/calls/{call}"));
        assert_eq!(bearers.identify(&told["tonegate_token"], Some(call)), Some(Bearer::Bot { call }));
        assert_eq!(base_url(&Api::default(), "127.0.0.1:81".parse().unwrap()), "http://127.0.0.1:81");
    }
}
