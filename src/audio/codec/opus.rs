//! Opus (RFC 6716) by libopus: one channel, in-band forward error correction, discontinuous transmission.

use frame::SampleRate;
use opus::{Application, Bitrate, Channels};

use super::{CodecError, Concealment, Decoder, Encoder, MAX_PAYLOAD_BYTES, check_frame};

/// Longest packet in milliseconds (RFC 6716 §3.1).
const MAX_PACKET_MILLIS: usize = 120;
/// The most loss, in percent, that rate is set aside for: beyond it too little is left for the frame itself.
const MOST_EXPECTED_LOSS: i32 = 30;
/// The largest payload that says nothing new: the decoder continues its comfort noise without it.
const MOST_UNSENT_BYTES: usize = 2;

/// How an Opus encoder works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpusSettings {
    /// Bits a second, on average: 6,000 to 510,000.
    pub bits_per_second: i32,
    /// Effort, 0 to 10. At 16 kHz, 0 costs about a quarter of what 10 does.
    pub complexity: i32,
    /// Whether each packet carries a coarse copy of the frame before (RFC 6716 §2.1.7).
    pub has_redundancy: bool,
    /// The loss that is expected before the far end reports any, and at least, in percent: how much of the rate goes into
    /// that copy. At 0 there is none.
    pub expected_loss_percent: i32,
    /// Whether silence is left out of the stream but for a frame every 400 ms (RFC 6716 §2.1.9).
    pub is_discontinuous: bool,
}

impl Default for OpusSettings {
    fn default() -> Self {
        Self {
            bits_per_second: 24_000,
            complexity: 5,
            has_redundancy: true,
            expected_loss_percent: 5,
            is_discontinuous: false,
        }
    }
}

pub(super) struct OpusEncoder {
    rate: SampleRate,
    state: opus::Encoder,
    /// In percent, as all losses here.
    least_loss: i32,
    expected_loss: i32,
    /// The last frame had no sound in it.
    is_pausing: bool,
}

impl OpusEncoder {
    pub(super) fn new(rate: SampleRate, settings: &OpusSettings) -> Result<Self, CodecError> {
        let state = configured(rate, settings).map_err(|_| CodecError::Setup)?;
        let least_loss = settings.expected_loss_percent;
        Ok(Self { rate, state, least_loss, expected_loss: least_loss, is_pausing: false })
    }
}

fn configured(rate: SampleRate, settings: &OpusSettings) -> opus::Result<opus::Encoder> {
    let mut state = opus::Encoder::new(rate.hertz(), Channels::Mono, Application::Voip)?;
    state.set_bitrate(Bitrate::Bits(settings.bits_per_second))?;
    state.set_complexity(settings.complexity)?;
    state.set_inband_fec(settings.has_redundancy)?;
    state.set_packet_loss_perc(settings.expected_loss_percent)?;
    state.set_dtx(settings.is_discontinuous)?;
    Ok(state)
}

impl Encoder for OpusEncoder {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        check_frame(samples, self.rate, MAX_FRAME_BYTES, payload.len())?;
        let length = self.state.encode(samples, payload).map_err(|_| CodecError::Room)?;
        // The first is sent: it tells the far end's decoder that this is a pause and no loss.
        let was_pausing = std::mem::replace(&mut self.is_pausing, length <= MOST_UNSENT_BYTES);
        Ok(if was_pausing && self.is_pausing { 0 } else { length })
    }

    fn report_loss(&mut self, percent: u8) {
        let reported = i32::from(percent).min(MOST_EXPECTED_LOSS).max(self.least_loss);
        let expected = reported.max((self.expected_loss + reported) / 2);
        if expected != self.expected_loss && self.state.set_packet_loss_perc(expected).is_ok() {
            self.expected_loss = expected;
        }
    }

    fn reset(&mut self) {
        // Resetting the state of a live encoder cannot fail.
        let _ = self.state.reset_state();
        self.is_pausing = false;
    }
}

/// Most bytes of one frame with its table of contents.
const MAX_FRAME_BYTES: usize = 1_276;

pub(super) struct OpusDecoder {
    rate: SampleRate,
    state: opus::Decoder,
}

impl OpusDecoder {
    pub(super) fn new(rate: SampleRate) -> Result<Self, CodecError> {
        let state = opus::Decoder::new(rate.hertz(), Channels::Mono).map_err(|_| CodecError::Setup)?;
        Ok(Self { rate, state })
    }

