//! Over what the curves of the detector go, with the bars of ITU-T Q.24 and of RFC 4733 §2.3.4.

use std::{f32::consts::TAU, ops::RangeInclusive};

use tones::synthesis::{Chance, Dial, rms};

use super::{
    curve::{Bar, Point, Series},
    line::{Behind, FRAME, LEVEL, Line, QUIET, Trial, any, sign},
};

/// The length of a press where a curve does not say another: the shortest that ITU-T Q.24 has accepted.
const SHORTEST: f32 = 40.0;
/// Off by as much as has to be accepted: ±1.5 % and 2 Hz.
const EDGE_HERTZ: f32 = 2.0;

/// How long a press is.
pub(super) fn durations() -> Vec<Series> {
    let millis = [15, 18, 19, 20, 22, 23, 24, 26, 28, 30, 32, 34, 36, 40, 50];
    let point = |millis: u8| {
        let bar = if millis < 20 {
            Bar::None
        } else if millis >= 40 {
            Bar::All
        } else {
            Bar::Open
        };
        Point::new(millis.to_string(), bar, move |chance| {
            Trial::press(any(f32::from(millis), chance), Behind::Noise(QUIET), chance)
        })
    };
    vec![Series { name: "", points: millis.into_iter().map(point).collect() }]
}

/// How long the gap between two presses of one key is.
pub(super) fn gaps() -> Vec<Series> {
    let point = |millis: u8| {
        let bar = match millis {
            ..=10 => Bar::None,
            40.. => Bar::All,
            _ => Bar::Open,
        };
        Point::new(millis.to_string(), bar, move |chance| {
            Trial::twice(any(50.0, chance), usize::from(millis) * 8, chance)
        })
    };
    vec![Series { name: "", points: [10, 15, 18, 20, 24, 26, 28, 30, 35, 40].into_iter().map(point).collect() }]
}

/// How far off frequencies are, to either side.
pub(super) fn offsets() -> Vec<Series> {
    let series = |name: &'static str, is_off: [bool; 2]| {
        let point = |(name, off, hertz): (&str, f32, f32)| {
            let bar = match off {
                ..=0.015 => Bar::All,
                0.035.. => Bar::None,
                _ => Bar::Open,
            };
            Point::new(name.to_owned(), bar, move |chance| {
                let signs = is_off.map(|is_off| if is_off { sign(chance) } else { 0.0 });
                let dial = Dial {
                    off: signs.map(|sign| sign * off),
                    off_hertz: signs.map(|sign| sign * hertz),
                    ..any(SHORTEST, chance)
                };
                Trial::press(dial, Behind::Noise(QUIET), chance)
            })
        };
        let axis = [
            ("1", 0.01, 0.0),
            ("1.5", 0.015, 0.0),
            ("1.5 and 2 Hz", 0.015, EDGE_HERTZ),
            ("2", 0.02, 0.0),
            ("2.5", 0.025, 0.0),
            ("2.6", 0.026, 0.0),
            ("2.7", 0.027, 0.0),
            ("3", 0.03, 0.0),
            ("3.5", 0.035, 0.0),
            ("4", 0.04, 0.0),
        ];
        Series { name, points: axis.into_iter().map(point).collect() }
    };
    vec![series("both tones: ", [true; 2]), series("low alone: ", [true, false]), series("high alone: ", [false, true])]
}

/// How much louder the low tone is than the high one.
pub(super) fn twists() -> Vec<Series> {
    let point = |decibels: i8| {
        let bar = if (-4..=8).contains(&decibels) { Bar::All } else { Bar::Open };
        Point::new(decibels.to_string(), bar, move |chance| {
            let twist = f32::from(decibels);
            let dbm0 = [LEVEL + twist.min(0.0), LEVEL - twist.max(0.0)];
            Trial::press(Dial { dbm0, ..any(SHORTEST, chance) }, Behind::Noise(QUIET), chance)
        })
    };
    vec![Series { name: "", points: [-8, -7, -6, -5, -4, -2, 0, 4, 8, 9, 10, 11, 12].into_iter().map(point).collect() }]
}

/// How loud either tone is.
pub(super) fn levels() -> Vec<Series> {
    let point = |dbm0: i8| {
        let bar = match dbm0 {
            ..=-55 => Bar::None,
            -36..=0 => Bar::All,
            _ => Bar::Open,
        };
        Point::new(dbm0.to_string(), bar, move |chance| {
            let dial = Dial { dbm0: [f32::from(dbm0); 2], ..any(SHORTEST, chance) };
            Trial::press(dial, Behind::Noise(-80.0), chance)
        })
    };
    vec![Series {
        name: "",
        points: [0, -10, -20, -30, -36, -40, -42, -44, -46, -50, -55].into_iter().map(point).collect(),
    }]
}

