//! The proof that a clip was sent: which packets carried it.

use audio::{FRAME_SAMPLES, SegmentId};
use rtp::Sent;

use crate::media::Delivery;

/// Follows the clip that is playing from packet to packet.
#[derive(Default)]
pub(super) struct Deliveries {
    packet: Option<(Sent, bool)>,
    playing: Option<Playing>,
}

struct Playing {
    id: SegmentId,
    first: Sent,
    last: Sent,
    unsent: u64,
}

/// How a clip that was played to its end went out.
pub(super) enum Finished {
    /// Every packet was sent.
    Delivered(Delivery),
    /// The network refused some of it; so many samples were sent.
    Incomplete(u64),
}

impl Deliveries {
    /// A packet was made, and sent or refused by the network. What is told next about clips is about it.
    pub(super) fn packet(&mut self, sent: Sent, delivered: bool) {
        self.packet = Some((sent, delivered));
        if let Some(playing) = &mut self.playing {
            playing.last = sent;
            playing.unsent += u64::from(!delivered);
        }
    }

    /// The codec left a silent frame out, in place of which the next packet says that there was a pause. What is told next
    /// about clips is about it.
    pub(super) fn pause(&mut self, place: Sent) {
        self.packet = Some((place, true));
    }

    /// A clip's first sample is in the packet.
    pub(super) fn start(&mut self, id: SegmentId) {
        self.playing =
            self.packet.map(|(sent, delivered)| Playing { id, first: sent, last: sent, unsent: u64::from(!delivered) });
    }

    /// A clip's last sample is in the packet.
    pub(super) fn finish(&mut self, id: SegmentId, samples: u64) -> Finished {
        match self.playing.take_if(|playing| playing.id == id) {
            Some(Playing { first, last, unsent: 0, .. }) => Finished::Delivered(Delivery {
                id,
                samples,
                ssrc: first.ssrc,
                first_sequence: first.sequence,
                last_sequence: last.sequence,
                first_timestamp: first.timestamp,
                last_timestamp: last.timestamp,
            }),
            Some(playing) => Finished::Incomplete(samples.saturating_sub(playing.unsent * FRAME_SAMPLES as u64)),
            None => Finished::Incomplete(0),
        }
    }

    /// A clip was cut.
    pub(super) fn interrupt(&mut self, id: SegmentId) {
        self.playing.take_if(|playing| playing.id == id);
    }
}
