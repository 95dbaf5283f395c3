//! The prompts inside a card capture. The vault names the step and the reason; the words are here.

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
    /// Nothing: the processor is being asked.
    Wait,
    /// Nothing: the capture has ended without a payment.
    Cancelled,
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

const REASONS: [CardReason; 5] =
    [CardReason::First, CardReason::Cleared, CardReason::Timeout, CardReason::Invalid, CardReason::Unsupported];

impl CardStep {
    /// Every prompt of a capture. Waiting and ending have one each.
    #[must_use]
    pub fn prompts() -> Vec<(Self, CardReason)> {
        let fields = [Self::Number, Self::Expiry, Self::Code, Self::Postal];
        let mut prompts: Vec<_> =
            fields.into_iter().flat_map(|step| REASONS.into_iter().map(move |reason| (step, reason))).collect();
        prompts.extend([(Self::Wait, CardReason::First), (Self::Cancelled, CardReason::First)]);
        prompts
    }

    pub(super) const fn name(self, reason: CardReason) -> &'static str {
        let names = match self {
            Self::Number => [
                "card_number",
                "card_number_cleared",
                "card_number_timeout",
                "card_number_invalid",
                "card_number_unsupported",
            ],
            Self::Expiry => [
                "card_expiry",
                "card_expiry_cleared",
                "card_expiry_timeout",
                "card_expiry_invalid",
                "card_expiry_unsupported",
            ],
            Self::Code => {
                ["card_code", "card_code_cleared", "card_code_timeout", "card_code_invalid", "card_code_unsupported"]
            }
            Self::Postal => [
                "card_postal",
                "card_postal_cleared",
                "card_postal_timeout",
                "card_postal_invalid",
                "card_postal_unsupported",
            ],
            Self::Wait => ["card_wait"; 5],
            Self::Cancelled => ["card_cancelled"; 5],
        };
        names[reason as usize]
    }

    pub(super) fn text(self, reason: CardReason) -> String {
        let what_to_do = match self {
            Self::Number => "Please key your card number, then press pound.",
            Self::Expiry => "Please key the expiry date: two digits for the month, and two for the year.",
            Self::Code => "Please key the security code, then press pound.",
            Self::Postal => "Please key the five digits of the card's zip code.",
            Self::Wait => return "Thank you. One moment, please, while the payment goes through.".to_owned(),
            Self::Cancelled => return "The card entry has ended. Nothing was charged.".to_owned(),
        };
        match self.problem(reason) {
            Some(problem) => format!("{problem} {what_to_do}"),
            None => what_to_do.to_owned(),
        }
    }

    const fn problem(self, reason: CardReason) -> Option<&'static str> {
        match reason {
            CardReason::First => None,
            CardReason::Cleared => Some("That is cleared."),
            CardReason::Timeout => Some("I did not get all the digits."),
            CardReason::Unsupported => Some("Sorry, we cannot take a card of this kind. Please use another."),
            CardReason::Invalid => Some(match self {
                Self::Number => "That card number is not complete or not right.",
                Self::Expiry => "That date is not right, or the card has expired.",
                Self::Code => "That code does not have the right number of digits.",
                Self::Postal | Self::Wait | Self::Cancelled => "That is not a zip code of five digits.",
            }),
        }
    }
}
