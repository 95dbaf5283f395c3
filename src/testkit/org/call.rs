//! A request, taken apart, and its answer; a part of a composite is one too.

use std::borrow::Cow;

use axum::http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// Longest address of a request (REST API Developer Guide, "Status Codes and Error Responses": 414).
const MOST_ADDRESS: usize = 16_384;
/// Versions that are retired, out of support or current (help, 000354473, and the release notes of Winter '27).
pub(crate) const RETIRED: std::ops::RangeInclusive<u16> = 7..=30;
pub(crate) const SERVED: std::ops::RangeInclusive<u16> = 31..=68;

/// One request.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    /// Of the API.
    pub(crate) version: u16,
    /// What comes after the version.
    pub(crate) path: Vec<String>,
    query: Vec<(String, String)>,
    headers: Option<&'a HeaderMap>,
    pub(crate) body: Cow<'a, [u8]>,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
}

/// The body of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Empty,
    Json(Value),
    Csv(String),
}

impl<'a> Call<'a> {
    /// Takes an address apart that begins with `/services/data/`.
    pub(crate) fn parse(
        method: &'a str,
        address: &str,
        headers: Option<&'a HeaderMap>,
        body: Cow<'a, [u8]>,
    ) -> Result<Self, Failure> {
        if address.len() > MOST_ADDRESS {
            return Err(Failure::new(414, "URI_TOO_LONG", "the address has more than 16,384 bytes"));
        }
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let decoded = path.trim_end_matches('/').split('/').map(|part| percent_decode_str(part).decode_utf8());
        let mut parts = decoded.map(|part| part.map(Cow::into_owned).map_err(|_| Failure::not_found()));
        for expected in ["", "services", "data"] {
            if parts.next().transpose()?.as_deref() != Some(expected) {
                return Err(Failure::not_found());
            }
        }
        let version = parts.next().transpose()?;
        let version = version.as_deref().and_then(version_number).ok_or_else(Failure::not_found)?;
        if RETIRED.contains(&version) {
            return Err(Failure::new(410, "UNSUPPORTED_API_VERSION", "this version of the API is retired"));
        }
        if !SERVED.contains(&version) {
            return Err(Failure::not_found());
        }
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Ok(Self { method, version, path: parts.collect::<Result<_, _>>()?, query, headers, body })
    }

    /// `v68.0`.
    pub(crate) fn version_text(&self) -> String {
        format!("v{}.0", self.version)
    }

    /// `/services/data/v68.0`.
    pub(crate) fn base(&self) -> String {
        format!("/services/data/{}", self.version_text())
    }

    /// What comes after the version, to be matched.
    pub(crate) fn parts(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers?.get(name)?.to_str().ok()
    }

    /// The body, which must be an object.
    pub(crate) fn object(&self) -> Result<Map<String, Value>, Failure> {
        match self.json()? {
            Value::Object(object) => Ok(object),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(Failure::json("the body is no object"))
            }
        }
    }

    fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Failure::json(format!(
                "Unexpected character or end of the body at [line:{}, column:{}]",
                error.line(),
                error.column()
            ))
        })
    }
}

fn version_number(text: &str) -> Option<u16> {
    text.strip_prefix('v')?.strip_suffix(".0")?.parse().ok()
}

impl Reply {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Empty }
    }

    pub(crate) fn csv(body: String) -> Self {
        Self { status: 200, headers: Vec::new(), body: Body::Csv(body) }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl From<Failure> for Reply {
    fn from(failure: Failure) -> Self {
        Self::json(failure.status, Value::Array(vec![failure.item()]))
    }
}

impl From<Result<Self, Failure>> for Reply {
    fn from(result: Result<Self, Failure>) -> Self {
        result.unwrap_or_else(Self::from)
    }
}
