//! A leg whose keys come from a DTLS handshake.

use dtls::{DtlsConfig, Identity};
use rcgen::{CertificateParams, KeyPair};
use rtp::{HandshakeFailure, Keying, Received, SessionOutput};

use super::*;

fn identity() -> Arc<Identity> {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::default().self_signed(&key).unwrap();
    Arc::new(Identity::new(certificate.der().to_vec(), key.serialize_der()).unwrap())
}

/// A line that begins the handshake, and its far end.
struct SecureLine {
    line: Line,
    far: Session,
}

impl SecureLine {
    fn new() -> Self {
        let (ours, theirs) = (identity(), identity());
        let keying = |identity: &Arc<Identity>, peer: &Arc<Identity>, is_active| {
            let fingerprints = vec![peer.fingerprint().clone()];
            let config = DtlsConfig { identity: Arc::clone(identity), is_active, fingerprints };
            Keying::Dtls { handshake: Arc::new(config), rtcp_mux: true }
        };
        let mut line = Line::new();
        let session = |srtp, ssrc| SessionConfig {
            payloads: payloads(),
            remote: Some(peer()),
            remote_rtcp: None,
            learn_source: false,
            ssrc,
            first_sequence: 7,
            first_timestamp: 1_000,
            cname: "secure".to_owned(),
            media_timeout: None,
            seed: 1,
            srtp: Some(srtp),
        };
        let gate = GateConfig { rate: frame::SampleRate::Hz8000, keys: KeyPolicy::Declared };
        let near = session(keying(&ours, &theirs, true), 9);
        let config = LegConfig { session: near, gate, playout: PlayoutConfig::default(), hush: HushPolicy::Never };
        line.leg = Leg::new(config, line.now).unwrap();
        let far = Session::new(session(keying(&theirs, &ours, false), 77), line.now).unwrap();
        Self { line, far }
    }

    fn handshake(&mut self) {
        let now = self.line.now;
        self.far.begin_handshake(now);
        while let Some((_, datagram)) = self.line.leg.poll_handshake() {
            self.far.handle_packet(now, peer(), &mut datagram.clone());
            while let Some((_, datagram)) = self.far.poll_handshake() {
                self.line.leg.handle_rtp(now, peer(), &mut datagram.clone());
            }
        }
        self.line.drain();
    }

    /// Twenty milliseconds with what goes out in them, as the network has it.
    fn tick(&mut self) -> Option<Vec<u8>> {
        let mut out = PacketBuffer::new();
        let transmit = self.line.leg.tick(self.line.now, &mut out)?;
        self.line.leg.transmitted(self.line.now, &transmit, true);
        self.line.drain();
        self.line.now += millis(20);
        Some(out.bytes().to_vec())
    }
}

#[test]
fn a_clip_waits_for_the_keys_and_counts_as_sent_only_after_them() {
    let mut secure = SecureLine::new();
    secure.line.command(LegCommand::Play(prompt(3, 320)));
    assert!(secure.line.leg.poll_handshake().is_none(), "it waits for the answer");
    secure.line.command(LegCommand::BeginHandshake);
    for _ in 0..20 {
        assert_eq!(secure.tick(), None);
        secure.line.now += millis(20);
    }
    let spoken = |output: &LegOutput| {
        matches!(output, LegOutput::PromptStarted { .. } | LegOutput::PromptFinished(_)).then_some(())
    };
    assert!(secure.line.take(spoken).is_none() && secure.line.leg.statistics().sent == 0);
    secure.handshake();
    let secured = |output: &LegOutput| matches!(output, LegOutput::Secured { .. }).then_some(());
    assert!(secure.line.take(secured).is_some() && secure.line.leg.shares_port());
    let mut heard = Vec::new();
    for _ in 0..3 {
        let mut packet = secure.tick().unwrap();
        assert!(packet.len() > 12 + 160, "in clear");
        secure.far.handle_packet(secure.line.now, peer(), &mut packet);
        while let Some(Received::Frame(frame)) = secure.far.poll_received(secure.line.now) {
            heard.push(frame.samples()[5]);
        }
    }
    assert!(heard[0] > 7_000 && heard[1] > 7_000 && heard[2] == 0, "{heard:?}");
    let delivered = |output: &LegOutput| {
        let LegOutput::PromptFinished(delivery) = output else { return None };
        Some((delivery.samples, delivery.first_sequence, delivery.last_sequence))
    };
    assert_eq!(secure.line.take(delivered), Some((320, 7, 8)), "its packets are the first of all");
    let locked = |session: &mut Session| std::iter::from_fn(|| session.poll_output()).collect::<Vec<_>>();
    assert!(locked(&mut secure.far).contains(&SessionOutput::SourceLocked(peer())));
}

#[test]
fn a_handshake_that_nobody_answers_is_told_at_its_deadline() {
    let mut secure = SecureLine::new();
    secure.line.command(LegCommand::BeginHandshake);
    let failed = |output: &LegOutput| {
        let LegOutput::HandshakeFailed(failure) = output else { return None };
        Some(*failure)
    };
    secure.line.pass(millis(9_990));
    assert_eq!(secure.line.take(failed), None);
    secure.line.pass(millis(10));
    assert_eq!(secure.line.take(failed), Some(HandshakeFailure::Deadline));
    assert_eq!(secure.tick(), None);
}
