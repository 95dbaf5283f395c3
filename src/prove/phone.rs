//! A caller: one call over SIP and RTP, on one codec, with keys sent in one way.

mod dialog;
mod handshake;
mod media;
mod message;
mod secure;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use audio::{Codec, CodecError};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

pub(crate) use self::media::MOST_HEARD;
use self::{
    dialog::Dialog,
    media::{Media, Order, Shared, with},
    secure::Agreement,
};
use crate::listen::{PILOT_HERTZ, Press, Track};

/// Longest that keys may take to be sent.
const PRESSING: Duration = Duration::from_secs(30);
/// From one key to the next where each is a message of its own.
const BETWEEN_INFOS: Duration = Duration::from_millis(160);
/// Orders that may wait.
const ORDERS: usize = 16;
/// A frequency far from every key's and from the pilot's.
const VOICE_HERTZ: f32 = 320.0;

/// How a caller sends keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keying {
    /// As telephone-events in RTP (RFC 4733).
    Events,
    /// As tones in the audio.
    Tones,
    /// As SIP INFO with `application/dtmf-relay`.
    InfoRelay,
    /// As SIP INFO with `application/dtmf`.
    Info,
}

/// How a caller's audio is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Not at all.
    None,
    /// By SRTP with keys in the session description.
    Described,
    /// By SRTP with keys of a DTLS handshake.
    Handshake,
}

/// How a caller sounds whenever no key is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// Not at all.
    Silence,
    /// As somebody whom an agent may hear.
    Voice,
    /// As somebody whom nobody may hear: the pilot.
    Pilot,
}

impl Sound {
    /// The frequency of its wave.
    fn hertz(self) -> Option<f32> {
        match self {
            Self::Silence => None,
            Self::Voice => Some(VOICE_HERTZ),
            Self::Pilot => Some(PILOT_HERTZ),
        }
    }
}

/// How a caller speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The codec that is offered, alone.
    pub codec: Codec,
    /// How keys are sent.
    pub keying: Keying,
    /// How audio is protected.
    pub protection: Protection,
}

impl Line {
    /// The clock of telephone-events: that of the audio (RFC 4733 §2.1).
    fn events_hertz(&self) -> u32 {
        self.codec.clock_hertz()
    }
}

/// Whom to call, and as whom.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where the gateway takes SIP over UDP.
    pub server: SocketAddr,
    /// The caller's own address, which tells the trunk.
    pub local: IpAddr,
    /// The caller's number.
    pub caller: String,
    /// The carrier's name for the call, where it is one that tells it.
    pub carrier_call: Option<String>,
}

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// The network failed.
    #[error("the network: {0}")]
    Network(#[from] io::Error),
    /// The codec cannot be set up.
    #[error("the codec: {0}")]
    Codec(#[from] CodecError),
    /// The gateway refused.
    #[error("the gateway answered {0}")]
    Refused(u16),
    /// The gateway did not answer.
    #[error("{0} was not answered in time")]
    NoAnswer(String),
    /// There is no certificate to offer.
    #[error("a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A certificate that cannot be used.
    #[error("a certificate: {0}")]
    Identity(#[from] dtls::IdentityError),
    /// The handshake gave no keys.
    #[error("the DTLS handshake failed: {0}")]
    NoKeys(&'static str),
    /// The answer is not to what was offered.
    #[error("the answer agrees on nothing that was offered")]
    NoAgreement,
    /// The call is over.
    #[error("the call is over")]
    Over,
}

/// A call that was answered.
pub struct Phone {
    line: Line,
    dialog: Dialog,
    orders: mpsc::Sender<Order>,
    shared: Shared,
}

impl Phone {
    /// Calls, and waits for the answer.
    ///
    /// # Errors
    /// Where the gateway refuses, does not answer in time, or agrees on something else.
    pub async fn call(target: &Target, line: Line) -> Result<Self, PhoneError> {
        let media = Media::bind(SocketAddr::new(target.local, 0)).await?;
        let (dialog, agreed, protection) = Dialog::establish(target, &line, media.address()?).await?;
        let channel = match protection {
            None => None,
            Some(Agreement::Keys(channel)) => Some(*channel),
            Some(Agreement::Handshake(config)) => Some(media.shake_hands(agreed.media, &config).await?),
        };
        let (orders, queue) = mpsc::channel(ORDERS);
        let shared = media.run(&line, &agreed, channel, queue)?;
        Ok(Self { line, dialog, orders, shared })
    }

    /// Presses keys, and waits until the last is up.
    ///
    /// # Errors
    /// Where the call is over, or the gateway refuses a key.
    pub async fn press(&self, keys: impl IntoIterator<Item = u8>) -> Result<(), PhoneError> {
        match self.line.keying {
            Keying::Events | Keying::Tones => {
                let sent = self.order_keys(keys).await?;
                timeout(PRESSING, sent).await.map_err(|_| PhoneError::NoAnswer("a key".to_owned()))?.ok();
            }
            Keying::InfoRelay | Keying::Info => {
                for key in keys {
                    self.inform(key).await?;
                }
            }
        }
        if self.is_over() { Err(PhoneError::Over) } else { Ok(()) }
    }

    /// Begins to press keys in the audio or beside it, and waits for nothing.
    ///
    /// # Errors
    /// Where the call is over.
    pub async fn begin_to_press(&self, keys: impl IntoIterator<Item = u8>) -> Result<(), PhoneError> {
        self.order_keys(keys).await.map(drop)
    }

    async fn order_keys(&self, keys: impl IntoIterator<Item = u8>) -> Result<oneshot::Receiver<()>, PhoneError> {
        let (done, sent) = oneshot::channel();
        let order = Order::Press(keys.into_iter().collect(), done);
        self.orders.send(order).await.map_err(|_| PhoneError::Over)?;
        Ok(sent)
    }

    async fn inform(&self, key: u8) -> Result<(), PhoneError> {
        let pressed = |at_ms| Press::new(at_ms, 100.0, key);
        with(&self.shared, |seen| seen.presses.extend(pressed(seen.now_ms)));
        let key = char::from(key);
        match self.line.keying {
            Keying::InfoRelay => {
                let body = format!("Signal={key}\r\nDuration=100\r\n");
                self.dialog.info("application/dtmf-relay", body).await?;
            }
            Keying::Info | Keying::Events | Keying::Tones => {
                self.dialog.info("application/dtmf", key.to_string()).await?;
            }
        }
        tokio::time::sleep(BETWEEN_INFOS).await;
        Ok(())
    }

    /// Sounds so whenever no key is sent.
    pub async fn sound(&self, sound: Sound) {
        // Where the call is over nobody hears it.
        self.orders.send(Order::Sound(sound)).await.ok();
    }

    /// The keys that were pressed so far, by the caller's clock.
    #[must_use]
    pub fn presses(&self) -> Vec<Press> {
        with(&self.shared, |seen| seen.presses.clone())
    }

    /// What the caller was sent.
    #[must_use]
    pub fn heard(&self) -> Track {
        media::heard(&self.shared, self.line.codec.rate().hertz())
    }

    /// Whether the gateway has hung up.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.dialog.is_over()
    }

    /// Hangs up, and waits until that is confirmed.
    ///
    /// # Errors
    /// Where it is not.
    pub async fn hang_up(&self) -> Result<(), PhoneError> {
        self.dialog.hang_up().await
    }
}
