//! The timers' lengths (RFC 3261 §17.1.1.1 and table 4).

use std::time::{Duration, Instant};

/// An estimate of the round trip.
pub(crate) const T1: Duration = Duration::from_millis(500);
/// The longest pause between retransmissions.
pub(crate) const T2: Duration = Duration::from_secs(4);
/// How long a message may stay in the network.
pub(crate) const T4: Duration = Duration::from_secs(5);
/// How long a transaction waits for the other side: 64·T1.
pub(crate) const LIFETIME: Duration = Duration::from_secs(32);

/// Retransmissions that start after T1 and double their pause up to T2.
pub(crate) struct Backoff {
    pause: Duration,
    next: Instant,
}

impl Backoff {
    /// Starts with the first transmission.
    pub(crate) fn start(now: Instant) -> Self {
        Self { pause: T1, next: now + T1 }
    }

    /// When the next retransmission is due.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// Whether one is due now; then the next is scheduled.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        self.pause = (self.pause * 2).min(T2);
        self.next = now + self.pause;
        true
    }

    /// Continues with the longest pause (RFC 3261 §17.1.2.2, Proceeding).
    pub(crate) fn slow_down(&mut self) {
        self.pause = T2;
    }
}
