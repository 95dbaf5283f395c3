//! What a call asks of the world, and what the world answers. The call decides; the shells carry out.

use std::{os::fd::OwnedFd, sync::Arc};

use book::{AccountId, ComplianceRecord, ContactAttempt, ExternalId, LookUp, LookupKey, Record};
use dialogue::{PersonName, Phrase};
use gate::wire::{Brand, Brands, Held, LastFour, Token, WipeRecord};
use jiff::Timestamp;
use rules::money::Money;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    EndReason,
    api::{AccountType, Method, Postal},
    carrier::CarrierCommand,
    conditions::Host,
    media::Delivery,
};

/// Pairs a request with its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Speech for a caller, rendered and ready to be sent.
#[derive(Debug, PartialEq, Eq)]
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

/// One link of the audit chain, before it is numbered and hashed. No variant can hold a digit, a name or a number of a
/// person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditEvent {
    /// The call was accepted.
    CallStarted,
    /// A required prompt was played, or a part of it.
    Proof(Proof),
    /// The recorder was opened after its notice.
    RecordingStarted {
        /// The rule that permitted it.
        basis: &'static str,
    },
    /// The recording ended before the call did.
    RecordingStopped {
        /// The rule that no longer permitted it.
        basis: &'static str,
    },
    /// The caller said what is or may be the number of a card, outside a capture. It was taken out of the words.
    NumberSaid {
        /// How sure that is: [`dialogue::Finding::name`].
        finding: &'static str,
    },
    /// What became of the sound of it in the recording.
    SpanSilenced {
        /// Whether all of it is silent there.
        is_whole: bool,
    },
    /// The right party was verified.
    Verified,
    /// A claim did not match.
    VerificationFailed,
    /// The agent was given facts of the account.
    FactsDisclosed,
    /// An arrangement was agreed.
    ArrangementAgreed {
        /// How many instalments.
        instalments: u16,
    },
    /// The person asked for something that binds the collector.
    Request {
        /// Its stable name.
        request: &'static str,
    },
    /// Keys were held back from an agent.
    KeysSuppressed {
        /// How many.
        keys: u32,
        /// Why.
        reason: &'static str,
    },
    /// Every sink has proven its silence.
    CaptureArmed {
        /// The capture.
        capture: Uuid,
    },
    /// A capture ended.
    CaptureEnded {
        /// The capture, where it was named.
        capture: Option<Uuid>,
        /// How.
        outcome: &'static str,
    },
    /// The vault signed that a card was wiped.
    CardWiped(WipeRecord),
    /// The answer to a payment was lost; the processor is read.
    PaymentUnknown {
        /// The payment.
        payment: Uuid,
    },
    /// A protective control failed, and what it protects was stopped.
    ControlFailed {
        /// Its stable name.
        control: &'static str,
    },
    /// A transfer that was asked for ended.
    TransferEnded {
        /// The destination's name in the configuration.
        to: String,
        /// How: [`crate::transfer::TransferState::outcome`].
        outcome: &'static str,
    },
    /// The call ended.
    CallEnded {
        /// Why.
        reason: &'static str,
        /// How the conversation ended.
        disposition: &'static str,
    },
}

/// That a prompt was sent: which, how much of it, and in which packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The prompt.
    pub prompt: Arc<Prompt>,
    /// Samples that were sent.
    pub samples_sent: u64,
    /// Its packets, where all of it was sent.
    pub delivery: Option<Delivery>,
    /// When its first packet left.
    pub started_at: Timestamp,
    /// When its last packet left, or when it was cut.
    pub ended_at: Timestamp,
}

