//! A call's media leg on a bad line, in virtual time: speech goes in as packets over an [`Impairment`], what the gateway's
//! taps hear and what the caller hears back comes out. No socket, no clock, an hour in seconds.

mod counted;

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use audio::{
    Codec, CodecError, JitterBufferReport, PlayoutConfig,
    g711::{decode_ulaw, encode_ulaw},
};
use call::{
    HushPolicy, Leg, LegConfig, LegReport,
    media::{LegCommand, TapItem},
};
use gate::{GateConfig, KeyPolicy};
use rtp::{Packet, PacketBuffer, Payloads, SessionConfig};

pub use self::counted::{Counted, Disagreement};

use crate::{
    relay::{Fate, Impairment},
    softphone::FRAME,
};

/// Time of one packet.
pub const TICK: Duration = Duration::from_millis(20);
/// Samples of a millisecond.
const SAMPLES_PER_MILLI: u128 = 8;
/// When the caller's first packet is sent, and when the leg's slots begin, since the leg was made: no round times.
const FIRST_PACKET: Duration = Duration::from_micros(47_300);
const FIRST_SLOT: Duration = Duration::from_micros(12_800);
/// How long is listened after the last packet was sent.
const AFTERWARDS: Duration = Duration::from_millis(1_500);

/// A packet that comes over a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When, since the first packet was sent.
    pub at: Duration,
    /// Which one, from 0.
    pub packet: usize,
}

/// When which of so many packets come, sent every 20 ms over `path`; in the order in which they come.
#[must_use]
pub fn arrivals(packets: usize, path: &mut Impairment) -> Vec<Arrival> {
    let mut all = Vec::with_capacity(packets);
    for packet in 0..packets {
        let fate: Fate = path.pass(TICK * packet as u32);
        all.extend(fate.times().map(|at| Arrival { at, packet }));
    }
    all.sort_by_key(|arrival| arrival.at);
    all
}

/// Speech as µ-law payloads; the last is filled up with silence.
#[must_use]
pub fn payloads(speech: &[i16]) -> Vec<[u8; FRAME]> {
    let payload = |samples: &[i16]| {
        let mut codes = [encode_ulaw(0); FRAME];
        codes.iter_mut().zip(samples).for_each(|(code, &sample)| *code = encode_ulaw(sample));
        codes
    };
    speech.chunks(FRAME).map(payload).collect()
}

/// What a leg made of a call.
pub struct Passage {
    /// What the caller heard, from the moment the first packet was sent.
    pub echo: Vec<i16>,
    /// What taps got: the recogniser, the recorder. By the leg's count of stream time, so without the delay.
    pub taps: Vec<i16>,
    /// What the leg counted.
    pub report: LegReport,
    /// Gaps that were filled.
    pub concealed: u64,
    /// What the jitter buffer did.
    pub buffer: JitterBufferReport,
}

/// Has a leg hear `speech` over `path` and say it back, as the agent `echo` does.
///
/// # Errors
/// Where the codec cannot be set up.
pub fn pass(speech: &[i16], path: &mut Impairment) -> Result<Passage, CodecError> {
    let payloads = payloads(speech);
    let arrivals = arrivals(payloads.len(), path);
    let end = FIRST_PACKET + TICK * payloads.len() as u32 + AFTERWARDS;
    let mut line = Line::new()?;
    let mut coming = arrivals.iter().peekable();
    loop {
        let packet = coming.peek().map(|arrival| FIRST_PACKET + arrival.at);
        let now = [packet, Some(line.slot()), line.due()].into_iter().flatten().min().unwrap_or(end);
        if now >= end {
            return Ok(line.close());
        }
        line.now = line.now.max(now);
        if let Some(arrival) = coming.next_if(|arrival| FIRST_PACKET + arrival.at <= now) {
            line.packet(arrival.packet, &payloads[arrival.packet]);
        } else if line.slot() <= now {
            line.tick();
        } else {
            line.timeout();
        }
    }
}

/// A leg and its far end.
struct Line {
    leg: Leg,
    /// When the leg was made; all else counts from it.
    began: Instant,
    now: Duration,
    ticks: u32,
    echo: Vec<i16>,
    taps: Vec<i16>,
}

impl Line {
    fn new() -> Result<Self, CodecError> {
        let payloads = Payloads::new(Codec::Pcmu, 0, Some(101));
        let session = SessionConfig {
            payloads,
            remote: Some(caller()),
            remote_rtcp: None,
            learn_source: false,
            ssrc: 2,
            first_sequence: 0,
            first_timestamp: 0,
            cname: "line".to_owned(),
            media_timeout: None,
            seed: 1,
            srtp: None,
        };
        let gate = GateConfig { rate: payloads.codec.rate(), keys: KeyPolicy::Declared };
        let hush = HushPolicy::OnSpeech { guard: Duration::from_millis(40), confirm: Duration::from_millis(400) };
        let began = Instant::now();
        let mut leg = Leg::new(LegConfig { session, gate, playout: PlayoutConfig::default(), hush }, began)?;
        leg.handle_command(began, LegCommand::Echo(true));
        Ok(Self { leg, began, now: Duration::ZERO, ticks: 0, echo: Vec::new(), taps: Vec::new() })
    }

    /// When the leg's next slot is.
    fn slot(&self) -> Duration {
        FIRST_SLOT + TICK * self.ticks
    }

    /// When the leg wants to be told the time.
    fn due(&self) -> Option<Duration> {
        self.leg.poll_timeout().map(|due| due.saturating_duration_since(self.began))
    }

    fn instant(&self) -> Instant {
        self.began + self.now
    }

    fn packet(&mut self, number: usize, payload: &[u8; FRAME]) {
        let mut bytes = vec![0x80, 0];
        bytes.extend((number as u16).to_be_bytes());
        bytes.extend((number as u32).wrapping_mul(FRAME as u32).to_be_bytes());
        bytes.extend(1_u32.to_be_bytes());
        bytes.extend(payload);
        self.leg.handle_rtp(self.instant(), caller(), &mut bytes);
        self.drain();
    }

    fn tick(&mut self) {
        self.ticks += 1;
        let mut out = PacketBuffer::new();
        let transmit = self.leg.tick(self.instant(), &mut out);
        if let Some(since) = self.now.checked_sub(FIRST_PACKET) {
            let place = (since.as_micros() * SAMPLES_PER_MILLI / 1_000) as usize;
            // Where nothing was sent before, nothing was heard.
            self.echo.resize(place.max(self.echo.len()), 0);
            if let Ok(packet) = Packet::parse(out.bytes()) {
                self.echo.extend(packet.payload.iter().map(|&code| decode_ulaw(code)));
            }
        }
        if let Some(transmit) = transmit {
            self.leg.transmitted(self.instant(), &transmit, true);
        }
        self.drain();
    }

    fn timeout(&mut self) {
        self.leg.handle_timeout(self.instant());
        while self.leg.poll_report(self.instant()).is_some() {}
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(item) = self.leg.poll_tap() {
            match item {
                TapItem::Caller(frame) => self.taps.extend_from_slice(frame.samples()),
                TapItem::Sent { .. } => {}
            }
        }
        while self.leg.poll_output().is_some() {}
    }

    fn close(mut self) -> Passage {
        let report = self.leg.close(self.instant());
        self.drain();
        Passage {
            echo: self.echo,
            taps: self.taps,
            report,
            concealed: self.leg.concealed(),
            buffer: self.leg.jitter_buffer().unwrap_or_default(),
        }
    }
}

fn caller() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 4_000))
}

#[cfg(test)]
mod tests;
