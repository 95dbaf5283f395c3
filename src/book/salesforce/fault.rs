//! What an answer of Salesforce that is no success means: what to do about it, and under which name it is counted.
//!
//! A body comes in four shapes: an array of `{errorCode, message, fields}`, a row with `errors: [{statusCode, …}]`, the token
//! endpoint's `{error, error_description}`, and no JSON at all from whatever stands in front of the org. Messages quote
//! values, so none is kept: codes and fields are, as far as they look like such.

use serde::Deserialize;

/// Longest body that is looked at, in bytes: an error is short.
const MOST_BODY: usize = 65_536;
/// Longest code that is kept.
const MOST_CODE: usize = 80;
/// Most fields that are kept.
const MOST_FIELDS: usize = 20;

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The session is over: sign in again, once, and repeat.
    Session,
    /// The org will not let this user in, or not by this interface. Signing in again does not help.
    Access,
    /// Mapping, rights or version do not fit the org: nothing but a change of configuration helps.
    Configuration,
    /// The row breaks a rule of the org.
    Rejected,
    /// Another transaction holds the row or its parent.
    Locked,
    /// A row with this key is there: read it.
    Duplicate,
    /// More than one row has this key.
    NotUnique,
    /// There is no such row.
    Absent,
    /// The org takes no more for now.
    Quota(Quota),
    /// The org reads and does not write.
    ReadOnly,
    /// It does not answer, or something in front of it does.
    Unavailable,
}

/// What of the org's allowance is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quota {
    /// Requests of a day.
    Daily,
    /// Long requests at once.
    Concurrent,
    /// Sign-ins of an hour.
    Logins,
    /// Room for rows.
    Storage,
    /// An intermediary's: 429.
    Rate,
}

impl Fault {
    /// Each of them.
    pub const ALL: [Self; 15] = [
        Self::Session,
        Self::Access,
        Self::Configuration,
        Self::Rejected,
        Self::Locked,
        Self::Duplicate,
        Self::NotUnique,
        Self::Absent,
        Self::Quota(Quota::Daily),
        Self::Quota(Quota::Concurrent),
        Self::Quota(Quota::Logins),
        Self::Quota(Quota::Storage),
        Self::Quota(Quota::Rate),
        Self::ReadOnly,
        Self::Unavailable,
    ];

    /// Its name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Access => "access",
            Self::Configuration => "configuration",
            Self::Rejected => "rejected",
            Self::Locked => "locked",
            Self::Duplicate => "duplicate",
            Self::NotUnique => "not_unique",
            Self::Absent => "absent",
            Self::Quota(Quota::Daily) => "quota_daily",
            Self::Quota(Quota::Concurrent) => "quota_concurrent",
            Self::Quota(Quota::Logins) => "quota_logins",
            Self::Quota(Quota::Storage) => "quota_storage",
            Self::Quota(Quota::Rate) => "quota_rate",
            Self::ReadOnly => "read_only",
            Self::Unavailable => "unavailable",
        }
    }

    /// Whether the same request may succeed later without anybody changing anything.
    #[must_use]
    pub const fn passes(self) -> bool {
        match self {
            Self::Session | Self::Locked | Self::Quota(_) | Self::ReadOnly | Self::Unavailable => true,
            Self::Access | Self::Configuration | Self::Rejected | Self::Duplicate | Self::NotUnique | Self::Absent => {
                false
            }
        }
    }
}

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What to do about it.
    pub fault: Fault,
    /// Salesforce's code, such as `UNABLE_TO_LOCK_ROW`; empty where there was none.
    pub code: String,
    /// The fields that it names.
    pub fields: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Body {
    Errors(Vec<Item>),
    Row { errors: Vec<Item> },
    Token { error: String },
    Item(Item),
}

#[derive(Deserialize)]
struct Item {
    #[serde(alias = "statusCode", rename = "errorCode")]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    fields: Option<Vec<String>>,
}

