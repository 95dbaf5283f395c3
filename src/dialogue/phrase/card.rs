//! The prompts inside a capture of a card or a bank account. The vault names the step and the reason; the words are here.

/// What the caller keys, as the vault asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CardStep {
    /// The card number.
    Number,
    /// The expiry date as four digits, month and year.
    Expiry,
    /// The security code.
    Code,
    /// The postal code of the card's address.
    Postal,
    /// The routing number of the caller's bank.
    Routing,
    /// The number of the caller's account there.
    Account,
    /// That number once more.
    AccountAgain,
    /// Nothing: the processor is being asked.
    Wait,
    /// Nothing: the capture has ended without a payment.
    Cancelled,
    /// Whatever is asked for, by keys: they speak.
    Keypad,
}

/// Why a step is prompted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CardReason {
    /// For the first time.
    First,
    /// The caller cleared the field with the star key.
    Cleared,
    /// Too little was keyed in time.
    Timeout,
    /// What was keyed cannot be right.
    Invalid,
    /// The card is of a brand that is not taken.
    Unsupported,
    /// The account's number was not the same the second time: both are asked for again.
    Mismatch,
}

/// The brand of a card, to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CardBrand {
    /// Visa.
    Visa,
    /// Mastercard.
    Mastercard,
    /// American Express.
    AmericanExpress,
    /// Discover.
    Discover,
    /// A brand without a name here.
    Other,
}

impl CardBrand {
    /// How it is said before "ending in".
    #[must_use]
    pub const fn spoken(self) -> &'static str {
        match self {
            Self::Visa => "Visa card",
            Self::Mastercard => "Mastercard",
            Self::AmericanExpress => "American Express card",
            Self::Discover => "Discover card",
            Self::Other => "card",
        }
    }
}

/// Why a field may be asked for.
const FIELD: [CardReason; 4] = [CardReason::First, CardReason::Cleared, CardReason::Timeout, CardReason::Invalid];

impl CardStep {
    /// Every prompt of a capture. Waiting, ending and the keypad have one each.
    #[must_use]
    pub fn prompts() -> Vec<(Self, CardReason)> {
        let fields =
            [Self::Number, Self::Expiry, Self::Code, Self::Postal, Self::Routing, Self::Account, Self::AccountAgain];
        let mut prompts: Vec<_> =
            fields.into_iter().flat_map(|step| FIELD.into_iter().map(move |reason| (step, reason))).collect();
        prompts.extend([(Self::Number, CardReason::Unsupported), (Self::Account, CardReason::Mismatch)]);
        let alone = [Self::Wait, Self::Cancelled, Self::Keypad];
        prompts.extend(alone.into_iter().map(|step| (step, CardReason::First)));
        prompts
    }

    pub(super) const fn name(self, reason: CardReason) -> &'static str {
        let [first, cleared, timeout, invalid] = match self {
            Self::Number => ["card_number", "card_number_cleared", "card_number_timeout", "card_number_invalid"],
            Self::Expiry => ["card_expiry", "card_expiry_cleared", "card_expiry_timeout", "card_expiry_invalid"],
            Self::Code => ["card_code", "card_code_cleared", "card_code_timeout", "card_code_invalid"],
            Self::Postal => ["card_postal", "card_postal_cleared", "card_postal_timeout", "card_postal_invalid"],
            Self::Routing => ["bank_routing", "bank_routing_cleared", "bank_routing_timeout", "bank_routing_invalid"],
            Self::Account => ["bank_account", "bank_account_cleared", "bank_account_timeout", "bank_account_invalid"],
            Self::AccountAgain => [
                "bank_account_again",
                "bank_account_again_cleared",
                "bank_account_again_timeout",
                "bank_account_again_invalid",
            ],
            Self::Wait => ["card_wait"; 4],
            Self::Cancelled => ["card_cancelled"; 4],
            Self::Keypad => ["card_keypad"; 4],
        };
        match (reason, self) {
            (CardReason::Unsupported, Self::Number) => "card_number_unsupported",
            (CardReason::Mismatch, Self::Account) => "bank_account_mismatch",
            (CardReason::First, _) => first,
            (CardReason::Cleared, _) => cleared,
            (CardReason::Timeout, _) => timeout,
            (CardReason::Invalid | CardReason::Unsupported | CardReason::Mismatch, _) => invalid,
        }
    }

    pub(super) fn text(self, reason: CardReason) -> String {
        let what_to_do = match self {
            Self::Number => "Please key your card number, then press pound.",
            Self::Expiry => "Please key the expiry date: two digits for the month, and two for the year.",
            Self::Code => "Please key the security code, then press pound.",
            Self::Postal => "Please key the five digits of the card's zip code.",
            Self::Routing => "Please key the nine digits of your bank's routing number.",
            Self::Account => "Please key the number of your bank account, then press pound.",
            Self::AccountAgain => "To be sure, please key the same account number once more, then press pound.",
            Self::Wait => return "Thank you. One moment, please, while the payment goes through.".to_owned(),
            Self::Cancelled => return "The entry has ended. Nothing was charged.".to_owned(),
            Self::Keypad => {
                return "Please use the keys of your telephone. Nobody can hear what you say now.".to_owned();
            }
        };
        match self.problem(reason) {
            Some(problem) => format!("{problem} {what_to_do}"),
            None => what_to_do.to_owned(),
        }
    }

    const fn problem(self, reason: CardReason) -> Option<&'static str> {
        match (reason, self) {
            (CardReason::First, _) => None,
            (CardReason::Cleared, _) => Some("That is cleared."),
            (CardReason::Timeout, _) => Some("I did not get all the digits."),
            (CardReason::Unsupported, Self::Number) => {
                Some("Sorry, we cannot take a card of this kind. Please use another.")
            }
            (CardReason::Mismatch, Self::Account) => Some("The two account numbers were not the same."),
            (CardReason::Invalid | CardReason::Unsupported | CardReason::Mismatch, _) => Some(match self {
                Self::Number => "That card number is not complete or not right.",
                Self::Expiry => "That date is not right, or the card has expired.",
                Self::Code => "That code does not have the right number of digits.",
                Self::Routing => "That is not the routing number of a bank.",
                Self::Account | Self::AccountAgain => "That account number is not complete or not right.",
                Self::Postal | Self::Wait | Self::Cancelled | Self::Keypad => "That is not a zip code of five digits.",
            }),
        }
    }
}
