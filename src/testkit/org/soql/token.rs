//! The words of a statement.

use crate::failure::Failure;

/// Longest literal in quotes ("SOQL and SOSL Limits").
const MOST_LITERAL: usize = 4_000;

/// One word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, a keyword, or a path with points: `cxp__Strategy__r.Name`.
    Word(String),
    /// What stood in quotes, without its escapes; for a LIKE, with those of `_` and `%`.
    Text(String),
    /// Digits, and what may stand among them in a number, a date or an instant.
    Digits(String),
    /// Anything else: `(`, `,`, `<=`, `:`.
    Sign(&'static str),
}

impl Token {
    pub(super) fn shown(&self) -> &str {
        match self {
            Self::Word(text) | Self::Text(text) | Self::Digits(text) => text,
            Self::Sign(sign) => sign,
        }
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own.eq_ignore_ascii_case(word))
    }
}

const SIGNS: &[&str] = &["<=", ">=", "!=", "<>", "(", ")", ",", "=", "<", ">", ":"];

pub(super) fn malformed(message: impl std::fmt::Display) -> Failure {
    Failure::bad("MALFORMED_QUERY", format!("{message}"))
}

/// Splits a statement into its words.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Failure> {
    let (mut rest, mut found) = (text.trim_start(), Vec::new());
    while let Some(first) = rest.chars().next() {
        let (token, after) = if first == '\'' {
            quoted(rest)?
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Token::Sign(sign), &rest[sign.len()..])
        } else if first.is_ascii_alphabetic() {
            let (word, after) = split(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
            (Token::Word(word.to_owned()), after)
        } else if first.is_ascii_digit() || matches!(first, '-' | '+' | '.') {
            let (digits, after) =
                split(rest, |c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | ':' | 'T' | 'Z' | 'e' | 'E'));
            (Token::Digits(digits.to_owned()), after)
        } else {
            return Err(malformed(format_args!("unexpected token: '{first}'")));
        };
        found.push(token);
        rest = after.trim_start();
    }
    Ok(found)
}

fn split(text: &str, is_in: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !is_in(c)).unwrap_or(text.len()))
}

/// A literal in quotes ("Quoted String Escape Sequences"): a backslash before anything else is an error.
fn quoted(text: &str) -> Result<(Token, &str), Failure> {
    let mut literal = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\'' if literal.chars().count() > MOST_LITERAL => return Err(malformed("a literal is too long")),
            '\'' => return Ok((Token::Text(literal), &text[at + 1..])),
            '\\' => match characters.next().map(|(_, escaped)| escaped) {
                Some('n' | 'N') => literal.push('\n'),
                Some('r' | 'R') => literal.push('\r'),
                Some('t' | 'T') => literal.push('\t'),
                Some('b' | 'B') => literal.push('\u{8}'),
                Some('f' | 'F') => literal.push('\u{c}'),
                Some(escaped @ ('"' | '\'' | '\\')) => literal.push(escaped),
                Some(escaped @ ('_' | '%')) => literal.extend(['\\', escaped]),
                Some('u' | 'U') => {
                    let digits: String = characters.by_ref().take(4).map(|(_, digit)| digit).collect();
                    let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
                    literal.push(code.and_then(char::from_u32).ok_or_else(|| malformed("illegal unicode sequence"))?);
                }
                _ => return Err(malformed("Invalid string literal. Illegal character sequence in string literal.")),
            },
            character if character.is_control() && !matches!(character, '\n' | '\r' | '\t') => {
                return Err(malformed("a literal holds a control character"));
            }
            character => literal.push(character),
        }
    }
    Err(malformed("expecting a quotation mark, found 'EOF'"))
}
