//! What a bad path does to packets, as a pure decision: which one is lost, which comes twice, and when each leaves.

use std::time::Duration;

/// Furthest from the mean that a delay is drawn, in multiples of the jitter, as in the tables of `tc netem`.
const FURTHEST: f64 = 4.0;
/// The shape of the Pareto distribution that delays are drawn from.
const PARETO_SHAPE: f64 = 3.0;

/// What a path does. All of it is drawn from one seed, and the same packets meet the same fate for the same seed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Model {
    /// How packets get lost.
    pub loss: Loss,
    /// How long they are on their way.
    pub delay: Delay,
    /// The share of packets that come twice, each at its own time.
    pub duplicates: f64,
}

/// How packets get lost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Loss {
    /// None is lost.
    #[default]
    None,
    /// Each is lost with this likelihood, whatever happened to others.
    Random(f64),
    /// Runs are lost: the Gilbert model, two states of which the bad one loses all (`tc netem loss gemodel`).
    Bursty {
        /// The share that is lost in the long run.
        share: f64,
        /// Packets lost in a row, on average.
        burst: f64,
    },
}

/// How long packets are on their way: the mean, and a jitter whose meaning the shape tells.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Delay {
    /// The mean of what is drawn. Nothing leaves before it came.
    pub mean: Duration,
    /// How far it varies.
    pub jitter: Duration,
    /// How it is spread.
    pub shape: Shape,
    /// Whether a packet may leave before one that came earlier. Where not, it waits for it, as in a queue.
    pub overtakes: bool,
}

/// How delays are spread about their mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Evenly from the mean less the jitter to the mean and the jitter: what `tc netem` does unless told otherwise.
    #[default]
    Uniform,
    /// Normal; the jitter is the standard deviation.
    Normal,
    /// Most are short and few are very long (Lomax, shape 3); the jitter is the standard deviation.
    Pareto,
}

impl Delay {
    /// From none to twice `jitter`, evenly, in order: `tc netem delay J J` before a queue.
    #[must_use]
    pub fn in_order(jitter: Duration) -> Self {
        Self { mean: jitter, jitter, shape: Shape::Uniform, overtakes: false }
    }
}

/// What becomes of a packet. Times are on the clock that it came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is lost.
    Lost,
    /// It leaves at this time.
    Leaves(Duration),
    /// It leaves twice.
    LeavesTwice(Duration, Duration),
}

impl Fate {
    /// The times at which it leaves.
    pub fn times(self) -> impl Iterator<Item = Duration> {
        let (first, second) = match self {
            Self::Lost => (None, None),
            Self::Leaves(at) => (Some(at), None),
            Self::LeavesTwice(at, again) => (Some(at), Some(again)),
        };
        first.into_iter().chain(second)
    }
}

/// What a path did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that came.
    pub came: u64,
    /// Packets lost.
    pub lost: u64,
    /// Runs of packets lost.
    pub bursts: u64,
    /// Packets that left twice.
    pub doubled: u64,
    /// Packets that left before one that had come earlier.
    pub overtook: u64,
}

/// A path. Told when packets come, in order, it says when they leave.
#[derive(Clone, Debug)]
pub struct Impairment {
    model: Model,
    losses: Draw,
    delays: Draw,
    doubles: Draw,
    is_bad: bool,
    lost_before: bool,
    latest: Duration,
    counts: Counts,
}

impl Impairment {
    /// A path of this model. Losses, delays and duplicates are drawn apart: the delays of a seed are the same whatever is
    /// lost.
    #[must_use]
    pub fn new(model: Model, seed: u64) -> Self {
        let mut seeds = Draw(seed);
        let [losses, delays, doubles] = [(); 3].map(|()| Draw(seeds.next()));
        Self {
            model,
            losses,
            delays,
            doubles,
            is_bad: false,
            lost_before: false,
            latest: Duration::ZERO,
            counts: Counts::default(),
        }
    }

    /// What becomes of the packet that comes at `now`, since any moment that stays the same.
    pub fn pass(&mut self, now: Duration) -> Fate {
        let (is_lost, is_doubled) = (self.is_lost(), self.doubles.share() < self.model.duplicates);
        let delay = self.delay();
        self.counts.came += 1;
        if is_lost {
            self.counts.lost += 1;
            self.counts.bursts += u64::from(!self.lost_before);
        }
        self.lost_before = is_lost;
        if is_lost {
            return Fate::Lost;
        }
        let first = self.leave(now + delay);
        if !is_doubled {
            return Fate::Leaves(first);
        }
        self.counts.doubled += 1;
        let delay = self.delay();
        Fate::LeavesTwice(first, self.leave(now + delay))
    }

    /// What it did so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn is_lost(&mut self) -> bool {
        let draw = self.losses.share();
        match self.model.loss {
            Loss::None => false,
            Loss::Random(share) => draw < share,
            Loss::Bursty { share, burst } => {
                let recovery = 1.0 / burst.max(1.0);
                // As often into the bad state as out of it, in the long run.
                let failure = recovery * share / (1.0 - share);
                self.is_bad = if self.is_bad { draw >= recovery } else { draw < failure };
                self.is_bad
            }
        }
    }

    fn delay(&mut self) -> Duration {
        let Delay { mean, jitter, shape, .. } = self.model.delay;
        let offset = match shape {
            Shape::Uniform => 2.0 * self.delays.share() - 1.0,
            Shape::Normal => self.delays.normal(),
            Shape::Pareto => self.delays.pareto(),
        };
        let seconds = mean.as_secs_f64() + jitter.as_secs_f64() * offset.clamp(-FURTHEST, FURTHEST);
        Duration::from_secs_f64(seconds.max(0.0))
    }

    fn leave(&mut self, at: Duration) -> Duration {
        if at < self.latest {
            if !self.model.delay.overtakes {
                return self.latest;
            }
            self.counts.overtook += 1;
        }
        self.latest = self.latest.max(at);
        at
    }
}

