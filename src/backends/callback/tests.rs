//! Against a real HTTP server on a socket, which answers as it is told to.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn token() -> SecretString {
    SecretString::from("12345678901234567890123456789012".to_owned())
}

/// A server that answers the n-th request with the n-th status, and the last one for ever; what it is sent comes out.
async fn server(statuses: &'static [u16]) -> (String, mpsc::Receiver<String>) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/pay", listener.local_addr().unwrap());
    let (sent, requests) = mpsc::channel(256);
    tokio::spawn(async move {
        let mut statuses = statuses.iter().copied().cycle().scan(0, move |count, _| {
            *count += 1;
            Some(statuses[(*count - 1_usize).min(statuses.len() - 1)])
        });
        while let Ok((mut stream, _)) = listener.accept().await {
            let request = read(&mut stream).await;
            let status = statuses.next().unwrap_or(500);
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.ok();
            if sent.send(request).await.is_err() {
                return;
            }
        }
    });
    (url, requests)
}

/// One request, as long as its Content-Length says.
async fn read(stream: &mut tokio::net::TcpStream) -> String {
    let (mut text, mut bytes) = (String::new(), [0; 4_096]);
    loop {
        let count = stream.read(&mut bytes).await.unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if count == 0 || body.len() >= length.unwrap_or(0) {
            return text;
        }
    }
}

fn post(url: &str, count: u32) -> Post {
    let url = CallbackUrl::parse(url).unwrap();
    Post { url, form: vec![("Count", count.to_string())], token: token(), is_last: false }
}

async fn next(requests: &mut mpsc::Receiver<String>) -> String {
    timeout(PATIENCE, requests.recv()).await.unwrap().unwrap()
}

#[test]
fn the_signature_is_that_of_an_independent_implementation() {
    // printf 'https://bot.example.com/pay?x=1CallSidCA7Result success' | openssl dgst -sha1 -hmac … -binary | base64
    let form = [("Result", " success".to_owned()), ("CallSid", "CA7".to_owned())];
    assert_eq!(signed("https://bot.example.com/pay?x=1", &form, &token()), "lQJprh4KOm6BQF3vwyexxvgUQpQ=");
}

#[test]
fn only_what_nobody_else_reads_is_called() {
    for url in ["https://bot.example.com/pay", "http://127.0.0.1:8000/", "http://localhost/x", "http://[::1]:1/"] {
        assert!(CallbackUrl::parse(url).is_ok(), "{url}");
    }
    assert_eq!(CallbackUrl::parse("http://bot.example.com/pay").err(), Some(CallbackUrlError::Plain));
    for url in ["", "/pay", "ftp://bot.example.com", "file:///etc/passwd", "https://"] {
        assert_eq!(CallbackUrl::parse(url).err(), Some(CallbackUrlError::Address), "{url}");
    }
}

#[tokio::test]
async fn what_is_told_of_a_payment_comes_in_order_and_again_where_the_server_fails() {
    let (url, mut requests) = server(&[503, 200]).await;
    let (callbacks, caller) = (Callbacks::default(), Caller::new(None).unwrap());
    for count in 1..=3 {
        callbacks.tell(&caller, Uuid::nil(), post(&url, count));
    }
    let mut heads = Vec::new();
    for expected in ["Count=1", "Count=1", "Count=2", "Count=3"] {
        let request = next(&mut requests).await;
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, expected);
        assert!(head.contains("x-twilio-signature: ") && head.starts_with("POST /pay HTTP/1.1"), "{head}");
        heads.push(head.lines().find(|line| line.starts_with("i-twilio-idempotency-token")).unwrap().to_owned());
    }
    assert!(heads[0] == heads[1] && heads[1] != heads[2], "told twice under one token");
}

#[tokio::test]
async fn a_server_that_refuses_is_not_asked_again_and_one_that_fails_is_left_alone() {
    let (url, mut requests) = server(&[404]).await;
    let (callbacks, caller) = (Callbacks::default(), Caller::new(None).unwrap());
    assert_eq!(callbacks.deliver(&caller, &post(&url, 1)).await, Told::Refused);
    next(&mut requests).await;
    assert!(requests.try_recv().is_err(), "once");

    let (url, mut requests) = server(&[500]).await;
    assert_eq!(callbacks.deliver(&caller, &post(&url, 1)).await, Told::Failed);
    assert_eq!(callbacks.deliver(&caller, &post(&url, 2)).await, Told::Open, "opened at the fifth failure");
    for _ in 0..BREAKER.failures {
        next(&mut requests).await;
    }
    assert_eq!(callbacks.deliver(&caller, &post(&url, 3)).await, Told::Open);
    assert!(requests.try_recv().is_err(), "it is left alone");
}

#[tokio::test]
async fn a_queue_is_bounded_and_ends_with_its_payment() {
    let (url, _requests) = server(&[200]).await;
    let (callbacks, caller) = (Callbacks::default(), Caller::new(None).unwrap());
    // Nothing is told before this task waits for the first time.
    for count in 0..2 * ROOM as u32 {
        callbacks.tell(&caller, Uuid::nil(), post(&url, count));
    }
    assert_eq!(callbacks.known().payments.len(), 1);
    callbacks.tell(&caller, Uuid::nil(), Post { is_last: true, ..post(&url, 0) });
    assert!(callbacks.known().payments.is_empty());
}
