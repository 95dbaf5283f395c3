use proptest::prelude::*;

use super::*;

const ALL: [Codec; 11] = [
    Codec::Pcmu,
    Codec::Pcma,
    Codec::G722,
    Codec::L16(SampleRate::Hz8000),
    Codec::L16(SampleRate::Hz16000),
    Codec::L16(SampleRate::Hz24000),
    Codec::L16(SampleRate::Hz48000),
    Codec::Opus(SampleRate::Hz8000),
    Codec::Opus(SampleRate::Hz16000),
    Codec::Opus(SampleRate::Hz24000),
    Codec::Opus(SampleRate::Hz48000),
];

fn tone(rate: SampleRate, hertz: f64, amplitude: f64, frames: usize) -> Vec<i16> {
    let step = std::f64::consts::TAU * hertz / f64::from(rate.hertz());
    (0..frames * rate.frame_samples()).map(|n| ((n as f64 * step).sin() * amplitude) as i16).collect()
}

/// Through the codec and back, frame by frame.
fn round_trip(codec: Codec, samples: &[i16]) -> Vec<i16> {
    let mut encoder = codec.encoder(&OpusSettings::default()).unwrap();
    let mut decoder = codec.decoder().unwrap();
    let mut payload = [0; MAX_PAYLOAD_BYTES];
    let mut out = vec![0; samples.len()];
    let frame = codec.rate().frame_samples();
    for (input, output) in samples.chunks(frame).zip(out.chunks_mut(frame)) {
        let length = encoder.encode(input, &mut payload).unwrap();
        assert_eq!(decoder.samples(&payload[..length]), Ok(frame));
        assert_eq!(decoder.decode(&payload[..length], output), Ok(frame));
    }
    out
}

/// How far one frequency stands above everything else, in decibels, whatever its phase.
fn purity(samples: &[i16], rate: SampleRate, hertz: f64) -> f64 {
    let step = std::f64::consts::TAU * hertz / f64::from(rate.hertz());
    let (mut real, mut imaginary, mut total) = (0.0, 0.0, 0.0);
    for (n, &sample) in samples.iter().enumerate() {
        let sample = f64::from(sample);
        real += sample * (n as f64 * step).cos();
        imaginary += sample * (n as f64 * step).sin();
        total += sample * sample;
    }
    let pure = 2.0 * (real * real + imaginary * imaginary) / samples.len() as f64;
    10.0 * (pure / (total - pure).max(1.0)).log10()
}

#[test]
fn a_tone_comes_back_clean() {
    for codec in ALL {
        let rate = codec.rate();
        let out = round_trip(codec, &tone(rate, 1_000.0, 10_000.0, 100));
        let heard = purity(&out[out.len() / 2..], rate, 1_000.0);
        let least = match codec {
            Codec::Pcmu | Codec::Pcma => 35.0,
            Codec::G722 => 35.0,
            Codec::L16(_) => 80.0,
            Codec::Opus(_) => 15.0,
        };
        assert!(heard > least, "{codec:?}: {heard:.1} dB");
    }
}

#[test]
fn a_frame_of_another_length_is_refused_and_so_is_a_buffer_too_small() {
    for codec in ALL {
        let mut encoder = codec.encoder(&OpusSettings::default()).unwrap();
        let frame = codec.rate().frame_samples();
        let mut payload = [0; MAX_PAYLOAD_BYTES];
        for length in [0, frame - 1, frame + 1] {
            assert_eq!(encoder.encode(&vec![0; length], &mut payload), Err(CodecError::FrameLength), "{codec:?}");
        }
        assert_eq!(encoder.encode(&vec![0; frame], &mut payload[..20]), Err(CodecError::Room), "{codec:?}");
        let length = encoder.encode(&vec![0; frame], &mut payload).unwrap();
        let mut decoder = codec.decoder().unwrap();
        let short = decoder.decode(&payload[..length], &mut vec![0; frame - 1]);
        assert_eq!(short, Err(CodecError::Room), "{codec:?}");
        assert_eq!(decoder.decode(&[], &mut vec![0; frame]), Err(CodecError::PayloadLength), "{codec:?}");
    }
}

#[test]
fn a_loss_is_filled_to_its_end() {
    for codec in ALL {
        let mut decoder = codec.decoder().unwrap();
        let mut out = vec![i16::MAX; codec.rate().frame_samples()];
        let how = decoder.decode_lost(None, &mut out);
        assert_eq!(how == Concealment::Extrapolated, matches!(codec, Codec::Opus(_)));
        assert!(out.iter().all(|&sample| sample == 0), "{codec:?}: nothing was heard yet");
    }
}

#[test]
fn a_codec_that_was_reset_is_as_new() {
    for codec in ALL {
        let sound = tone(codec.rate(), 440.0, 8_000.0, 5);
        let frame = codec.rate().frame_samples();
        let mut encoder = codec.encoder(&OpusSettings::default()).unwrap();
        let mut decoder = codec.decoder().unwrap();
        let mut results = Vec::new();
        for _ in 0..2 {
            encoder.reset();
            decoder.reset();
            let mut heard = vec![0; frame];
            for input in sound.chunks(frame) {
                let mut payload = [0; MAX_PAYLOAD_BYTES];
                let length = encoder.encode(input, &mut payload).unwrap();
                decoder.decode(&payload[..length], &mut heard).unwrap();
            }
            results.push(heard);
        }
        assert_eq!(results[0], results[1], "{codec:?}");
    }
}

#[test]
fn odd_bytes_are_no_linear_samples() {
    let mut decoder = Codec::L16(SampleRate::Hz16000).decoder().unwrap();
    assert_eq!(decoder.decode(&[1, 2, 3], &mut [0; 8]), Err(CodecError::PayloadLength));
    let mut out = [0; 2];
    assert_eq!(decoder.decode(&[0x7f, 0xff, 0x80, 0x00], &mut out), Ok(2));
    assert_eq!(out, [i16::MAX, i16::MIN]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_decoded_or_refused(
        number in 0..ALL.len(),
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1_600), 1..8),
        losses in any::<u8>(),
    ) {
        let mut decoder = ALL[number].decoder().unwrap();
        let mut out = [0; 5_760];
        for (place, payload) in payloads.iter().enumerate() {
            let told = decoder.samples(payload);
            if losses >> place & 1 == 1 {
                let frame = ALL[number].rate().frame_samples();
                decoder.decode_lost(Some(payload), &mut out[..frame]);
            }
            match decoder.decode(payload, &mut out) {
                Ok(written) => prop_assert_eq!(told, Ok(written)),
                Err(error) => prop_assert!(told == Err(error) || error == CodecError::Malformed),
            }
        }
    }

    #[test]
    fn any_samples_are_encoded_and_decoded_again(
        number in 0..ALL.len(),
        seeds in prop::collection::vec(any::<i16>(), 1..40),
    ) {
        let codec = ALL[number];
        let samples: Vec<i16> = seeds.iter().copied().cycle().take(4 * codec.rate().frame_samples()).collect();
        let heard = round_trip(codec, &samples);
        if matches!(codec, Codec::L16(_)) {
            prop_assert_eq!(heard, samples);
        }
    }
}
