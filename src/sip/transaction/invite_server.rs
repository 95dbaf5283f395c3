//! The INVITE server transaction (RFC 3261 §17.2.1, RFC 6026 §7.1).

use std::sync::Arc;
use std::time::Instant;

use super::timing::{Backoff, LIFETIME, T4};
use super::{Due, resend_if_due};
use crate::{Status, Transport};

/// The transaction of one INVITE. 2xx are repeated by the dialog, not here (RFC 3261 §13.3.1.4).
pub(crate) struct InviteServer {
    transport: Transport,
    state: State,
}

enum State {
    /// No final response yet; the latest provisional one.
    Proceeding { latest: Arc<[u8]> },
    /// A 2xx is out; repeated INVITEs are absorbed until timer L.
    Accepted { end: Instant },
    /// A 3xx to 6xx is out and repeated (timer G) until its ACK or timer H.
    Completed { refusal: Arc<[u8]>, repeat: Option<Backoff>, end: Instant },
    /// The ACK is here; repeated ACKs are absorbed until timer I.
    Confirmed { end: Instant },
}

impl InviteServer {
    /// The INVITE has arrived and `trying` is on its way.
    pub(crate) fn new(transport: Transport, trying: Arc<[u8]>) -> Self {
        Self { transport, state: State::Proceeding { latest: trying } }
    }

    /// Notes a response that is being sent.
    pub(crate) fn respond(&mut self, now: Instant, status: Status, bytes: &Arc<[u8]>) {
        let State::Proceeding { latest } = &mut self.state else { return };
        if status.is_provisional() {
            *latest = Arc::clone(bytes);
        } else if status.is_success() {
            self.state = State::Accepted { end: now + LIFETIME };
        } else {
            let repeat = (!self.transport.is_reliable()).then(|| Backoff::start(now));
            self.state = State::Completed { refusal: Arc::clone(bytes), repeat, end: now + LIFETIME };
        }
    }

    /// The INVITE has come again: what to repeat.
    pub(crate) fn handle_repeated(&self) -> Option<Arc<[u8]>> {
        match &self.state {
            State::Proceeding { latest } => Some(Arc::clone(latest)),
            State::Completed { refusal, .. } => Some(Arc::clone(refusal)),
            State::Accepted { .. } | State::Confirmed { .. } => None,
        }
    }

    /// An ACK in this transaction. `false` where none is due here, so that it may be the dialog's.
    pub(crate) fn handle_ack(&mut self, now: Instant) -> bool {
        match &self.state {
            State::Completed { .. } => {
                let linger = if self.transport.is_reliable() { std::time::Duration::ZERO } else { T4 };
                self.state = State::Confirmed { end: now + linger };
                true
            }
            State::Confirmed { .. } => true,
            State::Proceeding { .. } | State::Accepted { .. } => false,
        }
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Proceeding { .. } => None,
            State::Accepted { end } | State::Confirmed { end } | State::Completed { repeat: None, end, .. } => {
                Some(*end)
            }
            State::Completed { repeat: Some(repeat), end, .. } => Some(repeat.next().min(*end)),
        }
    }

    /// What is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Due {
        match &mut self.state {
            State::Proceeding { .. } => Due::Nothing,
            State::Accepted { end } | State::Confirmed { end } => terminated_at(*end, now),
            State::Completed { end, .. } if now >= *end => Due::TimedOut,
            State::Completed { refusal, repeat, .. } => resend_if_due(repeat.as_mut(), now, refusal),
        }
    }
}

/// The transaction's end, once it is there.
fn terminated_at(end: Instant, now: Instant) -> Due {
    if now >= end { Due::Terminated } else { Due::Nothing }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tests::epoch;

    fn bytes(text: &str) -> Arc<[u8]> {
        text.as_bytes().into()
    }

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    /// The moments, in milliseconds, at which the machine resends until it stops, and the last word.
    fn run(machine: &mut InviteServer, start: Instant) -> (Vec<u128>, Due) {
        let mut sent = Vec::new();
        while let Some(due) = machine.deadline() {
            match machine.handle_timeout(due) {
                Due::Resend(_) => sent.push((due - start).as_millis()),
                Due::Nothing => {}
                last @ (Due::TimedOut | Due::Terminated) => return (sent, last),
            }
        }
        (sent, Due::Nothing)
    }

    #[test]
    fn a_refusal_is_repeated_over_datagrams_until_timer_h() {
        let start = epoch();
        let mut machine = InviteServer::new(Transport::Udp, bytes("100"));
        machine.respond(start, Status::BUSY_HERE, &bytes("486"));
        let (sent, last) = run(&mut machine, start);
        assert_eq!(sent, [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
        assert!(matches!(last, Due::TimedOut));
    }

    #[test]
    fn a_refusal_is_not_repeated_over_a_stream() {
        let start = epoch();
        let mut machine = InviteServer::new(Transport::Tcp, bytes("100"));
        machine.respond(start, Status::BUSY_HERE, &bytes("486"));
        assert!(machine.deadline() == Some(after(start, 32_000)));
        assert!(run(&mut machine, start).0.is_empty());
    }

    #[test]
    fn the_ack_stops_the_repetition_and_is_absorbed_for_t4() {
        let start = epoch();
        let mut machine = InviteServer::new(Transport::Udp, bytes("100"));
        machine.respond(start, Status::BUSY_HERE, &bytes("486"));
        assert!(machine.handle_ack(after(start, 100)) && machine.handle_ack(after(start, 200)));
        assert!(machine.handle_repeated().is_none());
        assert_eq!(machine.deadline(), Some(after(start, 5_100)));
        assert!(matches!(machine.handle_timeout(after(start, 5_100)), Due::Terminated));
    }

    #[test]
    fn a_repeated_invite_gets_the_latest_response() {
        let start = epoch();
        let mut machine = InviteServer::new(Transport::Udp, bytes("100"));
        assert_eq!(machine.handle_repeated(), Some(bytes("100")));
        machine.respond(start, Status::RINGING, &bytes("180"));
        assert_eq!(machine.handle_repeated(), Some(bytes("180")));
        machine.respond(start, Status::NOT_FOUND, &bytes("404"));
        assert_eq!(machine.handle_repeated(), Some(bytes("404")));
    }

    #[test]
    fn after_a_2xx_invites_are_absorbed_until_timer_l_and_acks_belong_to_the_dialog() {
        let start = epoch();
        let mut machine = InviteServer::new(Transport::Udp, bytes("100"));
        machine.respond(start, Status::OK, &bytes("200"));
        assert!(machine.handle_repeated().is_none() && !machine.handle_ack(start));
        assert_eq!(machine.deadline(), Some(after(start, 32_000)));
        machine.respond(start, Status::BUSY_HERE, &bytes("486"));
        assert!(matches!(machine.handle_timeout(after(start, 32_000)), Due::Terminated));
    }
}
