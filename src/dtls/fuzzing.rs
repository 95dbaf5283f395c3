//! What is fuzzed of DTLS (`fuzz/README.md`).

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use rtp::srtp::{Inbound, MAX_RTP_TRAILER, Outbound, SrtpKeys};
use rtp::{Handshake, Progress};

use self::script::{Script, beginning};
use crate::association::{Association, DEADLINE};
use crate::{DtlsConfig, Identity};

#[cfg(test)]
#[path = "../../fuzz/shared/replay.rs"]
mod replay;
#[path = "../../fuzz/shared/script.rs"]
mod script;

/// Most datagrams on their way to one end; the network loses older ones.
const MOST_FLYING: usize = 64;
/// Most datagrams that are carried in one step.
const MOST_AT_ONCE: usize = 32;

/// The certificate of both ends, another in each process: what the library chooses at random differs every time, too.
static IDENTITY: LazyLock<Arc<Identity>> = LazyLock::new(|| {
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::default().self_signed(&key).expect("a certificate");
    Arc::new(Identity::new(certificate.der().to_vec(), key.serialize_der()).expect("an identity"))
});

/// Both ends of a handshake and a network that loses, repeats, changes and makes up datagrams as the script says, while
/// time passes. Each end gets its keys or fails, once and in its time, and keys of both are the same.
pub fn dtls_handshake(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let mut net = Net::new();
    while let Some(step) = script.step() {
        net.step(step, &mut script);
    }
    net.finish();
}

/// One end, and what it has sent.
struct End {
    association: Association,
    keys: Option<Box<SrtpKeys>>,
    is_over: bool,
    flying: VecDeque<Box<[u8]>>,
}

impl End {
    fn new(is_active: bool, now: Instant) -> Self {
        let fingerprints = vec![IDENTITY.fingerprint().clone()];
        let config = DtlsConfig { identity: Arc::clone(&IDENTITY), is_active, fingerprints };
        let association = Association::new(&config, now);
        Self { association, keys: None, is_over: false, flying: VecDeque::new() }
    }

    fn take(&mut self, progress: Progress) {
        match progress {
            Progress::None => {}
            Progress::Keys(keys, took) => {
                assert!(!self.is_over && took <= DEADLINE, "keys come once, and in time");
                (self.keys, self.is_over) = (Some(keys), true);
            }
            Progress::Failed(_) => {
                assert!(!self.is_over, "a failure comes once, and not after keys");
                self.is_over = true;
            }
        }
        while let Some(datagram) = self.association.poll_packet() {
            assert!(matches!(datagram.first(), Some(20..=63)), "what a demultiplexer takes for DTLS (RFC 7983)");
            if self.flying.len() == MOST_FLYING {
                self.flying.pop_front();
            }
            self.flying.push_back(datagram);
        }
    }
}

/// The active end, the passive one, and the time.
struct Net {
    ends: [End; 2],
    now: Instant,
}

impl Net {
    fn new() -> Self {
        let now = beginning();
        Self { ends: [End::new(true, now), End::new(false, now)], now }
    }

    /// The highest bit says at which end.
    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        let to = usize::from(step >> 7);
        match (step & 0x7f) % 9 {
            0 => self.begin(to),
            1 => self.deliver(to),
            2 => drop(self.ends[1 - to].flying.pop_front()),
            3 => self.repeat(to),
            4 => self.change(to, script),
            5 => self.hand(to, script.string()),
            6 => self.pass(script.millis()),
            7 => self.overtake(to),
            _ => (0..MOST_AT_ONCE).for_each(|number| self.deliver(number % 2)),
        }
    }

    fn begin(&mut self, end: usize) {
        let progress = self.ends[end].association.begin(self.now);
        self.ends[end].take(progress);
    }

    fn deliver(&mut self, to: usize) {
        if let Some(datagram) = self.ends[1 - to].flying.pop_front() {
            self.hand(to, &datagram);
        }
    }

    /// The next datagram arrives, and stays on its way.
    fn repeat(&mut self, to: usize) {
        if let Some(datagram) = self.ends[1 - to].flying.front().cloned() {
            self.hand(to, &datagram);
        }
    }

    /// The last datagram becomes the next.
    fn overtake(&mut self, to: usize) {
        let flying = &mut self.ends[1 - to].flying;
        if let Some(datagram) = flying.pop_back() {
            flying.push_front(datagram);
        }
    }

    /// The next datagram with one of its bytes changed, or cut off; as it was sent it stays on its way.
    fn change(&mut self, to: usize, script: &mut Script<'_>) {
        let (at, difference) = (usize::from(script.word()), script.byte());
        let Some(mut datagram) = self.ends[1 - to].flying.front().map(|datagram| datagram.to_vec()) else { return };
        let at = at % datagram.len().max(1);
        match difference {
            0 => datagram.truncate(at),
            difference => datagram.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= difference),
        }
        self.hand(to, &datagram);
    }

    fn hand(&mut self, to: usize, datagram: &[u8]) {
        let progress = self.ends[to].association.handle_packet(self.now, datagram);
        self.ends[to].take(progress);
    }

    fn pass(&mut self, span: Duration) {
        self.now += span;
        for end in &mut self.ends {
            let progress = end.association.handle_timeout(self.now);
            end.take(progress);
        }
    }

    fn finish(&mut self) {
        (0..2).for_each(|end| self.begin(end));
        self.pass(DEADLINE);
        for end in &self.ends {
            assert!(end.is_over && end.association.poll_timeout().is_none(), "each ends in its time");
        }
        let [Some(one), Some(other)] = [&self.ends[0].keys, &self.ends[1].keys] else { return };
        for (from, to) in [(one, other), (other, one)] {
            let plain = [0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3, 4];
            let mut packet = [&plain[..], &[0; MAX_RTP_TRAILER]].concat();
            let length = Outbound::new(&from.local).protect_rtp(&mut packet, plain.len()).expect("the first packet");
            let opened = Inbound::new(&to.remote).unprotect_rtp(&mut packet[..length]);
            assert_eq!(opened, Ok(plain.len()), "both have the same keys");
        }
    }
}

#[cfg(test)]
mod tests {
    super::replay::replay!(dtls_handshake);
}
