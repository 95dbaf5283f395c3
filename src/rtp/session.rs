use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use audio::{Codec, CodecError, FRAME_SAMPLES, OpusSettings};

use crate::conflict::ConflictWatch;
use crate::handshake::HandshakeFailure;
use crate::lock::SourceLock;
use crate::packet::PacketBuffer;
use crate::protection::{Keying, Protection, ReportPort};
use crate::receiver::{Receiver, Taken};
use crate::reporter::Reporter;
use crate::sender::Sender;
use crate::srtp::{MAX_RTCP_TRAILER, Suite};
use crate::statistics::{Rejection, Statistics};
use crate::timeline::Received;
use crate::{ExtendedReports, Sent, rtcp};

mod handshake;
#[cfg(test)]
mod tests;

use handshake::Kind;

/// What a leg's packets carry, both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payloads {
    /// How samples travel.
    pub codec: Codec,
    /// How they are encoded where that is Opus.
    pub opus: OpusSettings,
    /// The payload type of audio.
    pub audio: u8,
    /// How telephone-events travel, where they were agreed.
    pub events: Option<EventPayload>,
    /// The payload type of comfort noise (RFC 3389) that was agreed, beside its static one, 13, which means nothing else.
    /// It is heard alone: none is sent.
    pub comfort_noise: Option<u8>,
    /// What RTCP carries beside its reports.
    pub reports: ExtendedReports,
}

impl Payloads {
    /// With the usual Opus settings, events on the codec's own clock, and neither comfort noise nor extended reports agreed.
    #[must_use]
    pub fn new(codec: Codec, audio: u8, events: Option<u8>) -> Self {
        let events =
            events.map(|payload_type| EventPayload { payload_type, clock_hertz: codec.clock_hertz(), redundant: None });
        let reports = ExtendedReports::default();
        Self { codec, opus: OpusSettings::default(), audio, events, comfort_noise: None, reports }
    }
}

/// A payload type of telephone-events (RFC 4733).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPayload {
    /// The number.
    pub payload_type: u8,
    /// The clock of their timestamps and durations, in hertz.
    pub clock_hertz: u32,
    /// The number under which they come with the ones before (RFC 2198), where that was agreed.
    pub redundant: Option<u8>,
}

/// What offer and answer agreed about a leg's media, and where its counters begin.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// What packets carry.
    pub payloads: Payloads,
    /// Where the SDP says the far end's media is. Unspecified addresses count as none.
    pub remote: Option<SocketAddr>,
    /// Where the SDP says its RTCP is; else one port above its media.
    pub remote_rtcp: Option<SocketAddr>,
    /// Whether another source may be locked to, where three valid packets in a row come from it before any from `remote`:
    /// far ends behind a NAT. `remote` takes the lock back by as many. Without `remote` any source is learnt, whatever this
    /// says.
    pub learn_source: bool,
    /// Names the stream we send. Random (RFC 3550 §8.1).
    pub ssrc: u32,
    /// The first sequence number we send. Random.
    pub first_sequence: u16,
    /// The first timestamp we send. Random.
    pub first_timestamp: u32,
    /// Our canonical name in RTCP; the same for all streams of a call, naming no person.
    pub cname: String,
    /// How long without media is too long; none waits for ever.
    pub media_timeout: Option<Duration>,
    /// For the randomness of report intervals.
    pub seed: u64,
    /// Where the keys come from, where SRTP was agreed: nothing is then sent or heard in clear.
    pub srtp: Option<Keying>,
}

/// What the driver should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionOutput {
    /// The leg hears this source and sends to it.
    SourceLocked(SocketAddr),
    /// The far end began a stream with another SSRC.
    StreamChanged {
        /// The new one.
        ssrc: u32,
    },
    /// Nothing valid came for the configured span. Said once until something comes.
    MediaTimeout,
    /// The DTLS handshake gave the keys: from now on media flows.
    Secured {
        /// How packets are protected.
        suite: Suite,
        /// From the beginning to the keys.
        took: Duration,
    },
    /// The DTLS handshake gave no keys: no media ever flows.
    HandshakeFailed(HandshakeFailure),
}

