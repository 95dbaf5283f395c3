//! Against an org that is a real HTTPS server: `testkit`'s own, which independent clients are run against.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ::book::{
    Found, LookUp, LookupKey, Phone, Reference,
    salesforce::{ApiVersion, Fault, Mapping, Object, Profile, Quota, Thrift, compare, describe::Weight},
};
use org::{CONSUMER_KEY, CONSUMER_SECRET, Fault as Trouble, FaultOrder, Org, Schema, USERNAME};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::book::BookError;

mod bulk;
mod delivery;
mod description;
mod discretion;
mod events;
mod faults;
mod killed;
mod lookups;
mod metering;
mod meters;
mod page;
mod reconciliation;
mod sample;
mod sign_in;
mod state;

use sample::Sample;

/// What may be read at any time.
const LIMITS: &str = "/services/data/v68.0/limits";

/// An org, and connections to it.
struct Rig {
    org: Org,
    connections: Arc<Connections>,
    _directory: TempDir,
}

/// How long a test waits for what must come.
fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn schema(profile: Profile) -> Schema {
    Schema::parse(org::schema::sample(profile)).unwrap()
}

impl Rig {
    async fn start() -> Self {
        Self::of_profile(Profile::CollectXpert).await
    }

    async fn of_profile(profile: Profile) -> Self {
        Self::with(profile, |key| SignIn::Assertion { username: USERNAME.to_owned(), key }).await
    }

    async fn signing_in(sign_in: impl FnOnce(PathBuf) -> SignIn) -> Self {
        Self::with(Profile::CollectXpert, sign_in).await
    }

    async fn with(profile: Profile, sign_in: impl FnOnce(PathBuf) -> SignIn) -> Self {
        Self::of_schema(schema(profile), sign_in).await
    }

    async fn of_schema(schema: Schema, sign_in: impl FnOnce(PathBuf) -> SignIn) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let org = Org::start(directory.path(), org::OrgOptions::new(schema)).await.unwrap();
        let options = OrgOptions {
            url: org.login_url().to_owned(),
            client_id: CONSUMER_KEY.to_owned(),
            sign_in: sign_in(org.key_file().to_owned()),
            authority: Some(org.authority()),
            session: Duration::from_secs(3_600),
        };
        let connections = Arc::new(Connections::new(options).unwrap());
        Self { org, connections, _directory: directory }
    }

    /// Signs in, and sees to it that every request is made once, however slow this machine is.
    async fn without_hedges(&self) {
        self.org.set_usage(91_000, 100_000);
        self.read().await.unwrap();
        assert_eq!(self.connections.thrift(), Thrift::NoExtras);
    }

    async fn read(&self) -> Result<Answer, SalesforceError> {
        self.connections.read(LIMITS, soon()).await
    }

    fn order(&self, path: &str, times: Option<u32>, fault: Trouble) {
        self.org.order(FaultOrder { path: path.to_owned(), method: None, times, fault });
    }

    /// How often something was asked for.
    fn asked(&self, kind: &str) -> u64 {
        self.org.counts().by_kind.get(kind).copied().unwrap_or(0)
    }
}

fn version() -> ApiVersion {
    "v68.0".parse().unwrap()
}

fn refused(status: u16, code: &str, message: &str) -> Trouble {
    Trouble::Refused { status, code: code.to_owned(), message: message.to_owned(), retry_after: None }
}
