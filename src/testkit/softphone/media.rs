//! One call's RTP: a packet every 20 ms, speech, silence or keys, and whatever comes back.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use audio::g711::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};
use rtp::srtp::{Inbound, Outbound};
use tokio::{
    net::UdpSocket,
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    CallRequest, FRAME, Order, PhoneEvent,
    dialog::Agreed,
    keypad::{HELD, Keying, PAUSE, event_code, event_payload, tones},
    message::Answer,
    secure,
};

/// One packet's span.
const TICK: Duration = Duration::from_millis(20);
/// After this long without a packet the far side is taken to be silent: on a busy machine packets come late in a row.
const QUIET: Duration = Duration::from_millis(400);
/// The largest packet.
const DATAGRAM: usize = 2_048;
/// Bytes of an RTP header without extras (RFC 3550 §5.1).
const HEADER: usize = 12;
/// The last packet of an event is sent this often (RFC 4733 §2.5.1.4).
const END_PACKETS: usize = 3;

/// The socket of a call's audio.
pub(super) struct Media {
    socket: UdpSocket,
}

impl Media {
    pub(super) async fn bind(local: IpAddr) -> io::Result<Self> {
        Ok(Self { socket: UdpSocket::bind((local, 0)).await? })
    }

    pub(super) fn port(&self) -> io::Result<u16> {
        Ok(self.socket.local_addr()?.port())
    }

    /// Sends and receives until the call is dropped.
    pub(super) fn run(
        self,
        agreed: Agreed,
        request: &CallRequest,
        orders: mpsc::Receiver<Order>,
        events: mpsc::Sender<PhoneEvent>,
    ) {
        let Agreed { answer, channel } = agreed;
        let (outbound, inbound) = channel.map(|channel| (channel.outbound, channel.inbound)).unzip();
        let mut sender = Sender::new(answer, request.keying, outbound);
        if let Some(first) = request.first {
            (sender.sequence, sender.timestamp) = first;
        }
        let pump = Pump {
            socket: self.socket,
            far: answer.media,
            sender,
            receiver: Receiver { codec: answer.codec, origin: None },
            inbound,
            orders,
            events,
            was_busy: false,
        };
        tokio::spawn(pump.run());
    }
}

/// The loop of a call: one tick every 20 ms, and what comes between.
struct Pump {
    socket: UdpSocket,
    far: SocketAddr,
    sender: Sender,
    receiver: Receiver,
    inbound: Option<Inbound>,
    orders: mpsc::Receiver<Order>,
    events: mpsc::Sender<PhoneEvent>,
    was_busy: bool,
}

impl Pump {
    async fn run(mut self) {
        let mut clock = interval(TICK);
        clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut buffer = vec![0; DATAGRAM];
        loop {
            let goes_on = tokio::select! {
                _ = clock.tick() => self.tick().await,
                received = self.socket.recv_from(&mut buffer) => match received {
                    Ok((length, from)) if from == self.far => self.packet(&mut buffer[..length]).await,
                    // From elsewhere, or the far side's port is closed.
                    Ok(_) | Err(_) => true,
                },
            };
            if !goes_on {
                return;
            }
        }
    }

    async fn tick(&mut self) -> bool {
        let state = self.sender.tick(&self.socket, &mut self.orders).await;
        let is_done = std::mem::replace(&mut self.was_busy, state == Tick::Busy) && state == Tick::Idle;
        if is_done && self.events.send(PhoneEvent::Idle).await.is_err() {
            return false;
        }
        if !self.drain().await {
            return false;
        }
        match self.receiver.silence(Instant::now()) {
            Some(until) => self.events.send(PhoneEvent::Silence { until }).await.is_ok() && state != Tick::Over,
            None => state != Tick::Over,
        }
    }

    /// Hears what has come before anyone takes the line for silent: this process may have been kept from running.
    async fn drain(&mut self) -> bool {
        let mut buffer = [0; DATAGRAM];
        while let Ok((length, from)) = self.socket.try_recv_from(&mut buffer) {
            if from == self.far && !self.packet(&mut buffer[..length]).await {
                return false;
            }
        }
        true
    }

    async fn packet(&mut self, packet: &mut [u8]) -> bool {
        let opened = self.inbound.as_mut().map_or(Ok(packet.len()), |inbound| inbound.unprotect_rtp(packet));
        let Ok(length) = opened else { return true };
        match self.receiver.audio(Instant::now(), &packet[..length]) {
            Some((index, samples)) => self.events.send(PhoneEvent::Audio { index, samples }).await.is_ok(),
            None => true,
        }
    }
}

/// What a tick has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tick {
    Busy,
    Idle,
    Over,
}

/// A key being sent as an event.
struct Event {
    code: u8,
    timestamp: u32,
    frames: usize,
}

