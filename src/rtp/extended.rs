//! Extended reports (RFC 3611) as bytes: the receiver's reference time, the answer to it, and VoIP metrics.

use crate::rtcp::Parties;

/// The packet type (§2).
pub(crate) const EXTENDED_REPORT: u8 = 207;
const REFERENCE_TIME: u8 = 4;
const DELAY_SINCE_REFERENCE: u8 = 5;
const VOIP_METRICS: u8 = 7;
/// One answer in a block of them: an SSRC, its last reference time and the delay since (§4.5).
const ANSWER_BYTES: usize = 12;
/// What a block of VoIP metrics holds after its SSRC (§4.7).
const METRICS_BYTES: usize = 28;
/// What stands for a level, rating or score that is not known (§4.7.4, §4.7.5).
pub(crate) const UNAVAILABLE: u8 = 127;

/// Which extended reports this side sends. They are read whatever was agreed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtendedReports {
    /// The reference time of this side, and answers to the far end's: `rcvr-rtt` (RFC 3611 §5.1).
    pub round_trip: bool,
    /// How the far end's stream is heard: `voip-metrics`.
    pub voip_metrics: bool,
}

/// How one end hears a stream (§4.7). The fields and their units are those of the RFC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoipMetrics {
    /// Share of packets that never came, in 256ths.
    pub loss_rate: u8,
    /// Share of packets that came too late or too early to be heard, in 256ths.
    pub discard_rate: u8,
    /// Share of packets lost or discarded within bursts, in 256ths.
    pub burst_density: u8,
    /// Share of packets lost or discarded between bursts, in 256ths.
    pub gap_density: u8,
    /// Mean length of a burst in milliseconds.
    pub burst_duration: u16,
    /// Mean length between bursts in milliseconds.
    pub gap_duration: u16,
    /// Time to the far end and back in milliseconds; 0 while it is not known.
    pub round_trip_delay: u16,
    /// What this end adds in milliseconds: buffer, decoder and encoder.
    pub end_system_delay: u16,
    /// Level of speech in dBm0, as two's complement; 127 where it is not known.
    pub signal_level: u8,
    /// Level of noise in dBm0, likewise.
    pub noise_level: u8,
    /// Residual echo return loss in dB; 127 where it is not known.
    pub residual_echo_return_loss: u8,
    /// Packets in a row that came, which end a burst.
    pub gap_threshold: u8,
    /// The rating of the conversation, from 0 to 100; 127 where it is not known.
    pub rating: u8,
    /// The rating of the segment beyond this end, likewise.
    pub external_rating: u8,
    /// Listening quality: a mean opinion score in tenths, from 10 to 50; 127 where it is not known.
    pub listening_score: u8,
    /// Conversational quality, with delay in it; likewise.
    pub conversational_score: u8,
    /// How losses are filled and how the buffer adapts, in bits (§4.7.6).
    pub receiver_configuration: u8,
    /// The buffer's delay now, in milliseconds (§4.7.7).
    pub buffer_nominal: u16,
    /// The longest delay of the buffer as it is set now.
    pub buffer_maximum: u16,
    /// The longest delay that it can be set to.
    pub buffer_absolute_maximum: u16,
}

/// When a reference time of one end came, and how long ago (§4.5); in 65,536ths of a second like those of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Whose reference time it was.
    pub(crate) ssrc: u32,
    pub(crate) reference: u32,
    pub(crate) delay: u32,
}

/// The blocks of one extended report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Blocks {
    /// The NTP time of this end (§4.4).
    pub(crate) reference: Option<u64>,
    pub(crate) answer: Option<Answer>,
    /// About the stream of an SSRC.
    pub(crate) metrics: Option<(u32, VoipMetrics)>,
}

