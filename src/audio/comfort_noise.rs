//! Comfort noise (RFC 3389): what a pause sounds like, in a few bytes.
//!
//! A [`Description`] is the payload's meaning: a level and the reflection coefficients of an all-pole filter that shapes
//! white noise to the spectrum of the background. A [`Generator`] makes sound of it.

/// Most coefficients that are taken from a payload, and made. What is beyond shapes nothing that a telephone carries.
pub const MAX_ORDER: usize = 12;
/// The static payload type at 8 kHz (RFC 3389 §4).
pub const PAYLOAD_TYPE: u8 = 13;
/// The lowest level, in decibels below overload (RFC 3389 §3.1).
const LOWEST_LEVEL: u8 = 127;
/// A coefficient's quantiser: 255 steps about the middle one (RFC 3389 §3.2).
const MIDDLE: f32 = 127.0;
const STEP: f32 = 258.0 / 32_768.0;
/// Overload: a full-scale square wave of 16-bit samples is 0 dBov.
const OVERLOAD: f32 = 32_768.0;
/// The share by which a level or coefficient nears its new value at each sample: about 10 ms at 8 kHz.
const GLIDE: f32 = 0.012;
/// Highest peak over the root of the mean square: 12 dB, which noise hardly reaches. It bounds what a filter on the edge of
/// stability can make of a payload nobody meant well.
const CREST: f32 = 4.0;

/// What background noise is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    level: u8,
    order: u8,
    coefficients: [u8; MAX_ORDER],
}

impl Description {
    /// White noise of this many decibels below overload, up to 127.
    #[must_use]
    pub fn white(level: u8) -> Self {
        Self { level: level.min(LOWEST_LEVEL), order: 0, coefficients: [0; MAX_ORDER] }
    }

    /// Reads a payload; `None` where it is empty. The reserved bit is ignored, and so are coefficients beyond
    /// [`MAX_ORDER`] (RFC 3389 §3.2 lets a receiver use fewer than were sent).
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (&level, sent) = payload.split_first()?;
        let mut description = Self::white(level & 0x7f);
        let order = sent.len().min(MAX_ORDER);
        description.order = order as u8;
        description.coefficients[..order].copy_from_slice(&sent[..order]);
        Some(description)
    }

    /// Describes the sound of a pause by `order` coefficients, up to [`MAX_ORDER`].
    #[must_use]
    pub fn of(samples: &[i16], order: usize) -> Self {
        let correlation = autocorrelation(samples);
        let power = correlation[0] / samples.len().max(1) as f32;
        let level = if power < 1.0 { f32::from(LOWEST_LEVEL) } else { -10.0 * (power / OVERLOAD / OVERLOAD).log10() };
        let mut description = Self::white(level.round().clamp(0.0, f32::from(LOWEST_LEVEL)) as u8);
        if power >= 1.0 {
            let order = order.min(MAX_ORDER);
            description.order = order as u8;
            let reflections = reflections(&correlation, order);
            for (coefficient, reflection) in description.coefficients.iter_mut().zip(&reflections[..order]) {
                *coefficient = (reflection / STEP + MIDDLE).round().clamp(0.0, 2.0 * MIDDLE) as u8;
            }
        }
        description
    }

    /// Writes the payload and returns its length. `None` where `out` is too small.
    #[must_use]
    pub fn write(&self, out: &mut [u8]) -> Option<usize> {
        let length = 1 + usize::from(self.order);
        let (level, coefficients) = out.get_mut(..length)?.split_first_mut()?;
        *level = self.level;
        coefficients.copy_from_slice(&self.coefficients[..usize::from(self.order)]);
        Some(length)
    }

    /// The level in decibels below overload.
    #[must_use]
    pub fn level(&self) -> u8 {
        self.level
    }

    /// The coefficients as numbers between -1 and 1; those not sent are 0.
    fn reflections(&self) -> [f32; MAX_ORDER] {
        let mut reflections = [0.0; MAX_ORDER];
        for (reflection, &coefficient) in reflections.iter_mut().zip(&self.coefficients[..usize::from(self.order)]) {
            // 255 is no index of the quantiser; taken as the largest it keeps the filter stable.
            *reflection = STEP * (f32::from(coefficient).min(2.0 * MIDDLE) - MIDDLE);
        }
        reflections
    }

    /// The level as the root of the mean square of samples; nothing at the lowest.
    fn root_mean_square(&self) -> f32 {
        if self.level == LOWEST_LEVEL { 0.0 } else { OVERLOAD * 10.0_f32.powf(f32::from(self.level) / -20.0) }
    }
}

