//! Bytes that nobody should send, to every port of a gateway with a call that is up.

use std::{net::SocketAddr, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use testkit::{
    gateway::{GatewayOptions, OPERATOR_TOKEN},
    softphone::Keying,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use super::{SETTLE, newest, noted, options};
use crate::{
    bot::{HEARD_OUT, Scene},
    client::{Client, eventually, metrics, operations, sum, when},
    plant,
};

/// Datagrams to each UDP port.
const DATAGRAMS: usize = 1_000;
/// Datagrams that no receiver's buffer is too small for.
const BURST: usize = 50;
/// Connections to each TCP port.
const CONNECTIONS: usize = 100;
/// Messages to the bot's stream.
const MESSAGES: usize = 500;
/// How long a connection that sent nonsense may stay open once its sender has closed its half.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes garbage, the same for the same seed.
struct Spoiler(StdRng);

impl Spoiler {
    fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Random bytes, or one of the messages with a few things wrong with it.
    fn spoil(&mut self, messages: &[Vec<u8>]) -> Vec<u8> {
        let chosen = self.0.random_range(0..=messages.len());
        let Some(message) = messages.get(chosen) else { return self.noise() };
        let mut bytes = message.clone();
        for _ in 0..self.0.random_range(1..4) {
            self.harm(&mut bytes);
        }
        bytes
    }

    fn noise(&mut self) -> Vec<u8> {
        let length = self.0.random_range(0..1_400);
        (0..length).map(|_| self.0.random()).collect()
    }

    fn harm(&mut self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return bytes.push(self.0.random());
        }
        let at = self.0.random_range(0..bytes.len());
        let end = (at + self.0.random_range(1..40)).min(bytes.len());
        match self.0.random_range(0..5) {
            0 => bytes.truncate(at),
            1 => bytes[at] = self.0.random(),
            2 => drop(bytes.drain(at..end)),
            3 => bytes.extend_from_within(at..end),
            _ => drop(bytes.splice(at..at, b"99999999999999999999".iter().copied())),
        }
    }
}

/// One of each SIP message that a trunk may send.
fn sip_messages(server: SocketAddr) -> Vec<Vec<u8>> {
    let description = "v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 101\r\n\
                       a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";
    let message = |(number, method): (usize, &str)| {
        let (kind, body) = match method {
            "INVITE" => ("Content-Type: application/sdp\r\n", description),
            "INFO" => ("Content-Type: application/dtmf-relay\r\n", "Signal=5\r\nDuration=160\r\n"),
            _ => ("", ""),
        };
        format!(
            "{method} sip:collections@{server} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bKx{number};rport\r\n\
             Max-Forwards: 70\r\nFrom: \"X\" <sip:+12125550199@127.0.0.1>;tag=x{number}\r\nTo: <sip:collections@{server}>\r\n\
             Call-ID: x{number}@127.0.0.1\r\nCSeq: 7 {method}\r\nContact: <sip:x@127.0.0.1:5099>\r\n\
             Record-Route: <sip:127.0.0.1;lr>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    };
    let methods = ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "REGISTER"];
    let mut messages: Vec<_> = methods.into_iter().enumerate().map(message).collect();
    messages.push(String::from_utf8_lossy(&messages[4]).replacen("OPTIONS", "SIP/2.0 200", 1).into_bytes());
    messages
}

/// RTP with audio, with a key, with an extension; and the reports of RTCP.
fn media_messages() -> Vec<Vec<u8>> {
    let rtp = |first: u8, kind: u8, payload: &[u8]| {
        let mut packet = vec![first, kind, 0, 7, 0, 0, 1, 64, 0, 0, 0, 9];
        packet.extend(payload);
        packet
    };
    let rtcp = |first: u8, kind: u8, words: u8| {
        let mut packet = vec![first, kind, 0, words, 0, 0, 0, 9];
        packet.resize(4 * (usize::from(words) + 1), 1);
        packet
    };
    vec![
        rtp(0x80, 0, &[0xff; 160]),
        rtp(0x80, 101, &[5, 10, 0, 160]),
        rtp(0x80, 101, &[5, 0x8a, 3, 32]),
        rtp(0x90, 0, &[0xbe, 0xde, 0, 1, 0x10, 1, 0, 0, 1, 2, 3, 4]),
        rtp(0xb3, 8, &[4; 40]),
        rtcp(0x81, 200, 12),
        rtcp(0x81, 201, 7),
        rtcp(0x81, 202, 4),
    ]
}

/// Requests to either listener.
fn http_messages(call: &str) -> Vec<Vec<u8>> {
    let head =
        format!("HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {OPERATOR_TOKEN}\r\nConnection: close\r\n");
    let body = json!({"factor": "postal_code", "value": "20009"}).to_string();
    let verify = format!(
        "POST /v1/calls/{call}/verify {head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let reads = ["/metrics", "/readyz", "/v1/calls", &format!("/v1/calls/{call}/timeline")];
    let mut requests: Vec<_> = reads.iter().map(|path| format!("GET {path} {head}\r\n").into_bytes()).collect();
    requests.push(verify.into_bytes());
    requests
}

/// Messages of a bot.
fn bot_messages(stream: &str) -> Vec<Vec<u8>> {
    let messages = [
        json!({"event": "media", "streamSid": stream, "media": {"payload": "f39/f39/"}}),
        json!({"event": "mark", "streamSid": stream, "mark": {"name": "here"}}),
        json!({"event": "clear", "streamSid": stream}),
        json!({"event": "dance", "streamSid": stream}),
    ];
    messages.iter().map(|message| message.to_string().into_bytes()).collect()
}

/// Sends garbage to a UDP port, from a port of its own.
async fn pelt(target: SocketAddr, messages: &[Vec<u8>], spoiler: &mut Spoiler, server: SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    for _ in 0..DATAGRAMS / BURST {
        for _ in 0..BURST {
            socket.send_to(&spoiler.spoil(messages), target).await.expect("a datagram");
        }
        // Its answer shows that the gateway keeps up.
        eventually(SETTLE, "an answer to OPTIONS", async || options(server).await).await;
    }
}

/// Sends garbage to a TCP port over many connections, each of which the gateway must end.
async fn pester(target: SocketAddr, messages: &[Vec<u8>], spoiler: &mut Spoiler) {
    for _ in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(target).await.expect("a connection");
        for _ in 0..3 {
            // The gateway may have had enough of it.
            stream.write_all(&spoiler.spoil(messages)).await.ok();
        }
        stream.shutdown().await.ok();
        let mut answer = Vec::new();
        // A reset ends a connection too.
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection's end").ok();
    }
}

async fn babble(scene: &mut Scene, spoiler: &mut Spoiler) {
    let messages = bot_messages(&scene.bot.stream_sid);
    for index in 0..MESSAGES {
        let garbage = spoiler.spoil(&messages);
        if index % 10 == 0 {
            scene.bot.send_binary(garbage).await.expect("a stream that is up");
        } else {
            scene.bot.send(String::from_utf8_lossy(&garbage).into_owned()).await.expect("a stream that is up");
        }
    }
    scene.bot.clear().await.expect("a stream that is up");
}

pub(super) fn assert_no_panic(scene: &Scene) {
    let log = scene.gateway.log().expect("a log");
    let panics: Vec<_> = log.lines().filter(|line| line.contains("panicked")).collect();
    assert!(panics.is_empty(), "{panics:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_every_port_is_counted_and_harms_no_call() {
    // Room for one call that garbage happens to make, and no more.
    let options = GatewayOptions { capacity: 2, ..plant::options("trouble-garbage") };
    let mut scene = Scene::of(options, Keying::TelephoneEvent).await;
    let id = newest(&scene.gateway).await;
    let addresses = scene.gateway.addresses().clone();
    let mut spoiler = Spoiler::new(20);

    let sip = sip_messages(addresses.sip_udp);
    pelt(addresses.sip_udp, &sip, &mut spoiler, addresses.sip_udp).await;
    pester(addresses.sip_tcp, &sip, &mut spoiler).await;
    let (rtp, mut rtcp) = (media_messages(), scene.media);
    rtcp.set_port(rtcp.port() + 1);
    pelt(scene.media, &rtp, &mut spoiler, addresses.sip_udp).await;
    pelt(rtcp, &rtp, &mut spoiler, addresses.sip_udp).await;
    for _ in 0..DATAGRAMS / BURST {
        scene.line.send((0..BURST).map(|_| spoiler.spoil(&rtp)).collect()).await;
    }
    let http = http_messages(&id);
    pester(addresses.operations, &http, &mut spoiler).await;
    pester(addresses.api, &http, &mut spoiler).await;
    babble(&mut scene, &mut spoiler).await;

    scene.caller_is_heard().await;
    scene.bot_is_heard().await;
    let exposed = metrics(&scene.gateway).await;
    for queue in ["sip", "rtp"] {
        let dropped = sum(&exposed, "tonegate_drops_total", &[&format!("queue=\"{queue}\"")]);
        assert!(dropped > DATAGRAMS as f64 / 4.0, "{queue}: {dropped} dropped");
    }
    let warnings = sum(&exposed, "tonegate_bot_warnings_total", &[]);
    assert!(warnings > MESSAGES as f64 / 4.0, "{warnings} warnings");
    for child in ["vault", "sandbox_processor", "recogniser", "synthesiser"] {
        assert_eq!(sum(&exposed, "tonegate_child_up", &[&format!("child=\"{child}\"")]), 1.0, "{child}");
    }
    assert_eq!(Client::anonymous().get(&operations(&scene.gateway, "/readyz")).await.status, 200);
    scene.line.hang_up().await;
    noted(&scene.gateway, &id, "ended", "caller_hung_up").await;
    assert_no_panic(&scene);
}

/// A bot whose call ends with an apology because of what it sends.
async fn breach(name: &str, is_oversized: bool) {
    let mut scene = Scene::set(name).await;
    let id = newest(&scene.gateway).await;
    let before = scene.line.sounding();
    if is_oversized {
        // The gateway may close before all of it is written.
        scene.bot.send("x".repeat(2 << 20)).await.ok();
    } else {
        // A whole frame with reserved bits and an opcode that does not exist (RFC 6455 section 5.2).
        scene.bot.send_unframed(&[0xff, 0x01, 0x00]).await.expect("a stream that is up");
    }
    scene.line.until("an apology", HEARD_OUT, |heard| heard.sounding() > before).await;
    scene.line.until("a BYE", HEARD_OUT, |heard| heard.is_over).await;
    let timeline = noted(&scene.gateway, &id, "ended", "agent_failed").await;
    assert!(when(&timeline, "bot.failed", "").is_some(), "{timeline:#?}");
    let log = scene.gateway.log().expect("a log");
    assert!(log.contains("bot_protocol"), "the log says whose fault it was");
    assert_no_panic(&scene);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_that_breaks_the_protocol_is_apologised_for() {
    tokio::join!(breach("trouble-oversized", true), breach("trouble-malformed", false));
}
