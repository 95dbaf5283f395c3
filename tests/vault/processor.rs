//! A processor that answers one request as a test wants: TLS with a certificate made for the test.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};

/// The token that the tests' processor wants.
pub const TOKEN: &str = "a-token-for-tests";

/// An authority and what the vault is given of it, in a directory of the test's own.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: PathBuf,
}

impl Authority {
    pub fn new(test: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("authority.pem"), issuer.pem()).unwrap();
        std::fs::write(directory.join("token"), format!("{TOKEN}\n")).unwrap();
        let key = KeyPair::generate().unwrap();
        let client = CertificateParams::new(vec!["vault".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        std::fs::write(directory.join("client.pem"), client.pem()).unwrap();
        std::fs::write(directory.join("client.key"), key.serialize_pem()).unwrap();
        Self { issuer, directory }
    }

    /// A file of this name among those that the vault is given.
    pub fn file(&self, name: &str) -> String {
        self.directory.join(name).to_str().unwrap().to_owned()
    }

    /// What a processor of this name shows and, where `mutual`, asks of the vault: a certificate of this authority.
    fn server(&self, name: &str, mutual: bool) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let chain: Vec<CertificateDer<'static>> = vec![leaf.der().clone()];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let versions = builder.with_safe_default_protocol_versions().unwrap();
        let asked = if mutual {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            versions.with_client_cert_verifier(verifier)
        } else {
            versions.with_no_client_auth()
        };
        Arc::new(asked.with_single_cert(chain, key).unwrap())
    }

    /// Serves one connection as `name`: reads one request, then writes `answer`, or with `None` says nothing until the
    /// vault gives up. Returns the request's text, or nothing where none came.
    pub fn serve(&self, name: &str, answer: Option<&str>) -> (SocketAddr, JoinHandle<Option<String>>) {
        Self::serve_with(self.server(name, false), answer)
    }

    /// As [`Authority::serve`] does, but only for a vault with a certificate of this authority.
    pub fn serve_mutually(&self, answer: Option<&str>) -> (SocketAddr, JoinHandle<Option<String>>) {
        Self::serve_with(self.server("localhost", true), answer)
    }

    fn serve_with(config: Arc<ServerConfig>, answer: Option<&str>) -> (SocketAddr, JoinHandle<Option<String>>) {
        let (listener, answer) = (TcpListener::bind("127.0.0.1:0").unwrap(), answer.map(str::to_owned));
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let (socket, _) = listener.accept().ok()?;
            let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), socket);
            let request = read_request(&mut stream)?;
            match answer {
                Some(answer) => {
                    let _ = stream.write_all(answer.as_bytes());
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
                None => {
                    let _ = stream.read(&mut [0]);
                }
            }
            Some(request)
        });
        (address, thread)
    }
}

fn read_request(stream: &mut impl Read) -> Option<String> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 512]);
    loop {
        let read = stream.read(&mut chunk).ok().filter(|&read| read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8(bytes.clone()).ok()?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let (_, length) = head.split_once("content-length: ")?;
        if body.len() == length.parse::<usize>().ok()? {
            return Some(text);
        }
    }
}
