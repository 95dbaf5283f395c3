//! Bursts and gaps (RFC 3611 §4.7.2): a burst begins and ends with a packet that was lost or discarded, and within it fewer
//! than [`GAP_THRESHOLD`] packets in a row are heard. Everything else is a gap, and a loss there stands alone.

/// Packets in a row that are heard between two bursts: Gmin (§4.7.2).
pub(crate) const GAP_THRESHOLD: u8 = 16;

/// What became of the packets of a stream, told in the order of their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bursts {
    packets: u64,
    missing: u64,
    /// Losses in a row count as one.
    runs: u64,
    bursts: Closed,
    /// The burst that may go on: one loss alone is none yet.
    open: Open,
    /// Packets heard since the last that was not.
    heard: u64,
    /// Whether the first burst began with the first packet: no gap lies before it.
    begins_with_burst: bool,
}

/// Bursts that are over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Closed {
    count: u64,
    packets: u64,
    missing: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Open {
    packets: u64,
    missing: u64,
    is_first: bool,
}

/// Losses of a stream and how they lie together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossRuns {
    /// Packets lost, or discarded because they came too late.
    pub missing: u64,
    /// Those in a row count as one.
    pub runs: u64,
}

/// Densities as shares from 0 to 1 and lengths in packets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Periods {
    pub(crate) burst_density: f32,
    pub(crate) gap_density: f32,
    pub(crate) burst_packets: f32,
    pub(crate) gap_packets: f32,
}

impl Bursts {
    /// The next packet in order was heard, or it was lost or discarded.
    pub(crate) fn next(&mut self, is_heard: bool) {
        self.packets += 1;
        if is_heard {
            self.heard += 1;
            return;
        }
        self.missing += 1;
        self.runs += u64::from(self.heard > 0 || self.missing == 1);
        if self.open.missing > 0 && self.heard < u64::from(GAP_THRESHOLD) {
            self.open.packets += self.heard + 1;
            self.open.missing += 1;
        } else {
            (self.bursts, self.begins_with_burst) = self.closed();
            self.open = Open { packets: 1, missing: 1, is_first: self.packets == 1 };
        }
        self.heard = 0;
    }

    pub(crate) fn runs(&self) -> LossRuns {
        LossRuns { missing: self.missing, runs: self.runs }
    }

    /// All bursts, were the open one over, and whether the first began with the first packet.
    fn closed(&self) -> (Closed, bool) {
        if self.open.missing < 2 {
            return (self.bursts, self.begins_with_burst);
        }
        let bursts = Closed {
            count: self.bursts.count + 1,
            packets: self.bursts.packets + self.open.packets,
            missing: self.bursts.missing + self.open.missing,
        };
        (bursts, self.begins_with_burst || self.open.is_first)
    }

    pub(crate) fn periods(&self) -> Periods {
        let (bursts, begins_with_burst) = self.closed();
        let ends_with_burst = self.open.missing >= 2 && self.heard == 0;
        // A gap lies between two bursts, and where there is none before the first or after the last none is counted.
        let gaps = (bursts.count + 1) - u64::from(begins_with_burst) - u64::from(ends_with_burst);
        let gap_packets = self.packets - bursts.packets;
        Periods {
            burst_density: share(bursts.missing, bursts.packets),
            gap_density: share(self.missing - bursts.missing, gap_packets),
            burst_packets: share(bursts.packets, bursts.count),
            gap_packets: share(gap_packets, gaps),
        }
    }
}

fn share(part: u64, whole: u64) -> f32 {
    if whole == 0 { 0.0 } else { part as f32 / whole as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `1` was heard, `0` lost, `X` discarded.
    fn after(packets: &str) -> Bursts {
        let mut bursts = Bursts::default();
        packets.chars().for_each(|packet| bursts.next(packet == '1'));
        bursts
    }

    #[test]
    fn the_example_of_the_rfc_has_a_burst_of_twelve_packets_and_a_third_of_them_missing() {
        let bursts = after("11110111111111111111111X111X1011110111111111111111111X111111111");
        let periods = bursts.periods();
        assert_eq!((periods.burst_packets, periods.burst_density), (12.0, 4.0 / 12.0));
        // Before it 23 packets, one of them missing; after it 28, likewise.
        assert_eq!((periods.gap_packets, periods.gap_density), (25.5, 2.0 / 51.0));
        assert_eq!(bursts.runs(), LossRuns { missing: 6, runs: 6 });
    }

    #[test]
    fn one_loss_alone_is_no_burst_and_two_in_a_row_are() {
        let heard = "1".repeat(16);
        let alone = after(&format!("{heard}0{heard}0{heard}"));
        assert_eq!((alone.periods().burst_packets, alone.periods().gap_density), (0.0, 2.0 / 50.0));
        let pair = after(&format!("{heard}00{heard}")).periods();
        assert_eq!((pair.burst_packets, pair.burst_density, pair.gap_packets), (2.0, 1.0, 16.0));
    }

    #[test]
    fn fifteen_heard_in_a_row_end_no_burst_and_sixteen_do() {
        let of = |heard: usize| after(&format!("0{}0", "1".repeat(heard))).periods();
        assert_eq!((of(15).burst_packets, of(15).gap_packets), (17.0, 0.0), "all is burst");
        assert_eq!((of(16).burst_packets, of(16).gap_packets), (0.0, 18.0), "all is gap");
    }

    #[test]
    fn losses_in_a_row_are_one_run() {
        assert_eq!(after("0001100111011").runs(), LossRuns { missing: 6, runs: 3 });
        assert_eq!(Bursts::default().periods(), Periods::default());
    }
}
