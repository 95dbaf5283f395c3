//! Development only: a Salesforce org to test against. It is a real HTTPS server on loopback with objects from a file, and what
//! goes wrong is ordered over an interface of its own or from Rust.
//!
//! It speaks OAuth 2.0 (JWT bearer, client credentials), REST (rows, upserts, SOQL, composites, graphs, collections), Bulk API 2.0
//! ingest and the Pub/Sub API. Where a real org's words could not be found, its own say so beside them. Independent clients keep it honest:
//! `tests/system/salesforce.rs` runs them unmodified.

mod admin;
mod bus;
mod call;
mod counters;
mod failure;
mod fault;
mod filled;
mod id;
mod ingest;
mod line;
mod oauth;
mod pubsub;
mod rest;
pub mod schema;
mod serve;
mod soql;
mod store;
mod world;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::SignedDuration;
use serde_json::{Map, Value};
use testkit::https::{Authority, private};

use self::{
    admin::Admin,
    bus::Bus,
    fault::Faults,
    ingest::Jobs,
    oauth::Sessions,
    pubsub::Endpoint,
    rest::Cursors,
    serve::Listener,
    store::Store,
    world::{Shared, World},
};

pub use bus::{RefusedCalls, StreamTroubles};
pub use counters::Counts;
pub use fault::{Fault, FaultOrder, Latency};
pub use filled::{FillError, FilledOrg};
pub use oauth::App;
pub use schema::Schema;
pub use store::{RowTrouble, Step};
pub use world::{ORG, USER};

/// The consumer key of the app that an org has unless it is told of others.
pub const CONSUMER_KEY: &str = "3MVG9tonegatetestsonly";
/// Its consumer secret.
pub const CONSUMER_SECRET: &str = "0123456789ABCDEFtestsonly";
/// The user that is approved for it.
pub const USERNAME: &str = "gateway@collections.example";

/// A key pair of tests only: the app knows the certificate, and whoever signs in has the key.
const KEY: &str = include_str!("keys/integration-key.pem");
const CERTIFICATE: &str = include_str!("keys/integration.pem");

/// What an org is started with.
#[derive(Clone, Debug)]
pub struct OrgOptions {
    /// Its objects.
    pub schema: Schema,
    /// Who may sign in.
    pub apps: Vec<App>,
    /// How long a session lives that is not used (help, "Session Settings": two hours).
    pub session: Duration,
    /// Requests in 24 hours.
    pub daily_requests: u64,
    /// The ports of the login host, the instance, the admin interface and Pub/Sub; 0 takes a free one.
    pub ports: [u16; 4],
}

impl OrgOptions {
    /// An org with these objects, and an app that signs in either way.
    #[must_use]
    pub fn new(schema: Schema) -> Self {
        let app = App {
            consumer_key: CONSUMER_KEY.to_owned(),
            consumer_secret: Some(CONSUMER_SECRET.to_owned()),
            certificate: Some(CERTIFICATE.to_owned()),
            users: vec![USERNAME.to_owned()],
            scopes: ["api", "refresh_token"].map(str::to_owned).to_vec(),
        };
        let session = Duration::from_secs(7_200);
        Self { schema, apps: vec![app], session, daily_requests: 100_000, ports: [0; 4] }
    }
}

/// A running org.
pub struct Org {
    authority: Authority,
    key: PathBuf,
    world: Arc<Shared>,
    login_url: String,
    instance_url: String,
    _login: Listener,
    _instance: Listener,
    admin: Admin,
    pubsub: Endpoint,
}

impl Org {
    /// Starts an org whose files are in a directory.
    ///
    /// # Errors
    /// Where a file cannot be written, or there is no port.
    pub async fn start(directory: impl AsRef<Path>, options: OrgOptions) -> io::Result<Self> {
        // A second installation changes nothing.
        rustls::crypto::ring::default_provider().install_default().ok();
        let authority = Authority::new(directory.as_ref())?;
        let key = authority.directory().join("integration-key.pem");
        fs::write(&key, KEY)?;
        private(&key)?;
        let [login, instance, admin, pubsub] = options.ports;
        let world = Arc::new(Mutex::new(world(options)));
        let tls = || authority.server("127.0.0.1", None);
        let login = Listener::start(tls()?, login, Arc::clone(&world)).await?;
        let instance = Listener::start(tls()?, instance, Arc::clone(&world)).await?;
        let admin = Admin::start(admin, Arc::clone(&world)).await?;
        let (certificate, certified) = authority.client("127.0.0.1")?;
        let pubsub = Endpoint::start((&certificate, &certified), pubsub, Arc::clone(&world)).await?;
        let login_url = format!("https://{}", login.address);
        let instance_url = format!("https://{}", instance.address);
        {
            let mut world = lock(&world);
            world.login_url.clone_from(&login_url);
            world.instance_url.clone_from(&instance_url);
        }
        Ok(Self { authority, key, world, login_url, instance_url, _login: login, _instance: instance, admin, pubsub })
    }

    /// Where tokens are asked for: My Domain.
    #[must_use]
    pub fn login_url(&self) -> &str {
        &self.login_url
    }

    /// Where everything else is, as tokens say.
    #[must_use]
    pub fn instance_url(&self) -> &str {
        &self.instance_url
    }

    /// Where faults are ordered over plain HTTP.
    #[must_use]
    pub fn admin_url(&self) -> String {
        self.admin.url()
    }

    /// Where events are, over gRPC.
    #[must_use]
    pub fn pubsub_url(&self) -> String {
        format!("https://{}", self.pubsub.address)
    }

