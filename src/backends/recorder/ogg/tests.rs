use std::{f64::consts::TAU, fs, path::Path, process::Command};

use ::ogg::PacketReader;

use super::*;
use crate::recorder::tests::medium;

/// Samples at 48 kHz to one of ours.
const RATIO: usize = GRANULES as usize;

/// So many samples of a loud tone. A tone is the worst case: it is what a codec goes on with longest.
fn tone(hertz: f64, samples: usize) -> Vec<i16> {
    (0..samples).map(|n| ((TAU * hertz * n as f64 / f64::from(HERTZ)).sin() * 12_000.0) as i16).collect()
}

/// A file that is ended as the writer ends it.
fn written(path: &Path, pairs: &[Pair]) {
    let mut file = OpusFile::create(medium(path, None)).unwrap();
    for frame in pairs.chunks(160) {
        file.append(frame).unwrap();
    }
    file.finish(true, Gaps::default()).unwrap();
}

/// What a decoder that was told nothing makes of it, at 48 kHz: the caller, and what was sent.
fn decoded(path: &Path) -> (Vec<i16>, Vec<i16>) {
    let mut packets = PacketReader::new(fs::File::open(path).unwrap());
    let head = packets.read_packet_expected().unwrap().data;
    assert_eq!((&head[..8], head[9], head[18], head[19], head[20]), (b"OpusHead".as_slice(), 2, 1, 2, 0));
    let pre_skip = usize::from(u16::from_le_bytes([head[10], head[11]]));
    assert!(packets.read_packet_expected().unwrap().data.starts_with(b"OpusTags"));
    let mut decoder = opus::MSDecoder::new(48_000, 2, 0, &head[21..23]).unwrap();
    let (mut samples, mut end) = (Vec::new(), u64::MAX);
    while let Some(packet) = packets.read_packet().unwrap() {
        let mut frame = [0; 2 * 960];
        let length = decoder.decode(&packet.data, &mut frame, false).unwrap();
        samples.extend_from_slice(&frame[..2 * length]);
        if packet.last_in_page() {
            assert!(packet.absgp_page() <= samples.len() as u64 / 2, "a page claims more than it has");
            end = packet.absgp_page();
        }
    }
    let kept = &samples[2 * pre_skip..2 * usize::try_from(end).unwrap()];
    (kept.iter().step_by(2).copied().collect(), kept.iter().skip(1).step_by(2).copied().collect())
}

fn loudness(samples: &[i16]) -> f64 {
    (samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
}

/// The caller says a tone, is muted at `from`, and is heard again at `to`; a louder tone is sent all the time.
fn captured(from: usize, to: usize, length: usize) -> Vec<Pair> {
    let caller = tone(697.0, length);
    let sent = tone(440.0, length);
    let at = |n: usize| (!(from..to).contains(&n)).then(|| caller[n]);
    (0..length).map(|n| (at(n), sent[n])).collect()
}

#[test]
fn a_mute_is_exact_silence_from_its_first_sample_to_its_last() {
    let directory = tempfile::tempdir().unwrap();
    // On the frames' bounds, and off them.
    for (from, to) in [(8_000, 24_000), (8_037, 24_101), (8_159, 8_161), (8_000, 8_160)] {
        let path = directory.path().join(format!("{from}-{to}.opus"));
        written(&path, &captured(from, to, 32_000));
        let (caller, sent) = decoded(&path);
        assert_eq!((caller.len(), sent.len()), (32_000 * RATIO, 32_000 * RATIO));
        let muted = &caller[from * RATIO..to * RATIO];
        assert_eq!(muted.iter().filter(|sample| **sample != 0).count(), 0, "{from} to {to} is not silent");
        for (around, part) in [("before", &caller[..(from - 640) * RATIO]), ("after", &caller[(to + 640) * RATIO..])] {
            assert!(loudness(part) > 7_000.0, "the caller is not heard {around} {from} to {to}");
        }
        assert!(sent.chunks(960).skip(1).all(|frame| loudness(frame) > 7_000.0), "what was sent is not whole");
    }
}

#[test]
fn nothing_of_one_side_is_on_the_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("one.opus");
    written(&path, &tone(941.0, 8_000).into_iter().map(|sent| (Some(0), sent)).collect::<Vec<_>>());
    let (caller, sent) = decoded(&path);
    assert!(caller.iter().all(|sample| *sample == 0) && loudness(&sent) > 7_000.0);
}

