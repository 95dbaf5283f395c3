//! The driver against a bot server on a public WebSocket library, over real sockets.

use std::sync::Arc;

use testkit::bot::{BotServer as TestServer, BotSession};
use tokio::sync::mpsc;
use tokio::time::timeout;

use call::media::TapItem;
use frame::{RawFrame, SampleRate};
use gate::{CleanFrame, Gate, GateConfig, KeyPolicy, MuteAck, SinkId};

use super::*;

const SINK: SinkId = SinkId(1);
const PATIENCE: Duration = Duration::from_secs(10);

/// A stream, the caller's frames to it, and what it tells.
struct Peer {
    link: BotLink,
    tap: mpsc::Sender<Arc<TapItem>>,
    events: mpsc::Receiver<BotEvent>,
}

impl Peer {
    fn connect(url: &str) -> Self {
        Self::within(url, PATIENCE)
    }

    fn within(url: &str, deadline: Duration) -> Self {
        Self::with(url, deadline, Box::new(|_| {}))
    }

    fn with(url: &str, deadline: Duration, acknowledge: Acknowledge) -> Self {
        let server = BotServer::new(url, None, false, deadline).unwrap();
        let parameters = BTreeMap::from([("tonegate_call".to_owned(), "7".to_owned())]);
        let (report, events) = reported();
        let link = open(
            &tokio::runtime::Handle::current(),
            server,
            identity(),
            parameters,
            Ends { sink: SINK, acknowledge, report, measure: Box::new(Ahead::default) },
        );
        let (tap, frames) = mpsc::channel(50);
        link.command(BotCommand::Hear(frames));
        Self { link, tap, events }
    }

    async fn event(&mut self) -> BotEvent {
        timeout(PATIENCE, self.events.recv()).await.unwrap().unwrap()
    }
}

async fn pair() -> (Peer, BotSession) {
    let server = TestServer::bind().await.unwrap();
    let mut peer = Peer::connect(&server.url().unwrap());
    let session = server.accept().await.unwrap();
    assert_eq!(peer.event().await, BotEvent::Connected);
    (peer, session)
}

/// A caller's leg up to the gate's clean frames.
struct Leg {
    gate: Gate,
    now: Instant,
    index: u64,
}

impl Leg {
    fn new() -> Self {
        let now = Instant::now();
        let mut gate = Gate::new(GateConfig { rate: SampleRate::Hz8000, keys: KeyPolicy::Declared }, now);
        gate.add_sink(now, SINK);
        Self { gate, now, index: 0 }
    }

    /// Twenty milliseconds of a quiet saw-tooth go in; what the gate lets out comes back.
    fn pass(&mut self) -> Vec<CleanFrame> {
        let fill = |samples: &mut [i16]| {
            for (at, sample) in samples.iter_mut().enumerate() {
                *sample = (at % 40) as i16 * 20 - 400;
            }
        };
        let clean = self.gate.handle_frame(self.now, RawFrame::decoded(SampleRate::Hz8000, self.index, fill));
        self.index += 160;
        self.now += Duration::from_millis(20);
        clean.into_iter().collect()
    }
}

