//! The server transaction of every method but INVITE (RFC 3261 §17.2.2).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Due;
use super::timing::LIFETIME;
use crate::Transport;

/// A transaction whose final response went out at once, so it is Completed from its first moment: it repeats the
/// response whenever the request comes again, until timer J.
pub(crate) struct Server {
    response: Arc<[u8]>,
    end: Instant,
}

impl Server {
    /// The request has arrived and `response` is on its way.
    pub(crate) fn completed(now: Instant, transport: Transport, response: Arc<[u8]>) -> Self {
        let linger = if transport.is_reliable() { Duration::ZERO } else { LIFETIME };
        Self { response, end: now + linger }
    }

    /// The request has come again: what to repeat.
    pub(crate) fn handle_repeated(&self) -> Arc<[u8]> {
        Arc::clone(&self.response)
    }

    /// When the transaction ends.
    pub(crate) fn deadline(&self) -> Instant {
        self.end
    }

    /// What is due.
    pub(crate) fn handle_timeout(&self, now: Instant) -> Due {
        if now >= self.end { Due::Terminated } else { Due::Nothing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::epoch;

    #[test]
    fn the_response_is_kept_for_timer_j_over_datagrams_only() {
        let start = epoch();
        let datagrams = Server::completed(start, Transport::Udp, b"200".as_slice().into());
        assert!(matches!(datagrams.handle_timeout(start + Duration::from_millis(31_999)), Due::Nothing));
        assert!(matches!(datagrams.handle_timeout(start + Duration::from_secs(32)), Due::Terminated));
        assert_eq!(&*datagrams.handle_repeated(), b"200");
        assert_eq!(Server::completed(start, Transport::Tcp, b"200".as_slice().into()).deadline(), start);
    }
}
