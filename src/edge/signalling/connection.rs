//! One TCP connection: framing what comes, writing what goes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sip::FlowId;
use sip::message::{StreamFramer, WipedBytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

/// Bytes read at one time.
const READ_BYTES: usize = 8_192;

/// A message that a connection cut from its stream.
pub(super) struct StreamMessage {
    pub(super) connection: FlowId,
    pub(super) from: SocketAddr,
    pub(super) bytes: WipedBytes,
}

/// What a connection needs to run.
pub(super) struct Connection {
    pub(super) id: FlowId,
    pub(super) peer: SocketAddr,
    pub(super) outgoing: mpsc::Receiver<Arc<[u8]>>,
    pub(super) incoming: mpsc::Sender<StreamMessage>,
    pub(super) max_message_bytes: usize,
    pub(super) idle: Duration,
    pub(super) patience: Duration,
}

impl Connection {
    /// Opens the connection and runs it to its end.
    pub(super) async fn dial(self) {
        match timeout(self.patience, TcpStream::connect(self.peer)).await {
            Ok(Ok(stream)) => return self.run(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "cannot connect to a SIP peer"),
            Err(_) => tracing::debug!("connecting to a SIP peer takes too long"),
        }
        metrics::counter!("tonegate_drops_total", "queue" => "sip_connections", "reason" => "connect").increment(1);
    }

    /// Runs the connection until it closes, breaks, falls silent or sends what cannot be framed.
    pub(super) async fn run(mut self, mut stream: TcpStream) {
        // Each message is written whole; there is nothing to wait for.
        let _ = stream.set_nodelay(true);
        if let Err(error) = self.exchange(&mut stream).await {
            tracing::debug!(%error, "a SIP connection ends");
        }
    }

    async fn exchange(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        let mut framer = StreamFramer::new(self.max_message_bytes);
        let mut buffer = vec![0; READ_BYTES];
        let mut deadline = Instant::now() + self.idle;
        loop {
            let (mut reader, mut writer) = stream.split();
            tokio::select! {
                read = timeout_at(deadline, reader.read(&mut buffer)) => {
                    let length = read??;
                    if length == 0 {
                        return Ok(());
                    }
                    let was_inside = framer.is_inside_message();
                    framer.push(&buffer[..length]);
                    buffer[..length].fill(0);
                    self.deliver(&mut framer).await?;
                    // The first bytes of a message start its clock; more bytes of it do not.
                    if !framer.is_inside_message() {
                        deadline = Instant::now() + self.idle;
                    } else if !was_inside {
                        deadline = Instant::now() + self.patience.min(self.idle);
                    }
                }
                message = self.outgoing.recv() => {
                    let Some(message) = message else { return Ok(()) };
                    timeout(self.patience, writer.write_all(&message)).await??;
                }
            }
        }
    }

    /// Hands on every whole message.
    async fn deliver(&self, framer: &mut StreamFramer) -> io::Result<()> {
        loop {
            let next = framer.next_message().map_err(|error| {
                metrics::counter!("tonegate_drops_total", "queue" => "sip", "reason" => "framing").increment(1);
                io::Error::new(io::ErrorKind::InvalidData, error)
            })?;
            let Some(bytes) = next else { return Ok(()) };
            let message = StreamMessage { connection: self.id, from: self.peer, bytes };
            self.incoming.send(message).await.map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
    }
}