struct Sender {
    answer: Answer,
    keying: Keying,
    outbound: Option<Outbound>,
    sequence: u16,
    timestamp: u32,
    source: u32,
    speech: VecDeque<i16>,
    keys: VecDeque<u8>,
    event: Option<Event>,
    pause: usize,
    is_first: bool,
    /// The latest packet as it went out.
    latest: Vec<u8>,
}

impl Sender {
    fn new(answer: Answer, keying: Keying, outbound: Option<Outbound>) -> Self {
        Self {
            answer,
            keying,
            outbound,
            // In the lower half, as SRTP wants it (RFC 4568 §6.4).
            sequence: rand::random::<u16>() >> 1,
            timestamp: rand::random(),
            source: rand::random(),
            speech: VecDeque::new(),
            keys: VecDeque::new(),
            event: None,
            pause: 0,
            is_first: true,
            latest: Vec::new(),
        }
    }

    async fn tick(&mut self, socket: &UdpSocket, orders: &mut mpsc::Receiver<Order>) -> Tick {
        if self.speech.is_empty() && self.keys.is_empty() && self.event.is_none() && self.pause == 0 {
            match orders.try_recv() {
                Ok(Order::Send(packets)) => {
                    for packet in packets {
                        socket.send_to(&packet, self.answer.media).await.ok();
                    }
                }
                Ok(Order::Repeat { count, spoiled }) => {
                    let mut packet = self.latest.clone();
                    if let Some(sequence) = packet.get_mut(2..4).filter(|_| spoiled) {
                        let later = self.sequence.wrapping_add(300);
                        sequence.copy_from_slice(&later.to_be_bytes());
                    }
                    for _ in 0..count {
                        socket.send_to(&packet, self.answer.media).await.ok();
                    }
                }
                Ok(order) => self.take(order),
                Err(mpsc::error::TryRecvError::Disconnected) => return Tick::Over,
                Err(mpsc::error::TryRecvError::Empty) => {}
            }
        }
        let is_busy = !self.speech.is_empty() || !self.keys.is_empty() || self.event.is_some() || self.pause > 0;
        for packet in self.packets() {
            let packet = match &mut self.outbound {
                Some(outbound) => secure::protect(outbound, packet),
                None => packet,
            };
            // A lost packet is what a network does.
            socket.send_to(&packet, self.answer.media).await.ok();
            self.latest = packet;
        }
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
        if is_busy { Tick::Busy } else { Tick::Idle }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Say(samples) => self.speech.extend(samples.iter()),
            Order::Press(keys) if self.keying == Keying::Tones || self.answer.events.is_none() => {
                self.speech.extend(tones(&keys));
            }
            Order::Press(keys) => self.keys.extend(keys),
            // They went out where they were taken.
            Order::Send(_) | Order::Repeat { .. } => {}
        }
    }

    fn packets(&mut self) -> Vec<Vec<u8>> {
        if self.event.is_none() && self.pause == 0 {
            let code = self.keys.pop_front().and_then(event_code);
            self.event = code.map(|code| Event { code, timestamp: self.timestamp, frames: 0 });
        }
        match (&mut self.event, self.answer.events) {
            (Some(event), Some(kind)) => {
                event.frames += 1;
                let (code, timestamp, frames) = (event.code, event.timestamp, event.frames);
                self.event_packets(kind, code, timestamp, frames)
            }
            _ => {
                self.pause = self.pause.saturating_sub(1);
                vec![self.speech_packet()]
            }
        }
    }

    /// The packets of one frame of an event. In the last frame the end goes out three times.
    fn event_packets(&mut self, kind: u8, code: u8, timestamp: u32, frames: usize) -> Vec<Vec<u8>> {
        let is_end = frames == HELD;
        let duration = u16::try_from(frames * FRAME).unwrap_or(u16::MAX);
        let payload = event_payload(code, is_end, duration);
        if is_end {
            self.event = None;
            self.pause = PAUSE;
        }
        let count = if is_end { END_PACKETS } else { 1 };
        (0..count).map(|_| self.packet(kind, timestamp, frames == 1, &payload)).collect()
    }

    fn speech_packet(&mut self) -> Vec<u8> {
        let encode = if self.answer.codec == 8 { encode_alaw } else { encode_ulaw };
        let count = FRAME.min(self.speech.len());
        let mut payload: Vec<u8> = self.speech.drain(..count).map(encode).collect();
        payload.resize(FRAME, encode(0));
        let marker = std::mem::take(&mut self.is_first);
        self.packet(self.answer.codec, self.timestamp, marker, &payload)
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
}

/// Puts what comes on one line of samples.
struct Receiver {
    codec: u8,
    origin: Option<Origin>,
}

/// Where the far side's timestamps lie on the line.
struct Origin {
    source: u32,
    timestamp: u32,
    index: u64,
    newest: u64,
    came: Instant,
}

