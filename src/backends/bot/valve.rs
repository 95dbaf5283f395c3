//! When a bot is read: not while it is so far ahead of its caller that more would be lost. The network holds it then, and TCP
//! slows it down. Pure: told the time.

use std::time::{Duration, Instant};

use super::Ahead;

/// How far ahead a bot may be before it is read no further. Playout takes a minute. Bots say less in one turn, as a rule, and
/// are never held: what is held has the bot's own `clear` behind it.
const FAR: Duration = Duration::from_secs(45);
/// How far ahead it may be to be read again. Read just as fast as it is played, it would look like one that streams in real
/// time, of which playout leaves out pauses to shorten the queue.
const NEAR: Duration = Duration::from_secs(40);
/// Entries in the playout, of 4,096, before it is read no further, and to be read again: bots whose messages are short.
const MANY: usize = 3_072;
const FEW: usize = 2_560;
/// How long a bot may go unread, where nothing is played because the caller holds the call: its pings wait as well, and common
/// libraries give up after twenty seconds. From then on it is read a message at a time, and what finds no room is lost.
const UNREAD: Duration = Duration::from_secs(10);
/// How often to look again whether there is room.
pub(super) const RECHECK: Duration = Duration::from_millis(20);

/// Lets the bot's messages in.
#[derive(Debug, Default)]
pub(super) struct Valve {
    is_shut: bool,
    /// When a message is to be read in any case.
    overdue_at: Option<Instant>,
}

impl Valve {
    /// Whether there is room for what the bot says.
    pub(super) fn opens(&mut self, ahead: &Ahead) -> bool {
        let (audio, entries) = if self.is_shut { (NEAR, FEW) } else { (FAR, MANY) };
        self.is_shut = ahead.is_crowded || ahead.audio >= audio || ahead.entries >= entries;
        if !self.is_shut {
            self.overdue_at = None;
        }
        !self.is_shut
    }

    /// Whether the next message is to be read although there is no room.
    pub(super) fn is_overdue(&mut self, now: Instant) -> bool {
        now >= *self.overdue_at.get_or_insert(now + UNREAD)
    }

    /// A message was read.
    pub(super) fn passed(&mut self, now: Instant) {
        if self.is_shut {
            self.overdue_at = Some(now + RECHECK);
        }
    }
}

#[cfg(test)]
mod tests {
    use audio::{FRAME_SAMPLES, Filled, Generation, Playout, PlayoutConfig, PlayoutOutput};

    use super::*;

    fn ahead(playout: &Playout) -> Ahead {
        let audio = Duration::from_micros(playout.agent_queued() as u64 * 125);
        Ahead { audio, entries: playout.entries(), is_crowded: false }
    }

    /// A bot says this many milliseconds at once, in messages of so many samples, and marks its end. Returns how many frames
    /// with sound were played until the mark was reached, and how far ahead the bot came at most.
    fn pour(milliseconds: usize, message: usize) -> (usize, Duration) {
        let (mut playout, mut valve) = (Playout::new(PlayoutConfig::default()), Valve::default());
        let (mut unread, mut farthest) = (milliseconds * 8, Duration::ZERO);
        let (mut sounding, mut is_marked) = (0, false);
        loop {
            while !is_marked && valve.opens(&ahead(&playout)) {
                let samples = unread.min(message);
                unread -= samples;
                if samples > 0 {
                    playout.append_agent(Generation(0), vec![8_000; samples].into()).unwrap();
                } else {
                    playout.mark(String::new()).unwrap();
                    is_marked = true;
                }
            }
            farthest = farthest.max(ahead(&playout).audio);
            sounding += usize::from(playout.next_frame(&mut [0; FRAME_SAMPLES]) == Filled::Audio);
            if let Some(PlayoutOutput::Mark { cleared, .. }) = playout.poll_output() {
                assert!(!cleared && playout.discarded() == audio::Discarded::default());
                return (sounding, farthest);
            }
        }
    }

    #[test]
    fn a_bot_that_pours_is_held_and_loses_nothing() {
        for message in [40, 80, 160, 8_000] {
            let (sounding, farthest) = pour(55_000, message);
            assert_eq!(sounding, 55_000 / 20, "messages of {message} samples");
            assert!(farthest <= FAR + Duration::from_secs(1), "{farthest:?} in messages of {message} samples");
        }
    }

    #[test]
    fn a_long_turn_is_not_held() {
        assert_eq!(pour(44_000, 160), (44_000 / 20, Duration::from_secs(44)));
    }

    #[test]
    fn once_shut_it_opens_with_some_room_and_at_once_where_all_was_cleared() {
        let (mut valve, mut ahead) = (Valve::default(), Ahead::default());
        for (seconds, opens) in [(44, true), (45, false), (41, false), (39, true), (44, true), (45, false), (0, true)] {
            ahead.audio = Duration::from_secs(seconds);
            assert_eq!(valve.opens(&ahead), opens, "{seconds} s");
        }
        ahead.is_crowded = true;
        assert!(!valve.opens(&ahead));
    }

    #[test]
    fn where_nothing_is_played_the_bot_is_read_slowly_after_ten_seconds() {
        let (mut valve, start) = (Valve::default(), Instant::now());
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let full = Ahead { audio: FAR, ..Ahead::default() };
        let mut read = Vec::new();
        for milliseconds in (0..10_100).step_by(10) {
            if valve.opens(&full) || valve.is_overdue(at(milliseconds)) {
                valve.passed(at(milliseconds));
                read.push(milliseconds);
            }
        }
        assert_eq!(read, [10_000, 10_020, 10_040, 10_060, 10_080]);
        assert!(valve.opens(&Ahead::default()) && !valve.opens(&full) && !valve.is_overdue(at(10_200)));
    }
}
