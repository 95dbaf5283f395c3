//! The account book, and what its settings can still get wrong. What each key means is said once, in `super::keys::KEYS`.

use std::path::PathBuf;

use book::salesforce::{ApiVersion, Profile};
use serde::Deserialize;

use super::Problem;
use super::unit::{Hours, Milliseconds, Minutes};

/// The longest that a caller waits for a look-up, in milliseconds: with what is said then it is two seconds.
const MOST_LOOKUP: u32 = 1_800;

/// Which account book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub(crate) enum BookKind {
    /// The embedded one.
    Sqlite,
    /// A Salesforce org.
    Salesforce,
}

/// Where accounts are found and records go.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Book {
    pub(crate) kind: BookKind,
    pub(crate) database: PathBuf,
    pub(crate) accounts: Option<PathBuf>,
    pub(crate) strategies: Option<PathBuf>,
    pub(crate) lookup_deadline_milliseconds: Milliseconds,
    pub(crate) url: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) client_secret_file: Option<PathBuf>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) api_version: String,
    pub(crate) profile: String,
    pub(crate) mapping: Option<PathBuf>,
    pub(crate) namespace: Option<String>,
    pub(crate) session_minutes: Minutes,
    pub(crate) events: Events,
    pub(crate) reconcile_at: String,
}

/// Where the very first stream of assignments begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub(crate) enum FirstEvent {
    /// With the oldest event that the org keeps.
    Earliest,
    /// With the next one.
    Latest,
}

/// Assignments to the call queue, as an org publishes them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Events {
    pub(crate) enabled: bool,
    pub(crate) endpoint: String,
    pub(crate) topic: Option<String>,
    pub(crate) first: FirstEvent,
    pub(crate) oldest_hours: Hours,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            enabled: false,
            endpoint: "https://api.pubsub.salesforce.com:7443".to_owned(),
            topic: None,
            first: FirstEvent::Earliest,
            oldest_hours: Hours(72),
        }
    }
}

impl Default for Book {
    fn default() -> Self {
        Self {
            kind: BookKind::Sqlite,
            database: "var/book.sqlite".into(),
            accounts: Some("config/sample-accounts.csv".into()),
            strategies: None,
            lookup_deadline_milliseconds: Milliseconds(MOST_LOOKUP),
            url: None,
            client_id: None,
            username: None,
            key_file: None,
            client_secret_file: None,
            ca: None,
            api_version: "v66.0".to_owned(),
            profile: Profile::CollectXpert.name().to_owned(),
            mapping: None,
            namespace: None,
            session_minutes: Minutes(60),
            events: Events::default(),
            reconcile_at: "04:30".to_owned(),
        }
    }
}

/// Everything found.
pub(super) fn problems(book: &Book, found: &mut Vec<Problem>) {
    if book.lookup_deadline_milliseconds.0 > MOST_LOOKUP {
        found.push(Problem::of("book.lookup_deadline_milliseconds", "must be at most 1800: a caller waits for it"));
    }
    match book.kind {
        BookKind::Sqlite => sqlite(book, found),
        BookKind::Salesforce => salesforce(book, found),
    }
}

/// What belongs to an org is set by mistake.
fn sqlite(book: &Book, found: &mut Vec<Problem>) {
    let usual = Book::default();
    let set = [
        (book.url.is_some(), "url"),
        (book.client_id.is_some(), "client_id"),
        (book.username.is_some(), "username"),
        (book.key_file.is_some(), "key_file"),
        (book.client_secret_file.is_some(), "client_secret_file"),
        (book.ca.is_some(), "ca"),
        (book.api_version != usual.api_version, "api_version"),
        (book.profile != usual.profile, "profile"),
        (book.mapping.is_some(), "mapping"),
        (book.namespace.is_some(), "namespace"),
        (book.session_minutes != usual.session_minutes, "session_minutes"),
        (book.events.enabled, "events.enabled"),
    ];
    for (_, key) in set.into_iter().filter(|(is_set, _)| *is_set) {
        let advice = "means something to Salesforce only; remove it, or write `kind = \"salesforce\"`";
        found.push(Problem::of(format!("book.{key}"), advice));
    }
}

