//! Checkpoints arrive in files and at a real HTTPS server, in order, also after the server was away.

use std::path::Path;
use std::sync::Mutex as Lock;

use rcgen::{CertificateParams, KeyPair as Pair};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::super::{Evidence, Instance, Signer, verify};
use super::*;
use crate::{store::StoreOptions, tests::until};

/// Longest that anything here may take.
const LIMIT: Duration = Duration::from_secs(60);

/// What a server was sent, and how it answers.
#[derive(Default)]
struct Desk {
    bodies: Vec<String>,
    tokens: Vec<String>,
    /// Answers before those with 201.
    answers: Vec<u16>,
}

/// An HTTPS server for `localhost`, and the file of its authority.
async fn serve(directory: &Path, desk: Arc<Lock<Desk>>) -> (String, PathBuf) {
    let pair = Pair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&pair).unwrap();
    let authority = directory.join("ca.pem");
    std::fs::write(&authority, certificate.pem()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(pair.serialize_pem().as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut text = String::new();
            let mut buffer = [0; 4_096];
            while !is_whole(&text) {
                let read = stream.read(&mut buffer).await.unwrap();
                text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
            }
            let status = take(&desk, &text);
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.ok();
        }
    });
    (format!("https://localhost:{port}/checkpoints"), authority)
}

fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let lines = text.lines().filter_map(|line| line.split_once(": "));
    lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    header(head, "content-length").and_then(|length| length.parse().ok()) == Some(body.len())
}

fn take(desk: &Lock<Desk>, text: &str) -> u16 {
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut desk = desk.lock().unwrap();
    if !desk.answers.is_empty() {
        return desk.answers.remove(0);
    }
    desk.bodies.push(body.to_owned());
    desk.tokens.extend(header(head, "authorization").map(str::to_owned));
    201
}

struct Line {
    directory: TempDir,
    key: PathBuf,
}

impl Line {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let key = directory.path().join("key");
        Signer::create("gateway-1", &key).unwrap();
        Self { directory, key }
    }

    fn store(&self, run: u128) -> (Store, Uuid) {
        let id = Uuid::from_u128(run);
        let key = Signer::read(&self.key).unwrap();
        let predecessor = newest(&self.checkpoints(), "gateway-1", key.verifier());
        let instance = Instance { node: "gateway-1".into(), id, program: "serve", version: "0.1.0", predecessor };
        let options = StoreOptions {
            signer: Some(key),
            instance: Some(instance),
            least_free: 0,
            commit_deadline: LIMIT,
            ..StoreOptions::at(self.directory.path().join("store.db"))
        };
        let (store, recovery) = Store::open(options, Timestamp::now()).unwrap();
        assert!(!recovery.is_rolled_back);
        (store, id)
    }

    fn checkpoints(&self) -> PathBuf {
        self.directory.path().join("elsewhere/checkpoints")
    }

    fn ship(&self, store: &Store, instance: Uuid, collector: Option<Collector>) -> Shipping {
        let (node, directory) = ("gateway-1".to_owned(), self.checkpoints());
        let every = Duration::from_secs(1);
        let options = ShippingOptions { node, instance, directory, collector, every, records: 1 };
        Shipping::start(store.clone(), options).unwrap()
    }

    fn verify(&self) -> super::super::Summary {
        let keys = vec![Signer::read(&self.key).unwrap().verifier().clone()];
        let evidence = Evidence::gather(keys, &[self.checkpoints()]).unwrap();
        verify(&self.directory.path().join("store.db"), &evidence).unwrap()
    }
}