/// One leg's RTP and RTCP.
///
/// After every `handle_*` call the driver drains [`Session::poll_received`], [`Session::poll_output`] and
/// [`Session::poll_handshake`] to `None`, and calls [`Session::handle_timeout`] no later than [`Session::poll_timeout`].
pub struct Session {
    receiver: Receiver,
    sender: Sender,
    reporter: Reporter,
    srtp: Option<Box<Protection>>,
    conflicts: ConflictWatch,
    remote_rtcp: Option<SocketAddr>,
    media_timeout: Option<Duration>,
    media_deadline: Option<Instant>,
    outputs: VecDeque<SessionOutput>,
}

impl Session {
    /// A session whose samples count from `now`.
    ///
    /// # Errors
    /// Where the codec cannot be set up.
    pub fn new(config: SessionConfig, now: Instant) -> Result<Self, CodecError> {
        let source = SourceLock::new(config.remote, config.learn_source);
        let first_sequence = first_sequence(config.first_sequence, config.srtp.is_some());
        Ok(Self {
            receiver: Receiver::new(config.payloads, source, now)?,
            sender: Sender::new(&config.payloads, config.ssrc, first_sequence, config.first_timestamp)?,
            reporter: Reporter::new(config.cname, config.payloads.reports, config.seed, now),
            srtp: config.srtp.as_ref().map(|keying| Box::new(Protection::new(keying, now))),
            conflicts: ConflictWatch::default(),
            remote_rtcp: config.remote_rtcp,
            media_timeout: config.media_timeout,
            media_deadline: config.media_timeout.map(|span| now + span),
            outputs: VecDeque::new(),
        })
    }

    /// Takes what came to the RTP port. Anything that is not a packet of the locked source is counted and dropped. With
    /// SRTP it is decrypted in place; only what is authentic can close the lock.
    pub fn handle_packet(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) {
        match self.demultiplex(bytes) {
            Kind::Media => {}
            Kind::Report => return self.handle_report(now, from, bytes),
            Kind::Handshake => return self.handle_handshake(now, from, bytes),
        }
        let length = match self.unprotect(from, bytes) {
            Ok(length) => length,
            Err(reason) => return self.receiver.reject(reason),
        };
        match self.receiver.handle_packet(now, from, &bytes[..length]) {
            Taken::Dropped => return,
            Taken::Admitted | Taken::Aside => {}
            Taken::Locked => self.outputs.push_back(SessionOutput::SourceLocked(from)),
            Taken::StreamChanged(ssrc) => self.outputs.push_back(SessionOutput::StreamChanged { ssrc }),
            Taken::Moved(ssrc) => {
                self.outputs.extend([SessionOutput::SourceLocked(from), SessionOutput::StreamChanged { ssrc }]);
            }
        }
        self.media_deadline = self.media_timeout.map(|span| now + span);
        if self.receiver.stream() == Some(self.sender.ssrc()) {
            self.resolve_conflict(now, from);
        }
    }

    /// The far end speaks under our SSRC. It keeps it, and we take another (RFC 3550 §8.2). Where that comes back as well,
    /// what we send is what we hear: an echo test, or a loop. It stays to be heard, for nobody is mixed up by it between two
    /// parties, but we change no more.
    fn resolve_conflict(&mut self, now: Instant, from: SocketAddr) {
        if self.conflicts.observe(now, from.ip()) {
            let taken = self.sender.ssrc();
            let (ssrc, sequence) = self.reporter.leave(now, &self.sender, self.receiver.reception(), taken);
            self.sender.rename(ssrc, first_sequence(sequence, self.srtp.is_some()));
        }
    }

