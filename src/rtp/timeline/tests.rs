use super::*;

const LOUD: u8 = 0x80;

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Each frame as its index in frames and whether it is lost.
fn frames(timeline: &mut Timeline) -> Vec<(u64, bool)> {
    let mut out = Vec::new();
    while let Some(item) = timeline.poll() {
        if let Received::Frame(frame) = item {
            out.push((frame.index() / 160, frame.is_lost()));
        }
    }
    out
}

fn hear(timeline: &mut Timeline, now: Instant, timestamp: u32, payload: &[u8]) -> bool {
    timeline.audio(now, timestamp, payload, false).is_ok()
}

fn hear_after_loss(timeline: &mut Timeline, now: Instant, timestamp: u32) -> bool {
    timeline.audio(now, timestamp, &[LOUD; 160], true).is_ok()
}

fn begun(packet_samples: usize) -> (Timeline, Instant) {
    let now = crate::an_instant();
    let mut timeline = Timeline::new(Codec::Pcmu, now).unwrap();
    hear(&mut timeline, now, 1_000, &vec![LOUD; packet_samples]);
    (timeline, now)
}

#[test]
fn packets_of_thirty_milliseconds_become_frames_of_twenty() {
    let (mut timeline, now) = begun(240);
    assert_eq!(frames(&mut timeline), [(0, false)]);
    hear(&mut timeline, now + millis(30), 1_240, &[LOUD; 240]);
    assert_eq!(frames(&mut timeline), [(1, false), (2, false)]);
}

#[test]
fn packets_of_ten_and_forty_milliseconds_too() {
    let (mut timeline, now) = begun(80);
    assert_eq!(frames(&mut timeline), []);
    hear(&mut timeline, now + millis(10), 1_080, &[LOUD; 80]);
    hear(&mut timeline, now + millis(20), 1_160, &[LOUD; 320]);
    assert_eq!(frames(&mut timeline), [(0, false), (1, false), (2, false)]);
}

#[test]
fn the_index_counts_from_the_beginning_of_the_leg() {
    let now = crate::an_instant();
    let mut timeline = Timeline::new(Codec::Pcmu, now).unwrap();
    hear(&mut timeline, now + millis(210), 7, &[LOUD; 160]);
    assert_eq!(frames(&mut timeline), [(10, false)]);
}

#[test]
fn a_gap_in_the_timestamps_is_marked_frame_by_frame() {
    let (mut timeline, now) = begun(160);
    hear_after_loss(&mut timeline, now + millis(60), 1_160 + 320);
    assert_eq!(frames(&mut timeline), [(0, false), (1, true), (2, true), (3, false)]);
    assert_eq!((timeline.counts().lost, timeline.counts().paused), (2, 0));
}

#[test]
fn a_frame_with_a_hole_is_lost_and_one_of_inexact_timestamps_is_not() {
    for (packet, hole, expected) in [
        (80, 80, vec![(0, true), (1, false)]),
        (240, 240, vec![(0, false), (1, true), (2, true), (3, false), (4, false)]),
        (240, 80, vec![(0, false), (1, true), (2, false), (3, false)]),
        (80, 40, vec![(0, false)]),
        (160, 8, vec![(0, false), (1, false)]),
    ] {
        let (mut timeline, now) = begun(packet);
        let next = 1_000 + packet as u32 + hole;
        hear(&mut timeline, now + millis(60), next, &vec![LOUD; packet]);
        hear(&mut timeline, now + millis(80), next + packet as u32, &vec![LOUD; packet]);
        let mut heard = frames(&mut timeline);
        heard.truncate(expected.len());
        assert_eq!(heard, expected, "{packet} samples, and a hole of {hole}");
    }
}

