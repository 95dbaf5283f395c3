//! What the collector asks, each in three wordings: first, asked again, and for the keypad.

use std::fmt;

use super::PersonName;

/// How often the question was asked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attempt {
    /// The first time.
    First,
    /// Once more, in other words.
    Again,
    /// The last time: by keypad.
    Keypad,
}

impl Attempt {
    /// Every attempt, in order.
    pub const ALL: [Self; 3] = [Self::First, Self::Again, Self::Keypad];

    /// The attempt after this one; `None` after the last.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self {
            Self::First => Some(Self::Again),
            Self::Again => Some(Self::Keypad),
            Self::Keypad => None,
        }
    }
}

/// A question to the caller.
#[derive(Clone, PartialEq, Eq)]
pub enum Question {
    /// The reference number, where the caller's number is unknown.
    Reference,
    /// Whether the caller is this person.
    Name(PersonName),
    /// The date of birth.
    DateOfBirth,
    /// The postal code.
    PostalCode,
    /// The last four digits of the reference.
    LastFour,
    /// Whether what was read back was heard rightly.
    IsThatRight,
    /// Whether the balance can be paid in full today.
    PayInFull,
    /// What could be paid each month, or in how many payments.
    PlanTerms,
    /// Whether the offered plan would do.
    AcceptPlan,
    /// Whether the plan that was read back is agreed to.
    AgreeToPlan,
    /// Whether the first payment is to be made now, by card.
    PayFirstNow,
    /// Whether to try a card again.
    TryCardAgain,
}

impl Question {
    /// Every question that needs no data of a call.
    #[must_use]
    pub fn fixed() -> [Self; 11] {
        [
            Self::Reference,
            Self::DateOfBirth,
            Self::PostalCode,
            Self::LastFour,
            Self::IsThatRight,
            Self::PayInFull,
            Self::PlanTerms,
            Self::AcceptPlan,
            Self::AgreeToPlan,
            Self::PayFirstNow,
            Self::TryCardAgain,
        ]
    }

    pub(super) const fn may_precede_verification(&self) -> bool {
        match self {
            Self::Reference
            | Self::Name(_)
            | Self::DateOfBirth
            | Self::PostalCode
            | Self::LastFour
            | Self::IsThatRight => true,
            Self::PayInFull
            | Self::PlanTerms
            | Self::AcceptPlan
            | Self::AgreeToPlan
            | Self::PayFirstNow
            | Self::TryCardAgain => false,
        }
    }

    pub(super) const fn name(&self, attempt: Attempt) -> &'static str {
        let names = match self {
            Self::Reference => ["ask_reference", "ask_reference_again", "ask_reference_keypad"],
            Self::Name(_) => ["ask_name", "ask_name_again", "ask_name_keypad"],
            Self::DateOfBirth => ["ask_date_of_birth", "ask_date_of_birth_again", "ask_date_of_birth_keypad"],
            Self::PostalCode => ["ask_postal_code", "ask_postal_code_again", "ask_postal_code_keypad"],
            Self::LastFour => ["ask_last_four", "ask_last_four_again", "ask_last_four_keypad"],
            Self::IsThatRight => ["ask_is_that_right", "ask_is_that_right_again", "ask_is_that_right_keypad"],
            Self::PayInFull => ["ask_pay_in_full", "ask_pay_in_full_again", "ask_pay_in_full_keypad"],
            Self::PlanTerms => ["ask_plan_terms", "ask_plan_terms_again", "ask_plan_terms_keypad"],
            Self::AcceptPlan => ["ask_accept_plan", "ask_accept_plan_again", "ask_accept_plan_keypad"],
            Self::AgreeToPlan => ["ask_agree_to_plan", "ask_agree_to_plan_again", "ask_agree_to_plan_keypad"],
            Self::PayFirstNow => ["ask_pay_first_now", "ask_pay_first_now_again", "ask_pay_first_now_keypad"],
            Self::TryCardAgain => ["ask_try_card_again", "ask_try_card_again_again", "ask_try_card_again_keypad"],
        };
        names[attempt as usize]
    }

    pub(super) fn text(&self, attempt: Attempt) -> String {
        let wordings = match self {
            Self::Name(person) => return name_text(person, attempt),
            Self::Reference => [
                "Please say or key the reference number that is on our letter.",
                "Sorry, I did not get that. Please say the digits of your reference number one by one, or key them.",
                "Please key your reference number on your telephone, and then press pound.",
            ],
            Self::DateOfBirth => [
                "Please tell me your date of birth.",
                "Sorry, I did not get that. Please say the month, the day and the year you were born.",
                "Please key your date of birth with eight digits: two for the month, two for the day, and four for the \
                 year.",
            ],
            Self::PostalCode => [
                "What is the zip code of your home address?",
                "Sorry, I did not get that. Please say or key the five digits one by one.",
                "Please key the five digits of your zip code.",
            ],
            Self::LastFour => [
                "What are the last four digits of the reference number on our letter?",
                "Sorry, I did not get that. Please say the last four digits of the reference number one by one.",
                "Please key the last four digits of the reference number on our letter.",
            ],
            Self::IsThatRight => [
                "Is that right?",
                "Sorry, did I hear that right? Please say yes or no.",
                "If I heard that right, press one. If not, press two.",
            ],
            Self::PayInFull => [
                "Can you pay the full balance today?",
                "Sorry, I did not get that. Can you pay all of it today? Say yes, or no, or that you need more time.",
                "To pay the full balance today, press one. To pay it in parts, press two.",
            ],
            Self::PlanTerms => [
                "How much could you pay each month?",
                "Sorry, I did not get that. Tell me an amount for each month, or a number of payments. You could say, \
                 fifty dollars a month, or, four payments.",
                "Please key what you could pay each month, in whole dollars, and then press pound.",
            ],
            Self::AcceptPlan => [
                "Would that work for you?",
                "Sorry, I did not get that. Would this plan work for you? Say yes, or no, or another amount each month.",
                "If this plan works for you, press one. If not, press two.",
            ],
            Self::AgreeToPlan => [
                "Do you agree to this plan?",
                "Sorry, I did not get that. Do you agree to this plan? Please say yes or no.",
                "To agree to this plan, press one. To change it, press two.",
            ],
            Self::PayFirstNow => [
                "Would you like to make the first payment by card now?",
                "Sorry, I did not get that. Shall we take the first payment by card now? Please say yes or no.",
                "To make the first payment by card now, press one. To pay later, press two.",
            ],
            Self::TryCardAgain => [
                "Would you like to try once more, with this card or another?",
                "Sorry, I did not get that. Shall we try a card once more? Please say yes or no.",
                "To try a card once more, press one. To leave it for today, press two.",
            ],
        };
        wordings[attempt as usize].to_owned()
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Question({})", self.name(Attempt::First))
    }
}

fn name_text(person: &PersonName, attempt: Attempt) -> String {
    let name = person.as_str();
    match attempt {
        Attempt::First => format!("Am I speaking with {name}?"),
        Attempt::Again => format!("Sorry, I did not get that. Are you {name}? Please say yes or no."),
        Attempt::Keypad => format!("If you are {name}, press one. If you are not, press two."),
    }
}