/// A source of comfort noise. It begins silent, and glides to what it is told within some ten milliseconds.
pub struct Generator {
    state: u64,
    wanted: Shape,
    present: Shape,
    memory: [f32; MAX_ORDER],
}

/// A filter with the level that comes out of it.
#[derive(Clone, Copy, Default)]
struct Shape {
    level: f32,
    reflections: [f32; MAX_ORDER],
}

impl Generator {
    /// `seed` makes its noise differ from that of others.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Xorshift never leaves zero.
        Self { state: seed | 1, wanted: Shape::default(), present: Shape::default(), memory: [0.0; MAX_ORDER] }
    }

    /// What the noise is to be like from now on.
    pub fn describe(&mut self, description: &Description) {
        self.wanted = Shape { level: description.root_mean_square(), reflections: description.reflections() };
    }

    /// Fills `out` with noise.
    pub fn fill(&mut self, out: &mut [i16]) {
        for sample in out {
            self.present.approach(&self.wanted);
            let excitation = self.white() * self.present.excitation();
            let shaped = lattice(&self.present.reflections, &mut self.memory, excitation);
            let bound = CREST * self.present.level;
            // A float that overflows is clamped by `as`.
            *sample = shaped.clamp(-bound, bound).round() as i16;
        }
    }

    /// Uniform noise with a mean square of 1.
    fn white(&mut self) -> f32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let uniform = (self.state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0;
        uniform * 3.0_f32.sqrt()
    }
}

impl Shape {
    fn approach(&mut self, wanted: &Self) {
        self.level += GLIDE * (wanted.level - self.level);
        for (present, wanted) in self.reflections.iter_mut().zip(&wanted.reflections) {
            *present += GLIDE * (wanted - *present);
        }
    }

    /// What white noise must be scaled by, so that it leaves the filter at the level: an all-pole lattice amplifies power
    /// by the inverse of the product of 1 - k².
    fn excitation(&self) -> f32 {
        self.level * self.reflections.iter().map(|k| 1.0 - k * k).product::<f32>().sqrt()
    }
}

/// One sample through the all-pole lattice of 1 / A(z), A(z) = 1 + a₁z⁻¹ + ..., with k₁ = a₁ at order one.
fn lattice(reflections: &[f32; MAX_ORDER], memory: &mut [f32; MAX_ORDER], input: f32) -> f32 {
    let mut forward = input;
    for stage in (0..MAX_ORDER).rev() {
        forward -= reflections[stage] * memory[stage];
        if stage + 1 < MAX_ORDER {
            memory[stage + 1] = memory[stage] + reflections[stage] * forward;
        }
    }
    memory[0] = forward;
    forward
}

fn autocorrelation(samples: &[i16]) -> [f32; MAX_ORDER + 1] {
    let mut correlation = [0.0; MAX_ORDER + 1];
    for (lag, sum) in correlation.iter_mut().enumerate() {
        let later = samples.get(lag..).unwrap_or_default();
        *sum = samples.iter().zip(later).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>() as f32;
    }
    correlation
}

