//! What calls need of the rest of the gateway. The root package implements it with the parts of `backends`.

use std::{pin::Pin, sync::Arc, time::Duration};

use book::{ComplianceRecord, ContactAttempt};
use call::{
    BotEvent, CallId, EndReason, Entry,
    api::{CaptureView, SessionUpdate},
    carrier::CarrierEvent,
    media::TapItem,
    port::{AuditEvent, Reply, Request, Ticket},
    transfer::TransferView,
};
use dialogue::{Finding, GrammarId};
use gate::{MenuKey, MuteAck, SinkId};
use jiff::Timestamp;
use sip::DialogRecord;
use tokio::sync::mpsc;

use crate::shard::LegSender;

/// Entries a call's mailbox may hold.
pub(crate) const MAILBOX: usize = 512;

/// Something for a call, from anywhere but its leg.
pub enum Mail {
    /// The signalling says something.
    Signal(call::Signal),
    /// A SIP INFO body that may carry a key.
    Info(Box<frame::RawInfo>),
    /// What holds of the session from now on.
    Retarget(Box<sip::media::Negotiated>),
    /// The leg is open and the call is durable, or not.
    Prepared(Ticket, Result<Box<crate::driver::Prepared>, call::port::Failure>),
    /// A request was answered.
    Reply(Ticket, Reply),
    /// Something was recognised, or nothing.
    Heard {
        /// The words, with long numbers taken out.
        text: Option<String>,
        /// What was taken out of them, if anything.
        finding: Option<Finding>,
        /// From the end of the speech to the words.
        took: Duration,
    },
    /// The recorder says whether a number that was said is silent in its file.
    Silenced {
        /// Whether all of it is.
        is_whole: bool,
    },
    /// The bot's stream says something.
    Bot(BotEvent),
    /// The carrier tells of a payment that it takes.
    Carrier(uuid::Uuid, CarrierEvent),
    /// Somebody ends the call.
    End(EndReason),
}

/// A way to one call. Cheap to clone; a full mailbox is a counted drop.
#[derive(Clone)]
pub struct Mailbox(pub(crate) mpsc::Sender<Box<Mail>>);

impl Mailbox {
    /// Puts something into the mailbox. Returns whether there was room, and a call.
    pub fn post(&self, mail: Mail) -> bool {
        let posted = self.0.try_send(Box::new(mail));
        if let Err(error) = &posted {
            let reason = match error {
                mpsc::error::TrySendError::Full(_) => "full",
                mpsc::error::TrySendError::Closed(_) => "closed",
            };
            metrics::counter!("tonegate_drops_total", "queue" => "mailbox", "reason" => reason).increment(1);
        }
        posted.is_ok()
    }
}

/// Clean audio for one writer, and its way to prove that it is silent.
pub struct Sink {
    /// The audio.
    pub items: mpsc::Receiver<Arc<TapItem>>,
    /// The writer's number in its leg.
    pub number: SinkId,
    /// The leg it belongs to.
    pub leg: LegSender,
}

impl Sink {
    /// A function that takes acknowledgements to the media thread. It does not block.
    #[must_use]
    pub fn acknowledge(&self) -> Box<dyn Fn(MuteAck) + Send + Sync> {
        let leg = self.leg.clone();
        Box::new(move |ack| leg.acknowledge(ack))
    }
}

/// A recogniser at work in a call. Dropping it stops it.
pub trait Recognition: Send {
    /// Listens from now on. What comes of it is posted as [`Mail::Heard`].
    fn listen(&mut self, grammar: GrammarId);
    /// Forgets what was heard since.
    fn stop(&mut self);
}

/// A bot at work in a call. Dropping it closes its stream.
pub trait Bot: Send {
    /// Gives the bot the caller's audio from now on.
    fn attach(&mut self, sink: Sink);
    /// Passes on a key.
    fn key(&mut self, key: MenuKey);
    /// Tells that a mark was reached or cleared.
    fn mark(&mut self, name: String);
    /// Tells how far a capture is that the bot asked for.
    fn capture(&mut self, view: CaptureView);
    /// Tells how far a transfer is that the bot asked for.
    fn transfer(&mut self, view: TransferView);
    /// Tells that the caller spoke over the bot.
    fn hushed(&mut self, generation: audio::Generation);
    /// Says good-bye.
    fn close(&mut self);
}

/// A pending answer of a service.
pub type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Everything behind the calls. No method blocks.
pub trait Services: Send + Sync + 'static {
    /// Makes the call row and the dialog journal durable; whether they are.
    fn journal(&self, attempt: ContactAttempt, compliance: ComplianceRecord, dialog: DialogRecord) -> Pending<bool>;
    /// Carries out a request; its answer comes once, by its own deadline at the latest.
    fn request(&self, call: CallId, request: Request) -> Pending<Reply>;
    /// Appends to the audit chain. The order of calls is the order of the chain.
    fn audit(&self, call: CallId, event: AuditEvent, at: Timestamp);
    /// Keeps what would be told of the call if the gateway stopped now.
    fn progress(&self, attempt: ContactAttempt, compliance: ComplianceRecord);
    /// Shows an entry of a call's timeline.
    fn show(&self, call: CallId, entry: &Entry);
    /// Starts a recogniser.
    fn recognise(&self, call: CallId, sink: Sink, mailbox: Mailbox) -> Box<dyn Recognition>;
    /// Starts the recorder; by its own deadline at the latest the name of its file, where it records. What becomes of numbers
    /// that were said is posted as [`Mail::Silenced`].
    fn record(&self, call: CallId, sink: Sink, mailbox: Mailbox) -> Pending<Option<String>>;
    /// Tells an agent how far the payment is that it takes field by field. What it does not take is dropped and counted.
    fn tell_session(&self, call: CallId, trunk: &str, update: SessionUpdate);
    /// Connects to the bot that serves a trunk.
    fn connect_bot(&self, call: CallId, trunk: &str, leg: LegSender, mailbox: Mailbox) -> Box<dyn Bot>;
}
