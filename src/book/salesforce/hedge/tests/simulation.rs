//! Reads of an org that is late by chance, in virtual time. The model is an assumption: Salesforce publishes no latencies.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    f64::consts::TAU,
    ops::Range,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{Hedge, ms};

/// How long a read may take.
const DEADLINE: Duration = ms(1_800);

/// How late each request is answered, independent of every other: lognormal, 180 ms at p50 and 900 ms at p99; one in a hundred takes three
/// seconds more. While the org is slow everything takes six times as long.
pub(super) struct Model {
    seed: u64,
    slow: Range<Duration>,
}

impl Model {
    pub(super) fn stated(seed: u64) -> Self {
        Self { seed, slow: Duration::ZERO..Duration::ZERO }
    }

    pub(super) fn slow_in(self, slow: Range<Duration>) -> Self {
        Self { slow, ..self }
    }

    fn draw(&self, at: Duration, chance: &mut StdRng) -> Duration {
        const P50_SECONDS: f64 = 0.180;
        const P99_SECONDS: f64 = 0.900;
        // The standard normal distribution has 99 % below this.
        const P99: f64 = 2.326_347_874;
        let (length, angle) = (1.0 - chance.random::<f64>(), chance.random::<f64>());
        let normal = (-2.0 * length.ln()).sqrt() * (TAU * angle).cos();
        let usual = P50_SECONDS * ((P99_SECONDS / P50_SECONDS).ln() / P99 * normal).exp();
        let slowness = if self.slow.contains(&at) { 6.0 } else { 1.0 };
        let stall = if chance.random_bool(0.01) { 3.0 } else { 0.0 };
        Duration::from_secs_f64(usual * slowness + stall)
    }
}

/// So many reads, one after the other in equal steps.
pub(super) struct Simulation {
    model: Model,
    step: Duration,
    reads: usize,
    is_hedged: bool,
}

/// What became of the reads that began outside the slow time and within it.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) usual: Tally,
    pub(super) slow: Tally,
}

#[derive(Default)]
pub(super) struct Tally {
    pub(super) reads: usize,
    pub(super) hedged: usize,
    took: Vec<Duration>,
}

impl Tally {
    pub(super) fn answered_share(&self) -> f64 {
        self.took.len() as f64 / self.reads as f64
    }

    pub(super) fn hedged_share(&self) -> f64 {
        self.hedged as f64 / self.reads as f64
    }

    /// Of the answers.
    pub(super) fn p999(&self) -> Duration {
        let mut took = self.took.clone();
        let place = took.len() * 999 / 1_000;
        *took.select_nth_unstable(place).1
    }
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { reads, hedged, took } = self;
        write!(formatter, "{reads} reads, {hedged} hedged, {} answered", took.len())
    }
}

/// In the order in which they come at the same instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// An answer of either request.
    Answered,
    /// The wait for the first one is over.
    Waited,
    Read,
}

struct Run {
    model: Model,
    chance: StdRng,
    hedge: Hedge,
    is_hedged: bool,
    start: Instant,
    due: BinaryHeap<Reverse<(Duration, Event, usize)>>,
    /// When each read began, until it is answered.
    open: Vec<Option<Duration>>,
    told: Told,
}

impl Simulation {
    pub(super) const fn of(model: Model, step: Duration, reads: usize) -> Self {
        Self { model, step, reads, is_hedged: true }
    }

    pub(super) fn without_hedges(self) -> Self {
        Self { is_hedged: false, ..self }
    }

    pub(super) fn run(self) -> Told {
        let Self { model, step, reads, is_hedged } = self;
        let mut run = Run {
            chance: StdRng::seed_from_u64(model.seed),
            model,
            hedge: Hedge::default(),
            is_hedged,
            start: Instant::now(),
            due: (0..reads).map(|read| Reverse((step * read as u32, Event::Read, read))).collect(),
            open: vec![None; reads],
            told: Told::default(),
        };
        while let Some(Reverse((now, event, read))) = run.due.pop() {
            match event {
                Event::Read => run.read(now, read),
                Event::Waited => run.waited(now, read),
                Event::Answered => run.answered(now, read),
            }
        }
        run.told
    }
}

impl Run {
    fn read(&mut self, now: Duration, read: usize) {
        self.open[read] = Some(now);
        self.tally(now).reads += 1;
        let wait = self.hedge.read(self.start + now);
        self.due.push(Reverse((now + wait, Event::Waited, read)));
        self.send(now, read);
    }

    fn waited(&mut self, now: Duration, read: usize) {
        let Some(began) = self.open[read] else { return };
        if self.is_hedged && self.hedge.admit() {
            self.tally(began).hedged += 1;
            self.send(now, read);
        }
    }

    /// The first answer counts, and none after the deadline.
    fn answered(&mut self, now: Duration, read: usize) {
        let Some(began) = self.open[read].take() else { return };
        let took = now - began;
        if took < DEADLINE {
            self.hedge.answered(self.start + now, took);
            self.tally(began).took.push(took);
        }
    }

    fn send(&mut self, now: Duration, read: usize) {
        let late = self.model.draw(now, &mut self.chance);
        self.due.push(Reverse((now + late, Event::Answered, read)));
    }

    fn tally(&mut self, began: Duration) -> &mut Tally {
        if self.model.slow.contains(&began) { &mut self.told.slow } else { &mut self.told.usual }
    }
}
