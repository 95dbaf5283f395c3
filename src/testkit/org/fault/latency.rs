//! How late an org answers: lognormal, as services behind a network are, with stalls now and then. Its seed makes it the same
//! each time.

use std::time::Duration;

use rand::{Rng, rngs::StdRng};
use serde::{Deserialize, Serialize};

/// The standard normal distribution has 99 % below this.
const P99: f64 = 2.326_347_874;

/// A distribution of latencies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Half of all answers are quicker, in milliseconds.
    pub p50_milliseconds: f64,
    /// 99 in 100 are quicker.
    pub p99_milliseconds: f64,
    /// How likely a stall is, from 0 to 1.
    #[serde(default)]
    pub stall_chance: f64,
    /// How much longer a stall takes.
    #[serde(default)]
    pub stall_milliseconds: f64,
    /// What chance begins with.
    #[serde(default)]
    pub seed: u64,
}

impl Latency {
    /// What a phone call must live with: an assumption, not a figure of Salesforce's, which publishes none.
    #[must_use]
    pub const fn assumed(seed: u64) -> Self {
        Self {
            p50_milliseconds: 120.0,
            p99_milliseconds: 900.0,
            stall_chance: 0.001,
            stall_milliseconds: 2_500.0,
            seed,
        }
    }

    pub(super) fn draw(&self, chance: &mut StdRng) -> Duration {
        let is_stalled = chance.random_bool(self.stall_chance.clamp(0.0, 1.0));
        let spread = (self.p99_milliseconds / self.p50_milliseconds).ln() / P99;
        let usual = self.p50_milliseconds * (spread * normal(chance)).exp();
        let milliseconds = usual + if is_stalled { self.stall_milliseconds } else { 0.0 };
        Duration::try_from_secs_f64(milliseconds / 1_000.0).unwrap_or(Duration::ZERO)
    }
}

/// By the method of Box and Muller.
fn normal(chance: &mut StdRng) -> f64 {
    let (length, angle) = (1.0 - chance.random::<f64>(), chance.random::<f64>());
    (-2.0 * length.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn latencies_are_distributed_as_ordered_and_a_seed_repeats_them() {
        let latency = Latency { stall_chance: 0.0, ..Latency::assumed(7) };
        let drawn = |latency: &Latency| -> Vec<Duration> {
            let mut chance = StdRng::seed_from_u64(latency.seed);
            let mut drawn: Vec<Duration> = (0..20_000).map(|_| latency.draw(&mut chance)).collect();
            drawn.sort();
            drawn
        };
        let sorted = drawn(&latency);
        assert_eq!(sorted, drawn(&latency));
        let (half, most) = (sorted[10_000].as_millis(), sorted[19_800].as_millis());
        assert!((116..=124).contains(&half) && (830..=970).contains(&most), "{half} {most}");
        let stalled = drawn(&Latency { stall_chance: 0.1, ..latency });
        let stalls = stalled.iter().filter(|late| late.as_millis() > 2_500).count();
        assert!((1_800..2_200).contains(&stalls), "{stalls}");
    }
}
