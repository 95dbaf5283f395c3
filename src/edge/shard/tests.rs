//! The media threads on real sockets, on loopback. Every wait is for an event and has a bound.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::time::Duration;

use audio::Codec;
use audio::{Generation, PlayoutConfig, Segment, SegmentId, Source};
use call::media::{LegCommand, LegOutput, TapItem};
use call::{HushPolicy, LegConfig, SinkKind};
use gate::wire::{FromVault, PromptReason, Step, VaultInput};
use gate::{CaptureEvent, CaptureOutcome, ControlFailure, GateConfig, KeyPolicy, MuteAck, SinkId};
use rtp::{Packet, Payloads, SessionConfig};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socketpair};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::*;

mod allocations;

const BOUND: Duration = Duration::from_secs(5);
const TAP: SinkId = SinkId(2);
const QUARANTINE: Duration = Duration::from_secs(3_600);

fn payloads() -> Payloads {
    Payloads::new(Codec::Pcmu, 0, Some(101))
}

/// A leg on a thread of its own, and its far end.
struct Far {
    pool: ShardPool,
    handle: LegHandle,
    outputs: mpsc::Receiver<Box<LegOutput>>,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    sequence: u16,
}

impl Far {
    async fn new(ports: RangeInclusive<u16>) -> Self {
        let address = IpAddr::from([127, 0, 0, 1]);
        let rtp = UdpSocket::bind((address, 0)).await.unwrap();
        let rtcp = UdpSocket::bind((address, 0)).await.unwrap();
        let pool = ShardPool::start(ShardConfig { threads: 1, address, ports, quarantine: QUARANTINE }).unwrap();
        let session = SessionConfig {
            payloads: payloads(),
            remote: Some(rtp.local_addr().unwrap()),
            remote_rtcp: Some(rtcp.local_addr().unwrap()),
            learn_source: false,
            ssrc: 9,
            first_sequence: 1,
            first_timestamp: 0,
            cname: "shard".to_owned(),
            media_timeout: None,
            seed: 1,
            srtp: None,
        };
        let gate = GateConfig { rate: frame::SampleRate::Hz8000, keys: KeyPolicy::Declared };
        let config = LegConfig { session, gate, playout: PlayoutConfig::default(), hush: HushPolicy::Never };
        let OpenedLeg { handle, outputs } = pool.open_leg(config).unwrap();
        Self { pool, handle, outputs, rtp, rtcp, sequence: 0 }
    }

    async fn send(&mut self, payload_type: u8, payload: &[u8]) {
        let mut bytes = vec![0x80, payload_type];
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend((u32::from(self.sequence) * 160).to_be_bytes());
        bytes.extend(77_u32.to_be_bytes());
        bytes.extend(payload);
        self.sequence += 1;
        self.rtp.send_to(&bytes, self.handle.local()).await.unwrap();
    }

    /// The next packet of the gateway, answered with one of ours: so the gateway's tick is our clock.
    async fn exchange(&mut self, code: u8) -> (u16, Vec<u8>) {
        let mut bytes = [0; 256];
        let (length, from) = timeout(BOUND, self.rtp.recv_from(&mut bytes)).await.unwrap().unwrap();
        assert_eq!(from, self.handle.local());
        self.send(0, &[code; 160]).await;
        let packet = Packet::parse(&bytes[..length]).ok().unwrap();
        (packet.sequence, packet.payload.to_vec())
    }

    /// Goes on until an output is found that matters.
    async fn until<T>(&mut self, chosen: impl Fn(&LegOutput) -> Option<T>) -> T {
        timeout(BOUND, async {
            loop {
                while let Ok(output) = self.outputs.try_recv() {
                    if let Some(found) = chosen(&output) {
                        return found;
                    }
                }
                self.exchange(0xff).await;
            }
        })
        .await
        .unwrap()
    }