    /// The length of a packet as it was before it was protected. A stranger's is not worth a look.
    fn unprotect(&mut self, from: SocketAddr, bytes: &mut [u8]) -> Result<usize, Rejection> {
        match &mut self.srtp {
            None => Ok(bytes.len()),
            Some(_) if !self.receiver.source().may_hear(from) => Err(Rejection::Source),
            Some(protection) => protection.unprotect_rtp(bytes),
        }
    }

    /// Whether a packet from there may be heard: once the source is locked, not a stranger's who is no nearer to the
    /// signalled address.
    #[must_use]
    pub fn may_hear(&self, from: SocketAddr) -> bool {
        self.receiver.source().may_hear(from)
    }

    /// Takes what came to the RTCP port, and decrypts it in place with SRTP. Only the host that media comes from is heard.
    pub fn handle_rtcp(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) {
        if self.srtp.as_ref().is_some_and(|protection| protection.reports != ReportPort::Own) {
            return self.receiver.reject(Rejection::Unkeyed);
        }
        self.handle_report(now, from, bytes);
    }

    fn handle_report(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) {
        if self.destination().is_none_or(|media| media.ip() != from.ip()) {
            return self.receiver.reject(Rejection::Source);
        }
        let length = match self.srtp.as_mut().map_or(Ok(bytes.len()), |protection| protection.unprotect_rtcp(bytes)) {
            Ok(length) => length,
            Err(reason) => return self.receiver.reject(reason),
        };
        let parties = rtcp::Parties { ours: self.sender.ssrc(), theirs: self.receiver.stream() };
        match rtcp::read(&bytes[..length], parties) {
            Ok(digest) => self.take_report(now, from, &digest),
            Err(rtcp::Broken) => self.receiver.reject(Rejection::Report),
        }
    }

    fn take_report(&mut self, now: Instant, from: SocketAddr, digest: &rtcp::Digest) {
        self.reporter.handle(now, digest, self.sender.clock());
        if let Some(block) = digest.about_us {
            self.sender.report_loss(block.fraction_lost);
        }
        if digest.goodbye {
            self.receiver.end_stream();
        }
        if digest.sender == Some(self.sender.ssrc()) {
            self.resolve_conflict(now, from);
        }
    }

    /// What came in order and in time. Frames follow each other without a hole in their index.
    pub fn poll_received(&mut self, now: Instant) -> Option<Received> {
        if self.receiver.poll_timeout().is_some_and(|due| due <= now) {
            self.receiver.handle_timeout(now);
        }
        self.receiver.poll()
    }

    /// What the driver should know, oldest first.
    pub fn poll_output(&mut self) -> Option<SessionOutput> {
        self.outputs.pop_front()
    }

    /// The report that is due, and where to send it.
    pub fn poll_rtcp(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        let report = self.reporter.poll(now, &self.sender, self.receiver.reception())?;
        self.address_report(report)
    }

