//! The Salesforce org that is the account book: its settings, and whether it has what the mapping says.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use backends::{
    queue::Queue,
    salesforce::{Connections, Events, EventsOptions, OrgOptions, SalesforceBook, SignIn, described},
};
use book::salesforce::{
    ApiVersion, Finding, Mapping, Profile, compare,
    subscription::{First, Timing},
};
use jiff::SignedDuration;

use super::make_room_for;
use crate::config::{Book, Config, FirstEvent, SecretSource};

/// Longest for describing every object.
const DESCRIBING: Duration = Duration::from_secs(60);
/// How long a subscription waits for a gateway that is gone before another takes it over.
const LEASE: Duration = Duration::from_secs(20);

/// How the org is reached, and what its objects are called.
struct Org {
    connections: Arc<Connections>,
    mapping: Mapping,
    version: ApiVersion,
}

/// The book over connections that are made when they are needed, and over the same ones the subscriber to assignments, where
/// there is to be one.
pub(super) fn open(config: &Config) -> Result<(SalesforceBook, Option<Events>)> {
    let org = org(&config.book)?;
    let events = if config.book.events.enabled { Some(events(config, &org)?) } else { None };
    Ok((SalesforceBook::new(org.connections, org.mapping, org.version), events))
}

fn events(config: &Config, org: &Org) -> Result<Events> {
    let Book { url, ca, events, .. } = &config.book;
    let event = org.mapping.event().context("book.events needs an [assignment_event] in the mapping")?;
    let path = &config.queue.database;
    make_room_for(path)?;
    let queue = Queue::open(path).with_context(|| format!("cannot open the call queue {}", path.display()))?;
    let options = EventsOptions {
        endpoint: events.endpoint.clone(),
        authority: ca.clone(),
        topic: events.topic.clone().unwrap_or_else(|| event.topic()),
        org: url.clone().context("book.url is needed for salesforce")?,
        first: match events.first {
            FirstEvent::Earliest => First::Earliest,
            FirstEvent::Latest => First::Latest,
        },
        oldest: SignedDuration::from_hours(events.oldest_hours.0.into()),
        timing: Timing::default(),
        lease: LEASE,
    };
    let connections = Arc::clone(&org.connections);
    Events::new(connections, org.mapping.clone(), org.version, Arc::new(queue), options).context("book.events")
}

/// Signs in, has the org describe its objects, and says what does not fit.
///
/// # Errors
/// Where a setting cannot be used or the org does not answer.
pub(crate) async fn compared(config: &Book) -> Result<Vec<Finding>> {
    let Org { connections, mapping, version } = org(config)?;
    let described = described(&connections, &mapping, version, Instant::now() + DESCRIBING).await?;
    Ok(compare(&mapping, &described))
}

fn org(config: &Book) -> Result<Org> {
    let mapping = mapping(config)?;
    let version: ApiVersion = config.api_version.parse().context("book.api_version")?;
    if version < mapping.least_version() {
        bail!("the mapping needs version {} of the API; raise book.api_version", mapping.least_version());
    }
    let options = OrgOptions {
        url: config.url.clone().context("book.url is needed for salesforce")?,
        client_id: config.client_id.clone().context("book.client_id is needed for salesforce")?,
        sign_in: sign_in(config)?,
        authority: config.ca.clone(),
        session: config.session_minutes.duration(),
    };
    let connections = Connections::new(options).context("the org of the account book")?;
    Ok(Org { connections: Arc::new(connections), mapping, version })
}

fn sign_in(config: &Book) -> Result<SignIn> {
    match (&config.username, &config.key_file) {
        (Some(username), Some(key)) => Ok(SignIn::Assertion { username: username.clone(), key: key.clone() }),
        (None, _) | (_, None) => {
            let source = SecretSource { env: None, file: config.client_secret_file.clone() };
            Ok(SignIn::Secret(source.read().context("book.client_secret_file")?))
        }
    }
}

fn mapping(config: &Book) -> Result<Mapping> {
    let namespace = config.namespace.as_deref();
    let Some(path) = &config.mapping else {
        let profile = Profile::named(&config.profile).context("book.profile names no mapping of the gateway")?;
        return profile.mapping(namespace).context("book.namespace");
    };
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}; set book.mapping", path.display()))?;
    Mapping::read(&text, namespace).with_context(|| format!("in {}", path.display()))
}
