//! Money: integer minor units of an ISO 4217 currency, with checked arithmetic and no floats.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Currencies whose minor unit is not a hundredth (ISO 4217), with their number of decimals.
const UNUSUAL_EXPONENTS: &[(&str, u8)] = &[
    ("BHD", 3),
    ("CLP", 0),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("OMR", 3),
    ("TND", 3),
    ("UGX", 0),
    ("VND", 0),
];
/// Currencies with two decimals that an account book may use.
const USUAL: &[&str] = &[
    "AUD", "BRL", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "INR", "MXN", "NOK", "NZD", "PLN",
    "RON", "SEK", "SGD", "USD", "ZAR",
];

/// Why an amount could not be read or computed. It repeats no figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The code is not an ISO 4217 code this gateway handles.
    #[error("the currency code is not a known ISO 4217 code, for example USD")]
    UnknownCurrency,
    /// The text is not digits with an optional minus sign and decimal point.
    #[error("the amount must be digits with at most one decimal point, for example 1234.56")]
    NotANumber,
    /// More decimals than the currency has.
    #[error("the amount has more decimals than its currency")]
    TooManyDecimals,
    /// The result does not fit 64 bits of minor units.
    #[error("the amount is too large")]
    Overflow,
    /// Two amounts of different currencies met.
    #[error("the two amounts are in different currencies")]
    CurrencyMismatch,
}

/// An ISO 4217 currency and the number of its decimals.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency {
    code: [u8; 3],
    exponent: u8,
}

impl Currency {
    /// The United States dollar.
    pub const USD: Self = Self { code: *b"USD", exponent: 2 };

    /// The currency with this three-letter code in capitals.
    ///
    /// # Errors
    /// [`MoneyError::UnknownCurrency`] where the code is not one this gateway handles.
    pub fn parse(code: &str) -> Result<Self, MoneyError> {
        let unusual = UNUSUAL_EXPONENTS.iter().find(|(known, _)| *known == code).map(|&(_, exponent)| exponent);
        let exponent = unusual.or_else(|| USUAL.contains(&code).then_some(2)).ok_or(MoneyError::UnknownCurrency)?;
        let code = code.as_bytes().try_into().map_err(|_| MoneyError::UnknownCurrency)?;
        Ok(Self { code, exponent })
    }

    /// The three letters of the code.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).unwrap_or("XXX")
    }

    /// The code as bytes, as messages of fixed size carry it.
    #[must_use]
    pub const fn code_bytes(&self) -> [u8; 3] {
        self.code
    }

    /// How many decimals the currency has: 2 for USD, 0 for JPY, 3 for KWD.
    #[must_use]
    pub const fn exponent(&self) -> u8 {
        self.exponent
    }

    /// How many minor units make one unit: 100 for USD.
    #[must_use]
    pub const fn units_per_major(&self) -> i64 {
        10_i64.pow(self.exponent as u32)
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(code: String) -> Result<Self, MoneyError> {
        Self::parse(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

/// A share in hundredths of a per cent: 6,000 is 60 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BasisPoints(pub u32);

impl BasisPoints {
    /// The whole: 100 %.
    pub const WHOLE: Self = Self(10_000);
}

/// An amount of one currency, exact.
///
/// As JSON it is `{"amount":"1234.56","currency":"USD"}`: a string, so that no reader turns it into a float.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// An amount in minor units: `Money::new(123_456, Currency::USD)` is 1,234.56 dollars.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in this currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Reads a plain decimal such as `1234.56` or `-5`, without grouping or symbols.
    ///
    /// # Errors
    /// [`MoneyError::NotANumber`], [`MoneyError::TooManyDecimals`] or [`MoneyError::Overflow`].
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, decimals) = match digits.split_once('.') {
            Some((_, "")) => return Err(MoneyError::NotANumber),
            Some(parts) => parts,
            None => (digits, ""),
        };
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || !is_number(decimals) {
            return Err(MoneyError::NotANumber);
        }
        let exponent = usize::from(currency.exponent);
        if decimals.len() > exponent {
            return Err(MoneyError::TooManyDecimals);
        }
        let padded = format!("{}{whole}{decimals:0<exponent$}", if negative { "-" } else { "" });
        padded.parse().map(|minor| Self { minor, currency }).map_err(|_| MoneyError::Overflow)
    }

    /// The amount in minor units.
    #[must_use]
    pub const fn minor(&self) -> i64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// Whether the amount is more than nothing.
    #[must_use]
    pub const fn is_positive(&self) -> bool {
        self.minor > 0
    }

    /// The amount as a plain decimal without its currency: `1234.56`, `-0.05`, `500` for yen.
    #[must_use]
    pub fn to_decimal(&self) -> String {
        let sign = if self.minor < 0 { "-" } else { "" };
        let (magnitude, unit) = (self.minor.unsigned_abs(), self.currency.units_per_major().unsigned_abs());
        match usize::from(self.currency.exponent) {
            0 => format!("{sign}{magnitude}"),
            width => format!("{sign}{}.{:0width$}", magnitude / unit, magnitude % unit),
        }
    }

    /// The sum.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`] or [`MoneyError::Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_add)
    }

    /// The difference, which may be negative.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`] or [`MoneyError::Overflow`].
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_sub)
    }

    /// The product with a count.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn checked_mul(self, count: i64) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_mul(count).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// How two amounts compare; `None` where their currencies differ.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        (self.currency == other.currency).then(|| self.minor.cmp(&other.minor))
    }

    /// The share of a positive or negative amount, rounded half away from zero to the minor unit.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn share(self, share: BasisPoints) -> Result<Self, MoneyError> {
        let whole = i128::from(BasisPoints::WHOLE.0);
        let exact = i128::from(self.minor) * i128::from(share.0);
        let half = if exact < 0 { -whole / 2 } else { whole / 2 };
        let minor = i64::try_from((exact + half) / whole).map_err(|_| MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    fn combine(self, other: Self, operation: fn(i64, i64) -> Option<i64>) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch);
        }
        let minor = operation(self.minor, other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.to_decimal(), self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// How an amount is written in JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    amount: String,
    currency: Currency,
}