/// Something a call needs done. Every request is answered once, by its own deadline at the latest.
#[derive(Debug)]
pub enum Request {
    /// Open the media leg, agree on the session, and make the call row and the dialog journal durable.
    Prepare {
        /// The attempt as it would be told if the gateway stopped now.
        attempt: Box<ContactAttempt>,
        /// The compliance record likewise.
        compliance: Box<ComplianceRecord>,
    },
    /// Find the account.
    LookUp(LookupKey),
    /// Render the phrases, in this order.
    Prompts(Vec<Phrase>),
    /// Put a record into the outbox, durably.
    Record(Box<Record>),
    /// Give a payment a random id: the idempotency key at the processor. Fails with [`Failure::PaymentOpen`] where another
    /// call's payment of the account may yet be made, as [`Request::OpenPayment`] does.
    NamePayment {
        /// Whose debt it pays.
        account: AccountId,
    },
    /// Write a payment's row: from then on its card may be submitted.
    OpenPayment {
        /// The payment.
        payment: Uuid,
        /// What will be charged.
        amount: Money,
        /// Whose debt it pays.
        account: AccountId,
        /// The arrangement it pays, where there is one.
        arrangement: Option<ExternalId>,
        /// By what.
        method: Method,
    },
    /// Write how far a payment is.
    MarkPayment {
        /// The payment.
        payment: Uuid,
        /// How far.
        state: PaymentState,
    },
    /// Write how the call ended, in one piece, and take it out of the journal.
    Conclude {
        /// The attempt.
        attempt: Box<ContactAttempt>,
        /// The compliance record.
        compliance: Box<ComplianceRecord>,
        /// Why the call ended.
        reason: EndReason,
        /// The last link of its audit.
        audit: AuditEvent,
    },
    /// Ask the vault for a capture.
    OpenCapture {
        /// The capture's name.
        capture: Uuid,
        /// The payment it serves.
        payment: Uuid,
        /// What will be charged.
        amount: Money,
        /// What is taken for it.
        terms: Terms,
        /// Under whose name a bank account is held: the person's who was verified.
        holder: Option<PersonName>,
    },
    /// Hand the vault a connection to the processor: the permission to submit.
    ConnectProcessor {
        /// The capture that asked.
        capture: Uuid,
    },
    /// Charge what the processor holds, once its token is durable. Answered by [`Reply::Resolved`]; the payment's record
    /// is written by whoever charges, in one piece with its outcome.
    ChargePayment {
        /// The payment.
        payment: Uuid,
        /// What is charged.
        held: Held,
    },
    /// Have the carrier take a payment, or go on with it.
    Carrier {
        /// The payment.
        capture: Uuid,
        /// The carrier's name for the call.
        call: String,
        /// What it is to do.
        command: CarrierCommand,
    },
    /// Read at the processor what became of a payment whose answer was lost.
    ResolvePayment {
        /// The payment.
        payment: Uuid,
    },
}

/// What a capture takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// By what the caller pays.
    pub method: Method,
    /// Of a bank account, its kind.
    pub account_type: AccountType,
    /// The brands of cards that are taken.
    pub brands: Brands,
    /// Which postal code is asked for.
    pub postal: Postal,
    /// How often a field may be keyed.
    pub attempts: u8,
}

/// How far a payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// A card may have been submitted.
    Submitted,
    /// The processor holds the card and gave a token; nothing is charged yet.
    Tokenised,
    /// The token may have been charged.
    Charging,
    /// The token went to the account book, for somebody else to charge.
    HandedOn,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Another call's payment of the account has no known outcome: it may yet be made, and is not made twice.
    PaymentOpen,
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
    /// The payment has its id.
    PaymentNamed {
        /// The id.
        payment: Uuid,
        /// What matters of the machine now.
        host: Host,
    },
    /// The vault opened a capture; this is the gateway's end of its socket.
    CaptureOpened(OwnedFd),
    /// The vault holds a connection to the processor.
    Connected,
    /// The carrier has taken a command.
    Carried,
    /// What the processor says of a payment, and of the card where it was approved.
    Resolved(PaymentState, Option<PaidCard>),
    /// It did not work out.
    Failed(Failure),
}
