//! Signalling over real sockets on loopback.

use std::net::{IpAddr, Ipv4Addr};

use sip::media::LocalMedia;
use sip::{CallHandle, EndReason, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::*;

mod sipp;

const PATIENCE: Duration = Duration::from_secs(10);
const LOCAL: LocalMedia =
    LocalMedia { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 40_000, session: 1, key: None, fingerprint: None };
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n";

async fn signalling(peer: &str) -> (Signalling, CancellationToken) {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let cancel = CancellationToken::new();
    let config = SignallingConfig {
        udp: vec![any],
        tcp: vec![any],
        advertised_host: "127.0.0.1".to_owned(),
        media_address: std::net::Ipv4Addr::LOCALHOST.into(),
        trunks: vec![Trunk {
            name: "carrier".to_owned(),
            peers: vec![peer.parse().unwrap()],
            transports: vec![Transport::Udp, Transport::Tcp],
            capacity: 10,
            srtp: sip::media::SrtpPolicy::Off,
            codecs: sip::media::Codec::ALL.to_vec(),
        }],
        limits: Limits::default(),
        connections: ConnectionLimits::default(),
    };
    (start(config, cancel.clone()).unwrap(), cancel)
}

fn request(method: &str, to_tag: &str, body: &str) -> String {
    let sequence = if method == "BYE" { 2 } else { 1 };
    format!(
        "{method} sip:+15555550199@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK{method}\r\n\
         From: <sip:+15555550100@127.0.0.1>;tag=a\r\nTo: <sip:+15555550199@127.0.0.1>{to_tag}\r\nCall-ID: c\r\n\
         CSeq: {sequence} {method}\r\nContact: <sip:a@127.0.0.1>\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A caller over either transport.
enum Caller {
    Datagrams(UdpSocket),
    Stream(TcpStream),
}

impl Caller {
    async fn over_udp(to: SocketAddr) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        socket.connect(to).await.unwrap();
        Self::Datagrams(socket)
    }

    async fn send(&mut self, text: &str) {
        match self {
            Self::Datagrams(socket) => drop(socket.send(text.as_bytes()).await.unwrap()),
            Self::Stream(stream) => stream.write_all(text.as_bytes()).await.unwrap(),
        }
    }

    /// The next message: one datagram, or what the stream holds up to the end of a message.
    async fn receive(&mut self) -> String {
        let mut buffer = vec![0; 4_096];
        let length = match self {
            Self::Datagrams(socket) => timeout(PATIENCE, socket.recv(&mut buffer)).await.unwrap().unwrap(),
            Self::Stream(stream) => read_message(stream, &mut buffer).await,
        };
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }
}

/// Reads until the headers and the body they announce are there, byte by byte so as to take no more.
async fn read_message(stream: &mut TcpStream, buffer: &mut [u8]) -> usize {
    let mut length = 0;
    loop {
        timeout(PATIENCE, stream.read_exact(&mut buffer[length..=length])).await.unwrap().unwrap();
        length += 1;
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let announced = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
        if body.len() == announced.parse::<usize>().unwrap() {
            return length;
        }
    }
}

async fn next_event(signalling: &mut Signalling) -> Event {
    timeout(PATIENCE, signalling.events.recv()).await.unwrap().unwrap()
}

async fn incoming(signalling: &mut Signalling) -> CallHandle {
    match next_event(signalling).await {
        Event::Incoming(incoming) => incoming.call,
        Event::Acknowledged { .. }
        | Event::Changed { .. }
        | Event::Info { .. }
        | Event::Referral { .. }
        | Event::Ended { .. }
        | Event::Closed { .. } => panic!("no call"),
    }
}

async fn whole_call(signalling: &mut Signalling, mut caller: Caller) {
    caller.send(&request("INVITE", "", SDP)).await;
    assert!(caller.receive().await.starts_with("SIP/2.0 100 "));
    let call = incoming(signalling).await;
    let handle = signalling.handle.clone();
    handle.ring(call).await.unwrap();
    assert!(caller.receive().await.starts_with("SIP/2.0 180 "));
    let record = handle.prepare_answer(call).await.unwrap();
    handle.answer(call, LOCAL).await.unwrap();
    assert!(caller.receive().await.starts_with("SIP/2.0 200 "));
    let tag = format!(";tag={}", record.local_tag);
    caller.send(&request("ACK", &tag, "")).await;
    assert!(matches!(next_event(signalling).await, Event::Acknowledged { .. }));
    assert_eq!(handle.count_calls().await, Ok(CallCount { active: 1, is_idle: false }));
    caller.send(&request("BYE", &tag, "")).await;
    assert!(caller.receive().await.starts_with("SIP/2.0 200 "));
    assert!(matches!(next_event(signalling).await, Event::Ended { reason: EndReason::RemoteBye, .. }));
    assert!(matches!(next_event(signalling).await, Event::Closed { .. }));
    assert_eq!(handle.count_calls().await, Ok(CallCount { active: 0, is_idle: true }));
}

#[tokio::test]
async fn a_whole_call_over_datagrams() {
    let (mut signalling, _cancel) = signalling("127.0.0.1").await;
    let caller = Caller::over_udp(signalling.udp[0]).await;
    whole_call(&mut signalling, caller).await;
}

#[tokio::test]
async fn a_whole_call_over_a_stream() {
    let (mut signalling, _cancel) = signalling("127.0.0.1").await;
    let caller = Caller::Stream(TcpStream::connect(signalling.tcp[0]).await.unwrap());
    whole_call(&mut signalling, caller).await;
}

#[tokio::test]
async fn a_bye_for_a_lost_connection_opens_another() {
    let (mut signalling, _cancel) = signalling("127.0.0.1").await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let contact = format!("Contact: <sip:a@{}>", listener.local_addr().unwrap());
    let with_contact = |text: String| text.replace("Contact: <sip:a@127.0.0.1>", &contact);
    let mut caller = Caller::Stream(TcpStream::connect(signalling.tcp[0]).await.unwrap());
    caller.send(&with_contact(request("INVITE", "", SDP))).await;
    let call = incoming(&mut signalling).await;
    let record = signalling.handle.prepare_answer(call).await.unwrap();
    signalling.handle.answer(call, LOCAL).await.unwrap();
    caller.send(&request("ACK", &format!(";tag={}", record.local_tag), "")).await;
    assert!(matches!(next_event(&mut signalling).await, Event::Acknowledged { .. }));
    drop(caller);
    // The gateway may write the BYE into the dying connection once; a restored dialog has none to begin with.
    signalling.handle.restore_and_hang_up(record).await.unwrap();
    let (stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    assert!(Caller::Stream(stream).receive().await.starts_with("BYE sip:a@127.0.0.1:"));
}

#[tokio::test]
async fn a_stranger_gets_403_over_either_transport() {
    let (signalling, _cancel) = signalling("192.0.2.1").await;
    let mut callers = [
        Caller::over_udp(signalling.udp[0]).await,
        Caller::Stream(TcpStream::connect(signalling.tcp[0]).await.unwrap()),
    ];
    for caller in &mut callers {
        caller.send(&request("INVITE", "", SDP)).await;
        assert!(caller.receive().await.starts_with("SIP/2.0 403 Forbidden"));
    }
}

#[tokio::test]
async fn a_stream_that_cannot_be_framed_is_closed() {
    let (signalling, _cancel) = signalling("127.0.0.1").await;
    let mut stream = TcpStream::connect(signalling.tcp[0]).await.unwrap();
    stream.write_all(b"OPTIONS sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n").await.unwrap();
    assert_eq!(timeout(PATIENCE, stream.read(&mut [0; 16])).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn no_event_is_lost_while_nobody_takes_them() {
    let (mut signalling, _cancel) = signalling("127.0.0.1").await;
    let mut caller = Caller::over_udp(signalling.udp[0]).await;
    // Three events each: more than the queue holds, less than what makes the sockets wait.
    let calls = 400;
    for number in 0..calls {
        let of_call = |text: String| text.replace("Call-ID: c", &format!("Call-ID: {number}"));
        let in_transaction = |text: String| text.replace("branch=z9hG4bKINVITE", &format!("branch=z9hG4bK{number}"));
        caller.send(&of_call(in_transaction(request("INVITE", "", SDP)))).await;
        assert!(caller.receive().await.starts_with("SIP/2.0 100 "));
        let cancel = request("CANCEL", "", "").replace("branch=z9hG4bKCANCEL", "branch=z9hG4bKINVITE");
        caller.send(&of_call(in_transaction(cancel))).await;
        assert!(caller.receive().await.starts_with("SIP/2.0 200 "));
        assert!(caller.receive().await.starts_with("SIP/2.0 487 "));
        caller.send(&of_call(in_transaction(request("ACK", "", "").replace("KACK", "KINVITE")))).await;
    }
    let mut seen = 0;
    while seen < calls * 3 {
        next_event(&mut signalling).await;
        seen += 1;
    }
    assert_eq!(signalling.handle.count_calls().await, Ok(CallCount { active: 0, is_idle: true }));
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = taken.local_addr().unwrap();
    let (signalling, cancel) = signalling("127.0.0.1").await;
    cancel.cancel();
    signalling.task.await.unwrap();
    let config = SignallingConfig {
        udp: vec![address],
        tcp: Vec::new(),
        advertised_host: "127.0.0.1".to_owned(),
        media_address: std::net::Ipv4Addr::LOCALHOST.into(),
        trunks: Vec::new(),
        limits: Limits::default(),
        connections: ConnectionLimits::default(),
    };
    let error = start(config, cancel).err().unwrap().to_string();
    assert!(error.starts_with(&format!("cannot listen for SIP on UDP {address}: ")), "{error}");
    assert_eq!(signalling.handle.count_calls().await, Err(CommandError::Stopped));
}
