//! Accepting HTTP connections with bounds: how many at once, how long a handshake may take, how long a
//! connection may say nothing.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::Tls;

/// Most connections of one listener at once; further ones wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 256;
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a connection may be silent in both directions.
const IDLE: Duration = Duration::from_secs(30);
/// How long to wait after the kernel refused to accept, for lack of descriptors.
const BACK_OFF: Duration = Duration::from_millis(100);
/// How long answers under way may take once the listener stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// Serves routes on a bound socket until `stop`, over TLS where there is one.
///
/// # Errors
/// Where the socket's own address cannot be had.
pub(crate) async fn serve(
    socket: TcpListener,
    tls: Option<Tls>,
    routes: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let address = socket.local_addr()?;
    let (ready, accepted) = mpsc::channel(1);
    let accepting = tokio::spawn(accept(socket, tls, ready, stop.clone()));
    let listener = Bounded { address, accepted };
    let serving = axum::serve(listener, routes.into_make_service_with_connect_info::<Origin>())
        .with_graceful_shutdown(stop.clone().cancelled_owned());
    let farewell = async {
        stop.cancelled().await;
        tokio::time::sleep(FAREWELL).await;
    };
    let served = tokio::select! {
        served = serving => served,
        () = farewell => Ok(()),
    };
    accepting.abort();
    served
}

async fn accept(socket: TcpListener, tls: Option<Tls>, ready: mpsc::Sender<Accepted>, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                drop(tokio::spawn(admit(stream, peer, tls.clone(), place, ready.clone())));
            }
            Err(_) => tokio::time::sleep(BACK_OFF).await,
        }
    }
}

/// Shakes hands aside from the accepting loop, so that a slow peer holds up nobody else.
async fn admit(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Tls>,
    place: OwnedSemaphorePermit,
    ready: mpsc::Sender<Accepted>,
) {
    let stream: Box<dyn Stream> = match tls {
        None => Box::new(stream),
        Some(tls) => match timeout(HANDSHAKE, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => Box::new(stream),
            Ok(Err(_)) | Err(_) => {
                tracing::info!(target: "audit", %peer, "a TLS handshake failed");
                metrics::counter!("tonegate_control_failures_total", "control" => "api_tls").increment(1);
                return;
            }
        },
    };
    let connection = Connection { stream, idle: Box::pin(sleep_until(Instant::now() + IDLE)), _place: place };
    // A closed queue means the listener is stopping: the connection is dropped with it.
    drop(ready.send((connection, peer)).await);
}

type Accepted = (Connection, SocketAddr);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The queue of connections that are ready to be spoken to.
struct Bounded {
    address: SocketAddr,
    accepted: mpsc::Receiver<Accepted>,
}

impl axum::serve::Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Accepted {
        match self.accepted.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin(pub(crate) SocketAddr);

impl Connected<IncomingStream<'_, Bounded>> for Origin {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// One connection: it holds its place among the bounded number, and ends when it says nothing for [`IDLE`].
struct Connection {
    stream: Box<dyn Stream>,
    idle: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    /// Puts the deadline off after progress; reports it where there is none.
    fn watch<T>(&mut self, context: &mut Context<'_>, progress: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            self.idle.as_mut().reset(Instant::now() + IDLE);
            return progress;
        }
        match self.idle.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.watch(context, progress)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, progress)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, progress)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, progress)
    }
}
