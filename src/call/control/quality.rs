//! What the timeline says of how a call sounded.

use rtp::{Heard, Quality};

/// Both directions, as far as they are known.
pub(super) fn told(quality: &Quality) -> String {
    let told = |direction: &str, heard: Option<Heard>| match heard {
        None => format!("{direction} unknown"),
        Some(Heard { loss, jitter, round_trip, mos }) => {
            let round_trip =
                round_trip.map_or_else(String::new, |span| format!(", round trip {} ms", span.as_millis()));
            let (percent, jitter) = (loss * 100.0, jitter.as_millis());
            format!("{direction} MOS {mos:.2}, loss {percent:.1} %, jitter {jitter} ms{round_trip}")
        }
    };
    [told("from caller", quality.from_caller), told("to caller", quality.to_caller)].join("; ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_direction_is_told_as_far_as_it_is_known() {
        let heard = Heard {
            loss: 0.0123,
            jitter: Duration::from_micros(3_400),
            round_trip: Some(Duration::from_millis(41)),
            mos: 3.798,
        };
        let quality = Quality { from_caller: Some(heard), to_caller: None };
        let words = "from caller MOS 3.80, loss 1.2 %, jitter 3 ms, round trip 41 ms; to caller unknown";
        assert_eq!(told(&quality), words);
    }
}
