//! One call in real time: packets leave when they would have come over the line, and what is said back is kept.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use audio::g711::{decode_ulaw, encode_ulaw};
use rtp::Packet;
use testkit::{
    line::Arrival,
    softphone::{BareCall, CallRequest, FRAME},
};
use tokio::{
    net::UdpSocket,
    time::{Instant, sleep_until, timeout_at},
};

/// How long is listened after the last packet.
const AFTERWARDS: Duration = Duration::from_millis(1_500);
/// Where everything is.
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// The largest packet.
const DATAGRAM: usize = 2_048;

/// What is sent, and when: shared by all calls that say the same.
pub(crate) type Payloads = Arc<Vec<[u8; FRAME]>>;

/// A call that was answered and its socket.
pub(crate) struct Caller {
    socket: UdpSocket,
    call: BareCall,
}

/// What came back.
struct Heard {
    at: Duration,
    timestamp: u32,
    payload: Vec<u8>,
}

impl Caller {
    /// Calls `user` at `server`. The session description names `media`, else the caller's own port.
    pub(crate) async fn place(server: SocketAddr, user: &str, number: usize, media: Option<u16>) -> Result<Self> {
        let socket = UdpSocket::bind((LOCAL, 0)).await?;
        let mut request = CallRequest::new(server, &format!("+1503555{number:04}"), user);
        request.codecs = vec![0];
        let port = media.map_or_else(|| socket.local_addr().map(|address| address.port()), Ok)?;
        let call = BareCall::place(&request, port).await.with_context(|| format!("call {number} to {user}"))?;
        Ok(Self { socket, call })
    }

    /// Where the far side takes audio.
    pub(crate) fn far(&self) -> SocketAddr {
        self.call.far()
    }

    /// Sends what arrives, when it arrives, to `to`; hangs up. What was heard from the first packet on.
    pub(crate) async fn speak(self, to: SocketAddr, payloads: &Payloads, arrivals: &[Arrival]) -> Result<Vec<i16>> {
        let began = Instant::now();
        let last = arrivals.last().map_or(Duration::ZERO, |arrival| arrival.at);
        let (sent, heard) = tokio::join!(
            say(&self.socket, to, payloads, arrivals, began),
            listen(&self.socket, to, began, began + last + AFTERWARDS),
        );
        sent?;
        self.call.hang_up().await.context("the far side hung up")?;
        assemble(&heard)
    }
}

async fn say(
    socket: &UdpSocket,
    to: SocketAddr,
    payloads: &Payloads,
    arrivals: &[Arrival],
    began: Instant,
) -> Result<()> {
    for arrival in arrivals {
        sleep_until(began + arrival.at).await;
        let mut packet = vec![0x80, 0];
        packet.extend((arrival.packet as u16).to_be_bytes());
        packet.extend((arrival.packet as u32).wrapping_mul(FRAME as u32).to_be_bytes());
        packet.extend(1_u32.to_be_bytes());
        packet.extend(payloads[arrival.packet]);
        socket.send_to(&packet, to).await?;
    }
    Ok(())
}

async fn listen(socket: &UdpSocket, from: SocketAddr, began: Instant, until: Instant) -> Vec<Heard> {
    let (mut heard, mut bytes) = (Vec::new(), [0; DATAGRAM]);
    while let Ok(came) = timeout_at(until, socket.recv_from(&mut bytes)).await {
        let Ok((length, source)) = came else { continue };
        let at = began.elapsed();
        match Packet::parse(&bytes[..length]) {
            Ok(packet) if source == from && packet.payload_type == 0 => {
                heard.push(Heard { at, timestamp: packet.timestamp, payload: packet.payload.to_vec() });
            }
            Ok(_) | Err(_) => {}
        }
    }
    heard
}

/// Puts packets on one line by their timestamps. Where the line begins the packet tells that came soonest for its time.
fn assemble(heard: &[Heard]) -> Result<Vec<i16>> {
    let first = heard.first().context("nothing was heard")?;
    let place = |packet: &Heard| i64::from(packet.timestamp.wrapping_sub(first.timestamp).cast_signed());
    let samples = |at: Duration| (at.as_micros() * 8 / 1_000) as i64;
    let origin = heard.iter().map(|packet| samples(packet.at) - place(packet)).min().unwrap_or(0);
    let mut line = Vec::new();
    for packet in heard {
        let Ok(from) = usize::try_from(origin + place(packet)) else { continue };
        ensure!(from < samples(first.at) as usize + 8_000 * 3_600, "the far side's timestamps jump");
        line.resize(line.len().max(from + packet.payload.len()), decode_ulaw(encode_ulaw(0)));
        let codes = packet.payload.iter().map(|&code| decode_ulaw(code));
        line[from..from + packet.payload.len()].iter_mut().zip(codes).for_each(|(place, sample)| *place = sample);
    }
    Ok(line)
}