impl Refusal {
    /// Reads an answer by its status and the body that came with it, of which more than 64 KiB counts as none.
    #[must_use]
    pub fn read(status: u16, body: &[u8]) -> Self {
        let body = if body.len() > MOST_BODY { None } else { serde_json::from_slice::<Body>(body).ok() };
        match body {
            Some(Body::Errors(items) | Body::Row { errors: items }) => Self::of_items(status, &items),
            Some(Body::Item(item)) => Self::of_items(status, &[item]),
            Some(Body::Token { error }) => {
                Self { fault: of_token(status, &error), code: shown(&error), fields: vec![] }
            }
            None => Self { fault: of_bare(status), code: String::new(), fields: vec![] },
        }
    }

    /// Reads the error of one row in the results of a bulk job: `CODE:message:Field,Field --`.
    #[must_use]
    pub fn read_text(text: &str) -> Self {
        let (code, rest) = text.split_once(':').unwrap_or((text, ""));
        let fields = rest.trim_end().trim_end_matches("--").rsplit_once(':').map_or("", |(_, fields)| fields);
        let names = fields.split(',').map(|field| shown(field.trim())).filter(|field| !field.is_empty());
        let fault = of_code(code, rest).unwrap_or(Fault::Rejected);
        Self { fault, code: shown(code), fields: names.take(MOST_FIELDS).collect() }
    }

    fn of_items(status: u16, items: &[Item]) -> Self {
        let Some(first) = items.first() else {
            return Self { fault: of_bare(status), code: String::new(), fields: vec![] };
        };
        let fields = items.iter().flat_map(|item| item.fields.iter().flatten()).take(MOST_FIELDS);
        Self {
            fault: of_code(&first.code, &first.message).unwrap_or_else(|| of_status(status)),
            code: shown(&first.code),
            fields: fields.map(|field| shown(field)).filter(|field| !field.is_empty()).collect(),
        }
    }
}

/// A code or a field's name, and nothing else that somebody might have put there.
fn shown(word: &str) -> String {
    let is_shown = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    if word.len() <= MOST_CODE && word.bytes().all(is_shown) { word.to_owned() } else { String::new() }
}

/// REST API Developer Guide, "Status Codes and Error Responses"; SOAP API Developer Guide, "Status Codes". `None` for what is
/// not known: then the status decides.
fn of_code(code: &str, message: &str) -> Option<Fault> {
    // A trigger or flow that met a lock fails with a code of its own, and says so in its message.
    if message.contains("UNABLE_TO_LOCK_ROW") {
        return Some(Fault::Locked);
    }
    Some(match code {
        "INVALID_FIELD" if message.contains("oreign key external ID") => Fault::Rejected,
        "NOT_FOUND" if message.contains("xternal ID field") => Fault::Configuration,
        "INVALID_SESSION_ID" => Fault::Session,
        "INVALID_AUTH_HEADER" | "API_DISABLED_FOR_ORG" | "API_CURRENTLY_DISABLED" | "INVALID_LOGIN" => Fault::Access,
        "INVALID_FIELD"
        | "MALFORMED_QUERY"
        | "MALFORMED_ID"
        | "INVALID_TYPE"
        | "JSON_PARSER_ERROR"
        | "INVALID_FIELD_FOR_INSERT_UPDATE"
        | "INSUFFICIENT_ACCESS"
        | "INSUFFICIENT_ACCESS_OR_READONLY"
        | "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"
        | "UNSUPPORTED_API_VERSION"
        | "UNKNOWN_API_VERSION"
        | "METHOD_NOT_ALLOWED"
        | "INVALID_OPERATION" => Fault::Configuration,
        "FIELD_CUSTOM_VALIDATION_EXCEPTION"
        | "REQUIRED_FIELD_MISSING"
        | "STRING_TOO_LONG"
        | "INVALID_CROSS_REFERENCE_KEY"
        | "FIELD_INTEGRITY_EXCEPTION"
        | "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
        | "CANNOT_EXECUTE_FLOW_TRIGGER"
        | "ENTITY_IS_DELETED"
        | "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
        | "NUMBER_OUTSIDE_VALID_RANGE"
        | "INVALID_EMAIL_ADDRESS" => Fault::Rejected,
        "UNABLE_TO_LOCK_ROW" => Fault::Locked,
        "DUPLICATE_VALUE" => Fault::Duplicate,
        "NOT_FOUND" => Fault::Absent,
        "REQUEST_LIMIT_EXCEEDED" => Fault::Quota(quota(message)),
        "LOGIN_RATE_EXCEEDED" => Fault::Quota(Quota::Logins),
        "STORAGE_LIMIT_EXCEEDED" => Fault::Quota(Quota::Storage),
        "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE" => Fault::ReadOnly,
        // A part of a transaction that another part undid says nothing of itself.
        "PROCESSING_HALTED" | "SERVER_UNAVAILABLE" | "QUERY_TIMEOUT" | "UNKNOWN_EXCEPTION" => Fault::Unavailable,
        _ => return None,
    })
}

