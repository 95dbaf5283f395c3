//! Mutual TLS: who has no certificate of the right authority is not even heard.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;
use crate::config::Api;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// Writes a certificate for `localhost` and its key; tells where.
fn leaf(directory: &Path, name: &str, issuer: &Authority) -> (PathBuf, PathBuf) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
    let paths = (directory.join(format!("{name}.pem")), directory.join(format!("{name}.key")));
    std::fs::write(&paths.0, certificate.pem()).unwrap();
    std::fs::write(&paths.1, key.serialize_pem()).unwrap();
    paths
}

fn connector(server: &Authority, client: Option<&(PathBuf, PathBuf)>) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(server.der().clone()).unwrap();
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap()
        }
    };
    TlsConnector::from(Arc::new(config))
}

/// The first line of the answer to a request without a token; `None` where TLS keeps the client out.
async fn asked(address: SocketAddr, connector: TlsConnector) -> Option<String> {
    let tcp = TcpStream::connect(address).await.unwrap();
    let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), tcp).await.ok()?;
    stream.write_all(b"GET /v1/calls HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    String::from_utf8(answer).unwrap().lines().next().map(str::to_owned)
}

#[tokio::test]
async fn mutual_tls_hears_only_clients_of_the_right_authority() {
    let directory = tempfile::tempdir().unwrap();
    let (ours, strangers) = (authority(), authority());
    let (certificate, key) = leaf(directory.path(), "server", &ours);
    let client_ca = directory.path().join("clients.pem");
    std::fs::write(&client_ca, ours.pem()).unwrap();
    let api = Api { certificate: Some(certificate), key: Some(key), client_ca: Some(client_ca), ..Api::default() };
    let tls = Tls::of(&api).unwrap();
    assert!(tls.is_some());

    let interface = Interface {
        calls: Arc::new(Calls(HashMap::new())),
        bearers: Arc::new(Bearers::read(&[]).unwrap()),
        accounts: Arc::new(Accounts(Uuid::nil())),
        audit: Arc::new(Trail::default()),
        refunds: Arc::new(Money),
        dead_letters: Arc::new(outbox::Letters),
        deadline: Duration::from_secs(1),
        bank_accounts: false,
    };
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(serve(socket, tls, routes(interface), CancellationToken::new()));

    let known = leaf(directory.path(), "known", &ours);
    let unknown = leaf(directory.path(), "unknown", &strangers);
    assert_eq!(asked(address, connector(&ours, Some(&known))).await.unwrap(), "HTTP/1.1 401 Unauthorized");
    assert_eq!(asked(address, connector(&ours, Some(&unknown))).await, None);
    assert_eq!(asked(address, connector(&ours, None)).await, None);
}

#[test]
fn a_file_that_is_not_there_is_named_with_its_key() {
    let api = Api { certificate: Some("no.pem".into()), key: Some("no.key".into()), ..Api::default() };
    let error = Tls::of(&api).err().unwrap().to_string();
    assert!(error.contains("api.certificate") && error.contains("no.pem"), "{error}");
    assert!(Tls::of(&Api::default()).unwrap().is_none());
}