#[test]
fn silence_on_the_wire_is_marked_as_time_passes() {
    let (mut timeline, now) = begun(160);
    frames(&mut timeline);
    assert_eq!(timeline.deadline(), Some(now + millis(80)));
    timeline.handle_timeout(now + millis(79));
    assert_eq!(frames(&mut timeline), []);
    timeline.handle_timeout(now + millis(120));
    assert_eq!(frames(&mut timeline), [(1, true), (2, true), (3, true)]);
    // 200 ms after the first packet, as its sender counts: six frames lie between, and three are marked already.
    hear(&mut timeline, now + millis(140), 1_000 + 160 * 7, &[LOUD; 160]);
    assert_eq!(frames(&mut timeline), [(4, true), (5, true), (6, true), (7, false)]);
}

#[test]
fn packets_whose_time_was_marked_are_late_until_that_is_the_rule() {
    let (mut timeline, now) = begun(160);
    timeline.handle_timeout(now + millis(400));
    frames(&mut timeline);
    let mut taken = Vec::new();
    for number in 1..8 {
        taken.push(hear(&mut timeline, now + millis(400 + 20 * number), 1_000 + 160 * number as u32, &[LOUD; 160]));
    }
    assert_eq!(taken, [false, false, false, false, true, true, true]);
    assert_eq!(timeline.counts().resynchronised, 1);
}

#[test]
fn a_jump_of_the_timestamp_begins_anew_without_a_flood() {
    let (mut timeline, now) = begun(160);
    hear(&mut timeline, now + millis(20), 4_000_000_000, &[LOUD; 160]);
    assert_eq!(frames(&mut timeline), [(0, false), (1, false)]);
    assert_eq!(timeline.counts().resynchronised, 1);
}

#[test]
fn the_timestamp_wraps_without_notice() {
    let now = crate::an_instant();
    let mut timeline = Timeline::new(Codec::Pcma, now).unwrap();
    hear(&mut timeline, now, u32::MAX - 159, &[LOUD; 160]);
    hear(&mut timeline, now + millis(20), 0, &[LOUD; 160]);
    assert_eq!(frames(&mut timeline), [(0, false), (1, false)]);
    assert_eq!(timeline.counts().resynchronised, 0);
}

/// Frames that are marked when each packet comes later than the one before it was played, by so many milliseconds.
fn marked_at(timeline: &mut Timeline, now: Instant, late: &[u64]) -> Vec<usize> {
    let marked = |timeline: &mut Timeline| frames(timeline).into_iter().filter(|(_, lost)| *lost).count();
    late.iter()
        .zip(1_u64..)
        .map(|(late, number)| {
            let then = now + millis(20 * number + late);
            timeline.handle_timeout(then);
            hear(timeline, then, 1_000 + 160 * number as u32, &[LOUD; 160]);
            marked(timeline)
        })
        .collect()
}

