//! A bot behind TLS: reached only where its certificate is trusted.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::StreamExt;
use gate::SinkId;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

fn acceptor(authority: &Authority) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A bot that takes every stream and listens until it ends.
async fn listen(authority: &Authority) -> String {
    let (listener, acceptor) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), acceptor(authority));
    let url = format!("wss://localhost:{}/stream", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(tls) = acceptor.accept(tcp).await else { continue };
            let Ok(mut socket) = tokio_tungstenite::accept_async(tls).await else { continue };
            while let Some(Ok(_)) = socket.next().await {}
        }
    });
    url
}

async fn first_event(url: &str, trusted: PathBuf) -> BotEvent {
    let server = BotServer::new(url, Some(&trusted), false, PATIENCE).unwrap();
    let (report, mut events) = reported();
    let ends = Ends { sink: SinkId(1), acknowledge: Box::new(|_| {}), report, measure: Box::new(Ahead::default) };
    let _link = open(&tokio::runtime::Handle::current(), server, identity(), BTreeMap::new(), ends);
    timeout(PATIENCE, events.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_bot_is_reached_only_with_a_certificate_of_the_trusted_authority() {
    let directory = tempfile::tempdir().unwrap();
    let (ours, strangers) = (authority(), authority());
    let file = |name: &str, authority: &Authority| {
        let path = directory.path().join(name);
        std::fs::write(&path, authority.pem()).unwrap();
        path
    };
    let url = listen(&ours).await;
    assert_eq!(first_event(&url, file("ours.pem", &ours)).await, BotEvent::Connected);
    let refused = BotEvent::Closed(Closure::Unreachable(Unreachable::Tls));
    assert_eq!(first_event(&url, file("strangers.pem", &strangers)).await, refused);
}

#[test]
fn an_authority_that_is_none_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for path in [empty, directory.path().join("missing.pem")] {
        let error = BotServer::new("wss://localhost/", Some(&path), false, PATIENCE).err().unwrap().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
    }
}
