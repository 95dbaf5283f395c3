//! What a packet's way through a leg takes from the heap, and gives back to it.

use std::hint::black_box;

use allocation_counter::{AllocationInfo, measure};
use audio::ChunkPool;
use call::Leg;
use call::media::{AGENT_SINK, RECORDER_SINK};
use frame::SampleRate;
use rtp::{PacketBuffer, Session};

use super::line::{Line, Opening, Wire};
use super::meters::Meters;
use super::*;

const FRAME: Duration = Duration::from_millis(20);
/// Packets until rooms, queues and filters have their size.
const WARM_UP: u32 = 200;
const PACKETS: u32 = 1_000;

/// A leg on this thread in virtual time, its far end, an agent that says as much as it hears, and a recorder.
struct Way {
    line: Line,
    meters: Meters,
    now: Instant,
    peer: SocketAddr,
    far: Session,
    noise: u64,
    rooms: ChunkPool,
    packet: PacketBuffer,
    taps: [mpsc::Receiver<Arc<TapItem>>; 2],
    read: u32,
    outputs: mpsc::Receiver<Box<LegOutput>>,
}

fn session(payloads: Payloads, remote: SocketAddr, ssrc: u32) -> SessionConfig {
    SessionConfig {
        payloads,
        remote: Some(remote),
        remote_rtcp: None,
        learn_source: false,
        ssrc,
        first_sequence: 1,
        first_timestamp: 0,
        cname: "way".to_owned(),
        media_timeout: None,
        seed: 1,
        srtp: None,
    }
}

impl Way {
    fn new(codec: Codec, port: u16) -> Self {
        let payloads = Payloads::new(codec, 96, Some(101));
        let (now, local) = (Instant::now(), SocketAddr::from(([127, 0, 0, 1], port)));
        let peer = SocketAddr::new(local.ip(), port + 2);
        let config = LegConfig {
            session: session(payloads, peer, 9),
            gate: GateConfig { rate: codec.rate(), keys: KeyPolicy::Declared },
            playout: PlayoutConfig::default(),
            hush: HushPolicy::Never,
        };
        let leg = Leg::new(config.clone(), now).unwrap();
        let (told, outputs) = mpsc::channel(OUTPUTS);
        let sockets = Sockets::bind(local).unwrap();
        let opening = Opening { id: LegId(1), config, sockets, outputs: told, shared: Arc::default() };
        let (mut line, meters) = (Line::new(opening, leg), Meters::new(0));
        let taps = [(AGENT_SINK, SinkKind::Agent), (RECORDER_SINK, SinkKind::Recorder)].map(|(sink, kind)| {
            let (queue, items) = mpsc::channel(100);
            line.attach(now, Tap { sink, kind, queue }, &meters);
            items
        });
        let far = Session::new(session(payloads, local, 77), now).unwrap();
        let (rooms, packet) = (ChunkPool::new(8), PacketBuffer::new());
        Self { line, meters, now, peer, far, noise: 1, rooms, packet, taps, read: 0, outputs }
    }

    /// Twenty milliseconds of noise that nobody takes for speech.
    fn noise(&mut self) -> [i16; 160] {
        std::array::from_fn(|_| {
            self.noise = self.noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.noise >> 58) as i16 - 32
        })
    }

    /// A packet comes, the agent says as much, a packet goes, and both taps are read.
    fn frame(&mut self) -> AllocationInfo {
        let (now, said) = (self.now, self.noise());
        let mut came = PacketBuffer::new();
        self.far.encode(&said, &mut came).unwrap();
        let (mut room, length) = ([0; 1_500], came.bytes().len());
        room[..length].copy_from_slice(came.bytes());
        let taken = measure(|| {
            self.line.hear(now, Wire::Rtp, self.peer, &mut room[..length], &self.meters);
            let samples = self.rooms.chunk(&said);
            let audio = LegCommand::AgentAudio { generation: Generation(0), samples, arrived: now };
            self.line.handle_command(now, audio, &self.meters);
            self.line.tick(now, now, &mut self.packet, &self.meters);
            for tap in &mut self.taps {
                while tap.try_recv().is_ok() {
                    self.read += 1;
                }
            }
        });
        self.now += FRAME;
        // A report is made on the heap, every few seconds.
        if self.line.poll_timeout().is_some_and(|due| due <= self.now) {
            self.line.handle_timeout(self.now, &self.meters);
        }
        taken
    }
}

#[test]
fn a_packets_way_allocates_and_frees_nothing() {
    assert_eq!(measure(|| drop(black_box(Box::new(0)))).count_total, 1, "what is taken is counted");
    let wide = SampleRate::Hz16000;
    let codecs = [Codec::Pcmu, Codec::G722, Codec::L16(wide), Codec::Opus(wide)];
    for (codec, port) in codecs.into_iter().zip((42_300..).step_by(4)) {
        let mut way = Way::new(codec, port);
        for _ in 0..WARM_UP {
            way.frame();
        }
        while way.outputs.try_recv().is_ok() {}
        way.read = 0;
        let mut taken = AllocationInfo::default();
        for _ in 0..PACKETS {
            taken += way.frame();
        }
        assert_eq!((taken.count_total, taken.count_current), (0, 0), "{codec:?}: {} bytes", taken.bytes_total);
        // It was the whole way: both taps had every frame, and the agent was played as it came.
        assert_eq!((way.read, way.line.shared.agent_queued.load(Ordering::Relaxed)), (3 * PACKETS, 0), "{codec:?}");
        assert!(way.outputs.try_recv().is_err(), "{codec:?}: what is told to control is boxed, and counts above");
    }
}
