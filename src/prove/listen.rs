//! Listens for keys in sound: not as a telephone does, which wants 40 ms of a clean tone, but as somebody who wants to know.
//!
//! Two to three milliseconds of a tone name its key with certainty, and so does what is left of it 40 dB below. So every window of
//! 2.5 ms is named by maximum likelihood ([`fit`]), and three questions are put to the names:
//!
//! 1. **In a quiet track**, does anything rise 15 dB above the background that two tones explain? Where the track has other sound,
//!    which for a moment may look like two tones, this is not asked, and the judgement says so.
//! 2. Do the tones of **one key** explain 25 ms as a whole? No voice is that steady.
//! 3. Are the keys that were pressed **named above chance** at the times at which they were pressed? Where the track begins is found
//!    by trying; the chance of the best fit among all that were tried is what is judged.

mod fit;
mod schedule;

use fit::{Fit, Named, Span};
pub(crate) use schedule::tail;
pub use schedule::{Agreement, Press};

/// Power of 20 ms below which a frame counts as nothing, in dBm0.
const FLOOR: f32 = -72.0;
/// How far above the background something must rise, in decibels.
const ABOVE: f32 = 15.0;
/// The least level of what is looked at, in dBm0: half a bit of µ-law.
const FAINTEST: f32 = -62.0;
/// The share of a window that two tones explain, where it may be cut by its edge.
const PARTLY: f32 = 0.85;
/// The same of 25 ms.
const WHOLLY: f32 = 0.9;
/// By how much one tone of a key may be louder than the other, in decibels.
const TWIST: f32 = 16.0;
/// Milliseconds of loud sound that is no key, beyond which a track is not quiet.
const OTHER_SOUND: f64 = 30.0;
/// Windows that an edge cuts, at the beginning and the end of a sound together.
const EDGES: usize = 10;
/// The share of 20 ms that the pilot must have, and its least level in dBm0.
const PILOT_SHARE: f32 = 0.8;
const PILOT_LEVEL: f32 = -50.0;
/// The pilot's frequency in hertz: no key's, and no voice's for long.
pub const PILOT_HERTZ: f32 = 500.0;

/// Sound on one line of samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Samples a second.
    pub rate: u32,
    /// One channel.
    pub samples: Vec<i16>,
}

/// What a track was found to hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// Milliseconds of it.
    pub length_ms: f64,
    /// Whether every sample is zero.
    pub is_silent: bool,
    /// Whether short bursts could be told from the background.
    pub is_quiet: bool,
    /// Bursts that are keys, in a quiet track: how many, and where the first is, in milliseconds.
    pub bursts: Option<(usize, f64)>,
    /// Tones of one key that last: how many, and where the first is.
    pub tones: Option<(usize, f64)>,
    /// How well the keys that were pressed agree with what was named.
    pub agreement: Option<Agreement>,
    /// Frames in which the pilot of a capture is heard, and where the first is.
    pub pilot: Option<(usize, f64)>,
}

impl Judgement {
    /// What leaked, in a few words; `None` where nothing did.
    #[must_use]
    pub fn leak(&self) -> Option<String> {
        let at = |what: &str, (count, at): (usize, f64)| format!("{count} {what}, the first at {at:.0} ms");
        let mut found = Vec::new();
        found.extend(self.tones.map(|tones| at("tones of a key", tones)));
        found.extend(self.bursts.map(|bursts| at("bursts of a key", bursts)));
        found.extend(self.pilot.map(|frames| at("frames of sound from within a capture", frames)));
        if let Some(agreement) = self.agreement.filter(Agreement::is_beyond_chance) {
            found.push(format!("{} of {} keys named when they were pressed", agreement.named, agreement.pressed));
        }
        if found.is_empty() { None } else { Some(found.join("; ")) }
    }
}

/// Listens to a track. `presses` are the keys that were pressed, by a clock whose zero need not be the track's.
#[must_use]
pub fn listen(track: &Track, presses: &[Press]) -> Judgement {
    let length_ms = track.samples.len() as f64 * 1_000.0 / f64::from(track.rate);
    let is_silent = track.samples.iter().all(|sample| *sample == 0);
    let mut judgement = Judgement { length_ms, is_silent, is_quiet: true, ..Judgement::default() };
    if is_silent || track.rate < 8_000 {
        judgement.is_quiet = is_silent;
        return judgement;
    }
    let windows = Windows::of(track, Span::SHORT);
    let background = windows.background();
    judgement.is_quiet = windows.other_sound(background) < OTHER_SOUND;
    if judgement.is_quiet {
        judgement.bursts = windows.bursts(background);
    }
    judgement.tones = Windows::of(track, Span::LONG).tones();
    judgement.agreement = schedule::compare(&windows.cells(), presses);
    judgement.pilot = pilot(track);
    judgement
}

