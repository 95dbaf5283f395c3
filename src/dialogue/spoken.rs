//! Numbers, dates and amounts as the words a synthesiser says right.

use jiff::civil::Date;
use rules::money::{Currency, Money};

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const ORDINALS: [(&str, &str); 10] = [
    ("one", "first"),
    ("two", "second"),
    ("three", "third"),
    ("five", "fifth"),
    ("eight", "eighth"),
    ("nine", "ninth"),
    ("twelve", "twelfth"),
    ("twenty", "twentieth"),
    ("thirty", "thirtieth"),
    ("zero", "zeroth"),
];

/// A whole number in words: `1250` is "one thousand two hundred fifty".
#[must_use]
pub fn cardinal(number: u64) -> String {
    const SCALES: [(u64, &str); 3] = [(1_000_000_000, "billion"), (1_000_000, "million"), (1_000, "thousand")];
    let mut words = Vec::new();
    let mut rest = number;
    for (scale, name) in SCALES {
        if rest >= scale {
            words.push(format!("{} {name}", cardinal(rest / scale)));
            rest %= scale;
        }
    }
    if rest > 0 || words.is_empty() {
        words.push(below_thousand(rest));
    }
    words.join(" ")
}

fn below_thousand(number: u64) -> String {
    let small = |value: u64| usize::try_from(value).ok().and_then(|index| SMALL.get(index)).copied().unwrap_or("");
    match number {
        0..20 => small(number).to_owned(),
        20..100 => {
            let tens = usize::try_from(number / 10).ok().and_then(|index| TENS.get(index)).copied().unwrap_or("");
            if number.is_multiple_of(10) { tens.to_owned() } else { format!("{tens} {}", small(number % 10)) }
        }
        _ => {
            let hundreds = format!("{} hundred", small(number / 100));
            if number.is_multiple_of(100) { hundreds } else { format!("{hundreds} {}", below_thousand(number % 100)) }
        }
    }
}

/// A rank in words: `21` is "twenty first".
#[must_use]
pub fn ordinal(number: u64) -> String {
    let words = cardinal(number);
    let (head, last) = words.rsplit_once(' ').map_or(("", words.as_str()), |(head, last)| (head, last));
    let last = ORDINALS
        .iter()
        .find(|(cardinal, _)| *cardinal == last)
        .map_or_else(|| format!("{last}th"), |(_, ordinal)| (*ordinal).to_owned());
    if head.is_empty() { last } else { format!("{head} {last}") }
}

/// Digits one at a time: `40219` is "four, zero, two, one, nine".
#[must_use]
pub fn digits(text: &str) -> String {
    let named = text.chars().filter_map(|digit| digit.to_digit(10)).map(|digit| SMALL[digit as usize]);
    named.collect::<Vec<_>>().join(", ")
}

/// How a currency is said: one and many units, one and many of its minor units.
const CURRENCIES: [(&str, [&str; 4]); 4] = [
    ("USD", ["dollar", "dollars", "cent", "cents"]),
    ("CAD", ["dollar", "dollars", "cent", "cents"]),
    ("EUR", ["euro", "euros", "cent", "cents"]),
    ("GBP", ["pound", "pounds", "penny", "pence"]),
];

/// An amount in words: "one thousand two hundred fifty dollars and forty cents". A currency without words here is
/// said as a decimal and the letters of its code.
#[must_use]
pub fn money(amount: Money) -> String {
    let minor = amount.minor().unsigned_abs();
    let sign = if amount.minor() < 0 { "minus " } else { "" };
    let per_major = amount.currency().units_per_major().unsigned_abs();
    let (major, rest) = (minor / per_major, minor % per_major);
    let Some((_, [unit, units, part, parts])) = CURRENCIES.iter().find(|(code, _)| *code == amount.currency().code())
    else {
        return format!("{sign}{}", decimal(major, rest, amount.currency()));
    };
    let major_words = format!("{} {}", cardinal(major), if major == 1 { unit } else { units });
    let minor_words = format!("{} {}", cardinal(rest), if rest == 1 { part } else { parts });
    match (major, rest) {
        (_, 0) => format!("{sign}{major_words}"),
        (0, _) => format!("{sign}{minor_words}"),
        _ => format!("{sign}{major_words} and {minor_words}"),
    }
}

