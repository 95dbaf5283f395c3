use std::fs;

use audio::g711::{decode_ulaw, encode_ulaw};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;

/// Something like speech: syllables of changing pitch with pauses, different for every seed.
fn sentence(seed: u64, syllables: usize) -> Vec<i16> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut samples = vec![0; 160];
    let mut phase = 0.0_f64;
    for _ in 0..syllables {
        let (pitch, length) = (random.random_range(90.0..260.0), random.random_range(700..1_800_usize));
        let harmonics: Vec<f64> = (0..12).map(|_| random.random_range(0.0..1.0)).collect();
        for n in 0..length {
            phase += std::f64::consts::TAU * pitch / 8_000.0;
            let swell = (std::f64::consts::PI * n as f64 / length as f64).sin();
            let sound: f64 =
                (1..).zip(&harmonics).map(|(number, level)| (phase * f64::from(number)).sin() * level).sum();
            samples.push((sound * swell * 1_500.0) as i16);
        }
        samples.extend(vec![0; random.random_range(100..500)]);
    }
    samples.resize((samples.len() + 1_120).next_multiple_of(160), 0);
    samples
}

struct Prompts(tempfile::TempDir);

impl Prompts {
    fn new(prompts: &[(&str, &[i16])]) -> Self {
        let this = Self(tempfile::tempdir().unwrap());
        for (name, samples) in prompts {
            this.add(name, samples);
        }
        this
    }