    /// Attaches a tap whose writer proves its silence at once, and counts what it takes.
    fn attach(&self) -> tokio::task::JoinHandle<(u64, u64)> {
        let (queue, mut items) = mpsc::channel(64);
        self.handle.attach(Tap { sink: TAP, kind: SinkKind::Recorder, queue }).unwrap();
        let sender = self.handle.sender();
        tokio::spawn(async move {
            let (mut heard, mut sent) = (0, 0);
            while let Some(item) = items.recv().await {
                match &*item {
                    TapItem::Caller(frame) => {
                        heard += 1;
                        if let Some(epoch) = frame.mute_epoch() {
                            sender.acknowledge(MuteAck { sink: TAP, epoch, first_silent_index: frame.index() });
                        }
                    }
                    TapItem::Sent { .. } => sent += 1,
                }
            }
            (heard, sent)
        })
    }
}

fn prompt(samples: usize) -> Segment {
    Segment { id: SegmentId(1), source: Source::Prompt, interruptible: false, samples: vec![8_000; samples].into() }
}

/// The vault's end of a capture's socket.
struct Vault(OwnedFd);

impl Vault {
    fn pair() -> (Self, OwnedFd) {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        (Self(ours), theirs)
    }

    fn say(&self, message: &FromVault) {
        std::fs::File::from(self.0.try_clone().unwrap()).write_all(&message.encode()).unwrap();
    }

    fn heard(&self) -> Option<VaultInput> {
        let mut bytes = [0; 16];
        let (_, length) = recv(&self.0, &mut bytes[..], RecvFlags::DONTWAIT).ok()?;
        VaultInput::decode(&bytes[..length]).ok()
    }
}

#[tokio::test]
async fn a_call_flows_both_ways() {
    let mut far = Far::new(42_000..=42_039).await;
    let counts = far.attach();
    far.handle.send(LegCommand::Play(prompt(480))).unwrap();
    let delivery =
        far.until(|output| if let LegOutput::PromptFinished(delivery) = output { Some(*delivery) } else { None }).await;
    assert_eq!((delivery.samples, delivery.last_sequence - delivery.first_sequence), (480, 2));
    let (mut last, _) = far.exchange(0xff).await;
    for _ in 0..20 {
        let (sequence, _) = far.exchange(0xff).await;
        assert_eq!(sequence, last + 1);
        last = sequence;
    }
    let frames = u64::from(far.sequence);
    drop(far.handle);
    far.outputs.close();
    let (heard, sent) = timeout(BOUND, counts).await.unwrap().unwrap();
    assert!(heard >= 20 && sent >= 20 && heard < frames, "one frame waits in the gate: {heard} of {frames}, {sent}");
}

#[tokio::test]
async fn clearing_silences_the_wire() {
    let mut far = Far::new(42_040..=42_079).await;
    let samples = far.handle.chunk(&[8_000; 16_000]);
    far.handle.send(LegCommand::AgentAudio { generation: Generation(0), samples, arrived: Instant::now() }).unwrap();
    while far.exchange(0xff).await.1.iter().all(|&code| code == 0xff) {}
    assert!(far.handle.agent_queued() > Duration::from_secs(1));
    far.handle.send(LegCommand::Clear { generation: Generation(1) }).unwrap();
    let silent = timeout(BOUND, async {
        loop {
            let (sequence, payload) = far.exchange(0xff).await;
            if payload.iter().all(|&code| code == 0xff) {
                return sequence;
            }
        }
    });
    assert!(silent.await.unwrap() < 100, "before its two seconds were over");
    assert_eq!(far.handle.agent_queued(), Duration::ZERO);
}

#[tokio::test]
async fn dropping_the_handle_closes_the_leg_and_its_port_rests() {
    let mut far = Far::new(42_080..=42_119).await;
    far.exchange(0xff).await;
    let available = far.pool.ports_available();
    drop(far.handle);
    let mut bytes = [0; 256];
    let (length, _) = timeout(BOUND, far.rtcp.recv_from(&mut bytes)).await.unwrap().unwrap();
    assert!(bytes[..length].windows(2).any(|pair| pair == [0x81, 203]), "a goodbye");
    let closed = timeout(BOUND, async {
        while let Some(output) = far.outputs.recv().await {
            if matches!(*output, LegOutput::Closed(_)) {
                return true;
            }
        }
        false
    });
    assert!(closed.await.unwrap());
    assert_eq!(far.pool.ports_available(), available, "it rests");
}

