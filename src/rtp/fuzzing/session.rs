//! A session and its far end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use audio::{Codec, FRAME_SAMPLES};
use frame::{INDEX_STEP, MAX_EVENT_BYTES, SampleRate};

use super::SUITES;
use super::script::{Script, beginning};
use crate::srtp::{MAX_RTCP_TRAILER, MAX_RTP_TRAILER, MasterKey, Outbound, SrtpKeys};
use crate::{EventPayload, ExtendedReports, Keying, PacketBuffer, Payloads, Received, Session, SessionConfig};

const CODECS: [Codec; 9] = [
    Codec::Pcmu,
    Codec::Pcma,
    Codec::G722,
    Codec::L16(SampleRate::Hz16000),
    Codec::L16(SampleRate::Hz8000),
    Codec::Opus(SampleRate::Hz16000),
    Codec::Opus(SampleRate::Hz48000),
    Codec::Opus(SampleRate::Hz8000),
    Codec::L16(SampleRate::Hz48000),
];

/// A whole session and a far end that does as the script says: packets in and out of order, gaps, jumps of sequence,
/// timestamp and clock, reports, strangers, a moved far end, another codec. Frames come without a hole in their index, and
/// no more of them than time and packets account for; every datagram is counted.
pub fn rtp_session(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let mut far = Far::new(script.byte(), script.byte());
    while let Some(step) = script.step() {
        far.step(step, &mut script);
    }
    far.close();
}

struct Far {
    session: Session,
    outbound: Option<Outbound>,
    codec: Codec,
    /// Whether extended reports are agreed.
    is_extended: bool,
    now: Instant,
    heard_until: Instant,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    next_index: Option<u64>,
    datagrams: u64,
    /// The SSRC that is sent, and how often it was changed.
    ours: u32,
    changed: u64,
}

impl Far {
    fn new(codec: u8, options: u8) -> Self {
        // A script may turn the clock back.
        let now = beginning() + Duration::from_secs(3_600);
        let codec = CODECS[usize::from(codec) % CODECS.len()];
        let key = |first: u8| {
            let suite = SUITES[usize::from(options >> 6)];
            let material: Vec<u8> = (0..suite.key_bytes()).map(|n| first + n as u8).collect();
            MasterKey::new(suite, &material).expect("as long as the suite asks for")
        };
        let protected = options & 0x20 != 0;
        let is_extended = options & 0x10 != 0;
        let config = SessionConfig {
            payloads: payloads(codec, is_extended),
            remote: (options & 1 == 0).then(|| source(0)),
            remote_rtcp: (options & 2 != 0).then(|| source(1)),
            learn_source: options & 4 != 0,
            ssrc: 1,
            first_sequence: u16::MAX - 2,
            first_timestamp: u32::MAX - 500,
            cname: "tonegate".to_owned(),
            media_timeout: (options & 8 == 0).then_some(Duration::from_secs(10)),
            seed: 3,
            srtp: protected.then(|| Keying::Described(SrtpKeys { local: key(1), remote: key(77) })),
        };
        Self {
            session: Session::new(config, now).expect("a codec that can be set up"),
            outbound: protected.then(|| Outbound::new(&key(77))),
            codec,
            is_extended,
            now,
            heard_until: now,
            sequence: u16::MAX - 20,
            timestamp: u32::MAX - 4_000,
            ssrc: 77,
            next_index: None,
            datagrams: 0,
            ours: 1,
            changed: 0,
        }
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step % 20 {
            0 => self.audio(script.string()),
            1 => (0..script.byte() % 64).for_each(|_| self.audio(&[])),
            2 => self.pass_over(script.byte().into()),
            3 => self.sequence = self.sequence.wrapping_sub(script.byte().into()),
            4 => self.sequence = script.word(),
            5 => self.timestamp = script.long(),
            6 => self.now += Duration::from_millis(20) * script.byte().into(),
            7 => self.now += script.millis(),
            8 => self.now -= Duration::from_millis(script.byte().into()),
            9 => self.datagram(source(script.byte()), script.string()),
            10 => self.reports(source(script.byte()), script.string()),
            11 => self.report(script),
            12 => {
                let remote = script.byte();
                self.session.retarget(self.now, (remote < 8).then(|| source(remote)), None, script.flag());
            }
            13 => self.carry(CODECS[usize::from(script.byte()) % CODECS.len()]),
            14 => self.send(script),
            // Events, every second time as a redundant payload.
            15 => self.packet(101 + (self.sequence & 1) as u8, script.string()),
            16 => self.packet(13, script.string()),
            17 => self.ssrc = script.byte().into(),
            18 => self.swap(script.string()),
            _ => self.session.expect_media(self.now, script.flag().then(|| script.millis())),
        }
        self.session.handle_timeout(self.now);
        self.drain();
    }

