//! Presses of which frames are lost on their way: heard once, split into two, or missed.

use anyhow::Result;
use tones::synthesis::Chance;

use super::{
    curve::{Ending, count, percent},
    ears::{Crew, Loss, ours},
    line::{Behind, QUIET, Trial, any},
};
use crate::table::Table;

/// Lengths of presses, in milliseconds.
const MILLIS: [u8; 6] = [50, 80, 100, 160, 200, 250];
/// Shares of frames that are lost, in percent.
const SHARES: [u8; 3] = [1, 3, 5];
/// Presses from this length on are to be missed at most as often as said.
const LONG: u8 = 80;
/// The most that may be split, and of long presses missed, where one frame in twenty is lost.
const MOST: f64 = 0.005;

/// Who hears, and what is done about a lost frame.
const WHO: [&str; 3] = ["Tonegate", "spandsp, told of the loss", "spandsp, silence instead"];

/// Frames that are lost by chance.
///
/// # Errors
/// Where spandsp cannot be heard.
pub(super) fn by_chance(crew: &mut Crew) -> Result<String> {
    let mut table = head();
    for share in SHARES {
        let mut rows: [Vec<String>; 3] = Default::default();
        let mut bars = Vec::new();
        for millis in MILLIS {
            let endings = measured(crew, |chance| {
                let mut trial = Trial::press(any(f32::from(millis), chance), Behind::Noise(QUIET), chance);
                trial.line = trial.line.lose(f32::from(share) / 100.0, chance);
                trial
            })?;
            rows.iter_mut().zip(&endings).for_each(|(row, endings)| row.push(cell(endings)));
            bars.push(verdict(&endings[0], millis));
        }
        for (who, row) in WHO.into_iter().zip(rows) {
            table.row([format!("{share} %: {who}")].into_iter().chain(row));
        }
        if share == 5 {
            table.row(["5 %: bar for Tonegate".to_owned()].into_iter().chain(bars));
        }
    }
    Ok(table.to_string())
}

/// One frame that is lost, in the press or beside it.
///
/// # Errors
/// Where spandsp cannot be heard.
pub(super) fn single(crew: &mut Crew) -> Result<String> {
    let mut table = head();
    let mut rows: [Vec<String>; 3] = Default::default();
    let mut bars = Vec::new();
    for millis in MILLIS {
        let endings = measured(crew, |chance| {
            Trial::press(any(f32::from(millis), chance), Behind::Noise(QUIET), chance).lose_one(chance)
        })?;
        rows.iter_mut().zip(&endings).for_each(|(row, endings)| row.push(cell(endings)));
        let is_whole = count(&endings[0], Ending::Split) == 0;
        bars.push(format!("0 split: {}", if is_whole { "reached" } else { "missed" }));
    }
    for (who, row) in WHO.into_iter().zip(rows) {
        table.row([who.to_owned()].into_iter().chain(row));
    }
    table.row(["bar for Tonegate".to_owned()].into_iter().chain(bars));
    Ok(table.to_string())
}

fn head() -> Table {
    let names = MILLIS.map(|millis| millis.to_string());
    Table::of(["once / split / missed, %; ms of the press:"].into_iter().chain(names.iter().map(String::as_str)))
}

fn measured(crew: &mut Crew, make: impl Fn(&mut Chance) -> Trial + Sync) -> Result<[Vec<Ending>; 3]> {
    let endings = crew.point(|ears, chance| {
        let trial = make(chance);
        let mine = Ending::of(&ours(&trial.line, 0).told, &trial.keys);
        let [told, silent] = [Loss::Told, Loss::Silent].map(|loss| ears.theirs(&trial.line, loss));
        Ok([mine, Ending::of(&told?, &trial.keys), Ending::of(&silent?, &trial.keys)])
    })?;
    Ok([0, 1, 2].map(|who| endings.iter().map(|each| each[who]).collect()))
}

fn cell(endings: &[Ending]) -> String {
    let share = |ending| percent(count(endings, ending), endings.len());
    let wrong = count(endings, Ending::Wrong);
    let rest = if wrong > 0 { format!("; {} another key", percent(wrong, endings.len())) } else { String::new() };
    format!("{} / {} / {}{rest}", share(Ending::Right), share(Ending::Split), share(Ending::Missed))
}

fn verdict(endings: &[Ending], millis: u8) -> String {
    let within = |ending| count(endings, ending) as f64 <= MOST * endings.len() as f64;
    let word = |reached: bool| if reached { "reached" } else { "missed" };
    let missed =
        if millis >= LONG { format!("; ≤ 0.5 missed: {}", word(within(Ending::Missed))) } else { String::new() };
    format!("≤ 0.5 split: {}{missed}", word(within(Ending::Split)))
}
