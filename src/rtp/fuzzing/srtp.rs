//! Protected packets between a sender and whoever holds its key.

use super::SUITES;
use super::script::Script;
use crate::Rejection;
use crate::srtp::{Inbound, MAX_RTCP_TRAILER, MAX_RTP_TRAILER, MasterKey, Outbound};

/// Whoever holds the key sends; on the way packets are lost, changed, repeated and made up. What was sent is opened once
/// and as it was; anything else is refused and left as it came.
pub fn srtp(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let suite = SUITES[usize::from(script.byte()) % SUITES.len()];
    let material: Vec<u8> = (0..suite.key_bytes()).map(|n| 7 + n as u8).collect();
    let key = MasterKey::new(suite, &material).expect("as long as the suite asks for");
    let mut path = Path {
        outbound: Outbound::new(&key),
        inbound: Inbound::new(&key),
        sequence: 0x7f00,
        lost: 0,
        passed: vec![],
        reports: vec![],
    };
    while let Some(step) = script.step() {
        path.step(step, &mut script);
    }
}

struct Path {
    outbound: Outbound,
    inbound: Inbound,
    sequence: u16,
    lost: u16,
    /// What got through, for repeating.
    passed: Vec<Vec<u8>>,
    reports: Vec<Vec<u8>>,
}

impl Path {
    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step % 8 {
            0 => self.deliver(script.string()),
            1 => self.lose(script.word() & 0x3fff),
            2 => self.change(script),
            3 => {
                if let Some(packet) = pick(&self.passed, script.byte()) {
                    self.refused(&packet, true);
                }
            }
            4 => self.refused(script.string(), true),
            5 => self.deliver_report(script.string()),
            6 => {
                if let Some(report) = pick(&self.reports, script.byte()) {
                    self.refused(&report, false);
                }
            }
            _ => self.refused(script.string(), false),
        }
    }

    /// Packets that never come; in a row fewer than half a rollover, or the receiver cannot tell (RFC 3711 section 3.3.1).
    fn lose(&mut self, count: u16) {
        if self.lost + count < 0x7fff {
            self.lost += count;
            self.sequence = self.sequence.wrapping_add(count);
        }
    }

    fn seal(&mut self, payload: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut plain = vec![0x80, 96];
        plain.extend(self.sequence.to_be_bytes());
        plain.extend([0, 0, 1, 2, 0, 0, 0, 77]);
        plain.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.lost = 0;
        let mut sealed = plain.clone();
        sealed.resize(plain.len() + MAX_RTP_TRAILER, 0);
        let length = self.outbound.protect_rtp(&mut sealed, plain.len()).expect("the next packet");
        sealed.truncate(length);
        (plain, sealed)
    }

    fn deliver(&mut self, payload: &[u8]) {
        let (plain, sealed) = self.seal(payload);
        let mut bytes = sealed.clone();
        let length = self.inbound.unprotect_rtp(&mut bytes).expect("what the holder of the key sent");
        assert!(bytes[..length] == plain[..], "as it was sent");
        self.passed.push(sealed);
    }

    fn deliver_report(&mut self, rest: &[u8]) {
        let mut plain = vec![0x80, 201, 0, 1, 0, 0, 0, 77];
        plain.extend(rest);
        let mut sealed = plain.clone();
        sealed.resize(plain.len() + MAX_RTCP_TRAILER, 0);
        let length = self.outbound.protect_rtcp(&mut sealed, plain.len()).expect("few reports");
        sealed.truncate(length);
        let mut bytes = sealed.clone();
        let length = self.inbound.unprotect_rtcp(&mut bytes).expect("what the holder of the key sent");
        assert!(bytes[..length] == plain[..], "as it was sent");
        self.reports.push(sealed);
    }

    /// The next packet with one of its bytes changed, or cut off; then as it was sent.
    fn change(&mut self, script: &mut Script<'_>) {
        let (plain, sealed) = self.seal(script.string());
        let mut changed = sealed.clone();
        let at = usize::from(script.byte()) % changed.len();
        match script.byte() {
            0 => changed.truncate(at),
            difference => changed[at] ^= difference,
        }
        self.refused(&changed, true);
        let mut bytes = sealed.clone();
        let length = self.inbound.unprotect_rtp(&mut bytes).expect("a forgery has changed nothing");
        assert!(bytes[..length] == plain[..], "as it was sent");
        self.passed.push(sealed);
    }

    fn refused(&mut self, bytes: &[u8], is_rtp: bool) {
        let mut copy = bytes.to_vec();
        let opened =
            if is_rtp { self.inbound.unprotect_rtp(&mut copy) } else { self.inbound.unprotect_rtcp(&mut copy) };
        let reason = opened.expect_err("nobody sent this");
        assert!(reason != Rejection::Streams, "a forgery opens no stream");
        assert!(copy == bytes, "what is refused is left as it came");
    }
}

fn pick(packets: &[Vec<u8>], number: u8) -> Option<Vec<u8>> {
    packets.get(usize::from(number) % packets.len().max(1)).cloned()
}