impl Receiver {
    fn audio(&mut self, now: Instant, packet: &[u8]) -> Option<(u64, Vec<i16>)> {
        let contributors = usize::from(packet.first()? & 0x0f);
        let is_plain = packet[0] & 0xf0 == 0x80;
        let payload = packet.get(HEADER + 4 * contributors..)?;
        if !is_plain || packet[1] & 0x7f != self.codec {
            return None;
        }
        let word = |at: usize| Some(u32::from_be_bytes(packet.get(at..at + 4)?.try_into().ok()?));
        let index = self.place(now, word(8)?, word(4)?, payload.len() as u64)?;
        let decode = if self.codec == 8 { decode_alaw } else { decode_ulaw };
        Some((index, payload.iter().map(|code| decode(*code)).collect()))
    }

    /// The place of a packet on the line. A new source goes on where the old one was.
    fn place(&mut self, now: Instant, source: u32, timestamp: u32, length: u64) -> Option<u64> {
        let begin = self.origin.as_ref().map_or(0, |origin| origin.newest);
        let origin = match &mut self.origin {
            Some(origin) if origin.source == source => origin,
            Some(_) | None => self.origin.insert(Origin { source, timestamp, index: begin, newest: begin, came: now }),
        };
        let ahead = timestamp.wrapping_sub(origin.timestamp).cast_signed();
        let index = origin.index.checked_add_signed(i64::from(ahead))?;
        origin.newest = origin.newest.max(index + length);
        origin.came = now;
        Some(index)
    }

    /// How far the line has come although nothing came.
    fn silence(&self, now: Instant) -> Option<u64> {
        let origin = self.origin.as_ref()?;
        let gone = now.duration_since(origin.came);
        (gone >= QUIET).then(|| origin.newest + (gone - QUIET).as_millis() as u64 * 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender() -> Sender {
        Sender::new(
            Answer { media: "127.0.0.1:4000".parse().unwrap(), codec: 0, events: Some(101) },
            Keying::TelephoneEvent,
            None,
        )
    }

    #[test]
    fn a_key_is_one_event_with_three_ends_and_a_pause() {
        let mut sender = sender();
        sender.take(Order::Press(vec![b'7']));
        let mut sent = Vec::new();
        for _ in 0..HELD + PAUSE + 1 {
            sent.push(sender.packets());
            sender.timestamp = sender.timestamp.wrapping_add(FRAME as u32);
        }
        let events: Vec<&Vec<u8>> = sent.iter().flatten().filter(|packet| packet[1] & 0x7f == 101).collect();
        assert_eq!(events.len(), HELD + END_PACKETS - 1);
        assert!(events.iter().all(|packet| packet[4..8] == events[0][4..8]), "one event has one timestamp");
        assert_eq!(events.iter().map(|packet| packet[1] >> 7).sum::<u8>(), 1, "one marker");
        assert_eq!(events.iter().filter(|packet| packet[13] & 0x80 != 0).count(), END_PACKETS);
        assert_eq!(events.last().unwrap()[14..16], (HELD as u16 * 160).to_be_bytes());
        assert!(sent[HELD..].iter().flatten().all(|packet| packet[1] & 0x7f == 0), "then audio again");
    }

    #[tokio::test]
    async fn what_came_while_nobody_looked_is_no_silence() {
        let gateway = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let far = gateway.local_addr().unwrap();
        let mut far_sender = sender();
        far_sender.answer.media = socket.local_addr().unwrap();
        // The order's sender is kept, or the call would be over.
        let (_order, orders) = mpsc::channel(1);
        let (events, mut heard) = mpsc::channel(100);
        let long_ago = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        let origin =
            Origin { source: far_sender.source, timestamp: far_sender.timestamp, index: 0, newest: 0, came: long_ago };
        let receiver = Receiver { codec: 0, origin: Some(origin) };
        let mut pump = Pump { socket, far, sender: sender(), receiver, inbound: None, orders, events, was_busy: false };
        for _ in 0..20 {
            gateway.send_to(&far_sender.speech_packet(), far_sender.answer.media).await.unwrap();
            far_sender.timestamp = far_sender.timestamp.wrapping_add(FRAME as u32);
        }
        pump.socket.readable().await.unwrap();
        assert!(pump.tick().await);
        for number in 0..20 {
            let event = heard.try_recv();
            assert!(matches!(event, Ok(PhoneEvent::Audio { index, .. }) if index == number * 160), "{number}");
        }
        assert!(heard.try_recv().is_err(), "and no silence after it");
    }

    #[test]
    fn packets_find_their_place_whatever_their_order() {
        let mut receiver = Receiver { codec: 0, origin: None };
        let now = Instant::now();
        assert_eq!(receiver.place(now, 1, u32::MAX - 159, 160), Some(0));
        assert_eq!(receiver.place(now, 1, 160, 160), Some(320));
        assert_eq!(receiver.place(now, 1, 0, 160), Some(160));
        assert_eq!(receiver.silence(now), None);
        assert_eq!(receiver.silence(now + Duration::from_millis(400 + 40)), Some(480 + 40 * 8));
        assert_eq!(receiver.place(now, 2, 5_000, 160), Some(480), "a new source goes on");
    }
}
