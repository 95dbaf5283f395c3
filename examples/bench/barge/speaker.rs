//! Callers who listen in stamped noise, and speak once the bot has spoken for a while.

use std::{
    collections::HashMap,
    io,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use audio::g711::{decode_ulaw, encode_ulaw};

use super::{Stage, Turn};
use crate::{
    callers::{FRAME, GLANCE, HEADER, Line, noise, wait_until, write_header},
    stamp::{PAYLOAD, Stamp},
    wire,
};

/// A sample from which on a packet counts as sound.
const SOUND: u16 = 100;
/// Packets of the bot's tone before the caller speaks, and how much that varies from turn to turn.
const PATIENCE: u32 = 60;
const SPREAD: u32 = 40;
/// Nanoseconds without sound after which the agent has been silent.
const GAP: u64 = 200_000_000;
/// Nanoseconds of one sample.
const SAMPLE: u64 = 125_000;

/// The callers, until dropped.
pub(super) struct Speakers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Speakers {
    /// Callers with these utterances at 8 kHz, each of which begins with its first sound.
    pub(super) fn start(
        socket: &UdpSocket,
        lines: Vec<Line>,
        stage: &Arc<Stage>,
        utterances: Vec<Vec<i16>>,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        socket.set_read_timeout(Some(GLANCE))?;
        wire::stamp_arrivals(socket)?;
        let sources = lines.iter().enumerate().map(|(call, line)| (line.source, call)).collect();
        let coded = |samples: Vec<i16>| samples.into_iter().map(encode_ulaw).collect();
        let mouth = Mouth {
            socket: socket.try_clone()?,
            targets: lines.into_iter().map(|line| line.target).collect(),
            utterances: utterances.into_iter().map(coded).collect(),
            stage: Arc::clone(stage),
            stop: Arc::clone(&stop),
        };
        let ear = Ear { socket: socket.try_clone()?, sources, stage: Arc::clone(stage), stop: Arc::clone(&stop) };
        let threads = vec![thread::spawn(move || mouth.run()), thread::spawn(move || ear.run())];
        Ok(Self { stop, threads })
    }
}

impl Drop for Speakers {
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
    /// In µ-law.
    utterances: Vec<Vec<u8>>,
    stage: Arc<Stage>,
    stop: Arc<AtomicBool>,
}

impl Mouth {
    fn run(self) {
        let (began, calls, noise) = (Instant::now(), self.targets.len().max(1) as u32, noise());
        // What each caller still has to say.
        let mut saying: Vec<&[u8]> = vec![&[]; self.targets.len()];
        let mut spoken = 0;
        for packet in 0_u32.. {
            for (call, said) in saying.iter_mut().enumerate() {
                wait_until(began + FRAME * packet + FRAME * call as u32 / calls);
                if self.stop.load(Ordering::Relaxed) {
                    return;
                }
                if said.is_empty() && self.wants_to_speak(call, spoken) {
                    *said = &self.utterances[spoken % self.utterances.len()];
                    spoken += 1;
                }
                self.send(Stamp { call, packet }, said, &noise);
            }
        }
    }

    /// Whether the bot has spoken for long enough; if so, this is the onset.
    fn wants_to_speak(&self, call: usize, spoken: usize) -> bool {
        let Some(mut scene) = self.stage.scene(call) else { return false };
        let wants =
            scene.turn == Turn::Speech && scene.cause == 0 && scene.sounding >= PATIENCE + spoken as u32 * 13 % SPREAD;
        if wants {
            scene.cause = wire::now();
        }
        wants
    }

    fn send(&self, stamp: Stamp, said: &mut &[u8], noise: &[u8]) {
        let mut bytes = [0xFF_u8; HEADER + PAYLOAD];
        write_header(&mut bytes, stamp);
        if said.is_empty() {
            let from = stamp.packet as usize * 37 % (noise.len() - PAYLOAD);
            bytes[HEADER..].copy_from_slice(&noise[from..from + PAYLOAD]);
            stamp.write(&mut bytes[HEADER..]);
        } else {
            let (now, later) = said.split_at(said.len().min(PAYLOAD));
            bytes[HEADER..HEADER + now.len()].copy_from_slice(now);
            *said = later;
        }
        // A packet that cannot be sent is one that is lost.
        self.socket.send_to(&bytes, self.targets[stamp.call]).ok();
    }
}

struct Ear {
    socket: UdpSocket,
    sources: HashMap<SocketAddr, usize>,
    stage: Arc<Stage>,
    stop: Arc<AtomicBool>,
}

impl Ear {
    fn run(self) {
        let mut bytes = [0_u8; 2_048];
        while !self.stop.load(Ordering::Relaxed) {
            let Ok((length, from, at)) = wire::receive(&self.socket, &mut bytes) else { continue };
            let Some(payload) = bytes.get(HEADER..length) else { continue };
            let last = payload.iter().rposition(|code| decode_ulaw(*code).unsigned_abs() > SOUND);
            let call = self.sources.get(&from).copied();
            let (Some(last), Some(call)) = (last, call) else { continue };
            if let Some(mut scene) = self.stage.scene(call) {
                scene.sounding += 1;
                // It was silent and goes on where it was: the silence has been timed.
                scene.resumed |= scene.cause != 0 && at.saturating_sub(scene.last_came.max(scene.cause)) > GAP;
                if scene.resumed {
                    continue;
                }
                scene.last_came = at;
                scene.last_sound = at + (last as u64 + 1) * SAMPLE;
            }
        }
    }
}