#[test]
fn both_sides_begin_and_end_where_they_did() {
    let directory = tempfile::tempdir().unwrap();
    for length in [1, 159, 160, 161, 8_003] {
        let path = directory.path().join(format!("{length}.opus"));
        written(&path, &vec![(Some(5), 5); length]);
        assert_eq!(decoded(&path).0.len(), length * RATIO);
    }
    let path = directory.path().join("bursts.opus");
    let burst = tone(1_000.0, 800);
    let at = |n: usize, begin: usize| n.checked_sub(begin).and_then(|n| burst.get(n)).copied().unwrap_or(0);
    written(&path, &(0..16_000).map(|n| (Some(at(n, 4_000)), at(n, 12_345))).collect::<Vec<_>>());
    let (caller, sent) = decoded(&path);
    for (side, begin) in [(caller, 4_000), (sent, 12_345)] {
        let first = side.iter().position(|sample| sample.abs() > 4_000).unwrap() / RATIO;
        assert!(first.abs_diff(begin) <= 8, "heard at {first}, not at {begin}: more than 1 ms");
    }
}

#[test]
fn what_was_flushed_can_be_played_without_an_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cut.opus");
    let mut file = OpusFile::create(medium(&path, None)).unwrap();
    file.append(&captured(3_200, 4_800, 8_000)).unwrap();
    file.flush().unwrap();
    file.append(&[(Some(9), 9); 4_000]).unwrap();
    std::mem::forget(file);
    let missing = 8_000 * RATIO - decoded(&path).0.len();
    // The frames that wait, and the encoder's delay.
    assert!(missing <= REST * 960 + 120, "{missing} samples are missing");
}

#[test]
fn a_mute_leaves_nothing_of_the_caller_to_be_encoded() {
    let directory = tempfile::tempdir().unwrap();
    let mut file = OpusFile::create(medium(&directory.path().join("call.opus"), None)).unwrap();
    file.append(&captured(4_000, 4_001, 4_001)).unwrap();
    let left = file.waiting.iter().chain([&file.filling]).flat_map(|frame| frame.samples.iter().step_by(2));
    assert!(left.copied().all(|sample| sample == 0));
}

#[test]
fn other_peoples_tools_read_it() {
    let directory = tempfile::tempdir().unwrap();
    let (path, opened) = (directory.path().join("call.opus"), directory.path().join("call.wav"));
    written(&path, &captured(8_000, 24_000, 32_001));
    let info = Command::new("opusinfo").arg(&path).output().expect("opusinfo (Debian package opus-tools)");
    let text = String::from_utf8_lossy(&info.stdout).into_owned() + &String::from_utf8_lossy(&info.stderr);
    assert!(info.status.success() && !text.to_lowercase().contains("warning"), "{text}");
    assert!(text.contains("Channels: 2") && text.contains("Streams: 2, Coupled: 0"), "{text}");
    let mut decode = Command::new("opusdec");
    decode.args(["--quiet", "--no-dither", "--rate", "48000"]).arg(&path).arg(&opened);
    assert!(decode.status().expect("opusdec (Debian package opus-tools)").success());
    let reader = hound::WavReader::open(&opened).unwrap();
    assert_eq!((reader.spec().channels, reader.duration() as usize), (2, 32_001 * RATIO));
    let samples: Vec<i16> = reader.into_samples().collect::<Result<_, _>>().unwrap();
    let muted = samples[2 * 8_000 * RATIO..2 * 24_000 * RATIO].iter().step_by(2);
    assert!(muted.copied().all(|sample| sample == 0), "opusdec does not hear exact silence");
}
