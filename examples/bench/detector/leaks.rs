//! What can be told of a key from what leaves the gate: the likeliest of twelve, judged from exactly those samples of the tone
//! that are left of it. Who knows no more guesses right once in twelve.

use anyhow::{Result, ensure};
use tones::{
    classifier::{KEYPAD, identify},
    synthesis::{Chance, Dial, PAD},
};

use super::{
    curve::percent,
    ears::{Crew, Loss},
    line::{Behind, FRAME, LEVEL, Line, Trial},
    through::{Leg, outside},
};
use crate::table::Table;

/// As much of a tone as may name its key: 1.5 ms.
const NAMING: usize = 12;
/// The most that may be guessed right where a tone is not to be told: 15 % of twelve keys, of which chance is 8.3.
const MOST_RIGHT: f64 = 0.15;
/// The lengths of tones that a curve draws from, in milliseconds.
const LENGTHS: [f32; 2] = [10.0, 250.0];

/// Which frame is lost.
#[derive(Clone, Copy)]
enum Lost {
    None,
    /// The one in which the tone begins.
    First,
    /// The one after that, so many milliseconds after the tone's beginning.
    Second(f32),
}

/// How a tone is keyed.
#[derive(Clone, Copy)]
struct Way {
    /// `None` draws a length of [`LENGTHS`].
    millis: Option<f32>,
    dbm0: f32,
    /// Decibels from the two tones to what is behind them.
    ratio: f32,
    behind: fn(f32, f32) -> Behind,
    lost: Lost,
}

const USUAL: Way = Way { millis: None, dbm0: LEVEL, ratio: 15.0, behind: Behind::noise_below, lost: Lost::None };

/// What is left of one tone.
#[derive(Clone, Copy)]
struct Left {
    samples: usize,
    is_guessed: bool,
}

impl Way {
    fn trial(self, chance: &mut Chance) -> Trial {
        let drawn = LENGTHS[0] + (LENGTHS[1] - LENGTHS[0]) * chance.unit();
        let dial = Dial::new(KEYPAD[chance.below(KEYPAD.len())], self.millis.unwrap_or(drawn));
        let dial = Dial { dbm0: [self.dbm0; 2], ..dial };
        let mut trial = match self.lost {
            Lost::None | Lost::First => Trial::press(dial, (self.behind)(self.dbm0, self.ratio), chance),
            Lost::Second(before) => self.late(dial, (before * 8.0) as usize, chance),
        };
        let first = trial.span.start / FRAME;
        match self.lost {
            Lost::None => {}
            Lost::First => trial.line.lost[first] = true,
            Lost::Second(_) => trial.line.lost[first + 1] = true,
        }
        trial
    }

    /// A press that begins so many samples before a frame's end.
    fn late(self, dial: Dial, before: usize, chance: &mut Chance) -> Trial {
        let mut line = (self.behind)(self.dbm0, self.ratio).line(800 + dial.samples() + 960, chance);
        let start = 5 * FRAME - before;
        dial.add_to(&mut line, start, chance);
        Trial { line: Line::of(&line), keys: vec![PAD[dial.pad]], span: start..start + dial.samples() }
    }
}

/// What is left of a trial's tone in what came out, and whether its key can be told from that.
fn left(trial: &Trial, sink: &[i16], chance: &mut Chance) -> Left {
    let tone = trial.span.clone().zip(&sink[trial.span.clone()]);
    let known: Vec<(usize, f32)> =
        tone.filter(|(_, sample)| **sample != 0).map(|(at, sample)| (at, f32::from(*sample))).collect();
    // Where nothing is left, it is guessed.
    let guess = identify(&known).map_or_else(|| KEYPAD[chance.below(KEYPAD.len())], |guess| guess.pad);
    Left { samples: known.len(), is_guessed: trial.keys == [PAD[guess]] }
}

/// How well a point's keys are guessed.
struct Figures {
    right: usize,
    missed: usize,
    most: usize,
    trials: usize,
}

