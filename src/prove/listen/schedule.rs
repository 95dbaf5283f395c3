//! Whether what was heard agrees with what was pressed, beyond chance.

/// The grid on which the track's beginning is tried, in milliseconds.
pub(super) const CELL_MS: f64 = 5.0;
/// How far before its press a track may show a key: what was sent first may be played first.
const EARLIEST_MS: f64 = 2_000.0;
/// A chance below this is none: once in a million tracks.
const CHANCE: f64 = 1e-6;
/// Fewer keys than this prove nothing.
const LEAST: usize = 6;
/// The least chance of naming a key right by accident: one of twelve.
const ACCIDENT: f64 = 1.0 / 12.0;

/// A key that was pressed. It cannot be printed.
#[derive(Clone, Copy)]
pub struct Press {
    /// When, in milliseconds of the caller's clock.
    pub at_ms: f64,
    /// For how long.
    pub lasts_ms: f64,
    /// The place of the key in the keypad's rows.
    key: u8,
}

impl Press {
    /// A key from `0` to `9`, `*`, `#` or `A` to `D`; `None` where it is none of them.
    #[must_use]
    pub fn new(at_ms: f64, lasts_ms: f64, key: u8) -> Option<Self> {
        let key = super::fit::KEYS.iter().position(|known| *known == key)?;
        Some(Self { at_ms, lasts_ms, key: key as u8 })
    }
}

/// How many keys were named, of how many, and how likely that is by chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Keys that were named when they were pressed.
    pub named: usize,
    /// Keys that were pressed while the track lasted.
    pub pressed: usize,
    /// The chance that as many would be named right in the best of all beginnings that were tried.
    pub chance: f64,
}

impl Agreement {
    /// Whether it cannot be chance.
    #[must_use]
    pub fn is_beyond_chance(&self) -> bool {
        self.named >= LEAST && self.chance < CHANCE
    }
}

/// Tries every place at which the track may begin. `None` where nothing was pressed or nothing was named.
pub(super) fn compare(cells: &[Option<u8>], presses: &[Press]) -> Option<Agreement> {
    let first = presses.iter().map(|press| press.at_ms).fold(f64::INFINITY, f64::min);
    let last = presses.iter().map(|press| press.at_ms).fold(f64::NEG_INFINITY, f64::max);
    if presses.is_empty() || cells.iter().all(Option::is_none) {
        return None;
    }
    let length = cells.len() as f64 * CELL_MS;
    let (earliest, latest) = (-last - EARLIEST_MS, length - first);
    let tried = (((latest - earliest) / CELL_MS) as usize).max(1);
    let shift = |place: usize| earliest + place as f64 * CELL_MS;
    let best = (0..tried).map(|place| score(cells, presses, shift(place))).max_by_key(|(named, pressed)| {
        // More keys named, and of those the fewest pressed.
        (*named, usize::MAX - pressed)
    });
    let (named, pressed) = best?;
    let chance = (tail(pressed, named, accident(cells)) * tried as f64).min(1.0);
    Some(Agreement { named, pressed, chance })
}

/// Presses within the track, and those of them of which the likeliest name of their time is right.
fn score(cells: &[Option<u8>], presses: &[Press], shift: f64) -> (usize, usize) {
    let (mut named, mut pressed) = (0, 0);
    for press in presses {
        let from = ((press.at_ms + shift) / CELL_MS).floor();
        let until = ((press.at_ms + press.lasts_ms + shift) / CELL_MS).ceil();
        if from < 0.0 || until as usize > cells.len() {
            continue;
        }
        pressed += 1;
        named += usize::from(commonest(&cells[from as usize..until as usize]) == Some(press.key));
    }
    (named, pressed)
}

/// The key that most cells name, of several the first.
fn commonest(cells: &[Option<u8>]) -> Option<u8> {
    let mut counts = [0_u16; 16];
    cells.iter().flatten().for_each(|key| counts[usize::from(*key)] += 1);
    let most = *counts.iter().max()?;
    if most == 0 { None } else { counts.iter().position(|count| *count == most).map(|key| key as u8) }
}

/// How often a name is right by accident: as often as the commonest name comes, where that is more than one of twelve.
fn accident(cells: &[Option<u8>]) -> f64 {
    let mut counts = [0_u32; 16];
    cells.iter().flatten().for_each(|key| counts[usize::from(*key)] += 1);
    let (most, all) = (counts.iter().max().copied().unwrap_or_default(), counts.iter().sum::<u32>());
    (f64::from(most) / f64::from(all.max(1))).clamp(ACCIDENT, 0.5)
}

/// The chance of at least `hits` of `trials`, each with this chance.
pub(crate) fn tail(trials: usize, hits: usize, chance: f64) -> f64 {
    let mut term = (1.0 - chance).powi(i32::try_from(trials).unwrap_or(i32::MAX));
    let mut sum = if hits == 0 { term } else { 0.0 };
    for count in 1..=trials {
        term *= (trials - count + 1) as f64 / count as f64 * chance / (1.0 - chance);
        if count >= hits {
            sum += term;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_binomial_one() {
        assert!((tail(4, 4, 0.5) - 0.0625).abs() < 1e-9);
        assert!((tail(4, 0, 0.25) - 1.0).abs() < 1e-9);
        assert!((tail(2, 1, 0.1) - 0.19).abs() < 1e-9);
    }
}