#[tokio::test]
async fn a_capture_goes_through_the_vaults_socket() {
    let mut far = Far::new(42_120..=42_159).await;
    let _counts = far.attach();
    far.exchange(0xff).await;
    let (vault, socket) = Vault::pair();
    far.handle.send(LegCommand::Arm { capture: [7; 16] }).unwrap();
    far.until(|output| matches!(output, LegOutput::Capture(CaptureEvent::Armed)).then_some(())).await;
    far.handle.send(LegCommand::AttachVault { capture: [7; 16], socket }).unwrap();
    vault.say(&FromVault::Prompt { step: Step::Number, reason: PromptReason::First });
    let asked =
        far.until(|output| if let LegOutput::CapturePrompt(prompt) = output { Some(*prompt) } else { None }).await;
    far.handle.send(LegCommand::PlayCapture { prompt: asked, segment: prompt(160) }).unwrap();
    far.until(|output| matches!(output, LegOutput::PromptFinished(_)).then_some(())).await;
    assert!(matches!(vault.heard(), Some(VaultInput::PromptEnded(Step::Number))));
    far.send(101, &[5, 10, 0, 160]).await;
    let key = timeout(BOUND, async {
        loop {
            if let Some(VaultInput::Key(key)) = vault.heard() {
                return key.reveal_to_entry();
            }
            far.exchange(0xff).await;
        }
    });
    assert_eq!(key.await.unwrap(), b'5');
    drop(vault);
    let failed = |output: &LegOutput| {
        if let LegOutput::Capture(CaptureEvent::Outcome(outcome)) = output {
            Some(matches!(outcome, CaptureOutcome::Failed(_)))
        } else {
            None
        }
    };
    assert!(far.until(failed).await);
    far.until(|output| matches!(output, LegOutput::Capture(CaptureEvent::Released)).then_some(())).await;
}

#[tokio::test]
async fn a_vault_that_says_much_at_once_keeps_its_socket() {
    let mut far = Far::new(42_400..=42_439).await;
    let _counts = far.attach();
    far.exchange(0xff).await;
    let (vault, socket) = Vault::pair();
    far.handle.send(LegCommand::Arm { capture: [7; 16] }).unwrap();
    far.until(|output| matches!(output, LegOutput::Capture(CaptureEvent::Armed)).then_some(())).await;
    (1..=40).for_each(|count| vault.say(&FromVault::Progress { step: Step::Number, count }));
    far.handle.send(LegCommand::AttachVault { capture: [7; 16], socket }).unwrap();
    let heard = far.until(|output| {
        let is_last = matches!(output, LegOutput::Capture(CaptureEvent::Progress { count: 40, .. }));
        let is_end = matches!(output, LegOutput::Capture(CaptureEvent::Outcome(_)));
        (is_last || is_end).then_some(is_last)
    });
    assert!(heard.await, "the capture ended");
}