    fn add(&self, name: &str, samples: &[i16]) {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let list = self.0.path().join("manifest.jsonl");
        let old = fs::read_to_string(&list).unwrap_or_default();
        let number = old.lines().count();
        let mut writer = hound::WavWriter::create(self.0.path().join(format!("{number}.wav")), spec).unwrap();
        samples.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
        writer.finalize().unwrap();
        let line =
            format!(r#"{{"name":"{name}","text_hash":"t","pcm_hash":"{number}","file":"{number}.wav","samples":1}}"#);
        fs::write(list, format!("{old}{line}\n")).unwrap();
    }

    fn matcher(&self) -> PromptMatcher {
        PromptMatcher::new(self.0.path()).unwrap()
    }
}

/// Hears samples packet by packet through G.711; `fate` may lose or change each.
fn hear(
    matcher: &mut PromptMatcher,
    samples: &[i16],
    mut fate: impl FnMut(usize, &mut [i16]) -> bool,
) -> Vec<PromptHeard> {
    let mut found = Vec::new();
    for (number, packet) in samples.chunks(160).enumerate() {
        let mut packet: Vec<i16> = packet.iter().map(|sample| decode_ulaw(encode_ulaw(*sample))).collect();
        if fate(number, &mut packet) {
            matcher.handle_audio(number as u64 * 160, &packet).unwrap();
        }
        found.extend(std::iter::from_fn(|| matcher.poll_heard()));
    }
    matcher.handle_silence(samples.len() as u64 + 16_000).unwrap();
    found.extend(std::iter::from_fn(|| matcher.poll_heard()));
    found
}

fn names(found: &[PromptHeard]) -> Vec<&str> {
    found.iter().map(|heard| heard.name.as_str()).collect()
}

fn joined(parts: &[&[i16]]) -> Vec<i16> {
    parts.concat()
}

#[test]
fn prompts_are_told_in_their_order_with_their_times() {
    let (one, two) = (sentence(1, 8), sentence(2, 5));
    let prompts = Prompts::new(&[("one", &one), ("two", &two), ("never", &sentence(3, 6))]);
    let pause = vec![0; 4_321];
    let found = hear(&mut prompts.matcher(), &joined(&[&pause, &two, &one, &pause, &two]), |_, _| true);
    assert_eq!(names(&found), ["two", "one", "two"]);
    assert!(found.iter().all(|heard| heard.complete > 0.99), "{found:?}");
    assert_eq!(found[0].started_at, Duration::from_millis(4_321 / 8));
    assert_eq!(found[1].started_at, found[0].ended_at);
}

#[test]
fn prompts_that_begin_alike_are_told_apart() {
    let (sorry, one, two) = (sentence(1, 4), sentence(2, 7), sentence(3, 5));
    let (first, second) = (joined(&[&sorry, &one]), joined(&[&sorry, &two]));
    let prompts = Prompts::new(&[("sorry", &sorry), ("first", &first), ("second", &second), ("two", &two)]);
    let pause = vec![0; 8_000];
    let said = joined(&[&first, &second, &pause, &sorry, &pause, &two, &first]);
    let found = hear(&mut prompts.matcher(), &said, |_, _| true);
    assert_eq!(names(&found), ["first", "second", "sorry", "two", "first"]);
    assert!(found.iter().all(|heard| heard.complete > 0.99), "{found:?}");
}

#[test]
fn noise_and_lost_packets_do_not_deceive() {
    let (one, two) = (sentence(1, 9), sentence(2, 9));
    let prompts = Prompts::new(&[("one", &one), ("two", &two), ("never", &sentence(3, 9))]);
    let mut random = StdRng::seed_from_u64(7);
    let found = hear(&mut prompts.matcher(), &joined(&[&one, &two]), |_, packet| {
        // About 10 dB below speech.
        packet.iter_mut().for_each(|sample| *sample = sample.saturating_add(random.random_range(-700..700)));
        !random.random_bool(0.05)
    });
    assert_eq!(names(&found), ["one", "two"]);
    assert!(found.iter().all(|heard| heard.complete > 0.8 && heard.complete < 1.0), "{found:?}");
}

#[test]
fn a_prompt_that_is_cut_is_told_with_its_share() {
    let (one, two) = (sentence(1, 12), sentence(2, 5));
    let prompts = Prompts::new(&[("one", &one), ("two", &two)]);
    let half = one.len() / 2 / 160 * 160;
    let found = hear(&mut prompts.matcher(), &joined(&[&one[..half], &vec![0; 8_000], &two]), |_, _| true);
    assert_eq!(names(&found), ["one", "two"]);
    assert!((0.35..0.65).contains(&found[0].complete), "{found:?}");
    assert!(found[0].ended_at < Duration::from_millis(half as u64 / 8 + 100));
}

#[test]
fn other_speech_and_noise_are_no_prompt() {
    let prompts = Prompts::new(&[("one", &sentence(1, 9)), ("two", &sentence(2, 9))]);
    let mut random = StdRng::seed_from_u64(7);
    let noise: Vec<i16> = (0..40_000).map(|_| random.random_range(-5_000..5_000)).collect();
    let found = hear(&mut prompts.matcher(), &joined(&[&sentence(8, 20), &noise]), |_, _| true);
    assert_eq!(found, []);
}

#[test]
fn a_prompt_that_is_listed_later_is_heard_too() {
    let one = sentence(1, 6);
    let prompts = Prompts(tempfile::tempdir().unwrap());
    let mut matcher = prompts.matcher();
    assert_eq!(matcher.known(), 0);
    prompts.add("one", &one);
    assert_eq!(names(&hear(&mut matcher, &one, |_, _| true)), ["one"]);
}

#[test]
fn a_prompt_is_recognised_before_its_end_once_no_other_is_left() {
    let (sorry, one, two) = (sentence(1, 4), sentence(2, 14), sentence(3, 14));
    let (first, second) = (joined(&[&sorry, &one]), joined(&[&sorry, &two]));
    let prompts = Prompts::new(&[("first", &first), ("second", &second)]);
    let mut matcher = prompts.matcher();
    hear(&mut matcher, &sorry, |_, _| true);
    assert_eq!(matcher.poll_begun(), None, "it may still be either");

    let mut matcher = prompts.matcher();
    let part = &second[..second.len() * 3 / 4 / 160 * 160];
    for (number, packet) in part.chunks(160).enumerate() {
        matcher.handle_audio(number as u64 * 160, packet).unwrap();
    }
    assert_eq!(matcher.poll_begun(), Some(PromptBegun { name: "second".to_owned(), started_at: Duration::ZERO }));
    assert_eq!((matcher.poll_begun(), matcher.poll_heard()), (None, None), "told once, and not yet heard");
}

#[test]
fn a_prompt_is_recognised_by_its_name_while_its_wording_is_still_open() {
    let (offer, one, two) = (sentence(1, 9), sentence(2, 14), sentence(3, 14));
    let prompts = Prompts::new(&[("offer", &joined(&[&offer, &one])), ("offer", &joined(&[&offer, &two]))]);
    let mut matcher = prompts.matcher();
    for (number, packet) in offer[..offer.len() / 160 * 160].chunks(160).enumerate() {
        matcher.handle_audio(number as u64 * 160, packet).unwrap();
    }
    assert_eq!(matcher.poll_heard(), None);
    assert_eq!(matcher.poll_begun().map(|begun| begun.name).as_deref(), Some("offer"));
}

#[test]
fn a_prompt_that_pauses_because_its_sender_was_late_is_heard_whole() {
    let (one, two) = (sentence(1, 14), sentence(2, 14));
    let prompts = Prompts::new(&[("one", &one), ("two", &two)]);
    for late in [5, 13, 25] {
        let (begin, rest) = one.split_at(one.len() / 2 / 160 * 160);
        let found = hear(&mut prompts.matcher(), &joined(&[begin, &vec![0; late * 160], rest, &two]), |_, _| true);
        assert_eq!(names(&found), ["one", "two"], "late by {late} frames");
        assert!(found.iter().all(|heard| heard.complete > 0.95), "{found:?}");
    }
}

#[test]
fn a_prompt_that_begins_in_the_silence_another_ends_with_is_heard() {
    let (one, two) = (sentence(1, 8), sentence(2, 8));
    let prompts = Prompts::new(&[("one", &one), ("two", &two)]);
    for cut in [0, 80, 256, 576, 1_000] {
        let found = hear(&mut prompts.matcher(), &joined(&[&one[..one.len() - cut], &two]), |_, _| true);
        assert_eq!(names(&found), ["one", "two"], "cut by {cut} samples");
        assert!(found[1].complete > 0.95, "{found:?}");
    }
}
