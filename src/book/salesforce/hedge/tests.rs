#![expect(clippy::disallowed_methods, reason = "an instant can only be made from the clock")]

mod simulation;

use proptest::prelude::*;

use self::simulation::{Model, Simulation};
use super::*;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// 500 calls, each with a look-up every ten seconds.
const BUSY: Duration = ms(20);
/// Three look-ups a minute: too few for their tail to be known.
const LONELY: Duration = ms(20_000);

#[test]
fn the_wait_is_the_tail_of_the_last_minutes_within_its_bounds() {
    let (start, mut hedge) = (Instant::now(), Hedge::default());
    assert_eq!(hedge.read(start), UNKNOWN);
    for number in 0..100 {
        hedge.answered(start, ms(201 + number));
    }
    assert_eq!(hedge.read(start), ms(298));
    for _ in 0..20 {
        hedge.answered(start, ms(3_000));
    }
    assert_eq!(hedge.read(start), LONGEST);
    let later = start + WINDOW + ms(1);
    assert_eq!(hedge.read(later), UNKNOWN, "all is forgotten");
    (0..30).for_each(|_| hedge.answered(later, ms(5)));
    assert_eq!(hedge.read(later), SHORTEST);
}

#[test]
fn nearly_every_read_is_answered_though_one_in_a_hundred_stalls() {
    for seed in 0..4 {
        let usual = Simulation::of(Model::stated(seed), BUSY, 45_000).run().usual;
        assert!(usual.answered_share() >= 0.999, "seed {seed}: {usual:?}");
        assert!(usual.hedged_share() <= 0.05, "seed {seed}: {usual:?}");
        assert!(usual.p999() < ms(1_500), "seed {seed}: {usual:?}");
    }
}

#[test]
fn a_slow_minute_costs_no_more_hedges_and_what_follows_it_is_answered() {
    let slow = ms(300_000)..ms(360_000);
    for seed in 0..4 {
        let model = Model::stated(seed).slow_in(slow.clone());
        let told = Simulation::of(model, BUSY, 45_000).run();
        assert!(told.usual.answered_share() >= 0.999, "seed {seed}: {told:?}");
        let extra = told.usual.hedged + told.slow.hedged;
        assert!(extra * 20 <= told.usual.reads + told.slow.reads, "seed {seed}: {told:?}");
        // Hedges cannot help here: this is why a late answer is spoken of.
        assert!((0.7..0.9).contains(&told.slow.answered_share()), "seed {seed}: {told:?}");
        let saved = MOST_SAVED as usize;
        assert!(told.slow.hedged <= told.slow.reads / WHOLE as usize + saved, "seed {seed}: {told:?}");
    }
}

#[test]
fn few_reads_are_answered_as_well() {
    let usual = Simulation::of(Model::stated(11), LONELY, 60_000).run().usual;
    assert!(usual.answered_share() >= 0.999 && usual.hedged_share() <= 0.05, "{usual:?}");
}

/// What the other tests say is the hedges' doing, not the model's.
#[test]
fn without_hedges_one_read_in_a_hundred_is_not_answered() {
    let simulation = Simulation::of(Model::stated(0), BUSY, 45_000).without_hedges();
    let usual = simulation.run().usual;
    assert!((0.987..0.992).contains(&usual.answered_share()) && usual.hedged == 0, "{usual:?}");
}

proptest! {
    #[test]
    fn hedges_are_at_most_one_in_twenty_and_what_was_saved(asks in prop::collection::vec(any::<bool>(), 0..2_000)) {
        let (now, mut hedge) = (Instant::now(), Hedge::default());
        let mut hedged = 0;
        for ask in &asks {
            hedge.read(now);
            hedged += usize::from(*ask && hedge.admit());
        }
        prop_assert!(hedged <= asks.len() / WHOLE as usize + 1);
    }
}
