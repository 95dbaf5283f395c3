//! The Salesforce org that is the account book: its settings, and whether it has what the mapping says.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use backends::{
    queue::Queue,
    salesforce::{Connections, Events, EventsOptions, OrgOptions, SalesforceBook, SignIn, described, events},
};
use book::salesforce::{
    ApiVersion, Described, Finding, Mapping, Profile, compare,
    describe::{Asked, Topic, Weight},
    subscription::{First, Timing},
};
use jiff::SignedDuration;
use metrics::{counter, gauge};
use tokio_util::sync::CancellationToken;

use super::make_room_for;
use crate::config::{Book, Config, FirstEvent, SecretSource};

/// Longest for describing every object.
const DESCRIBING: Duration = Duration::from_secs(60);
/// How often a gateway that serves compares the org with its mapping: administrators change both.
const COMPARE_EVERY: Duration = Duration::from_secs(3_600);
/// When it is done again where the org does not fit, or did not describe itself.
const TRY_AGAIN: Duration = Duration::from_secs(60);
/// How long a subscription waits for a gateway that is gone before another takes it over.
const LEASE: Duration = Duration::from_secs(20);

/// How the org is reached, and what its objects are called.
pub(super) struct Org {
    connections: Arc<Connections>,
    mapping: Mapping,
    version: ApiVersion,
}

impl Org {
    /// The book over connections that are made when they are needed.
    pub(super) fn book(&self) -> SalesforceBook {
        SalesforceBook::new(Arc::clone(&self.connections), self.mapping.clone(), self.version)
    }

    /// What subscribes to assignments over the same connections, where something is to.
    pub(super) fn events(&self, config: &Config) -> Result<Option<Events>> {
        if !config.book.events.enabled {
            return Ok(None);
        }
        let options = self.subscription(&config.book)?;
        let path = &config.queue.database;
        make_room_for(path)?;
        let queue = Queue::open(path).with_context(|| format!("cannot open the call queue {}", path.display()))?;
        let connections = Arc::clone(&self.connections);
        Events::new(connections, self.mapping.clone(), self.version, Arc::new(queue), options)
            .map(Some)
            .context("book.events")
    }

    /// How assignments are subscribed to.
    fn subscription(&self, config: &Book) -> Result<EventsOptions> {
        let event = self.mapping.event().context("book.events needs an [assignment_event] in the mapping")?;
        let Book { url, ca, events, .. } = config;
        Ok(EventsOptions {
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
        })
    }

    /// What the Pub/Sub API says of the topic, and what does not fit.
    async fn topic(&self, config: &Book, described: &Described) -> Result<(Topic, Option<Finding>)> {
        let options = self.subscription(config)?;
        let topic = events::topic(&self.connections, &options).await.context("book.events")?;
        let endpoint = &config.events.endpoint;
        let asked = Asked { endpoint, topic: config.events.topic.as_deref(), timing: options.timing };
        let finding = asked.finding(&self.mapping, described, &topic);
        Ok((topic, finding))
    }
}

/// Keeps an org's connections warm, has the book made ready, and compares the org with its mapping now and every hour, telling
/// what does not fit. Calls are taken meanwhile, and none is placed: what cannot be read of an account is a look-up that failed.
pub(super) async fn watch(book: Arc<SalesforceBook>, stop: CancellationToken) {
    let comparing = async {
        book.prepare().await;
        keep_compared(&book).await;
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = book.keep_warm() => {}
        () = comparing => {}
    }
}

async fn keep_compared(book: &SalesforceBook) {
    let mut told = Vec::new();
    loop {
        let wait = match book.prove(Instant::now() + DESCRIBING).await {
            Ok(findings) => {
                tell(&findings, &told);
                let is_sound = findings.iter().all(|finding| finding.weight != Weight::Stops);
                told = findings;
                if is_sound { COMPARE_EVERY } else { TRY_AGAIN }
            }
            Err(error) => {
                tracing::warn!(error = error.name(), "the org could not be compared with its mapping");
                TRY_AGAIN
            }
        };
        tokio::time::sleep(TRY_AGAIN).await;
        // A look-up that does not fit the org may show what has changed since.
        tokio::time::timeout(wait - TRY_AGAIN, book.doubted()).await.ok();
    }
}

/// Says what was not said before, and counts what there is.
fn tell(findings: &[Finding], told: &[Finding]) {
    for finding in findings.iter().filter(|finding| !told.contains(finding)) {
        match finding.weight {
            Weight::Stops | Weight::StopsAssignments => tracing::error!("Salesforce {finding}"),
            Weight::Warns => tracing::warn!("Salesforce, {finding}"),
        }
    }
    for (weight, label) in
        [(Weight::Stops, "stops"), (Weight::StopsAssignments, "assignments"), (Weight::Warns, "warns")]
    {
        let count = findings.iter().filter(|finding| finding.weight == weight).count();
        gauge!("tonegate_salesforce_mapping_findings", "weight" => label).set(count as f64);
        if weight == Weight::Stops && count > 0 {
            counter!("tonegate_control_failures_total", "control" => "salesforce_mapping").increment(1);
        }
    }
}

/// What an org was asked.
pub(crate) struct Compared {
    /// Whether it was asked what it has: not by a version that it does not know.
    pub(crate) is_asked: bool,
    /// What does not fit.
    pub(crate) findings: Vec<Finding>,
    /// Whether assignments can be subscribed to.
    pub(crate) is_open: bool,
}

/// Signs in, has the org describe its objects, asks for the topic of assignments where something is to subscribe, and says what
/// does not fit.
///
/// # Errors
/// Where a setting cannot be used or the org, which the error names, does not answer.
pub(crate) async fn compared(config: &Book) -> Result<Compared> {
    let org = org(config)?;
    let described = described(&org.connections, &org.mapping, org.version, Instant::now() + DESCRIBING).await;
    let described = described.with_context(|| at(config))?;
    let mut findings = compare(&org.mapping, &described);
    let mut is_open = false;
    if config.events.enabled {
        let (topic, finding) = org.topic(config, &described).await?;
        is_open = topic == Topic::Open;
        findings.extend(finding);
        findings.sort_by_key(|finding| finding.weight);
    }
    Ok(Compared { is_asked: described.is_asked() && !described.lacks_most(&org.mapping), findings, is_open })
}

/// Where the org is, and who must vouch for it.
fn at(config: &Book) -> String {
    let url = config.url.as_deref().unwrap_or_default();
    let authority = config.ca.as_ref().map_or("the system's authorities".to_owned(), |ca| ca.display().to_string());
    format!("{url} (book.url), trusting {authority} (book.ca)")
}

/// The org of a configuration; nothing is connected to yet.
pub(super) fn org(config: &Book) -> Result<Org> {
    let mapped = mapping(config)?;
    // What nothing subscribes to need not be in the org.
    let mapping = if config.events.enabled { mapped } else { mapped.without_event() };
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
