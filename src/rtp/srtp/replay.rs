//! Which packets of a stream have come, and where a sequence number belongs.

/// The index of an SRTP packet has 48 bits: a rollover counter of 32 and the sequence number.
pub(super) const MAX_RTP_INDEX: u64 = (1 << 48) - 1;

/// The last 128 packets of a stream (RFC 3711 §3.3.2 asks for 64 at least).
#[derive(Clone, Copy, Default)]
pub(super) struct Window {
    highest: Option<u64>,
    /// Bit `n`: the packet `n` before the highest came.
    seen: u128,
}

impl Window {
    /// The index that a sequence number most likely has (RFC 3711 §3.3.1, Appendix A); a stream begins with a rollover
    /// counter of zero. `None` where it would lie before the stream or beyond its end.
    pub(super) fn estimate(&self, sequence: u16) -> Option<u64> {
        let Some(highest) = self.highest else { return Some(u64::from(sequence)) };
        let rollover = highest >> 16;
        let ahead = i32::from(sequence) - i32::from(highest as u16);
        let rollover = match ahead {
            i32::MIN..-0x8000 => rollover + 1,
            -0x8000..=0x8000 => rollover,
            _ => rollover.checked_sub(1)?,
        };
        Some(rollover << 16 | u64::from(sequence)).filter(|&index| index <= MAX_RTP_INDEX)
    }

    /// Whether the packet is new, and not too old to tell.
    pub(super) fn is_fresh(&self, index: u64) -> bool {
        let Some(age) = self.highest.and_then(|highest| highest.checked_sub(index)) else { return true };
        age < u64::from(u128::BITS) && self.seen >> age & 1 == 0
    }

    /// Takes a packet whose tag was right.
    pub(super) fn take(&mut self, index: u64) {
        let highest = self.highest.unwrap_or(index);
        if index >= highest {
            let ahead = u32::try_from(index - highest).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = Some(index);
        } else if let Some(bit) = u32::try_from(highest - index).ok().and_then(|age| 1_u128.checked_shl(age)) {
            self.seen |= bit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(indices: &[u64]) -> Window {
        let mut window = Window::default();
        indices.iter().for_each(|&index| window.take(index));
        window
    }

    #[test]
    fn a_sequence_number_belongs_to_the_nearest_index() {
        assert_eq!(Window::default().estimate(u16::MAX), Some(65_535), "a stream begins with no rollover");
        for (highest, sequence, index) in [
            (10, 11, Some(11)),
            (10, 9, Some(9)),
            (10, 65_530, None),
            (65_535, 0, Some(65_536)),
            (65_535, 40_000, Some(40_000)),
            (65_538, 65_533, Some(65_533)),
            (0x5_8000, 0, Some(0x5_0000)),
            (0x5_8001, 0, Some(0x6_0000)),
            (0x5_7fff, 0xffff, Some(0x5_ffff)),
            (0x5_7ffe, 0xffff, Some(0x4_ffff)),
            (MAX_RTP_INDEX, 0, None),
        ] {
            assert_eq!(after(&[highest]).estimate(sequence), index, "{highest:x} {sequence:x}");
        }
    }

    #[test]
    fn each_packet_is_fresh_once_and_only_within_the_window() {
        let mut window = after(&[1_000]);
        assert!(!window.is_fresh(1_000) && window.is_fresh(1_001) && window.is_fresh(873) && !window.is_fresh(872));
        window.take(990);
        assert!(!window.is_fresh(990) && window.is_fresh(989));
        window.take(1_117);
        assert!(!window.is_fresh(990) && !window.is_fresh(1_000) && window.is_fresh(991));
        window.take(1_000_000);
        assert!(!window.is_fresh(1_117) && !window.is_fresh(1_000_000) && window.is_fresh(999_873));
    }

    proptest::proptest! {
        /// The model remembers everything.
        #[test]
        fn the_window_agrees_with_a_set(steps in proptest::collection::vec(0_u64..400, 1..200)) {
            let (mut window, mut taken) = (Window::default(), std::collections::BTreeSet::new());
            for index in steps {
                let oldest = taken.last().map_or(0, |highest: &u64| (highest + 1).saturating_sub(128));
                let expected = !taken.contains(&index) && index >= oldest;
                proptest::prop_assert_eq!(window.is_fresh(index), expected);
                if expected {
                    window.take(index);
                    taken.insert(index);
                }
            }
        }
    }
}