    /// Decodes, with an empty payload for what is lost.
    fn run(&mut self, payload: &[u8], out: &mut [i16], from_redundancy: bool) -> Result<usize, CodecError> {
        self.state.decode(payload, out, from_redundancy).map_err(|_| CodecError::Malformed)
    }
}

impl Decoder for OpusDecoder {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
        if payload.is_empty() || payload.len() > MAX_PAYLOAD_BYTES {
            return Err(CodecError::PayloadLength);
        }
        let samples = self.state.get_nb_samples(payload).map_err(|_| CodecError::Malformed)?;
        let most = self.rate.hertz() as usize / 1_000 * MAX_PACKET_MILLIS;
        if samples == 0 || samples > most { Err(CodecError::Malformed) } else { Ok(samples) }
    }

    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, CodecError> {
        let samples = self.samples(payload)?;
        let out = out.get_mut(..samples).ok_or(CodecError::Room)?;
        self.run(payload, out, false)
    }

    fn decode_lost(&mut self, next: Option<&[u8]>, out: &mut [i16]) -> Concealment {
        if let Some(next) = next
            && has_redundancy(next)
            && self.samples(next) == Ok(out.len())
            && self.run(next, out, true) == Ok(out.len())
        {
            return Concealment::Redundant;
        }
        if self.run(&[], out, false) == Ok(out.len()) {
            return Concealment::Extrapolated;
        }
        // A duration that is no multiple of 2.5 ms, or longer than a packet.
        out.fill(0);
        Concealment::Silence
    }

    /// A packet of one or two bytes has no sound in it: it is sent in discontinuous transmission, when the noise changes
    /// (RFC 6716 §2.1.9).
    fn is_pause(&self, payload: &[u8]) -> bool {
        payload.len() <= 2
    }

    fn reset(&mut self) {
        // Resetting the state of a live decoder cannot fail.
        let _ = self.state.reset_state();
    }
}

impl Drop for OpusDecoder {
    fn drop(&mut self) {
        // libopus keeps the last frames; a reset overwrites them with zeros.
        self.reset();
    }
}

