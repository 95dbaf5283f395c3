//! What a transform may do to a clean frame.

use tones::synthesis::{Chance, Dial, noise};

use crate::{
    CleanFrame, KeyPolicy, Missing, Transform,
    tests::gate::{AGENT, Leg},
};
use frame::SampleRate;

struct Doubler;

impl Transform for Doubler {
    fn output_rate(&self) -> SampleRate {
        SampleRate::Hz16000
    }

    fn apply(&mut self, input: &[i16], _missing: Missing, output: &mut [i16]) {
        for (pair, sample) in output.chunks_mut(2).zip(input) {
            pair.fill(*sample);
        }
    }

    fn flush(&mut self) {}
}

/// Notes what it may fill, and fills it.
#[derive(Default)]
struct Filler(Vec<Missing>);

impl Transform for Filler {
    fn output_rate(&self) -> SampleRate {
        SampleRate::Hz8000
    }

    fn apply(&mut self, input: &[i16], missing: Missing, output: &mut [i16]) {
        assert!(input[..missing.head].iter().chain(&input[160 - missing.tail..]).all(|&sample| sample == 0));
        self.0.push(missing);
        output.fill(1);
    }

    fn flush(&mut self) {
        self.0.clear();
    }
}

#[test]
fn a_transform_may_fill_what_a_loss_hides_and_never_what_a_tone_silenced() {
    let mut leg = Leg::new(KeyPolicy::Declared);
    let mut line = noise(1_600, -20.0, &mut Chance::new(5));
    Dial::new(5, 60.0).add_to(&mut line, 800, &mut Chance::new(5));
    leg.play(&line[..320]);
    leg.lose();
    leg.play(&line[480..960]);
    leg.lose();
    leg.play(&line[1_120..]);
    let mut filler = Filler::default();
    let filled: Vec<CleanFrame> = leg.heard.iter().map(|frame| frame.transform(&mut filler)).collect();
    let missing: Vec<_> = filler.0.iter().map(|missing| (missing.head, missing.tail)).collect();
    assert_eq!(missing[..4], [(0, 0), (0, 32), (160, 0), (32, 0)]);
    assert!(missing[4..].iter().all(|&missing| missing == (0, 0)), "{missing:?}: a key was down, or nothing was lost");
    assert!(filled.iter().all(|frame| frame.missing == Missing::default()), "it would be filled twice");
}

#[test]
fn a_transform_keeps_the_frame_clean() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.play(&noise(320, -20.0, &mut Chance::new(1)));
    let wide = leg.heard[0].transform(&mut Doubler);
    assert_eq!(
        (wide.samples().len(), wide.rate(), wide.samples()[2]),
        (320, SampleRate::Hz16000, leg.heard[0].samples()[1])
    );
    leg.capture();
    let muted = leg.heard.last().unwrap().transform(&mut Doubler);
    assert!(muted.mute_epoch().is_some() && muted.samples().iter().all(|&sample| sample == 0));
}
