//! What is fuzzed of the codecs (`fuzz/README.md`).

use frame::SampleRate;

use self::script::Script;
use crate::comfort_noise::{Description, Generator, MAX_ORDER};
use crate::{Codec, CodecError, Concealment};

#[cfg(test)]
#[path = "../../fuzz/shared/replay.rs"]
mod replay;
#[path = "../../fuzz/shared/script.rs"]
mod script;

const CODECS: [Codec; 8] = [
    Codec::Pcmu,
    Codec::Pcma,
    Codec::G722,
    Codec::L16(SampleRate::Hz16000),
    Codec::L16(SampleRate::Hz48000),
    Codec::Opus(SampleRate::Hz8000),
    Codec::Opus(SampleRate::Hz16000),
    Codec::Opus(SampleRate::Hz48000),
];

/// A decoder and one payload after another, some of them lost: what a payload is said to hold is what comes of it, and one
/// that is refused writes nothing.
pub fn decoder(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let codec = CODECS[usize::from(script.byte() % 8)];
    let mut decoder = codec.decoder().expect("a codec that can be set up");
    // 120 ms, the longest that is taken from the wire.
    let mut room = vec![0; 6 * codec.rate().frame_samples()];
    while let Some(step) = script.step() {
        let payload = script.string();
        match step % 4 {
            0 => decoder.reset(),
            1 => {
                let lost = &mut room[..codec.rate().frame_samples()];
                let made = decoder.decode_lost((!payload.is_empty()).then_some(payload), lost);
                assert!(made != Concealment::Redundant || !payload.is_empty(), "nothing comes twice in nothing");
            }
            _ => {
                room.fill(i16::MIN);
                match (decoder.samples(payload), decoder.decode(payload, &mut room)) {
                    (Ok(said), Ok(made)) => {
                        assert_eq!(said, made, "as many as were announced");
                        assert!(room[made..].iter().all(|&sample| sample == i16::MIN), "and no more");
                    }
                    (Ok(said), Err(error)) => {
                        assert!(said > room.len() || error == CodecError::Malformed, "{error}");
                    }
                    (Err(_), decoded) => assert!(decoded.is_err(), "what cannot be counted cannot be decoded"),
                }
            }
        }
    }
}

/// Descriptions of background noise, and the noise: no louder than a description says.
pub fn comfort_noise(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let mut generator = Generator::new(script.byte().into());
    while let Some(length) = script.step() {
        let payload = script.bytes(length.into());
        let Some(description) = Description::parse(payload) else {
            assert!(payload.is_empty());
            continue;
        };
        let mut written = [0; 1 + MAX_ORDER];
        let length = description.write(&mut written).expect("room");
        assert!(Description::parse(&written[..length]) == Some(description), "what is written reads the same");
        generator.describe(&description);
        let mut noise = [0; 320];
        generator.fill(&mut noise);
        generator.fill(&mut noise);
    }
    generator.describe(&Description::white(127));
    let mut fading = [0; 3_000];
    generator.fill(&mut fading);
    assert!(fading[2_500..].iter().all(|sample| sample.unsigned_abs() <= 1), "at the lowest level it falls silent");
}

#[cfg(test)]
mod tests {
    super::replay::replay!(decoder, comfort_noise);
}
