//! Buffers that anyone would write first, to compare with: everything is played a fixed time after it was sent.

use std::{collections::BTreeMap, time::Duration};

use audio::g711::{decode_ulaw, encode_ulaw};
use testkit::line::{Arrival, TICK};

/// Samples of a packet.
const FRAME: usize = 160;

/// A fixed delay, which the shortest way of a packet would make its whole delay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fixed {
    /// How long after its sending a packet is played.
    delay: Duration,
    /// Whether the packet before is played again, once, where one is lost or late; else there is silence.
    repeats: bool,
}

/// 60 ms, and silence for what is lost or late.
pub(crate) const SHORT: Fixed = Fixed { delay: Duration::from_millis(60), repeats: false };
/// 200 ms, and repetition.
pub(crate) const LONG: Fixed = Fixed { delay: Duration::from_millis(200), repeats: true };

/// What is heard, from the moment the first packet was sent.
pub(crate) fn hear(payloads: &[[u8; FRAME]], arrivals: &[Arrival], buffer: Fixed) -> Vec<i16> {
    let mut earliest: BTreeMap<usize, Duration> = BTreeMap::new();
    for arrival in arrivals {
        earliest.entry(arrival.packet).or_insert(arrival.at);
    }
    let mut heard = vec![0; (buffer.delay.as_micros() * 8 / 1_000) as usize];
    let mut last = None;
    for (packet, payload) in payloads.iter().enumerate() {
        let played_at = TICK * packet as u32 + buffer.delay;
        let in_time = earliest.get(&packet).filter(|&&at| at <= played_at).map(|_| *payload);
        let played = in_time.or(last.filter(|_| buffer.repeats));
        heard.extend(played.unwrap_or([encode_ulaw(0); FRAME]).map(decode_ulaw));
        last = in_time;
    }
    heard
}
