//! What the processor said, and what it keeps.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::Brand;

/// What the processor keeps: all that is known of it outside the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Held {
    /// What was keyed.
    pub brand: Brand,
    /// The last four digits of its number.
    pub last_four: LastFour,
    /// The processor's name for it.
    pub token: Token,
}

/// How a capture ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Outcome {
    /// The payment is made, under the issuer's authorisation code.
    Approved(Held, Authorisation),
    /// The processor keeps the card or the account and gave its token; nothing was charged.
    Tokenised(Held),
    /// The payment was declined; nothing was charged.
    Declined(DeclineReason),
    /// The capture ended before a decision; nothing was charged.
    Failed(FailReason),
    /// The card was submitted to a processor that charges, and the answer was lost. Read the payment's id at the
    /// processor; never submit again.
    Unknown,
}

named! {
    /// Why the processor or the issuer declined. A closed list: the processor's own words are never forwarded.
    DeclineReason {
        /// No reason given, or one that is not on this list.
        Declined "declined",
        /// Not enough money.
        InsufficientFunds "insufficient_funds",
        /// The card has expired, or its expiry date is not right.
        ExpiredCard "expired_card",
        /// The security code does not match.
        IncorrectCode "incorrect_code",
        /// There is no such card or account.
        IncorrectNumber "incorrect_number",
        /// The postal code does not match.
        IncorrectPostal "incorrect_postal",
        /// The card or the account does not do this kind of payment.
        NotSupported "not_supported",
        /// The issuer wants the payer to prove who he is, which a telephone cannot.
        AuthenticationRequired "authentication_required",
    }
}

impl DeclineReason {
    /// The reason that a processor's code stands for: a name of this list, or one of Stripe's (docs.stripe.com/error-codes,
    /// docs.stripe.com/declines/codes). `None` for any other.
    #[must_use]
    pub fn of_processor(code: &str) -> Option<Self> {
        match code {
            "card_declined" | "generic_decline" | "do_not_honor" => Some(Self::Declined),
            "invalid_expiry_month" | "invalid_expiry_year" => Some(Self::ExpiredCard),
            "incorrect_cvc" | "invalid_cvc" => Some(Self::IncorrectCode),
            "invalid_number" | "routing_number_invalid" | "account_number_invalid" => Some(Self::IncorrectNumber),
            "incorrect_zip" | "postal_code_invalid" => Some(Self::IncorrectPostal),
            "card_not_supported" | "currency_not_supported" => Some(Self::NotSupported),
            own => Self::named(own),
        }
    }
}

named! {
    /// Why a capture ended without a payment. In every one of these cases nothing was charged.
    FailReason {
        /// The third wrong entry in one field, or the fifth in all.
        TooManyAttempts "too_many_attempts",
        /// The session's 300 seconds are over.
        SessionTimeout "session_timeout",
        /// The caller pressed star twice.
        CancelledByCaller "cancelled_by_caller",
        /// The gateway withdrew the capture.
        Withdrawn "withdrawn",
        /// The gateway sent no connection to the processor in time.
        NoConnection "no_connection",
        /// The processor could not be reached, or, where it only keeps the card, did not answer.
        ProcessorUnreachable "processor_unreachable",
        /// The processor's certificate is not the configured one's.
        ProcessorUntrusted "processor_untrusted",
        /// The processor refused the request itself.
        ProcessorRefused "processor_refused",
        /// The processor, which only keeps the card, failed or gave an answer that is none.
        ProcessorFailed "processor_failed",
        /// The gateway broke the rules of the messages.
        Protocol "protocol",
    }
}

text! {
    /// The last four digits of a card or an account: the one truncation that this system knows (no BIN beside it).
    LastFour, 4..=4, |bytes| bytes.iter().all(u8::is_ascii_digit)
}

text! {
    /// The processor's name for a card or an account: letters, digits, `_` and `-`. Refused are twelve or more digits in a
    /// row, and groups of digits with nothing but `_` and `-` between them that together are 12 to 19 digits with a right
    /// check digit, so that no card number passes for a token.
    Token, 8..=64, |bytes| {
        let longest = bytes.split(|byte| !byte.is_ascii_digit()).map(<[u8]>::len).max();
        let is_of_alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let holds_number = bytes.split(u8::is_ascii_alphabetic).any(groups_hold_number);
        longest < Some(12) && bytes.iter().all(is_of_alphabet) && !holds_number
    }
}

/// Whether some neighbours among groups of digits are a card number together.
fn groups_hold_number(groups: &[u8]) -> bool {
    let is_digit = |at: usize| groups.get(at).is_some_and(u8::is_ascii_digit);
    let begins = |at: &usize| is_digit(*at) && !at.checked_sub(1).is_some_and(is_digit);
    let ends = |at: &usize| !is_digit(*at) && at.checked_sub(1).is_some_and(is_digit);
    (0..groups.len())
        .filter(begins)
        .any(|start| (start + 1..=groups.len()).filter(ends).any(|end| is_number(&groups[start..end])))
}

/// Whether the digits of a text are 12 to 19 with the check digit of ISO/IEC 7812-1, annex B.
fn is_number(text: &[u8]) -> bool {
    let digits = text.iter().rev().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0'));
    let doubled = |(place, digit)| if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 };
    let (count, sum) = digits.enumerate().map(doubled).fold((0, 0), |(count, sum), value| (count + 1, sum + value));
    (12..=19).contains(&count) && sum % 10 == 0
}

text! {
    /// The issuer's authorisation code: six letters or digits (ISO 8583 field 38).
    Authorisation, 6..=6, |bytes| bytes.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}