/// How far the noise, or the speech, is below the tones.
pub(super) fn ratios() -> Vec<Series> {
    let series = |name: &'static str, millis: f32, least: u8, behind: fn(f32, f32) -> Behind| {
        let point = |ratio: u8| {
            let bar = if ratio >= least { Bar::All } else { Bar::Open };
            Point::new(ratio.to_string(), bar, move |chance| {
                Trial::press(any(millis, chance), behind(LEVEL, f32::from(ratio)), chance)
            })
        };
        Series { name, points: [5, 6, 7, 8, 9, 10, 12, 15, 20].into_iter().map(point).collect() }
    };
    vec![
        series("40 ms over noise: ", 40.0, 12, Behind::noise_below),
        series("70 ms over noise: ", 70.0, 9, Behind::noise_below),
        series("60 ms over speech: ", 60.0, 12, Behind::speech_below),
    ]
}

/// What is a key by ITU-T Q.24, and what is none: each with what is to be heard.
pub(super) fn limits() -> Vec<Point> {
    let beyond = |name: &str, tone: usize| {
        Point::new(name.to_owned(), Bar::All, move |chance| {
            let mut dial = any(100.0, chance);
            dial.off[tone] = sign(chance) * (0.035 + 0.01 * chance.unit());
            Trial::press(dial, Behind::Noise(QUIET), chance).without_keys()
        })
    };
    vec![
        Point::new("inside the edges: anything that has to be accepted".to_owned(), Bar::All, inside),
        Point::new("on the edges: every one at its limit".to_owned(), Bar::All, edge),
        beyond("low tone off by 3.5 to 4.5 %: not heard", 0),
        beyond("high tone off by 3.5 to 4.5 %: not heard", 1),
        Point::new("5 to 19.9 ms: not heard".to_owned(), Bar::All, |chance| {
            let millis = between(5.0..=19.9, chance);
            Trial::press(any(millis, chance), Behind::Noise(QUIET), chance).without_keys()
        }),
        Point::new("-55 to -65 dBm0: not heard".to_owned(), Bar::All, |chance| {
            let dbm0 = [between(-65.0..=-55.0, chance); 2];
            Trial::press(Dial { dbm0, ..any(100.0, chance) }, Behind::Noise(-80.0), chance).without_keys()
        }),
        Point::new(
            "one tone of the eight, or a tone of the network or of a fax machine: not heard".to_owned(),
            Bar::All,
            other_tones,
        ),
    ]
}

fn between(range: RangeInclusive<f32>, chance: &mut Chance) -> f32 {
    range.start() + (range.end() - range.start()) * chance.unit()
}

/// Within what ITU-T Q.24 and RFC 4733 §2.3.4 have accepted.
fn inside(chance: &mut Chance) -> Trial {
    let mut dial = any(between(40.0..=120.0, chance), chance);
    for tone in 0..2 {
        dial.off[tone] = between(-0.015..=0.015, chance);
        dial.off_hertz[tone] = between(-EDGE_HERTZ..=EDGE_HERTZ, chance);
    }
    let (twist, loud) = (between(-4.0..=8.0, chance), between(-28.0..=0.0, chance));
    dial.dbm0 = [loud + twist.min(0.0), loud - twist.max(0.0)];
    Trial::press(dial, Behind::noise_below(dial.dbm0[0].min(dial.dbm0[1]), 15.0), chance)
}

/// 40 ms, both frequencies off by all they may be, the twist at one of its limits, and loud or faint.
fn edge(chance: &mut Chance) -> Trial {
    let mut dial = any(SHORTEST, chance);
    let signs = [sign(chance), sign(chance)];
    (dial.off, dial.off_hertz) = (signs.map(|sign| sign * 0.015), signs.map(|sign| sign * EDGE_HERTZ));
    let (twist, loud) = ([-4.0, 8.0][chance.below(2)], [0.0, -28.0][chance.below(2)]);
    dial.dbm0 = [loud + f32::min(twist, 0.0), loud - f32::max(twist, 0.0)];
    Trial::press(dial, Behind::Noise(QUIET), chance)
}

/// Two seconds of a tone that is no key: one of the eight alone, dial tone, ringing, busy, special information, a fax machine.
fn other_tones(chance: &mut Chance) -> Trial {
    const PAIRS: [[f32; 2]; 16] = [
        [697.0, 0.0],
        [770.0, 0.0],
        [852.0, 0.0],
        [941.0, 0.0],
        [1_209.0, 0.0],
        [1_336.0, 0.0],
        [1_477.0, 0.0],
        [1_633.0, 0.0],
        [350.0, 440.0],
        [440.0, 480.0],
        [480.0, 620.0],
        [425.0, 0.0],
        [950.0, 1_400.0],
        [1_400.0, 1_800.0],
        [1_100.0, 0.0],
        [2_100.0, 0.0],
    ];
    let pair = PAIRS[chance.below(PAIRS.len())];
    let (level, phase) = (rms(between(-25.0..=-5.0, chance)) * 2_f32.sqrt(), TAU * chance.unit());
    let mut line = Behind::Noise(QUIET).line(100 * FRAME, chance);
    for (at, sample) in line.iter_mut().enumerate() {
        let wave = |hertz: &f32| level * (TAU * hertz * at as f32 / 8_000.0 + phase).sin();
        *sample += pair.iter().filter(|hertz| **hertz > 0.0).map(wave).sum::<f32>();
    }
    Trial { line: Line::of(&line), keys: Vec::new(), span: 0..0 }
}
