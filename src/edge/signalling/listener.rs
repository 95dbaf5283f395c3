//! Taking TCP connections.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Connections that may wait for the worker.
const QUEUE: usize = 64;
/// How long to pause after the system could not give a connection: it is out of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Starts accepting; without listeners nothing ever comes.
pub(super) fn start(
    listeners: Vec<TcpListener>,
    cancel: &CancellationToken,
) -> mpsc::Receiver<(TcpStream, SocketAddr)> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    for listener in listeners {
        let (sender, cancel) = (sender.clone(), cancel.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = accept(&listener, &sender) => {}
            }
        });
    }
    receiver
}

/// Accepts until the worker is gone.
async fn accept(listener: &TcpListener, sender: &mpsc::Sender<(TcpStream, SocketAddr)>) {
    loop {
        match listener.accept().await {
            Ok(accepted) => {
                if sender.send(accepted).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a SIP connection");
                metrics::counter!("tonegate_drops_total", "queue" => "sip_connections", "reason" => "accept")
                    .increment(1);
                sleep(PAUSE).await;
            }
        }
    }
}
