//! What is said while the account book is asked, so that nobody waits in silence. It tells nothing of any account.

use std::time::Instant;

use super::{Collector, Phase};
use crate::phrase::Phrase;

/// A wait for an answer.
#[derive(Debug, Default)]
pub(super) struct Wait {
    pub(super) since: Option<Instant>,
    /// Fillers said.
    pub(super) said: usize,
    /// Whether a line is outstanding.
    pub(super) is_saying: bool,
}

impl Collector {
    /// When the next filler is due. Who hears a line is told to wait once that is over.
    pub(super) fn filler_due(&self) -> Option<Instant> {
        let is_asked = matches!(self.phase, Phase::Identifying | Phase::Reading | Phase::Saving(_));
        let is_waiting = is_asked && !self.wait.is_saying;
        let after = self.config.fillers.get(self.wait.said).filter(|_| is_waiting)?;
        self.wait.since.map(|since| since + *after)
    }

    /// Says the filler that is due.
    pub(super) fn fill(&mut self, now: Instant) {
        if self.filler_due().is_some_and(|due| due <= now) {
            let filler = if self.wait.said == 0 { Phrase::OneMoment(self.wording()) } else { Phrase::StillLooking };
            self.wait.said += 1;
            self.say(vec![filler]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::action::Action;
    use crate::collector::CollectorConfig;
    use crate::event::{Event, Identity};
    use crate::tests::beginning;

    /// Who waits for an account, since when.
    fn waiting() -> (Collector, Instant) {
        let start = beginning();
        let mut collector = Collector::new(CollectorConfig::default(), 0, start);
        collector.handle_event(start, Event::Opened);
        assert!(matches!(collector.poll_output(), Some(Action::Identify(_))));
        (collector, start)
    }

    /// What is said when the next deadline comes, and when that is.
    fn next(collector: &mut Collector, start: Instant) -> (Duration, Option<&'static str>) {
        let due = collector.poll_timeout().unwrap();
        collector.handle_timeout(due);
        let said = collector.poll_output().map(|action| {
            let Action::Say(lines) = action else { panic!("not a line") };
            lines[0].name()
        });
        (due.duration_since(start), said)
    }

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn who_waits_hears_so_twice() {
        let (mut collector, start) = waiting();
        assert_eq!(next(&mut collector, start), (ms(600), Some("one_moment_plain")));
        collector.handle_event(start + ms(1_300), Event::Said);
        assert_eq!(next(&mut collector, start), (ms(1_400), Some("still_looking")));
        assert!(collector.poll_timeout().unwrap() > start + ms(1_800), "the look-up's own deadline comes first");
    }

    #[test]
    fn nobody_is_told_to_wait_while_a_line_plays_or_after_the_answer() {
        let (mut collector, start) = waiting();
        next(&mut collector, start);
        assert!(collector.poll_timeout().unwrap() > start + ms(1_400), "the first still plays");
        collector.handle_event(start + ms(1_500), Event::Said);
        assert!(collector.poll_output().is_some(), "and the second follows it");
        let (mut collector, start) = waiting();
        collector.handle_event(start + ms(599), Event::Identified(Identity::Unknown));
        assert!(collector.filler_due().is_none());
    }
}
