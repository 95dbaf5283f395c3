//! A bad network on loopback: UDP packets between a caller and a gateway are lost, delayed and doubled on their way.
//!
//! What becomes of a packet is decided by an [`Impairment`], which needs neither socket nor clock and serves virtual time
//! as well. The relay is its thin shell, for RTP; RTCP does not pass it.

mod impairment;

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    net::UdpSocket,
    task::JoinHandle,
    time::{Instant, sleep_until},
};

pub use self::impairment::{Counts, Delay, Fate, Impairment, Loss, Model, Shape};

/// The largest packet that passes.
const DATAGRAM: usize = 2_048;
/// Most packets on their way in one direction; one more is lost.
const ROOM: usize = 4_096;
/// How far away the next packet is when there is none.
const LONG: Duration = Duration::from_secs(3_600);

/// The sockets of a relay that carries nothing yet. What comes waits in them.
#[derive(Debug)]
pub struct Relay {
    near: UdpSocket,
    far: UdpSocket,
}

/// A relay that carries packets until it is dropped.
#[derive(Debug)]
pub struct Running {
    counts: Arc<Mutex<RelayCounts>>,
    task: JoinHandle<()>,
}

/// What a relay did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayCounts {
    /// To the gateway.
    pub outward: Counts,
    /// To the caller.
    pub inward: Counts,
    /// Packets that were sent on, to either side.
    pub sent: u64,
    /// Packets lost beside the model: too many on their way, nobody there to hear them, or the system refused them.
    pub refused: u64,
}

impl Relay {
    /// Two sockets on `local`.
    ///
    /// # Errors
    /// Where there is no port.
    pub async fn bind(local: IpAddr) -> io::Result<Self> {
        Ok(Self { near: UdpSocket::bind((local, 0)).await?, far: UdpSocket::bind((local, 0)).await? })
    }

    /// Where the caller sends to.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn near(&self) -> io::Result<SocketAddr> {
        self.near.local_addr()
    }

    /// Where the gateway sends to: what the caller's session description names.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn far(&self) -> io::Result<SocketAddr> {
        self.far.local_addr()
    }

    /// Carries packets between `gateway` and whoever sends to [`Relay::near`].
    #[must_use]
    pub fn run(self, gateway: SocketAddr, outward: Impairment, inward: Impairment) -> Running {
        let counts = Arc::new(Mutex::new(RelayCounts::default()));
        let carrier = Carrier {
            relay: self,
            gateway,
            caller: None,
            outward: Path::new(outward),
            inward: Path::new(inward),
            counts: Arc::clone(&counts),
        };
        Running { counts, task: tokio::spawn(carrier.run()) }
    }
}

impl Running {
    /// What it did so far.
    #[must_use]
    pub fn counts(&self) -> RelayCounts {
        *locked(&self.counts)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One direction.
struct Path {
    impairment: Impairment,
    on_their_way: BinaryHeap<Reverse<(Instant, u64, Vec<u8>)>>,
    number: u64,
}

impl Path {
    fn new(impairment: Impairment) -> Self {
        Self { impairment, on_their_way: BinaryHeap::new(), number: 0 }
    }

    /// Takes a packet; how many of it there is no room for.
    fn take(&mut self, began: Instant, packet: &[u8]) -> u64 {
        let mut refused = 0;
        for at in self.impairment.pass(began.elapsed()).times() {
            if self.on_their_way.len() == ROOM {
                refused += 1;
                continue;
            }
            self.number += 1;
            self.on_their_way.push(Reverse((began + at, self.number, packet.to_vec())));
        }
        refused
    }

    fn due(&self) -> Option<Instant> {
        self.on_their_way.peek().map(|Reverse((at, ..))| *at)
    }

    /// The next packet whose time has come.
    fn release(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.due().filter(|&due| due <= now)?;
        self.on_their_way.pop().map(|Reverse((.., packet))| packet)
    }
}

/// The loop of a relay.
struct Carrier {
    relay: Relay,
    gateway: SocketAddr,
    caller: Option<SocketAddr>,
    outward: Path,
    inward: Path,
    counts: Arc<Mutex<RelayCounts>>,
}

impl Carrier {
    async fn run(mut self) {
        let began = Instant::now();
        let (mut out, mut back) = (vec![0; DATAGRAM], vec![0; DATAGRAM]);
        loop {
            let due = [self.outward.due(), self.inward.due()].into_iter().flatten().min();
            let refused = tokio::select! {
                // An error tells that an earlier packet found nobody there: that is how a network is.
                came = self.relay.near.recv_from(&mut out) => came.map_or(0, |(length, from)| {
                    self.caller = Some(from);
                    self.outward.take(began, &out[..length])
                }),
                came = self.relay.far.recv_from(&mut back) => came.map_or(0, |(length, from)| {
                    if from == self.gateway { self.inward.take(began, &back[..length]) } else { 1 }
                }),
                () = sleep_until(due.unwrap_or_else(|| Instant::now() + LONG)) => 0,
            };
            self.send(refused).await;
        }
    }

    /// Sends what is due.
    async fn send(&mut self, mut refused: u64) {
        let (now, mut sent) = (Instant::now(), 0);
        let mut note = |taken: bool| if taken { sent += 1 } else { refused += 1 };
        while let Some(packet) = self.outward.release(now) {
            note(self.relay.far.send_to(&packet, self.gateway).await.is_ok());
        }
        while let Some(packet) = self.inward.release(now) {
            note(match self.caller {
                Some(caller) => self.relay.near.send_to(&packet, caller).await.is_ok(),
                None => false,
            });
        }
        let mut counts = locked(&self.counts);
        counts.sent += sent;
        counts.refused += refused;
        (counts.outward, counts.inward) = (self.outward.impairment.counts(), self.inward.impairment.counts());
    }
}

fn locked(counts: &Mutex<RelayCounts>) -> MutexGuard<'_, RelayCounts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::time::timeout;

    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const PATIENCE: Duration = Duration::from_secs(20);
    const PACKETS: u16 = 400;

    async fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        let mut bytes = [0; DATAGRAM];
        let (length, from) = timeout(PATIENCE, socket.recv_from(&mut bytes)).await.unwrap().unwrap();
        (bytes[..length].to_vec(), from)
    }