#[test]
fn a_line_that_was_seen_to_be_slow_is_waited_for() {
    let (mut timeline, now) = begun(160);
    // The first stall costs what was not waited for, and the next ones cost nothing, up to the longest wait.
    assert_eq!(
        marked_at(&mut timeline, now, &[0, 120, 100, 80, 60, 40, 20, 0, 0, 130, 110]),
        [0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    );
}

#[test]
fn a_pause_is_no_loss_once_the_next_packet_shows_that_none_is_missing() {
    let (mut timeline, now) = begun(160);
    timeline.handle_timeout(now + millis(220));
    assert_eq!((timeline.counts().lost, timeline.counts().paused), (0, 0), "nobody knows yet");
    hear(&mut timeline, now + millis(300), 1_000 + 160 * 15, &[LOUD; 160]);
    assert_eq!((timeline.counts().lost, timeline.counts().paused), (0, 14));
    hear_after_loss(&mut timeline, now + millis(360), 1_000 + 160 * 18);
    assert_eq!((timeline.counts().lost, timeline.counts().paused), (2, 14));
}

/// The loudness of each frame, as the root of its mean square; none for markers.
fn loudness(timeline: &mut Timeline) -> Vec<Option<f32>> {
    let mut out = Vec::new();
    while let Some(item) = timeline.poll() {
        let Received::Frame(frame) = item else { continue };
        let squares = frame.samples().iter().map(|&sample| f32::from(sample).powi(2));
        out.push((!frame.is_lost()).then(|| (squares.sum::<f32>() / frame.samples().len() as f32).sqrt()));
    }
    out
}

#[test]
fn a_pause_sounds_as_the_far_end_described_it() {
    let (mut timeline, now) = begun(160);
    // 50 dB below overload: a root mean square of 104.
    timeline.comfort_noise(&Description::white(50));
    frames(&mut timeline);
    timeline.handle_timeout(now + millis(480));
    let heard = loudness(&mut timeline);
    assert_eq!(heard.len(), 21);
    assert!(heard[1..].iter().all(|loud| loud.is_some_and(|loud| (70.0..140.0).contains(&loud))), "{heard:?}");
    hear(&mut timeline, now + millis(500), 1_000 + 160 * 25, &[LOUD; 160]);
    timeline.handle_timeout(now + millis(700));
    assert_eq!(loudness(&mut timeline).last(), Some(&None), "after speech a pause has to be announced again");
    assert_eq!(timeline.counts().lost, 0);
}

#[test]
fn the_pauses_of_opus_are_filled_by_its_decoder() {
    let codec = Codec::Opus(SampleRate::Hz16000);
    let settings = audio::OpusSettings { is_discontinuous: true, ..audio::OpusSettings::default() };
    let (mut encoder, now) = (codec.encoder(&settings).unwrap(), crate::an_instant());
    let mut timeline = Timeline::new(codec, now).unwrap();
    let (mut noise, mut sound, mut payload) = (Generator::new(7), [0; 320], [0; audio::MAX_PAYLOAD_BYTES]);
    noise.describe(&Description::white(60));
    let (mut sent, mut marked) = (0, 0);
    for number in 0..100_u32 {
        noise.fill(&mut sound);
        let length = encoder.encode(&sound, &mut payload).unwrap();
        let then = now + millis(20) * number;
        timeline.handle_timeout(then);
        if length > 0 {
            sent += 1;
            timeline.audio(then, 960 * number, &payload[..length], false).unwrap();
        }
        marked += loudness(&mut timeline).iter().filter(|loud| loud.is_none()).count();
    }
    assert!(sent < 50, "the encoder pauses: {sent}");
    assert_eq!((marked, timeline.counts().lost), (0, 0));
    assert!(timeline.counts().paused > 40, "{}", timeline.counts().paused);
}

#[test]
fn a_clock_that_is_fast_or_slow_is_followed_where_it_is_quiet() {
    for (parts_in_a_million, left_out, put_in) in [(0, 0..=0, 0..=0), (200, 25..=35, 0..=0), (-200, 0..=0, 25..=35)] {
        let now = crate::an_instant();
        let mut timeline = Timeline::new(Codec::Pcmu, now).unwrap();
        let (mut last, mut passed) = (0, Duration::ZERO);
        for number in 0..180_000_u32 {
            let sent = u64::from(number) * 20_000_000;
            passed = Duration::from_nanos(
                sent.saturating_add_signed(-(sent.cast_signed() / 1_000_000 * parts_in_a_million)),
            );
            timeline.handle_timeout(now + passed);
            // Speech and pauses, a second of each.
            let payload = if number / 50 % 2 == 0 { [LOUD; 160] } else { [0xff; 160] };
            assert!(hear(&mut timeline, now + passed, number.wrapping_mul(160), &payload));
            while let Some(item) = timeline.poll() {
                let Received::Frame(frame) = item else { continue };
                assert_eq!(frame.index() / INDEX_STEP, last, "no hole, whatever is put in or left out");
                last += 1;
            }
        }
        let counts = timeline.counts();
        assert!(left_out.contains(&counts.left_out), "{parts_in_a_million}: {} left out", counts.left_out);
        assert!(put_in.contains(&counts.put_in), "{parts_in_a_million}: {} put in", counts.put_in);
        assert_eq!((counts.lost, counts.resynchronised), (0, 0));
        let apart = passed.as_millis().abs_diff(u128::from(last) * 20);
        assert!(apart <= 100, "{parts_in_a_million}: after an hour {apart} ms apart");
    }
}
