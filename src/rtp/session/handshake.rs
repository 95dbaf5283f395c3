//! The RTP port of a leg with DTLS: telling a handshake from media and reports (RFC 7983, RFC 5761), and carrying it on.

use std::net::SocketAddr;
use std::time::Instant;

use super::{Session, SessionOutput};
use crate::handshake::{Handshake, Progress};
use crate::protection::ReportPort;
use crate::statistics::Rejection;

/// The record type of an alert.
const ALERT: u8 = 21;

/// What a datagram on the RTP port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Media, or what is then found to be none.
    Media,
    /// RTCP.
    Report,
    /// DTLS.
    Handshake,
}

impl Session {
    /// The answer is on its way: where DTLS was agreed the handshake begins, and its deadline runs.
    pub fn begin_handshake(&mut self, now: Instant) {
        self.step(now, |handshake| handshake.begin(now));
    }

    /// The next datagram of the handshake, and where to send it, from the RTP port.
    pub fn poll_handshake(&mut self) -> Option<(SocketAddr, Box<[u8]>)> {
        let source = self.receiver.source().destination();
        let protection = self.srtp.as_mut()?;
        let packet = protection.handshake.as_mut()?.poll_packet()?;
        // Where there is no address yet, it is sent again by its timer.
        Some((protection.peer.or(source)?, packet))
    }

    /// Whether RTCP goes out from the RTP port.
    #[must_use]
    pub fn shares_port(&self) -> bool {
        self.srtp.as_ref().is_some_and(|protection| protection.reports == ReportPort::Shared)
    }

    /// A later description says whether RTCP comes on the RTP port. Without DTLS it does not.
    pub fn share_port(&mut self, shares: bool) {
        if let Some(protection) = self.srtp.as_mut().filter(|protection| protection.is_dtls) {
            protection.reports = if shares { ReportPort::Shared } else { ReportPort::None };
        }
    }

    pub(super) fn demultiplex(&self, bytes: &[u8]) -> Kind {
        match (&self.srtp, bytes) {
            (Some(protection), [20..=63, ..]) if protection.is_dtls => Kind::Handshake,
            (Some(protection), [128..=191, 192..=223, ..]) if protection.reports == ReportPort::Shared => Kind::Report,
            (_, _) => Kind::Media,
        }
    }

    /// Takes a datagram of the handshake, from whoever may be heard. The address of the description counts more than any
    /// other: once it has spoken no other does, and no other can break the handshake off in clear.
    pub(super) fn handle_handshake(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let source = self.receiver.source();
        let is_signalled = source.signalled() == Some(from);
        let may_hear = source.may_hear(from);
        let Some(protection) = &mut self.srtp else { return };
        let is_taken = protection.peer.is_some_and(|peer| peer != from && source.signalled() == Some(peer));
        let is_alert = bytes.first() == Some(&ALERT);
        let refused = if protection.handshake.is_none() {
            Some(Rejection::Handshake)
        } else if !may_hear || !is_signalled && (is_taken || is_alert) {
            Some(Rejection::Source)
        } else {
            None
        };
        if let Some(reason) = refused {
            return self.receiver.reject(reason);
        }
        protection.peer = Some(from);
        self.step(now, |handshake| handshake.handle_packet(now, bytes));
    }

    pub(super) fn handle_handshake_timeout(&mut self, now: Instant) {
        self.step(now, |handshake| handshake.handle_timeout(now));
    }

    pub(super) fn handshake_timeout(&self) -> Option<Instant> {
        self.srtp.as_ref()?.handshake.as_ref()?.poll_timeout()
    }

    fn step(&mut self, now: Instant, act: impl FnOnce(&mut dyn Handshake) -> Progress) {
        let Some(protection) = &mut self.srtp else { return };
        let Some(handshake) = &mut protection.handshake else { return };
        match act(&mut **handshake) {
            Progress::None => {}
            Progress::Keys(keys, took) => {
                protection.install(&keys);
                self.media_deadline = self.media_timeout.map(|span| now + span);
                self.outputs.push_back(SessionOutput::Secured { suite: keys.local.suite(), took });
            }
            Progress::Failed(failure) => {
                protection.handshake = None;
                self.outputs.push_back(SessionOutput::HandshakeFailed(failure));
            }
        }
    }
}