/// One code for several allowances: only the message tells them apart.
fn quota(message: &str) -> Quota {
    let message = message.to_ascii_lowercase();
    if message.contains("concurrent") { Quota::Concurrent } else { Quota::Daily }
}

/// Errors of the token endpoint (RFC 6749, 5.2, and Salesforce help, "OAuth 2.0 Authorization Errors").
fn of_token(status: u16, error: &str) -> Fault {
    match error {
        "temporarily_unavailable" | "server_error" | "unknown_error" => Fault::Unavailable,
        "rate_limit_exceeded" => Fault::Quota(Quota::Logins),
        _ if status >= 500 => Fault::Unavailable,
        _ => Fault::Access,
    }
}

/// Of an answer without a code of Salesforce's: something in front of the org may have given it, and it says nothing of a row.
const fn of_bare(status: u16) -> Fault {
    match status {
        400 | 404 | 409 | 412 | 422 | 423 => Fault::Unavailable,
        _ => of_status(status),
    }
}

const fn of_status(status: u16) -> Fault {
    match status {
        300 => Fault::NotUnique,
        401 => Fault::Session,
        403 => Fault::Access,
        404 => Fault::Absent,
        405 | 410 | 414 | 415 | 431 => Fault::Configuration,
        409 | 423 => Fault::Locked,
        429 => Fault::Quota(Quota::Rate),
        400 | 412 | 422 => Fault::Rejected,
        _ => Fault::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(status: u16, body: &str) -> (Fault, String, Vec<String>) {
        let Refusal { fault, code, fields } = Refusal::read(status, body.as_bytes());
        (fault, code, fields)
    }

    #[test]
    fn all_four_shapes_are_read() {
        let array = r#"[{"message":"unable to obtain exclusive access","errorCode":"UNABLE_TO_LOCK_ROW","fields":[]}]"#;
        assert_eq!(read(400, array), (Fault::Locked, "UNABLE_TO_LOCK_ROW".into(), vec![]));
        let row = r#"{"id":null,"success":false,"errors":[{"statusCode":"STRING_TOO_LONG","message":"Dana","fields":["cxp__Notes__c"]}]}"#;
        assert_eq!(read(200, row), (Fault::Rejected, "STRING_TOO_LONG".into(), vec!["cxp__Notes__c".into()]));
        let token = r#"{"error":"invalid_grant","error_description":"audience is invalid"}"#;
        assert_eq!(read(400, token), (Fault::Access, "invalid_grant".into(), vec![]));
        for (status, body, fault) in [
            (503, "<html>Service Unavailable</html>", Fault::Unavailable),
            (200, "", Fault::Unavailable),
            (401, "{\"trunc", Fault::Session),
            (300, "[\"/services/data/v68.0/sobjects/X/1\"]", Fault::NotUnique),
            (429, "slow down", Fault::Quota(Quota::Rate)),
            (410, "[]", Fault::Configuration),
        ] {
            assert_eq!(read(status, body), (fault, String::new(), vec![]), "{status} {body}");
        }
    }

    #[test]
    fn what_stands_in_front_of_the_org_says_nothing_of_a_row() {
        for status in [400, 404, 409, 412, 422, 502, 503] {
            assert_eq!(read(status, "<html>No such page</html>").0, Fault::Unavailable, "{status}");
        }
    }

    #[test]
    fn a_message_tells_what_a_code_does_not() {
        for (code, message, fault) in [
            (
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                "cxp.Trigger: execution of AfterUpdate caused by: first error: UNABLE_TO_LOCK_ROW, unable to obtain",
                Fault::Locked,
            ),
            ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "a trigger says no", Fault::Rejected),
            ("INVALID_FIELD", "Foreign key external ID: a-1 not found for field External_Id__c", Fault::Rejected),
            ("INVALID_FIELD", "No such column 'X__c' on entity 'Y__c'", Fault::Configuration),
            ("NOT_FOUND", "Provided external ID field does not exist or is not accessible", Fault::Configuration),
            ("NOT_FOUND", "The requested resource does not exist", Fault::Absent),
            ("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded", Fault::Quota(Quota::Storage)),
        ] {
            let body = format!(r#"[{{"message":"{message}","errorCode":"{code}"}}]"#);
            assert_eq!(read(400, &body).0, fault, "{code}: {message}");
        }
    }

    #[test]
    fn one_code_of_quota_has_two_meanings() {
        for (message, quota) in [
            ("TotalRequests Limit exceeded.", Quota::Daily),
            ("ConcurrentRequests (Concurrent API Requests) Limit exceeded.", Quota::Concurrent),
            ("ConcurrentPerOrgLongTxn Limit exceeded.", Quota::Concurrent),
        ] {
            let body = format!(r#"[{{"message":"{message}","errorCode":"REQUEST_LIMIT_EXCEEDED"}}]"#);
            assert_eq!(read(403, &body).0, Fault::Quota(quota), "{message}");
        }
    }

    #[test]
    fn what_signs_in_again_is_the_session_alone() {
        for (code, fault) in [("INVALID_SESSION_ID", Fault::Session), ("API_DISABLED_FOR_ORG", Fault::Access)] {
            let body = format!(r#"[{{"message":"","errorCode":"{code}"}}]"#);
            assert_eq!(read(401, &body).0, fault);
            assert_eq!(read(401, &body).0.passes(), fault == Fault::Session);
        }
    }

    #[test]
    fn nothing_but_codes_and_names_is_kept() {
        let body = r#"[{"errorCode":"not a code: Dana","message":"Dana","fields":["Dana Whitfield","Name"]}]"#;
        assert_eq!(read(400, body), (Fault::Rejected, String::new(), vec!["Name".into()]));
    }

    #[test]
    fn the_error_of_a_bulk_row_is_read_without_what_it_quotes() {
        for (text, fault, code, fields) in [
            (
                "STRING_TOO_LONG:Notes: data value too large: Dana:cxp__Notes__c --",
                Fault::Rejected,
                "STRING_TOO_LONG",
                vec!["cxp__Notes__c"],
            ),
            ("UNABLE_TO_LOCK_ROW:unable to obtain exclusive access:--", Fault::Locked, "UNABLE_TO_LOCK_ROW", vec![]),
            ("InternalServerError : Dana", Fault::Rejected, "", vec![]),
            ("", Fault::Rejected, "", vec![]),
        ] {
            let refusal = Refusal::read_text(text);
            assert_eq!((refusal.fault, refusal.code.as_str()), (fault, code), "{text}");
            assert_eq!(refusal.fields, fields, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_meaning(status in 100_u16..600, body: Vec<u8>) {
            let refusal = Refusal::read(status, &body);
            prop_assert!(!refusal.fault.name().is_empty());
        }
    }
}
