//! Many callers' audio on one socket: a thread that sends fifty packets a second for each, and one that receives.

use std::{
    collections::HashMap,
    io,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rtp::srtp::{Inbound, MAX_RTP_TRAILER, Outbound};

use crate::{
    hearing::{Arrival, Hearing},
    stamp::{Board, PAYLOAD, Stamp},
    wire,
};

/// Time of one packet.
pub(crate) const FRAME: Duration = Duration::from_millis(20);
/// Bytes of the RTP header (RFC 3550 §5.1) without extensions.
pub(crate) const HEADER: usize = 12;
/// How long a receive waits before it looks whether to stop.
pub(crate) const GLANCE: Duration = Duration::from_millis(200);

/// One caller's way to the far end.
pub(crate) struct Line {
    /// Where its audio goes.
    pub(crate) target: SocketAddr,
    /// Where audio for it comes from.
    pub(crate) source: SocketAddr,
    /// With SRTP, both directions' ciphers.
    pub(crate) ciphers: Option<(Outbound, Inbound)>,
}

/// The callers' audio, until dropped.
pub(crate) struct Callers {
    pub(crate) hearing: Arc<Hearing>,
    bridged: Arc<Vec<AtomicBool>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Callers {
    /// Speaks on these lines; their calls are numbered on the board from `first` on.
    pub(crate) fn start(socket: &UdpSocket, lines: Vec<Line>, board: &Arc<Board>, first: usize) -> io::Result<Self> {
        let hearing = Arc::new(Hearing::default());
        let bridged: Arc<Vec<_>> = Arc::new(lines.iter().map(|_| AtomicBool::new(false)).collect());
        let stop = Arc::new(AtomicBool::new(false));
        socket.set_read_timeout(Some(GLANCE))?;
        wire::stamp_arrivals(socket)?;
        let (targets, inbound) = lines.into_iter().map(split).unzip::<_, _, Vec<_>, Vec<_>>();
        let secured = inbound.iter().enumerate().filter(|(_, (_, cipher))| cipher.is_some());
        let secured = secured.map(|(call, (from, _))| (*from, call)).collect();
        let mouth = Mouth {
            socket: socket.try_clone()?,
            targets,
            first,
            noise: noise(),
            speech: board.speech(),
            board: Arc::clone(board),
            hearing: Arc::clone(&hearing),
            stop: Arc::clone(&stop),
        };
        let ear = Ear {
            socket: socket.try_clone()?,
            sources: inbound,
            secured,
            first,
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

    /// Calls that have heard themselves.
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

impl Line {
    /// One whose far end sends from where it receives.
    pub(crate) fn to(target: SocketAddr) -> Self {
        Self { target, source: target, ciphers: None }
    }
}

type Half<Cipher> = (SocketAddr, Option<Cipher>);

/// What the mouth and what the ear needs of a line.
fn split(line: Line) -> (Half<Outbound>, Half<Inbound>) {
    let (outbound, inbound) = line.ciphers.unzip();
    ((line.target, outbound), (line.source, inbound))
}

struct Mouth {
    socket: UdpSocket,
    targets: Vec<Half<Outbound>>,
    first: usize,
    noise: Vec<u8>,
    speech: Option<Arc<[u8]>>,
    board: Arc<Board>,
    hearing: Arc<Hearing>,
    stop: Arc<AtomicBool>,
}

impl Mouth {
    /// Calls are spread over the 20 ms, as independent ones would be.
    fn run(mut self) {
        let (began, calls) = (Instant::now(), self.targets.len().max(1) as u32);
        for packet in 0_u32.. {
            for call in 0..self.targets.len() {
                let due = began + FRAME * packet + FRAME * call as u32 / calls;
                wait_until(due);
                if self.stop.load(Ordering::Relaxed) {
                    return;
                }
                self.send(call, packet, due);
            }
        }
    }

    fn send(&mut self, call: usize, packet: u32, due: Instant) {
        let stamp = Stamp { call: self.first + call, packet };
        let mut bytes = [0_u8; HEADER + PAYLOAD + MAX_RTP_TRAILER];
        write_header(&mut bytes, stamp);
        bytes[HEADER..HEADER + PAYLOAD].copy_from_slice(self.said(stamp));
        stamp.write(&mut bytes[HEADER..]);
        let (target, cipher) = &mut self.targets[call];
        let late = u64::try_from(due.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let at = self.board.send(stamp);
        let length = match cipher {
            Some(cipher) => cipher.protect_rtp(&mut bytes, HEADER + PAYLOAD),
            None => Some(HEADER + PAYLOAD),
        };
        if length.is_some_and(|length| self.socket.send_to(&bytes[..length], *target).is_ok()) {
            self.hearing.sent(at, late);
        }
    }
}

impl Mouth {
    /// What the packet says beside its stamp.
    fn said(&self, stamp: Stamp) -> &[u8] {
        let spoken = self.speech.as_deref().zip(stamp.spoken());
        let words = spoken.and_then(|(speech, place)| speech.chunks_exact(PAYLOAD).nth(place));
        let from = (stamp.packet as usize * 37 + stamp.call * 101) % (self.noise.len() - PAYLOAD);
        words.unwrap_or(&self.noise[from..from + PAYLOAD])
    }
}

/// The header of a caller's packet.
pub(crate) fn write_header(bytes: &mut [u8], stamp: Stamp) {
    bytes[..2].copy_from_slice(&[0x80, 0]);
    bytes[2..4].copy_from_slice(&(stamp.packet as u16).to_be_bytes());
    bytes[4..8].copy_from_slice(&stamp.packet.wrapping_mul(PAYLOAD as u32).to_be_bytes());
    bytes[8..HEADER].copy_from_slice(&(0x5500_0000 + stamp.call as u32).to_be_bytes());
}

struct Ear {
    socket: UdpSocket,
    /// Where each call's audio comes from. Some floors have one port for all, so that only the stamp tells calls apart.
    sources: Vec<Half<Inbound>>,
    /// The calls with SRTP, whose stamps have to be deciphered, by where their audio comes from.
    secured: HashMap<SocketAddr, usize>,
    first: usize,
    board: Arc<Board>,
    hearing: Arc<Hearing>,
    bridged: Arc<Vec<AtomicBool>>,
    stop: Arc<AtomicBool>,
}

impl Ear {
    fn run(mut self) {
        let mut bytes = [0_u8; 2_048];
        while !self.stop.load(Ordering::Relaxed) {
            if let Ok((length, from, at)) = wire::receive(&self.socket, &mut bytes) {
                self.hear(&mut bytes[..length], from, at);
            }
        }
    }

    fn hear(&mut self, bytes: &mut [u8], from: SocketAddr, at: u64) -> Option<()> {
        let secured = self.secured.get(&from).copied();
        let length = match secured.and_then(|call| self.sources[call].1.as_mut()) {
            Some(cipher) => cipher.unprotect_rtp(bytes).ok()?,
            None => bytes.len(),
        };
        let stamp = Stamp::read(bytes.get(HEADER..length)?)?;
        let call = stamp.call.checked_sub(self.first).filter(|call| secured.is_none_or(|known| known == *call))?;
        self.sources.get(call).filter(|(source, _)| *source == from)?;
        self.bridged[call].store(true, Ordering::Relaxed);
        self.hearing.arrived(Arrival {
            call,
            slot: word(&bytes[4..8]) / PAYLOAD as u32,
            number: word(&bytes[..4]) as u16,
            at,
            sent: self.board.sent(stamp).unwrap_or(0),
            said: self.board.said(stamp).unwrap_or(0),
        });
        Some(())
    }
}

fn word(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |word| u32::from_be_bytes(*word))
}

/// Sleeps until then.
pub(crate) fn wait_until(due: Instant) {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::park_timeout(left);
    }
}

/// Four seconds of quiet noise in µ-law, of the codes a stamp is made of and their negatives.
pub(crate) fn noise() -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        0x60 | (state >> 32) as u8 & 0x8F
    };
    (0..32_000).map(|_| next()).collect()
}
