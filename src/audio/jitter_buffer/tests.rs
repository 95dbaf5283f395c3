use std::f32::consts::TAU;

use proptest::prelude::*;

use super::*;

const FRAME: Duration = Duration::from_millis(20);

/// A far end whose frames come with delays of their own, and a player that asks every 20 ms.
struct Rig {
    buffer: JitterBuffer,
    began: Instant,
    /// Frames on their way: when each comes.
    coming: Vec<(Duration, u64, [i16; FRAME_SAMPLES], bool)>,
    heard: Vec<i16>,
}

impl Rig {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "tests count from any moment")]
        let began = Instant::now();
        Self { buffer: JitterBuffer::new(JitterBufferConfig::default()), began, coming: Vec::new(), heard: Vec::new() }
    }

    /// Sends frame `number`, which comes `delay` after it was spoken.
    fn send(&mut self, number: u64, delay: Duration, samples: [i16; FRAME_SAMPLES]) {
        self.coming.push((FRAME * number as u32 + delay, number * FRAME_SAMPLES as u64, samples, false));
    }

    /// Plays for so many frames; `pace` is how fast our clock goes beside the far end's.
    fn play(&mut self, frames: u32, pace: f64) {
        // In order, as a gate hands frames on: one that is held up holds up those after it.
        let mut latest = Duration::ZERO;
        for coming in &mut self.coming {
            latest = latest.max(coming.0);
            coming.0 = latest;
        }
        let mut coming = std::mem::take(&mut self.coming).into_iter().peekable();
        for frame in 0..frames {
            let now = FRAME.mul_f64(f64::from(frame) / pace) + Duration::from_millis(7);
            while let Some((at, index, samples, lost)) = coming.next_if(|(at, ..)| *at <= now) {
                self.buffer.handle_frame(self.began + at, index, &samples, lost);
            }
            let mut out = [1; FRAME_SAMPLES];
            self.buffer.next_frame(self.began + now, &mut out);
            self.heard.extend(out);
        }
    }
}

/// A voice that speaks for a second and is silent for half of one.
fn speech(number: u64) -> [i16; FRAME_SAMPLES] {
    let speaks = number % 75 < 50;
    std::array::from_fn(|n| {
        let turn = TAU * (number as usize * FRAME_SAMPLES + n) as f32 / 40.0;
        if speaks { (6_000.0 * turn.sin() + 3_000.0 * (2.0 * turn).sin()) as i16 } else { 0 }
    })
}

/// Something of a delay, different for each frame.
fn scatter(number: u64, most: u64) -> Duration {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Duration::from_millis((mixed >> 33) % (most + 1))
}

#[test]
fn what_comes_evenly_is_played_as_it_came_and_soon() {
    let mut rig = Rig::new();
    (0..500).for_each(|number| rig.send(number, Duration::from_millis(30), speech(number)));
    rig.play(500, 1.0);
    let report = rig.buffer.report();
    assert_eq!((report.concealed, report.dropped), (0, 0));
    assert!(report.target <= Duration::from_millis(10), "{report:?}");
    assert!(rig.buffer.frames.len() <= 1, "{}", rig.buffer.frames.len());
    let spoken: Vec<i16> = (75..125).flat_map(speech).collect();
    let at = rig.heard.windows(spoken.len()).position(|heard| heard == spoken);
    assert!(at.is_some(), "a second of speech is played untouched");
}

#[test]
fn the_delay_follows_how_unevenly_frames_come() {
    let mut rig = Rig::new();
    (0..3_000).for_each(|number| rig.send(number, scatter(number, 120), speech(number)));
    rig.play(3_000, 1.0);
    let report = rig.buffer.report();
    assert!(report.target >= Duration::from_millis(90), "{report:?}");
    // What came too late was waited for and played: a fiftieth of the time at most.
    assert!(report.concealed < 3_000 / 50, "{report:?}");
    assert_eq!(report.dropped, 0);
}

#[test]
fn when_the_path_is_even_again_the_delay_shrinks_in_the_pauses() {
    let mut rig = Rig::new();
    (0..1_500).for_each(|number| rig.send(number, scatter(number, 120), speech(number)));
    (1_500..3_000).for_each(|number| rig.send(number, Duration::from_millis(60), speech(number)));
    rig.play(3_000, 1.0);
    let report = rig.buffer.report();
    assert!(report.skipped >= 3, "{report:?}");
    assert!(rig.buffer.frames.len() <= 1, "{}", rig.buffer.frames.len());
}

