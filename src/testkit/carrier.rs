//! A carrier that takes payments: its REST API on loopback, as Twilio's and Telnyx's are shaped, and what it signs.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
    time::timeout,
};

/// How long a test waits for a request.
const PATIENCE: Duration = Duration::from_secs(20);
/// The name of every payment at this carrier.
pub const PAYMENT_SID: &str = "PK0123456789abcdef0123456789abcdef";

/// A request that came.
#[derive(Clone, Debug)]
pub struct CarrierRequest {
    /// Its path.
    pub path: String,
    /// Its `Authorization`.
    pub authorization: String,
    /// Its body.
    pub body: String,
}

impl CarrierRequest {
    /// A parameter of its form, as it is encoded there.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.body
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CarrierFault {
    /// It is answered with this status.
    Status(u16),
    /// It is not answered.
    Silent,
    /// Its answer is nonsense.
    Garbage,
    /// Its answer waits for [`CarrierServer::release`].
    Held,
}

#[derive(Default)]
struct Script {
    faults: Mutex<VecDeque<CarrierFault>>,
    released: Notify,
}

/// The server.
pub struct CarrierServer {
    address: SocketAddr,
    requests: mpsc::Receiver<CarrierRequest>,
    script: Arc<Script>,
}

impl CarrierServer {
    /// A server on a free port of the loopback.
    ///
    /// # Errors
    /// Where no port can be bound.
    pub async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (told, requests) = mpsc::channel(256);
        let script = Arc::new(Script::default());
        tokio::spawn(serve(listener, told, Arc::clone(&script)));
        Ok(Self { address, requests, script })
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers the next requests with 503.
    pub fn fail(&self, count: usize) {
        self.meet(&vec![CarrierFault::Status(503); count]);
    }

    /// What goes wrong with the next requests, in order.
    pub fn meet(&self, faults: &[CarrierFault]) {
        self.script.faults.lock().unwrap_or_else(PoisonError::into_inner).extend(faults);
    }

    /// Lets the answer go that is held.
    pub fn release(&self) {
        self.script.released.notify_one();
    }

    /// The next request.
    ///
    /// # Panics
    /// Where none comes.
    pub async fn next(&mut self) -> CarrierRequest {
        timeout(PATIENCE, self.requests.recv()).await.expect("a request in time").expect("a server")
    }

    /// Whether a request waits.
    #[must_use]
    pub fn has_next(&self) -> bool {
        !self.requests.is_empty()
    }
}

async fn serve(listener: TcpListener, told: mpsc::Sender<CarrierRequest>, script: Arc<Script>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let Some(request) = read(&mut stream).await else { continue };
        let fault = script.faults.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        if told.send(request).await.is_err() {
            return;
        }
        let (status, body) = match fault {
            Some(CarrierFault::Silent) => continue,
            Some(CarrierFault::Status(status)) => (status, String::new()),
            Some(CarrierFault::Garbage) => (201, "nonsense".to_owned()),
            Some(CarrierFault::Held) => {
                script.released.notified().await;
                (201, begun())
            }
            None => (201, begun()),
        };
        let answer = format!(
            "HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await.ok();
    }
}

fn begun() -> String {
    format!("{{\"sid\":\"{PAYMENT_SID}\"}}")
}

/// One request, as long as its Content-Length says.
async fn read(stream: &mut TcpStream) -> Option<CarrierRequest> {
    let (mut text, mut bytes) = (String::new(), [0; 4_096]);
    loop {
        let count = timeout(PATIENCE, stream.read(&mut bytes)).await.ok()?.ok()?;
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
        if count == 0 {
            return None;
        }
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header =
            |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
        let length: usize = header("content-length:").parse().unwrap_or(0);
        if body.len() >= length {
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            return Some(CarrierRequest { path, authorization: header("authorization:"), body: body.to_owned() });
        }
    }
}

/// What Twilio signs a form with: HMAC-SHA1 over the address and the parameters, sorted by name.
#[must_use]
pub fn twilio_signature(token: &str, url: &str, form: &[(&str, &str)]) -> String {
    let mut sorted = form.to_vec();
    sorted.sort_unstable();
    let text = sorted.into_iter().fold(url.to_owned(), |text, (name, value)| text + name + value);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}

/// The key that a Telnyx signs with.
pub struct TelnyxKey(Ed25519KeyPair);

impl TelnyxKey {
    /// The key of a seed.
    ///
    /// # Panics
    /// Never: any seed is one.
    #[must_use]
    pub fn of_seed(seed: [u8; 32]) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&seed).expect("a key"))
    }

    /// Its public half.
    ///
    /// # Panics
    /// Never: it has 32 bytes.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().expect("32 bytes")
    }

    /// What a body is signed with at a second.
    #[must_use]
    pub fn sign(&self, second: i64, body: &str) -> String {
        STANDARD.encode(self.0.sign(format!("{second}|{body}").as_bytes()))
    }
}