    /// Twenty milliseconds of audio; what the payload is, the script says where it says anything.
    fn audio(&mut self, payload: &[u8]) {
        let mut usual = vec![0x55; usual_bytes(self.codec)];
        let length = payload.len().min(usual.len());
        usual[..length].copy_from_slice(&payload[..length]);
        self.packet(96, &usual);
        self.timestamp = self.timestamp.wrapping_add(self.codec.clock_hertz() / 50);
    }

    /// Packets that never come.
    fn pass_over(&mut self, count: u16) {
        self.sequence = self.sequence.wrapping_add(count);
        self.timestamp = self.timestamp.wrapping_add(u32::from(count) * (self.codec.clock_hertz() / 50));
    }

    /// The next two packets, the second one first.
    fn swap(&mut self, payload: &[u8]) {
        self.pass_over(1);
        self.audio(payload);
        let (sequence, timestamp) = (self.sequence, self.timestamp);
        self.sequence = self.sequence.wrapping_sub(2);
        self.timestamp = self.timestamp.wrapping_sub(2 * (self.codec.clock_hertz() / 50));
        self.audio(payload);
        (self.sequence, self.timestamp) = (sequence, timestamp);
    }

    fn packet(&mut self, payload_type: u8, payload: &[u8]) {
        let mut packet = vec![0x80, payload_type];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        if let Some(outbound) = &mut self.outbound {
            let plain = packet.len();
            packet.resize(plain + MAX_RTP_TRAILER, 0);
            // Nothing may be sent twice under one index: then it goes out in clear, which is refused.
            let length = outbound.protect_rtp(&mut packet, plain).unwrap_or(plain);
            packet.truncate(length);
        }
        self.datagram(source(0), &packet);
    }

    fn datagram(&mut self, from: SocketAddr, bytes: &[u8]) {
        self.datagrams += 1;
        self.session.handle_packet(self.now, from, &mut bytes.to_vec());
        self.drain();
    }

    fn reports(&mut self, from: SocketAddr, bytes: &[u8]) {
        self.datagrams += 1;
        self.session.handle_rtcp(self.now, from, &mut bytes.to_vec());
    }

    /// A sender report with a block about our stream, and an extended report of the same bytes.
    fn report(&mut self, script: &mut Script<'_>) {
        let (about_it, about_us) = (script.bytes(20), script.bytes(20));
        let mut report = vec![0x81, 200, 0, 12, 0, 0, 0, 77];
        report.extend(about_it);
        report.resize(28, 0);
        report.extend([0, 0, 0, 1]);
        report.extend(about_us);
        report.resize(52, 0);
        report.extend([0x80, 207, 0, 17, 0, 0, 0, 77, 4, 0, 0, 2]);
        report.extend(about_it.iter().take(8));
        report.resize(72, 0);
        report.extend([5, 0, 0, 3, 0, 0, 0, 1]);
        report.extend(about_us.iter().skip(12));
        report.resize(88, 0);
        report.extend([7, 0, 0, 8, 0, 0, 0, 1]);
        report.extend(about_us.iter().chain(about_it).take(28));
        report.resize(124, 0);
        if let Some(outbound) = &mut self.outbound {
            report.resize(124 + MAX_RTCP_TRAILER, 0);
            let length = outbound.protect_rtcp(&mut report, 124).expect("few reports");
            report.truncate(length);
        }
        self.reports(source(1), &report);
    }

