//! One submission to the processor: TLS inside the vault, over a connection that the gateway made.
//!
//! The card leaves this process only as TLS records to a peer whose certificate bears the configured name and authority.
//! The request is wiped as soon as it is encrypted, before any answer. From then on every failure is an unknown outcome;
//! until then every failure is "nothing was charged".

use std::{
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
    time::{Duration, Instant},
};

use gate::wire::{FailReason, Open, Outcome};
use rustix::{
    event::PollFlags,
    net::{RecvFlags, SendFlags},
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    client::Resumption,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    answer::{self, ANSWER_BYTES, CardName},
    entry::Complete,
    request::{self, NAME_BYTES, PATH_BYTES, REQUEST_BYTES, Sender, TOKEN_BYTES},
    sealed::Sealed,
};

/// From the connection to the end of the TLS handshake.
pub const HANDSHAKE: Duration = Duration::from_secs(5);

/// The processor, as the command line names it.
pub struct Processor {
    sender: Sender,
    name: ServerName<'static>,
    tls: Arc<ClientConfig>,
    answer_within: Duration,
}

/// Why the processor's settings cannot be used.
#[derive(Debug, Error)]
pub enum ProcessorError {
    /// The name is not a DNS name or address, or too long.
    #[error("--processor-name is no server name")]
    Name,
    /// The path does not begin with a slash, is too long, or holds a character that a request line cannot.
    #[error("--processor-path is no path")]
    Path,
    /// The authority's file holds no usable certificate.
    #[error("--processor-ca holds no usable certificate")]
    Authority,
    /// The token is empty, too long, or holds a character that a header cannot.
    #[error("--processor-token holds no usable token")]
    Token,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

impl Processor {
    /// Checks who is spoken to; `authority` is PEM; `answer_within` bounds the wait for an answer.
    ///
    /// # Errors
    /// The setting that cannot be used.
    pub fn new(sender: Sender, authority: &[u8], answer_within: Duration) -> Result<Self, ProcessorError> {
        let plain = |text: &str, most| text.len() <= most && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain(&sender.name, NAME_BYTES) {
            return Err(ProcessorError::Name);
        }
        if !sender.path.starts_with('/') || !plain(&sender.path, PATH_BYTES) {
            return Err(ProcessorError::Path);
        }
        if sender.token.is_empty() || !plain(&sender.token, TOKEN_BYTES) {
            return Err(ProcessorError::Token);
        }
        let name = ServerName::try_from(sender.name.clone()).map_err(|_| ProcessorError::Name)?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority) {
            let added = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
            added.ok_or(ProcessorError::Authority)?;
        }
        if roots.is_empty() {
            return Err(ProcessorError::Authority);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut tls = versions.with_root_certificates(roots).with_no_client_auth();
        tls.resumption = Resumption::disabled();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { sender, name, tls: Arc::new(tls), answer_within })
    }
}

/// A submission under way.
pub struct Submission {
    socket: OwnedFd,
    tls: ClientConnection,
    request: Option<Sealed<REQUEST_BYTES>>,
    answer: Sealed<ANSWER_BYTES>,
    card: CardName,
    deadline: Instant,
    answer_within: Duration,
}

impl Submission {
    /// Begins the handshake on `socket`. The card is wiped; what is left of it is the request.
    ///
    /// # Errors
    /// [`FailReason::ProcessorUnreachable`] where TLS cannot begin; nothing was sent.
    #[allow(clippy::needless_pass_by_value, reason = "the card ends here and is wiped")]
    pub fn begin(
        processor: &Processor,
        socket: OwnedFd,
        open: &Open,
        complete: Complete,
        now: Instant,
    ) -> Result<Self, FailReason> {
        let request =
            request::write(&processor.sender, open, &complete.card).ok_or(FailReason::ProcessorUnreachable)?;
        let tls = ClientConnection::new(Arc::clone(&processor.tls), processor.name.clone())
            .map_err(|_| FailReason::ProcessorUnreachable)?;
        Ok(Self {
            socket,
            tls,
            request: Some(request),
            answer: Sealed::new(),
            card: CardName { brand: complete.brand, last_four: complete.last_four },
            deadline: now + HANDSHAKE,
            answer_within: processor.answer_within,
        })
    }

    /// The connection, for the poll.
    #[must_use]
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// What the connection waits for.
    #[must_use]
    pub fn interest(&self) -> PollFlags {
        if self.tls.wants_write() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN }
    }

    /// When [`Submission::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        self.deadline
    }

    /// The deadline has passed.
    #[must_use]
    pub fn handle_timeout(&self) -> Outcome {
        self.lost(FailReason::ProcessorUnreachable)
    }

    /// The connection may be read or written. Returns the outcome once there is one.
    #[must_use]
    pub fn handle_ready(&mut self, now: Instant) -> Option<Outcome> {
        let failure = match self.progress(now) {
            Ok(true) => None,
            Ok(false) => Some(FailReason::ProcessorUnreachable),
            Err(error) if is_distrust(&error) => Some(FailReason::ProcessorUntrusted),
            Err(_) => Some(FailReason::ProcessorUnreachable),
        };
        answer::read(self.answer.expose(), self.card).or_else(|| failure.map(|reason| self.lost(reason)))
    }

    /// Reads and writes what can be. Returns whether an answer can still come.
    fn progress(&mut self, now: Instant) -> io::Result<bool> {
        let open = self.receive()?;
        if !self.tls.is_handshaking()
            && let Some(request) = self.request.take()
        {
            self.deadline = now + self.answer_within;
            self.tls.writer().write_all(request.expose())?;
        }
        self.flush()?;
        Ok(open)
    }

    /// Takes in everything that has arrived. Returns whether more can come.
    fn receive(&mut self) -> io::Result<bool> {
        let mut chunk = Zeroizing::new([0; 1_024]);
        loop {
            let read = match self.tls.read_tls(&mut Plain(&self.socket)) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            };
            let state = self.tls.process_new_packets();
            if state.is_err() {
                // The alert that tells the peer why.
                let _ = self.flush();
            }
            let mut plain = state.map_err(io::Error::other)?.plaintext_bytes_to_read();
            while plain > 0 {
                let taken = self.tls.reader().read(&mut chunk[..])?;
                if taken == 0 || !self.answer.extend(&chunk[..taken]) {
                    return Ok(false);
                }
                plain = plain.saturating_sub(taken);
            }
            if read == 0 {
                return Ok(false);
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Plain(&self.socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What a failure means: nothing was charged as long as the request was not encrypted.
    fn lost(&self, reason: FailReason) -> Outcome {
        if self.request.is_some() { Outcome::Failed(reason) } else { Outcome::Unknown }
    }
}

fn is_distrust(error: &io::Error) -> bool {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(tls, Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented))
}

/// The connection as rustls wants it, never blocking whatever its flags are.
struct Plain<'a>(&'a OwnedFd);

impl Read for Plain<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::net::recv(self.0, buffer, RecvFlags::DONTWAIT)?.0)
    }
}

impl Write for Plain<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(self.0, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