impl Blocks {
    pub(crate) fn are_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Words of all blocks.
    pub(crate) fn words(&self) -> u16 {
        let words = |is_there, words| if is_there { words } else { 0 };
        words(self.reference.is_some(), 3) + words(self.answer.is_some(), 4) + words(self.metrics.is_some(), 9)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        if let Some(reference) = self.reference {
            out.extend([REFERENCE_TIME, 0, 0, 2]);
            out.extend(reference.to_be_bytes());
        }
        if let Some(answer) = self.answer {
            out.extend([DELAY_SINCE_REFERENCE, 0, 0, 3]);
            for word in [answer.ssrc, answer.reference, answer.delay] {
                out.extend(word.to_be_bytes());
            }
        }
        if let Some((ssrc, metrics)) = &self.metrics {
            out.extend([VOIP_METRICS, 0, 0, 8]);
            out.extend(ssrc.to_be_bytes());
            metrics.write(out);
        }
    }

    /// Reads what follows the sender's SSRC. A block that is cut off ends it, and one of another kind is passed over.
    pub(crate) fn read(bytes: &[u8], parties: Parties) -> Self {
        let mut blocks = Self::default();
        let mut rest = bytes;
        while let Some((&[kind, _, high, low], tail)) = rest.split_first_chunk::<4>() {
            let length = usize::from(u16::from_be_bytes([high, low])) * 4;
            let Some((body, later)) = tail.split_at_checked(length) else { break };
            blocks.take(kind, body, parties);
            rest = later;
        }
        blocks
    }

    fn take(&mut self, kind: u8, body: &[u8], parties: Parties) {
        match kind {
            REFERENCE_TIME => {
                if let Some(time) = body.first_chunk() {
                    self.reference = Some(u64::from_be_bytes(*time));
                }
            }
            DELAY_SINCE_REFERENCE => {
                let mut answers = body.as_chunks::<ANSWER_BYTES>().0.iter().map(Answer::read);
                self.answer = answers.find(|answer| answer.ssrc == parties.ours).or(self.answer);
            }
            VOIP_METRICS => {
                let Some((ssrc, rest)) = body.split_first_chunk() else { return };
                let (ssrc, rest) = (u32::from_be_bytes(*ssrc), rest.first_chunk());
                if let Some(metrics) = rest.filter(|_| ssrc == parties.ours) {
                    self.metrics = Some((ssrc, VoipMetrics::read(metrics)));
                }
            }
            _ => {}
        }
    }
}

impl Answer {
    fn read(bytes: &[u8; ANSWER_BYTES]) -> Self {
        let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Self { ssrc: word(0), reference: word(4), delay: word(8) }
    }
}