fn coded(message: &Value) -> Vec<u8> {
    STANDARD.decode(message["media"]["payload"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn the_caller_is_heard_in_order_and_in_time() {
    let (peer, mut bot) = pair().await;
    let mut leg = Leg::new();
    let frames: Vec<CleanFrame> = std::iter::from_fn(|| Some(leg.pass())).take(12).flatten().collect();
    let code = |frame: &CleanFrame| frame.samples().iter().map(|&sample| g711::encode_ulaw(sample)).collect();
    let expected: Vec<Vec<u8>> = frames.iter().map(code).collect();
    assert!(frames.len() > 8 && frames.iter().any(|frame| frame.samples().iter().any(|&sample| sample != 0)));
    for frame in frames {
        peer.tap.send(Arc::new(TapItem::Caller(frame))).await.unwrap();
    }
    for (number, expected) in expected.into_iter().enumerate() {
        let message = bot.expect("media").await.unwrap();
        assert_eq!(message["media"]["chunk"], (number + 1).to_string());
        assert_eq!(message["media"]["timestamp"], (number * 20).to_string());
        assert_eq!(coded(&message), expected);
    }
}

#[tokio::test]
async fn a_mute_is_acknowledged_and_only_silence_follows() {
    let server = TestServer::bind().await.unwrap();
    let (acknowledged, mut acks) = mpsc::channel::<MuteAck>(8);
    let acknowledge: Acknowledge = Box::new(move |ack| acknowledged.try_send(ack).unwrap());
    let peer = Peer::with(&server.url().unwrap(), PATIENCE, acknowledge);
    let mut bot = server.accept().await.unwrap();
    let mut leg = Leg::new();
    for frame in (0..5).flat_map(|_| leg.pass()) {
        peer.tap.send(Arc::new(TapItem::Caller(frame))).await.unwrap();
    }
    leg.gate.arm(leg.now, [7; 16]);
    let mut first_silent = None;
    for frame in (0..5).flat_map(|_| leg.pass()) {
        if frame.mute_epoch().is_some() {
            first_silent.get_or_insert((frame.mute_epoch().unwrap(), frame.index()));
        }
        peer.tap.send(Arc::new(TapItem::Caller(frame))).await.unwrap();
    }
    let ack = timeout(PATIENCE, acks.recv()).await.unwrap().unwrap();
    let (epoch, first_silent_index) = first_silent.unwrap();
    assert_eq!(ack, MuteAck { sink: SINK, epoch, first_silent_index });
    let mut silent = 0;
    while silent < 3 {
        let message = bot.expect("media").await.unwrap();
        let at: u64 = message["media"]["timestamp"].as_str().unwrap().parse().unwrap();
        if at * 8 >= first_silent_index {
            assert_eq!(coded(&message), [g711::ULAW_SILENCE; 160]);
            silent += 1;
        }
    }
}

#[tokio::test]
async fn a_stream_that_stands_still_proves_no_mute() {
    let server = TestServer::narrow().unwrap();
    let (acknowledged, mut acks) = mpsc::channel::<MuteAck>(64);
    let acknowledge: Acknowledge = Box::new(move |ack| acknowledged.try_send(ack).unwrap());
    let peer = Peer::with(&server.url().unwrap(), PATIENCE, acknowledge);
    let mut bot = server.accept().await.unwrap();
    let mut leg = Leg::new();
    // Far more than both kernels and the queue hold of a stream that nobody reads.
    for frame in (0..2_000).flat_map(|_| leg.pass()) {
        peer.tap.send(Arc::new(TapItem::Caller(frame))).await.unwrap();
    }
    leg.gate.arm(leg.now, [7; 16]);
    for frame in (0..10).flat_map(|_| leg.pass()) {
        peer.tap.send(Arc::new(TapItem::Caller(frame))).await.unwrap();
    }
    assert!(timeout(gate::MUTE_DEADLINE, acks.recv()).await.is_err(), "a writer that cannot write proves nothing");
    // The bot reads again: what is older than the mute is gone, and now it is proven.
    let mut heard = 0;
    let ack = timeout(PATIENCE, async {
        loop {
            tokio::select! {
                ack = acks.recv() => return ack.unwrap(),
                message = bot.next("media") => heard += usize::from(message.unwrap()["event"] == "media"),
            }
        }
    });
    assert_eq!(ack.await.unwrap().sink, SINK);
    assert!(heard < 1_000, "most of what waited was discarded: {heard}");
}

#[tokio::test]
async fn a_capture_is_told_by_a_message_of_its_own() {
    let (peer, mut bot) = pair().await;
    let reply = call::api::CaptureReply::Submitted;
    let view = call::api::CaptureView { id: None, muted: true, reply };
    peer.link.command(BotCommand::Capture(Box::new(view)));
    let message = bot.expect("capture").await.unwrap();
    assert_eq!(message["capture"], serde_json::json!({"muted": true, "state": "submitted"}));
    assert_eq!(message["streamSid"], bot.stream_sid.as_str());
}

#[tokio::test]
async fn a_transfer_is_told_by_a_message_of_its_own() {
    let (peer, mut bot) = pair().await;
    let state = call::transfer::TransferState::Trying { status: Some(180) };
    let view = call::transfer::TransferView { to: Some("desk".into()), state };
    peer.link.command(BotCommand::Transfer(Box::new(view)));
    let message = bot.expect("transfer").await.unwrap();
    assert_eq!(message["transfer"], serde_json::json!({"to": "desk", "state": "trying", "status": 180}));
    assert_eq!(message["streamSid"], bot.stream_sid.as_str());
}

#[tokio::test]
async fn a_bot_speaks_marks_and_clears() {
    let (mut peer, mut bot) = pair().await;
    assert_eq!(bot.connected["event"], "connected");
    assert_eq!(bot.parameter("tonegate_call"), Some("7"));
    bot.say(&[0x80; 1_000]).await.unwrap();
    bot.mark("end").await.unwrap();
    bot.clear().await.unwrap();
    let BotEvent::Audio { generation: Generation(0), samples } = peer.event().await else { panic!() };
    assert_eq!(samples.len(), 1_000);
    assert_eq!(peer.event().await, BotEvent::Mark("end".into()));
    assert_eq!(peer.event().await, BotEvent::Clear(Generation(1)));
    peer.link.command(BotCommand::MarkReached("end".into()));
    assert_eq!(bot.expect("mark").await.unwrap()["mark"]["name"], "end");
}

#[tokio::test]
async fn a_full_queue_of_commands_keeps_no_hush_from_the_stream() {
    let (mut peer, mut bot) = pair().await;
    // The driver runs on this thread, and takes none of them meanwhile.
    for number in 0..100 {
        peer.link.command(BotCommand::MarkReached(number.to_string()));
    }
    peer.link.hushed(Generation(3));
    bot.say(&[LOUD; 160]).await.unwrap();
    let BotEvent::Audio { generation, .. } = peer.event().await else { panic!() };
    assert_eq!(generation, Generation(3));
}

#[tokio::test]
async fn a_clean_close_by_the_bot_is_polite_and_answered() {
    let (mut peer, bot) = pair().await;
    assert_eq!(bot.close(1000).await.unwrap(), Some(1000));
    assert_eq!(peer.event().await, BotEvent::Closed(Closure::ByBot));
    assert_eq!(peer.events.recv().await, None);
}

#[tokio::test]
async fn a_crash_and_a_reported_failure_of_the_bot_are_abnormal() {
    let (mut peer, bot) = pair().await;
    bot.break_off();
    assert_eq!(peer.event().await, BotEvent::Closed(Closure::Abnormal(Abnormal::Broken)));

    let (mut peer, bot) = pair().await;
    assert_eq!(bot.close(1011).await.unwrap(), Some(1011));
    assert_eq!(peer.event().await, BotEvent::Closed(Closure::Abnormal(Abnormal::Broken)));
}

#[tokio::test]
async fn the_call_ends_with_stop_and_a_normal_close() {
    let (mut peer, mut bot) = pair().await;
    peer.link.command(BotCommand::Stop);
    assert_eq!(bot.expect("stop").await.unwrap()["stop"]["callSid"], CALL);
    assert_eq!(bot.closed().await.unwrap(), Some(1000));
    bot.break_off();
    assert_eq!(peer.event().await, BotEvent::Closed(Closure::ByCall));
}

#[tokio::test]
async fn dropping_the_link_closes_the_stream() {
    let (peer, mut bot) = pair().await;
    drop(peer.link);
    assert_eq!(bot.expect("stop").await.unwrap()["event"], "stop");
    assert_eq!(bot.closed().await.unwrap(), Some(1000));
}

#[tokio::test]
async fn binary_and_unknown_messages_do_not_end_the_stream() {
    let (mut peer, mut bot) = pair().await;
    bot.send_binary(vec![1, 2, 3]).await.unwrap();
    bot.send("{}".into()).await.unwrap();
    bot.send(json!({"event": "hangup", "streamSid": bot.stream_sid}).to_string()).await.unwrap();
    bot.mark("still here").await.unwrap();
    assert_eq!(peer.event().await, BotEvent::Mark("still here".into()));
}

#[tokio::test]
async fn a_message_too_long_is_a_breach_of_protocol() {
    let (mut peer, mut bot) = pair().await;
    // The gateway may already have hung up while this is still being written.
    drop(bot.say(&vec![0; 1 << 20]).await);
    assert_eq!(peer.event().await, BotEvent::Closed(Closure::Abnormal(Abnormal::Protocol)));
}

#[tokio::test]
async fn a_bot_that_reads_nothing_loses_audio_and_then_its_call() {
    let (mut peer, _bot) = pair().await;
    let mut leg = Leg::new();
    let mut frames = std::iter::repeat_with(|| leg.pass()).flatten();
    // The network holds some megabytes for a reader that does not come; the stream ends when it takes no more.
    while peer.tap.send(Arc::new(TapItem::Caller(frames.next().unwrap()))).await.is_ok() {}
    assert_eq!(peer.event().await, BotEvent::Closed(Closure::Abnormal(Abnormal::Stalled)));
}

#[tokio::test]
async fn a_bot_that_is_not_there_is_unreachable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let mut peer = Peer::connect(&format!("ws://{address}/"));
    assert_eq!(peer.event().await, BotEvent::Closed(Closure::Unreachable(Unreachable::Refused)));
}

#[tokio::test]
async fn a_server_that_never_answers_the_handshake_is_late() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", silent.local_addr().unwrap());
    let mut peer = Peer::within(&url, Duration::from_millis(50));
    assert_eq!(peer.event().await, BotEvent::Closed(Closure::Unreachable(Unreachable::Late)));
}

#[test]
fn an_address_that_is_none_is_refused() {
    for url in ["", "bot.example.com", "https://bot.example.com/", "ws://"] {
        assert!(BotServer::new(url, None, false, PATIENCE).is_err(), "{url}");
    }
    assert!(BotServer::new("wss://[::1]:9000/stream?x=1", None, false, PATIENCE).is_ok());
}

#[tokio::test]
async fn a_handshake_is_signed_where_there_is_a_token_and_only_there() {
    const TOKEN: &str = "12345678901234567890123456789012";
    let bot = TestServer::bind().await.unwrap();
    let url = bot.url().unwrap();
    let plain = BotServer::new(&url, None, false, PATIENCE).unwrap();
    let signed = plain.clone().signed_with(&secrecy::SecretString::from(TOKEN.to_owned()));
    for (server, is_signed) in [(signed, true), (plain, false)] {
        let ends = Ends {
            sink: SINK,
            acknowledge: Box::new(|_| {}),
            report: Box::new(|_| {}),
            measure: Box::new(Ahead::default),
        };
        let _link = open(&tokio::runtime::Handle::current(), server, identity(), BTreeMap::new(), ends);
        let session = bot.accept().await.unwrap();
        assert_eq!((session.has_signature(), session.is_signed(&url, TOKEN)), (is_signed, is_signed));
        assert!(!session.is_signed(&url, "another-token-of-another-account"));
        assert!(!session.is_signed("wss://elsewhere.example.com/stream", TOKEN));
    }
}
