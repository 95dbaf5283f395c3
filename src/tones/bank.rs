//! The two-tone fit under both detectors: how much of the last 8 ms two of the eight tones explain, and which.
//!
//! Every 2 ms a block of 16 samples is correlated with the eight frequencies of ITU-T Q.23. The last four blocks make a
//! window. Where one of the eight is strong in it, it is correlated with 40: each of the eight also 1.5 % and 3 % lower and
//! higher. The best low and the best high frequency are fitted to it together, by least squares, so that neither leaks
//! into the other's figure. Beside a loss the two blocks that touch it are fitted alone. Samples are at 8 kHz.

use std::{array, f32::consts::TAU, sync::LazyLock};

use zeroize::Zeroize;

/// The rate that the detectors work at, in hertz.
pub const RATE: f32 = 8_000.0;
/// Samples between two fits: 2 ms.
pub const HOP: usize = 16;
/// Samples of a window: 8 ms.
pub const WINDOW: usize = HOP * BLOCKS;
/// Blocks of a window.
pub const BLOCKS: usize = 4;
/// Blocks at the edge of a loss that are fitted alone: 4 ms.
pub const EDGE_BLOCKS: usize = 2;
/// The power of one sample of a sine at 0 dBm0 in 16-bit samples (ITU-T G.711: a full-scale sine is +3.17 dBm0).
pub const ZERO_DBM0: f32 = 2.49e8;

/// Low group, then high group, in hertz (ITU-T Q.23).
pub const TONES: [f32; 8] = [697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0, 1633.0];
const OFFSETS: [f32; 5] = [-0.03, -0.015, 0.0, 0.015, 0.03];
const GROUP: usize = 4 * OFFSETS.len();
const BINS: usize = 2 * GROUP;
/// Bins that are summed up at a time: as many as there are tones.
const LANES: usize = TONES.len();
/// A window whose strongest bin holds less than this share of the energy is no pair: the other tone would be too strong.
const WEAKEST_DOMINANT: f32 = 0.3;
/// The same of the eight bins in the middle of their neighbours, of which one at the edge leaves 0.58, or less where the
/// other tone leaks into it. Few windows of noise or speech hold so much.
const WEAKEST_NOMINAL: f32 = 0.15;

/// One fitted tone.
#[derive(Clone, Copy)]
pub struct Tone {
    /// Which of [`TONES`].
    pub index: u8,
    /// The bin's frequency, in radians a sample.
    pub step: f32,
    /// Its phase at the window's centre, in radians.
    pub phase: f32,
    /// Its mean power, in squared samples.
    pub power: f32,
}

/// The best two tones of a window.
#[derive(Clone, Copy)]
pub struct Fit {
    /// The one of the low group.
    pub low: Tone,
    /// The one of the high group.
    pub high: Tone,
    /// The window's energy: the sum of its squared samples.
    pub energy: f32,
    /// What the two tones explain of it.
    pub explained: f32,
}

type Sums = [f32; BINS];

/// Correlations with as many bins as registers hold sums of, or the tones themselves.
#[derive(Clone, Copy)]
struct Lanes {
    cosine: [f32; LANES],
    sine: [f32; LANES],
}

struct Block {
    samples: [f32; HOP],
    energy: f32,
    /// Correlations with the tones of ITU-T Q.23.
    nominal: Lanes,
    /// Correlations with all bins, where [`Block::is_whole`].
    all: [Lanes; BINS / LANES],
    is_whole: bool,
}

/// The last four blocks: their samples and correlations are all that it holds, wiped with [`Bank::clear`].
pub struct Bank {
    tables: &'static Tables,
    blocks: [Block; BLOCKS],
    newest: usize,
    known: usize,
}

impl Default for Bank {
    fn default() -> Self {
        Self { tables: &TABLES, blocks: array::from_fn(|_| Block::new()), newest: 0, known: 0 }
    }
}

impl Bank {
    /// Takes a block. Its fit is that of the window that ends with it: none where that is not full or can hold no pair.
    pub fn push(&mut self, samples: &[f32; HOP]) -> Hop {
        self.newest = (self.newest + 1) % BLOCKS;
        self.known = (self.known + 1).min(BLOCKS);
        self.blocks[self.newest].take(samples, self.tables);
        let full = self.known == BLOCKS;
        Hop { full, fit: if full { self.fit(&self.tables.window) } else { None }, edge: None }
    }

