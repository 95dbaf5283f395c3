//! The token endpoint (help, "OAuth 2.0 JWT Bearer Flow" and "Client Credentials Flow"), and the sessions that it gives out.

mod assertion;
mod session;

use axum::http::HeaderMap;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

pub use assertion::App;
pub(crate) use session::Sessions;

use crate::{
    call::Reply,
    world::{ORG, USER, World},
};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Why there is no token (RFC 6749, 5.2; help, "OAuth 2.0 Authorization Errors").
pub(crate) struct Refused(pub(crate) &'static str, pub(crate) &'static str);

impl From<Refused> for Reply {
    fn from(Refused(error, description): Refused) -> Self {
        Self::json(400, json!({"error": error, "error_description": description}))
    }
}

/// Answers `POST /services/oauth2/token`.
pub(crate) fn token(world: &mut World, method: &str, address: &str, headers: &HeaderMap, body: &[u8]) -> Reply {
    if address.split('?').next() != Some("/services/oauth2/token") {
        return Reply::empty(404);
    }
    if method != "POST" {
        return Refused("invalid_request", "must use HTTP POST").into();
    }
    let form: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let field = |name: &str| form.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value.as_str());
    let granted = match field("grant_type") {
        JWT_BEARER => assertion::check(world, field("assertion")),
        "client_credentials" => check_secret(world, headers, field("client_id"), field("client_secret")),
        "" => Err(Refused("invalid_request", "missing required parameter: grant_type")),
        _ => Err(Refused("unsupported_grant_type", "grant type not supported")),
    };
    match granted {
        Ok(scope) => grant(world, &scope),
        Err(refused) => refused.into(),
    }
}

fn grant(world: &mut World, scope: &str) -> Reply {
    let now = world.now();
    let token = world.sessions.open(now);
    let id = format!("{}/id/{ORG}/{USER}", world.login_url);
    let (issued_at, signature) = (now.as_millisecond().to_string(), STANDARD.encode(session::random::<32>()));
    let answer = json!({
        "access_token": token, "signature": signature, "scope": scope, "instance_url": world.instance_url,
        "id": id, "token_type": "Bearer", "issued_at": issued_at,
    });
    Reply::json(200, answer).with("cache-control", "no-cache,must-revalidate,max-age=0,no-store,private")
}

/// The key and secret of an app, in the body or as HTTP Basic has them.
fn check_secret(world: &World, headers: &HeaderMap, id: &str, secret: &str) -> Result<String, Refused> {
    let basic = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let basic = basic.and_then(|text| String::from_utf8(STANDARD.decode(text).ok()?).ok());
    let (id, secret) = basic.as_deref().and_then(|text| text.split_once(':')).unwrap_or((id, secret));
    let app = world.apps.iter().find(|app| app.consumer_key == id);
    let app = app.ok_or(Refused("invalid_client_id", "client identifier invalid"))?;
    match &app.consumer_secret {
        None => Err(Refused("invalid_grant", "no client credentials user enabled")),
        Some(own) if own == secret => Ok(app.scopes.join(" ")),
        Some(_) => Err(Refused("invalid_client", "invalid client credentials")),
    }
}