fn decimal(major: u64, rest: u64, currency: Currency) -> String {
    let letters = currency.code().chars().map(String::from).collect::<Vec<_>>().join(" ");
    if rest == 0 {
        return format!("{} {letters}", cardinal(major));
    }
    let width = usize::from(currency.exponent());
    format!("{} point {} {letters}", cardinal(major), digits(&format!("{rest:0width$}")))
}

/// A date with its year: "March third, nineteen eighty one".
#[must_use]
pub fn date(date: Date) -> String {
    format!("{}, {}", day_and_month(date), year(date.year()))
}

/// A date without its year: "March third".
#[must_use]
pub fn day_and_month(date: Date) -> String {
    let month = usize::from(date.month().unsigned_abs()).checked_sub(1).and_then(|index| MONTHS.get(index));
    format!("{} {}", month.copied().unwrap_or(""), ordinal(u64::from(date.day().unsigned_abs())))
}

fn year(year: i16) -> String {
    let year = u64::from(year.unsigned_abs());
    let (century, rest) = (year / 100, year % 100);
    match (century.is_multiple_of(10), rest) {
        (true, 0..10) => cardinal(year),
        (_, 0) => format!("{} hundred", cardinal(century)),
        (_, 1..10) => format!("{} oh {}", cardinal(century), cardinal(rest)),
        _ => format!("{} {}", cardinal(century), cardinal(rest)),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date as day;

    use super::*;

    #[test]
    fn numbers_are_said_as_people_say_them() {
        let cases = [
            (0, "zero"),
            (7, "seven"),
            (13, "thirteen"),
            (20, "twenty"),
            (42, "forty two"),
            (100, "one hundred"),
            (101, "one hundred one"),
            (999, "nine hundred ninety nine"),
            (1_000, "one thousand"),
            (1_250, "one thousand two hundred fifty"),
            (20_015, "twenty thousand fifteen"),
            (1_000_001, "one million one"),
            (2_000_000_000, "two billion"),
        ];
        for (number, words) in cases {
            assert_eq!(cardinal(number), words);
        }
        assert!(!cardinal(u64::MAX).is_empty());
    }

    #[test]
    fn ranks_follow_the_irregular_ones() {
        let cases = [
            (1, "first"),
            (2, "second"),
            (3, "third"),
            (4, "fourth"),
            (5, "fifth"),
            (8, "eighth"),
            (9, "ninth"),
            (12, "twelfth"),
            (15, "fifteenth"),
            (20, "twentieth"),
            (21, "twenty first"),
            (30, "thirtieth"),
            (31, "thirty first"),
        ];
        for (number, words) in cases {
            assert_eq!(ordinal(number), words);
        }
    }

    #[test]
    fn dates_and_years() {
        assert_eq!(date(day(1981, 3, 3)), "March third, nineteen eighty one");
        assert_eq!(date(day(2026, 12, 21)), "December twenty first, twenty twenty six");
        assert_eq!(date(day(2005, 2, 28)), "February twenty eighth, two thousand five");
        assert_eq!(date(day(1905, 1, 1)), "January first, nineteen oh five");
        assert_eq!(date(day(1900, 1, 1)), "January first, nineteen hundred");
        assert_eq!(date(day(2000, 1, 1)), "January first, two thousand");
    }

    #[test]
    fn amounts_name_their_units() {
        let usd = |minor| money(Money::new(minor, Currency::USD));
        assert_eq!(usd(5_000), "fifty dollars");
        assert_eq!(usd(100), "one dollar");
        assert_eq!(usd(1), "one cent");
        assert_eq!(usd(125_040), "one thousand two hundred fifty dollars and forty cents");
        assert_eq!(usd(-101), "minus one dollar and one cent");
        assert_eq!(money(Money::new(500, Currency::parse("JPY").unwrap())), "five hundred J P Y");
        assert_eq!(money(Money::new(1_005, Currency::parse("KWD").unwrap())), "one point zero, zero, five K W D");
        assert!(!usd(i64::MIN).is_empty());
    }

    #[test]
    fn digits_are_said_one_by_one() {
        assert_eq!(digits("40219"), "four, zero, two, one, nine");
    }
}
