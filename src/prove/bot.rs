//! A bot in place of the configured one: takes the stream (Twilio Media Streams) and keeps everything it is sent. It can stop
//! reading, as a bot that hangs would. What is told to a `StatusCallback` comes here too, and what the carrier is asked for.

mod stream;

pub(crate) use stream::{Interface, Stream};

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{Semaphore, watch},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use crate::{
    carrier::{Carrier, Payment},
    connection,
};

/// How long a handshake may take, and a callback.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How often a bot that does not read shows that it is there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);
/// Streams and callbacks at once.
const MOST_CONNECTIONS: usize = 128;
/// Connections that wait to be taken.
const BACKLOG: u32 = 64;
/// What the kernel is to take of a stream that is not read: half a second of sound.
const RECEIVE_BUFFER: u32 = 8 * 1_024;
/// Bytes that are read of a stream at a time, and so at most lie between the kernel and whoever reads.
const READ_BUFFER: usize = 2_048;
/// The longest callback, and the most that is kept of all.
const LONGEST_CALLBACK: u64 = 64 << 10;
const MOST_CALLBACKS: usize = 16 << 20;

/// How a stream is read.
struct Reader {
    /// The gateway's end.
    peer: SocketAddr,
    is_read: watch::Sender<bool>,
}

/// What came, by call.
#[derive(Default)]
struct Kept {
    streams: BTreeMap<String, Stream>,
    readers: BTreeMap<String, Arc<Reader>>,
    /// Requests to the callback and to the carrier, one after the other.
    callbacks: Vec<u8>,
    /// Those that there was no room for, or that were longer than is read.
    unkept: u64,
    carrier: Carrier,
}

type Shared = Arc<Mutex<Kept>>;

fn with<T>(shared: &Shared, look: impl FnOnce(&mut Kept) -> T) -> T {
    look(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A server that takes streams until it is dropped.
pub(crate) struct Bot {
    address: SocketAddr,
    kept: Shared,
    task: tokio::task::JoinHandle<()>,
}

impl Bot {
    pub(crate) fn bind() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let listener = socket.listen(BACKLOG)?;
        let (address, kept) = (listener.local_addr()?, Shared::default());
        let task = tokio::spawn(serve(listener, Arc::clone(&kept)));
        Ok(Self { address, kept, task })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The interface of a call whose stream has begun.
    pub(crate) fn interface(&self, call: &str) -> Option<Interface> {
        with(&self.kept, |kept| kept.streams.get(call)?.interface.clone())
    }

    /// Everything that came, by call.
    pub(crate) fn streams(&self) -> BTreeMap<String, Stream> {
        with(&self.kept, |kept| kept.streams.clone())
    }

    /// Everything that was told to the callback, and how many messages there was no room for.
    pub(crate) fn callbacks(&self) -> (Vec<u8>, u64) {
        with(&self.kept, |kept| (kept.callbacks.clone(), kept.unkept))
    }

    /// The payment that the carrier takes of a call, by its own name for that.
    pub(crate) fn payment(&self, call: &str) -> Option<Payment> {
        with(&self.kept, |kept| kept.carrier.payment(call))
    }

    /// The carrier has made the payment of a call.
    pub(crate) fn close_payment(&self, call: &str) {
        with(&self.kept, |kept| kept.carrier.close(call));
    }

    /// Reads nothing of a call's stream from now on.
    pub(crate) fn stop_reading(&self, call: &str) {
        if let Some(reader) = self.reader(call) {
            reader.is_read.send_replace(false);
        }
    }

    /// How many bytes of a stream that is not read have left the gateway.
    pub(crate) fn unread(&self, call: &str) -> io::Result<u64> {
        let reader = self.reader(call).ok_or_else(|| io::Error::other("the call has no stream"))?;
        connection::underway(reader.peer, self.address)
    }

    /// Reads a call's stream again. Where the gateway said that the stream is mute, what had left it before that may have sound,
    /// and what comes after that may not.
    pub(crate) fn read_on(&self, call: &str, is_mute: bool) -> io::Result<()> {
        let sent = self.unread(call)? + READ_BUFFER as u64;
        with(&self.kept, |kept| {
            if let Some(stream) = kept.streams.get_mut(call).filter(|_| is_mute) {
                stream.expect_silence_after(sent);
            }
        });
        if let Some(reader) = self.reader(call) {
            reader.is_read.send_replace(true);
        }
        Ok(())
    }

    /// Whether a call's stream had sound where none may be.
    pub(crate) fn has_breach(&self, call: &str) -> bool {
        with(&self.kept, |kept| kept.streams.get(call).is_some_and(|stream| !stream.breaches().is_empty()))
    }

    fn reader(&self, call: &str) -> Option<Arc<Reader>> {
        with(&self.kept, |kept| kept.readers.get(call).cloned())
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, kept: Shared) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        let Ok((tcp, peer)) = listener.accept().await else { continue };
        let kept = Arc::clone(&kept);
        tokio::spawn(async move {
            match is_callback(&tcp).await {
                Some(true) => take_callback(tcp, &kept).await,
                Some(false) => listen(tcp, peer, &kept).await,
                None => {}
            }
            drop(permit);
        });
    }
}

/// Whether it is no stream, which begins with a `GET`. None where nothing comes.
async fn is_callback(tcp: &TcpStream) -> Option<bool> {
    let mut first = [0];
    let peeked = timeout(HANDSHAKE, tcp.peek(&mut first)).await.ok()?.ok()?;
    (peeked > 0).then_some(&first == b"P")
}

/// Takes one request and answers it.
async fn take_callback(mut tcp: TcpStream, kept: &Shared) {
    let mut bytes = Vec::new();
    let whole = async {
        while !is_whole(&bytes) && (bytes.len() as u64) < LONGEST_CALLBACK {
            if tcp.read_buf(&mut bytes).await? == 0 {
                break;
            }
        }
        let answer = match with(kept, |kept| kept.carrier.take(&bytes)) {
            Some(body) => format!(
                "HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ),
            None => "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_owned(),
        };
        tcp.write_all(answer.as_bytes()).await
    };
    // Whatever came of it is kept: a gateway that was not answered tells it again.
    drop(timeout(HANDSHAKE, whole).await);
    with(kept, |kept| {
        kept.unkept += u64::from(bytes.len() as u64 >= LONGEST_CALLBACK);
        if kept.callbacks.len() + bytes.len() < MOST_CALLBACKS {
            kept.callbacks.extend(bytes);
            kept.callbacks.push(b'\n');
        } else {
            kept.unkept += 1;
        }
    });
}

/// Whether a request has all of its body.
fn is_whole(bytes: &[u8]) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = request.parse(bytes) else { return false };
    let length = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok());
    bytes.len() >= head + length.unwrap_or(0)
}

