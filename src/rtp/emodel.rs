//! The E-model of ITU-T G.107 (simplified: no echo, default levels): what loss and delay leave of a line.

use std::time::Duration;

use audio::Codec;

/// The rating of a line without loss or delay (G.107 §7.7, all defaults).
const BEST: f32 = 93.2;
/// The one-way delay from which people interrupt each other, in milliseconds.
const NOTICED: f32 = 177.3;
/// The loss in percent from which on bursts of more than twice the usual length are beyond the model (the ranges of G.107).
const LOSSY: f32 = 2.0;
/// The longest bursts that are within it, beside those of random loss.
const MOST_BURSTY: f32 = 2.0;

/// What a codec costs, and how well it stands loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Impairment {
    /// Ie: what it costs where nothing is lost.
    equipment: f32,
    /// Bpl: how well its speech stands loss.
    robustness: f32,
}

impl Impairment {
    /// G.711 with losses filled (G.113 appendix I).
    pub(crate) const FILLED_G711: Self = Self { equipment: 0.0, robustness: 25.1 };
    /// Of a coder that predicts each frame from the last, so that a loss is heard beyond itself: the Bpl of G.729A, the
    /// nearest in that appendix. Opus itself is not in it.
    const FILLED_PREDICTIVE: Self = Self { equipment: 0.0, robustness: 19.0 };

    /// Of a codec whose losses are filled. The scale is that of narrow-band telephony, where nothing is better than G.711:
    /// what is wider counts as good, and waveforms are filled alike.
    pub(crate) fn of(codec: Codec) -> Self {
        match codec {
            Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::L16(_) => Self::FILLED_G711,
            Codec::Opus(_) => Self::FILLED_PREDICTIVE,
        }
    }

    /// Ie-eff (G.107 §7.5) for a share of packets missing and a burst ratio.
    fn effective(self, loss: f32, burst_ratio: f32) -> f32 {
        let percent = loss * 100.0;
        let most = if percent >= LOSSY { MOST_BURSTY } else { f32::MAX };
        let ratio = burst_ratio.clamp(1.0, most);
        self.equipment + (95.0 - self.equipment) * percent / (percent / ratio + self.robustness)
    }
}

/// BurstR (G.107 §7.5): the mean length of losses in a row, over what it would be were they random.
pub(crate) fn burst_ratio(missing: u64, runs: u64, loss: f32) -> f32 {
    if runs == 0 { 1.0 } else { missing as f32 / runs as f32 * (1.0 - loss) }
}

/// The transmission rating R (G.107 §7.1), for a share of packets missing and a one-way delay.
pub(crate) fn rating(impairment: Impairment, loss: f32, burst_ratio: f32, delay: Duration) -> f32 {
    let millis = delay.as_secs_f32() * 1_000.0;
    let by_delay = 0.024 * millis + 0.11 * (millis - NOTICED).max(0.0);
    BEST - by_delay - impairment.effective(loss, burst_ratio)
}

/// The mean opinion score of a rating (G.107 annex B).
pub(crate) fn mos(rating: f32) -> f32 {
    if rating <= 0.0 {
        return 1.0;
    }
    let rating = rating.min(100.0);
    (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7.0e-6).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rating_has_the_score_of_the_recommendation() {
        for (rating, score) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            assert!((mos(rating) - score).abs() < 0.01, "{rating}: {}", mos(rating));
        }
        assert_eq!((mos(-5.0), mos(3.0)), (1.0, 1.0));
    }

    #[test]
    fn loss_costs_by_codec_and_more_in_bursts() {
        let cost = |codec, loss, ratio| BEST - rating(Impairment::of(codec), loss, ratio, Duration::ZERO);
        // 95 · 5 / (5 + 25.1), and with losses twice as long 95 · 5 / (2.5 + 25.1).
        for (codec, loss, ratio, expected) in [
            (Codec::Pcma, 0.05, 1.0, 15.78),
            (Codec::G722, 0.05, 2.0, 17.21),
            (Codec::Pcmu, 0.05, 9.0, 17.21),
            (Codec::Pcmu, 0.01, 4.0, 3.747),
            (Codec::Pcmu, 0.05, 0.2, 15.78),
            (Codec::Opus(frame::SampleRate::Hz16000), 0.05, 1.0, 19.79),
            (Codec::Pcmu, 0.0, 1.0, 0.0),
        ] {
            let found = cost(codec, loss, ratio);
            assert!((found - expected).abs() < 0.01, "{codec:?} {loss} {ratio}: {found}");
        }
    }

    #[test]
    fn random_losses_have_a_burst_ratio_of_one() {
        // Of 1000 packets every tenth at random: runs of 1 / 0.9 packets.
        assert!((burst_ratio(100, 90, 0.1) - 1.0).abs() < 1e-5);
        assert!((burst_ratio(100, 25, 0.1) - 3.6).abs() < 1e-5);
        assert!((burst_ratio(0, 0, 0.0) - 1.0).abs() < 1e-5);
    }
}