/// Why a capture failed of which a sink's writer stalls: at once, or after it has proven its silence once.
async fn stalled(ports: RangeInclusive<u16>, proves_first: bool) -> (ControlFailure, CaptureOutcome) {
    let mut far = Far::new(ports).await;
    let (queue, mut items) = mpsc::channel(512);
    far.handle.attach(Tap { sink: TAP, kind: SinkKind::Agent, queue }).unwrap();
    let sender = far.handle.sender();
    far.exchange(0xff).await;
    far.handle.send(LegCommand::Arm { capture: [7; 16] }).unwrap();
    if proves_first {
        let proof = timeout(BOUND, async {
            loop {
                while let Ok(item) = items.try_recv() {
                    let TapItem::Caller(frame) = &*item else { continue };
                    let Some(epoch) = frame.mute_epoch() else { continue };
                    return MuteAck { sink: TAP, epoch, first_silent_index: frame.index() };
                }
                far.exchange(0xff).await;
            }
        });
        sender.acknowledge(proof.await.unwrap());
        far.until(|output| matches!(output, LegOutput::Capture(CaptureEvent::Armed)).then_some(())).await;
        // It proved, and stands still from now on. The vault is not opened: its silence would end the capture later.
    }
    let failure =
        far.until(|output| if let LegOutput::Control(failure) = output { Some(*failure) } else { None }).await;
    let ended = |output: &LegOutput| {
        if let LegOutput::Capture(CaptureEvent::Outcome(outcome)) = output { Some(outcome.clone()) } else { None }
    };
    let outcome = far.until(ended).await;
    far.until(|output| matches!(output, LegOutput::Capture(CaptureEvent::Released)).then_some(())).await;
    drop(items);
    (failure, outcome)
}

#[tokio::test]
async fn a_sink_whose_writer_stalls_has_no_capture_and_ends_the_one_that_runs() {
    let failed = |failure| CaptureOutcome::Failed(gate::CaptureFailure::Control(failure));
    let refused = ControlFailure::MuteNotAcknowledged(TAP);
    assert_eq!(stalled(42_320..=42_359, false).await, (refused, failed(refused)));
    let lapsed = ControlFailure::MuteLapsed(TAP);
    assert_eq!(stalled(42_360..=42_399, true).await, (lapsed, failed(lapsed)));
}

#[tokio::test]
async fn a_capture_ends_where_control_does_not_listen() {
    let mut far = Far::new(42_160..=42_199).await;
    let _counts = far.attach();
    far.exchange(0xff).await;
    let (vault, socket) = Vault::pair();
    far.handle.send(LegCommand::Arm { capture: [7; 16] }).unwrap();
    far.until(|output| matches!(output, LegOutput::Capture(CaptureEvent::Armed)).then_some(())).await;
    far.handle.send(LegCommand::AttachVault { capture: [7; 16], socket }).unwrap();
    vault.say(&FromVault::Progress { step: Step::Number, count: 0 });
    far.until(|output| matches!(output, LegOutput::Capture(CaptureEvent::Progress { .. })).then_some(())).await;
    for number in 0..=OUTPUTS {
        // A leg takes so much at a time.
        while far.handle.send(LegCommand::Mark(number.to_string())).is_err() {
            far.exchange(0xff).await;
        }
    }
    let cancelled = timeout(BOUND, async {
        loop {
            if matches!(vault.heard(), Some(VaultInput::Cancel)) {
                return;
            }
            far.exchange(0xff).await;
        }
    });
    cancelled.await.unwrap();
}

#[tokio::test]
async fn a_stopped_pool_closes_its_legs() {
    let mut far = Far::new(42_200..=42_239).await;
    drop(far.pool);
    while let Some(output) = timeout(BOUND, far.outputs.recv()).await.unwrap() {
        if matches!(*output, LegOutput::Closed(_)) {
            break;
        }
    }
    assert_eq!(far.handle.send(LegCommand::EndCollect), Err(Refused::Closed));
}

#[test]
fn without_a_port_there_is_no_leg() {
    let address = IpAddr::from([127, 0, 0, 1]);
    let config = ShardConfig { threads: 1, address, ports: 42_241..=42_241, quarantine: QUARANTINE };
    let pool = ShardPool::start(config).unwrap();
    assert_eq!(pool.ports_available(), 0);
    assert!(matches!(pool.bind(), Err(OpenError::NoPort)));
}

#[tokio::test]
async fn ticks_are_counted_with_their_lag_even_once_the_pool_is_gone() {
    let mut far = Far::new(42_261..=42_264).await;
    let reader = far.pool.ticks();
    for _ in 0..5 {
        far.exchange(0xff).await;
    }
    // Each packet left by a tick of its own.
    assert!(reader.total().count >= 5, "{:?}", reader.total());
    drop(far);
    assert!(reader.total().lag > Duration::ZERO);
}
