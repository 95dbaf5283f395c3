//! The client transaction of every method but INVITE (RFC 3261 §17.1.2).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::timing::{Backoff, LIFETIME, T4};
use super::{Due, resend_if_due};
use crate::{Status, Transport};

/// The transaction of one request of this side.
pub(crate) struct Client {
    transport: Transport,
    request: Arc<[u8]>,
    state: State,
}

enum State {
    /// No final response yet: repeated (timer E) until timer F.
    Waiting { repeat: Option<Backoff>, end: Instant },
    /// The final response is here; repeated responses are absorbed until timer K.
    Completed { end: Instant },
}

impl Client {
    /// `request` is on its way.
    pub(crate) fn new(now: Instant, transport: Transport, request: Arc<[u8]>) -> Self {
        let repeat = (!transport.is_reliable()).then(|| Backoff::start(now));
        Self { transport, request, state: State::Waiting { repeat, end: now + LIFETIME } }
    }

    /// A response has arrived. Whether it is the first final one.
    pub(crate) fn handle_response(&mut self, now: Instant, status: Status) -> bool {
        let State::Waiting { repeat, .. } = &mut self.state else { return false };
        if status.is_provisional() {
            if let Some(repeat) = repeat {
                repeat.slow_down();
            }
            return false;
        }
        let linger = if self.transport.is_reliable() { Duration::ZERO } else { T4 };
        self.state = State::Completed { end: now + linger };
        true
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Instant {
        match &self.state {
            State::Waiting { repeat: Some(repeat), end } => repeat.next().min(*end),
            State::Waiting { repeat: None, end } | State::Completed { end } => *end,
        }
    }

    /// What is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Due {
        match &mut self.state {
            State::Waiting { end, .. } if now >= *end => Due::TimedOut,
            State::Waiting { repeat, .. } => resend_if_due(repeat.as_mut(), now, &self.request),
            State::Completed { end } if now >= *end => Due::Terminated,
            State::Completed { .. } => Due::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::epoch;

    fn client(start: Instant, transport: Transport) -> Client {
        Client::new(start, transport, b"BYE".as_slice().into())
    }

    fn run(machine: &mut Client, start: Instant) -> (Vec<u128>, Due) {
        let mut sent = Vec::new();
        loop {
            let due = machine.deadline();
            match machine.handle_timeout(due) {
                Due::Resend(_) => sent.push((due - start).as_millis()),
                Due::Nothing => {}
                last @ (Due::TimedOut | Due::Terminated) => return (sent, last),
            }
        }
    }

    #[test]
    fn without_an_answer_it_is_repeated_until_timer_f() {
        let start = epoch();
        let (sent, last) = run(&mut client(start, Transport::Udp), start);
        assert_eq!(sent, [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
        assert!(matches!(last, Due::TimedOut));
    }

    #[test]
    fn a_provisional_response_slows_the_repetition_to_t2() {
        let start = epoch();
        let mut machine = client(start, Transport::Udp);
        assert!(!machine.handle_response(start, Status::TRYING));
        assert_eq!(run(&mut machine, start).0[..3], [500, 4_500, 8_500]);
    }

    #[test]
    fn the_final_response_counts_once_and_is_absorbed_for_timer_k() {
        let start = epoch();
        let mut machine = client(start, Transport::Udp);
        assert!(machine.handle_response(start, Status::OK) && !machine.handle_response(start, Status::OK));
        assert_eq!(machine.deadline(), start + T4);
        assert!(matches!(machine.handle_timeout(start + T4), Due::Terminated));
    }

    #[test]
    fn over_a_stream_nothing_is_repeated() {
        let start = epoch();
        assert!(run(&mut client(start, Transport::Tcp), start).0.is_empty());
    }
}
