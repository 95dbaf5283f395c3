//! Who may speak on a leg: the source address and the stream it is locked to.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Packets in a row that make a newcomer credible.
const PROBATION: u8 = 3;
/// How long the stream that is heard must be silent before another of the same source is: longer than a hole in one that
/// goes on, so that two at once (RFC 8108) do not take turns.
const SILENCE: Duration = Duration::from_millis(200);

/// Watches one candidate at a time for packets in sequence.
struct Probation<K> {
    candidate: Option<(K, u16, u8)>,
}

impl<K: PartialEq + Copy> Probation<K> {
    const fn new() -> Self {
        Self { candidate: None }
    }

    /// Whether this packet is the last of three in a row from the same candidate.
    fn observe(&mut self, key: K, sequence: u16) -> bool {
        let run = match self.candidate {
            Some((known, expected, run)) if known == key && expected == sequence => run.saturating_add(1),
            _ => 1,
        };
        self.candidate = Some((key, sequence.wrapping_add(1), run));
        run >= PROBATION
    }

    fn reset(&mut self) {
        self.candidate = None;
    }
}

/// What a lock says to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is from whom the lock holds to.
    Admitted,
    /// It made the lock close on its sender.
    Locked,
    /// It may be the first of three.
    Probation,
    /// It is from a stranger.
    Refused,
    /// It is of another stream than the one that goes on.
    Second,
}

/// Where media may come from and where it goes: the SDP's address, or else whoever first sends three valid packets in a row.
pub(crate) struct SourceLock {
    signalled: Option<SocketAddr>,
    learns: bool,
    locked: Option<SocketAddr>,
    probation: Probation<(SocketAddr, u32)>,
}

impl SourceLock {
    pub(crate) fn new(signalled: Option<SocketAddr>, learns: bool) -> Self {
        let signalled = signalled.filter(|address| !address.ip().is_unspecified() && address.port() != 0);
        Self { signalled, learns: learns || signalled.is_none(), locked: None, probation: Probation::new() }
    }

    /// Where to send: the locked source, and until then where the SDP said.
    pub(crate) fn destination(&self) -> Option<SocketAddr> {
        self.locked.or(self.signalled)
    }

    /// Where the SDP said, if that is one host's address.
    pub(crate) fn signalled(&self) -> Option<SocketAddr> {
        self.signalled
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.locked.is_some()
    }

    /// Whether [`SourceLock::admit`] might do other than refuse.
    pub(crate) fn may_hear(&self, from: SocketAddr) -> bool {
        match self.locked {
            Some(locked) => locked == from,
            None => self.learns || self.signalled == Some(from),
        }
    }

    pub(crate) fn admit(&mut self, from: SocketAddr, ssrc: u32, sequence: u16) -> Admission {
        if !self.may_hear(from) {
            return Admission::Refused;
        }
        if self.is_locked() {
            return Admission::Admitted;
        }
        if self.signalled == Some(from) || self.probation.observe((from, ssrc), sequence) {
            self.locked = Some(from);
            return Admission::Locked;
        }
        Admission::Probation
    }
}

/// Which SSRC is heard: a new one takes over only after three packets in a row, once the present one is over or silent.
pub(crate) struct StreamLock {
    current: Option<u32>,
    heard: Option<Instant>,
    is_over: bool,
    probation: Probation<u32>,
}

impl StreamLock {
    pub(crate) fn new() -> Self {
        Self { current: None, heard: None, is_over: false, probation: Probation::new() }
    }

    pub(crate) fn current(&self) -> Option<u32> {
        self.current
    }

    /// Whether the far end said goodbye and was not heard since.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The present stream is over: another need not wait for its silence.
    pub(crate) fn end(&mut self) {
        self.is_over = true;
    }

    pub(crate) fn admit(&mut self, now: Instant, ssrc: u32, sequence: u16) -> Admission {
        let Some(current) = self.current else {
            return self.take(now, ssrc, Admission::Locked);
        };
        if current == ssrc {
            return self.take(now, ssrc, Admission::Admitted);
        }
        let is_credible = self.probation.observe(ssrc, sequence);
        if !self.is_over && self.heard.is_some_and(|heard| now.saturating_duration_since(heard) < SILENCE) {
            return Admission::Second;
        }
        if is_credible { self.take(now, ssrc, Admission::Locked) } else { Admission::Probation }
    }