impl Figures {
    fn of(all: &[Left]) -> Self {
        Self {
            right: all.iter().filter(|left| left.is_guessed).count(),
            missed: all.iter().filter(|left| left.samples >= NAMING).count(),
            most: all.iter().map(|left| left.samples).max().unwrap_or(0),
            trials: all.len(),
        }
    }

    fn measured(crew: &mut Crew, way: Way) -> Result<Self> {
        let all = crew.point(|_, chance| {
            let trial = way.trial(chance);
            Ok(left(&trial, &outside(&trial.line).0, chance))
        })?;
        Ok(Self::of(&all))
    }

    fn cells(&self) -> [String; 3] {
        let most = format!("{:.1}", self.most as f64 / 8.0);
        [percent(self.right, self.trials), percent(self.missed, self.trials), most]
    }

    fn verdict(&self) -> String {
        let reached = self.right as f64 <= MOST_RIGHT * self.trials as f64;
        format!("≤ 15: {}", if reached { "reached" } else { "missed" })
    }
}

/// What a clamp would leave that is no quicker than spandsp: silence from the key's report on, behind the same 20 ms.
fn behind_spandsp(crew: &mut Crew, way: Way) -> Result<Figures> {
    let all = crew.point(|ears, chance| {
        let trial = way.trial(chance);
        let told = ears.theirs(&trial.line, Loss::Told)?.first().map(|told| told.at.saturating_sub(FRAME));
        let mut sink = trial.line.samples.clone();
        if let Some(silent) = told {
            sink[silent..trial.span.end.max(silent)].fill(0);
        }
        Ok(left(&trial, &sink, chance))
    })?;
    Ok(Figures::of(&all))
}

/// Where nobody is to tell a key: tones of 10 to 250 ms, 15 dB and more over what is behind them.
///
/// # Errors
/// Where spandsp cannot be heard.
pub(super) fn hidden(crew: &mut Crew) -> Result<String> {
    let mut table =
        Table::new(["Tones outside captures", "keys told, % of 12", "bar", "1.5 ms or more left, %", "most left, ms"]);
    let mut row = |name: String, figures: &Figures, bar: String| {
        let [right, missed, most] = figures.cells();
        table.row([name, right, bar, missed, most]);
    };
    for (name, way) in ways() {
        let figures = Figures::measured(crew, way)?;
        row(name, &figures, figures.verdict());
    }
    row(
        "spandsp as the clamp, behind the same 20 ms: 10 to 250 ms".to_owned(),
        &behind_spandsp(crew, USUAL)?,
        String::new(),
    );
    Ok(table.to_string())
}

fn ways() -> Vec<(String, Way)> {
    let mut ways = Vec::new();
    for millis in [10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 50.0, 100.0, 250.0] {
        let way = Way { millis: Some(millis), ..USUAL };
        ways.push((format!("{millis} ms"), way));
        ways.push((format!("{millis} ms, its first frame lost"), Way { lost: Lost::First, ..way }));
    }
    for before in [2.0, 5.0, 8.0, 12.0] {
        let way = Way { lost: Lost::Second(before), ..USUAL };
        ways.push((format!("10 to 250 ms, a frame lost {before} ms after the beginning"), way));
    }
    for dbm0 in [0.0, -10.0, -20.0, -30.0, -36.0] {
        for (name, ratio, lost) in
            [("", 15.0, Lost::None), (", first frame lost", 15.0, Lost::First), (", 40 dB over", 40.0, Lost::None)]
        {
            ways.push((format!("10 to 250 ms at {dbm0} dBm0{name}"), Way { dbm0, ratio, lost, ..USUAL }));
        }
    }
    for (name, lost) in [("", Lost::None), (", first frame lost", Lost::First)] {
        ways.push((format!("10 to 250 ms over speech{name}"), Way { behind: Behind::speech_below, lost, ..USUAL }));
    }
    ways
}

