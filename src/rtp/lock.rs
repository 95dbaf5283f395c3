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

/// How near a source is to the address of the session description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Nearness {
    Elsewhere,
    /// On the same host, at another port.
    Host,
    /// The very address and port.
    Signalled,
}

/// Where media may come from and where it goes.
///
/// The address and port of the SDP are believed at the first packet. Where sources may be learnt, because a NAT changes
/// them, so is anybody else who sends three valid packets in a row, but only until somebody nearer speaks: the signalled
/// host from another port takes the lock from a stranger, and the signalled address takes it from both, by three packets in
/// a row. Nobody takes it from the signalled address, nor from a source as near as themselves; only another session
/// description opens it. Without an address in the SDP all are strangers, and the first keeps it.
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

    pub(crate) fn is_locked_to(&self, from: SocketAddr) -> bool {
        self.locked == Some(from)
    }

    /// Whether [`SourceLock::admit`] might do other than refuse.
    pub(crate) fn may_hear(&self, from: SocketAddr) -> bool {
        match self.locked {
            Some(locked) => locked == from || self.learns && self.nearness(from) > self.nearness(locked),
            None => self.learns || self.signalled == Some(from),
        }
    }

    pub(crate) fn admit(&mut self, from: SocketAddr, ssrc: u32, sequence: u16) -> Admission {
        if !self.may_hear(from) {
            return Admission::Refused;
        }
        if self.is_locked_to(from) {
            return Admission::Admitted;
        }
        let is_believed = !self.is_locked() && self.signalled == Some(from);
        if is_believed || self.probation.observe((from, ssrc), sequence) {
            self.locked = Some(from);
            self.probation.reset();
            return Admission::Locked;
        }
        Admission::Probation
    }

    fn nearness(&self, source: SocketAddr) -> Nearness {
        match self.signalled {
            Some(signalled) if signalled == source => Nearness::Signalled,
            Some(signalled) if signalled.ip() == source.ip() => Nearness::Host,
            Some(_) | None => Nearness::Elsewhere,
        }
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

    /// Whose packets have shown elsewhere that they are credible begins a stream: the present one is not waited for.
    pub(crate) fn begin(&mut self, now: Instant, ssrc: u32) {
        self.take(now, ssrc, Admission::Locked);
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

    fn elsewhere(port: u16) -> SocketAddr {
        SocketAddr::from(([203, 0, 113, 9], port))
    }

    /// Three packets in a row from there, and what the lock says to the last.
    fn three(lock: &mut SourceLock, from: SocketAddr) -> Admission {
        [0, 1, 2].map(|sequence| lock.admit(from, 5, sequence))[2]
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
        assert_eq!(lock.admit(at(3), 5, 18), Admission::Refused, "who is as near must not wait for its end");
    }

    #[test]
    fn the_signalled_address_takes_the_lock_back_from_a_stranger_and_keeps_it() {
        let mut lock = SourceLock::new(Some(at(1)), true);
        assert_eq!(three(&mut lock, elsewhere(1)), Admission::Locked);
        assert_eq!(lock.admit(at(1), 7, 20), Admission::Probation);
        assert_eq!(lock.admit(elsewhere(1), 5, 3), Admission::Admitted, "who is heard is heard until then");
        assert_eq!(lock.admit(at(1), 7, 21), Admission::Probation);
        assert_eq!(lock.admit(at(1), 7, 23), Admission::Probation, "a hole starts over");
        assert_eq!(lock.admit(at(1), 7, 24), Admission::Probation);
        assert_eq!(lock.admit(at(1), 7, 25), Admission::Locked);
        assert_eq!((lock.destination(), lock.is_locked_to(at(1))), (Some(at(1)), true));
        for stranger in [elsewhere(1), elsewhere(2), at(2)] {
            assert_eq!(three(&mut lock, stranger), Admission::Refused, "{stranger}");
        }
    }

    #[test]
    fn whoever_is_nearer_to_the_signalled_address_takes_the_lock() {
        let mut lock = SourceLock::new(Some(at(1)), true);
        for source in [elsewhere(1), at(2), at(1)] {
            assert_eq!(three(&mut lock, source), Admission::Locked, "{source}");
            assert_eq!(lock.destination(), Some(source));
        }
        let mut lock = SourceLock::new(None, true);
        assert_eq!(three(&mut lock, elsewhere(1)), Admission::Locked);
        assert_eq!(three(&mut lock, at(1)), Admission::Refused, "nobody is near to no address");
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
