//! Extended RTCP reports in session descriptions (RFC 3611 §5): `a=rtcp-xr`, at the line or else at the session.
//!
//! What one side names is what it wants to be sent; a round trip takes both. This side answers with what it does of what was
//! offered, and offers all that it does.

use sdp_types::{Attribute, Media, Session};

const ATTRIBUTE: &str = "rtcp-xr";
const ROUND_TRIP: &str = "rcvr-rtt";
const VOIP_METRICS: &str = "voip-metrics";
/// The bytes of a block with one answer, for one receiver (RFC 3611 §4.5).
const ANSWER_BYTES: u32 = 16;

/// Extended reports that this side knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ExtendedReports {
    /// Reference times and answers to them, by which receivers measure the round trip: `rcvr-rtt`.
    pub round_trip: bool,
    /// How the stream is heard: `voip-metrics`.
    pub voip_metrics: bool,
}

impl ExtendedReports {
    /// What this side offers.
    pub(super) const ALL: Self = Self { round_trip: true, voip_metrics: true };

    /// What a line wants. Of several attributes each counts; reports that this side does not know are passed over.
    pub(super) fn of(session: &Session, line: &Media) -> Self {
        let is_in_line = line.attributes.iter().any(|attribute| attribute.attribute == ATTRIBUTE);
        let attributes: &[Attribute] = if is_in_line { &line.attributes } else { &session.attributes };
        let values = attributes.iter().filter(|attribute| attribute.attribute == ATTRIBUTE);
        let mut wanted = Self::default();
        for format in values.filter_map(|attribute| attribute.value.as_deref()).flat_map(str::split_ascii_whitespace) {
            match format.split_once('=').unwrap_or((format, "")) {
                (ROUND_TRIP, mode) => wanted.round_trip |= has_room(mode),
                (VOIP_METRICS, _) => wanted.voip_metrics = true,
                (_, _) => {}
            }
        }
        wanted
    }

    /// The attribute of this side's description; nothing where nothing was agreed.
    pub(super) fn attribute(self) -> String {
        let names = [self.round_trip.then_some("rcvr-rtt=all"), self.voip_metrics.then_some(VOIP_METRICS)];
        let names: Vec<_> = names.into_iter().flatten().collect();
        if names.is_empty() { String::new() } else { format!("a={ATTRIBUTE}:{}\r\n", names.join(" ")) }
    }
}

/// Whether an answer fits the block's greatest size, which may follow the mode: `all:10000`. This side sends as well as it
/// receives, so that the mode makes no difference.
fn has_room(mode: &str) -> bool {
    let most = mode.split_once(':').and_then(|(_, bytes)| bytes.parse().ok());
    most.is_none_or(|most: u32| most >= ANSWER_BYTES)
}
