//! When a writer must say that it is mute: at the first frame of an epoch, and again before the lease runs out.

/// Frames between renewals: half of [`gate::MUTE_LEASE`] at 20 ms a frame.
const RENEWAL: u32 = (gate::MUTE_LEASE.as_millis() / 2 / 20) as u32;

/// What a frame means for the mute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<E> {
    /// Nothing changes.
    Same,
    /// The first silent frame of an epoch: everything older is to be discarded or flushed, then say so.
    Begins {
        /// The epoch.
        epoch: E,
        /// The index of its first silent frame.
        first_silent_index: u64,
    },
    /// Still silent: say so again.
    Renews {
        /// The epoch.
        epoch: E,
        /// The index of its first silent frame.
        first_silent_index: u64,
    },
}

/// Watches the epochs of passing frames.
#[derive(Debug)]
pub(super) struct MuteWatch<E> {
    current: Option<(E, u64)>,
    since: u32,
}

impl<E: Copy + PartialEq> MuteWatch<E> {
    /// Nothing is muted.
    pub(super) fn new() -> Self {
        Self { current: None, since: 0 }
    }

    /// Takes the epoch and index of the next frame.
    pub(super) fn pass(&mut self, epoch: Option<E>, index: u64) -> Step<E> {
        let Some(epoch) = epoch else {
            self.current = None;
            return Step::Same;
        };
        match self.current {
            Some((current, first_silent_index)) if current == epoch => {
                self.since += 1;
                if self.since < RENEWAL {
                    return Step::Same;
                }
                self.since = 0;
                Step::Renews { epoch, first_silent_index }
            }
            Some(_) | None => {
                self.current = Some((epoch, index));
                self.since = 0;
                Step::Begins { epoch, first_silent_index: index }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_acknowledged_once_and_then_renewed_within_its_lease() {
        let mut watch = MuteWatch::new();
        assert_eq!(watch.pass(None, 0), Step::Same);
        assert_eq!(watch.pass(Some(1), 160), Step::Begins { epoch: 1, first_silent_index: 160 });
        let steps: Vec<_> = (2..60).map(|frame| watch.pass(Some(1), frame * 160)).collect();
        let renewals = steps.iter().filter(|step| **step == Step::Renews { epoch: 1, first_silent_index: 160 }).count();
        assert_eq!(renewals, 58 / RENEWAL as usize);
        assert!(RENEWAL * 20 < gate::MUTE_LEASE.as_millis() as u32);
    }

    #[test]
    fn the_next_epoch_is_a_new_one_even_without_a_gap() {
        let mut watch = MuteWatch::new();
        watch.pass(Some(1), 0);
        assert_eq!(watch.pass(Some(2), 160), Step::Begins { epoch: 2, first_silent_index: 160 });
        assert_eq!(watch.pass(None, 320), Step::Same);
        assert_eq!(watch.pass(Some(2), 480), Step::Begins { epoch: 2, first_silent_index: 480 });
    }
}
