//! Sealed recordings: what opens, and what does not.

use std::io::Cursor;

use super::*;
use crate::recorder::seal::{CHUNK, LAST, TRAILER, WITH_GAPS};

/// Bytes of the header of a recording named `call`.
const HEADER: usize = 16 + 8 + 1 + 4 + 32 + 48;

/// A sealed WAV file of five seconds, with its end where it is `whole`.
fn sealed(path: &Path, key: &PublicKey, is_whole: bool) -> Vec<u8> {
    sealed_with(path, key, is_whole.then(Gaps::default))
}

/// The same that says what is missing; without an end where nothing is said.
fn sealed_with(path: &Path, key: &PublicKey, gaps: Option<Gaps>) -> Vec<u8> {
    let mut file = WaveFile::create(medium(path, Some(key)), HERTZ).unwrap();
    for second in 0..5_i16 {
        file.append(&vec![(Some(second), -second); 8_000]).unwrap();
        file.flush().unwrap();
    }
    if let Some(gaps) = gaps {
        file.finish(true, gaps).unwrap();
    } else {
        file.append(&[(Some(9), 9); 4_000]).unwrap();
        std::mem::forget(file);
    }
    fs::read(path).unwrap()
}

pub(super) fn opened(bytes: &[u8], key: &PrivateKey) -> Result<(Opened, Vec<u8>), OpenError> {
    let mut output = Cursor::new(Vec::new());
    open(&mut &bytes[..], key, &mut output).map(|opened| (opened, output.into_inner()))
}

fn length(content: &[u8]) -> usize {
    let reader = hound::WavReader::new(content).unwrap();
    let samples = reader.duration() as usize;
    let values: Vec<i16> = reader.into_samples().collect::<Result<_, _>>().unwrap();
    assert!(values.chunks(2).enumerate().all(|(n, pair)| pair == [(n / 8_000) as i16, -((n / 8_000) as i16)]));
    samples
}

/// Whether it is what was written, up to wherever.
fn is_a_beginning(content: &[u8]) -> bool {
    content.is_empty() || length(content) <= 40_000
}

/// Where the chunks begin.
fn chunks(bytes: &[u8]) -> Vec<usize> {
    let mut places = vec![HEADER];
    while let Some(prefix) = bytes.get(places[places.len() - 1]..).and_then(<[u8]>::first_chunk::<4>) {
        let length = u32::from_be_bytes(*prefix) & !(LAST | WITH_GAPS);
        places.push(places[places.len() - 1] + 4 + length as usize);
    }
    places
}

#[test]
fn what_is_sealed_is_opened_by_its_key_alone() {
    let directory = tempfile::tempdir().unwrap();
    let key = PrivateKey::generate();
    let bytes = sealed(&directory.path().join("call.wav.sealed"), &key.public(), true);
    let (report, content) = opened(&bytes, &key).unwrap();
    assert_eq!((report.name.as_str(), report.end, report.bytes), ("call", End::Whole, content.len() as u64));
    assert_eq!(length(&content), 40_000);
    assert!(matches!(opened(&bytes, &PrivateKey::generate()), Err(OpenError::OtherKey)));
    assert!(matches!(opened(b"RIFF of old", &key), Err(OpenError::NotSealed)));
    let second = 8_000 * 4;
    let is_in_clear = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(!is_in_clear(&content[44 + 2 * second..44 + 2 * second + 16]) && !is_in_clear(b"WAVE"));
}

#[test]
fn what_is_missing_is_told_and_cannot_be_changed() {
    let directory = tempfile::tempdir().unwrap();
    let key = PrivateKey::generate();
    let gaps = Gaps { caller_ms: 1_020, sent_ms: 70_000 };
    let bytes = sealed_with(&directory.path().join("call.wav.sealed"), &key.public(), Some(gaps));
    let (report, content) = opened(&bytes, &key).unwrap();
    assert_eq!((report.end, length(&content)), (End::Gaps(gaps), 40_000));
    let last = *chunks(&bytes).iter().rev().nth(1).unwrap();
    for bit in [0x40, 0x80, 0xc0] {
        let mut changed = bytes.clone();
        changed[last] ^= bit;
        let (report, _) = opened(&changed, &key).unwrap();
        assert_eq!(report.end, End::Changed(last as u64), "{bit:x}");
    }
}

#[test]
fn what_is_missing_is_told_however_full_the_last_chunk_is() {
    let directory = tempfile::tempdir().unwrap();
    let key = PrivateKey::generate();
    let gaps = Gaps { caller_ms: 20, sent_ms: 0 };
    for spare in [0, 1, TRAILER - 1, TRAILER, TRAILER + 1] {
        let path = directory.path().join(format!("{spare}.sealed"));
        let mut medium = medium(&path, Some(&key.public()));
        medium.write(&vec![5; CHUNK - spare]).unwrap();
        medium.finish(gaps).unwrap();
        let (report, content) = opened(&fs::read(path).unwrap(), &key).unwrap();
        assert_eq!((report.end, content.len()), (End::Gaps(gaps), CHUNK - spare));
    }
}

