//! Two ends in virtual time, and a network between them that loses, doubles and reorders.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rtp::srtp::{Inbound, MAX_RTP_TRAILER, Outbound};

use super::*;
use crate::{FingerprintHash, Identity, IdentityError};

mod session;

/// Where virtual time begins.
#[expect(clippy::disallowed_methods, reason = "tests count from any moment")]
fn an_instant() -> Instant {
    Instant::now()
}

/// A certificate for one end.
fn identity() -> Arc<Identity> {
    identity_of(0)
}

/// A certificate with so many names.
fn identity_of(names: usize) -> Arc<Identity> {
    let key = KeyPair::generate().unwrap();
    let names: Vec<_> = (0..names).map(|number| format!("{number}.example.com")).collect();
    let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    Arc::new(Identity::new(certificate.der().to_vec(), key.serialize_der()).unwrap())
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// One end.
struct End {
    association: Association,
    keys: Option<Box<SrtpKeys>>,
    failure: Option<HandshakeFailure>,
    took: Option<Duration>,
}

impl End {
    fn new(identity: &Arc<Identity>, is_active: bool, fingerprints: Vec<Fingerprint>, now: Instant) -> Self {
        let config = DtlsConfig { identity: Arc::clone(identity), is_active, fingerprints };
        Self { association: Association::new(&config, now), keys: None, failure: None, took: None }
    }

    fn take(&mut self, progress: Progress) {
        match progress {
            Progress::None => {}
            Progress::Keys(keys, took) => {
                assert!(self.keys.is_none() && self.failure.is_none(), "keys come once");
                (self.keys, self.took) = (Some(keys), Some(took));
            }
            Progress::Failed(failure) => {
                assert!(self.keys.is_none() && self.failure.is_none(), "a failure comes once");
                self.failure = Some(failure);
            }
        }
    }
}

/// Both ends, the active first, and what is on its way between them.
struct Net {
    ends: [End; 2],
    now: Instant,
    /// When it arrives, at which end, and what.
    flying: Vec<(Instant, usize, Box<[u8]>)>,
    sent: usize,
}

impl Net {
    fn new() -> Self {
        let (one, other) = (identity(), identity());
        Self::between(&one, &other, vec![other.fingerprint().clone()], vec![one.fingerprint().clone()])
    }

    /// With what each end expects of the other.
    fn between(
        active: &Arc<Identity>,
        passive: &Arc<Identity>,
        of_passive: Vec<Fingerprint>,
        of_active: Vec<Fingerprint>,
    ) -> Self {
        let now = an_instant();
        let ends = [End::new(active, true, of_passive, now), End::new(passive, false, of_active, now)];
        Self { ends, now, flying: Vec::new(), sent: 0 }
    }

    /// Begins, and goes on for 15 seconds. The network takes each datagram by its number, and says when it arrives.
    fn run(&mut self, mut network: impl FnMut(usize, &[u8]) -> Vec<Duration>) {
        for end in &mut self.ends {
            let progress = end.association.begin(self.now);
            end.take(progress);
        }
        let until = self.now + millis(15_000);
        loop {
            self.send(&mut network);
            let timers = self.ends.iter().filter_map(|end| end.association.poll_timeout());
            let Some(next) = timers.chain(self.flying.iter().map(|(at, ..)| *at)).min().filter(|at| *at <= until)
            else {
                return;
            };
            self.now = next.max(self.now);
            let now = self.now;
            let (due, flying) = std::mem::take(&mut self.flying).into_iter().partition(|(at, ..)| *at <= now);
            self.flying = flying;
            let due: Vec<_> = due;
            for (_, to, datagram) in due {
                let progress = self.ends[to].association.handle_packet(now, &datagram);
                self.ends[to].take(progress);
            }
            for end in &mut self.ends {
                let progress = end.association.handle_timeout(now);
                end.take(progress);
            }
        }
    }

    fn send(&mut self, network: &mut impl FnMut(usize, &[u8]) -> Vec<Duration>) {
        for from in 0..2 {
            while let Some(datagram) = self.ends[from].association.poll_packet() {
                assert!(datagram.len() <= 1_200 && (20..=63).contains(&datagram[0]), "{}", datagram.len());
                for delay in network(self.sent, &datagram) {
                    self.flying.push((self.now + delay, 1 - from, datagram.clone()));
                }
                self.sent += 1;
                assert!(self.sent < 200, "a storm");
            }
        }
    }

    /// Both ends have keys that open what the other seals, each its own direction.
    fn assert_secure(&self) {
        let [active, passive] = &self.ends;
        let (active, passive) = (active.keys.as_ref().unwrap(), passive.keys.as_ref().unwrap());
        for (from, to) in [(active, passive), (passive, active)] {
            assert_eq!(from.local.suite(), to.remote.suite());
            let mut packet = [&[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3, 4][..], &[0; MAX_RTP_TRAILER]].concat();
            let length = Outbound::new(&from.local).protect_rtp(&mut packet, 16).unwrap();
            assert_eq!(Inbound::new(&to.remote).unprotect_rtp(&mut packet[..length]), Ok(16));
            assert_eq!(packet[12..16], [1, 2, 3, 4]);
            assert!(Inbound::new(&from.remote).unprotect_rtp(&mut packet[..length]).is_err(), "not its own");
        }
    }

    fn failures(&self) -> [Option<HandshakeFailure>; 2] {
        [self.ends[0].failure, self.ends[1].failure]
    }
}

#[test]
fn both_ends_get_the_keys_of_both_directions() {
    let mut net = Net::new();
    net.run(|_, _| vec![millis(10)]);
    net.assert_secure();
    // A hello, a cookie, the hello again, the server's flight, the client's, the server's last.
    assert_eq!(net.ends[0].took, Some(millis(60)));
    assert_eq!(net.ends[0].keys.as_ref().unwrap().local.suite(), Suite::AeadAes256Gcm);
    assert!(net.ends.iter().all(|end| end.association.poll_timeout().is_none()), "nothing is left to wait for");
}

#[test]
fn any_datagram_may_be_lost_doubled_or_late() {
    let mut whole = Net::new();
    whole.run(|_, _| vec![millis(10)]);
    for number in 0..whole.sent {
        for fate in [vec![], vec![millis(10), millis(10)], vec![millis(10), millis(700)], vec![millis(900)]] {
            let mut net = Net::new();
            net.run(|sent, _| if sent == number { fate.clone() } else { vec![millis(10)] });
            net.assert_secure();
            let took = net.ends.iter().filter_map(|end| end.took).max().unwrap();
            assert!(took < millis(2_500), "datagram {number} {fate:?}: {took:?}");
        }
    }
}

#[test]
fn every_flight_may_be_lost_once() {
    let mut seen = Vec::new();
    let mut net = Net::new();
    net.run(|_, datagram| {
        let kind = (datagram[0], datagram.len());
        if seen.contains(&kind) {
            return vec![millis(10)];
        }
        seen.push(kind);
        vec![]
    });
    net.assert_secure();
    assert!(seen.len() >= 5, "{seen:?}");
}

#[test]
fn flights_of_several_datagrams_may_be_reordered_and_lost_in_part() {
    let (one, other) = (identity_of(150), identity_of(150));
    let prints = |identity: &Arc<Identity>| vec![identity.fingerprint().clone()];
    for lost in [usize::MAX, 4, 5, 6, 7, 8, 9] {
        let mut net = Net::between(&one, &other, prints(&other), prints(&one));
        net.run(|sent, _| if sent == lost { vec![] } else { vec![millis(70 - 20 * (sent as u64 % 3))] });
        net.assert_secure();
        assert!(net.sent >= 9, "several datagrams a flight: {}", net.sent);
    }
}

#[test]
fn a_certificate_of_any_length_that_can_come_is_taken_or_refused() {
    let (one, large) = (identity(), identity_of(3_000));
    let prints = |identity: &Arc<Identity>| vec![identity.fingerprint().clone()];
    let mut net = Net::between(&one, &large, prints(&large), prints(&one));
    net.run(|_, _| vec![millis(10)]);
    assert!(net.ends[0].keys.is_none() && net.failures()[0].is_some(), "of 60,000 bytes");
    assert_eq!(guarded(|| -> Result<(), _> { panic!("of the library") }), Err(HandshakeFailure::Protocol));
}

#[test]
fn another_certificate_than_was_named_gives_no_keys() {
    let (one, other, third) = (identity(), identity(), identity());
    let print = |identity: &Arc<Identity>| vec![identity.fingerprint().clone()];
    let mut net = Net::between(&one, &third, print(&other), print(&one));
    net.run(|_, _| vec![millis(10)]);
    assert_eq!(net.failures(), [Some(HandshakeFailure::Fingerprint), Some(HandshakeFailure::Deadline)]);
    let mut net = Net::between(&third, &other, print(&other), print(&one));
    net.run(|_, _| vec![millis(10)]);
    assert_eq!(net.failures()[1], Some(HandshakeFailure::Fingerprint));
    assert!(net.ends[1].keys.is_none() && net.ends[0].keys.is_none(), "neither end has keys");
}

#[test]
fn one_of_several_fingerprints_is_enough() {
    let (one, other, third) = (identity(), identity(), identity());
    let both = vec![third.fingerprint().clone(), other.fingerprint().clone()];
    let mut net = Net::between(&one, &other, both, vec![one.fingerprint().clone()]);
    net.run(|_, _| vec![millis(10)]);
    net.assert_secure();
}

#[test]
fn fingerprints_are_of_their_hash() {
    let certificate = b"abc";
    // FIPS 180-2, appendices: SHA-256, SHA-384 and SHA-512 of `abc`.
    for (hash, length, first) in [
        (FingerprintHash::Sha256, 32, [0xba, 0x78, 0x16, 0xbf]),
        (FingerprintHash::Sha384, 48, [0xcb, 0x00, 0x75, 0x3f]),
        (FingerprintHash::Sha512, 64, [0xdd, 0xaf, 0x35, 0xa1]),
    ] {
        let algorithm = match hash {
            FingerprintHash::Sha256 => &ring::digest::SHA256,
            FingerprintHash::Sha384 => &ring::digest::SHA384,
            FingerprintHash::Sha512 => &ring::digest::SHA512,
        };
        let digest: Box<[u8]> = ring::digest::digest(algorithm, certificate).as_ref().into();
        assert_eq!((digest.len(), &digest[..4]), (length, &first[..]));
        let mut fingerprint = Fingerprint { hash, digest };
        assert!(fingerprint.is_of(certificate) && !fingerprint.is_of(b"abd"));
        fingerprint.digest[length - 1] ^= 1;
        assert!(!fingerprint.is_of(certificate));
    }
}

#[test]
fn a_handshake_that_does_not_end_fails_at_its_deadline() {
    let mut net = Net::new();
    let began = net.now;
    net.run(|_, _| vec![]);
    assert_eq!(net.failures(), [Some(HandshakeFailure::Deadline); 2]);
    assert_eq!(net.now, began + Duration::from_secs(10));
    assert!((4..12).contains(&net.sent), "hellos: {}", net.sent);
    assert!(net.ends.iter().all(|end| end.association.poll_timeout().is_none()));
    let late = net.ends[0].association.handle_packet(net.now, &[22; 40]);
    assert!(matches!(late, Progress::None), "nothing comes after");
}

#[test]
fn garbage_and_strangers_datagrams_change_nothing() {
    let mut stranger = Net::new();
    let mut captured = Vec::new();
    stranger.run(|_, datagram| {
        captured.push(Box::<[u8]>::from(datagram));
        vec![millis(10)]
    });
    let mut net = Net::new();
    net.run(|_, _| vec![millis(10)]);
    net.assert_secure();
    // What another association said, cut, flipped or whole, after the end and in the middle of a handshake.
    let mut half = Net::new();
    for end in &mut half.ends {
        let progress = end.association.begin(half.now);
        end.take(progress);
    }
    for net in [&mut net, &mut half] {
        for datagram in &captured[captured.len() - 1..] {
            for cut in 0..datagram.len() {
                let now = net.now + millis(1);
                let progress = net.ends[1].association.handle_packet(now, &datagram[..cut]);
                assert!(matches!(progress, Progress::None), "cut at {cut}");
            }
        }
    }
    half.run(|_, _| vec![millis(10)]);
    half.assert_secure();
}

#[test]
fn the_active_side_says_nothing_before_it_may_begin() {
    let mut net = Net::new();
    let active = &mut net.ends[0].association;
    assert!(active.poll_timeout().is_none() && active.poll_packet().is_none());
    assert!(matches!(active.handle_packet(net.now, &[22; 80]), Progress::None));
    assert!(active.poll_packet().is_none());
    active.begin(net.now + millis(5_000));
    assert_eq!(active.poll_packet().unwrap()[0], 22);
    assert!(active.poll_timeout().unwrap() <= net.now + millis(5_600), "its first timer");
}

#[test]
fn a_key_that_cannot_be_used_makes_no_identity() {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::default().self_signed(&key).unwrap().der().to_vec();
    assert_eq!(Identity::new(certificate, vec![1, 2, 3]).err(), Some(IdentityError::Key));
    assert_eq!(Identity::new(Vec::new(), key.serialize_der()).err(), Some(IdentityError::Key));
    let printed = format!("{:?}", identity());
    assert!(printed.starts_with("Identity { fingerprint") && !printed.contains("private"), "{printed}");
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_no_keys(
        datagrams in proptest::collection::vec(
            (20_u8..64, proptest::collection::vec(proptest::prelude::any::<u8>(), 0..120)), 0..8)
    ) {
        let mut net = Net::new();
        for end in &mut net.ends {
            let progress = end.association.begin(net.now);
            end.take(progress);
            for (first, rest) in &datagrams {
                let bytes = [&[*first][..], rest].concat();
                let progress = end.association.handle_packet(net.now, &bytes);
                end.take(progress);
            }
            proptest::prop_assert!(end.keys.is_none());
        }
    }
}

/// What each step of a handshake takes. Run in release: `cargo test --release -p tonegate-dtls costs -- --ignored`.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn costs() {
    const ROUNDS: u32 = 200;
    let mut steps: Vec<(String, Duration, Duration)> = Vec::new();
    let mut note = |name: String, number: usize, took: Duration| {
        if steps.len() <= number {
            steps.push((name, Duration::ZERO, Duration::ZERO));
        }
        let step = &mut steps[number];
        (step.1, step.2) = (step.1 + took, step.2.max(took));
    };
    let (one, other) = (identity(), identity());
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let mut net = Net::between(&one, &other, vec![other.fingerprint().clone()], vec![one.fingerprint().clone()]);
        note("open both".to_owned(), 0, started.elapsed());
        let started = Instant::now();
        for end in &mut net.ends {
            let progress = end.association.begin(net.now);
            end.take(progress);
        }
        note("begin both".to_owned(), 1, started.elapsed());
        let mut number = 2;
        while net.ends.iter().any(|end| end.keys.is_none()) {
            for from in 0..2 {
                while let Some(datagram) = net.ends[from].association.poll_packet() {
                    let started = Instant::now();
                    let progress = net.ends[1 - from].association.handle_packet(net.now, &datagram);
                    let took = started.elapsed();
                    net.ends[1 - from].take(progress);
                    let who = if from == 0 { "passive" } else { "active" };
                    note(format!("{who} takes {} bytes", datagram.len()), number, took);
                    number += 1;
                }
            }
        }
    }
    for (name, total, most) in steps {
        println!("{name}: {:?} on average, {most:?} at most", total / ROUNDS);
    }
}
