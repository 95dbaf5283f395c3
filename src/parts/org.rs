//! The Salesforce org that is the account book: its settings, and whether it has what the mapping says.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use backends::salesforce::{Connections, OrgOptions, SalesforceBook, SignIn, described};
use book::salesforce::{ApiVersion, Finding, Mapping, Profile, compare, describe::Weight};
use tokio_util::sync::CancellationToken;

use crate::config::{Book, SecretSource};

/// Longest for describing every object.
const DESCRIBING: Duration = Duration::from_secs(60);

/// How long until an org is described again that fits, and one that does not.
const PROVEN: Duration = Duration::from_secs(24 * 3_600);
const UNPROVEN: Duration = Duration::from_secs(60);

/// How the org is reached, and what its objects are called.
struct Org {
    connections: Arc<Connections>,
    mapping: Mapping,
    version: ApiVersion,
}

/// The book over connections that are made when they are needed.
pub(super) fn open(config: &Book) -> Result<SalesforceBook> {
    let Org { connections, mapping, version } = org(config)?;
    Ok(SalesforceBook::new(connections, mapping, version))
}

/// Has the org describe its objects until it is seen to have what the mapping says, and once a day from then on: until then, and
/// while it has not, no outbound call is placed.
pub(super) async fn prove(org: Arc<SalesforceBook>, stop: CancellationToken) {
    loop {
        let proven = org.prove(Instant::now() + DESCRIBING).await;
        let wait = match &proven {
            Ok(findings) => {
                for finding in findings.iter().filter(|finding| finding.weight == Weight::Stops) {
                    tracing::error!(%finding, "the org does not fit the mapping: no outbound call is placed");
                }
                if findings.iter().any(|finding| finding.weight == Weight::Stops) { UNPROVEN } else { PROVEN }
            }
            Err(error) => {
                tracing::warn!(error = error.name(), "it is not known whether the org fits the mapping");
                UNPROVEN
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
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
