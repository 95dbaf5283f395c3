//! What a record may not hold: account data of a card. Looked at in every text of every record, before it is written anywhere.
//!
//! No type here has a field for a card number or a security code. This is for what gets into the others: a name that
//! somebody typed, a reason that a processor gave, a row that another program wrote.

use rules::account_data::{is_card_number, is_forbidden_field, masked};
use serde::Serialize;
use serde_json::Value;

/// The longest way to a field that is kept, in characters.
const LONGEST_PATH: usize = 96;

/// A value as JSON, fit to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vetted {
    /// The text. Where nothing was masked, it is as `serde_json` writes it.
    pub json: String,
    /// Each field in which a card number was masked, by its way from the top: `trunk`, `disclosures.0.proof`.
    pub masked: Vec<String>,
}

/// Why a value may not be written. Neither name repeats a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// A field is made for account data, whatever it holds.
    #[error("the field {0} is made for account data of a card, which no account book takes: leave it out")]
    Field(String),
    /// A number is a card number.
    #[error("the number in {0} is that of a card: write the brand and the last four digits")]
    Number(String),
    /// It cannot be written as JSON.
    #[error("the value cannot be written as JSON")]
    Unwritable,
}

/// Looks at every text and number of a value: masks card numbers in texts, and refuses what cannot be masked.
///
/// # Errors
/// [`Forbidden`] for a field made for account data, and for a card number that is a number.
pub fn vet<T: Serialize>(value: &T) -> Result<Vetted, Forbidden> {
    let mut tree = serde_json::to_value(value).map_err(|_| Forbidden::Unwritable)?;
    let masked = vet_tree(&mut tree)?;
    let json = if masked.is_empty() { serde_json::to_string(value) } else { serde_json::to_string(&tree) };
    Ok(Vetted { json: json.map_err(|_| Forbidden::Unwritable)?, masked })
}

/// The same of a value that is JSON already, in its place. Each field in which a card number was masked is returned.
///
/// # Errors
/// As of [`vet`].
pub fn vet_tree(tree: &mut Value) -> Result<Vec<String>, Forbidden> {
    let mut masked = Vec::new();
    visit(tree, "", &mut masked)?;
    Ok(masked)
}

fn visit(value: &mut Value, path: &str, found: &mut Vec<String>) -> Result<(), Forbidden> {
    match value {
        Value::String(text) => {
            if let std::borrow::Cow::Owned(hidden) = masked(text) {
                *text = hidden;
                found.push(path.to_owned());
            }
            Ok(())
        }
        Value::Number(number) => {
            let digits: Vec<u8> =
                number.to_string().bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect();
            if is_card_number(&digits) { Err(Forbidden::Number(path.to_owned())) } else { Ok(()) }
        }
        Value::Array(values) => {
            (0..).zip(values).try_for_each(|(nth, value)| visit(value, &join(path, &format!("{nth}")), found))
        }
        Value::Object(fields) => fields.iter_mut().try_for_each(|(name, value)| {
            let path = join(path, name);
            if is_forbidden_field(name) { Err(Forbidden::Field(path)) } else { visit(value, &path, found) }
        }),
        Value::Null | Value::Bool(_) => Ok(()),
    }
}

/// The way to a field. A name may be anything, so it is masked too.
fn join(path: &str, name: &str) -> String {
    let name = masked(name);
    let whole = if path.is_empty() { name.into_owned() } else { format!("{path}.{name}") };
    whole.chars().take(LONGEST_PATH).collect()
}

#[cfg(test)]
mod tests;
