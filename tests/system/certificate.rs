//! The interface's certificate, renewed while the gateway runs, as a TLS client sees it.

use std::{fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::process::Signal;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use testkit::gateway::GatewayOptions;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use crate::{
    client::{metrics, sum},
    operations::logged,
    plant,
};

/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// An authority that a client trusts, and the files that it certifies.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).expect("parameters");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key"));
        Self(issuer.expect("an authority"))
    }

    /// Puts a new certificate and its key in place.
    fn certify(&self, directory: &Path) -> CertificateDer<'static> {
        let key = KeyPair::generate().expect("a key");
        let parameters = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        let certificate = parameters.signed_by(&key, &self.0).expect("a certificate");
        fs::write(directory.join("server.pem"), certificate.pem()).expect("a file");
        fs::write(directory.join("server.key"), key.serialize_pem()).expect("a file");
        certificate.der().clone()
    }

    /// The certificate that a new connection is shown.
    async fn shown(&self, address: SocketAddr) -> CertificateDer<'static> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = builder.expect("versions").with_root_certificates(roots).with_no_client_auth();
        let tcp = TcpStream::connect(address).await.expect("a connection");
        let name = ServerName::try_from("localhost").expect("a name");
        let handshake = TlsConnector::from(Arc::new(config)).connect(name, tcp);
        let stream = timeout(PATIENCE, handshake).await.expect("in time").expect("a handshake");
        let chain = stream.get_ref().1.peer_certificates().expect("a chain");
        chain.first().expect("a certificate").clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_certificate_is_shown_after_a_hangup_signal_and_a_bad_one_never() {
    let files = plant::directory("certificate-files");
    let authority = Authority::new();
    let first = authority.certify(&files);
    let path = |name: &str| files.join(name).display().to_string();
    let api = format!("certificate = {:?}\nkey = {:?}\n", path("server.pem"), path("server.key"));
    let gateway = plant::start(&GatewayOptions { api, ..plant::options("certificate") });
    let address = gateway.addresses().api;
    assert_eq!(authority.shown(address).await, first);

    let second = authority.certify(&files);
    assert_eq!(authority.shown(address).await, first, "a new file alone changes nothing");
    gateway.signal(Signal::HUP).expect("a signal");
    logged(&gateway, "the configuration is reloaded", 1).await;
    assert_eq!(authority.shown(address).await, second);

    fs::write(files.join("server.pem"), "no certificate").expect("a file");
    gateway.signal(Signal::HUP).expect("a signal");
    logged(&gateway, "the configuration is not reloaded", 1).await;
    assert!(gateway.log().expect("a log").contains("api.certificate"), "the log names the key");
    assert_eq!(authority.shown(address).await, second);
    let failures = sum(&metrics(&gateway).await, "tonegate_control_failures_total", &["control=\"reload\""]);
    assert_eq!(failures, 1.0);
}