    #[tokio::test]
    async fn exactly_what_the_model_lets_through_arrives() {
        let (caller, gateway) =
            (UdpSocket::bind((LOCAL, 0)).await.unwrap(), UdpSocket::bind((LOCAL, 0)).await.unwrap());
        let relay = Relay::bind(LOCAL).await.unwrap();
        let (near, far) = (relay.near().unwrap(), relay.far().unwrap());
        let delay = Delay::in_order(Duration::from_millis(5));
        let model = Model { loss: Loss::Bursty { share: 0.2, burst: 3.0 }, delay, duplicates: 0.1 };
        let running =
            relay.run(gateway.local_addr().unwrap(), Impairment::new(model, 4), Impairment::new(Model::default(), 4));
        for packet in 0..PACKETS {
            caller.send_to(&packet.to_be_bytes(), near).await.unwrap();
            // Neither socket may run over.
            tokio::task::yield_now().await;
        }
        // The same decisions, without sockets; what is lost and doubled does not depend on time.
        let mut twin = Impairment::new(model, 4);
        let mut expected = Vec::new();
        for packet in 0..PACKETS {
            expected.extend(twin.pass(Duration::from_millis(packet.into())).times().map(|_| packet));
        }
        let mut arrived = Vec::new();
        for _ in &expected {
            let (bytes, from) = receive(&gateway).await;
            assert_eq!(from, far, "the gateway hears the relay");
            arrived.push(u16::from_be_bytes(bytes.try_into().unwrap()));
        }
        arrived.sort_unstable();
        assert_eq!(arrived, expected);
        gateway.send_to(b"back", far).await.unwrap();
        assert_eq!(receive(&caller).await, (b"back".to_vec(), near));
        let counts = running.counts();
        assert_eq!(counts.outward, twin.counts());
        assert_eq!((counts.inward.came, counts.refused), (1, 0));
    }

    #[tokio::test]
    async fn nobody_but_the_gateway_reaches_the_caller() {
        let (caller, gateway) =
            (UdpSocket::bind((LOCAL, 0)).await.unwrap(), UdpSocket::bind((LOCAL, 0)).await.unwrap());
        let stranger = UdpSocket::bind((LOCAL, 0)).await.unwrap();
        let relay = Relay::bind(LOCAL).await.unwrap();
        let (near, far) = (relay.near().unwrap(), relay.far().unwrap());
        let path = || Impairment::new(Model::default(), 1);
        let running = relay.run(gateway.local_addr().unwrap(), path(), path());
        caller.send_to(b"here", near).await.unwrap();
        assert_eq!(receive(&gateway).await.0, b"here");
        stranger.send_to(b"stray", far).await.unwrap();
        gateway.send_to(b"back", far).await.unwrap();
        assert_eq!(receive(&caller).await.0, b"back");
        assert_eq!(running.counts().refused, 1);
    }
}
