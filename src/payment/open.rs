//! What is fixed of a payment before its first key.

use borsh::{BorshDeserialize, BorshSerialize};

/// A capture's name: random, made by the gateway.
pub type CaptureName = [u8; 16];

/// A capture to be opened. Everything about the payment is fixed here, before the first key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Open {
    /// The capture's name.
    pub capture: CaptureName,
    /// The payment's id, a random UUID: the idempotency key at the processor.
    pub payment: [u8; 16],
    /// What is to be keyed.
    pub method: Method,
    /// The amount in the currency's minor unit; never zero.
    pub amount_minor: u64,
    /// The currency. A bank account pays in dollars.
    pub currency: Currency,
    /// The brands that are taken, of cards.
    pub brands: Brands,
    /// Whether a card's postal code is asked for, and which.
    pub postal: Postal,
    /// The year of today, 2000 to 2099, for the expiry rule.
    pub year: u16,
    /// The month of today, 1 to 12.
    pub month: u8,
    /// The name that a bank account is held under.
    pub holder: Holder,
}

impl Open {
    /// Whether there can be such a payment, on such a day. The vault opens no other.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        let is_payable = self.method == Method::Card || self.currency.as_str() == "USD";
        let is_dated = (2000..2100).contains(&self.year) && (1..=12).contains(&self.month);
        is_payable && is_dated && self.amount_minor > 0
    }
}

named! {
    /// How a payment is made. The kind of a bank account and of its holder is what ACH asks beside its numbers.
    Method {
        /// A payment card.
        Card "credit-card",
        /// A person's checking account.
        Checking "consumer-checking",
        /// A person's savings account.
        Savings "consumer-savings",
        /// A company's checking account.
        BusinessChecking "commercial-checking",
    }
}

named! {
    /// What a processor is to the vault.
    Shape {
        /// The sandbox: charges what it is given. Form in, form out.
        Sandbox "sandbox",
        /// Stripe: keeps a card or an account as a `PaymentMethod` (docs.stripe.com/api/payment_methods/create). Form in,
        /// JSON out.
        Stripe "stripe",
        /// A generic tokenising endpoint: keeps a card or an account and answers `{"token": …}`. JSON in, JSON out.
        Tokeniser "tokeniser",
    }
}

named! {
    /// Which postal code is asked for: its digits alone, because a keypad has no letters, and because the digits are what
    /// an address is verified by.
    Postal {
        /// None.
        None "none",
        /// A ZIP code: five digits, or nine.
        Us "us",
        /// Canada: the three digits among its six characters.
        Canada "canada",
        /// United Kingdom: its two or three digits.
        UnitedKingdom "united_kingdom",
    }
}

impl Postal {
    /// How many digits it may have, ascending. Canada's codes are of the form A1A 1A1; the United Kingdom's have one or two
    /// digits before the space and one after it.
    #[must_use]
    pub const fn lengths(self) -> &'static [usize] {
        match self {
            Self::None => &[],
            Self::Us => &[5, 9],
            Self::Canada => &[3],
            Self::UnitedKingdom => &[2, 3],
        }
    }
}

named! {
    /// What a payment is made with: a card of a network, one of the canaries that a leak search keys, or a bank account.
    Brand {
        /// Visa.
        Visa "visa",
        /// Mastercard.
        Mastercard "mastercard",
        /// American Express.
        Amex "amex",
        /// Discover.
        Discover "discover",
        /// Diners Club.
        Diners "diners",
        /// JCB.
        Jcb "jcb",
        /// `UnionPay`.
        UnionPay "unionpay",
        /// Maestro.
        Maestro "maestro",
        /// Mir.
        Mir "mir",
        /// No network's: numbers under a prefix that none can be assigned, taken only by a vault started with `--canary`.
        Canary "canary",
        /// No card: a bank account.
        BankAccount "bank_account",
    }
}

/// The brands that a payment takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Brands(u16);

impl Brands {
    /// Every brand.
    #[must_use]
    pub const fn all() -> Self {
        Self(u16::MAX)
    }

    /// No brand yet.
    #[must_use]
    pub const fn none() -> Self {
        Self(0)
    }

    /// These and `brand`.
    #[must_use]
    pub const fn with(self, brand: Brand) -> Self {
        Self(self.0 | 1 << brand as u16)
    }

    /// Whether `brand` is among them.
    #[must_use]
    pub fn contains(self, brand: Brand) -> bool {
        self.with(brand) == self
    }
}

text! {
    /// An ISO 4217 code, of a currency that an account book may use.
    Currency, 3..=3, |bytes| CURRENCIES.split(' ').any(|code| code.as_bytes() == bytes)
}

const CURRENCIES: &str = "AUD BHD BRL CAD CHF CLP CZK DKK EUR GBP HKD HUF ILS INR ISK JOD JPY KRW KWD MXN NOK NZD OMR \
                          PLN RON SEK SGD TND UGX USD VND ZAR";

text! {
    /// The name that a bank account is held under, or nothing: letters, space, `.`, `'` and `-`, and so no digit.
    Holder, 0..=40, |bytes| bytes.iter().all(|byte| byte.is_ascii_alphabetic() || b" .'-".contains(byte))
}