async fn say(store: &Store) {
    let entry =
        Entry { call: Uuid::from_u128(7), at: Timestamp::now(), kind: Kind::CallStarted, details: Details::new() };
    store.write(Write::Audit(entry)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_reach_files_and_a_collector_and_cover_every_run() {
    let line = Line::new();
    let desk = Arc::new(Lock::new(Desk { answers: vec![500, 429], ..Desk::default() }));
    let (url, authority) = serve(line.directory.path(), Arc::clone(&desk)).await;
    let token = Some("a-token-of-sixteen-letters".to_owned().into());
    let collector = Collector { url, authority, token };
    for run in [1, 2] {
        let (store, id) = line.store(run);
        let shipping = line.ship(&store, id, Some(collector.clone()));
        say(&store).await;
        until("checkpoint at the collector", async || desk.lock().unwrap().bodies.len() as u128 >= run).await;
        shipping.close().await;
        drop(store);
    }
    let summary = line.verify();
    assert_eq!((summary.runs, summary.calls, summary.is_signed), (2, 1, Some(true)));
    assert_eq!(summary.covered.unwrap().0, summary.records, "the last record of a run is covered");
    assert!(summary.remarks.is_empty(), "{:?}", summary.remarks);
    let desk = desk.lock().unwrap();
    assert!(desk.answers.is_empty() && desk.tokens.iter().all(|token| token.starts_with("Bearer a-token")));
    let key = [Signer::read(&line.key).unwrap().verifier().clone()];
    let numbers: Vec<u64> = desk
        .bodies
        .iter()
        .map(|body| super::super::believe("the collector", body, &key).unwrap().checkpoint.number)
        .collect();
    assert!(numbers.is_sorted() && numbers.first() == Some(&1), "{numbers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_shipped_is_kept_and_shipped_by_the_next_run() {
    let line = Line::new();
    std::fs::write(line.directory.path().join("elsewhere"), "in the way of the directory").unwrap();
    let (store, id) = line.store(1);
    let shipping = line.ship(&store, id, None);
    say(&store).await;
    let waits = async || !store.unshipped(Destination::Directory, MOST).await.unwrap().is_empty();
    until("checkpoint that waits", waits).await;
    // Killed: nothing is closed.
    drop((shipping, store));
    std::fs::remove_file(line.directory.path().join("elsewhere")).unwrap();
    // The first run's tasks let go of the file as they end.
    let lock = std::fs::File::open(line.directory.path().join("store.db.lock")).unwrap();
    let free = async || rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok();
    until("end of the first run", free).await;
    drop(lock);
    let store = line.store(2);
    let shipping = line.ship(&store.0, store.1, None);
    shipping.close().await;
    let summary = line.verify();
    assert_eq!(summary.covered.unwrap().0, summary.records);
    assert!(summary.checkpoints >= 2 && summary.remarks.len() == 1, "{:?}", summary.remarks);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_changed_under_a_running_gateway_is_noticed() {
    let line = Line::new();
    let (store, id) = line.store(1);
    let shipping = line.ship(&store, id, None);
    say(&store).await;
    say(&store).await;
    let file = rusqlite::Connection::open(line.directory.path().join("store.db")).unwrap();
    file.busy_timeout(LIMIT).unwrap();
    file.execute_batch("UPDATE audit SET record = replace(record, 'call_started', 'call_ended') WHERE sequence = 2")
        .unwrap();
    let told = "SELECT count(*) FROM audit WHERE record LIKE '%\"control\":\"audit_chain\",\"record\":2}%'";
    let is_told = async || file.query_row(told, [], |row| row.get::<_, i64>(0)).unwrap() == 1;
    until("record of the change", is_told).await;
    shipping.close().await;
}

#[test]
fn a_collector_that_cannot_be_used_is_named_by_its_setting() {
    let directory = TempDir::new().unwrap();
    let authority = directory.path().join("none.pem");
    let named = |url: &str| {
        let collector = Collector { url: url.to_owned(), authority: authority.clone(), token: None };
        Client::new(&collector, POST).err().map(|error| error.to_string())
    };
    assert_eq!(named("http://localhost/").as_deref(), Some("audit.ship_to cannot be used"));
    assert_eq!(named("https://localhost/").as_deref(), Some("audit.ship_ca cannot be used"));
}
