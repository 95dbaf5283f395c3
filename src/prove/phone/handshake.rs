//! The handshake of a call under DTLS-SRTP, on its socket of media and before anything else there (RFC 5764).

use std::{net::SocketAddr, time::Instant};

use dtls::DtlsConfig;
use rtp::{OpenHandshake, Progress};
use tokio::{net::UdpSocket, time::timeout_at};

use super::{PhoneError, media::DATAGRAM, secure::Channel};

/// Waits for the far side's handshake, and carries it on until both sides have their keys.
pub(super) async fn shake_hands(
    socket: &UdpSocket,
    far: SocketAddr,
    config: &DtlsConfig,
) -> Result<Channel, PhoneError> {
    let mut handshake = config.open(Instant::now());
    let mut progress = handshake.begin(Instant::now());
    let mut room = vec![0; DATAGRAM];
    loop {
        while let Some(packet) = handshake.poll_packet() {
            socket.send_to(&packet, far).await?;
        }
        match progress {
            Progress::None => {}
            Progress::Keys(keys, _) => return Ok(Channel::of(&keys)),
            Progress::Failed(failure) => return Err(PhoneError::NoKeys(failure.name())),
        }
        let due = handshake.poll_timeout().unwrap_or_else(Instant::now);
        progress = match timeout_at(due.into(), socket.recv_from(&mut room)).await {
            Ok(received) => match received? {
                (length, from) if from == far => handshake.handle_packet(Instant::now(), &room[..length]),
                _ => Progress::None,
            },
            Err(_) => handshake.handle_timeout(Instant::now()),
        };
    }
}
