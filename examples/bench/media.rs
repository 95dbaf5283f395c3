//! All callers' audio on one socket: a thread that sends fifty packets a second for each, and one that receives.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    samples::Samples,
    stamp::{Board, PAYLOAD, Stamp},
};

/// Time of one packet.
const FRAME: Duration = Duration::from_millis(20);
/// Bytes of the RTP header (RFC 3550 §5.1) without extensions.
const HEADER: usize = 12;
/// How long a receive waits before it looks whether to stop.
const GLANCE: Duration = Duration::from_millis(200);

/// What the callers measure.
#[derive(Default)]
pub(crate) struct Hearing {
    /// From the bot's message to the caller's packet.
    pub(crate) said: Samples,
    /// From the caller's packet through the bot and back.
    pub(crate) round_trip: Samples,
    /// How far from 20 ms apart two packets in sequence came.
    pub(crate) pacing: Samples,
    /// How late this program itself sent a packet.
    pub(crate) lateness: Samples,
    /// Packets sent and stamped packets received.
    pub(crate) sent: AtomicU64,
    pub(crate) received: AtomicU64,
}

/// The callers' audio, until dropped.
pub(crate) struct Callers {
    pub(crate) hearing: Arc<Hearing>,
    bridged: Arc<Vec<AtomicBool>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Callers {
    /// Speaks to `targets`, one for each call.
    pub(crate) fn start(socket: &UdpSocket, targets: Vec<SocketAddr>, board: &Arc<Board>) -> io::Result<Self> {
        let hearing = Arc::new(Hearing::default());
        let bridged: Arc<Vec<_>> = Arc::new(targets.iter().map(|_| AtomicBool::new(false)).collect());
        let stop = Arc::new(AtomicBool::new(false));
        socket.set_read_timeout(Some(GLANCE))?;
        let mouth = Mouth {
            socket: socket.try_clone()?,
            targets,
            board: Arc::clone(board),
            hearing: Arc::clone(&hearing),
            stop: Arc::clone(&stop),
        };
        let ear = Ear {
            socket: socket.try_clone()?,
            board: Arc::clone(board),
            hearing: Arc::clone(&hearing),
            bridged: Arc::clone(&bridged),
            stop: Arc::clone(&stop),
        };
        let threads = vec![
            thread::Builder::new().name("callers-out".to_owned()).spawn(move || mouth.run())?,
            thread::Builder::new().name("callers-in".to_owned()).spawn(move || ear.run())?,
        ];
        Ok(Self { hearing, bridged, stop, threads })
    }

    /// Calls that have heard the bot.
    pub(crate) fn bridged(&self) -> usize {
        self.bridged.iter().filter(|bridged| bridged.load(Ordering::Relaxed)).count()
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}

struct Mouth {
    socket: UdpSocket,
    targets: Vec<SocketAddr>,
    board: Arc<Board>,
    hearing: Arc<Hearing>,
    stop: Arc<AtomicBool>,
}

impl Mouth {
    /// Calls are spread over the 20 ms, as independent ones would be.
    fn run(self) {
        let (began, calls) = (Instant::now(), self.targets.len().max(1) as u32);
        let noise = noise();
        for packet in 0_u32.. {
            for (call, target) in self.targets.iter().enumerate() {
                let due = began + FRAME * packet + FRAME * call as u32 / calls;
                wait_until(due);
                if self.stop.load(Ordering::Relaxed) {
                    return;
                }
                self.send(Stamp { call, packet }, *target, &noise, due);
            }
        }
    }

    fn send(&self, stamp: Stamp, target: SocketAddr, noise: &[u8], due: Instant) {
        let mut bytes = [0_u8; HEADER + PAYLOAD];
        bytes[0] = 0x80;
        bytes[2..4].copy_from_slice(&(stamp.packet as u16).to_be_bytes());
        bytes[4..8].copy_from_slice(&stamp.packet.wrapping_mul(PAYLOAD as u32).to_be_bytes());
        bytes[8..HEADER].copy_from_slice(&(0x5500_0000 + stamp.call as u32).to_be_bytes());
        let from = (stamp.packet as usize * 37 + stamp.call * 101) % (noise.len() - PAYLOAD);
        bytes[HEADER..].copy_from_slice(&noise[from..from + PAYLOAD]);
        stamp.write(&mut bytes[HEADER..]);
        self.hearing.lateness.record(u64::try_from(due.elapsed().as_nanos()).unwrap_or(u64::MAX));
        self.board.sent(stamp);
        if self.socket.send_to(&bytes, target).is_ok() {
            self.hearing.sent.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Ear {
    socket: UdpSocket,
    board: Arc<Board>,
    hearing: Arc<Hearing>,
    bridged: Arc<Vec<AtomicBool>>,
    stop: Arc<AtomicBool>,
}

impl Ear {
    fn run(self) {
        let mut last: Vec<Option<(u16, Instant)>> = vec![None; self.bridged.len()];
        let mut bytes = [0_u8; 2_048];
        while !self.stop.load(Ordering::Relaxed) {
            let Ok((length, _)) = self.socket.recv_from(&mut bytes) else { continue };
            let now = Instant::now();
            let Some(payload) = bytes.get(HEADER..length) else { continue };
            let Some(stamp) = Stamp::read(payload).filter(|stamp| stamp.call < last.len()) else { continue };
            self.hear(stamp);
            let number = u16::from_be_bytes([bytes[2], bytes[3]]);
            if let Some((before, at)) = last[stamp.call].replace((number, now))
                && number == before.wrapping_add(1)
            {
                let apart = (now - at).abs_diff(FRAME);
                self.hearing.pacing.record(u64::try_from(apart.as_nanos()).unwrap_or(u64::MAX));
            }
        }
    }

    fn hear(&self, stamp: Stamp) {
        self.hearing.received.fetch_add(1, Ordering::Relaxed);
        self.bridged[stamp.call].store(true, Ordering::Relaxed);
        if let Some(took) = self.board.since_said(stamp) {
            self.hearing.said.record(took);
        }
        if let Some(took) = self.board.since_sent(stamp) {
            self.hearing.round_trip.record(took);
        }
    }
}

fn wait_until(due: Instant) {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::park_timeout(left);
    }
}

/// Four seconds of quiet noise in µ-law, of the codes a stamp is made of and their negatives.
fn noise() -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        0x60 | (state >> 32) as u8 & 0x8F
    };
    (0..32_000).map(|_| next()).collect()
}