#[test]
fn speech_is_never_shortened_nor_drawn_out() {
    let mut rig = Rig::new();
    let tone = |number: u64| -> [i16; FRAME_SAMPLES] {
        std::array::from_fn(|n| (8_000.0 * (TAU * (number as usize * FRAME_SAMPLES + n) as f32 / 40.0).sin()) as i16)
    };
    (0..1_000).for_each(|number| rig.send(number, scatter(number, 60), tone(number)));
    (1_000..2_000).for_each(|number| rig.send(number, Duration::ZERO, tone(number)));
    rig.play(2_000, 1.0);
    let report = rig.buffer.report();
    assert_eq!((report.skipped, report.stretched), (0, 0), "{report:?}");
}

#[test]
fn a_late_frame_is_played_after_what_was_made_up_for_it() {
    let mut rig = Rig::new();
    for number in 0..200 {
        let held_up = (100..105).contains(&number);
        rig.send(number, if held_up { Duration::from_millis(100) } else { Duration::ZERO }, speech(number));
    }
    rig.play(210, 1.0);
    let report = rig.buffer.report();
    assert!(report.concealed > 0 && report.dropped == 0, "{report:?}");
    assert_eq!(report.played + report.skipped, 200, "{report:?}");
}

#[test]
fn an_hour_of_a_clock_that_is_off_is_followed_in_the_pauses() {
    for pace in [0.999_5, 0.999_9, 1.000_1, 1.000_5] {
        let mut rig = Rig::new();
        let frames = 180_000;
        (0..u64::from(frames)).for_each(|number| rig.send(number, scatter(number, 20), speech(number)));
        rig.play(frames, pace);
        let report = rig.buffer.report();
        assert_eq!(report.dropped, 0, "{pace}: {report:?}");
        assert!(report.concealed < 180_000 / 200, "{pace}: {report:?}");
        assert!(rig.buffer.frames.len() <= 3, "{pace}: {}", rig.buffer.frames.len());
        // 1.8 s or 0.36 s in an hour: where their clock is faster it is left out, else it is made up.
        let gained = report.skipped as i64 - (report.stretched + report.concealed) as i64;
        let due = (180_000.0 * (1.0 - pace)) as i64;
        assert!((gained - due).abs() < 5, "{pace}: {gained} of {due}: {report:?}");
    }
}

#[test]
fn a_lost_frame_goes_first_when_the_delay_is_too_long() {
    let mut rig = Rig::new();
    (0..400)
        .for_each(|number| rig.send(number, Duration::from_millis(if number < 200 { 80 } else { 0 }), speech(number)));
    for (number, frame) in rig.coming.iter_mut().enumerate() {
        frame.3 = number % 10 == 3;
    }
    rig.play(400, 1.0);
    assert!(rig.buffer.report().skipped > 0, "{:?}", rig.buffer.report());
}

#[test]
fn nothing_is_heard_of_what_was_before_a_reset() {
    let mut rig = Rig::new();
    (0..20).for_each(|number| rig.send(number, Duration::ZERO, speech(number)));
    rig.play(10, 1.0);
    rig.buffer.reset();
    let mut out = [1; FRAME_SAMPLES];
    for _ in 0..20 {
        assert_eq!(rig.buffer.next_frame(rig.began + Duration::from_secs(1), &mut out), Filled::Silence);
        assert_eq!(out, [0; FRAME_SAMPLES]);
    }
}

proptest! {
    #[test]
    fn any_frames_at_any_time_keep_within_the_bounds(
        frames in proptest::collection::vec((0u64..400, 0u64..600_000, any::<bool>(), 0u8..4), 1..300)
    ) {
        let mut rig = Rig::new();
        let mut now = rig.began;
        for (wait, index, lost, plays) in frames {
            now += Duration::from_millis(wait);
            rig.buffer.handle_frame(now, index, &[1_000; FRAME_SAMPLES], lost);
            prop_assert!(rig.buffer.frames.len() <= MOST_FRAMES);
            for _ in 0..plays {
                rig.buffer.next_frame(now, &mut [0; FRAME_SAMPLES]);
            }
        }
    }
}
