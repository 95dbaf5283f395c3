//! A TLS connection that can be torn down or fall silent: whoever holds its handle resets it, and the peer gets no word of TLS any more,
//! or silences it, and the peer gets no word at all.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{extract::connect_info::Connected, serve::IncomingStream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How long a peer may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Most connections at once.
pub(crate) const MOST_CONNECTIONS: usize = 1_000;

/// What is to become of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Handle(Arc<Orders>);

#[derive(Debug, Default)]
struct Orders {
    is_reset: AtomicBool,
    is_silent: AtomicBool,
}

impl Handle {
    /// Tears it down at the next byte that would go out.
    pub(crate) fn reset(&self) {
        self.0.is_reset.store(true, Ordering::Release);
    }

    /// Neither reads nor writes any more, and keeps it open.
    pub(crate) fn silence(&self) {
        self.0.is_silent.store(true, Ordering::Release);
    }

    fn is_reset(&self) -> bool {
        self.0.is_reset.load(Ordering::Acquire)
    }

    fn is_silent(&self) -> bool {
        self.0.is_silent.load(Ordering::Acquire)
    }
}

/// One connection.
pub(crate) struct Line {
    stream: TlsStream<TcpStream>,
    handle: Handle,
    _place: OwnedSemaphorePermit,
}

impl Line {
    /// Never ready once it is silent; has the kernel send RST instead of FIN where it is torn down.
    fn check(&self) -> Poll<io::Result<()>> {
        if self.handle.is_silent() {
            return Poll::Pending;
        }
        if !self.handle.is_reset() {
            return Poll::Ready(Ok(()));
        }
        self.stream.get_ref().0.set_zero_linger()?;
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.handle.is_silent() {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(context, room)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.check())?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.check())?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.check())?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Connected<IncomingStream<'_, Shaking>> for Handle {
    fn connect_info(stream: IncomingStream<'_, Shaking>) -> Self {
        stream.io().handle.clone()
    }
}

/// Accepts who shakes hands; others are forgotten. A peer that dawdles keeps nobody else waiting.
pub(crate) struct Shaking {
    address: SocketAddr,
    ready: tokio::sync::mpsc::Receiver<(Line, SocketAddr)>,
    task: tokio::task::JoinHandle<()>,
}

impl Shaking {
    pub(crate) fn new(socket: TcpListener, acceptor: TlsAcceptor) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let (shaken, ready) = tokio::sync::mpsc::channel(MOST_CONNECTIONS);
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let task = tokio::spawn(async move {
            loop {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                let Ok((stream, peer)) = socket.accept().await else { continue };
                let (acceptor, shaken) = (acceptor.clone(), shaken.clone());
                tokio::spawn(async move {
                    stream.set_nodelay(true).ok();
                    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                        // Who is not waited for any more is dropped.
                        shaken.send((Line { stream, handle: Handle::default(), _place: place }, peer)).await.ok();
                    }
                });
            }
        });
        Ok(Self { address, ready, task })
    }
}

impl Drop for Shaking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl axum::serve::Listener for Shaking {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        match self.ready.recv().await {
            Some(line) => line,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
