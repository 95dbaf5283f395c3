//! The published test numbers (`docs.stripe.com/testing`) and what becomes of each.

/// What is kept in the place of a brand for a bank account.
pub(super) const BANK_ACCOUNT: &str = "us_bank_account";

/// What becomes of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Succeeds,
    /// Declined with this code and decline code.
    Declined(&'static str, Option<&'static str>),
    /// Its issuer wants the holder to authenticate.
    WantsAuthentication,
    /// Not decided when it is answered.
    Processing,
}

const LIST: &[(&str, &str, Fate)] = &[
    ("4242424242424242", "visa", Fate::Succeeds),
    ("4000056655665556", "visa", Fate::Succeeds),
    ("5555555555554444", "mastercard", Fate::Succeeds),
    ("378282246310005", "amex", Fate::Succeeds),
    ("6011111111111117", "discover", Fate::Succeeds),
    ("4000000000000002", "visa", Fate::Declined("card_declined", Some("generic_decline"))),
    ("4000000000009995", "visa", Fate::Declined("card_declined", Some("insufficient_funds"))),
    ("4000000000009987", "visa", Fate::Declined("card_declined", Some("lost_card"))),
    ("4000000000000069", "visa", Fate::Declined("expired_card", None)),
    ("4000000000000127", "visa", Fate::Declined("incorrect_cvc", None)),
    ("4000002760003184", "visa", Fate::WantsAuthentication),
];

/// The published accounts of Stripe's bank for tests. A debit is not decided for days.
const ACCOUNTS: &[(&str, Fate)] = &[
    ("000123456789", Fate::Processing),
    ("000111111116", Fate::Declined("payment_method_provider_decline", None)),
    ("000222222227", Fate::Declined("charge_exceeds_source_limit", Some("insufficient_funds"))),
];

/// The brand and the fate of a card's number or an account's.
pub(super) fn look_up(number: &str) -> Option<(&'static str, Fate)> {
    let card = LIST.iter().find(|(listed, ..)| *listed == number).map(|&(_, brand, fate)| (brand, fate));
    let account = || ACCOUNTS.iter().find(|(listed, _)| *listed == number).map(|&(_, fate)| (BANK_ACCOUNT, fate));
    card.or_else(account)
}