async fn listen(tcp: TcpStream, peer: SocketAddr, kept: &Shared) {
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    let accepted = timeout(HANDSHAKE, accept_async_with_config(tcp, Some(config))).await;
    let Ok(Ok(mut socket)) = accepted else { return };
    let (is_read, mut reads) = watch::channel(true);
    let reader = Arc::new(Reader { peer, is_read });
    let mut call = String::new();
    loop {
        // It fails only where nobody could change it any more.
        if until_read(&mut reads, &mut socket).await.is_none() {
            return;
        }
        let message = tokio::select! {
            biased;
            _ = reads.changed() => continue,
            message = socket.next() => message,
        };
        match message {
            Some(Ok(Message::Text(text))) => take(kept, &reader, &mut call, text.as_bytes()),
            Some(Ok(Message::Binary(bytes))) => take(kept, &reader, &mut call, &bytes),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Close(_))) => {
                socket.flush().await.ok();
                return;
            }
            Some(Err(_)) | None => return,
        }
    }
}

/// Waits until the stream is to be read. Meanwhile the bot says unasked that it is there (RFC 6455 §5.5.3): what it does not read
/// are pings too. None where the stream is over.
async fn until_read(reads: &mut watch::Receiver<bool>, socket: &mut WebSocketStream<TcpStream>) -> Option<()> {
    while !*reads.borrow_and_update() {
        match timeout(SIGN_OF_LIFE, reads.changed()).await {
            Ok(changed) => changed.ok()?,
            Err(_) => socket.send(Message::Pong(Vec::new().into())).await.ok()?,
        }
    }
    Some(())
}

fn take(kept: &Shared, reader: &Arc<Reader>, call: &mut String, bytes: &[u8]) {
    with(kept, |kept| {
        if call.is_empty()
            && let Some(id) = stream::call_of(bytes)
        {
            kept.readers.insert(id.clone(), Arc::clone(reader));
            *call = id;
        }
        kept.streams.entry(call.clone()).or_default().take(bytes);
    });
}