    /// The fit of the last two blocks alone; `None` where fewer were received since the last loss, or they can hold no pair.
    pub fn edge(&mut self) -> Option<Fit> {
        if self.known < EDGE_BLOCKS { None } else { self.fit(&self.tables.edge) }
    }

    /// Whether just so many blocks, at most [`BLOCKS`], were received since the last loss.
    #[must_use]
    pub fn has_just(&self, blocks: usize) -> bool {
        self.known == blocks
    }

    /// Forgets all audio: after a loss, and when a capture flushes.
    pub fn clear(&mut self) {
        self.blocks.iter_mut().for_each(Block::clear);
        self.known = 0;
    }

    fn fit(&mut self, span: &Span) -> Option<Fit> {
        let energy: f32 = self.newest(span).map(|(block, _)| block.energy).sum();
        if self.strongest_nominal(span) * 2.0 < energy * WEAKEST_NOMINAL * span.samples() {
            return None;
        }
        self.complete(span);
        let (cosine, sine) = self.correlations(span);
        let strength: Sums = array::from_fn(|bin| cosine[bin] * cosine[bin] + sine[bin] * sine[bin]);
        let dominant = best(0..BINS, |bin| strength[bin]);
        if strength[dominant] * 2.0 < energy * WEAKEST_DOMINANT * span.samples() {
            return None;
        }
        let fit = |low, high| span.fit(&cosine, &sine, low, high);
        let (low, high) = if dominant < GROUP {
            let high = best(GROUP..BINS, |high| fit(dominant, high).explained);
            (best(neighbours(dominant), |low| fit(low, high).explained), high)
        } else {
            let low = best(0..GROUP, |low| fit(low, dominant).explained);
            (low, best(neighbours(dominant), |high| fit(low, high).explained))
        };
        let (pair, steps) = (fit(low, high), &self.tables.steps);
        let (low, high) = (pair.tone(low, 0, steps), pair.tone(high, 1, steps));
        Some(Fit { low, high, energy, explained: pair.explained })
    }

    /// The strength of the strongest of the eight tones themselves.
    fn strongest_nominal(&self, span: &Span) -> f32 {
        let mut sum = Lanes::NONE;
        for (block, turn) in self.newest(span) {
            sum.add_turned(&block.nominal, &turn.nominal);
        }
        let strength: [f32; LANES] = array::from_fn(|tone| sum.cosine[tone].powi(2) + sum.sine[tone].powi(2));
        strength.into_iter().fold(0.0, f32::max)
    }

    /// Correlates the span's blocks with all bins, where that was not done yet.
    fn complete(&mut self, span: &Span) {
        for age in 0..span.turns.len() {
            self.blocks[(self.newest + BLOCKS - age) % BLOCKS].complete(self.tables);
        }
    }

    /// The newest blocks, newest first, each with how far the tones turn from its centre to the span's.
    fn newest<'a>(&'a self, span: &'a Span) -> impl Iterator<Item = (&'a Block, &'a Waves)> {
        let block = |age: usize| &self.blocks[(self.newest + BLOCKS - age) % BLOCKS];
        span.turns.iter().rev().enumerate().map(move |(age, turn)| (block(age), turn))
    }

    /// The correlations of a whole span, with the phase taken at its centre.
    fn correlations(&self, span: &Span) -> (Sums, Sums) {
        let mut sums = [Lanes::NONE; BINS / LANES];
        for (block, turn) in self.newest(span) {
            for (sum, (lanes, turn)) in sums.iter_mut().zip(block.all.iter().zip(&turn.all)) {
                sum.add_turned(lanes, turn);
            }
        }
        (
            array::from_fn(|bin| sums[bin / LANES].cosine[bin % LANES]),
            array::from_fn(|bin| sums[bin / LANES].sine[bin % LANES]),
        )
    }
}

