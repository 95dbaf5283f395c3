//! Who may speak on a leg: the source address and the stream it is locked to.

use std::net::SocketAddr;

/// Packets in a row that make a newcomer credible.
const PROBATION: u8 = 3;

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
            Some((known, expected, run)) if known == key && expected == sequence => run + 1,
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

/// Which SSRC is heard: a new one takes over only after three packets in a row.
pub(crate) struct StreamLock {
    current: Option<u32>,
    probation: Probation<u32>,
}

impl StreamLock {
    pub(crate) fn new() -> Self {
        Self { current: None, probation: Probation::new() }
    }

    pub(crate) fn current(&self) -> Option<u32> {
        self.current
    }

    pub(crate) fn admit(&mut self, ssrc: u32, sequence: u16) -> Admission {
        match self.current {
            Some(current) if current == ssrc => {
                self.probation.reset();
                Admission::Admitted
            }
            Some(_) if !self.probation.observe(ssrc, sequence) => Admission::Probation,
            Some(_) | None => {
                self.probation.reset();
                self.current = Some(ssrc);
                Admission::Locked
            }
        }
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

    #[test]
    fn a_new_stream_takes_over_only_after_three_in_a_row() {
        let mut lock = StreamLock::new();
        assert_eq!(lock.admit(1, 0), Admission::Locked);
        assert_eq!(lock.admit(2, 100), Admission::Probation);
        assert_eq!(lock.admit(2, 101), Admission::Probation);
        assert_eq!(lock.admit(1, 1), Admission::Admitted, "the old one still speaks");
        assert_eq!(lock.admit(2, 102), Admission::Probation);
        assert_eq!(lock.admit(2, 103), Admission::Probation);
        assert_eq!(lock.admit(2, 104), Admission::Locked);
    }
}
