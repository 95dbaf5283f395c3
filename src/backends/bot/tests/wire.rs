//! The driver against a bot server on a public WebSocket library, over real sockets.

use testkit::bot::{BotServer as TestServer, BotSession};
use tokio::sync::mpsc;
use tokio::time::timeout;

use call::media::TapItem;
use gate::SinkId;

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

fn connect(url: &str) -> (BotLink, mpsc::Sender<TapItem>) {
    connect_within(url, PATIENCE)
}

fn connect_within(url: &str, deadline: Duration) -> (BotLink, mpsc::Sender<TapItem>) {
    let server = BotServer::new(url, None, false, deadline).unwrap();
    let parameters = BTreeMap::from([("tonegate_call".to_owned(), "7".to_owned())]);
    let (tap, frames) = mpsc::channel(50);
    (open(server, identity(), parameters, frames, SinkId(1), Box::new(|_| {})), tap)
}

async fn pair() -> (BotLink, BotSession, mpsc::Sender<TapItem>) {
    let server = TestServer::bind().await.unwrap();
    let (mut link, tap) = connect(&server.url().unwrap());
    let session = server.accept().await.unwrap();
    assert_eq!(event(&mut link).await, BotEvent::Connected);
    (link, session, tap)
}

async fn event(link: &mut BotLink) -> BotEvent {
    timeout(PATIENCE, link.events.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_bot_speaks_marks_and_clears() {
    let (mut link, mut bot, _tap) = pair().await;
    assert_eq!(bot.connected["event"], "connected");
    assert_eq!(bot.parameter("tonegate_call"), Some("7"));
    bot.say(&[0x80; 1_000]).await.unwrap();
    bot.mark("end").await.unwrap();
    bot.clear().await.unwrap();
    let BotEvent::Audio { generation: Generation(0), samples } = event(&mut link).await else { panic!() };
    assert_eq!(samples.len(), 1_000);
    assert_eq!(event(&mut link).await, BotEvent::Mark("end".into()));
    assert_eq!(event(&mut link).await, BotEvent::Clear(Generation(1)));
    link.commands.send(BotCommand::MarkReached("end".into())).await.unwrap();
    assert_eq!(bot.expect("mark").await.unwrap()["mark"]["name"], "end");
}

#[tokio::test]
async fn a_clean_close_by_the_bot_is_polite_and_answered() {
    let (mut link, bot, _tap) = pair().await;
    bot.close(1000).await.unwrap();
    assert_eq!(event(&mut link).await, BotEvent::Closed(Closure::ByBot));
    assert_eq!(link.events.recv().await, None);
}

#[tokio::test]
async fn a_crash_and_a_reported_failure_of_the_bot_are_abnormal() {
    let (mut link, bot, _tap) = pair().await;
    bot.break_off();
    assert_eq!(event(&mut link).await, BotEvent::Closed(Closure::Abnormal(Abnormal::Broken)));

    let (mut link, bot, _tap) = pair().await;
    bot.close(1011).await.unwrap();
    assert_eq!(event(&mut link).await, BotEvent::Closed(Closure::Abnormal(Abnormal::Broken)));
}

#[tokio::test]
async fn the_call_ends_with_stop_and_a_normal_close() {
    let (mut link, mut bot, _tap) = pair().await;
    link.commands.send(BotCommand::Stop).await.unwrap();
    assert_eq!(bot.expect("stop").await.unwrap()["stop"]["callSid"], CALL);
    assert_eq!(bot.closed().await.unwrap(), Some(1000));
    bot.break_off();
    assert_eq!(event(&mut link).await, BotEvent::Closed(Closure::ByCall));
}

#[tokio::test]
async fn dropping_the_link_closes_the_stream() {
    let (link, mut bot, _tap) = pair().await;
    drop(link);
    assert_eq!(bot.expect("stop").await.unwrap()["event"], "stop");
    assert_eq!(bot.closed().await.unwrap(), Some(1000));
}

#[tokio::test]
async fn binary_and_unknown_messages_do_not_end_the_stream() {
    let (mut link, mut bot, _tap) = pair().await;
    bot.send_binary(vec![1, 2, 3]).await.unwrap();
    bot.send("{}".into()).await.unwrap();
    bot.send(json!({"event": "hangup", "streamSid": bot.stream_sid}).to_string()).await.unwrap();
    bot.mark("still here").await.unwrap();
    assert_eq!(event(&mut link).await, BotEvent::Mark("still here".into()));
}

#[tokio::test]
async fn a_message_too_long_is_a_breach_of_protocol() {
    let (mut link, mut bot, _tap) = pair().await;
    // The gateway may already have hung up while this is still being written.
    drop(bot.say(&vec![0; 1 << 20]).await);
    assert_eq!(event(&mut link).await, BotEvent::Closed(Closure::Abnormal(Abnormal::Protocol)));
}

#[tokio::test]
async fn a_bot_that_is_not_there_is_unreachable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let (mut link, _tap) = connect(&format!("ws://{address}/"));
    assert_eq!(event(&mut link).await, BotEvent::Closed(Closure::Unreachable(Unreachable::Refused)));
}

#[tokio::test]
async fn a_server_that_never_answers_the_handshake_is_late() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", silent.local_addr().unwrap());
    let (mut link, _tap) = connect_within(&url, Duration::from_millis(50));
    assert_eq!(event(&mut link).await, BotEvent::Closed(Closure::Unreachable(Unreachable::Late)));
}

#[test]
fn an_address_that_is_none_is_refused() {
    for url in ["", "bot.example.com", "https://bot.example.com/", "ws://"] {
        assert!(BotServer::new(url, None, false, PATIENCE).is_err(), "{url}");
    }
    assert!(BotServer::new("wss://[::1]:9000/stream?x=1", None, false, PATIENCE).is_ok());
}
