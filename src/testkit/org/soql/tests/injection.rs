//! Whatever somebody says stands in the gateway's statements as one literal that means the very same, or in none.

use book::salesforce::{Condition as Written, Query, SoqlError, Value};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use super::super::{
    literal::Literal,
    parse,
    statement::{Condition, Item, Statement},
};

const STRINGS: usize = 1_000_000;
/// Longest that Salesforce takes.
const MOST_LITERAL: usize = 4_000;
/// Of so many strings one is about as long as that.
const LONG_EVERY: usize = 10_000;

/// What could end a literal, hide its end, or go on behind it.
const PIECES: &[&str] = &[
    "'",
    "''",
    "\\",
    "\\\\",
    "\\'",
    "\\\\'",
    "\"",
    "\\\"",
    "`",
    "\u{2019}",
    "\u{ff07}",
    "\u{2bc}",
    "\\u0027",
    "\\U005C",
    "\\x27",
    "\\n",
    "\\_",
    "\\%",
    "%27",
    "&#39;",
    "\n",
    "\r",
    "\t",
    "\u{8}",
    "\u{c}",
    "\0",
    "\u{1b}",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\u{202e}",
    "\u{feff}",
    "\u{301}",
    " ",
    ",",
    ")",
    "(",
    ":",
    ";",
    "=",
    "--",
    "/*",
    "*/",
    "%",
    "_",
    "+",
    "&",
    "0",
    "7",
    "null",
    "true",
    "2026-01-01",
    "O'Brien",
    "Zoë",
    "李",
    "👍",
    " OR Id != null",
    "' OR Name LIKE '%",
    "') OR (Id != '",
    " AND ",
    " UNION ",
    " LIMIT 2000",
    " FROM User",
    "(SELECT Id FROM Contacts)",
    " FOR UPDATE",
];

/// A text of up to a dozen pieces and characters of any kind.
fn text(number: usize, chance: &mut StdRng) -> String {
    if number.is_multiple_of(LONG_EVERY) {
        let piece = PIECES.choose(chance).copied().unwrap_or_default();
        let characters = piece.chars().cycle();
        return characters.take(MOST_LITERAL - 1 + chance.random_range(0..3)).collect();
    }
    let mut text = String::new();
    for _ in 0..chance.random_range(0..=12) {
        match PIECES.choose(chance) {
            Some(piece) if chance.random_bool(0.8) => text.push_str(piece),
            _ => text.push(chance.random()),
        }
    }
    text
}

/// Whether it may be refused: said apart from how the gateway says it.
fn is_sayable(text: &str) -> bool {
    let is_plain = |c: char| !matches!(c, '\0'..='\u{7}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}');
    text.chars().count() <= MOST_LITERAL && text.chars().all(is_plain)
}

/// The values, where the statement says that `LastName` is one of them, and nothing else.
fn values(statement: Statement) -> Option<Vec<String>> {
    let Statement { items, from, condition, orders, limit, offset } = statement;
    let is_bare =
        matches!(items.as_slice(), [Item::Path(path)] if path == &["Id"]) && from == "Contact" && orders.is_empty();
    let Some(Condition::OneOf { path, is_not: false, values }) = condition else { return None };
    let text = |literal| if let Literal::Text(text) = literal { Some(text) } else { None };
    let is_whole = is_bare && path == ["LastName"] && limit == Some(1) && offset == 0;
    is_whole.then(|| values.into_iter().map(text).collect()).flatten()
}

#[test]
fn a_million_texts_are_one_literal_each_or_refused() {
    let mut chance = StdRng::seed_from_u64(42);
    let asked = Query::of("Contact".parse().unwrap(), 1).field("Id".parse().unwrap());
    let (mut before, mut refused, mut read) = ("first".to_owned(), 0, 0);
    for number in 0..STRINGS {
        let said = text(number, &mut chance);
        let value = match Value::text(&said) {
            Ok(value) if is_sayable(&said) => value,
            Err(SoqlError::Control | SoqlError::Literal) if !is_sayable(&said) => {
                refused += 1;
                continue;
            }
            other => panic!("{said:?}: {other:?}"),
        };
        // Beside the one before it: what one leaves open the other might close.
        let both = vec![Value::text(&before).unwrap(), value];
        let written = asked.clone().matching(Written::In("LastName".parse().unwrap(), both)).text().unwrap();
        let found = parse::parse(&written).map(values);
        assert!(
            matches!(&found, Ok(Some(found)) if *found == [before.as_str(), said.as_str()]),
            "{said:?} in {written}"
        );
        before = said;
        read += 1;
    }
    // Neither side is idle.
    assert!(read > STRINGS / 2 && refused > STRINGS / 100, "{read} read, {refused} refused");
}
