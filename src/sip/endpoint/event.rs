//! What an endpoint tells its driver.

use std::fmt;

use frame::RawInfo;

use crate::media::{Negotiated, Offer};
use crate::{ReferralNews, Status, Transmit, Transport};

/// A call of an [`crate::Endpoint`]; never used twice by one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallHandle(pub(super) u64);

/// One thing for the driver to do or to know.
pub enum Output {
    /// Send these bytes.
    Transmit(Transmit),
    /// Something happened to a call.
    Event(Box<Event>),
    /// Something happened that only a metric wants to know.
    Count(Count),
}

/// Something that happened to a call.
///
/// For each [`Event::Incoming`] there is exactly one [`Event::Ended`] and then exactly one [`Event::Closed`].
pub enum Event {
    /// A call that a trunk sends. 100 Trying is out; ring it, answer it or reject it.
    Incoming(Incoming),
    /// The caller has acknowledged the answer. Where the INVITE brought no offer, this is what the ACK's answer agreed.
    Acknowledged {
        /// The call.
        call: CallHandle,
        /// What was agreed, where only the ACK could tell.
        negotiated: Option<Negotiated>,
    },
    /// The caller changed the session by a re-INVITE: held or resumed the call, or moved its media. Codec and payload
    /// types are as before.
    Changed {
        /// The call.
        call: CallHandle,
        /// What holds from now on.
        negotiated: Negotiated,
    },
    /// An INFO that may carry a key, for the gate.
    Info {
        /// The call.
        call: CallHandle,
        /// The body, unread.
        info: Box<RawInfo>,
    },
    /// What becomes of a REFER ([`crate::Endpoint::refer`]). The last is [`ReferralNews::Ended`], where the call does not
    /// end before.
    Referral {
        /// The call.
        call: CallHandle,
        /// What happened.
        news: ReferralNews,
    },
    /// The call is over: nothing more will be heard or said.
    Ended {
        /// The call.
        call: CallHandle,
        /// Why.
        reason: EndReason,
    },
    /// Nothing of the call is left to send or to repeat: its journal entry may go.
    Closed {
        /// The call.
        call: CallHandle,
    },
}

/// A call offered by a trunk.
pub struct Incoming {
    /// The call's handle.
    pub call: CallHandle,
    /// The name of the trunk.
    pub trunk: String,
    /// What its INVITE came over.
    pub transport: Transport,
    /// The caller's number, from P-Asserted-Identity (RFC 3325) or else From; `None` where withheld or not a number.
    pub caller_number: Option<String>,
    /// The called number: the user part of the Request-URI.
    pub called_number: String,
    /// The Call-ID, for correlation with the carrier's records.
    pub call_id: String,
    /// The carrier's own name for the call, by which its interface knows it.
    pub carrier_call: Option<String>,
    /// The offer; `None` where the INVITE brought none and the answer must be an offer of ours.
    pub offer: Option<Offer>,
}

impl fmt::Debug for Incoming {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Incoming")
            .field("call", &self.call)
            .field("trunk", &self.trunk)
            .field("offer", &self.offer.is_some())
            .finish_non_exhaustive()
    }
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The caller sent BYE.
    RemoteBye,
    /// The caller sent CANCEL before the answer.
    Cancelled,
    /// This side rejected the call.
    Rejected,
    /// This side hung up.
    HungUp,
    /// No ACK came for the answer within 64·T1 (RFC 3261 §13.3.1.4); BYE was sent.
    AckTimeout,
    /// Nobody answered or rejected the call in time.
    NotAnswered,
    /// The ACK's session description could not be taken; BYE was sent.
    BadAnswer,
    /// The caller's side knows the dialog no more (RFC 3261 §12.2.1.2); BYE was sent.
    DialogGone,
    /// The dialog was ended after a restart.
    Restored,
}

impl EndReason {
    /// The reason as a metric's label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::RemoteBye => "remote_bye",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::HungUp => "hung_up",
            Self::AckTimeout => "ack_timeout",
            Self::NotAnswered => "not_answered",
            Self::BadAnswer => "bad_answer",
            Self::DialogGone => "dialog_gone",
            Self::Restored => "restored",
        }
    }
}

/// Why this side hangs up: the Q.850 cause of the BYE's Reason header (RFC 3326).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HangUp {
    /// The conversation is over: cause 16.
    Normal,
    /// Something here failed: cause 41.
    Failure,
    /// The gateway is shutting down: cause 38.
    Shutdown,
    /// No media arrived any more: cause 27.
    MediaLost,
}

/// Something to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Count {
    /// A request arrived from a trunk.
    Request {
        /// Its method; `OTHER` where unknown.
        method: &'static str,
    },
    /// A response was sent.
    Response {
        /// Its status.
        status: Status,
    },
    /// A message was sent again, by a timer or because the request came again.
    Retransmission,
    /// An INVITE was refused with 503.
    Refused {
        /// `full`, or the reason of [`crate::Availability::Unavailable`].
        reason: &'static str,
    },
    /// A message was dropped.
    Dropped(DropReason),
}

/// Why a message was dropped unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// Nothing in it can be answered.
    Malformed,
    /// Longer than the bound.
    TooLong,
    /// The source sends more than its bound.
    Rate,
    /// A message from no trunk that gets no refusal either.
    Stranger,
    /// A response that belongs to no transaction.
    StrayResponse,
    /// An ACK that belongs to nothing.
    StrayAck,
    /// As many transactions as the endpoint may hold are under way.
    Full,
    /// An INFO before the call was answered.
    EarlyInfo,
}

impl DropReason {
    /// The reason as a metric's label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::Rate => "rate",
            Self::Stranger => "stranger",
            Self::StrayResponse => "stray_response",
            Self::StrayAck => "stray_ack",
            Self::Full => "full",
            Self::EarlyInfo => "early_info",
        }
    }
}
