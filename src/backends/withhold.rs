//! What ties a call's recogniser to its recorder: sound is written once it was judged, and silent where a card number was said.
//!
//! ```text
//! recogniser ── "all before this was judged" ──▶ Withhold ──▶ recorder: keeps the rest, in memory that is wiped
//!            ── "silence this" ───────────────▶          ──▶ recorder: writes silence; says whether it still could
//! ```
//!
//! Where nobody listens, nothing is kept back: a call without a recogniser is recorded as it comes.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use uuid::Uuid;

/// Everything was judged, because nobody judges.
const ALL: u64 = u64::MAX;

/// What the two ends of one call share, and how the recorder is woken.
#[derive(Default)]
struct Ends {
    shared: Mutex<Shared>,
    changed: Condvar,
}

/// What is known of one call.
struct Shared {
    /// What is before this, in samples of the stream, may be written.
    judged: u64,
    /// What is to be silenced, and was not yet taken.
    silence: Vec<Range<u64>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { judged: ALL, silence: Vec::new() }
    }
}

/// The recorder's end.
#[derive(Clone)]
pub struct Withhold(Arc<Ends>);

/// The recogniser's end. What it has not judged when it goes is not kept back any longer.
pub struct Judge(Withhold);

/// The ends of all calls, so that those of one call find each other.
#[derive(Default)]
pub struct Withholds(Mutex<HashMap<Uuid, Weak<Ends>>>);

impl Withholds {
    /// The recorder's end of a call.
    #[must_use]
    pub fn recorder(&self, call: Uuid) -> Withhold {
        self.of(call)
    }

    /// The recogniser's end of a call.
    #[must_use]
    pub fn recogniser(&self, call: Uuid) -> Judge {
        Judge(self.of(call))
    }

    fn of(&self, call: Uuid) -> Withhold {
        let mut calls = held(&self.0);
        calls.retain(|_, ends| ends.strong_count() > 0);
        let ends = calls.get(&call).and_then(Weak::upgrade).unwrap_or_default();
        calls.insert(call, Arc::downgrade(&ends));
        Withhold(ends)
    }
}

impl Withhold {
    /// What is before this may be written, and what of it is to be silenced.
    pub(crate) fn take(&self) -> (u64, Vec<Range<u64>>) {
        let mut shared = held(&self.0.shared);
        (shared.judged, std::mem::take(&mut shared.silence))
    }

    /// Waits until all before this was judged, but not for ever. Blocks.
    pub(crate) fn wait(&self, until: u64, longest: Duration) {
        let waiting = self.0.changed.wait_timeout_while(held(&self.0.shared), longest, |shared| shared.judged < until);
        drop(waiting);
    }
}

impl Judge {
    /// All before this was judged.
    pub(crate) fn judged(&self, before: u64) {
        let ends = &self.0.0;
        held(&ends.shared).judged = before;
        ends.changed.notify_all();
    }

    /// This is to be silenced. To be said before [`Judge::judged`] lets it go.
    pub(crate) fn silence(&self, span: Range<u64>) {
        held(&self.0.0.shared).silence.push(span);
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        self.judged(ALL);
    }
}

fn held<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_call_find_each_other_and_no_other() {
        let calls = Withholds::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let recorder = calls.recorder(one);
        assert_eq!(recorder.take(), (ALL, Vec::new()), "nobody listens");
        let judge = calls.recogniser(one);
        judge.silence(10..20);
        judge.judged(20);
        assert_eq!(calls.recorder(other).take().0, ALL);
        let (judged, silent) = recorder.take();
        assert!(judged == 20 && silent.len() == 1 && silent[0] == (10..20));
        assert_eq!(recorder.take(), (20, Vec::new()));
        drop(judge);
        assert_eq!(recorder.take().0, ALL);
    }

    #[test]
    fn a_recorder_waits_for_a_judge_and_for_none_that_has_gone() {
        let calls = Withholds::default();
        let (recorder, judge) = (calls.recorder(Uuid::nil()), calls.recogniser(Uuid::nil()));
        judge.judged(10);
        recorder.wait(10, Duration::from_secs(60));
        recorder.wait(11, Duration::from_millis(1));
        let waiting = std::thread::spawn({
            let recorder = recorder.clone();
            move || recorder.wait(20, Duration::from_secs(60))
        });
        drop(judge);
        waiting.join().unwrap();
        recorder.wait(u64::MAX, Duration::from_secs(60));
    }

    #[test]
    fn a_call_that_is_over_is_forgotten() {
        let calls = Withholds::default();
        for call in 0..100 {
            drop((calls.recorder(Uuid::from_u128(call)), calls.recogniser(Uuid::from_u128(call))));
        }
        let _kept = calls.recorder(Uuid::from_u128(1));
        assert_eq!(held(&calls.0).len(), 1);
    }
}
