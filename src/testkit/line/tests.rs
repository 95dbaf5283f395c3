//! A five-minute call over a line that loses packets in bursts and delivers the others unevenly.

use rtp::Rejection;

use super::*;
use crate::{
    likeness::{Comparer, Window, quantile},
    relay::{Delay, Loss, Model},
    speech::Script,
};

const SECONDS: usize = 300;
const SEED: u64 = 1;

/// 3 % lost, three in a row on average, and from 0 to 80 ms of delay.
fn bad_line() -> Impairment {
    let delay = Delay::in_order(Duration::from_millis(40));
    Impairment::new(Model { loss: Loss::Bursty { share: 0.03, burst: 3.0 }, delay, duplicates: 0.0 }, SEED)
}

/// The median delay of some windows, in milliseconds.
fn delay(windows: &[Window]) -> f64 {
    quantile(windows.iter().map(|window| window.delay as f64 / 8.0).collect(), 0.5)
}

#[test]
fn five_minutes_over_a_bad_line_sound_right_and_are_counted() {
    let script = Script::lasting(SECONDS, 1).unwrap();
    let mut path = bad_line();
    let passage = pass(&script.samples, &mut path).unwrap();
    let (done, counted) = (path.counts(), passage.report.statistics);

    // The counters say what the line did.
    assert_eq!((counted.received, counted.lost), (done.came - done.lost, done.lost));
    let late = counted.rejected.count(Rejection::Late);
    assert_eq!(counted.rejected.total(), late, "nothing else is dropped");
    assert!(late < 10, "{late} packets came too late for the gate: only until it knows the line");
    assert_eq!(counted.resynchronised, 0);
    let gaps = passage.concealed;
    assert!(
        (done.bursts..=done.bursts + late + 1).contains(&gaps),
        "{gaps} gaps filled of {} and {late} late",
        done.bursts
    );
    assert_eq!(passage.buffer.dropped, 0);
    assert_eq!(Counted::of(&passage).disagreements(&done), []);

    // It sounds like what was said, without holes.
    let windows = Comparer::new().windows(&script.samples, &passage.echo);
    let likeness = |share| quantile(windows.iter().map(|window| window.likeness.into()).collect(), share);
    let (median, tenth) = (likeness(0.5), likeness(0.1));
    assert!(median > 0.99 && tenth > 0.85, "alike: half above {median}, nine tenths above {tenth}");
    let voiced: usize = windows.iter().map(|window| window.voiced).sum();
    let holes: usize = windows.iter().map(|window| window.holes).sum();
    assert!(voiced > 10_000 && holes * 100 < voiced, "{holes} holes in {voiced} frames of speech");

    // It does not come later and later, nor very late.
    let (first, last) = (delay(&windows[..windows.len() / 5]), delay(&windows[windows.len() * 4 / 5..]));
    assert!((first - last).abs() < 30.0, "from {first} ms to {last} ms");
    let most = windows.iter().filter(|window| window.likeness > 0.9).map(|window| window.delay / 8).max();
    assert!(most.is_some_and(|most| most < 250), "{most:?} ms");
}

#[test]
fn a_good_line_changes_nothing_but_the_law() {
    let script = Script::of(1, 1).unwrap();
    let passage = pass(&script.samples, &mut Impairment::new(Model::default(), 1)).unwrap();
    let heard = Comparer::new().windows(&script.samples, &passage.echo);
    assert!(heard.iter().all(|window| window.likeness > 0.999 && window.delay < 60 * 8), "{heard:?}");
    // The one gap is the end of the stream.
    assert_eq!((passage.concealed, passage.report.statistics.rejected.total()), (1, 0));
}
