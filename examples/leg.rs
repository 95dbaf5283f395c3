//! The media of one call without sockets, to be counted in instructions: `leg plain|srtp PACKETS [SPEECH]` takes so many packets
//! of quiet noise through a `Leg`, hands its frames to nobody, gives it agent audio as often, and makes a packet for each. With a
//! file of 16-bit samples at 8 kHz, 100 packets of every 250 are speech out of it.

use std::{
    hint::black_box,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use audio::{
    ChunkPool, Codec, Generation, PlayoutConfig,
    g711::{decode_ulaw, encode_ulaw},
};
use call::{
    HushPolicy, Leg, LegConfig, SinkKind,
    media::{AGENT_SINK, LegCommand},
};
use gate::{GateConfig, KeyPolicy};
use rtp::{
    Keying, PacketBuffer, Payloads, SessionConfig,
    srtp::{MAX_RTP_TRAILER, MasterKey, Outbound, SrtpKeys, Suite},
};

const FRAME: Duration = Duration::from_millis(20);
const SAMPLES: usize = 160;
const HEADER: usize = 12;
/// Packets, and those of them in which the caller speaks where there is speech.
const TURN: usize = 250;
const SPOKEN: usize = 100;
const SUITE: Suite = Suite::AesCm128HmacSha1_80;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [way, packets, files @ ..] = arguments.as_slice() else { bail!("usage: leg plain|srtp PACKETS [SPEECH]") };
    let packets = packets.parse().context("PACKETS")?;
    let speech = files.first().map(std::fs::read).transpose().context("SPEECH")?.unwrap_or_default();
    let coded = |pair: &[u8; 2]| encode_ulaw(i16::from_le_bytes(*pair));
    run(way == "srtp", packets, &speech.as_chunks().0.iter().map(coded).collect::<Vec<_>>())
}

/// A key of the far end, or ours: neither is a secret here.
fn key(byte: u8) -> Result<MasterKey> {
    MasterKey::new(SUITE, &vec![byte; SUITE.key_bytes()]).context("a key")
}

fn run(is_secure: bool, packets: u32, speech: &[u8]) -> Result<()> {
    let peer = SocketAddr::from(([192, 0, 2, 7], 4_000));
    let mut now = Instant::now();
    let mut leg = Leg::new(config(peer, is_secure)?, now)?;
    leg.add_sink(now, AGENT_SINK, SinkKind::Agent);
    let mut cipher = if is_secure { Some(Outbound::new(&key(1)?)) } else { None };
    let (rooms, mut state) = (ChunkPool::new(8), 0x2545_F491_4F6C_DD1D_u64);
    for number in 0..packets {
        let mut bytes = packet(number, &mut state);
        if let Some(words) = words(number, speech) {
            bytes[HEADER..HEADER + SAMPLES].copy_from_slice(words);
        }
        let length = match &mut cipher {
            Some(cipher) => cipher.protect_rtp(&mut bytes, HEADER + SAMPLES).context("a packet")?,
            None => HEADER + SAMPLES,
        };
        leg.handle_rtp(now, peer, &mut bytes[..length]);
        let samples = rooms.chunk(&std::array::from_fn::<_, SAMPLES, _>(|n| decode_ulaw(bytes[HEADER + n])));
        leg.handle_command(now, LegCommand::AgentAudio { generation: Generation(0), samples, arrived: now });
        drain(&mut leg);
        let mut out = PacketBuffer::new();
        if let Some(transmit) = leg.tick(now, &mut out) {
            black_box(out.bytes());
            leg.transmitted(now, &transmit, true);
        }
        drain(&mut leg);
        now += FRAME;
        if leg.poll_timeout().is_some_and(|due| due <= now) {
            leg.handle_timeout(now);
            while leg.poll_report(now).is_some() {}
            drain(&mut leg);
        }
    }
    Ok(())
}

fn config(peer: SocketAddr, is_secure: bool) -> Result<LegConfig> {
    let payloads = Payloads::new(Codec::Pcmu, 0, Some(101));
    let srtp = if is_secure { Some(Keying::Described(SrtpKeys { local: key(2)?, remote: key(1)? })) } else { None };
    Ok(LegConfig {
        session: SessionConfig {
            payloads,
            remote: Some(peer),
            remote_rtcp: None,
            learn_source: false,
            ssrc: 9,
            first_sequence: 1,
            first_timestamp: 1,
            cname: "leg".to_owned(),
            media_timeout: None,
            seed: 1,
            srtp,
        },
        gate: GateConfig { rate: payloads.codec.rate(), keys: KeyPolicy::Declared },
        playout: PlayoutConfig::default(),
        hush: HushPolicy::Never,
    })
}

/// What the caller says in a packet, where they speak.
fn words(number: u32, speech: &[u8]) -> Option<&[u8]> {
    let (turn, place) = (number as usize / TURN, number as usize % TURN);
    let words = (turn * SPOKEN + place) % (speech.len() / SAMPLES).max(1);
    speech.chunks_exact(SAMPLES).nth(words).filter(|_| place < SPOKEN)
}

/// Quiet noise, with room for a tag.
fn packet(number: u32, state: &mut u64) -> Vec<u8> {
    let mut bytes = vec![0x80, 0];
    bytes.extend((number as u16).to_be_bytes());
    bytes.extend((number * SAMPLES as u32).to_be_bytes());
    bytes.extend(77_u32.to_be_bytes());
    for _ in 0..SAMPLES {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        bytes.push(0x60 | (*state >> 32) as u8 & 0x8F);
    }
    bytes.resize(HEADER + SAMPLES + MAX_RTP_TRAILER, 0);
    bytes
}

fn drain(leg: &mut Leg) {
    while let Some(item) = leg.poll_tap() {
        black_box(item);
    }
    while let Some(output) = leg.poll_output() {
        black_box(output);
    }
}
