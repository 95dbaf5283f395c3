//! One handshake, told the time.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use dimpl::{Dtls, Error, KeyingMaterial, Output, SecurityError, SrtpProfile};
use rtp::srtp::{MasterKey, SrtpKeys, Suite};
use rtp::{Handshake, HandshakeFailure, Progress};
use zeroize::Zeroizing;

use crate::{DtlsConfig, Fingerprint};

#[cfg(test)]
mod tests;

/// How long a handshake may take, from when it may begin.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);
/// Datagrams that wait to be sent: more than a flight has.
const MAX_OUTGOING: usize = 16;
/// The longest datagram that is taken.
const MAX_DATAGRAM: usize = 2_048;
/// Datagrams that may wait for those before them.
pub(super) const MAX_WAITING: usize = 30;
/// Room for what the library says at a time, and so for the longest certificate that can come: where that does not fit, it
/// panics.
const ROOM: usize = MAX_WAITING * MAX_DATAGRAM;

/// A handshake, and what is left of it: a far end that misses its last flight asks for it again.
pub(crate) struct Association {
    /// None once nothing more may come.
    dtls: Option<Box<Dtls>>,
    is_active: bool,
    fingerprints: Vec<Fingerprint>,
    /// Whether the far end has shown its certificate.
    is_known: bool,
    began: Option<Instant>,
    is_over: bool,
    due: Option<Instant>,
    outgoing: VecDeque<Box<[u8]>>,
}

impl Association {
    /// A handshake that waits for [`Association::begin`], or for the far end.
    pub(crate) fn new(config: &DtlsConfig, now: Instant) -> Self {
        Self {
            dtls: Some(Box::new(config.identity.open(config.is_active, now))),
            is_active: config.is_active,
            fingerprints: config.fingerprints.clone(),
            is_known: false,
            began: None,
            is_over: false,
            due: None,
            outgoing: VecDeque::new(),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.began.filter(|_| !self.is_over).map(|began| began + DEADLINE)
    }

    /// Does something with the library at this moment, and takes what comes of it.
    fn step(&mut self, now: Instant, act: impl FnOnce(&mut Dtls) -> Result<(), Error>) -> Progress {
        let done = guarded(|| {
            let Some(dtls) = &mut self.dtls else { return Ok(None) };
            dtls.handle_timeout(now).and_then(|()| act(dtls)).map_err(|error| failure(&error))?;
            self.drain()
        });
        match done {
            Ok(Some(keys)) => self.succeed(now, keys),
            Ok(None) => Progress::None,
            Err(failure) => self.fail(failure),
        }
    }

    /// Takes what the library says, up to its next timer.
    fn drain(&mut self) -> Result<Option<SrtpKeys>, HandshakeFailure> {
        let Some(dtls) = &mut self.dtls else { return Ok(None) };
        let (mut room, mut connected, mut keys) = (vec![0; ROOM], false, None);
        loop {
            match dtls.poll_output(&mut room) {
                Output::Packet(packet) if self.outgoing.len() < MAX_OUTGOING => self.outgoing.push_back(packet.into()),
                Output::Packet(_) | Output::ApplicationData(_) | Output::CloseNotify => {}
                Output::BufferTooSmall { .. } => return Err(HandshakeFailure::Protocol),
                Output::PeerCert(certificate) => {
                    self.is_known = self.fingerprints.iter().any(|fingerprint| fingerprint.is_of(certificate));
                    if !self.is_known {
                        return Err(HandshakeFailure::Fingerprint);
                    }
                }
                Output::Connected => connected = true,
                Output::KeyingMaterial(material, profile) => keys = split(&material, profile, self.is_active),
                Output::Timeout(due) => {
                    self.due = Some(due).filter(|_| !connected && !self.is_over);
                    break;
                }
                // What a later version of the library may say.
                _ => {}
            }
        }
        match keys {
            Some(_) if !self.is_known => Err(HandshakeFailure::Fingerprint),
            None if connected => Err(HandshakeFailure::Profile),
            keys => Ok(keys),
        }
    }

    fn succeed(&mut self, now: Instant, keys: SrtpKeys) -> Progress {
        self.is_over = true;
        if self.is_active {
            // The last flight was the far end's.
            self.dtls = None;
        }
        let took = now.saturating_duration_since(self.began.unwrap_or(now));
        Progress::Keys(Box::new(keys), took)
    }

    /// Gives the handshake up. What was lost after its end is no failure: the keys stay.
    fn fail(&mut self, failure: HandshakeFailure) -> Progress {
        self.dtls = None;
        self.due = None;
        if self.is_over {
            return Progress::None;
        }
        self.outgoing.clear();
        self.is_over = true;
        Progress::Failed(failure)
    }
}

impl Handshake for Association {
    fn begin(&mut self, now: Instant) -> Progress {
        if self.began.is_some() {
            return Progress::None;
        }
        self.began = Some(now);
        self.step(now, |_| Ok(()))
    }

    fn handle_packet(&mut self, now: Instant, bytes: &[u8]) -> Progress {
        if self.is_active && self.began.is_none() || bytes.len() > MAX_DATAGRAM {
            return Progress::None;
        }
        self.step(now, |dtls| dtls.handle_packet(bytes))
    }

    fn handle_timeout(&mut self, now: Instant) -> Progress {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            return self.fail(HandshakeFailure::Deadline);
        }
        if self.due.is_none_or(|due| now < due) {
            return Progress::None;
        }
        self.step(now, |_| Ok(()))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        [self.deadline(), self.due].into_iter().flatten().min()
    }

    fn poll_packet(&mut self) -> Option<Box<[u8]>> {
        self.outgoing.pop_front()
    }
}

/// Takes a panic of the library for a failure of its one handshake: on a media thread it would end every call there.
fn guarded<T>(act: impl FnOnce() -> Result<T, HandshakeFailure>) -> Result<T, HandshakeFailure> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or(Err(HandshakeFailure::Protocol))
}

fn failure(error: &Error) -> HandshakeFailure {
    if let Error::Timeout(_) = error {
        HandshakeFailure::Deadline
    } else if let Error::SecurityError(SecurityError::FatalAlert { .. }) = error {
        HandshakeFailure::Alert
    } else {
        HandshakeFailure::Protocol
    }
}

/// The keys of both directions: the client's, the server's, then their salts (RFC 5764 §4.2).
fn split(material: &KeyingMaterial, profile: SrtpProfile, is_client: bool) -> Option<SrtpKeys> {
    let suite = suite(profile)?;
    let (keys, salts) = material.split_at_checked(2 * suite.cipher_key_bytes())?;
    let (client_key, server_key) = keys.split_at(keys.len() / 2);
    let (client_salt, server_salt) = salts.split_at(salts.len() / 2);
    let join = |key: &[u8], salt: &[u8]| MasterKey::new(suite, &Zeroizing::new([key, salt].concat()));
    let (client, server) = (join(client_key, client_salt)?, join(server_key, server_salt)?);
    let (local, remote) = if is_client { (client, server) } else { (server, client) };
    Some(SrtpKeys { local, remote })
}

fn suite(profile: SrtpProfile) -> Option<Suite> {
    if profile == SrtpProfile::AES128_CM_SHA1_80 {
        Some(Suite::AesCm128HmacSha1_80)
    } else if profile == SrtpProfile::AEAD_AES_128_GCM {
        Some(Suite::AeadAes128Gcm)
    } else if profile == SrtpProfile::AEAD_AES_256_GCM {
        Some(Suite::AeadAes256Gcm)
    } else {
        None
    }
}