/// Every window of a track, named.
struct Windows {
    named: Vec<Option<Named>>,
    hop_ms: f64,
    /// The power of each 20 ms, in dBm0.
    levels: Vec<f32>,
}

impl Windows {
    fn of(track: &Track, span: Span) -> Self {
        let fit = Fit::at(track.rate, span);
        let (window, hop) = fit.sizes();
        let named = track.samples.windows(window).step_by(hop).map(|window| fit.name(window)).collect();
        let frame = (track.rate / 50) as usize;
        Self {
            named,
            hop_ms: hop as f64 * 1_000.0 / f64::from(track.rate),
            levels: track.samples.chunks(frame).map(level).collect(),
        }
    }

    /// The level of the quietest twentieth of the track.
    fn background(&self) -> f32 {
        let mut levels = self.levels.clone();
        levels.sort_unstable_by(f32::total_cmp);
        levels.get(levels.len() / 20).copied().unwrap_or(FLOOR).max(FLOOR)
    }

    fn is_loud(named: &Named, background: f32) -> bool {
        named.level > (background + ABOVE).max(FAINTEST)
    }

    /// Milliseconds of what is loud and no key. What cuts the beginning or the end of a sound looks like none.
    fn other_sound(&self, background: f32) -> f64 {
        let loud = |named: &Option<Named>| named.is_some_and(|named| Self::is_loud(&named, background));
        let is_other = |named: &&Named| named.share < PARTLY || named.twist > TWIST;
        let stretches = self.named.chunk_by(|one, other| loud(one) == loud(other)).filter(|stretch| loud(&stretch[0]));
        let other = |stretch: &[Option<Named>]| stretch.iter().flatten().filter(is_other).count().saturating_sub(EDGES);
        stretches.map(other).sum::<usize>() as f64 * self.hop_ms
    }

    fn bursts(&self, background: f32) -> Option<(usize, f64)> {
        self.count(|named| Self::is_loud(named, background) && named.share >= PARTLY && named.twist <= TWIST)
    }

    fn tones(&self) -> Option<(usize, f64)> {
        self.count(|named| named.level > FAINTEST && named.share >= WHOLLY && named.twist <= TWIST)
    }

    /// Stretches of windows that are all of one key and as wanted: how many, and where the first is.
    fn count(&self, is_wanted: impl Fn(&Named) -> bool) -> Option<(usize, f64)> {
        let key = |named: &Option<Named>| named.filter(|named| is_wanted(named)).map(|named| named.key);
        let (mut count, mut first, mut place) = (0, None, 0);
        for stretch in self.named.chunk_by(|one, other| key(one) == key(other)) {
            if key(&stretch[0]).is_some() {
                count += 1;
                first.get_or_insert(place as f64 * self.hop_ms);
            }
            place += stretch.len();
        }
        first.map(|first| (count, first))
    }

    /// For each 5 ms, the key of the window that two tones explain best.
    fn cells(&self) -> Vec<Option<u8>> {
        let windows = (schedule::CELL_MS / self.hop_ms).round().max(1.0) as usize;
        let best = |cell: &[Option<Named>]| {
            let likely = cell.iter().flatten().filter(|named| named.share >= 0.7);
            likely.max_by(|one, other| one.share.total_cmp(&other.share)).map(|named| named.key)
        };
        self.named.chunks(windows).map(best).collect()
    }
}

fn level(samples: &[i16]) -> f32 {
    let power = samples.iter().map(|sample| f32::from(*sample).powi(2)).sum::<f32>() / samples.len().max(1) as f32;
    10.0 * (power / 2.49e8).max(1e-12).log10()
}

/// Frames of 20 ms that are the pilot's sound.
fn pilot(track: &Track) -> Option<(usize, f64)> {
    let frame = (track.rate / 50) as usize;
    let step = std::f32::consts::TAU * PILOT_HERTZ / track.rate as f32;
    let is_pilot = |samples: &[i16]| {
        let energy: f32 = samples.iter().map(|sample| f32::from(*sample).powi(2)).sum();
        let sum = |wave: fn(f32) -> f32| -> f32 {
            samples.iter().enumerate().map(|(place, sample)| f32::from(*sample) * wave(step * place as f32)).sum()
        };
        let explained = (sum(f32::cos).powi(2) + sum(f32::sin).powi(2)) * 2.0 / samples.len() as f32;
        level(samples) > PILOT_LEVEL && explained > PILOT_SHARE * energy
    };
    let frames = track.samples.chunks_exact(frame).enumerate().filter(|(_, samples)| is_pilot(samples));
    let found: Vec<usize> = frames.map(|(place, _)| place).collect();
    found.first().map(|first| (found.len(), *first as f64 * 20.0))
}

#[cfg(test)]
mod tests;
