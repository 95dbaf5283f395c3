//! A real HTTPS server on a free port of loopback, with an authority of its own: what processors are played with.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How long a peer may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// An authority, and a directory for what is given out of it.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: PathBuf,
}

impl Authority {
    /// Makes an authority and writes its certificate as `ca.pem` into a directory, which is made.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn new(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        fs::create_dir_all(&directory)?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority of a test");
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)?;
        fs::write(directory.join("ca.pem"), issuer.pem())?;
        Ok(Self { issuer, directory })
    }

    /// The file with its certificate.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// Where its files are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes a certificate and its key for a client, and says where they are.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn client(&self, name: &str) -> io::Result<(PathBuf, PathBuf)> {
        let (certificate, key) = self.leaf(name)?;
        let files = (self.directory.join(format!("{name}.pem")), self.directory.join(format!("{name}-key.pem")));
        fs::write(&files.0, certificate.pem())?;
        fs::write(&files.1, key.serialize_pem())?;
        private(&files.1)?;
        Ok(files)
    }

    /// What a server of this name shows; with `clients`, it wants a certificate of theirs.
    ///
    /// # Errors
    /// Where no certificate can be made.
    pub fn server(&self, name: &str, clients: Option<&Self>) -> io::Result<ServerConfig> {
        let (certificate, key) = self.leaf(name)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(clients.issuer.der().clone()).map_err(io::Error::other)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.map_err(io::Error::other)?)
            }
        };
        builder.with_single_cert(vec![certificate.der().clone()], key).map_err(io::Error::other)
    }

    fn leaf(&self, name: &str) -> io::Result<(rcgen::Certificate, KeyPair)> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let params = CertificateParams::new(vec![name.to_owned()]).map_err(io::Error::other)?;
        let leaf = params.signed_by(&key, &self.issuer).map_err(io::Error::other)?;
        Ok((leaf, key))
    }
}

/// Takes a file from everybody but its owner.
///
/// # Errors
/// Where the system refuses.
pub fn private(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
}

/// Routes that are served until this is dropped.
pub struct Served {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Served {
    /// Serves routes on a free port.
    ///
    /// # Errors
    /// Where there is no port.
    pub async fn start(tls: ServerConfig, routes: Router) -> io::Result<Self> {
        let socket = TcpListener::bind("127.0.0.1:0").await?;
        let address = socket.local_addr()?;
        let listener = Shaking { socket, acceptor: TlsAcceptor::from(Arc::new(tls)) };
        let task = tokio::spawn(async move {
            // It ends with the task.
            drop(axum::serve(listener, routes).await);
        });
        Ok(Self { address, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Accepts who shakes hands; others are forgotten.
struct Shaking {
    socket: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for Shaking {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let Ok((stream, peer)) = self.socket.accept().await else { continue };
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, self.acceptor.accept(stream)).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}