/// The Levinson-Durbin recursion, as far as its reflection coefficients.
fn reflections(correlation: &[f32; MAX_ORDER + 1], order: usize) -> [f32; MAX_ORDER] {
    let mut reflections = [0.0; MAX_ORDER];
    let mut predictor = [0.0; MAX_ORDER + 1];
    predictor[0] = 1.0;
    let mut error = correlation[0];
    for stage in 0..order {
        let residue: f32 = (0..=stage).map(|place| predictor[place] * correlation[stage + 1 - place]).sum();
        let reflection = (-residue / error).clamp(-0.99, 0.99);
        let before = predictor;
        for place in 1..=stage + 1 {
            predictor[place] = before[place] + reflection * before[stage + 1 - place];
        }
        error *= 1.0 - reflection * reflection;
        reflections[stage] = reflection;
    }
    reflections
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decibels(samples: &[i16]) -> f32 {
        let power = samples.iter().map(|&sample| f32::from(sample).powi(2)).sum::<f32>() / samples.len() as f32;
        10.0 * (power / OVERLOAD / OVERLOAD).log10()
    }

    fn sound(description: &Description, samples: usize) -> Vec<i16> {
        let mut generator = Generator::new(7);
        generator.describe(description);
        let mut out = vec![0; samples + 1_600];
        generator.fill(&mut out);
        out.split_off(1_600)
    }

    /// Noise through one pole: most of it below 1 kHz at 8 kHz, or above 3 kHz where `pole` is negative.
    fn coloured(pole: f32) -> Vec<i16> {
        let mut last = 0.0;
        let shape = |sample: &i16| {
            last = pole * last + f32::from(*sample);
            last as i16
        };
        sound(&Description::white(40), 16_000).iter().map(shape).collect()
    }

    /// The correlation of neighbouring samples, by which low sounds differ from high ones.
    fn neighbours(samples: &[i16]) -> f32 {
        let correlation = autocorrelation(samples);
        correlation[1] / correlation[0]
    }

    #[test]
    fn the_level_is_kept_within_a_decibel() {
        for level in (10..=70).step_by(5) {
            let heard = decibels(&sound(&Description::white(level), 16_000));
            assert!((heard + f32::from(level)).abs() < 1.0, "{level}: {heard}");
        }
    }

    #[test]
    fn the_level_and_colour_of_a_pause_come_back() {
        for pole in [0.9, 0.5, -0.7] {
            let pause = coloured(pole);
            let again = sound(&Description::of(&pause, 8), 16_000);
            assert!((decibels(&again) - decibels(&pause)).abs() < 1.0, "{pole}");
            assert!((neighbours(&again) - neighbours(&pause)).abs() < 0.05, "{pole}: {}", neighbours(&again));
        }
    }

    #[test]
    fn low_noise_has_a_negative_first_coefficient() {
        let mut payload = [0; 2];
        assert_eq!(Description::of(&coloured(0.9), 1).write(&mut payload), Some(2));
        // 127 stands for 0: -0.9 is 114 steps of 258/32768 below.
        assert!(payload[1].abs_diff(127 - 114) <= 2, "{}", payload[1]);
    }

    #[test]
    fn a_payload_is_read_as_it_was_written() {
        let description = Description::of(&coloured(0.6), MAX_ORDER);
        let mut payload = [0; 1 + MAX_ORDER];
        assert_eq!(description.write(&mut payload), Some(13));
        assert_eq!(Description::parse(&payload), Some(description));
        assert_eq!(description.write(&mut payload[..12]), None);
    }

    #[test]
    fn a_bare_level_is_white_and_nothing_is_nothing() {
        assert_eq!(Description::parse(&[0x80 | 50]), Some(Description::white(50)));
        assert_eq!(Description::parse(&[]), None);
        assert_eq!(Description::of(&[0; 160], 8), Description::white(127));
        assert_eq!(Description::of(&[], 8), Description::white(127));
    }

    #[test]
    fn the_lowest_level_is_silence() {
        assert!(sound(&Description::white(127), 160).iter().all(|&sample| sample == 0));
    }

    #[test]
    fn equal_seeds_make_equal_noise_and_others_do_not() {
        let noise = |seed| {
            let (mut generator, mut out) = (Generator::new(seed), [0; 160]);
            generator.describe(&Description::white(30));
            generator.fill(&mut out);
            out
        };
        assert_eq!(noise(3), noise(3));
        assert_ne!(noise(3), noise(5));
    }

    #[test]
    fn a_change_glides() {
        let mut generator = Generator::new(1);
        generator.describe(&Description::white(20));
        let mut out = [0; 8];
        generator.fill(&mut out);
        assert!(out.iter().all(|sample| sample.unsigned_abs() < 1_000), "{out:?}");
    }

    proptest! {
        #[test]
        fn any_payload_makes_bounded_noise(payload in prop::collection::vec(any::<u8>(), 1..64)) {
            let description = Description::parse(&payload).unwrap();
            let level = f32::from(description.level());
            let heard = decibels(&sound(&description, 8_000));
            // Below some 80 dB rounding to whole samples is what is heard.
            prop_assert!(heard <= 12.1 - level.min(90.0), "{heard} for {level}");
        }
    }
}
