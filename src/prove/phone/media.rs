//! One call's RTP: a packet every 20 ms of silence, other sound, keys as tones or as events; and whatever comes back.

use std::{
    collections::VecDeque,
    f32::consts::TAU,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use audio::{CodecError, Decoder, Encoder, MAX_PAYLOAD_BYTES, OpusSettings};
use dtls::DtlsConfig;
use tokio::{
    net::UdpSocket,
    sync::{mpsc, oneshot},
    time::{Interval, MissedTickBehavior, interval},
};

use super::{
    Keying, Line, PhoneError, Sound,
    handshake::shake_hands,
    message::{Agreed, payload_type},
    secure::Channel,
};
use crate::listen::{Press, Track};

/// One packet's span.
const TICK: Duration = Duration::from_millis(20);
const TICK_MS: f64 = 20.0;
/// Packets that a key is held: 100 ms; and from one to the next: 60 ms.
const HELD: u32 = 5;
const PAUSE: u32 = 3;
/// The last packet of an event is sent this often (RFC 4733 §2.5.1.4).
const END_PACKETS: u32 = 3;
/// The amplitude of each of a key's two tones, -9 dBm0, and of other sound, -23 dBm0.
const AMPLITUDE: f32 = 8_000.0;
const SOUND: f32 = 1_600.0;
/// The level in a telephone-event, in -dBm0.
const VOLUME: u8 = 10;
/// The largest packet.
pub(super) const DATAGRAM: usize = 2_048;
/// The most of what came that is kept: five minutes at 16 kHz.
pub(crate) const MOST_HEARD: usize = 16_000 * 300;

/// Something to send.
pub(super) enum Order {
    /// Keys, and whom to tell when the last is up.
    Press(Vec<u8>, oneshot::Sender<()>),
    /// How to sound whenever no key is sent.
    Sound(Sound),
}

/// What both sides of the task see.
#[derive(Default)]
pub(super) struct Seen {
    /// The keys that were sent in the audio or beside it, by the stream's own time.
    pub(super) presses: Vec<Press>,
    /// What came.
    pub(super) heard: Vec<i16>,
    /// The stream's time.
    pub(super) now_ms: f64,
}

/// What both sides of the task see, behind a lock that nobody holds for long.
pub(super) type Shared = Arc<Mutex<Seen>>;

/// Looks at it.
pub(super) fn with<T>(shared: &Shared, look: impl FnOnce(&mut Seen) -> T) -> T {
    look(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The socket of a call's audio.
pub(super) struct Media {
    socket: UdpSocket,
}

impl Media {
    pub(super) async fn bind(local: SocketAddr) -> std::io::Result<Self> {
        Ok(Self { socket: UdpSocket::bind(local).await? })
    }

    pub(super) fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Waits for the far side's handshake, and answers it.
    pub(super) async fn shake_hands(&self, far: SocketAddr, config: &DtlsConfig) -> Result<Channel, PhoneError> {
        shake_hands(&self.socket, far, config).await
    }

    /// Sends and receives until the orders end.
    pub(super) fn run(
        self,
        line: &Line,
        agreed: &Agreed,
        channel: Option<Channel>,
        orders: mpsc::Receiver<Order>,
    ) -> Result<Shared, CodecError> {
        let shared = Shared::default();
        let pump = Pump {
            socket: self.socket,
            far: agreed.media,
            kind: payload_type(line),
            events: agreed.events.filter(|_| line.keying == Keying::Events),
            clock: line.codec.clock_hertz() / 50,
            events_clock: line.events_hertz() / 50,
            encoder: line.codec.encoder(&OpusSettings::default())?,
            decoder: line.codec.decoder()?,
            channel,
            orders,
            shared: Arc::clone(&shared),
            sequence: rand::random::<u16>() >> 1,
            timestamp: rand::random(),
            source: rand::random(),
            ticks: 0,
            sound: VecDeque::new(),
            keys: VecDeque::new(),
            key: None,
            done: Vec::new(),
            sound_between: Sound::Silence,
            sounded: 0,
        };
        tokio::spawn(pump.run());
        Ok(shared)
    }
}

/// A key that is being sent as an event.
struct Key {
    code: u8,
    timestamp: u32,
    ticks: u32,
}

struct Pump {
    socket: UdpSocket,
    far: SocketAddr,
    kind: u8,
    events: Option<u8>,
    /// The clock of timestamps, and of events, in units of a packet.
    clock: u32,
    events_clock: u32,
    encoder: Box<dyn Encoder>,
    decoder: Box<dyn Decoder>,
    channel: Option<Channel>,
    orders: mpsc::Receiver<Order>,
    shared: Shared,
    sequence: u16,
    timestamp: u32,
    source: u32,
    ticks: u64,
    /// Tones that are still to be sent.
    sound: VecDeque<i16>,
    /// Keys that are still to be sent as events.
    keys: VecDeque<u8>,
    key: Option<Key>,
    /// Who waits until nothing is left to be sent.
    done: Vec<oneshot::Sender<()>>,
    /// How it sounds whenever no key is sent, and how many samples of that were sent, by the second.
    sound_between: Sound,
    sounded: u32,
}

impl Pump {
    async fn run(mut self) {
        let mut clock: Interval = interval(TICK);
        clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut room = vec![0; DATAGRAM];
        loop {
            tokio::select! {
                _ = clock.tick() => if !self.tick().await {
                    return;
                },
                received = self.socket.recv_from(&mut room) => {
                    // What comes from elsewhere, or not at all, is nothing to hear.
                    if let Ok((length, from)) = received && from == self.far {
                        self.hear(&mut room[..length]);
                    }
                }
            }
        }
    }

    /// Sends what is due; returns whether the call goes on.
    async fn tick(&mut self) -> bool {
        if self.is_idle() {
            self.done.drain(..).for_each(|done| {
                done.send(()).ok();
            });
        }
        loop {
            match self.orders.try_recv() {
                Ok(Order::Press(keys, done)) => self.take(&keys, done),
                Ok(Order::Sound(sound)) => self.sound_between = sound,
                Err(mpsc::error::TryRecvError::Empty) => break,
                Err(mpsc::error::TryRecvError::Disconnected) => return false,
            }
        }
        for packet in self.packets() {
            let packet = match &mut self.channel {
                Some(channel) => channel.protect(packet),
                None => packet,
            };
            // A lost packet is what a network does.
            self.socket.send_to(&packet, self.far).await.ok();
        }
        self.timestamp = self.timestamp.wrapping_add(self.clock);
        self.ticks += 1;
        with(&self.shared, |seen| seen.now_ms = self.ticks as f64 * TICK_MS);
        true
    }

    fn is_idle(&self) -> bool {
        self.sound.is_empty() && self.keys.is_empty() && self.key.is_none()
    }

    fn take(&mut self, keys: &[u8], done: oneshot::Sender<()>) {
        self.done.push(done);
        let begin = self.ticks + (self.sound.len() / self.encoder.rate().frame_samples()) as u64;
        let each = u64::from(HELD + PAUSE);
        let waiting = self.keys.len() as u64;
        with(&self.shared, |seen| {
            for (place, key) in keys.iter().enumerate() {
                let at_ms = (begin + (waiting + place as u64) * each) as f64 * TICK_MS;
                seen.presses.extend(Press::new(at_ms, f64::from(HELD) * TICK_MS, *key));
            }
        });
        if self.events.is_some() {
            self.keys.extend(keys);
        } else {
            keys.iter().for_each(|key| self.add_tone(*key));
        }
    }

    /// A tone begins anywhere in a packet, as a caller's finger does.
    fn add_tone(&mut self, key: u8) {
        let (rate, frame) = (self.encoder.rate().hertz() as f32, self.encoder.rate().frame_samples());
        let Some((low, high)) = tones(key) else { return };
        let late = rand::random_range(0..frame);
        let wave = |hertz: f32, n: usize| (TAU * hertz * n as f32 / rate).sin() * AMPLITUDE;
        self.sound.extend(std::iter::repeat_n(0, late));
        self.sound.extend((0..HELD as usize * frame).map(|n| (wave(low, n) + wave(high, n)).round() as i16));
        self.sound.extend(std::iter::repeat_n(0, PAUSE as usize * frame - late));
    }

    fn packets(&mut self) -> Vec<Vec<u8>> {
        if self.key.is_none() {
            let code = self.keys.pop_front().and_then(event_code);
            self.key = code.map(|code| Key { code, timestamp: self.timestamp, ticks: 0 });
        }
        match (self.key.take(), self.events) {
            (Some(mut key), Some(kind)) => {
                key.ticks += 1;
                let packets = if key.ticks > HELD { vec![self.speech()] } else { self.event(kind, &key) };
                self.key = (key.ticks < HELD + PAUSE).then_some(key);
                packets
            }
            _ => vec![self.speech()],
        }
    }

    /// The packets of 20 ms of an event. In the last the end goes out three times.
    fn event(&mut self, kind: u8, key: &Key) -> Vec<Vec<u8>> {
        let is_end = key.ticks == HELD;
        let [high, low] = u16::try_from(key.ticks * self.events_clock).unwrap_or(u16::MAX).to_be_bytes();
        let payload = [key.code, if is_end { 0x80 | VOLUME } else { VOLUME }, high, low];
        let count = if is_end { END_PACKETS } else { 1 };
        (0..count).map(|_| self.packet(kind, key.timestamp, key.ticks == 1, &payload)).collect()
    }

    fn speech(&mut self) -> Vec<u8> {
        let (rate, length) = (self.encoder.rate().hertz() as f32, self.encoder.rate().frame_samples());
        let count = length.min(self.sound.len());
        let mut samples: Vec<i16> = self.sound.drain(..count).collect();
        if let Some(hertz) = self.sound_between.hertz().filter(|_| count == 0 && self.key.is_none()) {
            let wave = |n: usize| (TAU * hertz * (self.sounded + n as u32) as f32 / rate).sin() * SOUND;
            samples = (0..length).map(|n| wave(n) as i16).collect();
            self.sounded = (self.sounded + length as u32) % self.encoder.rate().hertz();
        }
        samples.resize(length, 0);
        let mut payload = vec![0; MAX_PAYLOAD_BYTES];
        let bytes = self.encoder.encode(&samples, &mut payload).unwrap_or(0);
        self.packet(self.kind, self.timestamp, self.ticks == 0, &payload[..bytes])
    }

    fn packet(&mut self, kind: u8, timestamp: u32, marker: bool, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, kind | if marker { 0x80 } else { 0 }];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.source.to_be_bytes());
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        packet
    }

    /// Keeps what came, in the order in which it came: whatever is heard of a key counts, whenever it does.
    fn hear(&mut self, packet: &mut [u8]) {
        let length = match &mut self.channel {
            Some(channel) => channel.unprotect(packet),
            None => Some(packet.len()),
        };
        let Some(packet) = length.and_then(|length| packet.get(..length)) else { return };
        let is_speech = packet.len() > 12 && packet[0] == 0x80 && packet[1] & 0x7f == self.kind;
        let Some(payload) = packet.get(12..).filter(|_| is_speech) else { return };
        let mut samples = vec![0; self.decoder.samples(payload).unwrap_or(0)];
        if let Ok(decoded) = self.decoder.decode(payload, &mut samples) {
            with(&self.shared, |seen| {
                if seen.heard.len() < MOST_HEARD {
                    seen.heard.extend(&samples[..decoded]);
                }
            });
        }
    }
}

/// The event code of a key (RFC 4733 §3.2).
fn event_code(key: u8) -> Option<u8> {
    match key {
        b'0'..=b'9' => Some(key - b'0'),
        b'*' => Some(10),
        b'#' => Some(11),
        _ => None,
    }
}

/// The two tones of a key in hertz (ITU-T Q.23).
fn tones(key: u8) -> Option<(f32, f32)> {
    const ROWS: [(&[u8; 3], f32); 4] = [(b"123", 697.0), (b"456", 770.0), (b"789", 852.0), (b"*0#", 941.0)];
    const HIGH: [f32; 3] = [1_209.0, 1_336.0, 1_477.0];
    ROWS.iter().find_map(|(row, low)| {
        let column = row.iter().position(|known| *known == key)?;
        Some((*low, HIGH[column]))
    })
}

/// What the caller was sent, at the rate of its line.
pub(super) fn heard(shared: &Shared, rate: u32) -> Track {
    Track { rate, samples: with(shared, |seen| seen.heard.clone()) }
}
