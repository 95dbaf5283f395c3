//! Our cost of a frame, to be counted in instructions beside `benches/floor/codecs.c` and `benches/floor/dtmf.c`, whose ways it
//! follows: `codecs ITEM [RATE [RATE]] PASSES FILE` works through the samples of FILE in frames of 20 ms, PASSES times.

use std::{
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use audio::{Codec, Converter, MAX_PAYLOAD_BYTES, OpusSettings};
use frame::{INDEX_STEP, MAX_SAMPLES, RawFrame, SampleRate};
use gate::{Gate, GateConfig, KeyPolicy, analysis::Detectors};

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [item, rates @ .., passes, file] = arguments.as_slice() else { bail!("ITEM [RATE [RATE]] PASSES FILE") };
    let rates = rates.iter().map(|rate| rate_of(rate)).collect::<Result<Vec<_>>>()?;
    let passes = passes.parse().context("PASSES")?;
    let samples = samples(Path::new(file))?;
    match (item.as_str(), rates.as_slice()) {
        ("opus-encode", &[rate]) => encode(Codec::Opus(rate), &samples, passes),
        ("opus-decode", &[rate]) => decode(Codec::Opus(rate), &samples, passes),
        ("convert", &[from, to]) => convert(from, to, &samples, passes),
        ("pcmu-encode", []) => encode(Codec::Pcmu, &samples, passes),
        ("pcmu-decode", []) => decode(Codec::Pcmu, &samples, passes),
        ("pcma-encode", []) => encode(Codec::Pcma, &samples, passes),
        ("pcma-decode", []) => decode(Codec::Pcma, &samples, passes),
        ("g722-encode", []) => encode(Codec::G722, &samples, passes),
        ("g722-decode", []) => decode(Codec::G722, &samples, passes),
        ("detectors", []) => {
            detectors(&samples, passes);
            Ok(())
        }
        ("gate", []) => {
            gate(&samples, passes);
            Ok(())
        }
        _ => bail!("no such item"),
    }
}

fn rate_of(text: &str) -> Result<SampleRate> {
    Ok(match text {
        "8000" => SampleRate::Hz8000,
        "16000" => SampleRate::Hz16000,
        "24000" => SampleRate::Hz24000,
        "48000" => SampleRate::Hz48000,
        _ => bail!("{text}: no rate of ours"),
    })
}

fn samples(file: &Path) -> Result<Vec<i16>> {
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    Ok(bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}

fn encode(codec: Codec, samples: &[i16], passes: usize) -> Result<()> {
    let mut encoder = codec.encoder(&OpusSettings::default())?;
    let mut payload = [0; MAX_PAYLOAD_BYTES];
    for _ in 0..passes {
        for frame in samples.chunks_exact(codec.rate().frame_samples()) {
            black_box(encoder.encode(frame, &mut payload)?);
        }
    }
    Ok(())
}

fn decode(codec: Codec, samples: &[i16], passes: usize) -> Result<()> {
    let (mut encoder, mut decoder) = (codec.encoder(&OpusSettings::default())?, codec.decoder()?);
    let mut packets = Vec::new();
    for frame in samples.chunks_exact(codec.rate().frame_samples()) {
        let mut payload = vec![0; MAX_PAYLOAD_BYTES];
        let length = encoder.encode(frame, &mut payload)?;
        payload.truncate(length);
        packets.push(payload);
    }
    let mut out = [0; MAX_SAMPLES];
    for _ in 0..passes {
        for packet in packets.iter().filter(|packet| !packet.is_empty()) {
            black_box(decoder.decode(packet, &mut out)?);
        }
    }
    Ok(())
}

fn convert(from: SampleRate, to: SampleRate, samples: &[i16], passes: usize) -> Result<()> {
    let mut converter = Converter::new(from, to)?;
    let mut out = vec![0; to.frame_samples()];
    for _ in 0..passes {
        for frame in samples.chunks_exact(from.frame_samples()) {
            converter.convert(frame, &mut out)?;
            black_box(&mut out);
        }
    }
    Ok(())
}

/// Both of the gate's detectors alone.
fn detectors(samples: &[i16], passes: usize) {
    let rate = SampleRate::Hz8000;
    let mut detectors = Detectors::new(rate);
    for _ in 0..passes {
        for frame in samples.chunks_exact(rate.frame_samples()) {
            detectors.hear(frame, |key, is_suspected| {
                black_box((key, is_suspected));
            });
        }
    }
}

/// Everything that the gate does with a frame.
fn gate(samples: &[i16], passes: usize) {
    let (rate, mut now) = (SampleRate::Hz8000, Instant::now());
    let mut gate = Gate::new(GateConfig { rate, keys: KeyPolicy::Declared }, now);
    let mut index = 0;
    for _ in 0..passes {
        for frame in samples.chunks_exact(rate.frame_samples()) {
            let raw = RawFrame::decoded(rate, index, |room| room.copy_from_slice(frame));
            if let Some(clean) = gate.handle_frame(now, raw) {
                black_box(clean.samples());
            }
            while gate.poll_output().is_some() {}
            (now, index) = (now + Duration::from_millis(20), index + INDEX_STEP);
        }
    }
}