    fn carry(&mut self, codec: Codec) {
        self.codec = codec;
        self.session.carry(payloads(codec, self.is_extended)).expect("a codec that can be set up");
    }

    fn send(&mut self, script: &mut Script<'_>) {
        let mut out = PacketBuffer::new();
        let level = script.word().cast_signed();
        match self.session.encode(&[level; FRAME_SAMPLES], &mut out) {
            Some(sent) => {
                let changed = self.session.statistics().conflicts.changed;
                assert!(sent.ssrc == self.ours || changed > self.changed, "only a conflict changes our SSRC");
                (self.ours, self.changed) = (sent.ssrc, changed);
            }
            None => self.session.skip(),
        }
        if let Some((_, report)) = self.session.poll_rtcp(self.now) {
            assert!(report.len() < 200, "a report is short");
        }
    }

    /// Takes what the driver takes after every input.
    fn drain(&mut self) {
        let mut frames = 0;
        while let Some(received) = self.session.poll_received(self.now) {
            match received {
                Received::Frame(frame) => {
                    assert!(self.next_index.is_none_or(|index| index == frame.index()), "frames without a hole");
                    assert!(!frame.is_lost() || frame.samples().iter().all(|&sample| sample == 0));
                    self.next_index = Some(frame.index() + INDEX_STEP);
                    frames += 1;
                }
                Received::Event(event) => assert!(event.payload().len() <= MAX_EVENT_BYTES),
            }
        }
        let elapsed = self.now.saturating_duration_since(self.heard_until);
        self.heard_until = self.heard_until.max(self.now);
        // A stream that is found again marks five seconds at most, and packets that were held are a second and a bit each.
        assert!(frames <= elapsed.as_millis() / 20 + 1_000, "{frames} frames in {elapsed:?}");
        let outputs = std::iter::from_fn(|| self.session.poll_output()).count();
        assert!(outputs <= 3, "{outputs} outputs of one input");
    }

    fn close(mut self) {
        self.now += Duration::from_secs(1);
        self.session.handle_timeout(self.now);
        self.drain();
        let _ = self.session.close(self.now);
        let counts = self.session.statistics();
        let told = counts.received + counts.reports + counts.rejected.total();
        assert!(told >= self.datagrams, "{told} of {} datagrams were counted", self.datagrams);
        assert!(counts.received + counts.reports <= self.datagrams);
        assert_eq!(counts.given_up, counts.lost, "what was not received until the end is lost");
        assert!(counts.loss_runs.runs <= counts.loss_runs.missing);
    }
}

/// Somebody's address: the far end's, its reports', or a stranger's.
fn source(number: u8) -> SocketAddr {
    match number % 8 {
        0 => SocketAddr::from(([192, 0, 2, 7], 4_000)),
        1 => SocketAddr::from(([192, 0, 2, 7], 4_001)),
        2 => SocketAddr::from(([0, 0, 0, 0], 0)),
        other => SocketAddr::from(([203, 0, 113, other], 4_000)),
    }
}

fn payloads(codec: Codec, is_extended: bool) -> Payloads {
    let reports = ExtendedReports { round_trip: is_extended, voip_metrics: is_extended };
    let mut payloads = Payloads { reports, ..Payloads::new(codec, 96, Some(101)) };
    payloads.events = payloads.events.map(|events| EventPayload { redundant: Some(102), ..events });
    payloads
}

/// Bytes of 20 ms, or of a small packet of a codec that has no one length.
fn usual_bytes(codec: Codec) -> usize {
    match codec {
        Codec::Pcmu | Codec::Pcma | Codec::G722 => 160,
        Codec::L16(rate) => 2 * rate.frame_samples(),
        Codec::Opus(_) => 40,
    }
}
