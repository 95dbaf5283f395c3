//! A telephone: calls a SIP server over UDP, speaks, presses keys and hears.
//!
//! It shares no code with what it tests save the tables of G.711 and the ciphers of SRTP: its messages and packets are its own.

mod dialog;
mod keypad;
mod media;
mod message;
mod secure;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rtp::srtp::Suite;
use tokio::sync::mpsc;

use self::{dialog::Dialog, media::Media};
pub use self::{
    dialog::PhoneError,
    keypad::{Keying, Tone},
};

/// Samples a second on the wire.
pub const HERTZ: u32 = 8_000;
/// Samples of one packet: 20 ms.
pub const FRAME: usize = 160;
/// Things that may wait to be sent, and events that may wait to be read.
const ROOM: usize = 1_024;

/// Whom to call, and as whom.
#[derive(Clone, Debug)]
pub struct CallRequest {
    /// The server.
    pub server: SocketAddr,
    /// The local address.
    pub local: IpAddr,
    /// The user part of the From address: the caller's number.
    pub from: String,
    /// The user part of the called address.
    pub to: String,
    /// How keys are sent.
    pub keying: Keying,
    /// Payload types offered for speech, best first: 0 is PCMU, 8 is PCMA.
    pub codecs: Vec<u8>,
    /// How audio is protected, where it is: nothing else is then offered.
    pub srtp: Option<Suite>,
    /// Where sequence numbers and timestamps begin, where not at random.
    pub first: Option<(u16, u32)>,
    /// What the carrier calls the call, where it says so.
    pub carrier_call: Option<String>,
    /// How long the server may take to answer.
    pub patience: Duration,
    /// What it does when it is asked to call somebody else.
    pub referral: Referral,
}

/// What a telephone does when it is asked to call somebody else (REFER, RFC 3515). It never calls anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Referral {
    /// It refuses, with this status and phrase.
    Refused(&'static str),
    /// It accepts, and tells these statuses and phrases as if they came from there; with the last it stops to tell.
    Told(&'static [&'static str]),
    /// It says nothing.
    Ignored,
}

impl CallRequest {
    /// A call over loopback with the usual offer.
    #[must_use]
    pub fn new(server: SocketAddr, from: &str, to: &str) -> Self {
        Self {
            server,
            local: server.ip(),
            from: from.to_owned(),
            to: to.to_owned(),
            keying: Keying::TelephoneEvent,
            codecs: vec![0, 8],
            srtp: None,
            first: None,
            carrier_call: None,
            patience: Duration::from_secs(10),
            referral: Referral::Refused("488 Not Acceptable Here"),
        }
    }
}

/// Something the telephone heard or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PhoneEvent {
    /// Audio came, at this index of the far side's samples.
    Audio {
        /// Samples of the far side before these.
        index: u64,
        /// The samples.
        samples: Vec<i16>,
    },
    /// Nothing came up to this index.
    Silence {
        /// Samples of the far side so far.
        until: u64,
    },
    /// Everything that was to be said and pressed was sent.
    Idle,
    /// The far side asks it to call somebody else.
    Referred {
        /// Whom: the value of Refer-To.
        to: String,
    },
    /// The far side hung up.
    HungUp,
}

/// A call that was answered.
pub struct Softphone {
    dialog: Dialog,
    orders: mpsc::Sender<Order>,
    events: mpsc::Receiver<PhoneEvent>,
    far: SocketAddr,
}

/// The signalling of a call that was answered; its audio is somebody else's.
pub struct BareCall {
    dialog: Dialog,
    far: SocketAddr,
    /// Held: the far side may hang up.
    _events: mpsc::Receiver<PhoneEvent>,
}

/// Something to send.
enum Order {
    Say(Arc<[i16]>),
    Press(Vec<u8>),
    Send(Vec<Vec<u8>>),
    Repeat { count: usize, spoiled: bool },
}

impl Softphone {
    /// Calls, and waits for the answer.
    ///
    /// # Errors
    /// Where the server refuses, does not answer in time, or agrees on nothing that can be spoken.
    pub async fn call(request: &CallRequest) -> Result<Self, PhoneError> {
        let (sender, events) = mpsc::channel(ROOM);
        let media = Media::bind(request.local).await?;
        let (dialog, agreed) = Dialog::establish(request, media.port()?, sender.clone()).await?;
        let (orders, queue) = mpsc::channel(ROOM);
        let far = agreed.answer.media;
        media.run(agreed, request, queue, sender);
        Ok(Self { dialog, orders, events, far })
    }

    /// Calls, and gives up while it rings. Returns the final status of the INVITE.
    ///
    /// # Errors
    /// Where the server does not answer in time.
    pub async fn call_and_cancel(request: &CallRequest) -> Result<u16, PhoneError> {
        let media = Media::bind(request.local).await?;
        Dialog::cancelled(request, media.port()?).await
    }

    /// Says something after what is still to be said.
    pub async fn say(&self, samples: impl Into<Arc<[i16]>>) {
        // Where the call is over nobody hears it.
        self.orders.send(Order::Say(samples.into())).await.ok();
    }

    /// Presses keys (0-9, *, #, A-D) after what is still to be said.
    pub async fn press(&self, keys: &str) {
        self.orders.send(Order::Press(keys.bytes().collect())).await.ok();
    }

    /// Sends any packets from the port that its audio comes from, after what is still to be said.
    pub async fn send(&self, packets: Vec<Vec<u8>>) {
        self.orders.send(Order::Send(packets)).await.ok();
    }

    /// Sends its latest packet so many times more, after what is still to be said: as it was, or as if it came 300 packets
    /// later, which under SRTP its tag does not fit.
    pub async fn repeat(&self, count: usize, spoiled: bool) {
        self.orders.send(Order::Repeat { count, spoiled }).await.ok();
    }

    /// Sends a SIP INFO request with a body of this type.
    pub async fn info(&self, kind: &'static str, body: &str) {
        self.dialog.info(kind, body.to_owned()).await;
    }

    /// Where the far side takes audio.
    #[must_use]
    pub fn far(&self) -> SocketAddr {
        self.far
    }

    /// The next event; `None` once the call is over and everything was read.
    pub async fn next(&mut self) -> Option<PhoneEvent> {
        self.events.recv().await
    }

    /// Hangs up, and waits for the far side to confirm it.
    ///
    /// # Errors
    /// Where it does not in time.
    pub async fn hang_up(self) -> Result<(), PhoneError> {
        self.dialog.hang_up().await
    }
}

impl BareCall {
    /// Calls for whoever speaks and hears at `media` of the local address, and waits for the answer.
    ///
    /// # Errors
    /// As [`Softphone::call`].
    pub async fn place(request: &CallRequest, media: u16) -> Result<Self, PhoneError> {
        let (sender, events) = mpsc::channel(ROOM);
        let (dialog, agreed) = Dialog::establish(request, media, sender).await?;
        Ok(Self { dialog, far: agreed.answer.media, _events: events })
    }

    /// Where the far side takes audio.
    #[must_use]
    pub fn far(&self) -> SocketAddr {
        self.far
    }

    /// Hangs up, and waits for the far side to confirm it.
    ///
    /// # Errors
    /// Where it does not in time.
    pub async fn hang_up(self) -> Result<(), PhoneError> {
        self.dialog.hang_up().await
    }
}