    /// The file with the certificate of its authority.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.authority.file()
    }

    /// The file with the RSA key that assertions of [`CONSUMER_KEY`] are signed with.
    #[must_use]
    pub fn key_file(&self) -> &Path {
        &self.key
    }

    /// A token, as if somebody had signed in.
    #[must_use]
    pub fn session(&self) -> String {
        let mut world = lock(&self.world);
        let now = world.now();
        world.sessions.open(now)
    }

    /// Ends every session: each token is stale.
    pub fn expire_sessions(&self) {
        lock(&self.world).sessions.expire();
    }

    /// Orders a fault.
    pub fn order(&self, order: FaultOrder) {
        lock(&self.world).faults.order(order);
    }

    /// Has rows go wrong.
    pub fn trouble(&self, trouble: RowTrouble) {
        lock(&self.world).store.troubles.push(trouble);
    }

    /// Makes the org slow; `None` makes it quick again.
    pub fn set_latency(&self, latency: Option<Latency>) {
        lock(&self.world).faults.set_latency(latency);
    }

    /// Has it read and not write, or write again.
    pub fn set_read_only(&self, is_read_only: bool) {
        lock(&self.world).store.is_read_only = is_read_only;
    }

    /// Hides a field from whoever asks, or shows it again. Whether there is such a field.
    pub fn hide(&self, object: &str, field: &str, is_hidden: bool) -> bool {
        lock(&self.world).store.schema.hide(object, field, is_hidden)
    }

    /// Takes the right to read an event from whoever asks, or gives it back. Whether there is such an event.
    pub fn hide_event(&self, event: &str, is_hidden: bool) -> bool {
        lock(&self.world).bus.hide(&format!("/event/{event}"), is_hidden)
    }

    /// Has the next bulk job fail after so many rows.
    pub fn fail_next_job_after(&self, rows: usize) {
        lock(&self.world).jobs.fails_after = Some(rows);
    }

    /// Publishes an event from its fields, and says its replay id.
    ///
    /// # Errors
    /// Where there is no such event, or a value does not fit its field.
    pub fn publish(&self, event: &str, fields: &Value) -> Result<Vec<u8>, String> {
        lock(&self.world).publish(event, fields.as_object().unwrap_or(&Map::new()))
    }

    /// Publishes bytes that need not be an event, under the event's own schema or one that need not exist, and says their
    /// replay id.
    pub fn publish_bytes(&self, event: &str, payload: Vec<u8>, schema_id: Option<&str>) -> Option<Vec<u8>> {
        lock(&self.world).publish_bytes(event, payload, schema_id)
    }

    /// Gives an event one more field of text: from now on it is published under another schema. Whether there is such an event.
    pub fn evolve(&self, event: &str, field: &str) -> bool {
        lock(&self.world).bus.evolve(&format!("/event/{event}"), field)
    }

    /// Deletes a field of an event: from now on it is published under another schema. Whether there was such a field.
    pub fn forget(&self, event: &str, field: &str) -> bool {
        lock(&self.world).bus.forget(&format!("/event/{event}"), field)
    }

    /// How many streams of events are open.
    #[must_use]
    pub fn streams(&self) -> usize {
        // Each listens to what changes, and nothing else does.
        lock(&self.world).changed.receiver_count()
    }

    /// Has streams go wrong.
    pub fn set_stream_troubles(&self, troubles: StreamTroubles) {
        let mut world = lock(&self.world);
        world.bus.troubles = troubles;
        world.wake();
    }

    /// Makes replay ids so many bytes long, 8 at the least. Those of another length are not known any more.
    pub fn set_replay_length(&self, bytes: usize) {
        lock(&self.world).bus.replay_length = bytes.clamp(8, 64);
    }

    /// Ends every fault and trouble. Rows, sessions and counts stay.
    pub fn clear_faults(&self) {
        lock(&self.world).clear_faults();
    }

    /// Sets the org's clock ahead.
    pub fn advance(&self, time: Duration) {
        lock(&self.world).advance(time);
    }

    /// Says how many requests others have made in the last 24 hours, and how many there may be.
    pub fn set_usage(&self, others: u64, daily: u64) {
        let mut world = lock(&self.world);
        (world.counters.others, world.counters.daily) = (others, daily);
    }

    /// How often it was asked, and for what.
    #[must_use]
    pub fn counts(&self) -> Counts {
        lock(&self.world).counters.counts.clone()
    }

    /// Makes a row, as somebody else would, and says its id; or says why not.
    ///
    /// # Errors
    /// What the org says, as its interface would.
    pub fn insert(&self, object: &str, fields: &Value) -> Result<String, String> {
        lock(&self.world).insert(object, fields.as_object().unwrap_or(&Map::new()))
    }

    /// Changes a row, as somebody else would.
    ///
    /// # Errors
    /// What the org says, as its interface would.
    pub fn update(&self, object: &str, id: &str, fields: &Value) -> Result<(), String> {
        lock(&self.world).update(object, id, fields.as_object().unwrap_or(&Map::new()))
    }

    /// Every row of an object that is not deleted, with every field, hidden ones included.
    #[must_use]
    pub fn rows(&self, object: &str) -> Vec<Value> {
        lock(&self.world).rows(object)
    }
}

fn world(options: OrgOptions) -> World {
    World {
        bus: Bus::new(options.schema.events()),
        changed: tokio::sync::watch::Sender::new(()),
        store: Store::new(options.schema, USER.to_owned()),
        sessions: Sessions::new(options.session),
        cursors: Cursors::default(),
        jobs: Jobs::default(),
        faults: Faults::none(),
        counters: counters::Counters::new(options.daily_requests),
        apps: options.apps,
        login_url: String::new(),
        instance_url: String::new(),
        ahead: SignedDuration::ZERO,
    }
}

/// A test that panicked while it held the org does not stop the others.
fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
