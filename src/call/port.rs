//! What a call asks of the world, and what the world answers. The call decides; the shells carry out.

use std::{os::fd::OwnedFd, sync::Arc};

use book::{AccountId, LookUp, LookupKey, Record};
use dialogue::Phrase;
use gate::wire::{Brand, LastFour, Token};
use rules::money::Money;
use serde::Serialize;
use uuid::Uuid;

/// Pairs a request with its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Speech for a caller, rendered and ready to be sent.
#[derive(Debug)]
pub struct Prompt {
    /// The phrase's stable name.
    pub name: &'static str,
    /// SHA-256 of the text, in hexadecimal.
    pub text_hash: String,
    /// SHA-256 of the samples as little-endian bytes, in hexadecimal.
    pub pcm_hash: String,
    /// Samples at 8 kHz.
    pub samples: Arc<[i16]>,
}

/// One link of the audit chain, before it is numbered and hashed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditEvent {
    /// What happened, as a stable name.
    pub kind: &'static str,
    /// The particulars: hashes, counts, sequence numbers. Never a digit, a name or a number of a person.
    pub details: serde_json::Value,
}

/// Something a call needs done. Every request is answered once, by its own deadline at the latest.
#[derive(Debug)]
pub enum Request {
    /// Open the media leg, agree on the session, and make the call row and the dialog journal durable.
    Prepare,
    /// Find the account.
    LookUp(LookupKey),
    /// Render the phrases, in this order.
    Prompts(Vec<Phrase>),
    /// Put a record into the outbox, durably.
    Record(Box<Record>),
    /// Give a payment its random id, the idempotency key at the processor, and write its row.
    OpenPayment {
        /// What will be charged.
        amount: Money,
        /// Whose debt it pays.
        account: AccountId,
    },
    /// Write how far a payment is.
    MarkPayment {
        /// The payment.
        payment: Uuid,
        /// How far.
        state: PaymentState,
    },
    /// Ask the vault for a capture.
    OpenCapture {
        /// The capture's name.
        capture: Uuid,
        /// The payment it serves.
        payment: Uuid,
        /// What will be charged.
        amount: Money,
    },
    /// Hand the vault a connection to the processor: the permission to submit.
    ConnectProcessor {
        /// The capture that asked.
        capture: Uuid,
    },
    /// Read at the processor what became of a payment whose answer was lost.
    ResolvePayment {
        /// The payment.
        payment: Uuid,
    },
}

/// How far a payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Its row is written; no card was submitted yet.
    Open,
    /// A card may have been submitted.
    Submitted,
    /// The processor approved it.
    Approved,
    /// The processor declined it.
    Declined,
    /// No card was submitted.
    Abandoned,
    /// The answer was lost; it is resolved by reading, never by submitting again.
    Unknown,
}

/// What may be known of a card that paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidCard {
    /// The processor's token.
    pub token: Token,
    /// The brand.
    pub brand: Brand,
    /// The last four digits.
    pub last_four: LastFour,
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// No answer before the deadline.
    Late,
    /// The service is down or its breaker is open.
    Unavailable,
    /// The offer holds nothing this gateway can speak.
    NotAcceptable,
    /// No port, thread or queue had room.
    Full,
    /// The store did not commit.
    NotDurable,
}

/// The answer to a [`Request`].
#[derive(Debug)]
pub enum Reply {
    /// The leg is open and the call is durable.
    Prepared,
    /// What the book found.
    Account(LookUp),
    /// The prompts, in the order asked for.
    Prompts(Vec<Arc<Prompt>>),
    /// What had to be durable is durable.
    Stored,
    /// The payment's row is durable; this is its id.
    PaymentOpened(Uuid),
    /// The vault opened a capture; this is the gateway's end of its socket.
    CaptureOpened(OwnedFd),
    /// The vault holds a connection to the processor.
    Connected,
    /// What the processor says of a payment, and of the card where it was approved.
    Resolved(PaymentState, Option<PaidCard>),
    /// It did not work out.
    Failed(Failure),
}