impl VoipMetrics {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.loss_rate, self.discard_rate, self.burst_density, self.gap_density]);
        let spans = [self.burst_duration, self.gap_duration, self.round_trip_delay, self.end_system_delay];
        spans.into_iter().for_each(|span| out.extend(span.to_be_bytes()));
        out.extend([self.signal_level, self.noise_level, self.residual_echo_return_loss, self.gap_threshold]);
        out.extend([self.rating, self.external_rating, self.listening_score, self.conversational_score]);
        out.extend([self.receiver_configuration, 0]);
        let spans = [self.buffer_nominal, self.buffer_maximum, self.buffer_absolute_maximum];
        spans.into_iter().for_each(|span| out.extend(span.to_be_bytes()));
    }

    fn read(bytes: &[u8; METRICS_BYTES]) -> Self {
        let half = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        Self {
            loss_rate: bytes[0],
            discard_rate: bytes[1],
            burst_density: bytes[2],
            gap_density: bytes[3],
            burst_duration: half(4),
            gap_duration: half(6),
            round_trip_delay: half(8),
            end_system_delay: half(10),
            signal_level: bytes[12],
            noise_level: bytes[13],
            residual_echo_return_loss: bytes[14],
            gap_threshold: bytes[15],
            rating: bytes[16],
            external_rating: bytes[17],
            listening_score: bytes[18],
            conversational_score: bytes[19],
            receiver_configuration: bytes[20],
            buffer_nominal: half(22),
            buffer_maximum: half(24),
            buffer_absolute_maximum: half(26),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const METRICS: VoipMetrics = VoipMetrics {
        loss_rate: 0x01,
        discard_rate: 0x02,
        burst_density: 0x55,
        gap_density: 0x03,
        burst_duration: 0x00f0,
        gap_duration: 0x1234,
        round_trip_delay: 0x003c,
        end_system_delay: 0x0050,
        signal_level: 0xe9,
        noise_level: 0xc4,
        residual_echo_return_loss: 0x7f,
        gap_threshold: 0x10,
        rating: 0x5d,
        external_rating: 0x7f,
        listening_score: 0x2c,
        conversational_score: 0x2b,
        receiver_configuration: 0xa0,
        buffer_nominal: 0x0028,
        buffer_maximum: 0x003c,
        buffer_absolute_maximum: 0x0078,
    };

    /// The figures of §4.4, §4.5 and §4.7, word by word.
    #[rustfmt::skip]
    pub(crate) const BYTES: [u8; 64] = [
        // BT=4, reserved, block length = 2
        4, 0, 0, 2,
        // NTP timestamp, most significant word
        0x11, 0x22, 0x33, 0x44,
        // NTP timestamp, least significant word
        0x55, 0x66, 0x77, 0x88,
        // BT=5, reserved, block length
        5, 0, 0, 3,
        // SSRC_1 (SSRC of first receiver)
        0, 0, 0, 7,
        // last RR (LRR)
        0xaa, 0xbb, 0xcc, 0xdd,
        // delay since last RR (DLRR)
        0, 1, 0, 0,
        // BT=7, reserved, block length = 8
        7, 0, 0, 8,
        // SSRC of source
        0, 0, 0, 7,
        // loss rate, discard rate, burst density, gap density
        0x01, 0x02, 0x55, 0x03,
        // burst duration, gap duration
        0x00, 0xf0, 0x12, 0x34,
        // round trip delay, end system delay
        0x00, 0x3c, 0x00, 0x50,
        // signal level, noise level, RERL, Gmin
        0xe9, 0xc4, 0x7f, 0x10,
        // R factor, ext. R factor, MOS-LQ, MOS-CQ
        0x5d, 0x7f, 0x2c, 0x2b,
        // RX config, reserved, JB nominal
        0xa0, 0x00, 0x00, 0x28,
        // JB maximum, JB abs max
        0x00, 0x3c, 0x00, 0x78,
    ];

    pub(crate) const BLOCKS: Blocks = Blocks {
        reference: Some(0x1122_3344_5566_7788),
        answer: Some(Answer { ssrc: 7, reference: 0xaabb_ccdd, delay: 65_536 }),
        metrics: Some((7, METRICS)),
    };

    fn read(bytes: &[u8], ours: u32) -> Blocks {
        Blocks::read(bytes, Parties { ours, theirs: None })
    }

    #[test]
    fn the_bytes_are_those_of_the_figures() {
        let mut out = Vec::new();
        BLOCKS.write(&mut out);
        assert_eq!((out.as_slice(), out.len()), (&BYTES[..], usize::from(BLOCKS.words()) * 4));
        assert_eq!(read(&BYTES, 7), BLOCKS);
    }

    #[test]
    fn what_is_about_another_is_not_ours() {
        assert_eq!(read(&BYTES, 8), Blocks { reference: BLOCKS.reference, ..Blocks::default() });
        let mut two = BYTES[..28].to_vec();
        two[15] = 6;
        two.extend([0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2]);
        assert_eq!(read(&two, 8).answer, Some(Answer { ssrc: 8, reference: 1, delay: 2 }), "the second of two");
    }

    #[test]
    fn unknown_blocks_are_passed_over_and_a_cut_one_ends_the_report() {
        let mut bytes = vec![1, 0, 0, 1, 9, 9, 9, 9, 6, 0, 0, 0];
        bytes.extend(BYTES);
        assert_eq!(read(&bytes, 7), BLOCKS);
        for length in 0..BYTES.len() {
            let blocks = read(&BYTES[..length], 7);
            assert_eq!(blocks.reference.is_some(), length >= 12, "{length}");
            assert_eq!((blocks.answer.is_some(), blocks.metrics.is_some()), (length >= 28, false), "{length}");
        }
        let short = [7, 0, 0, 2, 0, 0, 0, 7, 1, 2, 3, 4];
        assert!(read(&short, 7).are_empty(), "metrics of fewer words than they have");
    }
}
