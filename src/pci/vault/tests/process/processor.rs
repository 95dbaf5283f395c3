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
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
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
        Self { issuer, directory }
    }

    pub fn certificate_file(&self) -> PathBuf {
        self.directory.join("authority.pem")
    }

    pub fn token_file(&self) -> PathBuf {
        self.directory.join("token")
    }

    fn server(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let chain: Vec<CertificateDer<'static>> = vec![leaf.der().clone()];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(versions.with_no_client_auth().with_single_cert(chain, key).unwrap())
    }

    /// Serves one connection as `name`: reads one request, then writes `answer`, or with `None` says nothing until the
    /// vault gives up. Returns the request's text, or nothing where none came.
    pub fn serve(&self, name: &str, answer: Option<&'static str>) -> (SocketAddr, JoinHandle<Option<String>>) {
        let (listener, config) = (TcpListener::bind("127.0.0.1:0").unwrap(), self.server(name));
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
