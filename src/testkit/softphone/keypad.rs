//! Keys as packets (RFC 4733) and as tones.

use std::f64::consts::TAU;

use super::{FRAME, HERTZ};

/// How a telephone sends keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keying {
    /// As telephone-events, where the far side takes them.
    TelephoneEvent,
    /// As tones in the audio.
    Tones,
}

/// Frames a key is held: 100 ms.
pub(super) const HELD: usize = 5;
/// Frames between two keys: 60 ms.
pub(super) const PAUSE: usize = 3;
/// The amplitude of each of a key's two tones: -12 dBov.
const AMPLITUDE: f64 = 8_000.0;
/// The level in a telephone-event, in -dBm0.
const VOLUME: u8 = 10;

/// The event code of a key (RFC 4733 §3.2).
pub(super) fn event_code(key: u8) -> Option<u8> {
    match key {
        b'0'..=b'9' => Some(key - b'0'),
        b'*' => Some(10),
        b'#' => Some(11),
        b'A'..=b'D' => Some(12 + key - b'A'),
        _ => None,
    }
}

/// One telephone-event payload (RFC 4733 §2.3).
pub(super) fn event_payload(code: u8, is_end: bool, duration: u16) -> [u8; 4] {
    let [high, low] = duration.to_be_bytes();
    [code, if is_end { 0x80 | VOLUME } else { VOLUME }, high, low]
}

/// The two tones of a key (ITU-T Q.23).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tone {
    low: f64,
    high: f64,
}

impl Tone {
    /// The tone of a key; `None` where there is no such key.
    #[must_use]
    pub fn of(key: u8) -> Option<Self> {
        const ROWS: [&[u8]; 4] = [b"123A", b"456B", b"789C", b"*0#D"];
        const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
        const HIGH: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
        ROWS.iter().zip(LOW).find_map(|(row, low)| {
            row.iter().position(|known| *known == key).map(|column| Self { low, high: HIGH[column] })
        })
    }

    /// The tone as samples at 8 kHz.
    #[must_use]
    pub fn samples(self, count: usize) -> Vec<i16> {
        let wave = |hertz: f64, n: usize| (n as f64 * TAU * hertz / f64::from(HERTZ)).sin() * AMPLITUDE;
        (0..count).map(|n| (wave(self.low, n) + wave(self.high, n)).round() as i16).collect()
    }
}

/// A run of keys as audio, with pauses.
pub(super) fn tones(keys: &[u8]) -> Vec<i16> {
    let mut samples = Vec::new();
    for tone in keys.iter().filter_map(|key| Tone::of(*key)) {
        samples.extend(tone.samples(HELD * FRAME));
        samples.extend([0; PAUSE * FRAME]);
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_code_and_its_tones() {
        assert_eq!("0123456789*#ABCD".bytes().filter_map(event_code).collect::<Vec<_>>(), (0..16).collect::<Vec<_>>());
        assert_eq!(event_code(b'x'), None);
        assert_eq!(Tone::of(b'5'), Some(Tone { low: 770.0, high: 1_336.0 }));
        assert!(Tone::of(b'x').is_none());
    }

    #[test]
    fn an_event_says_when_it_ends() {
        assert_eq!(event_payload(11, false, 160), [11, 10, 0, 160]);
        assert_eq!(event_payload(11, true, 0x0320), [11, 0x8a, 3, 0x20]);
    }
}