/// Whether a packet carries a copy of the frame before it: the flag after the voice activity flags at the head of its
/// first SILK frame (RFC 6716 §4.2.3, §4.2.4). Packets of code 3 (three frames or more) are taken to have none.
fn has_redundancy(payload: &[u8]) -> bool {
    let Some(&contents) = payload.first() else { return false };
    let configuration = contents >> 3;
    // 16 and above are CELT only, which has no such copy (RFC 6716 §3.1).
    if configuration >= 16 {
        return false;
    }
    let at = match contents & 3 {
        0 | 1 => 1,
        // The first frame's length goes before it, in one byte or two (§3.2.1).
        2 if payload.get(1).is_some_and(|&length| length >= 252) => 3,
        2 => 2,
        _ => return false,
    };
    // SILK frames of 20 ms in one frame of 10, 20, 40 or 60 ms; hybrid frames have 10 or 20.
    let silk_frames = if configuration < 12 { (configuration & 3).max(1) } else { 1 };
    payload.get(at).is_some_and(|head| head >> (7 - silk_frames) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate::Hz16000;

    /// A voice-like sound: gliding pulses through two resonances, four syllables a second.
    fn voice(frames: usize) -> Vec<i16> {
        let (mut one, mut two) = ([0.0_f64; 2], [0.0_f64; 2]);
        let mut until_pulse = 0;
        (0..frames * 320)
            .map(|n| {
                let syllable = (n as f64 * std::f64::consts::PI / 4_000.0).sin().abs();
                until_pulse -= 1;
                let is_pulse = until_pulse <= 0;
                if is_pulse {
                    until_pulse = 110 + (60.0 * syllable) as i32;
                }
                let first = if is_pulse { 6_000.0 * syllable } else { 0.0 } + 1.87 * one[0] - 0.95 * one[1];
                one = [first, one[0]];
                let second = first * 0.3 + 1.5 * two[0] - 0.9 * two[1];
                two = [second, two[0]];
                (second * 0.2).clamp(-20_000.0, 20_000.0) as i16
            })
            .collect()
    }

    fn encoded(settings: &OpusSettings, samples: &[i16]) -> Vec<Vec<u8>> {
        let mut encoder = OpusEncoder::new(RATE, settings).unwrap();
        samples
            .chunks(320)
            .map(|frame| {
                let mut payload = [0; MAX_PAYLOAD_BYTES];
                let length = encoder.encode(frame, &mut payload).unwrap();
                payload[..length].to_vec()
            })
            .collect()
    }

    /// Decodes with every tenth packet lost, and returns how the losses were concealed and the error energy in them
    /// against the decoding without loss.
    fn conceal(packets: &[Vec<u8>]) -> (Vec<Concealment>, f64) {
        let (mut whole, mut lossy) = (OpusDecoder::new(RATE).unwrap(), OpusDecoder::new(RATE).unwrap());
        let (mut clean, mut heard) = ([0; 320], [0; 320]);
        let (mut how, mut error) = (Vec::new(), 0.0);
        for (number, packet) in packets.iter().enumerate() {
            whole.decode(packet, &mut clean).unwrap();
            if number % 10 == 5 {
                how.push(lossy.decode_lost(packets.get(number + 1).map(Vec::as_slice), &mut heard));
                error += clean
                    .iter()
                    .zip(&heard)
                    .map(|(a, b)| f64::from(i32::from(*a) - i32::from(*b)).powi(2))
                    .sum::<f64>();
            } else {
                lossy.decode(packet, &mut heard).unwrap();
            }
        }
        (how, error)
    }

    #[test]
    fn a_lost_frame_is_recovered_from_the_packet_after_it() {
        let settings = OpusSettings { expected_loss_percent: 20, ..OpusSettings::default() };
        let samples = voice(100);
        let (with, recovered) = conceal(&encoded(&settings, &samples));
        let plain = OpusSettings { has_redundancy: false, ..settings };
        let (without, extrapolated) = conceal(&encoded(&plain, &samples));
        // A packet whose predecessor was quiet carries no copy of it.
        let copies = with.iter().filter(|how| **how == Concealment::Redundant).count();
        assert!(copies >= 7, "{with:?}");
        assert!(without.iter().all(|how| *how == Concealment::Extrapolated), "{without:?}");
        assert!(10.0 * recovered < extrapolated, "{recovered} against {extrapolated}");
    }

    #[test]
    fn silence_is_left_out_where_transmission_is_discontinuous() {
        let settings = OpusSettings { is_discontinuous: true, ..OpusSettings::default() };
        let mut samples = voice(50);
        samples.resize(320 * 150, 0);
        let packets = encoded(&settings, &samples);
        assert!(packets[..50].iter().all(|packet| !packet.is_empty()));
        let sent = packets[75..].iter().filter(|packet| !packet.is_empty()).count();
        assert!((2..=10).contains(&sent), "{sent} of 75 silent frames sent");
        let always = encoded(&OpusSettings::default(), &samples);
        assert!(always.iter().all(|packet| !packet.is_empty()));
    }

    #[test]
    fn the_loss_that_is_reported_is_followed_at_once_upwards_and_slowly_downwards_within_bounds() {
        let mut encoder = OpusEncoder::new(RATE, &OpusSettings::default()).unwrap();
        let expected: Vec<_> = [0, 20, 10, 0, 0, 0, 0, 90, 3]
            .into_iter()
            .map(|percent| {
                encoder.report_loss(percent);
                encoder.state.get_packet_loss_perc().unwrap()
            })
            .collect();
        assert_eq!(expected, [5, 20, 15, 10, 7, 6, 5, 30, 17]);
    }

    #[test]
    fn a_loss_of_an_odd_duration_is_silence() {
        let mut decoder = OpusDecoder::new(RATE).unwrap();
        let mut out = [7; 123];
        assert_eq!(decoder.decode_lost(None, &mut out), Concealment::Silence);
        assert!(out.iter().all(|&sample| sample == 0));
    }

    #[test]
    fn packets_of_two_channels_and_other_durations_are_decoded() {
        for (frame_millis, rate) in [(10, 48_000), (40, 48_000), (60, 16_000)] {
            let mut encoder = opus::Encoder::new(rate, Channels::Stereo, Application::Voip).unwrap();
            let mut packet = [0; 1_500];
            let samples = vec![0; 2 * rate as usize / 1_000 * frame_millis];
            let length = encoder.encode(&samples, &mut packet).unwrap();
            let mut decoder = OpusDecoder::new(RATE).unwrap();
            let mut out = [0; 1_920];
            assert_eq!(decoder.decode(&packet[..length], &mut out), Ok(16 * frame_millis));
        }
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let settings = OpusSettings { complexity: 11, ..OpusSettings::default() };
        assert_eq!(OpusEncoder::new(RATE, &settings).err(), Some(CodecError::Setup));
    }
}