/// Random numbers that stay the same from version to version, so that figures can be made again (SplitMix64).
#[derive(Clone, Debug)]
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1, evenly.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Mean 0, standard deviation 1 (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.share()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.share()).cos()
    }

    /// Mean 0, standard deviation 1, a long tail above.
    fn pareto(&mut self) -> f64 {
        let lomax = (1.0 - self.share()).powf(-1.0 / PARETO_SHAPE) - 1.0;
        let mean = 1.0 / (PARETO_SHAPE - 1.0);
        let deviation = mean * (PARETO_SHAPE / (PARETO_SHAPE - 2.0)).sqrt();
        (lomax - mean) / deviation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(20);
    const PACKETS: u32 = 100_000;

    fn fates(model: Model, seed: u64) -> (Vec<Fate>, Counts) {
        let mut path = Impairment::new(model, seed);
        let fates = (0..PACKETS).map(|packet| path.pass(FRAME * packet)).collect();
        (fates, path.counts())
    }

    /// What the packets were delayed by, in milliseconds.
    fn delays(delay: Delay) -> Vec<f64> {
        let (fates, _) = fates(Model { delay, ..Model::default() }, 7);
        let since = |(packet, fate): (usize, Fate)| {
            fate.times().next().map(|at| (at - FRAME * packet as u32).as_secs_f64() * 1_000.0)
        };
        fates.into_iter().enumerate().filter_map(since).collect()
    }

    fn share(count: u64) -> f64 {
        count as f64 / f64::from(PACKETS)
    }

    #[test]
    fn nothing_happens_on_a_good_path() {
        let (fates, counts) = fates(Model::default(), 1);
        assert!((0_u32..).zip(fates).all(|(packet, fate)| fate == Fate::Leaves(FRAME * packet)));
        assert_eq!(counts, Counts { came: u64::from(PACKETS), ..Counts::default() });
    }

    #[test]
    fn as_many_are_lost_as_the_model_says_and_in_runs_as_long() {
        for share_lost in [0.01, 0.03, 0.05, 0.10] {
            let (_, random) = fates(Model { loss: Loss::Random(share_lost), ..Model::default() }, 3);
            assert!((share(random.lost) / share_lost - 1.0).abs() < 0.1, "{random:?}");
            let loss = Loss::Bursty { share: share_lost, burst: 3.0 };
            let (_, bursty) = fates(Model { loss, ..Model::default() }, 3);
            assert!((share(bursty.lost) / share_lost - 1.0).abs() < 0.15, "{bursty:?}");
            let burst = bursty.lost as f64 / bursty.bursts as f64;
            assert!((burst - 3.0).abs() < 0.2, "{share_lost}: {burst} in a row");
        }
    }

    #[test]
    fn delays_are_spread_as_their_shape_says() {
        let jitter = Duration::from_millis(20);
        for shape in [Shape::Uniform, Shape::Normal, Shape::Pareto] {
            let drawn = delays(Delay { mean: Duration::from_millis(100), jitter, shape, overtakes: true });
            let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
            let deviation = (drawn.iter().map(|delay| (delay - mean).powi(2)).sum::<f64>() / drawn.len() as f64).sqrt();
            let (least, most) = drawn.iter().fold((f64::MAX, 0.0_f64), |(a, b), &delay| (a.min(delay), b.max(delay)));
            let expected = match shape {
                Shape::Uniform => (11.55, 80.0, 120.0),
                Shape::Normal => (20.0, 20.0, 180.0),
                // Without its tail beyond four it varies less.
                Shape::Pareto => (15.2, 88.0, 180.0),
            };
            assert!((mean - 100.0).abs() < 2.0, "{shape:?}: {mean}");
            assert!((deviation - expected.0).abs() < 1.0, "{shape:?}: {deviation}");
            assert!(least >= expected.1 && most <= expected.2 + 0.001, "{shape:?}: {least} to {most}");
        }
    }

    #[test]
    fn nothing_overtakes_unless_it_may() {
        let jitter = Duration::from_millis(60);
        let times = |overtakes| {
            let delay = Delay { overtakes, ..Delay::in_order(jitter) };
            let (fates, counts) = fates(Model { delay, ..Model::default() }, 5);
            let times: Vec<Duration> = fates.into_iter().flat_map(Fate::times).collect();
            (times.is_sorted(), counts.overtook)
        };
        assert_eq!(times(false), (true, 0));
        let (sorted, overtook) = times(true);
        assert!(!sorted && overtook > 10_000, "{overtook}");
    }

    #[test]
    fn a_share_comes_twice() {
        let (fates, counts) = fates(Model { duplicates: 0.02, ..Model::default() }, 9);
        assert!((share(counts.doubled) - 0.02).abs() < 0.002);
        assert_eq!(fates.into_iter().flat_map(Fate::times).count() as u64, counts.came + counts.doubled);
    }

    #[test]
    fn a_seed_tells_everything_and_delays_do_not_depend_on_losses() {
        let model = Model { loss: Loss::Random(0.05), delay: Delay::in_order(FRAME * 3), duplicates: 0.01 };
        assert_eq!(fates(model, 11), fates(model, 11));
        assert_ne!(fates(model, 11), fates(model, 12));
        let mut delay = Delay::in_order(FRAME * 3);
        delay.overtakes = true;
        let whole = fates(Model { delay, ..Model::default() }, 11).0;
        let holed = fates(Model { loss: Loss::Random(0.05), delay, duplicates: 0.0 }, 11).0;
        assert!(whole.iter().zip(&holed).all(|(whole, holed)| *holed == Fate::Lost || holed == whole));
    }
}