fn salesforce(book: &Book, found: &mut Vec<Problem>) {
    events(&book.events, found);
    if !book.url.as_deref().is_some_and(is_address) {
        let advice = "write the org's My Domain address, like \"https://acme.my.salesforce.com\", without a path";
        found.push(Problem::of("book.url", advice));
    }
    if book.client_id.as_ref().is_none_or(String::is_empty) {
        found.push(Problem::of("book.client_id", "needed for Salesforce; write the consumer key of the app"));
    }
    if book.key_file.is_some() == book.client_secret_file.is_some() {
        let advice = "name either the key file that assertions are signed with, or `book.client_secret_file`";
        found.push(Problem::of("book.key_file", advice));
    }
    if book.key_file.is_some() != book.username.is_some() {
        found
            .push(Problem::of("book.username", "`book.username` and `book.key_file` go together; set both or neither"));
    }
    if book.api_version.parse::<ApiVersion>().is_err() {
        found.push(Problem::of("book.api_version", "is no version of the API; write one like \"v66.0\""));
    }
    if Profile::named(&book.profile).is_none() {
        let names = Profile::ALL.map(|profile| format!("\"{}\"", profile.name())).join(" or ");
        found.push(Problem::of("book.profile", format!("is none that comes with the gateway; write {names}")));
    }
    if book.reconcile_at.parse::<jiff::civil::Time>().is_err() {
        found.push(Problem::of("book.reconcile_at", "is no time of day; write one like \"04:30\""));
    }
    if !(1..=1_440).contains(&book.session_minutes.0) {
        found.push(Problem::of("book.session_minutes", "must be 1 to 1440"));
    }
}

fn events(events: &Events, found: &mut Vec<Problem>) {
    if !is_address(&events.endpoint) {
        let advice = "write the address of the Pub/Sub API, like \"https://api.pubsub.salesforce.com:7443\"";
        found.push(Problem::of("book.events.endpoint", advice));
    }
    let is_topic = |topic: &String| {
        let name = topic.strip_prefix("/event/").unwrap_or_default();
        (1..=80).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if events.topic.as_ref().is_some_and(|topic| !is_topic(topic)) {
        let advice = "is no topic; write one like \"/event/Assignments__chn\", or leave it out";
        found.push(Problem::of("book.events.topic", advice));
    }
    if !(1..=720).contains(&events.oldest_hours.0) {
        found.push(Problem::of("book.events.oldest_hours", "must be 1 to 720"));
    }
}

/// Whether a text is `https://` with a host, and perhaps a port.
fn is_address(url: &str) -> bool {
    let host = url.strip_prefix("https://").unwrap_or_default();
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(book: &Book) -> Vec<String> {
        let mut found = Vec::new();
        problems(book, &mut found);
        found.into_iter().map(|problem| problem.key).collect()
    }

    fn org() -> Book {
        Book {
            kind: BookKind::Salesforce,
            url: Some("https://acme.my.salesforce.com".into()),
            client_id: Some("3MVG9".into()),
            username: Some("gateway@acme.example".into()),
            key_file: Some("key.pem".into()),
            ..Book::default()
        }
    }

    #[test]
    fn an_org_is_signed_in_to_in_one_of_two_ways() {
        assert!(complaints(&org()).is_empty());
        let secret = Some("secret".into());
        let by_secret = Book { username: None, key_file: None, client_secret_file: secret.clone(), ..org() };
        assert!(complaints(&by_secret).is_empty());
        assert_eq!(complaints(&Book { client_secret_file: secret, ..org() }), ["book.key_file"]);
        assert_eq!(complaints(&Book { username: None, ..org() }), ["book.username"]);
    }

    #[test]
    fn what_cannot_be_is_named() {
        for url in ["http://acme.my.salesforce.com", "https://", "https://a.example/path", "acme"] {
            assert_eq!(complaints(&Book { url: Some(url.into()), ..org() }), ["book.url"], "{url}");
        }
        assert_eq!(complaints(&Book { api_version: "66".into(), ..org() }), ["book.api_version"]);
        assert_eq!(complaints(&Book { profile: "other".into(), ..org() }), ["book.profile"]);
        assert_eq!(complaints(&Book { session_minutes: Minutes(0), ..org() }), ["book.session_minutes"]);
        let patient = Book { lookup_deadline_milliseconds: Milliseconds(1_801), ..org() };
        assert_eq!(complaints(&patient), ["book.lookup_deadline_milliseconds"]);
        assert_eq!(complaints(&Book { reconcile_at: "4.30".into(), ..org() }), ["book.reconcile_at"]);
        let forgotten = Book { kind: BookKind::Sqlite, ..org() };
        assert_eq!(complaints(&forgotten), ["book.url", "book.client_id", "book.username", "book.key_file"]);
        let odd = Book {
            ca: Some("ca.pem".into()),
            api_version: "v68.0".into(),
            profile: "collections-and-recovery".into(),
            session_minutes: Minutes(5),
            ..Book::default()
        };
        let keys = ["ca", "api_version", "profile", "session_minutes"].map(|key| format!("book.{key}"));
        assert_eq!(complaints(&odd), keys);
        let on = Events { enabled: true, ..Events::default() };
        assert_eq!(complaints(&Book { events: on.clone(), ..Book::default() }), ["book.events.enabled"]);
        assert!(complaints(&Book { events: on, ..org() }).is_empty());
        let wrong = Events {
            endpoint: "http://api.pubsub.salesforce.com".into(),
            topic: Some("Assignments__chn".into()),
            oldest_hours: Hours(0),
            ..Events::default()
        };
        let keys = ["endpoint", "topic", "oldest_hours"].map(|key| format!("book.events.{key}"));
        assert_eq!(complaints(&Book { events: wrong, ..org() }), keys);
    }
}