impl Tone {
    /// Whether the frequency measured between this window and the one right `behind` it is within this share of the nominal
    /// one. Between the windows' centres a tone's phase turns by its frequency.
    #[must_use]
    pub fn is_near_nominal(&self, behind: &Self, share: f32) -> bool {
        let expected = (behind.step + self.step) / 2.0 * WINDOW as f32;
        let turned = self.phase - behind.phase;
        let turns = ((expected - turned) / TAU).round();
        let step = (turned + turns * TAU) / WINDOW as f32;
        let nominal = TONES[usize::from(self.index)] * TAU / RATE;
        (step - nominal).abs() < share * nominal
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Every 2 ms of audio.
pub struct Hop {
    /// Whether the window holds four received blocks.
    pub full: bool,
    /// The fit, where the window may hold a pair at all.
    pub fit: Option<Fit>,
    /// The fit of what followed a loss alone, with the hop that completes it.
    pub edge: Option<Fit>,
}

impl Lanes {
    const NONE: Self = Self { cosine: [0.0; LANES], sine: [0.0; LANES] };

    /// Adds correlations whose phases are turned.
    fn add_turned(&mut self, lanes: &Self, turn: &Self) {
        for lane in 0..LANES {
            let (c, s) = (turn.cosine[lane], turn.sine[lane]);
            self.cosine[lane] += lanes.cosine[lane] * c - lanes.sine[lane] * s;
            self.sine[lane] += lanes.sine[lane] * c + lanes.cosine[lane] * s;
        }
    }

    fn clear(&mut self) {
        self.cosine.zeroize();
        self.sine.zeroize();
    }
}

impl Block {
    fn new() -> Self {
        let (nominal, all) = (Lanes::NONE, [Lanes::NONE; BINS / LANES]);
        Self { samples: [0.0; HOP], energy: 0.0, nominal, all, is_whole: false }
    }

    /// Begins anew with other samples. Nothing of those before it is left.
    fn take(&mut self, samples: &[f32; HOP], tables: &Tables) {
        if std::mem::take(&mut self.is_whole) {
            self.all.iter_mut().for_each(Lanes::clear);
        }
        self.samples = *samples;
        self.energy = energy(samples);
        self.nominal = correlate(samples, &tables.nominal);
    }

    /// Correlates with all bins, where that was not done yet.
    fn complete(&mut self, tables: &Tables) {
        if !std::mem::replace(&mut self.is_whole, true) {
            for (lanes, waves) in self.all.iter_mut().zip(&tables.waves) {
                *lanes = correlate(&self.samples, waves);
            }
        }
    }

    fn clear(&mut self) {
        self.samples.zeroize();
        self.nominal.clear();
        self.all.iter_mut().for_each(Lanes::clear);
        (self.energy, self.is_whole) = (0.0, false);
    }
}

/// Seen from the block's centre cosines are the same on both sides and sines opposite: half of the products are enough.
fn correlate(samples: &[f32; HOP], waves: &[Lanes; HOP / 2]) -> Lanes {
    let mut sums = Lanes::NONE;
    for (n, wave) in waves.iter().enumerate() {
        let (after, before) = (samples[HOP / 2 + n], samples[HOP / 2 - 1 - n]);
        let (same, opposite) = (after + before, after - before);
        for lane in 0..LANES {
            sums.cosine[lane] += same * wave.cosine[lane];
            sums.sine[lane] += opposite * wave.sine[lane];
        }
    }
    sums
}

/// The sum of the squared samples, of as many sums as registers hold.
#[must_use]
pub fn energy(samples: &[f32]) -> f32 {
    let (chunks, rest) = samples.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for chunk in chunks {
        for (sum, sample) in sums.iter_mut().zip(chunk) {
            *sum += sample * sample;
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|sample| sample * sample).sum::<f32>()
}

fn best(bins: std::ops::Range<usize>, worth: impl Fn(usize) -> f32) -> usize {
    let mut best = (bins.start, f32::MIN);
    for bin in bins {
        let worth = worth(bin);
        if worth > best.1 {
            best = (bin, worth);
        }
    }
    best.0
}

/// The bins around the same tone of ITU-T Q.23.
fn neighbours(bin: usize) -> std::ops::Range<usize> {
    let first = bin - bin % OFFSETS.len();
    first..first + OFFSETS.len()
}

struct Waves {
    nominal: Lanes,
    all: [Lanes; BINS / LANES],
}

struct Tables {
    steps: Sums,
    /// The tones of ITU-T Q.23 at each sample of a block's second half, counted from the block's centre.
    nominal: [Lanes; HOP / 2],
    /// The same of all bins.
    waves: [[Lanes; HOP / 2]; BINS / LANES],
    window: Span,
    edge: Span,
}

/// So many blocks that are fitted together.
struct Span {
    /// How far each tone turns from a block's centre to the span's, oldest block first.
    turns: Vec<Waves>,
    /// Cosines with cosines and sines with sines, over the span: low bin and itself, high bin and itself, low and high.
    own: [Gram; BINS],
    cross: [[Gram; GROUP]; GROUP],
}

#[derive(Clone, Copy)]
struct Gram {
    cosine: f32,
    sine: f32,
}

/// Amplitudes of cosine and sine for low and high, and what they explain.
struct Pair {
    cosine: [f32; 2],
    sine: [f32; 2],
    explained: f32,
}

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::new);

impl Tables {
    fn new() -> Self {
        let steps: Sums =
            array::from_fn(|bin| TONES[bin / OFFSETS.len()] * (1.0 + OFFSETS[bin % OFFSETS.len()]) * TAU / RATE);
        let waves: [Waves; HOP / 2] = array::from_fn(|sample| Waves::at(&steps, sample as f32 + 0.5));
        Self {
            steps,
            nominal: array::from_fn(|sample| waves[sample].nominal),
            waves: array::from_fn(|lanes| array::from_fn(|sample| waves[sample].all[lanes])),
            window: Span::of(BLOCKS, &steps),
            edge: Span::of(EDGE_BLOCKS, &steps),
        }
    }
}

impl Waves {
    /// The tones at this many samples from where their phase is zero.
    fn at(steps: &Sums, place: f32) -> Self {
        let lanes = |step: &dyn Fn(usize) -> f32| Lanes {
            cosine: array::from_fn(|lane| (step(lane) * place).cos()),
            sine: array::from_fn(|lane| (step(lane) * place).sin()),
        };
        Self {
            nominal: lanes(&|tone| steps[tone * OFFSETS.len() + OFFSETS.len() / 2]),
            all: array::from_fn(|group| lanes(&|lane| steps[group * LANES + lane])),
        }
    }
}

impl Span {
    fn of(blocks: usize, steps: &Sums) -> Self {
        let samples = (blocks * HOP) as f32;
        let centre = |block: usize| (block as f32 - (blocks as f32 - 1.0) / 2.0) * HOP as f32;
        let gram = |one: usize, two: usize| Gram::of(steps[one], steps[two], samples);
        Self {
            turns: (0..blocks).map(|block| Waves::at(steps, centre(block))).collect(),
            own: array::from_fn(|bin| gram(bin, bin)),
            cross: array::from_fn(|low| array::from_fn(|high| gram(low, GROUP + high))),
        }
    }

    fn samples(&self) -> f32 {
        (self.turns.len() * HOP) as f32
    }

    /// Least squares of two tones. With the phase at the window's centre cosines and sines are orthogonal, so that the
    /// four unknowns fall into two pairs.
    fn fit(&self, cosine: &Sums, sine: &Sums, low: usize, high: usize) -> Pair {
        let (one, two, cross) = (&self.own[low], &self.own[high], &self.cross[low][high - GROUP]);
        let cosines = solve(one.cosine, two.cosine, cross.cosine, cosine[low], cosine[high]);
        let sines = solve(one.sine, two.sine, cross.sine, sine[low], sine[high]);
        let explained =
            cosines[0] * cosine[low] + cosines[1] * cosine[high] + sines[0] * sine[low] + sines[1] * sine[high];
        Pair { cosine: cosines, sine: sines, explained }
    }
}

impl Gram {
    /// Sums of products over so many samples about zero (Dirichlet's kernel).
    fn of(one: f32, two: f32, samples: f32) -> Self {
        let (apart, together) = (kernel(one - two, samples), kernel(one + two, samples));
        Self { cosine: (apart + together) / 2.0, sine: (apart - together) / 2.0 }
    }
}

fn kernel(step: f32, samples: f32) -> f32 {
    if step.abs() < 1e-6 { samples } else { (step * samples / 2.0).sin() / (step / 2.0).sin() }
}

fn solve(one: f32, two: f32, cross: f32, left: f32, right: f32) -> [f32; 2] {
    let determinant = one * two - cross * cross;
    [(left * two - right * cross) / determinant, (right * one - left * cross) / determinant]
}

impl Pair {
    fn tone(&self, bin: usize, which: usize, steps: &Sums) -> Tone {
        let (cosine, sine) = (self.cosine[which], self.sine[which]);
        Tone {
            index: (bin / OFFSETS.len()) as u8,
            step: steps[bin],
            phase: (-sine).atan2(cosine),
            power: (cosine * cosine + sine * sine) / 2.0,
        }
    }
}