    fn take(&mut self, now: Instant, ssrc: u32, admission: Admission) -> Admission {
        self.probation.reset();
        (self.current, self.heard, self.is_over) = (Some(ssrc), Some(now), false);
        admission
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn the_signalled_source_locks_at_once_and_strangers_are_refused() {
        let mut lock = SourceLock::new(Some(at(1)), true);
        assert_eq!(lock.destination(), Some(at(1)));
        assert_eq!(lock.admit(at(1), 5, 0), Admission::Locked);
        for sequence in 0..10 {
            assert_eq!(lock.admit(at(2), 5, sequence), Admission::Refused);
        }
        assert_eq!(lock.admit(at(1), 5, 1), Admission::Admitted);
    }

    #[test]
    fn three_packets_in_a_row_lock_where_nothing_came_from_the_signalled_address() {
        let mut lock = SourceLock::new(Some(at(1)), true);
        assert_eq!(lock.admit(at(2), 5, 10), Admission::Probation);
        assert_eq!(lock.admit(at(2), 5, 11), Admission::Probation);
        assert_eq!(lock.admit(at(3), 5, 12), Admission::Probation, "another source starts over");
        assert_eq!(lock.admit(at(2), 5, 13), Admission::Probation);
        assert_eq!(lock.admit(at(2), 5, 15), Admission::Probation, "so does a hole");
        assert_eq!(lock.admit(at(2), 5, 16), Admission::Probation);
        assert_eq!(lock.admit(at(2), 5, 17), Admission::Locked);
        assert_eq!(lock.destination(), Some(at(2)));
        assert_eq!(lock.admit(at(1), 5, 18), Admission::Refused, "even the signalled one now");
    }

    #[test]
    fn a_strict_lock_knows_only_the_signalled_address() {
        let mut lock = SourceLock::new(Some(at(1)), false);
        assert!((0..9).all(|sequence| lock.admit(at(2), 5, sequence) == Admission::Refused));
    }

    #[test]
    fn an_unusable_address_is_learnt_whatever_the_policy() {
        let mut lock = SourceLock::new(Some(SocketAddr::from(([0, 0, 0, 0], 4_000))), false);
        assert_eq!(lock.destination(), None);
        lock.admit(at(2), 5, u16::MAX);
        lock.admit(at(2), 5, 0);
        assert_eq!(lock.admit(at(2), 5, 1), Admission::Locked);
    }

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_new_stream_takes_over_after_three_in_a_row_once_the_old_one_is_silent() {
        let (mut lock, now) = (StreamLock::new(), crate::an_instant());
        assert_eq!(lock.admit(now, 1, 0), Admission::Locked);
        for number in 0..10 {
            assert_eq!(lock.admit(now + millis(19) * number.into(), 2, number), Admission::Second, "{number}");
        }
        assert_eq!(lock.admit(now + millis(199), 1, 1), Admission::Admitted, "the old one still speaks");
        assert_eq!(lock.admit(now + millis(200), 2, 11), Admission::Second);
        let later = now + millis(399);
        assert_eq!(lock.admit(later, 2, 12), Admission::Probation);
        assert_eq!(lock.admit(later, 2, 14), Admission::Probation, "a hole starts over");
        assert_eq!(lock.admit(later, 2, 15), Admission::Probation);
        assert_eq!(lock.admit(later, 2, 16), Admission::Locked);
        assert_eq!(lock.admit(later, 1, 2), Admission::Second, "now the other must wait");
    }

    #[test]
    fn a_stream_that_is_over_is_not_waited_for() {
        let (mut lock, now) = (StreamLock::new(), crate::an_instant());
        lock.admit(now, 1, 0);
        lock.end();
        assert!(lock.is_over());
        assert_eq!(lock.admit(now, 2, 0), Admission::Probation);
        assert_eq!(lock.admit(now, 1, 1), Admission::Admitted, "unless it goes on");
        assert!(!lock.is_over());
        lock.end();
        for (sequence, admission) in [(1, Admission::Probation), (2, Admission::Probation), (3, Admission::Locked)] {
            assert_eq!(lock.admit(now, 2, sequence), admission);
        }
        assert!(!lock.is_over());
    }

    #[test]
    fn two_streams_at_once_do_not_take_turns() {
        let (mut lock, now) = (StreamLock::new(), crate::an_instant());
        for number in 0..2_000_u16 {
            // Each comes in bunches of five, as a wireless line sends them.
            let at = now + millis(100) * u32::from(number / 5);
            assert_ne!(lock.admit(at, 1, number), Admission::Second);
            let second = now + millis(100) * u32::from(number / 5) + millis(50);
            assert_eq!(lock.admit(second, 2, number), Admission::Second);
        }
        assert_eq!(lock.current(), Some(1));
    }
}