    /// When [`Session::handle_timeout`] or [`Session::poll_rtcp`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let others = [self.reporter.due(), self.media_deadline, self.handshake_timeout()];
        self.receiver.poll_timeout().into_iter().chain(others.into_iter().flatten()).min()
    }

    /// Lets time pass: gives up on missing packets, sends flights of the handshake again and notices silence.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.receiver.handle_timeout(now);
        self.handle_handshake_timeout(now);
        if self.media_deadline.is_some_and(|deadline| deadline <= now) {
            self.media_deadline = None;
            self.outputs.push_back(SessionOutput::MediaTimeout);
        }
    }

    /// Makes the next 20 ms, at 8 kHz, into a packet; none where the codec has nothing to send for them. It is empty where
    /// its key is used up, after 2^48 packets. Without keys that were agreed on there is none either.
    pub fn encode(&mut self, samples: &[i16; FRAME_SAMPLES], out: &mut PacketBuffer) -> Option<Sent> {
        if !self.may_send() {
            self.sender.skip();
            return None;
        }
        let sent = self.sender.encode(samples, out)?;
        if let Some(protection) = &mut self.srtp {
            protection.protect(out);
        }
        Some(sent)
    }

    /// The place of the next packet in the stream, save that a pause only moves its timestamp on.
    #[must_use]
    pub fn next_place(&self) -> Sent {
        self.sender.next()
    }

    /// Lets the next 20 ms pass without a packet.
    pub fn skip(&mut self) {
        self.sender.skip();
    }

    /// Where to send media: the locked source, before that the SDP's address. Nowhere before the handshake gave keys.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        self.receiver.source().destination().filter(|_| self.may_send())
    }

    /// Whether there are keys, or none were agreed on.
    fn may_send(&self) -> bool {
        self.srtp.as_ref().is_none_or(|protection| protection.has_keys())
    }

    /// A re-INVITE moved the far end: the lock opens and closes on the new source by the same rule.
    pub fn retarget(&mut self, now: Instant, remote: Option<SocketAddr>, rtcp: Option<SocketAddr>, learn_source: bool) {
        self.receiver.retarget(SourceLock::new(remote, learn_source));
        if let Some(protection) = &mut self.srtp {
            protection.peer = None;
        }
        self.remote_rtcp = rtcp;
        self.media_deadline = self.media_timeout.map(|span| now + span);
    }

    /// An answer chose what packets carry from now on, both ways. The same as before changes nothing.
    ///
    /// # Errors
    /// Where the codec cannot be set up; packets then carry what they did.
    pub fn carry(&mut self, payloads: Payloads) -> Result<(), CodecError> {
        let carried = self.receiver.payloads();
        if (payloads.codec, payloads.opus, payloads.audio) != (carried.codec, carried.opus, carried.audio) {
            self.sender.carry(&payloads)?;
        }
        self.receiver.carry(payloads)?;
        self.reporter.agree(payloads.reports);
        Ok(())
    }

    /// Says how long without media is too long from now on: none while the call is held.
    pub fn expect_media(&mut self, now: Instant, within: Option<Duration>) {
        self.media_timeout = within;
        self.media_deadline = within.map(|span| now + span);
    }

    /// The last report, with a goodbye (RFC 3550 §6.6), and where to send it.
    pub fn close(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        let report = self.reporter.close(now, &self.sender, self.receiver.reception());
        self.receiver.close();
        self.media_deadline = None;
        self.address_report(report)
    }

    /// The counts so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics {
            sent: self.sender.packets(),
            skipped: self.sender.skipped(),
            reports: self.reporter.received(),
            remote: self.reporter.remote(),
            round_trip: self.reporter.round_trip(),
            reported: self.reporter.reported(),
            conflicts: self.conflicts.counts(),
            ..self.receiver.statistics()
        }
    }

    /// A report as it goes out, and where to.
    fn address_report(&mut self, mut report: Vec<u8>) -> Option<(SocketAddr, Vec<u8>)> {
        let destination = self.rtcp_destination()?;
        if let Some(protection) = &mut self.srtp {
            let plain = report.len();
            report.resize(plain + MAX_RTCP_TRAILER, 0);
            let length = protection.protect_rtcp(&mut report, plain)?;
            report.truncate(length);
        }
        Some((destination, report))
    }

    /// The SDP's RTCP address while media goes to the same host, else one port above media (RFC 3550 §11), or media's own.
    fn rtcp_destination(&self) -> Option<SocketAddr> {
        let media = self.destination()?;
        match self.srtp.as_ref().map_or(ReportPort::Own, |protection| protection.reports) {
            ReportPort::Own => {}
            ReportPort::Shared => return Some(media),
            ReportPort::None => return None,
        }
        let signalled = self.remote_rtcp.filter(|address| address.ip() == media.ip() && address.port() != 0);
        signalled.or_else(|| Some(SocketAddr::new(media.ip(), media.port().checked_add(1)?)))
    }
}

/// Where the first packets are lost, a rollover soon after the start would be missed: with SRTP it begins in the lower half
/// (RFC 4568 §6.4).
fn first_sequence(random: u16, is_protected: bool) -> u16 {
    random & if is_protected { 0x7fff } else { u16::MAX }
}