impl TryFrom<Wire> for Money {
    type Error = MoneyError;

    fn try_from(wire: Wire) -> Result<Self, MoneyError> {
        Self::parse(&wire.amount, wire.currency)
    }
}

impl From<Money> for Wire {
    fn from(money: Money) -> Self {
        Self { amount: money.to_decimal(), currency: money.currency }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::USD)
    }

    #[test]
    fn decimals_follow_the_currency() {
        let yen = Currency::parse("JPY").unwrap();
        let dinar = Currency::parse("KWD").unwrap();
        assert_eq!(Money::new(500, yen).to_string(), "500 JPY");
        assert_eq!(Money::new(1_005, dinar).to_string(), "1.005 KWD");
        assert_eq!(usd(-5).to_string(), "-0.05 USD");
        assert_eq!(Currency::parse("usd"), Err(MoneyError::UnknownCurrency));
    }

    #[test]
    fn amounts_are_read_exactly_or_refused() {
        assert_eq!(Money::parse("1234.5", Currency::USD), Ok(usd(123_450)));
        assert_eq!(Money::parse("1234", Currency::USD), Ok(usd(123_400)));
        for bad in ["", "-", ".5", "5.", "1,234.00", "$5", "1e3", "+5", "٣"] {
            assert_eq!(Money::parse(bad, Currency::USD), Err(MoneyError::NotANumber), "{bad}");
        }
        assert_eq!(Money::parse("1.005", Currency::USD), Err(MoneyError::TooManyDecimals));
        assert_eq!(Money::parse("99999999999999999999", Currency::USD), Err(MoneyError::Overflow));
    }

    #[test]
    fn a_share_rounds_half_up() {
        assert_eq!(usd(123_456).share(BasisPoints(6_000)), Ok(usd(74_074)));
        assert_eq!(usd(1).share(BasisPoints(5_000)), Ok(usd(1)));
        assert_eq!(usd(-1).share(BasisPoints(5_000)), Ok(usd(-1)));
        assert_eq!(usd(i64::MAX).share(BasisPoints(20_000)), Err(MoneyError::Overflow));
    }

    #[test]
    fn currencies_never_mix() {
        let euro = Money::new(1, Currency::parse("EUR").unwrap());
        assert_eq!(usd(1).checked_add(euro), Err(MoneyError::CurrencyMismatch));
        assert_eq!(usd(1).compare(&euro), None);
        assert_eq!(usd(i64::MAX).checked_add(usd(1)), Err(MoneyError::Overflow));
    }

    #[test]
    fn json_carries_a_string() {
        let text = serde_json::to_string(&usd(123_456)).unwrap();
        assert_eq!(text, r#"{"amount":"1234.56","currency":"USD"}"#);
        assert_eq!(serde_json::from_str::<Money>(&text).unwrap(), usd(123_456));
        assert!(serde_json::from_str::<Money>(r#"{"amount":12.5,"currency":"USD"}"#).is_err());
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back_the_same(minor in any::<i64>(), code in prop_oneof!["USD", "JPY", "KWD"]) {
            let currency = Currency::parse(&code).unwrap();
            let money = Money::new(minor, currency);
            prop_assert_eq!(Money::parse(&money.to_decimal(), currency), Ok(money));
        }

        #[test]
        fn reading_never_panics(text in ".{0,40}") {
            let _ = Money::parse(&text, Currency::USD);
            let _ = Currency::parse(&text);
        }
    }
}
