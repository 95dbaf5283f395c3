//! Two connections to an org: which is asked first, and when one of them alone has gone silent.
//!
//! A connection whose other end is gone without a word (half-open) looks like a slow org to whoever waits on it. What tells them apart
//! is the other connection: where that one is answered, the org is well.

use std::time::Instant;

/// The connections, by number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines {
    first: usize,
    heard: [Option<Instant>; 2],
}

impl Lines {
    /// The one that is asked first.
    #[must_use]
    pub const fn first(&self) -> usize {
        self.first
    }

    /// The other one of the two.
    #[must_use]
    pub const fn other(line: usize) -> usize {
        1 - line
    }

    /// An answer began to arrive over this one.
    pub fn heard(&mut self, now: Instant, line: usize) {
        self.heard[line] = Some(now);
    }

    /// This one was answered where the other one was not: it is asked first from now on.
    pub fn prefer(&mut self, line: usize) {
        self.first = line;
    }

    /// Whether this one has said nothing since then, and the other one has.
    #[must_use]
    pub fn is_silent(&self, line: usize, since: Instant) -> bool {
        let has_spoken = |line: usize| self.heard[line].is_some_and(|heard| heard >= since);
        has_spoken(Self::other(line)) && !has_spoken(line)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an instant can only be made from the clock")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_is_silent_only_beside_one_that_is_answered() {
        let (begun, mut lines) = (Instant::now(), Lines::default());
        let after = |seconds| begun + Duration::from_secs(seconds);
        lines.heard(begun, 0);
        assert!(
            !lines.is_silent(0, after(1)),
            "who says nothing beside one that says nothing may be an org that is slow"
        );
        lines.heard(after(2), 1);
        assert!(lines.is_silent(0, after(1)) && !lines.is_silent(1, after(1)));
        lines.heard(after(3), 0);
        assert!(!lines.is_silent(0, after(1)), "late, not silent");
        assert!(lines.is_silent(1, after(3)));
    }

    #[test]
    fn whichever_was_answered_is_asked_first() {
        let mut lines = Lines::default();
        assert_eq!((lines.first(), Lines::other(0), Lines::other(1)), (0, 1, 0));
        lines.prefer(1);
        lines.prefer(1);
        assert_eq!(lines.first(), 1);
    }
}
