//! Curves: how many of a point's trials are heard as they should be, by us and by spandsp, over an axis.

use anyhow::Result;
use tones::synthesis::Chance;

use super::{
    ears::{Crew, Loss, Told, ours},
    line::Trial,
};
use crate::table::Table;

/// What a point has to reach.
#[derive(Clone, Copy)]
pub(super) enum Bar {
    /// Every trial.
    All,
    /// No trial.
    None,
    /// Nothing.
    Open,
}

impl Bar {
    /// What the table says of a share of so many trials.
    pub(super) fn verdict(self, right: usize, trials: usize) -> String {
        let (text, reached) = match self {
            Self::All => ("100", right == trials),
            Self::None => ("0", right == 0),
            Self::Open => return String::new(),
        };
        format!("{text}: {}", if reached { "reached" } else { "missed" })
    }
}

type Make = Box<dyn Fn(&mut Chance) -> Trial + Sync>;

/// One place on the axis.
pub(super) struct Point {
    pub(super) name: String,
    pub(super) bar: Bar,
    pub(super) make: Make,
}

impl Point {
    pub(super) fn new(name: String, bar: Bar, make: impl Fn(&mut Chance) -> Trial + Sync + 'static) -> Self {
        Self { name, bar, make: Box::new(make) }
    }
}

/// Points of one kind over the axis of its table.
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) points: Vec<Point>,
}

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Exactly the keys that were pressed.
    Right,
    /// Fewer.
    Missed,
    /// More.
    Split,
    /// As many, but others.
    Wrong,
}

impl Ending {
    pub(super) fn of(told: &[Told], keys: &[u8]) -> Self {
        match told.len().cmp(&keys.len()) {
            std::cmp::Ordering::Less => Self::Missed,
            std::cmp::Ordering::Greater => Self::Split,
            std::cmp::Ordering::Equal if told.iter().map(|told| told.key).eq(keys.iter().copied()) => Self::Right,
            std::cmp::Ordering::Equal => Self::Wrong,
        }
    }
}

/// How many of the endings are this one.
pub(super) fn count(endings: &[Ending], ending: Ending) -> usize {
    endings.iter().filter(|each| **each == ending).count()
}

/// A share in percent, with as many digits as there are.
pub(super) fn percent(part: usize, whole: usize) -> String {
    let value = part as f64 * 100.0 / whole.max(1) as f64;
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A table with a column for each point, and for each series a row of ours, one of spandsp's and one of the bar. Every series has
/// the same axis.
///
/// # Errors
/// Where spandsp cannot be heard.
pub(super) fn table(crew: &mut Crew, axis: &str, all: Vec<Series>) -> Result<String> {
    let names = all.first().map(|series| series.points.iter().map(|point| point.name.clone()).collect::<Vec<_>>());
    let names = names.unwrap_or_default();
    let mut table = Table::of([axis].into_iter().chain(names.iter().map(String::as_str)));
    for series in all {
        let (mut mine, mut theirs, mut bars) = (Vec::new(), Vec::new(), Vec::new());
        for point in &series.points {
            let (one, other) = measured(crew, &point.make)?;
            mine.push(percent(one, crew.trials()));
            theirs.push(percent(other, crew.trials()));
            bars.push(point.bar.verdict(one, crew.trials()));
        }
        let head = |who: &str| [format!("{}{who}", series.name)].into_iter();
        table.row(head("Tonegate").chain(mine));
        table.row(head("spandsp").chain(theirs));
        if bars.iter().any(|bar| !bar.is_empty()) {
            table.row(head("bar for Tonegate").chain(bars));
        }
    }
    Ok(table.to_string())
}

/// How many of a point's trials we and spandsp hear right.
pub(super) fn measured(crew: &mut Crew, make: &Make) -> Result<(usize, usize)> {
    let endings = crew.point(|ears, chance| {
        let trial = make(chance);
        let mine = Ending::of(&ours(&trial.line, 0).told, &trial.keys);
        Ok((mine, Ending::of(&ears.theirs(&trial.line, Loss::Told)?, &trial.keys)))
    })?;
    let (mine, theirs): (Vec<_>, Vec<_>) = endings.into_iter().unzip();
    Ok((count(&mine, Ending::Right), count(&theirs, Ending::Right)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_ends_in_one_of_four_ways() {
        let told = |keys: &str| keys.bytes().map(|key| Told { key, at: 0 }).collect::<Vec<_>>();
        for (heard, ending) in [("5", Ending::Right), ("", Ending::Missed), ("55", Ending::Split), ("6", Ending::Wrong)]
        {
            assert_eq!(Ending::of(&told(heard), b"5"), ending);
        }
    }

    #[test]
    fn shares_have_the_digits_that_they_need() {
        assert_eq!(
            [percent(1, 2_000), percent(2_000, 2_000), percent(0, 0), percent(1, 3)],
            ["0.05", "100", "0", "33.33"]
        );
    }
}