/// Below that: how many are missed, as curves.
///
/// # Errors
/// Where a worker fails.
pub(super) fn misses(crew: &mut Crew) -> Result<String> {
    let at = |ratio: f32| format!("{ratio} dB");
    let ratios = [15.0, 12.0, 10.0, 9.0, 8.0, 7.0, 6.0, 3.0];
    let mut text = curve(crew, "over noise, 10 to 250 ms", &ratios, at, |ratio| Way { ratio, ..USUAL })?;
    text +=
        &curve(crew, "over noise, first frame lost", &ratios, at, |ratio| Way { ratio, lost: Lost::First, ..USUAL })?;
    let over_speech = |ratio| Way { ratio, behind: Behind::speech_below, ..USUAL };
    text += &curve(crew, "over speech, 10 to 250 ms", &ratios, at, over_speech)?;
    let lengths = [2.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0];
    let short = |millis| Way { millis: Some(millis), ratio: 40.0, ..USUAL };
    text += &curve(crew, "short tones, 40 dB over noise", &lengths, |millis| format!("{millis} ms"), short)?;
    let levels = [-36.0, -40.0, -42.0, -44.0, -45.0, -46.0, -48.0, -50.0];
    let faint = |dbm0| Way { dbm0, ratio: 25.0, ..USUAL };
    text += &curve(crew, "faint tones, 25 dB over noise", &levels, |dbm0| format!("{dbm0} dBm0"), faint)?;
    Ok(text)
}

fn curve(
    crew: &mut Crew,
    name: &str,
    axis: &[f32],
    label: impl Fn(f32) -> String,
    way: impl Fn(f32) -> Way,
) -> Result<String> {
    let labels: Vec<String> = axis.iter().map(|&place| label(place)).collect();
    let mut table = Table::of([name].into_iter().chain(labels.iter().map(String::as_str)));
    let (mut right, mut missed) = (Vec::new(), Vec::new());
    for &place in axis {
        let [told, left, _] = Figures::measured(crew, way(place))?.cells();
        right.push(told);
        missed.push(left);
    }
    table.row(["keys told, % of 12".to_owned()].into_iter().chain(right));
    table.row(["1.5 ms or more left, %".to_owned()].into_iter().chain(missed));
    Ok(format!("{table}\n"))
}

/// In armed captures: how many samples that are not silence leave, whatever is keyed.
///
/// # Errors
/// Where a capture ends before its time.
pub(super) fn in_captures(crew: &mut Crew) -> Result<String> {
    let all = crew.point(|_, chance| {
        let mut ratios = [40.0, 15.0, 3.0, -6.0];
        ratios.rotate_left(chance.below(4));
        let dbm0 = -40.0 * chance.unit();
        let lost = if chance.below(2) == 0 { Lost::First } else { Lost::None };
        let trial = Way { ratio: ratios[0], dbm0, lost, ..USUAL }.trial(chance);
        let mut leg = Leg::new();
        // A frame lies in the delay line as the capture is armed.
        leg.hear(&[3_000; FRAME], false, |_| {});
        leg.arm()?;
        let mut loud = 0;
        let mut take = |clean: &gate::CleanFrame| loud += clean.samples().iter().filter(|sample| **sample != 0).count();
        trial.line.frames().for_each(|(frame, is_lost)| leg.hear(frame, is_lost, &mut take));
        ensure!(leg.is_capturing(), "a capture has ended before its time");
        Ok(loud)
    })?;
    Ok(format!(
        "In armed captures: {} tones of 10 to 250 ms at 0 to -40 dBm0, 40 dB over to 6 dB below noise, half of them with their first frame lost; samples \
         that left the gate and were not exact silence: **{}** (bar 0: {}).\n",
        all.len(),
        all.iter().sum::<usize>(),
        if all.iter().all(|loud| *loud == 0) { "reached" } else { "missed" }
    ))
}
