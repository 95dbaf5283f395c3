//! How far a card's field is, told so coarsely that nobody learns when a key was pressed.

use std::time::{Duration, Instant};

use gate::wire::Step;

/// Counts are told at whole multiples of this since the capture was armed, whenever the keys came.
const GRID: Duration = Duration::from_millis(250);

/// The newest count of a capture, and when it is told.
pub(super) struct Progress {
    origin: Instant,
    newest: Option<(Step, u8)>,
    due: Option<Instant>,
}

impl Progress {
    /// Nothing is keyed yet.
    pub(super) fn new(armed_at: Instant) -> Self {
        Self { origin: armed_at, newest: None, due: None }
    }

    /// Takes a count; the next one replaces it where it was not told yet.
    pub(super) fn take(&mut self, now: Instant, step: Step, count: u8) {
        self.newest = Some((step, count));
        let passed = now.saturating_duration_since(self.origin).as_millis() / GRID.as_millis();
        let next = u32::try_from(passed + 1).unwrap_or(u32::MAX);
        self.due.get_or_insert(self.origin + GRID * next);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// The count that is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<(Step, u8)> {
        if self.due.is_none_or(|due| due > now) {
            return None;
        }
        self.due = None;
        self.newest.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_on_a_grid_whatever_the_rhythm_of_the_keys() {
        let armed_at = Instant::now();
        let at = |millis| armed_at + Duration::from_millis(millis);
        let tell = |keys: &[u64]| {
            let (mut progress, mut told) = (Progress::new(armed_at), Vec::new());
            for (millis, count) in keys.iter().zip(1..) {
                while let Some(due) = progress.poll_timeout().filter(|due| *due <= at(*millis)) {
                    told.extend(progress.handle_timeout(due).map(|(_, count)| (due - armed_at, count)));
                }
                progress.take(at(*millis), Step::Number, count);
            }
            let last = progress.poll_timeout().expect("something to tell");
            assert_eq!(progress.handle_timeout(last - Duration::from_millis(1)), None, "not before it is due");
            told.extend(progress.handle_timeout(last).map(|(_, count)| (last - armed_at, count)));
            assert_eq!(progress.poll_timeout(), None);
            told
        };
        let expected = [(Duration::from_millis(250), 2), (Duration::from_millis(500), 3)];
        assert_eq!(tell(&[10, 20, 260]), expected);
        assert_eq!(tell(&[100, 249, 499]), expected, "another rhythm, the same words");
    }
}