#[test]
fn every_changed_byte_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let key = PrivateKey::generate();
    let bytes = sealed(&directory.path().join("call.wav.sealed"), &key.public(), true);
    let places = chunks(&bytes);
    let in_chunks = places[..places.len() - 1].iter().flat_map(|at| [*at, at + 2, at + 3, at + 4, at + 19]);
    for place in (0..HEADER).chain(in_chunks).chain([bytes.len() - 1]) {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        match opened(&changed, &key) {
            Err(_) => assert!(place < HEADER, "byte {place}"),
            // A length that reaches beyond the file looks like a missing end.
            Ok((report, content)) => assert!(report.end != End::Whole && is_a_beginning(&content), "byte {place}"),
        }
    }
}

#[test]
fn chunks_that_are_moved_repeated_or_left_out_are_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let key = PrivateKey::generate();
    let bytes = sealed(&directory.path().join("call.wav.sealed"), &key.public(), true);
    let places = chunks(&bytes);
    let chunk = |n: usize| &bytes[places[n]..places[n + 1]];
    let with = |chunks: &[usize]| {
        let parts: Vec<&[u8]> = chunks.iter().map(|n| chunk(*n)).collect();
        [&bytes[..HEADER], &parts.concat()].concat()
    };
    let last = places.len() - 2;
    assert!(opened(&with(&(0..=last).collect::<Vec<_>>()), &key).is_ok());
    for order in
        [vec![1, 0], vec![0, 0], vec![0, 2], vec![0, last], vec![last], [(0..=last).collect(), vec![0]].concat()]
    {
        let (report, content) = opened(&with(&order), &key).unwrap();
        assert!(matches!(report.end, End::Changed(_)) && is_a_beginning(&content), "{order:?}");
    }
}

#[test]
fn a_file_that_was_cut_opens_up_to_the_cut_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let key = PrivateKey::generate();
    let bytes = sealed(&directory.path().join("crash.wav.sealed"), &key.public(), false);
    let (report, content) = opened(&bytes, &key).unwrap();
    assert_eq!((report.end, length(&content)), (End::Missing, 40_000));
    // A machine that lost its power may have made the file longer than what it had written.
    let (report, content) = opened(&[&bytes[..], &[0; 9_000]].concat(), &key).unwrap();
    assert_eq!((report.end, length(&content)), (End::Missing, 40_000));
    for cut in (HEADER + 64..bytes.len()).step_by(1_013) {
        let (report, content) = opened(&bytes[..cut], &key).unwrap();
        assert_eq!(report.end, End::Missing);
        let samples = length(&content);
        assert_eq!(samples % 8_000, 0);
        assert!((samples + 8_000) * 4 + 600 > cut - HEADER, "more than a second is missing at {cut}");
    }
}

#[tokio::test]
async fn the_quota_holds_for_recordings_that_are_written_together_and_their_ends_are_still_marked() {
    for format in [Format::Wave, Format::Opus] {
        let directory = tempfile::tempdir().unwrap();
        let key = PrivateKey::generate();
        let recorder = sealing(directory.path(), 20_000, format, &key);
        let (one, other) = (Leg::named(&recorder, "one").await, Leg::named(&recorder, "other").await);
        let mut legs = [one, other];
        for _ in 0..5 {
            for leg in &mut legs {
                leg.frames(50, 9_000, 7).await;
            }
        }
        let mut cuts = 0;
        for leg in legs {
            drop(leg.tap);
            let summary = leg.recording.ended().await.unwrap();
            cuts += usize::from(summary.cut == Some(Cut::Quota));
            let (report, _) = opened(&fs::read(&summary.path).unwrap(), &key).unwrap();
            assert_eq!(report.end, End::Whole, "a quota is no crash");
        }
        let bytes: u64 =
            fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
        assert!(bytes <= 20_000 && cuts > 0, "{format:?}: {bytes} bytes, {cuts} cut");
    }
}

#[tokio::test]
async fn an_acknowledgement_comes_after_everything_older_is_sealed_and_handed_over() {
    for format in [Format::Wave, Format::Opus] {
        let directory = tempfile::tempdir().unwrap();
        let key = PrivateKey::generate();
        let mut leg = Leg::new(&sealing(directory.path(), 10_000_000, format, &key)).await;
        leg.frames(10, 1_000, 7).await;
        leg.gate.arm(leg.now, CaptureId::from([1; 16]));
        leg.frames(30, 2_000, 8).await;
        let ack = leg.acknowledgement().await;
        let path = leg.recording.path().to_owned();
        let (report, content) = opened(&fs::read(&path).unwrap(), &key).unwrap();
        assert_eq!(report.end, End::Missing, "the call goes on");
        match format {
            Format::Wave => {
                let reader = hound::WavReader::new(&content[..]).unwrap();
                assert!(u64::from(reader.duration()) >= ack.first_silent_index);
            }
            Format::Opus => assert!(content.len() > 400, "{} bytes", content.len()),
        }
    }
}
